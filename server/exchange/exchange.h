/*
 * exchange - one HTTP request and its answer, as handlers see it. Nothing here knows microhttpd.
 *
 *     void stock_show(struct exchange *x)                       // at once
 *     {
 *             text_add(&x->reply, "{...}\n");
 *             exchange_header_add(x, "ETag", etag);
 *             exchange_reply(x, 200);
 *     }
 *
 *     void stock_list(struct exchange *x)                       // later
 *     {
 *             if (!read_wait(x, run, finish))                   // it is parked: waiting/read.h
 *                     reply_refuse(x, OUTCOME_STORE_BUSY, NULL);
 *     }
 *
 * A handler either replies or parks, exactly once each time it is called. A parked exchange is
 * called again on its own loop thread: `resume` when its parcel has come home, or what its kind
 * says when something else comes first (waiting.h). Parking after submitting is safe, since the
 * parcel is taken by this same thread, later. Handlers park by way of server/waiting/, which has a
 * file for each thing to wait for.
 *
 * Threads: the loop thread that owns it. Ownership: the loop; everything in `arena` dies with it.
 */
#pragma once
#include "engine/service.h"
#include "exchange/header.h"
#include "exchange/waiting.h"
#include <sys/types.h>
#include "ops/spool.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD, /* handlers answer as to GET; the loop sends no body */
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER, /* known to HTTP, not to us: 501 */
};

enum { EXCHANGE_HEADERS_MAX = 16 };

struct host;
struct exchange;
struct peer;

/* Who takes a body as it comes in, instead of having it collected. */
struct body_taker {
	/*
	 * Takes what it can and returns how many bytes that was. Fewer than all: it has called
	 * exchange_pause(), and is handed the others after exchange_go_on().
	 */
	size_t (*take)(struct exchange *x, const char *bytes, size_t byte_count);
	/* All of it has come: replies or parks. */
	void (*end)(struct exchange *x);
	/*
	 * Is a part of it being decided, so that no answer would be exact? The time is ours, then.
	 */
	bool (*is_busy)(const struct exchange *x);
	/*
	 * No more is read, for this reason: replies with what became of what came, and is not asked
	 * again.
	 */
	void (*cut)(struct exchange *x, enum outcome why, const char *detail);
	/* The client left before that: its request is over. */
	void (*drop)(struct exchange *x);
};

struct exchange_reply_header {
	const char *name;  /* a constant */
	const char *value; /* in the arena, or a constant */
};

/* Of one that began in time, and is_ended now: why it is refused. */
#define EXCHANGE_ENDED \
	"The token has ended or may do less since then, or the store has got its first token."

struct exchange {
	/* The request. Texts live as long as the exchange. */
	enum http_method method;
	const char *method_text;
	const char *path;  /* raw, escapes and all, up to the '?' */
	const char *query; /* raw, behind the '?'; NULL: there is none */
	const char *body;  /* complete; "" when there is none */
	size_t body_bytes;
	char request_id[ID_BYTES_MAX + 1]; /* echoed or made */
	uint64_t header_marks;             /* header_mark() of its headers */
	uint64_t header_repeats;           /* of those whose bit was there already */
	const char *authorization;         /* the first value of that header; NULL: none */
	int64_t begun_ns;
	struct arena arena;
	/* Whose it is. Never NULL: "local" until somebody has found out. */
	const struct actor *actor;
	struct access_grip *grip;           /* of the table that he stands in; NULL: he does not */
	char token[TOKEN_PUBLIC_BYTES + 1]; /* the public part of his token; "": none */
	/* Store time at which the login of the page ends by which he came; 0: he came otherwise. */
	int64_t session_until_ms;
	uint64_t session_key; /* access_session_key_generation() of the key that signed that */
	bool is_ended;        /* he would not be admitted any more */
	/* Who sent it, never NULL in a handler: the connection's, or peer_nobody without one. */
	const struct peer *peer;

	/* Where it runs. */
	struct host *host; /* the loop; the next three are its, too */
	struct service *service;
	struct snapshot *snapshot; /* snapshot_use() it, the loop rests it */
	struct mailbox *mailbox;   /* home of the loop's parcels */

	/* The handlers' own. */
	const struct route *route; /* set by the dispatcher; NULL before */
	const char *label; /* of the metrics, a constant; set by the dispatcher, NULL before */
	struct exchange *waiter_owner; /* this exchange: each lies right before the parcel whose */
	struct waiter waiter;          /* owner it names, so that exchange_of_parcel() finds it; */
	struct exchange *read_owner;   /* waiter and long_read may be overwritten, these not */
	struct long_read long_read;
	void *context;                  /* in the arena */
	const struct body_taker *taker; /* NULL: the body is collected, or was taken */
	struct waiting waiting;         /* what it is parked for */

	/* The answer. */
	struct text reply;        /* the body */
	struct spool *spool;      /* the body is in this file instead; NULL: it is in reply */
	const char *content_type; /* NULL: application/json */
	bool must_close;          /* Connection: close behind this answer */
	/*
	 * What was asked for was done, or may be: a problem that is told now must not say that
	 * nothing was.
	 */
	bool is_unsure;
	int status;
	int reply_header_count;
	struct exchange_reply_header reply_headers[EXCHANGE_HEADERS_MAX];
};

/* The same as exchange_header(), where the header's bit is there. */
const char *exchange_header_find(const struct exchange *x, const char *name);

/*
 * The value of a request header (any case of the name), or NULL. The first one if there are
 * several. Cost: none to speak of where it is not there.
 */
static inline const char *exchange_header(const struct exchange *x, const char *name)
{
	bool may_be_there = (x->header_marks & header_mark(name, strlen(name))) != 0;

	return may_be_there ? exchange_header_find(x, name) : NULL;
}

/* How often the header was sent. */
int exchange_header_count(const struct exchange *x, const char *name);

/* Does a header say that a proxy passed it on: Forwarded, X-Forwarded-*, Via? */
bool exchange_is_proxied(const struct exchange *x);

/* Adds a header to the answer. At most EXCHANGE_HEADERS_MAX. */
void exchange_header_add(struct exchange *x, const char *name, const char *value);

/* Answers with x->reply. X-Request-Id, Content-Length and Date are the loop's. */
void exchange_reply(struct exchange *x, int status);

/*
 * Answers with what is in the spool, which is taken over; spool_finish() must have returned 0. The
 * spool is sent as slowly as the client reads, as long as it goes on reading.
 */
void exchange_reply_spool(struct exchange *x, int status, struct spool *s);

typedef void exchange_continue(struct exchange *x);

/*
 * deadline_ns: monotonic; INT64_MAX: none (the parcel comes for certain). With one the kind has
 * `expire`. x->waiting.own stays as it is.
 */
void exchange_park(struct exchange *x, const struct waiting_kind *kind, exchange_continue *resume,
		   int64_t deadline_ns);

/* The exchange is parked, and nothing has happened yet that ends that. */
bool exchange_is_parked(const struct exchange *x);

/*
 * For a handler that is called when only the head is there (edge_options.streams): the body goes to
 * the taker. The handler may reply instead; then the body is read and thrown away first.
 */
void exchange_receive(struct exchange *x, const struct body_taker *taker);

/* In take(): no more of the body is read until exchange_go_on(). */
void exchange_pause(struct exchange *x);
bool exchange_is_paused(const struct exchange *x);
void exchange_go_on(struct exchange *x);

/* Whose body is being taken: no more is read, and it is answered: see body_taker.cut(). */
void exchange_cut(struct exchange *x, enum outcome o, const char *detail);

/*
 * What a parked exchange waits for has come: its `resume` is called; or its time is up. The kind of
 * its waiting has let go of it.
 */
void exchange_return(struct exchange *x);
void exchange_expire(struct exchange *x);

/* The connection of a parked exchange is closed: its client has left, or its stream is over. */
void exchange_abandon(struct exchange *x);

/*
 * Answers a parked exchange bit by bit, for as long as it stays parked, until exchange_abandon():
 * the status and headers that are set in x, which are counted as its answer, go in front.
 */
void exchange_send_head(struct exchange *x, struct text *out);

/* How many of the bytes its client took, without waiting: 0 where it is full. Or -errno. */
ssize_t exchange_send(struct exchange *x, const char *bytes, size_t byte_count);

/* That was all. */
void exchange_send_end(struct exchange *x);

/* Answer now: nobody hears it any more, it is_ended, or the server is stopping. */
bool exchange_is_hurried(const struct exchange *x);

/* Its client has left. Asks the socket. */
bool exchange_is_unheard(const struct exchange *x);

/* The same, as far as the loop knows already: its connection was closed. */
bool exchange_is_orphan(const struct exchange *x);

/* The exchange whose waiter or long read this parcel is. */
struct exchange *exchange_of_parcel(struct parcel *p);
