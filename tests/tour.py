#!/usr/bin/env python3
"""tour - types the tour of README.md into real terminals and compares what it prints.

    tests/tour.py ROWLOCKD ROWLOCK [README.md]

A comment before a fenced block of README.md says what the block is (they do not show on a page):

    <!-- test: tour -->                        typed into terminal 1, waited for; must exit with 0
    <!-- test: tour, fails -->                 ... must not
    <!-- test: tour, terminal 2 -->            typed into another terminal, and waited for
    <!-- test: tour, terminal 2, waits -->     not waited for: it goes on once the server has a
                                               request more that waits
    <!-- test: tour, terminal 3, holds -->     not waited for: it goes on once another program
                                               cannot write to the database
    <!-- test: prints -->                      what the last block of terminal 1 printed; waits for
    <!-- test: prints, terminal 2 -->          its end. * stands for any characters of a line, a
                                               line of ... for any lines

The server is a fresh one with demo data on a port of its own: 127.0.0.1:8080, build/demo.db and
build/ mean that server, its store and the build that is tested, and wrk runs for one second. Blocks
without such a comment are not typed.
"""
import dataclasses
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from talk import Client  # noqa: E402
from tap import Tap  # noqa: E402

BLOCK = r"<!-- test: ({}|prints)((?:, [a-z0-9 ]+)*) -->\s*\n```[a-z]*\n(.*?)```"
OPTIONS = {"fails", "waits", "holds"}
BLOCK_S_MAX = 60
END = "the block has ended:"


@dataclasses.dataclass
class Block:
    kind: str
    terminal: int
    options: set
    text: str
    number: int  # its line in the page

    @property
    def sentence(self):
        first = next((line for line in self.text.splitlines() if line.strip()), "")
        return f"line {self.number}, terminal {self.terminal}, {self.kind}: {first[:60]}"


def read_blocks(text, kind="tour", known=frozenset(OPTIONS)):
    """Those of a page that are typed as `kind`, and what they print."""
    for found in re.finditer(BLOCK.format(kind), text, re.DOTALL):
        words = [word for word in found[2].split(", ") if word]
        terminals = [int(word.split()[1]) for word in words if word.startswith("terminal ")]
        options = {word for word in words if not word.startswith("terminal ")}
        number = text.count("\n", 0, found.start(3)) + 1
        assert options <= known, f"line {number}: {options - known}?"
        yield Block(found[1], terminals[0] if terminals else 1, options, found[3], number)


class Terminal:
    """A shell that is typed into. Its output is gathered until the block has ended."""

    def __init__(self, environment, shell=("bash",)):
        self.shell = subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, cwd=ROOT,
                                      env=environment)
        self.lines, self.code = [], 0
        self.ended = threading.Event()
        self.ended.set()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.shell.stdout:
            before, is_end, code = line.rstrip("\n").partition(END)
            if before or not is_end:
                self.lines.append(before)
            if is_end:
                self.code = int(code)
                self.ended.set()
        self.ended.set()

    def type(self, text):
        self.wait()
        self.lines = []
        self.ended.clear()
        self.shell.stdin.write(f"{text}\nprintf '%s%d\\n' '{END}' $?\n")
        self.shell.stdin.flush()

    def wait(self, limit_s=BLOCK_S_MAX):
        assert self.ended.wait(limit_s), \
            f"not done after {limit_s} s: {chr(10).join(self.lines)}"

    def close(self):
        self.shell.stdin.close()
        self.shell.kill()
        self.shell.wait()


def wait_until(condition, what):
    deadline = time.monotonic() + BLOCK_S_MAX
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {BLOCK_S_MAX} s"


def expression_of(printed):
    """What a block of output stands for, as a regular expression."""
    parts = []
    for line in printed.rstrip("\n").split("\n"):
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*")
        else:
            parts.append(re.escape(line.rstrip()).replace(r"\*", "[^\n]*") + r"[ \t]*\n")
    return "".join(parts)


class Tour:
    def __init__(self, server, rowlock):
        self.server, self.terminals = server, {}
        self.build = pathlib.Path(rowlock).resolve().parents[1]
        self.environment = {**os.environ, "ROWLOCK_SERVER": f"http://127.0.0.1:{server.port}",
                            "PATH": f"{self.build / 'client'}:{os.environ['PATH']}"}

    def translate(self, text):
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.server.port}")
        text = text.replace("localhost:8080", f"localhost:{self.server.port}")
        text = text.replace("build/demo.db", self.server.store)
        text = re.sub(r"(?<![\w/])build/", f"{self.build}/", text)
        return re.sub(r"(\bwrk\b.*) -d ?\d+s?\b", r"\1 -d1", text)

    def terminal(self, number):
        if number not in self.terminals:
            self.terminals[number] = Terminal(self.environment)
        return self.terminals[number]

    def suspended(self):
        metrics = Client(self.server.port).get("/metrics").body.decode()
        return int(re.search(r"^rowlock_requests_suspended (\d+)", metrics, re.MULTILINE)[1])

    def is_held(self):
        database = sqlite3.connect(self.server.store, isolation_level=None, timeout=0)
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        finally:
            database.close()
        return False

    def type(self, block):
        terminal, waiting = self.terminal(block.terminal), self.suspended()
        terminal.type(self.translate(block.text))
        if "waits" in block.options:
            wait_until(lambda: self.suspended() > waiting, "no request waits")
            assert not terminal.ended.is_set(), f"it did not wait: {terminal.lines}"
        elif "holds" in block.options:
            wait_until(self.is_held, "nobody holds the database")
        else:
            terminal.wait()
            assert (terminal.code != 0) == ("fails" in block.options), \
                f"exit code {terminal.code}: {chr(10).join(terminal.lines)}"

    def compare(self, block):
        terminal = self.terminal(block.terminal)
        terminal.wait()
        printed = "".join(line + "\n" for line in terminal.lines)
        wanted = self.translate(block.text)
        assert re.fullmatch(expression_of(wanted), printed), \
            f"printed:\n{printed}\nthe README says:\n{wanted}"

    def play(self, block):
        (self.type if block.kind == "tour" else self.compare)(block)

    def end(self):
        for terminal in self.terminals.values():
            terminal.wait()


def main(rowlockd, rowlock, readme=ROOT / "README.md"):
    tap = Tap()
    blocks = list(read_blocks(pathlib.Path(readme).read_text()))
    tap.report("the README has a tour", None if blocks else "no block is marked")
    with tempfile.TemporaryDirectory(prefix="rowlock-tour-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "demo.db", ["--demo"]) as server:
            tour = Tour(server, rowlock)
            for block in blocks:
                tap.run(block.sentence, tour.play, block)
            tap.run("every terminal comes to its end", tour.end)
            for terminal in tour.terminals.values():
                terminal.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
