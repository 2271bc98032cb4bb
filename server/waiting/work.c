#include "waiting/work.h"
#include "base/clock.h"
#include "waiting/read.h"

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

/* Whose key a thread that may wait looks up, while the exchange is parked for that. */
struct look_up {
	const struct work_wait_kind *kind;
	int64_t wait_ms;
	int64_t deadline_ns;
};

static void go_on(struct exchange *x, const struct work_wait_kind *k, enum submit submit,
		  int64_t deadline_ns)
{
	if (submit == SUBMIT_PENDING)
		exchange_park(x, &k->kind, resume, deadline_ns);
	else
		finish(x, k, &x->waiter.work->answer);
}

static int look_up(struct long_read *read, struct reader *reader, struct arena *unused)
{
	struct exchange *x = exchange_of_parcel(&read->parcel);

	(void)unused;
	service_look_up(x->service, x->waiter.work, reader, read->seq);
	return 0;
}

static void looked_up(struct exchange *x)
{
	struct look_up *l = x->waiting.own;
	enum submit submit;

	if (x->long_read.result < 0) {
		fault_adopt(&x->long_read.fault);
		service_look_up_fail(x->service, x->waiter.work, x->long_read.result);
	}
	submit = service_submit_again(x->service, &x->waiter, x->snapshot, l->wait_ms);
	if (submit == SUBMIT_LOOK_UP)
		read_point(x, look_up, looked_up);
	else
		go_on(x, l->kind, submit, l->deadline_ns);
}

static void begin_look_up(struct exchange *x, const struct work_wait_kind *k, int64_t wait_ms,
			  int64_t deadline_ns)
{
	struct look_up *l = arena_alloc(&x->arena, sizeof(*l));

	if (l == NULL) {
		work_refuse(x->waiter.work, OUTCOME_OUT_OF_MEMORY);
		finish(x, k, &x->waiter.work->answer);
		return;
	}
	*l = (struct look_up){ .kind = k, .wait_ms = wait_ms, .deadline_ns = deadline_ns };
	x->waiting.own = l;
	read_point(x, look_up, looked_up);
}

void work_wait(struct exchange *x, const struct work_wait_kind *k, struct work *w, int64_t wait_ms)
{
	int64_t deadline_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;
	enum submit submit;

	x->waiter.parcel.home = x->mailbox;
	submit = service_submit(x->service, w, &x->waiter, x->snapshot, wait_ms);
	if (submit == SUBMIT_LOOK_UP)
		begin_look_up(x, k, wait_ms, deadline_ns);
	else
		go_on(x, k, submit, deadline_ns);
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
