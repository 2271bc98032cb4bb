#include "wire/json_merge.h"
#include "base/hash.h"
#include "wire/json_load.h"
#include <stdbool.h>
#include <string.h>

/* A piece of a document. */
struct piece {
	const char *text;
	size_t byte_count;
};

struct member {
	struct piece name; /* in its quotes */
	struct piece value;
	struct piece plain; /* the name without quotes and escapes: "a" and "\u0061" are one name */
	uint64_t hash;      /* of the plain name */
};

struct members {
	struct member *all;
	size_t count;
};

/* ---------------------------------------------------------------- taking apart */

static size_t skip_blanks(struct piece p, size_t at)
{
	while (at < p.byte_count && memchr(" \t\r\n", p.text[at], 4) != NULL)
		at++;
	return at;
}

/* Behind the text in quotes that begins here, or the end. */
static size_t skip_quoted(struct piece p, size_t at)
{
	for (at++; at < p.byte_count && p.text[at] != '"'; at++)
		at += p.text[at] == '\\';
	return at < p.byte_count ? at + 1 : p.byte_count;
}

/* At the comma or bracket that ends the value, or the end. */
static size_t skip_value(struct piece p, size_t at)
{
	int depth = 0;

	while (at < p.byte_count) {
		char c = p.text[at];

		if (c == '"') {
			at = skip_quoted(p, at);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			break;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		at++;
	}
	return at;
}

/* False: memory is short. An escape that is none (by somebody's hand) stays as it is. */
static bool read_plain_name(struct member *m, struct arena *a)
{
	m->plain = (struct piece){ m->name.text + 1, m->name.byte_count - 2 };
	if (memchr(m->name.text, '\\', m->name.byte_count) != NULL) {
		bool lacks_memory;
		json_t *decoded = json_load(m->name.text, m->name.byte_count,
					    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL, &lacks_memory);

		if (lacks_memory)
			return false;
		if (json_is_string(decoded)) {
			m->plain.byte_count = json_string_length(decoded);
			m->plain.text =
				arena_copy(a, json_string_value(decoded), m->plain.byte_count);
		}
		json_decref(decoded);
	}
	if (m->plain.text == NULL)
		return false;
	m->hash = hash_bytes(m->plain.text, m->plain.byte_count, 0);
	return true;
}

/* Reads `"name":value` at *at and moves behind it; false: that is not what stands there. */
static bool read_member(struct piece object, size_t *at, struct member *ret)
{
	size_t begin = skip_blanks(object, *at);
	size_t end = begin;

	if (end < object.byte_count && object.text[end] == '"')
		end = skip_quoted(object, end);
	ret->name = (struct piece){ object.text + begin, end - begin };
	end = skip_blanks(object, end);
	if (ret->name.byte_count < 2 || end >= object.byte_count || object.text[end] != ':')
		return false;
	begin = skip_blanks(object, end + 1);
	end = skip_value(object, begin);
	*at = end;
	while (end > begin && memchr(" \t\r\n", object.text[end - 1], 4) != NULL)
		end--;
	ret->value = (struct piece){ object.text + begin, end - begin };
	return ret->value.byte_count > 0;
}

/* How many members it has, at most `room` of them in `all`; -1: it is no object. */
static long list_members(struct piece object, struct member *all, size_t room)
{
	size_t at = skip_blanks(object, 0);
	struct member m;
	long count = 0;

	if (at == object.byte_count || object.text[at] != '{')
		return -1;
	at = skip_blanks(object, at + 1);
	if (at < object.byte_count && object.text[at] == '}')
		return 0;
	for (; read_member(object, &at, &m) && at < object.byte_count; at++) {
		if ((size_t)count < room)
			all[count] = m;
		count++;
		if (object.text[at] == '}')
			return count;
	}
	return -1;
}

/* What is no object has no members. False: memory is short. */
static bool split(struct piece object, struct arena *a, struct members *ret)
{
	long count = list_members(object, NULL, 0);

	*ret = (struct members){ .count = count > 0 ? (size_t)count : 0 };
	if (ret->count == 0)
		return true;
	ret->all = arena_alloc(a, ret->count * sizeof(ret->all[0]));
	if (ret->all == NULL)
		return false;
	list_members(object, ret->all, ret->count);
	for (size_t i = 0; i < ret->count; i++)
		if (!read_plain_name(&ret->all[i], a))
			return false;
	return true;
}

static const struct member *find(const struct members *in, const struct member *like)
{
	for (size_t i = 0; i < in->count; i++) {
		const struct member *m = &in->all[i];

		if (m->hash == like->hash && m->plain.byte_count == like->plain.byte_count &&
		    memcmp(m->plain.text, like->plain.text, like->plain.byte_count) == 0)
			return m;
	}
	return NULL;
}

/* ---------------------------------------------------------------- putting together */

static bool is_null(struct piece value)
{
	return value.byte_count == 4 && memcmp(value.text, "null", 4) == 0;
}

static char *copy(char *out, struct piece p)
{
	memcpy(out, p.text, p.byte_count);
	return out + p.byte_count;
}

static char *merge(char *out, struct piece object, struct piece patch, struct arena *a);

/* The name, behind a comma where one is needed. */
static char *begin_member(char *out, struct piece name)
{
	if (out[-1] != '{')
		*out++ = ',';
	out = copy(out, name);
	*out++ = ':';
	return out;
}

/* What the patch makes of a value; none is an empty piece. */
static char *merge_value(char *out, struct piece value, struct piece patch, struct arena *a)
{
	return patch.text[0] == '{' ? merge(out, value, patch, a) : copy(out, patch);
}

/*
 * Writes at out and returns its end, or NULL: memory is short. What comes out is no longer than
 * both together: each member has its comma or bracket in the one that it is from.
 */
static char *merge(char *out, struct piece object, struct piece patch, struct arena *a)
{
	struct members old, new;

	if (!split(object, a, &old) || !split(patch, a, &new))
		return NULL;
	*out++ = '{';
	for (size_t i = 0; i < old.count && out != NULL; i++) {
		const struct member *m = &old.all[i];
		const struct member *p = find(&new, m);

		if (p == NULL) /* nulls inside of its value are values */
			out = copy(begin_member(out, m->name), m->value);
		else if (!is_null(p->value))
			out = merge_value(begin_member(out, m->name), m->value, p->value, a);
	}
	for (size_t i = 0; i < new.count &&out != NULL; i++) {
		const struct member *p = &new.all[i];

		if (!is_null(p->value) && find(&old, p) == NULL)
			out = merge_value(begin_member(out, p->name), (struct piece){ "", 0 },
					  p->value, a);
	}
	if (out != NULL)
		*out++ = '}';
	return out;
}

char *json_merge(const char *object, const char *patch, struct arena *a)
{
	struct piece old = { object != NULL ? object : "", object != NULL ? strlen(object) : 0 };
	struct piece new = { patch, strlen(patch) };
	char *merged = arena_alloc(a, old.byte_count + new.byte_count + sizeof("{}"));
	char *end = merged == NULL ? NULL : merge(merged, old, new, a);

	if (end == NULL)
		return NULL;
	*end = '\0';
	return merged;
}
