#!/usr/bin/env python3
"""access_states - what becomes of that which a token has under way when something happens to it.

    tests/http/access_states.py ROWLOCKD

TABLE has every state of a request and every event on its token: each outcome is written down there,
and each is tried. All states of one event are tried at once, with one token. Whether something goes
on is not waited for: beside it an eye is open, by a token that ends in the same transaction, and
what is still there behind the eye's end was looked at and left alone.
"""
import base64
import contextlib
import hashlib
import pathlib
import socket
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from access_matrix import Tokens, hash_of  # noqa: E402
from daemon import Daemon  # noqa: E402
from talk import Client, Connection, NoAnswer, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

# ends: over within a second. goes: carried out, or sent, to its end. stays: as it was, and another
# token of the same role or an admin has it from then on.
TABLE = """
state          expires revoked rotated overlap lowered narrowed boss  latin1 short past  null  key
long_poll      ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
operation_poll ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
min_seq        ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
stream         ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
upload         ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
atomic_upload  ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
keyed_upload   ends    ends    ends    goes    ends    ends     ends  ends   ends  ends  ends  goes
leased_write   goes    goes    goes    goes    goes    goes     goes  goes   goes  goes  goes  goes
operation      goes    goes    goes    goes    goes    goes     goes  goes   goes  goes  goes  goes
export         goes    goes    goes    goes    goes    goes     goes  goes   goes  goes  goes  goes
backup         goes    goes    goes    goes    goes    goes     goes  goes   goes  goes  goes  goes
lab_run        goes    goes    goes    goes    goes    goes     goes  goes   goes  goes  goes  goes
lease          stays   stays   stays   stays   stays   stays    stays stays  stays stays stays stays
next_request   401     401     401     good    less    less     401   401    401   401   401   good
"""
SEEN_S_MAX = 1.0  # promised; CROWDED_S more where the machine has other things to do
CROWDED_S = 10.0
WHOLE_BYTES_MIN = 12 << 20  # of an export: more than two sockets hold
ADJUST = "/v1/stock/A-1/{}/adjust"
PLACES = [f"WH{number}" for number in range(1, 10)]  # each state has one of its own
SPARE = "WH2"  # no state's: what a narrowed token may not write to any more


def table():
    """{state: {event: outcome}}"""
    first, *rows = TABLE.strip().splitlines()
    events = first.split()[1:]
    return {name: dict(zip(events, outcomes, strict=True))
            for name, *outcomes in (row.split() for row in rows)}


class World:
    def __init__(self, rowlockd, folder):
        self.rowlockd, self.store = rowlockd, folder / "store.db"
        self.count, self.late, self.rounds = 0, 0, 0
        self.server = Daemon(rowlockd, self.store, ["--loops", "1", "--lab"])

    def begin(self):
        self.tokens = Tokens(self.store)
        db = self.tokens.db
        db.execute("INSERT INTO item (sku, name) VALUES ('A-1', 'Mug')")
        db.execute("""INSERT INTO item (sku, name, attributes)
                      WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
                      SELECT 'F-' || i, 'x', json_object('a', hex(zeroblob(1700))) FROM n""")
        for code in PLACES:
            db.execute("INSERT INTO location (code, name) VALUES (?, 'x')", (code,))
        for role in ("clerk", "writer"):
            self.tokens.add(role, role)
        self.tokens.add("boss", "admin")
        self.server.wait_for_line("tokens=3 secrets=3")  # until then everybody is let in

    def headers(self, who):
        return {"Authorization": "Bearer " + self.tokens.texts[who]}

    def ask(self, who, method, path, body=None, **more):
        client = Client(self.server.port)
        answer = client.request(method, path, body, **self.headers(who), **more)
        client.close()
        return answer

    def open(self, who, method, path, body=b"", more="", receive_bytes=0):
        """Sends a request, and does not wait for its answer."""
        c = Connection(self.server.port)
        if receive_bytes:
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        length = "" if "Transfer-Encoding" in more else f"Content-Length: {len(body)}\r\n"
        c.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{more}"
               f"Authorization: Bearer {self.tokens.texts[who]}\r\n\r\n".encode() + body, method)
        return c

    def metric(self, name):
        text = self.ask("boss", "GET", "/metrics").body.decode()
        return float(next(line for line in text.splitlines()
                          if line.startswith(name + " ")).split()[1])

    def seen(self, took):
        assert took < SEEN_S_MAX + CROWDED_S, f"{took:.2f} s"
        self.late += took > SEEN_S_MAX


# ---------------------------------------------------------------- states
# Each is a class: made, it is under way; ends(), goes(), stays() say whether that is so.

class Poll:
    """Answered with what there is: nothing, or what has come since."""
    def __init__(self, world, who):
        self.world, self.who = world, who
        self.c = world.open(who, "GET", self.path())

    def path(self):
        return "/v1/changes?after=latest&wait=60"

    def is_open(self):
        return not self.c.has_news()

    def ends(self):
        answer = self.c.read_answer()
        assert answer.status == 200 and not answer.json()["data"], answer

    def goes(self):
        """It has what comes next."""
        answer = self.world.ask("boss", "POST", ADJUST.format("WH1"), {"delta": 1})
        assert answer.status == 201, answer
        self.end_well()

    def end_well(self):
        answer = self.c.read_answer()
        assert answer.status == 200 and answer.json()["data"], answer


class SeqPoll(Poll):
    """A read that waits for a seq that is to come: it is told that it has not."""
    def path(self):
        self.seq = int(self.world.ask("boss", "GET", "/v1/stock/A-1/WH1").header("Stock-Seq"))
        return f"/v1/stock/A-1/WH1?min_seq={self.seq + 1}&wait=60"

    def ends(self):
        answer = self.c.read_answer()
        assert answer.status == 401 and "has ended" in answer.json()["detail"], answer

    def end_well(self):
        assert self.c.read_answer().status == 200


class OperationPoll(Poll):
    """Of an operation that waits for a row which somebody else has."""
    def path(self):
        self.lease = take_lease(self.world, "boss", "WH3")
        begun = self.world.ask(self.who, "POST", ADJUST.format("WH3"), {"delta": 1},
                               Prefer="respond-async")
        assert begun.status == 202, begun
        return begun.header("Location") + "?wait=60"

    def ends(self):
        answer = self.c.read_answer()
        assert answer.status == 200 and answer.json()["state"] == "waiting", answer
        release(self.world, "boss", self.lease)

    def goes(self):
        release(self.world, "boss", self.lease)
        answer = self.c.read_answer()
        assert answer.status == 200 and answer.json()["state"] == "committed", answer


class Stream(Poll):
    def __init__(self, world, who):
        self.world = world
        self.c = world.open(who, "GET", "/v1/changes", more="Accept: text/event-stream\r\n")
        self.read_until(b": movements")

    def read_until(self, piece):
        until = time.monotonic() + 20
        while piece not in self.c.buffer:
            self.c._receive(until)
        self.c.buffer = self.c.buffer.partition(piece)[2].partition(b"\n\n")[2]

    def ends(self):
        self.read_until(b": the token has ended")

    def end_well(self):
        self.read_until(b"event: movement")


class Upload:
    """Its first line was decided; of an atomic one, none is before its end."""
    place, path, is_keyed, is_atomic = "WH4", "/v1/batch", False, False

    def __init__(self, world, who):
        self.world, self.before = world, self.level(world)
        batches = world.metric("rowlock_batches")
        world.count += 1
        key = f"Idempotency-Key: b-{world.count}\r\n" if self.is_keyed else ""
        self.c = world.open(who, "POST", self.path, more=f"Transfer-Encoding: chunked\r\n{key}")
        self.send_line()
        if self.is_atomic:
            wait_until(lambda: world.metric("rowlock_batches") == batches + 1, "it has begun")
        else:
            wait_until(lambda: self.level(world) == self.before + 1, "its line is decided")

    def level(self, world):
        return world.ask("boss", "GET", f"/v1/stock/A-1/{self.place}").json().get("on_hand", 0)

    def send_line(self):
        line = b'{"op":"adjust","sku":"A-1","location":"%s","delta":1}\n' % self.place.encode()
        self.c.send(b"%x\r\n" % len(line) + line + b"\r\n")

    def is_open(self):
        return not self.c.has_news()

    def ends(self):
        answer = self.c.read_answer()
        assert "unauthorized" in answer.body.decode(), answer
        if self.is_atomic:
            assert answer.status == 401, answer
        else:
            summary = answer.json()[-1]
            assert (summary["lines"], summary["applied"]) == (1, 1), answer
        assert self.level(self.world) == self.before + (not self.is_atomic)

    def goes(self):
        self.send_line()
        self.c.send(b"0\r\n\r\n")
        answer = self.c.read_answer()
        assert answer.status == 200, answer
        assert self.level(self.world) == self.before + 2, answer


class AtomicUpload(Upload):
    place, path, is_atomic = "WH5", "/v1/batch?atomic=true", True


class KeyedUpload(Upload):
    place, is_keyed = "WH6", True


def take_lease(world, who, location):
    world.count += 1
    taken = world.ask(who, "PUT", f"/v1/leases/s-{world.count}", {
        "rows": [{"sku": "A-1", "location": location}], "ttl_s": 600})
    assert taken.status == 201, taken
    return taken.json()


def release(world, who, lease):
    answer = world.ask(who, "DELETE", f"/v1/leases/{lease['id']}")
    assert answer.status == 204, answer


class LeasedWrite:
    """It was admitted, and waits for a row that somebody else has."""
    def __init__(self, world, who):
        self.world, self.lease = world, take_lease(world, "boss", "WH7")
        waiting = world.metric("rowlock_writes_waiting")
        self.c = world.open(who, "POST", ADJUST.format("WH7") + "?wait=60", b'{"delta":1}',
                            "Content-Type: application/json\r\n")
        wait_until(lambda: world.metric("rowlock_writes_waiting") == waiting + 1, "it waits")

    def is_open(self):
        return not self.c.has_news()

    def goes(self):
        release(self.world, "boss", self.lease)
        answer = self.c.read_answer()
        assert answer.status == 201, answer


class Operation:
    def __init__(self, world, who):
        self.world, self.lease = world, take_lease(world, "boss", "WH8")
        begun = world.ask(who, "POST", ADJUST.format("WH8"), {"delta": 1}, Prefer="respond-async")
        assert begun.status == 202, begun
        self.path = begun.header("Location")

    def goes(self):
        release(self.world, "boss", self.lease)
        answer = self.world.ask("boss", "GET", self.path + "?wait=20").json()
        assert answer["state"] == "committed", answer


class Sent:
    """What is sent was made when the token was good: to its end."""
    path = "/v1/export"

    def __init__(self, world, who):
        self.c = world.open(who, "GET", self.path, receive_bytes=1 << 16)
        self.c._receive(time.monotonic() + 20)

    def goes(self):
        try:
            answer = self.c.read_answer(60)
        except NoAnswer:  # of which the bytes would be the report
            raise AssertionError(f"cut behind {len(self.c.buffer)} bytes") from None
        assert answer.status == 200, str(answer)[:600]
        assert len(answer.body) > WHOLE_BYTES_MIN, len(answer.body)


class Backup(Sent):
    path = "/v1/backup"


class LabRun:
    def __init__(self, world, who):
        self.world = world
        begun = world.ask(who, "POST", "/v1/lab/runs", {"seconds": 60})
        assert begun.status == 202, begun
        self.path = begun.header("Location")

    def goes(self):
        assert self.world.ask("boss", "GET", self.path).json()["state"] == "running"
        assert self.world.ask("boss", "DELETE", self.path).status == 204
        wait_until(lambda: self.world.ask("boss", "GET", self.path).json()["state"] == "cancelled",
                   "it ends when it is told to")


class Lease:
    """Nobody writes to its row but with its fence; a writer gives it back."""
    def __init__(self, world, who):
        self.world, self.lease = world, take_lease(world, who, "WH9")

    def stays(self):
        path = ADJUST.format("WH9") + "?wait=0"
        refused = self.world.ask("boss", "POST", path, {"delta": 1})
        assert refused.json()["code"] == "row-leased", refused
        header = f"{self.lease['id']};fence={self.lease['fence']}"
        for who, code in (("clerk", "lease-not-yours"), ("writer", None)):
            answer = self.world.ask(who, "POST", path, {"delta": 1}, Lease=header)
            assert answer.json().get("code") == code, answer
            answer = self.world.ask(who, "DELETE", f"/v1/leases/{self.lease['id']}")
            assert answer.status == (403 if code else 204), answer


# In the order in which they are opened: what polls is answered by any movement, so it comes last.
STATES = {"lease": Lease, "leased_write": LeasedWrite, "operation": Operation, "export": Sent,
          "backup": Backup, "lab_run": LabRun, "upload": Upload, "atomic_upload": AtomicUpload,
          "keyed_upload": KeyedUpload, "operation_poll": OperationPoll, "long_poll": Poll,
          "min_seq": SeqPoll, "stream": Stream}


# ---------------------------------------------------------------- events

@contextlib.contextmanager
def past_the_guards(db, *triggers):
    """As a hand does that wants to: the checks are off, and these triggers are not there."""
    kept = [db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
            for name in triggers]
    db.execute("PRAGMA ignore_check_constraints = ON")
    for name in triggers:
        db.execute(f"DROP TRIGGER {name}")
    yield
    for sql in kept:
        db.execute(sql)
    db.execute("PRAGMA ignore_check_constraints = OFF")


def set_token(what):
    return lambda db, name: db.execute(f"UPDATE token SET {what} WHERE name = ?", (name,))


def set_secrets(db, name, what):
    db.execute(f"UPDATE token_secret SET {what} "
               "WHERE token_id = (SELECT id FROM token WHERE name = ?)", (name,))


def rotate(overlap_ms):
    def event(db, name):
        if not overlap_ms:
            set_secrets(db, name, "expires_at = (SELECT ms FROM v_now)")
        else:
            set_secrets(db, name, f"expires_at = (SELECT ms + {overlap_ms} FROM v_now)")
        public = base64.b32encode(hashlib.sha256(b"r" + name.encode()).digest()).decode()
        public = public.lower()[:10]
        db.execute("INSERT INTO token_secret SELECT ?, id, ?, 1, NULL FROM token WHERE name = ?",
                   (public, hash_of("S" * 42 + "A"), name))
    return event


def narrow(db, name):
    db.execute("DELETE FROM token_location WHERE code = ? "
               "AND token_id = (SELECT id FROM token WHERE name = ?)", (SPARE, name))


def spoil(what, *triggers):
    def event(db, name):
        with past_the_guards(db, *triggers):
            set_token(what)(db, name)
    return event


def spoil_hash(db, name):
    with past_the_guards(db, "token_secret_keep"):
        set_secrets(db, name, "hash = zeroblob(31)")


def take_name(db, name):
    """NULL where the schema says that there is none: the schema is spoilt, too."""
    with past_the_guards(db, "token_keep"):
        sql = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'token'").fetchone()[0]
        version = db.execute("PRAGMA schema_version").fetchone()[0]
        change = "UPDATE sqlite_schema SET sql = ? WHERE name = 'token'"
        db.execute("PRAGMA writable_schema = ON")
        db.execute(change, (sql.replace("TEXT    NOT NULL UNIQUE", "TEXT    UNIQUE"),))
        db.execute(f"PRAGMA schema_version = {version + 1}")
        db.execute("PRAGMA writable_schema = RESET")
        set_token("name = NULL")(db, name)


EVENTS = {
    "expires": set_token("expires_at = (SELECT ms + 300 FROM v_now)"),
    "revoked": set_token("revoked_at = (SELECT ms FROM v_now)"),
    "rotated": rotate(0),
    "overlap": rotate(3600000),
    "lowered": set_token("role = 'reader'"),
    "narrowed": narrow,
    "boss": spoil("role = 'boss'"),
    "latin1": spoil("name = CAST(x'e4' AS TEXT) || id", "token_keep"),
    "short": spoil_hash,
    "past": set_token("expires_at = -5, revoked_at = -5"),
    "null": take_name,
    "key": lambda db, name: db.execute("UPDATE store SET session_key = randomblob(32)"),
}


def check_next(world, who, outcome):
    """What the token is worth from then on."""
    answer = world.ask(who, "GET", "/v1/items?limit=1")
    assert answer.status == (401 if outcome == "401" else 200), answer
    if outcome in ("good", "less"):
        changed = world.ask(who, "POST", ADJUST.format(SPARE), {"delta": 1})
        assert changed.status == (201 if outcome == "good" else 403), changed


def make_tokens(world, event):
    """One to which it happens, and one that is an eye."""
    world.count += 1
    who, eye = f"t-{world.count}", f"eye-{world.count}"
    world.tokens.add(who, "admin", locations=PLACES if event == "narrowed" else ())
    world.tokens.add(eye, "reader")
    for name in (who, eye):
        wait_until(lambda name=name: world.ask(name, "GET", "/v1/items?limit=1").status == 200,
                   "it is good")
    return who, eye


def happen(world, event, who, eye):
    """Both in one transaction. When it happens."""
    db = world.tokens.db
    db.execute("BEGIN IMMEDIATE")
    EVENTS[event](db, who)
    EVENTS["expires" if event == "expires" else "revoked"](db, eye)
    db.execute("COMMIT")
    return time.monotonic() + (0.3 if event == "expires" else 0)


def check_event(world, tap, event, rows):
    who, eye = make_tokens(world, event)
    under_way = {name: kind(world, who) for name, kind in STATES.items()}
    watching = Stream(world, eye)
    begun = happen(world, event, who, eye)
    watching.ends()
    world.seen(time.monotonic() - begun)
    for name, state in under_way.items():
        goes_on = rows[name][event] != "ends" and hasattr(state, "is_open")
        tap.run(f"{event}: {name} is looked at", check, not goes_on or state.is_open(), name)
    for name in sorted(under_way, key=lambda name: rows[name][event] != "ends"):
        outcome = rows[name][event]
        tap.run(f"{event}: {name} {outcome}", getattr(under_way[name], outcome))
        if outcome == "ends":
            world.seen(time.monotonic() - begun)
    tap.run(f"{event}: the next request", check_next, world, who, rows["next_request"][event])
    world.rounds += 1


def check(is_so, what):
    assert is_so, what


def check_promise(world):
    assert world.late < world.rounds, f"{world.late} were seen late, of {world.rounds} rounds"


def main():
    tap, rows = Tap(), table()
    assert set(rows) == {*STATES, "next_request"}, set(rows) ^ set(STATES)
    assert all(set(row) == set(EVENTS) for row in rows.values())
    only = sys.argv[2:] or EVENTS
    with tempfile.TemporaryDirectory(prefix="rowlock-access-") as name:
        world = World(sys.argv[1], pathlib.Path(name))
        with world.server:
            world.begin()
            for event in only:
                check_event(world, tap, event, rows)
            tap.run("what ended was seen within a second", check_promise, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
