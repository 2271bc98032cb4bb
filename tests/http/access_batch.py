#!/usr/bin/env python3
"""access_batch - every command × where it would write, of a token that may write to WH1 alone: as a
call, as a line, as a line with a key, sent again, and in an atomic batch.

    tests/http/access_batch.py ROWLOCKD

Beside the table: names that are written otherwise, a location that is renamed by hand, roles and
locations that change between two sendings of one batch.
"""
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from access_matrix import Tokens  # noqa: E402
from daemon import Daemon  # noqa: E402
from talk import Client  # noqa: E402
from tap import Tap  # noqa: E402

IN, OUT = {"sku": "A-1", "location": "WH1"}, {"sku": "A-1", "location": "WH2"}
ONE, OTHER = {**IN, "quantity": 1}, {**OUT, "quantity": 1}
MOVE = {"sku": "A-1", "quantity": 1}
TIME = {"ttl_s": 600}

# what, line (None: it is no op), (method, path, body), the location that is forbidden or None. Of
# reservations "in" has a row at WH1, "out" one at WH2, "both" first the one and then the other.
CASES = [
    ("adjust inside", {"op": "adjust", **IN, "delta": 1},
     ("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1}), None),
    ("adjust outside", {"op": "adjust", **OUT, "delta": 1},
     ("POST", "/v1/stock/A-1/WH2/adjust", {"delta": 1}), "WH2"),
    ("set inside", {"op": "set", **IN, "on_hand": 90, "expected": None},
     ("POST", "/v1/stock/A-1/WH1/set", {"on_hand": 90, "expected": None}), None),
    ("set outside", {"op": "set", **OUT, "on_hand": 90, "expected": None},
     ("POST", "/v1/stock/A-1/WH2/set", {"on_hand": 90, "expected": None}), "WH2"),
    ("count inside", {"op": "count", **IN, "counted": 90, "as_of_seq": 4},
     ("POST", "/v1/stock/A-1/WH1/count", {"counted": 90, "as_of_seq": 4}), None),
    ("count outside", {"op": "count", **OUT, "counted": 90, "as_of_seq": 4},
     ("POST", "/v1/stock/A-1/WH2/count", {"counted": 90, "as_of_seq": 4}), "WH2"),
    ("transfer out", {"op": "transfer", **MOVE, "from": "WH1", "to": "WH2"},
     ("POST", "/v1/transfers", {**MOVE, "from": "WH1", "to": "WH2"}), "WH2"),
    ("transfer in", {"op": "transfer", **MOVE, "from": "WH2", "to": "WH1"},
     ("POST", "/v1/transfers", {**MOVE, "from": "WH2", "to": "WH1"}), "WH2"),
    ("transfer elsewhere", {"op": "transfer", **MOVE, "from": "WH2", "to": "WH3"},
     ("POST", "/v1/transfers", {**MOVE, "from": "WH2", "to": "WH3"}), "WH2"),
    ("reserve inside", {"op": "reserve", **TIME, "lines": [ONE]},
     ("POST", "/v1/reservations", {**TIME, "lines": [ONE]}), None),
    ("reserve outside", {"op": "reserve", **TIME, "lines": [OTHER]},
     ("POST", "/v1/reservations", {**TIME, "lines": [OTHER]}), "WH2"),
    ("reserve both", {"op": "reserve", **TIME, "lines": [ONE, OTHER]},
     ("POST", "/v1/reservations", {**TIME, "lines": [ONE, OTHER]}), "WH2"),
    ("supersede outside", {"op": "reserve", **TIME, "lines": [ONE], "supersedes": "out"},
     ("POST", "/v1/reservations", {**TIME, "lines": [ONE], "supersedes": "out"}), "WH2"),
    ("supersede both", {"op": "reserve", **TIME, "lines": [ONE], "supersedes": "both"},
     ("POST", "/v1/reservations", {**TIME, "lines": [ONE], "supersedes": "both"}), "WH2"),
    ("extend inside", {"op": "extend", "reservation": "in", **TIME},
     ("POST", "/v1/reservations/in/extend", TIME), None),
    *[(f"{verb} {name}", {"op": verb, "reservation": name, **more},
       ("POST", f"/v1/reservations/{name}/{verb}", more), "WH2")
      for verb, more in (("extend", TIME), ("commit", {}), ("release", {}))
      for name in ("out", "both")],
    ("commit of a part inside", {"op": "commit", "reservation": "both", "lines": [ONE]},
     ("POST", "/v1/reservations/both/commit", {"lines": [ONE]}), "WH2"),
    ("put again outside", None,
     ("PUT", "/v1/reservations/out", {**TIME, "lines": [OTHER]}), "WH2"),
    # What is there already is told to nobody who names other rows.
    *[(f"put again {name}, as if it were inside", None,
       ("PUT", f"/v1/reservations/{name}", {**TIME, "lines": [ONE]}), "WH2")
      for name in ("out", "both")],
    ("location inside", {"op": "location", "location": "WH1", "name": "x"},
     ("PUT", "/v1/locations/WH1", {"name": "x"}), None),
    ("location outside", {"op": "location", "location": "WH2", "name": "x"},
     ("PUT", "/v1/locations/WH2", {"name": "x"}), "WH2"),
    ("a new location", {"op": "location", "location": "WH7", "name": "x"},
     ("PUT", "/v1/locations/WH7", {"name": "x"}), "WH7"),
    ("patch_location inside", {"op": "patch_location", "location": "WH1", "name": "y"},
     ("PATCH", "/v1/locations/WH1", {"name": "y"}), None),
    ("patch_location outside", {"op": "patch_location", "location": "WH2", "name": "y"},
     ("PATCH", "/v1/locations/WH2", {"name": "y"}), "WH2"),
    ("delete outside", None, ("DELETE", "/v1/locations/WH3", None), "WH3"),
    ("item", {"op": "item", "sku": "A-1", "name": "x"},
     ("PUT", "/v1/items/A-1", {"name": "x"}), None),
    ("patch_item", {"op": "patch_item", "sku": "A-1", "name": "y"},
     ("PATCH", "/v1/items/A-1", {"name": "y"}), None),
    ("lease outside", None, ("POST", "/v1/leases", {**TIME, "rows": [OUT]}), "WH2"),
    ("lease of both", None, ("POST", "/v1/leases", {**TIME, "rows": [IN, OUT]}), "WH2"),
    ("lease of both, by name", None, ("PUT", "/v1/leases/l", {**TIME, "rows": [IN, OUT]}), "WH2"),
    ("renewal of a lease of both", None,
     ("PUT", "/v1/leases/pair", {**TIME, "rows": [{**IN, "sku": "A-2"}, {**OUT, "sku": "A-2"}]}),
     "WH2"),
    ("return of a lease of both", None, ("DELETE", "/v1/leases/pair", None), "WH2"),
    # Names that are written otherwise are the same name, or none.
    ("a name with escapes", None, ("POST", "/v1/stock/A-1/%57H1/adjust", {"delta": 1}), None),
    ("another with escapes", None, ("POST", "/v1/stock/A-1/WH%32/adjust", {"delta": 1}), "WH2"),
    ("small letters", None, ("PUT", "/v1/locations/wh1", {"name": "x"}), "wh1"),
    ("a row in small letters", None, ("POST", "/v1/stock/A-1/wh1/adjust", {"delta": 1}), "wh1"),
    ("escapes of a location", None, ("PATCH", "/v1/locations/%57%48%32", {"name": "x"}), "WH2"),
    ("a slash in a name", None, ("PUT", "/v1/locations/WH1%2FWH2", {"name": "x"}), 400),
    ("a NUL in a name", None, ("POST", "/v1/stock/A-1/WH1%00/adjust", {"delta": 1}), 400),
    ("a blank behind it", None, ("POST", "/v1/stock/A-1/WH1%20/adjust", {"delta": 1}), 400),
    ("two dots", None, ("PUT", "/v1/locations/..%2FWH1", {"name": "x"}), 400),
]


class World:
    def __init__(self, rowlockd, folder):
        self.server = Daemon(rowlockd, folder / "store.db", ["--loops", "1"]).start()
        self.tokens, self.count = Tokens(folder / "store.db"), 0
        self.db = self.tokens.db
        self.db.executescript("INSERT INTO item (sku, name) VALUES ('A-1', 'x'), ('A-2', 'x');"
                              "INSERT INTO location (code, name) VALUES "
                              "('WH1', 'x'), ('WH2', 'x'), ('WH3', 'x')")
        self.tokens.add("admin", "admin")
        self.tokens.add("narrow", "writer", locations=("WH1",))
        self.tokens.add("clerk", "clerk", locations=("WH1",))
        self.server.wait_for_line("tokens=3 secrets=3")
        for code in ("WH1", "WH2"):
            for sku in ("A-1", "A-2"):
                self.expect(201, "admin", "POST", f"/v1/stock/{sku}/{code}/adjust", {"delta": 100})
        for name, lines in (("in", [ONE]), ("out", [OTHER]), ("both", [ONE, OTHER])):
            self.expect(201, "admin", "PUT", f"/v1/reservations/{name}", {**TIME, "lines": lines})
        self.expect(201, "admin", "PUT", "/v1/leases/pair", {
            **TIME, "rows": [{**IN, "sku": "A-2"}, {**OUT, "sku": "A-2"}]})

    def close(self):
        self.db.close()
        self.server.stop()

    def ask(self, who, method, path, body=None, **headers):
        client = Client(self.server.port)
        answer = client.request(method, path, body, **headers,
                                Authorization="Bearer " + self.tokens.texts[who])
        client.close()
        return answer

    def expect(self, status, *call, **headers):
        answer = self.ask(*call, **headers)
        assert answer.status == status, f"{call}: {answer}"
        return answer

    def change(self, sql):
        since = self.server.line_count
        self.db.execute(sql)
        self.server.wait_for_line("event=access_changed", since)

    def outside(self):
        """Of what the token may not write to: nothing of it changes."""
        return self.db.execute("""
            SELECT (SELECT group_concat(on_hand || ' ' || reserved || ' ' || version)
                FROM v_stock WHERE location <> 'WH1'),
                (SELECT group_concat(code || name) FROM location WHERE code <> 'WH1'),
                (SELECT group_concat(name || state || expires_at) FROM reservation
                 WHERE name IN ('out', 'both')), (SELECT count(*) FROM row_lock)""").fetchall()


def is_forbidden(said, location):
    return said.get("code") == "location-forbidden" and said["location"] == location \
        and said["status"] == 403


def is_allowed(status, said):
    """A count is so, too, that is refused since another one came after what it looked at."""
    return status < 300 or said["code"] == "count-outdated"


def try_call(world, call, location):
    world.count += 1
    answer = world.ask("narrow", *call, Idempotency_Key=f"c-{world.count}")
    if location is None:
        assert answer.status == 204 or is_allowed(answer.status, answer.json()), answer
    elif location == 400:
        assert answer.status in (400, 404), answer
    else:
        assert is_forbidden(answer.json(), location), answer


def try_line(world, line, location):
    """Between two that are allowed, which are done; with a key as well, sent twice."""
    allowed = {"op": "adjust", **IN, "delta": 1}
    world.count += 1
    keys = {"Idempotency_Key": f"b-{world.count}"}
    for headers, replayed in (({}, 0), (keys, 0), (keys, 2)):
        said = world.ask("narrow", "POST", "/v1/batch", [allowed, line, allowed], **headers).json()
        assert [said[0]["status"], said[2]["status"]] == [201, 201], said
        if location is None:
            assert is_allowed(said[1]["status"], said[1]), said
        else:
            assert is_forbidden(said[1], location), said
            assert (said[3]["failed"], said[3]["replayed"]) == (1, replayed), said
    level = world.db.execute("SELECT total(version) FROM stock").fetchall()
    atomic = world.ask("narrow", "POST", "/v1/batch?atomic=true", [allowed, line],
                       Idempotency_Key=f"a-{world.count}")
    if location is None:
        assert is_allowed(atomic.status, atomic.json()), atomic
        return
    assert is_forbidden(atomic.json(), location), atomic
    assert world.db.execute("SELECT total(version) FROM stock").fetchall() == level, atomic


def try_case(world, line, call, location):
    before = world.outside()
    try_call(world, call, location)
    if line is not None:
        try_line(world, line, location)
    assert world.outside() == before, f"{world.outside()} was {before}"


# ---------------------------------------------------------------- beside the table

def check_renewal(world):
    """Its rows are those that it has, whichever a body that is not looked at names."""
    lease = world.ask("admin", "GET", "/v1/leases/pair").json()
    header = {"Lease": f"{lease['id']}; fence={lease['fence']}"}
    before = world.db.execute("SELECT expires_at FROM row_lock ORDER BY rowid").fetchall()
    for body in (TIME, {**TIME, "rows": [{**IN, "sku": "A-2"}]}):
        answer = world.ask("narrow", "PUT", "/v1/leases/pair", {**body, "ttl_s": 900}, **header)
        assert is_forbidden(answer.json(), "WH2"), answer
    assert world.db.execute("SELECT expires_at FROM row_lock ORDER BY rowid").fetchall() == before
    world.expect(200, "admin", "PUT", "/v1/leases/pair", {**TIME, "ttl_s": 900}, **header)


def check_by_hand(world):
    """A location that is renamed by hand is another one: the old name is nobody's row."""
    world.db.execute("UPDATE location SET code = 'WH8' WHERE code = 'WH1'")
    for path, location in (("/v1/stock/A-1/WH8/adjust", "WH8"),
                           ("/v1/reservations/in/commit", "WH8")):
        answer = world.ask("narrow", "POST", path, {"delta": 1} if "stock" in path else {})
        assert is_forbidden(answer.json(), location), answer
    gone = world.ask("narrow", "POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1})
    assert gone.status == 404, gone
    world.db.execute("UPDATE location SET code = 'WH1' WHERE code = 'WH8'")


def check_sent_again(world):
    """A batch with a key, whose token is another one's by the second time: what was done is told,
    and of the rest each line is judged as of now."""
    lines = [{"op": "adjust", **IN, "delta": 1}, {"op": "adjust", **OUT, "delta": 1},
             {"op": "item", "sku": "B-1", "name": "x"}]
    key = {"Idempotency_Key": "again"}

    def said():
        return [(line["status"], line.get("code"), line.get("replayed", False)) for line in
                world.ask("clerk", "POST", "/v1/batch", lines, **key).json()[:3]]

    done, forbidden = (201, None, False), (403, "forbidden", False)
    outside = (403, "location-forbidden", False)
    replayed = (201, None, True)
    assert said() == [done, outside, forbidden], said()
    world.change("INSERT INTO token_location SELECT id, 'WH2' FROM token WHERE name = 'clerk'")
    assert said() == [replayed, done, forbidden]
    world.change("DELETE FROM token_location WHERE code = 'WH1' AND token_id = "
                 "(SELECT id FROM token WHERE name = 'clerk')")
    # What it may not write to any more it is not told of either.
    assert said() == [outside, replayed, forbidden]
    world.change("UPDATE token SET role = 'writer' WHERE name = 'clerk'")
    assert said()[1:] == [replayed, done]
    world.change("UPDATE token SET role = 'reader' WHERE name = 'clerk'")
    assert world.ask("clerk", "POST", "/v1/batch", lines, **key).status == 403


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-places-") as name:
        world = World(sys.argv[1], pathlib.Path(name))
        for what, line, call, location in CASES:
            tap.run(what, try_case, world, line, call, location)
        tap.run("a renewal of a lease of both", check_renewal, world)
        tap.run("a location that is renamed by hand", check_by_hand, world)
        tap.run("a batch that is sent again by a token that may something else", check_sent_again,
                world)
        world.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
