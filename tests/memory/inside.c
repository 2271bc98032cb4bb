#include "inside.h"
#include "base/clock.h"
#include "http/batch/batch.h"
#include "http/reply.h"
#include "http/routes.h"
#include "ops/spool.h"
#include "store/sqlite.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum { DRAIN_MS = 100 };

void inside_init(struct inside *i)
{
	*i = (struct inside){ 0 };
	strcpy(i->folder, "/tmp/rowlock-memory-XXXXXX");
	assert_non_null(mkdtemp(i->folder));
	snprintf(i->path, sizeof(i->path), "%s/store.db", i->folder);
	spool_set_folder(i->folder);
	batches_init();
	calls_configure(&(struct calls_options){ .wait_default_ms = 1000 });
}

void inside_fini(struct inside *i)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	for (size_t at = 0; at < LENGTH_OF(suffixes); at++) {
		snprintf(path, sizeof(path), "%s%s", i->path, suffixes[at]);
		unlink(path);
	}
	rmdir(i->folder);
}

/* On the writer thread: memory may be short, but no disk fails here. */
static void on_failure(void *context, int exit_code)
{
	(void)context;
	fprintf(stderr, "the engine wants to stop with %d\n", exit_code);
	check_failed(__FILE__, __LINE__, "the engine goes on");
}

void inside_service_open(struct inside *i)
{
	struct store_options options = { .path = i->path, .busy_ms = 1000 };
	struct store_open_result result = { 0 };
	struct service_options service = { .releases_rows_early = true,
					   .reader_count = 1,
					   .fail = on_failure };

	if (sqlite_open(&options, &service.store, &result) < 0)
		fail_msg("%s", result.message);
	assert_int_equal(service_open(&service, &i->service), 0);
}

void inside_service_close(struct inside *i)
{
	service_close(i->service);
	i->service = NULL;
}

int inside_edge_open(struct inside *i)
{
	struct address address[ADDRESSES_MAX];
	int failed, r;

	service_open_operations(i->service, &i->operations, 10000);
	i->waits = (struct waits_options){ .operations = &i->operations };
	i->options = (struct edge_options){ .listeners = &i->listeners,
					    .loop_count = 2,
					    .connection_limit = 16,
					    .header_timeout_ms = 10000,
					    .body_timeout_ms = 10000,
					    .reply_timeout_ms = 10000,
					    .handle = routes_handle,
					    .streams = routes_stream,
					    .refuse = reply_refuse,
					    .open_waits = waits_open,
					    .close_waits = waits_close,
					    .waits_options = &i->waits,
					    .service = i->service };
	assert_int_equal(addresses_read("127.0.0.1:0", address), 1);
	r = listeners_bind(&i->listeners, address, 1, &failed);
	if (r == 0)
		r = listeners_listen(&i->listeners, &failed);
	if (r == 0)
		r = edge_open(&i->options, &i->edge);
	if (r < 0) {
		operation_book_fini(&i->operations);
		return r;
	}
	i->port = i->listeners.all[0].port;
	r = edge_start(i->edge);
	if (r < 0)
		inside_edge_close(i);
	return r;
}

void inside_edge_close(struct inside *i)
{
	edge_drain(i->edge, clock_monotonic_ns() + 2 * DRAIN_MS * NS_PER_MS);
	edge_close(i->edge);
	operation_book_fini(&i->operations);
	i->edge = NULL;
}

void inside_open(struct inside *i)
{
	inside_service_open(i);
	assert_int_equal(inside_edge_open(i), 0);
}

void inside_close(struct inside *i)
{
	service_drain(i->service, clock_monotonic_ns() + DRAIN_MS * NS_PER_MS);
	inside_edge_close(i);
	inside_service_close(i);
}

int64_t inside_query(const struct inside *i, const char *sql)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	int64_t number;

	assert_int_equal(sqlite3_open_v2(i->path, &database, SQLITE_OPEN_READWRITE, NULL),
			 SQLITE_OK);
	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(database));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return number;
}
