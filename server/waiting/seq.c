#include "waiting/seq.h"
#include "base/clock.h"
#include "edge/daemon.h"
#include "http/reply.h"
#include "ops/metrics.h"

static struct seq_wait *seq_wait_of(struct list *link)
{
	return CONTAINER_OF(link, struct seq_wait, link);
}

/* ---------------------------------------------------------------- the line */

/* Later reads want later seqs, most of the time: its place is near the end. */
static void join_line(struct seq_wait *w)
{
	struct list *after = w->all->line.prev;

	CHECK(!list_is_linked(&w->link));
	while (after != &w->all->line && seq_wait_of(after)->seq > w->seq)
		after = after->prev;
	list_insert_before(after->next, &w->link);
}

static void seq_wait_begin(struct seq_wait *w, struct seq_waits *all)
{
	w->all = all;
	list_init(&w->link);
	w->x->seq_wait = w;
	if (all->count++ == 0)
		feed_listen(service_feed(all->service), &all->listener);
	metric_add(METRIC_READS_WAITING, 1);
}

void seq_wait_end(struct seq_wait *w)
{
	struct seq_waits *all = w->all;

	if (list_is_linked(&w->link))
		list_remove(&w->link);
	w->x->seq_wait = NULL;
	CHECK(all->count > 0);
	if (--all->count == 0)
		feed_unlisten(service_feed(all->service), &all->listener);
	metric_add(METRIC_READS_WAITING, -1);
}

void seq_waits_init(struct seq_waits *all, struct service *s, struct mailbox *home)
{
	*all = (struct seq_waits){ .service = s, .listener = { .home = home } };
	list_init(&all->line);
}

static void resume(struct seq_wait *w, enum request_state state)
{
	struct request *r = request_of(w->x);

	list_remove(&w->link);
	if (r->state != REQUEST_PARKED)
		return; /* its deadline was faster, and its handler is about to be told so */
	request_move(r, state);
	loop_daemon_resume(r);
}

void seq_waits_look(struct seq_waits *all)
{
	int64_t seq = service_seq(all->service);

	while (!list_is_empty(&all->line) && seq_wait_of(all->line.next)->seq <= seq)
		resume(seq_wait_of(all->line.next), REQUEST_RETURNED);
}

void seq_waits_expire(struct seq_waits *all)
{
	while (!list_is_empty(&all->line))
		resume(seq_wait_of(all->line.next), REQUEST_EXPIRED);
}

/* ---------------------------------------------------------------- one read */

/*
 * Has the store come there? A snapshot that is open may be older than what was published while this
 * turn of the loop went on, or than what somebody has just written by hand. 1, 0 or a fault.
 */
static int look(struct exchange *x, int64_t seq)
{
	int r = snapshot_use(x->snapshot);

	if (r == 0 && x->snapshot->seq < seq) {
		snapshot_rest(x->snapshot);
		r = snapshot_use(x->snapshot);
	}
	return r < 0 ? r : x->snapshot->seq >= seq;
}

/*
 * The read goes on, or is refused. One whose client has left in the meantime does not go on: it
 * might wait again, in a row's queue, and nobody would take it back.
 */
static void finish(struct exchange *x, int reached)
{
	int64_t seq = x->seq_wait->seq;

	seq_wait_end(x->seq_wait);
	if (reached < 0)
		reply_fault(x, reached);
	else if (reached && request_of(x)->connection != NULL)
		x->route->handler(x);
	else if (exchange_is_hurried(x))
		reply_refuse(x, OUTCOME_DRAINING, NULL);
	else
		reply_behind(x, seq, x->snapshot->seq);
}

static void expire(struct exchange *x)
{
	finish(x, look(x, x->seq_wait->seq));
}

/* In line first, then the look: what comes behind the look rings. */
static void go_on(struct exchange *x)
{
	struct seq_wait *w = x->seq_wait;
	int reached = look(x, w->seq);

	if (reached != 0 || exchange_is_hurried(x) || clock_monotonic_ns() >= w->until_ns) {
		finish(x, reached);
		return;
	}
	exchange_park(x, go_on, expire, w->until_ns);
	join_line(w);
}

static void wait_for(struct exchange *x, int64_t seq, int64_t until_ns)
{
	struct seq_wait *w = arena_alloc(&x->arena, sizeof(*w));

	if (w == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	*w = (struct seq_wait){ .x = x, .seq = seq, .until_ns = until_ns };
	seq_wait_begin(w, exchange_seq_waits(x));
	go_on(x);
}

void seq_wait_run(struct exchange *x)
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
	if (!call_read_wait(x, routes_configuration()->wait_default_ms, &wait_ms))
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
