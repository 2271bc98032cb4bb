/*
 * inside - store, engine and edge in the test's own process, on a port of their own: so that a test
 * can fail what happens inside of them.
 *
 *     inside_init(&i);
 *     inside_open(&i);                 // over the same store each time
 *     ...client_open(&c, i.port)...
 *     inside_close(&i);                // drains; what did not end well fails the test
 *     inside_fini(&i);
 *
 * Two loops: the first connection goes to the one, the second to the other. Threads: the main one.
 */
#pragma once
#include "engine/service.h"
#include "edge/edge.h"
#include "waiting/waits.h"

struct inside {
	char folder[64];
	char path[96];
	struct service *service; /* NULL: closed */
	struct listeners listeners;
	struct operation_book operations;
	struct waits_options waits;
	struct edge_options options;
	struct edge *edge;
	int port;
};

void inside_init(struct inside *i);
void inside_fini(struct inside *i);

/* The engine only: then inside_edge_open(), as often as it takes. */
void inside_service_open(struct inside *i);
void inside_service_close(struct inside *i);

/* Opens and starts the edge; 0 or a fault, and then nothing of it is left. */
int inside_edge_open(struct inside *i);
void inside_edge_close(struct inside *i);

void inside_open(struct inside *i);
void inside_close(struct inside *i);

/* The first column of a query's first row, as a number; while it is open, too. */
int64_t inside_query(const struct inside *i, const char *sql);
