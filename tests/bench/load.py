"""load - one run of wrk, and what it found."""
import dataclasses
import pathlib
import re
import subprocess

import cpu
from trouble import Broken

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "client" / "wrk"
OVERTIME_S_MAX = 60  # a server that stalls makes wrk late, not endless

RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.M)
ANSWERS = re.compile(r"^answers +([2345]xx [2345]xx) (\d+)$", re.M)
SOCKETS = re.compile(r"^sockets +connect (\d+) read (\d+) write (\d+) timeout (\d+)$", re.M)
LATENCY = re.compile(r"^latency_us p50 (\d+) p99 (\d+) max (\d+)$", re.M)


@dataclasses.dataclass
class Run:
    rate: float  # requests a second
    p50_us: int | None = None
    p99_us: int | None = None  # None: the load generator does not say
    max_us: int | None = None
    answers: dict = dataclasses.field(default_factory=dict)  # "2xx 3xx", "4xx 5xx" -> count
    socket_errors: int = 0
    timeouts: int = 0  # requests that took more than 2 s, which is how a stall looks
    cpu_us: dict = dataclasses.field(default_factory=dict)  # server's thread -> us per request

    @property
    def refused(self):
        return self.answers.get("4xx 5xx", 0)

    def spend(self, before_ns, after_ns, count):
        """What the server's threads spent on `count` requests. The first to say so is right."""
        self.cpu_us = self.cpu_us or cpu.per_operation_us(before_ns, after_ns, count)

    @property
    def cpu_total_us(self):
        return sum(self.cpu_us.values())


def parse(text):
    found = [pattern.search(text) for pattern in (RATE, SOCKETS, LATENCY)]
    if None in found:
        raise Broken(f"wrk said something else:\n{text}")
    rate, sockets, latency = found
    p50, p99, most = map(int, latency.groups())
    return Run(rate=float(rate[1]), p50_us=p50, p99_us=p99, max_us=most,
               answers={statuses: int(count) for statuses, count in ANSWERS.findall(text)},
               socket_errors=sum(map(int, sockets.groups()[:3])), timeouts=int(sockets[4]))


def run_wrk(url, script, connections, seconds, options, threads=1):
    # Counting each status makes wrk hand every header of every answer to Lua: a figure of wrk's.
    options = {"count": "errors"} | options
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}",
               "-s", str(SCRIPTS / script), url, "--",
               *(f"{name}={value}" for name, value in options.items())]
    try:
        result = subprocess.run(command, capture_output=True, text=True,
                                timeout=seconds + OVERTIME_S_MAX)
    except subprocess.TimeoutExpired:
        raise Broken(f"no end after {OVERTIME_S_MAX} s more: {' '.join(command)}") from None
    if result.returncode != 0:
        raise Broken(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return parse(result.stdout)


def prepare_rows(url, options):
    command = [str(SCRIPTS / "prepare"), url, *(f"{n}={v}" for n, v in options.items())]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise Broken(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
