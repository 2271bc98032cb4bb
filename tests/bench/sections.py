"""sections - what is compared with what. Each section yields its comparisons.

A section is a function of a Bench; SECTIONS names them in the order in which they run. Sections of
a kind of their own are files of their own, and come into that table with a line.
"""
import contextlib
import pathlib

import batches
import crowds
import floods
import latency
import million
import neighbours
import servers
import works
from contest import Lane, compare_p99, compare_rate, compete, show_cpu
from followers import Followers
from waiters import Waiters
from writers import Writers

WAITERS = 64
FOLLOWERS = 1000
CROWD = 256
CPU_US_AIM = 13


class Bench:
    """Servers on demand, kept until the end: an idle one costs nothing.

    `loops` None: as many as rowlockd takes by itself. `environment` is that of every server: a disk
    that is slow, for example."""

    def __init__(self, arguments, folder, loops=None, environment=None):
        self.arguments = arguments
        self.folder = pathlib.Path(folder)
        self.loops = loops
        self.environment = environment or {}
        self.running = {}
        self.lanes = []  # of all sections, to be asked for troubles
        self.exits = contextlib.ExitStack()

    def keep(self, name, start):
        if name not in self.running:
            self.running[name] = self.exits.enter_context(start())
        return self.running[name]

    def bare(self):
        """As many loops as ours has."""
        return self.keep("bare", lambda: servers.start_bare(
            self.arguments.bare, self.rowlockd().loops, self.environment))

    def bare_flushed(self):
        """The same, with a flush for each burst and nothing else behind it."""
        return self.keep("bare_flushed", lambda: servers.start_bare(
            self.arguments.bare, self.rowlockd().loops, self.environment, self.folder / "bare"))

    def start(self, store, release="early"):
        return servers.start_rowlockd(self.arguments.rowlockd, self.folder / store,
                                      self.loops, release, self.environment)

    def rowlockd(self, release="early"):
        is_new = release not in self.running
        server = self.keep(release, lambda: self.start(f"{release}.db", release))
        if is_new:
            server.prepare_rows()
        return server

    def neighbour(self, name):
        """None, where it is not installed or not wanted."""
        if name not in self.arguments.neighbours or neighbours.ALL[name].missing():
            return None
        return self.keep(name, lambda: neighbours.start(name, self.folder, self.environment))

    def lane(self, what, side, *words, **more):
        """None, where the side is none."""
        return None if side is None else Lane(what, side, *words, **more)

    def compete(self, *lanes):
        """Those that are None do not run, and keep their place."""
        here = [lane for lane in lanes if lane is not None]
        self.lanes += here
        compete(here, self.arguments.rounds, self.arguments.seconds)
        return lanes


def against(lane, base, aim=None):
    """Nothing, where the other one is not here."""
    if base is not None:
        yield compare_rate(lane, base, aim)


def updates(bench):
    ours = bench.rowlockd()
    bare, flushed, single, keyed, redis, postgres, node = bench.compete(
        Lane("bare suspend and resume", bench.bare(), "uniform.lua"),
        Lane("bare suspend, flush, resume", bench.bare_flushed(), "uniform.lua"),
        Lane("updates, 1,000 rows", ours, "uniform.lua"),
        Lane("updates with an Idempotency-Key", ours, "uniform.lua", {"keys": "yes"}),
        bench.lane("Redis, Lua", bench.neighbour("redis"), "uniform.lua"),
        bench.lane("PostgreSQL, one statement", bench.neighbour("postgres"), "uniform.lua"),
        bench.lane("Node, fastify and SQLite", bench.neighbour("node"), "uniform.lua"))
    yield from against(single, redis, aim=1.25)
    yield from against(single, postgres, aim=3)
    yield from against(single, node)
    yield compare_rate(single, bare, aim=0.8)
    yield compare_rate(single, flushed)
    yield show_cpu(single, CPU_US_AIM)
    yield compare_rate(keyed, single, aim=0.85)


def hot(bench):
    ours = bench.rowlockd()
    uniform, one, postgres, redis, node = bench.compete(
        Lane("updates, 1,000 rows", ours, "uniform.lua"),
        Lane("updates, one row", ours, "hot.lua"),
        bench.lane("PostgreSQL, one row", bench.neighbour("postgres"), "hot.lua"),
        bench.lane("Redis, one row", bench.neighbour("redis"), "hot.lua"),
        bench.lane("Node, one row", bench.neighbour("node"), "hot.lua"))
    yield from against(one, postgres, aim=25)
    yield compare_rate(one, uniform, aim=0.95)
    yield from against(one, redis)
    yield from against(one, node)


def crowd(bench):
    """As many clients as a shop has on a bad day."""
    ours, flushed, redis = bench.compete(
        Lane(f"updates, {CROWD} connections", bench.rowlockd(), "uniform.lua", connections=CROWD),
        Lane(f"bare suspend, flush, resume, {CROWD}", bench.bare_flushed(), "uniform.lua",
             connections=CROWD),
        bench.lane(f"Redis, {CROWD} connections", bench.neighbour("redis"), "uniform.lua",
                   connections=CROWD))
    yield from against(ours, redis, aim=1.15)
    yield compare_rate(ours, flushed)
    yield show_cpu(ours)


def release(bench):
    early, commit = bench.compete(
        Lane("one row, released early", bench.rowlockd("early"), "hot.lua"),
        Lane("one row, released at the commit", bench.rowlockd("commit"), "hot.lua"))
    yield compare_rate(early, commit)


def reads(bench):
    bare, ours, node = bench.compete(
        Lane("bare GET", bench.bare(), "reads.lua"),
        Lane("point reads, 1,000 rows", bench.rowlockd(), "reads.lua"),
        bench.lane("Node, point reads", bench.neighbour("node"), "reads.lua"))
    yield compare_rate(ours, bare, aim=0.8)
    yield show_cpu(ours)
    yield from against(ours, node)


def readers(bench):
    """Nobody who reads waits for those who write, also not at the row that they write."""
    server, row = bench.rowlockd(), {"row": 1}
    elsewhere, here = bench.compete(
        Lane("reads, writers saturate another row", server, "reads.lua", row, connections=16,
             beside=lambda: Writers(server, row=2)),
        Lane("reads, writers saturate this row", server, "reads.lua", row, connections=16,
             beside=lambda: Writers(server, row=1)))
    yield compare_p99(here, elsewhere, aim=1.2)
    yield compare_rate(here, elsewhere)


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


SECTIONS = {
    "updates": updates,
    "hot": hot,
    "crowd": crowd,
    "release": release,
    "reads": reads,
    "readers": readers,
    "works": works.measure,
    "connections": crowds.measure,
    "latency": latency.measure,
    "floods": floods.measure,
    "lease": lease,
    "feed": feed,
    "batch": batches.measure,
    "million": million.measure,
}
