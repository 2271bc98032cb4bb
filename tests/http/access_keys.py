#!/usr/bin/env python3
"""access_keys - whose a key, an operation and a lease are, whatever happens to the token.

    tests/http/access_keys.py ROWLOCKD

KEYS has what is sent again under the same key: by whom, and what comes of it. A key is of a token,
for as long as a key is kept; of a store without tokens it is nobody's, and nobody can ask for it
once the store has one.
"""
import pathlib
import subprocess
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

ROW = {"sku": "A-1", "location": "WH1"}
ADJUST = "/v1/stock/A-1/WH1/adjust"
# The first was by "till", a clerk, unless it says otherwise. new: carried out, once more.
KEYS = """
then                            again_by    comes
nothing                         till        replayed
nothing                         other       new
nothing                         admin       new
restart                         till        replayed
restart                         other       new
rotated                         till        replayed
rotated_at_once                 till        replayed
raised                          till        replayed
lowered                         till        forbidden
limited_elsewhere               till        location-forbidden
revoked                         till        unauthorized
revoked                         successor   new
restored                        till        unauthorized
restored                        admin       unauthorized
restored_and_rotated            till        replayed
restored_keep_tokens            till        replayed
first_was_open                  till        new
first_was_open                  admin       new
"""
FORMS = {
    "a write": ("/v1/stock/A-1/WH1/adjust", {"delta": 1}, 201, {}),
    "an operation": ("/v1/stock/A-1/WH1/adjust", {"delta": 1}, 202, {"Prefer": "respond-async"}),
    "a batch": ("/v1/batch", [{"op": "adjust", **ROW, "delta": 1}], 200, {}),
    "an atomic batch": ("/v1/batch?atomic=true", [{"op": "adjust", **ROW, "delta": 1}], 200, {}),
}


class World:
    def __init__(self, rowlockd, folder, is_open=False):
        self.rowlockd, self.folder, self.store = rowlockd, folder, folder / "store.db"
        self.server = Daemon(rowlockd, self.store, ["--loops", "1"]).start()
        self.tokens = Tokens(self.store)
        self.tokens.db.executescript("INSERT INTO item (sku, name) VALUES ('A-1', 'x');"
                                     "INSERT INTO location (code, name) VALUES ('WH1', 'x')")
        if not is_open:
            self.add_tokens()

    def add_tokens(self):
        for name, role in (("till", "clerk"), ("other", "clerk"), ("writer", "writer"),
                           ("admin", "admin")):
            self.tokens.add(name, role)
        self.server.wait_for_line("tokens=4 secrets=4")

    def ask(self, who, method, path, body=None, **headers):
        if who is not None and self.tokens.texts.get(who):
            headers["Authorization"] = "Bearer " + self.tokens.texts[who]
        client = Client(self.server.port)
        answer = client.request(method, path, body, **headers)
        client.close()
        return answer

    def change(self, make, *words, **more):
        """Each change of tokens is waited for, so that what is logged then is this one's."""
        since = self.server.line_count
        result = make(*words, **more)
        self.server.wait_for_line("event=access_changed", since)
        return result

    def add(self, name, role, **more):
        self.change(self.tokens.add, name, role, **more)

    def tool(self, *words):
        ended = subprocess.run([self.rowlockd, *words, "--store", self.store], capture_output=True,
                               text=True, timeout=60)
        assert ended.returncode == 0, ended
        return ended.stdout.strip()

    def close(self):
        self.tokens.db.close()
        if self.server.is_running():
            self.server.stop()

    def level(self):
        return self.tokens.db.execute("SELECT total(on_hand) FROM stock").fetchone()[0]

    # ---- what happens between the two

    def alter(self, sql):
        self.change(self.tokens.db.execute, sql)

    def nothing(self):
        pass

    def first_was_open(self):
        self.add_tokens()

    def restart(self):
        self.server.restart()

    def rotated(self):
        self.tokens.texts["till"] = self.change(self.tool, "token", "rotate", "till")

    def rotated_at_once(self):
        self.tokens.texts["till"] = self.change(self.tool, "token", "rotate", "till", "--overlap",
                                                "0s")

    def raised(self):
        self.alter("UPDATE token SET role = 'admin' WHERE name = 'till'")

    def lowered(self):
        self.alter("UPDATE token SET role = 'reader' WHERE name = 'till'")

    def limited_elsewhere(self):
        self.alter("INSERT INTO token_location SELECT id, 'WH2' FROM token WHERE name = 'till'")

    def revoked(self):
        self.change(self.tool, "token", "revoke", "till")
        self.add("successor", "clerk")

    def restored(self, *words):
        backup = self.folder / "backup.db"
        backup.write_bytes(self.ask("admin", "GET", "/v1/backup").body)
        self.tokens.db.close()
        self.server.stop()
        self.tool("restore", str(backup), *words)
        texts = self.tokens.texts
        self.tokens = Tokens(self.store)
        self.tokens.texts = texts
        self.server.start()

    def restored_and_rotated(self):
        self.restored()
        self.rotated()

    def restored_keep_tokens(self):
        self.restored("--keep-tokens")


def rows():
    return [row.split() for row in KEYS.strip().splitlines()[1:]]


def outcome_of(world, form, answer, before):
    """replayed, new, or the code of a refusal."""
    path, _, status, _ = FORMS[form]
    if answer.status == 202:
        path = answer.header("Location")
        return "new" if world.level() == before + 1 else "replayed"
    if answer.status != status and answer.status != 201:
        return answer.json()["code"]
    if form == "a batch":
        first = answer.json()[0]
        if first["status"] != 201:
            return first["code"]
    return "new" if world.level() == before + 1 else "replayed"


def send(world, who, form, key):
    path, body, _, headers = FORMS[form]
    answer = world.ask(who, "POST", path, body, Idempotency_Key=key, **headers)
    if answer.status == 202:
        shown = world.ask(who, "GET", answer.header("Location") + "?wait=20")
        assert shown.json()["state"] == "committed", shown
    return answer


def try_keys(rowlockd, folder, then, who, comes):
    world = World(rowlockd, folder, is_open=then == "first_was_open")
    try:
        for number, form in enumerate(FORMS):
            first = "till" if then != "first_was_open" else None
            answer = send(world, first, form, f"k-{number}")
            assert answer.status == FORMS[form][2], answer
        getattr(world, then)()
        for number, form in enumerate(FORMS):
            before = world.level()
            answer = send(world, who, form, f"k-{number}")
            came = outcome_of(world, form, answer, before)
            assert came == comes, f"{form}: {came}, not {comes}: {answer}"
            # What is replayed says so, and says the same.
            if came == "replayed":
                if "batch" in form:
                    assert answer.json()[0]["replayed"] is True, answer
                    continue
                assert answer.header("Idempotency-Replayed") == "true", answer
    finally:
        world.close()


# ---------------------------------------------------------------- refusals and keys

def check_a_refusal_is_not_kept(world):
    """What was refused for want of a role or a location was not done, and no key remembers it:
    the same request, when it is allowed, is carried out."""
    lines = [{"op": "adjust", **ROW, "delta": 1},
             {"op": "set", **ROW, "on_hand": 50, "expected": None},
             {"op": "item", "sku": "N-1", "name": "new"}]
    calls = [("POST", "/v1/stock/A-1/WH1/set", {"on_hand": 7, "expected": None}, 200),
             ("PUT", "/v1/items/N-2", {"name": "x"}, 201),
             ("POST", "/v1/batch?atomic=true", lines[1:], 200)]
    for number, (method, path, body, _) in enumerate(calls):
        refused = world.ask("till", method, path, body, Idempotency_Key=f"r-{number}")
        assert refused.json()["code"] == "forbidden", refused
    first = world.ask("till", "POST", "/v1/batch", lines, Idempotency_Key="r-b").json()
    assert [line["status"] for line in first[:3]] == [201, 403, 403], first
    assert world.tokens.db.execute("SELECT count(*) FROM idempotency WHERE status = 403"
                                   ).fetchone() == (0,)
    world.alter("UPDATE token SET role = 'writer' WHERE name = 'till'")
    for number, (method, path, body, status) in enumerate(calls[:2]):
        done = world.ask("till", method, path, body, Idempotency_Key=f"r-{number}")
        assert done.status == status, done
    again = world.ask("till", "POST", "/v1/batch", lines, Idempotency_Key="r-b").json()
    assert [line["status"] for line in again[:3]] == [201, 200, 201], again
    assert again[0]["replayed"] is True and again[-1]["replayed"] == 1, again
    third = world.ask("till", "POST", "/v1/batch", lines, Idempotency_Key="r-b").json()
    assert third[-1]["replayed"] == 3, third


def check_a_place_is_not_kept(world):
    """The same of a location: a line outside is refused, and done once the token may."""
    world.add("narrow", "clerk", locations=("WH2",))
    line = [{"op": "adjust", **ROW, "delta": 1}]
    calls = [("p-1", ADJUST, {"delta": 1}), ("p-2", "/v1/batch", line),
             ("p-3", "/v1/batch?atomic=true", line)]
    for key, path, body in calls:
        said = world.ask("narrow", "POST", path, body, Idempotency_Key=key)
        assert "location-forbidden" in said.body.decode(), said
    world.alter("INSERT INTO token_location SELECT id, 'WH1' FROM token WHERE name = 'narrow'")
    before = world.level()
    for key, path, body in calls:
        said = world.ask("narrow", "POST", path, body, Idempotency_Key=key)
        assert "location-forbidden" not in said.body.decode(), said
    assert world.level() == before + 3


# ---------------------------------------------------------------- operations

def check_operations(world):
    """Of another token it is not there, whatever is asked; an admin has them all; a rotated token
    has its own, a restart or not."""
    lease = world.ask("admin", "POST", "/v1/leases", {"rows": [ROW], "ttl_s": 600}).json()
    begun = world.ask("till", "POST", ADJUST, {"delta": 1}, Prefer="respond-async",
                      Idempotency_Key="op-1")
    path = begun.header("Location")
    for who, status in (("till", 200), ("other", 404), ("writer", 404), ("admin", 200)):
        answer = world.ask(who, "GET", path)
        assert answer.status == status, f"{who}: {answer}"
    for who in ("other", "writer"):
        assert world.ask(who, "DELETE", path).json()["code"] == "unknown-operation"
    assert world.ask("till", "GET", path).json()["state"] == "waiting"
    world.rotated()
    withdrawn = world.ask("till", "DELETE", path)
    assert withdrawn.status == 200 and withdrawn.json()["state"] == "withdrawn", withdrawn
    assert world.ask("admin", "DELETE", f"/v1/leases/{lease['id']}").status == 204


def check_an_admin_takes_back(world):
    """An operation whose token was revoked meanwhile."""
    lease = world.ask("admin", "POST", "/v1/leases", {"rows": [ROW], "ttl_s": 600}).json()
    begun = world.ask("other", "POST", ADJUST, {"delta": 1}, Prefer="respond-async")
    world.change(world.tool, "token", "revoke", "other")
    withdrawn = world.ask("admin", "DELETE", begun.header("Location"))
    assert withdrawn.json()["state"] == "withdrawn", withdrawn
    assert world.ask("admin", "DELETE", f"/v1/leases/{lease['id']}").status == 204


# ---------------------------------------------------------------- leases

# Who may do what with a lease of "till", whatever has become of that.
LEASES = {"till": True, "other": False, "writer": True, "admin": True}


def use(world, who, lease, may):
    """An adjust with its fence, a renewal, and, last, its return."""
    path, rows = f"/v1/leases/{lease['id']}", [ROW]
    header = f"{lease['id']};fence={lease['fence']}"
    for answer, status in (
            (world.ask(who, "POST", ADJUST, {"delta": 1}, Lease=header), 201),
            (world.ask(who, "POST", "/v1/batch?atomic=true",
                       [{"op": "adjust", **ROW, "delta": 1}], Lease=header), 200),
            (world.ask(who, "PUT", path, {"rows": rows, "ttl_s": 600}, Lease=header), 200),
            (world.ask(who, "DELETE", path), 204)):
        assert answer.status == (status if may else 403), f"{who}: {answer}"
        assert may or answer.json()["code"] == "lease-not-yours", answer
    line = world.ask(who, "POST", "/v1/batch", [{"op": "adjust", **ROW, "delta": 1}], Lease=header)
    assert may or line.json()[0]["code"] == "lease-not-yours", line


def check_leases(world, then, but=()):
    taken = world.ask("till", "POST", "/v1/leases", {"rows": [ROW], "ttl_s": 600})
    assert taken.status == 201, taken
    getattr(world, then)()
    for who in sorted(LEASES, key=LEASES.get):
        if who in but:
            continue
        use(world, who, taken.json(), LEASES[who])
        if LEASES[who]:  # it was given back: the next one takes another
            if "till" in but:
                break
            taken = world.ask("till", "POST", "/v1/leases", {"rows": [ROW], "ttl_s": 600})
    held = world.ask("admin", "GET", "/v1/leases").json()["data"]
    for lease in held:
        assert world.ask("admin", "DELETE", f"/v1/leases/{lease['id']}").status == 204


def check_expiry(world):
    """The lease of a token that is revoked ends when it would have."""
    world.add("brief", "clerk")
    taken = world.ask("brief", "POST", "/v1/leases", {"rows": [ROW], "ttl_s": 2})
    assert taken.status == 201, taken
    world.change(world.tool, "token", "revoke", "brief")
    done = world.ask("admin", "POST", ADJUST + "?wait=30", {"delta": 1})
    assert done.status == 201, done
    gone = world.ask("admin", "GET", f"/v1/leases/{taken.json()['id']}")
    assert gone.status == 404, gone


def main():
    tap = Tap()
    for then, who, comes in rows():
        with tempfile.TemporaryDirectory(prefix="rowlock-keys-") as name:
            tap.run(f"{then}, sent again by {who}: {comes}", try_keys, sys.argv[1],
                    pathlib.Path(name), then, who, comes)
    for sentence, case, *more in (
            ("a refusal for want of a role is kept under no key", check_a_refusal_is_not_kept),
            ("nor is one for want of a location", check_a_place_is_not_kept),
            ("an operation is not there for another token", check_operations),
            ("an admin takes back what a revoked token left", check_an_admin_takes_back),
            ("a lease is its token's", check_leases, "nothing"),
            ("and so after a restart", check_leases, "restart"),
            ("and after a rotation", check_leases, "rotated_at_once"),
            ("of a revoked token a writer has it", check_leases, "revoked", ("till",)),
            ("or its time does", check_expiry)):
        with tempfile.TemporaryDirectory(prefix="rowlock-keys-") as name:
            world = World(sys.argv[1], pathlib.Path(name))
            tap.run(sentence, case, world, *more)
            world.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
