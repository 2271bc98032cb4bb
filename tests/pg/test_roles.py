#!/usr/bin/env python3
"""test_roles - schema/postgres/roles.sql: who may do what, tried as each of them.

    test_roles.py BUILT_PROGRAM

The script is run as whoever owns the database, who is no superuser; a store is then made by
rowlock_owner, served by rowlock, and edited by rowlock_people and by somebody with a login of his
own.
"""
import pathlib
import subprocess
import sys

import cluster
from cluster import Cluster
from daemon import Daemon, ServerTrouble
from postgres import SqlError
from talk import Client
from tap import Tap

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "schema/postgres/roles.sql"
CODE_NOT_ALLOWED = 77
FINE, DENIED = "", "permission denied for "
MUST_OWN = "must be owner of "
ADD = "SELECT stock_add('A-1', 'WH1', 1)"
GUARDED = "the ledger is append-only"

# What is typed, and what rowlock_owner, rowlock and rowlock_people are told. Each is undone.
RIGHTS = [
    ("SELECT * FROM v_stock", FINE, FINE, FINE),
    ("SELECT * FROM v_movements LIMIT 1", FINE, FINE, FINE),
    ("SELECT * FROM v_ledger_check", FINE, FINE, FINE),
    ("SELECT * FROM v_blockers", FINE, FINE, FINE),
    ("SELECT * FROM v_tokens", FINE, FINE, FINE),
    ("SELECT * FROM v_audit", FINE, FINE, FINE),
    ("SELECT * FROM movement LIMIT 1", FINE, FINE, FINE),
    ("SELECT * FROM item", FINE, FINE, FINE),
    ("SELECT epoch, row_release FROM store", FINE, FINE, FINE),
    ("SELECT session_key FROM store", FINE, FINE, DENIED),
    ("SELECT hash FROM token_secret", FINE, FINE, DENIED),
    (ADD, FINE, DENIED, FINE),
    ("SELECT stock_set('A-1', 'WH1', 5, 'recount', 'by hand')", FINE, DENIED, FINE),
    ("UPDATE v_stock SET on_hand = 7 WHERE sku = 'A-1'", FINE, FINE, FINE),
    ("INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-2', 'WH1', 1)", FINE, FINE, FINE),
    ("DELETE FROM movement", GUARDED, GUARDED, DENIED),
    ("INSERT INTO item (sku, name) VALUES ('B-1', 'b')", FINE, FINE, DENIED),
    ("DELETE FROM row_lock", FINE, FINE, DENIED),
    ("UPDATE token SET revoked_at = 1", FINE, FINE, DENIED),
    ("INSERT INTO stock (id, item_id, location_id) VALUES (9, 1, 1)", "stock is typed in by name",
     "stock is typed in by name", DENIED),
    ("SELECT hand_edit_add(1, 1, 2, NULL, NULL)", FINE, FINE, DENIED),
    ("ALTER TABLE movement DISABLE TRIGGER USER", FINE, MUST_OWN, MUST_OWN),
    ("ALTER TABLE item ADD COLUMN x int", FINE, MUST_OWN, MUST_OWN),
    ("CREATE TABLE x (n int)", FINE, DENIED, DENIED),
    ("TRUNCATE movement", GUARDED, DENIED, DENIED),
    ("DROP VIEW v_audit", FINE, MUST_OWN, MUST_OWN),
]


def script(database, user=cluster.OWNER, **variables):
    """What it says on stderr."""
    words = [f"-v{name}={value}" for name, value in variables.items()]
    done = subprocess.run([cluster.programs() / "psql", "-X", *words, "-f", SCRIPT,
                           database.uri(user)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "", (done.stdout, done.stderr)
    return done.stderr


def daemon(program, database, user, schema="rowlock"):
    return Daemon(program, database.uri(user, schema=schema))


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found:  {found}\nwanted: {wanted}")


def check_before_the_store(program, database):
    assert "start rowlockd once as rowlock_owner" in script(database)
    server = daemon(program, database, "rowlock")
    try:
        server.start()
        raise AssertionError("the service has made a store")
    except ServerTrouble:
        expect(server.process.returncode, CODE_NOT_ALLOWED)


def check_start(program, database):
    with daemon(program, database, "rowlock_owner") as server:
        client = Client(server.port)
        for path, body in (("/v1/items/A-1", {"name": "x"}), ("/v1/items/A-2", {"name": "y"}),
                           ("/v1/locations/WH1", {"name": "z"})):
            assert client.request("PUT", path, body).status == 201
        assert client.request("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 10}).status == 201
    for _ in range(2):
        expect(script(database, person="anna"), "")


def check_service(program, database):
    """Everything it needs to start and to serve, also beside a hand."""
    with daemon(program, database, "rowlock") as server:
        client = Client(server.port)
        for method, path, body, status in (
                ("POST", "/v1/stock/A-1/WH1/adjust", {"delta": -1}, 201),
                ("PATCH", "/v1/items/A-1", {"name": "X"}, 200),
                ("PUT", "/v1/locations/WH2", {"name": "y"}, 201),
                ("POST", "/v1/stock/A-1/WH2/adjust", {"delta": 5}, 201),
                ("PUT", "/v1/leases/l", {"rows": [{"sku": "A-2", "location": "WH1"}], "ttl_s": 60},
                 201),
                ("PUT", "/v1/reservations/r", {"ttl_s": 60, "lines": [
                    {"sku": "A-1", "location": "WH1", "quantity": 1}]}, 201),
                ("POST", "/v1/reservations/r/release", {}, 200),
                ("DELETE", "/v1/leases/l", None, 204)):
            expect((path, client.request(method, path, body).status), (path, status))
        with database.session(user="anna") as hand:
            expect(hand.run(ADD), [(10,)])
            expect(hand.run("SELECT actor FROM v_movements LIMIT 1"), [("psql",)])
            expect(hand.run("SELECT * FROM v_ledger_check"), [])
        answer = client.request("GET", "/v1/stock/A-1/WH1").json()
        expect(answer["on_hand"], 10)


def told(database, user, statement):
    with database.session("rowlock", user=user) as session:
        session.run("BEGIN")
        try:
            session.run(statement)
        except SqlError as error:
            return str(error)
        return FINE


def check_right(database, statement, *wanted):
    for user, words in zip(("rowlock_owner", "rowlock", "rowlock_people"), wanted):
        said = told(database, user, statement)
        assert said.startswith(words) and bool(said) == bool(words), f"{user}: {said or 'fine'}"
    said = told(database, "anna", statement)
    assert said.startswith(wanted[-1]) and bool(said) == bool(wanted[-1]), f"anna: {said}"


def check_sessions(database):
    """What people's logins begin with, a person's own as well."""
    for user in ("rowlock_people", "anna"):
        with database.session(user=user) as session:
            expect(session.run("SELECT current_setting('search_path'),"
                               " current_setting('idle_in_transaction_session_timeout')"),
                   [("rowlock, pg_temp", "5s")])


def check_blockers(database):
    """The service is told who holds what it waits for, and since when."""
    with database.session("rowlock", user="anna") as hand, \
            database.session("rowlock", user="rowlock") as service, \
            database.session("rowlock", user="rowlock") as looker:
        hand.run("BEGIN")
        hand.run(ADD)
        service.run("SET lock_timeout = '10ms'")
        try:
            service.run("SELECT FROM store FOR UPDATE")
            raise AssertionError("nobody held it")
        except SqlError as error:
            expect(error.state, "55P03")
        expect(looker.value("SELECT pg_has_role('pg_read_all_stats', 'MEMBER')"), True)


def check_handed_over(program, database):
    """A store that somebody else has made, in a schema and with roles of other names."""
    with daemon(program, database, cluster.OWNER, "shop_2"):
        pass
    names = {"schema": "shop_2", "owner": "Shop Owner", "service": "shop\"s", "people": "shoppers"}
    expect(script(database, **names), "")
    with database.session(user="postgres") as session:
        expect(session.run("SELECT DISTINCT rolname FROM pg_class c JOIN pg_roles r"
                           " ON r.oid = c.relowner WHERE relnamespace = 'shop_2'::regnamespace"
                           " UNION SELECT rolname FROM pg_proc p JOIN pg_roles r"
                           " ON r.oid = p.proowner"
                           " WHERE pronamespace = 'shop_2'::regnamespace"),
               [("Shop Owner",)])
    with database.session(user="shoppers") as session:
        expect(session.run("SELECT count(*) FROM v_stock"), [(0,)])
        expect(refusal(session, "SELECT * FROM rowlock.v_stock"), DENIED + "schema rowlock")


def refusal(session, statement):
    try:
        session.run(statement)
    except SqlError as error:
        return str(error)
    return ""


def main():
    tap, program = Tap(), sys.argv[1]
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("roles", reason)
        return tap.end()
    cluster.end_in_order()
    with Cluster(program) as database:
        tap.run("before there is a store the service makes none", check_before_the_store, program,
                database)
        tap.run("its owner makes it, and roles are given twice", check_start, program, database)
        tap.run("the service has all it needs", check_service, program, database)
        for statement, *wanted in RIGHTS:
            tap.run(statement, check_right, database, statement, *wanted)
        tap.run("people's sessions are bounded, and find the store", check_sessions, database)
        tap.run("the service may see who holds what it waits for", check_blockers, database)
        tap.run("a store is handed over to other roles", check_handed_over, program, database)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
