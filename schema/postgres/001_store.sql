-- The store over PostgreSQL: the tables, in a schema of their own. Views and guards: 002_views.sql.
--
-- The words are those of schema/sqlite. What differs: `stock` is only who a row is, and the row that
-- is locked; how many units it has is what its last movement says, so that nothing is ever updated by
-- a change of stock, and nothing is left to vacuum. Times are UTC ms.
--
-- Every writer takes its locks in this order, each kind by id: its lane, stock, reservation, item,
-- location, store. Whoever gives an id (of an item, a key, ...) has locked the store: ids are one above
-- the last, not a sequence's, so that they have no gaps, and are known before they are written.

CREATE TABLE store (
	-- One row: what the store as a whole remembers. Whoever numbers movements has locked it.
	id               integer PRIMARY KEY CONSTRAINT "store has one row, id 1" CHECK (id = 1),
	epoch            text    NOT NULL COLLATE "C",
	schema_version   integer NOT NULL,
	next_fence       bigint  NOT NULL DEFAULT 1 CHECK (next_fence >= 1),
	next_reservation bigint  NOT NULL DEFAULT 1 CHECK (next_reservation >= 1),
	next_audit       bigint  NOT NULL DEFAULT 1, -- at least: kept when old rows go, as ids are given once
	next_key         bigint  NOT NULL DEFAULT 1, -- of idempotency: at least, in the same way
	lease_change     bigint  NOT NULL DEFAULT 0, -- grows with each change of row_lock
	access_version   bigint  NOT NULL DEFAULT 1, -- grows with each change of tokens
	had_token        boolean NOT NULL DEFAULT false,
	session_key      bytea   NOT NULL CONSTRAINT "session_key: 32 bytes" CHECK (length(session_key) = 32),
	row_release      text    NOT NULL DEFAULT 'commit' COLLATE "C"
		CONSTRAINT "row_release: commit early" CHECK (row_release IN ('commit', 'early')),
	newest_at        bigint  NOT NULL DEFAULT 0, -- the newest store time that was noted
	clock_ahead_ms   bigint  NOT NULL DEFAULT 0, -- of a machine's clock, as was noted last
	created_at       bigint  NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE item (
	id              bigint  PRIMARY KEY,
	sku             text    NOT NULL COLLATE "C" UNIQUE
		CONSTRAINT "sku: 1 to 64 of A-Z a-z 0-9 . _ : -"
		CHECK (sku ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
	name            text    NOT NULL,
	unit            text    NOT NULL DEFAULT 'piece',
	backorder_limit bigint  NOT NULL DEFAULT 0
		CONSTRAINT "backorder_limit: 0 to 10^12" CHECK (backorder_limit BETWEEN 0 AND 1000000000000),
	reorder_point   bigint
		CONSTRAINT "reorder_point: 0 to 10^12, or NULL" CHECK (reorder_point BETWEEN 0 AND 1000000000000),
	attributes      text
		CONSTRAINT "attributes: a JSON object, or NULL" CHECK (json_typeof(attributes::json) = 'object'),
	archived        boolean NOT NULL DEFAULT false,
	version         bigint  NOT NULL DEFAULT 1 CHECK (version >= 1),
	created_at      bigint  NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
	updated_at      bigint  NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
);

CREATE TABLE location (
	id         bigint  PRIMARY KEY,
	code       text    NOT NULL COLLATE "C" UNIQUE
		CONSTRAINT "code: 1 to 64 of A-Z a-z 0-9 . _ : -"
		CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
	name       text    NOT NULL,
	archived   boolean NOT NULL DEFAULT false,
	version    bigint  NOT NULL DEFAULT 1 CHECK (version >= 1),
	created_at bigint  NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
	updated_at bigint  NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
);

CREATE TABLE stock (
	-- One item at one location: who a row is, and what is locked. Never updated. One without a
	-- movement is of nobody's concern: it has version 0, and is not shown.
	id          bigint PRIMARY KEY,
	item_id     bigint NOT NULL REFERENCES item (id),
	location_id bigint NOT NULL REFERENCES location (id),
	UNIQUE (item_id, location_id)
);
CREATE INDEX stock_by_location ON stock (location_id, item_id);

CREATE TABLE movement_kind (
	kind text PRIMARY KEY COLLATE "C"
);

CREATE TABLE movement (
	-- The ledger: every change of every stock row, in the order of commit. Append-only. on_hand and
	-- reserved are the row's after it; UNIQUE (stock_id, version) is what finds the last one, and the
	-- proof that no two of them rest on the same level.
	seq            bigint  PRIMARY KEY, -- 1, 2, 3, ... without gaps
	stock_id       bigint  NOT NULL,
	kind           text    NOT NULL COLLATE "C",
	on_hand_delta  bigint  NOT NULL,
	reserved_delta bigint  NOT NULL,
	on_hand        bigint  NOT NULL
		CONSTRAINT "on_hand: within 10^15" CHECK (on_hand BETWEEN -1000000000000000 AND 1000000000000000),
	reserved       bigint  NOT NULL
		CONSTRAINT "reserved: 0 to 10^15" CHECK (reserved BETWEEN 0 AND 1000000000000000),
	version        bigint  NOT NULL CHECK (version >= 1),
	reason         text,
	reference      text,
	reservation    text    COLLATE "C",
	request_id     text,
	oversubscribed boolean NOT NULL,
	low_stock      boolean NOT NULL,
	at             bigint  NOT NULL,
	prev_seq       bigint  NOT NULL,
	actor          text    COLLATE "C",
	note           text,
	UNIQUE (stock_id, version)
) WITH (fillfactor = 100);

CREATE TABLE reservation (
	id          bigint PRIMARY KEY,
	name        text   NOT NULL COLLATE "C" UNIQUE
		CONSTRAINT "name: 1 to 64 of A-Z a-z 0-9 . _ : -" CHECK (name ~ '^[A-Za-z0-9._:-]{1,64}$'),
	state       text   NOT NULL COLLATE "C"
		CONSTRAINT "state: active committed released expired superseded"
		CHECK (state IN ('active', 'committed', 'released', 'expired', 'superseded')),
	owner       text,
	reference   text,
	created_at  bigint NOT NULL,
	expires_at  bigint NOT NULL,
	resolved_at bigint,
	CONSTRAINT "resolved_at and state belong together" CHECK ((state = 'active') = (resolved_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX reservation_active ON reservation (expires_at, id) WHERE state = 'active';
CREATE INDEX reservation_active_id ON reservation (id) WHERE state = 'active';

CREATE TABLE reservation_line (
	reservation_id bigint  NOT NULL REFERENCES reservation (id),
	n              integer NOT NULL,
	item_id        bigint  NOT NULL REFERENCES item (id),
	location_id    bigint  NOT NULL REFERENCES location (id),
	quantity       bigint  NOT NULL CHECK (quantity >= 1),
	committed      bigint  NOT NULL DEFAULT 0 CHECK (committed BETWEEN 0 AND quantity),
	open_until     bigint,  -- when it runs out; NULL: it is not active any more
	PRIMARY KEY (reservation_id, n)
) WITH (fillfactor = 70);
CREATE INDEX reservation_line_open ON reservation_line (item_id, location_id, open_until)
	WHERE open_until IS NOT NULL;

CREATE TABLE row_lock (
	id          bigint PRIMARY KEY,
	lease       text   NOT NULL COLLATE "C",
	fence       bigint NOT NULL CHECK (fence >= 1),
	item_id     bigint NOT NULL REFERENCES item (id),
	location_id bigint NOT NULL REFERENCES location (id),
	purpose     text   NOT NULL,
	taken_at    bigint NOT NULL,
	expires_at  bigint NOT NULL,
	token_id    bigint NOT NULL DEFAULT 0,
	actor       text   COLLATE "C",
	UNIQUE (item_id, location_id)
);
CREATE INDEX row_lock_by_fence ON row_lock (fence);
CREATE INDEX row_lock_by_lease ON row_lock (lease);

CREATE TABLE idempotency (
	id             bigint  PRIMARY KEY,
	token_id       bigint  NOT NULL DEFAULT 0,
	key            text    NOT NULL COLLATE "C",
	fingerprint    bigint  NOT NULL,
	status         integer NOT NULL,
	outcome        text    NOT NULL COLLATE "C",
	stock_seq      bigint  NOT NULL,
	first_seq      bigint  NOT NULL,
	movement_count integer NOT NULL,
	body           text,
	at             bigint  NOT NULL,
	UNIQUE (token_id, key)
);

CREATE TABLE token (
	id         bigint  PRIMARY KEY,
	name       text    NOT NULL COLLATE "C" UNIQUE
		CONSTRAINT "name: 1 to 64 of A-Z a-z 0-9 . _ : -; none of the service's"
		CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'
			AND name NOT IN ('local', 'sqlite3', 'psql', 'rowlock')),
	role       text    NOT NULL COLLATE "C"
		CONSTRAINT "role: reader clerk writer admin" CHECK (role IN ('reader', 'clerk', 'writer', 'admin')),
	created_at bigint  NOT NULL,
	expires_at bigint,
	revoked_at bigint
);

CREATE TABLE token_secret (
	public     text   PRIMARY KEY COLLATE "C"
		CONSTRAINT "public: 10 of a-z 2-7" CHECK (public ~ '^[a-z2-7]{10}$'),
	token_id   bigint NOT NULL REFERENCES token (id),
	hash       bytea  NOT NULL CONSTRAINT "hash: 32 bytes" CHECK (length(hash) = 32),
	created_at bigint NOT NULL,
	expires_at bigint
);
CREATE INDEX token_secret_by_token ON token_secret (token_id);

CREATE TABLE token_location (
	token_id bigint NOT NULL REFERENCES token (id),
	code     text   NOT NULL COLLATE "C"
		CONSTRAINT "code: 1 to 64 of A-Z a-z 0-9 . _ : -"
		CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
	PRIMARY KEY (token_id, code)
);

CREATE TABLE audit (
	id         bigint PRIMARY KEY,
	at         bigint NOT NULL,
	actor      text   NOT NULL COLLATE "C",
	action     text   NOT NULL COLLATE "C",
	subject    text,
	detail     text   CONSTRAINT "detail: a JSON object, or NULL" CHECK (json_typeof(detail::json) = 'object'),
	request_id text
);

CREATE TABLE front_end (
	-- The processes that serve this store.
	id         bigint PRIMARY KEY,
	name       text   NOT NULL COLLATE "C" UNIQUE,
	address    text   NOT NULL, -- where it answers; "": nobody was told
	version    text   NOT NULL,
	started_at bigint NOT NULL,
	seen_at    bigint NOT NULL,
	backend    integer NOT NULL DEFAULT 0 -- pg_backend_pid() of the session that says so
) WITH (fillfactor = 10);

CREATE TABLE lane (
	-- A connection that writes groups. Its row is locked first in every group and marked last: so what
	-- became of a COMMIT whose answer was lost can be asked for.
	id           bigint PRIMARY KEY,
	front_end_id bigint REFERENCES front_end (id) ON DELETE CASCADE, -- NULL: a command's
	generation   bigint NOT NULL DEFAULT 0, -- one more with each connection
	last_group   bigint NOT NULL DEFAULT 0, -- the newest group that was kept
	last_seq     bigint NOT NULL DEFAULT 0  -- the newest seq of it
) WITH (fillfactor = 10);

-- Of rows that come without an id: from people, and from commands.
CREATE FUNCTION next_item() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM item;
END;
CREATE FUNCTION next_location() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM location;
END;
CREATE FUNCTION next_stock() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM stock;
END;
CREATE FUNCTION next_row_lock() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM row_lock;
END;
CREATE FUNCTION next_idempotency() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT greatest(next_key, (SELECT coalesce(max(id), 0) + 1 FROM idempotency)) FROM store WHERE id = 1;
END;
CREATE FUNCTION next_token() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM token;
END;
CREATE FUNCTION next_audit() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT greatest(next_audit, (SELECT coalesce(max(id), 0) + 1 FROM audit)) FROM store WHERE id = 1;
END;
CREATE FUNCTION next_front_end() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM front_end;
END;
CREATE FUNCTION next_lane() RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT FROM store WHERE id = 1 FOR UPDATE;
	SELECT coalesce(max(id), 0) + 1 FROM lane;
END;
ALTER TABLE item ALTER COLUMN id SET DEFAULT next_item();
ALTER TABLE location ALTER COLUMN id SET DEFAULT next_location();
ALTER TABLE stock ALTER COLUMN id SET DEFAULT next_stock();
ALTER TABLE row_lock ALTER COLUMN id SET DEFAULT next_row_lock();
ALTER TABLE idempotency ALTER COLUMN id SET DEFAULT next_idempotency();
ALTER TABLE token ALTER COLUMN id SET DEFAULT next_token();
ALTER TABLE audit ALTER COLUMN id SET DEFAULT next_audit();
ALTER TABLE front_end ALTER COLUMN id SET DEFAULT next_front_end();
ALTER TABLE lane ALTER COLUMN id SET DEFAULT next_lane();
