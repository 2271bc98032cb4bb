/* postgres - what a store over PostgreSQL can be asked for beside its readers and its writers. */
#include "base/clock.h"
#include "store/postgres_house.h"
#include "sql_scripts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const postgres_store_texts[] = {
	[POSTGRES_READ_EPOCH] = "SELECT epoch FROM store",
	[POSTGRES_READ_RELEASE] = "SELECT row_release FROM store",
	[POSTGRES_IS_COPIED_TO] = "SELECT to_regclass('copy_under_way') IS NOT NULL",
	[POSTGRES_HAS_ITEM] = "SELECT EXISTS (SELECT FROM item)",
	[POSTGRES_LOAD_TIME] = "SELECT newest_at, clock_ahead_ms, "
			       "coalesce((SELECT at FROM movement ORDER BY seq DESC LIMIT 1), 0), "
			       "coalesce((SELECT at FROM idempotency ORDER BY id DESC LIMIT 1), 0) "
			       "FROM store",
};
_Static_assert(LENGTH_OF(postgres_store_texts) == POSTGRES_STORE_TEXTS, "a text for each");

/*
 * Of one row, whatever became of the link meanwhile: what is only asked can be asked again.
 */
static int ask(struct store *store, int statement, PGresult **ret)
{
	struct postgres_link *l = postgres_of(store)->link;
	int64_t until_ns = clock_monotonic_ns() + POSTGRES_RECONNECT_MS * NS_PER_MS;
	int r;

	do {
		r = postgres_reconnect(l, until_ns);
		if (r == 0)
			r = postgres_run(l, statement, 0, NULL, ret);
	} while ((r == -ENOTCONN || r == -EAGAIN) && clock_monotonic_ns() < until_ns);
	CHECK(r <= 0);
	return r == 0 && PQntuples(*ret) != 1 ? FAULT(-EUCLEAN) : r;
}

static int epoch(struct store *store, char ret[EPOCH_BYTES_MAX + 1])
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = ask(store, POSTGRES_READ_EPOCH, &result);

	CHECK(ret != NULL);
	if (r == 0)
		snprintf(ret, EPOCH_BYTES_MAX + 1, "%s", postgres_peek_text(result, 0, 0));
	return r;
}

/*
 * What was committed since the time was noted last is younger by less than TIME_NOTED_EVERY_MS: a
 * date beyond that is not ours. Somebody has typed it.
 */
static int64_t newest_ms(int64_t noted_ms, int64_t at_ms)
{
	if (at_ms <= noted_ms)
		return noted_ms;
	return at_ms < noted_ms + TIME_NOTED_EVERY_MS ? at_ms : noted_ms;
}

static int load_time(struct store *store, struct stored_time *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = ask(store, POSTGRES_LOAD_TIME, &result);
	int64_t noted_ms, by_key_ms;

	CHECK(ret != NULL);
	if (r < 0)
		return r;
	noted_ms = postgres_int(result, 0, 0);
	*ret = (struct stored_time){ .ahead_ms = postgres_int(result, 0, 1),
				     .ledger_ms = postgres_int(result, 0, 2) };
	ret->newest_ms = newest_ms(noted_ms, ret->ledger_ms);
	by_key_ms = newest_ms(noted_ms, postgres_int(result, 0, 3));
	if (by_key_ms > ret->newest_ms)
		ret->newest_ms = by_key_ms;
	return 0;
}

static int is_empty(struct store *store, bool *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = ask(store, POSTGRES_HAS_ITEM, &result);

	CHECK(ret != NULL);
	if (r == 0)
		*ret = !postgres_bool(result, 0, 0);
	return r;
}

/* A session of its own, which the schema's guards take for a person's. */
static int run_script(struct store *store, const char *sql, char **ret_message)
{
	struct postgres_link *l;
	int r = postgres_connect(postgres_of(store), POSTGRES_TOOLS, NULL, 0, &l);

	CHECK(sql != NULL);
	*ret_message = NULL;
	if (r < 0)
		return r;
	r = postgres_run_script(l, "BEGIN; SET LOCAL rowlock.service = off");
	if (r == 0)
		r = postgres_run_script(l, sql);
	if (r == 0)
		r = postgres_run_script(l, "COMMIT");
	if (r < 0)
		*ret_message = strdup(postgres_error_of(l)->message);
	postgres_disconnect(l);
	return r;
}

/* What the server knows of its pages, it says itself. */
static void leave_damaged(struct store *store, char ret_where[DAMAGE_BYTES])
{
	const struct postgres_error *e = postgres_error_of(postgres_of(store)->link);

	CHECK(ret_where != NULL);
	snprintf(ret_where, DAMAGE_BYTES, "%.*s", DAMAGE_BYTES - 1, e->message);
}

static void close_store(struct store *store)
{
	if (store == NULL)
		return;

	struct postgres_store *s = postgres_of(store);

	postgres_house_end(s);
	postgres_disconnect(s->link);
	CHECK(pthread_mutex_destroy(&s->witness.mutex) == 0);
	free(s->conninfo);
	free(s);
}

const struct store_ops postgres_store_ops = {
	.name = "postgresql",
	.open_reader = postgres_open_reader,
	.open_writer = postgres_open_writer,
	.load_time = load_time,
	.epoch = epoch,
	.run_script = run_script,
	.is_empty = is_empty,
	.leave_damaged = leave_damaged,
	.close = close_store,
};

const char *postgres_demo_script(void)
{
	return sql_demo;
}

const char *postgres_version(void)
{
	static char text[16];
	int version = PQlibVersion();

	CHECK(version > 0);
	snprintf(text, sizeof(text), "%d.%d", version / 10000, version % 10000);
	return text;
}
