-- Actors: who made a movement, and what they wrote beside it.
--
-- Columns are added, so not a page of the ledger is written: the movements of before have neither,
-- and read NULL, which says that nobody knows.

ALTER TABLE movement ADD COLUMN actor TEXT;
	-- Who made it: the name of a token, 'token/user' of a person behind a proxy, 'local' where the
	-- store has no tokens, 'rowlock' for what the service does by itself, 'sqlite3' for hand edits.
ALTER TABLE movement ADD COLUMN note TEXT;
	-- What they wrote beside it, for people; NULL: nothing.

DROP VIEW v_movements;
CREATE VIEW v_movements AS
	-- The ledger by name, newest first: SELECT * FROM v_movements LIMIT 20;
	-- CROSS JOIN fixes the order of the loops: the ledger backwards, then names by id.
	SELECT m.seq, m.kind, i.sku, l.code AS location, m.on_hand_delta, m.reserved_delta,
		m.on_hand, m.reserved, m.on_hand - m.reserved AS available, m.version,
		coalesce(m.reason, m.kind) AS reason, m.reference, m.reservation, m.request_id,
		m.oversubscribed, m.low_stock,
		strftime('%Y-%m-%dT%H:%M:%fZ', m.at / 1000.0, 'unixepoch') AS at, m.actor, m.note
	FROM movement m
	CROSS JOIN stock s ON s.id = m.stock_id
	CROSS JOIN item i ON i.id = s.item_id
	CROSS JOIN location l ON l.id = s.location_id
	ORDER BY m.seq DESC;

-- What is typed in beside its stock may say of nobody else that they did it.
DROP TRIGGER movement_insert_texts;
CREATE TRIGGER movement_insert_texts BEFORE INSERT ON movement
-- A movement that is typed in beside its stock is found by a verification, what it says is not.
WHEN coalesce(NEW.reason, NEW.reference, NEW.reservation, NEW.request_id, NEW.actor, NEW.note)
	IS NOT NULL
BEGIN
	SELECT RAISE(ABORT, 'reason: 1 to 32 of a-z, 0-9 and _, or NULL')
	WHERE length(NEW.reason) NOT BETWEEN 1 AND 32 OR NEW.reason GLOB '*[^a-z0-9_]*'
		OR instr(CAST(NEW.reason AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'reference: at most 128 characters, or NULL')
	WHERE length(NEW.reference) > 128 OR instr(CAST(NEW.reference AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'reference: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.reference GLOB '*[^ -~]*' AND place <= length(NEW.reference)
		AND CAST(char(unicode(substr(NEW.reference, place, 1))) AS BLOB)
			<> CAST(substr(NEW.reference, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'note: at most 200 characters, or NULL')
	WHERE length(NEW.note) > 200 OR instr(CAST(NEW.note AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'note: not UTF-8; a file in Latin-1: iconv -f LATIN1 -t UTF-8 FILE first')
	FROM v_characters
	WHERE NEW.note GLOB '*[^ -~]*' AND place <= length(NEW.note)
		AND CAST(char(unicode(substr(NEW.note, place, 1))) AS BLOB)
			<> CAST(substr(NEW.note, place, 1) AS BLOB);
	SELECT RAISE(ABORT, 'reservation and request_id: 1 to 64 of A-Z a-z 0-9 . _ : -, or NULL')
	FROM (SELECT NEW.reservation AS id UNION ALL SELECT NEW.request_id)
	WHERE length(id) NOT BETWEEN 1 AND 64 OR id GLOB '*[^A-Za-z0-9._:-]*'
		OR instr(CAST(id AS BLOB), x'00') > 0;
	SELECT RAISE(ABORT, 'actor: what is typed in is by sqlite3')
	WHERE NEW.actor <> 'sqlite3';
END;

-- Hand edits. All of them end in one view, which nobody need look at: it takes a row's new level with
-- the words that go with it, which the columns of `stock` have no room for.

CREATE VIEW v_edit AS
	-- For the guards alone: people type UPDATE v_stock SET on_hand = ...
	SELECT id AS stock_id, on_hand AS on_hand_before, on_hand, NULL AS reason, NULL AS note FROM stock;

CREATE TRIGGER v_edit_insert INSTEAD OF INSERT ON v_edit
BEGIN
	SELECT RAISE(ABORT, 'row is locked by a lease: SELECT * FROM v_locks')
	FROM stock s JOIN row_lock k ON k.item_id = s.item_id AND k.location_id = s.location_id, v_now
	WHERE s.id = NEW.stock_id AND k.expires_at > ms;
	SELECT RAISE(ABORT, 'on_hand is what lies on the shelf: type 0 or more')
	WHERE NEW.on_hand < 0 AND NEW.on_hand <> NEW.on_hand_before;
	-- An edit that changes nothing and says nothing writes nothing; words are never thrown away. Time
	-- never runs backwards in the ledger.
	INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved,
		version, reason, oversubscribed, low_stock, at, prev_seq, actor, note)
	SELECT coalesce(last.seq, 0) + 1, s.id, 'edit', NEW.on_hand - NEW.on_hand_before, 0, NEW.on_hand,
		s.reserved, s.version + 1, nullif(lower(NEW.reason), 'edit'), NEW.on_hand < s.reserved,
		coalesce(NEW.on_hand - s.reserved <= i.reorder_point, 0),
		max(v_now.ms, coalesce(last.at, 0)), s.seq, 'sqlite3', NEW.note
	FROM v_now
	JOIN stock s ON s.id = NEW.stock_id
	LEFT JOIN (SELECT seq, at FROM movement ORDER BY seq DESC LIMIT 1) AS last
	LEFT JOIN item i ON i.id = s.item_id
	WHERE NEW.on_hand <> NEW.on_hand_before OR coalesce(NEW.reason, NEW.note) IS NOT NULL;
	UPDATE stock SET (on_hand, version, seq, updated_at) =
		(SELECT NEW.on_hand, stock.version + 1, seq, at FROM movement ORDER BY seq DESC LIMIT 1)
	WHERE id = NEW.stock_id
		AND (NEW.on_hand <> NEW.on_hand_before OR coalesce(NEW.reason, NEW.note) IS NOT NULL);
END;

DROP TRIGGER stock_update_by_hand;
CREATE TRIGGER stock_update_by_hand AFTER UPDATE ON stock
-- The service raises both, so this never fires for it; the UPDATE at the end raises both too, so it
-- does not fire itself, whatever recursive_triggers says.
WHEN NEW.version <= OLD.version OR NEW.seq <= OLD.seq
BEGIN
	SELECT RAISE(ABORT, 'only on_hand is edited by hand: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...')
	WHERE (NEW.id, NEW.item_id, NEW.location_id, NEW.reserved, NEW.version, NEW.seq, NEW.updated_at)
		IS NOT (OLD.id, OLD.item_id, OLD.location_id, OLD.reserved, OLD.version, OLD.seq, OLD.updated_at);
	INSERT INTO v_edit (stock_id, on_hand_before, on_hand) VALUES (NEW.id, OLD.on_hand, NEW.on_hand);
END;

DROP TRIGGER stock_insert_by_hand;
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
	INSERT INTO v_edit (stock_id, on_hand_before, on_hand) VALUES (NEW.id, 0, NEW.on_hand);
END;

DROP VIEW v_stock;
CREATE VIEW v_stock AS
	-- Levels by name. Takes UPDATE ... SET on_hand = ..., and INSERT of (sku, location, on_hand), both
	-- with a reason and a note, which the ledger keeps: here they read NULL.
	--   UPDATE v_stock SET on_hand = 40, reason = 'found', note = 'behind the shelf'
	--   WHERE sku = 'MUG-BLUE' AND location = 'WH1';
	SELECT i.sku, l.code AS location, i.name, s.on_hand, s.reserved,
		s.on_hand - s.reserved AS available, s.version, s.seq,
		CASE WHEN s.seq > 0
			THEN strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at / 1000.0, 'unixepoch') END AS updated,
		NULL AS reason, NULL AS note
	FROM stock s
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id;

CREATE TRIGGER v_stock_update INSTEAD OF UPDATE ON v_stock
BEGIN
	SELECT RAISE(ABORT, 'only on_hand is edited by hand: UPDATE v_stock SET on_hand = ... WHERE sku = ... AND location = ...')
	WHERE (NEW.sku, NEW.location, NEW.name, NEW.reserved, NEW.available, NEW.version, NEW.seq,
			NEW.updated)
		IS NOT (OLD.sku, OLD.location, OLD.name, OLD.reserved, OLD.available, OLD.version, OLD.seq,
			OLD.updated);
	INSERT INTO v_edit (stock_id, on_hand_before, on_hand, reason, note)
	SELECT id, on_hand, NEW.on_hand, NEW.reason, NEW.note FROM stock
	WHERE item_id = (SELECT id FROM item WHERE sku = OLD.sku)
		AND location_id = (SELECT id FROM location WHERE code = OLD.location);
END;

CREATE TRIGGER v_stock_insert INSTEAD OF INSERT ON v_stock
BEGIN
	SELECT RAISE(ABORT, 'only sku, location and on_hand are given by hand, with a reason and a note')
	WHERE coalesce(NEW.name, NEW.reserved, NEW.available, NEW.version, NEW.seq, NEW.updated) IS NOT NULL;
	SELECT RAISE(ABORT, 'no such item: INSERT INTO item (sku, name) VALUES (..., ...) first')
	WHERE NOT EXISTS (SELECT 1 FROM item WHERE sku = NEW.sku);
	SELECT RAISE(ABORT, 'no such location: INSERT INTO location (code, name) VALUES (..., ...) first')
	WHERE NOT EXISTS (SELECT 1 FROM location WHERE code = NEW.location);
	INSERT INTO stock (item_id, location_id)
	SELECT i.id, l.id FROM item i, location l WHERE i.sku = NEW.sku AND l.code = NEW.location;
	INSERT INTO v_edit (stock_id, on_hand_before, on_hand, reason, note)
	SELECT id, 0, coalesce(NEW.on_hand, 0), NEW.reason, NEW.note FROM stock
	WHERE item_id = (SELECT id FROM item WHERE sku = NEW.sku)
		AND location_id = (SELECT id FROM location WHERE code = NEW.location);
END;
