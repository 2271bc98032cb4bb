#!/usr/bin/env python3
"""reach - how the command line reaches a server, and says who asks: unix sockets and tokens.

    reach.py ROWLOCK ROWLOCKD

A server of the test's own wants a token on all but the public calls, and keeps what it was told.
Each verb that talks to a server is tried without a token, with a good one and with a bad one.
Wherever something goes wrong, no secret is in what the command line says.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import strangers  # noqa: E402
from daemon import Daemon, SOCKET  # noqa: E402
from strangers import EXPORTS, JSON, VERBS  # noqa: E402
from tap import Tap  # noqa: E402

GOOD = "rl_k3v7q2mwza_" + "A" * 43
BAD = "rl_k3v7q2mwza_" + "B" * 42 + "A"
PUBLIC = ("/livez", "/readyz")
FORBIDDEN, UNREACHABLE, USAGE, FAILED = 4, 3, 2, 1
BOUND_S = 20

# Those of other shapes, each with what answers its first questions.
MORE = [("get /v1/items", {"data": [], "next": None}), ("watch --once", None),
        ("crawl --sku A --location W", None), ("changes --follow", None)]


class Handler(strangers.Handler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = self.headers.get_all("Authorization") or []
        self.server.told.append((self.path, said))
        path = self.path.split("?")[0]
        status, kind, body, _ = self.server.answer
        if path in PUBLIC:
            status, body = 200, b'{"live":true,"ready":true,"reasons":[]}'
        elif said != [f"Bearer {GOOD}"]:
            status, kind = 401, "application/problem+json"
            body = json.dumps({"type": "/problems/unauthorized", "code": "unauthorized",
                               "title": "This call needs a token", "status": 401}).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if status != 204 else b"")

    do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = answer


class World:
    def __init__(self, rowlock, rowlockd, folder):
        self.rowlock, self.rowlockd = rowlock, rowlockd
        self.folder = pathlib.Path(folder)
        self.server = strangers.Server()
        self.server.RequestHandlerClass = Handler
        self.server.told = []
        (self.folder / "lines").write_text('{"op":"adjust","sku":"A","location":"W","delta":1}\n')
        self.good, self.bad = self.token("good", GOOD), self.token("bad", BAD)

    def token(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(mode)
        return str(path)

    def run(self, verb, *flags, server=None, **variables):
        words = [str(self.folder / {"FILE": "lines", "COPY": "copy.db"}[word])
                 if word in ("FILE", "COPY") else word for word in verb.split()]
        here = f"http://127.0.0.1:{self.server.server_address[1]}"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/nonexistent",
                       "ROWLOCK_SERVER": server or here, **variables}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            environment.update({name: os.environ[name]} if name in os.environ else {})
        self.server.told.clear()
        (self.folder / "copy.db").unlink(missing_ok=True)
        ran = subprocess.run([self.rowlock, *words, *flags], env=environment, timeout=BOUND_S,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        for secret in (GOOD[14:], BAD[14:]):
            assert secret not in ran.stdout + ran.stderr, ran
        return ran


def right(world, verb):
    for line, answer, status in VERBS:
        if line == verb:
            world.server.answer = (status, JSON, json.dumps(answer).encode() + b"\n", 0)
            return
    for line, kind in EXPORTS:
        if line == verb:
            world.server.answer = (200, kind, b"all of it", 0)
            return
    world.server.answer = (200, JSON, json.dumps(dict(MORE)[verb] or {}).encode(), 0)


def a_verb(world, verb):
    """Without a token and with a bad one it is refused, and says what to do."""
    right(world, verb)
    for flags, words in (((), "--token-file FILE"),
                         (("--token-file", world.bad), "opens nothing here")):
        if verb == "status":
            continue
        ran = world.run(verb, *flags)
        assert ran.returncode == FORBIDDEN, ran
        assert words in ran.stderr, ran
        sent = [said for path, said in world.server.told if path not in PUBLIC]
        assert len(sent) == 1, "it went on asking"
        assert sent[0] == ([f"Bearer {BAD}"] if flags else []), sent
    for flags, variables in ((("--token-file", world.good), {}),
                             ((), {"ROWLOCK_TOKEN": GOOD}),
                             (("--token-file", world.good), {"ROWLOCK_TOKEN": BAD})):
        ran = world.run(verb, *flags, **variables)
        # What has no right answer here comes at least beyond the door.
        assert ran.returncode == 0 or (verb in dict(MORE) and ran.returncode != FORBIDDEN), ran
        assert world.server.told, "nothing was asked"
        for path, said in world.server.told:
            assert said == [f"Bearer {GOOD}"], (path, said)


def status_needs_none(world):
    world.server.answer = (200, JSON, b"{}", 0)
    ran = world.run("status")
    assert ran.returncode == 0 and "the figures are for a reader" in ran.stderr, ran


def a_problem_as_json_stays_json(world):
    right(world, "stock")
    ran = world.run("stock", "--json")
    assert ran.returncode == FORBIDDEN and json.loads(ran.stderr)["code"] == "unauthorized", ran


def files_that_will_not_do(world):
    """Nothing is sent, and what was found is not shown."""
    right(world, "stock")
    shown = world.token("shown", GOOD, 0o644)
    lent = world.token("lent", GOOD, 0o640)
    for flags, variables, code, words in (
            (("--token-file", shown), {}, FAILED, f"chmod 600 {shown}"),
            (("--token-file", lent), {}, FAILED, "others can read"),
            (("--token-file", world.token("empty", "")), {}, FAILED, "holds no token"),
            (("--token-file", world.token("two", GOOD + "\n" + BAD)), {}, FAILED, "no token"),
            (("--token-file", world.token("short", GOOD[:-1])), {}, FAILED, "no token"),
            (("--token-file", world.token("long", GOOD + "A")), {}, FAILED, "no token"),
            (("--token-file", world.token("line", GOOD + "\r\nX: y")), {}, FAILED, "no token"),
            (("--token-file", world.token("large", "\n" * 5000)), {}, FAILED, "no token"),
            (("--token-file", "/nonexistent"), {}, FAILED, "cannot open"),
            (("--token-file", "/"), {}, FAILED, "cannot read"),
            (("--token-file", GOOD), {}, USAGE, "everybody's to read"),
            ((f"--token-file={GOOD}",), {}, USAGE, "everybody's to read"),
            (("--token", GOOD), {}, USAGE, "unknown flag --token"),
            ((f"--token={GOOD}",), {}, USAGE, "unknown flag --token"),
            ((), {"ROWLOCK_TOKEN": GOOD[:-1]}, FAILED, "ROWLOCK_TOKEN is no token"),
            ((), {"ROWLOCK_TOKEN": GOOD + "\nX-Y: z"}, FAILED, "ROWLOCK_TOKEN is no token")):
        ran = world.run("stock", *flags, **variables)
        assert ran.returncode == code and words in ran.stderr, (flags, variables, ran)
        assert not world.server.told, (flags, variables, world.server.told)


def what_will_do(world):
    right(world, "stock")
    folder = world.folder / "pipe"
    os.mkfifo(folder, 0o644)
    writer = subprocess.Popen(["sh", "-c", 'printf %s "$0" >"$1"', GOOD, folder])
    for flags, variables in ((("--token-file", world.token("blanks", f"  {GOOD} \r\n\n")), {}),
                             (("--token-file", str(folder)), {}),
                             ((), {"ROWLOCK_TOKEN": f" {GOOD}\n"})):
        ran = world.run("stock", *flags, **variables)
        assert ran.returncode == 0, ran
    assert writer.wait(BOUND_S) == 0
    ran = world.run("stock", "--token-file", world.good, ROWLOCK_TOKEN="")
    assert ran.returncode == 0, ran


def plain_http(world):
    """A token leaves this machine by https only, unless that is said; without one nothing can."""
    right(world, "stock")
    port = world.server.server_address[1]
    there = ("http://stock.invalid:1", "stock.invalid:1", "http://10.0.0.1.invalid:1",
             "http://localhost.invalid:1", "http://127.0.0.1.invalid:1", "http://[fe80::1]:1",
             f"http://127.0.0.1:{port}@stock.invalid:1")
    token = ("--token-file", world.good)
    for server in there:
        ran = world.run("stock", *token, "--timeout", "1", server=server)
        assert ran.returncode == USAGE and "--plain-http" in ran.stderr, (server, ran)
        ran = world.run("stock", "--timeout", "1", ROWLOCK_PLAIN_HTTP="perhaps", server=server,
                        ROWLOCK_TOKEN=GOOD)
        assert ran.returncode == USAGE and "--plain-http" in ran.stderr, (server, ran)
        for flags, variables in (((), {}), ((*token, "--plain-http"), {}),
                                 (token, {"ROWLOCK_PLAIN_HTTP": "1"})):
            ran = world.run("stock", *flags, "--timeout", "1", server=server, **variables)
            assert ran.returncode == UNREACHABLE, (server, flags, ran)
        assert not world.server.told
    ran = world.run("stock", *token, "--timeout", "1", server="https://stock.invalid:1")
    assert ran.returncode == UNREACHABLE, ran
    # What does not leave the machine; and no proxy is asked, which would be another one.
    for server in (f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"http://127.1:{port}",
                   f"http://LOCALHOST:{port}", f"http://2130706433:{port}", f"127.0.0.1:{port}"):
        ran = world.run("stock", *token, server=server, http_proxy="http://proxy.invalid:1",
                        all_proxy="http://proxy.invalid:1")
        assert ran.returncode == 0 and world.server.told, (server, ran)
    for server in ("http://[::1]:1", "http://[::ffff:127.0.0.1]:1", "http://127.255.255.254:1"):
        assert world.run("stock", *token, server=server).returncode == UNREACHABLE, server


def certificates_that_will_not_do(world):
    right(world, "stock")
    none = world.token("none.pem", "no certificate")
    for flags, variables, code, words in (
            (("--ca", "/nonexistent"), {}, FAILED, "cannot read the certificates in /nonexistent"),
            ((), {"ROWLOCK_CA": "/nonexistent"}, FAILED, "cannot read the certificates"),
            (("--ca", none), {}, UNREACHABLE, "certificate")):
        ran = world.run("stock", *flags, server="https://127.0.0.1:1" if code == FAILED else
                        f"https://127.0.0.1:{world.server.server_address[1]}", **variables)
        assert ran.returncode == code and words in ran.stderr, (flags, variables, ran)
        assert not world.server.told


def by_a_unix_socket(world):
    """All kinds of calls: short ones, several at once, long answers, long bodies, a stream."""
    with Daemon(world.rowlockd, world.folder / "store.db",
                ["--demo", "--listen", f"unix:$folder/{SOCKET}"]) as server:
        place = f"unix:{server.socket_path}"
        for verb in ("status", "stock --limit 2", "adjust A-1 WH1 -1", "export", "backup COPY",
                     "import FILE --no-key", "watch --once", "crawl --sku A-1 --location WH1 "
                     "--reads 20 --updates 20", "verify", "locks", "changes --after 1 --limit 3",
                     "get /v1/items/A-1"):
            (world.folder / "lines").write_text(
                '{"op":"adjust","sku":"A-1","location":"WH1","delta":1}\n')
            ran = world.run(verb, server=place)
            assert ran.returncode == 0, ran
        assert "unix:" in world.run("status", server=place).stdout
        assert world.run("stock", "--server", place).returncode == 0
    ran = world.run("stock", server=place)
    assert ran.returncode == UNREACHABLE, ran
    assert f"no answer from {place}: No such file or directory" in ran.stderr, ran
    for wrong in ("unix:", "unix:/" + "x" * 120):
        ran = world.run("stock", server=wrong)
        assert ran.returncode == USAGE and "unix:PATH" in ran.stderr, ran


def main(rowlock, rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-reach-") as folder:
        world = World(os.path.abspath(rowlock), os.path.abspath(rowlockd), folder)
        try:
            for verb in [line for line, *_ in VERBS + EXPORTS + MORE]:
                tap.run(verb, a_verb, world, verb)
            for case in (status_needs_none, a_problem_as_json_stays_json, files_that_will_not_do,
                         what_will_do, plain_http, certificates_that_will_not_do,
                         by_a_unix_socket):
                tap.run(case.__name__.replace("_", " "), case, world)
        finally:
            world.server.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
