#include "wire/json_write.h"
#include "base/utf8.h"
#include "wire/moment.h"

enum { PIECE_BYTES = 32 }; /* more than any number or moment with its comma and quotes */

/* Room for one value with its comma, which is put; NULL: memory is short. */
static char *value_room(struct json *j, size_t bytes)
{
	char *at = json_room(j, bytes + 1);

	if (at != NULL && j->has_sibling) {
		*at++ = ',';
		json_used(j, 1);
	}
	j->has_sibling = true;
	return at;
}

static void value_bytes(struct json *j, const char *bytes, size_t byte_count)
{
	char *at = value_room(j, byte_count);

	if (at == NULL)
		return;
	memcpy(at, bytes, byte_count);
	json_used(j, byte_count);
}

void json_open(struct json *j, char bracket)
{
	value_bytes(j, &bracket, 1);
	j->has_sibling = false;
}

void json_close(struct json *j, char bracket)
{
	text_add_char(j->text, bracket);
	j->has_sibling = true;
}

void json_int(struct json *j, int64_t n)
{
	char *at = value_room(j, PIECE_BYTES);

	if (at != NULL)
		json_used(j, text_format_int(at, n));
}

void json_bool(struct json *j, bool is_true)
{
	value_bytes(j, is_true ? "true" : "false", is_true ? 4 : 5);
}

void json_none(struct json *j)
{
	value_bytes(j, "null", 4);
}

void json_raw(struct json *j, const char *json)
{
	value_bytes(j, json, strlen(json));
}

static void escape(struct text *t, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char code[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '"':
		text_add_bytes(t, "\\\"", 2);
		break;
	case '\\':
		text_add_bytes(t, "\\\\", 2);
		break;
	case '\n':
		text_add_bytes(t, "\\n", 2);
		break;
	case '\t':
		text_add_bytes(t, "\\t", 2);
		break;
	default:
		if (c < 0x80)
			text_add_bytes(t, code, sizeof(code));
		else /* it belongs to no character */
			text_add_bytes(t, UTF8_REPLACEMENT, UTF8_REPLACEMENT_BYTES);
		break;
	}
}

/* ASCII that stands in a JSON text as it is: one look per byte, where comparing takes three. */
static const bool is_plain[256] = {
	[0x20 ... 0x21] = true,
	[0x23 ... 0x5b] = true,
	[0x5d ... 0x7f] = true,
};

/*
 * Are the next eight bytes all plain? Of ASCII only a control takes from the bit above it when 0x20
 * is subtracted, and only a zero, which stands where the quote or the backslash was, when 1 is.
 */
static bool word_is_plain(const char *s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word, quote, backslash;

	memcpy(&word, s, sizeof(word));
	quote = (word ^ ones * '"') - ones;
	backslash = (word ^ ones * '\\') - ones;
	return ((word | (word - ones * 0x20) | quote | backslash) & ones * 0x80) == 0;
}

/* Bytes before the first one that is to be escaped or replaced, or all of them. */
static size_t plain_bytes(const char *s, size_t byte_count)
{
	size_t i = 0, bytes;

	for (;;) {
		while (byte_count - i >= sizeof(uint64_t) && word_is_plain(s + i))
			i += sizeof(uint64_t);
		while (i < byte_count && is_plain[(unsigned char)s[i]])
			i++;
		if (i == byte_count || (unsigned char)s[i] < 0x80)
			return i;
		bytes = utf8_character_bytes(s + i, byte_count - i);
		if (bytes == 0)
			return i;
		i += bytes;
	}
}

/* Of a text whose first byte is not plain. */
static void add_escaped(struct text *t, const char *s, size_t byte_count)
{
	const char *end = s + byte_count;

	while (s < end) {
		size_t plain;

		escape(t, (unsigned char)*s++);
		plain = plain_bytes(s, (size_t)(end - s));
		text_add_bytes(t, s, plain);
		s += plain;
	}
}

void json_text(struct json *j, const char *s)
{
	size_t bytes, plain;
	char *at;

	if (s == NULL) {
		json_none(j);
		return;
	}
	bytes = strlen(s);
	plain = plain_bytes(s, bytes);
	at = value_room(j, plain + 2);
	if (at == NULL)
		return;
	*at = '"';
	memcpy(at + 1, s, plain);
	if (plain == bytes) {
		at[1 + plain] = '"';
		json_used(j, plain + 2);
		return;
	}
	json_used(j, plain + 1);
	add_escaped(j->text, s + plain, bytes - plain);
	text_add_char(j->text, '"');
}

void json_time(struct json *j, int64_t utc_ms)
{
	char *at;

	if (utc_ms == 0) {
		json_none(j);
		return;
	}
	at = value_room(j, PIECE_BYTES);
	if (at == NULL)
		return;
	at[0] = '"';
	moment_format(at + 1, utc_ms);
	at[MOMENT_BYTES] = '"';
	json_used(j, MOMENT_BYTES + 1);
}

static void new_line(struct text *out, int depth)
{
	text_add_char(out, '\n');
	for (int i = 0; i < depth; i++)
		text_add_bytes(out, "  ", 2);
}

/* The bytes of the quoted text that begins at s. */
static size_t quoted_bytes(const char *s, size_t byte_count)
{
	size_t i = 1;

	while (i < byte_count && s[i] != '"')
		i += s[i] == '\\' ? 2 : 1;
	return i + 1 < byte_count ? i + 1 : byte_count;
}

void json_pretty(struct text *out, const char *compact, size_t byte_count)
{
	int depth = 0;

	for (size_t i = 0; i < byte_count; i++) {
		char c = compact[i];
		bool is_empty_next =
			i + 1 < byte_count && (compact[i + 1] == '}' || compact[i + 1] == ']');

		if (c == '"') {
			size_t bytes = quoted_bytes(compact + i, byte_count - i);

			text_add_bytes(out, compact + i, bytes);
			i += bytes - 1;
		} else if ((c == '{' || c == '[') && is_empty_next) {
			text_add_bytes(out, compact + i, 2);
			i++;
		} else if (c == '{' || c == '[') {
			text_add_char(out, c);
			new_line(out, ++depth);
		} else if (c == '}' || c == ']') {
			new_line(out, --depth);
			text_add_char(out, c);
		} else if (c == ',') {
			text_add_char(out, c);
			new_line(out, depth);
		} else if (c == ':') {
			text_add_bytes(out, ": ", 2);
		} else if (strchr(" \t\r\n", c) == NULL) {
			text_add_char(out, c);
		}
	}
	text_add_char(out, '\n');
}
