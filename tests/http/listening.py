#!/usr/bin/env python3
"""listening - where a server listens: at several addresses, as a unix socket, at sockets that
somebody else opened.

    tests/http/listening.py ROWLOCKD
"""
import grp
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon, SOCKET  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

OS, CONFIGURATION = 71, 78
CLIENTS = 20

# Becomes the program with this process's number in the environment, as a supervisor has it.
ACTIVATOR = """
import os, sys
count, first, *command = sys.argv[1:]
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count)
for number in range(int(count)):
    os.dup2(int(first) + number, 3 + number)
    os.set_inheritable(3 + number, True)
os.execv(command[0], command)
"""


class World:
    def __init__(self, rowlockd, folder):
        self.rowlockd, self.folder = rowlockd, pathlib.Path(folder)
        self.path = str(self.folder / SOCKET)
        self.count = 0

    def daemon(self, *flags):
        self.count += 1
        return Daemon(self.rowlockd, self.folder / f"store-{self.count}.db", flags)

    def refused(self, code, words, *flags):
        """It ends so, and says these words."""
        ended = subprocess.run([self.rowlockd, "--store", self.folder / "never.db", *flags],
                               capture_output=True, text=True)
        assert ended.returncode == code, (ended.returncode, ended.stderr)
        assert words in ended.stderr, ended.stderr
        assert not (self.folder / "never.db").exists(), "the store was touched"


def lines_of(server):
    return [line for line in server.lines if "event=listening" in line]


def is_alive(place):
    return Client(place).get("/livez").status == 200


def at_several_addresses(world):
    with world.daemon("--listen", f"127.0.0.1:0,[::1]:0,unix:{world.path},127.0.0.2:0") as server:
        wait_until(lambda: is_alive(server.port) and len(lines_of(server)) == 4, "all are said")
        said = lines_of(server)
        for line, words in zip(said, ("http://127.0.0.1:", "http://[::1]:", f"unix:{world.path}",
                                      "http://127.0.0.2:")):
            assert words in line, line
        assert is_alive(world.path)
        port = int(said[1].split("[::1]:")[1].split()[0].rstrip('"'))
        six = socket.create_connection(("::1", port))
        six.sendall(f"GET /livez HTTP/1.1\r\nHost: [::1]:{port}\r\n\r\n".encode())
        assert six.recv(100).startswith(b"HTTP/1.1 200 ")
        six.close()


def each_is_served_while_the_others_are_busy(world):
    """Connections of both kinds, on all loops, all of them open at once."""
    with world.daemon("--loops", "3", "--listen", f"127.0.0.1:0,unix:{world.path}") as server:
        clients = [Client(place) for _ in range(CLIENTS) for place in (server.port, world.path)]
        for client in clients:
            assert client.get("/livez").status == 200
        for number, client in enumerate(clients):
            assert client.put(f"/v1/items/A-{number}", {"name": "a"}).status == 201
        metrics = clients[0].get("/metrics").body.decode()
        assert f"\nrowlock_connections {len(clients)}\n" in metrics, metrics
        for client in clients:
            client.close()


def at_its_limit_it_lets_both_wait(world):
    """Where there is no room all sockets wait, and when there is they are served again."""
    with world.daemon("--connections", "2", "--listen",
                      f"127.0.0.1:0,unix:{world.path}") as server:
        inside = [Client(server.port), Client(world.path)]
        for client in inside:
            assert client.get("/livez").status == 200
        outside = [Connection(server.port), Connection(world.path)]
        for connection in outside:
            connection.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
        assert inside[0].get("/livez").status == 200
        assert not any(connection.has_news() for connection in outside)
        for client in inside:
            client.close()
        for connection in outside:
            assert connection.read_answer().status == 200
            connection.close()


def its_file_has_mode_and_group(world):
    group = grp.getgrgid(os.getegid()).gr_name
    with world.daemon("--listen", f"unix:{world.path},mode=0622,group={group}"):
        found = os.stat(world.path)
        assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o622
        assert found.st_gid == os.getegid()
    assert not os.path.exists(world.path), "the file is there after its server"
    assert not [name for name in os.listdir(world.folder) if name.startswith(SOCKET)]


def a_living_one_keeps_it(world):
    with world.daemon("--listen", f"unix:{world.path}"):
        world.refused(OS, "a server that lives has this socket",
                      "--listen", f"unix:{world.path}")
        assert is_alive(world.path)


def of_a_dead_one_it_is_taken_over(world):
    server = world.daemon("--listen", f"unix:{world.path}").start()
    server.kill()
    assert os.path.exists(world.path)
    with world.daemon("--listen", f"unix:{world.path}"):
        assert is_alive(world.path)


def it_is_gone_before_the_last_answer(world):
    """While it drains nobody new comes in, and the next server may have the name already."""
    with world.daemon("--listen", f"127.0.0.1:0,unix:{world.path}") as server:
        upload = Connection(world.path)
        upload.send(b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
                    "POST")
        upload.send(b"{")
        wait_until(lambda: b"\nrowlock_connections 2\n" in Client(server.port)
                   .get("/metrics").body, "the upload has begun")
        server.signal(signal.SIGTERM)
        wait_until(lambda: not os.path.exists(world.path), "the file is removed")
        with world.daemon("--listen", f"unix:{world.path}"):
            assert is_alive(world.path)
            upload.close()
            server.wait(0)
            assert is_alive(world.path), "the first has removed what is the second's"


def what_cannot_be_had(world):
    (world.folder / "file").write_text("mine")
    world.refused(CONFIGURATION, "no socket has this name",
                  "--listen", f"unix:{world.folder}/file")
    assert (world.folder / "file").read_text() == "mine"
    world.refused(CONFIGURATION, "no group is called so",
                  "--listen", f"unix:{world.path},group=no-such-group")
    world.refused(OS, "its folder is not there", "--listen", "unix:/no/such/folder/s")
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    world.refused(OS, f"address=127.0.0.1:{port} ",
                  "--listen", f"127.0.0.1:0,127.0.0.1:{port},unix:{world.path}")
    taken.close()
    for list_ in ("127.0.0.1:0,banana", "unix:relative", "127.0.0.1:0,mode=0660"):
        world.refused(64, "is not an address and a port", "--listen", list_)


# ---------------------------------------------------------------- socket activation

FIRST = 50  # where the test has what it hands over: dup2() to 3 and on does not meet them


def activated(world, sockets, *flags):
    for number, one in enumerate(sockets):
        os.dup2(one.fileno(), FIRST + number)
        os.set_inheritable(FIRST + number, True)
    server = world.daemon(*flags)
    server.wrapper = [sys.executable, "-c", ACTIVATOR, str(len(sockets)), str(FIRST)]
    server.pass_fds = range(FIRST, FIRST + len(sockets))
    return server


def it_serves_what_a_supervisor_opened(world):
    """Who connected before it started is served, too; afterwards the sockets are still there."""
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(world.path)
    unix.listen(8)
    early = Connection(world.path)
    early.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
    server = activated(world, [tcp, unix])
    server.start()
    assert early.read_answer().status == 200
    assert is_alive(tcp.getsockname()[1]) and is_alive(world.path)
    assert server.port == tcp.getsockname()[1], "the one of --listen"
    wait_until(lambda: is_alive(world.path) and len(lines_of(server)) == 2, "both are said")
    server.stop()
    assert os.path.exists(world.path), "it has removed what is not its own"
    late = Connection(world.path)
    late.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
    server.start()
    assert late.read_answer().status == 200
    server.stop()
    tcp.close(), unix.close(), os.unlink(world.path)


def what_does_not_listen_is_refused(world):
    mute = socket.socket()
    mute.bind(("127.0.0.1", 0))
    server = activated(world, [mute])
    ended = subprocess.run(server.command(), pass_fds=server.pass_fds, capture_output=True,
                           text=True)
    assert ended.returncode == CONFIGURATION and "cannot_inherit" in ended.stderr, ended
    mute.close()


def what_is_for_another_is_not_ours(world):
    """LISTEN_PID names another process: an environment that was handed on by mistake."""
    server = world.daemon()
    server.wrapper = ["env", "LISTEN_PID=1", "LISTEN_FDS=1"]
    with server:
        assert is_alive(server.port)


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-listening-") as folder:
        world = World(rowlockd, folder)
        for case in (at_several_addresses, each_is_served_while_the_others_are_busy,
                     at_its_limit_it_lets_both_wait, its_file_has_mode_and_group,
                     a_living_one_keeps_it, of_a_dead_one_it_is_taken_over,
                     it_is_gone_before_the_last_answer, what_cannot_be_had,
                     it_serves_what_a_supervisor_opened, what_does_not_listen_is_refused,
                     what_is_for_another_is_not_ours):
            tap.run(case.__name__.replace("_", " "), case, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
