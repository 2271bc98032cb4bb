#!/usr/bin/env python3
"""access_open - to whom a store is open: what it has had × by what way somebody comes × what he
sends; and what is open when a store gets its first token.

    tests/http/access_open.py ROWLOCKD
"""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from access_matrix import Tokens  # noqa: E402
from daemon import Daemon, SOCKET  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

CONFIGURATION = 78
SEEN_S_MAX = 1.0  # promised; CROWDED_S more where the machine has other things to do
CROWDED_S = 10.0
END_S_MAX = 30

# What a start comes to, of a store that never had a token, that had some of which none is valid,
# and that has a valid one. "serves" is without asking, "closed" is 401 without a token.
STARTS = """
flags                        never   ended   valid
127.0.0.1                    serves  closed  closed
[::1]                        serves  closed  closed
unix                         serves  closed  closed
0.0.0.0                      78      closed  closed
[::]                         78      closed  closed
127.0.0.1,0.0.0.0            78      closed  closed
unix,0.0.0.0                 78      closed  closed
host_name                    78      closed  closed
trust_proxy                  78      closed  closed
inherited_loopback           serves  closed  closed
inherited_unix               serves  closed  closed
inherited_all                78      closed  closed
0.0.0.0+insecure             serves  closed  closed
host_name+insecure           serves  closed  closed
trust_proxy+insecure         serves  closed  closed
inherited_all+insecure       serves  closed  closed
"""
# What says that a proxy stands in front, in each case of letters, also where it says nothing.
PROXIED = ["Via", "via", "VIA", "Forwarded", "forwarded", "X-Forwarded-For", "x-forwarded-for",
           "X-FORWARDED-FOR", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-User",
           "x-Forwarded-anything"]
NOT_PROXIED = ["X-Forwarded", "Viaduct", "X-Via", "Forward", "X-Real-IP"]


def table():
    first, *rows = STARTS.strip().splitlines()
    return {name: dict(zip(first.split()[1:], outcomes, strict=True))
            for name, *outcomes in (row.split() for row in rows)}


def make_store(rowlockd, folder, had):
    store = folder / "store.db"
    with Daemon(rowlockd, store):
        pass
    tokens = Tokens(store)
    tokens.db.executescript("INSERT INTO item (sku, name) VALUES ('A-1', 'x');"
                            "INSERT INTO location (code, name) VALUES ('WH1', 'x')")
    if had != "never":
        tokens.add("only", "admin", revoked_at=5 if had == "ended" else None)
    tokens.db.close()
    return store, tokens.texts.get("only")


# ---------------------------------------------------------------- starts

def inherited(kind, folder):
    """A socket; the shell makes it descriptor 3 of the server."""
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.bind(str(folder / SOCKET))
        s.listen()
        return s
    return socket.create_server(("0.0.0.0" if kind == "all" else "127.0.0.1", 0))


def daemon_of(rowlockd, store, name):
    """With what is to be closed behind it."""
    what, _, insecure = name.partition("+")
    flags = ["--insecure"] if insecure else []
    if what.startswith("inherited_"):
        s = inherited(what.partition("_")[2], store.parent)
        server = Daemon(rowlockd, store, flags, wrapper=[
            "sh", "-c", f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{s.fileno()}', "sh"])
        server.pass_fds = (s.fileno(),)
        return server, s
    if what == "host_name":
        flags += ["--host-name", "shop.example"]
    elif what == "trust_proxy":
        flags += ["--trust-proxy", "127.0.0.1"]
    else:
        listen = [f"unix:$folder/{SOCKET}" if address == "unix" else f"{address}:0"
                  for address in what.split(",")]
        flags += ["--listen", ",".join(listen)]
    return Daemon(rowlockd, store, flags), None


def way_to(server):
    """A Client's place; of the first address that it listens at."""
    path = server.socket_path
    return path if not server.port and os.path.exists(path) else server.port


def ask(server, headers=()):
    """By the first address, as a plain client does. (status, code)"""
    place = way_to(server)
    if isinstance(place, int) and any("listening on http://[" in line for line in server.lines):
        s = socket.create_connection(("::1", place), timeout=20)
        connection = Connection.__new__(Connection)
        connection.socket, connection.buffer, connection.methods = s, b"", []
    else:
        connection = Connection(place)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    connection.send(f"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode(), "GET")
    answer = connection.read_answer()
    connection.close()
    return answer.status, answer.json().get("code")


def try_start(rowlockd, folder, name, had, outcome):
    store, text = make_store(rowlockd, folder, had)
    server, inherited_socket = daemon_of(rowlockd, store, name)
    try:
        if outcome == "78":
            ended = subprocess.run(server.command(), capture_output=True, text=True,
                                   pass_fds=server.pass_fds, timeout=END_S_MAX)
            assert ended.returncode == CONFIGURATION, ended
            for line in (f"rowlockd token add NAME --role admin --store {store}",
                         f"rowlockd --insecure --store {store}"):
                assert line in ended.stderr.partition("event=open_store_refused")[2], ended.stderr
            return
        with server:
            status, code = ask(server)
            assert status == (200 if outcome == "serves" else 401), (status, code)
            status, code = ask(server, [("X-Forwarded-For", "10.0.0.1")])
            is_proxy_refused = outcome == "serves" and "insecure" not in name
            assert (code == "proxied-without-token") == is_proxy_refused, (status, code)
            if had != "never":
                status, code = ask(server, [("Authorization", f"Bearer {text}")])
                assert status == (200 if had == "valid" else 401), (status, code)
    finally:
        if inherited_socket:
            inherited_socket.close()


# ---------------------------------------------------------------- proxies

def check_proxied(rowlockd, folder):
    """By each name and in each case of letters; what only looks like one is none."""
    store, _ = make_store(rowlockd, folder, "never")
    with Daemon(rowlockd, store, ["--listen", f"127.0.0.1:0,unix:$folder/{SOCKET}"]) as server:
        for place in (server.port, server.socket_path):
            for name in PROXIED + NOT_PROXIED:
                for value in ("x", ""):
                    connection = Connection(place)
                    connection.send(f"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n{name}: {value}"
                                    "\r\n\r\n".encode(), "GET")
                    answer = connection.read_answer()
                    connection.close()
                    wanted = 403 if name in PROXIED else 200
                    assert answer.status == wanted, f"{place}: {name}: {value!r}: {answer}"


# ---------------------------------------------------------------- the first token

class FirstToken:
    """What somebody has under way while the store is open, and what becomes of it."""

    def __init__(self, rowlockd, folder):
        self.store, _ = make_store(rowlockd, folder, "never")
        self.server = Daemon(rowlockd, self.store, [
            "--loops", "1", "--listen", f"127.0.0.1:0,unix:$folder/{SOCKET}"])

    def open(self, method, path, more="", body=b"", place=None):
        connection = Connection(place or self.server.port)
        length = "" if "chunked" in more else f"Content-Length: {len(body)}\r\n"
        connection.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}{length}\r\n"
                        .encode() + body, method)
        return connection

    def metric(self, name):
        text = self.client.get("/metrics").body.decode()
        return float(next(line for line in text.splitlines()
                          if line.startswith(name + " ")).split()[1])

    def run(self, tap):
        with self.server:
            self.client = Client(self.server.port)
            lease = self.client.post("/v1/leases", {"ttl_s": 600, "rows": [
                {"sku": "A-1", "location": "WH1"}]}).json()
            streams = [self.open("GET", "/v1/changes", "Accept: text/event-stream\r\n", place=place)
                       for place in (None, self.server.socket_path)]
            for stream in streams:
                wait_for(stream, b": movements")
            idle = self.open("GET", "/v1/items")
            assert idle.read_answer().status == 200
            begun = self.client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1},
                                     Prefer="respond-async").header("Location")
            poll = self.open("GET", "/v1/changes?after=latest&wait=60")
            looking = self.open("GET", begun + "?wait=60")
            upload = self.open("POST", "/v1/batch", "Transfer-Encoding: chunked\r\n")
            line = b'{"op":"item","sku":"B-1","name":"x"}\n'
            upload.send(b"%x\r\n" % len(line) + line + b"\r\n")
            wait_until(lambda: self.client.get("/v1/items/B-1").status == 200, "a line is decided")
            write = self.open("POST", "/v1/stock/A-1/WH1/adjust?wait=60", body=b'{"delta":1}')
            wait_until(lambda: self.metric("rowlock_writes_waiting") >= 2, "it waits")
            tokens = Tokens(self.store)
            tokens.add("first", "admin")
            done = time.monotonic()
            for stream in streams:
                tap.run("a stream ends", wait_for, stream, b": the token has ended")
            tap.run("a poll is answered", expect, poll, 200)
            tap.run("a look at an operation is answered", expect, looking, 200)
            tap.run("an upload is cut", expect, upload, 200, b"unauthorized")
            took = time.monotonic() - done
            tap.run("within a second", check, took < SEEN_S_MAX + CROWDED_S, f"{took:.2f} s")
            idle.send(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
            tap.run("an idle connection asks in vain", expect, idle, 401)
            tap.run("so does a new one", check, self.client.get("/v1/items").status == 401, "open")
            tap.run("a write that waits goes on waiting", check, not write.has_news(), "answered")
            bearer = {"Authorization": f"Bearer {tokens.texts['first']}"}
            given = self.client.request("DELETE", f"/v1/leases/{lease['id']}", **bearer)
            tap.run("a lease of before is an admin's to give back", check, given.status == 204,
                    given)
            tap.run("and then the write is carried out", expect, write, 201)
            ended = self.client.request("GET", begun + "?wait=20", **bearer)
            tap.run("as is the operation, which an admin sees", check,
                    ended.json().get("state") == "committed", ended)
            made = self.client.request("GET", "/v1/movements", **bearer).json()["data"]
            tap.run("both by whom they were asked", check,
                    [movement["actor"] for movement in made] == ["local", "local"], made)


def wait_for(connection, piece):
    until = time.monotonic() + END_S_MAX
    while piece not in connection.buffer:
        connection._receive(until)


def expect(connection, status, piece=b""):
    answer = connection.read_answer()
    assert answer.status == status and piece in answer.body, answer


def check(is_so, what):
    assert is_so, what


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-open-") as name:
        folder, count = pathlib.Path(name), 0

        def fresh():
            nonlocal count
            count += 1
            (folder / str(count)).mkdir()
            return folder / str(count)

        for what, outcomes in table().items():
            for had, outcome in outcomes.items():
                tap.run(f"{what}, a token {had}: {outcome}", try_start, sys.argv[1], fresh(), what,
                        had, outcome)
        tap.run("a proxy is known by each of its headers", check_proxied, sys.argv[1], fresh())
        FirstToken(sys.argv[1], fresh()).run(tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
