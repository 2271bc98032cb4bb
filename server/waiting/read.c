#include "waiting/read.h"
#include "ops/metrics.h"

/* The parcel comes in any case: only sooner. */
bool read_leave(struct exchange *x)
{
	metric_add(METRIC_CLIENTS_GONE, 1);
	atomic_store(&x->long_read.is_unwanted, true);
	return false;
}

static void hurry(struct exchange *x)
{
	if (x->long_read.is_whole)
		atomic_store(&x->long_read.is_unwanted, true);
}

static const struct waiting_kind kind = { .leave = read_leave, .hurry = hurry };

static struct long_read *prepare(struct exchange *x, read_run *run)
{
	x->long_read.parcel.home = x->mailbox;
	x->long_read.run = run;
	x->long_read.arena = &x->arena;
	x->long_read.request_id = x->request_id;
	return &x->long_read;
}

bool read_begin(struct exchange *x, read_run *run)
{
	return service_read(x->service, prepare(x, run));
}

bool read_wait(struct exchange *x, read_run *run, exchange_continue *resume)
{
	if (!read_begin(x, run))
		return false;
	exchange_park(x, &kind, resume, INT64_MAX);
	return true;
}

bool read_wait_whole(struct exchange *x, read_run *run, exchange_continue *resume)
{
	if (!service_read_all(x->service, prepare(x, run)))
		return false;
	exchange_park(x, &kind, resume, INT64_MAX);
	return true;
}
