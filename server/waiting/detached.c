#include "waiting/detached.h"
#include "base/check.h"
#include "base/list.h"

void errands_init(struct errands *all)
{
	all->count = 0;
	deadline_queue_init(&all->deadlines, all->heap, LENGTH_OF(all->heap));
}

void errand_begin(struct errands *all, struct errand *e, void (*late)(struct errand *e),
		  int64_t until_ns)
{
	CHECK(e->all == NULL);
	CHECK(all->count < ERRANDS_MAX);
	all->count++;
	e->all = all;
	e->late = late;
	e->deadline = (struct deadline){ 0 };
	if (until_ns != INT64_MAX)
		deadline_add(&all->deadlines, &e->deadline, until_ns);
}

void errand_end(struct errand *e)
{
	if (e->all == NULL)
		return;
	deadline_remove(&e->all->deadlines, &e->deadline);
	e->all->count--;
	CHECK(e->all->count >= 0);
	e->all = NULL;
}

void errands_look(struct errands *all, int64_t now_ns)
{
	struct deadline *d;

	while ((d = deadline_pop_due(&all->deadlines, now_ns)) != NULL) {
		struct errand *e = CONTAINER_OF(d, struct errand, deadline);

		e->late(e);
	}
}
