-- Soundness: what a hand may type is what the service may be sent, and more of what it must not.
--
-- Each section adds guards to tables that are there. None of them copies a row; what was typed
-- before this version stays as it is, stays readable, and is found by a verification.

-- Texts. What the service refuses in a request (wire/messages) is refused by hand, too: otherwise
-- answers show what no client can read, and an export cannot be imported. Lengths are counted in
-- characters; SQLite's length() and GLOB end at a NUL, so that is looked for in the bytes.

CREATE VIEW v_characters AS
	-- 1, 2, 3, ...: the places of the characters of a text, for the guards that look at each.
	-- A view, because a trigger may not have a WITH of its own.
	WITH RECURSIVE n (place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM n WHERE place < 8192)
	SELECT place FROM n;

-- Of valid UTF-8 each character comes back as the same bytes; of anything else it does not. Texts of
-- plain ASCII, nearly all of them, are not taken apart.

CREATE TRIGGER item_insert_texts BEFORE INSERT ON item
BEGIN
	SELECT RAISE(ABORT, 'sku: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit')
	WHERE instr(CAST(NEW.sku AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'name: 1 to 200 characters')
	WHERE length(NEW.name) NOT BETWEEN 1 AND 200 OR instr(CAST(NEW.name AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'name: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.name GLOB '*[^ -~]*' AND place <= length(NEW.name)
		AND CAST(char(unicode(substr(NEW.name, place, 1))) AS BLOB)
			<> CAST(substr(NEW.name, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'unit: 1 to 32 characters')
	WHERE length(NEW.unit) NOT BETWEEN 1 AND 32 OR instr(CAST(NEW.unit AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'unit: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.unit GLOB '*[^ -~]*' AND place <= length(NEW.unit)
		AND CAST(char(unicode(substr(NEW.unit, place, 1))) AS BLOB)
			<> CAST(substr(NEW.unit, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'attributes: a JSON object of at most 8192 bytes, or NULL')
	WHERE length(CAST(NEW.attributes AS BLOB)) > 8192
		OR instr(CAST(NEW.attributes AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'attributes: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.attributes GLOB '*[^ -~]*' AND place <= length(NEW.attributes)
		AND CAST(char(unicode(substr(NEW.attributes, place, 1))) AS BLOB)
			<> CAST(substr(NEW.attributes, place, 1) AS BLOB);
	-- json_tree() refuses by itself, as "malformed JSON"; json_valid() is "unsafe" where
	-- trusted_schema is off.
	SELECT RAISE(ABORT, 'attributes: no name twice, no number beyond 64 bits, no \u0000')
	FROM (SELECT count(*) FILTER (WHERE type = 'integer' AND typeof(value) <> 'integer'
				OR type = 'real' AND abs(value) = 9e999) AS numbers,
			count(*) FILTER (WHERE typeof(key) = 'text') AS keys,
			count(DISTINCT iif(typeof(key) = 'text', parent || '/' || key, NULL)) AS names
		FROM json_tree(coalesce(NEW.attributes, '{}')))
	WHERE numbers > 0 OR keys > names OR instr(NEW.attributes, '\u0000') > 0;
END;

CREATE TRIGGER item_update_texts BEFORE UPDATE OF sku, name, unit, attributes ON item
-- What was there before this guard may stay while something else is corrected.
BEGIN
	SELECT RAISE(ABORT, 'sku: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit')
	WHERE NEW.sku IS NOT OLD.sku AND instr(CAST(NEW.sku AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'name: 1 to 200 characters')
	WHERE NEW.name IS NOT OLD.name
		AND (length(NEW.name) NOT BETWEEN 1 AND 200 OR instr(CAST(NEW.name AS BLOB), x'00') > 0);
	SELECT RAISE(ABORT, 'name: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.name IS NOT OLD.name AND NEW.name GLOB '*[^ -~]*' AND place <= length(NEW.name)
		AND CAST(char(unicode(substr(NEW.name, place, 1))) AS BLOB)
			<> CAST(substr(NEW.name, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'unit: 1 to 32 characters')
	WHERE NEW.unit IS NOT OLD.unit
		AND (length(NEW.unit) NOT BETWEEN 1 AND 32 OR instr(CAST(NEW.unit AS BLOB), x'00') > 0);
	SELECT RAISE(ABORT, 'unit: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.unit IS NOT OLD.unit AND NEW.unit GLOB '*[^ -~]*' AND place <= length(NEW.unit)
		AND CAST(char(unicode(substr(NEW.unit, place, 1))) AS BLOB)
			<> CAST(substr(NEW.unit, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'attributes: a JSON object of at most 8192 bytes, or NULL')
	WHERE NEW.attributes IS NOT OLD.attributes
		AND (length(CAST(NEW.attributes AS BLOB)) > 8192
			OR instr(CAST(NEW.attributes AS BLOB), x'00') > 0);
	SELECT RAISE(ABORT, 'attributes: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.attributes IS NOT OLD.attributes AND NEW.attributes GLOB '*[^ -~]*'
		AND place <= length(NEW.attributes)
		AND CAST(char(unicode(substr(NEW.attributes, place, 1))) AS BLOB)
			<> CAST(substr(NEW.attributes, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'attributes: no name twice, no number beyond 64 bits, no \u0000')
	FROM (SELECT count(*) FILTER (WHERE type = 'integer' AND typeof(value) <> 'integer'
				OR type = 'real' AND abs(value) = 9e999) AS numbers,
			count(*) FILTER (WHERE typeof(key) = 'text') AS keys,
			count(DISTINCT iif(typeof(key) = 'text', parent || '/' || key, NULL)) AS names
		FROM json_tree(iif(NEW.attributes IS OLD.attributes, '{}', coalesce(NEW.attributes, '{}'))))
	WHERE numbers > 0 OR keys > names
		OR (NEW.attributes IS NOT OLD.attributes AND instr(NEW.attributes, '\u0000') > 0);
END;

CREATE TRIGGER location_insert_texts BEFORE INSERT ON location
BEGIN
	SELECT RAISE(ABORT, 'code: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit')
	WHERE instr(CAST(NEW.code AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'name: 1 to 200 characters')
	WHERE length(NEW.name) NOT BETWEEN 1 AND 200 OR instr(CAST(NEW.name AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'name: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.name GLOB '*[^ -~]*' AND place <= length(NEW.name)
		AND CAST(char(unicode(substr(NEW.name, place, 1))) AS BLOB)
			<> CAST(substr(NEW.name, place, 1) AS BLOB);
END;

CREATE TRIGGER location_update_texts BEFORE UPDATE OF code, name ON location
BEGIN
	SELECT RAISE(ABORT, 'code: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit')
	WHERE NEW.code IS NOT OLD.code AND instr(CAST(NEW.code AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'name: 1 to 200 characters')
	WHERE NEW.name IS NOT OLD.name
		AND (length(NEW.name) NOT BETWEEN 1 AND 200 OR instr(CAST(NEW.name AS BLOB), x'00') > 0);
	SELECT RAISE(ABORT, 'name: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.name IS NOT OLD.name AND NEW.name GLOB '*[^ -~]*' AND place <= length(NEW.name)
		AND CAST(char(unicode(substr(NEW.name, place, 1))) AS BLOB)
			<> CAST(substr(NEW.name, place, 1) AS BLOB);
END;

CREATE TRIGGER movement_insert_texts BEFORE INSERT ON movement
-- A movement that is typed in beside its stock is found by a verification, what it says is not.
WHEN coalesce(NEW.reason, NEW.reference, NEW.reservation, NEW.request_id) IS NOT NULL
BEGIN
	SELECT RAISE(ABORT, 'reason: 1 to 32 of a-z and _, or NULL')
	WHERE length(NEW.reason) NOT BETWEEN 1 AND 32 OR NEW.reason GLOB '*[^a-z_]*'
		OR instr(CAST(NEW.reason AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'reference: at most 128 characters, or NULL')
	WHERE length(NEW.reference) > 128 OR instr(CAST(NEW.reference AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'reference: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.reference GLOB '*[^ -~]*' AND place <= length(NEW.reference)
		AND CAST(char(unicode(substr(NEW.reference, place, 1))) AS BLOB)
			<> CAST(substr(NEW.reference, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'reservation and request_id: 1 to 64 of A-Z a-z 0-9 . _ : -, or NULL')
	FROM (SELECT NEW.reservation AS id UNION ALL SELECT NEW.request_id)
	WHERE length(id) NOT BETWEEN 1 AND 64 OR id GLOB '*[^A-Za-z0-9._:-]*'
		OR instr(CAST(id AS BLOB), x'00') > 0;
END;

-- Store time. Every deadline is of store time: the machine's clock, except that it never runs
-- backwards and does not jump ahead after a clock that was wrong for a moment
-- (server/core/store_clock.h). What it has reached is noted here, so that neither a restart nor a
-- hand edit falls behind it.

ALTER TABLE store ADD COLUMN newest_at INTEGER NOT NULL DEFAULT 0;
	-- Store time has been at least here. Noted by the service once a second while it writes.
ALTER TABLE store ADD COLUMN clock_ahead_ms INTEGER NOT NULL DEFAULT 0;
	-- Store time minus the machine's clock, to a second, while the service runs; else 0.

-- Movements typed in by hand are left out: their time is that of the clock of whoever typed.
UPDATE store SET newest_at = (SELECT max(store.created_at,
	coalesce((SELECT at FROM movement WHERE kind <> 'edit' ORDER BY seq DESC LIMIT 1), 0),
	coalesce((SELECT at FROM idempotency ORDER BY id DESC LIMIT 1), 0),
	coalesce((SELECT max(taken_at) FROM row_lock), 0),
	coalesce((SELECT max(max(created_at, coalesce(resolved_at, 0))) FROM reservation), 0)));

DROP VIEW v_now;
CREATE VIEW v_now AS
	-- Store time, once: what the triggers and views mean by "now". While the clock is behind it, the
	-- service notes it every ten seconds: it cannot be much further than that.
	SELECT max(newest_at, CASE WHEN clock_ahead_ms > 0
		THEN max(clock_ms, min(clock_ms + clock_ahead_ms, newest_at + 12000))
		ELSE clock_ms + clock_ahead_ms END) AS ms
	FROM store, (SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS clock_ms);

CREATE TRIGGER store_time BEFORE UPDATE OF newest_at, clock_ahead_ms ON store
BEGIN
	SELECT RAISE(ABORT, 'newest_at and clock_ahead_ms are kept by the service: nothing that has ended may come back');
END;

-- Numbers that were given out once. A reservation's is part of its name ('r_17'), which stands in the
-- ledger and in other people's systems: it must not return, also when its row was thrown away.
ALTER TABLE store ADD COLUMN next_reservation INTEGER NOT NULL DEFAULT 1
	CHECK (next_reservation >= 1);

UPDATE store SET next_reservation =
	(SELECT coalesce(max(id), 0) + 1 FROM reservation WHERE id < 1000000000000000000);

CREATE TRIGGER store_reservation BEFORE UPDATE ON store
WHEN NEW.next_reservation < OLD.next_reservation
BEGIN
	SELECT RAISE(ABORT, 'next_reservation only grows: an id that was given out must never return');
END;

-- 2^61 is more than the service ever gives out; from there on it would have none left to give.
CREATE TRIGGER store_numbers_end BEFORE UPDATE ON store
WHEN NEW.next_fence > 2305843009213693952 OR NEW.next_reservation > 2305843009213693952
BEGIN
	SELECT RAISE(ABORT, 'next_fence and next_reservation: at most 2^61, or the service has none left to give');
END;

-- The service numbers keys itself, and knows them by number. One that is deleted by hand is forgotten:
-- its request would take effect again.

CREATE TRIGGER idempotency_insert BEFORE INSERT ON idempotency
BEGIN
	SELECT RAISE(ABORT, 'keys are remembered by the service: send Idempotency-Key with the request');
END;

CREATE TRIGGER idempotency_renumber BEFORE UPDATE OF id ON idempotency
BEGIN
	SELECT RAISE(ABORT, 'the service knows keys by their id: it never changes');
END;

-- Leases. Their fence is what tells them apart: the id of one that has ended may be taken again. The
-- service keeps them in memory, and looks whether somebody changed them, or the name of a leased row,
-- by this number instead of reading all of them after every edit of anything.

DROP INDEX row_lock_by_lease;
CREATE INDEX row_lock_by_fence ON row_lock (fence);

ALTER TABLE store ADD COLUMN lease_edits INTEGER NOT NULL DEFAULT 0;
	-- One more with each change by hand of a lease, a sku or a code.

CREATE TRIGGER row_lock_insert AFTER INSERT ON row_lock
BEGIN
	UPDATE store SET lease_edits = lease_edits + 1;
END;

CREATE TRIGGER row_lock_update AFTER UPDATE ON row_lock
BEGIN
	UPDATE store SET lease_edits = lease_edits + 1;
END;

CREATE TRIGGER row_lock_delete AFTER DELETE ON row_lock
BEGIN
	UPDATE store SET lease_edits = lease_edits + 1;
END;

CREATE TRIGGER item_renamed AFTER UPDATE OF sku ON item
BEGIN
	UPDATE store SET lease_edits = lease_edits + 1;
END;

CREATE TRIGGER location_renamed AFTER UPDATE OF code ON location
BEGIN
	UPDATE store SET lease_edits = lease_edits + 1;
END;

CREATE TRIGGER store_lease_edits BEFORE UPDATE ON store
WHEN NEW.lease_edits < OLD.lease_edits
BEGIN
	SELECT RAISE(ABORT, 'lease_edits only grows: the service would miss an edit');
END;
