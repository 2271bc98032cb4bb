/* batch_reads - what a thread that may wait reads for the lines of a batch, for many in one go. */
#include "base/check.h"
#include "http/batch/batch.h"

static struct batch_line *line_of(struct list *read_link)
{
	return CONTAINER_OF(read_link, struct batch_line, read_link);
}

/* On the reader thread. */
static int run(struct long_read *read, struct reader *reader, struct arena *unused)
{
	struct batch *b = CONTAINER_OF(read, struct batch, read);

	(void)unused; /* each line has its own */
	LIST_EACH (it, &b->reading)
		batch_line_read_asked(b, line_of(it), reader);
	return 0;
}

void batch_lines_read(struct batch *b)
{
	struct list *link;

	if (list_is_empty(&b->asking) || !list_is_empty(&b->reading) || batch_has_ended_early(b))
		return;
	list_splice_back(&b->reading, &b->asking);
	LIST_EACH (it, &b->reading)
		line_of(it)->state = LINE_READING;
	b->read.run = run;
	b->read.is_patient = true;
	if (service_read(b->service, &b->read)) {
		detached_begin(b->detached, &b->read_work, NULL, INT64_MAX);
		return;
	}
	while ((link = list_pop_front(&b->reading)) != NULL)
		batch_line_leave_asked(line_of(link));
}

void batch_lines_take(struct batch *b)
{
	struct list *link;

	while ((link = list_pop_front(&b->reading)) != NULL) {
		struct batch_line *line = line_of(link);

		batch_count_waiting(b, line, -1);
		batch_line_take_asked(b, line);
		batch_count_waiting(b, line, 1);
	}
}
