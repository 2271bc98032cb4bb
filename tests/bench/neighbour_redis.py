"""neighbour_redis - the same update as a Lua script in Redis, flushed before it is answered.

    appendonly yes, appendfsync always, no snapshots; all else is Redis's own. So now and then it
    rewrites its log (every 64 MiB here), as ours checkpoints: neither can let it grow without end.
    TCP on 127.0.0.1, like ours.

The script checks the level, takes from it, and appends to a stream, the ledger. No entry of it is
left out and nothing is trimmed while the clock runs; between two runs the stream is counted (as
many entries as requests, or the benchmark ends) and deleted, so that memory does not grow without
end.
"""
import re
import shutil
import subprocess

import load
import servers
from trouble import Broken

NAME = "Redis"
PACKAGES = ["redis-server", "redis-tools"]
ROWS = 1000
STOCK = 1_000_000_000
REQUESTS_FIRST = 20_000  # of the run that finds out how many fit into the time
REQUESTS_MIN = 1000
OVERTIME_S_MAX = 120
LOADING_LINES = 500
ADJUST = """
local level = tonumber(redis.call('GET', KEYS[1]))
if not level then return redis.error_reply('unknown row') end
if level < tonumber(ARGV[1]) then return redis.error_reply('insufficient stock') end
level = redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], '*', 'row', KEYS[1], 'delta', -ARGV[1], 'on_hand', level)
return level
"""
# The scripts of ours that it knows: row and random numbers.
WORKS = {"uniform.lua": ("stock:__rand_int__", ["-r", str(ROWS)]),
         "hot.lua": ("stock:000000000001", [])}
FIGURES = re.compile(r'^".*",' + ",".join([r'"([\d.]+)"'] * 7) + r"\s*\Z", re.M)


def missing():
    return [] if shutil.which("redis-server") and shutil.which("redis-benchmark") else PACKAGES


def versions():
    for program in ("redis-server", "redis-benchmark"):
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        number = re.search(r"\d+\.\d+\.\d+", said)
        yield f"{program} {number[0] if number else said.strip()}"


def settings():
    return "appendonly yes, appendfsync always, no save, else its own; Lua by EVALSHA"


def parse(text):
    """redis-benchmark --csv: a line of headings, then one for the command."""
    found = FIGURES.search(text)
    if not found:
        raise Broken(f"redis-benchmark said something else:\n{text}")
    rate, _average, _least, p50, _p95, p99, most = map(float, found.groups())
    return load.Run(rate, round(p50 * 1000), round(p99 * 1000), round(most * 1000))


class Redis(servers.Server):
    ready = re.compile("Ready to accept connections")

    def __init__(self, folder, environment):
        self.port = servers.free_port()
        self.rates = {}
        folder.mkdir()
        super().__init__(NAME, [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder),
            "--appendonly", "yes", "--appendfsync", "always", "--save", ""], 0,
            environment)
        self.script = self.ask("SCRIPT", "LOAD", ADJUST)
        for first in range(0, ROWS, LOADING_LINES):
            self.ask("MSET", *(word for row in range(first, first + LOADING_LINES)
                               for word in (f"stock:{row:012d}", str(STOCK))))

    def take_address(self, found):
        self.netloc = f"127.0.0.1:{self.port}"

    def ask(self, *words):
        said = subprocess.run(["redis-cli", "-e", "-p", str(self.port), *words],
                              capture_output=True, text=True)
        if said.returncode != 0:
            raise Broken(f"redis-cli {words[0]}: {said.stdout}{said.stderr}")
        return said.stdout.strip()

    def run_benchmark(self, lane, count):
        row, random_numbers = WORKS[lane.script]
        pipeline = str(lane.options.get("pipeline", 1))
        said = subprocess.run(
            ["redis-benchmark", "-p", str(self.port), "-c", str(lane.connections), "-n", str(count),
             "-P", pipeline, *random_numbers, "--csv", "EVALSHA", self.script, "2", row, "ledger",
             "1"], capture_output=True, text=True, timeout=OVERTIME_S_MAX)
        if said.returncode != 0:
            raise Broken(f"redis-benchmark: {said.stdout}{said.stderr}")
        written = int(self.ask("XLEN", "ledger"))
        if written < count:
            raise Broken(f"redis-benchmark sent {count} requests, the ledger has {written}")
        return parse(said.stdout)

    def drive(self, lane, seconds):
        """It counts requests, not seconds: as many as went into the time before."""
        work = (lane.script, lane.connections, str(lane.options))
        if work not in self.rates:
            self.rates[work] = self.run_benchmark(lane, REQUESTS_FIRST).rate
            self.ask("DEL", "ledger")
        before = self.cpu_ns()
        count = max(round(self.rates[work] * seconds), REQUESTS_MIN)
        run = self.run_benchmark(lane, count)
        run.spend(before, self.cpu_ns(), count)
        self.rates[work] = run.rate
        self.ask("DEL", "ledger")
        return run


def start(folder, environment):
    return Redis(folder / "redis", environment)
