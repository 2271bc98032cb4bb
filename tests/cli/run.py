#!/usr/bin/env python3
"""Holds conversations with the command line: what is typed, what it says, how it exits.

    run.py --rowlock build/client/rowlock [--rowlockd build/server/rowlockd] [--pair] FILE.txt...

With --pair there are two servers over one store, and each command asks the other one than that
before it. Over PostgreSQL: tests/pg/with_postgres.py build/server/rowlockd run.py ...

A conversation is a text file, read from top to bottom:

    # The first comment is its title.
    server stub                       answers come from this file
    server real                       a fresh rowlockd with an empty store
    server none                       nobody listens at $URL
    stub GET /v1/items?limit=5 200    what the stub answers to this request line ...
      header ETag: "12"               ... its headers (Content-Type is JSON, or problem+json)
      body {"data":[],"next":null}    ... its body, one line each
      cut                             ... instead: the connection is closed without an answer
    $ rowlock item list               run a command; words are split as a shell would. $URL, $DIR,
                                      $STORE and $ROWLOCK are replaced; NAME=value may stand before.
    tty $ rowlock sql $STORE          the same with a terminal as its stdout
    start $ rowlock locks --watch 1   the same without waiting for its end: `join` does
    join                              waits for what was started; expectations follow
    stop                              the same, after interrupting it once it said what is expected
    eventually $ rowlock locks        runs it again and again until it says what is expected
    > text                            the next line of its stdout
    ! text                            the next line of its stderr
    exit 5                            how it ends; 0 where nothing is said
    sent POST /v1/transfers           that command made exactly one request, with this line ...
      header Lease: l_1;fence=3       ... and this header
      body {"sku":"A-1"}              ... and this JSON body
    sent nothing                      that command made no request
    write NAME text                   appends a line to the file $DIR/NAME
    set NAME pattern                  $NAME is what the pattern's group finds in the last stdout

Every line of stdout and stderr must be named, in order. In an expected line `...` stands for any
text, a line that is only `...` for any number of lines. The output is TAP: one case per file.
"""
import argparse
import http.server
import itertools
import json
import os
import pathlib
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import dialect  # noqa: E402
from exceptions import Exceptions  # noqa: E402
import store as stores  # noqa: E402
from tap import Tap  # noqa: E402

BOUND_S = 20  # nothing here takes a second; this only ends a test that hangs


class Failed(Exception):
    pass


class Stub(http.server.ThreadingHTTPServer):
    """Answers from a table, and remembers what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.answers = {}
        self.requests = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class StubHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line = f"{self.command} {self.path}"
        self.server.requests.append((line, dict(self.headers.items()), body.decode()))
        found = self.server.answers.get(line)
        if found is None:
            found = {"status": 599, "headers": {}, "body": f"the stub has no answer to {line}"}
        if found.get("cut"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        kind = "application/json" if found["status"] < 400 else "application/problem+json"
        self.send_response(found["status"])
        for name, value in {"Content-Type": kind, **found["headers"]}.items():
            self.send_header(name, value)
        if found["status"] != 204:
            self.send_header("Content-Length", str(len(found["body"].encode())))
        self.end_headers()
        if found["status"] != 204:
            self.wfile.write(found["body"].encode())

    do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class Daemon:
    """A real rowlockd over a store of its own."""

    def __init__(self, path, store):
        command = [path, "--store", stores.argument(store), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env=clean_environment())
        self.log = []
        self.address = None
        self.said_so = threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        if not self.said_so.wait(BOUND_S) or self.address is None:
            self.close()
            raise Failed("rowlockd did not listen:\n" + "".join(self.log))

    def read(self):
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"listening on (http://[0-9.:]+)", line)
            if found and self.address is None:
                self.address = found.group(1)
                self.said_so.set()
        self.said_so.set()

    def url(self):
        return self.address

    def close(self):
        self.process.terminate()
        try:
            code = self.process.wait(BOUND_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.reader.join()
        self.process.stderr.close()
        if code != 0 and self.address is not None:
            raise Failed(f"rowlockd ended with {code}:\n" + "".join(self.log))


class Pair:
    """Two real ones over one store; whoever asks for the URL is sent to the other one than who
    asked before."""

    def __init__(self, path, store):
        self.members = [Daemon(path, store)]
        try:
            self.members.append(Daemon(path, store))
        except Failed:
            self.close()
            raise
        self.turns = itertools.cycle(self.members)

    def url(self):
        return next(self.turns).url()

    def close(self):
        while self.members:
            self.members.pop().close()


class Nobody:
    """A port that was free a moment ago, and at which nobody listens."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))  # bound and never listening: connecting is refused

    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def close(self):
        self.socket.close()


def clean_environment():
    """The caller's proxies, servers and languages are none of the test's business."""
    keep = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    return kept | {"LC_ALL": "C", "HOME": "/nonexistent"}


class Run:
    """One command under way: what it has said so far, and how it ended."""

    def __init__(self, words, environment, directory, has_terminal):
        self.output = {"stdout": [], "stderr": []}
        self.grown = threading.Condition()
        ours, theirs = pty.openpty() if has_terminal else os.pipe()
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
            env=environment, cwd=directory)
        os.close(theirs)
        sources = {"stdout": ours, "stderr": self.process.stderr.fileno()}
        self.readers = [threading.Thread(target=self.read, args=s) for s in sources.items()]
        self.stdout = ours
        for reader in self.readers:
            reader.start()

    def read(self, name, descriptor):
        while True:
            try:
                piece = os.read(descriptor, 65536)
            except OSError:  # how a terminal says that its last writer is gone
                piece = b""
            if not piece:
                return
            with self.grown:
                self.output[name].append(piece)
                self.grown.notify_all()

    def text(self, name):
        return b"".join(self.output[name]).decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_until(self, condition):
        """Waits until the condition on the output holds, or the bound passes."""
        with self.grown:
            self.grown.wait_for(condition, BOUND_S)

    def end(self):
        try:
            code = self.process.wait(BOUND_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "never"
        for reader in self.readers:
            reader.join()
        os.close(self.stdout)
        self.process.stderr.close()
        return code


class Expectation:
    def __init__(self):
        self.lines = {"stdout": [], "stderr": []}
        self.code = 0
        self.sent = []  # None: nothing was sent

    def difference(self, run, code):
        """What the run did that was not expected, or None."""
        for name, expected in self.lines.items():
            if not lines_match(expected, run.text(name).splitlines()):
                wanted = "\n".join(expected)
                return f"{name} is\n{indent(run.text(name))}  expected\n{indent(wanted)}"
        if code != self.code:
            return f"exit code {code}, expected {self.code}\n{indent(run.text('stderr'))}"
        return None


def indent(text):
    return "".join(f"    {line}\n" for line in text.splitlines()) or "    (nothing)\n"


def lines_match(expected, actual):
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(lines_match(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    if not actual:
        return False
    pattern = ".*".join(re.escape(part) for part in expected[0].rstrip().split("..."))
    is_match = re.fullmatch(pattern, actual[0].rstrip()) is not None
    return is_match and lines_match(expected[1:], actual[1:])


class Step:
    """One line of the file with what belongs to it: details, and what a command shall do."""

    def __init__(self, number, text):
        self.number = number
        self.text = text
        self.details = []
        self.expectation = Expectation()


def parse(path):
    """The file's title, and its steps."""
    title = None
    steps = []
    sent = None
    text = path.read_text()
    text = dialect.conversation(text) if stores.is_postgres() else text
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            title = title or line.lstrip("# ")
        elif line.startswith(">") or line.startswith("!"):
            name = "stdout" if line[0] == ">" else "stderr"
            steps[-1].expectation.lines[name].append(line[2:])
        elif line.startswith("exit "):
            steps[-1].expectation.code = int(line[5:])
        elif line.startswith("sent "):
            sent = [line[5:], []]
            steps[-1].expectation.sent.append(sent)
        elif line.startswith("  "):
            (sent[1] if sent else steps[-1].details).append(line.strip())
            continue
        else:
            steps.append(Step(number, line))
        if not line.startswith("sent "):
            sent = None
    return title, steps


class Conversation:
    def __init__(self, arguments, directory):
        self.arguments = arguments
        self.directory = directory
        self.server = None
        self.started = None
        self.output = ""
        self.names = {"DIR": directory, "STORE": stores.argument(f"{directory}/store.db"),
                      "ROWLOCK": arguments.rowlock}

    def close(self):
        if self.started is not None:
            self.started.process.kill()
            self.started.end()
            self.started = None
        server, self.server = self.server, None
        if server is not None:
            server.close()

    def fill_in(self, text):
        return re.sub(r"\$([A-Z]+)\b", lambda m: self.names.get(m.group(1), m.group(0)), text)

    def do(self, step):
        command = re.fullmatch(r"(?:(tty|start|eventually) )?\$ (.*)", step.text)
        if command:
            self.do_command(step, command.group(1), self.fill_in(command.group(2)))
            return
        verb, _, rest = step.text.partition(" ")
        getattr(self, f"do_{verb}", self.do_not_understand)(step, rest)

    def do_not_understand(self, step, _):
        raise Failed(f"no such step: {step.text}")

    def do_server(self, step, kind):
        server, self.server = self.server, None
        if server is not None:
            server.close()
        makers = {"stub": Stub, "none": Nobody,
                  "real": lambda: (Pair if self.arguments.pair else Daemon)(
                      self.arguments.rowlockd, self.names["STORE"])}
        self.server = makers[kind]()
        self.names["URL"] = self.server.url()

    def do_stub(self, step, rest):
        line, _, status = rest.rpartition(" ")
        answer = {"status": int(status), "headers": {}, "body": ""}
        for detail in step.details:
            word, _, value = detail.partition(" ")
            if word == "header":
                name, _, content = value.partition(": ")
                answer["headers"][name] = content
            elif word == "body":
                answer["body"] += value + "\n"
            else:
                answer[word] = True
        self.server.answers[line] = answer

    def do_write(self, step, rest):
        name, _, text = rest.partition(" ")
        with open(f"{self.directory}/{name}", "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def do_set(self, step, rest):
        name, _, pattern = rest.partition(" ")
        found = re.search(pattern, self.output)
        if not found:
            raise Failed(f"{pattern} is not in\n{indent(self.output)}")
        self.names[name] = found.group(1)

    def spawn(self, line, has_terminal=False):
        environment = clean_environment()
        if self.server is not None:
            environment["ROWLOCK_SERVER"] = self.server.url()
        words = shlex.split(line)
        while re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        if words[0] == "rowlock":
            words[0] = self.arguments.rowlock
        return Run(words, environment, self.directory, has_terminal)

    def do_command(self, step, manner, line):
        if isinstance(self.server, Stub):
            self.server.requests.clear()
        if manner == "start":
            if self.started is not None:
                raise Failed("something was started and not joined yet")
            self.started = self.spawn(line)
        elif manner == "eventually":
            self.repeat(step, line)
        else:
            run = self.spawn(line, has_terminal=manner == "tty")
            self.judge(step, run, run.end())

    def repeat(self, step, line):
        end = time.monotonic() + BOUND_S
        while True:
            run = self.spawn(line)
            code = run.end()
            if self.expected(step).difference(run, code) is None or time.monotonic() > end:
                self.judge(step, run, code)
                return

    def do_join(self, step, _):
        run, self.started = self.started, None
        self.judge(step, run, run.end())

    def do_stop(self, step, _):
        run, self.started = self.started, None
        expected = self.expected(step).lines
        run.wait_until(lambda: all(lines_match(lines, run.text(name).splitlines())
                                   for name, lines in expected.items()))
        run.process.send_signal(signal.SIGINT)
        code = run.end()
        self.judge(step, run, 0 if code == -signal.SIGINT else code)

    def expected(self, step):
        filled = Expectation()
        filled.code = step.expectation.code
        for name, lines in step.expectation.lines.items():
            filled.lines[name] = [self.fill_in(line) for line in lines]
        return filled

    def judge(self, step, run, code):
        self.output = run.text("stdout")
        difference = self.expected(step).difference(run, code)
        if difference is None and step.expectation.sent:
            difference = self.sent_difference(step.expectation.sent)
        if difference is not None:
            raise Failed(difference)

    def sent_difference(self, expected):
        got = self.server.requests
        lines = [line for line, _, _ in got]
        wanted = [line for line, _ in expected if line != "nothing"]
        if lines != wanted:
            return f"sent {lines}, expected {wanted}"
        for (line, details), (_, headers, body) in zip(expected, got):
            for detail in details:
                word, _, value = detail.partition(" ")
                if word == "body" and (not body or json.loads(body) != json.loads(value)):
                    return f"{line}: body {body}, expected {value}"
                if word == "header":
                    name, _, content = value.partition(": ")
                    if headers.get(name) != content:
                        return f"{line}: {name} is {headers.get(name)!r}, expected {content!r}"
        return None


def hold(path, arguments, listed):
    """Returns None, or what went wrong. A step that is listed as an exception may."""
    title, steps = parse(path)
    directory = tempfile.mkdtemp(prefix="rowlock-cli-")
    conversation = Conversation(arguments, directory)
    step = None
    try:
        for step in steps:
            try:
                conversation.do(step)
            except Failed:
                if not listed.is_known(step.text):
                    raise
        step = None
        conversation.close()
        return None
    except Failed as failure:
        where = f"{path.name}:{step.number}: {step.text}" if step else path.name
        return f"{title}\n  {where}\n  {failure}"
    finally:
        try:
            conversation.close()
        except Failed:
            pass  # the failure that is told about came first
        shutil.rmtree(directory)


def needs_daemon(path):
    return any(step.text == "server real" for step in parse(path)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rowlock", required=True, type=os.path.abspath)
    parser.add_argument("--rowlockd", type=os.path.abspath)
    parser.add_argument("--pair", action="store_true")
    parser.add_argument("--exceptions", type=pathlib.Path, help="a table, as in lib/exceptions.py")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()

    tap = Tap()
    for path in arguments.files:
        if arguments.rowlockd is None and needs_daemon(path):
            tap.skip(path.name, "needs --rowlockd")
            continue
        listed = Exceptions(arguments.exceptions, path.resolve())
        listed.report(tap, path.name, hold(path, arguments, listed))
        for sentence in listed.unused():
            tap.report(f"{path.name}: {sentence}", "listed as an exception, and did not happen")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
