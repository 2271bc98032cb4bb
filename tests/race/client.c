#include "client.h"
#include "base/clock.h"
#include "base/check.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_S_MAX = 90, REQUEST_BYTES_MAX = 4096 };

void client_open(struct client *c, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval most = { .tv_sec = ANSWER_S_MAX };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		client_close(c);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

bool client_send(struct client *c, const char *method, const char *target, const char *header,
		 const char *body)
{
	char request[REQUEST_BYTES_MAX];
	int bytes =
		snprintf(request, sizeof(request),
			 "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%sContent-Length: %zu\r\n\r\n%s",
			 method, target, header != NULL ? header : "", header != NULL ? "\r\n" : "",
			 body != NULL ? strlen(body) : 0, body != NULL ? body : "");

	CHECK(bytes < (int)sizeof(request));
	return c->fd >= 0 && send(c->fd, request, (size_t)bytes, MSG_NOSIGNAL) == bytes;
}

/* The value of a header, or NULL. The head ends with an empty line. */
static const char *head_value(const char *head, const char *name)
{
	for (const char *line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
		line++;
		if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			return line + strlen(name) + 1;
	}
	return NULL;
}

/* Reads until `text` has the whole head (returns where the body begins), or -1. */
static ssize_t receive_head(struct client *c, char *text, size_t bytes, size_t *ret_received)
{
	size_t received = 0;
	ssize_t r;

	while ((r = recv(c->fd, text + received, bytes - 1 - received, 0)) > 0) {
		const char *end;

		received += (size_t)r;
		text[received] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end != NULL) {
			*ret_received = received;
			return end + 4 - text;
		}
	}
	return -1;
}

void client_receive(struct client *c, struct reply *ret)
{
	char *text = ret->body;
	char head[2048];
	size_t received = 0, length;
	ssize_t body_at;
	const char *value;

	ret->status = 0;
	ret->seq = 0;
	ret->is_replayed = false;
	body_at = c->fd < 0 ? -1 : receive_head(c, text, sizeof(ret->body), &received);
	if (body_at < 0 || body_at >= (ssize_t)sizeof(head))
		return;
	memcpy(head, text, (size_t)body_at);
	head[body_at] = '\0';
	value = head_value(head, "Content-Length");
	length = value != NULL ? (size_t)atoll(value) : 0;
	if (length >= sizeof(ret->body))
		return;
	received -= (size_t)body_at;
	memmove(text, text + body_at, received);
	while (received < length) {
		ssize_t r = recv(c->fd, text + received, length - received, 0);

		if (r <= 0)
			return;
		received += (size_t)r;
	}
	text[length] = '\0';
	value = head_value(head, "Stock-Seq");
	ret->seq = value != NULL ? atoll(value) : 0;
	ret->is_replayed = head_value(head, "Idempotency-Replayed") != NULL;
	ret->ended_ns = clock_monotonic_ns();
	ret->status = atoi(head + strlen("HTTP/1.1 "));
}

void client_ask(struct client *c, struct reply *ret, const char *method, const char *target,
		const char *header, const char *body)
{
	ret->begun_ns = clock_monotonic_ns();
	ret->status = 0;
	if (client_send(c, method, target, header, body))
		client_receive(c, ret);
}

int64_t reply_number(const struct reply *r, const char *path)
{
	json_t *root = json_loads(r->body, 0, NULL);
	const json_t *at = root;
	int64_t number = INT64_MIN;
	char name[64];

	while (at != NULL && *path != '\0') {
		size_t bytes = strcspn(path, "/");

		CHECK(bytes < sizeof(name));
		memcpy(name, path, bytes);
		name[bytes] = '\0';
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(name))
				       : json_object_get(at, name);
		path += bytes + (path[bytes] == '/');
	}
	if (json_is_integer(at))
		number = json_integer_value(at);
	json_decref(root);
	return number;
}
