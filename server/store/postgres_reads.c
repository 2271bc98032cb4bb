/*
 * postgres_reads - the statements of readers.
 *
 * Each is one trip, and its own bound: a page examines its rows in the order of an index, and what
 * comes out are those that fit and, at its end, the one at which it stopped. So what is examined is
 * a scan that the LIMIT around it ends, never a sort.
 *
 * Columns at the end of each page: is_fitting, before (the row that was examined before this one,
 * or the cursor), is_end (so many rows, or so much time: this one is not examined any more).
 */
#include "store/postgres_reader.h"

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)

/* One behind those that a page examines. */
#define EXAMINED_END 50001
_Static_assert(EXAMINED_END == PAGE_EXAMINED_MAX + 1, "a page ends behind so many");
_Static_assert(COMMAND_ROWS_MAX == 64, "POSTGRES_LINES_OF() reads one more");
_Static_assert(MOVEMENTS_STATING_LEVEL ==
		       (1 << MOVEMENT_SET | 1 << MOVEMENT_COUNT_OF_STOCK | 1 << MOVEMENT_EDIT),
	       "READ_PAST_LEVEL names them");

/* clang-format off */

/* The clock is looked at now and then, but not before the first row: each page gets on. */
#define IS_LATE(number, ms) \
	"(" number " % 64 = 1 AND " number " > 1 AND clock_timestamp() - statement_timestamp() > " ms " * interval '1 ms')"

/* What a page is told of its rows, in the order of `key`; `first` is the cursor. */
#define PAGE_OF(key, first, ms) \
	"lag(" key ", 1, " first ") OVER w AS before, lead(" key ") OVER w IS NULL AS is_last, " \
	"row_number() OVER w = " TEXT(EXAMINED_END) " OR " IS_LATE("row_number() OVER w", ms) " AS is_end"
#define PAGE_ORDER(key) " WINDOW w AS (ORDER BY " key ") ORDER BY " key " LIMIT " TEXT(EXAMINED_END)

#define ITEM_ID(sku)      "(SELECT id FROM item WHERE sku = " sku ")"
#define LOCATION_ID(code) "(SELECT id FROM location WHERE code = " code ")"

/* ---------------------------------------------------------------- movements */

#define MOVEMENT_FROM \
	" FROM movement m JOIN stock s ON s.id = m.stock_id JOIN item i ON i.id = s.item_id " \
	"JOIN location l ON l.id = s.location_id "

/*
 * $1 the cursor, 0: none; $2 sku, $3 location, $4 reference, $5 reservation, $6 actor, $7 reason,
 * $8 kinds, $9 since, $10 until, each NULL: any; $11 rows and one more; $12 ms of a page; $13 the
 * newest seq.
 */
#define MOVEMENT_FITS \
	"(($4 IS NULL OR m.reference = $4) AND ($5 IS NULL OR m.reservation = $5) " \
	"AND ($6 IS NULL OR m.actor = $6) AND ($7 IS NULL OR coalesce(m.reason, m.kind) = $7) " \
	"AND ($8::text[] IS NULL OR m.kind = ANY ($8::text[])) " \
	"AND ($9 IS NULL OR m.at >= $9) AND ($10 IS NULL OR m.at < $10)) IS TRUE"

/*
 * The first seq that was made at or after a time, or newest + 1; no row where the time is NULL.
 * Times rise with the seqs; gaps, which only damage makes, are stepped over.
 */
#define FIRST_SINCE(ms) \
	"(WITH RECURSIVE b (low, high) AS (SELECT 1::bigint, $13 + 1 WHERE " ms " IS NOT NULL " \
	"UNION ALL SELECT CASE WHEN x.at >= " ms " THEN b.low ELSE x.middle + 1 END, " \
	"CASE WHEN x.at >= " ms " THEN x.middle ELSE b.high END " \
	"FROM b CROSS JOIN LATERAL (SELECT t.middle, " \
	"(SELECT v.at FROM movement v WHERE v.seq >= t.middle ORDER BY v.seq LIMIT 1) AS at " \
	"FROM (SELECT b.low + (b.high - b.low) / 2 AS middle) t) x WHERE b.low < b.high) " \
	"SELECT low FROM b WHERE low = high)"

/*
 * Innermost: seqs behind the start, with what can be said without their names; those are looked up
 * only of what may be shown. A movement whose row is gone is examined, and not shown.
 */
#define SCAN_LEDGER(start, is_beyond, is_last, order) \
	"SELECT " POSTGRES_MOVEMENT_COLUMNS ", (x.is_fitting AND i.id IS NOT NULL AND l.id IS NOT NULL " \
	"AND ($2 IS NULL OR i.sku = $2) AND ($3 IS NULL OR l.code = $3)) IS TRUE AS is_fitting, " \
	"x.before, x.is_end, x.is_beyond FROM (SELECT y.seq, y.stock_id, y.is_fitting, y.is_beyond, " \
	"lag(y.seq, 1, $1) OVER w AS before, " is_last " AS is_last, row_number() OVER w = " \
	TEXT(EXAMINED_END) " OR " IS_LATE("row_number() OVER w", "$12") " AS is_end " \
	"FROM (SELECT m.seq, m.stock_id, " MOVEMENT_FITS " AS is_fitting, " is_beyond " AS is_beyond " \
	"FROM movement m WHERE m.seq " start " ORDER BY m.seq" order " LIMIT " TEXT(EXAMINED_END) ") y " \
	"WINDOW w AS (ORDER BY y.seq" order ")) x JOIN movement m ON m.seq = x.seq " \
	"LEFT JOIN stock s ON s.id = x.stock_id LEFT JOIN item i ON i.id = s.item_id " \
	"LEFT JOIN location l ON l.id = s.location_id " \
	"WHERE (x.is_fitting OR x.is_beyond OR x.is_end OR x.is_last) AND ((i.id IS NOT NULL AND l.id IS NOT NULL " \
	"AND ($2 IS NULL OR i.sku = $2) AND ($3 IS NULL OR l.code = $3)) OR x.is_beyond OR x.is_end OR x.is_last) " \
	"ORDER BY x.seq" order " LIMIT $11"

/*
 * The history of an item's rows, newest first: their chains are walked back side by side.
 *
 * chain: the rows, with their newest movements; more than 1,000 are too many, which one row without
 * a movement says. head: of each the newest movement before the cursor, found by halving its
 * versions, which rise with the seqs. walk: in each step the newest of the heads is taken, and its
 * chain moved one back; it ends with the page, so that the order at the end sorts no more than it
 * has walked.
 */
#define HISTORY \
	"WITH RECURSIVE chain AS (SELECT s.id, n.version, n.seq FROM stock s CROSS JOIN " POSTGRES_NEWEST("s.id", "") \
	" WHERE s.item_id = " ITEM_ID("$2") " AND ($3 IS NULL OR s.location_id = " LOCATION_ID("$3") ") LIMIT 1001), " \
	"head AS (SELECT array_agg(h.seq) AS seqs FROM chain c CROSS JOIN LATERAL (" \
	"SELECT c.seq WHERE $1 = 0 OR c.seq < $1 UNION ALL (" \
	"SELECT m.seq FROM movement m WHERE $1 <> 0 AND c.seq >= $1 AND m.stock_id = c.id AND m.version <= (" \
	"WITH RECURSIVE b (low, high) AS (SELECT 0::bigint, c.version - 1 UNION ALL " \
	"SELECT CASE WHEN x.seq < $1 THEN x.middle ELSE b.low END, " \
	"CASE WHEN x.seq < $1 THEN b.high ELSE x.middle - 1 END " \
	"FROM b CROSS JOIN LATERAL (SELECT t.middle, (SELECT v.seq FROM movement v WHERE v.stock_id = c.id " \
	"AND v.version >= t.middle ORDER BY v.version LIMIT 1) AS seq " \
	"FROM (SELECT b.low + (b.high - b.low + 1) / 2 AS middle) t) x WHERE b.low < b.high) " \
	"SELECT low FROM b WHERE low = high) ORDER BY m.version DESC LIMIT 1)) h), " \
	"walk (number, found, before, seq, seqs, following, is_fitting, is_beyond, is_end) AS (" \
	"SELECT 0, 0, 0::bigint, $1, h.seqs, CASE WHEN (SELECT count(*) FROM chain) > 1000 THEN -1 " \
	"ELSE (SELECT max(u) FROM unnest(h.seqs) u) END, false, false, false FROM head h UNION ALL " \
	"SELECT w.number + 1, w.found + y.is_fitting::integer, w.seq, m.seq, y.seqs, " \
	"(SELECT max(u) FROM unnest(y.seqs) u), y.is_fitting, (m.at < $9) IS TRUE, " \
	"w.number + 1 = " TEXT(EXAMINED_END) " OR " IS_LATE("(w.number + 1)", "$12") \
	" FROM walk w JOIN movement m ON m.seq = w.following CROSS JOIN LATERAL (" \
	"SELECT array_replace(w.seqs, m.seq, CASE WHEN m.prev_seq < m.seq THEN m.prev_seq ELSE 0 END) AS seqs, " \
	MOVEMENT_FITS " AS is_fitting) y " \
	"WHERE w.following > 0 AND w.found < $11 AND NOT w.is_beyond AND NOT w.is_end) " \
	"SELECT " POSTGRES_MOVEMENT_COLUMNS ", w.is_fitting AND i.id IS NOT NULL AND l.id IS NOT NULL, w.before, " \
	"w.is_end, w.is_beyond, w.following < 0 FROM walk w LEFT JOIN movement m ON m.seq = w.seq AND w.number > 0 " \
	"LEFT JOIN stock s ON s.id = m.stock_id LEFT JOIN item i ON i.id = s.item_id " \
	"LEFT JOIN location l ON l.id = s.location_id WHERE w.following < 0 OR (w.number > 0 " \
	"AND (w.is_fitting OR w.is_beyond OR w.is_end OR w.following = 0)) ORDER BY w.number"

/* ---------------------------------------------------------------- the catalogue, the audit */

/* $1 the cursor; $2 a text, NULL: any; $3 0, 1, or -1: both; $4 rows and one more; $5 ms. */
#define LIST_NAMES(table, t, key, columns) \
	"SELECT " columns ", x.is_fitting, x.before, x.is_end FROM (SELECT " t ".id, " t "." key " AS key, " \
	"($2 IS NULL OR strpos(lower(" t ".name COLLATE \"C\"), lower($2 COLLATE \"C\")) > 0 " \
	"OR strpos(lower(" t "." key "), lower($2 COLLATE \"C\")) > 0) " \
	"AND ($3 < 0 OR ($3 = 1) = " t ".archived) AS is_fitting, " PAGE_OF(t "." key, "$1", "$5") \
	" FROM " table " " t " WHERE " t "." key " > $1" PAGE_ORDER(t "." key) ") x JOIN " table " " t \
	" ON " t ".id = x.id WHERE x.is_fitting OR x.is_end OR x.is_last ORDER BY x.key LIMIT $4"

/* $1 the cursor; $2 actor, $3 action, $4 since, $5 until, each NULL: any; $6 rows and one more; $7 ms. */
#define LIST_AUDIT(start, order) \
	"SELECT a.id, a.at, a.actor, a.action, a.subject, a.detail, a.request_id, x.is_fitting, x.before, x.is_end " \
	"FROM (SELECT a.id, ($2 IS NULL OR a.actor = $2) AND ($3 IS NULL OR a.action = $3) " \
	"AND ($4 IS NULL OR a.at >= $4) AND ($5 IS NULL OR a.at < $5) AS is_fitting, " PAGE_OF("a.id", "$1", "$7") \
	" FROM audit a WHERE a.id " start PAGE_ORDER("a.id" order) ") x JOIN audit a ON a.id = x.id " \
	"WHERE x.is_fitting OR x.is_end OR x.is_last ORDER BY x.id" order " LIMIT $6"

/* ---------------------------------------------------------------- of a verification */

#define AUDIT_MOVEMENT_COLUMNS \
	"m.seq, m.stock_id, m.on_hand_delta, m.reserved_delta, m.on_hand, m.reserved, m.version, m.prev_seq, m.kind"

#define AUDIT_ROW_FROM \
	"SELECT s.id, n.on_hand, n.reserved, n.version, n.seq, coalesce(i.backorder_limit, 0), " \
	"coalesce(i.version, 0), i.id IS NOT NULL AND l.id IS NOT NULL " \
	"FROM stock s CROSS JOIN " POSTGRES_NEWEST("s.id", "") \
	" LEFT JOIN item i ON i.id = s.item_id LEFT JOIN location l ON l.id = s.location_id "

/*
 * Attributes of which not every reader makes the same: a name twice in an object, a number beyond 64
 * bits, an escaped NUL, half of a surrogate pair. That they are an object at all is a constraint's to
 * say. Nothing is cast that could fail: it would end the walk.
 */
#define IS_NO_CHARACTER(json) \
	"replace(" json ", '\\\\', '') ~* '\\\\u0000|\\\\ud[89ab]..(?!\\\\ud[c-f])|(?<!\\\\ud[89ab]..)\\\\ud[c-f]'"
#define IS_NO_NUMBER(json) \
	"CASE WHEN " json " ~ '^-?[0-9]+$' THEN length(" json ") > 20 OR " json "::numeric " \
	"NOT BETWEEN -9223372036854775808 AND 9223372036854775807 " \
	"WHEN " json " ~ '[eE][+]?[0-9]{5}' THEN true WHEN " json " ~ '[eE]-[0-9]{5}' THEN false " \
	"ELSE abs(" json "::numeric) > 1.7976931348623157e308 END"
#define AUDIT_ATTRIBUTES \
	"CASE WHEN i.attributes IS NULL THEN true WHEN " IS_NO_CHARACTER("i.attributes") " THEN false " \
	"ELSE NOT EXISTS (WITH RECURSIVE tree (path, key, value) AS (" \
	"SELECT ''::text, NULL::text, i.attributes::json UNION ALL " \
	"SELECT t.path || '/' || c.number, c.key, c.value FROM tree t CROSS JOIN LATERAL (" \
	"SELECT e.key, e.value, e.number FROM json_each(CASE json_typeof(t.value) WHEN 'object' THEN t.value " \
	"ELSE '{}' END) WITH ORDINALITY e (key, value, number) UNION ALL " \
	"SELECT NULL, e.value, e.number FROM json_array_elements(CASE json_typeof(t.value) WHEN 'array' THEN t.value " \
	"ELSE '[]' END) WITH ORDINALITY e (value, number)) c) " \
	"SELECT 1 FROM tree WHERE json_typeof(value) = 'number' AND " IS_NO_NUMBER("value::text") " UNION ALL " \
	"SELECT 1 FROM tree WHERE key IS NOT NULL GROUP BY regexp_replace(path, '/[0-9]+$', ''), key " \
	"HAVING count(*) > 1) END"

#define IS_NO_CODE(code) "(" code " ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$') IS NOT TRUE"

const char *const postgres_read_texts[POSTGRES_READ_COUNT] = {
	[READ_SEQ] = "SELECT coalesce((SELECT seq FROM movement ORDER BY seq DESC LIMIT 1), 0)",
	[READ_ITEM] = "SELECT " POSTGRES_ITEM_COLUMNS " FROM item i WHERE i.sku = $1",
	[READ_LOCATION] = "SELECT " POSTGRES_LOCATION_COLUMNS " FROM location l WHERE l.code = $1",
	[READ_STOCK] =
		"SELECT " POSTGRES_STOCK_COLUMNS("s.id") ", i.id, l.id FROM (SELECT 1) one "
		"LEFT JOIN item i ON i.sku = $1 LEFT JOIN location l ON l.code = $2 "
		"LEFT JOIN stock s ON s.item_id = i.id AND s.location_id = l.id "
		"LEFT JOIN " POSTGRES_NEWEST("s.id", "") " ON true",
	/* The same of many rows, in the order of their names. */
	[READ_STOCKS] =
		"SELECT " POSTGRES_STOCK_COLUMNS("s.id") ", i.id, l.id "
		"FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (sku, code, number) "
		"LEFT JOIN item i ON i.sku = w.sku LEFT JOIN location l ON l.code = w.code "
		"LEFT JOIN stock s ON s.item_id = i.id AND s.location_id = l.id "
		"LEFT JOIN " POSTGRES_NEWEST("s.id", "") " ON true ORDER BY w.number",
	/* In two parts each: a thousand rows at their bounds are more than 64 bits. */
	[READ_STOCK_SUM] =
		"SELECT coalesce(sum(n.on_hand / 1000000), 0)::bigint, coalesce(sum(n.on_hand % 1000000), 0)::bigint, "
		"coalesce(sum(n.reserved / 1000000), 0)::bigint, coalesce(sum(n.reserved % 1000000), 0)::bigint "
		"FROM item i LEFT JOIN (stock s CROSS JOIN " POSTGRES_NEWEST("s.id", "") ") ON s.item_id = i.id "
		"WHERE i.sku = $1 GROUP BY i.id",
	[READ_STOCK_OF_ITEM] =
		"SELECT " POSTGRES_STOCK_COLUMNS("s.id") ", i.sku, l.code FROM item i "
		"JOIN stock s ON s.item_id = i.id JOIN location l ON l.id = s.location_id "
		"CROSS JOIN " POSTGRES_NEWEST("s.id", "") " WHERE i.sku = $1 AND l.code > $2 ORDER BY l.code LIMIT $3",
	[READ_MOVEMENT] = "SELECT " POSTGRES_MOVEMENT_COLUMNS MOVEMENT_FROM "WHERE m.seq = $1",
	/* Its history back, until then or until its level was stated. */
	[READ_PAST_LEVEL] =
		"SELECT n.seq, p.seq, p.on_hand FROM stock s CROSS JOIN " POSTGRES_NEWEST("s.id", "")
		" LEFT JOIN LATERAL (SELECT m.seq, m.on_hand FROM movement m WHERE m.stock_id = s.id "
		"AND (m.seq <= $3 OR m.kind IN ('set', 'count', 'edit')) ORDER BY m.version DESC LIMIT 1) p ON true "
		"WHERE s.item_id = " ITEM_ID("$1") " AND s.location_id = " LOCATION_ID("$2"),
	[READ_KEY] =
		"SELECT id, token_id, key, fingerprint, status, outcome, stock_seq, first_seq, movement_count, body, at "
		"FROM idempotency WHERE id = $1",
	[READ_RESERVATION] =
		"SELECT " POSTGRES_RESERVATION_COLUMNS ", " POSTGRES_LINE_COLUMNS " FROM reservation r "
		"LEFT JOIN " POSTGRES_LINES_OF("r.id") " ON true WHERE r.name = $1 ORDER BY e.n",
	/*
	 * $1 the cursor; $2 sku, $3 location, NULL: any; $4 at or below the reorder point only; $5 rows
	 * and one more; $6 ms. The level is looked up only where the names fit.
	 */
	[LIST_STOCK] =
		"SELECT y.* FROM (SELECT " POSTGRES_STOCK_COLUMNS("x.id") ", i.sku, l.code, "
		"(n.seq IS NOT NULL AND (NOT $4 OR (NOT i.archived AND NOT l.archived "
		"AND n.on_hand - n.reserved <= i.reorder_point))) IS TRUE AS is_fitting, x.before, x.is_end, x.is_last "
		"FROM (SELECT s.id, s.item_id, s.location_id, (($2 IS NULL OR s.item_id = " ITEM_ID("$2") ") "
		"AND ($3 IS NULL OR s.location_id = " LOCATION_ID("$3") ")) IS TRUE AS is_named, "
		PAGE_OF("s.id", "$1", "$6") " FROM stock s WHERE s.id > $1" PAGE_ORDER("s.id") ") x "
		"LEFT JOIN item i ON i.id = x.item_id LEFT JOIN location l ON l.id = x.location_id "
		"LEFT JOIN " POSTGRES_NEWEST("x.id", " AND x.is_named AND i.id IS NOT NULL AND l.id IS NOT NULL "
		"AND (NOT $4 OR i.reorder_point IS NOT NULL)") " ON true) y "
		"WHERE y.is_fitting OR y.is_end OR y.is_last ORDER BY y.id LIMIT $5",
	[LIST_MOVEMENTS_UP] = SCAN_LEDGER(
		"> greatest($1, " FIRST_SINCE("$9") " - 1)", "(m.at >= $10) IS TRUE", "y.seq = $13", ""),
	[LIST_MOVEMENTS_DOWN] = SCAN_LEDGER(
		"< least(CASE WHEN $1 = 0 OR $1 > $13 THEN $13 + 1 ELSE $1 END, " FIRST_SINCE("$10") ")",
		"(m.at < $9) IS TRUE", "y.seq = 1", " DESC"),
	[LIST_HISTORY] = HISTORY,
	[LIST_ITEMS] = LIST_NAMES("item", "i", "sku", POSTGRES_ITEM_COLUMNS),
	[LIST_LOCATIONS] = LIST_NAMES("location", "l", "code", POSTGRES_LOCATION_COLUMNS),
	/* $1 the cursor; $2 owner, $3 state, $4 sku, $5 location, NULL: any; $6 rows and one more; $7 ms. */
	[LIST_RESERVATIONS] =
		"SELECT " POSTGRES_RESERVATION_COLUMNS ", " POSTGRES_LINE_COLUMNS ", y.is_fitting, y.before, y.is_end "
		"FROM (SELECT x.* FROM (SELECT r.id, (($2 IS NULL OR r.owner = $2) AND ($3 IS NULL OR r.state = $3) "
		"AND (($4 IS NULL AND $5 IS NULL) OR EXISTS (SELECT 1 FROM reservation_line o "
		"JOIN item i ON i.id = o.item_id JOIN location l ON l.id = o.location_id WHERE o.reservation_id = r.id "
		"AND ($4 IS NULL OR i.sku = $4) AND ($5 IS NULL OR l.code = $5)))) IS TRUE AS is_fitting, "
		PAGE_OF("r.id", "$1", "$7") " FROM reservation r WHERE r.id > $1" PAGE_ORDER("r.id") ") x "
		"WHERE x.is_fitting OR x.is_end OR x.is_last ORDER BY x.id LIMIT $6) y JOIN reservation r ON r.id = y.id "
		"LEFT JOIN " POSTGRES_LINES_OF("r.id") " ON y.is_fitting ORDER BY y.id, e.n",
	[LIST_AUDIT_UP] = LIST_AUDIT("> $1", ""),
	[LIST_AUDIT_DOWN] = LIST_AUDIT("< CASE WHEN $1 = 0 THEN 9223372036854775807 ELSE $1 END", " DESC"),
	[AUDIT_MOVEMENTS] =
		"SELECT " AUDIT_MOVEMENT_COLUMNS ", CASE WHEN $3 THEN (SELECT r.id FROM reservation r "
		"WHERE r.name = m.reservation) END FROM movement m WHERE m.seq > $1 ORDER BY m.seq LIMIT $2",
	[AUDIT_MOVEMENT] = "SELECT " AUDIT_MOVEMENT_COLUMNS ", NULL::bigint FROM movement m WHERE m.seq = $1",
	[AUDIT_ROWS] = AUDIT_ROW_FROM "WHERE s.id > $1 ORDER BY s.id LIMIT $2",
	[AUDIT_ROW] = AUDIT_ROW_FROM "WHERE s.id = $1",
	[AUDIT_ROW_NAMES] =
		"SELECT i.sku, l.code FROM stock s JOIN item i ON i.id = s.item_id "
		"JOIN location l ON l.id = s.location_id WHERE s.id = $1",
	[AUDIT_ACTIVE] = "SELECT id FROM reservation WHERE state = 'active' AND id > $1 ORDER BY id LIMIT $2",
	/* The largest integer says "not yet" to those who ask. */
	[AUDIT_LAST_RESERVATION] =
		"SELECT least(coalesce((SELECT id FROM reservation ORDER BY id DESC LIMIT 1), 0), 9223372036854775806)",
	/* What was never moved has no row that could promise anything. */
	[AUDIT_LINES] =
		"SELECT s.id, e.quantity, e.open_until IS NOT DISTINCT FROM r.expires_at FROM reservation r "
		"LEFT JOIN reservation_line e ON e.reservation_id = r.id "
		"LEFT JOIN stock s ON s.item_id = e.item_id AND s.location_id = e.location_id "
		"AND EXISTS (SELECT 1 FROM movement m WHERE m.stock_id = s.id) WHERE r.id = $1 AND r.state = 'active'",
	[AUDIT_OPEN_LINES] =
		"SELECT e.reservation_id FROM reservation_line e LEFT JOIN reservation r ON r.id = e.reservation_id "
		"WHERE e.open_until IS NOT NULL AND r.state IS DISTINCT FROM 'active' ORDER BY e.reservation_id, e.n",
	[AUDIT_RESERVATION_NAME] = "SELECT name FROM reservation WHERE id = $1",
	/* A first seq beyond these bounds was typed: there is none of its movements. */
	[AUDIT_KEYS] =
		"SELECT k.id, k.key, k.stock_seq, k.first_seq, k.movement_count, CASE WHEN k.movement_count <= 0 "
		"OR k.first_seq NOT BETWEEN -4611686018427387904 AND 4611686018427387904 THEN 0 ELSE "
		"(SELECT count(*) FROM movement m WHERE m.seq >= k.first_seq AND m.seq < k.first_seq + k.movement_count) "
		"END FROM idempotency k WHERE k.id > $1 ORDER BY k.id LIMIT $2",
	[AUDIT_LEASES] =
		"SELECT k.lease, k.fence, t.next_fence, min(k.fence) OVER (PARTITION BY k.lease), k.expires_at, "
		"min(k.expires_at) OVER (PARTITION BY k.lease), i.id IS NOT NULL AND l.id IS NOT NULL "
		"FROM row_lock k CROSS JOIN store t LEFT JOIN item i ON i.id = k.item_id "
		"LEFT JOIN location l ON l.id = k.location_id ORDER BY k.id",
	[AUDIT_ITEMS] =
		"SELECT i.id, i.sku, i.name, i.unit, i.attributes, " AUDIT_ATTRIBUTES
		" FROM item i WHERE i.id > $1 ORDER BY i.id LIMIT $2",
	[AUDIT_LOCATIONS] = "SELECT l.id, l.code, l.name FROM location l WHERE l.id > $1 ORDER BY l.id LIMIT $2",
	/* The numbers are those of enum audit_access. */
	[AUDIT_ACCESS] =
		"SELECT 0, id::text FROM token WHERE id <= 0 OR role NOT IN ('reader', 'clerk', 'writer', 'admin') "
		"OR " IS_NO_CODE("name") " OR name IN ('local', 'sqlite3', 'rowlock', 'psql') UNION ALL "
		"SELECT 1, public FROM token_secret WHERE length(hash) <> 32 OR public !~ '^[a-z2-7]{10}$' "
		"OR token_id NOT IN (SELECT id FROM token) UNION ALL "
		"SELECT 2, token_id::text FROM token_location GROUP BY token_id HAVING count(*) > 64 "
		"OR token_id NOT IN (SELECT id FROM token) OR bool_or(" IS_NO_CODE("code") ") UNION ALL "
		"SELECT 3, 'session_key' FROM store WHERE length(session_key) <> 32 UNION ALL "
		"SELECT 3, 'had_token' FROM store WHERE NOT had_token "
		"AND EXISTS (SELECT 1 FROM token UNION ALL SELECT 1 FROM token_secret)",
	[READ_FRONT_ENDS] =
		"SELECT name, address, version, started_at, seen_at, seen_at >= (extract(epoch FROM "
		"statement_timestamp()) * 1000)::bigint - $1 AS alive FROM front_end ORDER BY alive DESC, name LIMIT $2",
	[READ_ACCESS_VERSION] = "SELECT access_version FROM store",
	[READ_ACCESS] = "SELECT access_version, had_token, session_key FROM store",
	[READ_TOKENS] = "SELECT id, name, role, created_at, expires_at, revoked_at FROM token ORDER BY id",
	[READ_TOKEN_LOCATIONS] = "SELECT token_id, code FROM token_location ORDER BY token_id, code",
	[READ_SECRETS] = "SELECT public, token_id, hash, created_at, expires_at FROM token_secret ORDER BY public",
};
/* clang-format on */
