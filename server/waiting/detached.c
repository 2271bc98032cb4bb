#include "waiting/detached.h"
#include "exchange/host.h"

void detached_begin(struct detached_line *line, struct detached *d,
		    void (*late)(struct detached *d), int64_t until_ns)
{
	CHECK(d->line == NULL);
	CHECK(line->count < DETACHED_MAX);
	line->count++;
	d->line = line;
	d->late = late;
	d->deadline = (struct deadline){ 0 };
	if (until_ns != INT64_MAX)
		deadline_add(&line->deadlines, &d->deadline, until_ns);
}

void detached_end(struct detached *d)
{
	if (d->line == NULL)
		return;
	deadline_remove(&d->line->deadlines, &d->deadline);
	d->line->count--;
	CHECK(d->line->count >= 0);
	d->line = NULL;
}

/* ---------------------------------------------------------------- the duty */

static const struct detached_line *line_of(const struct duty *d)
{
	return CONTAINER_OF(d, const struct detached_line, duty);
}

static int64_t due(const struct duty *d)
{
	return deadline_next_ns(&line_of(d)->deadlines);
}

/* What is late is under way still, and is not late again. */
static void serve(struct duty *duty, int64_t now_ns)
{
	struct detached_line *line = CONTAINER_OF(duty, struct detached_line, duty);
	struct deadline *d;

	while ((d = deadline_pop_due(&line->deadlines, now_ns)) != NULL) {
		struct detached *late = CONTAINER_OF(d, struct detached, deadline);

		late->late(late);
	}
}

static bool is_busy(const struct duty *d)
{
	return line_of(d)->count > 0;
}

static const struct duty_kind kind = { .due = due, .serve = serve, .is_busy = is_busy };

void detached_line_init(struct detached_line *line, struct host *h)
{
	line->count = 0;
	deadline_queue_init(&line->deadlines, line->heap, LENGTH_OF(line->heap));
	host_take_on(h, &line->duty, &kind);
}
