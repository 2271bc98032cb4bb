/* Random deadlines against an array that is searched from end to end. */
#include "core/deadline.h"
#include "fuzz.h"

enum { DEADLINES = 40, TIMES = 60 };

static struct deadline deadlines[DEADLINES];
static struct deadline *heap[DEADLINES];
static struct deadline_queue queue;

/* The oracle: what is set, and for when. */
static bool is_set[DEADLINES];
static int64_t times[DEADLINES];

static int64_t earliest(void)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < DEADLINES; i++)
		if (is_set[i] && times[i] < first)
			first = times[i];
	return first;
}

static void pop(struct fuzz *f, int64_t now_ns)
{
	struct deadline *d = deadline_pop_due(&queue, now_ns);

	EXPECT(f, (d != NULL) == (earliest() <= now_ns));
	if (d == NULL)
		return;
	EXPECT(f, is_set[d - deadlines]);
	EXPECT(f, times[d - deadlines] == earliest());
	is_set[d - deadlines] = false;
}

static void expect_same(struct fuzz *f)
{
	size_t count = 0;

	for (int i = 0; i < DEADLINES; i++) {
		EXPECT(f, deadline_is_set(&deadlines[i]) == is_set[i]);
		count += is_set[i];
	}
	EXPECT(f, queue.count == count);
	EXPECT(f, deadline_next_ns(&queue) == earliest());
}

/* `grows` in 10 of those that are not set are added: the queue is nearly empty or nearly full. */
static void run(struct fuzz *f)
{
	uint64_t grows = fuzz_below(f, 10) + 1;

	deadline_queue_init(&queue, heap, DEADLINES);
	for (int i = 0; i < DEADLINES; i++) {
		deadlines[i] = (struct deadline){ 0 };
		is_set[i] = false;
	}
	while (fuzz_step(f)) {
		int i = (int)fuzz_below(f, DEADLINES);

		if (fuzz_below(f, 10) < 2) {
			pop(f, (int64_t)fuzz_below(f, TIMES));
		} else if (!is_set[i] && fuzz_below(f, 10) < grows) {
			times[i] = (int64_t)fuzz_below(f, TIMES);
			is_set[i] = true;
			deadline_add(&queue, &deadlines[i], times[i]);
		} else if (fuzz_below(f, 10) >= grows) {
			is_set[i] = false;
			deadline_remove(&queue, &deadlines[i]);
		}
		expect_same(f);
	}
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, 200, 2000, run);
}
