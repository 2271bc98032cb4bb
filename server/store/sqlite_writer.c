/* sqlite_writer - the one connection that changes the store, and alone checkpoints. */
#include "base/clock.h"
#include "base/hash.h"
#include "store/records.h"
#include "store/sqlite_private.h"
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#define IN_USE(column)                                                         \
	"SELECT EXISTS (SELECT 1 FROM stock WHERE " column " = ?1) OR EXISTS " \
	"(SELECT 1 FROM row_lock WHERE " column " = ?1 AND expires_at > ?2)"

/* SQLite goes on behind the largest id. Where somebody has typed only some below 1 it must not. */
#define NEXT_ID(table) "iif((SELECT max(id) FROM " table ") < 1, 1, NULL)"

/* No row is there twice, and none is left out: what fails is rolled back with the group. */
#define INSERT_MOVEMENTS_WITH(actor_and_note)                                                \
	"INSERT OR FAIL INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, " \
	"on_hand, reserved, version, reason, reference, reservation, request_id, "           \
	"oversubscribed, low_stock, at, prev_seq, actor, note) "                             \
	"SELECT NULL, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved, "    \
	"version, reason, reference, reservation, request_id, oversubscribed, low_stock, "   \
	"at, prev_seq, " actor_and_note " FROM effect_movement"

#define INSERT_KEYS_WITH(id)                                                             \
	"INSERT OR FAIL INTO idempotency (id, key, fingerprint, status, outcome, "       \
	"stock_seq, first_seq, movement_count, body, at, token_id) SELECT " id ", key, " \
	"fingerprint, status, outcome, stock_seq, first_seq, movement_count, body, at, " \
	"token_id FROM effect_key"

const char *const sqlite_writer_texts[WRITER_STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[DATA_VERSION] = "PRAGMA data_version",
	[LAST_SEQ] = "SELECT coalesce(max(seq), 0) FROM movement",
	[LOAD_ITEM] = "SELECT " SQLITE_ITEM_COLUMNS " FROM item WHERE sku = ?1",
	[LOAD_LOCATION] = "SELECT " SQLITE_LOCATION_COLUMNS " FROM location WHERE code = ?1",
	[LOAD_STOCK] = "SELECT id, on_hand, reserved, version, seq, updated_at FROM stock "
		       "WHERE item_id = ?1 AND location_id = ?2",
	[ITEM_IN_USE] = IN_USE("item_id"),
	[LOCATION_IN_USE] = IN_USE("location_id"),
	[INSERT_ITEM] = "INSERT INTO item (name, unit, backorder_limit, reorder_point, attributes, "
			"archived, version, updated_at, created_at, sku, id) "
			"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, " NEXT_ID("item") ")",
	[UPDATE_ITEM] = "UPDATE item SET (name, unit, backorder_limit, reorder_point, attributes, "
			"archived, version, updated_at) = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
			"WHERE id = ?9",
	[DELETE_ITEM] = "DELETE FROM item WHERE id = ?1",
	[DELETE_ITEM_LOCKS] = "DELETE FROM row_lock WHERE item_id = ?1",
	[INSERT_LOCATION] =
		"INSERT INTO location (name, archived, version, updated_at, created_at, "
		"code, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, " NEXT_ID("location") ")",
	[UPDATE_LOCATION] = "UPDATE location SET (name, archived, version, updated_at) = "
			    "(?1, ?2, ?3, ?4) WHERE id = ?5",
	[DELETE_LOCATION] = "DELETE FROM location WHERE id = ?1",
	[DELETE_LOCATION_LOCKS] = "DELETE FROM row_lock WHERE location_id = ?1",
	[INSERT_STOCK] =
		"INSERT INTO stock (on_hand, reserved, version, seq, updated_at, item_id, "
		"location_id, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, " NEXT_ID("stock") ")",
	[UPDATE_STOCK] = "UPDATE stock SET on_hand = ?1, reserved = ?2, version = ?3, seq = ?4, "
			 "updated_at = ?5 WHERE id = ?6",
	/* By the table alone: over an index that somebody has made it would not walk. */
	[UPDATE_STOCKS] = "UPDATE OR FAIL stock NOT INDEXED SET "
			  "on_hand = row_on_hand(id), reserved = "
			  "row_reserved(id), version = row_version(id), seq = row_seq(id), "
			  "updated_at = row_updated_at(id) "
			  "WHERE id BETWEEN ?1 AND ?2 AND row_is_changed(id)",
	[INSERT_MOVEMENTS] = INSERT_MOVEMENTS_WITH("actor, note"),
	[INSERT_MOVEMENTS_ALIKE] = INSERT_MOVEMENTS_WITH("?1, NULL"),
	/* Past what somebody has typed, where that is in the way: no two leases have one fence. */
	[TAKE_FENCE] = "UPDATE store SET next_fence = 1 + iif("
		       "EXISTS (SELECT 1 FROM row_lock WHERE fence = next_fence), "
		       "(SELECT max(fence) + 1 FROM row_lock WHERE fence <= ?1), next_fence) "
		       "RETURNING next_fence - 1",
	[DELETE_EXPIRED_LOCK] = "DELETE FROM row_lock WHERE item_id = ?1 AND location_id = ?2 "
				"AND expires_at <= ?3",
	[INSERT_AUDIT] = "INSERT INTO audit (at, actor, action, subject, detail, request_id) "
			 "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	/* By id alone: without an index of times nothing but the oldest is looked at. */
	[DELETE_AUDIT] = "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, at FROM audit "
			 "ORDER BY id LIMIT ?2) WHERE at < ?1)",
	[INSERT_LOCK] =
		"INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, "
		"expires_at, token_id, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[RENEW_LOCKS] = "UPDATE row_lock SET expires_at = ?2 WHERE fence = ?1",
	[DELETE_LOCKS] = "DELETE FROM row_lock WHERE fence = ?1",
	[READ_LEASE_EDITS] = "SELECT lease_edits FROM store",
	[LOAD_LOCKS] =
		"SELECT k.lease, k.fence, i.sku, l.code, k.purpose, k.taken_at, k.expires_at, "
		"k.token_id, k.actor "
		"FROM row_lock k JOIN item i ON i.id = k.item_id "
		"JOIN location l ON l.id = k.location_id ORDER BY k.fence, k.id",
	[INSERT_KEYS] = INSERT_KEYS_WITH("id"),
	/* SQLite counts on, and need not search for the place. */
	[INSERT_NEXT_KEYS] = INSERT_KEYS_WITH("NULL"),
	[LAST_KEY] = "SELECT coalesce(max(id), 0) FROM idempotency",
	[NEWEST_KEY] = "SELECT coalesce(max(id), 0) FROM idempotency WHERE id BETWEEN 1 AND ?1",
	[DELETE_KEYS] = "DELETE FROM idempotency WHERE id IN "
			"(SELECT id FROM idempotency WHERE id <= ?1 ORDER BY id LIMIT ?2)",
	[EACH_KEY] = "SELECT id, key, at, token_id FROM idempotency WHERE id > max(0, (SELECT "
		     "coalesce(max(id), 0) FROM idempotency WHERE id <= ?3) - ?2) "
		     "AND id <= ?3 AND at >= ?1 ORDER BY id",
	[LOAD_RESERVATION] = "SELECT " SQLITE_RESERVATION_COLUMNS " FROM reservation r "
			     "WHERE r.name = ?1",
	[LOAD_RESERVATION_BY_ID] = "SELECT " SQLITE_RESERVATION_COLUMNS " FROM reservation r "
				   "WHERE r.id = ?1",
	[LOAD_RESERVATION_LINES] = SQLITE_RESERVATION_LINES,
	[INSERT_RESERVATION] = "INSERT INTO reservation (id, name, state, owner, reference, "
			       "created_at, expires_at) "
			       "VALUES (?6, ?1, 'active', ?2, ?3, ?4, ?5)",
	[NEXT_RESERVATION] = "SELECT max(iif(next_reservation <= ?1, next_reservation, 1), "
			     "(SELECT coalesce(max(id), 0) + 1 FROM reservation WHERE id <= ?1)) "
			     "FROM store",
	[KEEP_NEXT_RESERVATION] = "UPDATE store SET next_reservation = ?1",
	[INSERT_RESERVATION_LINE] =
		"INSERT INTO reservation_line (reservation_id, n, item_id, location_id, quantity, "
		"open_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[RESOLVE_RESERVATION] = "UPDATE reservation SET state = ?2, resolved_at = ?3 "
				"WHERE id = ?1 AND state = 'active'",
	[EXTEND_RESERVATION] = "UPDATE reservation SET expires_at = ?2 "
			       "WHERE id = ?1 AND state = 'active'",
	[EXTEND_LINES] = "UPDATE reservation_line SET open_until = ?2 WHERE reservation_id = ?1",
	[CLOSE_LINES] = "UPDATE reservation_line SET open_until = NULL "
			"WHERE reservation_id = ?1 AND open_until IS NOT NULL",
	[COMMIT_RESERVATION_LINE] = "UPDATE reservation_line SET committed = ?3, open_until = NULL "
				    "WHERE reservation_id = ?1 AND n = ?2",
	[READ_EPOCH] = "SELECT epoch FROM store",
	[EACH_ACTIVE_RESERVATION] =
		"SELECT r.id, r.expires_at, coalesce(e.item_id, 0), coalesce(e.location_id, 0) "
		"FROM reservation r LEFT JOIN reservation_line e ON e.reservation_id = r.id "
		"WHERE r.state = 'active' ORDER BY r.expires_at, r.id",
	[WALK_HISTORY] = SQLITE_HISTORY_WALK,
	[LOAD_TIME] = "SELECT newest_at, clock_ahead_ms, "
		      "coalesce((SELECT at FROM movement ORDER BY seq DESC LIMIT 1), 0), "
		      "coalesce((SELECT at FROM idempotency ORDER BY id DESC LIMIT 1), 0) "
		      "FROM store",
	[NOTE_TIME] = "UPDATE store SET newest_at = ?1, clock_ahead_ms = ?2",
};

/* ---------------------------------------------------------------- groups */

/* Did another program write what was not taken in? Asked with the write lock held. */
static int look_around(struct sqlite_store *s, struct sqlite_begun *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *version = NULL;
	CLEANUP(sqlite_park) sqlite3_stmt *seq = NULL;
	int r = sqlite_statement(&s->connection, DATA_VERSION, &version);

	CHECK(s->is_in_group);
	if (r < 0)
		return r;
	r = sqlite_statement(&s->connection, LAST_SEQ, &seq);
	if (r < 0)
		return r;
	if (sqlite3_step(version) != SQLITE_ROW || sqlite3_step(seq) != SQLITE_ROW)
		return sqlite_raise(&s->connection);

	s->data_version_begun = sqlite3_column_int64(version, 0);
	ret->is_changed_by_others = s->data_version_begun != s->data_version;
	ret->seq = sqlite3_column_int64(seq, 0);
	if (ret->is_changed_by_others) {
		s->reservation_next = 0;
		s->key_newest = -1;
	}
	/* Room to count on, and to add to, for ever. */
	return ret->seq >= 0 && ret->seq < VERSION_MAX ? 0 : FAULT(-EUCLEAN);
}

void sqlite_note_taken_in(struct store *store)
{
	struct sqlite_store *s = sqlite_of(store);

	s->data_version = s->data_version_begun;
}

int sqlite_look_for_others(struct store *store, bool *ret)
{
	struct sqlite_store *s = sqlite_of(store);
	CLEANUP(sqlite_park) sqlite3_stmt *version = NULL;
	int r = sqlite_statement(&s->connection, DATA_VERSION, &version);

	CHECK(!s->is_in_group);
	if (r < 0)
		return r;
	if (sqlite3_step(version) != SQLITE_ROW)
		return sqlite_raise(&s->connection);
	*ret = sqlite3_column_int64(version, 0) != s->data_version;
	return 0;
}

static void pause_ms(int64_t ms)
{
	struct timespec t = { .tv_nsec = ms * NS_PER_MS };

	CHECK(ms > 0);
	nanosleep(&t, NULL);
}

/* SQLite's own busy handler knows no queue and cannot be ended early: short steps of our own. */
static int take_write_lock(struct sqlite_store *s, bool (*may_go_on)(void *), void *context)
{
	int64_t until_ns = clock_monotonic_ns() + s->busy_ms * NS_PER_MS;
	int64_t step_ms = 1;
	sqlite3_stmt *begin;
	int r = sqlite_statement(&s->connection, BEGIN, &begin);

	CHECK(!s->is_in_group);
	CHECK(s->busy_ms >= 0);
	if (r < 0)
		return r;
	while ((r = sqlite_run(&s->connection, begin)) == -EBUSY) {
		if (clock_monotonic_ns() >= until_ns || (may_go_on != NULL && !may_go_on(context)))
			return r;
		pause_ms(step_ms);
		step_ms = step_ms < 10 ? step_ms + 1 : step_ms;
	}
	return r;
}

int sqlite_rollback(struct store *store)
{
	struct sqlite_store *s = sqlite_of(store);
	sqlite3_stmt *rollback_statement;
	int r;

	CHECK(s->connection.db != NULL);
	s->is_in_group = false;
	s->reservation_next = 0;
	s->key_newest = -1;
	s->has_new_reservations = false;
	if (sqlite3_get_autocommit(s->connection.db))
		return 0;
	r = sqlite_statement(&s->connection, ROLLBACK, &rollback_statement);
	return r < 0 ? r : sqlite_run(&s->connection, rollback_statement);
}

int sqlite_begin(struct store *store, bool (*may_go_on)(void *), void *context,
		 struct sqlite_begun *ret)
{
	struct sqlite_store *s = sqlite_of(store);

	int r;

	CHECK(!s->is_in_group);
	/* The group before this one failed, and could not even be rolled back: memory was short. */
	r = sqlite3_get_autocommit(s->connection.db) ? 0 : sqlite_rollback(store);
	if (r == 0)
		r = take_write_lock(s, may_go_on, context);
	if (r < 0)
		return r;
	s->is_in_group = true;
	r = look_around(s, ret);
	if (r < 0)
		(void)sqlite_rollback(store);
	return r;
}

/*
 * After a COMMIT that failed: may all of its frames be in the WAL, for the next to open the file to
 * find? COMMIT writes one after the other, the one that says so last, flushes them, and enters them
 * in the index. So a code of a step before the flush says no; every other one, those of short
 * memory too (the index's table of regions grows behind the flush), says that nobody knows.
 */
static bool may_be_flushed(sqlite3 *db, int code)
{
	if (!sqlite3_get_autocommit(db))
		return false; /* it has not begun to write: the transaction is still open */
	switch (code) {
	case SQLITE_FULL: /* of a write; a flush that finds no space is IOERR_FSYNC */
	case SQLITE_IOERR_WRITE:
	case SQLITE_IOERR_READ: /* of a frame whose checksum is made anew: it has none yet */
	case SQLITE_IOERR_SHORT_READ:
	case SQLITE_IOERR_LOCK: /* these are for beginning the WAL anew, before any frame */
	case SQLITE_IOERR_SHMLOCK:
		return false;
	default:
		return (code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_READONLY;
	}
}

static int judge_commit(struct sqlite_store *s)
{
	int code = sqlite3_extended_errcode(s->connection.db);
	bool is_unknown = may_be_flushed(s->connection.db, code);
	int r = FAULT_DETAIL(is_unknown ? -EREMOTEIO : sqlite_fault_of_code(code), code);

	CHECK(s->is_in_group);
	if (!is_unknown)
		(void)sqlite_rollback(&s->store);
	return r;
}

int sqlite_commit(struct store *store)
{
	struct sqlite_store *s = sqlite_of(store);
	sqlite3_stmt *commit_statement;
	int r = sqlite_keep_next_reservation(s);

	if (r == 0)
		r = sqlite_statement(&s->connection, COMMIT, &commit_statement);

	CHECK(s->is_in_group);
	if (r < 0)
		return r;
	if (sqlite3_get_autocommit(s->connection.db))
		return FAULT(-EIO); /* SQLite has rolled it back by itself */
	r = sqlite_wal_index_make_room(s);
	if (r < 0)
		return r;

	int code = sqlite3_step(commit_statement);

	if (code != SQLITE_DONE) {
		r = judge_commit(s);
		sqlite3_reset(commit_statement);
		return r;
	}
	sqlite3_reset(commit_statement);
	CHECK(sqlite3_get_autocommit(s->connection.db));
	s->is_in_group = false;
	return 0;
}

/* ---------------------------------------------------------------- reading inside a group */

/* To us 0 is the id of what is not there. */
static int must_have_id(int64_t id)
{
	return id != 0 ? 0 : FAULT(-EBADMSG);
}

int sqlite_load_item(struct store *store, const char *sku, struct arena *texts, struct item *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, LOAD_ITEM, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(sku != NULL);
	if (r < 0)
		return r;
	*ret = (struct item){ 0 };
	sqlite_bind_text(s, 1, sku);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		r = sqlite_read_item(s, texts, ret);
		return r == 0 ? must_have_id(ret->id) : r;
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

int sqlite_load_location(struct store *store, const char *code, struct arena *texts,
			 struct location *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, LOAD_LOCATION, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(code != NULL);
	if (r < 0)
		return r;
	*ret = (struct location){ 0 };
	sqlite_bind_text(s, 1, code);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		r = sqlite_read_location(s, texts, ret);
		return r == 0 ? must_have_id(ret->id) : r;
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

int sqlite_load_stock(struct store *store, int64_t item_id, int64_t location_id, struct stock *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, LOAD_STOCK, &s);

	CHECK(sqlite_of(store)->is_in_group);
	if (r < 0)
		return r;
	*ret = (struct stock){ 0 };
	sqlite3_bind_int64(s, 1, item_id);
	sqlite3_bind_int64(s, 2, location_id);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		*ret = (struct stock){ .id = sqlite3_column_int64(s, 0),
				       .on_hand = sqlite3_column_int64(s, 1),
				       .reserved = sqlite3_column_int64(s, 2),
				       .version = sqlite3_column_int64(s, 3),
				       .seq = sqlite3_column_int64(s, 4),
				       .updated_at_ms = sqlite3_column_int64(s, 5) };
		return must_have_id(ret->id);
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

int sqlite_stated_since(struct store *store, int64_t from_seq, int64_t down_to_seq, int64_t *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct sqlite_history_end end;
	int r = sqlite_statement(c, WALK_HISTORY, &s);

	CHECK(from_seq > down_to_seq);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, from_seq);
	sqlite3_bind_int64(s, 2, down_to_seq);
	r = sqlite_walk_history(c, s, down_to_seq, &end);
	if (r == 0)
		*ret = end.has_stated_level ? end.seq : 0;
	return r;
}

static int is_in_use(struct store *store, int statement, int64_t id, int64_t now_ms, bool *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, statement, &s);

	CHECK(id > 0);
	CHECK(statement == ITEM_IN_USE || statement == LOCATION_IN_USE);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, now_ms);
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	*ret = sqlite3_column_int(s, 0) != 0;
	return 0;
}

int sqlite_item_has_stock(struct store *store, int64_t item_id, int64_t now_ms, bool *ret)
{
	return is_in_use(store, ITEM_IN_USE, item_id, now_ms, ret);
}

int sqlite_location_has_stock(struct store *store, int64_t location_id, int64_t now_ms, bool *ret)
{
	return is_in_use(store, LOCATION_IN_USE, location_id, now_ms, ret);
}

/* ---------------------------------------------------------------- writing */

int sqlite_put_item(struct store *store, struct item *item)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, item->id == 0 ? INSERT_ITEM : UPDATE_ITEM, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(item->id >= 0);
	CHECK(item->version > 0);
	CHECK(item->backorder_limit >= 0);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, item->name);
	sqlite_bind_text(s, 2, item->unit != NULL ? item->unit : "piece");
	sqlite3_bind_int64(s, 3, item->backorder_limit);
	if (item->has_reorder_point)
		sqlite3_bind_int64(s, 4, item->reorder_point);
	else
		sqlite3_bind_null(s, 4);
	sqlite_bind_text(s, 5, item->attributes);
	sqlite3_bind_int(s, 6, item->is_archived);
	sqlite3_bind_int64(s, 7, item->version);
	sqlite3_bind_int64(s, 8, item->updated_at_ms);
	sqlite3_bind_int64(s, 9, item->id == 0 ? item->created_at_ms : item->id);
	if (item->id == 0)
		sqlite_bind_text(s, 10, item->sku.text);
	r = sqlite_change_one(c, s);
	if (r == 0 && item->id == 0)
		item->id = sqlite3_last_insert_rowid(c->db);
	return r;
}

int sqlite_put_location(struct store *store, struct location *location)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, location->id == 0 ? INSERT_LOCATION : UPDATE_LOCATION, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(location->id >= 0);
	CHECK(location->version > 0);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, location->name);
	sqlite3_bind_int(s, 2, location->is_archived);
	sqlite3_bind_int64(s, 3, location->version);
	sqlite3_bind_int64(s, 4, location->updated_at_ms);
	sqlite3_bind_int64(s, 5, location->id == 0 ? location->created_at_ms : location->id);
	if (location->id == 0)
		sqlite_bind_text(s, 6, location->code.text);
	r = sqlite_change_one(c, s);
	if (r == 0 && location->id == 0)
		location->id = sqlite3_last_insert_rowid(c->db);
	return r;
}

static int run_with_id(struct store *store, int statement, int64_t id)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, statement, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(id > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	return sqlite_run(c, s);
}

/* Ids may be used again: nothing that names this one may stay. */
int sqlite_delete_item(struct store *store, int64_t item_id)
{
	int r = run_with_id(store, DELETE_ITEM_LOCKS, item_id);

	return r < 0 ? r : run_with_id(store, DELETE_ITEM, item_id);
}

int sqlite_delete_location(struct store *store, int64_t location_id)
{
	int r = run_with_id(store, DELETE_LOCATION_LOCKS, location_id);

	return r < 0 ? r : run_with_id(store, DELETE_LOCATION, location_id);
}

int sqlite_put_stock(struct store *store, int64_t item_id, int64_t location_id, struct stock *row)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, row->id == 0 ? INSERT_STOCK : UPDATE_STOCK, &s);

	CHECK(stock_is_sound(row));
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row->on_hand);
	sqlite3_bind_int64(s, 2, row->reserved);
	sqlite3_bind_int64(s, 3, row->version);
	sqlite3_bind_int64(s, 4, row->seq);
	sqlite3_bind_int64(s, 5, row->updated_at_ms);
	sqlite3_bind_int64(s, 6, row->id == 0 ? item_id : row->id);
	if (row->id == 0)
		sqlite3_bind_int64(s, 7, location_id);
	r = sqlite_change_one(c, s);
	if (r == 0 && row->id == 0)
		row->id = sqlite3_last_insert_rowid(c->db);
	return r;
}

/* Runs a statement that takes in all that is lent to it. 0 or a fault. */
static int take_in(struct sqlite_store *store, sqlite3_stmt *s, const struct sqlite_effects *lent)
{
	struct sqlite_connection *c = &store->connection;
	int r;

	CHECK(lent->count > 0);
	CHECK(store->is_in_group);
	store->effects = *lent;
	r = sqlite_run(c, s);
	store->effects = (struct sqlite_effects){ 0 };
	if (r < 0)
		return r;
	return (size_t)sqlite3_changes64(c->db) == lent->count ? 0 : FAULT(-EBADMSG);
}

int sqlite_put_stocks(struct store *store, struct found_row *const rows[], size_t count)
{
	struct sqlite_store *s = sqlite_of(store);
	struct sqlite_effects lent = { .rows = rows, .count = count };
	sqlite3_stmt *statement;
	int r = sqlite_statement(&s->connection, UPDATE_STOCKS, &statement);

	CHECK(count > 0);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		CHECK(stock_is_sound(&rows[i]->stock));
	sqlite3_bind_int64(statement, 1, rows[0]->stock.id);
	sqlite3_bind_int64(statement, 2, rows[count - 1]->stock.id);
	return take_in(s, statement, &lent);
}

/*
 * By whom all of them are, if none has a note: mostly a group is so, and then neither is asked for
 * movement by movement. NULL: they are not alike.
 */
static const char *actor_of_all(const struct movement_effect all[], size_t count)
{
	const char *actor;

	CHECK(count > 0);
	actor = all[0].movement->actor;
	for (size_t i = 0; i < count; i++) {
		const struct movement *m = all[i].movement;

		if (m->note != NULL || actor == NULL || m->actor == NULL ||
		    (m->actor != actor && strcmp(m->actor, actor) != 0))
			return NULL;
	}
	return actor;
}

/* SQLite counts on from the largest seq, which is where the group began: the end must meet. */
int sqlite_add_movements(struct store *store, const struct movement_effect all[], size_t count)
{
	struct sqlite_store *s = sqlite_of(store);
	struct sqlite_effects lent = { .movements = all, .count = count };
	const char *actor = count > 0 ? actor_of_all(all, count) : NULL;
	sqlite3_stmt *statement;
	int r = sqlite_statement(&s->connection,
				 actor != NULL ? INSERT_MOVEMENTS_ALIKE : INSERT_MOVEMENTS,
				 &statement);

	if (r < 0 || count == 0)
		return r;
	if (actor != NULL)
		sqlite_bind_text(statement, 1, actor);
	r = take_in(s, statement, &lent);
	if (r < 0)
		return r;
	return sqlite3_last_insert_rowid(s->connection.db) == all[count - 1].movement->seq
		       ? 0
		       : FAULT(-EUCLEAN);
}

/* ---------------------------------------------------------------- leases */

int sqlite_next_fence(struct store *store, int64_t *ret)
{
	CHECK(sqlite_of(store)->is_in_group);
	return sqlite_bounded_integer(&sqlite_of(store)->connection, TAKE_FENCE, FENCE_MAX, ret);
}

int sqlite_add_audit(struct store *store, struct audit_entry *entry)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, INSERT_AUDIT, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(entry->actor != NULL);
	CHECK(entry->action != NULL);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, entry->at_ms);
	sqlite_bind_text(s, 2, entry->actor);
	sqlite_bind_text(s, 3, entry->action);
	sqlite_bind_text(s, 4, entry->subject);
	sqlite_bind_text(s, 5, entry->detail);
	sqlite_bind_text(s, 6, entry->request_id);
	r = sqlite_change_one(c, s);
	if (r == 0)
		entry->id = sqlite3_last_insert_rowid(c->db);
	return r;
}

int sqlite_add_lease_row(struct store *store, const struct lease_row *row, int64_t item_id,
			 int64_t location_id)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *expired = NULL;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, DELETE_EXPIRED_LOCK, &expired);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(row->lease_id[0] != '\0');
	CHECK(row->expires_at_ms >= row->taken_at_ms);
	if (r == 0)
		r = sqlite_statement(c, INSERT_LOCK, &s);
	if (r < 0)
		return r;
	/* One that ended while nobody was running may still be there. */
	sqlite3_bind_int64(expired, 1, item_id);
	sqlite3_bind_int64(expired, 2, location_id);
	sqlite3_bind_int64(expired, 3, row->taken_at_ms);
	r = sqlite_run(c, expired);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, row->lease_id);
	sqlite3_bind_int64(s, 2, row->fence);
	sqlite3_bind_int64(s, 3, item_id);
	sqlite3_bind_int64(s, 4, location_id);
	sqlite_bind_text(s, 5, row->purpose);
	sqlite3_bind_int64(s, 6, row->taken_at_ms);
	sqlite3_bind_int64(s, 7, row->expires_at_ms);
	sqlite3_bind_int64(s, 8, row->token_id);
	sqlite_bind_text(s, 9, row->actor);
	return sqlite_change_one(c, s);
}

int sqlite_renew_lease(struct store *store, int64_t fence, int64_t expires_at_ms)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, RENEW_LOCKS, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(expires_at_ms > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, fence);
	sqlite3_bind_int64(s, 2, expires_at_ms);
	r = sqlite_run(c, s);
	return r < 0 ? r : sqlite3_changes(c->db);
}

int sqlite_delete_lease(struct store *store, int64_t fence)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, DELETE_LOCKS, &s);

	CHECK(sqlite_of(store)->is_in_group);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, fence);
	r = sqlite_run(c, s);
	return r < 0 ? r : sqlite3_changes(c->db);
}

int sqlite_lease_edits(struct store *store, int64_t *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_LEASE_EDITS, &s);

	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	*ret = sqlite3_column_int64(s, 0);
	return 0;
}

static int read_lease_row(sqlite3_stmt *s, struct arena *a, struct lease_row *ret)
{
	int r = sqlite_column_copy(s, 0, a, &ret->lease_id);

	CHECK(a != NULL);
	ret->fence = sqlite3_column_int64(s, 1);
	if (r == 0)
		r = sqlite_column_code(s, 2, &ret->sku);
	if (r == 0)
		r = sqlite_column_code(s, 3, &ret->location);
	if (r == 0)
		r = sqlite_column_copy(s, 4, a, &ret->purpose);
	ret->taken_at_ms = sqlite3_column_int64(s, 5);
	ret->expires_at_ms = sqlite3_column_int64(s, 6);
	ret->token_id = sqlite3_column_int64(s, 7);
	if (r == 0)
		r = sqlite_column_copy(s, 8, a, &ret->actor);
	return r;
}

int sqlite_load_leases(struct store *store, struct arena *a, struct lease_row **ret_rows,
		       size_t *ret_count)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int64_t row_count;
	size_t count = 0;
	int code;
	int r = sqlite_integer(c, "SELECT count(*) FROM row_lock", &row_count);

	if (r == 0)
		r = sqlite_statement(c, LOAD_LOCKS, &s);
	if (r < 0)
		return r;

	struct lease_row *rows = arena_alloc(a, sizeof(rows[0]) * (size_t)row_count);

	if (rows == NULL)
		return FAULT(-ENOMEM);
	while ((code = sqlite3_step(s)) == SQLITE_ROW && count < (size_t)row_count) {
		r = read_lease_row(s, a, &rows[count]);
		/* A row of an item or location that no request can name stands in nobody's way. */
		count += r == 0;
		if (r < 0 && r != -EBADMSG)
			return r;
	}
	if (code != SQLITE_DONE)
		return sqlite_raise(c);
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}

/* ---------------------------------------------------------------- keys */

/* Are these ids the ones that SQLite would give by itself? */
static int keys_go_on(struct sqlite_store *s, const struct key_record all[], size_t count,
		      bool *ret)
{
	sqlite3_stmt *last;
	int r = s->key_newest < 0 ? sqlite_statement(&s->connection, LAST_KEY, &last) : 0;

	CHECK(count > 0);
	if (r < 0)
		return r;
	if (s->key_newest < 0) {
		bool has_row = sqlite3_step(last) == SQLITE_ROW;

		s->key_newest = has_row ? sqlite3_column_int64(last, 0) : -1;
		r = has_row ? 0 : sqlite_raise(&s->connection);
		sqlite3_reset(last);
	}
	*ret = s->key_newest >= 0 && s->key_newest < KEY_ID_MAX && all[0].id == s->key_newest + 1 &&
	       all[count - 1].id - all[0].id == (int64_t)count - 1;
	return r;
}

int sqlite_add_keys(struct store *store, const struct key_record all[], size_t count)
{
	struct sqlite_store *s = sqlite_of(store);
	struct sqlite_effects lent = { .keys = all, .count = count };
	sqlite3_stmt *statement;
	bool goes_on = false;
	int r = count == 0 ? 0 : keys_go_on(s, all, count, &goes_on);

	for (size_t i = 0; i < count; i++) {
		CHECK(key_record_is_sound(&all[i]));
		CHECK(all[i].id > 0);
		CHECK(i == 0 || all[i].id > all[i - 1].id);
	}
	if (r < 0 || count == 0)
		return r;
	s->key_newest = -1;
	r = sqlite_statement(&s->connection, goes_on ? INSERT_NEXT_KEYS : INSERT_KEYS, &statement);
	if (r == 0)
		r = take_in(s, statement, &lent);
	if (r < 0 || !goes_on)
		return r;
	s->key_newest = all[count - 1].id;
	return sqlite3_last_insert_rowid(s->connection.db) == s->key_newest ? 0 : FAULT(-EUCLEAN);
}

int sqlite_delete_audit(struct store *store, int64_t at_ms, int count)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, DELETE_AUDIT, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(count > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, at_ms);
	sqlite3_bind_int(s, 2, count);
	r = sqlite_run(c, s);
	return r < 0 ? r : sqlite3_changes(c->db);
}

int sqlite_newest_key(struct store *store, int64_t *ret)
{
	return sqlite_bounded_integer(&sqlite_of(store)->connection, NEWEST_KEY, KEY_ID_MAX, ret);
}

int sqlite_delete_keys(struct store *store, int64_t id_last, int count)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, DELETE_KEYS, &s);

	CHECK(sqlite_of(store)->is_in_group);
	CHECK(count > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id_last);
	sqlite3_bind_int(s, 2, count);
	if (id_last >= sqlite_of(store)->key_newest)
		sqlite_of(store)->key_newest = -1; /* the newest one may be among them */
	r = sqlite_run(c, s);
	return r < 0 ? r : sqlite3_changes(c->db);
}

int sqlite_each_key(struct store *store, int64_t since_ms, size_t count,
		    int (*see)(void *context, int64_t id, uint64_t key_hash, int64_t at_ms),
		    void *context)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, EACH_KEY, &s);
	int code;

	CHECK(see != NULL);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, since_ms);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)count);
	sqlite3_bind_int64(s, 3, KEY_ID_MAX);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		const void *key = sqlite3_column_text(s, 1);
		size_t bytes = (size_t)sqlite3_column_bytes(s, 1);

		if (key == NULL)
			return FAULT(-ENOMEM);
		r = see(context, sqlite3_column_int64(s, 0),
			key_hash_of(key, bytes, sqlite3_column_int64(s, 3)),
			sqlite3_column_int64(s, 2));
		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- between groups */

int64_t sqlite_checkpoint(struct store *store)
{
	struct sqlite_store *s = sqlite_of(store);
	int in_wal = 0, copied = 0;
	int code = sqlite3_wal_checkpoint_v2(s->connection.db, NULL, SQLITE_CHECKPOINT_PASSIVE,
					     &in_wal, &copied);

	if (code != SQLITE_OK)
		return sqlite_raise(&s->connection);
	/* All copied: the next group begins the WAL anew, from its front. */
	if (copied == in_wal)
		s->wal_pages = 0;
	return copied;
}

/* For sqlite3_busy_handler(): in short steps until then. */
static int wait_until(void *until_ns, int count)
{
	(void)count;
	if (clock_monotonic_ns() >= *(int64_t *)until_ns)
		return 0;
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	return 1;
}

/*
 * RESTART copies all of the log, waits for those who read in it, and so leaves the next group no
 * choice: whoever begins to read meanwhile reads the database alone. The restart changes nothing
 * itself.
 */
int sqlite_restart_log(struct store *store, int64_t wait_ms, bool must_truncate)
{
	struct sqlite_store *s = sqlite_of(store);
	int64_t until_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;
	int mode = must_truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART;
	int code;

	CHECK(!s->is_in_group);
	sqlite3_busy_handler(s->connection.db, wait_until, &until_ns);
	code = sqlite3_wal_checkpoint_v2(s->connection.db, NULL, mode, NULL, NULL);
	sqlite3_busy_handler(s->connection.db, NULL, NULL);
	if ((code & 0xff) == SQLITE_BUSY)
		return -EBUSY; /* no fault: it happens */
	if (code != SQLITE_OK)
		return sqlite_raise(&s->connection);
	s->wal_pages = 0;
	return 0;
}

int64_t sqlite_wal_bytes(struct store *store)
{
	struct sqlite_store *s = sqlite_of(store);
	enum { FRAME_HEADER_BYTES = 24 };

	CHECK(s->wal_pages >= 0);
	return s->wal_pages * (s->page_bytes + FRAME_HEADER_BYTES);
}

/*
 * The log is there from the opening to the closing. Without it the file takes what is written, and
 * a crash loses that: nobody would find the log that is still written to.
 */
static bool log_is_there(const struct sqlite_store *s)
{
	const char *path = sqlite3_db_filename(s->connection.db, "main");

	return path == NULL || access(sqlite3_filename_wal(path), F_OK) == 0 || errno != ENOENT;
}

int sqlite_check_file(struct store *store)
{
	struct sqlite_store *s = sqlite_of(store);
	int has_moved = 0;

	if (sqlite3_file_control(s->connection.db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) !=
	    SQLITE_OK)
		return sqlite_raise(&s->connection);
	if (has_moved)
		return FAULT(-ESTALE);
	if (log_is_there(s))
		return 0;
	/* What was answered goes into the file while we can still read it. */
	(void)sqlite3_wal_checkpoint_v2(s->connection.db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL,
					NULL);
	return FAULT(-ESTALE);
}

/*
 * What was committed since the time was noted last is younger by less than TIME_NOTED_EVERY_MS: a
 * date beyond that is not ours. Somebody has typed it, or edited while the clock was wrong.
 */
static int64_t newest_ms(int64_t noted_ms, int64_t at_ms)
{
	if (at_ms <= noted_ms)
		return noted_ms;
	return at_ms < noted_ms + TIME_NOTED_EVERY_MS ? at_ms : noted_ms;
}

int sqlite_load_time(struct store *store, struct stored_time *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, LOAD_TIME, &s);

	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	*ret = (struct stored_time){ .newest_ms = sqlite3_column_int64(s, 0),
				     .ahead_ms = sqlite3_column_int64(s, 1),
				     .ledger_ms = sqlite3_column_int64(s, 2) };

	int64_t by_movement_ms = newest_ms(ret->newest_ms, ret->ledger_ms);
	int64_t by_key_ms = newest_ms(ret->newest_ms, sqlite3_column_int64(s, 3));

	ret->newest_ms = by_key_ms > by_movement_ms ? by_key_ms : by_movement_ms;
	return 0;
}

int sqlite_note_time(struct store *store, int64_t newest_ms, int64_t ahead_ms)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, NOTE_TIME, &s);

	CHECK(sqlite_of(store)->is_in_group);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, newest_ms);
	sqlite3_bind_int64(s, 2, ahead_ms);
	return sqlite_change_one(c, s);
}
