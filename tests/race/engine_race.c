/*
 * engine_race - many threads in the engine itself, with no HTTP between: more of them meet.
 *
 *     engine_race early|commit
 *
 * Watchers look on all the time: whatever the writers do, a snapshot must show whole changes only.
 * Nothing here sleeps; what must come to pass is waited for with a bound.
 */
#include "base/clock.h"
#include "caller.h"
#include "shop.h"
#include "unit.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	CROWD_MAX = 64,
	ROWS_MAX = 10,
	UNITS = 500,
	PATIENT_MS = 60000, /* a wait that nobody should need */
	FOR_EVER_MS = 600000,
	SHOWS_S_MAX = 30, /* until something shows that a test waits for */
};

static bool releases_rows_early;

/* ---------------------------------------------------------------- common */

/* What did not hold on some thread. Only the main thread asserts, once the others have ended. */
static atomic_int trouble_count;

#define EXPECT(condition) ((condition) ? (void)0 : expect_failed(__LINE__, #condition))

static void expect_failed(int line, const char *condition)
{
	if (atomic_fetch_add(&trouble_count, 1) < 10)
		fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, line, condition);
}

static int setup(void **state)
{
	struct shop *s = malloc(sizeof(*s));

	assert_non_null(s);
	atomic_store(&trouble_count, 0);
	*state = s;
	shop_init(s, releases_rows_early);
	shop_open(s);
	return 0;
}

static int teardown(void **state)
{
	shop_fini(*state);
	free(*state);
	return 0;
}

/* ---------------------------------------------------------------- a crowd */

struct crowd {
	struct shop *shop;
	int row_count;
	int64_t units; /* in each row at the start */
	int count;
	void (*run)(struct crowd *c, struct caller *caller, unsigned seed);
	pthread_t threads[CROWD_MAX];
	pthread_barrier_t start;
	atomic_uint next_seed;
	atomic_bool is_over;            /* for those that go on until they are told */
	atomic_llong done;              /* writes that took effect */
	atomic_llong undone;            /* writes that did not */
	atomic_int versions[UNITS + 2]; /* how often each was made */
	atomic_llong seqs[UNITS];       /* by key: where its effect is; 0: nobody has said yet */
};

static void *run_one(void *crowd)
{
	struct crowd *c = crowd;
	unsigned seed = atomic_fetch_add(&c->next_seed, 1);
	struct caller caller;

	caller_open(&caller, c->shop->service);
	pthread_barrier_wait(&c->start);
	c->run(c, &caller, seed);
	caller_close(&caller);
	return NULL;
}

static void crowd_start(struct crowd *c, int count,
			void (*run)(struct crowd *c, struct caller *caller, unsigned seed))
{
	CHECK(count <= CROWD_MAX);
	c->count = count;
	c->run = run;
	assert_int_equal(pthread_barrier_init(&c->start, NULL, (unsigned)count), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&c->threads[i], NULL, run_one, c), 0);
}

static void crowd_join(struct crowd *c)
{
	for (int i = 0; i < c->count; i++)
		assert_int_equal(pthread_join(c->threads[i], NULL), 0);
	pthread_barrier_destroy(&c->start);
}

static void crowd_end(struct crowd *c)
{
	atomic_store(&c->is_over, true);
	crowd_join(c);
}

/* Everybody has ended: nothing was amiss, and the books balance. */
static void settle(struct shop *s)
{
	shop_close(s);
	assert_int_equal(trouble_count, 0);
}

/* A number below `below`, the thread's own sequence of them (Knuth's MMIX generator). */
static int draw(uint64_t *random, int below)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int)((*random >> 33) % (uint64_t)below);
}

/* ---------------------------------------------------------------- watchers */

/* Who looks in must not disturb anybody, and must not see nonsense. */
static void look_in(struct caller *caller)
{
	struct service_health health;
	struct lock_view *rows;
	struct lease_view *leases;
	struct arena arena;
	size_t row_count, lease_count;
	int64_t next;

	arena_init(&arena);
	EXPECT(service_locks(caller->service, &arena, &rows, &row_count) == 0);
	for (size_t i = 0; i < row_count; i++) {
		EXPECT(rows[i].waiter_views <= rows[i].waiter_count);
		EXPECT(rows[i].waiter_count > 0 || rows[i].holder_id != NULL);
		EXPECT(IMPLIES(rows[i].is_leased, rows[i].fence > 0));
	}
	EXPECT(service_leases(caller->service, 0, 1000, &arena, &leases, &lease_count, &next) == 0);
	EXPECT(next == 0);
	for (size_t i = 0; i < lease_count; i++)
		EXPECT(IMPLIES(i > 0, leases[i - 1].fence < leases[i].fence));
	service_health(caller->service, &health);
	EXPECT(health.is_writable);
	EXPECT(health.waiting_count >= 0);
	arena_fini(&arena);
}

static void expect_sound(const struct stock *row)
{
	EXPECT(row->on_hand >= 0);
	EXPECT(row->reserved >= 0);
	EXPECT(row->reserved <= row->on_hand);
}

/* Until told: units leave one by one, so each version of a row has one number of units. */
static void watch_sales(struct crowd *c, struct caller *caller, unsigned seed)
{
	struct stock rows[ROWS_MAX];
	int64_t seq = 0;

	(void)seed;
	while (!atomic_load(&c->is_over)) {
		int64_t seen = caller_look(caller, c->row_count, rows);
		int64_t changes = 0;

		EXPECT(seen >= seq);
		seq = seen;
		for (int row = 0; row < c->row_count; row++) {
			expect_sound(&rows[row]);
			EXPECT(rows[row].on_hand == c->units + 1 - rows[row].version);
			EXPECT(rows[row].seq <= seq);
			changes += rows[row].version;
		}
		EXPECT(changes == seq); /* the ledger has no gap, and nothing else in it */
		look_in(caller);
	}
}

/* Until told: units only move, so the sum of all rows never changes. */
static void watch_moves(struct crowd *c, struct caller *caller, unsigned seed)
{
	struct stock rows[ROWS_MAX];

	(void)seed;
	while (!atomic_load(&c->is_over)) {
		int64_t sum = 0;

		caller_look(caller, c->row_count, rows);
		for (int row = 0; row < c->row_count; row++) {
			expect_sound(&rows[row]);
			sum += rows[row].on_hand;
		}
		EXPECT(sum == c->row_count * c->units);
		EXPECT(caller_count(caller) == c->row_count * c->units);
		look_in(caller);
	}
}

/* ---------------------------------------------------------------- the last unit */

/* Buys of one row after the other, until each is sold out. Begins where nobody else does. */
static void buy(struct crowd *c, struct caller *caller, unsigned seed)
{
	for (int i = 0; i < c->row_count; i++) {
		struct order one = { .kind = COMMAND_ADJUST,
				     .row = (i + (int)seed) % c->row_count,
				     .quantity = -1,
				     .wait_ms = PATIENT_MS };
		const struct answer *a;
		struct stock rows[ROWS_MAX];

		while ((a = caller_ask(caller, &one))->outcome == OUTCOME_DONE) {
			atomic_fetch_add(&c->done, 1);
			atomic_fetch_add(&c->versions[a->stocks[0].version], 1);
			/* It was durable before it was answered: a snapshot has it. */
			EXPECT(caller_look(caller, c->row_count, rows) >= a->seq);
			EXPECT(rows[one.row].version >= a->stocks[0].version);
		}
		EXPECT(a->outcome == OUTCOME_INSUFFICIENT_STOCK);
		/* So does a refusal rest on what is durable. */
		caller_look(caller, c->row_count, rows);
		EXPECT(rows[one.row].on_hand == 0);
	}
}

static void sell(struct shop *s, int row_count)
{
	struct crowd buyers = { .shop = s, .row_count = row_count, .units = UNITS / row_count };
	struct crowd watchers = buyers;

	shop_stock(s, row_count, buyers.units);
	crowd_start(&watchers, 3, watch_sales);
	crowd_start(&buyers, CROWD_MAX, buy);
	crowd_join(&buyers);
	crowd_end(&watchers);
	settle(s);

	assert_int_equal(buyers.done, UNITS);
	for (int version = 2; version < buyers.units + 2; version++)
		assert_int_equal(buyers.versions[version], row_count);
	assert_int_equal(shop_query(s, "SELECT sum(on_hand) FROM stock"), 0);
	assert_int_equal(shop_query(s, "SELECT count(*) FROM movement"), UNITS + row_count);
}

static void one_row_sells_out_exactly(void **state)
{
	sell(*state, 1);
}

static void ten_rows_sell_out_exactly(void **state)
{
	sell(*state, ROWS_MAX);
}

/* ---------------------------------------------------------------- to and fro */

enum { CARRIERS = 24, CARRIES = 80, SHELVES = 4 };

/* Carries units between rows in all directions, and asks for a row in its turn now and then. */
static void carry(struct crowd *c, struct caller *caller, unsigned seed)
{
	uint64_t random = seed;

	for (int i = 0; i < CARRIES; i++) {
		int from = draw(&random, SHELVES);
		struct order move = { .kind = COMMAND_TRANSFER,
				      .row = from,
				      .to_row = (from + 1 + draw(&random, SHELVES - 1)) % SHELVES,
				      .quantity = 1 + draw(&random, 9),
				      .wait_ms = PATIENT_MS };
		struct order read = { .kind = COMMAND_READ, .row = from, .wait_ms = PATIENT_MS };
		struct stock rows[ROWS_MAX];
		const struct answer *a = caller_ask(caller, &move);

		EXPECT(a->outcome == OUTCOME_DONE || a->outcome == OUTCOME_INSUFFICIENT_STOCK);
		if (a->outcome == OUTCOME_DONE) {
			EXPECT(a->movements[1].seq == a->movements[0].seq + 1);
			atomic_fetch_add(&c->done, 1);
		}
		if (i % 8 != 0)
			continue;
		caller_look(caller, SHELVES, rows);
		a = caller_ask(caller, &read);
		EXPECT(a->outcome == OUTCOME_DONE);
		EXPECT(a->stocks[0].version >= rows[from].version);
		EXPECT(caller_look(caller, SHELVES, rows) >= a->seq);
		EXPECT(rows[from].version >= a->stocks[0].version);
	}
}

static void transfers_neither_deadlock_nor_tear(void **state)
{
	struct shop *s = *state;
	struct crowd carriers = { .shop = s, .row_count = SHELVES, .units = 100 };
	struct crowd watchers = carriers;

	shop_stock(s, SHELVES, carriers.units);
	crowd_start(&watchers, 4, watch_moves);
	crowd_start(&carriers, CARRIERS, carry);
	crowd_join(&carriers);
	crowd_end(&watchers);
	settle(s);

	assert_true(carriers.done > 0);
	assert_int_equal(shop_query(s, "SELECT sum(on_hand) FROM stock"), SHELVES * carriers.units);
	assert_int_equal(shop_query(s, "SELECT count(*) FROM movement"),
			 SHELVES + 2 * carriers.done);
}

/* ---------------------------------------------------------------- leases */

enum { HOLDERS = 6, HOLDS = 12, LEASED_ROWS = 2, SHORT_MS = 2 };

/* Until told: adds a unit to one row after the other, waiting at the leases. */
static void add_units(struct crowd *c, struct caller *caller, unsigned seed)
{
	for (int i = (int)seed; !atomic_load(&c->is_over); i++) {
		struct order add = { .kind = COMMAND_ADJUST,
				     .row = i % c->row_count,
				     .quantity = 1,
				     .wait_ms = PATIENT_MS };

		EXPECT(caller_ask(caller, &add)->outcome == OUTCOME_DONE);
		atomic_fetch_add(&c->done, 1);
	}
}

/* As long as its lease is held nobody else changes the row: its versions are all the holder's. */
static bool add_as_holder(struct crowd *c, struct caller *caller, const struct order *add,
			  int64_t version)
{
	const struct answer *a = caller_ask(caller, add);

	if (a->outcome != OUTCOME_DONE) {
		EXPECT(a->outcome == OUTCOME_STALE_FENCE);
		return false;
	}
	atomic_fetch_add(&c->done, 1);
	EXPECT(a->stocks[0].version == version);
	return true;
}

/* Takes a lease that lasts, changes a row twice, renews it between, releases it. */
static void hold_and_release(struct crowd *c, struct caller *caller, const struct order *add,
			     int64_t version)
{
	struct order renew = { .kind = COMMAND_LEASE_RENEW,
			       .fence = add->fence,
			       .ttl_ms = FOR_EVER_MS,
			       .wait_ms = PATIENT_MS };
	struct order release = { .kind = COMMAND_LEASE_RELEASE,
				 .fence = add->fence,
				 .wait_ms = PATIENT_MS };

	EXPECT(add_as_holder(c, caller, add, version + 1));
	EXPECT(caller_ask(caller, &renew)->outcome == OUTCOME_DONE);
	EXPECT(add_as_holder(c, caller, add, version + 2));
	EXPECT(caller_ask(caller, &release)->outcome == OUTCOME_DONE);
	EXPECT(caller_ask(caller, add)->outcome == OUTCOME_STALE_FENCE);
}

/* Takes one of the rows or both, for a while or for an instant. */
static void hold(struct crowd *c, struct caller *caller, unsigned seed)
{
	for (int i = 0; i < HOLDS; i++) {
		bool is_short = (i + (int)seed) % 3 == 2;
		int row = (i + (int)seed) % LEASED_ROWS;
		struct order take = { .kind = COMMAND_LEASE_TAKE,
				      .row = row,
				      .to_row = (row + 1) % LEASED_ROWS,
				      .is_of_two = i % 2 == 0,
				      .ttl_ms = is_short ? SHORT_MS : FOR_EVER_MS,
				      .wait_ms = PATIENT_MS };
		struct order add = {
			.kind = COMMAND_ADJUST, .row = row, .quantity = 1, .wait_ms = PATIENT_MS
		};
		struct stock rows[ROWS_MAX];
		const struct answer *a = caller_ask(caller, &take);

		EXPECT(a->outcome == OUTCOME_DONE);
		add.fence = a->lease.fence;
		caller_look(caller, c->row_count, rows);
		if (is_short) /* it may have ended already */
			add_as_holder(c, caller, &add, rows[row].version + 1);
		else
			hold_and_release(c, caller, &add, rows[row].version);
	}
}

static void leases_come_and_go_while_writers_wait(void **state)
{
	struct shop *s = *state;
	struct crowd holders = { .shop = s, .row_count = LEASED_ROWS + 1 };
	struct crowd writers = holders;
	long long total;

	shop_stock(s, holders.row_count, UNITS);
	crowd_start(&writers, 12, add_units);
	crowd_start(&holders, HOLDERS, hold);
	crowd_join(&holders);
	crowd_end(&writers);
	settle(s);

	total = holders.done + writers.done;
	assert_int_equal(shop_query(s, "SELECT sum(on_hand) FROM stock"),
			 holders.row_count * UNITS + total);
	assert_int_equal(shop_query(s, "SELECT count(*) FROM movement"), holders.row_count + total);
}

/* ---------------------------------------------------------------- those who give up */

enum { IMPATIENT = 24, OF_EACH_MIN = 200 };

/* Until told: leases row 0 again and again, so that those who come must wait. */
static void open_and_close(struct crowd *c, struct caller *caller, unsigned seed)
{
	for (int i = (int)seed; !atomic_load(&c->is_over); i++) {
		struct order take = { .kind = COMMAND_LEASE_TAKE,
				      .ttl_ms = i % 2 == 0 ? 1 : FOR_EVER_MS,
				      .wait_ms = PATIENT_MS };
		struct order release = { .kind = COMMAND_LEASE_RELEASE, .wait_ms = PATIENT_MS };
		const struct answer *a = caller_ask(caller, &take);

		EXPECT(a->outcome == OUTCOME_DONE);
		release.fence = a->lease.fence;
		if (take.ttl_ms == FOR_EVER_MS)
			EXPECT(caller_ask(caller, &release)->outcome == OUTCOME_DONE);
	}
}

static void expect_decided_or_not(struct crowd *c, const struct answer *a)
{
	if (a->outcome == OUTCOME_DONE) {
		atomic_fetch_add(&c->done, 1);
		return;
	}
	EXPECT(a->outcome == OUTCOME_ROW_LEASED || a->outcome == OUTCOME_ROW_BUSY);
	EXPECT(IMPLIES(a->outcome == OUTCOME_ROW_LEASED, a->lease.fence > 0));
	atomic_fetch_add(&c->undone, 1);
}

/* Until told: waits a moment only, which ends at about the time when the row becomes free. */
static void wait_a_moment(struct crowd *c, struct caller *caller, unsigned seed)
{
	uint64_t random = seed;

	while (!atomic_load(&c->is_over)) {
		struct order add = { .kind = COMMAND_ADJUST,
				     .quantity = 1,
				     .wait_ms = draw(&random, 4) };

		expect_decided_or_not(c, caller_ask(caller, &add));
	}
}

/* Until told: sends, and hangs up a little later. */
static void hang_up(struct crowd *c, struct caller *caller, unsigned seed)
{
	uint64_t random = seed;

	while (!atomic_load(&c->is_over)) {
		struct order add = { .kind = COMMAND_ADJUST, .quantity = 1, .wait_ms = PATIENT_MS };

		caller_send(caller, &add);
		for (int turns = draw(&random, 20); turns > 0; turns--)
			sched_yield();
		caller_hang_up(caller);
		expect_decided_or_not(c, caller_answer(caller));
	}
}

static void wait_for_both_kinds(struct crowd *c)
{
	int64_t until_ns = clock_monotonic_ns() + SHOWS_S_MAX * NS_PER_S;

	while ((atomic_load(&c->done) < OF_EACH_MIN || atomic_load(&c->undone) < OF_EACH_MIN) &&
	       clock_monotonic_ns() < until_ns)
		sched_yield();
}

/* Each write was either decided and is in the ledger, or was not and is nowhere. */
static void give_up(struct shop *s, void (*run)(struct crowd *, struct caller *, unsigned))
{
	struct crowd keepers = { .shop = s };
	struct crowd impatient = { .shop = s };

	shop_stock(s, 1, UNITS);
	crowd_start(&keepers, 2, open_and_close);
	crowd_start(&impatient, IMPATIENT, run);
	wait_for_both_kinds(&impatient);
	crowd_end(&impatient);
	crowd_end(&keepers);
	settle(s);

	assert_true(impatient.done >= OF_EACH_MIN);
	assert_true(impatient.undone >= OF_EACH_MIN);
	assert_int_equal(shop_query(s, "SELECT on_hand FROM stock"), UNITS + impatient.done);
	assert_int_equal(shop_query(s, "SELECT count(*) FROM movement"), 1 + impatient.done);
}

static void a_wait_ends_while_the_row_is_granted(void **state)
{
	give_up(*state, wait_a_moment);
}

static void who_hangs_up_is_decided_or_forgotten(void **state)
{
	give_up(*state, hang_up);
}

/* ---------------------------------------------------------------- one key */

enum { SHARERS = 16, KEYS = 60 };

/* All send the same orders with the same keys; every other one hangs up. */
static void share(struct crowd *c, struct caller *caller, unsigned seed)
{
	for (int i = 0; i < KEYS; i++) {
		char key[32];
		struct order add = {
			.kind = COMMAND_ADJUST, .quantity = 1, .wait_ms = PATIENT_MS, .key = key
		};
		const struct answer *a;
		long long nobody = 0;

		snprintf(key, sizeof(key), "key-%d", i);
		pthread_barrier_wait(&c->start);
		caller_send(caller, &add);
		if (seed % 2 == 1)
			caller_hang_up(caller);
		a = caller_answer(caller);
		if (a->outcome == OUTCOME_DONE) {
			if (!atomic_compare_exchange_strong(&c->seqs[i], &nobody,
							    a->movements[0].seq))
				EXPECT(nobody == a->movements[0].seq);
		} else {
			EXPECT(seed % 2 == 1);
			EXPECT(a->outcome == OUTCOME_REQUEST_IN_FLIGHT ||
			       a->outcome == OUTCOME_ROW_LEASED || a->outcome == OUTCOME_ROW_BUSY);
		}
	}
}

static void a_key_takes_effect_once_whoever_hangs_up(void **state)
{
	struct shop *s = *state;
	struct crowd keepers = { .shop = s };
	struct crowd sharers = { .shop = s };

	shop_stock(s, 1, UNITS);
	crowd_start(&keepers, 1, open_and_close);
	crowd_start(&sharers, SHARERS, share);
	crowd_join(&sharers);
	crowd_end(&keepers);
	settle(s);

	for (int i = 0; i < KEYS; i++)
		assert_true(sharers.seqs[i] > 0);
	assert_int_equal(shop_query(s, "SELECT on_hand FROM stock"), UNITS + KEYS);
	assert_int_equal(shop_query(s, "SELECT count(*) FROM idempotency"), KEYS);
}

/* ---------------------------------------------------------------- order */

enum { LINE = 64, LINES = 5 };

struct line {
	struct caller callers[LINE];
	int hung_up_count;
};

/* Every other one of the line gives up, while the lease is being released. */
static void *thin_out(void *line)
{
	struct line *l = line;

	for (int i = 1; i < LINE; i += 2)
		l->hung_up_count += caller_hang_up(&l->callers[i]);
	return NULL;
}

/* Whoever stayed is served in the order of arrival. Returns how many were. */
static int expect_order(struct line *l, int64_t version)
{
	int served = 0;

	for (int i = 0; i < LINE; i++) {
		const struct answer *a = caller_answer(&l->callers[i]);

		assert_true(a->outcome == OUTCOME_DONE || i % 2 == 1);
		if (a->outcome == OUTCOME_DONE)
			assert_int_equal(a->stocks[0].version, version + ++served);
	}
	return served;
}

static int64_t line_up_once(struct shop *s, struct caller *holder, struct line *l, int64_t version)
{
	struct order take = { .kind = COMMAND_LEASE_TAKE,
			      .ttl_ms = FOR_EVER_MS,
			      .wait_ms = PATIENT_MS };
	struct order buy_one = { .kind = COMMAND_ADJUST, .quantity = -1, .wait_ms = PATIENT_MS };
	struct order release = { .kind = COMMAND_LEASE_RELEASE, .wait_ms = PATIENT_MS };
	pthread_t thread;
	int served;

	release.fence = caller_ask(holder, &take)->lease.fence;
	l->hung_up_count = 0;
	for (int i = 0; i < LINE; i++) {
		caller_open(&l->callers[i], s->service);
		caller_send(&l->callers[i], &buy_one);
	}
	assert_int_equal(pthread_create(&thread, NULL, thin_out, l), 0);
	assert_int_equal(caller_ask(holder, &release)->outcome, OUTCOME_DONE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	served = expect_order(l, version);
	assert_int_equal(served, LINE - l->hung_up_count);
	for (int i = 0; i < LINE; i++)
		caller_close(&l->callers[i]);
	return version + served;
}

static void who_waits_at_a_lease_is_served_in_order(void **state)
{
	struct shop *s = *state;
	struct line *l = malloc(sizeof(*l));
	struct caller holder;
	int64_t version = 1;

	assert_non_null(l);
	shop_stock(s, 1, UNITS);
	caller_open(&holder, s->service);
	for (int i = 0; i < LINES; i++)
		version = line_up_once(s, &holder, l, version);
	caller_close(&holder);
	settle(s);
	free(l);
	assert_int_equal(shop_query(s, "SELECT on_hand FROM v_stock WHERE location = 'WH-0'"),
			 UNITS + 1 - version);
}

/* ---------------------------------------------------------------- the end */

enum { LATE = 32, STUCK = 8 };

/* Sells of row 0 until the service drains. */
static void sell_until_drained(struct crowd *c, struct caller *caller, unsigned seed)
{
	struct order add = { .kind = COMMAND_ADJUST, .quantity = 1, .wait_ms = PATIENT_MS };
	const struct answer *a;

	(void)seed;
	while ((a = caller_ask(caller, &add))->outcome == OUTCOME_DONE)
		atomic_fetch_add(&c->done, 1);
	EXPECT(a->outcome == OUTCOME_DRAINING);
}

/* Waits at the lease of row 1, for nothing. */
static void wait_until_drained(struct crowd *c, struct caller *caller, unsigned seed)
{
	struct order add = {
		.kind = COMMAND_ADJUST, .row = 1, .quantity = 1, .wait_ms = PATIENT_MS
	};

	(void)c;
	(void)seed;
	EXPECT(caller_ask(caller, &add)->outcome == OUTCOME_DRAINING);
}

/* The lease's waiters as service_locks() shows them. */
static size_t waiters_at_lease(struct shop *s)
{
	struct arena arena;
	struct lock_view *rows;
	size_t row_count = 0, waiters = 0;

	arena_init(&arena);
	EXPECT(service_locks(s->service, &arena, &rows, &row_count) == 0);
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].is_leased)
			waiters = rows[i].waiter_count;
	arena_fini(&arena);
	return waiters;
}

static void wait_for_load(struct shop *s, struct crowd *late)
{
	int64_t until_ns = clock_monotonic_ns() + SHOWS_S_MAX * NS_PER_S;

	while ((waiters_at_lease(s) < STUCK || atomic_load(&late->done) < 4 * LATE) &&
	       clock_monotonic_ns() < until_ns)
		sched_yield();
	EXPECT(waiters_at_lease(s) == STUCK);
	EXPECT(atomic_load(&late->done) >= 4 * LATE);
}

/* After a restart: the lease is held, its fence counts, and a used key is answered again. */
static void expect_kept(struct shop *s, int64_t fence, int64_t key_seq)
{
	struct order add = { .kind = COMMAND_ADJUST, .row = 1, .quantity = 1 };
	struct order again = { .kind = COMMAND_ADJUST, .row = 2, .quantity = 1, .key = "once" };
	struct caller c;

	shop_open(s);
	caller_open(&c, s->service);
	assert_int_equal(caller_ask(&c, &add)->outcome, OUTCOME_ROW_LEASED);
	assert_int_equal(c.answer->lease.fence, fence);
	add.fence = fence;
	assert_int_equal(caller_ask(&c, &add)->outcome, OUTCOME_DONE);
	assert_true(caller_ask(&c, &again)->is_replayed);
	assert_int_equal(c.answer->movements[0].seq, key_seq);
	caller_close(&c);
	settle(s);
}

static void a_drain_under_load_loses_nothing(void **state)
{
	struct shop *s = *state;
	struct crowd late = { .shop = s }, stuck = { .shop = s };
	struct order once = { .kind = COMMAND_ADJUST, .row = 2, .quantity = 1, .key = "once" };
	struct order take = { .kind = COMMAND_LEASE_TAKE, .row = 1, .ttl_ms = FOR_EVER_MS };
	int64_t fence, key_seq;
	struct caller c;

	shop_stock(s, 3, UNITS);
	caller_open(&c, s->service);
	key_seq = caller_ask(&c, &once)->seq;
	fence = caller_ask(&c, &take)->lease.fence;
	crowd_start(&stuck, STUCK, wait_until_drained);
	crowd_start(&late, LATE, sell_until_drained);
	wait_for_load(s, &late);
	service_drain(s->service, clock_monotonic_ns() + 50 * NS_PER_MS);
	crowd_join(&late);
	crowd_join(&stuck);
	assert_true(caller_ask(&c, &once)->is_replayed); /* a drain is not in its way */
	caller_close(&c);
	settle(s);

	assert_int_equal(shop_query(s, "SELECT sum(on_hand) FROM stock"),
			 3 * UNITS + 1 + late.done);
	expect_kept(s, fence, key_seq);
	assert_int_equal(shop_query(s, "SELECT sum(on_hand) FROM stock"),
			 3 * UNITS + 2 + late.done);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(one_row_sells_out_exactly),
		CASE(ten_rows_sell_out_exactly),
		CASE(transfers_neither_deadlock_nor_tear),
		CASE(leases_come_and_go_while_writers_wait),
		CASE(a_wait_ends_while_the_row_is_granted),
		CASE(who_hangs_up_is_decided_or_forgotten),
		CASE(a_key_takes_effect_once_whoever_hangs_up),
		CASE(who_waits_at_a_lease_is_served_in_order),
		CASE(a_drain_under_load_loses_nothing),
#undef CASE
	};

	if (argc != 2) {
		fprintf(stderr, "usage: engine_race early|commit\n");
		return 64;
	}
	releases_rows_early = strcmp(argv[1], "early") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
