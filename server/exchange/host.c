#include "exchange/host.h"
#include "base/clock.h"
#include "ops/metrics.h"

static const int64_t probe_every_ns = 500 * NS_PER_MS;

/* First of all what may not fail: host_close() finds everything whole. */
int host_open(struct host *h, const struct host_ops *ops, struct service *service)
{
	int r = mailbox_init(&h->mailbox);

	h->ops = ops;
	h->service = service;
	h->waits = NULL;
	h->probe_ns = 0;
	h->is_draining = false;
	list_init(&h->parked);
	list_init(&h->duties);
	request_pool_init(&h->requests);
	if (r == 0)
		r = service_open_snapshot(service, &h->snapshot);
	h->has_snapshot = r == 0;
	return r;
}

void host_close(struct host *h)
{
	CHECK(list_is_empty(&h->parked));
	if (h->has_snapshot)
		snapshot_fini(&h->snapshot);
	mailbox_fini(&h->mailbox);
	request_pool_fini(&h->requests);
}

static struct duty *duty_of(struct list *link)
{
	return CONTAINER_OF(link, struct duty, link);
}

void host_take_on(struct host *h, struct duty *d, const struct duty_kind *kind)
{
	CHECK(IMPLIES(kind->due != NULL, kind->serve != NULL));
	d->kind = kind;
	list_init(&d->link);
	list_push_back(&h->duties, &d->link);
}

/* ---------------------------------------------------------------- the mailbox */

void host_take_parcels(struct host *h)
{
	struct list parcels;
	struct list *link;

	list_init(&parcels);
	mailbox_take(&h->mailbox, &parcels);
	while ((link = list_pop_front(&parcels)) != NULL) {
		struct parcel *p = CONTAINER_OF(link, struct parcel, link);

		if (p->arrive != NULL)
			p->arrive(p);
		else
			exchange_return(exchange_of_parcel(p));
	}
	LIST_EACH (it, &h->duties)
		if (duty_of(it)->kind->look != NULL)
			duty_of(it)->kind->look(duty_of(it));
}

/* ---------------------------------------------------------------- by the clock */

int64_t host_due_ns(const struct host *h)
{
	int64_t due_ns = list_is_empty(&h->parked) ? INT64_MAX : h->probe_ns;

	LIST_EACH (it, &h->duties) {
		const struct duty *d = CONTAINER_OF(it, const struct duty, link);
		int64_t own_ns = d->kind->due != NULL ? d->kind->due(d) : INT64_MAX;

		if (own_ns < due_ns)
			due_ns = own_ns;
	}
	return due_ns;
}

/* A client that left need not be served: what it waits for is taken back, where that can be. */
static void request_probe(struct request *r)
{
	struct exchange *x = &r->x;
	const struct waiting_kind *kind = x->waiting.kind;

	if (r->connection == NULL)
		return;
	if (kind->leave != NULL && !x->waiting.is_firm && exchange_is_unheard(x)) {
		x->waiting.is_firm = !kind->leave(x);
		if (x->waiting.is_firm)
			return;
		metric_add(METRIC_CLIENTS_GONE, 1);
		exchange_abandon(x);
	} else if (kind->probe != NULL) {
		kind->probe(x);
	}
}

static void clients_probe(struct host *h, int64_t now_ns)
{
	if (now_ns < h->probe_ns)
		return;
	h->probe_ns = now_ns + probe_every_ns;
	LIST_EACH_SAFE (it, &h->parked)
		request_probe(CONTAINER_OF(it, struct request, link));
}

static void duties_serve(struct host *h, int64_t now_ns)
{
	LIST_EACH (it, &h->duties)
		if (duty_of(it)->kind->serve != NULL)
			duty_of(it)->kind->serve(duty_of(it), now_ns);
}

void host_serve(struct host *h, int64_t now_ns)
{
	clients_probe(h, now_ns);
	duties_serve(h, now_ns);
}

/* ---------------------------------------------------------------- the end */

void host_hurry(struct host *h, int64_t now_ns)
{
	h->is_draining = true;
	LIST_EACH_SAFE (it, &h->parked) {
		struct exchange *x = &CONTAINER_OF(it, struct request, link)->x;

		if (x->waiting.kind->hurry != NULL)
			x->waiting.kind->hurry(x);
	}
	duties_serve(h, now_ns);
}

bool host_is_idle(const struct host *h)
{
	if (!list_is_empty(&h->parked))
		return false;
	LIST_EACH (it, &h->duties) {
		const struct duty *d = CONTAINER_OF(it, const struct duty, link);

		if (d->kind->is_busy != NULL && d->kind->is_busy(d))
			return false;
	}
	return true;
}
