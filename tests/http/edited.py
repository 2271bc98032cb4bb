#!/usr/bin/env python3
"""edited - whatever somebody types into the store past its guards, the server goes on.

    tests/http/edited.py ROWLOCKD [SHARE SHARES]    # every SHARES-th edit from SHARE on

Each column of each table is set to values that nothing of ours writes, one at a time, while the
server runs and again before it starts; then every kind of request is sent. What needs the edited
record may be refused: nothing ends the server, and every answer is well-formed.
"""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon, ServerTrouble  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Closed, NoAnswer  # noqa: E402

ROW = {"sku": "A-1", "location": "WH1"}
FLAGS = ["--loops", "1", "--readers", "1", "--wait-default-ms", "20"]
CODE_DATA = 65  # a start may be refused for what is in the file
NUMBERS = (-9223372036854775808, -5, 0, 1, 2305843009213693952, 9223372036854775807)
TEXTS = ("''", "'r_1'", "'nonsense'", "'{'", "x'c3280041'", "NULL")

# (method, path, body, headers). $ is another number for each edit: a key, a name.
REQUESTS = [
    ("GET", "/v1/stock", None, {}), ("GET", "/v1/stock/A-1/WH1", None, {}),
    ("GET", "/v1/stock/A-1/WH1?read=locked", None, {}), ("GET", "/v1/stock/A-1", None, {}),
    ("GET", "/v1/movements", None, {}), ("GET", "/v1/movements?order=desc", None, {}),
    ("GET", "/v1/stock/A-1/WH1/movements", None, {}), ("GET", "/v1/movements/2", None, {}),
    ("GET", "/v1/items", None, {}), ("GET", "/v1/items/A-1", None, {}),
    ("GET", "/v1/locations", None, {}), ("GET", "/v1/reservations", None, {}),
    ("GET", "/v1/reservations/kept", None, {}), ("GET", "/v1/leases", None, {}),
    ("GET", "/v1/locks", None, {}), ("GET", "/v1/front-ends", None, {}),
    ("GET", "/readyz", None, {}), ("GET", "/metrics", None, {}),
    ("GET", "/v1/verify", None, {}),
    ("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1}, {"Idempotency-Key": "known"}),
    ("POST", "/v1/stock/A-1/WH1/adjust", {"delta": -1000}, {"Idempotency-Key": "short"}),
    ("POST", "/v1/reservations/gone/commit", {}, {"Idempotency-Key": "gone"}),
    ("POST", "/v1/batch", [{"op": "adjust", **ROW, "delta": -1000},
                           {"op": "commit", "reservation": "gone"},
                           {"op": "item", "sku": "B-1", "name": "By batch"}],
     {"Idempotency-Key": "batch"}),
    ("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1}, {"Idempotency-Key": "new-$"}),
    ("POST", "/v1/stock/A-1/WH2/adjust", {"delta": 1}, {}),
    ("POST", "/v1/stock/A-2/WH2/set", {"on_hand": 4, "expected": None}, {}),
    ("POST", "/v1/stock/A-1/WH1/count", {"counted": 9, "as_of_seq": 3}, {}),
    ("POST", "/v1/transfers", {"sku": "A-1", "from": "WH1", "to": "WH2", "quantity": 1}, {}),
    ("PUT", "/v1/items/N-$", {"name": "New"}, {}), ("PATCH", "/v1/items/A-1", {"name": "A$"}, {}),
    ("PUT", "/v1/locations/N-$", {"name": "New"}, {}),
    ("DELETE", "/v1/items/N-$", None, {}), ("DELETE", "/v1/items/A-1", None, {}),
    ("POST", "/v1/reservations", {"ttl_s": 600, "lines": [{**ROW, "quantity": 1}]}, {}),
    ("POST", "/v1/reservations/kept/extend", {"ttl_s": 600}, {}),
    ("POST", "/v1/reservations/kept/commit", {"lines": [{**ROW, "quantity": 99}]}, {}),
    ("PUT", "/v1/leases/n-$", {"rows": [{"sku": "A-2", "location": "WH1"}], "ttl_s": 60}, {}),
    ("DELETE", "/v1/leases/n-$", None, {}), ("DELETE", "/v1/leases/held", None, {}),
    ("POST", "/v1/reservations/kept/release", {}, {}),
    ("GET", "/v1/export", None, {}),
]


def make(client):
    def do(method, path, body, **headers):
        answer = client.request(method, path, body, **headers)
        assert answer.status < 500, answer
    for place in ("WH1", "WH2"):
        do("PUT", f"/v1/locations/{place}", {"name": place})
    for number in (1, 2):
        do("PUT", f"/v1/items/A-{number}", {"name": "x", "attributes": {"a": 1}})
        do("POST", f"/v1/stock/A-{number}/WH1/adjust", {"delta": 50, "reference": "o"})
    do("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1}, Idempotency_Key="known")
    for name in ("kept", "gone"):
        do("PUT", f"/v1/reservations/{name}", {"ttl_s": 600, "lines": [{**ROW, "quantity": 2}]})
    do("POST", "/v1/reservations/gone/release", {})
    do("PUT", "/v1/leases/held", {"rows": [{"sku": "A-2", "location": "WH2"}], "ttl_s": 600})
    for method, path, body, headers in REQUESTS:
        if headers and "$" not in headers["Idempotency-Key"]:
            do(method, path, body, Idempotency_Key=headers["Idempotency-Key"])


def edits(store):
    """(what, SQL) of every column."""
    with contextlib.closing(sqlite3.connect(store)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"
                                               " AND name NOT LIKE 'sqlite_%'")]
        for table in tables:
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                for value in NUMBERS if kind == "INTEGER" else TEXTS:
                    yield f"UPDATE OR IGNORE {table} SET {column} = {value}"
            yield f"DELETE FROM {table}"
            yield f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})"
    for table, number in (("movement", "seq"), ("stock", "id"), ("item", "id"), ("location", "id"),
                          ("reservation", "id"), ("row_lock", "id"), ("idempotency", "id")):
        yield f"UPDATE {table} SET {number} = {number} - 1000"
        yield f"UPDATE {table} SET {number} = {number} + 4000000000000000000"


def edit(store, sql):
    """False: it cannot even be typed."""
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("PRAGMA busy_timeout = 5000")
        for pragma in ("ignore_check_constraints = ON", "foreign_keys = OFF"):
            db.execute(f"PRAGMA {pragma}")
        guards = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (guard,) in guards:
            db.execute(f"DROP TRIGGER {guard}")
        try:
            return db.execute(sql).rowcount > 0
        except sqlite3.Error:
            return False


def ask_everything(server, number):
    client = Client(server.port)
    for method, path, body, headers in REQUESTS:
        method, path, body, headers = json.loads(
            json.dumps([method, path, body, headers]).replace("$", str(number)))
        try:
            answer = client.request(method, path, body, **{k.replace("-", "_"): v
                                                           for k, v in headers.items()})
        except (Closed, NoAnswer, OSError) as trouble:
            raise AssertionError(f"{method} {path}: {trouble!r}\n{server.last_words()}") from None
        kind = answer.header("Content-Type") or ""
        if kind.endswith("json") and answer.body:
            answer.json()
        assert answer.status != 500, answer
    assert server.is_running(), server.last_words()


def attempt(rowlockd, whole, folder, number, sql):
    """Under the running server, and again at its start."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    server = Daemon(rowlockd, folder / "store.db", FLAGS).start()
    try:
        ask_everything(server, number)
        if not edit(server.store, sql):
            return
        ask_everything(server, number + 1)
        for step in (server.stop, server.start):
            try:
                step()
            except ServerTrouble:
                if server.process.returncode != CODE_DATA:  # it says that the file is damaged
                    raise
        if not server.is_running():
            return
        ask_everything(server, number + 2)
    finally:
        if server.is_running():
            server.kill()


def main(rowlockd, share=0, shares=1):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-edited-") as folder:
        folder = pathlib.Path(folder)
        whole = folder / "whole"
        whole.mkdir()
        with Daemon(rowlockd, whole / "store.db") as server:
            make(Client(server.port))
        for number, sql in enumerate(edits(whole / "store.db")):
            if number % shares != share:
                continue
            tap.run(sql, attempt, rowlockd, whole, folder / "edited", 10 * number, sql)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
