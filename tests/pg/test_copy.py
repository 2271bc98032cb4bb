#!/usr/bin/env python3
"""test_copy - rowlockd copy: a store from SQLite to PostgreSQL and back, with its whole history.

    test_copy.py ROWLOCKD
    test_copy.py ROWLOCKD MOVEMENTS    # how long a store of so many takes, each way
"""
import hashlib
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import cluster
from cluster import Cluster
from daemon import Daemon
from postgres import SqlError
from talk import Client, wait_until
from tap import Tap

OK, USAGE, DATA, UNREACHABLE, TAKEN, BUSY = 0, 64, 65, 69, 73, 75
END_S_MAX = 120
MANY = 200_000  # movements: some parts
SAME = "each column of each row is the same"

# Rows that nobody sees, and what is worked out anew: all else is copied as it stands.
OWN = {"store": "clock_ahead_ms, lease_edits, noted_by_tool"}


def run(rowlockd, *words, code=OK, says=()):
    ended = subprocess.run([rowlockd, *map(str, words)], capture_output=True, text=True,
                           timeout=END_S_MAX)
    said = ended.stdout + ended.stderr
    assert ended.returncode == code, f"exit {ended.returncode}, not {code}: {said}"
    for word in [says] if isinstance(says, str) else says:
        assert word in said, f"does not say {word}: {said}"
    return ended.stdout


def copy(rowlockd, source, target, *flags, **wanted):
    return run(rowlockd, "copy", source, target, *flags, **wanted)


def do(client, method, path, body=None, status=(200, 201, 204), **headers):
    answer = client.request(method, path, body, **headers)
    assert answer.status in status, answer
    return answer


def make_store(rowlockd, path):
    """One that has something in every table, each kind of text, and each state of what has any."""
    text = run(rowlockd, "token", "add", "office", "--role", "admin", "--store", path).strip()
    run(rowlockd, "token", "add", "till", "--role", "clerk", "--location", "WH1", "--location",
        "NOT-YET", "--expires", "90d", "--store", path)
    run(rowlockd, "token", "add", "gone", "--role", "reader", "--store", path)
    run(rowlockd, "token", "rotate", "till", "--store", path)
    run(rowlockd, "token", "revoke", "gone", "--store", path)
    headers = {"Authorization": f"Bearer {text}"}
    with Daemon(rowlockd, path) as server:
        client = Client(server.port)
        for location in ("WH1", "WH2"):
            do(client, "PUT", f"/v1/locations/{location}", {"name": "Lager für Öl, 倉庫"},
               **headers)
        for sku, more in (("A", {"attributes": {"colour": "röt", "n": [1, {"x": "\\\""}]}}),
                          ("B", {"reorder_point": 3, "backorder_limit": 5}),
                          ("C", {"archived": True})):
            do(client, "PUT", f"/v1/items/{sku}", {"name": f"{sku} é", **more}, **headers)
        for n, sku in enumerate(("A", "B") * 4):
            do(client, "POST", f"/v1/stock/{sku}/WH1/adjust",
               {"delta": 10 + n, "reference": f"o-{n}", "note": "ä" * n or None} if n else
               {"delta": 10}, Idempotency_Key=f"key-{n}", X_Request_Id=f"request-{n}", **headers)
        for n in range(4):
            do(client, "POST", "/v1/reservations", {
                "owner": "cart", "ttl_s": 3600, "reference": None if n else "order", "lines": [
                    {"sku": "A", "location": "WH1", "quantity": 1 + n},
                    {"sku": "B", "location": "WH1", "quantity": 1}]},
               Idempotency_Key=f"cart-{n}", **headers)
        do(client, "POST", "/v1/reservations/r_1/release", {}, **headers)
        do(client, "POST", "/v1/reservations/r_2/commit", {}, **headers)
        do(client, "POST", "/v1/leases", {"ttl_s": 600, "purpose": "count of the day", "rows": [
            {"sku": "B", "location": "WH2"}, {"sku": "A", "location": "WH2"}]}, **headers)
        do(client, "POST", "/v1/stock/A/WH1/adjust", {"delta": -10 ** 9},
           status=(409,), Idempotency_Key="refused", **headers)
        client.close()
    return text


def rows_of(path):
    """table -> its rows, as text."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        database.text_factory = bytes
        names = [name.decode() for name, in database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        found = {}
        for name in names:
            columns = [column.decode() for column, in database.execute(
                "SELECT name FROM pragma_table_info(?)", (name,))]
            columns = [column for column in columns if column not in OWN.get(name, "")]
            found[name] = database.execute(f"SELECT {', '.join(columns)} FROM {name} "
                                           "ORDER BY 1, 2").fetchall() if len(columns) > 1 else \
                sorted(database.execute(f"SELECT {columns[0]} FROM {name}").fetchall())
    database.close()
    return found


def expect_same(before, after, but=()):
    """But for the rows that the copies have added to the audit."""
    before, after = rows_of(before), rows_of(after)
    assert before.keys() == after.keys()
    for name, rows in before.items():
        if name in but:
            continue
        assert rows, f"the test has nothing in {name}"
        there = after[name][:len(rows)] if name == "audit" else after[name]
        assert rows == there, f"{name}: {set(rows) ^ set(there)}"
    added = after["audit"][len(before["audit"]):]
    assert all(b"copy" in row for row in added), added


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def there_and_back(rowlockd, database, folder):
    source, back, uri = folder / "a.db", folder / "b.db", database.store_uri("whole")
    token = make_store(rowlockd, source)
    before = digest(source)
    copy(rowlockd, source, uri, "--keep-epoch", says=(SAME, "The books of both balance."))
    assert digest(source) == before, "the source was written to"
    run(rowlockd, "verify", "--store", uri, says="The books balance")
    copy(rowlockd, uri, back, "--keep-epoch", says=(SAME, "The books of both balance."))
    expect_same(source, back)
    assert not list(folder.glob("*.copying*")), list(folder.iterdir())
    run(rowlockd, "verify", "--store", back, says="The books balance")
    with Daemon(rowlockd, back) as server:  # it is a store as any other: token, key, lease
        client, headers = Client(server.port), {"Authorization": f"Bearer {token}"}
        answer = do(client, "POST", "/v1/stock/A/WH1/adjust", {"delta": 10},
                    Idempotency_Key="key-0", **headers)
        assert answer.header("Idempotency-Replayed") or answer.json()["movement"]["seq"] < 10
        assert do(client, "GET", "/v1/leases", **headers).json()["data"]
        client.close()


def a_copy_has_its_own_epoch(rowlockd, database, folder):
    source, back, uri = folder / "a.db", folder / "b.db", database.store_uri("epoch")
    make_store(rowlockd, source)
    copy(rowlockd, source, uri, says="a new one: followers of the change feed begin anew")
    with database.session("epoch") as session:
        epoch = session.value("SELECT epoch FROM store")
        noted = session.run("SELECT actor, detail FROM audit WHERE action = 'copy'")
    copy(rowlockd, uri, back, "--keep-epoch")
    epochs = [rows_of(path)["store"][0][1].decode() for path in (source, back)]
    assert epoch not in epochs[:1] and epochs[1] == epoch, (epoch, epochs)
    assert len(noted) == 1 and epoch in noted[0][1] and noted[0][0].startswith("local/"), noted


def add_movements(path, count):
    """By the shortest way, as if a service had been at work for long."""
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA synchronous=OFF")
        rows = store.execute("SELECT id, on_hand, reserved, version, seq FROM stock").fetchall()
        seq, at = store.execute("SELECT seq, at FROM movement ORDER BY seq DESC LIMIT 1").fetchone()
        rows = [list(row) for row in rows]

        def movements():
            nonlocal seq
            for n in range(count):
                row = rows[n % len(rows)]
                seq += 1
                row[1], row[3] = row[1] + 1, row[3] + 1
                yield (seq, row[0], "adjust", 1, 0, row[1], row[2], row[3], f"order-{n:08}",
                       False, False, at + n // 100, row[4])
                row[4] = seq
        store.executemany(
            "INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand,"
            " reserved, version, reference, oversubscribed, low_stock, at, prev_seq)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", movements())
        store.executemany(
            "UPDATE stock SET on_hand = ?2, version = ?4, seq = ?5, updated_at ="
            " (SELECT at FROM movement WHERE seq = ?5) WHERE id = ?1", rows)
    store.close()


def begin_and_kill(rowlockd, database, source, schema):
    """A copy that is killed behind its first part of movements."""
    def has_part():
        try:
            with database.session(schema) as session:
                return session.value("SELECT EXISTS (SELECT FROM movement)")
        except SqlError:
            return False
    with subprocess.Popen([rowlockd, "copy", source, database.store_uri(schema)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        wait_until(has_part, "the first movements are there")
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.stderr.read()
    with database.session(schema) as session:
        wait_until(lambda: session.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rowlockd%'") == 0,
            "its session is over")
        count = session.value("SELECT count(*) FROM movement")
        assert 0 < count < MANY, count
    return count


def one_that_is_killed_goes_on(rowlockd, database, folder):
    source, uri = folder / "a.db", database.store_uri("killed")
    make_store(rowlockd, source)
    add_movements(source, MANY)
    count = begin_and_kill(rowlockd, database, source, "killed")
    for words in (["verify", "--store", uri], ["token", "list", "--store", uri],
                  ["--store", uri, "--listen", "127.0.0.1:0"]):
        run(rowlockd, *words, code=BUSY, says="rowlockd copy again goes on with it")
    said = copy(rowlockd, source, uri, says=(SAME, "went on"))
    there = int(said.split("went on")[1].split()[0])
    assert there >= count, said
    run(rowlockd, "verify", "--store", uri, says="The books balance")

    count = begin_and_kill(rowlockd, database, source, "changed")
    with sqlite3.connect(source) as store:
        store.execute("UPDATE v_stock SET on_hand = on_hand + 1, reason = 'found'"
                      " WHERE sku = 'A' AND location = 'WH1'")
    store.close()
    said = copy(rowlockd, source, database.store_uri("changed"), says=(SAME, "began again"))
    run(rowlockd, "verify", "--store", database.store_uri("changed"), says="The books balance")
    with database.session("changed") as session:
        assert session.value("SELECT count(*) FROM movement WHERE kind = 'edit'") == 1


def refusals_leave_everything_alone(rowlockd, database, folder):
    source, uri = folder / "a.db", database.store_uri("refused")
    make_store(rowlockd, source)
    for words, says in (((source, folder / "b.db"), "one of the two is to be over PostgreSQL"),
                        ((uri, database.store_uri("other")), "one of the two is to be a file"),
                        ((source,), "from where, and to where"),
                        ((source, uri, "more"), "it takes no more")):
        run(rowlockd, "copy", *words, code=USAGE, says=says)
    for words in (["copy", source], ["token", "list", "--store"], ["verify", "--store"]):
        ended = subprocess.run([rowlockd, *words, "postgresql://u:secret@/x?host=/nowhere"],
                               capture_output=True, text=True, timeout=END_S_MAX)
        assert ended.returncode == UNREACHABLE and "secret" not in ended.stderr, ended
        assert "a password on a command line" in ended.stderr, ended
    with Daemon(rowlockd, source):
        copy(rowlockd, source, uri, code=BUSY)
    copy(rowlockd, folder / "none.db", uri, code=DATA)
    copy(rowlockd, source, "postgresql:///x?host=/nowhere", code=UNREACHABLE)
    copy(rowlockd, uri, folder / "b.db", code=DATA, says="there is no store in this schema")
    copy(rowlockd, source, uri)
    copy(rowlockd, source, uri, code=TAKEN, says="has rows already")
    copy(rowlockd, uri, source, code=TAKEN, says="is there already")
    with Daemon(rowlockd, uri, flags=["--front-end", "shop-1"]):
        copy(rowlockd, uri, folder / "b.db", code=BUSY, says="the front end shop-1 serves it")
    with database.session("refused") as session:
        session.run("BEGIN; SELECT FROM store FOR UPDATE")
        copy(rowlockd, uri, folder / "b.db", code=BUSY, says="somebody writes to it")
        session.run("ROLLBACK")
    assert sorted(path.name for path in folder.iterdir()) == ["a.db", "a.db.lock"], \
        list(folder.iterdir())
    with sqlite3.connect(source) as store:  # the guards are around it
        store.execute("DROP TRIGGER stock_update_by_hand")
        store.execute("UPDATE stock SET on_hand = on_hand + 1 WHERE id = 1")
    store.close()
    copy(rowlockd, source, database.store_uri("unsound"), code=DATA,
         says=("row-on-hand-wrong", "nothing was copied"))


def what_no_database_takes_is_mended(rowlockd, database, folder):
    """A text that is no UTF-8, or has a NUL, from a store of before there were guards."""
    source, back, uri = folder / "a.db", folder / "b.db", database.store_uri("mended")
    make_store(rowlockd, source)
    with sqlite3.connect(source) as store:
        store.execute("DROP TRIGGER movement_insert_texts")
        store.execute("DROP TRIGGER audit_insert_actor")
        store.execute("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'audit'")
        store.execute("INSERT INTO audit (at, actor, action, subject) VALUES"
                      " (1, 'local', 'old', CAST(x'41ff0042' AS TEXT))")
    store.close()
    copy(rowlockd, source, uri, says=SAME)
    with database.session("mended") as session:
        assert session.value("SELECT subject FROM audit WHERE action = 'old'") == "A\ufffd\ufffdB"
        ids = [row[0] for row in session.run("SELECT id FROM audit ORDER BY id")]
        assert ids[-2:] == [5001, 5002], ids  # ids that were given do not come again
        session.run("SET rowlock.service = on")
        session.run("UPDATE store SET next_audit = 7000")
    copy(rowlockd, uri, back, says=SAME)
    assert rows_of(back)["audit"][-1][0] == 7000, rows_of(back)["audit"][-1]


CASES = (
    ("a store goes there and comes back as it was", there_and_back),
    ("a copy has an epoch of its own, unless it is to have the old one", a_copy_has_its_own_epoch),
    ("one that is killed is no store, goes on where it was, or begins again",
     one_that_is_killed_goes_on),
    ("what is refused leaves everything alone", refusals_leave_everything_alone),
    ("texts that are none go over as they are shown", what_no_database_takes_is_mended),
)


def measure(rowlockd, count):
    """On a database that flushes, with the settings that PostgreSQL comes with."""
    settings = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"}
    with Cluster(rowlockd, options=settings) as database, \
            tempfile.TemporaryDirectory(prefix="rowlock-copy-") as folder:
        source, back = pathlib.Path(folder) / "a.db", pathlib.Path(folder) / "b.db"
        uri = database.store_uri("many")
        make_store(rowlockd, source)
        add_movements(source, count)
        for words in ((source, uri), (uri, back)):
            begun = time.monotonic()
            said = copy(rowlockd, *words)
            print(f"{time.monotonic() - begun:.1f} s: {said.splitlines()[0]}", flush=True)
        with database.session("many") as session:
            size = session.value("SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
                                 " WHERE relkind = 'r' AND relnamespace = 'many'::regnamespace")
        print(f"{source.stat().st_size >> 20} MiB the file, {size >> 20} MiB the tables, "
              f"{back.stat().st_size >> 20} MiB the file that came back")
    return 0


def main():
    tap, rowlockd = Tap(), pathlib.Path(sys.argv[1]).resolve()
    if len(sys.argv) > 2:
        return measure(rowlockd, int(sys.argv[2]))
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("rowlockd copy", reason)
        return tap.end()
    cluster.end_in_order()
    with Cluster(rowlockd) as database:
        for sentence, case in CASES:
            with tempfile.TemporaryDirectory(prefix="rowlock-copy-") as folder:
                tap.run(sentence, case, rowlockd, database, pathlib.Path(folder))
        tap.report("nobody met in a ring", None if database.deadlocks() == 0 else "deadlocks")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
