#include "waiting/seq.h"
#include "ops/metrics.h"
#include "waiting/waits.h"

static struct seq_wait *seq_wait_of(struct list *link)
{
	return CONTAINER_OF(link, struct seq_wait, link);
}

/* ---------------------------------------------------------------- one of them */

void seq_wait_begin(struct seq_wait *w, struct exchange *x, int64_t seq)
{
	struct seq_line *all = &waits_of(x)->seqs;

	*w = (struct seq_wait){ .x = x, .seq = seq, .all = all };
	list_init(&w->link);
	if (all->count++ == 0)
		feed_listen(service_feed(all->service), &all->listener);
	metric_add(METRIC_READS_WAITING, 1);
}

void seq_wait_end(struct seq_wait *w)
{
	struct seq_line *all = w->all;

	list_remove(&w->link);
	CHECK(all->count > 0);
	if (--all->count == 0)
		feed_unlisten(service_feed(all->service), &all->listener);
	metric_add(METRIC_READS_WAITING, -1);
}

static void expire(struct exchange *x)
{
	struct seq_wait *w = x->waiting.own;

	list_remove(&w->link); /* it may have to look once more, and is not in line for that */
	w->late(x);
}

static bool leave(struct exchange *x)
{
	seq_wait_end(x->waiting.own);
	return true;
}

static void hurry(struct exchange *x)
{
	struct seq_wait *w = x->waiting.own;

	list_remove(&w->link);
	exchange_expire(x);
}

static const struct waiting_kind kind = { .expire = expire, .leave = leave, .hurry = hurry };

/* Later reads want later seqs, most of the time: its place is near the end. */
static void join_line(struct seq_wait *w)
{
	struct list *after = w->all->waits.prev;

	CHECK(!list_is_linked(&w->link));
	while (after != &w->all->waits && seq_wait_of(after)->seq > w->seq)
		after = after->prev;
	list_insert_before(after->next, &w->link);
}

void seq_wait_park(struct seq_wait *w, exchange_continue *resume, exchange_continue *late,
		   int64_t until_ns)
{
	w->late = late;
	w->x->waiting.own = w;
	exchange_park(w->x, &kind, resume, until_ns);
	join_line(w);
}

/* ---------------------------------------------------------------- the duty */

/* Where its deadline was faster its handler is about to be told so. */
static void resume_first(struct seq_line *all)
{
	struct seq_wait *w = seq_wait_of(all->waits.next);

	list_remove(&w->link);
	if (exchange_is_parked(w->x))
		exchange_return(w->x);
}

static void look(struct duty *d)
{
	struct seq_line *all = CONTAINER_OF(d, struct seq_line, duty);
	int64_t seq = service_seq(all->service);

	while (!list_is_empty(&all->waits) && seq_wait_of(all->waits.next)->seq <= seq)
		resume_first(all);
}

static const struct duty_kind duty_kind = { .look = look };

void seq_line_init(struct seq_line *all, struct host *h)
{
	all->service = h->service;
	all->listener = (struct feed_listener){ .home = &h->mailbox };
	all->count = 0;
	list_init(&all->waits);
	host_take_on(h, &all->duty, &duty_kind);
}
