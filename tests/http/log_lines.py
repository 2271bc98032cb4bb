#!/usr/bin/env python3
"""log_lines - what stands on stderr, in which format, and that nobody waits for whoever reads it.

    tests/http/log_lines.py ROWLOCKD
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import logfmt  # noqa: E402
from daemon import LISTENING  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, wait_until  # noqa: E402

FLOOD = 4000  # lines: far more than a pipe and the ring hold
END_S_MAX = 30
TOKEN = "rl_abcdefghij_9FkQx7w2Lr5TtBv0uYcE3mNpZs8KdHgJaWiRo1lVyXq"
NASTY = ["/v1/stock/a%20b/c", "/v1/items/%22%5c%0a%1b%5b2J", "/v1/items/a=b%3dc",
         "/v1/items/%ff%fe", "/v1/items/%c3%a4", f"/v1/items/{TOKEN}",
         "/" + "x" * 1900, "/v1/items?a=\"b\""]


class Server:
    """Its stderr is read by hand, or not at all."""

    def __init__(self, rowlockd, folder, flags=(), journal=False):
        read, write = os.pipe()
        environment = dict(os.environ)
        if journal:
            status = os.fstat(write)
            environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        self.process = subprocess.Popen(
            [rowlockd, "--store", str(folder / "store.db"), "--listen", "127.0.0.1:0",
             "--loops", "2", "--log-requests", *flags], stdin=subprocess.DEVNULL, stderr=write,
            env=environment)
        os.close(write)
        self.stream = os.fdopen(read, "rb")
        self.lines, found = [], None
        while not found:
            self.lines.append(self.stream.readline().decode())
            assert self.lines[-1], self.lines
            found = LISTENING.search(self.lines[-1])
        self.client = Client(int(found[2]))

    def end(self):
        """All that it wrote."""
        self.process.terminate()
        self.lines += self.stream.read().decode().splitlines(keepends=True)
        assert self.process.wait(END_S_MAX) == 0
        self.stream.close()
        return self.lines


def nasty(server):
    for path in NASTY:
        server.client.get(path)
        server.client.get("/livez", X_Request_Id="a\"b=c")
    server.client.put("/v1/items/A-1", {"name": "a"})
    server.client.get("/v1/items/A-1")


def formats(rowlockd, folder, name, read, start):
    server = Server(rowlockd, folder, ["--log-format", name])
    nasty(server)
    lines = server.end()
    assert len(lines) > 2 * len(NASTY), lines
    for line in lines:
        assert re.match(start, line), line
        assert line.isprintable() or line[:-1].isprintable(), line
        read(line[:-1])
    assert not any(TOKEN[14:24] in line for line in lines), "a token"
    assert any("rl_abcdefghij_***" in line for line in lines)


def logfmt_is_logfmt(rowlockd, folder):
    formats(rowlockd, folder, "logfmt", logfmt.check, "ts=")


def json_is_json(rowlockd, folder):
    def read(line):
        entry = json.loads(line)
        assert {"ts", "level", "event"} <= set(entry), line
        if entry["event"] == "request":
            assert isinstance(entry["status"], int) and isinstance(entry["ms"], float), line
    formats(rowlockd, folder, "json", read, "{")


def text_is_for_people(rowlockd, folder):
    formats(rowlockd, folder, "text", lambda line: logfmt.read(line.split(None, 3)[3]),
            r"\d\d:\d\d:\d\d\.\d{3} (debug|info |warn |error|crit ) \w+ ")


def the_journal_is_told_priorities(rowlockd, folder):
    server = Server(rowlockd, folder, journal=True)
    lines = server.end()
    for line in lines:
        pairs = logfmt.read(line[:-1])
        assert line[:3] == {"info": "<6>", "warn": "<4>"}[pairs["level"]], line


def a_reader_that_has_stopped(rowlockd, folder):
    """Each answer comes; then it is read, and says how much is missing."""
    server = Server(rowlockd, folder)
    for _ in range(FLOOD):
        assert server.client.get("/livez").status == 200
    text = server.client.get("/metrics").body.decode()
    lost = int(float(re.search(r"^rowlock_log_lines_lost_total (\S+)$", text, re.M)[1]))
    lines = server.end()
    said = sum(int(found[1]) for found in
               (re.search(r"event=log_lines_lost count=(\d+)", line) for line in lines) if found)
    assert lost > 0 and said >= lost, (lost, said)
    requests = sum("event=request " in line for line in lines)
    assert FLOOD <= requests + said <= FLOOD + 10, (requests, said)
    for line in lines:
        logfmt.check(line[:-1])


def a_reader_that_never_comes_back(rowlockd, folder):
    """It ends all the same, with 0."""
    server = Server(rowlockd, folder)
    for _ in range(FLOOD):
        assert server.client.get("/livez").status == 200
    server.process.terminate()
    assert server.process.wait(END_S_MAX) == 0
    server.stream.close()


def a_reader_that_has_left(rowlockd, folder):
    server = Server(rowlockd, folder)
    server.stream.close()
    for _ in range(100):
        assert server.client.get("/livez").status == 200
    wait_until(lambda: "rowlock_log_lines_lost_total 0\n" not in
               server.client.get("/metrics").body.decode(), "that lines are counted")
    server.process.terminate()
    assert server.process.wait(END_S_MAX) == 0


def without_anybody(rowlockd, folder, stderr, is_lost):
    """Where nothing can be read: it is reached by its unix socket, and answers all the same."""
    path = folder / "socket"
    process = subprocess.Popen(
        [rowlockd, "--store", str(folder / "store.db"), "--listen", f"unix:{path}",
         "--log-requests"], stdin=subprocess.DEVNULL, stderr=stderr or None,
        preexec_fn=None if stderr else lambda: os.close(2))
    try:
        wait_until(lambda: path.exists() or process.poll() is not None, "its socket", END_S_MAX)
        assert process.poll() is None, process.returncode
        client = Client(str(path))
        for _ in range(FLOOD):
            assert client.get("/livez").status == 200
        found = re.search(r"^rowlock_log_lines_lost_total (\S+)$",
                          client.get("/metrics").body.decode(), re.M)
        assert (float(found[1]) >= 1) == is_lost, found
    finally:
        process.terminate()
        assert process.wait(END_S_MAX) == 0


def a_full_disk(rowlockd, folder):
    """Each write of a line is refused with ENOSPC, as on a disk that is full."""
    with open("/dev/full", "wb") as full:
        without_anybody(rowlockd, folder, full, True)


def a_closed_one(rowlockd, folder):
    """Lines go nowhere, and nothing else gets the descriptor: what is open is the null device."""
    without_anybody(rowlockd, folder, None, False)
    assert (folder / "store.db").read_bytes()[:15] == b"SQLite format 3"


def main(rowlockd):
    tap = Tap()
    for sentence, case in [
            ("logfmt is logfmt, whatever is asked for", logfmt_is_logfmt),
            ("JSON is JSON", json_is_json),
            ("text is for people", text_is_for_people),
            ("the journal is told priorities", the_journal_is_told_priorities),
            ("a reader that has stopped costs lines, which are counted", a_reader_that_has_stopped),
            ("one that never comes back does not keep it from ending",
             a_reader_that_never_comes_back),
            ("one that has left does no harm", a_reader_that_has_left),
            ("nor does a disk that is full", a_full_disk),
            ("nor does a stderr that is closed", a_closed_one)]:
        with tempfile.TemporaryDirectory(prefix="rowlock-logging-") as folder:
            tap.run(sentence, case, rowlockd, pathlib.Path(folder))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
