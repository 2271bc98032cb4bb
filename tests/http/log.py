#!/usr/bin/env python3
"""log - SQLite's log stays short while others list, and is emptied when nobody writes.

    tests/http/log.py ROWLOCKD
"""
import contextlib
import pathlib
import random
import re
import sqlite3
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, wait_until  # noqa: E402

ITEMS, LOCATIONS = 150, 200  # rows on so many pages that each batch fills the log
LINES = 10000
LOG_BYTES_MAX = 64 << 20
FOREIGN_BYTES = 40 << 20     # far beyond what makes lists stand back
RESTARTS = 3
LONG_S = 120
LISTS = ["/v1/movements?order=desc&kind=edit&limit=1000", "/v1/stock?limit=1000"]


class World:
    def __init__(self, rowlockd, folder):
        self.path = pathlib.Path(folder, "store.db")
        self.server = Daemon(rowlockd, self.path, ["--loops", "2", "--readers", "2"]).start()
        self.trouble = []
        self.over = threading.Event()

    def client(self):
        return Client(self.server.port)

    def metric(self, name):
        text = self.client().get("/metrics").body.decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])

    def restarts(self):
        return self.metric("rowlock_log_restarts_total")

    def log_bytes(self):
        return pathlib.Path(f"{self.path}-wal").stat().st_size

    @contextlib.contextmanager
    def others(self, *doings):
        """Each of these again and again on a thread of its own, as long as the block runs."""
        def again(doing):
            client = self.client()
            try:
                while not self.over.is_set():
                    doing(client)
            except Exception as error:  # whatever it was, the case must fail
                self.trouble.append(f"{doing.__name__}: {error!r}")

        self.trouble.clear()
        self.over.clear()
        threads = [threading.Thread(target=again, args=(doing,)) for doing in doings]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        assert not self.trouble, self.trouble[0]


def fill(world):
    lines = [{"op": "item", "sku": f"A-{n}", "name": "Bolt"} for n in range(ITEMS)]
    lines += [{"op": "location", "location": f"L{n}", "name": "Shelf"} for n in range(LOCATIONS)]
    lines += [{"op": "adjust", "sku": f"A-{n}", "location": f"L{m}", "delta": 1}
              for n in range(ITEMS) for m in range(LOCATIONS)]
    total = world.client().post("/v1/batch?results=none", lines).json()[-1]
    assert total["failed"] == 0, total


def write(client):
    seed = random.Random(3)
    lines = [{"op": "adjust", "sku": f"A-{seed.randrange(ITEMS)}",
              "location": f"L{seed.randrange(LOCATIONS)}", "delta": 1} for _ in range(LINES)]
    total = client.post("/v1/batch?results=none", lines).json()[-1]
    assert total["failed"] == 0, total


def lists(counts, path):
    def list_it(client):
        answer = client.get(path)
        counts[answer.status] = counts.get(answer.status, 0) + 1
        if answer.status == 503:
            assert answer.json()["code"] == "store-busy" and answer.header("Retry-After"), answer
        else:
            assert answer.status == 200, answer
    return list_it


def read_one(client):
    answer = client.get("/v1/stock/A-1/L1")
    assert answer.status == 200, answer


def watch(world, sizes):
    def look(client):
        del client
        sizes.append(world.log_bytes())
        return world.restarts() >= RESTARTS
    return look


def it_stays_short(world):
    """Nobody pauses: what makes the room is that lists stand back for a moment."""
    counts, sizes = {}, []
    look = watch(world, sizes)
    with world.others(write, read_one, *(lists(counts, path) for path in LISTS * 2)):
        wait_until(lambda: look(None) or world.trouble, f"{RESTARTS} restarts", LONG_S)
    assert max(sizes) < LOG_BYTES_MAX, max(sizes)
    assert counts.get(200, 0) > 0, counts
    assert world.metric("rowlock_long_reads_held_total") > 0
    assert world.metric("rowlock_long_reads_refused_total") == counts.get(503, 0), counts


def another_program_that_stays(world):
    """Standing back would not help: lists are read as ever, and the log begins anew after it."""
    counts = {}
    with contextlib.closing(sqlite3.connect(world.path, isolation_level=None)) as program:
        program.execute("BEGIN")
        program.execute("SELECT count(*) FROM item").fetchall()
        with world.others(write, lists(counts, LISTS[0])):
            wait_until(lambda: world.metric("rowlock_wal_bytes") > FOREIGN_BYTES or world.trouble,
                       "a long log", LONG_S)
            answered = counts.get(200, 0)
            wait_until(lambda: counts.get(200, 0) > answered + 3 or world.trouble, "lists", LONG_S)
            program.execute("COMMIT")
            wait_until(lambda: world.metric("rowlock_wal_bytes") < FOREIGN_BYTES // 2 or
                       world.trouble, "a short log", LONG_S)


def it_is_emptied(world):
    wait_until(lambda: world.log_bytes() == 0, "an empty log", LONG_S)
    wait_until(lambda: world.metric("rowlock_wal_bytes") == 0, "that it says so")
    seq = world.client().post("/v1/stock/A-1/L1/adjust", {"delta": 1}).json()["movement"]["seq"]
    assert world.client().get("/v1/stock/A-1/L1").json()["seq"] == seq
    assert world.log_bytes() > 0
    wait_until(lambda: world.log_bytes() == 0, "an empty log again", LONG_S)


def nothing_is_lost(world):
    world.server.restart()
    with contextlib.closing(sqlite3.connect(f"file:{world.path}?mode=ro", uri=True)) as database:
        assert database.execute("SELECT * FROM v_ledger_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-log-") as folder:
        world = World(rowlockd, folder)
        try:
            fill(world)
            for sentence, case in [
                    ("lists one behind the other do not keep the log", it_stays_short),
                    ("another program that reads holds up nobody", another_program_that_stays),
                    ("it is emptied when nobody writes", it_is_emptied),
                    ("nothing is lost by it", nothing_is_lost)]:
                tap.run(sentence, case, world)
        finally:
            tap.run("it stops as it should", world.server.stop)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
