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

/* In the loop's snapshot. */
static void read_here(struct exchange *x, read_run *run)
{
	struct snapshot *n = x->snapshot;
	int r = snapshot_use(n);

	x->long_read.seq = n->seq;
	if (r == 0)
		r = run(&x->long_read, n->reader, &x->arena);
	x->long_read.result = r;
	if (r < 0)
		x->long_read.fault = *fault_latest();
}

void read_point(struct exchange *x, read_run *run, exchange_continue *finish)
{
	if (snapshot_is_here(x->snapshot)) {
		read_here(x, run);
		finish(x);
	} else {
		service_read_point(x->service, prepare(x, run));
		exchange_park(x, &kind, finish, INT64_MAX);
	}
}

static int read_nothing(struct long_read *read, struct reader *reader, struct arena *arena)
{
	(void)read, (void)reader, (void)arena;
	return 0;
}

void read_newest(struct exchange *x, exchange_continue *finish)
{
	read_point(x, read_nothing, finish);
}

int read_newest_known(struct exchange *x, int64_t *ret_seq)
{
	int64_t published, read = x->long_read.seq;
	int r;

	if (snapshot_is_here(x->snapshot)) {
		r = snapshot_use(x->snapshot);
		*ret_seq = x->snapshot->seq;
		return r;
	}
	published = service_seq(x->service);
	*ret_seq = published > read ? published : read;
	return 0;
}

bool read_wait_whole(struct exchange *x, read_run *run, exchange_continue *resume)
{
	if (!service_read_all(x->service, prepare(x, run)))
		return false;
	exchange_park(x, &kind, resume, INT64_MAX);
	return true;
}
