"""contest - lanes that run in turns in the same minute, and the ratios between them.

Two cores are shared by server, wrk and whatever else the machine does, so a figure by itself means
little. Lanes take turns, the order is reversed every other round, each round gives one ratio, and
the median of those is what is reported.
"""
import contextlib
import dataclasses
import statistics
from collections.abc import Callable

import load


@dataclasses.dataclass
class Lane:
    what: str
    server: object
    script: str
    options: dict = dataclasses.field(default_factory=dict)
    connections: int = 64
    beside: Callable = contextlib.nullcontext  # a context manager: what goes on meanwhile
    runs: list = dataclasses.field(default_factory=list)

    def median(self, figure):
        return statistics.median(getattr(run, figure) for run in self.runs)

    def troubles(self):
        """What no amount of noise explains."""
        for run in self.runs:
            if run.refused or run.socket_errors:
                answers = ", ".join(f"{n} x {status}" for status, n in sorted(run.answers.items()))
                yield f"{self.what}: answers {answers}, {run.socket_errors} socket errors"


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

    @property
    def is_met(self):
        if self.aim is None:
            return None
        return self.ratio <= self.aim if self.is_ceiling else self.ratio >= self.aim


def compete(lanes, rounds, seconds):
    for number in range(rounds):
        for lane in lanes if number % 2 == 0 else reversed(lanes):
            with lane.beside():
                lane.runs.append(load.run_wrk(lane.server.url, lane.script, lane.connections,
                                              seconds, lane.options))


def _ratio(lane, base, figure):
    """The median of the ratios round by round: noise that lasts a whole round cancels out."""
    return statistics.median(getattr(ours, figure) / max(getattr(theirs, figure), 1)
                             for ours, theirs in zip(lane.runs, base.runs, strict=True))


def compare_rate(lane, base, aim=None):
    return Comparison(lane.what, lane.median("rate"), base.what, base.median("rate"), "1/s",
                      _ratio(lane, base, "rate"), aim, p99_ms=lane.median("p99_us") / 1000)


def compare_p99(lane, base, aim=None):
    return Comparison(f"{lane.what}: p99", lane.median("p99_us"), base.what,
                      base.median("p99_us"), "us", _ratio(lane, base, "p99_us"), aim,
                      is_ceiling=True)
