"""machine - a server on a machine whose clocks the test turns (turned_clock.c).

    with Machine(folder) as m:
        m.turn(-3600)          # the wall clock is set back by an hour
        m.pass_time(10)        # ten seconds go by on every clock, at once: the machine has slept
        m.sql("UPDATE ...")    # typed on that machine
"""
import mmap
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon, ServerTrouble  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

SECOND = 1_000_000_000


class Machine:
    def __init__(self, folder, flags=()):
        self.store = folder / "store.db"
        path = folder / "clocks"
        path.write_bytes(bytes(16))
        with open(path, "r+b") as file:
            self.clocks = mmap.mmap(file.fileno(), 16)
        self.wall = self.boot = 0
        self.environment = {"LD_PRELOAD": sys.argv[2], "TURNED_CLOCK": str(path)}
        self.server = Daemon(pathlib.Path(sys.argv[1]).resolve(), self.store, flags,
                             ["env", *(f"{k}={v}" for k, v in self.environment.items())])

    def _set(self):
        self.clocks[:] = struct.pack("qq", int(self.wall * SECOND), int(self.boot * SECOND))

    def turn(self, by_s):
        """The wall clock is set; the writer has seen it when this returns."""
        self.wall += by_s
        self._set()
        self.look()

    def pass_time(self, seconds):
        self.wall += seconds
        self.boot += seconds
        self._set()
        self.look()

    def look(self):
        """A write of a row that has nothing to do with anything: a group has a time of its own."""
        if self.server.is_running():
            answer = self.client.post("/v1/stock/Z/W/adjust", {"delta": 1})
            assert answer.status in (201, 404), answer

    def __enter__(self):
        if not self.server.is_running():
            self.server.start()
            self.client = Client(self.server.port)
        return self

    def __exit__(self, *problem):
        self.server.__exit__(*problem)

    def start(self, *flags):
        self.server.flags = list(flags)
        return self.__enter__()

    def sql(self, text):
        """Rows, as lists of texts; a refusal is its words."""
        run = subprocess.run(["sqlite3", "-separator", "|", str(self.store), text],
                             env=self.environment, capture_output=True, text=True)
        if run.returncode:
            return run.stderr.strip()
        return [line.split("|") for line in run.stdout.splitlines()]

    def get(self, path):
        return self.client.get(path).json()

    def stock(self, *skus, units=1000):
        self.client.put("/v1/locations/W", {"name": "W"})
        for sku in ("Z", *skus):
            self.client.put(f"/v1/items/{sku}", {"name": sku})
            answer = self.client.post(f"/v1/stock/{sku}/W/adjust", {"delta": units})
            assert answer.status == 201, answer

    def said(self, event):
        return [line for line in self.server.lines if f"event={event} " in line]


def run_cases(cases):
    """Each: a sentence, a function of (folder, ...), and what it is given besides."""
    tap = Tap()
    for sentence, function, *given in cases:
        with tempfile.TemporaryDirectory(prefix="rowlock-clock-") as folder:
            tap.run(sentence, function, pathlib.Path(folder), *given)
    sys.exit(tap.end())


__all__ = ["Connection", "Machine", "ServerTrouble", "run_cases", "wait_until"]
