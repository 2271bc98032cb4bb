#!/usr/bin/env python3
"""batch - POST /v1/batch where one conversation is not enough: long files, slow and rude clients,
several at once, and a server that dies in the middle.

    tests/http/batch.py ROWLOCKD [LINES]

LINES (default 100,000) is the length of the long file.
"""
import json
import pathlib
import random
import re
import resource
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Closed, Connection, NoAnswer, wait_until  # noqa: E402

ROWS = 200
LINES = 100_000
GROWTH_KIB_MAX = 32 << 10
LINE_BYTES_MAX = 65536
BATCHES_MAX = 16
ENOUGH = 1_000_000   # units in each row
LONG_S = 120


def sku(number):
    return f"A-{number}"


def line(number, delta=-1, **more):
    return json.dumps({"op": "adjust", "sku": sku(number), "location": "WH1", "delta": delta,
                       **more}).encode() + b"\n"


class Upload:
    """A batch that is sent piece by piece."""

    def __init__(self, port, query="", key=None, length=None, **headers):
        self.connection = Connection(port)
        self.length = length
        if key:
            headers["Idempotency-Key"] = key
        if length is None:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = length
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.connection.send(f"POST /v1/batch{query} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n"
                             .encode(), "POST")

    def send(self, data):
        if self.length is None:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self.connection.send(data)
        return self

    def end(self):
        if self.length is None:
            self.connection.send(b"0\r\n\r\n")
        return self

    def answer(self):
        return self.connection.read_answer(LONG_S)

    def results(self):
        """(the lines, the sum)"""
        answer = self.answer()
        assert answer.status == 200, answer
        *lines, total = answer.json()
        return lines, total


def whole(port, lines, **options):
    """Sent and read by two threads, as curl does it."""
    data = b"".join(lines)
    upload = Upload(port, length=len(data), **options)
    sender = threading.Thread(target=upload.send, args=(data,))
    sender.start()
    try:
        return upload.results()
    finally:
        sender.join()
        upload.connection.close()


class World:
    def __init__(self, server):
        self.server = server

    def client(self):
        return Client(self.server.port)

    def on_hand(self, number):
        return self.client().get(f"/v1/stock/{sku(number)}/WH1").json()["on_hand"]

    def rows(self, statement):
        database = open_sql(self.server.store)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()

    def balances(self):
        assert self.rows("SELECT * FROM v_ledger_check") == []
        assert self.rows("SELECT * FROM v_reserved_check") == []

    def seq(self):
        return self.rows("SELECT ifnull(max(seq), 0) FROM movement")[0][0]

    def metric(self, name):
        text = self.client().get("/metrics").body.decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])

    def is_quiet(self):
        return (self.metric("rowlock_batches") == 0 and self.metric("rowlock_spools") == 0
                and self.metric("rowlock_requests_suspended") == 0)

    def is_sanitized(self):
        """A sanitizer keeps what was freed, and books of its own: its memory says nothing."""
        maps = pathlib.Path(f"/proc/{self.server.process.pid}/maps").read_text()
        return "libasan" in maps or "libtsan" in maps

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def fill(world):
    lines = [b'{"op":"location","location":"WH1","name":"North"}\n']
    for number in range(ROWS):
        lines.append(b'{"op":"item","sku":"%s","name":"Bolt"}\n' % sku(number).encode())
        lines.append(json.dumps({"op": "set", "sku": sku(number), "location": "WH1",
                                 "on_hand": ENOUGH, "expected": None}).encode() + b"\n")
    results, total = whole(world.server.port, lines)
    assert total == {"lines": 2 * ROWS + 1, "applied": 2 * ROWS + 1, "failed": 0, "replayed": 0}
    assert [r["line"] for r in results] == list(range(1, 2 * ROWS + 2))


def decided_while_it_comes_in(world):
    upload = Upload(world.server.port).send(line(0) * 3)
    wait_until(lambda: world.on_hand(0) == ENOUGH - 3, "the first lines are applied")
    upload.send(line(0)[:20])
    assert world.on_hand(0) == ENOUGH - 3
    upload.send(line(0)[20:])
    wait_until(lambda: world.on_hand(0) == ENOUGH - 4, "and the fourth")
    assert not upload.connection.has_news(), "answered before the end"
    results, total = upload.send(line(0)[:-1]).end().results()
    assert [r["on_hand"] for r in results] == [ENOUGH - n for n in range(1, 6)]
    assert total["applied"] == 5


def any_pieces_are_the_same_file(world):
    seed = random.Random(3)
    data = b"".join(line(seed.randrange(ROWS), id=f"n{n}") for n in range(400))
    before = world.seq()
    upload = Upload(world.server.port)
    while data:
        size = seed.choice((1, 2, 7, 63, 500, 3000))
        upload.send(data[:size])
        data = data[size:]
    results, total = upload.end().results()
    assert [r["id"] for r in results] == [f"n{n}" for n in range(400)]
    assert [r["seq"] for r in results] == list(range(before + 1, before + 401))
    assert total["applied"] == 400


def a_line_that_is_too_long(world):
    long = line(1, id="x" * 100)[:-2] + b" " * LINE_BYTES_MAX + b"}\n"
    results, total = whole(world.server.port, [line(1), long, line(1)])
    assert [r["status"] for r in results] == [201, 400, 201]
    assert "longer" in results[1]["detail"]
    assert total["failed"] == 1


def in_order_whoever_else_writes(world):
    """Singles on the same rows all the while: the results of each row are in order."""
    over = threading.Event()

    def sell(seed):
        client = world.client()
        while not over.is_set():
            assert client.post(f"/v1/stock/{sku(seed.randrange(10))}/WH1/adjust",
                               {"delta": -1}).status == 201

    sellers = [threading.Thread(target=sell, args=(random.Random(n),)) for n in range(4)]
    for seller in sellers:
        seller.start()
    seed = random.Random(5)
    results, total = whole(world.server.port, [line(seed.randrange(10)) for _ in range(5000)])
    over.set()
    for seller in sellers:
        seller.join()
    assert total["applied"] == 5000
    seqs = [r["seq"] for r in results]
    assert seqs == sorted(seqs), "a line overtook another"
    world.balances()


def a_lease_holds_up_its_line_only(world):
    client = world.client()
    lease = client.put("/v1/leases/w", {"rows": [{"sku": sku(7), "location": "WH1"}],
                                        "ttl_s": 600}).json()
    upload = Upload(world.server.port, "?wait=60")
    upload.send(b"".join(line(n) for n in (5, 6, 7, 8))).end()
    wait_until(lambda: any(row["waiters"] for row in client.get("/v1/locks").json()["data"]),
               "a line waits at the lease")
    five, eight = world.on_hand(5), world.on_hand(8)
    assert client.post(f"/v1/stock/{sku(8)}/WH1/adjust?wait=0", {"delta": -1}).status == 201, \
        "a batch that waits holds up nobody"
    assert client.post(f"/v1/stock/{sku(5)}/WH1/adjust?wait=0", {"delta": -1}).status == 201
    assert client.request("DELETE", "/v1/leases/w", Lease=f"w;fence={lease['fence']}").status == 204
    results, total = upload.results()
    assert total["applied"] == 4, total
    assert (results[0]["on_hand"], results[3]["on_hand"]) == (five, eight - 2), results


def two_with_one_key(world):
    first = Upload(world.server.port, key="twice").send(line(3))
    wait_until(lambda: world.metric("rowlock_batches") == 1, "the first is under way")
    second = Upload(world.server.port, key="twice", length=len(line(3))).send(line(3)).answer()
    assert second.status == 409 and second.json()["code"] == "request-in-flight", second
    assert second.json()["outcome"] == "unknown", second
    assert second.header("Retry-After")
    _, total = first.end().results()
    assert (total["applied"], total["replayed"]) == (1, 0)
    _, total = whole(world.server.port, [line(3)], key="twice")
    assert (total["applied"], total["replayed"]) == (1, 1)


def too_many(world):
    """Those that wait for us are not slow, however long that takes."""
    client = world.client()
    client.put("/v1/leases/v", {"rows": [{"sku": sku(3), "location": "WH1"}], "ttl_s": 600})
    uploads = [Upload(world.server.port, "?wait=60").send(line(3)) for _ in range(BATCHES_MAX)]
    wait_until(lambda: len(client.get("/v1/locks").json()["data"][0]["waiters"]) == BATCHES_MAX,
               "all of them wait")
    refused = Upload(world.server.port, length=len(line(3))).send(line(3)).answer()
    assert refused.status == 429 and refused.json()["code"] == "too-many-batches", refused
    assert client.delete("/v1/leases/v").status == 204
    for upload in uploads:
        assert upload.end().results()[1]["applied"] == 1


def slow_uploads_make_room(world):
    """One of those that bring nothing is told what was done, the others go on."""
    before = world.on_hand(3)
    given_up = world.metric("rowlock_batches_given_up_total")
    uploads = [Upload(world.server.port).send(line(3)) for _ in range(BATCHES_MAX)]
    wait_until(lambda: world.on_hand(3) == before - BATCHES_MAX, "all of them are under way")

    def is_let_in():
        answer = Upload(world.server.port, length=len(line(3))).send(line(3)).answer()
        assert answer.status in (200, 429), answer
        return answer.status == 200

    wait_until(is_let_in, "a place for another one")
    assert world.metric("rowlock_batches_given_up_total") == given_up + 1
    loser = next(upload for upload in uploads if upload.connection.has_news())
    uploads.remove(loser)
    (result,), total = loser.results()
    assert (result["line"], result["status"]) == (1, 201), result
    assert (total["applied"], total["stopped_at"], total["status"]) == (1, 2, 429), total
    assert (total["code"], total["outcome"]) == ("too-many-batches", "not_applied"), total
    for upload in uploads:
        assert upload.send(line(3)).end().results()[1]["applied"] == 2
    assert world.on_hand(3) == before - BATCHES_MAX - 1 - len(uploads)


def what_stalls_is_told_what_was_done(rowlockd, folder):
    flags = ["--body-timeout-ms", "300"]
    with Daemon(rowlockd, pathlib.Path(folder) / "stalls.db", flags) as server:
        world = World(server)
        fill(world)
        before = world.on_hand(3)
        lines, total = Upload(server.port, key="file").send(line(3) * 3 + line(3)[:9]).results()
        assert [result["status"] for result in lines] == [201] * 3, lines
        assert (total["applied"], total["stopped_at"], total["status"]) == (3, 4, 408), total
        assert (total["code"], total["outcome"]) == ("request-timeout", "not_applied"), total
        assert world.on_hand(3) == before - 3
        _, total = whole(server.port, [line(3)] * 4, key="file")
        assert (total["applied"], total["replayed"]) == (4, 3), total
        answer = Upload(server.port).answer()
        assert (answer.status, answer.json()["outcome"]) == (408, "not_applied"), answer
        broken = Upload(server.port).send(line(3))
        wait_until(lambda: world.on_hand(3) == before - 5, "its line is applied")
        broken.connection.send(b"this is no chunk\r\n")
        _, total = broken.results()
        assert (total["applied"], total["stopped_at"], total["status"]) == (1, 2, 400), total


def who_leaves_stops_it(world):
    for rude in (False, True):
        left = world.on_hand(4) - 50
        upload = Upload(world.server.port).send(line(4) * 50)
        wait_until(lambda: world.on_hand(4) == left, "what came is applied")
        upload.send(line(4)[:-10])
        upload.connection.reset() if rude else upload.connection.close()
        wait_until(world.is_quiet, "it is forgotten")
        assert world.on_hand(4) == left, "half a line was applied"


def who_leaves_at_a_lease(world):
    client = world.client()
    client.put("/v1/leases/v", {"rows": [{"sku": sku(9), "location": "WH1"}], "ttl_s": 600})
    before = world.on_hand(9)
    upload = Upload(world.server.port, "?wait=60").send(line(9) + line(9))
    wait_until(lambda: any(row["waiters"] for row in client.get("/v1/locks").json()["data"]),
               "it waits at the lease")
    upload.connection.reset()
    wait_until(world.is_quiet, "it is forgotten")
    assert not any(row["waiters"] for row in client.get("/v1/locks").json()["data"])
    assert client.request("DELETE", "/v1/leases/v").status == 204
    assert world.on_hand(9) == before


def another_program_stops_it(world):
    """What was done is said, and the rest follows when the file is sent again with its key."""
    lines = [line(n % ROWS) for n in range(1000)]
    upload = Upload(world.server.port, "?wait=1", key="resumed")
    upload.send(b"".join(lines[:10]))
    before = world.on_hand(0)
    wait_until(lambda: world.on_hand(9) < ENOUGH, "the first lines are applied")
    database = open_sql(world.server.store)
    database.execute("BEGIN IMMEDIATE")
    done = world.rows("SELECT count(*) FROM idempotency WHERE key LIKE 'resumed#%'")[0][0]
    results, total = upload.send(b"".join(lines[10:])).end().results()
    database.execute("ROLLBACK")
    database.close()
    assert total["status"] == 503 and total["code"] == "store-busy", total
    assert total["outcome"] == "not_applied"
    assert total["stopped_at"] == done + 1 == len(results) + 1, (total, done, len(results))
    results, total = whole(world.server.port, lines, key="resumed")
    assert (total["applied"], total["replayed"]) == (1000, done), total
    assert "stopped_at" not in total
    assert before - world.on_hand(0) <= 5


def stopped_while_results_are_lost(world):
    """The results of replays ahead of the line that stops it do not fit onto the disk: it stopped
    there still, and not behind lines that nobody tried."""
    client = world.client()
    known = b"".join(line(n % ROWS, id=f"{n}-" + "x" * 100) for n in range(450))
    _, total = whole(world.server.port, [b"\n", known], key="full")
    assert total["applied"] == 450, total
    client.put("/v1/leases/full", {"rows": [{"sku": sku(7), "location": "WH1"}], "ttl_s": 600})
    upload = Upload(world.server.port, "?wait=1", key="full")
    commit = b'{"op":"commit","reservation":"none"}\n'  # of no part: its rows are not known yet
    upload.send(line(7) + known + line(5) + line(6) + commit).end()
    wait_until(lambda: any(row["waiters"] for row in client.get("/v1/locks").json()["data"]),
               "the first line waits at the lease, the others behind it")
    process = world.server.process.pid
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    database = open_sql(world.server.store)
    database.execute("BEGIN IMMEDIATE")
    resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        results, total = upload.results()
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)
        database.execute("ROLLBACK")
        database.close()
        client.delete("/v1/leases/full")
    assert (results, total["results"], total["replayed"]) == ([], "lost", 450), total
    assert (total["lines"], total["stopped_at"]) == (451, 452), total
    assert (total["code"], total["outcome"]) == ("store-busy", "not_applied"), total


def killed_in_the_middle(world):
    """Again and again, until all of it is there: each line once. The last line is held back, for a
    whole upload may be answered before the kill reaches the server."""
    seed = random.Random(11)
    lines = [line(seed.randrange(ROWS), id=str(n)) for n in range(20_000)]
    start = world.seq()
    for kill_at in (2_000, 9_000, 15_000):
        data = b"".join(lines)
        upload = Upload(world.server.port, key="killed", length=len(data))
        sender = threading.Thread(target=upload.send, args=(data[:-len(lines[-1])],))
        sender.start()
        wait_until(lambda: world.seq() - start >= kill_at, "so many lines are applied")
        world.server.kill()
        sender.join()
        try:
            upload.answer()
            raise AssertionError("answered although it was killed")
        except (Closed, NoAnswer, OSError):
            pass
        world.server.start()
        world.balances()
    done = world.seq() - start
    results, total = whole(world.server.port, lines, key="killed")
    assert (total["applied"], total["replayed"]) == (20_000, done), (total, done)
    assert world.seq() - start == 20_000, "a line was applied twice"
    assert [r["id"] for r in results] == [str(n) for n in range(20_000)]
    assert sorted(r["seq"] for r in results) == list(range(start + 1, start + 20_001))
    world.balances()


def told_to_stop_in_the_middle(world):
    lines = [line(n % ROWS) for n in range(50_000)]
    start, data = world.seq(), b"".join(lines)
    upload = Upload(world.server.port, key="drained", length=len(data))
    sender = threading.Thread(target=upload.send, args=(data,))
    sender.start()
    wait_until(lambda: world.seq() - start >= 5_000, "so many lines are applied")
    world.server.stop()
    sender.join()
    world.server.start()
    done = world.seq() - start
    _, total = whole(world.server.port, lines, key="drained")
    assert (total["applied"], total["replayed"]) == (50_000, done), (total, done)
    world.balances()


def rows_that_are_known_late(world):
    """Commits of reservations that are made while it is uploaded: it has more rows at its end than
    one part may have, and is refused before anything is decided."""
    client, places, items = world.client(), 40, 64
    lines = [{"op": "location", "location": f"L{n}", "name": "x"} for n in range(places)]
    lines += [{"op": "adjust", "sku": sku(i), "location": f"L{n}", "delta": 5}
              for n in range(places) for i in range(items)]
    assert client.post("/v1/batch?results=none", lines).json()[-1]["applied"] == len(lines)

    def names(count):
        return "".join(json.dumps({"op": "commit", "reservation": f"X{n}"}) + "\n"
                       for n in range(count)).encode()

    late, fits = (Upload(world.server.port, "?atomic=true").send(names(count))
                  for count in (places, 30))
    for n in range(places):
        promised = [{"sku": sku(i), "location": f"L{n}", "quantity": 1} for i in range(items)]
        answer = client.put(f"/v1/reservations/X{n}", {"ttl_s": 600, "lines": promised})
        assert answer.status == 201, answer
    before = client.get("/v1/movements?order=desc&limit=1").json()["data"][0]["seq"]
    for upload in (late, fits):
        upload.send(line(0, -ENOUGH * 10)).end()
    answers = [upload.answer() for upload in (late, fits)]
    said = [(a.status, a.json()["code"], a.json()["outcome"]) for a in answers]
    assert said == [(413, "body-too-large", "not_applied"),
                    (409, "insufficient-stock", "not_applied")], said
    assert client.get("/v1/movements?order=desc&limit=1").json()["data"][0]["seq"] == before
    many = "".join(line(n % ROWS).decode() for n in range(1000)).encode()
    _, total = Upload(world.server.port, "?atomic=true").send(many).end().results()
    assert total["applied"] == 1000, total
    answer = Upload(world.server.port, "?atomic=true").send(many + line(1)).end().answer()
    assert answer.status == 413, answer
    for n in range(places):
        assert client.post(f"/v1/reservations/X{n}/release", {}).status == 200


def a_long_file(world, count):
    """Memory stays flat, for one who reads the results late, too."""
    seed = random.Random(13)
    lines = [line(seed.randrange(ROWS)) for _ in range(count)]
    whole(world.server.port, lines[:count // 2])  # caches are full
    before = world.resident_kib()
    data = b"".join(lines)
    upload = Upload(world.server.port, length=len(data))
    upload.send(data)
    wait_until(upload.connection.has_news, "the answer begins", LONG_S)
    growth = world.resident_kib() - before
    results, total = upload.results()
    assert total["applied"] == count and len(results) == count
    assert growth < GROWTH_KIB_MAX or world.is_sanitized(), f"{growth} KiB more"
    print(f"# {count} lines: {growth} KiB more", file=sys.stderr)


def main(rowlockd, count):
    tap = Tap()
    flags = ["--loops", "2", "--drain-ms", "1000"]
    with tempfile.TemporaryDirectory(prefix="rowlock-batch-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "store.db", flags) as server:
            world = World(server)
            fill(world)
            for sentence, case in [
                    ("lines are decided while the upload comes in", decided_while_it_comes_in),
                    ("in whatever pieces it comes", any_pieces_are_the_same_file),
                    ("a line that is too long is refused, the others go on",
                     a_line_that_is_too_long),
                    ("no line overtakes another, whoever else writes",
                     in_order_whoever_else_writes),
                    ("a leased row holds up its line and those behind it, and nobody else",
                     a_lease_holds_up_its_line_only),
                    ("two with one key: the second is refused", two_with_one_key),
                    ("more than so many are refused", too_many),
                    ("a slow one makes room for another", slow_uploads_make_room),
                    ("an atomic one that turns out to have too many rows is refused as a whole",
                     rows_that_are_known_late),
                    ("a client that leaves stops it", who_leaves_stops_it),
                    ("one that leaves while it waits leaves no ghost", who_leaves_at_a_lease),
                    ("another program that holds the store stops it; its key resumes it",
                     another_program_stops_it),
                    ("what stops it is said, also when its results are lost",
                     stopped_while_results_are_lost),
                    ("killed three times in the middle: each line once", killed_in_the_middle),
                    ("told to stop in the middle: each line once", told_to_stop_in_the_middle)]:
                tap.run(sentence, case, world)
            tap.run("what ends early is told what was done", what_stalls_is_told_what_was_done,
                    rowlockd, folder)
            tap.run("a long file needs no memory", a_long_file, world, count)
            tap.run("in the end nothing is under way", lambda: wait_until(world.is_quiet, "quiet"))
            tap.run("and the books balance", world.balances)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else LINES))
