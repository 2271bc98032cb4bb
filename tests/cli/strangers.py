#!/usr/bin/env python3
"""strangers - every verb against every answer that is none: each ends with an exit code for it.

    strangers.py ROWLOCK

At the address of a server something else may listen: a proxy, a captive portal, an older or a
broken server. A verb that takes its answer for a success tells a script that stock was moved. So
each verb of client/verbs.def that talks to a server stands in VERBS, and is held against each of
strangers(); the right answer beside them shows that the table is about the answers.
"""
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

BOUND_S = 20

MOVEMENT = {"seq": 1, "kind": "adjust", "sku": "A", "location": "W", "on_hand_delta": 1,
            "on_hand": 1, "version": 1}
STOCK = {"sku": "A", "location": "W", "on_hand": 1, "reserved": 0, "available": 1, "version": 1}
SUM = {"sku": "A", "on_hand": 1, "reserved": 0, "available": 1, "locations": [STOCK],
       "next": None}
ITEM = {"sku": "A", "name": "Bolt", "archived": False}
LOCATION = {"location": "W", "name": "North", "archived": False}
LEASE = {"id": "l_1", "fence": 1, "purpose": "", "rows": []}
AUDIT = {"id": 1, "actor": "local", "action": "backup", "subject": "db", "detail": {}}
LOCK = {"sku": "A", "location": "W", "holder": None, "waiters": [], "waiter_count": 0}
CHANGED = {"movement": MOVEMENT, "stock": STOCK}
VERIFIED = {"ok": True, "since": 0, "seq": 1, "checked": {}, "finding_count": 0, "findings": []}
TOTAL = {"lines": 1, "applied": 1, "failed": 0, "replayed": 0}


def page(row):
    return {"data": [row], "next": None}


def reservation(state):
    return {"id": "c", "state": state, "lines": [], "owner": None}


def operation(state, status):
    return {"id": "op_1", "state": state, "position": None, "status": status, "result": {}}


# Verb, its right answer, and the status of that. "get" passes on whatever it is.
VERBS = [
    ("item list", page(ITEM), 200),
    ("item show A", ITEM, 200),
    ("item put A --name x", ITEM, 201),
    ("item patch A --name x", ITEM, 200),
    ("item delete A", None, 204),
    ("location list", page(LOCATION), 200),
    ("location show W", LOCATION, 200),
    ("location put W --name x", LOCATION, 201),
    ("location patch W --name x", LOCATION, 200),
    ("location delete W", None, 204),
    ("stock", page(STOCK), 200),
    ("stock A", SUM, 200),
    ("stock A W", STOCK, 200),
    ("adjust A W 1", CHANGED, 201),
    ("set A W 1 --force", CHANGED, 200),
    ("count A W 1 --as-of 1", CHANGED, 200),
    ("transfer A W V 1", {"movements": [MOVEMENT, MOVEMENT], "stock": [STOCK, STOCK]}, 201),
    ("reservation list", page(reservation("active")), 200),
    ("reservation show c", reservation("expired"), 200),
    ("reservation make A/W=1", reservation("active"), 201),
    ("reservation make A/W=1 --id c", reservation("active"), 200),
    ("reservation commit c", reservation("committed"), 200),
    ("reservation release c", reservation("released"), 200),
    ("reservation extend c", reservation("active"), 200),
    ("import FILE --no-key", TOTAL, 200),
    ("lease list", page(LEASE), 200),
    ("lease show l_1", LEASE, 200),
    ("lease take A/W", LEASE, 201),
    ("lease renew l_1;fence=1", LEASE, 200),
    ("lease release l_1", None, 204),
    ("operation show op_1", operation("committed", 201), 200),
    ("operation wait op_1", operation("committed", 201), 200),
    ("operation withdraw op_1", operation("withdrawn", 409), 200),
    ("adjust A W 1 --async", {"id": "op_1", "state": "waiting"}, 202),
    ("locks", page(LOCK), 200),
    ("history", page(MOVEMENT), 200),
    ("audit", page(AUDIT), 200),
    ("changes", {"data": [MOVEMENT], "next": 1}, 200),
    ("verify", VERIFIED, 200),
    ("status", {"live": True, "ready": True, "reasons": []}, 200),
]
# An export is whatever it is: only its media type and its length tell.
EXPORTS = [("export", "application/x-ndjson"), ("export --format csv", "text/csv"),
           ("backup COPY", "application/vnd.sqlite3")]
# What they do is tested elsewhere: they need no server, or one that answers for long.
ELSEWHERE = {"get", "watch", "lab", "crawl", "sql"}
# Members that no verb relies on: they are shown as they are.
SHOWN = {"archived", "owner", "purpose", "since", "position", "result", "reasons", "status"}

JSON, HTML = "application/json", "text/html"
GREETING = b"<html><h1>Welcome</h1></html>"


def strangers(right, status):
    """Name, status, media type, body, and how many bytes more are promised than come."""
    whole = b"" if right is None else json.dumps(right).encode()
    yield "an empty object", 200, JSON, b"{}", 0
    yield "an empty array", 200, JSON, b"[]", 0
    yield "a text", 200, JSON, b'"ok"', 0
    yield "null", 200, JSON, b"null", 0
    yield "a number", 200, JSON, b"1", 0
    yield "half of it", status if status != 204 else 200, JSON, whole[:len(whole) // 2], 0
    yield "a page", 200, HTML, GREETING, 0
    yield "a page that is called JSON", 200, JSON, GREETING, 0
    yield "nothing", 200, JSON, b"", 0
    yield "accepted", 202, JSON, b'{"id":"op_1"}', 0
    yield "a redirect", 302, HTML, b"", 0
    yield "a page for a failure", 502, HTML, GREETING, 0
    yield "a refusal of wrong types", 409, "application/problem+json", b'{"code":7,"title":[]}', 0
    yield "a refusal that is empty", 409, "application/problem+json", b"{}", 0
    yield "less than was promised", status if status != 204 else 200, JSON, whole, 10
    if right is None:
        return
    yield "no content", 204, JSON, b"", 0
    for name in right:
        for wrong in (7.5, "x", [7], {"x": []}, None):
            if (name, wrong) == ("next", "x"):
                continue  # a cursor is a text
            if name not in SHOWN and type(wrong) is not type(right[name]):
                body = json.dumps(right | {name: wrong}).encode()
                yield f"{name} is {wrong!r}", status, JSON, body, 0


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = None
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, kind, body, missing = self.server.answer
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) + missing))
        if missing:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class World:
    def __init__(self, rowlock, folder):
        self.rowlock, self.folder = rowlock, pathlib.Path(folder)
        self.server = Server()
        (self.folder / "lines").write_text(
            '{"op":"adjust","sku":"A","location":"W","delta":1}\n')

    def run(self, verb, *flags):
        words = [str(self.folder / {"FILE": "lines", "COPY": "copy.db"}[word])
                 if word in ("FILE", "COPY") else word for word in verb.split()]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/nonexistent",
                       "ROWLOCK_SERVER": f"http://127.0.0.1:{self.server.server_address[1]}"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            environment.update({name: os.environ[name]} if name in os.environ else {})
        return subprocess.run([self.rowlock, *words, *flags], env=environment, timeout=BOUND_S,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)


def held(world, verb, right, status):
    """The right answer is a success; none of the others is, and each is complained about."""
    trouble = []
    body = b"" if right is None else json.dumps(right).encode() + b"\n"
    for flags in ([], ["--json"]):
        world.server.answer = (status, JSON, body, 0)
        ran = world.run(verb, *flags)
        if ran.returncode != 0:
            trouble.append(f"{verb} {flags}: {ran.returncode} though all is well: {ran.stderr}")
        for name, other, kind, text, missing in strangers(right, status):
            if other == status and text.strip() == body.strip() and not missing:
                continue
            if verb.endswith("--async") and other == 202:
                continue
            world.server.answer = (other, kind, text, missing)
            ran = world.run(verb, *flags)
            # status says it in its table: live is false.
            if ran.returncode not in (1, 3, 5) or (ran.stderr == "" and verb != "status"):
                trouble.append(f"{verb} {flags}: {name}: exit {ran.returncode}, "
                               f"stdout {ran.stdout[:60]!r}, stderr {ran.stderr[:60]!r}")
    assert not trouble, "\n" + "\n".join(trouble)


def exported(world, verb, kind):
    """A page is no export, and leaves no file."""
    for status, other, body, missing in [(200, HTML, GREETING, 0), (200, JSON, b"{}", 0),
                                         (200, kind, b"half", 10), (204, kind, b"", 0),
                                         (302, HTML, b"", 0), (404, HTML, GREETING, 0)]:
        world.server.answer = (status, other, body, missing)
        ran = world.run(verb)
        assert ran.returncode in (1, 3, 6) and ran.stderr != "", (verb, status, other, ran)
        assert not (world.folder / "copy.db").exists(), (verb, status, other)
    world.server.answer = (200, kind, b"all of it", 0)
    ran = world.run(verb)
    assert ran.returncode == 0, ran


def nothing_is_held_by_what_has_ended(world):
    """Whatever the status says: a reservation that is over is no success of one that makes it."""
    for verb, states in [("reservation make A/W=1 --id c", ["expired", "released", "committed"]),
                         ("reservation extend c", ["expired", "superseded"]),
                         ("reservation commit c", ["expired", "active"]),
                         ("reservation release c", ["committed"])]:
        for state in states:
            world.server.answer = (200, JSON, json.dumps(reservation(state)).encode(), 0)
            ran = world.run(verb)
            assert ran.returncode == 5, (verb, state, ran)
            assert f"the reservation is {state}" in ran.stderr, ran


def a_cursor_that_leads_nowhere_ends(world):
    world.server.answer = (200, JSON, json.dumps({"data": [], "next": "a"}).encode(), 0)
    ran = world.run("item list", "--all")
    assert ran.returncode == 1 and "not a list" in ran.stderr, ran
    world.server.answer = (200, JSON, json.dumps(SUM | {"next": "a"}).encode(), 0)
    ran = world.run("stock A")
    assert ran.returncode == 1 and "something else" in ran.stderr, ran


def every_verb_is_here(_):
    """A verb that is added must be held against strangers, too."""
    text = (ROOT / "client" / "verbs.def").read_text()
    known = {" ".join(words).strip()
             for words in re.findall(r'^VERB\(\w+,\s*"(\w+)",\s*"(\w*)"', text, re.M)}
    seen = {verb for verb in known
            for line, *_ in VERBS + EXPORTS if re.match(rf"{verb}(\s|$)", line)}
    assert known - seen == ELSEWHERE, known - seen - ELSEWHERE


def main(rowlock):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-strangers-") as folder:
        world = World(os.path.abspath(rowlock), folder)
        try:
            tap.run("every verb is held against strangers", every_verb_is_here, world)
            for verb, right, status in VERBS:
                tap.run(verb, lambda w, v=verb, r=right, s=status: held(w, v, r, s), world)
            for verb, kind in EXPORTS:
                tap.run(verb, lambda w, v=verb, k=kind: exported(w, v, k), world)
            tap.run("nothing is held by what has ended", nothing_is_held_by_what_has_ended, world)
            tap.run("a cursor that leads nowhere ends", a_cursor_that_leads_nowhere_ends, world)
        finally:
            world.server.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
