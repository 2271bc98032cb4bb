#!/usr/bin/env python3
"""replays - a key that is sent again gets the first answer again, to the letter: each outcome
that a key remembers, as a request, an operation, a line of a batch and of an atomic one.

    tests/http/replays.py ROWLOCKD

Each case has an item, a row of 10 units and a reservation of its own. Between the two attempts all
of it is changed, so that a new decision would be another one.
"""
import contextlib
import json
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, wait_until  # noqa: E402

OUTCOMES = HERE.parents[1] / "schema" / "outcomes.def"
ROW = "/v1/stock/$/WH1"
AT = {"sku": "$", "location": "WH1"}
BOTH = [{**AT, "quantity": 2}, {"sku": "$", "location": "WH2", "quantity": 1}]
ITEM = {"name": "Größe \"1\"", "attributes": {"price": 0.10, "big": 1e3}}

RESERVE = ("PUT", "/v1/reservations/$", {"ttl_s": 600, "lines": [{**AT, "quantity": 3}]})
BRIEF = ("PUT", "/v1/reservations/$", {"ttl_s": 1, "lines": [{**AT, "quantity": 3}]})
COMMIT = ("POST", "/v1/reservations/$/commit", {})
RELEASE = ("POST", "/v1/reservations/$/release", {})
ARCHIVE = ("PATCH", "/v1/items/$", {"archived": True})
TAKE = ("PUT", "/v1/leases/$", {"rows": [{"sku": "$", "location": "WH2"}], "ttl_s": 600})
UNTIL_EXPIRED = ("until", "/v1/reservations/$", "expired")

# outcome, what goes before, method, path, body, further headers, and the line of a batch (None:
# there is no such line). $ is the name of everything that belongs to the case.
CASES = [
    ("done", [], "POST", f"{ROW}/adjust", {"delta": -3, "reason": "sale", "reference": "Ü-9"}, {},
     {"op": "adjust", **AT, "delta": -3, "reason": "sale", "reference": "Ü-9"}),
    ("done", [], "POST", f"{ROW}/adjust", {"delta": -30, "up_to": True}, {},
     {"op": "adjust", **AT, "delta": -30, "up_to": True}),
    ("done", [], "POST", f"{ROW}/set", {"on_hand": 7, "expected": None}, {},
     {"op": "set", **AT, "on_hand": 7, "expected": None}),
    ("done", [], "POST", f"{ROW}/set", {"on_hand": 10, "expected": 10}, {},
     {"op": "set", **AT, "on_hand": 10, "expected": 10}),
    ("done", [], "POST", f"{ROW}/count", {"counted": 9, "as_of_seq": "@now"}, {},
     {"op": "count", **AT, "counted": 9, "as_of_seq": "@now"}),
    ("done", [], "POST", "/v1/transfers", {"sku": "$", "from": "WH1", "to": "WH2", "quantity": 2},
     {}, {"op": "transfer", "sku": "$", "from": "WH1", "to": "WH2", "quantity": 2}),
    ("done", [], "PUT", "/v1/items/$-n", ITEM, {}, {"op": "item", "sku": "$-n", **ITEM}),
    ("done", [], "PATCH", "/v1/items/$", {"name": "Other"}, {},
     {"op": "patch_item", "sku": "$", "name": "Other"}),
    ("done", [], "PUT", "/v1/locations/$", {"name": "Place"}, {},
     {"op": "location", "location": "$", "name": "Place"}),
    ("done", [], "PATCH", "/v1/locations/WH3", {"name": "Named $"}, {},
     {"op": "patch_location", "location": "WH3", "name": "Named $"}),
    ("done", [("PUT", "/v1/items/$-d", {"name": "x"})], "DELETE", "/v1/items/$-d", None, {}, None),
    ("done", [("PUT", "/v1/locations/$-d", {"name": "x"})], "DELETE", "/v1/locations/$-d", None, {},
     None),
    ("done", [], "POST", "/v1/reservations", {"ttl_s": 600, "owner": "me", "lines": BOTH}, {},
     {"op": "reserve", "ttl_s": 600, "owner": "me", "lines": BOTH}),
    ("done", [], *RESERVE, {}, {"op": "reserve", "reservation": "$", **RESERVE[2]}),
    ("done", [RESERVE], *COMMIT, {}, {"op": "commit", "reservation": "$"}),
    ("done", [RESERVE], *RELEASE, {}, {"op": "release", "reservation": "$"}),
    ("done", [RESERVE], "POST", "/v1/reservations/$/extend", {"ttl_s": 700}, {},
     {"op": "extend", "reservation": "$", "ttl_s": 700}),
    ("done", [], *TAKE, {}, None),
    ("done", [TAKE], "DELETE", "/v1/leases/$", None, {}, None),
    ("insufficient-stock", [], "POST", f"{ROW}/adjust", {"delta": -11}, {},
     {"op": "adjust", **AT, "delta": -11}),
    ("insufficient-stock", [], "POST", "/v1/transfers",
     {"sku": "$", "from": "WH1", "to": "WH2", "quantity": 20}, {},
     {"op": "transfer", "sku": "$", "from": "WH1", "to": "WH2", "quantity": 20}),
    ("insufficient-stock", [], "POST", "/v1/reservations",
     {"ttl_s": 600, "lines": [{**line, "quantity": 90} for line in BOTH]}, {},
     {"op": "reserve", "ttl_s": 600, "lines": [{**line, "quantity": 90} for line in BOTH]}),
    ("stale-quantity", [], "POST", f"{ROW}/adjust", {"delta": 1, "expected": 5}, {},
     {"op": "adjust", **AT, "delta": 1, "expected": 5}),
    ("stale-quantity", [], "POST", f"{ROW}/set", {"on_hand": 1, "expected": 5}, {},
     {"op": "set", **AT, "on_hand": 1, "expected": 5}),
    ("count-outdated", [("POST", f"{ROW}/set", {"on_hand": 8, "expected": None})],
     "POST", f"{ROW}/count", {"counted": 9, "as_of_seq": "@before"}, {},
     {"op": "count", **AT, "counted": 9, "as_of_seq": "@before"}),
    ("quantity-overflow", [("POST", f"{ROW}/adjust", {"delta": 10**12})] * 3
     + [("sql", "UPDATE stock SET on_hand = 999999999999999 WHERE item_id = "
         "(SELECT id FROM item WHERE sku = '$') AND location_id = 1", None)],
     "POST", f"{ROW}/adjust", {"delta": 10**12}, {}, {"op": "adjust", **AT, "delta": 10**12}),
    ("item-in-use", [], "DELETE", "/v1/items/$", None, {}, None),
    ("location-in-use", [], "DELETE", "/v1/locations/WH1", None, {}, None),
    ("item-archived", [ARCHIVE], "POST", f"{ROW}/adjust", {"delta": 1}, {},
     {"op": "adjust", **AT, "delta": 1}),
    ("location-archived", [], "POST", "/v1/stock/$/OLD/adjust", {"delta": 1}, {},
     {"op": "adjust", "sku": "$", "location": "OLD", "delta": 1}),
    ("lease-exists", [TAKE], "PUT", "/v1/leases/$", {"rows": [AT], "ttl_s": 600}, {}, None),
    ("reservation-exists", [RESERVE], "PUT", "/v1/reservations/$",
     {"ttl_s": 600, "lines": [{**AT, "quantity": 1}]}, {},
     {"op": "reserve", "reservation": "$", "ttl_s": 600, "lines": [{**AT, "quantity": 1}]}),
    *[(f"reservation-{word}", before, *what, {}, {"op": op, "reservation": "$"})
      for word, before in [("committed", [RESERVE, COMMIT]), ("released", [RESERVE, RELEASE]),
                           ("expired", [BRIEF, UNTIL_EXPIRED]),
                           ("superseded", [RESERVE, ("POST", "/v1/reservations", {
                               "ttl_s": 600, "supersedes": "$",
                               "lines": [{**AT, "quantity": 1}]})])]
      for op, what in [("commit", COMMIT), ("release", RELEASE)]],
    ("insufficient-on-hand", [RESERVE, ("POST", f"{ROW}/set", {"on_hand": 1, "expected": None})],
     *COMMIT, {}, {"op": "commit", "reservation": "$"}),
    ("precondition-failed", [], "POST", f"{ROW}/adjust", {"delta": 1}, {"If-Match": '"9"'}, None),
    ("precondition-failed", [], "POST", f"{ROW}/set", {"on_hand": 1, "expected_version": 9}, {},
     {"op": "set", **AT, "on_hand": 1, "expected_version": 9}),
    ("precondition-failed", [("PUT", "/v1/items/$", ITEM)], "PUT", "/v1/items/$", {"name": "x"},
     {"If-Match": '"9"'}, {"op": "item", "sku": "$", "name": "x", "expected_version": 9}),
    ("precondition-failed", [("PUT", "/v1/locations/$", {"name": "x"})], "PUT", "/v1/locations/$",
     {"name": "x"}, {"If-Match": '"9"'},
     {"op": "location", "location": "$", "name": "x", "expected_version": 9}),
    ("attributes-too-large",
     [("PUT", "/v1/items/$", {"name": "x", "attributes": {"a": "x" * 5000}})],
     "PATCH", "/v1/items/$", {"attributes": {"b": "y" * 5000}}, {},
     {"op": "patch_item", "sku": "$", "attributes": {"b": "y" * 5000}}),
]
# It is no answer to a request of its own (operation_key.txt); it takes a lease that ends between
# the claim and the decision: before that nothing was decided that a key could remember.
UNREACHED = {"operation-withdrawn", "stale-fence"}


def filled(what, name, before=0, now=0):
    """The same with the name in place of each $, and the seqs before the case and now."""
    text = json.dumps(what).replace("$", name)
    return json.loads(text.replace('"@before"', str(before)).replace('"@now"', str(now)))


class World:
    def __init__(self, server):
        self.server = server
        self.client = Client(server.port)
        self.count = 0
        for place in ("WH1", "WH2", "WH3", "OLD"):
            self.do("PUT", f"/v1/locations/{place}", {"name": place})
        self.do("PATCH", "/v1/locations/OLD", {"archived": True})

    def do(self, method, path, body):
        if method == "until":
            wait_until(lambda: self.client.get(path).json()["state"] == body, path)
        elif method == "sql":
            with contextlib.closing(open_sql(self.server.store)) as database:
                database.execute(path)
        else:
            answer = self.client.request(method, path, body)
            assert answer.status < 300, answer

    def prepare(self, case):
        """The name of its things, and the case with that filled in."""
        before = case[1]
        self.count += 1
        name = f"x{self.count}"
        self.do("PUT", f"/v1/items/{name}", {"name": "x"})
        for place in ("WH1", "WH2"):
            self.do("POST", f"/v1/stock/{name}/{place}/adjust", {"delta": 10})
        seq = self.seq()
        for step in before:
            self.do(*filled(step, name))
        return name, filled(case, name, seq, self.seq())

    def seq(self):
        return int(self.client.get("/v1/stock").header("Stock-Seq"))

    def change(self, name):
        """So that nothing would be decided as before."""
        self.client.request("PATCH", f"/v1/items/{name}",
                            {"archived": False, "attributes": None, "name": "y"})
        self.client.post(f"/v1/stock/{name}/WH1/adjust", {"delta": -4})
        self.client.post(f"/v1/reservations/{name}/release", {})
        self.client.request("DELETE", f"/v1/leases/{name}")


def shown(answer):
    """Of two answers to one key, what must be the same."""
    names = ("content-type", "location", "etag", "stock-seq", "retry-after")
    headers = {n.lower(): v for n, v in answer.headers if n.lower() in names}
    return answer.status, answer.body, headers


def expect_outcome(said, status, outcome):
    code = said.get("code", "done") if status != 204 else "done"
    assert code == outcome, said


def as_request(world, name, case):
    outcome, _, method, path, body, headers, _ = case

    def attempt():
        return world.client.request(method, path, body, Idempotency_Key=name, **headers)
    first = attempt()
    expect_outcome(json.loads(first.body or b"{}"), first.status, outcome)
    world.change(name)
    again = attempt()
    assert again.header("Idempotency-Replayed") == "true", again
    assert shown(first) == shown(again), f"{first}\nthen\n{again}"


def as_operation(world, name, case):
    outcome, _, method, path, body, headers, _ = case

    def attempt():
        return world.client.request(method, path, body, Idempotency_Key=name,
                                    Prefer="respond-async", **headers)
    begun = attempt()
    assert begun.status == 202, begun
    first = world.client.get(f"/v1/operations/{begun.json()['id']}?wait=10")
    said = first.json()
    expect_outcome(said["result"] or {}, said["status"], outcome)
    world.change(name)
    again = attempt()
    assert again.header("Idempotency-Replayed") == "true", again
    assert (again.status, again.header("Stock-Seq")) == (said["status"], first.header("Stock-Seq"))
    result = first.body[first.body.index(b'"result":') + len(b'"result":'):].rstrip(b"}\n")
    assert again.body.rstrip(b"}\n") == result.replace(b"null", b"", not again.body), \
        f"{first}\nthen\n{again}"


def as_line(world, name, case, query=""):
    outcome, line = case[0], case[6]

    def attempt():
        return world.client.post(f"/v1/batch{query}", [{**line, "id": "mine"}],
                                 Idempotency_Key=name)
    first = attempt()
    expect_outcome(first.json()[0], 200, outcome)
    world.change(name)
    again = attempt()
    assert first.status == again.status == 200, again
    assert first.header("Stock-Seq") == again.header("Stock-Seq"), f"{first}\nthen\n{again}"
    was, now = (answer.body.splitlines()[0] for answer in (first, again))
    assert now == was[:-1] + b',"replayed":true}', f"{was}\nthen\n{now}"


def as_atomic_line(world, name, case):
    as_line(world, name, case, "?atomic=true")


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-replays-") as folder, \
            Daemon(rowlockd, pathlib.Path(folder) / "store.db") as server:
        world = World(server)
        for case in CASES:
            outcome, _, method, path, _, _, line = case
            forms = [("a request", as_request), ("an operation", as_operation)]
            if line is not None:
                forms.append(("a line", as_line))
            if line is not None and outcome == "done":  # a refusal of an atomic one is not kept
                forms.append(("an atomic line", as_atomic_line))
            for form, run in forms:
                tap.run(f"{outcome}: {method} {path}, {form}", run, world, *world.prepare(case))
    recorded = set(re.findall(r'^OUTCOME\(\w+,\s+"([\w-]+)",\s+\d+, \d, 1,', OUTCOMES.read_text(),
                              re.MULTILINE))
    missing = recorded - UNREACHED - {case[0] for case in CASES}
    tap.report("every outcome that a key remembers has a case", ", ".join(missing) or None)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
