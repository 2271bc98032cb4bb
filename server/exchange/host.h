/*
 * host - one loop as its exchanges see it: where they run and stay, what the edge does for them.
 *
 *     host_open(&h, &ops, service);
 *     ...a turn: host_take_parcels() when the mailbox is readable, then host_serve(&h, now_ns),
 *        and no longer asleep than until host_due_ns(&h)...
 *     host_hurry(&h, now_ns);                           // the server stops
 *     ...until host_is_idle(&h)...
 *     host_close(&h);
 *
 * Threads: the loop's, but for the mailbox, which has a guard of its own.
 */
#pragma once
#include "engine/service.h"
#include "exchange/duty.h"
#include "exchange/request.h"

/* What the edge does for an exchange whose connection is there. */
struct host_ops {
	/* The request has just left PARKED: it goes on in the next turn at the latest. */
	void (*resume)(struct exchange *x);
	/* The request was PAUSED, and is RECEIVING again: the rest of its body is read. */
	void (*go_on)(struct exchange *x);
	/* No more of its body is read, and it is answered at once. */
	void (*cut)(struct exchange *x, enum outcome o, const char *detail);
	/* Has its client left? Asks the socket. */
	bool (*is_gone)(const struct exchange *x);
	/* See exchange_send_head(), exchange_send() and exchange_send_end(). */
	void (*send_head)(struct exchange *x, struct text *out);
	ssize_t (*send)(struct exchange *x, const char *bytes, size_t byte_count);
	void (*send_end)(struct exchange *x);
};

struct waits;

struct host {
	const struct host_ops *ops;
	struct service *service;
	struct mailbox mailbox;
	struct snapshot snapshot;
	bool has_snapshot;
	struct request_pool requests;
	struct list parked;  /* requests that wait, by request.link */
	struct list duties;  /* duty.link, in the order in which they were taken on */
	struct waits *waits; /* its lines, by their names: waiting/waits.h; NULL: none */
	int64_t probe_ns;    /* when to look next whether the clients of those parked are there */
	int64_t send_max_ns; /* how long a client may take nothing of what is sent to it */
	bool is_draining;
};

/* 0 or a fault; it is to be closed in any case. */
int host_open(struct host *h, const struct host_ops *ops, struct service *service);
void host_close(struct host *h);

/* From now on. The duty stays where it is until host_close(). */
void host_take_on(struct host *h, struct duty *d, const struct duty_kind *kind);

/* What has come home goes on, and every duty is told that the mailbox rang. */
void host_take_parcels(struct host *h);

/* When to serve it though nothing happens; INT64_MAX: not before something does. */
int64_t host_due_ns(const struct host *h);

/* Once a turn: looks for clients that have left, twice a second, and serves all duties. */
void host_serve(struct host *h, int64_t now_ns);

/* From now on the server stops: who waits for what may never come is answered. */
void host_hurry(struct host *h, int64_t now_ns);

/* Is nobody parked, and no work under way? */
bool host_is_idle(const struct host *h);
