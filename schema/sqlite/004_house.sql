-- House: what more stores, commands and words of the ledger need of the tables that are there.
--
-- No section copies a table: what it cannot change where it stands, it leaves.

-- Reservations. What is promised of a row is found by the row, and what of that has run out by its
-- time, without a look at what runs later. So a group need not know every reservation there is.

-- Only lines of active reservations are written to: all others are as they should be, NULL.
DROP TRIGGER reservation_line_update;

ALTER TABLE reservation_line ADD COLUMN open_until INTEGER;
	-- While the line is open, when it runs out: its reservation's expires_at. A line is open from the
	-- movement that reserves its quantity to the one that gives it back or takes it, which is as
	-- long as its reservation is active; then NULL.

UPDATE reservation_line SET open_until =
	(SELECT expires_at FROM reservation WHERE id = reservation_line.reservation_id)
WHERE reservation_id IN (SELECT id FROM reservation WHERE state = 'active');

CREATE INDEX reservation_line_open ON reservation_line (item_id, location_id, open_until)
WHERE open_until IS NOT NULL;

CREATE TRIGGER reservation_line_update BEFORE UPDATE ON reservation_line
BEGIN
	SELECT RAISE(ABORT, 'the lines of a reservation never change');
END;

DROP VIEW v_reserved_check;
CREATE VIEW v_reserved_check AS
	-- Empty when every row has reserved what its active reservations promise, and what its open
	-- lines say: both are the same.
	SELECT i.sku, l.code AS location, s.reserved, coalesce(p.promised, 0) AS promised,
		coalesce(o.quantity, 0) AS open
	FROM stock s
	LEFT JOIN (SELECT e.item_id, e.location_id, sum(e.quantity) AS promised
		FROM reservation r JOIN reservation_line e ON e.reservation_id = r.id
		WHERE r.state = 'active' GROUP BY 1, 2) p
		ON p.item_id = s.item_id AND p.location_id = s.location_id
	LEFT JOIN (SELECT item_id, location_id, sum(quantity) AS quantity
		FROM reservation_line WHERE open_until IS NOT NULL GROUP BY 1, 2) o
		ON o.item_id = s.item_id AND o.location_id = s.location_id
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id
	WHERE s.reserved <> coalesce(p.promised, 0) OR s.reserved <> coalesce(o.quantity, 0);

-- Kinds of movements. They stood in a CHECK of the ledger, so that one more would have meant a copy of
-- all of it. The words are rows of a table now, and the CHECK is taken out of the table's text: what the
-- file holds does not change by that, and not a page of the ledger is written.
--   https://www.sqlite.org/lang_altertable.html#otheralter
-- Whoever runs this looks at the ledger's integrity before it commits, and that the CHECK is gone.

PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(replace(sql,
	'	kind           TEXT    NOT NULL,
',
	'	kind           TEXT    NOT NULL, -- one of movement_kind
'),
	'	prev_seq       INTEGER NOT NULL, -- the row''s movement before this one; 0: none
	CONSTRAINT "kind: adjust set count transfer reserve release expire commit supersede edit"
	CHECK (kind = ''adjust'' OR kind = ''reserve'' OR kind = ''commit'' OR kind = ''transfer''
		OR kind = ''release'' OR kind = ''expire'' OR kind = ''set'' OR kind = ''count''
		OR kind = ''supersede'' OR kind = ''edit'')
',
	'	prev_seq       INTEGER NOT NULL  -- the row''s movement before this one; 0: none
')
WHERE type = 'table' AND name = 'movement';

PRAGMA writable_schema = RESET;

CREATE TABLE movement_kind (
	-- The words of movement.kind, those of schema/movements.def. A service that makes more kinds adds
	-- its words when it opens the store; one that does not know a word leaves the store alone.
	kind TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO movement_kind (kind) VALUES ('adjust'), ('set'), ('count'), ('transfer'), ('reserve'),
	('release'), ('expire'), ('commit'), ('supersede'), ('edit');

CREATE TRIGGER movement_insert_kind BEFORE INSERT ON movement
WHEN NOT EXISTS (SELECT 1 FROM movement_kind WHERE kind = NEW.kind)
BEGIN
	SELECT RAISE(ABORT, 'kind: one of SELECT kind FROM movement_kind');
END;

CREATE TRIGGER movement_kind_insert BEFORE INSERT ON movement_kind
BEGIN
	SELECT RAISE(ABORT, 'kinds are kept by the service: it knows what each of them means');
END;

CREATE TRIGGER movement_kind_update BEFORE UPDATE ON movement_kind
BEGIN
	SELECT RAISE(ABORT, 'kinds are kept by the service: it knows what each of them means');
END;

CREATE TRIGGER movement_kind_delete BEFORE DELETE ON movement_kind
BEGIN
	SELECT RAISE(ABORT, 'kinds are kept by the service: it knows what each of them means');
END;
