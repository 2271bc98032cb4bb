-- Hands in the audit: what is typed into the catalogue, leases and tokens has a row there, too.
--
-- The service writes its own rows, with its triggers off. So what fires here is a hand's, or that of
-- a tool of ours (rowlockd token, restore), which writes its own rows as well and says so.

ALTER TABLE store ADD COLUMN noted_by_tool INTEGER NOT NULL DEFAULT 0
	CONSTRAINT "noted_by_tool: 0 or 1" CHECK (noted_by_tool BETWEEN 0 AND 1);
	-- 1: within one transaction of a tool that writes its rows of the audit itself.

CREATE INDEX token_secret_by_token ON token_secret (token_id);
	-- v_tokens looks for the secrets of each token.

CREATE VIEW v_note AS
	-- For the guards alone: what a hand did, to become a row of the audit. Beside the numbers that are
	-- JSON already (or NULL), the two texts that a thing of the catalogue has, before and after.
	SELECT action, subject, NULL AS numbers, NULL AS name_before, NULL AS name, NULL AS unit_before,
		NULL AS unit
	FROM audit;

CREATE TRIGGER v_note_insert INSTEAD OF INSERT ON v_note
-- json_object() and json_quote() are "unsafe" where trusted_schema is off: so texts are quoted here. A
-- text with a character below the blank is rare, and is taken apart.
WHEN (SELECT noted_by_tool FROM store) = 0
BEGIN
	INSERT INTO audit (at, actor, action, subject, detail)
	SELECT ms, 'sqlite3', NEW.action, NEW.subject,
		'{' || coalesce(NEW.numbers, '') || coalesce((
			SELECT iif(NEW.numbers IS NULL, '', ',') || group_concat('"' || member || '":['
				|| coalesce(before, 'null') || ',' || coalesce(after, 'null') || ']', ',')
			FROM (SELECT member, max(said) FILTER (WHERE is_new = 0) AS before,
					max(said) FILTER (WHERE is_new = 1) AS after
				FROM (SELECT member, is_new, '"' || CASE
						WHEN text GLOB '*[' || char(1) || '-' || char(31) || ']*' THEN (
							SELECT group_concat(CASE WHEN c < ' ' THEN printf('\u%04x', unicode(c))
								WHEN c IN ('"', '\') THEN '\' || c ELSE c END, '')
							FROM (SELECT substr(text, place, 1) AS c FROM v_characters
								WHERE place <= length(text)))
						ELSE replace(replace(text, '\', '\\'), '"', '\"') END || '"' AS said
					FROM (SELECT 'name' AS member, 0 AS is_new, NEW.name_before AS text
						UNION ALL SELECT 'name', 1, NEW.name
						UNION ALL SELECT 'unit', 0, NEW.unit_before
						UNION ALL SELECT 'unit', 1, NEW.unit))
				GROUP BY member)
			WHERE before IS NOT after), '') || '}'
	FROM v_now;
END;

-- The catalogue. The service raises a version itself, and so does the edit of an edit by hand.

CREATE TRIGGER item_insert_noted AFTER INSERT ON item
BEGIN
	INSERT INTO v_note (action, subject, numbers, name, unit)
	VALUES ('item-make', NEW.sku, '"version":' || NEW.version
		|| iif(NEW.backorder_limit = 0, '', ',"backorder_limit":[null,' || NEW.backorder_limit || ']')
		|| coalesce(',"reorder_point":[null,' || NEW.reorder_point || ']', '')
		|| coalesce(',"attributes":[null,' || iif(length(CAST(NEW.attributes AS BLOB)) <= 400,
			NEW.attributes, '"' || length(CAST(NEW.attributes AS BLOB)) || ' bytes"') || ']', '')
		|| iif(NEW.archived, ',"archived":[null,true]', ''), NEW.name, NEW.unit);
END;

CREATE TRIGGER item_update_noted AFTER UPDATE ON item
WHEN NEW.version <= OLD.version
BEGIN
	INSERT INTO v_note (action, subject, numbers, name_before, name, unit_before, unit)
	VALUES ('item-change', NEW.sku, '"version":' || (NEW.version + 1)
		|| iif(NEW.sku = OLD.sku, '', ',"sku":["' || OLD.sku || '","' || NEW.sku || '"]')
		|| iif(NEW.backorder_limit = OLD.backorder_limit, '', ',"backorder_limit":['
			|| OLD.backorder_limit || ',' || NEW.backorder_limit || ']')
		|| iif(NEW.reorder_point IS OLD.reorder_point, '', ',"reorder_point":['
			|| coalesce(OLD.reorder_point, 'null') || ',' || coalesce(NEW.reorder_point, 'null') || ']')
		|| iif(NEW.attributes IS OLD.attributes, '', ',"attributes":['
			|| coalesce(iif(length(CAST(OLD.attributes AS BLOB)) <= 400, OLD.attributes,
				'"' || length(CAST(OLD.attributes AS BLOB)) || ' bytes"'), 'null') || ','
			|| coalesce(iif(length(CAST(NEW.attributes AS BLOB)) <= 400, NEW.attributes,
				'"' || length(CAST(NEW.attributes AS BLOB)) || ' bytes"'), 'null') || ']')
		|| iif(NEW.archived = OLD.archived, '', ',"archived":['
			|| iif(OLD.archived, 'true,false', 'false,true') || ']'),
		OLD.name, NEW.name, OLD.unit, NEW.unit);
END;

CREATE TRIGGER item_delete_noted AFTER DELETE ON item
BEGIN
	INSERT INTO v_note (action, subject, numbers, name_before, unit_before)
	VALUES ('item-delete', OLD.sku,
		substr(iif(OLD.backorder_limit = 0, '', ',"backorder_limit":[' || OLD.backorder_limit || ',null]')
			|| coalesce(',"reorder_point":[' || OLD.reorder_point || ',null]', '')
			|| coalesce(',"attributes":[' || iif(length(CAST(OLD.attributes AS BLOB)) <= 400,
				OLD.attributes, '"' || length(CAST(OLD.attributes AS BLOB)) || ' bytes"') || ',null]', '')
			|| iif(OLD.archived, ',"archived":[true,null]', '')
			|| ',"version":[' || OLD.version || ',null]', 2),
		OLD.name, OLD.unit);
END;

CREATE TRIGGER location_insert_noted AFTER INSERT ON location
BEGIN
	INSERT INTO v_note (action, subject, numbers, name)
	VALUES ('location-make', NEW.code, '"version":' || NEW.version
		|| iif(NEW.archived, ',"archived":[null,true]', ''), NEW.name);
END;

CREATE TRIGGER location_update_noted AFTER UPDATE ON location
WHEN NEW.version <= OLD.version
BEGIN
	INSERT INTO v_note (action, subject, numbers, name_before, name)
	VALUES ('location-change', NEW.code, '"version":' || (NEW.version + 1)
		|| iif(NEW.code = OLD.code, '', ',"code":["' || OLD.code || '","' || NEW.code || '"]')
		|| iif(NEW.archived = OLD.archived, '', ',"archived":['
			|| iif(OLD.archived, 'true,false', 'false,true') || ']'),
		OLD.name, NEW.name);
END;

CREATE TRIGGER location_delete_noted AFTER DELETE ON location
BEGIN
	INSERT INTO v_note (action, subject, numbers, name_before)
	VALUES ('location-delete', OLD.code, iif(OLD.archived, '"archived":[true,null],', '')
		|| '"version":[' || OLD.version || ',null]', OLD.name);
END;

-- Leases: a row for each row of stock that one locks.

CREATE TRIGGER row_lock_insert_noted AFTER INSERT ON row_lock
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT 'lease-take', NEW.lease, '"fence":' || NEW.fence || ',"rows":["' || coalesce(
		(SELECT sku FROM item WHERE id = NEW.item_id), '') || '/' || coalesce(
		(SELECT code FROM location WHERE id = NEW.location_id), '') || '"]';
END;

CREATE TRIGGER row_lock_update_noted AFTER UPDATE ON row_lock
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	VALUES ('lease-change', NEW.lease, '"fence":' || NEW.fence || ',"expires_at":['
		|| OLD.expires_at || ',' || NEW.expires_at || ']');
END;

CREATE TRIGGER row_lock_delete_noted AFTER DELETE ON row_lock
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT iif(OLD.expires_at > ms, 'lease-release', 'lease-end'), OLD.lease, '"fence":' || OLD.fence
	FROM v_now;
END;

-- Tokens: who may do what. `rowlockd token` has its own rows.

CREATE TRIGGER token_insert_noted AFTER INSERT ON token
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	VALUES ('token-add', NEW.name, '"role":"' || NEW.role || '"');
END;

CREATE TRIGGER token_update_noted AFTER UPDATE ON token
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	VALUES (iif(OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL, 'token-revoke', 'token-change'),
		NEW.name, '"role":["' || OLD.role || '","' || NEW.role || '"],"expires_at":['
		|| coalesce(OLD.expires_at, 'null') || ',' || coalesce(NEW.expires_at, 'null') || ']');
END;

CREATE TRIGGER token_secret_insert_noted AFTER INSERT ON token_secret
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT 'token-rotate', name, '"public":"' || NEW.public || '"' FROM token WHERE id = NEW.token_id;
END;

CREATE TRIGGER token_secret_update_noted AFTER UPDATE ON token_secret
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT 'token-change', name, '"public":"' || NEW.public || '","secret_expires_at":['
		|| coalesce(OLD.expires_at, 'null') || ',' || coalesce(NEW.expires_at, 'null') || ']'
	FROM token WHERE id = NEW.token_id;
END;

CREATE TRIGGER token_location_insert_noted AFTER INSERT ON token_location
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT 'token-change', name, '"location":[null,"' || NEW.code || '"]'
	FROM token WHERE id = NEW.token_id;
END;

CREATE TRIGGER token_location_update_noted AFTER UPDATE ON token_location
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT 'token-change', name, '"location":["' || OLD.code || '","' || NEW.code || '"]'
	FROM token WHERE id = NEW.token_id;
END;

CREATE TRIGGER token_location_delete_noted AFTER DELETE ON token_location
BEGIN
	INSERT INTO v_note (action, subject, numbers)
	SELECT 'token-change', name, '"location":["' || OLD.code || '",null]'
	FROM token WHERE id = OLD.token_id;
END;

CREATE TRIGGER store_session_key_noted AFTER UPDATE OF session_key ON store
WHEN NEW.session_key IS NOT OLD.session_key
BEGIN
	INSERT INTO v_note (action, subject) VALUES ('sessions-end', NULL);
END;

-- Behind the last number there is none: nobody could write anything any more that has a row here, or
-- make a token, since rows of both stay.
CREATE TRIGGER audit_insert_id BEFORE INSERT ON audit
WHEN NEW.id > 9007199254740991
BEGIN
	SELECT RAISE(ABORT, 'id: leave it out, so that it is the next one');
END;

CREATE TRIGGER token_insert_id BEFORE INSERT ON token
WHEN NEW.id > 9007199254740991
BEGIN
	SELECT RAISE(ABORT, 'id: leave it out, so that it is the next one');
END;

-- What is typed in may say of nobody else that they did it; as in the ledger.
CREATE TRIGGER audit_insert_actor BEFORE INSERT ON audit
WHEN NEW.actor <> 'sqlite3' AND (SELECT noted_by_tool FROM store) = 0
BEGIN
	SELECT RAISE(ABORT, 'actor: what is typed in is by sqlite3');
END;
