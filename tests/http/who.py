#!/usr/bin/env python3
"""who - every action there is: what of it says who did it, a movement, a row of the audit, or
nothing, and then why.

    tests/http/who.py ROWLOCKD

The actions are those of schema/commands.def, of server/http/routes.def and of the tools of
rowlockd: one that is added to them and not to the tables here does not pass. Each is carried out,
by a token and in the order of the tables; what it has left in the ledger and in the audit is
exactly what its row says, and by whom. What hands in sqlite3 leave, tests/schema has.
"""
import contextlib
import itertools
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from store import open_sql  # noqa: E402
from talk import Client, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

ANNA, TOOL, SERVICE = "anna", "local/", "rowlock"
A = "/v1/stock/A-1/WH1"
ROWS = [{"sku": "A-1", "location": "WH1"}]
LINES = [{"sku": "A-1", "location": "WH1", "quantity": 2}]


def movements(*kinds, actor=ANNA):
    return [("movement", kind, actor) for kind in kinds]


def audit(*actions, actor=ANNA):
    return [("audit", action, actor) for action in actions]


def nothing(because):
    assert len(because) > 10
    return []


RENEWED = "done every few seconds by who has it, and changes nothing for anybody else"

# What is sent for each command, in this order, and what it leaves.
COMMANDS = [
    ("LOCATION_PUT", ("PUT", "/v1/locations/WH1", {"name": "One"}), audit("location-make")),
    ("LOCATION_PUT", ("PUT", "/v1/locations/WH2", {"name": "Two"}), audit("location-make")),
    ("ITEM_PUT", ("PUT", "/v1/items/A-1", {"name": "Bolt"}), audit("item-make")),
    ("ITEM_PUT", ("PUT", "/v1/items/A-1", {"name": "Hex bolt"}), audit("item-change")),
    ("ITEM_PUT", ("PUT", "/v1/items/B-1", {"name": "Nut"}), audit("item-make")),
    ("ITEM_PATCH", ("PATCH", "/v1/items/B-1", {"name": "Hex nut"}), audit("item-change")),
    ("ITEM_PATCH", ("PATCH", "/v1/items/B-1", {"name": "Hex nut"}),
     nothing("it says what was there: it makes no version either")),
    ("ITEM_DELETE", ("DELETE", "/v1/items/B-1", None), audit("item-delete")),
    ("LOCATION_PATCH", ("PATCH", "/v1/locations/WH2", {"name": "II"}), audit("location-change")),
    ("ADJUST", ("POST", f"{A}/adjust", {"delta": 50, "note": "first"}), movements("adjust")),
    ("SET", ("POST", f"{A}/set", {"on_hand": 60, "expected": None}), movements("set")),
    ("COUNT", ("POST", f"{A}/count", {"counted": 61, "as_of_seq": 2}), movements("count")),
    ("TRANSFER", ("POST", "/v1/transfers", {"sku": "A-1", "from": "WH1", "to": "WH2",
                                            "quantity": 1}), movements("transfer", "transfer")),
    ("READ", ("GET", f"{A}?read=locked", None), nothing("it only reads")),
    ("RESERVE", ("PUT", "/v1/reservations/r", {"lines": LINES, "ttl_s": 600}),
     movements("reserve")),
    ("RESERVATION_EXTEND", ("POST", "/v1/reservations/r/extend", {"ttl_s": 900}), nothing(RENEWED)),
    ("RESERVATION_COMMIT", ("POST", "/v1/reservations/r/commit", {}), movements("commit")),
    ("RESERVE", ("PUT", "/v1/reservations/s", {"lines": LINES, "ttl_s": 600}),
     movements("reserve")),
    ("RESERVATION_RELEASE", ("POST", "/v1/reservations/s/release", {}), movements("release")),
    ("RESERVE", ("PUT", "/v1/reservations/t", {"lines": LINES, "ttl_s": 1}),
     movements("reserve") + movements("expire", actor=SERVICE)),
    ("LEASE_TAKE", ("PUT", "/v1/leases/l", {"rows": ROWS, "ttl_s": 60, "purpose": "x"}),
     audit("lease-take")),
    ("LEASE_RENEW", ("PUT", "/v1/leases/l", {"ttl_s": 90}), nothing(RENEWED)),
    ("LEASE_RELEASE", ("DELETE", "/v1/leases/l", None), audit("lease-release")),
    ("LEASE_TAKE", ("POST", "/v1/leases", {"rows": ROWS, "ttl_s": 1, "purpose": "x"}),
     audit("lease-take") + audit("lease-end", actor=SERVICE)),
    ("LOCATION_DELETE", ("DELETE", "/v1/locations/WH3", None), audit("location-delete")),
]

# The same of calls that are no command. Public ones are not asked: they know of nobody.
LAB = {"scenario": "hot-row", "seconds": 60}
ROUTES = [
    ("POST", "/v1/batch", ("/v1/batch", [
        {"op": "adjust", "sku": "A-1", "location": "WH1", "delta": -1},
        {"op": "patch_item", "sku": "A-1", "unit": "box"}]),
     audit("item-change") + movements("adjust")),
    ("DELETE", "/v1/operations/{id}", ("$operation", None),
     nothing("it takes back what was not done; its key remembers that")),
    ("GET", "/v1/export", ("/v1/export", None), audit("export")),
    ("GET", "/v1/export", ("/v1/export?format=csv", None), audit("export")),
    ("GET", "/v1/backup", ("/v1/backup", None), audit("backup")),
    ("GET", "/v1/verify", ("/v1/verify", None), audit("verify")),
    ("GET", "/v1/audit", ("/v1/audit", None), nothing("it only reads; X-Request-Id is in the log")),
    ("GET", "/v1/lab", ("/v1/lab", None), nothing("it only reads")),
    ("GET", "/v1/lab/runs", ("/v1/lab/runs", None), nothing("it only reads")),
    ("POST", "/v1/lab/runs", ("/v1/lab/runs", LAB), audit("lab-run")),
    ("GET", "/v1/lab/runs/{id}", ("/v1/lab/runs/lab_1", None), nothing("it only reads")),
    ("DELETE", "/v1/lab/runs/{id}", ("/v1/lab/runs/lab_1", None),
     nothing("it ends sooner what has its row")),
    ("POST", "/v1/session", ("/v1/session", {}), audit("login")),
    ("DELETE", "/v1/session", ("$session", None), audit("logout")),
]
READS = {"GET": nothing("whoever may read stock, the catalogue and the ledger reads it all day")}

# The tools of rowlockd, on a store that no server has. In what they are given, {folder}.
TOOLS = [
    ("token add", "new --role reader", audit("token-add", actor=TOOL)),
    ("token list", "", nothing("it only reads")),
    ("token rotate", "new", audit("token-rotate", actor=TOOL)),
    ("token revoke", "new", audit("token-revoke", actor=TOOL)),
    ("verify", "", nothing("it only reads, and leaves no byte of the file changed")),
    ("repair", "--trust ledger", nothing("without --apply it only reads")),
    ("repair", "--trust ledger --apply", audit("repair", actor=TOOL)),
    ("repack", "--page-size 4096", audit("repack", actor=TOOL)),
    ("restore", "{folder}/copy.db", audit("restore", actor=TOOL)),
    ("epoch", "--new --keep-tokens", audit("epoch-new", actor=TOOL)),
    ("store", "show", nothing("it only reads")),
]
ELSEWHERE = {"copy"}  # which needs a database: tests/pg/test_copy.py reads its row


def commands_there_are():
    return set(re.findall(r"^COMMAND\(\s*\d+,\s*(\w+),",
                          (ROOT / "schema/commands.def").read_text(), re.M))


def routes_there_are():
    """Those that are no command, and that somebody calls who has a name."""
    return {(method, path, role) for method, path, role in re.findall(
        r'^ROUTE\(HTTP_(\w+),\s*"([^"]+)",.*?,\s*(\w+)\)$',
        (ROOT / "server/http/routes.def").read_text(), re.M)}


def tools_there_are():
    found = re.findall(r'^\t\{ "(\w+)",\s', (ROOT / "server/offline/offline.c").read_text(), re.M)
    tokens = re.findall(r'^\t\{ "(\w+)",\s', (ROOT / "server/offline/token.c").read_text(), re.M)
    assert len(found) >= 5 and len(tokens) >= 4, (found, tokens)
    return {name for name in found if name != "token"} | {f"token {name}" for name in tokens}


def table_is_whole():
    assert {row[0] for row in COMMANDS} == commands_there_are()
    assert {row[0] for row in TOOLS} == tools_there_are() - ELSEWHERE
    routes = routes_there_are()
    assert {row[:2] for row in ROUTES} <= {row[:2] for row in routes}, "a route is gone"
    left = {row for row in routes if row[:2] not in {row[:2] for row in ROUTES}}
    assert not [row for row in left if row[0] not in READS or row[2] == "ADMIN"], \
        f"what of it says who did it? {left}"
    words = (ROOT / "docs/operating.md").read_text()
    for kind, word, _ in itertools.chain(*(row[-1] for row in COMMANDS + ROUTES + TOOLS)):
        assert kind == "movement" or f"`{word}`" in words, f"docs/operating.md lacks {word}"


class Store:
    def __init__(self, path):
        self.path = path
        self.seen = {"movement": 0, "audit": 0}

    def new(self):
        """What was left since, the audit's first: all of it is by one, or by the service."""
        with contextlib.closing(open_sql(self.path)) as db:
            rows = [("audit", *row) for row in db.execute(
                "SELECT id, action, actor FROM audit WHERE id > ? ORDER BY id",
                (self.seen["audit"],))]
            rows += [("movement", *row) for row in db.execute(
                "SELECT seq, kind, actor FROM movement WHERE seq > ? ORDER BY seq",
                (self.seen["movement"],))]
        return rows

    def expect(self, wanted):
        """What a read leaves comes within a second; what an action leaves beyond its row is found
        with that of the next one."""
        wait_until(lambda: len(self.new()) >= len(wanted), f"{wanted}, and there is {self.new()}")
        found = self.new()
        for table, number, *_ in found:
            self.seen[table] = number
        said = [(table, word, actor[:len(TOOL)] if actor.startswith(TOOL) else actor)
                for table, _, word, actor in found]
        assert said == wanted, f"{said}, not {wanted}"


def token_of(rowlockd, store, name, role):
    return subprocess.run([rowlockd, "token", "add", name, "--role", role, "--store", store],
                          check=True, capture_output=True, text=True).stdout.strip()


class World:
    """A closed store with its server, and anna, who is an admin there."""

    def __init__(self, server, store, secret):
        self.server, self.store = server, store
        self.client = Client(server.port)
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.fence = None

    def ask(self, method, path, body, **headers):
        answer = self.client.request(method, path, body, **self.headers, **headers)
        assert answer.status < 300, f"{method} {path}: {answer}"
        return answer

    def command(self, name, request, wanted):
        method, path, body = request
        headers = {"Lease": f"l;fence={self.fence}"} if name == "LEASE_RENEW" else {}
        if path == "/v1/locations/WH3":
            self.ask("PUT", path, {"name": "Three"})
            self.store.expect(audit("location-make"))
        answer = self.ask(method, path, body, **headers)
        if name == "LEASE_TAKE":
            self.fence = answer.json()["fence"]
        self.store.expect(wanted)

    def withdraw(self):
        """A write that waits for a row that is leased."""
        self.ask("PUT", "/v1/leases/w", {"rows": ROWS, "ttl_s": 60, "purpose": "x"})
        made = self.ask("POST", f"{A}/adjust", {"delta": 1}, Prefer="respond-async").json()
        self.ask("DELETE", f"/v1/operations/{made['id']}", None)
        self.ask("DELETE", "/v1/leases/w", None)
        self.store.expect(audit("lease-take", "lease-release"))

    def logout(self):
        cookie = self.ask("POST", "/v1/session", {}, **self.origin()).header("Set-Cookie")
        self.store.expect(audit("login"))
        answer = Client(self.server.port).request("DELETE", "/v1/session",
                                                  Cookie=cookie.partition(";")[0], **self.origin())
        assert answer.status == 204, answer

    def origin(self):
        return {"Origin": f"http://127.0.0.1:{self.server.port}"}

    def route(self, method, request, wanted):
        path, body = request
        if path == "$operation":
            self.withdraw()
        elif path == "$session":
            self.logout()
        else:
            answer = self.ask(method, path, body,
                              **(self.origin() if path == "/v1/session" else {}))
            if path == "/v1/backup":
                (pathlib.Path(self.store.path).parent / "copy.db").write_bytes(answer.body)
        self.store.expect(wanted)


def spoil(store):
    """For a repair that has something to do: past the guards."""
    with sqlite3.connect(store) as db:
        for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' "
                                "AND tbl_name = 'stock'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE stock SET on_hand = on_hand + 1 WHERE id = 1")
    db.close()


def tool(rowlockd, store, name, words, wanted):
    if words.endswith("--apply"):
        spoil(store.path)
    words = words.format(folder=pathlib.Path(store.path).parent).split()
    said = subprocess.run([rowlockd, *name.split(), *words, "--store", store.path],
                          capture_output=True, text=True)
    assert said.returncode == 0, said
    if name == "restore":  # of a time when the audit was shorter
        with contextlib.closing(open_sql(store.path)) as db:
            store.seen = {"audit": db.execute("SELECT max(id) - 1 FROM audit").fetchone()[0],
                          "movement": db.execute("SELECT max(seq) FROM movement").fetchone()[0]}
    store.expect(wanted)


def main():
    rowlockd, tap = sys.argv[1], Tap()
    tap.run("every command, call and tool stands in the table", table_is_whole)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/store.db")
        secret = token_of(rowlockd, store.path, ANNA, "admin")
        store.expect(audit("token-add", actor=TOOL))
        with Daemon(rowlockd, store.path, ["--lab"]) as server:
            world = World(server, store, secret)
            for name, request, wanted in COMMANDS:
                tap.run(f"{name}: {request[0]} {request[1]}", world.command, name, request, wanted)
            for method, path, request, wanted in ROUTES:
                tap.run(f"{method} {path}: {request[0]}", world.route, method, request, wanted)
        for name, words, wanted in TOOLS:
            tap.run(f"rowlockd {name} {words}", tool, rowlockd, store, name, words, wanted)
        tap.run("and nothing beside", store.expect, [])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
