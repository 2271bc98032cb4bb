#!/usr/bin/env python3
"""states - every state of a request, and every way in which its connection can go on or go wrong.

    tests/http/states.py ROWLOCKD [STATE [EVENT]]

After each pair the server is there, the answer that was promised has come, nothing is left (no
request is suspended, no connection open, no batch, spool or write waiting), and the next request on
a new connection is served. Whatever a pair needs is made anew for it; the server stays, except for
the pairs with a drain, which end it.

A state is what `enter` makes of a fresh connection. `final`: the status when the rest of the
request comes, and what it waits for. `broken`: what is said instead where its bytes go wrong.
`late`: the status when the deadline that it names itself passes.
"""
import contextlib
import dataclasses
import json
import pathlib
import re
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from talk import Client, Closed, Connection, NoAnswer, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

# One loop: what another connection is answered, it has done after what came before.
FLAGS = ["--loops", "1", "--header-timeout-ms", "700", "--body-timeout-ms", "700",
         "--reply-timeout-ms", "1500", "--drain-ms", "200", "--store-busy-ms", "60000"]
HOST = "Host: localhost\r\n"
ADJUST = b'{"delta": 1}'
LINE = b'{"op": "adjust", "sku": "A-1", "location": "WH1", "delta": 1}\n'
LEASED_LINE = LINE.replace(b"A-1", b"L-1")
MOVEMENTS = 60000
GARBAGE = b"\0\0\r\n\r\n" * 4
GAUGES = ("requests_suspended", "batches", "spools", "feed_subscribers", "reads_waiting",
          "writes_waiting", "writes_ready", "operations_under_way")


@dataclasses.dataclass
class State:
    name: str
    enter: object       # (world, wait_s) -> Connection
    rest: bytes = b""   # what the request lacks
    final: int = 0      # 0: there is no end to it but the client's
    broken: int = 0     # said when the rest is malformed or does not come; 0: 400 and 408
    late: int = 0       # 0: it names no deadline
    is_raw: bool = False  # its answer is not read by the helper (a stream, a slow reader)


def head(method, path, length=None, **headers):
    lines = [f"{method} {path} HTTP/1.1\r\n{HOST}"]
    if length is not None:
        lines.append(f"Content-Length: {length}\r\n")
    lines += [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return "".join(lines).encode() + b"\r\n"


CHUNKED = {"Transfer_Encoding": "chunked"}
GET = head("GET", "/livez")


class Steady(Client):
    """Is closed now and then, as it idles longer than the server lets it: then it begins anew."""

    def request(self, *arguments, **headers):
        try:
            return super().request(*arguments, **headers)
        except Closed:
            return super().request(*arguments, **headers)


class World:
    """A server with its store, and what the pairs need of it."""

    def __init__(self, server):
        self.server = server
        self.client = Steady(server.port)
        self.stack = contextlib.ExitStack()
        self.database = None  # another program's, that holds the store
        self.count = 0

    def number(self):
        self.count += 1
        return self.count

    def connect(self):
        connection = Connection(self.server.port)
        self.stack.callback(connection.close)
        return connection

    def settle(self):
        """The loop has read what was sent to it before."""
        for _ in range(3):
            assert self.client.get("/livez").status == 200

    def gauges(self):
        text = self.client.get("/metrics").body.decode()
        return {name: int(re.search(rf"^rowlock_{name} (\d+)", text, re.M)[1])
                for name in (*GAUGES, "connections")}

    def until(self, what, **wanted):
        wait_until(lambda: all(self.gauges()[name] >= n for name, n in wanted.items()), what)

    def lease(self):
        body = {"rows": [{"sku": "L-1", "location": "WH1"}], "ttl_s": 600, "purpose": "p"}
        assert self.client.put("/v1/leases/held", body).status == 201

    def hold_store(self):
        """Another program has the database: what is ready cannot be decided."""
        self.database = open_sql(self.server.store)
        self.database.execute("BEGIN IMMEDIATE")

    def release(self):
        """All that a request waits for comes."""
        if self.database is not None:
            self.database.close()
        self.database = None
        self.client.request("DELETE", "/v1/leases/held")
        assert self.adjust().status == 201

    def adjust(self, row="A-1/WH1"):
        return self.client.post(f"/v1/stock/{row}/adjust", {"delta": 1})


# ------------------------------------------------------------------ states: bytes are missing

def idle(world, _):
    return world.connect()


def sends(data):
    def enter(world, _):
        connection = world.connect()
        connection.send(data)
        world.settle()
        return connection
    return enter


def after_an_answer(world, _):
    connection = world.connect()
    connection.send(GET)
    assert connection.read_answer().status == 200
    return connection


def one_batch_too_many(world, _):
    """All places are taken by uploads that go on."""
    for _ in range(16):
        other = world.connect()
        other.send(head("POST", "/v1/batch", **CHUNKED) + b"2\r\n{}\r\n")
    world.settle()
    return sends(head("POST", "/v1/batch", 100) + LINE[:10])(world, 0)


def same_key_as_a_batch(world, _):
    other = world.connect()
    other.send(head("POST", "/v1/batch", Idempotency_Key="b", **CHUNKED) + b"2\r\n{}\r\n")
    world.settle()
    return sends(head("POST", "/v1/batch", len(LINE), Idempotency_Key="b") + LINE[:10])(world, 0)


def batch_behind_its_part(world, _):
    """Its first line is decided, the upload goes on."""
    connection = world.connect()
    connection.send(head("POST", "/v1/batch", 2 * len(LINE)) + LINE + LINE[:7])
    world.settle()
    return connection


def batch_with_a_part_at_a_lease(world, _):
    world.lease()
    connection = world.connect()
    connection.send(head("POST", "/v1/batch?wait=60", 2 * len(LEASED_LINE))
                    + LEASED_LINE + LEASED_LINE[:7])
    world.until("its part waits", writes_waiting=1)
    return connection


# ------------------------------------------------------------------ states: it is at work

def waits(path, method="POST", body=ADJUST, gauge="requests_suspended", before=None, count=1,
          **headers):
    """A whole request, until so many are suspended. {n} is a number of its own, {wait} its wait."""
    def enter(world, wait_s):
        if before:
            before(world)
        connection = world.connect()
        named = {name: str(value).format(n=world.number()) for name, value in headers.items()}
        connection.send(head(method, path.format(wait=wait_s), len(body), **named) + body, method)
        world.until(f"{path} waits", **{gauge: count})
        return connection
    return enter


def ready(world, _):
    """It owns its row; the writer cannot get at the store."""
    world.hold_store()
    return waits("/v1/stock/A-1/WH1/adjust?wait={wait}")(world, 60)


def at_a_row(world, wait_s):
    """Behind that one."""
    ready(world, 60)
    return waits("/v1/stock/A-1/WH1/adjust?wait={wait}", count=2)(world, wait_s)


def joined(world, wait_s):
    world.lease()
    path, key = "/v1/stock/L-1/WH1/adjust?wait={wait}", f"j-{world.number()}"
    waits(path, Idempotency_Key=key)(world, 60)
    return waits(path, count=2, Idempotency_Key=key)(world, wait_s)


def batch_paused(world, _):
    """More lines are there than it reads ahead of a part that waits."""
    world.lease()
    body = LEASED_LINE * 1500
    connection = world.connect()
    connection.send(head("POST", "/v1/batch?wait=60", len(body)) + body)
    world.until("the upload is paused", requests_suspended=1)
    return connection


def asks_for_an_operation(world, wait_s):
    world.lease()
    begun = world.client.post("/v1/stock/L-1/WH1/adjust", {"delta": 1}, Prefer="respond-async")
    assert begun.status == 202, begun
    path = begun.header("Location") + "?wait={wait}"
    return waits(path, "GET", b"")(world, wait_s)


def event_stream(world, _):
    connection = world.connect()
    connection.send(head("GET", "/v1/changes", Accept="text/event-stream"))
    world.until("it follows", feed_subscribers=1)
    connection._take_line(time.monotonic() + 10)
    return connection


def whole(path, method="GET", body=b""):
    """It is sent, and at some point of its way when something happens."""
    def enter(world, _):
        connection = world.connect()
        connection.send(head(method, path, len(body)) + body)
        return connection
    return enter


def slow_reader(path):
    """Its answer is larger than what the sockets take, and nobody reads it."""
    def enter(world, _):
        connection = world.connect()
        connection.socket.close()
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        plain.connect(("127.0.0.1", world.server.port))
        plain.settimeout(20)
        connection.socket = plain
        connection.send(head("GET", path))
        connection.socket.recv(1)
        world.settle()
        return connection
    return enter


BATCH = len(LINE)
STATES = [
    State("idle", idle, GET, 200),
    State("idle behind an answer", after_an_answer, GET, 200),
    State("in its request line", sends(b"GET /li"), b"vez HTTP/1.1\r\n" + HOST.encode() + b"\r\n",
          200),
    State("in its headers", sends(GET[:-6]), GET[-6:], 200),
    State("in its body", sends(head("POST", "/v1/stock/A-1/WH1/adjust", 12) + ADJUST[:5]),
          ADJUST[5:], 201),
    State("in its chunks", sends(head("POST", "/v1/stock/A-1/WH1/adjust", **CHUNKED) + b"c\r\n{"),
          ADJUST[1:] + b"\r\n0\r\n\r\n", 201),
    State("between its chunks",
          sends(head("POST", "/v1/stock/A-1/WH1/adjust", **CHUNKED) + b"1\r\n{\r\n"),
          b"b\r\n" + ADJUST[1:] + b"\r\n0\r\n\r\n", 201),
    State("in its trailers",
          sends(head("POST", "/v1/stock/A-1/WH1/adjust", **CHUNKED) + b"c\r\n" + ADJUST
                + b"\r\n0\r\nX: y"), b"\r\n\r\n", 201),
    State("in a body that is too large", sends(head("PUT", "/v1/items/X", 2000000) + b"{"),
          b" " * 1999999, 413),
    State("in a body that is packed",
          sends(head("PUT", "/v1/items/X", 12, Content_Encoding="gzip") + b"{"), b" " * 11, 415),
    State("in a body for another host",
          sends(head("PUT", "/v1/items/X", 12).replace(b"localhost", b"example.com") + b"{"),
          b" " * 11, 421),
    State("in a batch with a bad query", sends(head("POST", "/v1/batch?results=x", BATCH) + b"{"),
          LINE[1:], 400, broken=400),
    State("in a chunked batch with a bad query",
          sends(head("POST", "/v1/batch?results=x", **CHUNKED) + b"2\r\n{}\r\n"),
          b"0\r\n\r\n", 400, broken=400),
    State("in a batch of another type",
          sends(head("POST", "/v1/batch", BATCH, Content_Type="text/csv") + b"{"),
          LINE[1:], 415, broken=415),
    State("in one batch too many", one_batch_too_many, b" " * 90, 429, broken=429),
    State("in a batch with a key in use", same_key_as_a_batch, LINE[10:], 409, broken=409),
    State("in a batch", sends(head("POST", "/v1/batch", BATCH) + LINE[:9]), LINE[9:], 200),
    State("in a chunked batch", sends(head("POST", "/v1/batch", **CHUNKED) + b"2\r\n{}\r\n"),
          b"0\r\n\r\n", 200),
    State("in a batch with a decided line", batch_behind_its_part, LINE[7:], 200, broken=200),
    State("in a chunked batch with a decided line",
          sends(head("POST", "/v1/batch", **CHUNKED) + b"%x\r\n" % BATCH + LINE + b"\r\n"),
          b"0\r\n\r\n", 200, broken=200),
    State("in a batch with a line at a lease", batch_with_a_part_at_a_lease, LEASED_LINE[7:], 200,
          broken=200),
    State("in a batch that is paused", batch_paused, b"", 200),
    State("ready", ready, final=201),
    State("at a row", at_a_row, final=201, late=503),
    State("at a lease", waits("/v1/stock/L-1/WH1/adjust?wait={wait}", before=World.lease),
          final=201, late=423),
    State("at a lease, with a key", waits("/v1/stock/L-1/WH1/adjust?wait={wait}",
                                          before=World.lease, Idempotency_Key="k-{n}"),
          final=201, late=423),
    State("joined to another's key", joined, final=201, late=409),
    State("a locked read", waits("/v1/stock/L-1/WH1?read=locked&wait={wait}", "GET", b"",
                                 before=World.lease), final=200, late=423),
    State("a batch at a lease", waits("/v1/batch?wait={wait}", body=LEASED_LINE * 3,
                                      before=World.lease), final=200, late=200),
    State("an atomic batch at a lease", waits("/v1/batch?atomic=true&wait={wait}",
                                              body=LEASED_LINE * 3, before=World.lease),
          final=200, late=423),
    State("a keyed batch at a lease", waits("/v1/batch?wait={wait}", body=LEASED_LINE * 3,
                                            before=World.lease, Idempotency_Key="b-{n}"),
          final=200, late=200),
    State("begins an operation", waits("/v1/stock/L-1/WH1/adjust?wait={wait}", before=World.lease,
                                       Prefer="respond-async"), final=201, late=202),
    State("asks for an operation", asks_for_an_operation, final=200, late=200),
    State("waits for a seq", waits("/v1/stock/A-1/WH1?min_seq=99999999&wait={wait}", "GET", b"",
                                   gauge="reads_waiting"), late=503),
    State("waits for changes", waits("/v1/changes?after=latest&wait={wait}", "GET", b"",
                                     gauge="feed_subscribers"), final=200, late=200),
    State("an event stream", event_stream, is_raw=True),
    State("a long list", whole("/v1/movements?limit=1000"), final=200),
    State("an export", whole("/v1/export"), final=200),
    State("a backup", whole("/v1/backup"), final=200),
    State("a verification", whole("/v1/verify"), final=200),
    State("a list to a slow reader", slow_reader("/v1/movements?limit=1000"), is_raw=True),
    State("a backup to a slow reader", slow_reader("/v1/backup"), is_raw=True),
]


# ------------------------------------------------------------------ events

def answers(connection, limit_s=10):
    """The statuses of all that comes, until it is closed; "..." where it stays open."""
    found = []
    try:
        while True:
            answer = connection.read_answer(limit_s)
            if answer.status >= 400 and answer.status not in (100,):
                json.loads(answer.body)
            found.append(answer.status)
    except (Closed, OSError):
        return found
    except NoAnswer:
        return found + ["..."]


def expect(found, *wanted):
    assert found in wanted, f"answers {found}, not one of {wanted}"


def read_some(connection, count):
    """So many answers, of a connection that stays open."""
    return [connection.read_answer().status for _ in range(count)]


def goes_on(world, state, connection):
    connection.send(state.rest)
    world.release()
    if state.final:
        expect(read_some(connection, 1), [state.final])


def goes_on_byte_by_byte(world, state, connection):
    for at in range(min(len(state.rest), 200)):
        connection.send(state.rest[at:at + 1])
    connection.send(state.rest[200:])
    world.release()
    if state.final:
        expect(read_some(connection, 1), [state.final])


def has_a_successor(world, state, connection):
    connection.send(state.rest + GET)
    world.release()
    if state.final:
        expect(read_some(connection, 2), [state.final, 200])


def malformed(world, state, connection):
    """Bytes that are no HTTP; behind a request that is whole they are the next one."""
    if state.rest and b"chunk" not in state.name.encode() and state.name not in HEADS:
        return False  # any bytes will do for a body of known length
    connection.send(GARBAGE)
    world.release()
    if state.rest:
        expect(answers(connection), [state.broken or 400])
    elif state.final:
        expect(answers(connection), [state.final, 400])
    return True


HEADS = ("idle", "idle behind an answer", "in its request line", "in its headers",
         "between its chunks", "in its trailers")


def stalls(world, state, connection):
    if not state.rest:
        return False
    world.release()  # an upload is not late while a part of it waits
    if state.name.startswith("idle"):
        expect(answers(connection), [])
    else:
        expect(answers(connection), [state.broken or 408])
    return True


def resets(world, state, connection):
    connection.reset()


def closes(world, state, connection):
    connection.close()


def half_closes(world, state, connection):
    """Nobody has to answer one who says that he is gone; but who is answered is answered well."""
    connection.socket.shutdown(socket.SHUT_WR)
    world.release()
    if not state.is_raw:
        expect(answers(connection), [], [state.final], [state.broken or 400], [408], [503])


def half_closes_behind_all(world, state, connection):
    connection.send(state.rest)
    connection.socket.shutdown(socket.SHUT_WR)
    world.release()
    if not state.is_raw:
        expect(answers(connection), [], [state.final], [503])


def is_late(world, state, connection):
    expect(read_some(connection, 1), [state.late])


def drains(world, state, connection):
    """It ends within its time, and says nothing that is not so."""
    world.server.signal(signal.SIGTERM)
    found = [] if state.is_raw else answers(connection)
    connection.close()
    world.stack.close()
    if world.database is not None:
        world.database.close()
    world.database = None
    world.client.close()
    world.server.wait(0, 20)
    world.server.start()
    world.client.port = world.server.port
    expect(found, [], [state.final], [503], [408], [state.broken], [state.late])


EVENTS = [goes_on, goes_on_byte_by_byte, has_a_successor, malformed, stalls, resets, closes,
          half_closes, half_closes_behind_all, is_late, drains]


# ------------------------------------------------------------------ the product

def expect_nothing_left(world):
    world.release()
    world.stack.close()
    wait_until(lambda: all(n == (name == "connections") for name, n in world.gauges().items()),
               "nothing is left")
    assert world.adjust().status == 201
    assert Client(world.server.port).get("/livez").status == 200


def try_pair(world, state, event):
    """False: the pair makes no sense."""
    if event is is_late and not state.late:
        return False
    connection = state.enter(world, 1 if event is is_late else 60)
    made_sense = event(world, state, connection)
    expect_nothing_left(world)
    assert world.server.is_running(), world.server.last_words()
    return made_sense


def fill(world):
    for sku in ("A-1", "L-1"):
        assert world.client.put(f"/v1/items/{sku}", {"name": "n"}).status == 201
    assert world.client.put("/v1/locations/WH1", {"name": "n"}).status == 201
    for row in ("A-1/WH1", "L-1/WH1"):
        assert world.adjust(row).status == 201
    body = [{"op": "adjust", "sku": "A-1", "location": "WH1", "delta": 1}] * MOVEMENTS
    assert world.client.post("/v1/batch?results=none", body).status == 200


def try_all(tap, world, state_wanted, event_wanted):
    for state in STATES:
        for event in EVENTS:
            name = event.__name__.replace("_", " ")
            if state_wanted not in ("", state.name) or event_wanted not in ("", name):
                continue
            try:
                if try_pair(world, state, event) is not False:
                    tap.report(f"{state.name}: it {name}")
            except (AssertionError, Closed, NoAnswer, OSError, ValueError) as trouble:
                tap.report(f"{state.name}: it {name}", f"{type(trouble).__name__}: {trouble}\n"
                           + world.server.last_words())
                world.stack.close()
                world.client.close()
                if not world.server.is_running():
                    world.server.start()
                world.client.port = world.server.port
                world.release()


def main(rowlockd, state="", event=""):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-states-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "store.db", FLAGS) as server:
            world = World(server)
            fill(world)
            try_all(tap, world, state, event)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
