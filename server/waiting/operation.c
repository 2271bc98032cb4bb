#include "waiting/operation.h"
#include "waiting/waits.h"
#include <string.h>

/* ---------------------------------------------------------------- a request */

struct operation_wait *operation_wait_create(struct exchange *x)
{
	struct operation_wait *w = arena_alloc(&x->arena, sizeof(*w));

	if (w == NULL)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->home = &waits_of(x)->operations.home;
	w->poll.actor = x->actor;
	w->poll.parcel = &x->waiter.parcel; /* the request has no write to wait for by itself */
	x->waiter.parcel.home = x->mailbox;
	list_init(&w->poll.link);
	return w;
}

static void resume(struct exchange *x)
{
	struct operation_wait *w = x->waiting.own;

	w->done(x);
}

static void expire(struct exchange *x)
{
	struct operation_wait *w = x->waiting.own;

	if (operation_unpoll(w->home->book, &w->poll))
		w->late(x);
	else
		exchange_park(x, x->waiting.kind, resume, INT64_MAX);
}

/* The operation goes on if anybody has heard of it. */
static bool leave(struct exchange *x)
{
	struct operation_wait *w = x->waiting.own;
	bool is_out = w->begun.work != NULL ? operation_abandon(w->home, &w->poll)
					    : operation_unpoll(w->home->book, &w->poll);

	if (is_out)
		w->begun.work = work_release(w->begun.work);
	return is_out;
}

/* A GET only looks on: it is answered once its token has ended. A write goes on. */
static void hurry(struct exchange *x)
{
	if (x->is_ended && x->method == HTTP_GET)
		exchange_expire(x);
}

static const struct waiting_kind kind = { .expire = expire, .leave = leave, .hurry = hurry };

void operation_wait_park(struct exchange *x, struct operation_wait *w, int64_t until_ns,
			 exchange_continue *done, exchange_continue *late)
{
	CHECK(x->waiter.work == NULL);
	w->done = done;
	w->late = late;
	x->waiting.own = w;
	exchange_park(x, &kind, resume, until_ns);
}

bool operation_wait(struct exchange *x, struct operation_wait *w, int64_t until_ns,
		    exchange_continue *done, exchange_continue *late)
{
	if (!operation_poll(w->home->book, &w->poll))
		return false;
	operation_wait_park(x, w, until_ns, done, late);
	return true;
}

/* ---------------------------------------------------------------- the duty */

static const struct operation_home *home_of(const struct duty *d)
{
	return &CONTAINER_OF(d, const struct operation_line, duty)->home;
}

static int64_t due(const struct duty *d)
{
	return operation_home_next_ns(home_of(d));
}

static void serve(struct duty *d, int64_t now_ns)
{
	operation_home_expire(&CONTAINER_OF(d, struct operation_line, duty)->home, now_ns);
}

static bool is_busy(const struct duty *d)
{
	return home_of(d)->count > 0;
}

static const struct duty_kind duty_kind = { .due = due, .serve = serve, .is_busy = is_busy };

void operation_line_init(struct operation_line *line, struct host *h, struct operation_book *b)
{
	operation_home_init(&line->home, b, &h->mailbox);
	host_take_on(h, &line->duty, &duty_kind);
}
