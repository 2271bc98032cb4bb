#include "wire/request_text.h"
#include "base/check.h"
#include "core/token_text.h"
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- path and query */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The character that %XX stands for, or -1. */
static int escaped(const char *raw)
{
	if (hex_digit(raw[1]) < 0 || hex_digit(raw[2]) < 0)
		return -1;
	return hex_digit(raw[1]) * 16 + hex_digit(raw[2]);
}

/* Is this UTF-8, without overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629, 4)? */
static bool is_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s != '\0') {
		int more = *s < 0x80                 ? 0
			   : *s >= 0xc2 && *s < 0xe0 ? 1
			   : (*s & 0xf0) == 0xe0     ? 2
			   : *s >= 0xf0 && *s < 0xf5 ? 3
						     : -1;
		unsigned char first = *s++;

		if (more < 0 || (first == 0xe0 && *s < 0xa0) || (first == 0xed && *s >= 0xa0) ||
		    (first == 0xf0 && *s < 0x90) || (first == 0xf4 && *s >= 0x90))
			return false;
		for (; more > 0; more--)
			if ((*s++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Decodes in place. False: a bad escape, %00, or an escaped character that is forbidden. */
static bool decode(char *text, const char *forbidden, bool plus_is_blank)
{
	/* Most texts have nothing to decode, and stay as they are. */
	char *out = text + strcspn(text, plus_is_blank ? "%+" : "%");

	for (const char *raw = out; *raw != '\0'; raw++) {
		int c = (unsigned char)*raw;

		if (c == '%') {
			c = escaped(raw);
			if (c <= 0 || strchr(forbidden, c) != NULL)
				return false;
			raw += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		*out++ = (char)c;
	}
	*out = '\0';
	return true;
}

/* Cuts the text at its first `separator` and returns what is behind it, or NULL. */
static char *cut(char *text, char separator)
{
	char *at = strchr(text, separator);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

static bool leads_somewhere(const char *segment)
{
	return segment[0] != '\0' && strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0;
}

enum outcome path_read(struct path *p, struct arena *a, const char *raw)
{
	char *rest = arena_copy(a, raw, strlen(raw));

	p->count = 0;
	if (rest == NULL)
		return OUTCOME_OUT_OF_MEMORY;
	if (*rest++ != '/')
		return OUTCOME_NOT_FOUND;
	for (char *next; rest != NULL && !(p->count == 0 && *rest == '\0'); rest = next) {
		next = cut(rest, '/');
		if (!decode(rest, "/", false))
			return OUTCOME_INVALID_PATH;
		if (p->count == PATH_SEGMENTS_MAX || !leads_somewhere(rest))
			return OUTCOME_NOT_FOUND;
		p->segments[p->count++] = rest;
	}
	return OUTCOME_DONE;
}

static int count_of(const char *text, char c)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += *text == c;
	return count;
}

enum outcome query_read(struct query *q, struct arena *a, const char *raw)
{
	*q = (struct query){ 0 };
	if (raw == NULL || *raw == '\0')
		return OUTCOME_DONE;

	int most = count_of(raw, '&') + 1;
	char *rest = arena_copy(a, raw, strlen(raw));

	if (most > PARAMETERS_MAX)
		return OUTCOME_URI_TOO_LONG;
	q->parameters = arena_alloc(a, sizeof(q->parameters[0]) * (size_t)most);
	if (rest == NULL || q->parameters == NULL)
		return OUTCOME_OUT_OF_MEMORY;
	for (char *next; rest != NULL; rest = next) {
		next = cut(rest, '&');
		if (*rest == '\0')
			continue;

		char *value = cut(rest, '=');

		if (!decode(rest, "", true) || !is_utf8(rest) ||
		    (value != NULL && (!decode(value, "", true) || !is_utf8(value))))
			return OUTCOME_INVALID_PARAMETER;
		q->parameters[q->count++] =
			(struct parameter){ .name = rest, .value = value != NULL ? value : "" };
	}
	return OUTCOME_DONE;
}

const char *query_next_value(const struct query *q, const char *name, int *at)
{
	CHECK(*at >= 0);
	while (*at < q->count) {
		int i = (*at)++;

		if (strcmp(q->parameters[i].name, name) == 0)
			return q->parameters[i].value;
	}
	return NULL;
}

const char *query_value(const struct query *q, const char *name)
{
	int at = 0;

	return query_next_value(q, name, &at);
}

bool integer_read(const char *text, int64_t *ret)
{
	bool is_negative = *text == '-';
	const char *digit = text + is_negative;
	int64_t n = 0;

	if (*digit == '\0')
		return false;
	for (; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9' || __builtin_mul_overflow(n, INT64_C(10), &n) ||
		    __builtin_sub_overflow(n, (int64_t)(*digit - '0'), &n))
			return false;
	}
	if (!is_negative && n == INT64_MIN)
		return false;
	*ret = is_negative ? n : -n;
	return true;
}

/* ---------------------------------------------------------------- headers */

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* The number inside of a tag, or -1: no tag of ours ("012" is not "12"). */
static int64_t version_of_tag(const char *tag, size_t byte_count)
{
	char digits[20];
	int64_t version;

	if (byte_count < 1 || byte_count >= sizeof(digits) || *tag == '-' ||
	    (*tag == '0' && byte_count > 1))
		return -1;
	memcpy(digits, tag, byte_count);
	digits[byte_count] = '\0';
	return integer_read(digits, &version) ? version : -1;
}

/* One entity tag of a list. */
struct tag {
	bool is_weak;
	int64_t version; /* -1: not one of ours */
};

/* Reads the tag at *at and moves behind it and the comma that follows it. False: it is none. */
static bool tag_read(const char **at, struct tag *ret)
{
	bool is_weak = strncmp(*at, "W/", 2) == 0;
	const char *open = *at + (is_weak ? 2 : 0);
	const char *close = *open == '"' ? strchr(open + 1, '"') : NULL;

	if (close == NULL)
		return false;
	*ret = (struct tag){ .is_weak = is_weak,
			     .version = version_of_tag(open + 1, (size_t)(close - open - 1)) };
	*at = skip_blanks(close + 1);
	if (**at == ',')
		*at = skip_blanks(*at + 1);
	else if (**at != '\0')
		return false;
	return true;
}

/*
 * A list holds if any of its tags is the current version. Versions only grow, so of several tags
 * that a client has seen the newest is the only one that can be current.
 */
enum read_header if_match_read(const char *value, struct condition *c, bool *ret_is_any,
			       const char **ret_detail)
{
	struct tag tag;
	int64_t newest = -1; /* no row's version */

	*ret_is_any = false;
	if (value == NULL)
		return HEADER_ABSENT;
	value = skip_blanks(value);
	if (strcmp(value, "*") == 0) {
		*ret_is_any = true;
		return HEADER_READ;
	}
	*ret_detail = "If-Match: entity tags are quoted, as in If-Match: \"12\".";
	do {
		if (!tag_read(&value, &tag))
			return HEADER_WRONG;
		if (!tag.is_weak && tag.version > newest)
			newest = tag.version;
	} while (*value != '\0');
	c->has_version = true;
	c->version = newest;
	return HEADER_READ;
}

enum read_header if_none_match_read(const char *value, bool *ret_is_any)
{
	*ret_is_any = false;
	if (value == NULL)
		return HEADER_ABSENT;
	*ret_is_any = strcmp(skip_blanks(value), "*") == 0;
	return *ret_is_any ? HEADER_READ : HEADER_WRONG;
}

bool if_none_match_holds(const char *value, int64_t version)
{
	struct tag tag;

	if (value == NULL)
		return false;
	value = skip_blanks(value);
	if (strcmp(value, "*") == 0)
		return true;
	while (*value != '\0' && tag_read(&value, &tag))
		if (tag.version == version)
			return true;
	return false;
}

static bool is_key_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._:~/-", c) != NULL);
}

enum read_header key_read(const char *value, struct arena *a, const char **ret_key)
{
	if (value == NULL)
		return HEADER_ABSENT;

	size_t bytes = strlen(value);

	if (bytes >= 2 && value[0] == '"' && value[bytes - 1] == '"') {
		value++;
		bytes -= 2;
	}
	if (bytes < 1 || bytes > KEY_BYTES_MAX || token_text_is_in(value, bytes))
		return HEADER_WRONG;
	for (size_t i = 0; i < bytes; i++)
		if (!is_key_character(value[i]))
			return HEADER_WRONG;
	*ret_key = arena_copy(a, value, bytes);
	return *ret_key != NULL ? HEADER_READ : HEADER_NO_MEMORY;
}

bool id_is_valid(const char *id)
{
	size_t bytes = strlen(id);

	for (size_t i = 0; i < bytes; i++)
		if (!is_key_character(id[i]) || id[i] == '~' || id[i] == '/')
			return false;
	return bytes >= 1 && bytes <= ID_BYTES_MAX;
}

/* "l_77;fence=31" up to a comma or the end; moves *at behind it. */
static enum read_header one_lease_read(const char **at, struct arena *a, const char **ret_id,
				       int64_t *ret_fence)
{
	static const char fence[] = ";fence=";
	const char *id = skip_blanks(*at);
	size_t id_bytes = strcspn(id, "; \t,");
	const char *parameter = skip_blanks(id + id_bytes);
	char digits[20];

	if (*parameter != ';')
		return HEADER_WRONG;
	parameter = skip_blanks(parameter + 1);
	if (strncmp(parameter, fence + 1, sizeof(fence) - 2) != 0)
		return HEADER_WRONG;
	parameter += sizeof(fence) - 2;

	size_t digit_count = strspn(parameter, "0123456789");

	if (digit_count < 1 || digit_count >= sizeof(digits))
		return HEADER_WRONG;
	memcpy(digits, parameter, digit_count);
	digits[digit_count] = '\0';
	*ret_id = arena_copy(a, id, id_bytes);
	*at = skip_blanks(parameter + digit_count);
	if (*ret_id == NULL)
		return HEADER_NO_MEMORY;
	return id_is_valid(*ret_id) && integer_read(digits, ret_fence) ? HEADER_READ : HEADER_WRONG;
}

enum read_header lease_header_read(const char *value, struct arena *a, struct command *c)
{
	if (value == NULL)
		return HEADER_ABSENT;
	c->fence_count = 0;
	do {
		if (c->fence_count == CLAIM_FENCES_MAX)
			return HEADER_WRONG;

		enum read_header one = one_lease_read(&value, a, &c->fence_ids[c->fence_count],
						      &c->fences[c->fence_count]);

		if (one != HEADER_READ)
			return one;
		c->fence_count++;
	} while (*value++ == ',');
	return value[-1] == '\0' ? HEADER_READ : HEADER_WRONG;
}

/* Moves behind a token or a quoted text; NULL: the quote does not end. */
static const char *skip_word(const char *s)
{
	if (*s != '"')
		return s + strcspn(s, " \t,;=\"");
	for (s++; *s != '"'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		if (*s == '\0')
			return NULL;
	}
	return s + 1;
}

/* Decimal digits, also in quotes; more than anybody waits for is as much as can be said. */
static bool seconds_read(const char *word, size_t byte_count, int64_t *ret_s)
{
	int64_t s = 0;

	if (byte_count >= 2 && word[0] == '"') {
		word++;
		byte_count -= 2;
	}
	for (size_t i = 0; i < byte_count; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		s = s > WAIT_S_MAX ? s : s * 10 + (word[i] - '0');
	}
	if (byte_count == 0)
		return false;
	*ret_s = s > WAIT_S_MAX ? WAIT_S_MAX : s;
	return true;
}

/* The value of the preference at *at, if any; moves to the comma behind it and its parameters. */
static bool preference_read(const char **at, const char **ret_value, size_t *ret_value_bytes)
{
	const char *s = *at;
	bool is_first = true;

	*ret_value = NULL;
	for (;;) {
		s = skip_word(s);
		if (s == NULL)
			return false;
		s = skip_blanks(s);
		if (*s == '=') {
			const char *value = skip_blanks(s + 1);

			s = skip_word(value);
			if (s == NULL)
				return false;
			if (is_first) {
				*ret_value = value;
				*ret_value_bytes = (size_t)(s - value);
			}
			s = skip_blanks(s);
		}
		is_first = false;
		if (*s != ';')
			break;
		s = skip_blanks(s + 1);
		if (*s == '"')
			return false;
	}
	*at = s;
	return *s == ',' || *s == '\0';
}

/*
 * Looks for a preference. True: it is there, and *ret_value is its value, or NULL. The first one of
 * a name counts; what stands behind something that cannot be read is not looked at.
 */
static bool preference_find(const char *header, const char *name, const char **ret_value,
			    size_t *ret_value_bytes)
{
	size_t name_bytes = strlen(name);

	if (header == NULL)
		return false;
	while (*(header += strspn(header, " \t,;")) != '\0') {
		const char *found = header;

		if (*found == '"' || !preference_read(&header, ret_value, ret_value_bytes))
			return false;
		if (strncasecmp(found, name, name_bytes) == 0 &&
		    strchr(" \t=,;", found[name_bytes]) != NULL)
			return true;
	}
	return false;
}

bool prefer_wait_read(const char *value, int64_t *ret_s)
{
	const char *wait;
	size_t bytes = 0;

	return preference_find(value, "wait", &wait, &bytes) && wait != NULL &&
	       seconds_read(wait, bytes, ret_s);
}

bool prefer_async_read(const char *value)
{
	const char *unused;
	size_t bytes;

	return preference_find(value, "respond-async", &unused, &bytes);
}
