#!/usr/bin/env python3
"""proxies - the recipes of docs/access.md, run by Debian's nginx and Caddy in front of a server.

    tests/proxy/proxies.py ROWLOCKD ROWLOCK nginx|caddy [docs/access.md]

The block of docs/access.md behind `<!-- test: nginx -->` (or caddy) is what is run: only its port,
its host's certificate (self-signed) and the server's address are put in. Loopback only; the proxy
runs in the foreground, as whoever runs the test, out of a folder of its own. Where it is not
installed the cases are skipped.
"""
import asyncio
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from talk import Client, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

RECIPE = r"<!-- test: {} -->\s*\n```[a-z]*\n(.*?)```"
HOST = "stock.example"
CLIENTS = 1000
REQUESTS_EACH = 3
BATCH_BYTES = 100_000_000
LIMIT_S = 120
# What Debian's nginx.conf has around a site, with room for as many connections as the recipe says.
FRAME = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy:
    """One in the foreground. `site` is what its recipe became, `command` how it is run."""

    ADDRESS = (r"127\.0\.0\.1:8080", "127.0.0.1:{server_port}")
    NAMES = [HOST]  # of its certificate

    def __init__(self, folder, recipe, server_port):
        self.folder, self.port = pathlib.Path(folder), free_port()
        self.certificate, self.key = self.folder / "host.pem", self.folder / "host.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", f"/CN={HOST}", "-addext",
                        f"subjectAltName={','.join(f'DNS:{name}' for name in self.NAMES)}",
                        "-keyout", self.key, "-out", self.certificate],
                       check=True, capture_output=True)
        for old, new in (self.ADDRESS, *self.CHANGES):
            recipe, count = re.subn(old, new.format(server_port=server_port, **vars(self)), recipe)
            assert count == 1, f"the recipe has {count} times {old}"
        self.write(recipe)
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, env=self.environment())
        self.lines = []
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        wait_until(self.is_there, "it takes connections")

    def environment(self):
        return os.environ | {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder),
                             "XDG_CONFIG_HOME": str(self.folder)}

    def _listen(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    def is_there(self):
        assert self.process.poll() is None, "\n".join(self.lines)
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.listener.join()


class Nginx(Proxy):
    CHANGES = [(r"listen 443", "listen 127.0.0.1:{port}"),
               (r"listen \[::\]:443 .*;\n", "\n"),
               (r"/etc/ssl/certs/stock\.example\.pem", "{certificate}"),
               (r"/etc/ssl/private/stock\.example\.key", "{key}")]

    def write(self, site):
        (self.folder / "nginx.conf").write_text(FRAME.format(folder=self.folder, site=site))

    def command(self):
        return ["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", "stderr"]


class Caddy(Proxy):
    CHANGES = [(r"stock\.example {{".replace("{{", r"\{"),
                "https://stock.example:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}")]

    def write(self, site):
        of_all = "{\n    admin off\n    auto_https disable_redirects\n}\n"
        (self.folder / "Caddyfile").write_text(of_all + site)

    def command(self):
        return ["caddy", "run", "--config", self.folder / "Caddyfile", "--adapter", "caddyfile"]


PROXIES = {"nginx": Nginx, "caddy": Caddy}


class Tunnel(socketserver.ThreadingTCPServer):
    """What https_proxy names: it connects to this machine, wherever somebody wants to go."""
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            method, place, _ = self.rfile.readline().decode().split()
            while self.rfile.readline().strip():
                pass
            self.server.asked.append((method, place))
            with socket.create_connection(("127.0.0.1", int(place.rsplit(":", 1)[1]))) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=self.pass_on, args=(there, self.connection))
                back.start()
                self.pass_on(self.connection, there)
                back.join()

        @staticmethod
        def pass_on(source, sink):
            with contextlib.suppress(OSError):
                while piece := source.recv(65536):
                    sink.sendall(piece)
                sink.shutdown(socket.SHUT_WR)

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class World:
    def __init__(self, server, proxy, token, rowlock):
        self.server, self.proxy, self.token, self.rowlock = server, proxy, token, rowlock
        self.direct = Client(server.port)

    @property
    def url(self):
        return f"https://{HOST}:{self.proxy.port}"

    def curl(self, *words, is_http2=False, with_token=True):
        """What curl prints; it checks the certificate."""
        command = ["curl", "-sS", "--noproxy", "*", "--max-time", str(LIMIT_S), "--cacert",
                   self.proxy.certificate, "--resolve", f"{HOST}:{self.proxy.port}:127.0.0.1",
                   "--http2" if is_http2 else "--http1.1"]
        if with_token:
            command += ["-H", f"Authorization: Bearer {self.token}"]
        found = subprocess.run([*command, *words], capture_output=True, timeout=LIMIT_S + 10)
        assert found.returncode == 0, (found, self.proxy.lines[-5:])
        return found.stdout.decode()

    def context(self):
        context = ssl.create_default_context(cafile=self.proxy.certificate)
        return context


# ---------------------------------------------------------------- what goes through it


def updates(world):
    for is_http2 in (False, True):
        said = world.curl("-w", "\n%{http_code} %{http_version}", "-d", '{"delta":5}',
                          f"{world.url}/v1/stock/A-1/WH1/adjust", is_http2=is_http2)
        body, status = said.rsplit("\n", 1)
        assert status == ("201 2" if is_http2 else "201 1.1"), said
        assert json.loads(body)["movement"]["on_hand_delta"] == 5, body


def path_survives(world):
    """%2F is refused by the server itself: a proxy that unpacks it would make another path."""
    said = world.curl("-w", "\n%{http_code}", f"{world.url}/v1/items/A%2F1")
    assert said.endswith("\n400") and "invalid-path" in said, said
    said = world.curl(f"{world.url}/v1/items/%41-1")
    assert json.loads(said)["sku"] == "A-1", said


def another_name(world):
    """nginx hands it on, and the server judges; Caddy answers with nothing where it has no site."""
    said = world.curl("-w", "\n%{http_code}", "-H", "Host: other.example",
                      f"{world.url}/v1/items/A-1")
    body, status = said.rsplit("\n", 1)
    assert (status == "421" and "misdirected" in body) or (status == "200" and body == ""), said


def without_token(world):
    said = world.curl("-i", f"{world.url}/v1/items/A-1", with_token=False)
    assert said.startswith("HTTP/1.1 401") and "www-authenticate: bearer" in said.lower(), said
    assert world.curl("-o", "/dev/null", "-w", "%{http_code}", f"{world.url}/livez",
                      with_token=False) == "200"


def batch_of_100_mb(world):
    reference = "x" * 60
    line = ('{"op":"adjust","sku":"A-2","location":"WH1","delta":1,'
            f'"reference":"{reference}"}}\n')
    count = BATCH_BYTES // len(line) + 1
    path = pathlib.Path(world.proxy.folder) / "batch.ndjson"
    with open(path, "w") as file:
        for _ in range(count // 1000 + 1):
            file.write(line * 1000)
    count = (count // 1000 + 1) * 1000
    assert path.stat().st_size >= BATCH_BYTES
    said = world.curl("-T", str(path), "-X", "POST", "-H", "Content-Type: application/x-ndjson",
                      f"{world.url}/v1/batch?results=none")
    path.unlink()
    assert json.loads(said) == {"lines": count, "applied": count, "failed": 0, "replayed": 0}, said


def results_while_it_comes(world):
    """A hundred thousand lines with a result for each: both directions are under way at once."""
    lines = ('{"op":"adjust","sku":"A-3","location":"WH1","delta":1}\n' * 100_000).encode()
    path = pathlib.Path(world.proxy.folder) / "lines.ndjson"
    path.write_bytes(lines)
    said = world.curl("-T", str(path), "-X", "POST", "-H", "Content-Type: application/x-ndjson",
                      f"{world.url}/v1/batch").splitlines()
    assert len(said) == 100_001 and json.loads(said[-1])["applied"] == 100_000, said[-1]


def event_stream(world):
    """An event comes at once, and is not held back until a buffer is full."""
    command = ["curl", "-sSN", "--noproxy", "*", "--max-time", str(LIMIT_S), "--cacert",
               world.proxy.certificate, "--resolve", f"{HOST}:{world.proxy.port}:127.0.0.1",
               "-H", "Accept: text/event-stream", "-H", f"Authorization: Bearer {world.token}",
               f"{world.url}/v1/changes?after=latest"]
    stream = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        head = {"Authorization": f"Bearer {world.token}"}
        wait_until(lambda: b"\nrowlock_feed_subscribers 1\n" in
                   world.direct.request("GET", "/metrics", **head).body, "it follows")
        world.curl("-o", "/dev/null", "-d", '{"delta":7}',
                   f"{world.url}/v1/stock/A-1/WH1/adjust")
        for line in stream.stdout:
            if line.startswith("data: ") and '"on_hand_delta":7' in line:
                break
        else:
            raise AssertionError("the stream has ended")
    finally:
        stream.kill()
        stream.wait()
        stream.stdout.close()


def page(world):
    said = world.curl("-i", f"{world.url}/", "-H", "Accept: text/html", with_token=False)
    assert "200" in said.splitlines()[0] and "<title>Rowlock" in said, said[:500]
    for name in re.findall(r'src="(/ui/[^"]+)"', said)[:3]:
        assert world.curl("-o", "/dev/null", "-w", "%{http_code}", f"{world.url}{name}",
                          with_token=False) == "200", name


def login(world):
    """A cookie for this host and TLS alone, which counts for the page's own requests."""
    origin = ("-H", f"Origin: {world.url}")
    for is_http2 in (False, True):
        def curl(*words, **more):
            return world.curl(*words, is_http2=is_http2, **more)

        said = curl("-i", "-X", "POST", *origin, f"{world.url}/v1/session")
        cookie = re.search(r"(?im)^set-cookie: ((__Host-rowlock=[^;]+); Path=/; Max-Age=\d+; "
                           r"HttpOnly; SameSite=Strict; Secure)\r?$", said)
        assert cookie and "Domain" not in cookie[1], said
        sent = ("-H", f"Cookie: {cookie[2]}")
        said = json.loads(curl(*sent, f"{world.url}/v1/session", with_token=False))
        assert (said["actor"], said["by"]) == ("shop", "session"), said
        path = f"{world.url}/v1/stock/A-1/WH1/adjust"
        for headers, status in ((origin, "201"), ((), "401"),
                                (("-H", "Origin: https://evil.example"), "403"),
                                (("-H", f"Origin: http://{HOST}:{world.proxy.port}"), "401")):
            found = curl(*sent, *headers, "-o", "/dev/null", "-w", "%{http_code}", "-d",
                         '{"delta":1}', path, with_token=False)
            assert found == status, (headers, found)
        said = curl("-i", "-X", "DELETE", *origin, *sent, f"{world.url}/v1/session",
                    with_token=False)
        assert re.search(r"(?i)set-cookie: __Host-rowlock=; Path=/; Max-Age=0;", said), said


def command_line(world):
    """By the name of its host, which the certificate has to bear out."""
    folder = pathlib.Path(world.proxy.folder)
    token, lines, copy = folder / "token", folder / "few.ndjson", folder / "copy.db"
    token.write_text(f"{world.token}\n")
    token.chmod(0o600)
    lines.write_text('{"op":"adjust","sku":"A-1","location":"WH1","delta":1}\n' * 1000)
    other = folder / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout",
                    folder / "other.key", "-out", other], check=True, capture_output=True)
    with Tunnel() as tunnel:
        environment = {"PATH": os.environ["PATH"], "ROWLOCK_SERVER": world.url,
                       "https_proxy": f"http://127.0.0.1:{tunnel.server_address[1]}"}

        def ask(code, *words, **variables):
            ran = subprocess.run([world.rowlock, *words, "--token-file", token],
                                 env=environment | variables, stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=LIMIT_S)
            assert ran.returncode == code, ran
            assert world.token not in ran.stdout + ran.stderr, ran
            return ran

        for words in (("status",), ("adjust", "A-1", "WH1", "2"), ("stock", "--limit", "2"),
                      ("import", lines), ("export", folder / "all.ndjson"), ("backup", copy),
                      ("watch", "--once"), ("changes", "--after", "1", "--limit", "3"),
                      ("crawl", "--sku", "A-1", "--location", "WH1", "--reads", "20",
                       "--updates", "20")):
            ask(0, *words, "--ca", world.proxy.certificate)
        assert set(tunnel.asked) == {("CONNECT", f"{HOST}:{world.proxy.port}")}, tunnel.asked
        ask(0, "stock", ROWLOCK_CA=str(world.proxy.certificate))
        for trusted in ((), ("--ca", other)):
            ran = ask(3, "stock", *trusted)
            assert "certificate" in ran.stderr and "--ca FILE" in ran.stderr, ran
        ran = ask(3, "stock", "--ca", world.proxy.certificate, "--server",
                  f"https://other.example:{world.proxy.port}")
        ran = ask(2, "stock", ROWLOCK_SERVER=f"http://{HOST}:{world.proxy.port}")
        assert "--plain-http" in ran.stderr, ran


async def one_client(world, context, number, all_there):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.proxy.port, ssl=context,
                                                   server_hostname=HOST)
    request = (f"GET /v1/stock/A-1/WH1 HTTP/1.1\r\nHost: {HOST}:{world.proxy.port}\r\n"
               f"Authorization: Bearer {world.token}\r\n\r\n").encode()
    for turn in range(REQUESTS_EACH):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), (number, turn, head)
        size = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
        await reader.readexactly(size)
        if turn == 0:
            await all_there.wait()  # all have connected, and keep their connection
    writer.close()


async def crowd(world):
    context = world.context()
    all_there = asyncio.Barrier(CLIENTS)
    await asyncio.wait_for(asyncio.gather(*(one_client(world, context, number, all_there)
                                            for number in range(CLIENTS))), LIMIT_S)


def thousand_clients(world):
    asyncio.run(crowd(world))


CASES = [("who brings no token is refused, but for what is public", without_token),
         ("updates, by HTTP/1.1 and HTTP/2", updates),
         ("the path arrives as it was sent", path_survives),
         ("another host's name is not answered for", another_name),
         ("a batch of 100 MB", batch_of_100_mb),
         ("results while the upload goes on", results_while_it_comes),
         ("an event comes at once", event_stream),
         ("the page", page),
         ("a login of the page, by HTTP/1.1 and HTTP/2", login),
         ("the command line, which checks the certificate", command_line),
         ("a thousand clients that keep their connections", thousand_clients)]


def main(rowlockd, rowlock, name, document):
    tap = Tap()
    if shutil.which(name) is None or shutil.which("openssl") is None:
        for sentence, _ in CASES:
            tap.skip(sentence, f"no {name} here: tests/run --all installs it")
        return tap.end()
    recipe = re.search(RECIPE.format(name), pathlib.Path(document).read_text(), re.DOTALL)
    assert recipe, f"{document} has no recipe"
    with tempfile.TemporaryDirectory(prefix="rowlock-proxy-") as folder:
        store = pathlib.Path(folder) / "store.db"
        token = subprocess.run([rowlockd, "token", "add", "shop", "--role", "admin", "--store",
                                store], check=True, capture_output=True, text=True).stdout.strip()
        with Daemon(rowlockd, store,
                    ["--demo", "--host-name", HOST]) as server:
            proxy = PROXIES[name](folder, recipe[1], server.port)
            try:
                world = World(server, proxy, token, rowlock)
                for sentence, case in CASES:
                    tap.run(sentence, case, world)
            finally:
                proxy.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:], *([] if len(sys.argv) > 4 else [ROOT / "docs" / "access.md"])))
