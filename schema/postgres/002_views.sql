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


-- Hand edits.
--
-- One statement locks the rows of stock that it edits, then the store, and then writes its movements
-- as a service's group does: in this order no ring with the groups of others arises. So what is typed
-- is kept here until the end of the statement.

CREATE UNLOGGED TABLE hand_edit (
	-- Empty, but within a statement that edits v_stock.
	stock_id bigint PRIMARY KEY,
	n        bigint NOT NULL, -- in the order that they were typed
	on_hand  bigint NOT NULL,
	reason   text,
	note     text
);
CREATE INDEX hand_edit_by_n ON hand_edit (n);

CREATE FUNCTION hand_edit_begin() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE 'a hand edit must see what others have committed: BEGIN without ISOLATION LEVEL';
	END IF;
	-- It is about to lock the numbering of the store, which stops every write of everybody until
	-- this transaction ends. One that was forgotten must not do that for ever.
	IF current_setting('idle_in_transaction_session_timeout') = '0' THEN
		PERFORM set_config('idle_in_transaction_session_timeout', '5s', true);
	END IF;
END $$;

-- What is to be in a row, which is locked; takes words as they were typed.
CREATE FUNCTION hand_edit_add(stock bigint, before bigint, new_on_hand bigint, new_reason text,
	new_note text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM stock s JOIN row_lock k USING (item_id, location_id), v_now
			WHERE s.id = stock AND k.expires_at > ms) THEN
		RAISE 'row is locked by a lease: SELECT * FROM v_locks';
	END IF;
	IF new_on_hand IS NULL OR (new_on_hand < 0 AND new_on_hand <> before) THEN
		RAISE 'on_hand is what lies on the shelf: type 0 or more';
	END IF;
	IF lower(new_reason) !~ '^[a-z0-9_]{1,32}$' THEN
		RAISE 'reason: 1 to 32 of a-z, 0-9 and _, or NULL';
	END IF;
	IF length(new_note) > 200 THEN
		RAISE 'note: at most 200 characters, or NULL';
	END IF;
	-- An edit that changes nothing and says nothing writes nothing; words are never thrown away.
	IF new_on_hand <> before OR coalesce(new_reason, new_note) IS NOT NULL THEN
		INSERT INTO hand_edit (stock_id, n, on_hand, reason, note)
		SELECT stock, coalesce(max(n), 0) + 1, new_on_hand, nullif(lower(new_reason), 'edit'),
			new_note
		FROM hand_edit;
	END IF;
END $$;

-- The movements of what was added. Time never runs backwards in the ledger.
CREATE FUNCTION hand_edit_write() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	was text := current_setting('rowlock.service', true);
	now_ms bigint;
BEGIN
	IF NOT EXISTS (SELECT 1 FROM hand_edit) THEN
		RETURN;
	END IF;
	PERFORM 1 FROM store FOR UPDATE;
	-- Not in the statement below: a cell of Citus takes no clock there.
	now_ms := (SELECT ms FROM v_now);
	PERFORM set_config('rowlock.service', 'on', true);
	INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved,
		version, reason, oversubscribed, low_stock, at, prev_seq, actor, note)
	SELECT coalesce(last.seq, 0) + row_number() OVER (ORDER BY e.n), s.id, 'edit',
		e.on_hand - coalesce(v.on_hand, 0), 0, e.on_hand, coalesce(v.reserved, 0),
		coalesce(v.version, 0) + 1, e.reason, e.on_hand < coalesce(v.reserved, 0),
		coalesce(e.on_hand - coalesce(v.reserved, 0) <= i.reorder_point, false),
		greatest(now_ms, last.at), coalesce(v.seq, 0), 'psql', e.note
	FROM hand_edit e
	JOIN stock s ON s.id = e.stock_id
	JOIN item i ON i.id = s.item_id
	LEFT JOIN v_level v ON v.stock_id = s.id
	LEFT JOIN (SELECT seq, at FROM movement ORDER BY seq DESC LIMIT 1) AS last ON true;
	PERFORM set_config('rowlock.service', coalesce(was, ''), true);
	DELETE FROM hand_edit;
END $$;

-- The id of a pair's row, locked; of one that was never stocked it is made.
CREATE FUNCTION stock_lock(of_sku text, of_location text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	item_found bigint := (SELECT id FROM item WHERE item.sku = of_sku);
	location_found bigint := (SELECT id FROM location WHERE location.code = of_location);
	was text := current_setting('rowlock.service', true);
	ret bigint;
BEGIN
	IF item_found IS NULL THEN
		RAISE 'no such item: INSERT INTO item (sku, name) VALUES (..., ...) first';
	END IF;
	IF location_found IS NULL THEN
		RAISE 'no such location: INSERT INTO location (code, name) VALUES (..., ...) first';
	END IF;
	IF NOT EXISTS (SELECT 1 FROM stock WHERE item_id = item_found AND location_id = location_found) THEN
		PERFORM set_config('rowlock.service', 'on', true);
		INSERT INTO stock (item_id, location_id) VALUES (item_found, location_found)
		ON CONFLICT (item_id, location_id) DO NOTHING;
		PERFORM set_config('rowlock.service', coalesce(was, ''), true);
	END IF;
	SELECT id INTO STRICT ret FROM stock
	WHERE item_id = item_found AND location_id = location_found FOR UPDATE;
	RETURN ret;
END $$;

CREATE FUNCTION v_stock_edit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	row_id bigint;
	level record;
BEGIN
	PERFORM hand_edit_begin();
	IF TG_OP = 'DELETE' THEN
		RAISE 'a row with history stays: UPDATE v_stock SET on_hand = 0 instead';
	ELSIF TG_OP = 'INSERT' THEN
		IF coalesce(NEW.name, NEW.reserved::text, NEW.available::text, NEW.version::text,
				NEW.seq::text, NEW.updated) IS NOT NULL THEN
			RAISE 'only sku, location and on_hand are given by hand, with a reason and a note';
		END IF;
	ELSIF (NEW.sku, NEW.location, NEW.name, NEW.reserved, NEW.available, NEW.version, NEW.seq,
			NEW.updated)
			IS DISTINCT FROM (OLD.sku, OLD.location, OLD.name, OLD.reserved, OLD.available,
			OLD.version, OLD.seq, OLD.updated) THEN
		RAISE 'only on_hand is edited by hand: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...';
	END IF;
	row_id := stock_lock(NEW.sku, NEW.location);
	-- In a statement behind the lock, so that it sees what whoever had it has written.
	SELECT on_hand, version INTO level FROM v_level WHERE stock_id = row_id;
	IF TG_OP = 'INSERT' AND (level.version IS NOT NULL
			OR EXISTS (SELECT 1 FROM hand_edit WHERE stock_id = row_id)) THEN
		RAISE 'this row exists: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...';
	END IF;
	-- What was read before the lock is what the new level was thought up from.
	IF TG_OP = 'UPDATE' AND level.version <> OLD.version THEN
		RAISE 'the row changed meanwhile: type it again, or SELECT stock_add(%, %, %)',
			quote_literal(NEW.sku), quote_literal(NEW.location), NEW.on_hand - OLD.on_hand;
	END IF;
	PERFORM hand_edit_add(row_id, coalesce(level.on_hand, 0),
		CASE TG_OP WHEN 'INSERT' THEN coalesce(NEW.on_hand, 0) ELSE NEW.on_hand END,
		NEW.reason, NEW.note);
	RETURN NEW;
END $$;

CREATE FUNCTION v_stock_write() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM hand_edit_write();
	RETURN NULL;
END $$;

CREATE TRIGGER v_stock_edit INSTEAD OF INSERT OR UPDATE OR DELETE ON v_stock
FOR EACH ROW EXECUTE FUNCTION v_stock_edit();

CREATE TRIGGER v_stock_write AFTER INSERT OR UPDATE ON v_stock
FOR EACH STATEMENT EXECUTE FUNCTION v_stock_write();

-- For rows that others write at the same time: a difference holds, whatever they do.
--   SELECT stock_add('MUG-BLUE', 'WH1', -2, 'damaged', 'dropped');
-- Returns the new on_hand. A pair that was never stocked begins at 0.
CREATE FUNCTION stock_add(sku text, location text, delta bigint, reason text DEFAULT NULL,
	note text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	row_id bigint;
	before bigint;
BEGIN
	PERFORM hand_edit_begin();
	row_id := stock_lock(sku, location);
	before := coalesce((SELECT v.on_hand FROM v_level v WHERE v.stock_id = row_id), 0);
	PERFORM hand_edit_add(row_id, before, before + delta, reason, note);
	PERFORM hand_edit_write();
	RETURN before + delta;
END $$;

-- The same for what was counted: it is what is there, whatever was there before.
CREATE FUNCTION stock_set(sku text, location text, on_hand bigint, reason text DEFAULT NULL,
	note text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	row_id bigint;
BEGIN
	PERFORM hand_edit_begin();
	row_id := stock_lock(sku, location);
	PERFORM hand_edit_add(row_id,
		coalesce((SELECT v.on_hand FROM v_level v WHERE v.stock_id = row_id), 0), on_hand, reason,
		note);
	PERFORM hand_edit_write();
	RETURN on_hand;
END $$;


-- Hands in the audit: what is typed into the catalogue, leases and tokens has a row there, too. The
-- service writes its own rows.

-- A member of an audit's detail: what was there before and after, each as JSON; NULL: the same.
CREATE FUNCTION changed(before json, after json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT '[' || coalesce(before::text, 'null') || ',' || coalesce(after::text, 'null') || ']'
	WHERE before::text IS DISTINCT FROM after::text $$;

-- Attributes of the client's, or how long they are.
CREATE FUNCTION shortened(attributes text) RETURNS json LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN octet_length(attributes) <= 400 THEN attributes::json
		ELSE to_json(octet_length(attributes) || ' bytes') END WHERE attributes IS NOT NULL $$;

-- Members come as name, JSON, name, JSON, ...: those that are NULL are left out.
CREATE FUNCTION note_hand(action text, subject text, VARIADIC members text[]) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO audit (at, actor, action, subject, detail)
	SELECT ms, 'psql', action, subject, '{' || coalesce((
		SELECT string_agg(to_json(members[n]) || ':' || members[n + 1], ',' ORDER BY n)
		FROM generate_series(1, cardinality(members), 2) n
		WHERE members[n + 1] IS NOT NULL), '') || '}'
	FROM v_now $$;


-- The guards. What they refuse, they refuse with the words of what to type instead. Each asks who is
-- there before anything is called, so that the service pays next to nothing.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE '%', TG_ARGV[0];
END $$;

CREATE TRIGGER movement_by_hand BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON movement
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('the ledger is append-only: change the stock instead, it writes its own movement');

CREATE TRIGGER stock_insert_by_hand BEFORE INSERT ON stock
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('stock is typed in by name: INSERT INTO v_stock (sku, location, on_hand) VALUES (..., ..., ...)');

CREATE TRIGGER stock_update_by_hand BEFORE UPDATE ON stock
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('only on_hand is edited by hand: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...');

CREATE TRIGGER stock_delete_by_hand BEFORE DELETE OR TRUNCATE ON stock
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('a row with history stays: UPDATE v_stock SET on_hand = 0 instead');

CREATE TRIGGER movement_kind_by_hand BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON movement_kind
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('kinds are kept by the service: it knows what each of them means');

CREATE TRIGGER reservation_insert_by_hand BEFORE INSERT ON reservation
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('reservations are made through the service: POST /v1/reservations');

CREATE TRIGGER reservation_update_by_hand BEFORE UPDATE ON reservation
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('reservations are resolved through the service: POST /v1/reservations/{id}/release');

CREATE TRIGGER reservation_delete_by_hand BEFORE DELETE OR TRUNCATE ON reservation
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('reservations stay as history: release them through the service');

CREATE TRIGGER reservation_line_insert_by_hand BEFORE INSERT ON reservation_line
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('reservations are made through the service: POST /v1/reservations');

CREATE TRIGGER reservation_line_by_hand BEFORE UPDATE OR DELETE OR TRUNCATE ON reservation_line
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('the lines of a reservation never change');

CREATE TRIGGER idempotency_insert_by_hand BEFORE INSERT ON idempotency
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('keys are remembered by the service: send Idempotency-Key with the request');

CREATE TRIGGER idempotency_renumber_by_hand BEFORE UPDATE OF id ON idempotency
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('the service knows keys by their id: it never changes');

-- Whoever deletes the newest takes no id back. Before the rows are locked: the store is locked first.
CREATE FUNCTION idempotency_keep_next() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	next bigint := next_idempotency();
BEGIN
	UPDATE store SET next_key = next WHERE id = 1;
	RETURN NULL;
END $$;

CREATE TRIGGER idempotency_delete_by_hand BEFORE DELETE OR TRUNCATE ON idempotency
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION idempotency_keep_next();

CREATE TRIGGER front_end_by_hand BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON front_end
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('front ends are kept by the service: one that has ended goes by itself');

-- Not of UPDATE: each group does one, and a guard of it would cost more than it.
CREATE TRIGGER lane_by_hand BEFORE INSERT OR DELETE OR TRUNCATE ON lane
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('lanes are kept by the service: by them it knows which commits it made');

CREATE TRIGGER audit_by_hand BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('the audit is append-only');

CREATE TRIGGER audit_insert_actor BEFORE INSERT ON audit
FOR EACH ROW WHEN (NEW.actor <> 'psql'
	AND current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('actor: what is typed in is by psql');

CREATE TRIGGER audit_insert_id BEFORE INSERT ON audit
FOR EACH ROW WHEN (NEW.id > 9007199254740991)
EXECUTE FUNCTION refuse('id: leave it out, so that it is the next one');

-- Rows that go one by one leave a trace; a table that is emptied does not.
CREATE TRIGGER item_truncate BEFORE TRUNCATE ON item
FOR EACH STATEMENT EXECUTE FUNCTION refuse('TRUNCATE leaves no trace: DELETE FROM item WHERE sku = ...');
CREATE TRIGGER location_truncate BEFORE TRUNCATE ON location
FOR EACH STATEMENT EXECUTE FUNCTION refuse('TRUNCATE leaves no trace: DELETE FROM location WHERE code = ...');
CREATE TRIGGER row_lock_truncate BEFORE TRUNCATE ON row_lock
FOR EACH STATEMENT EXECUTE FUNCTION refuse('TRUNCATE leaves no trace: DELETE FROM row_lock WHERE lease = ...');
CREATE TRIGGER store_truncate BEFORE DELETE OR TRUNCATE ON store
FOR EACH STATEMENT EXECUTE FUNCTION refuse('store has its one row: UPDATE it instead');

-- The store's own row. 2^61 is more than the service ever gives out; from there on it would have none
-- left to give.
CREATE FUNCTION store_edit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF NEW.next_fence < OLD.next_fence THEN
		RAISE 'next_fence only grows: a fence that was given out must never return';
	ELSIF NEW.next_reservation < OLD.next_reservation THEN
		RAISE 'next_reservation only grows: an id that was given out must never return';
	ELSIF greatest(NEW.next_fence, NEW.next_reservation) > 2305843009213693952 THEN
		RAISE 'next_fence and next_reservation: at most 2^61, or the service has none left to give';
	ELSIF (NEW.newest_at, NEW.clock_ahead_ms) IS DISTINCT FROM (OLD.newest_at, OLD.clock_ahead_ms) THEN
		RAISE 'newest_at and clock_ahead_ms are kept by the service: nothing that has ended may come back';
	ELSIF NEW.next_key < OLD.next_key THEN
		RAISE 'next_key only grows: the service knows keys by their id';
	ELSIF NEW.lease_change < OLD.lease_change THEN
		RAISE 'lease_change only grows: the service would miss an edit';
	ELSIF NEW.access_version < OLD.access_version OR NEW.had_token < OLD.had_token THEN
		RAISE 'access_version and had_token only grow: the service would miss a change, or open what was closed';
	END IF;
	IF NEW.session_key <> OLD.session_key THEN
		NEW.access_version := NEW.access_version + 1;
		PERFORM note_hand('sessions-end', NULL, VARIADIC '{}');
	END IF;
	RETURN NEW;
END $$;

CREATE TRIGGER store_edit BEFORE UPDATE ON store
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION store_edit();

-- The catalogue. What the service refuses in a request is refused by hand, too; what is there already
-- may stay while something else is corrected. The rows of stock of what is edited are locked, so that a
-- change of them saw all of the edit, or nothing.

CREATE FUNCTION check_text(what text, value text, length_max integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF length(value) NOT BETWEEN 1 AND length_max THEN
		RAISE '%: 1 to % characters', what, length_max;
	END IF;
END $$;

CREATE FUNCTION check_attributes(attributes text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	is_wrong boolean;
BEGIN
	IF octet_length(attributes) > 8192 THEN
		RAISE 'attributes: a JSON object of at most 8192 bytes, or NULL';
	END IF;
	IF strpos(attributes, '\u0000') > 0 THEN
		RAISE 'attributes: no name twice, no number beyond 64 bits, no \u0000';
	END IF;
	-- Each round takes one level apart: the members of objects, then the elements of arrays.
	WITH RECURSIVE part (value) AS (
		SELECT attributes::json
		UNION ALL
		SELECT inner_part.value FROM part CROSS JOIN LATERAL (
			SELECT m.value FROM json_each(CASE json_typeof(part.value) WHEN 'object'
				THEN part.value ELSE '{}' END) m
			UNION ALL
			SELECT e.value FROM json_array_elements(CASE json_typeof(part.value) WHEN 'array'
				THEN part.value ELSE '[]' END) e) inner_part
	)
	SELECT bool_or(CASE json_typeof(value)
		WHEN 'object' THEN (SELECT count(*) > count(DISTINCT key) FROM json_object_keys(value) key)
		WHEN 'number' THEN CASE WHEN value::text ~ '[.eE]'
			THEN abs(value::text::numeric) > 1.7976931348623157e308
			ELSE value::text::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807 END
		ELSE false END) INTO is_wrong FROM part;
	IF is_wrong THEN
		RAISE 'attributes: no name twice, no number beyond 64 bits, no \u0000';
	END IF;
END $$;

CREATE FUNCTION item_edit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		IF EXISTS (SELECT 1 FROM item WHERE sku = NEW.sku OR id = NEW.id) THEN
			RAISE 'this item exists: UPDATE item SET ... WHERE sku = ...';
		END IF;
		PERFORM check_text('name', NEW.name, 200), check_text('unit', NEW.unit, 32),
			check_attributes(NEW.attributes);
		RETURN NEW;
	END IF;
	PERFORM 1 FROM stock WHERE item_id = OLD.id ORDER BY id FOR UPDATE;
	IF TG_OP = 'DELETE' THEN
		IF EXISTS (SELECT 1 FROM v_level WHERE item_id = OLD.id)
				OR EXISTS (SELECT 1 FROM row_lock, v_now WHERE item_id = OLD.id AND expires_at > ms) THEN
			RAISE 'in use by stock, history or a lease: UPDATE item SET archived = true WHERE sku = ...';
		END IF;
		PERFORM stock_forget(item => OLD.id);
		RETURN OLD;
	END IF;
	IF (NEW.id, NEW.version, NEW.created_at, NEW.updated_at)
			IS DISTINCT FROM (OLD.id, OLD.version, OLD.created_at, OLD.updated_at) THEN
		RAISE 'id, version and times of an item are not edited by hand';
	END IF;
	IF NEW.sku <> OLD.sku AND EXISTS (SELECT 1 FROM item WHERE sku = NEW.sku) THEN
		RAISE 'another item has this sku';
	END IF;
	PERFORM check_text('name', NEW.name, 200) WHERE NEW.name <> OLD.name;
	PERFORM check_text('unit', NEW.unit, 32) WHERE NEW.unit <> OLD.unit;
	PERFORM check_attributes(NEW.attributes) WHERE NEW.attributes IS DISTINCT FROM OLD.attributes;
	NEW.version := NEW.version + 1;
	NEW.updated_at := greatest((SELECT ms FROM v_now), NEW.updated_at);
	RETURN NEW;
END $$;

CREATE FUNCTION location_edit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		IF EXISTS (SELECT 1 FROM location WHERE code = NEW.code OR id = NEW.id) THEN
			RAISE 'this location exists: UPDATE location SET ... WHERE code = ...';
		END IF;
		PERFORM check_text('name', NEW.name, 200);
		RETURN NEW;
	END IF;
	PERFORM 1 FROM stock WHERE location_id = OLD.id ORDER BY id FOR UPDATE;
	IF TG_OP = 'DELETE' THEN
		IF EXISTS (SELECT 1 FROM v_level WHERE location_id = OLD.id)
				OR EXISTS (SELECT 1 FROM row_lock, v_now WHERE location_id = OLD.id AND expires_at > ms) THEN
			RAISE 'in use by stock, history or a lease: UPDATE location SET archived = true WHERE code = ...';
		END IF;
		PERFORM stock_forget(location => OLD.id);
		RETURN OLD;
	END IF;
	IF (NEW.id, NEW.version, NEW.created_at, NEW.updated_at)
			IS DISTINCT FROM (OLD.id, OLD.version, OLD.created_at, OLD.updated_at) THEN
		RAISE 'id, version and times of a location are not edited by hand';
	END IF;
	IF NEW.code <> OLD.code AND EXISTS (SELECT 1 FROM location WHERE code = NEW.code) THEN
		RAISE 'another location has this code';
	END IF;
	PERFORM check_text('name', NEW.name, 200) WHERE NEW.name <> OLD.name;
	NEW.version := NEW.version + 1;
	NEW.updated_at := greatest((SELECT ms FROM v_now), NEW.updated_at);
	RETURN NEW;
END $$;

-- Leases that have run out, and rows that were never stocked, of what is deleted.
CREATE FUNCTION stock_forget(item bigint DEFAULT NULL, location bigint DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	was text := current_setting('rowlock.service', true);
BEGIN
	DELETE FROM row_lock k WHERE k.item_id = item OR k.location_id = location;
	PERFORM set_config('rowlock.service', 'on', true);
	DELETE FROM stock s WHERE s.item_id = item OR s.location_id = location;
	PERFORM set_config('rowlock.service', coalesce(was, ''), true);
END $$;

CREATE FUNCTION item_noted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM note_hand('item-make', NEW.sku, 'version', NEW.version::text,
			'name', changed(NULL, to_json(NEW.name)), 'unit', changed(NULL, to_json(NEW.unit)),
			'backorder_limit', changed(NULL, to_json(nullif(NEW.backorder_limit, 0))),
			'reorder_point', changed(NULL, to_json(NEW.reorder_point)),
			'attributes', changed(NULL, shortened(NEW.attributes)),
			'archived', changed(NULL, to_json(nullif(NEW.archived, false))));
	ELSIF TG_OP = 'UPDATE' THEN
		PERFORM note_hand('item-change', NEW.sku, 'version', NEW.version::text,
			'sku', changed(to_json(OLD.sku), to_json(NEW.sku)),
			'name', changed(to_json(OLD.name), to_json(NEW.name)),
			'unit', changed(to_json(OLD.unit), to_json(NEW.unit)),
			'backorder_limit', changed(to_json(OLD.backorder_limit), to_json(NEW.backorder_limit)),
			'reorder_point', changed(to_json(OLD.reorder_point), to_json(NEW.reorder_point)),
			'attributes', CASE WHEN NEW.attributes IS DISTINCT FROM OLD.attributes
				THEN '[' || coalesce(shortened(OLD.attributes)::text, 'null') || ','
					|| coalesce(shortened(NEW.attributes)::text, 'null') || ']' END,
			'archived', changed(to_json(OLD.archived), to_json(NEW.archived)));
	ELSE
		PERFORM note_hand('item-delete', OLD.sku, 'version', changed(to_json(OLD.version), NULL),
			'name', changed(to_json(OLD.name), NULL), 'unit', changed(to_json(OLD.unit), NULL),
			'backorder_limit', changed(to_json(nullif(OLD.backorder_limit, 0)), NULL),
			'reorder_point', changed(to_json(OLD.reorder_point), NULL),
			'attributes', changed(shortened(OLD.attributes), NULL),
			'archived', changed(to_json(nullif(OLD.archived, false)), NULL));
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION location_noted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM note_hand('location-make', NEW.code, 'version', NEW.version::text,
			'name', changed(NULL, to_json(NEW.name)),
			'archived', changed(NULL, to_json(nullif(NEW.archived, false))));
	ELSIF TG_OP = 'UPDATE' THEN
		PERFORM note_hand('location-change', NEW.code, 'version', NEW.version::text,
			'code', changed(to_json(OLD.code), to_json(NEW.code)),
			'name', changed(to_json(OLD.name), to_json(NEW.name)),
			'archived', changed(to_json(OLD.archived), to_json(NEW.archived)));
	ELSE
		PERFORM note_hand('location-delete', OLD.code, 'version', changed(to_json(OLD.version), NULL),
			'name', changed(to_json(OLD.name), NULL),
			'archived', changed(to_json(nullif(OLD.archived, false)), NULL));
	END IF;
	RETURN NULL;
END $$;

CREATE TRIGGER item_edit BEFORE INSERT OR UPDATE OR DELETE ON item
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION item_edit();

CREATE TRIGGER item_noted AFTER INSERT OR UPDATE OR DELETE ON item
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION item_noted();

CREATE TRIGGER location_edit BEFORE INSERT OR UPDATE OR DELETE ON location
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION location_edit();

CREATE TRIGGER location_noted AFTER INSERT OR UPDATE OR DELETE ON location
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION location_noted();

-- Leases. Each front end looks whether somebody changed them, or the name of a leased row, by a number.

CREATE FUNCTION lease_lock() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	-- Which rows it will be is not known yet; leased rows are few, and nobody else's to write.
	PERFORM 1 FROM stock s WHERE EXISTS (SELECT 1 FROM row_lock k
		WHERE k.item_id = s.item_id AND k.location_id = s.location_id) ORDER BY s.id FOR UPDATE;
	RETURN NULL;
END $$;

CREATE FUNCTION lease_noted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM note_hand('lease-take', NEW.lease, 'fence', NEW.fence::text, 'rows', '["'
			|| (SELECT sku FROM item WHERE id = NEW.item_id) || '/'
			|| (SELECT code FROM location WHERE id = NEW.location_id) || '"]');
	ELSIF TG_OP = 'UPDATE' THEN
		PERFORM note_hand('lease-change', NEW.lease, 'fence', NEW.fence::text,
			'expires_at', '[' || OLD.expires_at || ',' || NEW.expires_at || ']');
	ELSE
		PERFORM note_hand(CASE WHEN OLD.expires_at > (SELECT ms FROM v_now) THEN 'lease-release'
			ELSE 'lease-end' END, OLD.lease, 'fence', OLD.fence::text);
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION lease_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	UPDATE store SET lease_change = lease_change + 1;
	RETURN NULL;
END $$;

CREATE TRIGGER row_lock_lock BEFORE UPDATE OR DELETE ON row_lock
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION lease_lock();

CREATE TRIGGER row_lock_noted AFTER INSERT OR UPDATE OR DELETE ON row_lock
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION lease_noted();

CREATE TRIGGER row_lock_changed AFTER INSERT OR UPDATE OR DELETE ON row_lock
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION lease_changed();

CREATE TRIGGER item_renamed AFTER UPDATE OF sku ON item
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION lease_changed();

CREATE TRIGGER location_renamed AFTER UPDATE OF code ON location
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION lease_changed();

-- Tokens: who may do what. Each front end reads them anew when access_version has grown, whoever
-- changed them. `rowlockd token` writes its own rows of the audit.

CREATE FUNCTION access_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	UPDATE store SET access_version = access_version + 1,
		had_token = had_token OR (TG_OP = 'INSERT' AND TG_TABLE_NAME <> 'token_location');
	RETURN NULL;
END $$;

CREATE TRIGGER token_changed AFTER INSERT OR UPDATE ON token
FOR EACH STATEMENT EXECUTE FUNCTION access_changed();
CREATE TRIGGER token_secret_changed AFTER INSERT OR UPDATE ON token_secret
FOR EACH STATEMENT EXECUTE FUNCTION access_changed();
CREATE TRIGGER token_location_changed AFTER INSERT OR UPDATE OR DELETE ON token_location
FOR EACH STATEMENT EXECUTE FUNCTION access_changed();

CREATE TRIGGER token_delete BEFORE DELETE OR TRUNCATE ON token
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('a token stays, so that no other is called like it: rowlockd token revoke NAME');

CREATE TRIGGER token_secret_delete BEFORE DELETE OR TRUNCATE ON token_secret
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('a secret stays, so that its public part is not used again: rowlockd token revoke NAME');

CREATE TRIGGER token_location_truncate BEFORE TRUNCATE ON token_location
FOR EACH STATEMENT WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION refuse('a token without a location may write everywhere: revoke it instead');

CREATE TRIGGER token_keep BEFORE UPDATE ON token
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on'
	AND (NEW.id, NEW.name, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.name, OLD.created_at))
EXECUTE FUNCTION refuse('a token keeps its id and name: the ledger says who did what');

CREATE TRIGGER token_revoked BEFORE UPDATE ON token
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on'
	AND OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
EXECUTE FUNCTION refuse('a token that was revoked stays so: rowlockd token add makes another one');

CREATE TRIGGER token_secret_keep BEFORE UPDATE ON token_secret
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on'
	AND ((NEW.public, NEW.token_id, NEW.hash, NEW.created_at)
			IS DISTINCT FROM (OLD.public, OLD.token_id, OLD.hash, OLD.created_at)
		OR NEW.expires_at > OLD.expires_at
		OR (NEW.expires_at IS NULL AND OLD.expires_at IS NOT NULL)))
EXECUTE FUNCTION refuse('of a secret only the end is changed, to an earlier one: rowlockd token rotate NAME');

CREATE TRIGGER token_location_keep BEFORE UPDATE ON token_location
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on'
	AND NEW.token_id <> OLD.token_id)
EXECUTE FUNCTION refuse('a token without a location may write everywhere: only the code is changed');

CREATE FUNCTION token_insert_again() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF NEW.id > 9007199254740991 THEN
		RAISE 'id: leave it out, so that it is the next one';
	END IF;
	IF EXISTS (SELECT 1 FROM token WHERE name = NEW.name OR id = NEW.id) THEN
		RAISE 'a token of this name or id was there before: no other is called like it';
	END IF;
	RETURN NEW;
END $$;

CREATE FUNCTION token_secret_insert_again() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM token_secret WHERE public = NEW.public) THEN
		RAISE 'this public part was used before: rowlockd token rotate NAME';
	END IF;
	IF NOT EXISTS (SELECT 1 FROM token WHERE id = NEW.token_id) THEN
		RAISE 'no such token: rowlockd token add NAME';
	END IF;
	RETURN NEW;
END $$;

-- AFTER, so that one statement may give a token other locations for those that it takes away.
CREATE FUNCTION token_location_left() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF NOT EXISTS (SELECT 1 FROM token_location WHERE token_id = OLD.token_id) THEN
		RAISE 'a token without a location may write everywhere: add another one first, or revoke it';
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION token_noted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM note_hand('token-add', NEW.name, 'role', to_json(NEW.role)::text);
	ELSE
		PERFORM note_hand(CASE WHEN OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL
			THEN 'token-revoke' ELSE 'token-change' END, NEW.name,
			'role', '["' || OLD.role || '","' || NEW.role || '"]',
			'expires_at', '[' || coalesce(OLD.expires_at::text, 'null') || ','
				|| coalesce(NEW.expires_at::text, 'null') || ']');
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION token_secret_noted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	name text := (SELECT t.name FROM token t WHERE t.id = NEW.token_id);
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM note_hand('token-rotate', name, 'public', to_json(NEW.public)::text);
	ELSE
		PERFORM note_hand('token-change', name, 'public', to_json(NEW.public)::text,
			'secret_expires_at', '[' || coalesce(OLD.expires_at::text, 'null') || ','
				|| coalesce(NEW.expires_at::text, 'null') || ']');
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION token_location_noted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	of_token bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.token_id ELSE NEW.token_id END;
BEGIN
	PERFORM note_hand('token-change', (SELECT name FROM token WHERE id = of_token), 'location', '['
		|| coalesce(CASE WHEN TG_OP <> 'INSERT' THEN to_json(OLD.code)::text END, 'null') || ','
		|| coalesce(CASE WHEN TG_OP <> 'DELETE' THEN to_json(NEW.code)::text END, 'null') || ']');
	RETURN NULL;
END $$;

CREATE TRIGGER token_insert_again BEFORE INSERT ON token
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION token_insert_again();

CREATE TRIGGER token_noted AFTER INSERT OR UPDATE ON token
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION token_noted();

CREATE TRIGGER token_secret_insert_again BEFORE INSERT ON token_secret
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION token_secret_insert_again();

CREATE TRIGGER token_secret_noted AFTER INSERT OR UPDATE ON token_secret
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION token_secret_noted();

CREATE TRIGGER token_location_left AFTER DELETE ON token_location
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION token_location_left();

CREATE TRIGGER token_location_noted AFTER INSERT OR UPDATE OR DELETE ON token_location
FOR EACH ROW WHEN (current_setting('rowlock.service', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION token_location_noted();

-- Roles say who may call these (roles.sql); until then the owner alone.
REVOKE ALL ON FUNCTION stock_add(text, text, bigint, text, text),
	stock_set(text, text, bigint, text, text) FROM PUBLIC;
