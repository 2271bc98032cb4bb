#!/usr/bin/env python3
"""watch - `rowlock watch` on a terminal: what it shows, and how it leaves the terminal.

    tests/cli/watch.py ROWLOCK ROWLOCKD
"""
import fcntl
import os
import pathlib
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

BOUND_S = 15
ENDINGS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
WORD = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|[^\x1b]", re.S)


class FixedDaemon(Daemon):
    """Comes back on the port that it had."""

    def command(self):
        return [f"127.0.0.1:{self.had}" if word == "127.0.0.1:0" else word
                for word in super().command()] if self.had else super().command()

    had = None

    def start(self):
        self.had = super().start().port
        return self


class Picture:
    """What a terminal shows after these bytes. It must never be written to beyond its edges."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines = [""] * rows
        self.row = self.column = 0

    def write(self, text):
        for word in WORD.finditer(text):
            if word[2] is None:
                self.put(word[0])
            elif word[2] == "H":
                self.row = self.column = 0
            elif word[2] == "K":
                self.lines[self.row] = self.lines[self.row][:self.column]
            elif word[2] == "J":
                first = 0 if word[1] == "2" else self.row + 1
                self.lines[first:] = [""] * len(self.lines[first:])

    def put(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.row += 1
            assert self.row < self.rows, "a line below the last one"
        else:
            assert self.column < self.columns, f"beyond the edge: {self.lines[self.row]}{char}"
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + char + line[self.column + 1:]
            self.column += 1

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines)


class Terminal:
    """`rowlock watch` on a terminal of its own, as its foreground process."""

    def __init__(self, world, *words, columns=100, rows=24, ignores=(), **environment):
        self.ours, self.theirs = pty.openpty()
        self.columns, self.rows = columns, rows
        self.size()
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            [world.rowlock, "watch", "--server", world.url, *words],
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True,
            preexec_fn=lambda: self.prepare(ignores),
            env=environment_of(**({"TERM": "xterm"} | environment)))
        self.bytes, self.parsed = b"", 0
        self.grown = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    @staticmethod
    def prepare(ignores):
        """In the child: whatever we ignore ourselves, as what a shell starts with `&` does."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN if number in ignores else signal.SIG_DFL)

    def size(self, columns=None, rows=None):
        self.columns, self.rows = columns or self.columns, rows or self.rows
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ,
                    struct.pack("HHHH", self.rows, self.columns, 0, 0))

    def read(self):
        while True:
            try:
                piece = os.read(self.ours, 65536)
            except OSError:
                return
            with self.grown:
                self.bytes += piece
                self.grown.notify_all()
            if not piece:
                return

    def text(self):
        return self.bytes.decode("utf-8", "ignore")

    def frames(self):
        """Complete pictures, as they were written: each ends by clearing what is below it."""
        return [part for part in self.text().split("\x1b[H")[1:] if part.endswith("\x1b[J")]

    def shows(self, pattern, since=0):
        """The first picture that fits the terminal and has this in it."""
        found = trouble = None

        def look():
            nonlocal found, trouble
            for frame in self.frames()[since:]:
                picture = Picture(self.columns, self.rows)
                try:
                    picture.write(frame)
                except AssertionError as too_large:  # as it is right after a new size
                    trouble = too_large
                    continue
                if re.search(pattern, picture.text()):
                    found = picture.text()
                    return True
            return False

        with self.grown:
            assert self.grown.wait_for(look, BOUND_S), \
                f"{pattern} is not in\n{self.text()[-3000:]!r}\n{trouble or ''}"
        return found

    def says(self, text, count=1):
        with self.grown:
            assert self.grown.wait_for(lambda: self.text().count(text) >= count, BOUND_S), \
                f"{text!r} was not said: {self.text()[-300:]!r}"

    def end(self, code):
        """It ends like this, and the terminal is as it was."""
        found = self.process.wait(BOUND_S)
        self.says(LEAVE, self.text().count(ENTER))
        assert found == code, f"ended with {found}, not {code}: {self.text()[-600:]}"
        assert self.text().endswith(LEAVE), self.text()[-100:]
        assert self.text().count(ENTER) == self.text().count(LEAVE)
        assert termios.tcgetattr(self.theirs) == self.before
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.theirs is not None:
            os.close(self.theirs)
            self.theirs = None
            self.reader.join()
            os.close(self.ours)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def environment_of(**more):
    keep = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
    return {name: os.environ[name] for name in keep if name in os.environ} | {"LC_ALL": "C"} | more


class World:
    def __init__(self, rowlock, server):
        self.rowlock, self.server = rowlock, server
        self.url = f"http://127.0.0.1:{server.port}"
        self.client = Client(server.port)

    def adjust(self, row, delta, reason="sale"):
        answer = self.client.post(f"/v1/stock/{row}/adjust", {"delta": delta, "reason": reason})
        assert answer.status == 201, answer

    def lease(self, name="l", row=("A-1", "WH1"), purpose="cycle count"):
        answer = self.client.put(f"/v1/leases/{name}", {
            "rows": [{"sku": row[0], "location": row[1]}], "ttl_s": 600, "purpose": purpose})
        assert answer.status == 201, answer

    def release(self, name="l"):
        assert self.client.request("DELETE", f"/v1/leases/{name}").status == 204

    def queue(self, count):
        """So many sales of the leased row, one behind the other."""
        waiting = []
        for _ in range(count):
            waiting.append(Connection(self.server.port))
            waiting[-1].send(b"POST /v1/stock/A-1/WH1/adjust?wait=60 HTTP/1.1\r\n"
                             b"Host: localhost\r\nContent-Length: 12\r\n\r\n{\"delta\":-1}")
        return waiting

    def run(self, *words, **environment):
        return subprocess.run([self.rowlock, "watch", "--server", self.url, *words],
                              env=environment_of(**environment), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=BOUND_S)


def lanes_and_stock(world):
    world.lease()
    waiting = world.queue(3)
    with Terminal(world) as terminal:
        found = terminal.shows(r"A-1/WH1  \[lease l cycle count, \d+ s left\]( < \d+\.\d s){3}\n")
        assert re.search(r"^rowlock watch  " + re.escape(world.url), found), found
        assert "LOCKS  1 held or queued for, 3 waiting" in found, found
        terminal.shows(r"seq \d+   updates/s \d+   group \d+\.\d   waiting 3   leases 1   "
                       r"reservations 0")
        world.adjust("B-1/WH2", -7)
        terminal.shows(r"B-1  WH2\s+93\s+0\s+93\s+-7\s+\S+  adjust sale, \d\.\d s ago")
        since = len(terminal.frames())
        world.release()
        for connection in waiting:
            assert connection.read_answer().status == 201
            connection.close()
        terminal.shows("LOCKS  0 held or queued for, 0 waiting", since)
        terminal.shows(r"A-1  WH1\s+97\s+0\s+97\s+-1\s", since)
        os.write(terminal.ours, b"q")
        terminal.end(0)


def only_what_is_asked_for(world):
    world.lease("a", ("A-1", "WH1"), "one")
    world.lease("b", ("B-1", "WH2"), "two")
    with Terminal(world, "--sku", "B-1", "--location", "WH2") as terminal:
        found = terminal.shows("lease b two")
        assert "lease a" not in found and "LOCKS  1 held" in found, found
        assert "sku B-1  location WH2" in found.splitlines()[0], found
        world.adjust("B-1/WH1", 1)
        world.adjust("A-1/WH2", 1)
        world.release("a")
        world.release("b")
        world.adjust("B-1/WH2", 1, "receipt")
        found = terminal.shows(r"B-1  WH2 .*adjust receipt")
        assert not re.search(r"A-1  WH|B-1  WH1", found), found
        os.write(terminal.ours, b"q")
        terminal.end(0)


def edges(world):
    """Nothing is written beyond them (Picture looks), and a new size is used at once."""
    world.lease(purpose="a name that is much longer than a narrow window, and \x1b[31m not red ☃")
    waiting = world.queue(12)
    with Terminal(world, columns=60, rows=12) as terminal:
        terminal.shows(r"A-1/WH1  \[lease l a name that")
        for columns, rows in ((30, 6), (20, 4), (200, 50)):
            since = len(terminal.frames())
            terminal.size(columns, rows)
            found = terminal.shows("rowlock watch", since)
            assert len(max(found.splitlines(), key=len)) <= columns, found
        assert re.search(r"longer than a narrow window, and \?\[31m not red \?, \d+ s left\]"
                         r"( < \d+\.\d s)+  \+\d+$", found, re.M), found
        os.write(terminal.ours, b"q")
        terminal.end(0)
    world.release()
    for connection in waiting:
        connection.close()


def every_way_out(world):
    for number in (*ENDINGS, signal.SIGABRT):
        with Terminal(world) as terminal:
            terminal.shows("STOCK")
            terminal.process.send_signal(number)
            terminal.end(-number)
    with Terminal(world) as terminal:
        terminal.shows("STOCK")
        os.write(terminal.ours, b"\x03")  # Ctrl-C, as the terminal sends it
        terminal.end(-signal.SIGINT)


def ignored(world):
    """As nohup and a script's `&` have it: what is ignored at the start ends nothing."""
    with Terminal(world, ignores=ENDINGS) as terminal:
        terminal.shows("STOCK")
        for number in ENDINGS:
            since = len(terminal.frames())
            terminal.process.send_signal(number)
            world.adjust("A-1/WH1", 1)
            terminal.shows("STOCK", since)
        os.write(terminal.ours, b"q")
        terminal.end(0)


def ctrl_z(world):
    with Terminal(world) as terminal:
        terminal.shows("STOCK")
        terminal.process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status
        terminal.says(LEAVE)
        assert termios.tcgetattr(terminal.theirs) == terminal.before
        since = len(terminal.frames())
        terminal.process.send_signal(signal.SIGCONT)
        terminal.says(ENTER, 2)
        terminal.shows("STOCK", since)
        os.write(terminal.ours, b"q")
        terminal.end(0)


def colours_and_characters(world):
    world.lease()
    waiting = world.queue(1)
    for environment, is_coloured, arrow in (({}, True, "<"), ({"NO_COLOR": "1"}, False, "<"),
                                            ({"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}, False, "◀"),
                                            ({"TERM": "dumb"}, False, "<")):
        with Terminal(world, **environment) as terminal:
            terminal.shows(rf"left\] {arrow} \d")
            assert bool(re.search(r"\x1b\[[0-9]+m", terminal.frames()[0])) == is_coloured
            assert terminal.text().isascii() == (arrow == "<")
            os.write(terminal.ours, b"q")
            terminal.end(0)
    world.release()
    waiting[0].close()


def lost_and_found(world):
    """What happened meanwhile is not missed: the feed goes on where it was."""
    with Terminal(world) as terminal:
        terminal.shows("STOCK")
        world.client.close()
        world.server.stop()
        terminal.shows(r"LOST for \d+ s: .*\n")
        database = sqlite3.connect(world.server.store, isolation_level=None)
        database.execute("UPDATE v_stock SET on_hand = 4711 WHERE sku = 'B-1' AND location = 'WH1'")
        database.close()
        since = len(terminal.frames())
        world.server.start()
        terminal.shows(r"B-1  WH1\s+4711 ", since)
        terminal.shows(r"rowlock watch  \S+\nseq ", since)
        world.adjust("B-1/WH1", -1)
        terminal.shows(r"B-1  WH1\s+4710 ", since)
        os.write(terminal.ours, b"q")
        terminal.end(0)


def stuck_and_free(world):
    """A server that keeps its connections and says nothing is lost, too."""
    with Terminal(world) as terminal:
        terminal.shows("STOCK")
        world.server.signal(signal.SIGSTOP)
        terminal.shows(r"LOST for \d+ s: ")
        since = len(terminal.frames())
        world.server.signal(signal.SIGCONT)
        terminal.shows(r"rowlock watch  \S+\nseq ", since)
        os.write(terminal.ours, b"q")
        terminal.end(0)


def no_terminal(world):
    """Pictures behind each other, without an escape; a reader that leaves ends it."""
    process = subprocess.Popen([world.rowlock, "watch", "--server", world.url],
                               env=environment_of(TERM="xterm"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE)
    text = b""
    while text.count(b"rowlock watch  http") < 3:
        text += os.read(process.stdout.fileno(), 65536)
    process.stdout.close()
    assert process.wait(BOUND_S) == -signal.SIGPIPE
    assert b"\x1b" not in text and text.isascii() and b"\nLOCKS  0 held" in text, text


def once(world):
    world.lease()
    waiting = world.queue(2)
    found = world.run("--once", "--sku", "A-1")
    assert found.returncode == 0 and not found.stderr, found
    lines = found.stdout.splitlines()
    assert lines[0] == f"rowlock watch  {world.url}  sku A-1", lines
    assert re.fullmatch(r"seq \d+   updates/s 0   group 0\.0   waiting 2   leases 1   "
                        r"reservations 0", lines[1]), lines
    assert lines[2:4] == ["", "LOCKS  1 held or queued for, 2 waiting"], lines
    assert re.fullmatch(r"A-1/WH1  \[lease l cycle count, \d+ s left\]( < \d\.\d s){2}",
                        lines[4]), lines
    assert lines[5:7] == ["", "STOCK  what changes, the latest first"], lines
    assert lines[7].split()[:3] == ["SKU", "LOCATION", "ON_HAND"], lines
    assert all(line.startswith("A-1 ") for line in lines[8:]) and len(lines) >= 10, lines
    world.release()
    for connection in waiting:
        connection.read_answer()
        connection.close()


def many_rows(world):
    """Changes are counted for each of many rows, however they alternate."""
    names = [f"M-{number}" for number in range(300)]
    for name in names:
        world.client.put(f"/v1/items/{name}", {"name": name})
    wait_until(lambda: b"\nrowlock_feed_subscribers 0\n" in world.client.get("/metrics").body,
               "those who followed before have gone")
    process = subprocess.Popen([world.rowlock, "watch", "--server", world.url, "--once",
                                "--interval", "3", "--location", "WH2"], env=environment_of(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: b"\nrowlock_feed_subscribers 1\n" in world.client.get("/metrics").body,
               "it follows")
    answer = world.client.post("/v1/batch", [
        {"op": "adjust", "sku": name, "location": "WH2", "delta": 1}
        for _ in range(6) for name in names])
    assert answer.status == 200, answer
    text, _ = process.communicate(timeout=BOUND_S)
    found = re.findall(r"^M-\d+ +WH2 +6 +0 +6 +\+1 +(\d+\.\d)  adjust, ", text, re.M)
    assert len(found) == len(names), text
    assert all(1.0 <= float(rate) <= 2.0 for rate in found), set(found)  # 6 in 3 s, or some more


def what_cannot_be(world):
    for words, code, said in ((["--sku", "no such"], 1, "sku"),
                              (["--interval", "0"], 2, "--interval"),
                              (["WH1"], 2, "usage"),
                              (["--server", "127.0.0.1:1"], None, None)):
        if code is None:
            found = subprocess.run([world.rowlock, "watch", "--once", *words],
                                   env=environment_of(), capture_output=True, text=True)
            code, said = 3, "no answer from"
        else:
            found = world.run("--once", *words)
        assert found.returncode == code and said in found.stderr and not found.stdout, found


def main(rowlock, rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-watch-") as folder:
        with FixedDaemon(rowlockd, pathlib.Path(folder) / "store.db") as server:
            world = World(rowlock, server)
            for code in ("WH1", "WH2"):
                world.client.put(f"/v1/locations/{code}", {"name": code})
            for sku in ("A-1", "B-1"):
                world.client.put(f"/v1/items/{sku}", {"name": sku})
                for code in ("WH1", "WH2"):
                    world.adjust(f"{sku}/{code}", 100, "receipt")
            for sentence, case in [
                    ("lanes appear and drain, and stock changes", lanes_and_stock),
                    ("filters hold for lanes and stock", only_what_is_asked_for),
                    ("narrow, wide and resized windows", edges),
                    ("every way out leaves the terminal as it was", every_way_out),
                    ("a signal that is ignored from the start ends nothing", ignored),
                    ("Ctrl-Z gives it back for as long as it lasts", ctrl_z),
                    ("colours and characters are what the terminal can", colours_and_characters),
                    ("a server that is lost is found again, and nothing is missed", lost_and_found),
                    ("one that is stuck is lost, too", stuck_and_free),
                    ("without a terminal it prints plain text", no_terminal),
                    ("--once is one picture", once),
                    ("each of many rows is counted", many_rows),
                    ("what cannot be watched is refused", what_cannot_be)]:
                tap.run(sentence, case, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
