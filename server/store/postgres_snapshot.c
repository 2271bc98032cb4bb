/* postgres_snapshot - how a reader's snapshot begins and ends, and what reads in it go over. */
#include "base/clock.h"
#include "store/postgres_reader.h"
#include <string.h>

/* For so long a read waits for a store that cannot be reached. */
enum { READ_RECONNECT_MS = 3000 };

struct postgres_reader *postgres_reader_of(struct reader *reader)
{
	return CONTAINER_OF(reader, struct postgres_reader, reader);
}

int postgres_read(struct reader *reader, enum postgres_read statement, int param_count,
		  const struct postgres_value values[], PGresult **ret)
{
	struct postgres_reader *r = postgres_reader_of(reader);

	CHECK(r->is_in_snapshot);
	CHECK(statement < POSTGRES_READ_COUNT);
	return postgres_run(r->link, statement, param_count, values, ret);
}

/* A snapshot that could not be ended is ended by the server, with its connection. */
static void finish_end(struct postgres_reader *r)
{
	if (r->is_ending)
		(void)postgres_end_trip(r->link, 0);
	r->is_ending = false;
	if (postgres_is_connected(r->link) && postgres_is_open(r->link))
		(void)postgres_rollback(r->link);
}

static int64_t reconnect_until(const struct postgres_reader *r)
{
	int64_t until_ns = clock_monotonic_ns() + READ_RECONNECT_MS * NS_PER_MS;

	CHECK(IMPLIES(r->or_limit_ns != NULL, r->limit_ns != 0));
	if (r->limit_ns != 0 && r->limit_ns < until_ns)
		until_ns = r->limit_ns;
	if (r->or_limit_ns != NULL && atomic_load(r->or_limit_ns) < until_ns)
		until_ns = atomic_load(r->or_limit_ns);
	return until_ns;
}

int postgres_reader_ready(struct postgres_reader *r)
{
	CHECK(!r->is_in_snapshot);
	postgres_limit(r->link, r->limit_ns, r->or_limit_ns);
	finish_end(r);
	return postgres_reconnect(r->link, reconnect_until(r));
}

/* ---------------------------------------------------------------- what is expected */

void postgres_expect(struct reader *reader, const struct stock_name names[], size_t count)
{
	struct postgres_reader *r = postgres_reader_of(reader);

	CHECK(!r->is_in_snapshot);
	r->expected = names;
	r->expected_count = count;
}

/* Adds what reads them; nothing where there are none. The arrays must last until it is sent. */
static void add_expected(struct postgres_reader *r, struct arena *a)
{
	size_t bytes = r->expected_count * sizeof(const char *);
	const char **skus, **codes;

	CHECK(IMPLIES(r->expected_count > 0, r->expected != NULL));
	if (r->expected_count == 0)
		return;
	skus = arena_alloc(a, bytes);
	codes = arena_alloc(a, bytes);
	if (skus == NULL || codes == NULL) {
		r->expected_count = 0; /* it was a hint */
		return;
	}
	for (size_t i = 0; i < r->expected_count; i++) {
		skus[i] = r->expected[i].sku;
		codes[i] = r->expected[i].location;
	}

	struct postgres_value values[] = { value_text_array(a, skus, r->expected_count),
					   value_text_array(a, codes, r->expected_count) };

	postgres_add(r->link, READ_STOCKS, LENGTH_OF(values), values);
}

static bool is_of(const struct stock_name *name, const char *sku, const char *location)
{
	CHECK(name->sku != NULL);
	return strcmp(name->sku, sku) == 0 && strcmp(name->location, location) == 0;
}

/* Rows are asked for in the order in which they were expected, or nearly so. */
int postgres_expected(struct postgres_reader *r, const char *sku, const char *location)
{
	CHECK(r->is_in_snapshot);
	if (r->stocks == NULL)
		return -1;
	for (size_t i = 0; i < r->expected_count; i++) {
		size_t at = (r->stocks_next + i) % r->expected_count;

		if (is_of(&r->expected[at], sku, location)) {
			r->stocks_next = at + 1;
			return (int)at;
		}
	}
	return -1;
}

/* ---------------------------------------------------------------- snapshots */

static int take_beginning(struct postgres_reader *r)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int fault = postgres_take(r->link, NULL);

	CHECK(r->stocks == NULL);
	if (fault == 0)
		fault = postgres_take(r->link, &result);
	if (fault == 0 && r->expected_count > 0)
		fault = postgres_take(r->link, &r->stocks);
	fault = postgres_end_trip(r->link, fault);
	if (fault == 0)
		r->newest_seq = postgres_int(result, 0, 0);
	return fault;
}

static void forget_stocks(struct postgres_reader *r)
{
	postgres_clear(&r->stocks);
	r->stocks_next = 0;
}

static void forget_expected(struct postgres_reader *r)
{
	forget_stocks(r);
	r->expected = NULL;
	r->expected_count = 0;
}

static int begin_once(struct postgres_reader *r)
{
	struct arena a;
	int fault = postgres_reader_ready(r);

	forget_stocks(r); /* of a beginning that failed */
	if (fault < 0)
		return fault;
	arena_init(&a);
	postgres_begin_trip(r->link);
	postgres_add_text(r->link, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
	postgres_add(r->link, READ_SEQ, 0, NULL);
	add_expected(r, &a);
	fault = postgres_send(r->link, 0);
	arena_fini(&a);
	return fault < 0 ? fault : take_beginning(r);
}

/*
 * A connection that nobody used for a while may be gone without that anybody knew: then the trip
 * is made once more, over a new one.
 */
int postgres_begin(struct reader *reader, int64_t *ret_seq)
{
	struct postgres_reader *r = postgres_reader_of(reader);
	bool was_connected = postgres_is_connected(r->link);
	int fault;

	CHECK(!r->is_in_snapshot);
	fault = begin_once(r);
	if (fault == -ENOTCONN && was_connected)
		fault = begin_once(r);
	if (fault < 0) {
		forget_expected(r);
		finish_end(r);
		return fault;
	}
	if (r->newest_seq < 0)
		r->newest_seq = 0; /* somebody has typed that; what can be read is read */
	r->is_in_snapshot = true;
	*ret_seq = r->newest_seq;
	return 0;
}

/* The COMMIT goes out whatever the limit of the reads was. */
void postgres_end(struct reader *reader)
{
	struct postgres_reader *r = postgres_reader_of(reader);

	if (!r->is_in_snapshot)
		return;
	r->is_in_snapshot = false;
	forget_expected(r);
	postgres_limit(r->link, 0, NULL);
	if (!postgres_is_connected(r->link))
		return;
	postgres_begin_trip(r->link);
	postgres_add_text(r->link, "COMMIT");
	r->is_ending = postgres_send(r->link, 0) == 0;
}

void postgres_limit_time(struct reader *reader, int64_t at_ns, const atomic_int_fast64_t *or_at_ns)
{
	struct postgres_reader *r = postgres_reader_of(reader);

	CHECK(at_ns >= 0);
	r->limit_ns = at_ns;
	r->or_limit_ns = at_ns == 0 ? NULL : or_at_ns;
	if (r->is_in_snapshot)
		postgres_limit(r->link, r->limit_ns, r->or_limit_ns);
}
