"""sections - what is compared with what. Each section yields its comparisons."""
import contextlib
import pathlib
import sqlite3

import batches
import load
import servers
from contest import Comparison, Lane, compare_p99, compare_rate, compete
from followers import Followers
from waiters import Waiters

WAITERS = 64
FOLLOWERS = 1000
MILLION = 1_000_000
MILLION_OPTIONS = {"rows": MILLION, "sku": "BENCH-%07d"}
START_S_AIM = 1.0
MEMORY_MIB_AIM = 300


class Bench:
    """Servers on demand, kept until the end: an idle one costs nothing."""

    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = pathlib.Path(folder)
        self.running = {}
        self.lanes = []  # of all sections, to be asked for troubles
        self.exits = contextlib.ExitStack()

    def bare(self):
        if "bare" not in self.running:
            self.running["bare"] = self.exits.enter_context(
                servers.start_bare(self.arguments.bare, self.arguments.loops))
        return self.running["bare"]

    def start(self, store, release="early"):
        return servers.start_rowlockd(self.arguments.rowlockd, self.folder / store,
                                      self.arguments.loops, release)

    def rowlockd(self, release="early"):
        if release not in self.running:
            server = self.exits.enter_context(self.start(f"{release}.db", release))
            load.prepare_rows(server.url, {})
            self.running[release] = server
        return self.running[release]

    def compete(self, *lanes):
        self.lanes += lanes
        compete(lanes, self.arguments.rounds, self.arguments.seconds)
        return lanes


def updates(bench):
    bare, ours = bench.compete(
        Lane("bare suspend and resume", bench.bare(), "uniform.lua"),
        Lane("updates, 1,000 rows", bench.rowlockd(), "uniform.lua"))
    yield compare_rate(ours, bare, aim=0.6)


def hot(bench):
    early, commit = bench.rowlockd("early"), bench.rowlockd("commit")
    uniform, hot_early, uniform_commit, hot_commit = bench.compete(
        Lane("1,000 rows, early", early, "uniform.lua"),
        Lane("one row, early", early, "hot.lua"),
        Lane("1,000 rows, commit", commit, "uniform.lua"),
        Lane("one row, commit", commit, "hot.lua"))
    yield compare_rate(hot_early, uniform, aim=0.9)
    yield compare_rate(hot_commit, uniform_commit)
    yield compare_rate(hot_early, hot_commit)


def reads(bench):
    bare, ours = bench.compete(
        Lane("bare hello", bench.bare(), "reads.lua"),
        Lane("point reads, 1,000 rows", bench.rowlockd(), "reads.lua"))
    yield compare_rate(ours, bare, aim=0.75)


def connections(bench):
    for what, script in (("reads", "reads.lua"), ("updates", "uniform.lua")):
        base, *many = bench.compete(*(
            Lane(f"{what}, {count} connections", bench.rowlockd(), script, connections=count)
            for count in (64, 128, 256, 512)))
        for lane in many:
            yield compare_rate(lane, base, aim=0.6)


def lease(bench):
    server, row = bench.rowlockd(), {"row": 1}
    free, leased = bench.compete(
        Lane("reads of a free row", server, "reads.lua", row),
        Lane(f"reads of a leased row, {WAITERS} waiting", server, "reads.lua", row,
             beside=lambda: Waiters(server, "BENCH-0001", "WH1", WAITERS)))
    yield compare_p99(leased, free, aim=1.2)
    yield compare_rate(leased, free)


def feed(bench):
    server = bench.rowlockd()
    alone, followed = bench.compete(
        Lane("updates, nobody follows", server, "uniform.lua"),
        Lane(f"updates, {FOLLOWERS} idle event streams", server, "uniform.lua",
             beside=lambda: Followers(server, FOLLOWERS)))
    yield compare_rate(followed, alone, aim=0.95)


def batch(bench):
    yield from batches.measure(bench)


def fill(path):
    """A million items, each with stock at one location, by hand: the store's triggers write the
    ledger. Without flushes, which a scratch file does not need."""
    store = sqlite3.connect(path, isolation_level=None)
    store.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    store.execute("BEGIN")
    store.execute("INSERT INTO location (code, name) VALUES ('WH1', 'Main warehouse')")
    store.execute("""
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO item (sku, name)
        SELECT printf('BENCH-%07d', i), printf('Benchmark item %d', i) FROM n""", (MILLION,))
    store.execute("""
        INSERT INTO stock (item_id, location_id, on_hand)
        SELECT i.id, l.id, 1000000000 FROM item i, location l""")
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


def million(bench):
    bench.start("million.db").stop()  # an empty store of the current schema
    fill(bench.folder / "million.db")
    with bench.start("million.db") as server:
        yield Comparison("1,000,000 rows: start", server.started_s, "limit", START_S_AIM, "s",
                         server.started_s / START_S_AIM, aim=1.0, is_ceiling=True)
        for script, what, aim in (("uniform.lua", "updates", 0.7), ("reads.lua", "reads", None)):
            few, many = bench.compete(
                Lane(f"{what}, 1,000 rows", bench.rowlockd(), script),
                Lane(f"{what}, 1,000,000 rows", server, script, MILLION_OPTIONS))
            yield compare_rate(many, few, aim)
        memory = server.memory_mib()
        yield Comparison("1,000,000 rows: memory", memory, "limit", MEMORY_MIB_AIM, "MiB",
                         memory / MEMORY_MIB_AIM, aim=1.0, is_ceiling=True)


SECTIONS = {
    "updates": updates,
    "hot": hot,
    "reads": reads,
    "connections": connections,
    "lease": lease,
    "feed": feed,
    "batch": batch,
    "million": million,
}
