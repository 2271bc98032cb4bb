/* sqlite_reader - read-only connections: point reads in a snapshot. */
#include "base/clock.h"
#include "base/hash.h"
#include "store/records.h"
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

#define MOVEMENT_FROM                                               \
	" FROM movement m CROSS JOIN stock s ON s.id = m.stock_id " \
	"CROSS JOIN item i ON i.id = s.item_id CROSS JOIN location l ON l.id = s.location_id "

#define STOCK_VIEW_COLUMNS \
	"s.id, s.on_hand, s.reserved, s.version, s.seq, s.updated_at, i.sku, l.code"

#define AUDIT_MOVEMENT_COLUMNS                                                          \
	"m.seq, m.stock_id, m.on_hand_delta, m.reserved_delta, m.on_hand, m.reserved, " \
	"m.version, m.prev_seq, m.kind"

#define AUDIT_ROW_COLUMNS                                                                 \
	"s.id, s.on_hand, s.reserved, s.version, s.seq, coalesce(i.backorder_limit, 0), " \
	"coalesce(i.version, 0), i.id IS NOT NULL AND l.id IS NOT NULL FROM stock s "     \
	"LEFT JOIN item i ON i.id = s.item_id LEFT JOIN location l ON l.id = s.location_id "

/* A JSON object of which every reader makes the same: no name twice, no number beyond 64 bits. */
#define AUDIT_ATTRIBUTES                                                                    \
	"CASE WHEN attributes IS NULL THEN 1 WHEN NOT json_valid(attributes) THEN 0 "       \
	"ELSE json_type(attributes) = 'object' AND NOT EXISTS (SELECT 1 FROM "              \
	"json_tree(attributes) WHERE (type = 'integer' AND typeof(value) <> 'integer') OR " \
	"abs(value) = 9e999) AND NOT EXISTS (SELECT 1 FROM json_tree(attributes) "          \
	"WHERE typeof(key) = 'text' GROUP BY parent, key HAVING count(*) > 1) END"

/* A detail that somebody has typed may be no JSON. */
#define AUDIT_ENTRY                                                                \
	"SELECT id, at, actor, action, subject, CASE WHEN json_valid(detail) AND " \
	"instr(CAST(detail AS BLOB), x'00') = 0 THEN detail END, request_id FROM audit "

const char *const sqlite_reader_texts[READER_STATEMENTS] = {
	[READ_BEGIN] = "BEGIN",
	[READ_END] = "COMMIT",
	[READ_SEQ] = "SELECT coalesce(max(seq), 0) FROM movement",
	[READ_ITEM] = "SELECT " SQLITE_ITEM_COLUMNS " FROM item WHERE sku = ?1",
	[READ_LOCATION] = "SELECT " SQLITE_LOCATION_COLUMNS " FROM location WHERE code = ?1",
	[READ_STOCK] = "SELECT i.id, l.id, s.id, s.on_hand, s.reserved, s.version, s.seq, "
		       "s.updated_at FROM (SELECT 1) LEFT JOIN item i ON i.sku = ?1 "
		       "LEFT JOIN location l ON l.code = ?2 "
		       "LEFT JOIN stock s ON s.item_id = i.id AND s.location_id = l.id",
	[READ_STOCK_BY_ID] = "SELECT on_hand, reserved, version, seq, updated_at FROM stock "
			     "WHERE id = ?1",
	[READ_STOCK_NAMED] = "SELECT on_hand, reserved, version, seq, updated_at FROM stock "
			     "WHERE id = ?1 AND (SELECT sku FROM item WHERE id = item_id) = ?2 "
			     "AND (SELECT code FROM location WHERE id = location_id) = ?3",
	/* In two parts each: a thousand rows at their bounds are more than 64 bits. */
	[READ_STOCK_SUM] = "SELECT coalesce(sum(on_hand / 1000000), 0), "
			   "coalesce(sum(on_hand % 1000000), 0), "
			   "coalesce(sum(reserved / 1000000), 0), "
			   "coalesce(sum(reserved % 1000000), 0) FROM stock WHERE item_id = ?1",
	/* Sorted, but never more than a page of it is kept. */
	[READ_STOCK_OF_ITEM] =
		"SELECT " STOCK_VIEW_COLUMNS " FROM stock s CROSS JOIN location l "
		"ON l.id = s.location_id CROSS JOIN item i ON i.id = s.item_id "
		"WHERE s.item_id = ?1 AND l.code > ?2 AND l.code GLOB '[A-Za-z0-9]*' "
		"AND l.code NOT GLOB '*[^A-Za-z0-9._:-]*' AND length(l.code) <= 64 "
		"AND instr(CAST(l.code AS BLOB), x'00') = 0 ORDER BY l.code LIMIT ?3",
	[READ_MOVEMENT] = "SELECT " SQLITE_MOVEMENT_COLUMNS MOVEMENT_FROM "WHERE m.seq = ?1",
	[READ_KEY] = "SELECT id, key, fingerprint, status, outcome, stock_seq, first_seq, "
		     "movement_count, body, at, token_id FROM idempotency WHERE id = ?1",
	[LIST_STOCK] =
		"SELECT " STOCK_VIEW_COLUMNS ", i.reorder_point, i.archived OR l.archived "
		"FROM stock s CROSS JOIN item i ON i.id = s.item_id "
		"CROSS JOIN location l ON l.id = s.location_id WHERE s.id > ?1 ORDER BY s.id",
	[LIST_ITEMS] = "SELECT " SQLITE_ITEM_COLUMNS ", ?2 = '' OR instr(lower(name), lower(?2)) "
		       "OR instr(lower(sku), lower(?2)) FROM item WHERE sku > ?1 ORDER BY sku",
	[LIST_LOCATIONS] = "SELECT " SQLITE_LOCATION_COLUMNS ", ?2 = '' OR instr(lower(name), "
			   "lower(?2)) OR instr(lower(code), lower(?2)) FROM location "
			   "WHERE code > ?1 ORDER BY code",
	[LIST_MOVEMENTS_UP] =
		"SELECT " SQLITE_MOVEMENT_COLUMNS MOVEMENT_FROM "WHERE m.seq > ?1 ORDER BY m.seq",
	[LIST_MOVEMENTS_DOWN] = "SELECT " SQLITE_MOVEMENT_COLUMNS MOVEMENT_FROM
				"WHERE m.seq < ?1 ORDER BY m.seq DESC",
	[LIST_CHAINS] = "SELECT seq FROM stock WHERE item_id = ?1 AND seq > 0 "
			"AND (?2 = 0 OR location_id = ?2)",
	[READ_MOVEMENT_TIME] = "SELECT at FROM movement WHERE seq = ?1",
	[READ_ITEM_ID] = "SELECT id FROM item WHERE sku = ?1",
	[READ_LOCATION_ID] = "SELECT id FROM location WHERE code = ?1",
	[READ_HISTORY] = SQLITE_HISTORY_WALK,
	[READ_RESERVATION] = "SELECT " SQLITE_RESERVATION_COLUMNS " FROM reservation r "
			     "WHERE r.name = ?1",
	[READ_RESERVATION_LINES] = SQLITE_RESERVATION_LINES,
	[LIST_AUDIT_UP] = AUDIT_ENTRY "WHERE id > ?1 ORDER BY id",
	[LIST_AUDIT_DOWN] = AUDIT_ENTRY "WHERE id < ?1 ORDER BY id DESC",
	[LIST_RESERVATIONS] =
		"SELECT " SQLITE_RESERVATION_COLUMNS ", (?2 IS NULL OR r.owner = ?2) AND "
		"(?3 IS NULL OR r.state = ?3) AND ((?4 IS NULL AND ?5 IS NULL) OR EXISTS "
		"(SELECT 1 FROM reservation_line e JOIN item i ON i.id = e.item_id "
		"JOIN location l ON l.id = e.location_id WHERE e.reservation_id = r.id "
		"AND (?4 IS NULL OR i.sku = ?4) AND (?5 IS NULL OR l.code = ?5))) "
		"FROM reservation r WHERE r.id > ?1 ORDER BY r.id",
	[AUDIT_MOVEMENTS] =
		"SELECT " AUDIT_MOVEMENT_COLUMNS ", CASE WHEN ?3 AND m.reservation IS NOT NULL "
		"THEN (SELECT r.id FROM reservation r WHERE r.name = m.reservation) END "
		"FROM movement m WHERE m.seq > ?1 ORDER BY m.seq LIMIT ?2",
	[AUDIT_MOVEMENT] = "SELECT " AUDIT_MOVEMENT_COLUMNS ", NULL FROM movement m "
			   "WHERE m.seq = ?1",
	[AUDIT_ROWS] = "SELECT " AUDIT_ROW_COLUMNS "WHERE s.id > ?1 ORDER BY s.id LIMIT ?2",
	[AUDIT_ROW] = "SELECT " AUDIT_ROW_COLUMNS "WHERE s.id = ?1",
	[AUDIT_ROW_NAMES] = "SELECT i.sku, l.code FROM stock s JOIN item i ON i.id = s.item_id "
			    "JOIN location l ON l.id = s.location_id WHERE s.id = ?1",
	[AUDIT_ACTIVE] = "SELECT id FROM reservation WHERE state = 'active' ORDER BY id",
	/* The largest integer says "not yet" to those who ask. */
	[AUDIT_LAST_RESERVATION] = "SELECT min(coalesce(max(id), 0), 9223372036854775806) "
				   "FROM reservation",
	[AUDIT_LINES] = "SELECT s.id, e.quantity, e.open_until IS r.expires_at FROM reservation r "
			"LEFT JOIN reservation_line e ON e.reservation_id = r.id "
			"LEFT JOIN stock s ON s.item_id = e.item_id "
			"AND s.location_id = e.location_id WHERE r.id = ?1 AND r.state = 'active'",
	[AUDIT_OPEN_LINES] =
		"SELECT e.reservation_id FROM reservation_line e LEFT JOIN reservation r "
		"ON r.id = e.reservation_id WHERE e.open_until IS NOT NULL "
		"AND r.state IS NOT 'active'",
	[AUDIT_RESERVATION_NAME] = "SELECT name FROM reservation WHERE id = ?1",
	[AUDIT_KEYS] = "SELECT k.id, k.key, k.stock_seq, k.first_seq, k.movement_count, "
		       "CASE WHEN k.movement_count = 0 THEN 0 ELSE (SELECT count(*) "
		       "FROM movement m WHERE m.seq >= k.first_seq "
		       "AND m.seq < k.first_seq + k.movement_count) END "
		       "FROM idempotency k WHERE k.id > ?1 ORDER BY k.id LIMIT ?2",
	[AUDIT_LEASES] =
		"SELECT k.lease, k.fence, t.next_fence, f.fence, k.expires_at, f.expires_at, "
		"i.id IS NOT NULL AND l.id IS NOT NULL FROM store t, row_lock k "
		"JOIN (SELECT lease, min(fence) AS fence, min(expires_at) AS expires_at "
		"FROM row_lock GROUP BY lease) f ON f.lease = k.lease "
		"LEFT JOIN item i ON i.id = k.item_id "
		"LEFT JOIN location l ON l.id = k.location_id ORDER BY k.id",
	[AUDIT_ITEMS] = "SELECT id, sku, name, unit, attributes, " AUDIT_ATTRIBUTES " FROM item "
			"WHERE id > ?1 ORDER BY id LIMIT ?2",
	/* The numbers are those of enum audit_access. */
	[AUDIT_ACCESS] =
		"SELECT 0, CAST(id AS TEXT) FROM token WHERE id <= 0 OR role NOT IN "
		"('reader', 'clerk', 'writer', 'admin') OR length(name) > 64 "
		"OR name NOT GLOB '[A-Za-z0-9]*' OR name GLOB '*[^A-Za-z0-9._:-]*' "
		"OR name IN ('local', 'sqlite3', 'rowlock') "
		"OR instr(CAST(name AS BLOB), x'00') > 0 UNION ALL "
		"SELECT 1, public FROM token_secret WHERE length(hash) <> 32 "
		"OR length(CAST(public AS BLOB)) <> 10 OR public GLOB '*[^a-z2-7]*' "
		"OR token_id NOT IN (SELECT id FROM token) UNION ALL "
		"SELECT 2, CAST(token_id AS TEXT) FROM token_location GROUP BY token_id "
		"HAVING count(*) > 64 OR token_id NOT IN (SELECT id FROM token) "
		"OR max(length(code) > 64 OR code NOT GLOB '[A-Za-z0-9]*' "
		"OR code GLOB '*[^A-Za-z0-9._:-]*' OR instr(CAST(code AS BLOB), x'00') > 0) "
		"UNION ALL SELECT 3, 'session_key' FROM store WHERE length(session_key) <> 32 "
		"UNION ALL SELECT 3, 'had_token' FROM store WHERE had_token = 0 "
		"AND EXISTS (SELECT 1 FROM token UNION ALL SELECT 1 FROM token_secret) "
		"UNION ALL SELECT 3, 'noted_by_tool' FROM store WHERE noted_by_tool <> 0",
	[READ_DATA_VERSION] = "PRAGMA data_version",
	[READ_ACCESS] = "SELECT access_version, had_token, session_key FROM store",
	[READ_TOKENS] =
		"SELECT id, name, role, created_at, coalesce(expires_at, 9223372036854775807), "
		"coalesce(min(revoked_at, 9223372036854775806), 9223372036854775807) FROM token "
		"ORDER BY id",
	[READ_TOKEN_LOCATIONS] =
		"SELECT token_id, code FROM token_location ORDER BY token_id, code",
	[READ_SECRETS] = "SELECT public, token_id, hash, created_at, "
			 "coalesce(expires_at, 9223372036854775807) "
			 "FROM token_secret ORDER BY public",
	[AUDIT_LOCATIONS] = "SELECT id, code, name FROM location WHERE id > ?1 ORDER BY id "
			    "LIMIT ?2",
};

/* ---------------------------------------------------------------- snapshots */

/* False: memory is short, and the snapshot stays. */
static bool is_ended(struct sqlite_reader *r)
{
	sqlite3_stmt *s;

	CHECK(r->connection.db != NULL);
	if (!sqlite3_get_autocommit(r->connection.db) &&
	    sqlite_statement(&r->connection, READ_END, &s) == 0)
		(void)sqlite_run(&r->connection, s);
	if (!sqlite3_get_autocommit(r->connection.db))
		(void)sqlite_execute(&r->connection, "ROLLBACK");
	return sqlite3_get_autocommit(r->connection.db);
}

static void end(struct reader *reader)
{
	struct sqlite_reader *r = sqlite_reader_of(reader);

	if (!r->is_in_snapshot)
		return;
	r->is_in_snapshot = false;
	(void)is_ended(r); /* the next one tries again */
}

/* BEGIN alone takes no snapshot: the first read does, and it is that of the newest seq. */
static int begin(struct reader *reader, int64_t *ret_seq)
{
	struct sqlite_reader *r = sqlite_reader_of(reader);
	CLEANUP(sqlite_park) sqlite3_stmt *seq = NULL;
	sqlite3_stmt *begin_statement;

	CHECK(!r->is_in_snapshot);
	if (!is_ended(r))
		return FAULT(-ENOMEM);

	int fault = sqlite_statement(&r->connection, READ_BEGIN, &begin_statement);

	if (fault == 0)
		fault = sqlite_statement(&r->connection, READ_SEQ, &seq);
	if (fault == 0)
		fault = sqlite_run(&r->connection, begin_statement);
	if (fault < 0)
		return fault;
	r->is_in_snapshot = true;
	if (sqlite3_step(seq) != SQLITE_ROW) {
		fault = sqlite_raise(&r->connection);
		sqlite3_reset(seq);
		end(reader);
		return fault;
	}
	sqlite3_file_control(r->connection.db, "main", SQLITE_FCNTL_DATA_VERSION, &r->seen);
	*ret_seq = sqlite3_column_int64(seq, 0);
	if (*ret_seq < 0)
		*ret_seq = 0; /* somebody has typed that; what can be read is read */
	return 0;
}

/* ---------------------------------------------------------------- point reads */

static int read_item(struct reader *reader, const char *sku, struct arena *a, struct item *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_ITEM, &s);

	CHECK(sqlite_reader_of(reader)->is_in_snapshot);
	CHECK(sku != NULL);
	if (r < 0)
		return r;
	*ret = (struct item){ 0 };
	sqlite_bind_text(s, 1, sku);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		return sqlite_read_item(s, a, ret);
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

static int read_location(struct reader *reader, const char *code, struct arena *a,
			 struct location *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_LOCATION, &s);

	CHECK(sqlite_reader_of(reader)->is_in_snapshot);
	CHECK(code != NULL);
	if (r < 0)
		return r;
	*ret = (struct location){ 0 };
	sqlite_bind_text(s, 1, code);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		return sqlite_read_location(s, a, ret);
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

/* By its number, and its names where they may have changed. 1; 0: it is not there; or a fault. */
static int read_known_stock(struct sqlite_reader *r, const struct known_row *k, const char *sku,
			    const char *location, struct stock *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	bool is_sure = k->seen == r->seen;
	int fault =
		sqlite_statement(&r->connection, is_sure ? READ_STOCK_BY_ID : READ_STOCK_NAMED, &s);

	CHECK(r->is_in_snapshot);
	if (fault < 0)
		return fault;
	sqlite3_bind_int64(s, 1, k->id);
	if (!is_sure) {
		sqlite_bind_text(s, 2, sku);
		sqlite_bind_text(s, 3, location);
	}
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		break;
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(&r->connection);
	}
	*ret = (struct stock){ .id = k->id,
			       .on_hand = sqlite3_column_int64(s, 0),
			       .reserved = sqlite3_column_int64(s, 1),
			       .version = sqlite3_column_int64(s, 2),
			       .seq = sqlite3_column_int64(s, 3),
			       .updated_at_ms = sqlite3_column_int64(s, 4) };
	return 1;
}

static int look_for_stock(struct sqlite_reader *r, const char *sku, const char *location,
			  struct stock *ret, bool *ret_has_item, bool *ret_has_location)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int fault = sqlite_statement(&r->connection, READ_STOCK, &s);

	CHECK(r->is_in_snapshot);
	if (fault < 0)
		return fault;
	sqlite_bind_text(s, 1, sku);
	sqlite_bind_text(s, 2, location);
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(&r->connection);
	*ret_has_item = sqlite3_column_type(s, 0) != SQLITE_NULL;
	*ret_has_location = sqlite3_column_type(s, 1) != SQLITE_NULL;
	/* NULL columns of a row that is not there read as 0: never stocked. */
	*ret = (struct stock){ .id = sqlite3_column_int64(s, 2),
			       .on_hand = sqlite3_column_int64(s, 3),
			       .reserved = sqlite3_column_int64(s, 4),
			       .version = sqlite3_column_int64(s, 5),
			       .seq = sqlite3_column_int64(s, 6),
			       .updated_at_ms = sqlite3_column_int64(s, 7) };
	return 0;
}

/*
 * A row that was read before is found by its number: a third of what looking for it by its names
 * costs, as long as nobody has written anything, and three quarters of it with another look at the
 * names. SQLite's count of changes is the one by which it throws away the pages that it keeps, so
 * this is as true as they are, whoever writes, and by whatever hand.
 */
static int read_stock(struct reader *reader, const char *sku, const char *location,
		      struct stock *ret, bool *ret_has_item, bool *ret_has_location)
{
	struct sqlite_reader *r = sqlite_reader_of(reader);
	const struct known_row *k = known_rows_find(&r->known, sku, location);
	bool is_known = k != NULL && k->seen == r->seen;
	int found = k != NULL ? read_known_stock(r, k, sku, location, ret) : 0;

	CHECK(location != NULL);
	CHECK(sku != NULL);
	*ret_has_item = *ret_has_location = true;
	if (found == 0) {
		is_known = false;
		found = look_for_stock(r, sku, location, ret, ret_has_item, ret_has_location);
	}
	if (found < 0)
		return found;
	if (!is_known && ret->id > 0)
		known_rows_keep(&r->known, sku, location, ret->id, r->seen);
	return stock_is_sound(ret) ? 0 : FAULT(-EBADMSG);
}

static int read_movement(struct reader *reader, int64_t seq, struct arena *a,
			 struct movement_view *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_MOVEMENT, &s);

	CHECK(sqlite_reader_of(reader)->is_in_snapshot);
	if (r < 0)
		return r;
	*ret = (struct movement_view){ 0 };
	sqlite3_bind_int64(s, 1, seq);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		return sqlite_read_movement(s, a, ret);
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

static int read_past_level(struct reader *reader, const char *sku, const char *location,
			   struct past_level *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct sqlite_history_end end;
	bool has_item, has_location;
	struct stock row;
	int r = read_stock(reader, sku, location, &row, &has_item, &has_location);

	CHECK(location != NULL);
	CHECK(sku != NULL);
	if (r == 0)
		r = sqlite_statement(c, READ_HISTORY, &s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row.seq);
	sqlite3_bind_int64(s, 2, ret->as_of_seq);
	r = sqlite_walk_history(c, s, ret->as_of_seq, &end);
	if (r < 0)
		return r;
	ret->seen_seq = row.seq;
	ret->stated_seq = end.has_stated_level ? end.seq : 0;
	/* A walk that ends behind as_of_seq has come to the row's first movement. */
	ret->on_hand = end.seq <= ret->as_of_seq ? end.on_hand : 0;
	return ret->on_hand >= -LEVEL_MAX && ret->on_hand <= LEVEL_MAX ? 0 : FAULT(-EBADMSG);
}

static int read_key(struct reader *reader, int64_t id, struct arena *a, struct key_record *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	const char *outcome;
	int r = sqlite_statement(c, READ_KEY, &s);

	CHECK(sqlite_reader_of(reader)->is_in_snapshot);
	if (r < 0)
		return r;
	*ret = (struct key_record){ 0 };
	sqlite3_bind_int64(s, 1, id);

	int code = sqlite3_step(s);

	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? 0 : sqlite_raise(c);
	r = sqlite_column_copy(s, 1, a, &ret->key);
	if (r == 0)
		r = sqlite_column_copy(s, 4, a, &outcome);
	if (r == 0)
		r = sqlite_column_copy(s, 8, a, &ret->body);
	if (r < 0)
		return r;
	ret->id = sqlite3_column_int64(s, 0);
	ret->token_id = sqlite3_column_int64(s, 10);
	ret->key_hash = key_hash_of(ret->key, strlen(ret->key), ret->token_id);
	ret->fingerprint = (uint64_t)sqlite3_column_int64(s, 2);
	ret->status = sqlite3_column_int(s, 3);
	ret->outcome = outcome_by_code(outcome);
	ret->seq = sqlite3_column_int64(s, 5);
	ret->first_seq = sqlite3_column_int64(s, 6);
	ret->movement_count = sqlite3_column_int(s, 7);
	ret->at_ms = sqlite3_column_int64(s, 9);
	return key_record_is_sound(ret) ? 0 : FAULT(-EBADMSG);
}

/* ---------------------------------------------------------------- life */

static int is_past_limit(void *context)
{
	const struct sqlite_reader *r = context;

	CHECK(r->limit_ns != 0);
	int64_t now_ns = clock_monotonic_ns();

	return now_ns > r->limit_ns || (r->or_limit_ns != NULL && now_ns > *r->or_limit_ns);
}

static void limit_time(struct reader *reader, int64_t at_ns, const atomic_int_fast64_t *or_at_ns)
{
	enum { INSTRUCTIONS_BETWEEN_LOOKS = 1000 };
	struct sqlite_reader *r = sqlite_reader_of(reader);

	CHECK(at_ns >= 0);
	r->limit_ns = at_ns;
	r->or_limit_ns = or_at_ns;
	sqlite3_progress_handler(r->connection.db, INSTRUCTIONS_BETWEEN_LOOKS,
				 at_ns == 0 ? NULL : is_past_limit, r);
}

static void close_reader(struct reader *reader)
{
	struct sqlite_reader *r = sqlite_reader_of(reader);

	end(reader);
	sqlite_disconnect(&r->connection);
	free(r);
}

int sqlite_open_reader(struct store *store, struct reader **ret)
{
	struct sqlite_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return FAULT(-ENOMEM);
	r->reader.ops = &sqlite_reader_ops;
	r->page_ns = PAGE_MS_MAX * NS_PER_MS;

	const char *path = sqlite_of(store)->file.path;
	int fault = sqlite_connect(&r->connection, path, SQLITE_OPEN_READONLY, sqlite_reader_texts,
				   READER_STATEMENTS);

	if (fault == 0)
		fault = sqlite_execute(&r->connection,
				       "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0;"
				       "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY");
	if (fault < 0) {
		sqlite_disconnect(&r->connection);
		free(r);
		return fault;
	}
	*ret = &r->reader;
	return 0;
}

const struct reader_ops sqlite_reader_ops = {
	.audit = &sqlite_audit_ops,
	.begin = begin,
	.end = end,
	.item = read_item,
	.location = read_location,
	.stock = read_stock,
	.stock_of_item = sqlite_stock_of_item,
	.movement = read_movement,
	.past_level = read_past_level,
	.reservation = sqlite_reader_reservation,
	.access_version = sqlite_access_version,
	.access = sqlite_access,
	.list_reservations = sqlite_list_reservations,
	.key = read_key,
	.list_stock = sqlite_list_stock,
	.list_movements = sqlite_list_movements,
	.list_audit = sqlite_list_audit,
	.list_items = sqlite_list_items,
	.list_locations = sqlite_list_locations,
	.copy = sqlite_copy,
	.limit_time = limit_time,
	.close = close_reader,
};
