#include "exchange/exchange.h"
#include "exchange/host.h"

/* exchange_of_parcel() relies on it: a parcel comes first in both, its owner right before. */
_Static_assert(offsetof(struct waiter, parcel) == 0, "the parcel is where the waiter begins");
_Static_assert(offsetof(struct long_read, parcel) == 0, "the parcel is where the read begins");
_Static_assert(offsetof(struct exchange, waiter) ==
		       offsetof(struct exchange, waiter_owner) + sizeof(struct exchange *),
	       "nothing between a waiter and its owner");
_Static_assert(offsetof(struct exchange, long_read) ==
		       offsetof(struct exchange, read_owner) + sizeof(struct exchange *),
	       "nothing between a read and its owner");

/* ---------------------------------------------------------------- request and answer */

const char *exchange_header_find(const struct exchange *x, const char *name)
{
	const struct request *r = CONTAINER_OF(x, struct request, x);

	return header_find(r->headers, r->header_count, name);
}

int exchange_header_count(const struct exchange *x, const char *name)
{
	const struct request *r = CONTAINER_OF(x, struct request, x);

	return header_times(r->headers, r->header_count, name);
}

bool exchange_is_proxied(const struct exchange *x)
{
	const struct request *r = CONTAINER_OF(x, const struct request, x);

	return headers_are_forwarded(r->headers, r->header_count);
}

void exchange_header_add(struct exchange *x, const char *name, const char *value)
{
	CHECK(x->reply_header_count < EXCHANGE_HEADERS_MAX);
	x->reply_headers[x->reply_header_count++] =
		(struct exchange_reply_header){ .name = name, .value = value };
}

void exchange_reply(struct exchange *x, int status)
{
	CHECK(status >= 200);
	CHECK(status <= 599);
	x->status = status;
	request_move(request_of(x), REQUEST_REPLIED);
}

void exchange_reply_spool(struct exchange *x, int status, struct spool *s)
{
	CHECK(s->text.byte_count == 0);
	CHECK(s->fault == 0);
	x->spool = s;
	exchange_reply(x, status);
}

void exchange_receive(struct exchange *x, const struct body_taker *taker)
{
	CHECK(request_of(x)->is_stream);
	x->taker = taker;
	request_move(request_of(x), REQUEST_RECEIVING);
}

void exchange_pause(struct exchange *x)
{
	request_move(request_of(x), REQUEST_PAUSED);
}

bool exchange_is_paused(const struct exchange *x)
{
	return CONTAINER_OF(x, const struct request, x)->state == REQUEST_PAUSED;
}

void exchange_go_on(struct exchange *x)
{
	request_move(request_of(x), REQUEST_RECEIVING);
	x->host->ops->go_on(x);
}

void exchange_cut(struct exchange *x, enum outcome o, const char *detail)
{
	x->host->ops->cut(x, o, detail);
}

/* ---------------------------------------------------------------- parked */

void exchange_park(struct exchange *x, const struct waiting_kind *kind, exchange_continue *resume,
		   int64_t deadline_ns)
{
	struct request *r = request_of(x);

	CHECK(resume != NULL);
	CHECK(IMPLIES(deadline_ns != INT64_MAX, kind->expire != NULL));
	request_move(r, REQUEST_PARKED);
	x->waiting.kind = kind;
	x->waiting.is_firm = false;
	r->resume = resume;
	r->parked_until_ns = deadline_ns;
}

bool exchange_is_parked(const struct exchange *x)
{
	return CONTAINER_OF(x, const struct request, x)->state == REQUEST_PARKED;
}

static void leave_parked(struct request *r, enum request_state next)
{
	request_move(r, next);
	list_remove(&r->link);
	if (r->connection != NULL)
		r->x.host->ops->resume(&r->x);
	else
		request_finish_orphan(r);
}

void exchange_return(struct exchange *x)
{
	leave_parked(request_of(x), REQUEST_RETURNED);
}

void exchange_expire(struct exchange *x)
{
	leave_parked(request_of(x), REQUEST_EXPIRED);
}

void exchange_abandon(struct exchange *x)
{
	CHECK(request_of(x)->connection != NULL);
	leave_parked(request_of(x), REQUEST_ABANDONED);
}

struct exchange *exchange_of_parcel(struct parcel *p)
{
	struct exchange *x = ((struct exchange **)p)[-1];

	CHECK(x->waiter_owner == x);
	CHECK(p == &x->waiter.parcel || p == &x->long_read.parcel);
	return x;
}

/* ---------------------------------------------------------------- its client */

void exchange_send_head(struct exchange *x, struct text *out)
{
	x->host->ops->send_head(x, out);
}

ssize_t exchange_send(struct exchange *x, const char *bytes, size_t byte_count)
{
	return x->host->ops->send(x, bytes, byte_count);
}

void exchange_send_end(struct exchange *x)
{
	x->host->ops->send_end(x);
}

bool exchange_is_orphan(const struct exchange *x)
{
	return CONTAINER_OF(x, const struct request, x)->connection == NULL;
}

bool exchange_is_hurried(const struct exchange *x)
{
	return exchange_is_orphan(x) || x->host->is_draining || x->is_ended;
}

bool exchange_is_unheard(const struct exchange *x)
{
	return exchange_is_orphan(x) || x->host->ops->is_gone(x);
}
