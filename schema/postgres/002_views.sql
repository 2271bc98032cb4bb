-- The store over PostgreSQL: views that people look at, hand edits, and the guards.
--
-- Views have the names, columns and words of schema/sqlite, so that a script that reads them works
-- on both. Two kinds of writers meet here, too: the service says who it is in each of its sessions,
--   SET rowlock.service = on;
-- and writes the ledger itself. For everybody else the guards keep the ledger true, or refuse. That
-- setting keeps people from accidents, not from malice: who may write what is a matter of roles
-- (roles.sql).
--
-- Functions that act for somebody who may not do it himself (SECURITY DEFINER) look for names where
-- this script was run, and nowhere else.

-- Times, and the clock.

CREATE FUNCTION time_text(ms bigint) RETURNS text LANGUAGE sql STABLE
	-- 2026-03-01T09:30:00.250Z. NULL of what is no time.
	AS $$ SELECT CASE WHEN ms BETWEEN 0 AND 253402300799999 THEN
		to_char(to_timestamp(ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END $$;

CREATE VIEW v_now AS
	-- Store time, once: what the triggers and views mean by "now".
	SELECT greatest(newest_at, CASE WHEN clock_ahead_ms > 0
		THEN greatest(clock_ms, least(clock_ms + clock_ahead_ms, newest_at + 12000))
		ELSE clock_ms + clock_ahead_ms END) AS ms
	FROM store, (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock_ms) clock;


-- Views: what people look at.

CREATE VIEW v_level AS
	-- For the views below: each row of stock as its last movement left it.
	SELECT s.id AS stock_id, s.item_id, s.location_id, m.on_hand, m.reserved, m.version, m.seq, m.at
	FROM stock s CROSS JOIN LATERAL (
		SELECT on_hand, reserved, version, seq, at FROM movement
		WHERE stock_id = s.id ORDER BY version DESC LIMIT 1) m;

CREATE VIEW v_stock AS
	-- Levels by name. Takes UPDATE ... SET on_hand = ..., and INSERT of (sku, location, on_hand), both
	-- with a reason and a note, which the ledger keeps: here they read NULL.
	--   UPDATE v_stock SET on_hand = 40, reason = 'found', note = 'behind the shelf'
	--   WHERE sku = 'MUG-BLUE' AND location = 'WH1';
	SELECT i.sku, l.code AS location, i.name, s.on_hand, s.reserved,
		s.on_hand - s.reserved AS available, s.version, s.seq, time_text(s.at) AS updated,
		NULL::text AS reason, NULL::text AS note
	FROM v_level s
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id;

CREATE VIEW v_movements AS
	-- The ledger by name, newest first: SELECT * FROM v_movements LIMIT 20;
	SELECT m.seq, m.kind, i.sku, l.code AS location, m.on_hand_delta, m.reserved_delta,
		m.on_hand, m.reserved, m.on_hand - m.reserved AS available, m.version,
		coalesce(m.reason, m.kind) AS reason, m.reference, m.reservation, m.request_id,
		m.oversubscribed::integer AS oversubscribed, m.low_stock::integer AS low_stock,
		time_text(m.at) AS at, m.actor, m.note
	FROM movement m
	JOIN stock s ON s.id = m.stock_id
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id
	ORDER BY m.seq DESC;

CREATE VIEW v_low_stock AS
	-- What to order: available at or below the item's reorder point.
	SELECT i.sku, l.code AS location, i.name, s.on_hand - s.reserved AS available, i.reorder_point
	FROM v_level s
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id
	WHERE s.on_hand - s.reserved <= i.reorder_point AND NOT i.archived AND NOT l.archived;

CREATE VIEW v_locks AS
	-- Who holds which row by a lease, and for how much longer.
	SELECT i.sku, l.code AS location, k.lease, k.fence, k.purpose, time_text(k.taken_at) AS taken,
		round((k.expires_at - n.ms) / 1000.0, 1) AS expires_in_s
	FROM v_now n
	JOIN row_lock k ON k.expires_at > n.ms
	JOIN item i ON i.id = k.item_id
	JOIN location l ON l.id = k.location_id;

CREATE VIEW v_blockers AS
	-- Who in the database lets others wait for what is here: a process, its user, since when its
	-- transaction runs, and for what of it they wait. `store` is the numbering: every write waits for
	-- it. `SELECT pg_terminate_backend(PID)` ends one. `since`, `state` and `statement` are NULL to who
	-- may not see them (pg_read_all_stats). 0 is a prepared transaction.
	WITH locks AS MATERIALIZED (
		SELECT k.pid, k.locktype, k.granted, c.relname, c.relnamespace
		FROM pg_locks k LEFT JOIN pg_class c ON c.oid = k.relation
			AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	), waiting AS (
		-- Whoever waits for a row has locked its place in the queue, which says of which table it is.
		SELECT w.pid, coalesce((SELECT relname FROM locks t WHERE t.pid = w.pid AND relname IS NOT NULL
			AND (t.locktype = 'tuple' OR NOT t.granted) LIMIT 1), 'a new row') AS what
		FROM (SELECT DISTINCT pid FROM locks WHERE NOT granted) w
		WHERE EXISTS (SELECT 1 FROM locks h WHERE h.pid = w.pid AND h.relnamespace =
			(SELECT relnamespace FROM pg_class WHERE oid = 'store'::regclass))
	)
	SELECT b.pid, a.usename AS "user", a.application_name AS application,
		time_text((extract(epoch FROM a.xact_start) * 1000)::bigint) AS since,
		b.what, b.waiting, a.state, a.query AS statement
	FROM (SELECT h.pid, string_agg(DISTINCT w.what, ' ') AS what, count(DISTINCT w.pid) AS waiting
		FROM waiting w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS h (pid)
		WHERE h.pid NOT IN (SELECT pid FROM locks WHERE NOT granted)
		GROUP BY h.pid) b
	LEFT JOIN pg_stat_activity a ON a.pid = b.pid;

CREATE VIEW v_reservations_open AS
	-- What is promised to whom, and for how much longer.
	SELECT r.name AS reservation, r.owner, r.reference, i.sku, l.code AS location, e.quantity,
		round((r.expires_at - n.ms) / 1000.0, 1) AS expires_in_s
	FROM v_now n
	JOIN reservation r ON r.state = 'active'
	JOIN reservation_line e ON e.reservation_id = r.id
	JOIN item i ON i.id = e.item_id
	JOIN location l ON l.id = e.location_id;

CREATE VIEW v_reserved_check AS
	-- Empty when every row has reserved what its active reservations promise, and what its open
	-- lines say: both are the same.
	SELECT i.sku, l.code AS location, s.reserved, coalesce(p.promised, 0) AS promised,
		coalesce(o.quantity, 0) AS open
	FROM v_level s
	LEFT JOIN (SELECT e.item_id, e.location_id, sum(e.quantity)::bigint AS promised
		FROM reservation r JOIN reservation_line e ON e.reservation_id = r.id
		WHERE r.state = 'active' GROUP BY 1, 2) p
		ON p.item_id = s.item_id AND p.location_id = s.location_id
	LEFT JOIN (SELECT item_id, location_id, sum(quantity)::bigint AS quantity
		FROM reservation_line WHERE open_until IS NOT NULL GROUP BY 1, 2) o
		ON o.item_id = s.item_id AND o.location_id = s.location_id
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id
	WHERE s.reserved <> coalesce(p.promised, 0) OR s.reserved <> coalesce(o.quantity, 0);

CREATE VIEW v_ledger_check AS
	-- Empty when the books balance; otherwise one line for each row or movement that is wrong.
	-- Two scans of the ledger: one summed up by row, one of each movement against the one before.
	-- That a row has as many movements as its version, and each movement a sound predecessor of
	-- the version before, leaves no room for a lost, doubled or forked one.
	WITH book AS MATERIALIZED (
		SELECT stock_id, count(*) AS movements, sum(on_hand_delta) AS on_hand_sum,
			sum(reserved_delta) AS reserved_sum, max(seq) AS last_seq
		FROM movement GROUP BY stock_id
	), found (stock_id, seq, finding) AS (
		SELECT s.id, v.seq,
			CASE WHEN v.on_hand <> b.on_hand_sum THEN format(
				'on_hand is %s, its movements sum to %s; ', v.on_hand, b.on_hand_sum) ELSE '' END
			|| CASE WHEN v.reserved <> b.reserved_sum THEN format(
				'reserved is %s, its movements sum to %s; ', v.reserved, b.reserved_sum) ELSE '' END
			|| CASE WHEN v.version <> b.movements THEN format(
				'version is %s, it has %s movements; ', v.version, b.movements) ELSE '' END
			|| CASE WHEN v.seq <> b.last_seq THEN format(
				'seq is %s, its last movement is %s; ', v.seq, b.last_seq) ELSE '' END
			|| CASE WHEN NOT EXISTS (SELECT 1 FROM item WHERE id = s.item_id) THEN format(
				'item %s does not exist; ', s.item_id) ELSE '' END
			|| CASE WHEN NOT EXISTS (SELECT 1 FROM location WHERE id = s.location_id) THEN format(
				'location %s does not exist; ', s.location_id) ELSE '' END
		FROM stock s
		LEFT JOIN book b ON b.stock_id = s.id
		LEFT JOIN v_level v ON v.stock_id = s.id
		UNION ALL
		SELECT m.stock_id, m.seq,
			CASE WHEN m.prev_seq >= m.seq
					OR (m.prev_seq = 0) <> (m.version = 1)
					OR (m.prev_seq <> 0 AND p.stock_id IS DISTINCT FROM m.stock_id)
				THEN format('prev_seq %s is not the movement before; ', m.prev_seq)
			WHEN m.version <> coalesce(p.version, 0) + 1
				THEN format('version %s does not follow %s; ', m.version, coalesce(p.version, 0))
			WHEN (m.on_hand, m.reserved) <> (coalesce(p.on_hand, 0)::numeric + m.on_hand_delta,
					coalesce(p.reserved, 0)::numeric + m.reserved_delta)
				THEN 'its deltas do not lead from the level before to its own; '
			ELSE '' END
		FROM movement m LEFT JOIN movement p ON p.seq = m.prev_seq
		UNION ALL
		SELECT b.stock_id, b.last_seq,
			format('%s movements of a stock row that does not exist; ', b.movements)
		FROM book b WHERE NOT EXISTS (SELECT 1 FROM stock WHERE id = b.stock_id)
		UNION ALL
		SELECT NULL, last, format('%s movements, but the last seq is %s; ', movements, last)
		FROM (SELECT coalesce(sum(movements), 0) AS movements, coalesce(max(last_seq), 0) AS last
			FROM book) total
		WHERE movements <> last
	)
	SELECT i.sku, l.code AS location, f.stock_id, f.seq, rtrim(f.finding, '; ') AS finding
	FROM found f
	LEFT JOIN stock s ON s.id = f.stock_id
	LEFT JOIN item i ON i.id = s.item_id
	LEFT JOIN location l ON l.id = s.location_id
	WHERE f.finding <> '';

CREATE VIEW v_tokens AS
	-- Every token there ever was, and whether it still opens anything.
	SELECT t.id, t.name, t.role,
		(SELECT string_agg(code, ' ' ORDER BY code) FROM token_location
			WHERE token_id = t.id) AS locations,
		CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
			WHEN t.expires_at <= n.ms THEN 'expired'
			WHEN NOT EXISTS (SELECT 1 FROM token_secret
				WHERE token_id = t.id AND (expires_at IS NULL OR expires_at > n.ms)) THEN 'void'
			ELSE 'valid' END AS state,
		left(time_text(t.created_at), 19) || 'Z' AS created,
		left(time_text(t.expires_at), 19) || 'Z' AS expires,
		left(time_text(t.revoked_at), 19) || 'Z' AS revoked
	FROM token t, v_now n
	ORDER BY t.name;

CREATE VIEW v_audit AS
	-- The audit, newest first: SELECT * FROM v_audit LIMIT 20;
	SELECT id, time_text(at) AS at, actor, action, subject, detail, request_id
	FROM audit
	ORDER BY id DESC;
