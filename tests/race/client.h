/*
 * client - one connection to a server, and requests on it, one after the other.
 *
 *     struct client c;
 *     struct reply r;
 *     client_open(&c, port);
 *     client_ask(&c, &r, "POST", "/v1/stock/A/WH1/adjust?wait=60", NULL, "{\"delta\":-1}");
 *     if (r.status == 201) ...reply_number(&r, "/stock/version")...
 *     client_close(&c);
 *
 * A failed connection, a reply that is not HTTP, and one that takes longer than the bound are a
 * status of 0. Threads: one at a time; nothing here asserts, so that any thread may use it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { REPLY_BYTES_MAX = 32768 };

struct client {
	int fd; /* -1: closed */
};

struct reply {
	int status;
	int64_t seq; /* Stock-Seq; 0: none */
	bool is_replayed;
	int64_t begun_ns, ended_ns;
	char body[REPLY_BYTES_MAX];
};

void client_open(struct client *c, int port);
void client_close(struct client *c);

/* header: a line without its end, or NULL. body: JSON, or NULL. */
bool client_send(struct client *c, const char *method, const char *target, const char *header,
		 const char *body);
void client_receive(struct client *c, struct reply *ret);
void client_ask(struct client *c, struct reply *ret, const char *method, const char *target,
		const char *header, const char *body);

/* A whole number of the JSON body, by names separated with '/'; INT64_MIN: it is not there. */
int64_t reply_number(const struct reply *r, const char *path);
