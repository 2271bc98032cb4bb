#!/usr/bin/env python3
"""sigterm - SIGTERM under load: exit 0, nothing acknowledged is lost; a second one ends at once."""
import signal
import threading

from case import Daemon, run_cases
from load import Load, make_rows
from talk import Client, Connection, wait_until

ROUNDS = 20
CHANGES = 150
CODE_FORCED = 70


def stop_under_load(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port)
    load = Load(threads=32)
    for _ in range(ROUNDS):
        idle = [Connection(server.port) for _ in range(8)]  # must not hold it up
        load.run(server.port, server.stop, CHANGES)
        for connection in idle:
            connection.close()
        load.prove(server.store)
        server.start()
    wrong = [answer for _, answer in load.refused if answer.json()["code"] != "draining"]
    assert not wrong, wrong[0]
    load.retry(server.port)
    server.stop()
    load.prove(server.store)


def stop_half_way(rowlockd, folder):
    """The client may still send the rest of its request; but not for ever."""
    server = Daemon(rowlockd, folder / "store.db", ["--drain-ms", "100"]).start()
    slow = Connection(server.port)
    slow.send(b"POST /v1/transfers HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert Client(server.port).get("/livez").status == 200  # so the bytes before it have arrived
    server.stop()
    slow.close()


def lease_with_waiters(server, count):
    """A lease, and so many writers that wait at it on threads of their own."""
    client = Client(server.port)
    make_rows(server.port, 10, ["A-1"])
    client.put("/v1/leases/l", {"rows": [{"sku": "A-1", "location": "WH1"}], "ttl_s": 600,
                                "purpose": "in the way"})
    waiting = [Connection(server.port) for _ in range(count)]
    for connection in waiting:
        connection.send(b"POST /v1/stock/A-1/WH1/adjust?wait=60 HTTP/1.1\r\nHost: localhost\r\n"
                        b'Content-Length: 13\r\n\r\n{"delta": -1}', "POST")
    wanted = f"\nrowlock_requests_suspended {count}\n".encode()
    wait_until(lambda: wanted in client.get("/metrics").body, f"{count} writes wait")
    client.close()
    return waiting


def stop_with_waiters(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db", ["--drain-ms", "200"]).start()
    waiting = lease_with_waiters(server, 500)
    server.stop()
    for connection in waiting:
        answer = connection.read_answer()
        assert (answer.status, answer.json()["code"]) == (503, "draining"), answer
    server.start()
    row = Client(server.port).get("/v1/stock/A-1/WH1").json()
    assert (row["on_hand"], row["version"]) == (10, 1), row
    server.stop()


def stop_at_once(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db", ["--drain-ms", "600000"]).start()
    lease_with_waiters(server, 3)
    drained = threading.Event()
    server.signal(signal.SIGTERM)
    # A new connection is refused, or told that the server drains: then it has begun.
    while not drained.is_set():
        try:
            if Client(server.port).get("/livez").status == 503:
                drained.set()
        except Exception:
            drained.set()
    server.signal(signal.SIGTERM)
    server.wait(CODE_FORCED, limit_s=10)


IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGXFSZ)


def other_signals(rowlockd, folder):
    """A terminal that closes must not end it without a drain."""
    with Daemon(rowlockd, folder / "store.db") as server:
        client = Client(server.port)
        make_rows(server.port, 5, ["A-1"])
        for number in IGNORED:
            server.signal(number)
            assert client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status == 201, number
        assert server.is_running()


run_cases([
    ("SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ: it goes on", other_signals),
    ("SIGTERM under load, twenty times", stop_under_load),
    ("SIGTERM while 500 writes wait at a lease: each is told that nothing was done",
     stop_with_waiters),
    ("SIGTERM while a client has sent half a request", stop_half_way),
    ("a second SIGTERM ends a long drain at once", stop_at_once),
])
