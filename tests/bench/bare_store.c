/*
 * bare_store - what SQLite alone can do: movements and levels, in groups, by one thread, with no
 * server, no parsing and no rules in the way.
 *
 *     bench_bare_store FILE LINES GROUP ROWS        prints the lines per second
 *
 * Each line changes one of ROWS rows at random and has its movement in the ledger; a row is written
 * once per group however many lines changed it; each group is durable (WAL, synchronous=FULL).
 */
#include "base/check.h"
#include "base/clock.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static const char schema[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
	"PRAGMA cache_size = -65536;"
	"CREATE TABLE stock (id INTEGER PRIMARY KEY, on_hand INTEGER NOT NULL, version INTEGER NOT "
	"NULL, seq INTEGER NOT NULL) STRICT;"
	"CREATE TABLE movement (seq INTEGER PRIMARY KEY, stock_id INTEGER NOT NULL, delta INTEGER "
	"NOT "
	"NULL, on_hand INTEGER NOT NULL, version INTEGER NOT NULL, prev_seq INTEGER NOT NULL, "
	"reason "
	"TEXT NOT NULL, request_id TEXT NOT NULL, at INTEGER NOT NULL) STRICT;";

enum { CHECKPOINT_GROUPS = 64 };

struct row {
	int64_t on_hand, version, seq;
	int64_t group; /* the last that changed it */
};

struct run {
	sqlite3 *db;
	sqlite3_stmt *add_movement, *put_stock;
	struct row *rows;
	int row_count;
	int64_t seq;
	int64_t group;
	int *changed; /* rows of the group */
	int changed_count;
	unsigned seed;
};

static void execute(sqlite3 *db, const char *sql)
{
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void step(sqlite3_stmt *s)
{
	CHECK(sqlite3_step(s) == SQLITE_DONE);
	sqlite3_reset(s);
}

static void open_store(struct run *r, const char *path)
{
	CHECK(sqlite3_open(path, &r->db) == SQLITE_OK);
	execute(r->db, schema);
	CHECK(sqlite3_prepare_v3(r->db,
				 "INSERT INTO movement VALUES (?, ?, ?, ?, ?, ?, 'adjust', "
				 "'5f3a09c1-2b', ?)",
				 -1, SQLITE_PREPARE_PERSISTENT, &r->add_movement,
				 NULL) == SQLITE_OK);
	CHECK(sqlite3_prepare_v3(
		      r->db, "UPDATE stock SET on_hand = ?2, version = ?3, seq = ?4 WHERE id = ?1",
		      -1, SQLITE_PREPARE_PERSISTENT, &r->put_stock, NULL) == SQLITE_OK);
	execute(r->db, "BEGIN");
	for (int i = 1; i <= r->row_count; i++) {
		char sql[96];

		snprintf(sql, sizeof(sql), "INSERT INTO stock VALUES (%d, 0, 0, 0)", i);
		execute(r->db, sql);
	}
	execute(r->db, "COMMIT");
}

static void do_line(struct run *r)
{
	int i = rand_r(&r->seed) % r->row_count;
	struct row *row = &r->rows[i];
	int64_t values[] = { ++r->seq, i + 1, 1, ++row->on_hand, ++row->version, row->seq, 0 };

	if (row->group != r->group)
		r->changed[r->changed_count++] = i;
	row->group = r->group;
	row->seq = r->seq;
	for (size_t k = 0; k < LENGTH_OF(values); k++)
		sqlite3_bind_int64(r->add_movement, (int)k + 1, values[k]);
	step(r->add_movement);
}

static void do_group(struct run *r, int64_t line_count)
{
	r->group++;
	execute(r->db, "BEGIN IMMEDIATE");
	while (line_count-- > 0)
		do_line(r);
	while (r->changed_count > 0) {
		int i = r->changed[--r->changed_count];

		sqlite3_bind_int64(r->put_stock, 1, i + 1);
		sqlite3_bind_int64(r->put_stock, 2, r->rows[i].on_hand);
		sqlite3_bind_int64(r->put_stock, 3, r->rows[i].version);
		sqlite3_bind_int64(r->put_stock, 4, r->rows[i].seq);
		step(r->put_stock);
	}
	execute(r->db, "COMMIT");
	if (r->group % CHECKPOINT_GROUPS == 0)
		execute(r->db, "PRAGMA wal_checkpoint(PASSIVE)");
}

int main(int argc, char **argv)
{
	struct run r = { .seed = 1 };
	int64_t lines, group, begun_ns;

	if (argc != 5) {
		fprintf(stderr, "usage: %s FILE LINES GROUP ROWS\n", argv[0]);
		return 2;
	}
	lines = atoll(argv[2]);
	group = atoll(argv[3]);
	r.row_count = atoi(argv[4]);
	CHECK(lines > 0 && group > 0 && r.row_count > 0);
	r.rows = calloc((size_t)r.row_count, sizeof(*r.rows));
	r.changed = calloc((size_t)r.row_count, sizeof(*r.changed));
	CHECK(r.rows != NULL && r.changed != NULL);
	CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
	open_store(&r, argv[1]);
	begun_ns = clock_monotonic_ns();
	for (int64_t left = lines; left > 0; left -= group)
		do_group(&r, left < group ? left : group);
	printf("%.0f\n", (double)lines * 1e9 / (double)(clock_monotonic_ns() - begun_ns));
	sqlite3_finalize(r.add_movement);
	sqlite3_finalize(r.put_stock);
	sqlite3_close(r.db);
	free(r.rows);
	free(r.changed);
	return 0;
}
