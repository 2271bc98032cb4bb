-- Tokens: who may do what. And the audit: who did what has no movement.
--
-- A store that never had a token answers to everybody who reaches it; one that ever had is closed to
-- whoever has none. The service keeps all tokens in memory and reads them anew when
-- store.access_version has changed, within a second. They are made with `rowlockd token`.

CREATE TABLE token (
	-- One for each program, device or person that asks: SELECT * FROM v_tokens;
	-- A row stays for ever, so that a name in the ledger is one of a token, and of no second one.
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	name       TEXT    NOT NULL UNIQUE
		CONSTRAINT "name: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit; not local, sqlite3 or rowlock"
		CHECK (length(name) BETWEEN 1 AND 64
			AND name GLOB '[A-Za-z0-9]*' AND name NOT GLOB '*[^A-Za-z0-9._:-]*'
			AND name NOT IN ('local', 'sqlite3', 'rowlock')),
	role       TEXT    NOT NULL
		CONSTRAINT "role: reader clerk writer admin"
		CHECK (role IN ('reader', 'clerk', 'writer', 'admin')),
	created_at INTEGER NOT NULL,
	expires_at INTEGER, -- NULL: never
	revoked_at INTEGER  -- NULL: it is not
) STRICT;

CREATE TABLE token_secret (
	-- What a token is known by. A rotation adds one, and gives the one before an end of its own.
	public     TEXT    NOT NULL PRIMARY KEY -- the part that finds it; never used again
		CONSTRAINT "public: 10 of a-z 2-7"
		CHECK (length(public) = 10 AND public NOT GLOB '*[^a-z2-7]*'),
	token_id   INTEGER NOT NULL REFERENCES token (id),
	hash       BLOB    NOT NULL -- BLAKE2b, 256 bits, of the secret part; the secret is nowhere
		CONSTRAINT "hash: 32 bytes" CHECK (length(hash) = 32),
	created_at INTEGER NOT NULL,
	expires_at INTEGER -- NULL: as its token does
) STRICT, WITHOUT ROWID;

CREATE TABLE token_location (
	-- What a token may write to; one that has no row here may write everywhere.
	token_id INTEGER NOT NULL REFERENCES token (id),
	code     TEXT    NOT NULL -- of a location, which need not be there yet
		CONSTRAINT "code: 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit"
		CHECK (length(code) BETWEEN 1 AND 64
			AND code GLOB '[A-Za-z0-9]*' AND code NOT GLOB '*[^A-Za-z0-9._:-]*'),
	PRIMARY KEY (token_id, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	-- Who did what changes no stock: catalogue, leases, tokens, backups, exports. Append-only.
	--   SELECT * FROM v_audit LIMIT 20;
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	at         INTEGER NOT NULL,
	actor      TEXT    NOT NULL, -- as in the ledger
	action     TEXT    NOT NULL, -- 'token-add', 'backup', ...
	subject    TEXT,             -- what it was done to
	detail     TEXT              -- a JSON object, or NULL
		CONSTRAINT "detail: a JSON object, or NULL" CHECK (detail GLOB '{*}'),
	request_id TEXT              -- X-Request-Id, where a request did it
) STRICT;

ALTER TABLE store ADD COLUMN access_version INTEGER NOT NULL DEFAULT 1;
	-- One more with each change of a token, its secrets or its locations, and of session_key.
ALTER TABLE store ADD COLUMN had_token INTEGER NOT NULL DEFAULT 0
	CONSTRAINT "had_token: 0 or 1" CHECK (had_token BETWEEN 0 AND 1);
	-- 1: there was a token once. It is never 0 again: what was closed stays so.
ALTER TABLE store ADD COLUMN session_key BLOB NOT NULL DEFAULT x''
	CONSTRAINT "session_key: 32 bytes" CHECK (length(session_key) IN (0, 32));
	-- Signs the cookies of the page. Another one ends all sessions:
	--   UPDATE store SET session_key = randomblob(32);

UPDATE store SET session_key = randomblob(32);

-- Keys and leases are those of a token; 0: of nobody's, from before there were any.
ALTER TABLE idempotency ADD COLUMN token_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE row_lock ADD COLUMN token_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE row_lock ADD COLUMN actor TEXT;

CREATE VIEW v_tokens AS
	-- Every token there ever was, and whether it still opens anything.
	SELECT t.id, t.name, t.role,
		(SELECT group_concat(code, ' ') FROM (SELECT code FROM token_location
			WHERE token_id = t.id ORDER BY code)) AS locations,
		CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
			WHEN t.expires_at <= n.ms THEN 'expired'
			WHEN NOT EXISTS (SELECT 1 FROM token_secret
				WHERE token_id = t.id AND (expires_at IS NULL OR expires_at > n.ms)) THEN 'void'
			ELSE 'valid' END AS state,
		strftime('%Y-%m-%dT%H:%M:%SZ', t.created_at / 1000, 'unixepoch') AS created,
		strftime('%Y-%m-%dT%H:%M:%SZ', t.expires_at / 1000, 'unixepoch') AS expires,
		strftime('%Y-%m-%dT%H:%M:%SZ', t.revoked_at / 1000, 'unixepoch') AS revoked
	FROM token t, v_now n
	ORDER BY t.name;

CREATE VIEW v_audit AS
	-- The audit, newest first: SELECT * FROM v_audit LIMIT 20;
	SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, actor, action,
		subject, detail, request_id
	FROM audit
	ORDER BY id DESC;


-- The guards. INSERT OR REPLACE and UPDATE OR REPLACE throw a row away without a trigger for DELETE:
-- so what would be replaced is refused before.

CREATE TRIGGER token_insert_again BEFORE INSERT ON token
BEGIN
	SELECT RAISE(ABORT, 'a token of this name or id was there before: no other is called like it')
	WHERE EXISTS (SELECT 1 FROM token WHERE name = NEW.name OR id = NEW.id);
END;

CREATE TRIGGER token_insert AFTER INSERT ON token
BEGIN
	UPDATE store SET access_version = access_version + 1, had_token = 1;
END;

CREATE TRIGGER token_keep BEFORE UPDATE OF id, name, created_at ON token
WHEN (NEW.id, NEW.name, NEW.created_at) IS NOT (OLD.id, OLD.name, OLD.created_at)
BEGIN
	SELECT RAISE(ABORT, 'a token keeps its id and name: the ledger says who did what');
END;

CREATE TRIGGER token_revoked BEFORE UPDATE ON token
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at
BEGIN
	SELECT RAISE(ABORT, 'a token that was revoked stays so: rowlockd token add makes another one');
END;

CREATE TRIGGER token_update AFTER UPDATE ON token
BEGIN
	UPDATE store SET access_version = access_version + 1;
END;

CREATE TRIGGER token_delete BEFORE DELETE ON token
BEGIN
	SELECT RAISE(ABORT, 'a token stays, so that no other is called like it: rowlockd token revoke NAME');
END;

CREATE TRIGGER token_secret_insert_again BEFORE INSERT ON token_secret
BEGIN
	SELECT RAISE(ABORT, 'this public part was used before: rowlockd token rotate NAME')
	WHERE EXISTS (SELECT 1 FROM token_secret WHERE public = NEW.public);
	SELECT RAISE(ABORT, 'no such token: rowlockd token add NAME')
	WHERE NOT EXISTS (SELECT 1 FROM token WHERE id = NEW.token_id);
END;

CREATE TRIGGER token_secret_insert AFTER INSERT ON token_secret
BEGIN
	UPDATE store SET access_version = access_version + 1, had_token = 1;
END;

CREATE TRIGGER token_secret_keep BEFORE UPDATE ON token_secret
WHEN (NEW.public, NEW.token_id, NEW.hash, NEW.created_at)
		IS NOT (OLD.public, OLD.token_id, OLD.hash, OLD.created_at)
	OR NEW.expires_at > OLD.expires_at OR (NEW.expires_at IS NULL AND OLD.expires_at IS NOT NULL)
BEGIN
	SELECT RAISE(ABORT, 'of a secret only the end is changed, to an earlier one: rowlockd token rotate NAME');
END;

CREATE TRIGGER token_secret_update AFTER UPDATE ON token_secret
BEGIN
	UPDATE store SET access_version = access_version + 1;
END;

CREATE TRIGGER token_secret_delete BEFORE DELETE ON token_secret
BEGIN
	SELECT RAISE(ABORT, 'a secret stays, so that its public part is not used again: rowlockd token revoke NAME');
END;

CREATE TRIGGER token_location_insert AFTER INSERT ON token_location
BEGIN
	UPDATE store SET access_version = access_version + 1;
END;

CREATE TRIGGER token_location_update AFTER UPDATE ON token_location
BEGIN
	SELECT RAISE(ABORT, 'a token without a location may write everywhere: only the code is changed')
	WHERE NEW.token_id <> OLD.token_id;
	UPDATE store SET access_version = access_version + 1;
END;

CREATE TRIGGER token_location_delete AFTER DELETE ON token_location
BEGIN
	SELECT RAISE(ABORT, 'a token without a location may write everywhere: add another one first, or revoke it')
	WHERE NOT EXISTS (SELECT 1 FROM token_location WHERE token_id = OLD.token_id);
	UPDATE store SET access_version = access_version + 1;
END;

CREATE TRIGGER store_access BEFORE UPDATE ON store
WHEN NEW.access_version < OLD.access_version OR NEW.had_token < OLD.had_token
BEGIN
	SELECT RAISE(ABORT, 'access_version and had_token only grow: the service would miss a change, or open what was closed');
END;

CREATE TRIGGER store_session_key AFTER UPDATE OF session_key ON store
BEGIN
	UPDATE store SET access_version = access_version + 1;
END;

CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN
	SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN
	SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_insert_again BEFORE INSERT ON audit
BEGIN
	SELECT RAISE(ABORT, 'the audit is append-only')
	WHERE EXISTS (SELECT 1 FROM audit WHERE id = NEW.id);
END;
