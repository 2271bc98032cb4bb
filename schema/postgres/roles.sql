-- Who may do what in a store over PostgreSQL: three roles. For psql, by a superuser, or by who owns the
-- database and may make roles; as often as you like, and again after each upgrade:
--
--   psql -f roles.sql 'postgresql:///rowlock'
--   psql -v schema=shop -v person=anna -f roles.sql 'postgresql:///rowlock'
--
--   rowlock_owner   owns the schema and all that is in it: for the first start, and for upgrades
--   rowlock         the service: reads and writes rows, and can change nothing about tables
--   rowlock_people  psql: reads, edits stock by v_stock, stock_add() and stock_set(). No secrets.
--
-- Variables, each with what it is unless you say: schema (rowlock), owner, service and people (the names
-- above), person (none: a login of its own with what rowlock_people may). Passwords: \password rowlock
-- Nothing here is taken away that somebody else has granted.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?schema}
\else
	\set schema rowlock
\endif
\if :{?owner}
\else
	\set owner rowlock_owner
\endif
\if :{?service}
\else
	\set service rowlock
\endif
\if :{?people}
\else
	\set people rowlock_people
\endif
\if :{?person}
\else
	\set person ''
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
SELECT set_config('roles.schema', :'schema', true), set_config('roles.owner', :'owner', true),
	set_config('roles.service', :'service', true), set_config('roles.people', :'people', true),
	set_config('roles.person', :'person', true) \g /dev/null

-- Names from outside are only ever written by format('%I').
DO $$
DECLARE
	-- Not `schema`, which a table of the catalogue has as a column.
	of_schema text := current_setting('roles.schema');
	owner text := current_setting('roles.owner');
	service text := current_setting('roles.service');
	people text := current_setting('roles.people');
	person text := current_setting('roles.person');
	a_role text;
	thing record;
	columns text;
BEGIN
	FOREACH a_role IN ARRAY ARRAY[owner, service, people, nullif(person, '')] LOOP
		IF a_role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = a_role) THEN
			EXECUTE format('CREATE ROLE %I LOGIN', a_role);
		END IF;
	END LOOP;
	-- Whoever is no superuser gives to a role only what he has a share in.
	IF NOT pg_has_role(owner, 'MEMBER') THEN
		EXECUTE format('GRANT %I TO CURRENT_USER', owner);
	END IF;

	-- The owner: an upgrade makes what is new, and changes what is there.
	EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I, %I, %I', current_database(), owner,
		service, people);
	IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = of_schema) THEN
		EXECUTE format('CREATE SCHEMA %I', of_schema);
	END IF;
	EXECUTE format('ALTER SCHEMA %I OWNER TO %I', of_schema, owner);
	FOR thing IN
		SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
			format('%I.%I', of_schema, relname) AS name
		FROM pg_class WHERE relnamespace = quote_ident(of_schema)::regnamespace
			AND relkind IN ('r', 'p', 'v', 'S') AND relowner <> quote_ident(owner)::regrole
			-- One that belongs to a column goes with its table.
			AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid
				AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')))
		UNION ALL
		SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
		WHERE pronamespace = quote_ident(of_schema)::regnamespace
			AND proowner <> quote_ident(owner)::regrole
	LOOP
		EXECUTE format('ALTER %s %s OWNER TO %I', thing.kind, thing.name, owner);
	END LOOP;

	-- The service: rows, also of tables that an upgrade will make.
	EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I, %I', of_schema, service, people);
	EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', of_schema,
		service);
	EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I'
		' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', owner, of_schema, service);
	-- v_blockers says since when somebody holds what others wait for.
	BEGIN
		EXECUTE format('GRANT pg_read_all_stats TO %I, %I', owner, service);
	EXCEPTION WHEN insufficient_privilege THEN
		RAISE WARNING 'a superuser may type: GRANT pg_read_all_stats TO %, %', owner, service;
	END;

	-- People. A transaction that was left open with a hand edit stops all writes of everybody. What a
	-- login sets by itself its members do not have from it, so each person's is set, too.
	FOREACH a_role IN ARRAY ARRAY[people, nullif(person, '')] LOOP
		CONTINUE WHEN a_role IS NULL;
		EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''5s''', a_role);
		EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I, pg_temp', a_role,
			current_database(), of_schema);
	END LOOP;
	IF person <> '' AND person <> people THEN
		EXECUTE format('GRANT %I TO %I', people, person);
	END IF;
	IF to_regclass(format('%I.v_blockers', of_schema)) IS NULL THEN
		RAISE WARNING 'the store is not made yet: start rowlockd once as %, then run this again for %',
			owner, people;
		RETURN;
	END IF;
	-- Not what opens something: the hashes of tokens, the key that signs sessions.
	FOR thing IN
		SELECT oid, relname, format('%I.%I', of_schema, relname) AS name FROM pg_class
		WHERE relnamespace = quote_ident(of_schema)::regnamespace AND relkind IN ('r', 'p', 'v')
			AND relname NOT IN ('token_secret', 'hand_edit')
	LOOP
		columns := NULL;
		IF thing.relname = 'store' THEN
			SELECT '(' || string_agg(quote_ident(attname), ', ') || ')' INTO columns FROM pg_attribute
			WHERE attrelid = thing.oid AND attnum > 0 AND NOT attisdropped AND attname <> 'session_key';
		END IF;
		EXECUTE format('GRANT SELECT %s ON %s TO %I', columns, thing.name, people);
	END LOOP;
	EXECUTE format('GRANT INSERT, UPDATE ON %I.v_stock TO %I', of_schema, people);
	EXECUTE format('GRANT EXECUTE ON FUNCTION %1$I.stock_add(text, text, bigint, text, text),'
		' %1$I.stock_set(text, text, bigint, text, text) TO %2$I', of_schema, people);
END $$;
COMMIT;
