"""crowds - from one connection to thousands: alone against a flush, many against one's own best.

The bare library stands beside the thousands: it has no disk, no rules and next to no memory of
its own. What it loses from its best on is the kernel's, the caches' and wrk's, and ours loses that
too.
"""
import pathlib
import re
import resource
import socket

import latency
from contest import Comparison, Lane, compare_rate

LONE = (1, 2, 4, 8, 16, 32, 63)
MANY = (64, 128, 256, 512, 1000, 2000, 4000)
READERS = (64, 512, 4000)
BARE = (64, 256, 2000, 4000)
AIM = 0.8
FILES_SPARE = 512  # beside the connections: of stores, pipes, and other sections
IDLE = 4000
IDLE_REQUEST = b"GET /v1/stock/BENCH-0001/WH1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ANSWER_BYTES_MAX = 65536


def raise_files():
    """As many open files as this user may have, for the servers that are started later, too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def possible(counts):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    here = [count for count in counts if soft in (-1, resource.RLIM_INFINITY)
            or count + FILES_SPARE <= soft]
    if len(here) < len(counts):
        print(f"# more than {soft - FILES_SPARE} connections are left out: `ulimit -n` is {soft}")
    return here


def lanes_of(bench, what, script, counts, server=None):
    server = server or bench.rowlockd()
    return bench.compete(*(Lane(f"{what}, {count} connection{'s' if count > 1 else ''}", server,
                                script, connections=count)
                           for count in possible(counts)))


def lone(bench):
    """Nobody to share a flush with, or a few: how many flushes does one take from end to end?"""
    flush = latency.log_flush_us(bench.folder, bench.environment)
    for lane in lanes_of(bench, "updates", "uniform.lua", LONE):
        took = lane.median("p50_us")
        yield Comparison(f"{lane.what}: p50", took, "one flush", flush, "us", took / flush,
                         p99_ms=lane.median("p99_us") / 1000, cpu_us=lane.cpu_us())


def against_peak(lanes, aim=AIM):
    peak = max(lanes, key=lambda lane: lane.median("rate"))
    for lane in lanes:
        comparison = compare_rate(lane, peak, aim)
        comparison.against = f"the best of these: {peak.connections}"
        yield comparison


class Idle:
    """Inside of `with` so many connections are open, each of which has had one answer."""

    def __init__(self, server, count):
        self.server, self.count = server, count
        self.sockets = []

    def __enter__(self):
        host, port = self.server.netloc.rsplit(":", 1)
        for _ in range(self.count):
            idle = socket.create_connection((host, int(port)), timeout=10)
            self.sockets.append(idle)
            idle.sendall(IDLE_REQUEST)
            idle.recv(ANSWER_BYTES_MAX)
        return self

    def __exit__(self, *_):
        for idle in self.sockets:
            idle.close()
        self.sockets = []


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def idle(bench):
    """On a server of its own, whose memory nothing else has touched."""
    count = max(possible((500, IDLE)), default=0)
    with bench.start("idle.db") as server:
        server.prepare_rows()
        before = resident_bytes(server)
        with Idle(server, count):
            each = (resident_bytes(server) - before) / count
    yield Comparison(f"memory of an idle connection ({count:,} open)", each, "", each, "B", 1.0)


def measure(bench):
    yield from lone(bench)
    yield from against_peak(lanes_of(bench, "updates", "uniform.lua", MANY))
    yield from against_peak(lanes_of(bench, "bare suspend and resume", "uniform.lua", BARE,
                                     bench.bare()), aim=None)
    yield from against_peak(lanes_of(bench, "reads", "reads.lua", READERS))
    yield from idle(bench)
