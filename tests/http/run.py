#!/usr/bin/env python3
"""run - plays conversations with a real server, and checks what it answers.

    tests/http/run.py ROWLOCKD adjust.txt ...        no file: all of them
    tests/http/run.py -v ROWLOCKD adjust.txt         shows every answer
    tests/http/run.py --pair ROWLOCKD adjust.txt     with two front ends: each request goes to the
                                                     other one than that before it

Over PostgreSQL: tests/pg/with_postgres.py ROWLOCKD tests/http/run.py ROWLOCKD ...

A file is a conversation with one fresh server over one fresh store. A line that begins with # is
the sentence of the next case; a case that fails ends its file, unless it is the row of a table.
The rest, line by line:

    > POST /v1/stock/A-1/WH1/adjust        a request: method, path, headers, body. An empty > line
    > Idempotency-Key: k-1                 ends the headers where the body could be taken for one.
    > {"delta": 3}                         Host, Content-Length and Content-Type are made when they
                                           are not given; `> -Host` leaves one out.
    < 201                                  the next answer: status, headers, body. *, $name and
    < Location: /v1/movements/$seq         {"seq": $seq} as in lib/pattern.py
    < {"movement": {"seq": $seq}}
    < -Retry-After                         this header is not there
    < contains: some words                 in a body that is no JSON
    < empty                                there is no body
    A> ...        A< ...                   the same on a connection of its own, kept open
    UNIX> ...     UNIX1> ...               and by the unix socket $folder/rowlock.sock, where the
                                           flags have it listen there
    A waits                                has no answer yet
    A is closed                            by the server, with nothing more to read
    A closes      A resets                 by us
    A raw> GET / HTTP/1.1\\r\\n\\r\\n          bytes as they are; with \\r \\n \\t \\\\ \\0 \\xff
    until> GET /v1/locks                   asked again and again until the answer is as said
    sql> SELECT 1, 2                       another program at the database file; B sql> keeps its
    sql< 1|2                               connection open. sql< a row each; sql! an error's words
    given A-1/WH1 10                       the item, the location, and so many units on hand
    server restarts                        starts [flags], stops, is killed, is told to stop,
                                           ends with 74
    flags --loops 2                        of the first server, at the top of the file
    each BODY | STATUS                     a case for each row of the table, where <BODY> and
    | {"delta": 0} | 422 |                 <STATUS> stand for its cells

In what is sent, $name is inserted, (a x 65) is so many a's and (byte ff) is that byte.

Whatever a conversation says, every answer must keep the ground rules of the contract: see
check_ground_rules.
"""
import argparse
import pathlib
import re
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

import books  # noqa: E402
import dialect  # noqa: E402
import pattern  # noqa: E402
import script  # noqa: E402
import store as stores  # noqa: E402
from daemon import Daemon, Pair  # noqa: E402
from exceptions import Exceptions  # noqa: E402
from talk import ANSWER_S_MAX, Closed, Connection, NoAnswer, Turns  # noqa: E402
from tap import Tap  # noqa: E402

TIMED = ("POST", "PUT", "PATCH", "DELETE")  # answers to writes say what their lock cost
PATH_UNREAD = (408, 414, 431)     # refused before anybody knew what was asked for
UNKNOWN = ("outcome-unknown", "request-in-flight", "answer-lost")
MAYBE = ("store-", "malformed-request", "request-timeout")  # the last two: of an upload cut short
SERVER_TIMING = re.compile(r"queue;dur=[\d.]+, lock;dur=[\d.]+(;desc=\"\d+ ahead\")?,"
                           r" apply;dur=[\d.]+, commit;dur=[\d.]+(;desc=\"group of \d+\")?")


class Failure(AssertionError):
    pass


def check_ground_rules(request, answer):
    """What is true of every answer. `request`: (method, path), or None where it was raw bytes."""
    method, path = request or ("", "")
    kind = answer.header("Content-Type") or ""
    is_problem = answer.status >= 400
    is_v1 = path.startswith("/v1/") and answer.status not in PATH_UNREAD
    body = answer.body
    rules = [
        ("has an X-Request-Id", re.fullmatch(r"[A-Za-z0-9._:-]{1,64}",
                                             answer.header("X-Request-Id") or "")),
        ("a problem is application/problem+json",
         not is_problem or kind.startswith("application/problem+json")),
        ("JSON ends in a newline, and in one only",
         "json" not in kind or not body or re.search(rb"[^\n]\n\Z", body)),
        ("JSON is on one line, unless ?pretty is asked for",
         "json" not in kind or "ndjson" in kind or "pretty" in path or path == "/openapi.json"
         or body.count(b"\n") <= 1),
        ("/v1 is not cached",
         not is_v1 or answer.header("Cache-Control") == "no-store"),
        ("/v1 says its Stock-Seq",
         not is_v1 or re.fullmatch(r"\d+", answer.header("Stock-Seq") or "")),
        ("429, 503 and 423 say when to come again",
         answer.status not in (423, 429, 503) or answer.header("Retry-After")),
        ("a write says what its lock cost",
         method not in TIMED or not is_v1
         or SERVER_TIMING.fullmatch(answer.header("Server-Timing") or "")),
    ]
    for sentence, holds in rules:
        if not holds:
            raise Failure(f"ground rule: {sentence}")
    if is_problem and method != "HEAD":
        check_problem(answer)


def check_problem(answer):
    problem = answer.json()
    pattern.match({"type": f"/problems/{problem.get('code')}", "code": pattern.HOLES["text"],
                   "title": pattern.HOLES["text"], "status": answer.status,
                   "outcome": pattern.HOLES["text"], "request_id": pattern.HOLES["text"]},
                  problem, {})
    if problem["request_id"] != answer.header("X-Request-Id") \
            and not answer.header("Idempotency-Replayed"):
        raise Failure("ground rule: the problem and the header name the same request")
    wanted = ("unknown",) if problem["code"] in UNKNOWN else \
        ("not_applied", "unknown") if problem["code"].startswith(MAYBE) else ("not_applied",)
    if problem["outcome"] not in wanted:
        raise Failure(f"ground rule: outcome is {' or '.join(wanted)}")


def build_request(lines, port, names):
    """(method, path), and the bytes to send."""
    method, path = script.expand(lines[0], names).decode().split(" ", 1)
    headers, body, rest = {}, b"", list(lines[1:])
    while rest:
        line = rest.pop(0)
        found = re.fullmatch(r"(-?)([A-Za-z][A-Za-z0-9-]*)(?:: ?(.*))?", line)
        if found and (found[1] or found[3] is not None):
            headers.setdefault(found[2], []).append(None if found[1] else found[3])
            continue
        body = script.expand("\n".join(rest if not line else [line] + rest), names)
        break
    given = {name.lower() for name in headers}
    head = [("Host", f"127.0.0.1:{port}")] if "host" not in given else []
    is_chunked = "transfer-encoding" in given
    if body and "content-type" not in given:
        head.append(("Content-Type", "application/json"))
    if (body or method in ("POST", "PUT", "PATCH")) and not is_chunked \
            and "content-length" not in given:
        head.append(("Content-Length", str(len(body))))
    head += [(name, value) for name, values in headers.items() for value in values
             if value is not None]
    if is_chunked:
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in
                        (body[at:at + 3] for at in range(0, len(body), 3))) + b"0\r\n\r\n"
    fields = script.expand("".join(f"{name}: {value}\r\n" for name, value in head), names)
    return (method, path), f"{method} {path} HTTP/1.1\r\n".encode() + fields + b"\r\n" + body


def check_answer(lines, answer, names):
    if str(answer.status) != lines[0].strip():
        raise Failure(f"status {answer.status}, not {lines[0]}")
    rest = list(lines[1:])
    while rest:
        line = rest.pop(0)
        header = re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*): (.*)", line)
        if line.startswith(("{", "[")):
            pattern.match(pattern.parse("\n".join([line] + rest)), answer.json(), names)
            return
        if line == "empty":
            if answer.body:
                raise Failure("there is a body")
        elif line.startswith("contains: "):
            words = script.expand(line[len("contains: "):], names)
            if words not in answer.body:
                raise Failure(f"the body does not contain {words}")
        elif line.startswith("-"):
            if answer.header(line[1:]) is not None:
                raise Failure(f"{line[1:]} is there")
        elif header:
            if answer.header(header[1]) is None:
                raise Failure(f"no {header[1]}")
            pattern.match_text(header[2], answer.header(header[1]), names, header[1])
        else:
            raise script.BadScript(f"cannot read the expectation {line!r}")


class Player:
    """Plays the steps of one conversation, one after the other."""

    def __init__(self, server, is_verbose):
        self.server = server
        self.is_verbose = is_verbose
        self.names = {}
        self.connections = {}
        self.databases = {}
        self.requests = {}  # who -> the requests that are not yet answered
        self.last = None    # the last answer, to be shown
        self.rows = None    # of the last sql>, or its error
        self.until = None

    def connection(self, who):
        unused = self.connections.get(who)
        if not who and unused and not self.requests[who] and unused.has_news():
            self.drop(who)  # the server closed it while nothing was asked
        if who not in self.connections:
            self.connections[who] = self._connect(who)
            self.requests[who] = []
        return self.connections[who]

    def _connect(self, who):
        if not who and isinstance(self.server, Pair):
            return Turns(member.port for member in self.server.members)
        return Connection(self.server.socket_path if who.startswith("UNIX") else self.server.port)

    def drop(self, who):
        if who in self.connections:
            self.connections.pop(who).close()

    def drop_all(self):
        for who in list(self.connections):
            self.drop(who)
        self.rows = self.until = None

    def play(self, step):
        if isinstance(self.rows, stores.Refused) and not step.verb.startswith("sql!"):
            raise Failure(f"the statement before was refused: {self.rows}")
        action = getattr(self, "do_" + self.ACTIONS[step.verb])
        action(step)

    ACTIONS = {">": "send", "<": "expect", "raw>": "send_raw", "until>": "ask_until",
               "waits": "check_waiting", "is closed": "check_closed", "closes": "close",
               "resets": "reset", "sql>": "sql", "sql<": "sql_rows", "sql!": "sql_error",
               "server": "server", "given": "given"}

    def send(self, who, lines):
        connection = self.connection(who)
        request, data = build_request(lines, connection.port or self.server.port, self.names)
        self.requests[who].append(request)
        connection.send(data, request[0])

    def receive(self, who):
        self.last = answer = self.connection(who).read_answer()
        if self.is_verbose:
            print(f"# {answer}".replace("\n", "\n# "))
        if answer.status >= 200:
            request = self.requests[who].pop(0) if self.requests[who] else None
            check_ground_rules(request, answer)
        if (answer.header("Connection") or "").lower() == "close" and not who \
                and not isinstance(self.server, Pair):
            self.drop(who)
        return answer

    def do_send(self, step):
        self.until = None
        self.send(step.who, step.lines)

    def do_send_raw(self, step):
        connection = self.connection(step.who)
        connection.send(script.unescape(script.expand(step.lines[0], self.names)))

    def do_ask_until(self, step):
        self.until = step

    def do_expect(self, step):
        if self.until is None:
            check_answer(step.lines, self.receive(step.who), self.names)
            return
        question, self.until = self.until, None
        deadline = time.monotonic() + ANSWER_S_MAX
        while True:
            self.send(question.who, question.lines)
            answer, names = self.receive(question.who), dict(self.names)
            try:
                check_answer(step.lines, answer, names)
            except (Failure, pattern.Mismatch):
                if time.monotonic() > deadline:
                    raise
            else:
                self.names.update(names)
                return

    def do_check_waiting(self, step):
        if self.connection(step.who).has_news():
            self.last = self.connection(step.who).read_answer()
            raise Failure(f"{step.who} has an answer already")

    def do_check_closed(self, step):
        if not self.connection(step.who).is_closed_within():
            raise Failure(f"the connection {step.who} is open: {self.connection(step.who).buffer}")
        self.drop(step.who)

    def do_close(self, step):
        self.drop(step.who)

    def do_reset(self, step):
        self.connections.pop(step.who).reset()

    def do_sql(self, step):
        database = self.databases.get(step.who) or stores.open_sql(self.server.store)
        if step.who:
            self.databases[step.who] = database
        try:
            self.rows = database.execute(script.expand("\n".join(step.lines), self.names)
                                         .decode()).fetchall()
        except stores.Refused as error:
            self.rows = error
        if not step.who:
            database.close()

    def do_sql_rows(self, step):
        shown = ["|".join("" if cell is None else str(cell) for cell in row) for row in self.rows]
        wanted = [line for line in step.lines if line]
        if len(shown) != len(wanted):
            raise Failure(f"{len(shown)} rows, not {len(wanted)}: {shown}")
        for line, row in zip(wanted, shown):
            pattern.match_text(line, row, self.names, "row")

    def do_sql_error(self, step):
        if not isinstance(self.rows, stores.Refused):
            raise Failure(f"it was not refused: {self.rows}")
        pattern.match_text(step.lines[0], str(self.rows), self.names, "words")
        self.rows = None

    def do_server(self, step):
        verb, *flags = step.lines[0].split()
        if verb == "starts":
            self.server.flags = flags or self.server.flags
            self.server.start()
            return
        if step.lines[0] == "is told to stop":
            self.server.signal(signal.SIGTERM)
            return
        if verb == "restarts":
            self.server.restart()
        elif verb == "stops":
            self.server.stop()
        elif step.lines[0] == "is killed":
            self.server.kill()
        elif step.lines[0].startswith("ends with "):
            self.server.wait(int(flags[-1]))
        else:
            raise script.BadScript(f"server {step.lines[0]}?")
        self.drop_all()

    def do_given(self, step):
        """Names as they are written, units by one adjust; 0 leaves the pair unstocked."""
        row, units = script.expand(step.lines[0], self.names).decode().rsplit(" ", 1)
        sku, location = row.split("/")
        calls = [("PUT", f"/v1/items/{sku}", '{"name": "the item"}'),
                 ("PUT", f"/v1/locations/{location}", '{"name": "the location"}')]
        if int(units):
            calls.append(("POST", f"/v1/stock/{row}/adjust", f'{{"delta": {units}}}'))
        for method, path, body in calls:
            self.send("", [f"{method} {path}", body])
            if self.receive("").status not in (200, 201):
                raise Failure(f"{method} {path} failed")


def play_case(player, case, path):
    """None, or what went wrong."""
    for step in case.steps:
        player.last = None
        try:
            player.play(step)
        except (AssertionError, Closed, NoAnswer, OSError, ValueError, KeyError,
                pattern.BadPattern, script.BadScript) as trouble:
            shown = f"\nanswered: {player.last}" if player.last else ""
            return (f"{path.name}:{step.number}: {step.who}{step.verb} {step.lines[0]}\n"
                    f"{type(trouble).__name__}: {trouble}{shown}\n"
                    f"the server said:\n{player.server.last_words()}")
    return None


def play_file(path, arguments, listed, tap):
    text = path.read_text()
    flags, cases = script.read_script(dialect.conversation(text) if stores.is_postgres() else text)
    with tempfile.TemporaryDirectory(prefix="rowlock-http-") as folder:
        make = Pair if arguments.pair else Daemon
        with make(arguments.rowlockd, pathlib.Path(folder) / "store.db", flags) as server:
            player, trouble = Player(server, arguments.verbose), None
            for case in cases:
                if trouble is not None:
                    tap.skip(case.sentence, "a case before it failed")
                    continue
                trouble = play_case(player, case, path)
                is_listed = listed.report(tap, case.sentence, trouble)
                if trouble and (case.is_row or is_listed) and server.is_running():
                    player.drop_all()
                    trouble = None
            player.drop_all()
            if not server.is_running():
                if trouble is None:
                    tap.report(f"{path.name}: the server is there at the end", server.last_words())
                return
        tap.report(f"{path.name}: the server stopped cleanly and its books balance",
                   books.check(server.store))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rowlockd", type=pathlib.Path)
    parser.add_argument("file", nargs="*", type=pathlib.Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--pair", action="store_true")
    parser.add_argument("--exceptions", type=pathlib.Path, help="a table, as in lib/exceptions.py")
    arguments = parser.parse_args()
    tap = Tap()
    for path in arguments.file or sorted(HERE.glob("*.txt")):
        listed = Exceptions(arguments.exceptions, path.resolve())
        try:
            play_file(path, arguments, listed, tap)
        except (AssertionError, script.BadScript) as trouble:
            listed.report(tap, path.name, str(trouble))
        for sentence in listed.unused():
            tap.report(f"{path.name}: {sentence}", "listed as an exception, and did not happen")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
