#!/usr/bin/env python3
"""test_tour - types the tour of docs/postgresql.md, two front ends over one database, and compares
what it prints.

    test_tour.py ROWLOCKD ROWLOCK [docs/postgresql.md]

The comments before its blocks are those of tests/tour.py. The first front end is there, with demo
data, as server/run would start it; the address of its database, both ports and build/ are put in.
"""
import os
import pathlib
import re
import sys
import tempfile

import cluster
from cluster import Cluster
from daemon import Daemon
from talk import Client, Closed
from tap import Tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "proxy"))

import tour  # noqa: E402
from proxies import free_port  # noqa: E402

PRINTED = r"postgresql://rowlock@/rowlock\?host=/tmp/rowlock-demo\.\w+"


class Tour(tour.Tour):
    """What is in the first terminal's background ends with it."""

    def __init__(self, server, rowlock, uri, folder):
        super().__init__(server, rowlock)
        self.uri, self.folder, self.second_port = uri, folder, free_port()
        self.environment = {name: value for name, value in self.environment.items()
                            if not name.startswith("PG")}

    def translate(self, text):
        text = re.sub(PRINTED, self.uri.replace("\\", r"\\"), text)
        text = text.replace("127.0.0.1:8081", f"127.0.0.1:{self.second_port}")
        text = text.replace("build/second.log", f"{self.folder}/second.log")
        return super().translate(text)

    def suspended(self):
        """At either."""
        count = 0
        for port in (self.server.port, self.second_port):
            try:
                metrics = Client(port).get("/metrics").body.decode()
            except (OSError, Closed):
                continue  # it was killed, or is not there yet
            count += int(re.search(r"^rowlock_requests_suspended (\d+)", metrics, re.M)[1])
        return count

    def close(self):
        first = self.terminal(1)
        first.type("kill -9 $(jobs -p) 2>/dev/null; wait")
        first.wait()
        for terminal in self.terminals.values():
            terminal.close()


def main(rowlockd, rowlock, page=ROOT / "docs" / "postgresql.md"):
    tap, reason = Tap(), cluster.needs_postgres()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    cluster.end_in_order()
    blocks = list(tour.read_blocks(pathlib.Path(page).read_text()))
    tap.report("the page has a tour", None if blocks else "no block is marked")
    os.environ["PATH"] = f"{cluster.programs()}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="rowlock-tour-") as folder, \
            Cluster(rowlockd) as database, \
            Daemon(rowlockd, database.uri(), ["--demo", "--front-end", "first"]) as first:
        typed = Tour(first, rowlock, database.uri(), folder)
        try:
            for block in blocks:
                tap.run(block.sentence, typed.play, block)
            tap.run("every terminal comes to its end", typed.end)
        finally:
            typed.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
