#include "wire/json_plain.h"
#include "base/check.h"
#include "base/utf8.h"
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

enum {
	/* Names and values, and the array's lines with theirs. */
	TOKENS_MAX = 1 + 2 * PLAIN_MEMBERS_MAX + PLAIN_LINES_MAX * (1 + 2 * PLAIN_LINE_MEMBERS_MAX),
	DIGITS_MAX = 18, /* any so many are less than 2^63 */
};

/* The document from the place that is read on, and the tokens that have not been met. */
struct walk {
	const char *text;
	const char *end;
	const char *at;
	const jsmntok_t *token;
	const jsmntok_t *token_end;
};

/* ---------------------------------------------------------------- single bytes */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Nearly always there are none, and one comparison says so. */
static void skip_blanks(struct walk *w)
{
	while (w->at < w->end && *w->at <= ' ' && is_blank(*w->at))
		w->at++;
}

/* Is it the next byte? Then it, and what blanks follow it, are behind us. */
static bool take_mark(struct walk *w, char mark)
{
	if (w->at == w->end || *w->at != mark)
		return false;
	w->at++;
	skip_blanks(w);
	return true;
}

/* The next token, if it is one of these, and what it covers begins right here. */
static const jsmntok_t *take_token(struct walk *w, jsmntype_t type)
{
	const jsmntok_t *t = w->token;
	size_t quote_bytes = type == JSMN_STRING ? 1 : 0;

	if (t == w->token_end || t->type != type || t->end < t->start ||
	    w->text + t->start != w->at + quote_bytes)
		return NULL;
	w->token++;
	return t;
}

/* ---------------------------------------------------------------- texts and numbers */

#define OF_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))
#define HAS_ZERO(x)     (((x)-OF_EACH_BYTE(1)) & ~(x)&OF_EACH_BYTE(0x80))
#define HAS_BELOW(x, n) (((x)-OF_EACH_BYTE(n)) & ~(x)&OF_EACH_BYTE(0x80))
#define HAS_BYTE(x, c)  HAS_ZERO((x) ^ OF_EACH_BYTE(c))

static bool is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/*
 * Does it hold nothing that would have to be escaped, and no escape? *ret_is_ascii: nor a byte
 * above. Eight bytes at a time: each test tells for certain whether any of them is one (Anderson,
 * "Bit Twiddling Hacks": determine if a word has a zero byte, or a byte less than n).
 */
static bool is_unescaped(const char *s, size_t byte_count, bool *ret_is_ascii)
{
	uint64_t highs = 0, specials = 0, eight;
	size_t i = 0;

	for (; byte_count - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, s + i, sizeof(eight));
		highs |= eight & OF_EACH_BYTE(0x80);
		specials |= HAS_BELOW(eight, 0x20) | HAS_BYTE(eight, '"') | HAS_BYTE(eight, '\\');
	}
	for (; i < byte_count; i++) {
		highs |= (unsigned char)s[i] & 0x80;
		specials |= is_special((unsigned char)s[i]);
	}
	*ret_is_ascii = highs == 0;
	return specials == 0;
}

static bool read_text(struct walk *w, struct plain_member *m)
{
	const jsmntok_t *t = take_token(w, JSMN_STRING);
	bool is_ascii;

	if (t == NULL || w->at == w->end || *w->at != '"')
		return false;
	m->type = PLAIN_TEXT;
	m->text = w->text + t->start;
	m->text_bytes = (size_t)(t->end - t->start);
	w->at = m->text + m->text_bytes;
	return is_unescaped(m->text, m->text_bytes, &is_ascii) &&
	       (is_ascii || utf8_is_sound(m->text, m->text_bytes)) && take_mark(w, '"');
}

static bool read_number(const char *s, size_t byte_count, int64_t *ret)
{
	bool is_negative = s[0] == '-';
	size_t digit_count = byte_count - is_negative;
	const char *digits = s + is_negative;
	int64_t n = 0;

	if (digit_count < 1 || digit_count > DIGITS_MAX ||
	    (digits[0] == '0' && (digit_count > 1 || is_negative)))
		return false;
	for (size_t i = 0; i < digit_count; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		n = n * 10 + (digits[i] - '0');
	}
	*ret = is_negative ? -n : n;
	return true;
}

static bool is_word(const char *s, size_t byte_count, const char *word)
{
	return byte_count == strlen(word) && memcmp(s, word, byte_count) == 0;
}

/* A number, or one of three words. */
static bool read_primitive(struct walk *w, struct plain_member *m)
{
	const jsmntok_t *t = take_token(w, JSMN_PRIMITIVE);
	size_t byte_count;
	const char *s;

	if (t == NULL || t->end == t->start)
		return false;
	s = w->at;
	byte_count = (size_t)(t->end - t->start);
	w->at += byte_count;
	skip_blanks(w);
	if (read_number(s, byte_count, &m->number))
		m->type = PLAIN_NUMBER;
	else if (is_word(s, byte_count, "null"))
		m->type = PLAIN_NULL;
	else if (is_word(s, byte_count, "true"))
		m->type = PLAIN_TRUE;
	else if (is_word(s, byte_count, "false"))
		m->type = PLAIN_FALSE;
	else
		return false;
	return true;
}

/* ---------------------------------------------------------------- members */

static bool read_name(struct walk *w, struct plain_member *m)
{
	const jsmntok_t *t = take_token(w, JSMN_STRING);

	if (t == NULL || w->at == w->end || *w->at != '"')
		return false;
	m->name = w->text + t->start;
	m->name_bytes = (size_t)(t->end - t->start);
	if (m->name_bytes < 1 || m->name_bytes > PLAIN_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < m->name_bytes; i++)
		if (m->name[i] != '_' && (m->name[i] < 'a' || m->name[i] > 'z'))
			return false;
	w->at = m->name + m->name_bytes;
	return take_mark(w, '"') && take_mark(w, ':');
}

static bool is_there_before(const struct plain_member members[], int count)
{
	const struct plain_member *newest = &members[count];

	for (int i = 0; i < count; i++)
		if (members[i].name_bytes == newest->name_bytes &&
		    memcmp(members[i].name, newest->name, newest->name_bytes) == 0)
			return true;
	return false;
}

/* Everything behind the opening bracket of an object. lines: where an array of it goes, or NULL. */
static bool read_members(struct walk *w, struct plain_member members[], int count_max,
			 int *ret_count, struct json_plain *lines);

static bool read_line(struct walk *w, struct plain_line *line)
{
	return take_token(w, JSMN_OBJECT) != NULL && take_mark(w, '{') &&
	       read_members(w, line->members, PLAIN_LINE_MEMBERS_MAX, &line->member_count, NULL);
}

/* One array, in which json_plain has room for its lines. */
static bool read_lines(struct walk *w, struct plain_member *m, struct json_plain *p)
{
	if (p->line_count > 0 || take_token(w, JSMN_ARRAY) == NULL || !take_mark(w, '['))
		return false;
	m->type = PLAIN_LINES;
	do {
		if (p->line_count == PLAIN_LINES_MAX || !read_line(w, &p->lines[p->line_count]))
			return false;
		p->line_count++;
	} while (take_mark(w, ','));
	return take_mark(w, ']');
}

static bool read_value(struct walk *w, struct plain_member *m, struct json_plain *lines)
{
	if (w->token == w->token_end)
		return false;
	switch (w->token->type) {
	case JSMN_STRING:
		return read_text(w, m);
	case JSMN_PRIMITIVE:
		return read_primitive(w, m);
	case JSMN_ARRAY:
		return lines != NULL && read_lines(w, m, lines);
	case JSMN_OBJECT:
	case JSMN_UNDEFINED:
		break;
	}
	return false;
}

static bool read_members(struct walk *w, struct plain_member members[], int count_max,
			 int *ret_count, struct json_plain *lines)
{
	int count = 0;

	*ret_count = 0;
	if (take_mark(w, '}'))
		return true;
	do {
		if (count == count_max || !read_name(w, &members[count]) ||
		    is_there_before(members, count) || !read_value(w, &members[count], lines))
			return false;
		count++;
	} while (take_mark(w, ','));
	*ret_count = count;
	return take_mark(w, '}');
}

bool json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret)
{
	jsmntok_t tokens[TOKENS_MAX];
	struct walk w = { .text = text, .end = text + byte_count, .at = text, .token = tokens };
	jsmn_parser parser;
	int token_count;

	if (byte_count > BODY_BYTES_MAX)
		return false; /* places in it are ints */
	jsmn_init(&parser);
	token_count = jsmn_parse(&parser, text, byte_count, tokens, TOKENS_MAX);
	if (token_count < 1)
		return false;
	w.token_end = tokens + token_count;
	ret->line_count = 0;
	skip_blanks(&w);
	return take_token(&w, JSMN_OBJECT) != NULL && take_mark(&w, '{') &&
	       read_members(&w, ret->members, PLAIN_MEMBERS_MAX, &ret->member_count, ret) &&
	       w.token == w.token_end && w.at == w.end;
}
