/* postgres_open - from an address to a store, or to a sentence that says what stands in the way. */
#include "store/postgres_open.h"
#include "base/clock.h"
#include "store/postgres_house.h"
#include "store/postgres_uri.h"
#include "store/postgres_witness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER_VERSION_MIN = 140000 };

/* ---------------------------------------------------------------- steps */

static int connect(struct postgres_opening *o)
{
	struct postgres_error e = { 0 };
	int r = postgres_connect_or_say(o->store, POSTGRES_TOOLS, postgres_store_texts,
					POSTGRES_STORE_TEXTS, &o->store->link, &e);

	CHECK(IMPLIES(r == 0, o->store->link != NULL));
	return r < 0 ? postgres_refuse_fault(o, r, &e) : 0;
}

/* Nothing can be kept in it that would not come out as it was. */
static int judge_server(struct postgres_opening *o)
{
	struct postgres_link *l = o->store->link;
	const char *encoding = postgres_parameter(l, "server_encoding");
	char text[200];

	o->store->server_version = postgres_server_version(l);
	CHECK(encoding != NULL);
	if (o->store->server_version < SERVER_VERSION_MIN) {
		snprintf(text, sizeof(text), "PostgreSQL %d is too old: %d or newer is needed",
			 o->store->server_version / 10000, SERVER_VERSION_MIN / 10000);
		return postgres_refuse(o, STORE_UNFIT, text);
	}
	if (strcmp(encoding, "UTF8") == 0)
		return 0;
	snprintf(text, sizeof(text),
		 "its encoding is %.40s: make one with createdb -E UTF8 -T template0", encoding);
	return postgres_refuse(o, STORE_UNFIT, text);
}

/* When rows pass on is the store's, since all front ends must agree on it. */
static int judge_row_release(struct postgres_opening *o)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	const char *wanted = o->options->row_release, *is;
	char text[300];
	int r = postgres_run(o->store->link, POSTGRES_READ_RELEASE, 0, NULL, &result);

	if (r < 0)
		return postgres_refuse_fault(o, r, postgres_error_of(o->store->link));
	CHECK(PQntuples(result) == 1);
	is = postgres_peek_text(result, 0, 0);
	snprintf(o->result->row_release, sizeof(o->result->row_release), "%s", is);
	if (wanted == NULL || strcmp(wanted, is) == 0)
		return 0;
	snprintf(text, sizeof(text),
		 "--row-release %s, and this store is of '%s', for all of its front ends: leave "
		 "the flag out, or stop them all and type: rowlockd store set row-release %s",
		 wanted, is, wanted);
	return postgres_refuse(o, STORE_UNFIT, text);
}

/* Of one row with one boolean. */
static int ask(struct postgres_opening *o, const char *sql, bool *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_run_text(o->store->link, sql, &result);

	CHECK(sql != NULL);
	if (r < 0)
		return postgres_refuse_fault(o, r, postgres_error_of(o->store->link));
	*ret = postgres_bool(result, 0, 0);
	return 0;
}

/*
 * Rows that pass on before their commit is on the disk rest on a flush of the log by the server
 * that was asked. In a cell of Citus they may be another one's, whose log that is not.
 */
static int judge_cell(struct postgres_opening *o)
{
	static const char has_citus[] =
		"SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";
	static const char is_elsewhere[] = "SELECT EXISTS (SELECT FROM pg_dist_shard WHERE "
					   "logicalrelid = 'movement'::regclass) "
					   "AND NOT EXISTS (SELECT FROM pg_dist_shard s "
					   "JOIN pg_dist_placement p ON p.shardid = s.shardid "
					   "JOIN pg_dist_local_group g ON g.groupid = p.groupid "
					   "WHERE s.logicalrelid = 'movement'::regclass)";
	bool is_there = false;
	int r = 0;

	CHECK(o->store->link != NULL);
	if (strcmp(o->result->row_release, "early") == 0)
		r = ask(o, has_citus, &is_there);
	if (r == 0 && is_there)
		r = ask(o, is_elsewhere, &is_there);
	if (r < 0 || !is_there)
		return r;
	return postgres_refuse(
		o, STORE_UNFIT,
		"this store is of 'early', and a cell that lies on another node: name that node "
		"in the address, or type: rowlockd store set row-release commit");
}

/* The rows of a copy that is not over, whoever makes it, are no store. */
static int judge_copy(struct postgres_opening *o)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_run(o->store->link, POSTGRES_IS_COPIED_TO, 0, NULL, &result);

	if (r < 0)
		return postgres_refuse_fault(o, r, postgres_error_of(o->store->link));
	CHECK(PQntuples(result) == 1);
	if (!postgres_bool(result, 0, 0) || o->options->is_copied_to)
		return 0;
	return postgres_refuse(
		o, STORE_IN_USE,
		"a store is being copied to it, or was, and that did not end: the same "
		"rowlockd copy again goes on with it, DROP SCHEMA gives it up");
}

/* What is seen from now on must stay. */
static int begin_witness(struct postgres_opening *o)
{
	CLEANUP(postgres_clear) PGresult *epoch = NULL;
	int r = postgres_run(o->store->link, POSTGRES_READ_EPOCH, 0, NULL, &epoch);

	if (r < 0)
		return postgres_refuse_fault(o, r, postgres_error_of(o->store->link));
	CHECK(PQntuples(epoch) == 1);
	postgres_witness_begin(o->store, postgres_peek_text(epoch, 0, 0));
	return 0;
}

/* A standby that no commit waits for lacks something when it takes over. */
static void warn_of_standbys(struct postgres_opening *o)
{
	static const char sql[] = "SELECT EXISTS (SELECT FROM pg_stat_replication) AND "
				  "current_setting('synchronous_standby_names') = ''";
	CLEANUP(postgres_clear) PGresult *seen = NULL;

	CHECK(o->options->front_end != NULL);
	if (o->options->tell != NULL && postgres_run_text(o->store->link, sql, &seen) == 0 &&
	    postgres_bool(seen, 0, 0))
		o->options->tell(o->options->tell_context, STORE_MAY_LOSE, 0, 0);
}

/* As one of those that serve the store. */
static int enter(struct postgres_opening *o)
{
	int r = begin_witness(o);

	if (r == 0)
		r = postgres_house_enter(o, o->options->front_end);
	CHECK(o->options->front_end != NULL);
	if (r < 0)
		return r;
	warn_of_standbys(o);
	return postgres_house_begin(o->store) < 0
		       ? postgres_refuse(o, STORE_UNREACHABLE, "no thread can be had")
		       : 0;
}

static int open_steps(struct postgres_opening *o)
{
	int r = connect(o);

	CHECK(IMPLIES(r == 0, o->result->trouble == STORE_FINE));
	if (r == 0)
		r = judge_server(o);
	if (r == 0)
		r = postgres_migrate(o);
	if (r == 0)
		r = judge_copy(o);
	if (r == 0)
		r = judge_row_release(o);
	if (r == 0 && o->options->front_end != NULL)
		r = judge_cell(o);
	return r == 0 && o->options->front_end != NULL ? enter(o) : r;
}

/* ---------------------------------------------------------------- the store */

static struct postgres_store *make_store(const struct store_options *options,
					 struct store_open_result *result)
{
	struct postgres_store *s = calloc(1, sizeof(*s));
	struct postgres_uri uri;

	CHECK(options->path != NULL);
	if (s == NULL) {
		result->trouble = STORE_UNREACHABLE;
		snprintf(result->message, sizeof(result->message), "%s", strerror(ENOMEM));
		return NULL;
	}
	s->store.ops = &postgres_store_ops;
	s->busy_ms = options->busy_ms;
	CHECK(pthread_mutex_init(&s->witness.mutex, NULL) == 0);
	s->tell = options->tell;
	s->tell_context = options->tell_context;
	if (options->front_end != NULL)
		snprintf(s->name, sizeof(s->name), "%s", options->front_end->name);
	postgres_uri_hide(options->path, s->shown, sizeof(s->shown));
	if (postgres_uri_split(options->path, &uri) == 0) {
		s->conninfo = uri.conninfo;
		memcpy(s->schema, uri.schema, sizeof(s->schema));
		return s;
	}
	postgres_refuse(&(struct postgres_opening){ .store = s, .result = result }, STORE_UNFIT,
			uri.wrong);
	postgres_uri_fini(&uri);
	free(s);
	return NULL;
}

int postgres_open(const struct store_options *options, struct store **ret_store,
		  struct store_open_result *result)
{
	struct postgres_opening o = { .options = options,
				      .result = result,
				      .begun_ns = clock_monotonic_ns() };
	int r;

	*result = (struct store_open_result){ .trouble = STORE_FINE };
	o.store = make_store(options, result);
	if (o.store == NULL)
		return FAULT(-EACCES);
	o.told_ns = o.begun_ns;
	r = open_steps(&o);
	result->open_ms = (double)(clock_monotonic_ns() - o.begun_ns) / NS_PER_MS;
	CHECK(IMPLIES(r < 0, result->trouble != STORE_FINE));
	if (r < 0)
		o.store->store.ops->close(&o.store->store);
	else
		*ret_store = &o.store->store;
	return r;
}
