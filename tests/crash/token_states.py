#!/usr/bin/env python3
"""token_states - rowlockd token × the state of whoever has the store, and × whatever fails in it.

    tests/crash/token_states.py ROWLOCKD SHORT_MEMORY

STATES has the exit code and a word of what is said for each verb. Whatever the state, the database
file itself is not written to, and root leaves nothing that is its own.
"""
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

from case import Daemon, inject, needs_strace, run_cases
from disk import fill, needs_mount
from load import make_rows
from talk import Client, Connection, wait_until

HERE = pathlib.Path(__file__).resolve().parent
FIXTURE = HERE.parent / "upgrade/stores/schema-3.dump"
NOBODY = 65534
END_S_MAX = 60
CALLS_MAX = 200
SECRET = "S" * 42 + "A"
FILED = "rl_filed23456_" + SECRET
VERBS = {
    "add": ["add", "new", "--role", "clerk", "--location", "WH1"],
    "file": ["add", "filed", "--role", "clerk", "--from-file"],  # and the file
    "rotate": ["rotate", "old", "--overlap", "0s"],
    "revoke": ["revoke", "old"],
    "list": ["list"],
}
WRITES = [verb for verb in VERBS if verb != "list"]
FINE = {verb: (0, word) for verb, word in
        {"add": "shown this once", "file": "known by rl_filed23456", "rotate": "shown this once",
         "revoke": "is revoked", "list": "NAME"}.items()}


def all_verbs(code, word):
    return {verb: (code, word) for verb in VERBS}


# What each verb comes to.
STATES = {
    "nobody has it": FINE,
    "a server runs": FINE,
    "a server drains": FINE,
    "a server is stopped": FINE,
    "a server was killed": FINE,
    "a reader pins the log": FINE,
    "the file was replaced": FINE,
    "a server migrates": FINE,  # each waits for its turn
    "the folder is not writable": all_verbs(77, "rowlockd token"),
    "the store is read-only": {**all_verbs(77, "rowlockd token"), "list": (0, "NAME")},
    "the disk is full": {**all_verbs(73, "full"), "list": (0, "NAME")},
    "it is another user's": FINE,  # of root, in a folder that is another's
}


class World:
    def __init__(self, rowlockd, folder):
        self.rowlockd, self.folder = rowlockd, folder
        self.store, self.file = folder / "s.db", folder / "token.txt"
        self.wrapper = []
        self.server = None
        self.file.write_text(FILED + "\n")

    def make(self):
        """A store with rows and a token, which nobody has."""
        with Daemon(self.rowlockd, self.store) as server:
            make_rows(server.port, 5)
        self.run("add", "old", "--role", "admin")

    def run(self, *words, wrapper=(), env=None, fds=()):
        return subprocess.run([*wrapper, *self.wrapper, self.rowlockd, "token", *map(str, words),
                               "--store", self.store], capture_output=True, text=True,
                              timeout=END_S_MAX, env=env, pass_fds=fds)

    def words(self, verb):
        return VERBS[verb] + ([self.file] if verb == "file" else [])

    def digest(self):
        return hashlib.sha256(self.store.read_bytes()).hexdigest()

    def log(self):
        path = pathlib.Path(f"{self.store}-wal")
        return path.read_bytes() if path.exists() else b""

    def query(self, sql):
        database = sqlite3.connect(self.store)
        rows = database.execute(sql).fetchall()
        database.close()
        return rows


# ---------------------------------------------------------------- states

@contextlib.contextmanager
def nobody_has_it(world):
    world.make()
    yield


@contextlib.contextmanager
def a_server_runs(world):
    world.make()
    with Daemon(world.rowlockd, world.store) as server:
        world.server = server
        yield


@contextlib.contextmanager
def a_server_drains(world):
    """It waits for a write that waits for a row."""
    world.make()
    text = world.run("rotate", "old").stdout.strip()
    with Daemon(world.rowlockd, world.store, ["--drain-ms", "60000"]) as server:
        client, bearer = Client(server.port), {"Authorization": "Bearer " + text}
        row = [{"sku": "A-1", "location": "WH1"}]
        lease = client.request("POST", "/v1/leases", {"ttl_s": 600, "rows": row}, **bearer)
        assert lease.status == 201, lease
        waiting = Connection(server.port)
        waiting.send(f"POST /v1/stock/A-1/WH1/adjust?wait=60 HTTP/1.1\r\nHost: localhost\r\n"
                     f"Authorization: Bearer {text}\r\nContent-Length: 11\r\n\r\n".encode()
                     + b'{"delta":1}', "POST")
        wait_until(lambda: b"rowlock_writes_waiting 1" in client.get("/metrics", **bearer).body,
                   "it waits")
        server.signal(signal.SIGTERM)
        server.wait_for_line("drain")
        yield
        assert server.is_running()
        server.kill()


@contextlib.contextmanager
def a_server_is_stopped(world):
    world.make()
    before = world.query("SELECT access_version FROM store")
    with Daemon(world.rowlockd, world.store) as server:
        server.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            server.signal(signal.SIGCONT)
        version = world.query("SELECT access_version FROM store")
        if version != before:
            server.wait_for_line("event=access_changed")


@contextlib.contextmanager
def a_server_was_killed(world):
    world.make()
    with Daemon(world.rowlockd, world.store) as server:
        server.kill()
    yield


@contextlib.contextmanager
def a_reader_pins_the_log(world):
    world.make()
    reader = sqlite3.connect(world.store, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM token").fetchall()
    yield
    reader.close()


@contextlib.contextmanager
def the_file_was_replaced(world):
    """The server has another file by now than the one of this name, and will see that."""
    world.make()
    other = world.folder / "other.db"
    shutil.copy(world.store, other)
    server = Daemon(world.rowlockd, world.store).start()
    for end in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{world.store}{end}", f"{world.store}.gone{end}")
    os.rename(other, world.store)
    if not world.query("SELECT count(*) FROM token")[0][0]:
        world.run("add", "old", "--role", "admin")
    yield
    server.kill()


@contextlib.contextmanager
def a_server_migrates(world):
    """Slowly: each flush takes a second."""
    database = sqlite3.connect(world.store)
    database.executescript(FIXTURE.read_text())
    database.close()
    server = Daemon(world.rowlockd, world.store, ["--accept-clock"],
                    wrapper=inject("fdatasync", "delay_enter=1000000", "1+"))
    process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: list(world.folder.glob("s.db.before-schema-*")), "it has begun")
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def as_nobody(world):
    """As root one could write anything: as nobody, whose store it is."""
    for folder in (world.folder, world.folder.parent):
        folder.chmod(0o755)
    world.folder /= "theirs"
    world.folder.mkdir()
    world.store = world.folder / "s.db"
    world.file.chmod(0o644)
    world.make()
    for path in (world.folder, *world.folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    world.wrapper = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    yield


@contextlib.contextmanager
def the_folder_is_not_writable(world):
    with as_nobody(world):
        for path in world.folder.glob("s.db-*"):
            path.unlink()
        os.chown(world.folder, 0, 0)
        yield


@contextlib.contextmanager
def the_store_is_read_only(world):
    with as_nobody(world):
        world.store.chmod(0o444)
        yield


@contextlib.contextmanager
def the_disk_is_full(world):
    disk = world.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    try:
        world.store = disk / "s.db"
        world.make()
        fill(disk, 0)
        yield
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@contextlib.contextmanager
def it_is_anothers(world):
    with as_nobody(world):
        world.wrapper = []
        yield


def needs_root():
    return None if os.geteuid() == 0 else "only root can become somebody else"


MAKERS = {
    "nobody has it": (nobody_has_it,),
    "a server runs": (a_server_runs,),
    "a server drains": (a_server_drains,),
    "a server is stopped": (a_server_is_stopped,),
    "a server was killed": (a_server_was_killed,),
    "a reader pins the log": (a_reader_pins_the_log,),
    "the file was replaced": (the_file_was_replaced,),
    "a server migrates": (a_server_migrates, needs_strace),
    "the folder is not writable": (the_folder_is_not_writable, needs_root),
    "the store is read-only": (the_store_is_read_only, needs_root),
    "the disk is full": (the_disk_is_full, needs_mount),
    "it is another user's": (it_is_anothers, needs_root),
}


def try_state(state):
    def case(rowlockd, folder):
        for verb, (code, word) in STATES[state].items():
            if state == "a server migrates" and verb in ("rotate", "revoke"):
                continue  # that store has none yet
            place = folder / verb
            place.mkdir()
            world = World(rowlockd, place)
            with MAKERS[state][0](world):
                is_moved = state == "a server migrates"  # by the server
                before, log = world.digest(), world.log()
                ended = world.run(*world.words(verb))
                said = ended.stdout + ended.stderr
                assert ended.returncode == code and (word in said or is_moved), f"{verb}: {ended}"
                assert is_moved or world.digest() == before, f"{verb}: it has written to the file"
                now = world.log()
                assert verb != "list" or is_moved or now[:len(log)] == log, f"{verb}: the log"
                if state == "a reader pins the log":
                    assert now.startswith(log), f"{verb}: the log began anew"
                if state == "it is another user's":
                    owners = {path.name: path.stat().st_uid for path in world.folder.iterdir()}
                    assert set(owners.values()) <= {NOBODY}, owners
                assert SECRET not in said, ended
    return case


# ---------------------------------------------------------------- what fails

# Of the token that a verb is about: all that there is of it.
SHAPE = """SELECT (SELECT count(*) FROM token WHERE name = :name),
    (SELECT count(*) FROM token_secret JOIN token t ON t.id = token_id WHERE name = :name),
    (SELECT count(*) FROM token_location JOIN token t ON t.id = token_id WHERE name = :name),
    (SELECT count(*) FROM token WHERE name = :name AND revoked_at IS NOT NULL),
    (SELECT count(*) FROM audit WHERE subject = :name)"""
NAMES = {"add": "new", "file": "filed", "rotate": "old", "revoke": "old"}
BEFORE = {"add": (0, 0, 0, 0, 0), "file": (0, 0, 0, 0, 0), "rotate": (1, 1, 0, 0, 1),
          "revoke": (1, 1, 0, 0, 1)}
AFTER = {"add": (1, 1, 1, 0, 1), "file": (1, 1, 0, 0, 1), "rotate": (1, 2, 0, 0, 2),
         "revoke": (1, 1, 0, 1, 2)}


def shape(world, verb):
    database = sqlite3.connect(world.store)
    row = database.execute(SHAPE, {"name": NAMES[verb]}).fetchone()
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    return row


def begin_anew(world, made):
    for path in world.folder.glob("s.db*"):
        path.unlink()
    shutil.copy(made, world.store)


def made_store(rowlockd, folder):
    world = World(rowlockd, folder)
    world.make()
    database = sqlite3.connect(world.store)  # closes as the last one: all is in the file
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    made = folder / "made"
    shutil.copy(world.store, made)
    return world, made


def judge(world, verb, ended, what):
    """It is done, or it is not; and what is on the output opens something."""
    found = shape(world, verb)
    assert found in (BEFORE[verb], AFTER[verb]), f"{verb}, {what}: {found}: {ended}"
    is_done = found == AFTER[verb]
    if ended.returncode == 0:
        assert is_done, f"{verb}, {what}: said to be done: {ended}"
    elif ended.returncode > 0:
        assert "rowlockd" in ended.stderr, f"{verb}, {what}: without a word: {ended}"
    assert not ended.stdout.startswith("rl_") or is_done, f"{verb}, {what}: shown: {ended}"
    assert SECRET not in ended.stderr


def killed_at(call):
    def case(rowlockd, folder):
        world, made = made_store(rowlockd, folder)
        for verb in WRITES:
            for when in range(1, CALLS_MAX):
                begin_anew(world, made)
                ended = world.run(*world.words(verb),
                                  wrapper=inject(call, "signal=SIGKILL", when))
                judge(world, verb, ended, f"killed at {call} {when}")
                if ended.returncode == 0:
                    break
            assert 1 < when < CALLS_MAX - 1, f"{verb}: {call}: {when}"
    return case


def failing_at(call, error):
    def case(rowlockd, folder):
        world, made = made_store(rowlockd, folder)
        for verb in WRITES:
            good = 0
            for when in range(1, CALLS_MAX):
                begin_anew(world, made)
                ended = world.run(*world.words(verb), wrapper=inject(call, f"error={error}", when))
                judge(world, verb, ended, f"{call} {when} fails with {error}")
                good = good + 1 if ended.returncode == 0 else 0
                if good == 12:  # some are of no consequence; as many in a row: there are no more
                    break
            assert when >= 12, f"{verb}: {call}"
    return case


def memory_is_short(rowlockd, folder):
    """There are some ten thousand, most of them of SQLite while it reads the schema: each of the
    first ones is tried, then every so many."""
    world, made = made_store(rowlockd, folder)
    for verb in VERBS:
        when, has_failed = 0, True
        while has_failed:
            when += 1 + when // 12
            begin_anew(world, made)
            told, tell = os.pipe()
            ended = world.run(*world.words(verb), fds=(tell,), env={
                **os.environ, "LD_PRELOAD": SHORT_MEMORY, "SHORT_MEMORY_AT": str(when),
                "SHORT_MEMORY_FD": str(tell)})
            os.close(tell)
            has_failed = bool(os.read(told, 1))
            os.close(told)
            assert ended.returncode >= 0, f"{verb}, allocation {when}: {ended}"
            if verb != "list":
                judge(world, verb, ended, f"allocation {when} fails")
        assert when > 1000, f"{verb}: {when}"


def needs_no_sanitizer():
    return None if SHORT_MEMORY else "a sanitizer stands in for malloc itself"


if __name__ == "__main__":
    SHORT_MEMORY = sys.argv[2] if len(sys.argv) > 2 else None
    cases = [
        *[(f"{state}: each verb says what it should", try_state(state), *MAKERS[state][1:])
          for state in STATES],
        *[(f"killed at any {call} it is done, or not", killed_at(call), needs_strace)
          for call in ("openat", "fcntl", "pwrite64", "fdatasync", "write")],
        *[(f"any {call} fails with {error}", failing_at(call, error), needs_strace)
          for call, error in (("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"),
                              ("write", "EPIPE"), ("openat", "EMFILE"))],
        ("memory is short at any allocation", memory_is_short, needs_no_sanitizer),
    ]
    run_cases([case for case in cases if not sys.argv[3:] or sys.argv[3] in case[0]])
