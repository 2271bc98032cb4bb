#include "lab/race_run.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "lab/desk.h"
#include "lab/front_ends.h"
#include "lab/row_locks.h"
#include "lab/till.h"
#include "ops/metrics.h"
#include <stdlib.h>

/* ---------------------------------------------------------------- racing */

static enum verdict carry_out(struct racer *r, const struct wish *w)
{
	switch (w->part) {
	case PART_COUNT:
		return r->race->way->count(r, w);
	case PART_READ:
		return r->race->way->read(r, w);
	case PART_UPDATE:
		break;
	}
	return r->race->way->update(r, w);
}

/* A client was told that this is so; the database has to keep it. */
static void believe(struct race *race, const struct wish *w)
{
	for (int i = 0; i < w->change_count; i++)
		atomic_fetch_add(&race->told[w->changes[i].row], w->changes[i].delta);
}

static void tally_update(struct racer *r, const struct wish *w, enum verdict v, int64_t took_ns)
{
	struct tally *t = &r->tally;

	switch (v) {
	case VERDICT_DONE:
		t->committed++;
		believe(r->race, w);
		break;
	case VERDICT_REFUSED:
		t->refused++;
		break;
	case VERDICT_DEADLOCK:
		t->deadlocks++;
		break;
	case VERDICT_STOPPED:
	case VERDICT_FAILED:
		return; /* it did not come to an end */
	}
	t->attempts++;
	histogram_add(&t->updates, took_ns);
}

static void try_once(struct racer *r, const struct wish *w)
{
	int64_t begun_ns = clock_monotonic_ns();
	enum verdict v = carry_out(r, w);
	int64_t took_ns = clock_monotonic_ns() - begun_ns;

	if (w->part == PART_UPDATE) {
		tally_update(r, w, v, took_ns);
	} else if (w->part == PART_READ && v == VERDICT_DONE) {
		r->tally.reads++;
		histogram_add(&r->tally.read_times, took_ns);
	}
	if (r->race->course->after != NULL)
		r->race->course->after(r, w, v);
}

static void *racer_main(void *context)
{
	struct racer *r = context;
	struct crash_stack stack;
	struct wish w;

	crash_thread_begin(&stack, "racer", r->index);
	metrics_mute_thread(); /* what is raced for here is no stock of the service */
	CHECK(pthread_mutex_lock(&r->race->start) == 0);
	CHECK(pthread_mutex_unlock(&r->race->start) == 0);
	while (!race_is_over(r->race) && r->race->course->next(r, &w))
		try_once(r, &w);
	atomic_store(&r->race->is_over, true); /* it is sold out: what follows would be no race */
	return NULL;
}

/* ---------------------------------------------------------------- preparing */

static int racer_open(struct race *race, int index)
{
	struct racer *r = &race->racers[index];

	racer_init(r, race, index);
	if (!race->way->is_at_desk)
		return till_open(race, &r->till);
	index = race->way->has_front_ends ? index % LAB_FRONT_ENDS : 0;
	return desk_open(race, race->services[index], &r->desk);
}

static void racers_close(struct race *race)
{
	for (int i = 0; i < race->terms->clients; i++) {
		till_close(race->racers[i].till);
		desk_close(race->racers[i].desk);
		race->racers[i].till = NULL;
		race->racers[i].desk = NULL;
	}
}

static int prepare_store(struct race *race)
{
	if (race->way->has_front_ends)
		return front_ends_open(race);
	if (race->way->is_at_desk)
		return desk_service_open(race);
	return shop_create(race->path, race->course->row_count, race->course->units);
}

/* A mutex for each row, or one for each front end where they have their own. */
static int prepare_locks(struct race *race)
{
	int row_count = race->course->row_count;

	if (!race->way->has_row_locks)
		return 0;
	return row_locks_create(row_count < LAB_FRONT_ENDS ? LAB_FRONT_ENDS : row_count,
				&race->locks);
}

static int prepare(struct race *race)
{
	int r = prepare_store(race);

	race->told = calloc((size_t)race->course->row_count, sizeof(race->told[0]));
	if (r == 0 && race->told == NULL)
		r = FAULT(-ENOMEM);
	if (r == 0)
		r = prepare_locks(race);
	for (int i = 0; r == 0 && i < race->terms->clients; i++)
		r = racer_open(race, i);
	return r;
}

static void clear_away(struct race *race)
{
	racers_close(race);
	desk_service_close(race);
	front_ends_close(race);
	row_locks_destroy(race->locks);
	race->locks = NULL;
}

/* ---------------------------------------------------------------- running */

static void join_racers(struct race *race, int count)
{
	for (int i = 0; i < count; i++)
		CHECK(pthread_join(race->racers[i].thread, NULL) == 0);
}

/* All of them or none. The racers stand at the start until everybody is there. */
static int start_racers(struct race *race)
{
	int count = 0;

	CHECK(pthread_mutex_lock(&race->start) == 0);
	while (count < race->terms->clients &&
	       pthread_create(&race->racers[count].thread, NULL, racer_main,
			      &race->racers[count]) == 0)
		count++;
	if (count < race->terms->clients)
		atomic_store(&race->is_over, true);
	CHECK(pthread_mutex_unlock(&race->start) == 0);
	if (count == race->terms->clients)
		return 0;
	join_racers(race, count);
	return FAULT(-EAGAIN);
}

static void watch_racers(struct race *race, int64_t race_ms, struct lab_watch *watch,
			 int pick_index)
{
	int64_t begun_ns = clock_monotonic_ns(), end_ns = begun_ns + race_ms * NS_PER_MS;

	for (int64_t now_ns = begun_ns; now_ns < end_ns && !race_is_over(race);
	     now_ns = clock_monotonic_ns()) {
		if (atomic_load(&watch->must_stop))
			race_fail(race, -ECANCELED);
		if (watch->progress != NULL)
			watch->progress(watch->context, pick_index,
					(double)(now_ns - begun_ns) /
						(double)(race_ms * NS_PER_MS));
		race_doze((end_ns - now_ns) / 1000 + 1);
	}
	atomic_store(&race->is_over, true);
}

static void sum_up(struct race *race, struct lab_result *ret)
{
	struct histogram *updates = &race->racers[0].tally.updates;
	struct histogram *reads = &race->racers[0].tally.read_times;

	for (int i = 0; i < race->terms->clients; i++) {
		struct tally *t = &race->racers[i].tally;

		ret->attempts += t->attempts;
		ret->committed += t->committed;
		ret->refused += t->refused;
		ret->deadlocks += t->deadlocks;
		ret->retries += t->retries;
		ret->reads += t->reads;
		ret->lost_updates += t->overwritten;
		if (i > 0) {
			histogram_merge(updates, &t->updates);
			histogram_merge(reads, &t->read_times);
		}
	}
	if (race->way->read != NULL)
		updates = reads;
	ret->p50_ms = (double)histogram_quantile(updates, 0.50) / NS_PER_MS;
	ret->p99_ms = (double)histogram_quantile(updates, 0.99) / NS_PER_MS;
	ret->longest_queue = atomic_load(&race->longest_queue);
	ret->updates_per_s = (double)ret->committed / ret->seconds;
	ret->reads_per_s = (double)ret->reads / ret->seconds;
}

/* Returns how long it took, or a fault. */
static int64_t run_racers(struct race *race, int64_t race_ms, struct lab_watch *watch,
			  int pick_index)
{
	int64_t begun_ns = clock_monotonic_ns();
	int r = start_racers(race);

	if (r < 0)
		return r;
	watch_racers(race, race_ms, watch, pick_index);
	join_racers(race, (int)race->terms->clients);
	r = atomic_load(&race->fault);
	return r < 0 ? r : clock_monotonic_ns() - begun_ns;
}

int race_run(struct race *race, int64_t race_ms, struct lab_watch *watch, int pick_index,
	     struct lab_result *ret)
{
	int64_t took_ns;
	int r;

	CHECK(race->terms->clients >= 2);
	CHECK(race->terms->clients <= LAB_CLIENTS_MAX);
	CHECK(pthread_mutex_init(&race->start, NULL) == 0);
	CHECK(pthread_mutex_init(&race->till_turn, NULL) == 0);
	CHECK(sem_init(&race->door, 0, 1) == 0);
	r = prepare(race);
	took_ns = r < 0 ? r : run_racers(race, race_ms, watch, pick_index);
	clear_away(race);
	if (took_ns >= 0) {
		*ret = (struct lab_result){ .pick = race->pick,
					    .clients = race->terms->clients,
					    .seconds = (double)took_ns / NS_PER_S };
		sum_up(race, ret);
		r = race->course->settle(race, ret);
	} else {
		r = (int)took_ns;
	}
	CHECK(sem_destroy(&race->door) == 0);
	CHECK(pthread_mutex_destroy(&race->till_turn) == 0);
	CHECK(pthread_mutex_destroy(&race->start) == 0);
	front_ends_forget(race);
	free(race->told);
	race->told = NULL;
	return r;
}
