/*
 * postgres_group - the statements of the writer over PostgreSQL.
 *
 * Each is a plain SELECT, INSERT, UPDATE or DELETE of one table, with arrays where there are many:
 * no statement that changes data stands within another, no function has an effect, nothing is
 * numbered by a sequence. So they are the same in a schema that is a shard of its own.
 *
 * A statement that locks does not read what the lock guards: its snapshot is of before the wait.
 * What is read stands in a statement behind it.
 */
#include "store/postgres_group.h"
#include <stdlib.h>
#include <string.h>

/* Names into ids. The arrays are $1 and $2. */
#define NAMED_ROWS                                                            \
	"unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (sku, code, n) " \
	"JOIN item i ON i.sku = w.sku JOIN location l ON l.code = w.code "
/* By subqueries: a plan that was made before the first ANALYZE would join stock by its location,
 * and read all of that for each row. */
#define NAMED_STOCK                                                                        \
	"unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (sku, code, n) JOIN stock s " \
	"ON s.item_id = (SELECT i.id FROM item i WHERE i.sku = w.sku) "                    \
	"AND s.location_id = (SELECT l.id FROM location l WHERE l.code = w.code) "

#define ITEM_COLUMNS                                                               \
	"i.id, i.sku, i.backorder_limit, i.reorder_point, i.archived, i.version, " \
	"i.created_at, i.updated_at"
#define LOCATION_COLUMNS "l.id, l.code, l.archived, l.version, l.created_at, l.updated_at"
#define LEVEL_COLUMNS    "s.id, m.on_hand, m.reserved, m.version, m.seq, m.at"
#define LAST_MOVEMENT                                                                  \
	"LEFT JOIN LATERAL (SELECT on_hand, reserved, version, seq, at FROM movement " \
	"WHERE stock_id = s.id ORDER BY version DESC LIMIT 1) m ON true "

/* The stock of what is changed, deleted or resolved, by items $1, locations $2, reservations $3. */
#define STOCK_OF_NAMES(skus, codes, names)                                                      \
	"SELECT a.id FROM stock a JOIN item i ON i.id = a.item_id WHERE i.sku = ANY(" skus      \
	"::text[]) UNION ALL SELECT b.id FROM stock b JOIN location l ON l.id = b.location_id " \
	"WHERE l.code = ANY(" codes "::text[]) UNION ALL " STOCK_OF_RESERVATIONS(names)
#define STOCK_OF_RESERVATIONS(names)                                                         \
	"SELECT c.id FROM reservation r JOIN reservation_line e ON e.reservation_id = r.id " \
	"JOIN stock c ON c.item_id = e.item_id AND c.location_id = e.location_id "           \
	"WHERE r.name = ANY(" names "::text[]) AND r.state = 'active'"

#define IN_USE(column)                                                                       \
	"CASE WHEN w.needs_use THEN EXISTS (SELECT 1 FROM stock s JOIN movement m "          \
	"ON m.stock_id = s.id WHERE s." column " = t.id) OR EXISTS (SELECT 1 FROM row_lock " \
	"k WHERE k." column " = t.id AND k.expires_at > $3) ELSE false END"

const char *const postgres_writer_texts[POSTGRES_WRITER_STATEMENTS] = {
	[LANE_MAKE] = "INSERT INTO lane (front_end_id) VALUES ($1) RETURNING id",
	/* Waits for the end of what was open in an earlier session of this lane. */
	[LANE_RENEW] = "UPDATE lane SET generation = generation + 1 WHERE id = $1 "
		       "RETURNING generation, last_group",
	[LANE_LOCK] = "SELECT last_group FROM lane WHERE id = $1 AND generation = $2 FOR UPDATE",
	[LANE_MARK] = "UPDATE lane SET last_group = $2, last_seq = $3 WHERE id = $1",
	[READ_HEAD] = "SELECT lease_change, coalesce((SELECT seq FROM movement ORDER BY seq DESC "
		      "LIMIT 1), 0) FROM store WHERE id = 1",
	[READ_NEWS] = "SELECT coalesce((SELECT max(id) FROM idempotency WHERE id <= $1), 0), "
		      "coalesce((SELECT at FROM movement ORDER BY seq DESC LIMIT 1), 0)",
	[READ_LEASES] =
		"SELECT c.lease_change, coalesce((SELECT seq FROM movement ORDER BY seq DESC "
		"LIMIT 1), 0), k.lease, k.fence, k.sku, k.code, k.purpose, k.taken_at, "
		"k.expires_at, k.token_id, k.actor FROM store c LEFT JOIN (SELECT t.id, t.lease, "
		"t.fence, i.sku, l.code, t.purpose, t.taken_at, t.expires_at, t.token_id, t.actor "
		"FROM row_lock t JOIN item i ON i.id = t.item_id JOIN location l "
		"ON l.id = t.location_id) k ON true WHERE c.id = 1 ORDER BY k.fence, k.id",
	[READ_PROMISED] = "SELECT (SELECT count(*) FROM reservation WHERE state = 'active'), "
			  "(SELECT count(*) FROM reservation_line WHERE open_until IS NOT NULL)",
	[READ_OVERDUE] =
		"SELECT (SELECT count(*) FROM (SELECT 1 FROM reservation WHERE state = 'active' "
		"AND expires_at <= $1 AND id <> ALL($2::bigint[]) LIMIT 10000) o), "
		"(SELECT expires_at FROM reservation WHERE state = 'active' AND expires_at > $1 "
		"ORDER BY expires_at LIMIT 1)",
	[READ_EACH_KEY] = "SELECT id, key, at, token_id FROM (SELECT id, key, at, token_id FROM "
			  "idempotency WHERE id BETWEEN 1 AND $3 ORDER BY id DESC LIMIT $2) k "
			  "WHERE at >= $1 ORDER BY id",

	/* Under the store's lock. */
	[STOCK_MAKE] = "INSERT INTO stock (id, item_id, location_id) SELECT "
		       "coalesce((SELECT max(id) FROM stock), 0) + row_number() OVER (), "
		       "i.id, l.id FROM " NAMED_ROWS
		       "LEFT JOIN stock s ON s.item_id = i.id AND s.location_id = l.id "
		       "WHERE s.id IS NULL",
	[STOCK_LOCK] = "SELECT s.id FROM " NAMED_STOCK "ORDER BY s.id FOR UPDATE OF s",
	[STOCK_LOCK_FREE] =
		"SELECT s.id FROM " NAMED_STOCK "ORDER BY s.id FOR UPDATE OF s SKIP LOCKED",
	[STOCK_LOCK_ALL] =
		"SELECT s.id FROM stock s WHERE s.id IN (SELECT s.id FROM " NAMED_STOCK
		"UNION ALL " STOCK_OF_NAMES("$3", "$4", "$5") ") "
							      "ORDER BY s.id FOR UPDATE OF s",
	[STOCK_LOCK_NAMED_NOW] =
		"SELECT s.id FROM stock s WHERE s.id IN "
		"(" STOCK_OF_NAMES("$1", "$2", "$3") ") "
						     "ORDER BY s.id FOR UPDATE OF s NOWAIT",
	[STOCK_LOCK_DUE] =
		"SELECT s.id FROM stock s WHERE s.id IN (SELECT c.id FROM reservation_line e "
		"JOIN stock c ON c.item_id = e.item_id AND c.location_id = e.location_id "
		"WHERE e.reservation_id = ANY($1::bigint[])) "
		"ORDER BY s.id FOR UPDATE OF s SKIP LOCKED",
	[RESERVATION_LOCK] = "SELECT id FROM reservation WHERE name = ANY($1::text[]) "
			     "ORDER BY id FOR UPDATE",
	[RESERVATION_LOCK_DUE] = "SELECT id FROM reservation WHERE id = ANY($1::bigint[]) "
				 "ORDER BY id FOR UPDATE SKIP LOCKED",
	/* Not against a reference, which whoever has the store's lock makes without a wait. */
	[ITEM_LOCK] = "SELECT id FROM item WHERE sku = ANY($1::text[]) ORDER BY id "
		      "FOR NO KEY UPDATE",
	[LOCATION_LOCK] = "SELECT id FROM location WHERE code = ANY($1::text[]) ORDER BY id "
			  "FOR NO KEY UPDATE",
	[READ_ROWS] =
		"SELECT w.n, " ITEM_COLUMNS ", " LOCATION_COLUMNS ", " LEVEL_COLUMNS
		", EXISTS (SELECT 1 FROM reservation_line e WHERE e.item_id = i.id "
		"AND e.location_id = l.id AND e.open_until <= $3), EXISTS (SELECT 1 FROM "
		"row_lock k WHERE k.item_id = i.id AND k.location_id = l.id AND k.expires_at > $3) "
		"FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (sku, code, n) "
		"LEFT JOIN item i ON i.sku = w.sku LEFT JOIN location l ON l.code = w.code "
		"LEFT JOIN stock s ON s.item_id = i.id AND s.location_id = l.id " LAST_MOVEMENT
		"ORDER BY w.n",
	/* By names, or ids. */
	[READ_ROWS_OF_RESERVATIONS] =
		"SELECT 0, " ITEM_COLUMNS ", " LOCATION_COLUMNS ", " LEVEL_COLUMNS ", false, false "
		"FROM stock s JOIN item i ON i.id = s.item_id JOIN location l "
		"ON l.id = s.location_id " LAST_MOVEMENT "WHERE s.id IN (" STOCK_OF_RESERVATIONS(
			"$1") " UNION ALL SELECT d.id FROM "
			      "reservation_line f JOIN stock d ON d.item_id = f.item_id AND "
			      "d.location_id = f.location_id WHERE f.reservation_id = "
			      "ANY($2::bigint[]))",
	[READ_RESERVATIONS] =
		"SELECT id, name, state, owner, reference, created_at, expires_at, "
		"coalesce(resolved_at, 0) FROM reservation WHERE name = ANY($1::text[]) "
		"OR id = ANY($2::bigint[]) ORDER BY expires_at, id",
	[READ_LINES] =
		"SELECT e.reservation_id, e.n, i.sku, l.code, e.item_id, e.location_id, "
		"e.quantity, e.committed FROM reservation r JOIN reservation_line e "
		"ON e.reservation_id = r.id LEFT JOIN item i ON i.id = e.item_id "
		"LEFT JOIN location l ON l.id = e.location_id WHERE r.name = ANY($1::text[]) "
		"OR r.id = ANY($2::bigint[]) ORDER BY e.reservation_id, e.n",
	[READ_ITEMS] =
		"SELECT w.n, t.id, t.sku, t.backorder_limit, t.reorder_point, t.archived, "
		"t.version, t.created_at, t.updated_at, t.name, t.unit, t.attributes, " IN_USE(
			"item_id") " FROM unnest($1::text[], $2::boolean[]) WITH ORDINALITY "
				   "AS w (name, needs_use, n) JOIN item t ON t.sku = w.name ORDER "
				   "BY w.n",
	[READ_LOCATIONS] =
		"SELECT w.n, t.id, t.code, t.archived, t.version, t.created_at, t.updated_at, "
		"t.name, " IN_USE("location_id") " FROM unnest($1::text[], $2::boolean[]) "
						 "WITH ORDINALITY AS w (name, needs_use, n) JOIN "
						 "location t ON t.code = w.name "
						 "ORDER BY w.n",
	/* Back to what the count has seen, by version: the row's own movements, and no others. */
	[READ_STATEMENTS] =
		"SELECT w.n, (SELECT m.seq FROM movement m WHERE m.stock_id = s.id "
		"AND m.kind = ANY($4::text[]) AND m.version > coalesce((SELECT p.version FROM "
		"movement p WHERE p.stock_id = s.id AND p.seq <= w.seen ORDER BY p.version DESC "
		"LIMIT 1), 0) ORDER BY m.version DESC LIMIT 1) FROM "
		"unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS "
		"w (sku, code, seen, n) JOIN item i ON i.sku = w.sku JOIN location l "
		"ON l.code = w.code JOIN stock s ON s.item_id = i.id AND s.location_id = l.id",
	[READ_WANTED_LEASES] = "SELECT lease, fence, expires_at FROM row_lock "
			       "WHERE lease = ANY($1::text[]) ORDER BY id FOR UPDATE",
	[READ_RESPECTED] = "SELECT w.n, c.lease_change FROM store c CROSS JOIN " NAMED_ROWS
			   "JOIN row_lock k ON k.item_id = i.id AND k.location_id = l.id "
			   "WHERE c.id = 1 AND k.expires_at > $3",
	[READ_KEYS] =
		"SELECT w.n, k.id, k.fingerprint, k.status, k.outcome, k.stock_seq, k.first_seq, "
		"k.movement_count, k.body, k.at FROM unnest($1::bigint[], $2::text[]) "
		"WITH ORDINALITY AS w (token_id, key, n) JOIN idempotency k "
		"ON k.token_id = w.token_id AND k.key = w.key",
	[READ_DUE] = "SELECT w.n, e.reservation_id, e.open_until FROM " NAMED_ROWS
		     "JOIN reservation_line e ON e.item_id = i.id AND e.location_id = l.id "
		     "WHERE e.open_until <= $3 ORDER BY e.open_until, e.reservation_id LIMIT $4",
	[READ_OLDEST_DUE] = "SELECT 0, id, expires_at FROM reservation WHERE state = 'active' "
			    "AND expires_at <= $1 AND id <> ALL($2::bigint[]) "
			    "ORDER BY expires_at, id LIMIT $3",

	[STORE_LOCK] = "SELECT next_fence, next_reservation, lease_change, next_audit, "
		       "next_key FROM store WHERE id = 1 FOR UPDATE",
	[READ_NUMBERS] =
		"SELECT coalesce((SELECT seq FROM movement ORDER BY seq DESC LIMIT 1), 0), "
		"coalesce((SELECT at FROM movement ORDER BY seq DESC LIMIT 1), 0), "
		"coalesce((SELECT max(id) FROM item), 0), "
		"coalesce((SELECT max(id) FROM location), 0), "
		"coalesce((SELECT max(id) FROM stock), 0), "
		"coalesce((SELECT max(id) FROM row_lock), 0), "
		"coalesce((SELECT max(id) FROM idempotency), 0), "
		"coalesce((SELECT max(id) FROM audit), 0), "
		"coalesce((SELECT max(fence) FROM row_lock WHERE fence <= $1), 0), "
		"coalesce((SELECT max(id) FROM reservation WHERE id <= $1), 0)",
	[STOCK_ADD] = "INSERT INTO stock (id, item_id, location_id) SELECT * FROM "
		      "unnest($1::bigint[], $2::bigint[], $3::bigint[])",
	[ITEM_MAKE] = "INSERT INTO item (id, sku, name, unit, backorder_limit, reorder_point, "
		      "attributes, archived, version, created_at, updated_at) "
		      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	[ITEM_CHANGE] = "UPDATE item SET name = $2, unit = $3, backorder_limit = $4, "
			"reorder_point = $5, attributes = $6, archived = $7, version = $8, "
			"updated_at = $9 WHERE id = $1",
	[ITEM_DELETE_LEASES] = "DELETE FROM row_lock WHERE item_id = $1",
	[ITEM_DELETE_STOCK] = "DELETE FROM stock s WHERE s.item_id = $1 AND NOT EXISTS "
			      "(SELECT 1 FROM movement m WHERE m.stock_id = s.id)",
	[ITEM_DELETE] = "DELETE FROM item WHERE id = $1",
	[LOCATION_MAKE] = "INSERT INTO location (id, code, name, archived, version, created_at, "
			  "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
	[LOCATION_CHANGE] = "UPDATE location SET name = $2, archived = $3, version = $4, "
			    "updated_at = $5 WHERE id = $1",
	[LOCATION_DELETE_LEASES] = "DELETE FROM row_lock WHERE location_id = $1",
	[LOCATION_DELETE_STOCK] = "DELETE FROM stock s WHERE s.location_id = $1 AND NOT EXISTS "
				  "(SELECT 1 FROM movement m WHERE m.stock_id = s.id)",
	[LOCATION_DELETE] = "DELETE FROM location WHERE id = $1",
	[LEASE_DELETE_ENDED] = "DELETE FROM row_lock k USING unnest($1::bigint[], $2::bigint[]) AS "
			       "w (item_id, location_id) WHERE k.item_id = w.item_id "
			       "AND k.location_id = w.location_id AND k.expires_at <= $3",
	[LEASE_FIND] = "SELECT 1 FROM row_lock WHERE lease = $1 AND expires_at > $2 LIMIT 1",
	[LEASE_MAKE] = "INSERT INTO row_lock (id, lease, fence, item_id, location_id, purpose, "
		       "taken_at, expires_at, token_id, actor) SELECT $1 + w.n, $2, $3, "
		       "w.item_id, w.location_id, $6, $7, $8, $9, $10 FROM "
		       "unnest($4::bigint[], $5::bigint[]) WITH ORDINALITY AS "
		       "w (item_id, location_id, n) ON CONFLICT (item_id, location_id) DO NOTHING",
	[LEASE_RENEW] = "UPDATE row_lock SET expires_at = $2 WHERE fence = $1",
	[LEASE_DELETE] = "DELETE FROM row_lock WHERE fence = $1 AND expires_at <= $2",
	[RESERVATION_ADD] = "INSERT INTO reservation (id, name, state, owner, reference, "
			    "created_at, expires_at, resolved_at) "
			    "VALUES ($1, $2, 'active', $3, $4, $5, $6, NULL)",
	[RESERVATION_ADD_LINES] =
		"INSERT INTO reservation_line (reservation_id, n, item_id, location_id, quantity, "
		"open_until) SELECT $1, w.n - 1, w.item_id, w.location_id, w.quantity, $5 FROM "
		"unnest($2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS "
		"w (item_id, location_id, quantity, n)",
	[RESERVATION_END] = "UPDATE reservation SET state = $2, resolved_at = $3 "
			    "WHERE id = $1 AND state = 'active'",
	[RESERVATION_END_LINES] =
		"UPDATE reservation_line e SET committed = w.committed, open_until = NULL FROM "
		"unnest($2::bigint[]) WITH ORDINALITY AS w (committed, n) "
		"WHERE e.reservation_id = $1 AND e.n = w.n - 1",
	[RESERVATION_PUT_OFF] = "UPDATE reservation SET expires_at = $2 "
				"WHERE id = $1 AND state = 'active'",
	[RESERVATION_PUT_OFF_LINES] = "UPDATE reservation_line SET open_until = $2 "
				      "WHERE reservation_id = $1 AND open_until IS NOT NULL",
	[MOVEMENT_ADD] =
		"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, "
		"on_hand, reserved, version, reason, reference, reservation, request_id, "
		"oversubscribed, low_stock, at, prev_seq, actor, note) SELECT * FROM "
		"unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], "
		"$6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], "
		"$12::text[], $13::boolean[], $14::boolean[], $15::bigint[], $16::bigint[], "
		"$17::text[], $18::text[])",
	[KEY_ADD] = "INSERT INTO idempotency (id, token_id, key, fingerprint, status, outcome, "
		    "stock_seq, first_seq, movement_count, body, at) SELECT * FROM "
		    "unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], "
		    "$6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], "
		    "$11::bigint[])",
	[KEY_REPLACE] = "DELETE FROM idempotency WHERE id = ANY ($1::bigint[])",
	[KEY_DELETE] = "DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency "
		       "WHERE id <= $1 ORDER BY id LIMIT $2)",
	[AUDIT_ADD] = "INSERT INTO audit (id, at, actor, action, subject, detail, request_id) "
		      "SELECT $1 + w.n, w.at, w.actor, w.action, w.subject, w.detail, "
		      "w.request_id FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], "
		      "$6::text[], $7::text[]) WITH ORDINALITY AS "
		      "w (at, actor, action, subject, detail, request_id, n)",
	[AUDIT_DELETE] = "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, at FROM audit "
			 "ORDER BY id LIMIT $2) o WHERE at < $1)",
	[STORE_CHANGE] = "UPDATE store SET next_fence = $1, next_reservation = $2, "
			 "lease_change = $3, newest_at = greatest(newest_at, $4), "
			 "clock_ahead_ms = coalesce($5, clock_ahead_ms), next_audit = $6, "
			 "next_key = $7 WHERE id = 1",
};

/* ---------------------------------------------------------------- the transaction */

int postgres_group_fault(int r)
{
	return r == -EAGAIN ? FAULT(-EBUSY) : r == -EROFS ? FAULT(-ENOTCONN) : r;
}

void postgres_note_head(struct postgres_writer *w, const PGresult *result)
{
	int64_t lease_change = postgres_int(result, 0, 0), seq = postgres_int(result, 0, 1);

	CHECK(PQntuples(result) >= 1);
	if (seq > w->seen.seq)
		w->seen.seq = seq;
	if (lease_change > w->seen.lease_change)
		w->seen.lease_change = lease_change;
}

void postgres_add_begin(struct postgres_writer *w, bool *ret_begins)
{
	struct postgres_value v[] = { value_int(w->lane), value_int(w->generation) };

	CHECK(w->is_in_group);
	*ret_begins = !w->is_open;
	if (w->is_open)
		return;
	postgres_add_text(w->link, "BEGIN");
	postgres_add(w->link, LANE_LOCK, LENGTH_OF(v), v);
	w->is_open = true;
}

int postgres_take_begin(struct postgres_writer *w, bool begins)
{
	CLEANUP(postgres_clear) PGresult *lane = NULL;
	int r = begins ? postgres_take(w->link, NULL) : 0;

	CHECK(w->is_open);
	if (r < 0 || !begins)
		return r;
	r = postgres_take(w->link, &lane);
	if (r == 0 && PQntuples(lane) != 1) {
		w->session = 0; /* somebody has taken the lane for a dead one's: once more */
		return FAULT(-EBUSY);
	}
	return r;
}

void postgres_add_commit(struct postgres_writer *w)
{
	struct postgres_value v[] = { value_int(w->lane), value_int(++w->group),
				      value_int(w->numbers.seq) };

	CHECK(w->is_open);
	CHECK(w->is_numbered);
	postgres_add(w->link, LANE_MARK, LENGTH_OF(v), v);
	postgres_add_text(w->link, "COMMIT");
}

int postgres_take_commit(struct postgres_writer *w)
{
	CLEANUP(postgres_clear) PGresult *ended = NULL;
	int r = postgres_take(w->link, NULL);

	r = r < 0 ? r : postgres_take(w->link, &ended);
	if (r == 0 && strcmp(PQcmdStatus(ended), "COMMIT") != 0)
		return FAULT(-EIO); /* somebody let it fail before */
	return r;
}

/* ---------------------------------------------------------------- locked rows, handed out */

static int by_id(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool postgres_has_locked(const struct postgres_writer *w, int64_t stock_id)
{
	return w->locked_count > 0 &&
	       bsearch(&stock_id, w->locked, w->locked_count, sizeof(w->locked[0]), by_id) != NULL;
}

int postgres_note_locked(struct postgres_writer *w, const PGresult *result)
{
	size_t count = (size_t)PQntuples(result), need = w->locked_count + count;

	CHECK(w->is_open);
	if (need > w->locked_capacity) {
		int64_t *more = realloc(w->locked, sizeof(more[0]) * need * 2);

		if (more == NULL)
			return FAULT(-ENOMEM);
		w->locked = more;
		w->locked_capacity = need * 2;
	}
	for (size_t i = 0; i < count; i++)
		w->locked[w->locked_count++] = postgres_int(result, (int)i, 0);
	if (count > 0)
		qsort(w->locked, w->locked_count, sizeof(w->locked[0]), by_id);
	w->has_rows = w->has_rows || count > 0;
	return 0;
}

static struct postgres_handed *handed_of(struct postgres_writer *w, int64_t id)
{
	CHECK(w->handed_count <= POSTGRES_HANDED_MAX);
	for (size_t i = 0; i < w->handed_count; i++)
		if (w->handed[i].id == id)
			return &w->handed[i];
	return NULL;
}

bool postgres_was_handed(struct postgres_writer *w, int64_t id, int64_t expires_at_ms,
			 int64_t now_ms)
{
	const struct postgres_handed *h = handed_of(w, id);

	CHECK(id > 0);
	return h != NULL && h->ended_ms == expires_at_ms &&
	       (h->is_of_group || h->until_ms > now_ms);
}

int postgres_note_handed(struct postgres_writer *w, int64_t id, int64_t expires_at_ms,
			 int64_t until_ms)
{
	struct postgres_handed *h = handed_of(w, id);

	CHECK(w->is_in_group);
	if (h == NULL && w->handed_count == POSTGRES_HANDED_MAX)
		return FAULT(-ENOMEM);
	if (h == NULL)
		h = &w->handed[w->handed_count++];
	*h = (struct postgres_handed){
		.id = id, .ended_ms = expires_at_ms, .until_ms = until_ms, .is_of_group = true
	};
	return 0;
}

void postgres_forget_handed(struct postgres_writer *w)
{
	size_t kept = 0;

	CHECK(w->handed_count <= POSTGRES_HANDED_MAX);
	for (size_t i = 0; i < w->handed_count; i++)
		if (!w->handed[i].is_of_group)
			w->handed[kept++] = w->handed[i];
	w->is_promised_stale = w->is_promised_stale || kept < w->handed_count;
	w->handed_count = kept;
}

static void forget_old_handed(struct postgres_writer *w, int64_t now_ms)
{
	size_t kept = 0;

	CHECK(w->handed_count <= POSTGRES_HANDED_MAX);
	for (size_t i = 0; i < w->handed_count; i++)
		if (w->handed[i].is_of_group || w->handed[i].until_ms > now_ms)
			w->handed[kept++] = w->handed[i];
	w->handed_count = kept;
}

/* What was handed out and left alone is not to be looked for. */
struct postgres_value postgres_handed_ids(struct postgres_writer *w, int64_t now_ms)
{
	int64_t *ids = arena_alloc(&w->memory, sizeof(ids[0]) * (w->handed_count + 1));

	if (ids == NULL)
		return (struct postgres_value){ .length = POSTGRES_VALUE_SHORT };
	forget_old_handed(w, now_ms);
	for (size_t i = 0; i < w->handed_count; i++)
		ids[i] = w->handed[i].id;
	return value_int_array(&w->memory, ids, w->handed_count);
}

/* ---------------------------------------------------------------- numbers */

static int read_numbers(struct postgres_writer *w, const PGresult *store, const PGresult *newest)
{
	struct postgres_numbers *n = &w->numbers;

	CHECK(w->is_open);
	if (PQntuples(store) != 1)
		return FAULT(-EUCLEAN);
	*n = (struct postgres_numbers){
		.seq = postgres_int(newest, 0, 0),
		.at_ms = postgres_int(newest, 0, 1),
		.item = postgres_int(newest, 0, 2),
		.location = postgres_int(newest, 0, 3),
		.stock = postgres_int(newest, 0, 4),
		.row_lock = postgres_int(newest, 0, 5),
		.key = postgres_int(newest, 0, 6),
		.audit = postgres_int(newest, 0, 7),
		.fence = postgres_int(store, 0, 0) - 1,
		.reservation = postgres_int(store, 0, 1) - 1,
		.lease_change = postgres_int(store, 0, 2),
	};
	/* Past what somebody has typed, where that is in the way. */
	if (n->fence >= FENCE_MAX || n->fence < postgres_int(newest, 0, 8))
		n->fence = postgres_int(newest, 0, 8);
	if (n->audit < postgres_int(store, 0, 3) - 1)
		n->audit = postgres_int(store, 0, 3) - 1;
	if (n->key < postgres_int(store, 0, 4) - 1)
		n->key = postgres_int(store, 0, 4) - 1;
	if (n->reservation >= FENCE_MAX || n->reservation < postgres_int(newest, 0, 9))
		n->reservation = postgres_int(newest, 0, 9);
	return n->seq >= SEQ_RELATIVE ? FAULT(-EUCLEAN) : 0;
}

/* The last lock that a group takes, and what stands behind it. */
int postgres_lock_store(struct postgres_writer *w)
{
	CLEANUP(postgres_clear) PGresult *store = NULL;
	CLEANUP(postgres_clear) PGresult *newest = NULL;
	struct postgres_value v[] = { value_int(FENCE_MAX) };
	bool begins;
	int r;

	CHECK(w->is_in_group);
	postgres_begin_trip(w->link);
	postgres_add_begin(w, &begins);
	postgres_add(w->link, STORE_LOCK, 0, NULL);
	postgres_add(w->link, READ_NUMBERS, LENGTH_OF(v), v);
	r = postgres_send(w->link, 0);
	r = r < 0 ? r : postgres_take_begin(w, begins);
	r = r < 0 ? r : postgres_take(w->link, &store);
	r = r < 0 ? r : postgres_take(w->link, &newest);
	r = postgres_end_trip(w->link, r);
	if (r < 0)
		return postgres_group_fault(r);
	r = read_numbers(w, store, newest);
	w->stored = w->numbers;
	w->is_numbered = r == 0;
	return r;
}
