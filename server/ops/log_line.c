#include "ops/log_line.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "ops/disguise.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* `}` and the newline, for which there is always room. */
enum { TAIL_BYTES = 2, ESCAPED_BYTES_MAX = 6, SPEC_BYTES_MAX = 16 };

static const char *const level_names[] = { "debug", "info", "warn", "error", "crit" };

/* sd-daemon(3): SD_DEBUG, SD_INFO, SD_WARNING, SD_ERR, SD_CRIT. */
static const char priorities[] = "76432";

struct line {
	char *text;
	size_t bytes;
	enum log_format form;
};

struct arguments {
	va_list list;
};

/* What the conversions of one value have put into it. */
struct value {
	char text[LOG_LINE_BYTES];
	size_t bytes;
	int conversion_count;
	bool has_words; /* it is more than a number */
	bool is_absent; /* a NULL was among them */
};

/* ---------------------------------------------------------------- conversions */

static void value_add(struct value *v, const char *text, size_t bytes)
{
	size_t left = sizeof(v->text) - 1 - v->bytes;

	if (bytes > left)
		bytes = left;
	memcpy(v->text + v->bytes, text, bytes);
	v->bytes += bytes;
	v->text[v->bytes] = '\0';
}

/* One conversion, taken apart: "%-5.1f", with `longs` of l in it; z is two. */
struct spec {
	char text[SPEC_BYTES_MAX];
	size_t bytes;
	int longs;
	bool has_star;
};

static const char *spec_read(const char *at, struct spec *ret)
{
	*ret = (struct spec){ .bytes = 0 };
	do {
		CHECK(ret->bytes < SPEC_BYTES_MAX - 1);
		ret->longs += *at == 'l' ? 1 : *at == 'z' ? 2 : 0;
		ret->has_star |= *at == '*';
		ret->text[ret->bytes++] = *at++;
	} while (ret->bytes < 2 || strchr("diuxfsc", ret->text[ret->bytes - 1]) == NULL);
	return at;
}

/* The formats of our own specs, whose arguments have the types that the compiler has checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static int number_print(char *out, size_t room, const struct spec *s, struct arguments *a)
{
	switch (s->text[s->bytes - 1]) {
	case 'f':
		return snprintf(out, room, s->text, va_arg(a->list, double));
	case 'c':
		return snprintf(out, room, s->text, va_arg(a->list, int));
	default:
		break;
	}
	if (s->longs == 0)
		return snprintf(out, room, s->text, va_arg(a->list, int));
	return s->longs == 1 ? snprintf(out, room, s->text, va_arg(a->list, long))
			     : snprintf(out, room, s->text, va_arg(a->list, long long));
}

#pragma GCC diagnostic pop

static void text_take(struct value *v, const struct spec *s, struct arguments *a)
{
	int most = s->has_star ? va_arg(a->list, int) : LOG_LINE_BYTES;
	const char *text = va_arg(a->list, const char *);

	v->has_words = true;
	if (text == NULL)
		v->is_absent = true;
	else
		value_add(v, text, strnlen(text, most > 0 ? (size_t)most : 0));
}

static const char *conversion_take(struct value *v, const char *at, struct arguments *a)
{
	char number[64];
	struct spec s;
	int bytes;

	if (at[1] == '%') {
		value_add(v, "%", 1);
		v->has_words = true;
		return at + 2;
	}
	at = spec_read(at, &s);
	v->conversion_count++;
	if (s.text[s.bytes - 1] == 's') {
		text_take(v, &s, a);
		return at;
	}
	v->has_words |= s.text[s.bytes - 1] == 'x' || s.text[s.bytes - 1] == 'c';
	bytes = number_print(number, sizeof(number), &s, a);
	CHECK(bytes >= 0);
	value_add(v, number, (size_t)bytes < sizeof(number) ? (size_t)bytes : sizeof(number) - 1);
	return at;
}

/* Up to the blank, or the quote, that ends it; returns what stands behind. */
static const char *value_take(struct value *v, const char *at, struct arguments *a)
{
	bool is_quoted = *at == '"';

	*v = (struct value){ .has_words = is_quoted };
	at += is_quoted;
	while (*at != '\0' && *at != (is_quoted ? '"' : ' ')) {
		if (*at == '%') {
			at = conversion_take(v, at, a);
			continue;
		}
		v->has_words = true;
		value_add(v, at++, 1);
	}
	disguise(v->text);
	v->bytes = strlen(v->text);
	return at + (is_quoted && *at == '"');
}

/* ---------------------------------------------------------------- writing */

static size_t line_room(const struct line *l)
{
	return LOG_LINE_BYTES - TAIL_BYTES - l->bytes;
}

static void line_add(struct line *l, const char *text, size_t bytes)
{
	CHECK(bytes <= line_room(l));
	memcpy(l->text + l->bytes, text, bytes);
	l->bytes += bytes;
}

static bool is_plain(const char *text)
{
	if (text[0] == '\0')
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '=' || *c == '\\')
			return false;
	return true;
}

/* What JSON calls one: 1e3, nan and 0x7 are words. */
static bool is_number(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t count = strspn(digits, "0123456789");
	const char *behind = digits + count;

	if (count == 0 || (count > 1 && digits[0] == '0'))
		return false;
	if (*behind == '.' && isdigit((unsigned char)behind[1]))
		behind += 1 + strspn(behind + 1, "0123456789");
	return *behind == '\0';
}

/* The character at *text as JSON has it in a string; moves *text behind it. */
static size_t escape(char out[ESCAPED_BYTES_MAX + 1], const char **text)
{
	size_t bytes = utf8_character_bytes(*text, 4);
	unsigned char c = (unsigned char)**text;

	if (bytes == 0) {
		(*text)++;
		memcpy(out, UTF8_REPLACEMENT, UTF8_REPLACEMENT_BYTES);
		return UTF8_REPLACEMENT_BYTES;
	}
	if (c < ' ' || c == 0x7f) {
		(*text)++;
		return (size_t)snprintf(out, ESCAPED_BYTES_MAX + 1, "\\u%04x", c);
	}
	if (c == '"' || c == '\\')
		*out++ = '\\';
	memcpy(out, *text, bytes);
	*text += bytes;
	return bytes + (c == '"' || c == '\\');
}

/* In quotes, as much as there is room for. */
static void line_add_quoted(struct line *l, const char *text)
{
	char escaped[ESCAPED_BYTES_MAX + 1];

	line_add(l, "\"", 1);
	while (*text != '\0') {
		size_t bytes = escape(escaped, &text);

		if (bytes + 1 > line_room(l))
			break;
		line_add(l, escaped, bytes);
	}
	line_add(l, "\"", 1);
}

static bool is_bare(const struct line *l, const struct value *v)
{
	if (v->bytes > line_room(l))
		return false;
	if (l->form == LOG_JSON)
		return !v->has_words && v->conversion_count == 1 && is_number(v->text);
	return is_plain(v->text);
}

/* Not where not even an empty one would fit. */
static void pair_add(struct line *l, const char *name, size_t name_bytes, const struct value *v)
{
	if (v->is_absent || name_bytes + sizeof(",\"\":\"\"") > line_room(l))
		return;
	line_add(l, l->form == LOG_JSON ? ",\"" : " ", l->form == LOG_JSON ? 2 : 1);
	line_add(l, name, name_bytes);
	line_add(l, l->form == LOG_JSON ? "\":" : "=", l->form == LOG_JSON ? 2 : 1);
	if (is_bare(l, v))
		line_add(l, v->text, v->bytes);
	else
		line_add_quoted(l, v->text);
}

/* ---------------------------------------------------------------- the line */

static void head_add(struct line *l, const struct log_head *head)
{
	static const char *const forms[] = {
		[LOG_TEXT] = "%s%s.%03d %-5s %s",
		[LOG_LOGFMT] = "%sts=%s.%03dZ level=%s event=%s",
		[LOG_JSON] = "%s{\"ts\":\"%s.%03dZ\",\"level\":\"%s\",\"event\":\"%s\"",
	};
	char priority[4] = "", stamp[32];
	time_t now_s = (time_t)(head->now_ms / MS_PER_S);
	struct tm tm;
	int bytes;

	_Static_assert(LENGTH_OF(forms) == LOG_FORMATS, "a form of the head for each");
	_Static_assert(LENGTH_OF(level_names) == sizeof(priorities) - 1, "a priority for each");
	if (l->form == LOG_TEXT)
		localtime_r(&now_s, &tm);
	else
		gmtime_r(&now_s, &tm);
	strftime(stamp, sizeof(stamp), l->form == LOG_TEXT ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
	if (head->has_priority)
		snprintf(priority, sizeof(priority), "<%c>", priorities[head->level]);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	bytes = snprintf(l->text, LOG_LINE_BYTES / 2, forms[l->form], priority, stamp,
			 (int)(head->now_ms % MS_PER_S), level_names[head->level], head->event);
#pragma GCC diagnostic pop
	CHECK(bytes > 0);
	CHECK(bytes < LOG_LINE_BYTES / 2);
	l->bytes = (size_t)bytes;
}

size_t log_line_make(char line[LOG_LINE_BYTES], enum log_format form, const struct log_head *head,
		     const char *format, va_list arguments)
{
	struct line l = { .text = line, .form = form };
	static const char nameless[] = "text";
	struct arguments a;
	struct value v;

	CHECK(form < LOG_FORMATS);
	head_add(&l, head);
	va_copy(a.list, arguments);
	for (const char *at = format; *at != '\0';) {
		size_t name_bytes = strcspn(at, "= ");
		const char *name = at;

		if (at[name_bytes] != '=') {
			name = nameless; /* a mistake of ours, for which nobody shall die */
			name_bytes = 0;
		} else {
			at++;
		}
		at = value_take(&v, at + name_bytes, &a);
		pair_add(&l, name, name == nameless ? strlen(nameless) : name_bytes, &v);
		at += *at == ' ';
	}
	va_end(a.list);
	if (form == LOG_JSON)
		line[l.bytes++] = '}';
	line[l.bytes++] = '\n';
	return l.bytes;
}
