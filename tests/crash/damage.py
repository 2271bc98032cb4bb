#!/usr/bin/env python3
"""damage - a store file that somebody's disk has spoilt: never a signal, never 71 for ever.

    tests/crash/damage.py ROWLOCKD        each page, each byte of the header, some at random
    tests/crash/damage.py ROWLOCKD --rounds 500 --seed 7

At the start it is 65, with the path and what to run. What is met later makes the server
read-only: it stays up, says so in /readyz, and ends with 65 when it is stopped. verify, repair and
restore say what they found; a restore over a spoilt store works.
"""
import argparse
import pathlib
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys

from case import Daemon, run_cases
from daemon import ServerTrouble
from talk import Client, Closed, NoAnswer

PAGE = 2048
FINE, DATA = 0, 65
LIMIT_S = 60
OPTIONS = argparse.Namespace(rounds=24, seed=20261130)

ROW = {"sku": "A-1", "location": "WH1"}
READS = ["/v1/stock", "/v1/items", "/v1/movements", "/v1/reservations", "/v1/leases", "/v1/locks",
         "/v1/verify", "/v1/export", "/v1/changes?after=0", "/v1/stock/A-1", "/v1/stock/A-5/WH1",
         "/v1/items/A-3", "/v1/reservations/c1", "/v1/backup"]


def lines_of(i):
    return [{"sku": f"A-{i}", "location": "WH1", "quantity": 2},
            {"sku": f"A-{(i + 1) % 20}", "location": "WH2", "quantity": 1}]


def make_store(rowlockd, folder):
    """A bit of everything, closed cleanly. Returns its bytes."""
    with Daemon(rowlockd, folder / "base.db") as server:
        c = Client(server.port)
        for location in ("WH1", "WH2"):
            assert c.put(f"/v1/locations/{location}", {"name": location}).status == 201
        batch = [{"op": "item", "sku": f"A-{i}", "name": "x" * 60} for i in range(20)]
        batch += [{"op": "adjust", "sku": f"A-{i}", "location": location, "delta": 50}
                  for i in range(20) for location in ("WH1", "WH2")]
        assert c.post("/v1/batch?atomic=true", batch).status == 200
        for i in range(120):
            assert c.post(f"/v1/stock/A-{i % 20}/WH1/adjust", {"delta": 1},
                          Idempotency_Key=f"k{i}").status == 201
        for i in range(20):
            assert c.put(f"/v1/reservations/c{i}", {"ttl_s": 86400, "lines": lines_of(i)},
                         Idempotency_Key=f"r{i}").status == 201
        for i in range(5):
            assert c.put(f"/v1/leases/l{i}", {"rows": [{"sku": f"A-{i}", "location": "WH2"}],
                                              "ttl_s": 3600, "purpose": "x"}).status == 201
    return (folder / "base.db").read_bytes()


def writes():
    yield "PUT", "/v1/reservations/new", {"ttl_s": 60, "lines": [{**ROW, "quantity": 1}]}, {}
    for i in range(0, 20, 6):
        adjust = f"/v1/stock/A-{i}/WH1/adjust"
        yield "POST", adjust, {"delta": 1}, {}
        yield "POST", adjust, {"delta": 1}, {"Idempotency_Key": f"k{i}"}
        yield "POST", adjust, {"delta": -100000}, {"Idempotency_Key": f"n{i}"}
        yield "POST", f"/v1/stock/A-{i}/WH1/count", {"counted": 5, "as_of_seq": 50}, {}
        yield "POST", f"/v1/reservations/c{i}/commit", {}, {}
        yield "POST", f"/v1/reservations/c{i + 1}/release", {}, {}
        yield "POST", f"/v1/reservations/c{i + 3}/extend", {"ttl_s": 5}, {}
        yield "PATCH", f"/v1/items/A-{i}", {"attributes": {"x": i}}, {}
        yield "DELETE", f"/v1/items/A-{i + 1}", None, {}
        yield "POST", "/v1/transfers", {"sku": f"A-{i}", "from": "WH1", "to": "WH2",
                                        "quantity": 1}, {}
        yield "PUT", f"/v1/leases/n{i}", {"rows": [{"sku": f"A-{i}", "location": "WH1"}],
                                          "ttl_s": 60, "purpose": "x"}, {}
    yield "POST", "/v1/batch", [{"op": "adjust", **ROW, "delta": 1} for _ in range(20)], {}


def ask(port, method, path, body=None, headers=None):
    """The answer; None: an answer that was cut off in its middle."""
    try:
        return Client(port).request(method, path + ("&" if "?" in path else "?") + "wait=1"
                                    if method != "GET" else path, body, **(headers or {}))
    except (Closed, NoAnswer):
        return None


def is_closed(store):
    """A spoilt byte may say that there was a token, or be one: who has none is not let in."""
    database = sqlite3.connect(f"file:{store}?immutable=1", uri=True)
    try:
        return database.execute(
            "SELECT CAST(had_token AS INTEGER) <> 0 OR EXISTS (SELECT 1 FROM token NOT INDEXED) "
            "OR EXISTS (SELECT 1 FROM token_secret NOT INDEXED) FROM store").fetchone() == (1,)
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # of what the error quotes
        return False
    finally:
        database.close()


def work_on(server, closed=False):
    """Asks for everything. Every answer is one that the contract knows, and the server stays."""
    known = (200, 404, 410, 429, 503, *([401] if closed else []))
    for path in READS:
        answer = ask(server.port, "GET", path)
        assert answer is None or answer.status in known, f"{path}: {answer}"
    for method, path, body, headers in writes():
        answer = ask(server.port, method, path, body, headers)
        assert answer is not None, f"{method} {path} has no answer"
        assert answer.status < 500 or answer.status == 503, f"{method} {path}: {answer}"
        assert answer.status != 401 or closed, f"{method} {path}: {answer}"
        assert server.is_running(), f"{method} {path} ended it: {server.last_words()}"


def is_damaged(server, closed=False):
    ready = ask(server.port, "GET", "/readyz")
    # Why it is not ready, nobody is told who has no token.
    damaged = ready.status == 503 if closed else "store-damaged" in ready.json()["reasons"]
    assert damaged == (ready.status == 503), ready
    if damaged and not closed:
        adjust = ask(server.port, "POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1})
        assert (adjust.status, adjust.json()["code"], adjust.json()["outcome"]) == (
            503, "store-damaged", "not_applied"), adjust
        metrics = ask(server.port, "GET", "/metrics").body
        assert b"rowlock_store_is_damaged 1" in metrics
    return damaged


def serve(rowlockd, store):
    """Starts it, asks for everything, stops it. What became of it, in a word."""
    server, closed = Daemon(rowlockd, store), is_closed(store)
    try:
        server.start()
    except ServerTrouble as trouble:
        code = server.process.returncode
        assert code == DATA, f"the start ended with {code}: {trouble}"
        for word in (str(store), "rowlockd verify", "rowlockd restore"):
            assert word in str(trouble), f"does not say {word}: {trouble}"
        return "refused"
    try:
        work_on(server, closed)
        damaged = is_damaged(server, closed)
        server.stop(DATA if damaged else FINE)
        return "read-only" if damaged else "unnoticed"
    finally:
        if server.is_running():
            server.process.kill()
            server.process.wait()


def offline(rowlockd, *arguments):
    ended = subprocess.run([rowlockd, *map(str, arguments)], capture_output=True, text=True,
                           timeout=LIMIT_S)  # what is no UTF-8 raises
    said = ended.stdout + ended.stderr
    assert ended.returncode in (FINE, DATA), f"{arguments[0]} ended with {ended.returncode}: {said}"
    assert said.strip(), f"{arguments[0]} said nothing"
    return ended.returncode


def put(store, data):
    for suffix in ("", "-wal", "-shm", ".lock"):
        pathlib.Path(str(store) + suffix).unlink(missing_ok=True)
    store.write_bytes(data)


def suffer(rowlockd, folder, data, repairs=False, is_seen=True):
    """The whole life of a spoilt file. What became of the server. is_seen: verify sees more."""
    store = folder / "spoilt.db"
    put(store, data)
    verdict = offline(rowlockd, "verify", "--store", store)
    assert store.read_bytes() == data, "verify has changed the file"
    if repairs:
        offline(rowlockd, "repair", "--store", store, "--trust", "ledger", "--apply")
        for copy in folder.glob("spoilt.db.before-*"):
            copy.unlink()
        put(store, data)
    became = serve(rowlockd, store)
    assert not is_seen or verdict == DATA or became == "unnoticed", \
        f"verify found nothing, yet it is {became}"
    return became


def pages_by_name(path):
    database = sqlite3.connect(path)
    pages = database.execute("SELECT name, rootpage FROM sqlite_schema "
                             "WHERE rootpage > 0").fetchall()
    database.close()
    return pages


def each_table_and_index(rowlockd, folder):
    data = make_store(rowlockd, folder)
    met = set()
    for name, page in pages_by_name(folder / "base.db"):
        spoilt = data[:(page - 1) * PAGE] + b"\xa5" * PAGE + data[page * PAGE:]
        try:
            met.add(suffer(rowlockd, folder, spoilt))
        except AssertionError as error:
            raise AssertionError(f"{name}, page {page}: {error}") from error
    assert {"refused", "read-only"} <= met, met


def each_field_of_the_header(rowlockd, folder):
    data = make_store(rowlockd, folder)
    for at in (0, 16, 18, 19, 20, 21, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 92, 96):
        for value in (b"\xff\xff\xff\xfb", b"\x00\x00\x00\x02"):
            try:
                # SQLite's check does not look at each of them; whoever writes does.
                suffer(rowlockd, folder, data[:at] + value + data[at + 4:], is_seen=False)
            except AssertionError as error:
                if "another program" in str(error) or "not a database" in str(error):
                    continue  # then there is nothing to repair in it
                raise AssertionError(f"byte {at}, {value}: {error}") from error


def a_version_that_nobody_gave(rowlockd, folder):
    data = make_store(rowlockd, folder)
    for version in (-1, -5, -2147483648, 0):
        spoilt = data[:60] + struct.pack(">i", version) + data[64:]
        assert suffer(rowlockd, folder, spoilt) == "refused", version


def spoil(data, chance):
    b, pages = bytearray(data), len(data) // PAGE
    way = chance.randrange(6)
    page, other = chance.randrange(1, pages), chance.randrange(1, pages)
    if way == 0:
        for _ in range(chance.choice([1, 3, 20])):
            b[chance.randrange(100, len(b))] = chance.randrange(256)
    elif way == 1:
        b[page * PAGE:(page + 1) * PAGE] = bytes(PAGE)
    elif way == 2:
        b[page * PAGE:(page + 1) * PAGE] = data[other * PAGE:(other + 1) * PAGE]
    elif way == 3:
        b = b[:chance.randrange(PAGE, len(b))]
    elif way == 4:
        at = page * PAGE + chance.randrange(64)
        b[at:at + 4] = chance.randbytes(4)
    else:
        for _ in range(chance.choice([1, 2, 5])):
            at = chance.randrange(1, pages) * PAGE + chance.randrange(PAGE // 2, PAGE - 6)
            b[at:at + 2] = chance.randbytes(2)
    return bytes(b), way


def bytes_at_random(rowlockd, folder):
    data = make_store(rowlockd, folder)
    chance = random.Random(OPTIONS.seed)
    for number in range(OPTIONS.rounds):
        spoilt, way = spoil(data, chance)
        try:
            suffer(rowlockd, folder, spoilt, repairs=True)
        except AssertionError as error:
            kept = pathlib.Path(f"/tmp/rowlock-spoilt-{OPTIONS.seed}-{number}.db")
            kept.write_bytes(spoilt)
            raise AssertionError(f"--seed {OPTIONS.seed}, round {number}, way {way}, "
                                 f"kept as {kept}: {error}") from error


def a_byte_closes_it(rowlockd, folder):
    """That there was a token once is one byte of the file: no other than 0 is as none."""
    make_store(rowlockd, folder)
    for said in (1, 2, -1, 0):
        store = folder / "spoilt.db"
        put(store, (folder / "base.db").read_bytes())
        by_hand = sqlite3.connect(store)
        for name, in by_hand.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND "
                                     "tbl_name = 'store'").fetchall():
            by_hand.execute(f"DROP TRIGGER {name}")
        by_hand.execute("PRAGMA ignore_check_constraints = 1")
        by_hand.execute("UPDATE store SET had_token = ?", (said,))
        by_hand.commit()
        by_hand.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        by_hand.close()
        assert is_closed(store) == (said != 0), said
        with Daemon(rowlockd, store) as server:
            wanted = 401 if said else 200
            answer = ask(server.port, "GET", "/v1/stock")
            assert answer.status == wanted, f"{said}: {answer}"
        assert serve(rowlockd, store) == "unnoticed"


def a_read_meets_it_first(rowlockd, folder):
    data = make_store(rowlockd, folder)
    page = dict(pages_by_name(folder / "base.db"))["stock"]
    put(folder / "spoilt.db", data[:(page - 1) * PAGE] + b"\x77" * 512 +
        data[(page - 1) * PAGE + 512:])
    server = Daemon(rowlockd, folder / "spoilt.db").start()
    assert ask(server.port, "GET", "/readyz").status == 200
    read = ask(server.port, "GET", "/v1/stock/A-1/WH1")
    assert (read.status, read.json()["code"]) == (503, "store-damaged"), read
    assert is_damaged(server)
    assert ask(server.port, "GET", "/v1/items/A-1").status == 200, "other reads go on"
    server.stop(DATA)
    assert any("store_damaged" in line and f"age {page}" in line for line in server.lines), \
        f"does not name page {page}: {server.last_words()}"


def a_backup_takes_its_place(rowlockd, folder):
    data = make_store(rowlockd, folder)
    shutil.copy(folder / "base.db", folder / "backup.db")
    for spoilt in (data[:PAGE] + b"\xa5" * PAGE + data[2 * PAGE:], b"\xa5" * len(data),
                   data[:5000]):
        store = folder / "spoilt.db"
        put(store, spoilt)
        assert offline(rowlockd, "restore", folder / "backup.db", "--store", store) == FINE
        assert offline(rowlockd, "verify", "--store", store) == FINE
        assert serve(rowlockd, store) == "unnoticed"
        assert offline(rowlockd, "restore", store, "--store", folder / "other.db") == FINE
        put(folder / "bad.db", spoilt)
        assert offline(rowlockd, "restore", folder / "bad.db", "--store", store) == DATA
        for copy in folder.glob("*.before-*"):
            copy.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rounds", type=int, default=OPTIONS.rounds)
    parser.add_argument("--seed", type=int, default=OPTIONS.seed)
    OPTIONS, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    signal.alarm(1500)
    run_cases([
        ("a page of each table and index is spoilt", each_table_and_index),
        ("each field of the header is spoilt", each_field_of_the_header),
        ("the schema has a number that nobody gave it", a_version_that_nobody_gave),
        ("a byte says that there was a token: it is closed", a_byte_closes_it),
        ("a read meets the damage first", a_read_meets_it_first),
        ("a backup takes the place of a spoilt store", a_backup_takes_its_place),
        ("bytes and pages are spoilt at random", bytes_at_random),
    ])
