#!/usr/bin/env python3
"""speakers - for whom a connection speaks beyond its token: the person behind a trusted proxy, and
local users who come by a unix socket.

    tests/http/speakers.py ROWLOCKD
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon, SOCKET  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection  # noqa: E402

CONFIGURATION, USAGE = 78, 64
USER = "X-Forwarded-User"


class World:
    def __init__(self, rowlockd, folder):
        self.rowlockd, self.folder = rowlockd, pathlib.Path(folder)
        self.store = self.folder / "store.db"
        self.token = None

    def daemon(self, *flags):
        return Daemon(self.rowlockd, self.store,
                      ["--listen", f"127.0.0.1:0,unix:$folder/{SOCKET}", *flags])

    def adjust(self, place, *headers):
        """The status, and of whom the movement is."""
        connection = Connection(place)
        body = b'{"delta":1}'
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        connection.send(f"POST /v1/stock/A-1/WH1/adjust HTTP/1.1\r\nHost: localhost\r\n{head}"
                        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                        .encode() + body, "POST")
        answer = connection.read_answer()
        connection.close()
        return answer.status, (answer.json()["movement"]["actor"] if answer.status == 201 else
                               answer.json()["code"])

    def bearer(self):
        return "Authorization", f"Bearer {self.token}"


def a_store_without_tokens(world):
    """A trusted proxy would be an open door, as any is: it does not start."""
    with world.daemon() as server:
        client = Client(server.port)
        assert client.put("/v1/items/A-1", {"name": "a"}).status == 201
        assert client.put("/v1/locations/WH1", {"name": "a"}).status == 201
    ended = subprocess.run(world.daemon("--trust-proxy", "127.0.0.1").command(),
                           capture_output=True, text=True)
    assert ended.returncode == CONFIGURATION and "opened_by=trust_proxy" in ended.stderr, ended
    for flags, code, words in (
            (("--socket-role", "no-such-user=clerk"), CONFIGURATION, "no user of this machine"),
            (("--socket-role", "65534=clerk"), CONFIGURATION, "cannot name"),
            (("--socket-role", "anna=boss"), USAGE, "--socket-role"),
            (("--trust-proxy", "proxy.lan"), USAGE, "--trust-proxy")):
        ended = subprocess.run(world.daemon(*flags).command(), capture_output=True, text=True)
        assert ended.returncode == code and words in ended.stderr, (flags, ended)
    added = subprocess.run([world.rowlockd, "token", "add", "shop", "--role", "writer",
                            "--store", world.store], capture_output=True, text=True, check=True)
    world.token = added.stdout.strip()


def a_local_user(world):
    """He has his role, not more; not beside a token, nor through a proxy."""
    with world.daemon("--socket-role", f"{os.geteuid()}=clerk") as server:
        path, me = server.socket_path, f"local/{os.geteuid()}"
        assert world.adjust(path) == (201, me)
        assert world.adjust(path, world.bearer()) == (201, "shop")
        assert world.adjust(path, ("Authorization", "Bearer x")) == (401, "unauthorized")
        for header in ("Forwarded", "Via", "X-Forwarded-For", USER):
            assert world.adjust(path, (header, "a")) == (401, "unauthorized"), header
        assert world.adjust(server.port) == (401, "unauthorized")
        client = Client(path)
        assert client.get("/v1/stock/A-1/WH1").status == 200
        assert client.put("/v1/items/B-1", {"name": "b"}).json()["code"] == "forbidden"
        assert client.get("/v1/backup").json()["code"] == "forbidden"


def nor_where_unix_sockets_are_a_proxys(world):
    with world.daemon("--socket-role", f"{os.geteuid()}=admin", "--trust-proxy", "unix") as server:
        assert world.adjust(server.socket_path) == (401, "unauthorized")
        assert world.adjust(server.socket_path, world.bearer(), (USER, "anna")) \
            == (201, "shop/anna")


def his_keys_are_his_own(world):
    key = ("Idempotency-Key", "k-1")
    with world.daemon("--socket-role", f"{os.geteuid()}=writer") as server:
        assert world.adjust(server.socket_path, key) == (201, f"local/{os.geteuid()}")
        assert world.adjust(server.socket_path, key, world.bearer()) == (201, "shop")


def the_person_behind_a_proxy(world):
    with world.daemon("--trust-proxy", "127.0.0.1") as server:
        port, bearer = server.port, world.bearer()
        assert world.adjust(port, bearer) == (201, "shop")
        assert world.adjust(port, bearer, (USER, "anna@shop")) == (201, "shop/anna@shop")
        assert world.adjust(port, bearer, (USER, "anna")) == (201, "shop/anna")
        assert world.adjust(port, bearer, (USER, "anna"), (USER, "boss")) == (400, "invalid-header")
        for wrong in ("", "a b", "anna/boss", "x" * 128):
            assert world.adjust(port, bearer, (USER, wrong)) == (400, "invalid-header"), wrong
        assert world.adjust(port, (USER, "anna")) == (401, "unauthorized")
        # By the unix socket nobody is trusted here.
        assert world.adjust(server.socket_path, bearer, (USER, "boss")) == (201, "shop")
        assert world.adjust(server.socket_path, bearer, (USER, "a"), (USER, "b")) == (201, "shop")


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-speakers-") as folder:
        world = World(rowlockd, folder)
        for case in (a_store_without_tokens, a_local_user, nor_where_unix_sockets_are_a_proxys,
                     his_keys_are_his_own, the_person_behind_a_proxy):
            tap.run(case.__name__.replace("_", " "), case, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
