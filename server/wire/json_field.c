#include "wire/json_field.h"
#include "base/check.h"
#include "core/token_text.h"
#include <string.h>

static bool is_reason(const char *s, size_t byte_count)
{
	for (size_t i = 0; i < byte_count; i++)
		if (!((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z') &&
		    !(s[i] >= '0' && s[i] <= '9') && s[i] != '_')
			return false;
	return byte_count >= 1 && byte_count <= REASON_BYTES_MAX;
}

static size_t character_count(const char *s, size_t byte_count)
{
	size_t count = 0;

	for (size_t i = 0; i < byte_count; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}

bool field_has_length(const struct field *f, const char *s, size_t byte_count)
{
	return (byte_count > 0 || !f->is_required) &&
	       (byte_count <= (size_t)f->most || character_count(s, byte_count) <= (size_t)f->most);
}

bool field_takes_text(const struct field *f, const char *s, size_t byte_count)
{
	switch (f->type) {
	case FIELD_CODE:
		return code_is_valid(s, byte_count) && !token_text_is_in(s, byte_count);
	case FIELD_REASON:
		return is_reason(s, byte_count);
	case FIELD_TEXT:
		return field_has_length(f, s, byte_count) && memchr(s, '\0', byte_count) == NULL &&
		       !token_text_is_in(s, byte_count);
	case FIELD_INTEGER:
	case FIELD_BOOL:
	case FIELD_OBJECT:
	case FIELD_ROWS:
	case FIELD_LINES:
	case FIELD_IGNORED:
		break;
	}
	check_failed(__FILE__, __LINE__, "the field is a text");
}

/* Names are short, and most differ in their first letter: a call of strncmp() costs more. */
static bool is_name(const char *wanted, const char *name, size_t byte_count)
{
	size_t same = 0;

	while (same < byte_count && wanted[same] == name[same] && wanted[same] != '\0')
		same++;
	return same == byte_count && byte_count > 0;
}

int field_by_name(const struct field fields[], int field_count, const char *name, size_t byte_count,
		  bool is_line)
{
	for (int i = 0; i < field_count; i++)
		if (is_name(fields[i].name, name, byte_count) && fields[i].name[byte_count] == '\0')
			return is_line || !fields[i].is_of_lines ? i : -1;
	return -1;
}

bool field_is_among(const char *words, const char *name, size_t byte_count)
{
	if (words[0] == '*')
		return true;
	while (*words != '\0') {
		if (is_name(words, name, byte_count) &&
		    (words[byte_count] == ' ' || words[byte_count] == '\0'))
			return true;
		while (*words != '\0' && *words++ != ' ')
			;
	}
	return false;
}
