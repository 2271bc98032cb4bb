#include "engine/read_admission.h"
#include "base/check.h"
#include "base/clock.h"
#include "core/limits.h"
#include "ops/metrics.h"

void read_admission_init(struct read_admission *g)
{
	*g = (struct read_admission){ 0 };
	guard_init(&g->guard, RANK_READ_ADMISSION);
	signal_flag_init(&g->opened);
}

void read_admission_fini(struct read_admission *g)
{
	CHECK(g->reading_count == 0);
	CHECK(g->waiting_count == 0);
	signal_flag_fini(&g->opened);
	guard_fini(&g->guard);
}

/* While somebody reads the whole store, nothing is gained by waiting. */
static bool holds_up_locked(const struct read_admission *g)
{
	CHECK(guard_is_mine(&g->guard));
	return g->is_closed && g->whole_count == 0;
}

static bool wait_locked(struct read_admission *g, bool is_patient)
{
	CHECK(guard_is_mine(&g->guard));

	int64_t until_ns =
		is_patient ? INT64_MAX : g->closed_ns + READ_ADMISSION_MS_MAX * NS_PER_MS;

	CHECK(guard_is_mine(&g->guard));
	CHECK(g->waiting_count >= 0);
	g->waiting_count++;
	while (holds_up_locked(g) && clock_monotonic_ns() < until_ns)
		guard_wait(&g->guard, &g->opened, until_ns);
	g->waiting_count--;
	if (holds_up_locked(g))
		return false;
	/* One signal wakes one: it passes it on. */
	if (g->waiting_count > 0)
		signal_flag_raise(&g->opened);
	return true;
}

bool read_admission_enter(struct read_admission *g, bool is_whole, bool is_patient)
{
	bool is_held_up, comes_through = true;

	guard_lock(&g->guard);
	is_held_up = holds_up_locked(g);
	if (is_held_up)
		comes_through = wait_locked(g, is_patient);
	if (comes_through) {
		g->reading_count++;
		g->whole_count += is_whole;
	}
	guard_unlock(&g->guard);
	if (is_held_up)
		metric_add(METRIC_LONG_READS_HELD, 1);
	if (!comes_through)
		metric_add(METRIC_LONG_READS_REFUSED, 1);
	return comes_through;
}

void read_admission_leave(struct read_admission *g, bool is_whole)
{
	guard_lock(&g->guard);
	CHECK(g->reading_count > 0);
	CHECK(g->whole_count <= g->reading_count);
	g->reading_count--;
	g->whole_count -= is_whole;
	CHECK(g->whole_count >= 0);
	if (is_whole && holds_up_locked(g))
		g->closed_ns = clock_monotonic_ns();
	guard_unlock(&g->guard);
}

bool read_admission_close(struct read_admission *g)
{
	bool is_empty;

	guard_lock(&g->guard);
	if (!g->is_closed)
		g->closed_ns = clock_monotonic_ns();
	g->is_closed = true;
	is_empty = g->reading_count == 0;
	guard_unlock(&g->guard);
	return is_empty;
}

void read_admission_open(struct read_admission *g)
{
	guard_lock(&g->guard);
	g->is_closed = false;
	if (g->waiting_count > 0)
		signal_flag_raise(&g->opened);
	guard_unlock(&g->guard);
}

int read_admission_reading(struct read_admission *g)
{
	int count;

	guard_lock(&g->guard);
	count = g->reading_count;
	guard_unlock(&g->guard);
	return count;
}
