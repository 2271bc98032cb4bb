#!/usr/bin/env python3
"""drain_states - SIGTERM while this or that is under way: it ends in time, with the right word.

    tests/http/drain_states.py ROWLOCKD

Each row of the table is a state in which a request can be when the server is told to stop. Either
nothing has to be waited for, and it ends at once although --drain-ms is long; or something waits
in vain, and it ends with --drain-ms. What each client is told is compared with the ledger.
"""
import json
import pathlib
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Closed, Connection, wait_until  # noqa: E402

AT_ONCE_MS, DRAIN_MS = 20_000, 400
LAST_MS = 1000        # for those who still read
SLACK_S = 2.0         # of a machine that does other things, too
ROW = "/v1/stock/A-1/WH1"
BULK_ITEMS = 2500
FILLER = "x" * 5000   # together more than the buffers of a socket


def adjust(row=1, **more):
    return {"op": "adjust", "sku": f"A-{row}", "location": "WH1", "delta": 1, **more}


class World:
    def __init__(self, server):
        self.server = server
        self.client = Client(server.port)
        self.holder = None
        self.client.put("/v1/locations/WH1", {"name": "x"})
        for row in (1, 2):
            self.client.put(f"/v1/items/A-{row}", {"name": "x"})
            assert self.client.post(f"/v1/stock/A-{row}/WH1/adjust", {"delta": 5}).status == 201

    def connection(self):
        """One that was taken: what is sent on it is heard."""
        connection = Connection(self.server.port)
        connection.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
        assert connection.read_answer().status == 200
        return connection

    def request(self, method, path, body=b"", connection=None, length=None, **headers):
        """A request, or the first part of it, on a connection of its own."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = connection or self.connection()
        head = {"Host": "localhost", "Content-Length": length or len(body), **headers}
        text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items())
        connection.send(f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body, method)
        return connection

    def lease(self):
        answer = self.client.put("/v1/leases/l", {"rows": [{"sku": "A-1", "location": "WH1"}],
                                                  "ttl_s": 600, "purpose": "in the way"})
        assert answer.status == 201, answer

    def hold(self):
        """Another program takes the write lock, and keeps it."""
        self.holder = open_sql(self.server.store)
        self.holder.execute("BEGIN IMMEDIATE")

    def let_go(self):
        if self.holder:
            self.holder.close()
        self.holder = None

    def metric(self, name):
        text = self.client.get("/metrics").body.decode()
        return next(float(line.split()[1]) for line in text.splitlines()
                    if line.startswith(name + " "))

    def wait_for(self, name, value):
        wait_until(lambda: self.metric(name) == value, f"{name} {value}")

    def wait_for_parked(self, count=1):
        self.wait_for("rowlock_requests_suspended", count)

    def fill(self):
        lines = [{"op": "item", "sku": f"B-{n}", "name": "x", "attributes": {"a": FILLER}}
                 for n in range(BULK_ITEMS)]
        assert self.client.post("/v1/batch?results=none", lines).json()[-1]["applied"] == BULK_ITEMS

    def rows(self, statement):
        database = open_sql(self.server.store)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()

    def on_hand(self, row=1):
        return self.rows(f"SELECT on_hand FROM v_stock WHERE sku = 'A-{row}'")[0][0]


# ---------------------------------------------------------------- what a client is told


def expect_draining(connection):
    answer = connection.read_answer()
    problem = answer.json()
    assert answer.status == 503, answer
    assert (problem["code"], problem["outcome"]) == ("draining", "not_applied"), answer
    assert (answer.header("Connection") or "").lower() == "close", answer


def expect(http_status, **members):
    def check(connection):
        answer = connection.read_answer()
        assert answer.status == http_status, answer
        found = answer.json() if members else {}
        found = found[-1] if isinstance(found, list) else found
        for name, value in members.items():
            assert found.get(name) == value, f"{name}: {answer}"
    return check


def expect_either(*statuses):
    def check(connection):
        answer = connection.read_answer()
        assert answer.status in statuses, answer
        assert answer.status == 200 or answer.json()["code"] == "draining", answer
    return check


def expect_closed(connection):
    """Nothing comes any more but what had been sent before."""
    connection.socket.settimeout(SLACK_S)
    try:
        while connection.socket.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass


def expect_cut(connection):
    try:
        answer = connection.read_answer()
    except Closed:
        return
    raise AssertionError(f"it got all of {len(answer.body)} bytes")


# ---------------------------------------------------------------- states
# Each brings it about, and returns (connection, what it is told) for each client.


def idle(w):
    return [(w.connection(), expect_closed), (Connection(w.server.port), expect_closed)]


def idle_for_a_moment(w):
    return [(w.request("GET", "/livez"), expect_either(200, 503)) for _ in range(16)]


def long_poll(w):
    connection = w.request("GET", "/v1/changes?after=2&wait=60")
    w.wait_for_parked()
    return [(connection, expect(200, data=[]))]


def waits_for_seq(w):
    connection = w.request("GET", f"{ROW}?min_seq=1000&wait=60")
    w.wait_for_parked()
    return [(connection, lambda c: None)]


def event_stream(w):
    connection = w.request("GET", "/v1/changes", Accept="text/event-stream")
    w.wait_for("rowlock_feed_subscribers", 1)
    return [(connection, expect_closed)]


def export_is_read(w):
    w.fill()
    connection = w.request("GET", "/v1/export")
    wait_until(lambda: connection.has_news() and w.metric("rowlock_spools") >= 0,
               "the export begins")
    return [(connection, expect(200))]


def lists(w):
    return [(w.request("GET", "/v1/movements?limit=1000"), expect_either(200, 503))
            for _ in range(64)]


def verification(w):
    return [(w.request("GET", "/v1/verify"), expect_either(200, 503))]


def laboratory(w):
    assert w.client.post("/v1/lab/runs", {"seconds": 60}).status == 202
    return []


def writes_under_way(w):
    """They are decided, or refused; never in between. 201 is in the ledger, 503 is not."""
    connections = [w.request("POST", f"{ROW}/adjust", {"delta": 1, "reference": f"w{n}"})
                   for n in range(32)]

    def check(connection):
        number = connections.index(connection)
        answer = connection.read_answer()
        is_there = w.rows(f"SELECT 1 FROM movement WHERE reference = 'w{number}'") != []
        assert answer.status in (201, 503) and is_there == (answer.status == 201), answer
    return [(connection, check) for connection in connections]


def batch_is_over_soon(w):
    return [(w.request("POST", "/v1/batch", b"".join(json.dumps(adjust()).encode() + b"\n"
                                                     for _ in range(200))),
             expect_either(200, 503))]


def at_lease(w):
    w.lease()
    writes = [w.request("POST", f"{ROW}/adjust?wait=60", {"delta": 1}) for _ in range(3)]
    writes.append(w.request("GET", f"{ROW}?read=locked&wait=60"))
    w.wait_for_parked(4)
    return [(connection, expect_draining) for connection in writes]


def at_row(w):
    """The first owns the row and is ready, the others stand behind it."""
    w.hold()
    writes = [w.request("POST", f"{ROW}/adjust?wait=60", {"delta": 1}) for _ in range(3)]
    writes.append(w.request("GET", f"{ROW}?read=locked&wait=60"))
    w.wait_for_parked(4)
    return [(connection, expect_draining) for connection in writes]


def joined(w):
    w.hold()
    writes = [w.request("POST", f"{ROW}/adjust?wait=60", {"delta": 1}, Idempotency_Key="k")
              for _ in range(3)]
    w.wait_for_parked(3)
    return [(connection, expect_draining) for connection in writes]


def operation(w):
    """One who waits for it from the first, and one who asks."""
    w.hold()
    first = w.request("POST", f"{ROW}/adjust", {"delta": 1}, Prefer="respond-async, wait=60")
    begun = w.client.post(f"{ROW}/adjust", {"delta": 1}, Prefer="respond-async")
    assert begun.status == 202, begun
    asking = w.request("GET", begun.header("Location") + "?wait=60")
    w.wait_for_parked(2)
    return [(first, expect_draining), (asking, expect(200, state="refused", status=503))]


def operation_at_lease(w):
    w.lease()
    begun = w.client.post(f"{ROW}/adjust", {"delta": 1}, Prefer="respond-async")
    asking = w.request("GET", begun.header("Location") + "?wait=60")
    w.wait_for_parked()
    return [(asking, expect(200, state="refused", status=503))]


def operation_withdrawn(w):
    w.hold()
    begun = w.client.post(f"{ROW}/adjust", {"delta": 1}, Prefer="respond-async")
    return [(w.request("DELETE", begun.header("Location")), lambda c: None)]


def ndjson(*lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


STOPPED = {"code": "draining", "outcome": "not_applied"}


def batch_at_lease(w):
    w.lease()
    body = ndjson(adjust(2), adjust(2), adjust(1), adjust(2))
    connection = w.request("POST", "/v1/batch?wait=60", body)
    w.wait_for_parked()
    wait_until(lambda: w.on_hand(2) == 7, "the lines before the lease are applied")
    return [(connection, expect(200, lines=2, applied=2, stopped_at=3, **STOPPED))]


def batch_is_ready(w):
    w.hold()
    connection = w.request("POST", "/v1/batch?wait=60", ndjson(adjust(1), adjust(2)))
    w.wait_for_parked()
    return [(connection, expect(200, lines=0, applied=0, stopped_at=1, **STOPPED))]


def atomic_batch(w):
    w.lease()
    connection = w.request("POST", "/v1/batch?atomic=true&wait=60", ndjson(adjust(2), adjust(1)))
    w.wait_for_parked()
    return [(connection, expect_draining)]


def upload_of_batch(w):
    body = ndjson(adjust(2), adjust(2), adjust(2))
    connection = w.request("POST", "/v1/batch", body, length=5000, Idempotency_Key="file")
    wait_until(lambda: w.on_hand(2) == 8, "its lines are applied")
    return [(connection, expect(200, lines=3, applied=3, stopped_at=4, **STOPPED))]


def upload_of_batch_at_lease(w):
    w.lease()
    connection = w.request("POST", "/v1/batch?wait=60", ndjson(adjust(2), adjust(1)), length=5000)
    wait_until(lambda: w.on_hand(2) == 6, "the line before the lease is applied")
    return [(connection, expect(200, lines=1, applied=1, stopped_at=2, **STOPPED))]


def upload_of_batch_is_ready(w):
    w.hold()
    connection = w.request("POST", "/v1/batch?wait=60", ndjson(adjust(1), adjust(2)), length=5000)
    w.wait_for("rowlock_batches", 1)
    return [(connection, lambda c: expect_stopped_or_draining(c))]


def expect_stopped_or_draining(connection):
    """What it had been before it was stopped is the client's own race; nothing was done."""
    answer = connection.read_answer()
    told = answer.json()
    told = told[-1] if isinstance(told, list) else told
    assert (told["code"], told["outcome"]) == ("draining", "not_applied"), answer
    assert told.get("applied", 0) == 0, answer


def upload_of_atomic_batch(w):
    connection = w.request("POST", "/v1/batch?atomic=true", ndjson(adjust(2)), length=5000)
    w.wait_for("rowlock_batches", 1)
    return [(connection, expect_draining)]


def upload_of_nothing_yet(w):
    connection = w.request("POST", "/v1/batch", b"", length=5000)
    w.wait_for("rowlock_batches", 1)
    return [(connection, expect_draining)]


def upload_stalled(w):
    body = w.request("POST", f"{ROW}/adjust", b'{"delta"', length=12)
    head = w.connection()
    head.send(b"POST /v1/transfers HTTP/1.1\r\nHost: localhost\r\nContent-Le", "POST")
    assert w.client.get("/livez").status == 200  # what was sent before it has arrived
    return [(body, expect_draining), (head, expect_draining)]


def expiries(w):
    """What ran out cannot be booked, and a write waits behind it."""
    lines = [{"op": "reserve", "lines": [{"sku": "A-1", "location": "WH1", "quantity": 1}],
              "ttl_s": 1} for _ in range(5)]
    assert w.client.post("/v1/batch", lines).json()[-1]["applied"] == 5
    w.hold()
    write = w.request("POST", "/v1/stock/A-2/WH1/adjust?wait=60", {"delta": 1})
    w.wait_for_parked()
    return [(write, expect_draining)]


def export_is_not_read(w):
    w.fill()
    connection = Connection.__new__(Connection)
    connection.socket = socket.socket()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.socket.settimeout(20)
    connection.socket.connect(("127.0.0.1", w.server.port))
    connection.buffer, connection.methods = b"", []
    w.request("GET", "/v1/export", connection=connection)
    wait_until(lambda: connection.has_news() and w.metric("rowlock_spools") >= 0,
               "the export begins")
    return [(connection, expect_cut)]


def stream_is_not_read(w):
    w.fill()
    connection = w.request("GET", "/v1/changes?after=0", Accept="text/event-stream")
    w.wait_for("rowlock_feed_subscribers", 1)
    lines = [adjust(2, reference="y" * 120)] * 2000
    for _ in range(5):
        w.client.post("/v1/batch?results=none", lines)
    return [(connection, expect_closed)]


def replay(w):
    """It is in nobody's way, and the drain is in none of its own; another request is refused."""
    first = w.client.post(f"{ROW}/adjust", {"delta": 1}, Idempotency_Key="done")
    assert first.status == 201, first
    begun = [w.request("POST", f"{ROW}/adjust", b'{"delta"', length=12, Idempotency_Key=key)
             for key in ("done", "new")]
    file = ndjson(adjust(1), adjust(2))
    assert w.client.request("POST", "/v1/batch", [adjust(1)], Idempotency_Key="file").status == 200
    batch = w.connection()
    batch.send(b"POST /v1/batch?wait=0 HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Length: %d\r\n" % len(file), "POST")
    w.lease()
    waiting = w.request("POST", f"{ROW}/adjust?wait=60", {"delta": 1})
    w.wait_for_parked()

    def is_stopping():
        try:
            return Client(w.server.port).get("/livez").status == 503
        except (OSError, Closed):
            return True

    def finish():
        wait_until(is_stopping, "it drains")
        for connection in begun:
            connection.send(b": 1}")
        replayed = begun[0].read_answer()
        assert (replayed.status, replayed.body) == (201, first.body), replayed
        assert replayed.header("Idempotency-Replayed") == "true", replayed
        expect_draining(begun[1])
        batch.send(b"Idempotency-Key: file\r\n\r\n" + file)
        answer = batch.read_answer()
        assert answer.status == 200 and len(answer.json()) == 2, answer
        line, total = answer.json()
        assert line["replayed"] is True, line
        assert (total["stopped_at"], total["code"]) == (2, "draining"), total
    w.meanwhile = finish
    return [(waiting, expect_draining)]


def run_state(rowlockd, state, drain_ms, flags=()):
    with tempfile.TemporaryDirectory(prefix="rowlock-drain-") as folder:
        server = Daemon(rowlockd, pathlib.Path(folder) / "store.db",
                        ["--drain-ms", str(drain_ms), "--loops", "2", *flags]).start()
        world = World(server)
        world.meanwhile = lambda: None
        clients = state(world)
        begun = time.monotonic()
        server.process.terminate()
        try:
            world.meanwhile()
            told = [read(connection) for connection, read in clients
                    if read is not expect_cut]  # one that reads would not be a slow reader
            server.wait(0)
            took_s = time.monotonic() - begun
            told += [read(connection) for connection, read in clients if read is expect_cut]
        finally:
            world.let_go()
            if server.is_running():
                server.process.kill()
        longest_s = SLACK_S + (0 if drain_ms == AT_ONCE_MS else (drain_ms + LAST_MS) / 1000)
        assert took_s < longest_s, f"it took {took_s:.2f} s, and {longest_s} s are the most"
        assert world.rows("SELECT * FROM v_ledger_check") == []


STATES = [
    ("a connection that is kept after an answer, and a new one", idle, AT_ONCE_MS),
    ("requests that have just come", idle_for_a_moment, AT_ONCE_MS),
    ("a long poll", long_poll, AT_ONCE_MS),
    ("a read that waits for a seq", waits_for_seq, AT_ONCE_MS),
    ("an event stream", event_stream, AT_ONCE_MS),
    ("an event stream that nobody reads", stream_is_not_read, AT_ONCE_MS),
    ("an export that is being read: all of it arrives", export_is_read, AT_ONCE_MS),
    ("an export that nobody reads", export_is_not_read, DRAIN_MS),
    ("sixty-four lists", lists, AT_ONCE_MS),
    ("a verification", verification, AT_ONCE_MS),
    ("a run of the laboratory", laboratory, AT_ONCE_MS, ["--lab"]),
    ("writes under way: what is answered 201 is in the ledger, and no other", writes_under_way,
     AT_ONCE_MS),
    ("a batch that is soon over", batch_is_over_soon, AT_ONCE_MS),
    ("writes and a locked read at a lease", at_lease, DRAIN_MS),
    ("writes at a row that is ready, while another program holds the store", at_row, DRAIN_MS),
    ("requests that share a write", joined, DRAIN_MS),
    ("an operation that is ready, and who waits for it", operation, DRAIN_MS),
    ("an operation at a lease", operation_at_lease, DRAIN_MS),
    ("an operation that is being withdrawn", operation_withdrawn, DRAIN_MS),
    ("a batch at a lease", batch_at_lease, DRAIN_MS),
    ("a batch that is ready", batch_is_ready, DRAIN_MS),
    ("an atomic batch at a lease", atomic_batch, DRAIN_MS),
    ("an upload of a batch that stalls", upload_of_batch, DRAIN_MS),
    ("an upload of a batch that stalls with a line at a lease", upload_of_batch_at_lease, DRAIN_MS),
    ("an upload of a batch that stalls with lines that are ready", upload_of_batch_is_ready,
     DRAIN_MS),
    ("an upload of an atomic batch that stalls", upload_of_atomic_batch, DRAIN_MS),
    ("an upload of a batch of which nothing has come", upload_of_nothing_yet, DRAIN_MS),
    ("half a request, and half a head", upload_stalled, DRAIN_MS),
    ("reservations that run out while another program holds the store", expiries, DRAIN_MS),
    ("a replay, and a new request, while others wait", replay, DRAIN_MS),
]


def main():
    tap = Tap()
    for sentence, *row in STATES:
        if len(sys.argv) < 3 or sys.argv[2] in sentence:
            tap.run(sentence, run_state, sys.argv[1], *row)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
