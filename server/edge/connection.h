/*
 * connection - one client's connection: which time limit runs, and answers that bypass microhttpd.
 *
 * A connection has one deadline at a time. Moving it is a store: its place in the queue is put
 * right only when it comes up too early, or must come earlier. microhttpd's own idle timeout is not
 * used, since each byte restarts it and a slow client would live for ever.
 *
 *     HEAD ──> BODY ──> ANSWERING ──> REPLYING ──> HEAD ...
 *       └───────┴───────────────────────┴──> LEAVING
 *
 * Threads: the loop's.
 */
#pragma once
#include "edge/framing.h"
#include "edge/loop.h"
#include "exchange/peer.h"

struct MHD_Connection;

enum connection_phase {
	CONNECTION_HEAD,      /* idle, or headers are coming in */
	CONNECTION_BODY,      /* the body is coming in */
	CONNECTION_ANSWERING, /* a handler is at work, or the request is parked */
	CONNECTION_REPLYING,  /* the client reads the answer */
	CONNECTION_LEAVING,   /* answered for the last time; what still comes in is thrown away */
};

struct connection {
	struct loop *loop;
	struct watched_socket socket;
	struct peer peer; /* who is at its other end; exchanges refer to it */
	enum connection_phase phase;
	struct deadline deadline; /* in loop.deadlines, at or before due_ns */
	int64_t due_ns;           /* INT64_MAX: none */
	struct request *request;  /* the one under way, or NULL */
	struct framing framing;   /* of all that was read */
	bool is_long_reply;       /* it is sent from a file: its client may take its time */
	uint64_t acked_bytes;     /* of a long reply: received when the time limit began */
	bool has_answer;          /* on its way, or to be: see output.h */
	size_t sent_bytes;        /* of that */
	uint64_t ended_count;     /* requests that microhttpd is through with */
	struct list link;         /* in loop.connections or loop.free_connections */
};

/* Registers an accepted socket with its loop; NULL when memory is short. */
struct connection *connection_open(struct loop *l, struct MHD_Connection *handle, int fd);

/* The socket itself is closed by microhttpd. */
void connection_close(struct connection *c);

/* From now on this limit runs. */
void connection_enter(struct connection *c, enum connection_phase phase, int64_t due_ns);

/* When a client that is answered now must have read its answer. */
int64_t connection_reply_due_ns(const struct loop *l);

/* When more of a body must have come. */
int64_t connection_body_due_ns(const struct loop *l);

/* The first byte of a request has come: from now on its head must arrive. */
void connection_expect_head(struct connection *c);

/* microhttpd is through with the request: it is let go, and what was wrong behind it answered. */
void connection_request_ended(struct connection *c);

/* One whose time is up, or NULL. */
struct connection *connection_pop_due(struct loop *l);

/* Cuts it: microhttpd closes it at the next event. */
void connection_cut(struct connection *c);

/* Its time is up: what happens then depends on the phase. */
void connection_expire(struct connection *c);

/*
 * Answers past microhttpd, where that would not let us (in the middle of a body) or would give an
 * answer of its own. Nothing more is sent then; what the client still sends is read and thrown away
 * for a moment, since closing at once would take the answer from it. Where the handler has answered
 * already, and that is held until the body is there, it is that answer which goes out.
 */
void connection_refuse(struct connection *c, enum outcome o, const char *detail);

/* Where an exchange of this connection runs, and who sent it. */
void connection_lend_loop(struct connection *c, struct exchange *x);

/*
 * Status and headers of an answer past microhttpd, up to its body. Without one in x->reply its
 * length is left open: it ends with the connection.
 */
void connection_write_head(struct text *out, const struct exchange *x);

/* How much the client has received so far, headers included. */
uint64_t connection_acked_bytes(const struct connection *c);

/* Is there no request on it, and none that begins? Asks the socket. */
bool connection_is_idle(const struct connection *c);

/* Does the answer to its upload wait until what came is decided? */
bool connection_is_busy(const struct connection *c);

/* Has the client gone away? Looks without reading. */
bool connection_is_gone(const struct connection *c);

/* Counts and logs an answer. */
void connection_account(struct loop *l, const struct exchange *x);
