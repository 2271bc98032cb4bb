#!/usr/bin/env python3
"""secrets - a token's whole life, used rightly and put wherever somebody might put it by mistake:
and then its secret is looked for in every file, log, answer, output and process there was.

    tests/cli/secrets.py ROWLOCK ROWLOCKD [no-core]

Searched for as it is, in base64 (as Basic has it) at each of its three places, percent-encoded and
in hexadecimal. Where a user puts it himself (the file of --token-file, a wrong configuration, a
wrong command line) it is there, of course; what the programs make of that is searched. `no-core`:
there is no core to look into, as under a sanitizer.
"""
import base64
import contextlib
import http.client
import json
import mmap
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.dont_write_bytecode = True

from talk import wait_until  # noqa: E402
from tap import Tap  # noqa: E402

ROWLOCK, ROWLOCKD = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:3])
FORMATS = ("text", "logfmt", "json", "journal")
LIMIT_S = 60


def forms_of(secret):
    """What would be the secret to whoever finds it."""
    raw = secret.encode()
    yield raw
    for before in range(3):  # without the characters that neighbours share
        text = base64.b64encode(b"x" * before + raw)
        yield text[-(-before * 8 // 6):len(text) - 4]
    yield b"".join(b"%%%02X" % byte for byte in raw)
    yield b"".join(b"%%%02x" % byte for byte in raw)
    yield raw.hex().encode()
    yield raw.hex().upper().encode()


def near(said, secret):
    """The line that it was found in, for whoever reads the report; covered."""
    line = next((line for line in said.splitlines() if secret.encode() in line), b"(encoded)")
    at = line.find(secret.encode())
    return line[max(0, at - 120):].replace(secret.encode(), b"SECRET")[:240].decode(
        errors="replace")


def allow_core():
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def secret_of(token):
    return re.fullmatch(r"rl_[a-z2-7]{10}_(\S{43})", token)[1]


def wrong_places(token):
    """(what, method, path, head, body): where people put a token by mistake."""
    of_row = "/v1/stock/A-1/WH1/adjust"
    as_basic = base64.b64encode(f"office:{token}".encode()).decode()
    as_user = base64.b64encode(f"{token}:".encode()).decode()
    escaped = "".join(f"%{byte:02X}" for byte in token.encode())
    right = {"Authorization": f"Bearer {token}"}

    def post(what, body, path=of_row, head=right):
        return what, "POST", path, head, json.dumps(body)

    for name in ("token", "access_token", "sku", "after", "limit", "actor", "reason"):
        yield f"?{name}=", "GET", f"/v1/movements?{name}={token}", {}, None
        yield f"?{name}=, let in", "GET", f"/v1/movements?{name}={token}", right, None
        yield f"?{name}=, escaped", "GET", f"/v1/movements?{name}={escaped}", right, None
    yield "a name of the query", "GET", f"/v1/movements?{token}=1", right, None
    for path in (f"/{token}", f"/v1/items/{token}", f"/v1/stock/A-1/{escaped}",
                 f"/v1/operations/{token}", f"/v1/leases/{token}", f"/ui/{token}",
                 f"/problems/{token}"):
        yield "in a path", "GET", path, right, None
        yield "in a path, not let in", "GET", path, {}, None
        yield "in a path, by a wrong method", "DELETE", path, right, None
    yield "as a path", "GET", token, right, None
    yield "as a method", token, "/v1/items", right, None
    for value in (f"Basic {as_basic}", f"Basic {as_user}", token, f"Token {token}",
                  f"bearer {token}x", f"Bearer  {token}", f"Bearer {token[:-1]}",
                  f"Bearer {token}, Bearer {token}", f"Digest username={token}"):
        yield "another login", "GET", "/v1/items", {"Authorization": value}, None
    for name in ("Cookie", "X-Api-Key", "Proxy-Authorization", "User-Agent", "Referer", "Origin",
                 "Host", "X-Forwarded-User", "X-Forwarded-For", "Forwarded", "Via", "If-Match",
                 "If-None-Match", "Prefer", "Accept", "Content-Type", "Last-Event-ID", "Range",
                 "Idempotency-Key", "X-Request-Id", "Expect", "Transfer-Encoding", "traceparent",
                 "Content-Length", token):
        yield name[:20], "POST", of_row, {**right, name: token}, '{"delta":1}'
        yield f"{name[:20]}, not let in", "POST", of_row, {name: token}, '{"delta":1}'
        yield f"{name[:20]} of a read", "GET", "/v1/changes?after=0", {**right, name: token}, None
    for name in ("token", token, "delta", "reason", "reference", "note"):
        yield post(f"member {name[:12]}", {"delta": 1, name: token})
    yield "as a body", "POST", of_row, right, token
    yield "behind a body", "POST", of_row, right, '{"delta":1}' + token
    yield post("owner", {"owner": token, "lines": [{"sku": "A-1", "location": "WH1",
                                                    "quantity": 1}]}, "/v1/reservations")
    yield post("purpose", {"rows": [{"sku": "A-1", "location": "WH1"}], "ttl_s": 1,
                           "purpose": token}, "/v1/leases")
    yield post("sku", {"rows": [{"sku": token, "location": "WH1"}]}, "/v1/leases")
    yield "an item's sku", "PUT", f"/v1/items/{token}", right, '{"name":"x"}'
    yield "an item's name", "PUT", "/v1/items/A-2", right, json.dumps({"name": token})
    yield "an item's attribute", "PUT", "/v1/items/A-3", right, json.dumps(
        {"name": "x", "attributes": {"token": token}})
    yield "a location's code", "PUT", f"/v1/locations/{token}", right, '{"name":"x"}'
    lines = [{"op": "adjust", "sku": "A-1", "location": "WH1", "delta": 1, name: token}
             for name in ("token", "key", "reference", "note", "sku", "op", token)]
    yield "lines of a batch", "POST", "/v1/batch", right, "".join(
        json.dumps(line) + "\n" for line in [*lines]) + token + "\n"


class Life:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.hers, self.made = self.folder / "hers", self.folder / "made"  # the user's; all else
        self.hers.mkdir(mode=0o700)
        self.made.mkdir()
        self.store = self.made / "shop.db"
        self.secrets, self.found, self.process = [], [], None
        self.log = None

    # ------------------------------------------------------------ what is said is searched

    def search(self, where, said):
        for secret in self.secrets:
            if any(form in said for form in forms_of(secret)):
                self.found.append(f"{where}: {near(said, secret)}")
                return

    def run(self, what, *words, code=None, env=None, given=None):
        """A program's end; what it has said is searched."""
        done = subprocess.run([str(word) for word in words], capture_output=True, timeout=LIMIT_S,
                              input=given, env={**os.environ, **(env or {})}, cwd=self.made)
        self.search(what, done.stdout + done.stderr)
        assert code is None or done.returncode == code, (what, done)
        return done

    def token(self, *words):
        """What add and rotate print, once, on the output; and nowhere else."""
        done = subprocess.run([ROWLOCKD, "token", *words, "--store", self.store],
                              capture_output=True, text=True, check=True)
        token = done.stdout.strip()
        self.secrets.append(secret_of(token))
        self.search(f"stderr of token {words[0]}", done.stderr.encode())
        path = self.hers / f"{words[1]}.token"
        path.touch(0o600)
        path.write_text(token + "\n")
        return token, path

    # ------------------------------------------------------------ a server

    def start(self, log_format, name=None):
        self.log = self.made / f"{name or log_format}.log"
        with open(self.log, "ab") as log:
            about = os.fstat(log.fileno())
            told = {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
            self.process = subprocess.Popen(
                [ROWLOCKD, "--store", self.store, "--listen",
                 f"127.0.0.1:0,unix:{self.made}/socket", "--log-level", "debug", "--log-requests",
                 "--slow-ms", "0", "--spool-dir", self.made, "--loops", "2",
                 *([] if log_format == "journal" else ["--log-format", log_format])],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.made,
                env={**os.environ, **(told if log_format == "journal" else {})},
                preexec_fn=allow_core)
        wait_until(lambda: b"listening on http" in self.log.read_bytes(), "it listens")
        said = self.log.read_text()
        self.port = int(re.findall(r"listening on http://127\.0\.0\.1:(\d+)", said)[-1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LIMIT_S) == 0, self.log.read_text()[-2000:]

    @contextlib.contextmanager
    def served(self, log_format):
        self.start(log_format, "first")
        yield f"http://127.0.0.1:{self.port}"
        self.stop()

    def ask(self, what, method, path, head, body):
        """As it is, whatever HTTP says of it; all that comes back is searched."""
        rows = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in (
            {"Host": f"127.0.0.1:{self.port}", "Connection": "close", **head}).items())]
        body = (body or "").encode()
        if body and "Content-Length" not in head and "Transfer-Encoding" not in head:
            rows.append(f"Content-Length: {len(body)}")
        said = b""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as s:
            s.sendall("\r\n".join([*rows, "", ""]).encode() + body)
            s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while some := s.recv(65536):
                    said += some
        self.search(f"answer to {what}: {method[:6]} {path[:24]}", said)
        return said

    # ------------------------------------------------------------ parts of a life

    def is_used(self, path, token):
        url = f"http://127.0.0.1:{self.port}"
        for words in (("adjust", "A-1", "WH1", "50", "--key", os.urandom(8).hex()),
                      ("stock",), ("history",), ("status",), ("locks",), ("get", "/metrics"),
                      ("get", "/v1/audit"), ("verify",), ("export", self.made / "export"),
                      ("backup", self.made / "backup.db", "--force")):
            self.run(f"rowlock {words[0]}", ROWLOCK, *words, "--server", url, "--token-file", path,
                     code=0)
            self.run(f"rowlock {words[0]}, ROWLOCK_TOKEN", ROWLOCK, *words, "--server",
                     f"unix:{self.made}/socket", env={"ROWLOCK_TOKEN": token}, code=0)

    def logs_in(self, token):
        """The cookie says who somebody is: its signature is a secret, too; the answer has it."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as c:
            own = {"Origin": f"http://127.0.0.1:{self.port}"}
            c.request("POST", "/v1/session", headers={**own, "Authorization": f"Bearer {token}"})
            answer = c.getresponse()
            said = answer.read()
            assert answer.status in (200, 201, 204), said
            cookie = answer.getheader("Set-Cookie").split(";")[0]
            self.search("the body of a login", said)
            self.secrets.append(max(re.split(r"[=.~:]", cookie), key=len))
            self.search("the body of a login", said)
            for method, path in (("GET", "/v1/session"), ("GET", "/v1/items"), ("GET", "/v1/audit"),
                                 ("GET", "/metrics"), ("DELETE", "/v1/session")):
                c.request(method, path, headers={**own, "Cookie": cookie})
                self.search(f"answer to {method} {path}, by a cookie", c.getresponse().read())

    def is_put_wrong_to_a_server(self, token):
        for place in wrong_places(token):
            self.ask(*place)

    def is_put_wrong_to_the_tools(self, token, path):
        url = f"http://127.0.0.1:{self.port}"
        for words in (("--token", token, "stock"), ("stock", "--token", token),
                      ("stock", f"--token={token}"), ("stock", "--token-file", token),
                      ("stock", "--key", token), (token,), ("stock", token),
                      ("adjust", "A-1", "WH1", token), ("adjust", "A-1", token, "1"),
                      ("get", f"/v1/items?token={token}"), ("get", token), ("help", token),
                      ("sql", token), ("import", token), ("lease", token)):
            self.run(f"rowlock {' '.join(map(str, words))[:20]}", ROWLOCK, *words, "--server", url,
                     "--token-file", path)
        for server in (f"http://{token}@127.0.0.1:{self.port}", f"{url}/{token}", token,
                       f"http://office:{token}@127.0.0.1:1", f"unix:{self.made}/{token}",
                       f"{url}?token={token}"):
            for verb in ("stock", "status"):
                self.run(f"rowlock --server {server[:16]}", ROWLOCK, verb, "--server", server)
                self.run(f"ROWLOCK_SERVER={server[:16]}", ROWLOCK, verb,
                         env={"ROWLOCK_SERVER": server})
        path.chmod(0o644)
        self.run("a file that others can read", ROWLOCK, "stock", "--token-file", path, code=1)
        path.chmod(0o600)
        self.run("a wrong ROWLOCK_TOKEN", ROWLOCK, "stock", "--server", url,
                 env={"ROWLOCK_TOKEN": f"{token} {token}"})

    def is_put_wrong_to_the_daemon(self, token):
        for words in (("--token", token), (f"--token={token}",), (token,), ("--host-name", token),
                      ("--host-name", f"a b {token}"), ("--trust-proxy", token),
                      ("--socket-role", f"{token}=clerk"), ("--socket-role", token),
                      ("--listen", token), ("--listen", f"unix:/{token}/x"), ("--loops", token),
                      ("--log-level", token), ("--log-format", token),
                      ("--store", token, "--listen", "banana"),
                      ("--spool-dir", token), ("--config", token), ("verify", token),
                      ("restore", token), ("token", "rotate", token), ("token", "revoke", token),
                      ("token", "add", token, "--role", "clerk"), ("token", token),
                      ("token", "add", "x", "--role", token), ("token", "list", token),
                      ("token", "add", "x", "--role", "clerk", "--from-file", token),
                      ("token", "add", "x", "--role", "clerk", "--location", token)):
            for more in ((), ("--print-config",)):
                wanted = [*words, *more]
                if "--store" not in wanted:
                    wanted += ["--store", str(self.store)]
                self.run(f"rowlockd {' '.join(wanted)[:24]}", ROWLOCKD, *wanted)
        for name in ("ROWLOCK_TOKEN", "ROWLOCK_HOST_NAME", "ROWLOCK_LISTEN", "ROWLOCK_LOOPS",
                     "ROWLOCK_STORE", "ROWLOCK_CONFIG", "ROWLOCK_LOG_LEVEL"):
            self.run(name, ROWLOCKD, "--print-config", env={name: token})
            self.run(f"{name}, at a start", ROWLOCKD, "--listen", "banana", env={name: token})
        wrong = self.hers / "rowlockd.conf"
        for line in ("token = {}", "{} = 1", "host-name = {}", "listen = {}", "loops = {}",
                     "log-level = {}", "store = /{}/x", "{}", "host-name = a b {}"):
            wrong.write_text(line.format(token) + "\n")
            self.run(f"in a file, {line}", ROWLOCKD, "--config", wrong, "--print-config")
            self.run(f"in a file, {line}, at a start", ROWLOCKD, "--config", wrong, "--listen", "x")

    def others_see_no_more(self, path, token):
        """While clients and the server run: what every user of the machine can read of them."""
        url = f"http://127.0.0.1:{self.port}"
        plain = {name: value for name, value in os.environ.items() if name != "ROWLOCK_TOKEN"}
        by_file = [ROWLOCK, "changes", "--follow", "--server", url, "--token-file", str(path)]
        by_variable = by_file[:-2]
        with open(self.made / "follows", "wb") as said:
            clients = [subprocess.Popen(words, stdout=said, stderr=said, env=env)
                       for words, env in ((by_file, plain),
                                          (by_variable, {**plain, "ROWLOCK_TOKEN": token}))]
        try:
            metrics = {"Authorization": f"Bearer {token}"}
            wait_until(lambda: b"\nrowlock_feed_subscribers 2" in self.ask(
                "metrics", "GET", "/metrics", metrics, None), "both follow")
            for process in (*clients, self.process):
                inside = pathlib.Path(f"/proc/{process.pid}")
                for name in ("cmdline", "comm", "status", "stat", "maps"):
                    self.search(f"/proc of {process.args[0]}: {name}", (inside / name).read_bytes())
                assert (inside / "environ").stat().st_mode & 0o077 == 0
                if process is not clients[1]:
                    self.search(f"/proc of {process.args[0]}: environ",
                                (inside / "environ").read_bytes())
        finally:
            for client in clients:
                client.terminate()
                client.wait()

    def crashes(self):
        """Right after it has let somebody in, whose login it keeps at hand."""
        self.process.send_signal(signal.SIGSEGV)
        assert self.process.wait(LIMIT_S) == -signal.SIGSEGV
        cores = list(self.made.glob("core*"))
        assert cores, "no core, and the test has seen nothing"
        for core in cores:
            with open(core, "rb") as file, \
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
                if any(memory.find(secret.encode()) >= 0 for secret in self.secrets):
                    self.found.append("a core")
            core.unlink()

    def search_files(self):
        """All that was made: the store, its log, logs, spools, backups, exports, cores."""
        paths = [path for path in self.made.rglob("*") if path.is_file()]
        for path in paths:
            self.search(f"file {path.relative_to(self.made)}", path.read_bytes())
        assert self.store in paths and self.log in paths


def no_core():
    """Why none would be found beside the server; None: one would."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith("|"):
        return f"cores of this machine go to {pattern}"
    if "no-core" in sys.argv:
        return "sanitizers keep none"
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return "cores are not allowed here" if limit == 0 else None


def none_found(life):
    found, life.found = sorted(set(life.found)), []
    assert not found, "the secret is in:\n" + "\n".join(found)


def let_in(tap, life, log_format, number, boss, path):
    for sentence, part, *arguments in (
            ("it is used", life.is_used, path, boss),
            ("the page logs in by it", life.logs_in, boss),
            ("it is put where it does not belong, to a server", life.is_put_wrong_to_a_server,
             boss),
            ("... to the command line", life.is_put_wrong_to_the_tools, boss, path),
            ("... to the daemon", life.is_put_wrong_to_the_daemon, boss),
            ("others look at the processes", life.others_see_no_more, path, boss),
            ("files while it runs", life.search_files)):
        if part == life.is_put_wrong_to_the_daemon and number:
            continue  # that has no log

        def both(part=part, arguments=arguments):
            part(*arguments)
            none_found(life)
        tap.run(f"{log_format}: {sentence}", both)


def live(tap, life):
    boss, path = life.token("add", "boss", "--role", "admin")
    with life.served("logfmt") as server:
        for words in (("item", "put", "A-1", "--name", "bolt"),
                      ("location", "put", "WH1", "--name", "Main")):
            life.run("rowlock", ROWLOCK, *words, "--server", server, "--token-file", path, code=0)
    for number, log_format in enumerate(FORMATS):
        life.start(log_format)
        let_in(tap, life, log_format, number, boss, path)
        life.stop()
        life.search_files()
        tap.run(f"{log_format}: files", none_found, life)
        boss, path = life.token("rotate", "boss", "--overlap", "0s")


def die(tap, life):
    reason = no_core()
    if reason:
        tap.skip("a core has none that nobody has shown", reason)
        return
    boss, path = life.token("rotate", "boss", "--overlap", "0s")
    life.start("logfmt", "last")

    def of_one_that_nobody_asked():
        life.crashes()
        life.search_files()
        none_found(life)

    def of_one_that_was_asked():
        """It has let somebody in, and keeps at hand what he has shown; the page says so."""
        life.start("logfmt", "very last")
        life.is_used(path, boss)
        life.crashes()
        page = (ROOT / "docs/operating.md").read_text()
        assert not life.found or "tokens and cookies of whoever has asked lately" in page
        life.found = []
        life.search_files()
        none_found(life)
    tap.run("a core has none that nobody has shown", of_one_that_nobody_asked)
    tap.run("it has no others than docs/operating.md says", of_one_that_was_asked)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-secrets-") as folder:
        life = Life(folder)
        try:
            live(tap, life)
            die(tap, life)
        finally:
            if life.process and life.process.poll() is None:
                life.process.kill()
                life.process.wait()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
