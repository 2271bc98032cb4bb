-- The first schema: catalogue, stock, ledger, leases, idempotency keys, and the views people look at.
--
-- Run once, as one script inside one transaction; whoever runs it sets application_id and
-- user_version. Comments stand inside the statements, so that `.schema` in the sqlite3 shell shows
-- them. All times are unix milliseconds, UTC.
--
-- Two kinds of writers meet here. The service raises stock.version and stock.seq itself and writes
-- the movements that belong to them. Everybody else types `UPDATE stock SET on_hand = ...`, and the
-- guards at the end keep the ledger true for them, or refuse. A guard that finds nothing to do still
-- costs the writer of a group 10 to 25 % (SQLite sets up its frame, and a journal for the statement
-- it might have to undo), so the service switches triggers off on its own connection
-- (SQLITE_DBCONFIG_ENABLE_TRIGGER) and pays nothing; it is right with them on as well.

CREATE VIEW v_now AS
	-- The clock, once: what the triggers and views below mean by "now".
	SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS ms;

CREATE TABLE store (
	-- One row: what the store as a whole remembers.
	id         INTEGER PRIMARY KEY CONSTRAINT "store has one row, id 1" CHECK (id = 1),
	epoch      TEXT    NOT NULL, -- another one after a backup was restored; cursors of the old one end
	next_fence INTEGER NOT NULL  -- for the next lease; only grows, also when no lease is left
		CHECK (next_fence >= 1),
	created_at INTEGER NOT NULL
) STRICT;

INSERT INTO store (id, epoch, next_fence, created_at)
SELECT 1, lower(hex(randomblob(8))), 1, ms FROM v_now;

CREATE TABLE item (
	-- The catalogue: what can be stocked.
	--   INSERT INTO item (sku, name) VALUES ('MUG-BLUE', 'Mug, blue');
	id              INTEGER PRIMARY KEY,
	sku             TEXT    NOT NULL UNIQUE
		CONSTRAINT "sku: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit"
		CHECK (length(sku) BETWEEN 1 AND 64
			AND sku GLOB '[A-Za-z0-9]*' AND sku NOT GLOB '*[^A-Za-z0-9._:-]*'),
	name            TEXT    NOT NULL,
	unit            TEXT    NOT NULL DEFAULT 'piece',
	backorder_limit INTEGER NOT NULL DEFAULT 0 -- how far available may go below zero
		CONSTRAINT "backorder_limit: 0 to 10^12"
		CHECK (backorder_limit BETWEEN 0 AND 1000000000000),
	reorder_point   INTEGER -- available at or below it is low stock; NULL: never
		CONSTRAINT "reorder_point: 0 to 10^12, or NULL"
		CHECK (reorder_point BETWEEN 0 AND 1000000000000),
	attributes      TEXT    -- a JSON object of the client's own, or NULL
		-- No more than the braces are checked: json_valid() is "unsafe" where trusted_schema is off.
		CONSTRAINT "attributes: a JSON object, or NULL"
		CHECK (attributes GLOB '{*}'),
	archived        INTEGER NOT NULL DEFAULT 0 -- 1: hidden; refuses increases and reservations
		CONSTRAINT "archived: 0 or 1" CHECK (archived BETWEEN 0 AND 1),
	version         INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1), -- one more with each change; the ETag
	created_at      INTEGER NOT NULL
		DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
	updated_at      INTEGER NOT NULL
		DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
) STRICT;

CREATE TABLE location (
	-- Where it can be stocked: a warehouse, a shop, a shelf.
	--   INSERT INTO location (code, name) VALUES ('WH1', 'Main warehouse');
	id         INTEGER PRIMARY KEY,
	code       TEXT    NOT NULL UNIQUE
		CONSTRAINT "code: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit"
		CHECK (length(code) BETWEEN 1 AND 64
			AND code GLOB '[A-Za-z0-9]*' AND code NOT GLOB '*[^A-Za-z0-9._:-]*'),
	name       TEXT    NOT NULL,
	archived   INTEGER NOT NULL DEFAULT 0 -- 1: hidden; refuses increases and reservations
		CONSTRAINT "archived: 0 or 1" CHECK (archived BETWEEN 0 AND 1),
	version    INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1), -- one more with each change; the ETag
	created_at INTEGER NOT NULL
		DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
	updated_at INTEGER NOT NULL
		DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
) STRICT;

CREATE TABLE stock (
	-- How many units of one item are at one location now. A row is the sum of its movements.
	--   UPDATE v_stock SET on_hand = 40 WHERE sku = 'MUG-BLUE' AND location = 'WH1';
	-- A hand-made UPDATE of on_hand writes its movement by itself (trigger stock_update_by_hand).
	id          INTEGER PRIMARY KEY,
	item_id     INTEGER NOT NULL REFERENCES item (id),
	location_id INTEGER NOT NULL REFERENCES location (id),
	on_hand     INTEGER NOT NULL DEFAULT 0 -- units on the shelf; below 0 only by backorder
		CONSTRAINT "on_hand: within 10^15"
		CHECK (on_hand BETWEEN -1000000000000000 AND 1000000000000000),
	reserved    INTEGER NOT NULL DEFAULT 0 -- units promised to active reservations
		CONSTRAINT "reserved: 0 to 10^15"
		CHECK (reserved BETWEEN 0 AND 1000000000000000),
	version     INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0), -- how many movements the row has had
	seq         INTEGER NOT NULL DEFAULT 0, -- the last of them; 0 before the first
	updated_at  INTEGER NOT NULL DEFAULT 0, -- when that was
	UNIQUE (item_id, location_id),
	CONSTRAINT "version and seq begin together" CHECK ((version = 0) = (seq = 0))
) STRICT;

-- Lists of one location, and "is this location in use". No column of it ever changes, so it costs
-- the service nothing after a row's first movement.
CREATE UNIQUE INDEX stock_by_location ON stock (location_id, item_id);

CREATE TABLE movement (
	-- The ledger: every change of every stock row, in the order of commit. Append-only.
	-- It has no second index: one costs three quarters of the write rate. A row's history is
	-- walked from stock.seq along prev_seq:
	--   WITH RECURSIVE h AS (
	--       SELECT m.* FROM stock s JOIN movement m ON m.seq = s.seq WHERE s.id = 1
	--       UNION ALL
	--       SELECT m.* FROM h JOIN movement m ON m.seq = h.prev_seq)
	--   SELECT * FROM h LIMIT 20;
	seq            INTEGER PRIMARY KEY, -- 1, 2, 3, ... without gaps
	stock_id       INTEGER NOT NULL REFERENCES stock (id),
	kind           TEXT    NOT NULL,
	on_hand_delta  INTEGER NOT NULL,
	reserved_delta INTEGER NOT NULL,
	on_hand        INTEGER NOT NULL, -- the row after this movement
	reserved       INTEGER NOT NULL,
	version        INTEGER NOT NULL,
	reason         TEXT,             -- NULL: the same word as kind
	reference      TEXT,             -- the client's own: an order, a delivery note
	reservation    TEXT,             -- the reservation it belongs to
	request_id     TEXT,             -- X-Request-Id of the command
	oversubscribed INTEGER NOT NULL, -- 1: more reserved than on hand after it
	low_stock      INTEGER NOT NULL, -- 1: available at or below the reorder point after it
	at             INTEGER NOT NULL,
	prev_seq       INTEGER NOT NULL, -- the row's movement before this one; 0: none
	CONSTRAINT "kind: adjust set count transfer reserve release expire commit supersede edit"
	CHECK (kind = 'adjust' OR kind = 'reserve' OR kind = 'commit' OR kind = 'transfer'
		OR kind = 'release' OR kind = 'expire' OR kind = 'set' OR kind = 'count'
		OR kind = 'supersede' OR kind = 'edit')
) STRICT;

CREATE TABLE row_lock (
	-- Leases: stock rows that somebody holds for longer than one request. See v_locks.
	-- Only the service makes and renews them. To end one in an emergency, delete it by hand:
	--   DELETE FROM row_lock WHERE lease = 'l_77';
	-- The service sees that as it sees every change made by hand: it lets the waiters in, and the
	-- lease's fence is refused from then on.
	id          INTEGER PRIMARY KEY,
	lease       TEXT    NOT NULL, -- the lease's id; one row of this table for each row it holds
	fence       INTEGER NOT NULL CHECK (fence >= 1), -- from store.next_fence, never used twice
	item_id     INTEGER NOT NULL REFERENCES item (id), -- the pair need not have been stocked yet
	location_id INTEGER NOT NULL REFERENCES location (id),
	purpose     TEXT    NOT NULL, -- for the people who wait
	taken_at    INTEGER NOT NULL,
	expires_at  INTEGER NOT NULL,
	UNIQUE (item_id, location_id)
) STRICT;

CREATE INDEX row_lock_by_lease ON row_lock (lease);

CREATE TABLE idempotency (
	-- What was answered to which Idempotency-Key, in order of arrival. No index on the key, for the
	-- same reason as in the ledger: the service keeps a map in memory and compares the full key.
	id             INTEGER PRIMARY KEY,
	key            TEXT    NOT NULL,
	fingerprint    INTEGER NOT NULL, -- 64-bit hash of method, path, body, If-Match, Lease
	status         INTEGER NOT NULL, -- of HTTP
	outcome        TEXT    NOT NULL, -- 'done', or the code of the refusal
	stock_seq      INTEGER NOT NULL, -- the newest seq the answer rests on
	first_seq      INTEGER NOT NULL, -- its movements are first_seq .. first_seq + movement_count - 1
	movement_count INTEGER NOT NULL,
	body           TEXT,             -- JSON of an answer that the ledger cannot rebuild, or NULL
	at             INTEGER NOT NULL
) STRICT;


-- Views: what people look at.

CREATE VIEW v_stock AS
	-- Levels by name. Takes UPDATE ... SET on_hand = ..., and INSERT of (sku, location, on_hand).
	SELECT i.sku, l.code AS location, i.name, s.on_hand, s.reserved,
		s.on_hand - s.reserved AS available, s.version, s.seq,
		CASE WHEN s.seq > 0
			THEN strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at / 1000.0, 'unixepoch') END AS updated
	FROM stock s
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id;

CREATE VIEW v_movements AS
	-- The ledger by name, newest first: SELECT * FROM v_movements LIMIT 20;
	-- CROSS JOIN fixes the order of the loops: the ledger backwards, then names by id.
	SELECT m.seq, m.kind, i.sku, l.code AS location, m.on_hand_delta, m.reserved_delta,
		m.on_hand, m.reserved, m.on_hand - m.reserved AS available, m.version,
		coalesce(m.reason, m.kind) AS reason, m.reference, m.reservation, m.request_id,
		m.oversubscribed, m.low_stock,
		strftime('%Y-%m-%dT%H:%M:%fZ', m.at / 1000.0, 'unixepoch') AS at
	FROM movement m
	CROSS JOIN stock s ON s.id = m.stock_id
	CROSS JOIN item i ON i.id = s.item_id
	CROSS JOIN location l ON l.id = s.location_id
	ORDER BY m.seq DESC;

CREATE VIEW v_low_stock AS
	-- What to order: available at or below the item's reorder point.
	SELECT i.sku, l.code AS location, i.name, s.on_hand - s.reserved AS available, i.reorder_point
	FROM stock s
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id
	WHERE s.on_hand - s.reserved <= i.reorder_point AND i.archived = 0 AND l.archived = 0;

CREATE VIEW v_locks AS
	-- Who holds which row by a lease, and for how much longer.
	SELECT i.sku, l.code AS location, k.lease, k.fence, k.purpose,
		strftime('%Y-%m-%dT%H:%M:%fZ', k.taken_at / 1000.0, 'unixepoch') AS taken,
		round((k.expires_at - n.ms) / 1000.0, 1) AS expires_in_s
	FROM v_now n
	JOIN row_lock k ON k.expires_at > n.ms
	JOIN item i ON i.id = k.item_id
	JOIN location l ON l.id = k.location_id;

CREATE VIEW v_ledger_check AS
	-- Empty when the books balance; otherwise one line for each row or movement that is wrong.
	-- Two scans of the ledger: one summed up by row, one of each movement against the one before.
	-- That a row has as many movements as its version, and each movement a sound predecessor of
	-- the version before, leaves no room for a lost, doubled or forked one.
	WITH book AS MATERIALIZED (
		-- The bare columns are those of the movement with max(seq).
		SELECT stock_id, count(*) AS movements, sum(on_hand_delta) AS on_hand_sum,
			sum(reserved_delta) AS reserved_sum, max(seq) AS last_seq,
			on_hand, reserved, version
		FROM movement GROUP BY stock_id
	), found (stock_id, seq, finding) AS (
		SELECT s.id, s.seq,
			CASE WHEN s.on_hand <> coalesce(b.on_hand_sum, 0) THEN printf(
				'on_hand is %d, its movements sum to %d; ', s.on_hand, b.on_hand_sum) ELSE '' END
			|| CASE WHEN s.reserved <> coalesce(b.reserved_sum, 0) THEN printf(
				'reserved is %d, its movements sum to %d; ', s.reserved, b.reserved_sum) ELSE '' END
			|| CASE WHEN s.version <> coalesce(b.movements, 0) THEN printf(
				'version is %d, it has %d movements; ', s.version, b.movements) ELSE '' END
			|| CASE WHEN s.seq <> coalesce(b.last_seq, 0) THEN printf(
				'seq is %d, its last movement is %d; ', s.seq, b.last_seq) ELSE '' END
			|| CASE WHEN (s.on_hand, s.reserved, s.version)
					<> (b.on_hand, b.reserved, b.version) THEN printf(
				'its last movement says on_hand %d, reserved %d, version %d; ',
				b.on_hand, b.reserved, b.version) ELSE '' END
			|| CASE WHEN NOT EXISTS (SELECT 1 FROM item WHERE id = s.item_id) THEN printf(
				'item %d does not exist; ', s.item_id) ELSE '' END
			|| CASE WHEN NOT EXISTS (SELECT 1 FROM location WHERE id = s.location_id) THEN printf(
				'location %d does not exist; ', s.location_id) ELSE '' END
		FROM stock s LEFT JOIN book b ON b.stock_id = s.id
		UNION ALL
		SELECT m.stock_id, m.seq,
			CASE WHEN m.prev_seq >= m.seq
					OR (m.prev_seq = 0) <> (m.version = 1)
					OR (m.prev_seq <> 0 AND p.stock_id IS NOT m.stock_id)
				THEN printf('prev_seq %d is not the movement before; ', m.prev_seq)
			WHEN m.version <> coalesce(p.version, 0) + 1
				THEN printf('version %d does not follow %d; ', m.version, p.version)
			WHEN (m.on_hand, m.reserved) <> (coalesce(p.on_hand, 0) + m.on_hand_delta,
					coalesce(p.reserved, 0) + m.reserved_delta)
				THEN 'its deltas do not lead from the level before to its own; '
			ELSE '' END
		FROM movement m LEFT JOIN movement p ON p.seq = m.prev_seq
		UNION ALL
		SELECT b.stock_id, b.last_seq,
			printf('%d movements of a stock row that does not exist; ', b.movements)
		FROM book b WHERE NOT EXISTS (SELECT 1 FROM stock WHERE id = b.stock_id)
		UNION ALL
		SELECT NULL, last, printf('%d movements, but the last seq is %d; ', movements, last)
		FROM (SELECT coalesce(sum(movements), 0) AS movements, coalesce(max(last_seq), 0) AS last
			FROM book)
		WHERE movements <> last
	)
	SELECT i.sku, l.code AS location, f.stock_id, f.seq, rtrim(f.finding, '; ') AS finding
	FROM found f
	LEFT JOIN stock s ON s.id = f.stock_id
	LEFT JOIN item i ON i.id = s.item_id
	LEFT JOIN location l ON l.id = s.location_id
	WHERE f.finding <> '';


-- The guards. What they refuse, they refuse with the words of what to type instead.

CREATE TRIGGER stock_update_by_hand AFTER UPDATE ON stock
-- The service raises both, so this never fires for it; the UPDATE at the end raises both too, so it
-- does not fire itself, whatever recursive_triggers says.
WHEN NEW.version <= OLD.version OR NEW.seq <= OLD.seq
BEGIN
	SELECT RAISE(ABORT, 'only on_hand is edited by hand: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...')
	WHERE (NEW.id, NEW.item_id, NEW.location_id, NEW.reserved, NEW.version, NEW.seq, NEW.updated_at)
		IS NOT (OLD.id, OLD.item_id, OLD.location_id, OLD.reserved, OLD.version, OLD.seq, OLD.updated_at);
	SELECT RAISE(ABORT, 'row is locked by a lease: SELECT * FROM v_locks')
	FROM row_lock, v_now
	WHERE item_id = NEW.item_id AND location_id = NEW.location_id AND expires_at > ms;
	SELECT RAISE(ABORT, 'on_hand is what lies on the shelf: type 0 or more')
	WHERE NEW.on_hand < 0 AND NEW.on_hand <> OLD.on_hand;
	-- An edit that changes nothing writes nothing. Time never runs backwards in the ledger.
	INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved,
		version, oversubscribed, low_stock, at, prev_seq)
	SELECT coalesce(last.seq, 0) + 1, NEW.id, 'edit', NEW.on_hand - OLD.on_hand, 0, NEW.on_hand,
		NEW.reserved, NEW.version + 1, NEW.on_hand < NEW.reserved,
		coalesce(NEW.on_hand - NEW.reserved <= i.reorder_point, 0),
		max(v_now.ms, coalesce(last.at, 0)), NEW.seq
	FROM v_now
	LEFT JOIN (SELECT seq, at FROM movement ORDER BY seq DESC LIMIT 1) AS last
	LEFT JOIN item i ON i.id = NEW.item_id
	WHERE NEW.on_hand <> OLD.on_hand;
	UPDATE stock SET (version, seq, updated_at) =
		(SELECT NEW.version + 1, seq, at FROM movement ORDER BY seq DESC LIMIT 1)
	WHERE id = NEW.id AND NEW.on_hand <> OLD.on_hand;
END;

CREATE TRIGGER stock_insert_again BEFORE INSERT ON stock
-- INSERT OR REPLACE would throw the row and its history away without firing a DELETE trigger.
BEGIN
	SELECT RAISE(ABORT, 'this row exists: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...')
	WHERE EXISTS (SELECT 1 FROM stock WHERE item_id = NEW.item_id AND location_id = NEW.location_id)
		OR EXISTS (SELECT 1 FROM stock WHERE id = NEW.id);
END;

CREATE TRIGGER stock_insert_by_hand AFTER INSERT ON stock
-- The service inserts a row together with its first movement, as version 1 or more.
WHEN NEW.version = 0
BEGIN
	SELECT RAISE(ABORT, 'no such item: INSERT INTO item (sku, name) VALUES (..., ...) first')
	WHERE NOT EXISTS (SELECT 1 FROM item WHERE id = NEW.item_id);
	SELECT RAISE(ABORT, 'no such location: INSERT INTO location (code, name) VALUES (..., ...) first')
	WHERE NOT EXISTS (SELECT 1 FROM location WHERE id = NEW.location_id);
	SELECT RAISE(ABORT, 'only on_hand is given by hand: INSERT INTO v_stock (sku, location, on_hand) VALUES (..., ..., ...)')
	WHERE (NEW.reserved, NEW.updated_at) <> (0, 0);
	SELECT RAISE(ABORT, 'row is locked by a lease: SELECT * FROM v_locks')
	FROM row_lock, v_now
	WHERE item_id = NEW.item_id AND location_id = NEW.location_id AND expires_at > ms;
	SELECT RAISE(ABORT, 'on_hand is what lies on the shelf: type 0 or more')
	WHERE NEW.on_hand < 0;
	INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved,
		version, oversubscribed, low_stock, at, prev_seq)
	SELECT coalesce(last.seq, 0) + 1, NEW.id, 'edit', NEW.on_hand, 0, NEW.on_hand, 0, 1, 0,
		coalesce(NEW.on_hand <= i.reorder_point, 0), max(v_now.ms, coalesce(last.at, 0)), 0
	FROM v_now
	LEFT JOIN (SELECT seq, at FROM movement ORDER BY seq DESC LIMIT 1) AS last
	JOIN item i ON i.id = NEW.item_id
	WHERE NEW.on_hand <> 0;
	UPDATE stock SET (version, seq, updated_at) =
		(SELECT 1, seq, at FROM movement ORDER BY seq DESC LIMIT 1)
	WHERE id = NEW.id AND NEW.on_hand <> 0;
END;

CREATE TRIGGER stock_delete BEFORE DELETE ON stock
WHEN OLD.seq <> 0
BEGIN
	SELECT RAISE(ABORT, 'a row with history stays: UPDATE stock SET on_hand = 0 instead');
END;

CREATE TRIGGER v_stock_update INSTEAD OF UPDATE ON v_stock
BEGIN
	SELECT RAISE(ABORT, 'only on_hand is edited by hand: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...')
	WHERE (NEW.sku, NEW.location, NEW.name, NEW.reserved, NEW.available, NEW.version, NEW.seq,
			NEW.updated)
		IS NOT (OLD.sku, OLD.location, OLD.name, OLD.reserved, OLD.available, OLD.version, OLD.seq,
			OLD.updated);
	UPDATE stock SET on_hand = NEW.on_hand
	WHERE item_id = (SELECT id FROM item WHERE sku = OLD.sku)
		AND location_id = (SELECT id FROM location WHERE code = OLD.location);
END;

CREATE TRIGGER v_stock_insert INSTEAD OF INSERT ON v_stock
BEGIN
	SELECT RAISE(ABORT, 'only sku, location and on_hand are given by hand')
	WHERE coalesce(NEW.name, NEW.reserved, NEW.available, NEW.version, NEW.seq, NEW.updated) IS NOT NULL;
	SELECT RAISE(ABORT, 'no such item: INSERT INTO item (sku, name) VALUES (..., ...) first')
	WHERE NOT EXISTS (SELECT 1 FROM item WHERE sku = NEW.sku);
	SELECT RAISE(ABORT, 'no such location: INSERT INTO location (code, name) VALUES (..., ...) first')
	WHERE NOT EXISTS (SELECT 1 FROM location WHERE code = NEW.location);
	INSERT INTO stock (item_id, location_id, on_hand)
	SELECT i.id, l.id, coalesce(NEW.on_hand, 0)
	FROM item i, location l WHERE i.sku = NEW.sku AND l.code = NEW.location;
END;

CREATE TRIGGER movement_update BEFORE UPDATE ON movement
BEGIN
	SELECT RAISE(ABORT, 'the ledger is append-only: change the stock instead, it writes its own movement');
END;

CREATE TRIGGER movement_delete BEFORE DELETE ON movement
BEGIN
	SELECT RAISE(ABORT, 'the ledger is append-only: change the stock instead, it writes its own movement');
END;

CREATE TRIGGER store_fence BEFORE UPDATE ON store
WHEN NEW.next_fence < OLD.next_fence
BEGIN
	SELECT RAISE(ABORT, 'next_fence only grows: a fence that was given out must never return');
END;

CREATE TRIGGER store_insert BEFORE INSERT ON store
BEGIN
	SELECT RAISE(ABORT, 'store has its one row: UPDATE it instead');
END;

CREATE TRIGGER store_delete BEFORE DELETE ON store
BEGIN
	SELECT RAISE(ABORT, 'store has its one row: UPDATE it instead');
END;

CREATE TRIGGER item_update AFTER UPDATE ON item
-- The service raises version itself; an edit by hand gets a new ETag here.
WHEN NEW.version <= OLD.version
BEGIN
	SELECT RAISE(ABORT, 'id, version and times of an item are not edited by hand')
	WHERE (NEW.id, NEW.version, NEW.created_at, NEW.updated_at)
		IS NOT (OLD.id, OLD.version, OLD.created_at, OLD.updated_at);
	UPDATE item SET version = NEW.version + 1,
		updated_at = (SELECT max(ms, NEW.updated_at) FROM v_now)
	WHERE id = NEW.id;
END;

CREATE TRIGGER item_insert_again BEFORE INSERT ON item
BEGIN
	SELECT RAISE(ABORT, 'this item exists: UPDATE item SET ... WHERE sku = ...')
	WHERE EXISTS (SELECT 1 FROM item WHERE sku = NEW.sku)
		OR EXISTS (SELECT 1 FROM item WHERE id = NEW.id);
END;

CREATE TRIGGER item_rename BEFORE UPDATE OF sku ON item
-- Otherwise UPDATE OR REPLACE would throw the other item away.
BEGIN
	SELECT RAISE(ABORT, 'another item has this sku')
	WHERE EXISTS (SELECT 1 FROM item WHERE sku = NEW.sku AND id <> OLD.id);
END;

CREATE TRIGGER item_delete BEFORE DELETE ON item
BEGIN
	SELECT RAISE(ABORT, 'in use by stock, history or a lease: UPDATE item SET archived = 1 WHERE sku = ...')
	WHERE EXISTS (SELECT 1 FROM stock WHERE item_id = OLD.id)
		OR EXISTS (SELECT 1 FROM row_lock, v_now WHERE item_id = OLD.id AND expires_at > ms);
	DELETE FROM row_lock WHERE item_id = OLD.id; -- leases that have run out
END;

CREATE TRIGGER location_update AFTER UPDATE ON location
WHEN NEW.version <= OLD.version
BEGIN
	SELECT RAISE(ABORT, 'id, version and times of a location are not edited by hand')
	WHERE (NEW.id, NEW.version, NEW.created_at, NEW.updated_at)
		IS NOT (OLD.id, OLD.version, OLD.created_at, OLD.updated_at);
	UPDATE location SET version = NEW.version + 1,
		updated_at = (SELECT max(ms, NEW.updated_at) FROM v_now)
	WHERE id = NEW.id;
END;

CREATE TRIGGER location_insert_again BEFORE INSERT ON location
BEGIN
	SELECT RAISE(ABORT, 'this location exists: UPDATE location SET ... WHERE code = ...')
	WHERE EXISTS (SELECT 1 FROM location WHERE code = NEW.code)
		OR EXISTS (SELECT 1 FROM location WHERE id = NEW.id);
END;

CREATE TRIGGER location_rename BEFORE UPDATE OF code ON location
BEGIN
	SELECT RAISE(ABORT, 'another location has this code')
	WHERE EXISTS (SELECT 1 FROM location WHERE code = NEW.code AND id <> OLD.id);
END;

CREATE TRIGGER location_delete BEFORE DELETE ON location
BEGIN
	SELECT RAISE(ABORT, 'in use by stock, history or a lease: UPDATE location SET archived = 1 WHERE code = ...')
	WHERE EXISTS (SELECT 1 FROM stock WHERE location_id = OLD.id)
		OR EXISTS (SELECT 1 FROM row_lock, v_now WHERE location_id = OLD.id AND expires_at > ms);
	DELETE FROM row_lock WHERE location_id = OLD.id; -- leases that have run out
END;
