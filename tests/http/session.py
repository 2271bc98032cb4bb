#!/usr/bin/env python3
"""session - logins of the page: which cookie counts, for which request, and for how long.

    tests/http/session.py ROWLOCKD

What counts is a product of the cookie, the Host, the Origin, what the browser says of the site, and
the method; a rule of three lines here says for each what must be answered. Cookies are made here
as well, with the store's key, so that each damaged or outdated one can be tried.
"""
import base64
import collections
import hashlib
import http.client
import itertools
import json
import pathlib
import re
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from access_matrix import Tokens, ENDED, wait_for  # noqa: E402
from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402

TLS = "__Host-rowlock"
SITE = "stock.example"
HOURS = 12
ROW = "/v1/stock/A-1/WH1/adjust"
Answer = collections.namedtuple("Answer", "status headers text json cookies")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        import socket
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class World:
    """A closed store, its server, and whoever asks: each from an address of his own."""
    count = itertools.count(2)

    def __init__(self, server, tokens):
        self.server, self.tokens = server, tokens
        self.host = f"127.0.0.1:{server.port}"
        self.name = f"rowlock-{server.port}"

    def begin(self, method, path, body=None, headers=(), address=None, socket=None):
        """The connection: its answer is still to be read. Headers are pairs."""
        number = next(self.count)
        address = address or f"127.2.{number // 250}.{number % 250 + 1}"
        connection = UnixConnection(socket) if socket else http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=20, source_address=(address, 0))
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = list(headers)
        if not any(name == "Host" for name, _ in headers):
            headers.append(("Host", self.host))
        if body is not None:
            body = json.dumps(body).encode()
            headers += [("Content-Type", "application/json"), ("Content-Length", len(body))]
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection

    def ask(self, method, path, body=None, headers=(), **more):
        connection = self.begin(method, path, body, headers, **more)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = {}
        return Answer(answer.status, answer.headers, text, parsed,
                      answer.headers.get_all("Set-Cookie") or [])

    def bearer(self, who):
        return ("Authorization", "Bearer " + self.tokens.texts[who])

    def own(self):
        """What the page's own requests on this machine have."""
        return [("Origin", f"http://{self.host}")]

    def login(self, who, headers=None, **more):
        """The cookie, as the browser sends it back."""
        answer = self.ask("POST", "/v1/session", headers=[
            self.bearer(who), *(self.own() if headers is None else headers)], **more)
        assert answer.status == 200 and len(answer.cookies) == 1, answer
        return answer.cookies[0].split(";")[0]

    def as_page(self, cookie, method="GET", path="/v1/items", body=None, **more):
        return self.ask(method, path, body, [*self.own(), ("Cookie", cookie)], **more)

    def key(self):
        return self.tokens.db.execute("SELECT session_key FROM store").fetchone()[0]

    def public(self, who):
        return self.tokens.texts[who].split("_")[1]

    def make(self, who="reader", after_s=60, name=None, key=None, public=None):
        """A cookie that ends so many seconds from now, as the server writes it."""
        name = name or self.name
        until = int(time.time()) + after_s
        signed = f"{name}=1.{public or self.public(who)}.{until:012d}."
        digest = hashlib.blake2b(signed.encode(), digest_size=32, key=key or self.key()).digest()
        return signed + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def metric(self, name):
        text = self.ask("GET", "/metrics", headers=[self.bearer("reader")]).text
        return sum(float(line.split()[1]) for line in text.splitlines()
                   if line.split()[0].partition("{")[0] == name)


def expect(answer, status, code=None):
    assert answer.status == status, answer
    assert code is None or answer.json.get("code") == code, answer
    return answer


# ---------------------------------------------------------------- the login

def check_open_store(binary, folder):
    with Daemon(binary, folder / "open.db", []) as server:
        w = World(server, None)
        for method in ("GET", "POST"):
            answer = expect(w.ask(method, "/v1/session", headers=w.own()), 200)
            assert answer.json == {"actor": "local", "role": "admin", "locations": None,
                                   "expires_at": None, "by": "local"}, answer
            assert answer.cookies == []
        expect(w.ask("DELETE", "/v1/session", headers=w.own()), 204)


def check_who(w):
    """Everybody is told who he is; whoever is nobody is no failed login."""
    before = w.metric("rowlock_logins_failed_total")
    answer = expect(w.ask("GET", "/v1/session"), 200)
    assert answer.json == {"actor": None, "role": "public", "locations": None,
                           "expires_at": None, "by": "nothing"}, answer
    answer = expect(w.ask("GET", "/v1/session", headers=[w.bearer("only-wh1")]), 200)
    assert answer.json == {"actor": "only-wh1", "role": "writer", "locations": ["WH1"],
                           "expires_at": None, "by": "token"}, answer
    cookie = w.login("only-wh1")
    answer = expect(w.as_page(cookie, path="/v1/session"), 200)
    assert (answer.json["actor"], answer.json["by"]) == ("only-wh1", "session"), answer
    assert w.metric("rowlock_logins_failed_total") == before
    for damaged in (cookie[:-1], cookie + "x", w.make(after_s=-1), w.make(key=b"k" * 32)):
        assert expect(w.as_page(damaged, path="/v1/session"), 200).json["by"] == "nothing"


def check_cookie(w):
    answer = expect(w.ask("POST", "/v1/session", headers=[w.bearer("clerk"), *w.own()]), 200)
    value, *rest = answer.cookies[0].split("; ")
    assert value.startswith(w.name + "=1."), answer.cookies
    assert [word for word in rest if not word.startswith("Max-Age=")] == [
        "Path=/", "HttpOnly", "SameSite=Strict"], rest
    age = next(int(word[8:]) for word in rest if word.startswith("Max-Age="))
    assert HOURS * 3600 - 2 <= age <= HOURS * 3600, age
    assert answer.json["by"] == "token" or answer.json["by"] == "session", answer
    assert answer.headers["Cache-Control"] == "no-store"
    tls = expect(w.ask("POST", "/v1/session", headers=[
        w.bearer("clerk"), ("Host", SITE), ("Origin", f"https://{SITE}")]), 200).cookies[0]
    assert tls.startswith(TLS + "=") and "; Path=/;" in tls, tls
    assert tls.endswith("; HttpOnly; SameSite=Strict; Secure") and "Domain" not in tls, tls


def places(w):
    """(Host, Origin, the cookie's name; None: none may be given)"""
    port = w.server.port
    yield w.host, f"http://{w.host}", w.name
    yield f"localhost:{port}", f"http://localhost:{port}", w.name
    yield f"LOCALHOST:{port}", f"http://localhost:{port}", w.name
    yield f"[::1]:{port}", f"http://[::1]:{port}", w.name
    yield "localhost", "http://localhost", "rowlock-80"
    yield SITE, f"https://{SITE}", TLS
    yield SITE, f"HTTPS://{SITE.upper()}", TLS
    yield f"localhost:{port}", f"https://localhost:{port}", TLS
    yield SITE, f"http://{SITE}", None
    yield w.host, None, None
    yield SITE, None, None
    yield w.host, f"http://localhost:{port}", None
    yield w.host, f"https://{SITE}", None
    yield SITE, f"http://{w.host}", None


def check_places(w):
    for host, origin, name in places(w):
        headers = [w.bearer("clerk"), ("Host", host)] + ([("Origin", origin)] if origin else [])
        answer = w.ask("POST", "/v1/session", headers=headers)
        if name is None:
            expect(answer, 403, "login-unsafe")
            assert answer.cookies == [] and "ssh -L" in answer.json["hint"], answer
        else:
            expect(answer, 200)
            assert answer.cookies[0].startswith(name + "="), (host, origin, answer.cookies)


def check_no_login(w):
    """Without a good token there is none, and a login is not made longer by itself."""
    cookie = w.login("clerk")
    for headers, status in (([], 401), ([("Authorization", "Bearer rl_short")], 401),
                            ([w.bearer("revoked")], 401), ([w.bearer("expired")], 401),
                            ([("Cookie", cookie)], 401)):
        answer = expect(w.ask("POST", "/v1/session", headers=[*w.own(), *headers]), status)
        assert answer.cookies == [] and answer.headers["WWW-Authenticate"], answer
    said = [w.ask("POST", "/v1/session", address="127.9.8.7", headers=[
        *w.own(), w.bearer("unknown")]).status for _ in range(30)]
    assert said[:10] == [401] * 10 and 429 in said, said


# ---------------------------------------------------------------- what counts

SITES = [None, "same-origin", "none", "same-site", "cross-site"]
METHODS = [("GET", "/v1/items"), ("HEAD", "/v1/items"), ("POST", ROW)]


def counts(w, host, origin, site, method, names):
    """Does one of the cookies that were sent count?"""
    for name in names:
        scheme = "https" if name == TLS else "http"
        if name != TLS and (name != w.name or host == SITE):
            continue
        if origin == f"{scheme}://{host}":
            return True
        if origin is None and method != "POST" and site in (None, "same-origin", "none"):
            return True
    return False


def check_product(w):
    names = [TLS, w.name, f"rowlock-{w.server.port + 1}", "rowlock"]
    cookies = {name: w.make("clerk", name=name) for name in names}
    sent = [[name] for name in names] + [[], [TLS, w.name], [w.name, TLS]]
    tried = 0
    for host, site, (method, path), which in itertools.product(
            (w.host, SITE), SITES, METHODS, sent):
        for origin in (None, f"http://{host}", f"https://{host}"):
            headers = [("Host", host)]
            headers += [("Cookie", "; ".join(cookies[name] for name in which))] if which else []
            headers += [("Origin", origin)] if origin else []
            headers += [("Sec-Fetch-Site", site)] if site else []
            answer = w.ask(method, path, {"delta": 1} if method == "POST" else None, headers)
            good = counts(w, host, origin, site, method, which)
            if site == "cross-site":  # refused before anybody asks who it is
                assert answer.status == 403, (headers, answer)
                continue
            wanted = 401 if not good else 201 if method == "POST" else 200
            assert answer.status == wanted, (method, headers, wanted, answer)
            tried += 1
    assert tried > 400, tried


def check_both(w):
    """Where both ways lead to the same name, each request is of whom its Origin says."""
    headers = [("Cookie", w.make("clerk", name=TLS) + "; " + w.make("reader"))]
    for scheme, who in (("http", "reader"), ("https", "clerk")):
        answer = w.ask("GET", "/v1/session", headers=headers + [("Origin", f"{scheme}://{w.host}")])
        assert answer.json["actor"] == who, answer
    assert w.ask("GET", "/v1/session", headers=headers).json["actor"] == "reader"
    answer = w.ask("GET", "/v1/session", headers=headers + [("X-Forwarded-Proto", "https")])
    assert answer.json["actor"] == "clerk", answer


def check_twice(w):
    one, two = w.make("clerk"), w.make("reader")
    for cookies in ([f"{one}; {two}"], [one, two], [f"{one}; a=b; {one}"]):
        headers = [*w.own(), *(("Cookie", text) for text in cookies)]
        answer = expect(w.ask("GET", "/v1/items", headers=headers), 401, "unauthorized")
        assert "more than once" in answer.json["detail"], answer
    expect(w.ask("GET", "/v1/items", headers=[
        *w.own(), ("Cookie", "a=b"), ("Cookie", f"c=d; {one}")]), 200)
    expect(w.ask("GET", "/v1/items", headers=[*w.own(), *w.own(), ("Cookie", one)]), 401)


def check_damaged(w):
    """Only what somebody else has signed is a login that failed."""
    good = w.make("clerk")
    value = good.partition("=")[2]
    rows = [(good, 0, 200), (w.make("clerk", after_s=-1), 0, 401),
            (w.make("clerk", after_s=13 * 3600), 0, 401), (good[:-1], 0, 401),
            (good + "A", 0, 401), (f"{w.name}=", 0, 401), (f"{w.name}={value[:9]}", 0, 401),
            (good.replace("=1.", "=2."), 0, 401), (w.make(public="unknown234"), 0, 401),
            (w.make("revoked"), 0, 401), (w.make("expired"), 0, 401),
            (w.make("rotated"), 0, 401), (w.make("clerk", key=bytes(32)), 1, 401),
            (good[:-1] + ("A" if good[-1] != "A" else "B"), 1, 401),
            (good.replace(w.public("clerk"), w.public("admin")), 1, 401),
            (f"{w.name}=" + w.make("clerk", name=TLS).partition("=")[2], 1, 401)]
    for cookie, failed, status in rows:
        before = w.metric("rowlock_logins_failed_total")
        answer = expect(w.as_page(cookie), status)
        assert status == 200 or answer.headers["WWW-Authenticate"], answer
        assert w.metric("rowlock_logins_failed_total") - before == failed, cookie
    forged = w.make("clerk", key=b"x" * 32)
    said = [w.as_page(forged, address="127.9.8.6").status for _ in range(30)]
    assert said[:10] == [401] * 10 and 429 in said, said
    expect(w.as_page(good, address="127.9.8.6"), 200)


def check_roles(w):
    rows = [("reader", "POST", ROW, {"delta": 1}, 403), ("clerk", "POST", ROW, {"delta": 1}, 201),
            ("clerk", "PUT", "/v1/items/A-1", {"name": "x"}, 403),
            ("only-wh1", "PUT", "/v1/items/A-1", {"name": "x"}, 200),
            ("only-wh1", "PUT", "/v1/locations/WH2", {"name": "x"}, 403),
            ("writer", "GET", "/v1/audit", None, 403), ("admin", "GET", "/v1/audit", None, 200)]
    for who, method, path, body, status in rows:
        expect(w.as_page(w.login(who), method, path, body), status)
    newest = w.ask("GET", "/v1/movements?order=desc&limit=1", headers=[w.bearer("reader")])
    assert newest.json["data"][0]["actor"] == "clerk", newest


def check_authorization(w):
    """It wins, alone."""
    cookie = ("Cookie", w.make("admin"))
    for who, status in (("unknown", 401), ("revoked", 401), ("clerk", 403)):
        expect(w.ask("GET", "/v1/audit", headers=[*w.own(), cookie, w.bearer(who)]), status)
    answer = w.ask("GET", "/v1/session", headers=[*w.own(), cookie, w.bearer("clerk")])
    assert (answer.json["actor"], answer.json["by"]) == ("clerk", "token"), answer


# ---------------------------------------------------------------- its end

def check_logout(w):
    cookie = w.login("clerk")
    for text in (cookie, cookie[:-3], w.make(key=b"y" * 32), "a=b"):
        answer = expect(w.as_page(text, "DELETE", "/v1/session"), 204)
        assert answer.cookies == [f"{w.name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"]
    answer = w.ask("DELETE", "/v1/session", headers=[("Host", SITE), ("Origin", f"https://{SITE}")])
    assert answer.cookies == [f"{TLS}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"]
    expect(w.ask("DELETE", "/v1/session", headers=[("Origin", "http://evil.example")]), 403)

    def rows():
        audit = w.ask("GET", "/v1/audit?order=desc&limit=100&actor=clerk", headers=[
            w.bearer("admin")]).json["data"]
        return [row["action"] for row in audit if row["subject"] == w.public("clerk")]
    wait_for(lambda: rows()[:2] == ["logout", "login"])
    assert rows().count("logout") == 1, "a cookie that is worth nothing logs nobody out"


def open_stream(w, cookie):
    connection = w.begin("GET", "/v1/changes", headers=[
        ("Accept", "text/event-stream"), *w.own(), ("Cookie", cookie)])
    answer = connection.getresponse()
    assert answer.status == 200 and answer.readline()

    def finish():
        until = time.monotonic() + 10
        while answer.readline():  # a sign of life each 15 s
            assert time.monotonic() < until, "the stream goes on"
    return finish


def open_poll(w, cookie):
    connection = w.begin("GET", "/v1/changes?after=latest&wait=60", headers=[
        *w.own(), ("Cookie", cookie)])
    wait_for(lambda: w.metric("rowlock_feed_subscribers") >= 1)
    return lambda: connection.getresponse().read()


def end_by_revocation(w, who):
    w.tokens.revoke(who)


def end_by_rotation(w, who):
    w.tokens.db.execute("UPDATE token_secret SET expires_at = 5 WHERE public = ?",
                        (w.public(who),))


def end_by_key(w, who):
    w.tokens.db.execute("UPDATE store SET session_key = randomblob(32)")


ENDS = [("its token is revoked", end_by_revocation),
        ("its secret is rotated away", end_by_rotation),
        ("the store has another key", end_by_key)]


def check_end(w, name, end):
    w.tokens.add(name, "clerk")
    wait_for(lambda: w.ask("GET", "/v1/items", headers=[w.bearer(name)]).status == 200)
    cookie = w.login(name)
    expect(w.as_page(cookie), 200)
    waiting = [opening(w, cookie) for opening in (open_stream, open_poll)]
    begun = time.monotonic()
    end(w, name)
    for finish in waiting:
        finish()
        assert time.monotonic() - begun < ENDED, time.monotonic() - begun
    expect(w.as_page(cookie), 401)


def check_other_change(w):
    """A change of another token, with the same key, ends nobody's stream."""
    w.tokens.add("bystander", "reader")
    wait_for(lambda: w.ask("GET", "/v1/items", headers=[w.bearer("bystander")]).status == 200)
    cookie = w.login("bystander")
    connection = w.begin("GET", "/v1/changes?after=latest&wait=3", headers=[
        *w.own(), ("Cookie", cookie)])
    begun = time.monotonic()
    w.tokens.add("unrelated", "reader")
    connection.getresponse().read()
    assert time.monotonic() - begun > 2.5, "it was answered before its time"
    expect(w.as_page(cookie), 200)


def check_time(w):
    """It ends by itself, and what it opened with it; never later than its token."""
    cookie = w.make("clerk", after_s=2)
    finish = open_stream(w, cookie)
    begun = time.monotonic()
    finish()
    assert time.monotonic() - begun < 2 + ENDED
    expect(w.as_page(cookie), 401)
    w.tokens.add("short", "reader", expires_at=int(time.time() * 1000) + 100_000)
    wait_for(lambda: w.ask("GET", "/v1/items", headers=[w.bearer("short")]).status == 200)
    answer = w.ask("POST", "/v1/session", headers=[w.bearer("short"), *w.own()])
    age = int(answer.cookies[0].split("Max-Age=")[1].split(";")[0])
    assert 60 < age <= 100, age


def check_restart(w):
    """Nothing is stored of it: it is good at a server that never saw it."""
    cookie, tls = w.login("clerk"), w.make("clerk", name=TLS)
    w.server.restart()
    old, w.host, w.name = w.name, f"127.0.0.1:{w.server.port}", f"rowlock-{w.server.port}"
    expect(w.as_page(cookie), 200 if old == w.name else 401)
    expect(w.ask("GET", "/v1/items", headers=[("Host", SITE), ("Cookie", tls)]), 200)


# ---------------------------------------------------------------- beside others

def check_socket(binary, folder):
    """A user of this machine and the person of a proxy say nothing beside it."""
    import getpass
    flags = ["--listen", "unix:$folder/rowlock.sock,127.0.0.1:0", "--socket-role",
             f"{getpass.getuser()}=admin", "--host-name", SITE]
    store = folder / "socket.db"
    with Daemon(binary, store, []):
        pass
    tokens = Tokens(str(store))
    tokens.add("clerk", "clerk")
    with Daemon(binary, store, flags) as server:
        w, here = World(server, tokens), {"socket": server.socket_path}
        w.host, w.name = "localhost", "rowlock-80"
        answer = w.ask("GET", "/v1/session", **here)
        assert answer.json["by"] == "socket", answer
        expect(w.ask("POST", "/v1/session", headers=w.own(), **here), 401)
        cookie = w.login("clerk", **here)
        answer = w.as_page(cookie, path="/v1/session", **here)
        assert (answer.json["actor"], answer.json["role"]) == ("clerk", "clerk"), answer
        expect(w.as_page(cookie, path="/v1/audit", **here), 403)
        expect(w.as_page(cookie[:-2], path="/v1/audit", **here), 401)
        expect(w.ask("POST", ROW, {"delta": 1}, [("Cookie", cookie)], **here), 401)
    with Daemon(binary, store, [*flags[:2], "--trust-proxy", "unix"]) as server:
        w, here = World(server, tokens), {"socket": server.socket_path}
        w.host, w.name = "localhost", "rowlock-80"
        person = ("X-Forwarded-User", "anna")
        answer = w.ask("GET", "/v1/session", headers=[w.bearer("clerk"), person], **here)
        assert (answer.json["actor"], answer.json["by"]) == ("clerk/anna", "token"), answer
        answer = w.ask("POST", "/v1/session", headers=[w.bearer("clerk"), person, *w.own()], **here)
        expect(answer, 403, "login-unsafe")
        cookie = w.login("clerk", **here)
        headers = [*w.own(), ("Cookie", cookie), person]
        assert w.ask("GET", "/v1/session", headers=headers, **here).json["actor"] == "clerk"


def check_no_key(binary, folder):
    """A store whose key is none has no logins, and says so."""
    store = folder / "no_key.db"
    with Daemon(binary, store, []):
        pass
    tokens = Tokens(str(store))
    tokens.add("clerk", "clerk")
    tokens.db.execute("UPDATE store SET session_key = x''")
    with Daemon(binary, store, []) as server:
        w = World(server, tokens)
        expect(w.ask("POST", "/v1/session", headers=[w.bearer("clerk"), *w.own()]), 503)
        expect(w.as_page(w.make("clerk", key=bytes(32))), 401)
        expect(w.ask("GET", "/v1/items", headers=[w.bearer("clerk")]), 200)


def check_log(w):
    log = "\n".join(w.server.lines)
    assert "login_failed" in log
    assert not re.search(r"1\.[a-z2-7]{10}\.\d{12}", log), "a cookie"
    assert w.key().hex() not in log


def main():
    tap, binary = Tap(), sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="rowlock-session-") as name:
        folder = pathlib.Path(name)
        tap.run("an open store knows everybody, and gives no cookie", check_open_store, binary,
                folder)
        tap.run("beside it nobody else says who one is", check_socket, binary, folder)
        tap.run("a store without a key has no logins", check_no_key, binary, folder)
        store = folder / "store.db"
        with Daemon(binary, store, []):
            pass
        tokens = Tokens(str(store))
        tokens.db.execute("INSERT INTO item (sku, name) VALUES ('A-1', 'Mug')")
        for code in ("WH1", "WH2"):
            tokens.db.execute("INSERT INTO location (code, name) VALUES (?, 'x')", (code,))
        tokens.add_all()
        tokens.add("only-wh1", "writer", locations=["WH1"])
        with Daemon(binary, store, ["--host-name", SITE + ",localhost"]) as server:
            w = World(server, tokens)
            tap.run("who somebody is", check_who, w)
            tap.run("the cookie is for the page alone", check_cookie, w)
            tap.run("where a login may live", check_places, w)
            tap.run("no login without a good token", check_no_login, w)
            tap.run("which cookie counts for which request", check_product, w)
            tap.run("both cookies at one name", check_both, w)
            tap.run("one of two is not chosen", check_twice, w)
            tap.run("a cookie that is damaged, foreign, or over", check_damaged, w)
            tap.run("a login has the role and the locations of its token", check_roles, w)
            tap.run("Authorization beside it wins alone", check_authorization, w)
            tap.run("a logout", check_logout, w)
            for number, (why, end) in enumerate(ENDS):
                tap.run(f"all ends within a second when {why}", check_end, w, f"ended-{number}",
                        end)
            tap.run("what happens to others ends nothing", check_other_change, w)
            tap.run("all ends with its time", check_time, w)
            tap.run("nothing is stored of it", check_restart, w)
            tap.run("no secret is in the log", check_log, w)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
