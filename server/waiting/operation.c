#include "waiting/operation.h"
#include <string.h>

struct asker *asker_create(struct exchange *x)
{
	struct asker *k = arena_alloc(&x->arena, sizeof(*k));

	if (k == NULL)
		return NULL;
	memset(k, 0, sizeof(*k));
	k->home = exchange_operations(x);
	k->poll.parcel = &x->waiter.parcel; /* the request has no write to wait for by itself */
	x->waiter.parcel.home = x->mailbox;
	list_init(&k->poll.link);
	return k;
}

static void resume(struct exchange *x)
{
	struct asker *k = x->asker;

	x->asker = NULL;
	k->done(x);
}

static void expire(struct exchange *x)
{
	struct asker *k = x->asker;

	if (!operation_unpoll(k->home->book, &k->poll)) {
		exchange_park(x, resume, NULL, INT64_MAX);
		return;
	}
	x->asker = NULL;
	k->late(x);
}

void asker_park(struct exchange *x, struct asker *k, int64_t until_ns, exchange_continue *done,
		exchange_continue *late)
{
	CHECK(x->asker == NULL);
	CHECK(x->waiter.work == NULL);
	k->done = done;
	k->late = late;
	x->asker = k;
	exchange_park(x, resume, expire, until_ns);
}

bool asker_wait(struct exchange *x, struct asker *k, int64_t until_ns, exchange_continue *done,
		exchange_continue *late)
{
	if (!operation_poll(k->home->book, &k->poll))
		return false;
	asker_park(x, k, until_ns, done, late);
	return true;
}

bool asker_leave(struct exchange *x)
{
	struct asker *k = x->asker;
	bool is_out = k->begun.work != NULL ? operation_abandon(k->home, &k->poll)
					    : operation_unpoll(k->home->book, &k->poll);

	if (!is_out)
		return false;
	k->begun.work = work_release(k->begun.work);
	x->asker = NULL;
	return true;
}
