/* postgres_house - seen every second, by a connection of its own that does nothing else. */
#include "store/postgres_house.h"
#include "store/postgres_link.h"
#include "base/clock.h"
#include "base/crash.h"
#include "store/postgres_witness.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LOOK,
	IS_THERE,
	ENTER,
	SEE,
	IS_FIRST,
	LEAVE,
	TEXTS,
};

/*
 * When the statement came in. clock_timestamp() is volatile, and what is volatile cannot stand in
 * an UPDATE where the store is a cell (docs/cells.md); nor can a subquery stand in an INSERT there,
 * nor anything that is not immutable behind RETURNING or in what is done on a conflict.
 */
#define NOW "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"

static const char *const texts[] = {
	[LOOK] = "SELECT seen_at, address, " NOW " - seen_at, backend FROM front_end "
		 "WHERE name = $1",
	/* A role that may not see the other's session sees that it is there. */
	[IS_THERE] = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)",
	/* $5: whose session is known to be gone. */
	[ENTER] =
		"INSERT INTO front_end AS f (name, address, version, started_at, seen_at, backend) "
		"VALUES ($1, $2, $3, " NOW ", " NOW ", pg_backend_pid()) "
		"ON CONFLICT (name) DO UPDATE SET address = excluded.address,"
		" version = excluded.version, started_at = greatest(excluded.started_at,"
		" f.started_at + 1), seen_at = excluded.seen_at, backend = excluded.backend "
		"WHERE f.seen_at < excluded.seen_at - $4 OR f.backend = $5 "
		"RETURNING id, started_at",
	[SEE] = "UPDATE front_end SET seen_at = " NOW ", backend = pg_backend_pid() "
		"WHERE id = $1 AND started_at = $2 RETURNING id",
	[IS_FIRST] = "SELECT NOT EXISTS (SELECT FROM front_end WHERE id < $1 AND "
		     "seen_at >= " NOW " - $2), (SELECT count(*) FROM front_end WHERE "
		     "seen_at >= " NOW " - $2)",
	[LEAVE] = "DELETE FROM front_end WHERE id = $1 AND started_at = $2",
};
_Static_assert(LENGTH_OF(texts) == TEXTS, "a text for each");

enum { LOOK_AGAIN_MS = 250, TRIP_MS = 2000, NO_BACKEND = -1 };

struct postgres_house {
	struct postgres_store *store;
	struct postgres_link *link;
	int64_t started_at;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool must_stop; /* guarded by mutex */
};

/* One trip, in TRIP_MS. */
static int ask(struct postgres_house *h, int statement, int count,
	       const struct postgres_value values[], PGresult **ret)
{
	int r;

	CHECK(statement < TEXTS);
	postgres_begin_trip(h->link);
	postgres_add(h->link, statement, count, values);
	r = postgres_send(h->link, clock_monotonic_ns() + TRIP_MS * NS_PER_MS);
	if (r == 0)
		r = postgres_take(h->link, ret);
	return postgres_end_trip(h->link, r);
}

/* ---------------------------------------------------------------- entering */

static struct postgres_house *make_house(struct postgres_store *s)
{
	struct postgres_house *h = calloc(1, sizeof(*h));
	pthread_condattr_t monotonic;

	if (h == NULL)
		return NULL;
	h->store = s;
	CHECK(pthread_mutex_init(&h->mutex, NULL) == 0);
	CHECK(pthread_condattr_init(&monotonic) == 0);
	CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&h->wake, &monotonic) == 0);
	pthread_condattr_destroy(&monotonic);
	return h;
}

static int refuse_name(struct postgres_opening *o, const struct store_front_end *f,
		       const PGresult *seen)
{
	char text[300], address[80];

	CHECK(PQntuples(seen) > 0);
	postgres_words(postgres_peek_text(seen, 0, 1), address, sizeof(address));
	snprintf(text, sizeof(text),
		 "a front end of the name %s is alive%s%s, and was seen %lld ms ago: choose "
		 "another name, --front-end NAME, or stop it",
		 f->name, address[0] != '\0' ? " at " : "", address,
		 (long long)postgres_int(seen, 0, 2));
	return postgres_refuse(o, STORE_IN_USE, text);
}

/* Who has the name now; *ret_gone: his session, where it has ended. */
static int look(struct postgres_house *h, const char *name, PGresult **ret_seen, int64_t *ret_gone)
{
	CLEANUP(postgres_clear) PGresult *there = NULL;
	struct postgres_value v = value_text(name);
	int r = ask(h, LOOK, 1, &v, ret_seen);
	int64_t backend;

	CHECK(name != NULL);
	*ret_gone = NO_BACKEND;
	if (r < 0 || PQntuples(*ret_seen) == 0)
		return r;
	backend = postgres_int(*ret_seen, 0, 3);
	v = value_int(backend);
	r = ask(h, IS_THERE, 1, &v, &there);
	if (r == 0 && !postgres_bool(there, 0, 0))
		*ret_gone = backend;
	return r;
}

/* 1: the name is ours; 0: somebody has it, and may live; or a fault. */
static int take_name(struct postgres_opening *o, struct postgres_house *h,
		     const struct store_front_end *f, int64_t gone)
{
	struct postgres_value v[] = { value_text(f->name), value_text(f->address),
				      value_text(f->version), value_int(FRONT_END_DEAD_MS),
				      value_int(gone) };
	CLEANUP(postgres_clear) PGresult *entered = NULL;
	int r = ask(h, ENTER, LENGTH_OF(v), v, &entered);

	CHECK(f->name != NULL);
	if (r < 0 || PQntuples(entered) == 0)
		return r;
	o->store->front_end_id = postgres_int(entered, 0, 0);
	h->started_at = postgres_int(entered, 0, 1);
	return 1;
}

/* One that lives is seen again within a second; one that does not is dead after the wait. */
static int enter(struct postgres_opening *o, struct postgres_house *h,
		 const struct store_front_end *f)
{
	int64_t first_seen_at = 0;

	CHECK(h->link != NULL);
	for (;;) {
		CLEANUP(postgres_clear) PGresult *seen = NULL;
		struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * NS_PER_MS };
		int64_t gone;
		int r = look(h, f->name, &seen, &gone);

		if (r == 0)
			r = take_name(o, h, f, gone);
		if (r == 1)
			return 0;
		if (r < 0)
			return postgres_refuse_fault(o, r, postgres_error_of(h->link));
		if (PQntuples(seen) == 1 && first_seen_at != 0 &&
		    postgres_int(seen, 0, 0) != first_seen_at)
			return refuse_name(o, f, seen);
		first_seen_at = PQntuples(seen) == 1 ? postgres_int(seen, 0, 0) : 0;
		nanosleep(&pause, NULL);
	}
}

/* What it writes every second need not be on the disk. */
static int connect(struct postgres_house *h)
{
	struct postgres_error e;
	int r = postgres_connect_or_say(h->store, POSTGRES_TOOLS, texts, TEXTS, &h->link, &e);

	CHECK(IMPLIES(r == 0, h->link != NULL));
	return r < 0 ? r : postgres_run_text(h->link, "SET synchronous_commit = off", NULL);
}

int postgres_house_enter(struct postgres_opening *o, const struct store_front_end *f)
{
	struct postgres_house *h = make_house(o->store);
	struct postgres_error e = { 0 };
	int r = h != NULL ? connect(h) : FAULT(-ENOMEM);

	CHECK(o->store->house == NULL);
	o->store->house = h;
	if (r < 0)
		return postgres_refuse_fault(
			o, r, h != NULL && h->link != NULL ? postgres_error_of(h->link) : &e);
	return enter(o, h, f);
}

/* ---------------------------------------------------------------- seeing to it */

static void tell(const struct postgres_house *h, enum store_event event, int64_t a, int64_t b)
{
	CHECK(h->store != NULL);
	if (h->store->tell != NULL)
		h->store->tell(h->store->tell_context, event, a, b);
}

/* That we live, and whether of all that do we are the first. One trip. */
static int say_and_ask(struct postgres_house *h, PGresult **ret_seen, PGresult **ret_first)
{
	struct postgres_value self[] = { value_int(h->store->front_end_id),
					 value_int(h->started_at) };
	struct postgres_value before[] = { self[0], value_int(FRONT_END_DEAD_MS) };
	int r;

	CHECK(h->started_at > 0);
	postgres_begin_trip(h->link);
	postgres_add(h->link, SEE, LENGTH_OF(self), self);
	postgres_add(h->link, IS_FIRST, LENGTH_OF(before), before);
	r = postgres_send(h->link, clock_monotonic_ns() + TRIP_MS * NS_PER_MS);
	if (r == 0)
		r = postgres_take(h->link, ret_seen);
	if (r == 0)
		r = postgres_take(h->link, ret_first);
	return postgres_end_trip(h->link, r);
}

static int see_to_row(struct postgres_house *h, PGresult **ret_seen, PGresult **ret_first)
{
	int r = 0;

	CHECK(h->started_at > 0);
	if (!postgres_is_connected(h->link)) {
		r = postgres_reconnect(h->link, 0);
		if (r == 0)
			r = postgres_run_text(h->link, "SET synchronous_commit = off", NULL);
	}
	if (r == 0)
		r = say_and_ask(h, ret_seen, ret_first);
	return r < 0 ? r : postgres_witness_judge(h->store, h->link);
}

static void see(struct postgres_house *h)
{
	CLEANUP(postgres_clear) PGresult *seen = NULL;
	CLEANUP(postgres_clear) PGresult *first = NULL;
	int r;

	/* A server that hangs keeps nobody from stopping. */
	postgres_limit(h->link, clock_monotonic_ns() + TRIP_MS * NS_PER_MS, NULL);
	r = see_to_row(h, &seen, &first);
	postgres_limit(h->link, 0, NULL);
	CHECK(r <= 0);
	if (r == 0 && PQntuples(seen) == 0 && !atomic_exchange(&h->store->is_ousted, true))
		tell(h, STORE_OUSTED, 0, 0);
	if (r == 0 && PQntuples(seen) == 1)
		tell(h, STORE_SERVED, postgres_int(first, 0, 1), 0);
	atomic_store(&h->store->keeps_house,
		     r == 0 && PQntuples(seen) == 1 && postgres_bool(first, 0, 0));
}

/* False: it is over. */
static bool wait_for_turn(struct postgres_house *h)
{
	int64_t until_ns = clock_monotonic_ns() + FRONT_END_SEEN_MS * NS_PER_MS;
	struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };
	bool goes_on;
	int error = 0;

	CHECK(pthread_mutex_lock(&h->mutex) == 0);
	while (!h->must_stop && error == 0)
		error = pthread_cond_timedwait(&h->wake, &h->mutex, &until);
	goes_on = !h->must_stop;
	CHECK(pthread_mutex_unlock(&h->mutex) == 0);
	return goes_on;
}

static void *keep(void *context)
{
	struct postgres_house *h = context;
	struct crash_stack stack;

	crash_thread_begin(&stack, "house", -1);
	do
		see(h);
	while (wait_for_turn(h));
	return NULL;
}

int postgres_house_begin(struct postgres_store *s)
{
	struct postgres_house *h = s->house;

	CHECK(h != NULL);
	CHECK(!h->has_thread);
	h->has_thread = pthread_create(&h->thread, NULL, keep, h) == 0;
	return h->has_thread ? 0 : FAULT(-EAGAIN);
}

static void stop(struct postgres_house *h)
{
	CHECK(pthread_mutex_lock(&h->mutex) == 0);
	h->must_stop = true;
	CHECK(pthread_cond_signal(&h->wake) == 0);
	CHECK(pthread_mutex_unlock(&h->mutex) == 0);
	CHECK(pthread_join(h->thread, NULL) == 0);
}

void postgres_house_end(struct postgres_store *s)
{
	struct postgres_house *h = s->house;

	if (h == NULL)
		return;
	if (h->has_thread)
		stop(h);
	if (h->started_at > 0 && postgres_is_connected(h->link)) {
		struct postgres_value v[] = { value_int(s->front_end_id),
					      value_int(h->started_at) };

		(void)ask(h, LEAVE, LENGTH_OF(v), v, NULL);
	}
	postgres_disconnect(h->link);
	CHECK(pthread_cond_destroy(&h->wake) == 0);
	CHECK(pthread_mutex_destroy(&h->mutex) == 0);
	free(h);
	s->house = NULL;
}
