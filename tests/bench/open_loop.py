"""open_loop - one run of bench_open_loop (open_loop.c), and what it found."""
import dataclasses
import pathlib
import re
import subprocess
import tempfile

from trouble import Broken

OVERTIME_S_MAX = 20  # beyond what the program itself allows for
LATE_SHARE_MAX = 0.01  # of what was sent: beyond, its p99 is that of the driver

FIGURES = re.compile(
    r"requests (?P<requests>\d+)\n"
    r"rate (?P<rate>[\d.]+)\n"
    r"latency_us p50 (?P<p50_us>[\d.]+) p90 (?P<p90_us>[\d.]+) p99 (?P<p99_us>[\d.]+)"
    r" p99.9 (?P<p999_us>[\d.]+) max (?P<max_us>[\d.]+)\n"
    r"late driver (?P<late_driver>\d+) queued (?P<late_queued>\d+)\n"
    r"errors refused (?P<refused>\d+) broken (?P<broken>\d+) unanswered (?P<unanswered>\d+)\n")


@dataclasses.dataclass
class OpenRun:
    requests: int
    rate: float  # answers a second
    p50_us: float
    p90_us: float
    p99_us: float
    p999_us: float
    max_us: float
    late_driver: int  # sent late because the driver came late
    late_queued: int  # sent late because all connections were waiting
    refused: int
    broken: int
    unanswered: int

    @property
    def trouble(self):
        """What no amount of noise explains; None: nothing."""
        if self.refused or self.broken or self.unanswered:
            return (f"{self.refused} refused, {self.broken} connections broken,"
                    f" {self.unanswered} unanswered")
        return None

    @property
    def is_drivers(self):
        """The figures say more about the driver than about the server."""
        return self.late_driver > LATE_SHARE_MAX * self.requests


def parse(text):
    found = FIGURES.fullmatch(text)
    if found is None:
        raise Broken(f"bench_open_loop said something else:\n{text}")
    kinds = {field.name: field.type for field in dataclasses.fields(OpenRun)}
    return OpenRun(**{name: kinds[name](value) for name, value in found.groupdict().items()})


def netstring(data):
    return b"%d:%s," % (len(data), data)


def http_request(method, target, body="", authorization=""):
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if authorization:
        head += f"Authorization: {authorization}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


def resp_request(*words):
    """A command for Redis: an array of strings."""
    words = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word)
                                              for word in words)


def updates(numbers, sku="BENCH-%04d", location="WH1", authorization=""):
    """A unit less of one row after the other; the row's number is put into `sku`."""
    return [http_request("POST", f"/v1/stock/{sku % number}/{location}/adjust", '{"delta":-1}',
                         authorization)
            for number in numbers]


def reads(numbers, sku="BENCH-%04d", location="WH1"):
    return [http_request("GET", f"/v1/stock/{sku % number}/{location}") for number in numbers]


def run(program, netloc, requests, rate, *, connections=64, seconds=3, warm_up=1, drain=5,
        answers="http", source=None):
    """`requests`: those that are sent in order, over and over; `rate`: how many a second;
    `source`: the address that they come from, None: whichever."""
    with tempfile.TemporaryDirectory(prefix="open-loop-") as folder:
        path = pathlib.Path(folder) / "requests"
        path.write_bytes(b"".join(map(netstring, requests)))
        command = [str(program), netloc, str(path), "--rate", f"{rate:.3f}",
                   "--connections", str(connections), "--seconds", f"{seconds:g}",
                   "--warm-up", f"{warm_up:g}", "--drain", f"{drain:g}", "--answers", answers]
        command += ["--from", source] if source else []
        try:
            result = subprocess.run(command, capture_output=True, text=True,
                                    timeout=warm_up + seconds + drain + OVERTIME_S_MAX)
        except subprocess.TimeoutExpired:
            raise Broken(f"no end: {' '.join(command)}") from None
    if result.returncode != 0:
        raise Broken(f"{' '.join(command)}\n{result.stderr}")
    return parse(result.stdout)
