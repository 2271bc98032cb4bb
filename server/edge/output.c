#include "edge/output.h"
#include "edge/connection.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Of microhttpd's own: the status line with the longest phrase, Date and Connection. */
enum { FOREIGN_BYTES_MAX = 512 };

static const char no_body[] = "Content-Length: 0\r\n\r\n";

static const char *type_of(const struct exchange *x)
{
	if (x->status == 204 || x->status == 304)
		return NULL; /* these have no body to have a type */
	return x->content_type != NULL ? x->content_type : "application/json";
}

static size_t header_bytes(const char *name, const char *value)
{
	return strlen(name) + strlen(value) + sizeof(": \r\n");
}

bool output_suits(const struct exchange *x)
{
	size_t bytes = FOREIGN_BYTES_MAX + header_bytes("X-Request-Id", x->request_id);

	if (x->spool != NULL || x->must_close || x->method == HTTP_HEAD ||
	    x->reply.byte_count > OUTPUT_BYTES_MAX)
		return false;
	if (type_of(x) != NULL)
		bytes += header_bytes("Content-Type", type_of(x));
	for (int i = 0; i < x->reply_header_count; i++)
		bytes += header_bytes(x->reply_headers[i].name, x->reply_headers[i].value);
	return bytes + x->reply.byte_count <= OUTPUT_BYTES_MAX;
}

void output_expect(struct connection *c)
{
	CHECK(c->request != NULL);
	CHECK(!c->has_answer);
	c->has_answer = true;
	c->sent_bytes = 0;
}

/* ---------------------------------------------------------------- putting it together */

static char *put(char *at, const char *text, size_t bytes)
{
	memcpy(at, text, bytes);
	return at + bytes;
}

static char *put_header(char *at, const char *name, const char *value)
{
	at = put(at, name, strlen(name));
	at = put(at, ": ", 2);
	at = put(at, value, strlen(value));
	return put(at, "\r\n", 2);
}

/* Behind what microhttpd has written come our headers, before its last ones. */
static char *put_head(char *at, const struct exchange *x, const char *head, size_t head_bytes)
{
	size_t tail_bytes = sizeof(no_body) - 1;
	bool says_length = head_bytes > tail_bytes &&
			   memcmp(head + head_bytes - tail_bytes, no_body, tail_bytes) == 0;

	at = put(at, head, head_bytes - (says_length ? tail_bytes : 2));
	at = put_header(at, "X-Request-Id", x->request_id);
	if (type_of(x) != NULL)
		at = put_header(at, "Content-Type", type_of(x));
	for (int i = 0; i < x->reply_header_count; i++)
		at = put_header(at, x->reply_headers[i].name, x->reply_headers[i].value);
	if (says_length) {
		at = put(at, no_body, strlen("Content-Length: "));
		at += text_format_int(at, (int64_t)x->reply.byte_count);
		at = put(at, "\r\n", 2);
	}
	return put(at, "\r\n", 2);
}

static size_t answer_put(char *out, const struct exchange *x, const char *head, size_t head_bytes)
{
	char *at = put_head(out, x, head, head_bytes);

	if (x->reply.byte_count > 0)
		at = put(at, x->reply.data, x->reply.byte_count);
	CHECK(at <= out + OUTPUT_BYTES_MAX);
	return (size_t)(at - out);
}

/* ---------------------------------------------------------------- sending */

ssize_t output_write(struct watched_socket *s, const void *bytes, size_t byte_count, int flags)
{
	struct connection *c = CONTAINER_OF(s, struct connection, socket);
	char answer[OUTPUT_BYTES_MAX];
	size_t answer_bytes;
	ssize_t r;

	if (!c->has_answer)
		return sendto(s->fd, bytes, byte_count, flags, NULL, 0);
	CHECK(c->request != NULL);
	CHECK(byte_count > 2);
	CHECK(byte_count <= FOREIGN_BYTES_MAX);
	answer_bytes = answer_put(answer, &c->request->x, bytes, byte_count);
	CHECK(c->sent_bytes < answer_bytes);
	r = sendto(s->fd, answer + c->sent_bytes, answer_bytes - c->sent_bytes, flags, NULL, 0);
	if (r < 0)
		return r;
	c->sent_bytes += (size_t)r;
	if (c->sent_bytes == answer_bytes) {
		c->has_answer = false;
		return (ssize_t)byte_count;
	}
	/* Nothing of its head, as far as microhttpd knows: it comes again with all of that. */
	errno = EAGAIN;
	return -1;
}
