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
