#!/usr/bin/env python3
"""test - a store of every past version: it is migrated, its books balance, and each key that it
remembers is answered as the release that made it answered.

A fixture is SQL text whose times are moved up to today when it is loaded: keys are kept for a day.
"""
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

import tokens  # noqa: E402
from conversation import KEYED  # noqa: E402
from daemon import Daemon  # noqa: E402
from make import ask, without_prefer  # noqa: E402
from talk import Client  # noqa: E402
from tap import Tap  # noqa: E402

AGO_MS = 60000  # the newest change of a fixture lies so far back
NEAR_MS = 10 * 86400000
FIRST_RELEASED, TOKENS_SINCE, ACTORS_SINCE = 2, 5, 6  # schemas


def mover(newest_ms):
    """What moves the times in a text of the fixture, unix milliseconds and RFC 3339, so that the
    newest change lies AGO_MS back."""
    shift_ms = int(time.time() * 1000) - AGO_MS - newest_ms

    def number(found):
        at_ms = int(found[0])
        return str(at_ms + shift_ms) if abs(at_ms - newest_ms) < NEAR_MS else found[0]

    def words(found):
        at = datetime.fromisoformat(found[0].replace("Z", "+00:00"))
        at += timedelta(milliseconds=shift_ms)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def move(text):
        text = re.sub(r"\b[0-9]{13}\b", number, text)
        return re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", words, text)
    return move


def expect_same(old, new, is_batch):
    """Of a batch each line says at least what it said then; everything else is the same text."""
    assert new["status"] == old["status"], f"{new['status']}, not {old['status']}: {new['body']}"
    assert new["is_replayed"] == old["is_replayed"], f"replayed: {new['is_replayed']}"
    assert new["seq"] == old["seq"], f"Stock-Seq {new['seq']}, not {old['seq']}"
    if not is_batch:
        assert new["body"] == old["body"], f"{new['body']}\nnot\n{old['body']}"
        return
    lines = [[json.loads(line) for line in answer["body"].splitlines()] for answer in (old, new)]
    assert len(lines[0]) == len(lines[1]), new["body"]
    for was, is_now in zip(*lines):
        assert was.items() <= is_now.items(), f"{is_now}\nnot\n{was}"


def replay(client, key, request, old):
    method, path, body, headers = request
    if not old["is_replayed"] and not path.startswith("/v1/batch"):
        return  # it was a refusal that no key remembers: today's answer is today's
    new = ask(client, key, method, path, body, without_prefer(headers))
    expect_same(old, new, path.startswith("/v1/batch"))


def books_balance(store):
    database = sqlite3.connect(store)
    for view in ("v_ledger_check", "v_reserved_check"):
        found = database.execute(f"SELECT * FROM {view}").fetchall()
        assert not found, f"{view}: {found}"
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def ledger_page(database):
    """A copy of the table would begin at another page."""
    return database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'movement'").fetchone()


def ledger_is_where_it_was(store, page):
    database = sqlite3.connect(store)
    assert ledger_page(database) == page, f"from page {page} to {ledger_page(database)}"
    table = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'movement'").fetchone()[0]
    assert "CHECK" not in table, table
    database.close()


def actors_of(database, schema):
    """Who did what, by the audit, and who has which lease."""
    audit = []
    if schema >= TOKENS_SINCE:
        audit = database.execute("SELECT actor, action, subject FROM audit ORDER BY id").fetchall()
    if schema >= ACTORS_SINCE:
        leases = database.execute("SELECT lease, token_id, actor FROM row_lock").fetchall()
    else:
        leases = database.execute("SELECT lease, 0, NULL FROM row_lock").fetchall()
    return {"audit": audit, "leases": sorted(leases, key=str)}


def nobody_has_a_token(store, before):
    """Keys and leases are nobody's, and sessions have a key. It is asked before anybody speaks:
    what is done from then on has somebody who did it."""
    database = sqlite3.connect(store)
    found = database.execute("""
        SELECT had_token, length(session_key), session_key <> zeroblob(32),
            (SELECT count(*) FROM token), (SELECT total(token_id) FROM idempotency)
        FROM store""").fetchall()
    now = actors_of(database, ACTORS_SINCE)
    database.close()
    assert found == [(0, 32, 1, 0, 0)], found
    assert now["leases"] == before["leases"], now
    assert now["audit"] == [*before["audit"], ("rowlock", "migrate", None)], now


def what_is_new_has_its_actor(store, before):
    """The lease that goes_on() took, and what the audit says; older leases are whose they were."""
    database = sqlite3.connect(store)
    now = actors_of(database, ACTORS_SINCE)
    tokens = database.execute("""
        SELECT had_token, (SELECT total(token_id) FROM idempotency) FROM store""").fetchall()
    database.close()
    new = [row for row in now["leases"] if row not in before["leases"]]
    assert len(new) == 1 and new[0][1:] == (0, "local"), now
    assert {lease for lease, *_ in now["leases"]} == {"kept", "pair", "l_4", new[0][0]}, now
    assert now["audit"] == [*before["audit"], ("rowlock", "migrate", None),
                            ("local", "lease-take", new[0][0]), ("local", "verify", None)], now
    assert tokens == [(0, 0)], tokens


def copy_is_kept(database_dump, store, server):
    """As it was, under a name that the log says."""
    found = re.search(r"store_copied path=(\S+) bytes=", "\n".join(server.lines))
    assert found, server.last_words()
    copy = pathlib.Path(found[1])
    assert copy.parent == store.parent and copy.name.startswith("store.db.before-schema-"), copy
    database = sqlite3.connect(copy)
    assert list(database.iterdump()) == database_dump, copy
    database.close()
    assert [path.name for path in store.parent.glob("*.before-*")] == [copy.name]


def schema_of(fixture):
    return int(re.search(r"PRAGMA user_version=(\d+)", fixture.read_text())[1])


def every_schema_has_a_fixture(fixtures, newest):
    """From the first release on, but the newest, which nothing is migrated from yet: whoever adds
    one makes the fixtures of the one before, by the program that was (make.py). What came before
    the first release is made of the schema's sections by tests/unit/test_store_upgrade.c."""
    for what, first in (("", FIRST_RELEASED), ("-tokens", TOKENS_SINCE)):
        have = {schema_of(path) for path in fixtures if path.stem.endswith("-tokens") == bool(what)}
        missing = set(range(first, newest)) - have
        assert not missing, f"make.py ROWLOCKD schema-N, of schema {missing}, makes stores{what}"


def holds_and_leases_are_kept(client):
    kept = client.get("/v1/reservations/kept").json()
    assert (kept["state"], len(kept["lines"])) == ("active", 2), kept
    assert client.get("/v1/reservations/gone").json()["state"] == "released"
    assert len(client.get("/v1/leases/pair").json()["rows"]) == 2
    refused = client.post("/v1/stock/A-4/WH2/adjust?wait=0", {"delta": 1})
    assert refused.json()["code"] == "row-leased", refused
    fence = client.get("/v1/leases/kept").json()["fence"]
    allowed = client.request("POST", "/v1/stock/A-4/WH2/adjust", {"delta": 1},
                             Lease=f"kept;fence={fence}")
    assert allowed.status == 201, allowed
    sold = client.post("/v1/reservations/kept/commit", {})
    assert sold.json()["state"] == "committed", sold


def who_made_them_is_known_since(schema, client):
    """Movements of a release that did not write it down say so, and are found by what they have."""
    oldest = client.get("/v1/movements/1").json()
    actor = "local" if schema >= ACTORS_SINCE else None
    assert (oldest["actor"], oldest["note"]) == (actor, None), oldest
    new = client.post("/v1/stock/A-3/WH1/adjust", {"delta": 1, "note": "since then"}).json()
    assert (new["movement"]["actor"], new["movement"]["note"]) == ("local", "since then"), new
    found = client.get("/v1/movements?actor=local&sku=A-3&location=WH1").json()["data"]
    assert found[0]["seq"] > oldest["seq"] and all(m["actor"] == "local" for m in found), found


def goes_on(client):
    """New ids follow the old ones."""
    made = client.post("/v1/reservations", {"ttl_s": 60, "lines": [
        {"sku": "A-1", "location": "WH2", "quantity": 1}]}).json()
    assert int(made["id"][2:]) > 6, made
    lease = client.post("/v1/leases", {"ttl_s": 60, "rows": [
        {"sku": "A-1", "location": "WH2"}]}).json()
    assert lease["fence"] > 4, lease
    again = [client.request("POST", "/v1/stock/A-3/WH1/adjust", {"delta": 1}, Idempotency_Key="new")
             for _ in range(2)]
    assert again[0].status == 201 and again[0].body == again[1].body, again


def load(fixture, store):
    """The store, and what was answered, as if it had been made AGO_MS before."""
    answers = fixture.with_suffix(".json").read_text()
    move = mover(json.loads(answers)["newest_ms"])
    database = sqlite3.connect(store)
    database.executescript(move(fixture.read_text()))
    return json.loads(move(answers))["answers"], database


def run_fixture(tap, rowlockd, fixture, folder):
    version, schema, store = fixture.stem, schema_of(fixture), folder / "store.db"
    answers, database = load(fixture, store)
    page, dump = ledger_page(database), list(database.iterdump())
    before = actors_of(database, schema)
    database.close()
    requests = {key: request for key, *request in KEYED}
    with Daemon(rowlockd, store) as server:
        tap.run(f"{version}: it was copied before", copy_is_kept, dump, store, server)
        tap.run(f"{version}: nobody has a token", nobody_has_a_token, store, before)
        client = Client(server.port)
        for row in answers:
            tap.run(f"{version}: {row['key']} is answered as it was", replay, client, row["key"],
                    requests[row["key"]], row["replay"])
        tap.run(f"{version}: holds and leases are kept", holds_and_leases_are_kept, client)
        tap.run(f"{version}: it goes on", goes_on, client)
        tap.run(f"{version}: who made old movements is known where it was written down",
                who_made_them_is_known_since, schema, client)
        verified = client.get("/v1/verify").json()
        tap.run(f"{version}: verify finds nothing", check, verified["ok"], verified)
    tap.run(f"{version}: what is new has its actor", what_is_new_has_its_actor, store, before)
    tap.run(f"{version}: the books balance", books_balance, store)
    tap.run(f"{version}: the ledger was not copied", ledger_is_where_it_was, store, page)


def replays_of_tokens(client, answers):
    """Each token has its own answers, also under a key that another one used."""
    requests = {row[:2]: row[2:] for row in [*tokens.BY_TOKENS, tokens.GIVEN]}
    for row in answers:
        method, path, body = requests[row["token"], row["key"]]
        replay(client, row["key"], (method, path, body, tokens.bearer_of(row["token"])),
               row["replay"])


def run_tokens(tap, rowlockd, fixture, folder):
    """What is done by tokens: those of before open what they opened, and nothing else."""
    version, store = fixture.stem, folder / "store.db"
    answers, database = load(fixture, store)
    page, dump, before = ledger_page(database), list(database.iterdump()), tokens.kept(database)
    database.close()
    lease = next(row[1] for row in before["leases"] if "till" in row)
    with Daemon(rowlockd, store) as server:
        tap.run(f"{version}: it was copied before", copy_is_kept, dump, store, server)
        tap.run(f"{version}: all of it is there", tokens.is_kept, store, before)
        client = Client(server.port)
        tap.run(f"{version}: tokens open as before", tokens.open_as_before, client)
        tap.run(f"{version}: their keys are answered as they were", replays_of_tokens, client,
                answers)
        tap.run(f"{version}: they are limited as before", tokens.are_limited_as_before, client)
        tap.run(f"{version}: a lease is its token's", tokens.lease_is_its_own, client, lease)
        tap.run(f"{version}: they go on", tokens.go_on, client)
    tap.run(f"{version}: the books balance", books_balance, store)
    tap.run(f"{version}: the ledger was not copied", ledger_is_where_it_was, store, page)


# ---------------------------------------------------------------- what somebody says about it


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.name != "store.db.lock"}


def left_where_somebody_says_so(rowlockd, fixture, folder):
    """65 and what to do; nothing of the store is touched."""
    store = folder / "store.db"
    load(fixture, store)[1].close()
    before = bytes_of(folder)
    said = subprocess.run([rowlockd, "--store", store, "--listen", "127.0.0.1:0", "--no-migrate"],
                          capture_output=True, text=True, timeout=60)
    assert said.returncode == 65, said
    sentence = f"schema {schema_of(fixture)} < "
    assert sentence in said.stderr and "--no-migrate says to leave it" in said.stderr, said
    assert "start once without, or run the rowlockd that wrote it" in said.stderr, said
    assert bytes_of(folder) == before, sorted(bytes_of(folder))


def not_copied_where_somebody_says_so(rowlockd, fixture, folder):
    """It is migrated all the same, and from then on --no-migrate has nothing to refuse."""
    store = folder / "store.db"
    load(fixture, store)[1].close()
    for flag in ("--migrate-without-copy", "--no-migrate"):
        with Daemon(rowlockd, store, [flag]) as server:
            assert server.port
            assert "store_copied" not in "\n".join(server.lines), server.last_words()
        assert not list(folder.glob("*.before-*")), list(folder.iterdir())
        books_balance(store)


def run_flags(tap, rowlockd, fixture):
    for what, case in (("--no-migrate leaves it", left_where_somebody_says_so),
                       ("--migrate-without-copy makes none", not_copied_where_somebody_says_so)):
        with tempfile.TemporaryDirectory(prefix="rowlock-upgrade-") as folder:
            tap.run(f"{fixture.stem}: {what}", case, rowlockd, fixture, pathlib.Path(folder))


def check(is_so, what):
    assert is_so, what


def main():
    tap = Tap()
    fixtures = sorted((HERE / "stores").glob("*.dump"))
    newest = len(list((HERE.parents[1] / "schema" / "sqlite").glob("0*.sql")))
    tap.run("every schema that was released has a fixture", every_schema_has_a_fixture, fixtures,
            newest)
    rowlockd = pathlib.Path(sys.argv[1]).resolve()
    for fixture in fixtures:
        run = run_tokens if fixture.stem.endswith("-tokens") else run_fixture
        with tempfile.TemporaryDirectory(prefix="rowlock-upgrade-") as folder:
            run(tap, rowlockd, fixture, pathlib.Path(folder))
        run_flags(tap, rowlockd, fixture)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
