#!/usr/bin/env python3
"""access_matrix - who may call what: every call and every op of a batch, by everybody.

    tests/http/access_matrix.py ROWLOCKD
    tests/http/access_matrix.py --print      the cases, one a line, made of the tables

The cases come from server/http/routes.def and schema/commands.def: a call that is added there is
tried by each role, without a token, and with a malformed, an unknown, a wrong, an expired and a
revoked one. Whoever may call it gets what an admin gets. Beside them: locations, keys, operations
and leases of tokens, what ends when a token does, and logins that fail too often.
"""
import base64
import hashlib
import http.client
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from tap import Tap  # noqa: E402

ROLES = ["public", "reader", "clerk", "writer", "admin"]
BAD = ["none", "malformed", "unknown", "wrong", "expired", "revoked", "rotated"]
ROUTE = re.compile(r'^(ROUTE|WRITE)\(HTTP_(\w+),\s*"([^"]+)",\s*(\w+),\s*"\w+",\s*"[^"]*"'
                   r'(?:,\s*(\w+))?\)', re.M)
COMMAND = re.compile(r'^COMMAND\(\s*\d+,\s*(\w+),\s*"[^"]*",\s*"([^"]*)".*?,\s*(\w+)\)$',
                     re.M | re.S)
NAMES = {"{sku}": "A-1", "{location}": "WH1", "{id}": "none", "{seq}": "1", "{code}": "forbidden",
         "{file}": "theme.css"}
ENDED = 1.5  # seconds, in which all is over that a token has opened; on a busy machine


# ---------------------------------------------------------------- the cases

def read_commands():
    """name: (op, role)"""
    text = (ROOT / "schema/commands.def").read_text()
    return {name: (op, role.lower()) for name, op, role in COMMAND.findall(text)}


def read_calls():
    """(method, path as described, role)"""
    commands = read_commands()
    text = (ROOT / "server/http/routes.def").read_text()
    calls = [(method, path, role.lower() if how == "ROUTE" else commands[handler][1])
             for how, method, path, handler, role in ROUTE.findall(text)]
    assert len(calls) == len(re.findall(r"^(?:ROUTE|WRITE)\(HTTP_", text, re.M))
    return calls


def expected(role, who):
    """What is said to him; None: what an admin gets."""
    if role == "public":
        return None
    if who in BAD:
        return 401, "unauthorized"
    return (403, "forbidden") if ROLES.index(who) < ROLES.index(role) else None


def cases():
    for (method, path, role), who in itertools.product(read_calls(), BAD + ROLES[1:]):
        yield method, path, role, who, expected(role, who)


# ---------------------------------------------------------------- tokens, as the store has them

def hash_of(secret):
    return hashlib.blake2b(secret.encode(), digest_size=32).digest()


class Tokens:
    """Types at the store as `rowlockd token` does, also while a server has it."""

    def __init__(self, path):
        self.db = open_sql(path)
        self.texts = {"none": None, "malformed": "rl_short", "unknown": self.text("unknown234")}

    @staticmethod
    def text(public, secret="S" * 42 + "A"):
        return f"rl_{public}_{secret}"

    def add(self, name, role, expires_at=None, revoked_at=None, secret_end=None, locations=()):
        digest = hashlib.sha256(name.encode())
        public = base64.b32encode(digest.digest()).decode().lower()[:10]
        secret = digest.hexdigest()[:42] + "A"
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute("INSERT INTO token (name, role, created_at, expires_at, revoked_at) "
                        "VALUES (?, ?, 1, ?, ?)", (name, role, expires_at, revoked_at))
        token, = self.db.execute("SELECT id FROM token WHERE name = ?", (name,)).fetchone()
        self.db.execute("INSERT INTO token_secret (public, token_id, hash, created_at, expires_at) "
                        "VALUES (?, ?, ?, 1, ?)", (public, token, hash_of(secret), secret_end))
        for code in locations:
            self.db.execute("INSERT INTO token_location VALUES (?, ?)", (token, code))
        self.db.execute("COMMIT")
        self.texts[name] = self.text(public, secret)
        return self.texts[name]

    def add_all(self):
        for role in ROLES[1:]:
            self.add(role, role)
        good = self.texts["admin"]
        self.texts["wrong"] = good[:-2] + ("AA" if good[-2:] != "AA" else "BA")
        self.add("expired", "admin", expires_at=2)
        self.add("revoked", "admin", revoked_at=2)
        self.add("rotated", "admin", secret_end=2)

    def revoke(self, name):
        self.db.execute("UPDATE token SET revoked_at = 5 WHERE name = ?", (name,))


# ---------------------------------------------------------------- asking

class Caller:
    """Each question from an address of its own, of which there are 16 million on this machine."""
    count = itertools.count(2)

    def __init__(self, port, tokens):
        self.port, self.tokens = port, tokens

    def connect(self, address=None):
        number = next(self.count)
        address = address or f"127.1.{number // 250}.{number % 250 + 1}"
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20,
                                          source_address=(address, 0))

    def ask(self, method, path, who, body=None, address=None, **headers):
        text = self.tokens.texts[who]
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if text is not None:
            headers["Authorization"] = "Bearer " + text
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        connection = self.connect(address)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode(errors="replace")
        connection.close()
        try:
            answer.json = json.loads(answer.text)
        except ValueError:
            answer.json = {}
        answer.code = answer.json.get("code") if isinstance(answer.json, dict) else None
        return answer

    def expect(self, status, method, path, who, body=None, **headers):
        answer = self.ask(method, path, who, body, **headers)
        assert answer.status == status, f"{who}: {method} {path}: {answer.status} {answer.text}"
        return answer


def concrete(path):
    path = re.sub(r"\{\w+\}", lambda m: NAMES[m.group(0)], path)
    return path + ("?wait=0" if path == "/v1/changes" else "")


def body_of(method):
    return {} if method in ("POST", "PUT", "PATCH") else None


def try_call(caller, method, path, role):
    """All who may call it get what an admin gets."""
    wanted = caller.ask(method, concrete(path), "admin", body_of(method)).status
    assert wanted not in (401, 429), f"admin: {wanted}"
    for who in BAD + ROLES[1:]:
        answer = caller.ask(method, concrete(path), who, body_of(method))
        said = expected(role, who)
        if said is None and path == "/v1/export" and who != "admin":
            said = (403, "forbidden")  # of everything; of the levels below
        if said is None:
            assert (answer.status, answer.code) != (403, "forbidden"), f"{who}: {answer.text}"
            assert answer.status == wanted, f"{who}: {answer.status}, an admin: {wanted}"
            continue
        assert (answer.status, answer.code) == said, f"{who}: {answer.status} {answer.text}"
        if said[0] == 401:
            assert answer.getheader("WWW-Authenticate", "").startswith("Bearer "), who
        elif path != "/v1/export":
            assert answer.json["role"] == role, answer.text


LINES = {
    "adjust": {"delta": 1}, "set": {"on_hand": 5, "expected_version": 0},
    "transfer": {"from": "WH1", "to": "WH2", "quantity": 1, "location": None},
    "item": {"name": "x", "location": None}, "location": {"name": "x", "sku": None},
    "count": {"counted": 5, "as_of_seq": 1},
    "reserve": {"ttl_s": 60, "lines": [{"sku": "A-1", "location": "WH1", "quantity": 1}],
                "sku": None, "location": None},
    "commit": {"reservation": "none", "sku": None, "location": None},
    "release": {"reservation": "none", "sku": None, "location": None},
    "extend": {"reservation": "none", "ttl_s": 60, "sku": None, "location": None},
    "patch_item": {"name": "x", "location": None}, "patch_location": {"name": "x", "sku": None},
}


def try_op(caller, op, role):
    line = {"op": op, "sku": "A-1", "location": "WH1", **LINES[op]}
    line = json.dumps({name: value for name, value in line.items() if value is not None}) + "\n"
    for who in BAD + ROLES[1:]:
        answer = caller.ask("POST", "/v1/batch", who, line)
        whole = expected("clerk", who)
        if whole is not None:
            assert (answer.status, answer.code) == whole, f"{who}: {answer.text}"
            continue
        assert answer.status == 200, f"{who}: {answer.text}"
        first = json.loads(answer.text.splitlines()[0])
        refused = first.get("code") == "forbidden"
        assert refused == (expected(role, who) is not None), f"{who}: {first}"
        assert not refused or (first["status"] == 403 and role in first["detail"]), first
        if refused:
            answer = caller.ask("POST", "/v1/batch?atomic=true", who, line)
            assert (answer.status, answer.code) == (403, "forbidden"), answer.text


# ---------------------------------------------------------------- what is a token's

ROW = "/v1/stock/A-1/{}/adjust"


def reserve(caller, name, *locations):
    lines = [{"sku": "A-1", "location": code, "quantity": 1} for code in locations]
    caller.expect(201, "PUT", f"/v1/reservations/{name}", "admin", {"lines": lines, "ttl_s": 600})


def check_locations(caller):
    def refused(location, *call, **more):
        answer = caller.ask(*call, **more)
        assert (answer.status, answer.code) == (403, "location-forbidden"), answer.text
        assert answer.json["location"] == location, answer.text

    for code in ("WH1", "WH2"):
        caller.expect(201, "POST", ROW.format(code), "admin", {"delta": 100})
    caller.expect(201, "POST", ROW.format("WH1"), "only-wh1", {"delta": 1})
    refused("WH2", "POST", ROW.format("WH2"), "only-wh1", {"delta": 1})
    transfer = {"sku": "A-1", "from": "WH1", "to": "WH2", "quantity": 1}
    refused("WH2", "POST", "/v1/transfers", "only-wh1", transfer)
    caller.expect(200, "GET", "/v1/stock/A-1/WH2?read=locked", "only-wh1")
    reserve(caller, "both", "WH1", "WH2")
    reserve(caller, "one", "WH1")
    for verb, body in (("extend", {"ttl_s": 60}), ("commit", {}), ("release", {}),
                       ("commit", {"lines": [{"sku": "A-1", "location": "WH1", "quantity": 1}]})):
        refused("WH2", "POST", f"/v1/reservations/both/{verb}", "only-wh1", body)
    refused("WH2", "POST", "/v1/reservations", "only-wh1",
            {"lines": [{"sku": "A-1", "location": "WH1", "quantity": 1}], "ttl_s": 60,
             "supersedes": "both"})
    caller.expect(200, "POST", "/v1/reservations/one/commit", "only-wh1", {})
    refused("WH2", "PUT", "/v1/locations/WH2", "only-wh1", {"name": "x"})
    refused("WH2", "POST", "/v1/leases", "only-wh1",
            {"rows": [{"sku": "A-1", "location": "WH2"}], "ttl_s": 60})
    caller.expect(200, "PUT", "/v1/items/A-1", "only-wh1", {"name": "lies nowhere"})
    lines = "".join(json.dumps({"op": "adjust", "sku": "A-1", "location": code, "delta": 1}) + "\n"
                    for code in ("WH1", "WH2", "WH1"))
    results = caller.expect(200, "POST", "/v1/batch", "only-wh1", lines).text.splitlines()
    assert [json.loads(line).get("status") for line in results[:3]] == [201, 403, 201], results
    assert json.loads(results[1])["location"] == "WH2", results
    refused("WH2", "POST", "/v1/batch?atomic=true", "only-wh1", lines)
    caller.expect(200, "POST", "/v1/reservations/both/release", "admin", {})


def check_keys(caller):
    for who, replayed in (("clerk", None), ("writer", None), ("clerk", "true")):
        answer = caller.expect(201, "POST", ROW.format("WH1"), who, {"delta": 1},
                               Idempotency_Key="same")
        assert answer.getheader("Idempotency-Replayed") == replayed, who


def check_operations(caller):
    begun = caller.expect(202, "POST", ROW.format("WH1"), "clerk", {"delta": 1},
                          Prefer="respond-async")
    path = begun.getheader("Location")
    for who, status in (("clerk", 200), ("reader", 404), ("writer", 404), ("admin", 200)):
        caller.expect(status, "GET", path + "?wait=5", who)
    caller.expect(404, "DELETE", path, "writer")


def check_leases(caller):
    rows = [{"sku": "A-1", "location": "WH1"}]
    taken = caller.expect(201, "POST", "/v1/leases", "clerk", {"rows": rows, "ttl_s": 60}).json
    header, path = f"{taken['id']};fence={taken['fence']}", f"/v1/leases/{taken['id']}"
    for who, status in (("clerk", 201), ("clerk-2", 403), ("writer", 201)):
        answer = caller.expect(status, "POST", ROW.format("WH1"), who, {"delta": 1}, Lease=header)
        assert status == 201 or answer.code == "lease-not-yours", answer.text
    body = {"rows": rows, "ttl_s": 60}
    for who, status in (("clerk-2", 403), ("clerk", 200), ("writer", 200)):
        caller.expect(status, "PUT", path, who, body, Lease=header)
    caller.expect(403, "DELETE", path, "clerk-2")
    caller.expect(204, "DELETE", path, "clerk")


# ---------------------------------------------------------------- what ends with a token

def open_stream(caller, who):
    connection = caller.connect()
    connection.request("GET", "/v1/changes", headers={
        "Accept": "text/event-stream", "Authorization": "Bearer " + caller.tokens.texts[who]})
    answer = connection.getresponse()
    assert answer.status == 200
    assert b"movements" in answer.readline()
    return lambda: answer.read()


def open_poll(caller, who):
    connection = caller.connect()
    connection.request("GET", "/v1/changes?after=latest&wait=60", headers={
        "Authorization": "Bearer " + caller.tokens.texts[who]})
    return lambda: connection.getresponse().read()


def open_upload(caller, who):
    line = b'{"op":"adjust","sku":"A-1","location":"WH1","delta":1}\n'
    s = socket.create_connection(("127.0.0.1", caller.port), timeout=20)
    s.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
              b"Authorization: Bearer " + caller.tokens.texts[who].encode() + b"\r\n\r\n"
              + b"%x\r\n" % len(line) + line + b"\r\n")

    def finish():
        said = b""
        while piece := s.recv(65536):
            said += piece
        assert b"unauthorized" in said, said
    return finish


def open_read(query):
    """A read that waits: it tells an ended token nothing, and not that the server stops either."""
    def opening(caller, who):
        connection = caller.connect()
        connection.request("GET", f"/v1/stock/A-1/WH1?{query}&wait=60", headers={
            "Authorization": "Bearer " + caller.tokens.texts[who]})

        def finish():
            answer = connection.getresponse()
            said = answer.status, json.loads(answer.read())["code"]
            assert said == (401, "unauthorized"), said
        return finish
    return opening


def check_locked_read(caller, tokens):
    lease = {"rows": [{"sku": "A-1", "location": "WH1"}], "ttl_s": 60}
    taken = caller.expect(201, "POST", "/v1/leases", "admin", lease).json
    check_end(caller, tokens, open_read("read=locked"), "reads-locked",
              lambda: metric(caller, "rowlock_writes_waiting") == 1)
    caller.expect(204, "DELETE", f"/v1/leases/{taken['id']}", "admin")


def check_end(caller, tokens, opening, name, has_metric):
    tokens.add(name, "clerk")
    wait_until_good(caller, name)
    finish = opening(caller, name)
    wait_for(has_metric)
    tokens.revoke(name)
    begun = time.monotonic()
    finish()
    took = time.monotonic() - begun
    assert took < ENDED, f"{took:.2f} s"
    answer = caller.ask("GET", "/v1/items", name)
    assert (answer.status, answer.json["detail"]) == (401, "This token was revoked."), answer.text


def wait_for(holds):
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until


def wait_until_closed(caller):
    begun = time.monotonic()
    wait_for(lambda: caller.ask("GET", "/v1/items", "none").status == 401)
    assert time.monotonic() - begun < ENDED


def wait_until_good(caller, name):
    begun = time.monotonic()
    wait_for(lambda: caller.ask("GET", "/v1/items", name).status == 200)
    assert time.monotonic() - begun < ENDED, "a token that is added is good within a second"


def metric(caller, name):
    text = caller.ask("GET", "/metrics", "reader").text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


# ---------------------------------------------------------------- logins that fail

def check_failures(caller):
    address = "127.9.9.9"
    said = [caller.ask("GET", "/v1/items", "unknown", address=address).status for _ in range(40)]
    assert said[:10] == [401] * 10 and said[-10:].count(429) >= 8, said
    assert caller.ask("GET", "/v1/items", "reader", address=address).status == 200
    assert caller.ask("GET", "/v1/items", "unknown", address="127.9.9.8").status == 401
    assert metric(caller, "rowlock_logins_failed_total") >= 41
    assert metric(caller, "rowlock_logins_refused_total") >= 8


def check_twice(caller):
    s = socket.create_connection(("127.0.0.1", caller.port), timeout=20)
    line = b"Authorization: Bearer " + caller.tokens.texts["reader"].encode() + b"\r\n"
    s.sendall(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
              + line + line + b"\r\n")
    assert s.recv(4096).startswith(b"HTTP/1.1 400"), "one of two is not chosen"


def check_white_space(caller):
    """Around the value of a header it is no part of it (RFC 9110, 5.5)."""
    token = caller.tokens.texts["reader"].encode()
    for value, status in ((b" Bearer " + token, 200), (b"\tBearer  " + token, 200),
                          (b" Bearer " + token + b" ", 200), (b" Bearer " + token + b" \t ", 200),
                          (b" Bearer " + token + b" x", 401), (b" Bearer \t ", 401)):
        s = socket.create_connection(("127.0.0.1", caller.port), timeout=20)
        s.sendall(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  b"Authorization:" + value + b"\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 %d" % status), (value, status)
        s.close()


def check_readiness(caller):
    assert caller.expect(200, "GET", "/readyz", "none").json == {"ready": True}
    assert "reasons" in caller.expect(200, "GET", "/readyz", "reader").json
    assert caller.expect(200, "GET", "/readyz", "unknown").json == {"ready": True}


def check_silence(caller):
    """Who may read nothing learns nothing of how much happens, whatever he is refused for."""
    public = {"ready"}, {"live"}
    for who in BAD:
        for path in ("/readyz", "/livez"):
            answer = caller.expect(200, "GET", path, who)
            assert set(answer.json) in public, (who, path, answer.json)
        for status, method, path in ((401, "GET", "/v1/items"), (401, "POST", "/v1/transfers"),
                                     (404, "GET", "/v1/none"), (405, "DELETE", "/v1/stock"),
                                     (401, "GET", "/metrics"), (400, "GET", "/v1/items/%2F")):
            answer = caller.expect(status, method, path, who)
            shown = {name for name in answer.headers if name.lower().startswith("stock-")}
            assert not shown, (who, path, shown)
    assert "Stock-Seq" in caller.expect(200, "GET", "/v1/items", "reader").headers
    assert "Stock-Seq" in caller.expect(403, "DELETE", "/v1/items/A-1", "reader").headers


def check_levels(caller):
    caller.expect(200, "GET", "/v1/export?format=csv", "reader")
    caller.expect(403, "GET", "/v1/export", "writer")
    caller.expect(200, "GET", "/v1/export", "admin")


def check_no_secrets(server, tokens):
    log = "\n".join(server.lines)
    assert "login_failed" in log
    for name, text in tokens.texts.items():
        assert not text or len(text) < 20 or text[-43:] not in log, name


def check_open_store(binary, folder):
    """Nothing is asked of anybody, but not through a proxy."""
    with Daemon(binary, folder / "open.db", []) as server:
        caller = Caller(server.port, type("Nobody", (), {"texts": {"none": None}}))
        caller.expect(200, "GET", "/v1/items", "none")
        for name in ("Via", "Forwarded", "X_Forwarded_For", "x_forwarded_user"):
            for path in ("/v1/items", "/livez"):
                answer = caller.expect(403, "GET", path, "none", **{name: "x"})
                assert answer.code == "proxied-without-token", answer.text


def start(binary, store, *flags, wrapper=(), fds=()):
    """Its exit code and what it said."""
    done = subprocess.run([*wrapper, binary, "--store", store, *flags], stderr=subprocess.PIPE,
                          text=True, timeout=30, pass_fds=fds)
    return done.returncode, done.stderr


def check_start(binary, folder):
    """Of an open store nobody elsewhere may reach the server, unless that is wanted."""
    store = str(folder / "start.db")
    make = f"rowlockd token add NAME --role admin --store {store}"
    everywhere = socket.create_server(("0.0.0.0", 0))
    os.dup2(everywhere.fileno(), 3)
    for flags, more in (
            (["--listen", "0.0.0.0:0"], {}), (["--listen", "127.0.0.1:0,:0"], {}),
            (["--listen", "127.0.0.1:0", "--host-name", "shop.example"], {}),
            ([], {"wrapper": ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh"],
                  "fds": (3,)})):
        code, said = start(binary, store, *flags, **more)
        assert code == 78, f"{flags}: {code} {said}"
        assert make in said.splitlines(), said
        assert f"rowlockd --insecure --store {store}" in said, said
    with Daemon(binary, store, ["--insecure", "--listen", "0.0.0.0:0"]) as server:
        caller = Caller(server.port, type("Nobody", (), {"texts": {"none": None}}))
        caller.expect(200, "GET", "/v1/items", "none", Via="x")
    Tokens(store).add("only", "admin")
    with Daemon(binary, store, ["--listen", "0.0.0.0:0", "--host-name", "a.example"]) as server:
        caller = Caller(server.port, type("Nobody", (), {"texts": {"none": None}}))
        caller.expect(401, "GET", "/v1/items", "none")
    db = Tokens(store)
    db.revoke("only")
    with Daemon(binary, store, ["--insecure"]) as server:  # what was closed stays so
        caller = Caller(server.port, type("Nobody", (), {"texts": {"none": None}}))
        caller.expect(401, "GET", "/v1/items", "none")
        caller.expect(200, "GET", "/livez", "none")


def login_of(user, path):
    """The status of a bad login that a user of this machine tries by the socket: a child's code."""
    child = os.fork()
    if child == 0:
        status = 0
        try:
            os.setuid(user)
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            s.connect(str(path))
            s.sendall(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n"
                      b"Authorization: Bearer x\r\n\r\n")
            status = int(s.recv(64).split()[1])
        finally:
            os._exit(status - 400 if 400 < status < 500 else 255)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) + 400


def check_users(binary, folder):
    """Of a unix socket each user has failures of his own."""
    store, path = folder / "users.db", folder / "users"
    Daemon(binary, store).start().stop()
    Tokens(store).add("only", "admin")
    folder.chmod(0o755)
    with Daemon(binary, store, ["--loops", "1", "--listen", f"unix:{path},mode=0666"]):
        said = [login_of(1234, path) for _ in range(15)]
        assert said[:10] == [401] * 10 and 429 in said[10:], said
        assert login_of(1235, path) == 401 and login_of(os.geteuid(), path) == 401


def check_networks(binary, folder):
    """IPv6 counts by itself; who has the other address of this machine has not failed yet."""
    store = folder / "networks.db"
    Daemon(binary, store).start().stop()
    Tokens(store).add("only", "admin")
    with Daemon(binary, store, ["--loops", "1", "--listen", "127.0.0.1:0,[::1]:0"]) as server:
        server.wait_for_line("http://[::1]:")
        six = int(re.search(r"http://\[::1\]:(\d+)", "\n".join(server.lines))[1])

        def login(host, port):
            connection = http.client.HTTPConnection(host, port, timeout=20)
            connection.request("GET", "/v1/items", headers={"Authorization": "Bearer x"})
            return connection.getresponse().status
        said = [login("::1", six) for _ in range(15)]
        assert said[:10] == [401] * 10 and 429 in said[10:], said
        assert login("127.0.0.1", server.port) == 401


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


def main():
    if sys.argv[1:] == ["--print"]:
        for method, path, role, who, said in cases():
            print(f"{method:6} {path:40} {role:6} {who:9} {said[0] if said else 'as an admin'}")
        return 0
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-access-") as name:
        folder = pathlib.Path(name)
        tap.run("an open store asks nothing, but not through a proxy", check_open_store,
                sys.argv[1], folder)
        tap.run("an open store is not reached from elsewhere", check_start, sys.argv[1], folder)
        for sentence, reason, case in (
                ("each user of a unix socket fails for himself",
                 os.geteuid() != 0 and "only root may be somebody else", check_users),
                ("each network of IPv6 fails for itself",
                 not has_ipv6() and "this machine has no ::1", check_networks)):
            if reason:
                tap.skip(sentence, reason)
            else:
                tap.run(sentence, case, sys.argv[1], folder)
        with Daemon(sys.argv[1], folder / "store.db", []) as server:
            tokens = Tokens(folder / "store.db")
            caller = Caller(server.port, tokens)
            tokens.db.execute("INSERT INTO item (sku, name) VALUES ('A-1', 'Mug')")
            for code in ("WH1", "WH2"):
                tokens.db.execute("INSERT INTO location (code, name) VALUES (?, 'x')", (code,))
            tokens.add_all()
            tokens.add("clerk-2", "clerk")
            tokens.add("only-wh1", "writer", locations=["WH1"])
            tap.run("the first token closes the store within a second", wait_until_closed, caller)
            tap.run("a token that is added opens it to its owner", wait_until_good, caller,
                    "only-wh1")
            tap.run("a limit of locations is for every row that is touched", check_locations,
                    caller)
            for method, path, role in read_calls():
                tap.run(f"{method} {path} is a {role}'s", try_call, caller, method, path, role)
            for op, role in read_commands().values():
                if op:
                    tap.run(f"a line with {op} is a {role}'s", try_op, caller, op, role)
            tap.run("a key is one of its token", check_keys, caller)
            tap.run("an operation is its token's", check_operations, caller)
            tap.run("a lease is its token's", check_leases, caller)
            tap.run("of readiness only the word is public", check_readiness, caller)
            tap.run("who may read nothing learns nothing of how much happens", check_silence,
                    caller)
            tap.run("of an export only the levels are a reader's", check_levels, caller)
            tap.run("a stream ends with its token", check_end, caller, tokens, open_stream,
                    "streamer", lambda: True)
            tap.run("a long poll ends with its token", check_end, caller, tokens, open_poll,
                    "poller", lambda: metric(caller, "rowlock_feed_subscribers") >= 1)
            tap.run("an upload ends with its token", check_end, caller, tokens, open_upload,
                    "uploader", lambda: metric(caller, "rowlock_batches") >= 1)
            tap.run("a read that waits for a seq ends with its token", check_end, caller, tokens,
                    open_read("min_seq=999999999"), "reads-later",
                    lambda: metric(caller, "rowlock_reads_waiting") == 1)
            tap.run("so does one that waits in a row's queue", check_locked_read, caller, tokens)
            tap.run("two Authorization headers are none", check_twice, caller)
            tap.run("white space around a header's value is none of it", check_white_space, caller)
            tap.run("logins that fail too often are told so, and stop nobody", check_failures,
                    caller)
            tap.run("no secret is in the log", check_no_secrets, server, tokens)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
