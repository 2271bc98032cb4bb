#include "engine/store_time.h"
#include "base/check.h"
#include "base/clock.h"
#include "ops/log.h"
#include "ops/metrics.h"

static int64_t machine_utc_ms(void *context)
{
	(void)context;
	return clock_utc_ms();
}

static int64_t machine_boot_ns(void *context)
{
	(void)context;
	return clock_boot_ns();
}

void store_time_init(struct store_time *t, const struct clocks *clocks, int64_t newest_ms)
{
	static const struct clocks machine = { machine_utc_ms, machine_boot_ns, NULL };

	guard_init(&t->guard, RANK_TIME);
	t->clocks = clocks != NULL ? *clocks : machine;
	CHECK(t->clocks.utc_ms != NULL);
	CHECK(t->clocks.boot_ns != NULL);
	atomic_init(&t->believed_ms, 0);
	store_clock_start(&t->clock, newest_ms, t->clocks.utc_ms(t->clocks.context),
			  t->clocks.boot_ns(t->clocks.context));
}

void store_time_fini(struct store_time *t)
{
	guard_fini(&t->guard);
}

static void tell(const struct clock_reading *r)
{
	double by_s = (double)r->step_ms / MS_PER_S, ahead_s = (double)r->ahead_ms / MS_PER_S;

	CHECK(r->event <= CLOCK_AGREES);
	metric_set(METRIC_CLOCK_AHEAD, r->ahead_ms * NS_PER_MS);
	switch (r->event) {
	case CLOCK_GOES_ON:
		break;
	case CLOCK_STEPPED:
		metric_add(METRIC_CLOCK_STEPS, 1);
		log_write(LOG_WARN, "clock_step", "by_s=%.1f ahead_s=%.1f", by_s, ahead_s);
		break;
	case CLOCK_BELIEVED:
		metric_add(METRIC_CLOCK_STEPS, 1);
		log_write(LOG_WARN, "clock_believed", "by_s=%.1f", by_s);
		break;
	case CLOCK_AGREES:
		log_write(LOG_INFO, "clock_agrees", "ahead_s=%.1f", ahead_s);
		break;
	}
}

int64_t store_time_now(struct store_time *t)
{
	int64_t wall_ms = t->clocks.utc_ms(t->clocks.context);
	int64_t boot_ns = t->clocks.boot_ns(t->clocks.context);
	int64_t was_ahead_ms;
	struct clock_reading r;

	CHECK(t->clocks.utc_ms != NULL);
	guard_lock(&t->guard);
	was_ahead_ms = t->clock.ahead_ms;
	r = store_clock_read(&t->clock, wall_ms, boot_ns);
	if (r.event == CLOCK_BELIEVED)
		atomic_fetch_add(&t->believed_ms, r.step_ms);
	guard_unlock(&t->guard);

	/* A millisecond to and fro is how the two clocks are read, and no news. */
	if (r.event != CLOCK_GOES_ON || r.ahead_ms > was_ahead_ms + 1 ||
	    r.ahead_ms < was_ahead_ms - 1)
		tell(&r);
	return r.now_ms;
}

int64_t store_time_ahead_ms(struct store_time *t)
{
	guard_lock(&t->guard);
	int64_t ahead_ms = t->clock.ahead_ms;
	guard_unlock(&t->guard);
	return ahead_ms;
}

int64_t store_time_until_ns(struct store_time *t, int64_t at_ms)
{
	int64_t now_ns = clock_monotonic_ns();

	CHECK(t->clocks.boot_ns != NULL);
	guard_lock(&t->guard);
	int64_t wait_ns = store_clock_wait_ns(&t->clock, at_ms);
	guard_unlock(&t->guard);
	return wait_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + wait_ns;
}

int64_t store_time_take_believed(struct store_time *t)
{
	return atomic_load(&t->believed_ms) == 0 ? 0 : atomic_exchange(&t->believed_ms, 0);
}
