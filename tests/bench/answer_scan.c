#include "answer_scan.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	NUMBER_DIGITS_MAX = 15,
	RESP_DEPTH_MAX = 8,
	HTTP_NO_CONTENT = 204,
};

/* Decimal digits up to `end`, at least one; -1: anything else. */
static int64_t number_of(const char *at, const char *end)
{
	int64_t value = 0;

	if (at == end || end - at > NUMBER_DIGITS_MAX)
		return -1;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return -1;
		value = value * 10 + (*at - '0');
	}
	return value;
}

/* The CRLF that ends the line at `at`, or NULL. */
static const char *line_end(const char *at, const char *end)
{
	return memmem(at, (size_t)(end - at), "\r\n", 2);
}

/* ---------------------------------------------------------------- HTTP */

static bool is_header(const char *line, const char *line_ends, const char *name)
{
	size_t bytes = strlen(name);

	return (size_t)(line_ends - line) > bytes && strncasecmp(line, name, bytes) == 0 &&
	       line[bytes] == ':';
}

/* -1: none that could be followed. */
static int64_t body_bytes(const char *line, const char *head_ends, int64_t status)
{
	int64_t bytes = status == HTTP_NO_CONTENT ? 0 : -1;

	while (line < head_ends) {
		const char *line_ends = line_end(line, head_ends + 2);
		const char *value;

		if (is_header(line, line_ends, "Transfer-Encoding"))
			return -1;
		if (is_header(line, line_ends, "Content-Length")) {
			value = memchr(line, ':', (size_t)(line_ends - line));
			for (value++; value < line_ends && *value == ' ';)
				value++;
			bytes = number_of(value, line_ends);
		}
		line = line_ends + 2;
	}
	return bytes;
}

static enum answer_verdict scan_http(const char *bytes, size_t byte_count,
				     struct scanned_answer *ret)
{
	static const char version[] = "HTTP/1.1 ";
	size_t version_bytes = sizeof(version) - 1;
	const char *head_ends = memmem(bytes, byte_count, "\r\n\r\n", 4);
	const char *status_line_ends = line_end(bytes, bytes + byte_count);
	int64_t status, body;
	size_t head;

	if (memcmp(bytes, version, byte_count < version_bytes ? byte_count : version_bytes) != 0)
		return ANSWER_STRANGE;
	if (head_ends == NULL)
		return ANSWER_PARTIAL;
	if (status_line_ends - bytes < (ptrdiff_t)version_bytes + 3)
		return ANSWER_STRANGE;
	status = number_of(bytes + version_bytes, bytes + version_bytes + 3);
	body = body_bytes(status_line_ends + 2, head_ends, status);
	if (status < 200 || body < 0)
		return ANSWER_STRANGE;
	head = (size_t)(head_ends + 4 - bytes);
	if ((int64_t)(byte_count - head) < body)
		return ANSWER_PARTIAL;
	*ret = (struct scanned_answer){ head + (size_t)body, status >= 300 };
	return ANSWER_WHOLE;
}

/* ---------------------------------------------------------------- RESP */

static enum answer_verdict scan_value(const char **at, const char *end, int depth);

/* "$3\r\nabc\r\n", behind its first line; -1 is the one that is not there. */
static enum answer_verdict scan_string(const char **at, const char *end, int64_t bytes)
{
	if (end - *at < bytes + 2)
		return ANSWER_PARTIAL;
	if (memcmp(*at + bytes, "\r\n", 2) != 0)
		return ANSWER_STRANGE;
	*at += bytes + 2;
	return ANSWER_WHOLE;
}

static enum answer_verdict scan_array(const char **at, const char *end, int64_t count, int depth)
{
	enum answer_verdict verdict = ANSWER_WHOLE;

	for (int64_t i = 0; i < count && verdict == ANSWER_WHOLE; i++)
		verdict = scan_value(at, end, depth + 1);
	return verdict;
}

static enum answer_verdict scan_value(const char **at, const char *end, int depth)
{
	const char *line = *at;
	const char *line_ends = line == end ? NULL : line_end(line, end);
	int64_t number;

	if (depth > RESP_DEPTH_MAX || (line < end && strchr("+-:$*", *line) == NULL))
		return ANSWER_STRANGE;
	if (line_ends == NULL)
		return ANSWER_PARTIAL;
	*at = line_ends + 2;
	if (*line != '$' && *line != '*')
		return ANSWER_WHOLE;
	if (line_ends - line == 3 && memcmp(line + 1, "-1", 2) == 0)
		return ANSWER_WHOLE;
	number = number_of(line + 1, line_ends);
	if (number < 0)
		return ANSWER_STRANGE;
	return *line == '$' ? scan_string(at, end, number) : scan_array(at, end, number, depth);
}

static enum answer_verdict scan_resp(const char *bytes, size_t byte_count,
				     struct scanned_answer *ret)
{
	const char *at = bytes;
	enum answer_verdict verdict = scan_value(&at, bytes + byte_count, 0);

	if (verdict == ANSWER_WHOLE)
		*ret = (struct scanned_answer){ (size_t)(at - bytes), bytes[0] == '-' };
	return verdict;
}

enum answer_verdict answer_scan(enum answer_protocol protocol, const char *bytes, size_t byte_count,
				struct scanned_answer *ret)
{
	if (bytes == NULL || byte_count == 0)
		return ANSWER_PARTIAL;
	return protocol == ANSWERS_HTTP ? scan_http(bytes, byte_count, ret)
					: scan_resp(bytes, byte_count, ret);
}
