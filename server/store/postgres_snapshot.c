/* postgres_snapshot - how a reader's snapshot begins and ends, and what reads in it go over. */
#include "base/clock.h"
#include "store/postgres_reader.h"

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

int postgres_reader_ready(struct postgres_reader *r)
{
	int64_t until_ns = clock_monotonic_ns() + POSTGRES_RECONNECT_MS * NS_PER_MS;

	CHECK(!r->is_in_snapshot);
	postgres_limit(r->link, r->limit_ns, r->or_limit_ns);
	finish_end(r);
	if (r->limit_ns != 0 && r->limit_ns < until_ns)
		until_ns = r->limit_ns;
	return postgres_reconnect(r->link, until_ns);
}

static int begin_once(struct postgres_reader *r)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int fault = postgres_reader_ready(r);

	if (fault < 0)
		return fault;
	postgres_begin_trip(r->link);
	postgres_add_text(r->link, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
	postgres_add(r->link, READ_SEQ, 0, NULL);
	fault = postgres_send(r->link, 0);
	if (fault < 0)
		return fault;
	fault = postgres_take(r->link, NULL);
	if (fault == 0)
		fault = postgres_take(r->link, &result);
	fault = postgres_end_trip(r->link, fault);
	if (fault == 0)
		r->newest_seq = postgres_int(result, 0, 0);
	return fault;
}

/*
 * A connection that nobody used for a while may be gone without that anybody knew: then the trip
 * is made once more, over a new one.
 */
int postgres_begin(struct reader *reader, int64_t *ret_seq)
{
	struct postgres_reader *r = postgres_reader_of(reader);
	int fault;

	CHECK(!r->is_in_snapshot);
	fault = begin_once(r);
	if (fault == -ENOTCONN)
		fault = begin_once(r);
	if (fault < 0) {
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
