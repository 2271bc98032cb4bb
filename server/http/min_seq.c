#include "http/min_seq.h"
#include "base/clock.h"
#include "http/reply.h"
#include "waiting/read.h"
#include "waiting/seq.h"

/* One read that waits. In its exchange's arena. */
struct min_seq {
	struct seq_wait wait;
	int64_t until_ns;
};

static struct min_seq *min_seq_of(struct exchange *x)
{
	return CONTAINER_OF((struct seq_wait *)x->waiting.own, struct min_seq, wait);
}

/*
 * Has the store come there, as far as can be told at once? Where it is here a snapshot that is open
 * may be older than what was published while this turn of the loop went on, or than what somebody
 * has just written by hand. 1, 0 or a fault.
 */
static int look(struct exchange *x, int64_t seq)
{
	int64_t newest;
	int r = read_newest_known(x, &newest);

	if (r == 0 && newest < seq && snapshot_is_here(x->snapshot)) {
		snapshot_rest(x->snapshot);
		r = read_newest_known(x, &newest);
	}
	x->long_read.seq = newest;
	return r < 0 ? r : newest >= seq;
}

/*
 * The read goes on, or is refused. One whose client has left in the meantime does not go on: it
 * might wait again, in a row's queue, and nobody would take it back.
 */
static void finish(struct exchange *x, struct min_seq *m, int reached)
{
	seq_wait_end(&m->wait);
	if (x->is_ended)
		reply_ended(x);
	else if (reached < 0)
		reply_fault(x, reached);
	else if (reached && !exchange_is_orphan(x))
		x->route->handler(x);
	else if (exchange_is_hurried(x))
		reply_refuse(x, OUTCOME_DRAINING, NULL);
	else
		reply_behind(x, m->wait.seq, x->long_read.seq);
}

/* What a thread that may wait has found, of a store that is not here. */
static int reached_by_read(const struct exchange *x, int64_t seq)
{
	return x->long_read.result < 0 ? x->long_read.result : x->long_read.seq >= seq;
}

static void looked_last(struct exchange *x)
{
	struct min_seq *m = min_seq_of(x);

	finish(x, m, reached_by_read(x, m->wait.seq));
}

static void expire(struct exchange *x)
{
	struct min_seq *m = min_seq_of(x);
	int reached = look(x, m->wait.seq);

	if (reached == 0 && !snapshot_is_here(x->snapshot))
		read_newest(x, looked_last);
	else
		finish(x, m, reached);
}

static void resume(struct exchange *x);

static void go_on(struct exchange *x, struct min_seq *m, int reached)
{
	if (reached != 0 || exchange_is_hurried(x) || clock_monotonic_ns() >= m->until_ns)
		finish(x, m, reached);
	else
		seq_wait_park(&m->wait, resume, expire, m->until_ns);
}

static void resume(struct exchange *x)
{
	struct min_seq *m = min_seq_of(x);

	go_on(x, m, look(x, m->wait.seq));
}

/* Others may have written what this front end has not heard of yet. */
static void looked_first(struct exchange *x)
{
	struct min_seq *m = min_seq_of(x);

	go_on(x, m, reached_by_read(x, m->wait.seq));
}

/* Begun first, then the look: what comes behind the look rings. */
static void wait_for(struct exchange *x, int64_t seq, int64_t until_ns)
{
	struct min_seq *m = arena_alloc(&x->arena, sizeof(*m));

	if (m == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	m->until_ns = until_ns;
	seq_wait_begin(&m->wait, x, seq);
	x->waiting.own = &m->wait;
	if (snapshot_is_here(x->snapshot))
		go_on(x, m, look(x, seq));
	else
		read_newest(x, looked_first);
}

void min_seq_run(struct exchange *x)
{
	const char *text = call_parameter(x, "min_seq");
	int64_t seq, wait_ms;

	if (text == NULL) {
		/* A wait for nothing must be readable, too. */
		if (call_parameter(x, "wait") == NULL || call_read_wait(x, 0, &wait_ms))
			x->route->handler(x);
		return;
	}
	if (!integer_read(text, &seq) || seq < 0) {
		reply_wrong_parameter(x, "min_seq", "is a seq, a whole number from 0.");
		return;
	}
	if (!call_read_wait(x, calls_configuration()->wait_default_ms, &wait_ms))
		return;
	/* A locked read queues for what is left of the same wait. */
	call_of(x)->wait_until_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;
	reply_preference_applied(x);

	int reached = look(x, seq);

	if (reached < 0)
		reply_fault(x, reached);
	else if (reached)
		x->route->handler(x);
	else
		wait_for(x, seq, call_of(x)->wait_until_ns);
}
