#include "wire/json_place.h"
#include "base/check.h"
#include "core/limits.h"
#include "wire/json_load.h"
#include <stdio.h>
#include <string.h>

/* Bytes of the quoted text that begins at s, at most `most`. */
static size_t quoted_bytes(const char *s, size_t most)
{
	size_t i = 1;

	while (i < most && s[i] != '"')
		i += s[i] == '\\' ? 2 : 1;
	return i < most ? i + 1 : most;
}

bool json_is_too_deep(const char *doc, size_t byte_count)
{
	int depth = 0;

	for (size_t i = 0; i < byte_count; i++) {
		if (doc[i] == '"')
			i += quoted_bytes(doc + i, byte_count - i) - 1;
		else if (doc[i] == '{' || doc[i] == '[')
			depth++;
		else if (doc[i] == '}' || doc[i] == ']')
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- pointers */

void json_pointer_add(char *pointer, size_t pointer_bytes, const char *name)
{
	size_t at = strlen(pointer);

	if (at + 2 > pointer_bytes)
		return;
	pointer[at++] = '/';
	while (*name != '\0') {
		size_t bytes = 1;

		while (((unsigned char)name[bytes] & 0xc0) == 0x80)
			bytes++;
		if (at + bytes + 2 > pointer_bytes)
			break;
		if (*name == '~' || *name == '/') {
			pointer[at++] = '~';
			pointer[at++] = *name == '~' ? '0' : '1';
		} else {
			memcpy(pointer + at, name, bytes);
			at += bytes;
		}
		name += bytes;
	}
	pointer[at] = '\0';
}

/* One open bracket on the way to a place. */
struct level {
	bool is_array;
	size_t index;     /* of the element, in an array */
	const char *name; /* of the member, quoted and escaped; NULL: none was read yet */
	size_t name_bytes;
};

static void add_level(const struct level *l, char *out, size_t out_bytes)
{
	char digits[24];

	if (l->is_array) {
		snprintf(digits, sizeof(digits), "%zu", l->index);
		json_pointer_add(out, out_bytes, digits);
	} else if (l->name != NULL) {
		bool lacks_memory; /* then the pointer ends here */
		json_t *name =
			json_load(l->name, l->name_bytes, JSON_DECODE_ANY, NULL, &lacks_memory);

		if (name != NULL)
			json_pointer_add(out, out_bytes, json_string_value(name));
		json_decref(name);
	}
}

void json_pointer_at(const char *doc, size_t position, char *out, size_t out_bytes)
{
	struct level levels[JSON_DEPTH_MAX + 1];
	struct level *top = levels; /* the document's own level stays without a name */

	*top = (struct level){ 0 };
	for (size_t i = 0; i < position; i++) {
		size_t bytes = doc[i] == '"' ? quoted_bytes(doc + i, position - i) : 1;

		if (doc[i] == '{' || doc[i] == '[') {
			if (top == levels + JSON_DEPTH_MAX)
				break;
			*++top = (struct level){ .is_array = doc[i] == '[' };
		} else if ((doc[i] == '}' || doc[i] == ']') && top > levels) {
			top--;
		} else if (doc[i] == ',') {
			top->index++;
			top->name = NULL;
		} else if (doc[i] == '"' && !top->is_array && top->name == NULL && top > levels) {
			top->name = doc + i;
			top->name_bytes = bytes;
		}
		i += bytes - 1;
	}
	out[0] = '\0';
	for (const struct level *l = levels + 1; l <= top; l++)
		add_level(l, out, out_bytes);
}

/* ---------------------------------------------------------------- values */

/* Where the value of the member with this index begins: behind its colon. */
static size_t member_begin(const char *doc, size_t byte_count, size_t index)
{
	int depth = 0;

	for (size_t i = 0; i < byte_count; i++) {
		if (doc[i] == '"')
			i += quoted_bytes(doc + i, byte_count - i) - 1;
		else if (doc[i] == '{' || doc[i] == '[')
			depth++;
		else if (doc[i] == '}' || doc[i] == ']')
			depth--;
		else if (doc[i] == ',' && depth == 1)
			index--;
		else if (doc[i] == ':' && depth == 1 && index == 0)
			return i + 1;
	}
	check_failed(__FILE__, __LINE__, "the object has so many members");
}

char *json_member_text(const char *doc, size_t byte_count, size_t index, struct arena *a)
{
	size_t i = member_begin(doc, byte_count, index);
	char *out = arena_alloc(a, byte_count - i + 1);
	size_t at = 0;
	int depth = 0;

	if (out == NULL)
		return NULL;
	for (; i < byte_count; i++) {
		size_t bytes = doc[i] == '"' ? quoted_bytes(doc + i, byte_count - i) : 1;

		if (depth == 0 && (doc[i] == ',' || doc[i] == '}'))
			break;
		if (doc[i] == '{' || doc[i] == '[')
			depth++;
		else if (doc[i] == '}' || doc[i] == ']')
			depth--;
		if (strchr(" \t\r\n", doc[i]) == NULL) {
			memcpy(out + at, doc + i, bytes);
			at += bytes;
		}
		i += bytes - 1;
	}
	out[at] = '\0';
	return out;
}
