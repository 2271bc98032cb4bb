#include "wire/request_text.h"
#include "base/check.h"
#include <string.h>

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

/* The character behind a '%', or -1. */
static int escaped(const char *raw, const char *end)
{
	if (end - raw < 3 || hex_digit(raw[1]) < 0 || hex_digit(raw[2]) < 0)
		return -1;
	return hex_digit(raw[1]) * 16 + hex_digit(raw[2]);
}

static char *decode(struct arena *a, const char *raw, size_t byte_count, const char *forbidden,
		    bool plus_is_blank)
{
	char *out = arena_alloc(a, byte_count + 1);
	const char *end = raw + byte_count;
	size_t at = 0;

	while (out != NULL && raw < end) {
		int c = (unsigned char)*raw;

		if (c == '%') {
			c = escaped(raw, end);
			if (c <= 0 || strchr(forbidden, c) != NULL)
				return NULL;
			raw += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		out[at++] = (char)c;
		raw++;
	}
	if (out != NULL)
		out[at] = '\0';
	return out;
}

char *segment_decode(struct arena *a, const char *raw, size_t byte_count)
{
	return decode(a, raw, byte_count, "/", false);
}

bool query_read(struct query *q, struct arena *a, const char *raw)
{
	q->count = 0;
	while (raw != NULL && *raw != '\0') {
		size_t bytes = strcspn(raw, "&");
		const char *equals = memchr(raw, '=', bytes);
		size_t name_bytes = equals != NULL ? (size_t)(equals - raw) : bytes;

		if (q->count == PARAMETERS_MAX)
			return false;
		if (bytes > 0) {
			struct parameter *p = &q->parameters[q->count++];

			p->name = decode(a, raw, name_bytes, "", true);
			p->value = equals == NULL ? ""
						  : decode(a, equals + 1, bytes - name_bytes - 1, "",
							   true);
			if (p->name == NULL || p->value == NULL)
				return false;
		}
		raw += bytes + (raw[bytes] == '&');
	}
	return true;
}

const char *query_value(const struct query *q, const char *name)
{
	for (int i = 0; i < q->count; i++)
		if (strcmp(q->parameters[i].name, name) == 0)
			return q->parameters[i].value;
	return NULL;
}

bool integer_read(const char *text, int64_t *ret)
{
	bool is_negative = *text == '-';
	const char *digit = text + is_negative;
	int64_t n = 0;

	if (*digit == '\0')
		return false;
	for (; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9' ||
		    __builtin_mul_overflow(n, INT64_C(10), &n) ||
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

/* The number inside of a strong tag, or -1: no tag of ours. */
static int64_t version_of_tag(const char *tag, size_t byte_count)
{
	char digits[20];
	int64_t version;

	if (byte_count < 1 || byte_count >= sizeof(digits))
		return -1;
	memcpy(digits, tag, byte_count);
	digits[byte_count] = '\0';
	return integer_read(digits, &version) && version >= 0 ? version : -1;
}

/*
 * A list holds if any of its tags is the current version. Versions only grow, so of several tags the
 * newest is the only one that can be current.
 */
enum read_header if_match_read(const char *value, struct condition *c, bool *ret_is_any,
			       const char **ret_detail)
{
	int64_t newest = -1;

	*ret_is_any = false;
	if (value == NULL)
		return HEADER_ABSENT;
	value = skip_blanks(value);
	if (strcmp(value, "*") == 0) {
		*ret_is_any = true;
		return HEADER_READ;
	}
	*ret_detail = "Entity tags are quoted: If-Match: \"12\".";
	while (*value != '\0') {
		bool is_weak = strncmp(value, "W/", 2) == 0;
		const char *open = value + (is_weak ? 2 : 0);
		const char *close = *open == '"' ? strchr(open + 1, '"') : NULL;

		if (close == NULL)
			return HEADER_WRONG;

		int64_t version = version_of_tag(open + 1, (size_t)(close - open - 1));

		if (!is_weak && version > newest)
			newest = version;
		value = skip_blanks(close + 1);
		if (*value != '\0' && *value++ != ',')
			return HEADER_WRONG;
		value = skip_blanks(value);
	}
	c->has_version = true;
	c->version = newest; /* -1 is no row's version */
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
	if (bytes < 1 || bytes > KEY_BYTES_MAX)
		return HEADER_WRONG;
	for (size_t i = 0; i < bytes; i++)
		if (!is_key_character(value[i]))
			return HEADER_WRONG;
	*ret_key = arena_copy(a, value, bytes);
	return *ret_key != NULL ? HEADER_READ : HEADER_WRONG;
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
static bool one_lease_read(const char **at, struct arena *a, const char **ret_id, int64_t *ret_fence)
{
	static const char fence[] = ";fence=";
	const char *id = skip_blanks(*at);
	size_t id_bytes = strcspn(id, "; \t,");
	const char *parameter = skip_blanks(id + id_bytes);
	char digits[20];

	if (*parameter != ';')
		return false;
	parameter = skip_blanks(parameter + 1);
	if (strncmp(parameter, fence + 1, sizeof(fence) - 2) != 0)
		return false;
	parameter += sizeof(fence) - 2;

	size_t digit_count = strspn(parameter, "0123456789");

	if (digit_count < 1 || digit_count >= sizeof(digits))
		return false;
	memcpy(digits, parameter, digit_count);
	digits[digit_count] = '\0';
	*ret_id = arena_copy(a, id, id_bytes);
	*at = skip_blanks(parameter + digit_count);
	return *ret_id != NULL && id_is_valid(*ret_id) && integer_read(digits, ret_fence);
}

enum read_header lease_header_read(const char *value, struct arena *a, struct command *c)
{
	if (value == NULL)
		return HEADER_ABSENT;
	c->fence_count = 0;
	do {
		if (c->fence_count == CLAIM_FENCES_MAX ||
		    !one_lease_read(&value, a, &c->fence_ids[c->fence_count],
				    &c->fences[c->fence_count]))
			return HEADER_WRONG;
		c->fence_count++;
	} while (*value++ == ',');
	return value[-1] == '\0' ? HEADER_READ : HEADER_WRONG;
}

bool prefer_wait_read(const char *value, int64_t *ret_s)
{
	while (value != NULL && *value != '\0') {
		size_t bytes = strcspn(value, ",");
		const char *name = skip_blanks(value);
		char digits[8];
		size_t digit_count;

		if (strncmp(name, "wait=", 5) == 0) {
			digit_count = strspn(name + 5, "0123456789");
			if (digit_count < 1 || digit_count >= sizeof(digits) ||
			    strchr(", \t;", name[5 + digit_count]) == NULL)
				return false;
			memcpy(digits, name + 5, digit_count);
			digits[digit_count] = '\0';
			return integer_read(digits, ret_s);
		}
		value += bytes + (value[bytes] == ',');
	}
	return false;
}
