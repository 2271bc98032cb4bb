#!/usr/bin/env python3
"""export - the whole store in one answer, while others write, and what becomes of it elsewhere.

    tests/http/export.py ROWLOCKD
"""
import collections
import json
import pathlib
import random
import re
import socket
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon, SOCKET  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

ITEMS = 3000          # more than a page of them
WRITERS = 6
EXPORTS = 5
FILLER = "x" * 5000   # makes the database larger than any socket's buffers
WAL_BYTES_MAX = 64 << 20
LONG_S = 60
REPLY_MS = 2000


def export(port, path="/v1/export"):
    connection = Connection(port)
    connection.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), "GET")
    answer = connection.read_answer(LONG_S)
    connection.close()
    assert answer.status == 200, answer
    return answer


def without_times(answer):
    """Reservations that were exported a moment later have a little less to go."""
    return re.sub(rb'"ttl_s":\d+', b'"ttl_s":0', answer.body)


class World:
    def __init__(self, rowlockd, folder):
        self.rowlockd, self.folder = rowlockd, pathlib.Path(folder)
        self.server = self.start("store.db", "--listen",
                                 f"127.0.0.1:0,unix:$folder/{SOCKET}")

    def start(self, name, *flags):
        return Daemon(self.rowlockd, self.folder / name,
                      ["--loops", "2", "--reply-timeout-ms", str(REPLY_MS), *flags]).start()

    def client(self):
        return Client(self.server.port)

    def metric(self, name):
        text = self.client().get("/metrics").body.decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])

    def rows(self, statement, *values, name="store.db"):
        database = sqlite3.connect(f"file:{self.folder / name}?mode=ro", uri=True)
        try:
            return database.execute(statement, values).fetchall()
        finally:
            database.close()


def fill(world):
    seed = random.Random(2)
    lines = [{"op": "location", "location": f"WH{n}", "name": f"House {n}"} for n in range(3)]
    for n in range(ITEMS):
        lines.append({"op": "item", "sku": f"A-{n}", "name": f'Bolt "{n}", <b>', "unit": "box",
                      "backorder_limit": n % 3, "attributes": {"n": [n, 0.10], "text": FILLER}})
        lines.append({"op": "set", "sku": f"A-{n}", "location": f"WH{n % 3}",
                      "on_hand": seed.randrange(50, 100), "expected": None})
    for n in range(0, ITEMS, 7):
        lines.append({"op": "reserve", "reservation": f"cart-{n}" if n % 2 else None,
                      "owner": "ann", "ttl_s": 3600,
                      "lines": [{"sku": f"A-{n}", "location": f"WH{n % 3}", "quantity": 9}]})
        if lines[-1]["reservation"] is None:
            del lines[-1]["reservation"]
    # What the rules of an empty store would refuse: a loss, a debt, and what is archived.
    lines += [{"op": "set", "sku": "A-7", "location": "WH1", "on_hand": 3, "expected": None},
              {"op": "adjust", "sku": "A-2", "location": "WH1", "delta": -2},
              {"op": "item", "sku": "A-14", "name": "Old", "archived": True},
              {"op": "location", "location": "WH2", "name": "Closed", "archived": True}]
    total = world.client().post("/v1/batch", lines).json()[-1]
    assert total["failed"] == 0, total


def fills_an_empty_store(world):
    first = export(world.server.port)
    other = world.start("other.db")
    results = Connection(other.port)
    results.send(b"POST /v1/batch?results=failed HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(first.body) + first.body, "POST")
    lines = results.read_answer(LONG_S).json()
    assert lines[-1]["failed"] == 0, lines[:5]
    again = export(other.port)
    other.stop()
    assert without_times(again) == without_times(first), "the second export is another one"
    levels = "SELECT sku, location, on_hand, reserved FROM v_stock ORDER BY 1, 2"
    assert world.rows(levels, name="other.db") == world.rows(levels)
    assert world.rows("SELECT * FROM v_reserved_check", name="other.db") == []


def overwrites_nothing(world):
    """Imported where things are sold meanwhile, none of it comes back, nor does an old name."""
    client = world.client()
    before = export(world.server.port).body
    assert client.post("/v1/stock/A-1/WH1/adjust", {"delta": -3}).status == 201
    assert client.request("PATCH", "/v1/items/A-1", {"name": "Sold"}).status == 200
    state = without_times(export(world.server.port))
    lines = [json.loads(line) for line in before.splitlines()]
    made = [line for line in lines if line["op"] != "reserve"]
    total = client.post("/v1/batch", made).json()[-1]
    # A last line finds items as the first has made them: it changes nothing of those.
    assert total["failed"] > ITEMS * 2, total
    assert without_times(export(world.server.port)) == state
    client.post("/v1/stock/A-1/WH1/adjust", {"delta": 3})


def a_table(world):
    answer = export(world.server.port, "/v1/export?format=csv")
    lines = answer.body.decode().split("\r\n")
    assert lines[0].split(",")[:5] == ["sku", "name", "unit", "location", "on_hand"]
    assert len(lines) == ITEMS + 1 + 2, len(lines)  # the debt's row, the head, the end
    assert lines[0].endswith(",exported_on_hand")
    assert all(row.split(",")[-1] == row.split('",')[-1].split(",")[0] for row in lines[1:-1])
    assert lines[1].startswith('"A-0","Bolt ""0"", <b>","box","WH0",'), lines[1]


def under_load(world):
    """Exports and backups while six clients sell: each balances with the ledger at its seq."""
    over = threading.Event()
    trouble = []

    def sell(seed):
        client = world.client()
        while not over.is_set():
            n = seed.randrange(ITEMS)
            answer = client.post(f"/v1/stock/A-{n}/WH{n % 3}/adjust", {"delta": 1})
            if answer.status not in (201, 409):
                trouble.append(str(answer))

    sellers = [threading.Thread(target=sell, args=(random.Random(n),)) for n in range(WRITERS)]
    for seller in sellers:
        seller.start()
    exports, backups, wal = [], [], 0
    for n in range(EXPORTS):
        exports.append(export(world.server.port))
        wal = max(wal, world.metric("rowlock_wal_bytes"))
        backup = export(world.server.port, "/v1/backup")
        path = world.folder / f"backup-{n}.db"
        path.write_bytes(backup.body)
        backups.append((int(backup.header("Stock-Seq")), path.name))
    over.set()
    for seller in sellers:
        seller.join()
    assert not trouble, trouble[0]
    assert wal < WAL_BYTES_MAX, wal
    assert len({answer.header("Stock-Seq") for answer in exports}) == EXPORTS, "nobody wrote"
    for answer in exports:
        seq, levels = int(answer.header("Stock-Seq")), collections.Counter()
        for line in answer.json():
            if line["op"] in ("set", "adjust"):
                levels[line["sku"], line["location"]] += line.get("on_hand", line.get("delta"))
        ledger = collections.Counter()
        for sku, location, units in world.rows(
                "SELECT sku, location, sum(on_hand_delta) FROM v_movements WHERE seq <= ? "
                "GROUP BY 1, 2", seq):
            ledger[sku, location] = units
        assert levels == ledger, f"the export at {seq} does not balance"
    for seq, name in backups:
        assert world.rows("PRAGMA integrity_check", name=name) == [("ok",)]
        assert world.rows("SELECT max(seq) FROM movement", name=name) == [(seq,)]
        assert world.rows("SELECT * FROM v_ledger_check", name=name) == []


def a_backup_is_a_store(world):
    path = world.folder / "copy.db"
    answer = export(world.server.port, "/v1/backup")
    assert answer.header("Content-Type") == "application/vnd.sqlite3"
    seq = answer.header("Stock-Seq")
    assert answer.header("Content-Disposition") == f'attachment; filename="rowlock-{seq}.db"'
    path.write_bytes(answer.body)
    copy = sqlite3.connect(path)
    assert copy.execute("SELECT id FROM audit WHERE actor = 'sqlite3' "
                        "AND action = 'sessions-end'").fetchall() == [], "no hand has done that"
    copy.close()
    with Daemon(world.rowlockd, path) as copy:
        client = Client(copy.port)
        assert client.get("/v1/stock/A-7").json() == world.client().get("/v1/stock/A-7").json()
        answer = client.post("/v1/stock/A-7/WH1/adjust", {"delta": 1})
        assert answer.json()["movement"]["seq"] == int(seq) + 1


def a_slow_reader(world, place=None):
    """Takes longer than --reply-timeout-ms, and gets all of it; one that stops reading is cut."""
    def ask():
        connection = Connection(place or world.server.port)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
        connection.send(b"GET /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
        return connection

    slow, deaf = ask(), ask()
    cut = world.metric("rowlock_requests_cut_total")
    read_at = 0

    def deaf_is_cut():
        nonlocal read_at
        # As much as opens the window of TCP again: it does not for a few bytes.
        if time.monotonic() - read_at > REPLY_MS / 1000 / 10:
            slow.buffer += slow.socket.recv(131072)
            read_at = time.monotonic()
        return world.metric("rowlock_requests_cut_total") > cut

    wait_until(deaf_is_cut, "the one that does not read is cut")
    backup = slow.read_answer(LONG_S)
    assert len(backup.body) == int(backup.header("Content-Length"))
    assert world.metric("rowlock_requests_cut_total") == cut + 1
    deaf.close()
    slow.close()
    wait_until(lambda: world.metric("rowlock_spools") == 0, "the files are gone")


def a_slow_reader_by_a_unix_socket(world):
    """There the kernel tells nobody what was read; that it was taken is as good."""
    a_slow_reader(world, world.server.socket_path)


def who_leaves_is_forgotten(world):
    before = world.metric("rowlock_connections")
    for _ in range(10):
        connection = Connection(world.server.port)
        connection.send(b"GET /v1/export HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
        connection.reset()
    wait_until(lambda: world.metric("rowlock_spools") == 0
               and world.metric("rowlock_requests_suspended") == 0
               and world.metric("rowlock_connections") <= before, "all is forgotten")


def what_is_refused(world):
    client = world.client()
    for query in ("?format=xml", "?colour=blue", "?format=csv&format=csv"):
        assert client.get(f"/v1/export{query}").status == 400, query
    assert client.get("/v1/backup?x=1").status == 400
    assert client.request("POST", "/v1/export").status == 405


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-export-") as folder:
        world = World(rowlockd, folder)
        try:
            fill(world)
            for sentence, case in [
                    ("an export fills an empty store, and its export is the same",
                     fills_an_empty_store),
                    ("where it came from it overwrites nothing", overwrites_nothing),
                    ("as a table", a_table),
                    ("under load each balances with the ledger, and the WAL stays bounded",
                     under_load),
                    ("a backup is a store", a_backup_is_a_store),
                    ("a slow reader gets all of it, one that does not read is cut", a_slow_reader),
                    ("by a unix socket, too", a_slow_reader_by_a_unix_socket),
                    ("who leaves is forgotten", who_leaves_is_forgotten),
                    ("what is refused", what_is_refused)]:
                tap.run(sentence, case, world)
        finally:
            tap.run("it stops as it should", world.server.stop)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
