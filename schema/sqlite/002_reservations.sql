-- Reservations: units promised to somebody until a time, and then sold, given back, or run out.
--
-- stock.reserved is the sum of the lines of all active reservations; each step of a reservation is a
-- movement of each of its rows (kinds reserve, commit, release, expire, supersede), with its name.

CREATE TABLE reservation (
	-- Resolved once: it begins active, and ends as one of the other states. It stays as history.
	id          INTEGER PRIMARY KEY,
	name        TEXT    NOT NULL UNIQUE -- 'r_' and the id, or what the client chose
		CONSTRAINT "name: 1 to 64 of A-Z a-z 0-9 . _ : -"
		CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9._:-]*'),
	state       TEXT    NOT NULL
		CONSTRAINT "state: active committed released expired superseded"
		CHECK (state IN ('active', 'committed', 'released', 'expired', 'superseded')),
	owner       TEXT,    -- the client's own: a cart, a customer
	reference   TEXT,    -- the client's own: an order
	created_at  INTEGER NOT NULL,
	expires_at  INTEGER NOT NULL,
	resolved_at INTEGER, -- NULL while it is active
	CONSTRAINT "resolved_at and state belong together" CHECK ((state = 'active') = (resolved_at IS NULL))
) STRICT;

-- The writer reads it once, at the start: what runs out when.
CREATE INDEX reservation_active ON reservation (expires_at) WHERE state = 'active';

CREATE TABLE reservation_line (
	-- What it promises of one row; never changes, but for `committed` when it is resolved.
	reservation_id INTEGER NOT NULL REFERENCES reservation (id),
	n              INTEGER NOT NULL, -- 0, 1, ... in the order of the request
	item_id        INTEGER NOT NULL REFERENCES item (id),
	location_id    INTEGER NOT NULL REFERENCES location (id),
	quantity       INTEGER NOT NULL CHECK (quantity >= 1),
	committed      INTEGER NOT NULL DEFAULT 0 -- of those, the units that left the building
		CHECK (committed BETWEEN 0 AND quantity),
	PRIMARY KEY (reservation_id, n)
) STRICT, WITHOUT ROWID;

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
	-- Empty when every row has reserved what its active reservations promise.
	SELECT i.sku, l.code AS location, s.reserved, coalesce(p.promised, 0) AS promised
	FROM stock s
	LEFT JOIN (SELECT e.item_id, e.location_id, sum(e.quantity) AS promised
		FROM reservation r JOIN reservation_line e ON e.reservation_id = r.id
		WHERE r.state = 'active' GROUP BY 1, 2) p
		ON p.item_id = s.item_id AND p.location_id = s.location_id
	JOIN item i ON i.id = s.item_id
	JOIN location l ON l.id = s.location_id
	WHERE s.reserved <> coalesce(p.promised, 0);

-- Only the service makes and resolves reservations: each step changes stock, too.

CREATE TRIGGER reservation_insert BEFORE INSERT ON reservation
BEGIN
	SELECT RAISE(ABORT, 'reservations are made through the service: POST /v1/reservations');
END;

CREATE TRIGGER reservation_update BEFORE UPDATE ON reservation
BEGIN
	SELECT RAISE(ABORT, 'reservations are resolved through the service: POST /v1/reservations/{id}/release');
END;

CREATE TRIGGER reservation_delete BEFORE DELETE ON reservation
BEGIN
	SELECT RAISE(ABORT, 'reservations stay as history: release them through the service');
END;

CREATE TRIGGER reservation_line_insert BEFORE INSERT ON reservation_line
BEGIN
	SELECT RAISE(ABORT, 'reservations are made through the service: POST /v1/reservations');
END;

CREATE TRIGGER reservation_line_update BEFORE UPDATE ON reservation_line
BEGIN
	SELECT RAISE(ABORT, 'the lines of a reservation never change');
END;

CREATE TRIGGER reservation_line_delete BEFORE DELETE ON reservation_line
BEGIN
	SELECT RAISE(ABORT, 'the lines of a reservation never change');
END;
