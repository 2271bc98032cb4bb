#!/usr/bin/env python3
"""offline - rowlockd verify, repair, repack and restore: what they find and do, what they refuse
with which exit code, and what a crash in the middle of them leaves."""
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

from case import Daemon, inject, needs_strace, run_cases
from load import make_rows
from talk import Client

OK, USAGE, DATA, BUSY = 0, 64, 65, 75
END_S_MAX = 60
SCHEMA = len(list((pathlib.Path(__file__).resolve().parents[2] / "schema/sqlite").glob("*.sql")))
WHOLE = f"whole, schema {SCHEMA}"
CALLS_MAX = 400  # of one kind; far more than either command makes


def offline(rowlockd, *arguments, wrapper=()):
    return subprocess.run([*wrapper, rowlockd, *map(str, arguments)], capture_output=True,
                          text=True, timeout=END_S_MAX)


def expect(code, *words, rowlockd, arguments):
    ended = offline(rowlockd, *arguments)
    said = ended.stdout + ended.stderr
    assert ended.returncode == code, f"exit {ended.returncode}, not {code}: {said}"
    for word in words:
        assert word in said, f"does not say {word}: {said}"
    return ended.stdout


def rights(path):
    seen = path.stat()
    return seen.st_uid, seen.st_gid, seen.st_mode & 0o7777


def copies_have_the_rights_of_the_store(rowlockd, folder):
    """Whatever the umask says; where it was no store's, it says."""
    store = make_store(rowlockd, folder)
    backup = folder / "backup.db"
    shutil.copy(store, backup)
    owner = (12345, 12346) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(store, *owner)
    before = os.umask(0)
    try:
        for umask in (0o000, 0o022, 0o077, 0o777):
            for mode in (0o600, 0o640, 0o660, 0o644):
                for path in folder.glob("store.db.before-*"):
                    path.unlink()
                store.chmod(mode)
                damage(store, "UPDATE stock SET on_hand = 3")
                os.umask(umask)
                repair(rowlockd, store, "ledger", OK)
                kept, = folder.glob("store.db.before-repair-*")
                assert rights(kept) == (*owner, mode), (oct(umask), oct(mode), rights(kept))
                assert rights(store) == (*owner, mode), (oct(umask), oct(mode), rights(store))
                restore(rowlockd, backup, store, OK)
                assert rights(store) == (*owner, mode), (oct(umask), oct(mode), rights(store))
                kept, = folder.glob("store.db.before-restore-*")
                assert rights(kept) == (*owner, mode), (oct(umask), oct(mode), rights(kept))
                os.umask(0)
        os.umask(0o027)
        restore(rowlockd, backup, folder / "new.db", OK)
        assert rights(folder / "new.db")[2] == 0o640, rights(folder / "new.db")
    finally:
        os.umask(before)


def verify(rowlockd, store, code=OK, *words):
    return expect(code, *words, rowlockd=rowlockd, arguments=("verify", "--store", store))


def make_store(rowlockd, folder, name="store.db", units=5):
    """A store with rows, a key, a lease and a promise, closed."""
    store = folder / name
    with Daemon(rowlockd, store) as server:
        make_rows(server.port, units)
        client = Client(server.port)
        row = {"sku": "A-1", "location": "WH1"}
        assert client.request("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1},
                              Idempotency_Key="k-1").status == 201
        assert client.request("PUT", "/v1/reservations/cart", {
            "ttl_s": 3600, "lines": [{**row, "quantity": 2}]}).status == 201
        assert client.request("PUT", "/v1/leases/l", {
            "rows": [{"sku": "A-3", "location": "WH1"}], "ttl_s": 3600}).status == 201
    return store


def damage(store, *statements):
    database = sqlite3.connect(store, isolation_level=None)
    triggers = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    triggers = triggers.fetchall()
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        database.execute(statement)
    for _, sql in triggers:
        database.execute(sql)
    database.close()


def by_hand(path, statement):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(statement)
    database.close()


def query(store, sql):
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    rows = database.execute(sql).fetchall()
    database.close()
    return rows


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def state(folder, begin=""):
    """Every file of the folder whose name begins so, but for the lock, which only says who was here
    last."""
    return {path.name: digest(path) for path in folder.iterdir()
            if path.suffix != ".lock" and path.name.startswith(begin)}


# ---------------------------------------------------------------- verify

def verify_only_reads(rowlockd, folder):
    store = make_store(rowlockd, folder)
    before = state(folder)
    said = verify(rowlockd, store, OK, WHOLE, "The books balance")
    assert "1 active reservations, 1 keys, 1 leased rows" in said, said
    assert state(folder) == before
    (folder / "store.db.lock").unlink()
    verify(rowlockd, store)
    assert not (folder / "store.db.lock").exists()


def verify_reads_the_log_of_a_crash(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 5)
    server.kill()
    before = state(folder)
    assert "store.db-wal" in before, before
    seq = query(folder / "store.db", "SELECT max(seq) FROM movement")[0][0]
    verify(rowlockd, folder / "store.db", OK, f"up to seq {seq}.")
    after = state(folder)
    for name in ("store.db", "store.db-wal"):
        assert after[name] == before[name], name
    with Daemon(rowlockd, folder / "store.db") as again:
        assert Client(again.port).get("/v1/stock/A-1/WH1").json()["on_hand"] == 5


def verify_finds(rowlockd, folder):
    store = make_store(rowlockd, folder)
    damage(store, "UPDATE stock SET on_hand = 99 WHERE id = 2",
           "UPDATE idempotency SET first_seq = 900")
    verify(rowlockd, store, DATA, "row-on-hand-wrong", "A-1 WH1", "found 99",
           "key-without-effect", "k-1", "2 findings")
    damage(store, "INSERT INTO reservation_line VALUES (77, 0, 1, 1, 1, 0, 99)")
    verify(rowlockd, store, DATA, "reservation_line names a row of reservation")
    damage(store, "DELETE FROM reservation_line", "DELETE FROM store")
    verify(rowlockd, store, DATA, "the one row of store does not exist")
    text = bytearray(store.read_bytes())
    text[4096 * 3:4096 * 8] = b"x" * 4096 * 5
    store.write_bytes(text)
    verify(rowlockd, store, DATA)
    text[100:4096] = b"x" * (4096 - 100)  # the schema
    store.write_bytes(text)
    for words in (("verify",), ("repair", "--trust", "ledger")):
        expect(DATA, str(store), "rowlockd restore BACKUP", rowlockd=rowlockd,
               arguments=(*words, "--store", store))


def nothing_found_commands_the_terminal(rowlockd, folder):
    """Escape, DEL and the C1 control characters that UTF-8 writes with two bytes."""
    store = make_store(rowlockd, folder)
    damage(store, "PRAGMA ignore_check_constraints = 1",
           "UPDATE stock SET on_hand = 99 WHERE id = 2",
           "UPDATE item SET sku = 'A' || char(27) || '[2J' || char(155) || '1m' || char(127) || "
           "char(233) WHERE id = (SELECT item_id FROM stock WHERE id = 2)")
    said = verify(rowlockd, store, DATA, "A?[2J?1m?\u00e9 ")
    assert all(c == "\n" or " " <= c <= "~" or c >= "\u00a0" for c in said), said


def everybody_refuses(rowlockd, folder):
    """What is no store of ours, or somebody's; and says so for each of the commands."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 5)
    notes, newer = folder / "notes.txt", folder / "newer.db"
    notes.write_text("This is not a database. " * 500)
    backup = make_store(rowlockd, folder, "backup.db")
    shutil.copy(backup, newer)
    by_hand(newer, "PRAGMA user_version = 99")
    older = folder / "older.db"
    shutil.copy(backup, older)
    by_hand(older, "PRAGMA user_version = 1")
    for store, code, word in ((folder / "store.db", BUSY, str(server.process.pid)),
                              (notes, DATA, "notes.txt"), (newer, DATA, "newer.db: schema 99"),
                              (older, DATA, "start rowlockd once"),
                              (folder / "gone.db", DATA, "gone.db")):
        before = state(folder, store.name)
        for arguments in (("verify",), ("repair", "--trust", "ledger"),
                          ("repair", "--trust", "level", "--apply"), ("repack",)):
            expect(code, word, rowlockd=rowlockd, arguments=(*arguments, "--store", store))
        assert store.name == "store.db" or state(folder, store.name) == before, store
    expect(BUSY, str(server.process.pid), rowlockd=rowlockd,
           arguments=("restore", backup, "--store", folder / "store.db"))
    assert Client(server.port).get("/v1/stock/A-1/WH1").json()["on_hand"] == 5
    server.stop()


def usage(rowlockd, folder):
    store = make_store(rowlockd, folder)
    before = state(folder)
    for arguments, word in (
            (("verify",), "--store FILE is missing"),
            (("verify", "--store"), "--store FILE is missing"),
            (("verify", "--store", store, "--apply"), "'--apply'"),
            (("verify", "--store", store, "more"), "'more'"),
            (("repair", "--store", store), "what is right"),
            (("repair", "--store", store, "--trust", "me"), "what is right"),
            (("repack",), "--store FILE is missing"),
            (("repack", "--store", store, "--page-size", "512"), "512 is no power of two"),
            (("repack", "--store", store, "--page-size", "131072"), "is no power of two"),
            (("repack", "--store", store, "--page-size", "3000"), "is no power of two"),
            (("repack", "--store", store, "--page-size", "2048x"), "is no power of two"),
            (("repack", "--store", store, "--page-size="), "is no power of two"),
            (("repack", "--store", store, "--apply"), "'--apply'"),
            (("verify", "--store", store, "--page-size", "2048"), "'--page-size'"),
            (("restore", "--store", store), "BACKUP is missing"),
            (("restore", store, "--store", store), "the same file"),
            (("restore", store, store, "--store", store), "nothing that it takes")):
        expect(USAGE, word, rowlockd=rowlockd, arguments=arguments)
    for name in ("verify", "repair", "repack", "restore"):
        expect(OK, f"usage: rowlockd {name}", "Exit codes", rowlockd=rowlockd,
               arguments=(name, "--help"))
    assert state(folder) == before


# ---------------------------------------------------------------- repair

DAMAGES = ("UPDATE stock SET on_hand = 99, reserved = 7, version = 1 WHERE id = 2",
           "UPDATE store SET next_fence = 1")


def repair(rowlockd, store, trust, code, *words, apply=True):
    return expect(code, *words, rowlockd=rowlockd,
                  arguments=("repair", "--store", store, "--trust", trust)
                  + (("--apply",) if apply else ()))


def dry_run_changes_nothing(rowlockd, folder):
    store = make_store(rowlockd, folder)
    repair(rowlockd, store, "ledger", OK, "nothing to repair", apply=False)
    damage(store, *DAMAGES)
    before = state(folder)
    repair(rowlockd, store, "ledger", DATA, "A-1 WH1, on_hand 99 -> 6, reserved 7 -> 2",
           "next_fence 1 -> 2", "Nothing was changed: --apply does it.", apply=False)
    said = repair(rowlockd, store, "level", DATA, "on_hand +93, reserved +0", apply=False)
    assert "on_hand 99" not in said, said
    assert state(folder) == before


def repaired(rowlockd, folder, trust, on_hand):
    store = make_store(rowlockd, folder)
    damage(store, *DAMAGES)
    wrong = query(store, "SELECT * FROM stock")
    movements = query(store, "SELECT * FROM movement")
    said = repair(rowlockd, store, trust, OK, "Repaired.", "The books balance")
    copy = next(folder.glob("store.db.before-repair-*"))
    assert str(copy) in said, said
    assert query(copy, "SELECT * FROM stock") == wrong
    verify(rowlockd, copy, DATA)
    verify(rowlockd, store)
    assert query(store, "SELECT * FROM v_ledger_check UNION SELECT 1, 1, 1, reserved, 1 "
                 "FROM v_reserved_check") == []
    assert [(who, json.loads(detail)["rows"] > 0) for who, detail in query(
        store, "SELECT actor LIKE 'local/%', detail FROM audit WHERE action = 'repair'")] \
        == [(1, True)]
    now = query(store, "SELECT * FROM movement")
    assert now[:len(movements)] == movements, "the ledger is append-only"
    with Daemon(rowlockd, store) as server:
        client = Client(server.port)
        row = client.get("/v1/stock/A-1/WH1").json()
        assert (row["on_hand"], row["reserved"]) == (on_hand, 2), row
        assert client.request("POST", "/v1/reservations/cart/commit", {}).status == 200
        return client.get("/v1/movements").json()["data"]


def repair_by_the_ledger(rowlockd, folder):
    movements = repaired(rowlockd, folder, "ledger", 6)
    assert not [m for m in movements if m["kind"] == "edit"], movements


def repair_by_the_level(rowlockd, folder):
    movements = repaired(rowlockd, folder, "level", 99)
    edits = [m for m in movements if m["kind"] == "edit"]
    assert [(m["on_hand_delta"], m["reason"]) for m in edits] == [(93, "repair")], edits


def repair_of_promises(rowlockd, folder):
    """Whatever is trusted, reserved is what the active reservations promise."""
    store = make_store(rowlockd, folder)
    damage(store, "UPDATE reservation_line SET quantity = 4")
    repair(rowlockd, store, "ledger", OK, "reserved 2 -> 4", "on_hand +0, reserved +2")
    verify(rowlockd, store)


def repair_of_open_lines(rowlockd, folder):
    """A line is open while its reservation is active, until that runs out."""
    store = make_store(rowlockd, folder)
    for wrong in ("NULL", "open_until + 1"):
        damage(store, f"UPDATE reservation_line SET open_until = {wrong}")
        verify(rowlockd, store, DATA, "reservation-line-wrong")
        repair(rowlockd, store, "ledger", OK, "1 lines become open, or closed")
        verify(rowlockd, store)
    assert query(store, "SELECT count(*) FROM reservation_line JOIN reservation ON "
                 "id = reservation_id AND expires_at = open_until") == [(1,)]


def repair_says_what_is_left(rowlockd, folder):
    store = make_store(rowlockd, folder)
    last = query(store, "SELECT max(seq) FROM movement")[0][0]
    epoch = query(store, "SELECT epoch FROM store")
    damage(store, "UPDATE idempotency SET first_seq = 900")
    repair(rowlockd, store, "ledger", DATA, "None of this can be repaired", "key-without-effect")
    assert query(store, "SELECT epoch FROM store") == epoch
    damage(store, f"DELETE FROM movement WHERE seq = {last}")
    repair(rowlockd, store, "ledger", DATA, "a new epoch", "What is left", "key-without-effect")
    assert query(store, "SELECT epoch FROM store") != epoch


def crash_at_each_call(rowlockd, call, arguments, judge):
    """Kills the command at its first, second ... such call, until it makes no more of them."""
    for when in range(1, CALLS_MAX):
        ended = offline(rowlockd, *arguments(), wrapper=inject(call, "signal=SIGKILL", when))
        if judge(ended.returncode) == OK:
            return when
    raise AssertionError(f"more than {CALLS_MAX} calls of {call}")


def repair_is_whole_or_not_at_all(rowlockd, folder):
    for call in ("pwrite64", "fdatasync", "ftruncate", "unlink"):
        inside = folder / call
        inside.mkdir()
        store = make_store(rowlockd, inside)
        damage(store, *DAMAGES, "UPDATE stock SET on_hand = 50 WHERE id = 3")
        pristine = store.read_bytes()

        def arguments():
            for path in inside.iterdir():
                path.unlink()
            store.write_bytes(pristine)
            return "repair", "--store", store, "--trust", "level", "--apply"

        def judge(code):
            after = offline(rowlockd, "verify", "--store", store)
            wrong = [line for line in after.stdout.splitlines() if ": expected" in line]
            assert after.returncode == OK or len(wrong) == 6, after
            assert after.returncode == DATA or not wrong, after
            if code == OK:
                assert after.returncode == OK, after
            elif after.returncode == DATA:  # untouched, and it can be tried again
                again = offline(rowlockd, "repair", "--store", store, "--trust", "level")
                assert "on_hand +93" in again.stdout, again
            return code

        assert crash_at_each_call(rowlockd, call, arguments, judge) > 1, call


# ---------------------------------------------------------------- restore

def restore(rowlockd, backup, store, code, *words):
    return expect(code, *words, rowlockd=rowlockd,
                  arguments=("restore", backup, "--store", store))


def on_hand(rowlockd, store):
    with Daemon(rowlockd, store) as server:
        return Client(server.port).get("/v1/stock/A-1/WH1").json()["on_hand"]


def restore_where_nothing_is(rowlockd, folder):
    backup = make_store(rowlockd, folder, "backup.db")
    (folder / "new").mkdir()
    store = folder / "new" / "store.db"
    said = restore(rowlockd, backup, store, OK, "up to seq")
    assert "kept" not in said, said
    assert sorted(p.name for p in store.parent.iterdir()) == ["store.db", "store.db.lock"]
    verify(rowlockd, store)
    assert query(store, "SELECT epoch FROM store") != query(backup, "SELECT epoch FROM store")
    assert query(store, "SELECT next_fence FROM store") \
        == query(backup, "SELECT next_fence FROM store")
    assert on_hand(rowlockd, store) == 6


def restore_ends_cursors(rowlockd, folder):
    """The seq of a cursor may be there again, and be another movement: the epoch tells."""
    store = make_store(rowlockd, folder)
    shutil.copy(store, folder / "backup.db")
    with Daemon(rowlockd, store) as server:
        head = Client(server.port).get("/v1/changes?after=latest")
    restore(rowlockd, folder / "backup.db", store, OK)
    cursor = f"/v1/changes?after={head.json()['next']}"
    with Daemon(rowlockd, store) as server:
        client = Client(server.port)
        assert client.get(cursor).status == 200
        answer = client.get(f"{cursor}&epoch={head.header('Stock-Epoch')}")
        assert (answer.status, answer.json()["code"]) == (410, "cursor-lost"), answer
        assert answer.json()["latest_seq"] == head.json()["next"], answer
        again = client.get(f"{cursor}&epoch={answer.header('Stock-Epoch')}")
        assert again.status == 200, again


def restore_keeps_the_old_one(rowlockd, folder):
    backup = make_store(rowlockd, folder, "backup.db", units=5)
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 40)
    row = {"sku": "A-1", "location": "WH1"}
    for _ in range(3):  # fences that no lease may ever have again
        assert Client(server.port).request("POST", "/v1/leases",
                                           {"rows": [row], "ttl_s": 1}).status in (201, 423)
    server.kill()  # its newest changes are in the log only
    fence = query(folder / "store.db", "SELECT next_fence FROM store")[0][0]
    said = restore(rowlockd, backup, folder / "store.db", OK, "kept")
    kept = next(folder.glob("store.db.before-restore-*"))
    assert str(kept) in said, said
    verify(rowlockd, kept)
    assert query(kept, "SELECT on_hand FROM stock WHERE id = 2") == [(40,)]
    assert query(folder / "store.db", "SELECT next_fence FROM store")[0][0] >= fence
    assert on_hand(rowlockd, folder / "store.db") == 6


def restore_over_what_is_damaged(rowlockd, folder):
    backup = make_store(rowlockd, folder, "backup.db")
    store = folder / "store.db"
    store.write_text("This was a database. " * 500)
    (folder / "store.db-wal").write_text("and this its log")
    restore(rowlockd, backup, store, OK, "its log was kept")
    kept = next(folder.glob("store.db.before-restore-*Z"))
    assert kept.read_text().startswith("This was a database. ")
    assert (folder / (kept.name + "-wal")).read_text() == "and this its log"
    assert on_hand(rowlockd, store) == 6
    store.write_text("This was a database. " * 500)
    (folder / "store.db-wal").unlink(missing_ok=True)
    restore(rowlockd, backup, store, OK, "whether the store had any could not be read")
    by_hand(backup, "UPDATE store SET had_token = 1")
    store.write_text("This was a database. " * 500)
    assert "could not be read. If" not in restore(rowlockd, backup, store, OK, "its log was kept")


def restore_refuses(rowlockd, folder):
    store = make_store(rowlockd, folder, units=30)
    good = make_store(rowlockd, folder, "good.db")
    bad, newer, foreign = folder / "bad.db", folder / "newer.db", folder / "foreign.db"
    text = bytearray(good.read_bytes())
    text[4096 * 3:4096 * 8] = b"x" * 4096 * 5
    bad.write_bytes(text)
    shutil.copy(good, newer)
    by_hand(newer, "PRAGMA user_version = 99")
    by_hand(foreign, "CREATE TABLE customer (name TEXT)")
    (folder / "empty.db").touch()
    before = state(folder)
    for backup in (bad, newer, foreign, folder / "empty.db", folder / "gone.db"):
        restore(rowlockd, backup, store, DATA, backup.name, "is as it was")
        assert state(folder) == before, backup
    os.mkfifo(folder / "pipe")
    restore(rowlockd, folder / "pipe", store, DATA, "is not a regular file")
    (folder / "pipe").unlink()
    restore(rowlockd, bad, folder / "other.db", DATA)
    assert not (folder / "other.db").exists() and not (folder / "other.db.lock").exists()
    shell = sqlite3.connect(store)
    shell.execute("SELECT * FROM stock").fetchall()
    restore(rowlockd, good, store, BUSY, "another program")
    shell.close()
    restore(rowlockd, good, store, OK)
    assert on_hand(rowlockd, store) == 6


def restore_is_the_old_or_the_new(rowlockd, folder):
    for call in ("pwrite64", "fdatasync", "fsync", "rename", "link", "unlink"):
        inside = folder / call
        inside.mkdir()
        backup = make_store(rowlockd, folder, f"backup-{call}.db", units=5)
        server = Daemon(rowlockd, inside / "store.db").start()
        make_rows(server.port, 40)
        server.kill()
        store = inside / "store.db"
        pristine = {path.name: path.read_bytes() for path in inside.iterdir()}

        def arguments():
            for path in inside.iterdir():
                path.unlink()
            for name, text in pristine.items():
                (inside / name).write_bytes(text)
            return "restore", backup, "--store", store

        def judge(code):
            verify(rowlockd, store)
            [(units,)] = query(store, "SELECT on_hand FROM stock WHERE id = 2")
            assert units in ((6,) if code == OK else (6, 40)), units
            return code

        assert crash_at_each_call(rowlockd, call, arguments, judge) > 1, call


# ---------------------------------------------------------------- repack

def repack(rowlockd, store, code, *words, size=None):
    return expect(code, *words, rowlockd=rowlockd,
                  arguments=("repack", "--store", store)
                  + (("--page-size", size) if size else ()))


def content(store):
    """Every row of every table, and what the file says of itself; repacks() has the rest."""
    tables = [name for name, in query(store, "SELECT name FROM sqlite_schema WHERE type = 'table' "
                                             "AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    return {name: sorted(query(store, f"SELECT * FROM {name}" + " WHERE action <> 'repack'"
                               * (name == "audit")), key=repr) for name in tables} \
        | {"schema": query(store, "SELECT type, name, sql FROM sqlite_schema ORDER BY name"),
           "numbers": [query(store, f"PRAGMA {name}")
                       for name in ("application_id", "user_version", "journal_mode")]}


def repacks(store):
    """Whoever has started it, and from which size to which, in the store that it made."""
    return query(store, "SELECT actor LIKE 'local/%', detail FROM audit WHERE action = 'repack'")


def page_size(store):
    return query(store, "PRAGMA page_size")[0][0]


def repacked(rowlockd, folder):
    """All of it is there, in pages of each size, with its owner and mode, and goes on."""
    store = make_store(rowlockd, folder)
    before = content(store)
    assert page_size(store) == 2048
    owner = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(store, *owner)
    store.chmod(0o640)
    last = 2048
    for size in (4096, 1024, 65536, 512 * 16, None):
        repack(rowlockd, store, OK, WHOLE, "The books balance", "repacked",
               size=size)
        assert sorted(path.name for path in folder.iterdir()) == ["store.db", "store.db.lock"]
        assert page_size(store) == (size or 2048), size
        assert content(store) == before, size
        was, is_now = (json.loads(repacks(store)[-1][1])["page_bytes"])
        assert (was, is_now) == (last, size or 2048), repacks(store)
        last = is_now
        seen = store.stat()
        assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (*owner, 0o640), seen
        verify(rowlockd, store)
    assert [who for who, _ in repacks(store)] == [1] * 5, repacks(store)
    for size in (1024, 65536):
        repack(rowlockd, store, OK, size=size)
        with Daemon(rowlockd, store) as server:
            client = Client(server.port)
            for n in range(50):
                assert client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1},
                                   Idempotency_Key=f"r-{size}-{n}").status == 201
        assert page_size(store) == size
        verify(rowlockd, store)
    assert on_hand(rowlockd, store) == 106


def repack_takes_the_log_of_a_crash(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 40)
    server.kill()
    (folder / "store.db.repacking").write_text("of one that was interrupted")
    link = folder / "link.db"
    link.symlink_to(folder / "store.db")
    repack(rowlockd, link, OK, size=4096)
    assert link.is_symlink() and page_size(folder / "store.db") == 4096
    assert not (folder / "store.db.repacking").exists()
    verify(rowlockd, folder / "store.db")
    assert query(folder / "store.db", "SELECT on_hand FROM stock WHERE id = 2") == [(40,)]


def repack_refuses(rowlockd, folder):
    """What is damaged, and what another program has open."""
    store = make_store(rowlockd, folder)
    before = state(folder, "store.db")
    shell = sqlite3.connect(store)
    shell.execute("SELECT * FROM stock").fetchall()
    repack(rowlockd, store, BUSY, "another program", "is as it was", size=4096)
    shell.close()
    assert state(folder, "store.db") == before
    damage(store, "UPDATE stock SET on_hand = 99 WHERE id = 2")
    repack(rowlockd, store, DATA, "row-on-hand-wrong", "1 finding", "repacked", size=4096)
    assert page_size(store) == 4096
    verify(rowlockd, store, DATA, "row-on-hand-wrong", "1 finding")
    text = bytearray(store.read_bytes())
    text[4096 * 3:4096 * 8] = b"x" * 4096 * 5
    store.write_bytes(text)
    before = state(folder, "store.db")
    repack(rowlockd, store, DATA, "Nothing was changed")
    assert state(folder, "store.db") == before


def repack_is_the_old_or_the_new(rowlockd, folder):
    for call in ("pwrite64", "fdatasync", "fsync", "rename", "unlink", "chmod", "openat"):
        inside = folder / call
        inside.mkdir()
        server = Daemon(rowlockd, inside / "store.db").start()
        make_rows(server.port, 40)
        server.kill()
        store = inside / "store.db"
        pristine = {path.name: path.read_bytes() for path in inside.iterdir()}
        wanted = content(store)

        def arguments():
            for path in inside.iterdir():
                path.unlink()
            for name, text in pristine.items():
                (inside / name).write_bytes(text)
            store.chmod(0o600)
            return "repack", "--store", store, "--page-size", 4096

        def judge(code):
            for path in (store, inside / "store.db.repacking"):
                assert not path.exists() or path.stat().st_mode & 0o7777 == 0o600, path
            verify(rowlockd, store)
            assert content(store) == wanted
            assert page_size(store) in ((4096,) if code == OK else (2048, 4096))
            assert len(repacks(store)) == (page_size(store) == 4096), "with the file, or not at all"
            return code

        assert crash_at_each_call(rowlockd, call, arguments, judge) > 1, call


if __name__ == "__main__":
    run_cases([
        ("verify says that all is well, and only reads", verify_only_reads),
        ("verify reads the log of a crash, and leaves it", verify_reads_the_log_of_a_crash),
        ("verify finds books, references and files that are damaged", verify_finds),
        ("what verify found commands no terminal", nothing_found_commands_the_terminal),
        ("a server's, foreign, newer, older and missing files are refused", everybody_refuses),
        ("what is typed wrongly is said", usage),
        ("repair without --apply changes nothing", dry_run_changes_nothing),
        ("repair --trust ledger: rows are what their movements say", repair_by_the_ledger),
        ("repair --trust level: a movement says how the level came about", repair_by_the_level),
        ("repair makes reserved what reservations promise", repair_of_promises),
        ("repair opens and closes the lines of reservations", repair_of_open_lines),
        ("repair says what is left", repair_says_what_is_left),
        ("repair: killed anywhere, it is whole or not at all", repair_is_whole_or_not_at_all,
         needs_strace),
        ("repack: all is there, in pages of another size", repacked),
        ("repack takes the log of a crash with it", repack_takes_the_log_of_a_crash),
        ("repack refuses what is damaged, and a store that is in use", repack_refuses),
        ("repack: killed anywhere, it is the old store or the new one",
         repack_is_the_old_or_the_new, needs_strace),
        ("copies have the owner and the mode of the store", copies_have_the_rights_of_the_store),
        ("restore where there was no store", restore_where_nothing_is),
        ("restore ends the cursors of the change feed", restore_ends_cursors),
        ("restore keeps the old store, its log taken in", restore_keeps_the_old_one),
        ("restore over a store that cannot be read", restore_over_what_is_damaged),
        ("restore refuses what is no backup, and a store that is in use", restore_refuses),
        ("restore: killed anywhere, it is the old store or the new one",
         restore_is_the_old_or_the_new, needs_strace),
    ])
