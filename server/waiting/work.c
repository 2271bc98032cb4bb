#include "waiting/work.h"
#include "base/clock.h"

static void finish(struct exchange *x, const struct work_wait_kind *k, const struct answer *a)
{
	k->answer(x, x->waiter.work, a);
	x->waiter.work = work_release(x->waiter.work);
}

static const struct work_wait_kind *kind_of(const struct exchange *x)
{
	return CONTAINER_OF(x->waiting.kind, const struct work_wait_kind, kind);
}

static void resume(struct exchange *x)
{
	finish(x, kind_of(x), &x->waiter.work->answer);
}

void work_wait(struct exchange *x, const struct work_wait_kind *k, struct work *w, int64_t wait_ms)
{
	int64_t deadline_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;

	x->waiter.parcel.home = x->mailbox;
	if (service_submit(x->service, w, &x->waiter, x->snapshot, wait_ms) == SUBMIT_PENDING)
		exchange_park(x, &k->kind, resume, deadline_ns);
	else
		finish(x, k, &x->waiter.work->answer);
}

/* Unless it is decided already, nothing was done. */
void work_wait_expire(struct exchange *x)
{
	struct answer a;

	if (service_withdraw(x->service, &x->waiter, &x->arena, &a))
		finish(x, kind_of(x), &a);
	else
		exchange_park(x, x->waiting.kind, resume, INT64_MAX);
}

bool work_wait_leave(struct exchange *x)
{
	struct answer unheard;

	if (!service_withdraw(x->service, &x->waiter, &x->arena, &unheard))
		return false;
	x->waiter.work = work_release(x->waiter.work);
	return true;
}

void work_wait_hurry(struct exchange *x)
{
	if (x->is_ended && x->waiter.work->command.kind == COMMAND_READ)
		exchange_expire(x);
}
