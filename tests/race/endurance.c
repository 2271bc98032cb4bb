/*
 * endurance - two races that may go on for as long as one likes.
 *
 *     endurance PATH_OF_ROWLOCKD early|commit                    # both, for some seconds
 *     endurance PATH_OF_ROWLOCKD early|commit crossing 60        # one of them, for a minute
 *     endurance PATH_OF_ROWLOCKD early|commit run_out 100000     # ... with so many reservations
 *
 * crossing: commands of several rows in opposite orders. Whoever locks row by row deadlocks here.
 * run_out: reservations of the shortest lifetime, and a commit for each at the moment of its end.
 *
 * Each prints what it saw. Run it under ThreadSanitizer, too: its reports fail the test.
 */
#include "base/clock.h"
#include "client.h"
#include "server.h"
#include "unit.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	CLIENTS = 64,
	ITEMS = 3,
	LOCATIONS = 2,
	UNITS = 1000000,
	CROSSING_S = 2,
	RESERVATIONS = 4000,
	SHOWS_S_MAX = 60, /* until the server shows what a test waits for */
};

static const char *program, *release;
static int64_t crossing_s = CROSSING_S, reservation_count = RESERVATIONS;

/* Answers that should not be. Only the main thread asserts, once the others have ended. */
static atomic_int trouble_count;

static void expect(bool is_so, const struct reply *r)
{
	if (!is_so && atomic_fetch_add(&trouble_count, 1) < 5)
		fprintf(stderr, "not expected: %d %s\n", r->status, r->body);
}

struct race {
	struct server server;
	struct client client; /* the main thread's */
	struct reply reply;   /* its last */
	pthread_t threads[CLIENTS];
	int64_t until_ns;
	atomic_int next_index;
	atomic_llong tickets;     /* reservations that may still be made */
	atomic_llong transfers;   /* done */
	atomic_llong resolved[2]; /* by commit; by release, or because the time was up */
	atomic_llong committed_units;
	atomic_llong longest_ns; /* that anybody waited for an answer */
};

/* ---------------------------------------------------------------- common */

static int setup(void **state)
{
	struct race *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	*state = r;
	atomic_store(&trouble_count, 0);
	server_init(&r->server, program, release);
	server_start(&r->server);
	client_open(&r->client, r->server.port);
	return 0;
}

static int teardown(void **state)
{
	struct race *r = *state;

	client_close(&r->client);
	server_fini(&r->server);
	free(r);
	return 0;
}

/* Asks, and wants this status. */
static void ask(struct race *r, int status, const char *method, const char *target,
		const char *body)
{
	client_ask(&r->client, &r->reply, method, target, NULL, body);
	if (r->reply.status != status)
		fail_msg("%s %s: %d, not %d: %s", method, target, r->reply.status, status,
			 r->reply.body);
}

/* Items S-0 ... at WH-0 ..., with UNITS in each row. */
static void make_rows(struct race *r)
{
	char target[128], body[64];

	snprintf(body, sizeof(body), "{\"delta\":%d}", UNITS);
	for (int l = 0; l < LOCATIONS; l++) {
		snprintf(target, sizeof(target), "/v1/locations/WH-%d", l);
		ask(r, 201, "PUT", target, "{\"name\":\"Shelf\"}");
	}
	for (int i = 0; i < ITEMS; i++) {
		snprintf(target, sizeof(target), "/v1/items/S-%d", i);
		ask(r, 201, "PUT", target, "{\"name\":\"Thing\"}");
		for (int l = 0; l < LOCATIONS; l++) {
			snprintf(target, sizeof(target), "/v1/stock/S-%d/WH-%d/adjust", i, l);
			ask(r, 201, "POST", target, body);
		}
	}
}

static void race_run(struct race *r, void *(*run)(void *))
{
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&r->threads[i], NULL, run, r), 0);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_join(r->threads[i], NULL), 0);
}

/* Stops the server, which must end well; then no unit is missing, and none is promised. */
static void settle(struct race *r)
{
	static const char *const none[] = { "SELECT count(*) FROM v_ledger_check",
					    "SELECT count(*) FROM v_reserved_check",
					    "SELECT sum(reserved) FROM stock" };

	client_close(&r->client);
	server_stop(&r->server);
	assert_int_equal(trouble_count, 0);
	for (size_t i = 0; i < LENGTH_OF(none); i++)
		assert_int_equal(server_query(&r->server, none[i]), 0);
	assert_int_equal(server_query(&r->server, "SELECT sum(on_hand) FROM stock"),
			 (long long)UNITS * ITEMS * LOCATIONS - r->committed_units);
}

/* One thread's: its connection, its last reply, and its dice. */
struct runner {
	struct race *race;
	struct client client;
	struct reply *reply;
	int index;
	uint64_t dice;
};

static struct runner runner_begin(struct race *race)
{
	struct runner r = { .race = race,
			    .reply = malloc(sizeof(*r.reply)),
			    .index = atomic_fetch_add(&race->next_index, 1) };

	r.dice = (uint64_t)r.index * 2 + 1;
	client_open(&r.client, race->server.port);
	return r;
}

static void runner_end(struct runner *r)
{
	client_close(&r->client);
	free(r->reply);
}

/* From 0 to count - 1 (xorshift). */
static int roll(struct runner *r, int count)
{
	r->dice ^= r->dice << 13;
	r->dice ^= r->dice >> 7;
	r->dice ^= r->dice << 17;
	return (int)(r->dice % (uint64_t)count);
}

static void runner_ask(struct runner *r, const char *target, const char *body)
{
	client_ask(&r->client, r->reply, "POST", target, NULL, body);
	long long took_ns = r->reply->ended_ns - r->reply->begun_ns;
	long long longest_ns = atomic_load(&r->race->longest_ns);

	while (r->reply->status != 0 && took_ns > longest_ns &&
	       !atomic_compare_exchange_weak(&r->race->longest_ns, &longest_ns, took_ns))
		;
}

/* Sends it; returns the number of the reservation that was made, or 0. */
static int64_t reserve(struct runner *r, const char *body)
{
	const char *at;

	runner_ask(r, "/v1/reservations?wait=30", body);
	at = r->reply->status == 201 ? strstr(r->reply->body, "\"id\":\"r_") : NULL;
	expect(at != NULL, r->reply);
	return at != NULL ? atoll(at + strlen("\"id\":\"r_")) : 0;
}

static void resolve(struct runner *r, int64_t id, const char *verb)
{
	char target[96];

	snprintf(target, sizeof(target), "/v1/reservations/r_%" PRId64 "/%s?wait=30", id, verb);
	runner_ask(r, target, NULL);
}

/* ---------------------------------------------------------------- crossing */

/* From one shelf to the other, or back: both rows are wanted, in either order. */
static void cross_by_transfer(struct runner *r)
{
	int from = roll(r, LOCATIONS);
	char body[128];

	snprintf(body, sizeof(body),
		 "{\"sku\":\"S-%d\",\"from\":\"WH-%d\",\"to\":\"WH-%d\",\"quantity\":%d}",
		 roll(r, ITEMS), from, (from + 1) % LOCATIONS, 1 + roll(r, 9));
	runner_ask(r, "/v1/transfers?wait=30", body);
	expect(r->reply->status == 201, r->reply);
	atomic_fetch_add(&r->race->transfers, r->reply->status == 201);
}

/* Two to four of the rows, named upwards by one half of the clients and downwards by the other. */
static void cross_by_reservation(struct runner *r)
{
	int count = 2 + roll(r, 3), first = roll(r, ITEMS * LOCATIONS);
	int step = r->index % 2 == 0 ? 1 : ITEMS * LOCATIONS - 1;
	bool is_commit = roll(r, 2) == 0;
	char body[512];
	int bytes = snprintf(body, sizeof(body), "{\"ttl_s\":600,\"lines\":[");

	for (int i = 0; i < count; i++) {
		int row = (first + i * step) % (ITEMS * LOCATIONS);

		bytes += snprintf(body + bytes, sizeof(body) - (size_t)bytes,
				  "%s{\"sku\":\"S-%d\",\"location\":\"WH-%d\",\"quantity\":1}",
				  i > 0 ? "," : "", row / LOCATIONS, row % LOCATIONS);
	}
	snprintf(body + bytes, sizeof(body) - (size_t)bytes, "]}");

	int64_t id = reserve(r, body);
	if (id == 0)
		return;
	resolve(r, id, is_commit ? "commit" : "release");
	expect(r->reply->status == 200, r->reply);
	if (r->reply->status != 200)
		return;
	atomic_fetch_add(&r->race->resolved[is_commit ? 0 : 1], 1);
	atomic_fetch_add(&r->race->committed_units, is_commit ? count : 0);
}

static void *cross(void *race)
{
	struct runner r = runner_begin(race);

	while (clock_monotonic_ns() < r.race->until_ns && atomic_load(&trouble_count) == 0) {
		if (roll(&r, 2) == 0)
			cross_by_transfer(&r);
		else
			cross_by_reservation(&r);
	}
	runner_end(&r);
	return NULL;
}

/* Nobody deadlocks, and no wait runs out: every answer was a success. */
static void crossing(void **state)
{
	struct race *r = *state;

	make_rows(r);
	r->until_ns = clock_monotonic_ns() + crossing_s * NS_PER_S;
	race_run(r, cross);
	assert_true(r->transfers > 0);
	assert_true(r->resolved[0] > 0);
	assert_true(r->resolved[1] > 0);
	settle(r);

	long long reservations = r->resolved[0] + r->resolved[1];
	print_message("# crossing, %s, %" PRId64 " s, %d clients, %d rows: %lld transfers and %lld "
		      "reservations with their ends, %lld commands/s; longest wait for an answer "
		      "%.1f ms; none ran out\n",
		      release, crossing_s, CLIENTS, ITEMS * LOCATIONS, (long long)r->transfers,
		      reservations, (r->transfers + 2 * reservations) / crossing_s,
		      (double)r->longest_ns / (double)NS_PER_MS);
}

/* ---------------------------------------------------------------- run_out */

enum { TTL_S = 1, BEFORE_MS = 60, AFTER_MS = 20, UNDER_WAY_MAX = 48 };

/*
 * A thread's reservations that were not resolved yet, the oldest first. Not more of them than can
 * be committed in time: one that falls behind only ever meets what has run out.
 */
struct promises {
	int64_t ids[UNDER_WAY_MAX];
	int64_t due_ns[UNDER_WAY_MAX]; /* when to try the commit */
	int64_t first, end;
};

/* Some come well before the end of each promise, some behind it, the others about when it ends. */
static int64_t runner_offset_ns(const struct runner *r)
{
	return (r->index * (BEFORE_MS + AFTER_MS) / CLIENTS - BEFORE_MS) * NS_PER_MS;
}

static void promise(struct runner *r, struct promises *p)
{
	char body[128];

	snprintf(body, sizeof(body),
		 "{\"ttl_s\":%d,\"lines\":[{\"sku\":\"S-%d\",\"location\":\"WH-%d\","
		 "\"quantity\":1}]}",
		 TTL_S, roll(r, ITEMS), roll(r, LOCATIONS));
	int64_t id = reserve(r, body);
	if (id == 0)
		return;
	p->ids[p->end % UNDER_WAY_MAX] = id;
	p->due_ns[p->end % UNDER_WAY_MAX] =
		r->reply->begun_ns + TTL_S * NS_PER_S + runner_offset_ns(r);
	p->end++;
}

/* Commits the oldest, at its moment: it is sold, or its time was up, and nothing else. */
static void keep(struct runner *r, struct promises *p)
{
	int64_t due_ns = p->due_ns[p->first % UNDER_WAY_MAX];
	struct timespec due = { .tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	resolve(r, p->ids[p->first++ % UNDER_WAY_MAX], "commit");
	if (r->reply->status == 200) {
		atomic_fetch_add(&r->race->resolved[0], 1);
		atomic_fetch_add(&r->race->committed_units, 1);
		return;
	}
	expect(r->reply->status == 409 && strstr(r->reply->body, "\"reservation-expired\"") != NULL,
	       r->reply);
	atomic_fetch_add(&r->race->resolved[1], 1);
}

/* Promises units until the oldest promise is about to end; whether it is kept is the race. */
static void *run_out_one(void *race)
{
	struct runner r = runner_begin(race);
	struct promises *p = calloc(1, sizeof(*p));

	while (atomic_load(&trouble_count) == 0) {
		bool is_any = p->first < p->end;
		bool is_due = is_any && p->due_ns[p->first % UNDER_WAY_MAX] <= clock_monotonic_ns();

		if (!is_due && p->end - p->first < UNDER_WAY_MAX &&
		    atomic_fetch_sub(&r.race->tickets, 1) > 0)
			promise(&r, p);
		else if (is_any)
			keep(&r, p);
		else
			break;
	}
	free(p);
	runner_end(&r);
	return NULL;
}

/* Each is resolved once: by its commit, or by its end, and the ledger says the same as was told. */
static void run_out(void **state)
{
	struct race *r = *state;
	int64_t begun_ns = clock_monotonic_ns();

	make_rows(r);
	atomic_store(&r->tickets, reservation_count);
	race_run(r, run_out_one);
	int64_t took_ns = clock_monotonic_ns() - begun_ns;
	int64_t until_ns = clock_monotonic_ns() + SHOWS_S_MAX * NS_PER_S;

	client_close(&r->client); /* the server has closed it, if it was idle for too long */
	client_open(&r->client, r->server.port);
	do {
		ask(r, 200, "GET", "/v1/reservations?state=active&limit=1", NULL);
		assert_true(clock_monotonic_ns() < until_ns);
	} while (strstr(r->reply.body, "\"data\":[]") == NULL);

	settle(r);
	static const struct {
		const char *sql;
		int which; /* of resolved; -1: all */
	} counts[] = {
		{ "SELECT count(*) FROM reservation", -1 },
		{ "SELECT count(*) FROM reservation WHERE state = 'committed'", 0 },
		{ "SELECT count(*) FROM reservation WHERE state = 'expired'", 1 },
		{ "SELECT count(*) FROM movement WHERE kind = 'reserve'", -1 },
		{ "SELECT count(*) FROM movement WHERE kind = 'commit'", 0 },
		{ "SELECT count(*) FROM movement WHERE kind = 'expire'", 1 },
	};
	for (size_t i = 0; i < LENGTH_OF(counts); i++)
		assert_int_equal(server_query(&r->server, counts[i].sql),
				 counts[i].which < 0 ? reservation_count
						     : (int64_t)r->resolved[counts[i].which]);
	assert_true(r->resolved[0] > 0);
	assert_true(r->resolved[1] > 0);
	print_message("# run_out, %s: %" PRId64 " reservations of %d s in %.1f s: %lld committed, "
		      "%lld expired, each once\n",
		      release, reservation_count, TTL_S, (double)took_ns / (double)NS_PER_S,
		      (long long)r->resolved[0], (long long)r->resolved[1]);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(crossing),
		CASE(run_out),
#undef CASE
	};

	if (argc != 3 && (argc != 5 || atoll(argv[4]) < 1))
		return 64;
	program = argv[1];
	release = argv[2];
	if (argc == 5) {
		cmocka_set_test_filter(argv[3]);
		crossing_s = reservation_count = atoll(argv[4]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
