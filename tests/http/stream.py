#!/usr/bin/env python3
"""stream - GET /v1/changes as Server-Sent Events, read as a browser reads them.

    tests/http/stream.py ROWLOCKD

Every reader must see the ledger: each seq once, in order, with the movement that it has there.
"""
import json
import pathlib
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Closed, Connection, NoAnswer, wait_until  # noqa: E402

EDITS = 30000   # as many movements as no socket has room for
BEAT_S_MAX = 20
WRITERS = 8
SALES = 150     # of each writer
WAL_BYTES_CHECKPOINT = 32 << 20


class Stream:
    """What an EventSource does: events, and the last id, also of blocks without data."""

    def __init__(self, port, query="", last=None, receive_bytes=None):
        self.connection = Connection(port)
        if receive_bytes:
            self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.last, self.comments, self.lines = last, [], []
        head = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        self.connection.send(f"GET /v1/changes{query} HTTP/1.1\r\nHost: localhost\r\n"
                             f"Accept: text/event-stream\r\n{head}\r\n".encode())

    def open(self):
        """Reads the head and the first block, which says where the stream begins."""
        deadline = time.monotonic() + 10
        status = self.connection._take_line(deadline)
        head = {}
        while line := self.connection._take_line(deadline):
            name, _, value = line.partition(": ")
            head[name] = value
        assert status == "HTTP/1.1 200 OK", status
        assert head["Content-Type"] == "text/event-stream", head
        assert head["Cache-Control"] == "no-store", head
        assert head["Stock-Seq"].isdigit() and head["X-Request-Id"], head
        assert head["Stock-Epoch"], head
        assert "Content-Length" not in head, head
        assert self.block() is None
        assert self.last == int(head["Stock-Seq"]), (self.last, head)
        return self

    def block(self, limit_s=20):
        """The movement of the next block; None: it had none. Raises Closed at the end."""
        deadline = time.monotonic() + limit_s
        fields = {}
        while True:
            while b"\n" not in self.connection.buffer:
                self.connection._receive(deadline)
            line, _, self.connection.buffer = self.connection.buffer.partition(b"\n")
            if not line:
                break
            name, _, value = line.decode().partition(": ")
            if name:
                fields[name] = value
            else:
                self.comments.append(value)
        if "id" in fields:
            self.last = int(fields["id"])
        if "data" not in fields:
            return None
        assert fields["event"] == "movement", fields
        movement = json.loads(fields["data"])
        assert movement["seq"] == self.last, fields
        return movement

    def movement(self):
        while (found := self.block()) is None:
            pass
        return found

    def movements_to(self, seq):
        found = []
        while not found or found[-1]["seq"] < seq:
            found.append(self.movement())
        return found

    def rest(self, is_cut=False):
        """All up to the end of the stream, which is the end of a block unless it was cut."""
        found = []
        try:
            while True:
                movement = self.block()
                found += [movement] if movement else []
        except Closed:
            assert is_cut or not self.connection.buffer, self.connection.buffer
            return found

    def close(self):
        self.connection.close()


def seqs(movements):
    return [movement["seq"] for movement in movements]


class World:
    def __init__(self, server):
        self.server = server
        self.client = Client(server.port)
        self.is_back = threading.Event()

    def adjust(self, row, delta=1):
        answer = self.client.post(f"/v1/stock/{row}/adjust", {"delta": delta})
        assert answer.status == 201, answer
        return answer.json()["movement"]

    def head(self):
        return self.client.get("/v1/changes?after=latest").json()["next"]

    def ledger(self, after):
        found = []
        while True:
            page = self.client.get(f"/v1/changes?after={after}&limit=1000").json()
            if not page["data"]:
                return found
            found += page["data"]
            after = page["next"]

    def metric(self, name):
        text = self.client.get("/metrics").body.decode()
        return next(int(line.split()[1]) for line in text.splitlines()
                    if line.startswith(name + " "))

    def restart(self):
        self.server.start()
        self.client = Client(self.server.port)


def give(world):
    for sku in ("A-1", "B-1"):
        world.client.put(f"/v1/items/{sku}", {"name": sku})
    for code in ("WH1", "WH2"):
        world.client.put(f"/v1/locations/{code}", {"name": code})
    world.adjust("A-1/WH1", 100000)


def from_now_on(world):
    stream = Stream(world.server.port).open()
    assert stream.last == world.head()
    made = [world.adjust("A-1/WH1"), world.adjust("B-1/WH1")]
    assert [stream.movement(), stream.movement()] == made
    stream.close()


def where_it_begins(world):
    first = Stream(world.server.port, "?after=0").open()
    assert first.last == 0
    assert seqs(first.movements_to(3)) == [1, 2, 3]
    back = Stream(world.server.port, "?after=0", last=2).open()
    assert back.last == 2, "Last-Event-ID is newer than the address"
    assert back.movement()["seq"] == 3
    latest = Stream(world.server.port, "?after=latest").open()
    assert latest.last == 3
    for stream in (first, back, latest):
        stream.close()


def what_is_refused(world):
    for query, header, status in [("?wait=3", None, 400), ("?limit=3", None, 400),
                                  ("?after=x", None, 400), ("", "x", 400), ("", "-1", 400),
                                  ("", "99", 410), ("?after=99", None, 410),
                                  ("?kind=theft", None, 400), ("?epoch=0", None, 410)]:
        headers = {"Last_Event_ID": header} if header else {}
        answer = world.client.get("/v1/changes" + query, Accept="text/event-stream", **headers)
        assert answer.status == status, (query, header, answer)
    head = world.client.request("HEAD", "/v1/changes", Accept="text/event-stream")
    assert head.status == 200 and head.header("Content-Type") == "text/event-stream", head


def filters(world):
    item = Stream(world.server.port, "?sku=B-1").open()
    place = Stream(world.server.port, "?location=WH2").open()
    kind = Stream(world.server.port, "?sku=A-1&location=WH1&kind=transfer").open()
    world.adjust("A-1/WH1")
    b = world.adjust("B-1/WH2")
    world.client.post("/v1/transfers", {"sku": "A-1", "from": "WH1", "to": "WH2", "quantity": 1})
    assert item.movement() == b
    assert place.movement() == b
    assert (place.movement()["kind"], kind.movement()["location"]) == ("transfer", "WH1")
    for stream in (item, place, kind):
        stream.close()


def hand_edit(world):
    stream = Stream(world.server.port).open()
    took = []
    for _ in range(3):  # one of them may have met a machine that was busy
        database = open_sql(world.server.store)
        begun = time.monotonic()
        database.execute("UPDATE v_stock SET on_hand = on_hand + 7 WHERE sku = 'B-1'")
        database.close()
        found = stream.movement()
        took.append(time.monotonic() - begun)
        assert (found["kind"], found["on_hand_delta"]) == ("edit", 7), found
    assert min(took) < 1.0, took
    stream.close()


def many_edits_and_a_slow_reader(world):
    """The slow one takes nothing while the rest goes on; then it reads all of it, in order."""
    slow = Stream(world.server.port, receive_bytes=65536).open()
    after = slow.last
    database = open_sql(world.server.store)
    database.execute("BEGIN IMMEDIATE")
    for _ in range(EDITS):
        database.execute("UPDATE stock SET on_hand = on_hand + 1 WHERE id = 1")
    database.execute("COMMIT")
    database.close()
    last = world.adjust("A-1/WH1")["seq"]
    quick = Stream(world.server.port, last=after).open()
    assert seqs(quick.movements_to(last)) == list(range(after + 1, last + 1))
    assert world.metric("rowlock_feed_subscribers") >= 2
    assert seqs(slow.movements_to(last)) == list(range(after + 1, last + 1))
    more = world.adjust("A-1/WH1")
    assert [slow.movement(), quick.movement()] == [more, more]
    slow.close()
    quick.close()


def a_slow_reader_pins_nothing(world):
    """While it stands in the middle of the ledger, the WAL is copied back as ever."""
    slow = Stream(world.server.port, "?after=0", receive_bytes=65536).open()
    before = world.metric("rowlock_checkpoint_seconds_count")
    wait_until(lambda: write_many(world) and
               world.metric("rowlock_checkpoint_seconds_count") >= before + 2,
               "two checkpoints", limit_s=60)
    assert world.metric("rowlock_wal_bytes") < 2 * WAL_BYTES_CHECKPOINT
    slow.close()


def write_many(world):
    writers = [threading.Thread(target=sell, args=(world.server.port, "A-1/WH1"))
               for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return True


def who_reads_nothing_is_cut(world):
    cut_before = world.metric("rowlock_requests_cut_total")
    stuck = Stream(world.server.port, "?after=0", receive_bytes=65536).open()
    wait_until(lambda: world.metric("rowlock_requests_cut_total") > cut_before,
               "the stream is cut")
    found = stuck.rest(is_cut=True)
    assert seqs(found) == list(range(1, len(found) + 1))
    assert len(found) < world.head()
    stuck.close()


def who_leaves_is_forgotten(world):
    streams = [Stream(world.server.port).open() for _ in range(20)]
    for stream in streams[::2]:
        stream.close()
    for stream in streams[1::2]:
        stream.connection.reset()
    wait_until(lambda: world.metric("rowlock_feed_subscribers") == 0, "all are gone")


def sell(port, row):
    client = Client(port)
    for _ in range(SALES):
        client.post(f"/v1/stock/{row}/adjust", {"delta": -1})
    client.close()


def while_many_write(world):
    port, before = world.server.port, world.head()
    readers = [Stream(port).open() for _ in range(4)]
    readers += [Stream(port, "?sku=A-1").open(), Stream(port, "?sku=B-1&location=WH2").open()]
    rows = ("A-1/WH1", "B-1/WH1", "B-1/WH2", "A-1/WH2")
    world.adjust("B-1/WH1", 100000)
    world.adjust("B-1/WH2", 100000)
    world.adjust("A-1/WH2", 100000)
    writers = [threading.Thread(target=sell, args=(port, rows[n % 4])) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ledger = world.ledger(before)
    assert len(ledger) == WRITERS * SALES + 3
    for reader in readers[:4]:
        assert reader.movements_to(ledger[-1]["seq"]) == ledger
    a = [m for m in ledger if m["sku"] == "A-1"]
    b = [m for m in ledger if (m["sku"], m["location"]) == ("B-1", "WH2")]
    assert readers[4].movements_to(a[-1]["seq"]) == a
    assert readers[5].movements_to(b[-1]["seq"]) == b
    for reader in readers:
        reader.close()


def across_a_restart(world):
    """Streams end with a comment; those who come back have missed nothing."""
    before = world.head()
    streams = [Stream(world.server.port, query).open() for query in ("", "?sku=A-1", "?sku=NO")]
    world.adjust("A-1/WH1")
    found = [streams[0].movement()]
    world.server.signal(signal.SIGTERM)
    for stream in streams:
        found += stream.rest() if stream is streams[0] else []
        stream.rest()
        assert stream.comments[-1] == "the server is stopping", stream.comments
    world.server.wait(0, limit_s=5)
    world.restart()
    back = Stream(world.server.port, last=streams[0].last).open()
    world.adjust("A-1/WH1")
    found.append(back.movement())
    assert found == world.ledger(before)
    back.close()


def after_a_kill(world):
    stream = Stream(world.server.port).open()
    before = stream.last
    found = [world.adjust("A-1/WH1")]
    assert stream.movement() == found[0]
    world.server.kill()
    assert stream.rest() == []
    world.restart()
    found.append(world.adjust("A-1/WH1"))
    back = Stream(world.server.port, last=stream.last).open()
    assert back.movement() == found[1]
    assert world.ledger(before) == found
    back.close()


class Follower:
    """Follows until it has seen `last`, which is told in the end; comes back when it is cut."""

    def __init__(self, world, after, follow):
        self.world, self.follow, self.last, self.found = world, follow, None, []
        self.after = after
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def is_done(self):
        return self.last is not None and self.after >= self.last

    def run(self):
        while not self.is_done():
            try:
                self.follow(self)
            except (Closed, NoAnswer, OSError):
                self.world.is_back.wait(20)

    def take(self, movements):
        self.found += movements
        self.after = self.found[-1]["seq"] if self.found else self.after

    def join(self, last):
        self.last = last
        self.world.adjust("B-1/WH1")  # wakes those who have seen it already
        self.thread.join()


def poll(follower):
    client = Client(follower.world.server.port)
    while not follower.is_done():
        answer = client.get(f"/v1/changes?after={follower.after}&wait=5&limit=50")
        if answer.status == 503:
            raise Closed("the server is stopping")
        page = answer.json()
        follower.take(page["data"])
        assert page["next"] == follower.after, page["next"]
    client.close()


def stream(follower):
    stream = Stream(follower.world.server.port, last=follower.after).open()
    while not follower.is_done():
        follower.take([stream.movement()])
    stream.close()


def sell_until_cut(port):
    client = Client(port)
    try:
        while client.post("/v1/stock/A-1/WH1/adjust", {"delta": -1}).status == 201:
            pass
    except (Closed, NoAnswer, OSError):
        client.close()


def while_it_restarts(world):
    """By a stop and by a kill, in the middle of the sale; the file itself says what happened."""
    before = world.head()
    followers = [Follower(world, before, follow) for follow in (poll, stream) for _ in range(3)]
    for end in (signal.SIGTERM, signal.SIGKILL):
        sellers = [threading.Thread(target=sell_until_cut, args=(world.server.port,))
                   for _ in range(WRITERS)]
        goal = world.head() + 20 * WRITERS
        for seller in sellers:
            seller.start()
        wait_until(lambda: world.head() >= goal, "they sell")
        world.is_back.clear()
        world.server.kill() if end == signal.SIGKILL else world.server.stop()
        for seller in sellers:
            seller.join()
        world.restart()
        world.is_back.set()
    last = world.adjust("A-1/WH1")["seq"]
    for follower in followers:
        follower.join(last)
    database = open_sql(world.server.store)
    columns = ("seq", "on_hand_delta", "on_hand")
    ledger = database.execute(f"SELECT {', '.join(columns)} FROM v_movements WHERE seq > ? "
                              "AND seq <= ? ORDER BY seq", (before, last)).fetchall()
    database.close()
    assert [seq for seq, *_ in ledger] == list(range(before + 1, last + 1))
    for follower in followers:
        found = [tuple(m[c] for c in columns) for m in follower.found if m["seq"] <= last]
        assert found == ledger, follower.follow


def it_is_kept_alive(world):
    """A comment, and the place: an idle filter need not read again what it does not want."""
    stream = Stream(world.server.port, "?sku=NO").open()
    seq = world.adjust("A-1/WH1")["seq"]
    assert stream.block(BEAT_S_MAX) is None
    assert stream.comments[-1] == "still here", stream.comments
    assert stream.last == seq
    stream.close()


def main(rowlockd):
    tap = Tap()
    flags = ["--reply-timeout-ms", "5000", "--loops", "2"]
    with tempfile.TemporaryDirectory(prefix="rowlock-stream-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "store.db", flags) as server:
            world = World(server)
            give(world)
            for sentence, case in [
                    ("a stream begins now, and tells of each movement as the ledger has it",
                     from_now_on),
                    ("it begins behind ?after, or where Last-Event-ID says", where_it_begins),
                    ("what cannot be streamed is refused", what_is_refused),
                    ("filters", filters),
                    ("an edit by hand appears within a second", hand_edit),
                    ("eight writers, six streams, one ledger", while_many_write),
                    ("a slow reader gets all of it from the ledger", many_edits_and_a_slow_reader),
                    ("and the WAL does not wait for it", a_slow_reader_pins_nothing),
                    ("one that reads nothing is cut", who_reads_nothing_is_cut),
                    ("who leaves is forgotten", who_leaves_is_forgotten),
                    ("across a stop and a start without gap or repeat", across_a_restart),
                    ("across a kill, too", after_a_kill),
                    ("polls and streams that come back have the ledger", while_it_restarts),
                    ("an idle stream is kept alive, and moves on", it_is_kept_alive)]:
                tap.run(sentence, case, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
