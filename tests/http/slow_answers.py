#!/usr/bin/env python3
"""slow_answers - answers of a few kilobytes to a client that takes them a bit at a time.

Small answers are put together past microhttpd and sent in one call. A socket that is full takes a
part of one only, at any byte of it: the rest has to follow, once, and from the right place. So all
requests are sent before anything is read; together their answers are more than any socket's
buffers hold.
"""
import pathlib
import socket
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

REQUESTS = 1000
ATTRIBUTE_BYTES = (7000, 8100)  # of the two items that are asked for in turn
BUFFERS_BYTES_MAX = 6 << 20     # the kernel's, of both sides


def narrow_connection(port):
    connection = Connection.__new__(Connection)
    connection.socket = socket.socket()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.socket.settimeout(60)
    connection.socket.connect(("127.0.0.1", port))
    connection.buffer, connection.methods = b"", []
    return connection


def ask(connection):
    for number in range(REQUESTS):
        connection.send(b"GET /v1/items/A-%d HTTP/1.1\r\nHost: localhost\r\n"
                        b"X-Request-Id: slow-%d\r\n\r\n" % (number % 2, number), "GET")


def in_the_background(connection):
    """The server reads one request at a time: the last ones wait with us."""
    sender = threading.Thread(target=ask, args=(connection,))
    sender.start()
    return sender


def whole_and_in_order(server, client):
    expected = [client.get(f"/v1/items/A-{n}") for n in (0, 1)]
    assert sum(len(a.body) for a in expected) * REQUESTS / 2 > BUFFERS_BYTES_MAX
    connection = narrow_connection(server.port)
    sender = in_the_background(connection)
    for number in range(REQUESTS):
        answer = connection.read_answer(60)
        assert answer.status == 200, answer
        assert answer.header("X-Request-Id") == f"slow-{number}", (number, answer.headers)
        assert answer.body == expected[number % 2].body, (number, len(answer.body))
    sender.join()
    assert not connection.has_news(), connection.buffer
    connection.close()


def connection_count(client):
    metrics = client.get("/metrics").body.decode().splitlines()
    return next(int(line.split()[-1]) for line in metrics
                if line.startswith("rowlock_connections "))


def gone_in_the_middle(server, client):
    ours_alone = 1
    wait_until(lambda: connection_count(client) == ours_alone, "the case before is over")
    for leave in (Connection.close, Connection.reset):
        connection = narrow_connection(server.port)
        sender = in_the_background(connection)
        for _ in range(REQUESTS // 10):
            assert connection.read_answer(60).status == 200
        connection.socket.shutdown(socket.SHUT_WR)
        sender.join()
        leave(connection)
    wait_until(lambda: connection_count(client) == ours_alone, "the server lets them go")


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-slow-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "store.db") as server:
            client = Client(server.port)
            for number, size in enumerate(ATTRIBUTE_BYTES):
                client.put(f"/v1/items/A-{number}", {"name": "a", "attributes": {"a": "x" * size}})
            tap.run(f"{REQUESTS} answers to a client that reads slowly are whole and in order",
                    whole_and_in_order, server, client)
            tap.run("a client that leaves in the middle of one is let go",
                    gone_in_the_middle, server, client)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
