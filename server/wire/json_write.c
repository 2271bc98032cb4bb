#include "wire/json_write.h"
#include "wire/moment.h"

static void comma(struct json *j)
{
	if (j->has_sibling)
		text_add_char(j->text, ',');
	j->has_sibling = true;
}

void json_open(struct json *j, char bracket)
{
	comma(j);
	text_add_char(j->text, bracket);
	j->has_sibling = false;
}

void json_close(struct json *j, char bracket)
{
	text_add_char(j->text, bracket);
	j->has_sibling = true;
}

void json_name_bytes(struct json *j, const char *quoted, size_t byte_count)
{
	comma(j);
	text_add_bytes(j->text, quoted, byte_count);
	j->has_sibling = false;
}

void json_int(struct json *j, int64_t n)
{
	comma(j);
	text_add_int(j->text, n);
}

void json_bool(struct json *j, bool is_true)
{
	comma(j);
	text_add(j->text, is_true ? "true" : "false");
}

void json_null(struct json *j)
{
	comma(j);
	text_add_bytes(j->text, "null", 4);
}

void json_raw(struct json *j, const char *json)
{
	comma(j);
	text_add(j->text, json);
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
		text_add_bytes(t, code, sizeof(code));
		break;
	}
}

void json_text(struct json *j, const char *s)
{
	if (s == NULL) {
		json_null(j);
		return;
	}
	comma(j);
	text_add_char(j->text, '"');
	while (*s != '\0') {
		size_t plain = 0;

		while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
			plain++;
		text_add_bytes(j->text, s, plain);
		s += plain;
		if (*s != '\0')
			escape(j->text, (unsigned char)*s++);
	}
	text_add_char(j->text, '"');
}

void json_time(struct json *j, int64_t utc_ms)
{
	char moment[MOMENT_BYTES + 2];

	if (utc_ms == 0) {
		json_null(j);
		return;
	}
	comma(j);
	moment[0] = '"';
	moment_format(moment + 1, utc_ms);
	moment[MOMENT_BYTES] = '"';
	text_add_bytes(j->text, moment, MOMENT_BYTES + 1);
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
