"""latency - how long an update takes at half the top rate, by a driver that does not wait for it.

An update that comes while a group is under way waits for that one, then for its own: so one flush
and one group is what it is measured against. A flush is a median (log_flush_us); a group is what
the server says that its groups took in the run: writing and flushing them (rowlock_commit_seconds).

The bare library runs at the same rate, too: no disk and no rules, the same threads on the same
cores. What its p99 is, is the scheduler's and the machine's, and no server's here is less.
"""
import os
import random
import statistics
import tempfile
import time

import neighbour_redis
import open_loop
from contest import Comparison, Lane

AIM = 4
PAGE_BYTES = 4096
FLUSHES = 50
WARM_UP_S = 0.5
REQUESTS = 20_000  # prepared ones, of rows in no order
CONNECTIONS = 64


def log_flush_us(folder, environment):
    """One flush of a log as SQLite's is most of the time: a page in order, in a file that is that
    long already. `environment`: whose disk may be slowed down."""
    spent = []
    with tempfile.TemporaryFile(dir=folder) as file:
        os.pwrite(file.fileno(), bytes(PAGE_BYTES * FLUSHES), 0)
        os.fsync(file.fileno())
        for number in range(FLUSHES):
            os.pwrite(file.fileno(), b"x" * PAGE_BYTES, PAGE_BYTES * number)
            begun = time.monotonic()
            os.fdatasync(file.fileno())
            spent.append(time.monotonic() - begun)
    slowed_us = float(environment.get("SLOW_FLUSH_MS", 0)) * 1000
    return max(statistics.median(spent) * 1e6, slowed_us)


class FixedRate:
    """One side under the driver, round by round; `tidy_up` is done after each."""

    def __init__(self, what, program, server, requests, answers, tidy_up=lambda: None):
        self.what, self.program, self.server = what, program, server
        self.requests, self.answers, self.tidy_up = requests, answers, tidy_up
        self.runs = []

    def run_once(self, rate, seconds):
        self.runs.append(open_loop.run(self.program, self.server.netloc, self.requests, rate,
                                       connections=CONNECTIONS, seconds=seconds,
                                       warm_up=WARM_UP_S, answers=self.answers))

    def median(self, figure):
        return statistics.median(getattr(run, figure) for run in self.runs)

    def remarks(self):
        return []

    def troubles(self):
        for run in self.runs:
            if run.trouble:
                yield f"{self.what}: {run.trouble}"

    def doubts(self):
        for run in self.runs:
            if run.is_drivers:
                yield (f"{self.what}: the driver itself sent {run.late_driver} of {run.requests}"
                       " more than 1 ms late: the machine is not quiet enough for this")


def rows_by_chance():
    seed = random.Random(1)
    return [seed.randrange(1, neighbour_redis.ROWS + 1) for _ in range(REQUESTS)]


def group_us(before, after):
    """What groups took in the mean, between two looks at the metrics."""
    count = (after["rowlock_commit_seconds_count"] - before["rowlock_commit_seconds_count"])
    spent = after["rowlock_commit_seconds_sum"] - before["rowlock_commit_seconds_sum"]
    return spent / max(count, 1) * 1e6


def sides_of(bench, redis):
    program = bench.arguments.open_loop
    yield FixedRate("updates at a fixed rate", program, bench.rowlockd(),
                    open_loop.updates(rows_by_chance()), "http")
    yield FixedRate("bare suspend and resume", program, bench.bare(),
                    open_loop.updates(rows_by_chance()), "http")
    if redis is not None:
        yield FixedRate("Redis", program, redis,
                        [open_loop.resp_request("EVALSHA", redis.script, "2",
                                                f"stock:{row - 1:012d}", "ledger", "1")
                         for row in rows_by_chance()], "resp",
                        tidy_up=lambda: redis.ask("DEL", "ledger"))


def drive(bench, sides, rate):
    """Rounds in turns. Returns what a group of ours took, by round."""
    groups_us = []
    for number in range(bench.arguments.rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            before = bench.rowlockd().metrics()
            side.run_once(rate, bench.arguments.seconds)
            if side is sides[0]:
                groups_us.append(group_us(before, bench.rowlockd().metrics()))
            side.tidy_up()
    return groups_us


def measure(bench):
    top, = bench.compete(Lane("updates, 1,000 rows", bench.rowlockd(), "uniform.lua",
                              connections=CONNECTIONS))
    rate = top.median("rate") / 2
    sides = list(sides_of(bench, bench.neighbour("redis")))
    group = statistics.median(drive(bench, sides, rate))
    flush = log_flush_us(bench.folder, bench.environment)
    bench.lanes += sides
    for doubt in (doubt for side in sides for doubt in side.doubts()):
        print(f"# {doubt}")
    ours, *others = sides
    what = f"update, {rate:,.0f}/s at fixed times"
    against = f"a flush {flush:,.0f} + a group {group:,.0f}"
    for name, figure, aim in (("p50", "p50_us", None), ("p99", "p99_us", AIM),
                              ("p99.9", "p999_us", None)):
        took = ours.median(figure)
        yield Comparison(f"{what}: {name}", took, against, flush + group, "us",
                         took / (flush + group), aim, is_ceiling=True)
        for other in others:
            yield Comparison(f"{what}: {name}", took, f"{other.what}, same rate: {name}",
                             other.median(figure), "us", took / other.median(figure))
