#!/usr/bin/env python3
"""stored_texts - whatever a hand has left in the store, answers are UTF-8 and JSON.

    tests/http/stored_texts.py ROWLOCKD

Each text column of the schema, with each thing that no request may say in it, typed in past the
guards; and each way in which it comes out again.
"""
import contextlib
import csv
import io
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

# what it is, in SQL, and whether a request may say it where any text may stand
BAD = [
    ("Latin-1", "CAST(x'4dfc6c6c6572' AS TEXT)", False),
    ("half of a surrogate pair", "CAST(x'41eda08042' AS TEXT)", False),
    ("a NUL", "'a' || char(0) || 'b'", False),
    ("a control character", "'a' || char(7, 10, 27) || 'b'", True),
    ("nothing", "''", False),
    ("5000 characters", "replace(printf('%05000d', 0), '0', 'ü')", False),
]

# column, and how the text gets there; each spoils something of its own
COLUMNS = {
    "item.sku": "UPDATE item SET sku = {} WHERE sku = 'I-sku'",
    "item.name": "UPDATE item SET name = {} WHERE sku = 'I-name'",
    "item.unit": "UPDATE item SET unit = {} WHERE sku = 'I-unit'",
    "item.attributes":
        """UPDATE item SET attributes = '{{"a":"' || {} || '"}}' WHERE sku = 'I-attributes'""",
    "location.code": "UPDATE location SET code = {} WHERE code = 'L-code'",
    "location.name": "UPDATE location SET name = {} WHERE code = 'L-name'",
    "movement.reason": "UPDATE movement SET reason = {} WHERE seq = 1",
    "movement.reference": "UPDATE movement SET reference = {} WHERE seq = 2",
    "movement.reservation": "UPDATE movement SET reservation = {} WHERE seq = 3",
    "movement.request_id": "UPDATE movement SET request_id = {} WHERE seq = 4",
    "movement.actor": "UPDATE movement SET actor = {} WHERE seq = 5",
    "movement.note": "UPDATE movement SET note = {} WHERE seq = 6",
    "audit.actor": "UPDATE audit SET actor = {} WHERE id = 1",
    "audit.action": "UPDATE audit SET action = {} WHERE id = 2",
    "audit.subject": "UPDATE audit SET subject = {} WHERE id = 3",
    "audit.detail": """UPDATE audit SET detail = '{{"a":"' || {} || '"}}' WHERE id = 4""",
    "audit.request_id": "UPDATE audit SET request_id = {} WHERE id = 5",
    "row_lock.actor": "UPDATE row_lock SET actor = {} WHERE lease = 'purpose'",
    "row_lock.lease": "UPDATE row_lock SET lease = {} WHERE lease = 'lease'",
    "row_lock.purpose": "UPDATE row_lock SET purpose = {} WHERE lease = 'purpose'",
    "reservation.name": "UPDATE reservation SET name = {} WHERE name = 'name'",
    "reservation.owner": "UPDATE reservation SET owner = {} WHERE name = 'owner'",
    "reservation.reference": "UPDATE reservation SET reference = {} WHERE name = 'reference'",
    "idempotency.body": """UPDATE idempotency SET body = '{{"name":"' || replace(replace(replace({},
        char(7), ''), char(10), ''), char(27), '') || '"}}' WHERE key = 'k-1'""",
}

ITEMS = ["I-sku", "I-name", "I-unit", "I-attributes", "I-plain"]
LOCATIONS = ["L-code", "L-name", "L-plain"]


class World:
    def __init__(self, rowlockd, folder):
        self.rowlockd, self.folder = rowlockd, pathlib.Path(folder)

    def start(self, name):
        keep = ["bash", "-c", 'exec "$@" 2> >(tee "$0" >&2)', self.folder / f"{name}.log"]
        return Daemon(self.rowlockd, self.folder / f"{name}.db",
                      ["--log-requests", "--slow-ms", "1"], wrapper=keep).start()


@contextlib.contextmanager
def by_hand(path):
    """Past the guards and the checks, as in the days before there were any."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        yield database


def make_store(world):
    server = world.start("whole")
    client = Client(server.port)
    for sku in ITEMS:
        assert client.put(f"/v1/items/{sku}", {"name": sku}).status == 201
    for code in LOCATIONS:
        assert client.put(f"/v1/locations/{code}", {"name": code}).status == 201
    for sku in ITEMS:
        for code in LOCATIONS:
            assert client.post(f"/v1/stock/{sku}/{code}/adjust", {"delta": 9}).status == 201
    for name in ("name", "owner", "reference"):
        assert client.put(f"/v1/reservations/{name}", {
            "owner": "o", "reference": "r", "ttl_s": 3600,
            "lines": [{"sku": "I-plain", "location": "L-plain", "quantity": 1}]}).status == 201
    for name, sku in ("lease", "I-name"), ("purpose", "I-unit"):
        assert client.put(f"/v1/leases/{name}", {
            "rows": [{"sku": sku, "location": "L-plain"}], "ttl_s": 3600,
            "purpose": "p"}).status == 201
    assert client.put("/v1/items/I-key", {"name": "k"}, Idempotency_Key="k-1").status == 201
    server.stop()


def text_of(answer, *statuses):
    assert answer.status in statuses, answer
    text = answer.body.decode("utf-8")  # strict
    assert "\0" not in text, answer
    return text


def json_of(answer, *statuses):
    return json.loads(text_of(answer, *statuses))


def first_event_after(port, path, sought):
    """Follows the stream until an event says what is sought."""
    stream = Connection(port)
    stream.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
                .encode(), "GET")
    got = bytearray()

    def has_come():
        got.extend(stream.socket.recv(65536))
        return sought in got
    wait_until(has_come, "an event")
    stream.close()
    for line in bytes(got).split(b"\n"):
        if line.startswith(b"data: {") and line.endswith(b"}"):
            json.loads(line[6:].decode("utf-8"))
    return got


def lists_and_pages(client, server):
    del server
    for path in ("/v1/items?limit=1000", "/v1/locations", "/v1/stock?limit=1000", "/v1/movements",
                 "/v1/movements?order=desc", "/v1/reservations", "/v1/leases", "/v1/locks",
                 "/v1/changes?after=0", "/v1/changes?after=0&actor=local",
                 "/v1/movements?actor=local", "/v1/movements?reason=adjust", "/v1/audit",
                 "/v1/audit?order=desc&actor=local", "/v1/items?q=l", "/v1/items?pretty"):
        assert json_of(client.get(path), 200)["data"] is not None, path
    seen, after = [], ""
    while after is not None:  # page by page, each thing once
        page = json_of(client.get(f"/v1/items?limit=1{after and '&after=' + after}"), 200)
        seen += [item["sku"] for item in page["data"]]
        after = page["next"]
    assert sorted(set(seen)) == sorted(seen) and set(ITEMS[1:]) <= set(seen), seen


def one_by_one(client, server):
    del server
    for sku in ITEMS:
        for path in (f"/v1/items/{sku}", f"/v1/stock/{sku}", f"/v1/movements?sku={sku}&order=desc"):
            json_of(client.get(path), 200, 404)
        for code in LOCATIONS:
            json_of(client.get(f"/v1/stock/{sku}/{code}"), 200, 404)
    for code in LOCATIONS:
        json_of(client.get(f"/v1/locations/{code}"), 200, 404)
    for seq in range(1, 16):
        json_of(client.get(f"/v1/movements/{seq}"), 200)
    for name in ("name", "owner", "reference"):
        json_of(client.get(f"/v1/reservations/{name}"), 200, 404)


def streams(client, server):
    del client
    first_event_after(server.port, "/v1/changes?after=0", b'"seq":15')


def refusals_and_replays(client, server):
    del server
    for sku in ("I-name", "I-unit"):  # leased
        json_of(client.post(f"/v1/stock/{sku}/L-plain/adjust?wait=0", {"delta": 1}), 423)
    json_of(client.request("PATCH", "/v1/items/I-name", {"unit": "box"}, If_Match='"99"'), 412)
    json_of(client.request("PATCH", "/v1/items/I-name", {"unit": "box"}), 200)
    json_of(client.put("/v1/items/I-key", {"name": "k"}, Idempotency_Key="k-1"), 201)
    json_of(client.request("DELETE", "/v1/items/I-name"), 409)


def exports(world):
    def export(client, server):
        del server
        lines = text_of(client.get("/v1/export"), 200).splitlines()
        table = list(csv.reader(io.StringIO(text_of(client.get("/v1/export?format=csv"), 200))))
        assert {len(row) for row in table} == {len(table[0])}, table
        other = world.start("import")
        total = json_of_last(Client(other.port).post("/v1/batch",
                                                     [json.loads(line) for line in lines]))
        names = {item["sku"]: item["name"]
                 for item in json_of(Client(other.port).get("/v1/items"), 200)["data"]}
        other.stop()
        for file in world.folder.glob("import.db*"):
            file.unlink()
        assert total["failed"] == 0, total
        assert set(ITEMS[1:]) <= set(names) and all(names.values()), names
    return export


def json_of_last(answer):
    lines = [json.loads(line) for line in text_of(answer, 200).splitlines()]
    assert lines[-1]["failed"] == 0, [line for line in lines if line.get("status", 0) >= 400]
    return lines[-1]


def verifications(may_be_said):
    def verify(client, server):
        del server
        found = {(f["code"], f["name"]) for f in json_of(client.get("/v1/verify"), 200)["findings"]}
        wanted = {("item-text-wrong", "sku"), ("location-text-wrong", "code")}
        if not may_be_said:
            wanted |= {("item-text-wrong", "unit"), ("location-text-wrong", "name"),
                       ("item-text-wrong", "name")}
        assert wanted <= found, (wanted - found, found)
    return verify


def news(sql):
    """A movement that is typed in while somebody listens: it comes by way of the ring."""
    def type_in(client, server):
        seq = json_of(client.get("/v1/stock/I-plain/L-plain"), 200)["seq"]
        last = json_of(client.get("/v1/movements?order=desc&limit=1"), 200)["data"][0]["seq"]
        stream = Connection(server.port)
        stream.send(b"GET /v1/changes HTTP/1.1\r\nHost: localhost\r\n"
                    b"Accept: text/event-stream\r\n\r\n", "GET")
        got = bytearray(stream.socket.recv(65536))
        with by_hand(server.store) as database:
            database.execute(f"""INSERT INTO movement SELECT {last + 1}, id, 'adjust', 1, 0,
                on_hand + 1, reserved, version + 1, {sql}, {sql}, {sql}, {sql}, 0, 0, updated_at,
                seq, {sql}, {sql} FROM stock WHERE seq = {seq}""")
            database.execute(f"UPDATE stock SET on_hand = on_hand + 1, version = version + 1,"
                             f" seq = {last + 1} WHERE seq = {seq}")

        def has_come():
            got.extend(stream.socket.recv(65536))
            return b'"seq":%d' % (last + 1) in got and got.endswith(b"\n")
        wait_until(has_come, "the movement")
        stream.close()
        for line in bytes(got).split(b"\n"):
            if line.startswith(b"data: "):
                json.loads(line[6:].decode("utf-8"))
    return type_in


def log_lines(world):
    def read(client, server):
        del client, server
        log = (world.folder / "spoilt.log").read_bytes()
        assert b"event=books_do_not_balance" in log
        assert not re.search(rb"[\0-\x09\x0b-\x1f\x7f]", log), log
        log.decode("utf-8")
    return read


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-texts-") as folder:
        world = World(rowlockd, folder)
        make_store(world)
        for what, sql, may_be_said in BAD:
            path = world.folder / "spoilt.db"
            shutil.copy(world.folder / "whole.db", path)
            with by_hand(path) as database:
                for column, statement in COLUMNS.items():
                    changed = database.execute(statement.format(sql)).rowcount
                    assert changed == 1, (column, changed)
            server = world.start("spoilt")
            for sentence, case in [
                    ("lists are JSON, page by page", lists_and_pages),
                    ("so is each thing by itself", one_by_one),
                    ("so is each event of a stream", streams),
                    ("a verification names what is wrong", verifications(may_be_said)),
                    ("so are refusals and replays", refusals_and_replays),
                    ("so is what is typed in while somebody listens", news(sql)),
                    ("an export is UTF-8, and can be imported", exports(world)),
                    ("log lines are UTF-8", log_lines(world))]:
                tap.run(f"{what}: {sentence}", case, Client(server.port), server)
            tap.run(f"{what}: it stops as it should", server.stop)
            for file in world.folder.glob("spoilt.db*"):
                file.unlink()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
