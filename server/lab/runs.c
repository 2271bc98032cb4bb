#include "lab/runs.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/text.h"
#include "engine/guard.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "wire/json_write.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum run_state { RUN_RUNNING, RUN_DONE, RUN_FAILED, RUN_CANCELLED, RUN_STATES };

static const char *const state_names[] = {
	[RUN_RUNNING] = "running",
	[RUN_DONE] = "done",
	[RUN_FAILED] = "failed",
	[RUN_CANCELLED] = "cancelled",
};
_Static_assert(LENGTH_OF(state_names) == RUN_STATES, "every state has a name");

struct run {
	struct lab_runs *runs;
	int64_t number; /* 0: there was none in this place yet */
	struct lab_plan plan;
	struct lab_watch watch;

	/* Guarded by runs.guard. */
	enum run_state state;
	int64_t started_ms, ended_ms; /* UTC; ended_ms 0: not yet */
	int pick_index;               /* the race that is on */
	double fraction;              /* of it that is over */
	int result_count;
	struct lab_result results[LAB_PICKS_MAX];
};

struct lab_runs {
	struct guard guard;
	const char *folder;
	bool is_stopping;    /* guarded, as is all below */
	bool has_thread;     /* to be joined: of the newest run */
	int64_t last_number; /* the newest run; 0: none */
	pthread_t thread;
	struct run kept[LAB_RUNS_KEPT]; /* by number */
};

static struct run *run_at(struct lab_runs *l, int64_t number)
{
	return &l->kept[number % LAB_RUNS_KEPT];
}

/* NULL: there is no such run. Under the guard. */
static struct run *run_find(struct lab_runs *l, int64_t number)
{
	CHECK(guard_is_mine(&l->guard));
	if (number < 1 || number > l->last_number || run_at(l, number)->number != number)
		return NULL;
	return run_at(l, number);
}

/* ---------------------------------------------------------------- the thread */

static void note_progress(void *context, int pick_index, double fraction)
{
	struct run *r = context;

	guard_lock(&r->runs->guard);
	r->pick_index = pick_index;
	r->fraction = fraction < 1 ? fraction : 1;
	guard_unlock(&r->runs->guard);
}

static void note_result(void *context, int pick_index, const struct lab_result *result)
{
	struct run *r = context;

	guard_lock(&r->runs->guard);
	CHECK(pick_index == r->result_count);
	r->results[r->result_count++] = *result;
	r->fraction = 1;
	guard_unlock(&r->runs->guard);
}

static void log_fault(const struct run *r, int fault)
{
	const struct fault *f = fault_latest();

	log_write(LOG_ERROR, "lab_failed", "run=lab_%" PRId64 " error=%d extended=%d at=%s:%d",
		  r->number, -fault, f->detail, f->file != NULL ? f->file : "", f->line);
}

static void *run_main(void *context)
{
	struct run *r = context;
	struct crash_stack stack;
	int result;

	crash_thread_begin(&stack, "lab", -1);
	result = lab_run(&r->plan, &r->watch);
	if (result < 0 && result != -ECANCELED)
		log_fault(r, result);
	guard_lock(&r->runs->guard);
	CHECK(r->state == RUN_RUNNING);
	r->state = result == 0 ? RUN_DONE : result == -ECANCELED ? RUN_CANCELLED : RUN_FAILED;
	r->ended_ms = clock_utc_ms();
	guard_unlock(&r->runs->guard);
	return NULL;
}

/* ---------------------------------------------------------------- life */

int lab_runs_open(const char *folder, struct lab_runs **ret)
{
	struct lab_runs *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return FAULT(-ENOMEM);
	guard_init(&l->guard, RANK_LAB);
	l->folder = folder;
	*ret = l;
	return 0;
}

static void cancel_locked(struct lab_runs *l, int64_t number)
{
	struct run *r = run_find(l, number);

	if (r != NULL)
		atomic_store(&r->watch.must_stop, true);
}

void lab_runs_stop(struct lab_runs *l)
{
	if (l == NULL)
		return;
	guard_lock(&l->guard);
	l->is_stopping = true;
	cancel_locked(l, l->last_number);
	guard_unlock(&l->guard);
}

void lab_runs_close(struct lab_runs *l)
{
	if (l == NULL)
		return;
	lab_runs_stop(l);
	if (l->has_thread)
		CHECK(pthread_join(l->thread, NULL) == 0);
	guard_fini(&l->guard);
	free(l);
}

/* ---------------------------------------------------------------- starting */

static void prepare(struct lab_runs *l, struct run *r, const struct lab_plan *plan)
{
	*r = (struct run){ .runs = l, .number = l->last_number + 1, .plan = *plan };
	r->plan.folder = l->folder;
	r->watch.progress = note_progress;
	r->watch.finished = note_result;
	r->watch.context = r;
	r->started_ms = clock_utc_ms();
}

static enum lab_start start_locked(struct lab_runs *l, const struct lab_plan *plan)
{
	struct run *newest = run_find(l, l->last_number);
	struct run *r = run_at(l, l->last_number + 1);

	if (l->is_stopping)
		return LAB_STOPPING;
	if (newest != NULL && newest->state == RUN_RUNNING)
		return LAB_BUSY;
	/* Its last act was to say that it is over: this does not wait. */
	if (l->has_thread)
		CHECK(pthread_join(l->thread, NULL) == 0);
	prepare(l, r, plan);
	l->has_thread = pthread_create(&l->thread, NULL, run_main, r) == 0;
	if (!l->has_thread) {
		r->number = 0;
		return LAB_NO_MEMORY;
	}
	l->last_number++;
	return LAB_STARTED;
}

enum lab_start lab_runs_start(struct lab_runs *l, const struct lab_plan *plan, int64_t *ret_number)
{
	enum lab_start result;

	guard_lock(&l->guard);
	result = start_locked(l, plan);
	if (result == LAB_STARTED)
		*ret_number = l->last_number;
	guard_unlock(&l->guard);
	if (result == LAB_STARTED)
		metric_add(METRIC_LAB_RUNS, 1);
	return result;
}

bool lab_runs_cancel(struct lab_runs *l, int64_t number)
{
	bool is_there;

	guard_lock(&l->guard);
	is_there = run_find(l, number) != NULL;
	cancel_locked(l, number);
	guard_unlock(&l->guard);
	return is_there;
}

/* ---------------------------------------------------------------- telling */

static void write_decimal(struct json *j, double value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.3f", value);
	json_raw(j, digits);
}

static void write_progress(struct json *j, const struct run *r)
{
	const struct lab_pick *pick = &r->plan.picks[r->pick_index];
	bool is_between = r->result_count > r->pick_index; /* its result is counted already */
	double over = r->result_count + (is_between ? 0 : r->fraction);

	json_open(j, '{');
	JSON_NAME(j, "races"), json_int(j, r->plan.pick_count);
	JSON_NAME(j, "done"), json_int(j, r->result_count);
	JSON_NAME(j, "scenario"), json_text(j, pick->scenario->name);
	JSON_NAME(j, "strategy"), json_text(j, pick->strategy->name);
	JSON_NAME(j, "fraction"), write_decimal(j, over / r->plan.pick_count);
	json_close(j, '}');
}

/* What the results mean, line by line. */
static void write_reading(struct json *j, const struct run *r)
{
	struct text reading;
	char *rest = NULL;

	text_init(&reading);
	lab_read_results(&reading, r->results, r->result_count);
	json_open(j, '[');
	if (reading.data != NULL)
		for (char *line = strtok_r(reading.data, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest))
			json_text(j, line);
	json_close(j, ']');
	j->text->failed = j->text->failed || reading.failed;
	text_fini(&reading);
}

static void write_run(struct json *j, const struct run *r)
{
	char id[32];

	snprintf(id, sizeof(id), "lab_%" PRId64, r->number);
	json_open(j, '{');
	JSON_NAME(j, "id"), json_text(j, id);
	JSON_NAME(j, "state"), json_text(j, state_names[r->state]);
	JSON_NAME(j, "progress"), write_progress(j, r);
	JSON_NAME(j, "build"), json_text(j, lab_build);
	JSON_NAME(j, "seed"), json_int(j, r->plan.terms.seed);
	JSON_NAME(j, "clients"), json_int(j, r->plan.terms.clients);
	JSON_NAME(j, "seconds"), json_int(j, r->plan.terms.seconds);
	JSON_NAME(j, "think_us"), json_int(j, r->plan.terms.think_us);
	JSON_NAME(j, "started_at"), json_time(j, r->started_ms);
	JSON_NAME(j, "ended_at"), json_time(j, r->ended_ms);
	JSON_NAME(j, "runs"), json_open(j, '[');
	for (int i = 0; i < r->result_count; i++)
		lab_result_write(j, &r->results[i]);
	json_close(j, ']');
	JSON_NAME(j, "reading"), write_reading(j, r);
	json_close(j, '}');
}

bool lab_runs_write(struct lab_runs *l, int64_t number, struct json *j)
{
	const struct run *r;

	guard_lock(&l->guard);
	r = run_find(l, number);
	if (r != NULL)
		write_run(j, r);
	guard_unlock(&l->guard);
	return r != NULL;
}

void lab_runs_write_all(struct lab_runs *l, struct json *j)
{
	guard_lock(&l->guard);
	for (int64_t number = l->last_number; run_find(l, number) != NULL; number--)
		write_run(j, run_find(l, number));
	guard_unlock(&l->guard);
}

/* ---------------------------------------------------------------- what there is */

static void write_strategies(struct json *j, const struct lab_scenario *s)
{
	json_open(j, '[');
	for (int i = 0; i < s->strategy_count; i++) {
		json_open(j, '{');
		JSON_NAME(j, "name"), json_text(j, s->strategies[i].name);
		JSON_NAME(j, "right"), json_bool(j, s->strategies[i].is_right);
		JSON_NAME(j, "reads"), json_text(j, s->strategies[i].reads);
		JSON_NAME(j, "text"), json_text(j, s->strategies[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_scenarios(struct json *j)
{
	json_open(j, '[');
	for (int i = 0; i < lab_scenario_count; i++) {
		const struct lab_scenario *s = &lab_scenarios[i];

		json_open(j, '{');
		JSON_NAME(j, "name"), json_text(j, s->name);
		JSON_NAME(j, "title"), json_text(j, s->title);
		JSON_NAME(j, "text"), json_text(j, s->text);
		JSON_NAME(j, "counted"), json_text(j, s->counted);
		JSON_NAME(j, "strategies"), write_strategies(j, s);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void lab_offer_write(struct json *j, bool is_enabled)
{
	json_open(j, '{');
	JSON_NAME(j, "enabled"), json_bool(j, is_enabled);
	JSON_NAME(j, "hint"), json_text(j, is_enabled ? NULL : "Start the server with --lab.");
	JSON_NAME(j, "build"), json_text(j, lab_build);
	JSON_NAME(j, "limits"), json_open(j, '{');
	JSON_NAME(j, "clients_max"), json_int(j, LAB_CLIENTS_MAX);
	JSON_NAME(j, "seconds_max"), json_int(j, LAB_SECONDS_MAX);
	JSON_NAME(j, "think_us_max"), json_int(j, LAB_THINK_US_MAX);
	json_close(j, '}');
	JSON_NAME(j, "defaults"), json_open(j, '{');
	JSON_NAME(j, "clients"), json_int(j, lab_terms_default.clients);
	JSON_NAME(j, "seconds"), json_int(j, lab_terms_default.seconds);
	JSON_NAME(j, "think_us"), json_int(j, lab_terms_default.think_us);
	JSON_NAME(j, "seed"), json_int(j, lab_terms_default.seed);
	json_close(j, '}');
	JSON_NAME(j, "scenarios"), write_scenarios(j);
	json_close(j, '}');
}
