#!/usr/bin/env python3
"""test_run - server/run --store postgresql: a PostgreSQL of its own, a server over it, and after
Ctrl-C neither of them.

    test_run.py ROWLOCKD ROWLOCK

It is run in a folder that has what was built already, so that it makes nothing in build/.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from cluster import end_in_order, needs_postgres
from postgres import Session
from talk import Client
from tap import Tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
UP_S_MAX = 60
DOWN_S_MAX = 40


class Run:
    """server/run, and what it has printed."""

    def __init__(self, folder, *arguments):
        self.lines, self._news = [], threading.Condition()
        self.process = subprocess.Popen(
            [folder / "server" / "run", "--no-install", "--listen", "127.0.0.1:0", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
            start_new_session=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()

    def find(self, pattern):
        """The first line with that, waited for."""
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)
        with self._news:
            assert self._news.wait_for(lambda: found() or self.process.poll() is not None,
                                       UP_S_MAX), "\n".join(self.lines)
            assert found(), "\n".join(self.lines)
            return found()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DOWN_S_MAX)


def make_folder(folder, rowlockd, rowlock):
    """The tree, with a build that is there, and a ninja that has nothing to do."""
    (folder / "server").mkdir()
    shutil.copy(ROOT / "server" / "run", folder / "server" / "run")
    for program, place in ((rowlockd, "server"), (rowlock, "client")):
        (folder / "build" / place).mkdir(parents=True)
        (folder / "build" / place / program.name).symlink_to(program)
    (folder / "build" / "build.ninja").touch()
    (folder / "bin").mkdir()
    (folder / "bin" / "ninja").write_text("#!/bin/sh\n")
    (folder / "bin" / "ninja").chmod(0o755)


def kept_from_start_to_start(folder):
    """What was sold before is there when it is started again."""
    versions = []
    for _ in range(2):
        run = Run(folder, "--store", "postgresql")
        try:
            uri = run.find(r"psql '(postgresql://[^']+)'")[1]
            port = int(run.find(r"listening.*127\.0\.0\.1:(\d+)")[1])
            with contextlib.closing(Client(port)) as client:
                sold = client.post("/v1/stock/A-1/WH1/adjust", {"delta": -1})
                assert sold.status == 201, sold
                versions.append(sold.json()["movement"]["version"])
            with Session(uri, "rowlock") as session:
                assert session.value("SELECT count(*) FROM v_stock") > 0
            code = run.end()
            assert code == 0, f"ended with {code}\n" + "\n".join(run.lines)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.process.pid, signal.SIGTERM)
        socket = pathlib.Path(re.search(r"host=([^&]+)", uri)[1])
        assert not socket.exists(), f"{socket} is left"
        assert not list((folder / "build" / "demo.pg").glob("postmaster.pid")), "it runs on"
    assert versions[1] == versions[0] + 1, versions


def main():
    rowlockd, rowlock = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    tap, sentence = Tap(), "server/run --store postgresql: twice, over what is kept"
    reason = needs_postgres()
    if reason:
        tap.skip(sentence, reason)
        return tap.end()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="rowlock-run-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        make_folder(folder, rowlockd, rowlock)
        tap.run(sentence, kept_from_start_to_start, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
