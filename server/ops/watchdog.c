#include "ops/watchdog.h"
#include "base/check.h"
#include "base/clock.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "ops/notify.h"
#include <stdio.h>
#include <string.h>

enum { LOOKS_PER_PERIOD = 4 };

/* poll() takes 24 days; whoever waits so long looks once more. */
static const int64_t wait_ms_max = (int64_t)3600 * MS_PER_S;

void watchdog_init(struct watchdog *w, int64_t period_ns, const struct watched *watched)
{
	CHECK(period_ns >= 0);
	CHECK(watched->wake != NULL);
	CHECK(watched->state != NULL);
	*w = (struct watchdog){ .watched = *watched,
				.every_ns = period_ns / LOOKS_PER_PERIOD,
				.state = "" };
}

int watchdog_wait_ms(const struct watchdog *w, int64_t now_ns)
{
	int64_t rest_ms;

	if (w->every_ns == 0)
		return -1;
	if (w->next_ns <= now_ns)
		return 0;
	rest_ms = (w->next_ns - now_ns) / NS_PER_MS + 1;
	return (int)(rest_ms < wait_ms_max ? rest_ms : wait_ms_max);
}

static void note_late(struct watchdog *w, const char *who)
{
	if (strcmp(w->late, who) != 0)
		w->late_looks = 0;
	snprintf(w->late, sizeof(w->late), "%s", who);
	w->late_looks++;
	if (w->late_looks != 2)
		return;
	metric_add(METRIC_THREADS_LATE, 1);
	log_write(LOG_WARN, "thread_late", "thread=%s", who);
}

static void tell_state(struct watchdog *w)
{
	const char *state = w->watched.state(w->watched.context);

	if (strcmp(state, w->state) != 0)
		notify_status(state);
	w->state = state;
}

void watchdog_turn(struct watchdog *w, int64_t now_ns)
{
	char who[PULSE_NAME_BYTES] = "";

	if (w->every_ns == 0 || now_ns < w->next_ns)
		return;
	w->next_ns = now_ns + w->every_ns;
	if (pulse_is_late(now_ns, who)) {
		note_late(w, who);
		return;
	}
	w->late[0] = '\0';
	notify_feed();
	pulse_ask();
	w->watched.wake(w->watched.context);
	tell_state(w);
}
