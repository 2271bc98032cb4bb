"""contest - lanes that run in turns in the same minute, and the ratios between them.

Two cores are shared by server, wrk and whatever else the machine does, so a figure by itself means
little. Lanes take turns, the order is reversed every other round, each round gives one ratio, and
the median of those is what is reported.
"""
import contextlib
import dataclasses
import os
import statistics
from collections.abc import Callable


@dataclasses.dataclass
class Lane:
    """One kind of work on one side. The neighbours know the works by the names of our scripts."""
    what: str
    server: object  # a side: servers.py
    script: str
    options: dict = dataclasses.field(default_factory=dict)
    connections: int = 64
    threads: int = 1  # of the load generator
    beside: Callable = contextlib.nullcontext  # a context manager: what goes on meanwhile
    runs: list = dataclasses.field(default_factory=list)

    @property
    def is_neighbours(self):
        return getattr(self.server, "is_neighbour", False)

    def median(self, figure):
        figures = [getattr(run, figure) for run in self.runs]
        return None if None in figures else statistics.median(figures)

    def cpu_us(self):
        """thread name -> microseconds per request; threads that hardly ran are left out."""
        names = dict.fromkeys(name for run in self.runs for name in run.cpu_us)
        medians = {name: statistics.median(run.cpu_us.get(name, 0) for run in self.runs)
                   for name in names}
        return {name: us for name, us in medians.items() if us >= 0.05}

    def run_once(self, seconds):
        with self.beside():
            before = self.server.cpu_ns()
            run = self.server.drive(self, seconds)
            run.spend(before, self.server.cpu_ns(), run.rate * seconds)
        self.runs.append(run)

    def troubles(self):
        """What no amount of noise explains. A stall is one where it is ours."""
        for run in self.runs:
            stalls = 0 if self.is_neighbours else run.timeouts
            if run.refused or run.socket_errors or stalls:
                answers = ", ".join(f"{n} x {status}" for status, n in sorted(run.answers.items()))
                yield (f"{self.what}: answers {answers}, {run.socket_errors} socket errors,"
                       f" {run.timeouts} took more than 2 s")

    def remarks(self):
        """What a neighbour is like: Node with a slow flush lets some requests wait that long."""
        for run in self.runs:
            if self.is_neighbours and run.timeouts:
                yield f"{self.what}: {run.timeouts} requests took more than 2 s"


@dataclasses.dataclass
class Comparison:
    what: str
    ours: float
    against: str
    theirs: float
    unit: str
    ratio: float
    aim: float | None = None  # None: the ratio is only shown
    is_ceiling: bool = False  # the aim is a most, not a least
    p99_ms: float | None = None
    cpu_us: dict | None = None  # of ours: thread name -> microseconds per request
    their_cpu_us: float | None = None  # of all threads and processes of theirs together

    @property
    def is_met(self):
        if self.aim is None:
            return None
        return self.ratio <= self.aim if self.is_ceiling else self.ratio >= self.aim


def compete(lanes, rounds, seconds):
    """What a lane has left for the disk to write is written before the next one begins: otherwise
    whoever comes behind the one that writes most pays for it with each flush."""
    for number in range(rounds):
        for lane in lanes if number % 2 == 0 else reversed(lanes):
            os.sync()
            lane.run_once(seconds)


def _ratio(lane, base, figure):
    """The median of the ratios round by round: noise that lasts a whole round cancels out."""
    return statistics.median(getattr(ours, figure) / max(getattr(theirs, figure), 1)
                             for ours, theirs in zip(lane.runs, base.runs, strict=True))


def compare_rate(lane, base, aim=None):
    p99_us = lane.median("p99_us")
    return Comparison(lane.what, lane.median("rate"), base.what, base.median("rate"), "1/s",
                      _ratio(lane, base, "rate"), aim,
                      p99_ms=None if p99_us is None else p99_us / 1000, cpu_us=lane.cpu_us(),
                      their_cpu_us=base.median("cpu_total_us"))


def compare_p99(lane, base, aim=None):
    return Comparison(f"{lane.what}: p99", lane.median("p99_us"), base.what,
                      base.median("p99_us"), "us", _ratio(lane, base, "p99_us"), aim,
                      is_ceiling=True)


def show_cpu(lane, limit_us=None):
    """What the server spends on one request, against a most or alone."""
    spent = lane.median("cpu_total_us")
    return Comparison(f"{lane.what}: CPU", spent, "limit" if limit_us else "", limit_us or spent,
                      "us", spent / (limit_us or spent), aim=1.0 if limit_us else None,
                      is_ceiling=True, cpu_us=lane.cpu_us())
