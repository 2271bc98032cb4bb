#!/usr/bin/env python3
"""files - which database files the server opens, and which it refuses, with which exit code."""
import fcntl
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import time

from case import Daemon, inject, needs_strace, run_cases
from load import STOPPED, Load, make_rows
from talk import Client, wait_until

USAGE, DATA, OS, DISK, TEMPORARY, FORBIDDEN, CONFIGURATION = 64, 65, 71, 74, 75, 77, 78
END_S_MAX = 30
NOBODY = 65534 if os.geteuid() == 0 else None


def refuse(rowlockd, store, code, *words, flags=(), listen="127.0.0.1:0", environment=None,
           user=None):
    """Starts it: it must end by itself with this code, and say these words."""
    ended = subprocess.run([rowlockd, "--store", str(store), "--listen", listen, *flags],
                           capture_output=True, text=True, timeout=END_S_MAX, user=user,
                           env={**os.environ, **(environment or {})})
    assert ended.returncode == code, f"exit {ended.returncode}, not {code}: {ended.stderr}"
    assert "listening" not in ended.stderr, ended.stderr
    for word in words:
        assert word in ended.stderr, f"does not say {word}: {ended.stderr}"
    return ended


def make_store(rowlockd, folder):
    with Daemon(rowlockd, folder / "store.db") as server:
        make_rows(server.port, 5)
    return folder / "store.db"


def second_instance(rowlockd, folder):
    first = Daemon(rowlockd, folder / "store.db").start()
    make_rows(first.port, 5)
    refuse(rowlockd, folder / "store.db", TEMPORARY, str(first.process.pid))
    assert Client(first.port).get("/v1/stock/A-1/WH1").json()["on_hand"] == 5
    first.kill()
    with Daemon(rowlockd, folder / "store.db") as third:
        assert Client(third.port).get("/v1/stock/A-1/WH1").json()["on_hand"] == 5


SLOW_US, SLOWER_US = 400000, 2000000


def lock_file_is_removed(rowlockd, folder):
    """By who made it and no store, between our opening and locking it: then another is locked."""
    store, lock = folder / "store.db", folder / "store.db.lock"
    notes = folder / "notes.txt"
    notes.write_text("This is not a database. " * 500)
    maker = subprocess.Popen([*inject("unlink", f"delay_enter={SLOW_US}", "1+"), rowlockd,
                              "restore", notes, "--store", store], stderr=subprocess.DEVNULL)
    wait_until(lock.exists, "there is a lock file")
    with Daemon(rowlockd, store, wrapper=inject("flock", f"delay_enter={SLOWER_US}", "1+")):
        assert maker.wait(END_S_MAX) == DATA
        assert lock.exists(), "it holds a lock file that has no name"
        refuse(rowlockd, store, TEMPORARY, "already in use")


def no_database(rowlockd, folder):
    store = folder / "notes.txt"
    store.write_text("This is not a database. " * 500)
    refuse(rowlockd, store, DATA, "notes.txt")
    assert store.read_text().startswith("This is not a database. ")


def foreign_database(rowlockd, folder):
    store = folder / "other.db"
    database = sqlite3.connect(store)
    database.executescript("PRAGMA application_id = 77; CREATE TABLE customer (name TEXT);")
    database.close()
    before = store.read_bytes()
    refuse(rowlockd, store, DATA, "other.db")
    assert store.read_bytes() == before, "a foreign file was changed"


def unmarked_database(rowlockd, folder):
    store = folder / "other.db"
    database = sqlite3.connect(store)
    database.executescript("CREATE TABLE stock (name TEXT);")
    database.close()
    refuse(rowlockd, store, DATA)


def newer_database(rowlockd, folder):
    store = make_store(rowlockd, folder)
    database = sqlite3.connect(store)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = (store.read_bytes(), os.stat(store).st_mtime_ns)
    refuse(rowlockd, store, DATA, "99")
    assert (store.read_bytes(), os.stat(store).st_mtime_ns) == before, "it was changed"


def damaged_database(rowlockd, folder):
    store = make_store(rowlockd, folder)
    with open(store, "r+b") as file:
        file.write(b"\xa5" * 100)
    refuse(rowlockd, store, DATA)


def store_is_gone(rowlockd, folder):
    """The lock file says that there was one: an empty shop is not started in silence."""
    store = make_store(rowlockd, folder)
    for name in folder.glob("store.db*"):
        if not name.name.endswith(".lock"):
            name.unlink()
    refuse(rowlockd, store, DATA, "--create")
    assert not store.exists()
    with Daemon(rowlockd, store, ["--create"]) as server:
        assert Client(server.port).get("/v1/items").json()["data"] == []


def moved_under_load(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port)
    load = Load(threads=8)
    moved = folder / "moved.db"
    load.start(server.port)
    load.wait_for(lambda: len(load.acknowledged) >= 500)
    for end in ("", "-wal", "-shm"):
        pathlib.Path(server.store + end).rename(str(moved) + end)
    load.join()
    server.wait(DISK)
    load.prove(moved)
    refuse(rowlockd, server.store, DATA, "--create")


def log_is_removed(rowlockd, folder):
    """As somebody does who finds it too large. What was answered is in the file."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 5)
    pathlib.Path(server.store + "-wal").unlink()
    answer = Client(server.port).post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
    assert answer.status in (500, 503), answer
    server.wait(DISK)
    with Daemon(rowlockd, folder / "store.db") as second:
        assert Client(second.port).get("/v1/stock/A-1/WH1").json()["on_hand"] == 5


def holder_is_killed(rowlockd, folder):
    """Another program holds the database, and dies: its lock dies with it."""
    with Daemon(rowlockd, folder / "store.db", ["--store-busy-ms", "200"]) as server:
        make_rows(server.port, 5)
        holder = subprocess.Popen(["sqlite3", server.store], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        holder.stdin.write("BEGIN IMMEDIATE;\nSELECT 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        client = Client(server.port)
        answer = client.post("/v1/stock/A-1/WH1/adjust?wait=1", {"delta": -1})
        assert (answer.status, answer.json()["code"]) == (503, "store-busy"), answer
        assert client.get("/v1/stock/A-1/WH1").json()["version"] == 1
        holder.kill()
        holder.communicate()
        answer = client.post("/v1/stock/A-1/WH1/adjust?wait=30", {"delta": -1})
        assert (answer.status, answer.json()["stock"]["version"]) == (201, 2), answer


def port_is_taken(rowlockd, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refuse(rowlockd, folder / "store.db", OS, "--listen",
               listen=f"127.0.0.1:{taken.getsockname()[1]}")
    assert list(folder.iterdir()) == [], "a store was made, and nobody serves it"


def listens(port):
    try:
        return Client(port).get("/livez").status == 200
    except OSError:
        return False


def closed_descriptors(rowlockd, folder):
    """What is closed is not taken for the log: that would go into the next file that is opened."""
    for tail in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        store = folder / "store.db"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" --log-requests --store "$1" --listen "$2" {tail}',
             rowlockd, store, f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
        wait_until(lambda: listens(port), f"it listens, with {tail}")
        make_rows(port, 5)
        lock = (folder / "store.db.lock").read_text()
        process.terminate()
        assert process.wait(END_S_MAX) == 0, tail
        assert lock == f"{process.pid}\n", f"{tail}: {lock}"
        assert (folder / "store.db.lock").read_text() == lock, tail
        verified = subprocess.run([rowlockd, "verify", "--store", store], capture_output=True)
        assert verified.returncode == 0, verified
        for name in folder.iterdir():
            name.unlink()


def forbidden_folder(rowlockd, folder):
    os.chmod(folder, 0o555)
    try:
        refuse(rowlockd, folder / "store.db", FORBIDDEN, user=NOBODY)
    finally:
        os.chmod(folder, 0o755)


def needs_nobody():
    """Root may write everywhere, so the server runs as somebody else, who must be able to."""
    if NOBODY and subprocess.run([sys.argv[1], "--version"], capture_output=True,
                                 user=NOBODY).returncode:
        return "only root can run the program where it lies"


def wrong_settings(rowlockd, folder):
    store = folder / "store.db"
    refuse(rowlockd, store, USAGE, "--colour", flags=["--colour", "blue"])
    refuse(rowlockd, store, USAGE, "--loops", flags=["--loops", "many"])
    refuse(rowlockd, store, USAGE, "--loops", flags=["--loops", "65"])
    refuse(rowlockd, store, USAGE, "--row-release", flags=["--row-release", "later"])
    refuse(rowlockd, store, USAGE, "extra", flags=["extra"])
    refuse(rowlockd, store, USAGE, "--listen", "banana", listen="banana")
    refuse(rowlockd, store, USAGE, "--host-name", flags=["--host-name", "http://a/"])
    refuse(rowlockd, store, CONFIGURATION, "--ui-dir", flags=["--ui-dir", "/nowhere"])
    refuse(rowlockd, store, OS, "--listen", listen="no-such-name.invalid:80")
    refuse(rowlockd, store, CONFIGURATION, "ROWLOCK_LOOPS", environment={"ROWLOCK_LOOPS": "x"})
    refuse(rowlockd, store, CONFIGURATION, "cannot_spool", flags=["--spool-dir", "/nowhere"])
    assert list(folder.iterdir()) == [], "a wrong setting made a store, or its lock file"


def shown_settings(rowlockd, folder):
    shown = subprocess.run(
        [rowlockd, "--loops", "3", "--print-config"], capture_output=True, text=True,
        cwd=folder, timeout=END_S_MAX, env={**os.environ, "ROWLOCK_SLOW_MS": "5",
                                            "ROWLOCK_LOOPS": "2"})
    assert shown.returncode == 0, shown
    lines = {line.split()[0].lstrip("-"): line for line in shown.stdout.splitlines() if line}
    assert "3" in lines["loops"] and "flag" in lines["loops"], lines["loops"]
    assert "5" in lines["slow-ms"] and "environment" in lines["slow-ms"], lines["slow-ms"]
    assert "default" in lines["listen"], lines["listen"]
    assert list(folder.iterdir()) == [], "showing settings made files"


def damaged_while_running(rowlockd, folder):
    """A page that is overwritten: reads may fail, with a problem; the server never crashes."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 5)
    server.restart()  # a checkpoint: the pages lie in the database itself
    with open(server.store, "r+b") as file:
        size = os.path.getsize(server.store)
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    client = Client(server.port)
    for path in ("/v1/stock/A-1/WH1", "/v1/stock", "/v1/movements", "/v1/items"):
        try:
            answer = client.get(path)
        except STOPPED:
            continue
        assert answer.status in (200, 500, 503), answer
    if server.is_running():
        server.kill()
    else:
        assert server.process.returncode in (DATA, DISK), server.last_words()


OLD_KEYS = 20000
KEY = {"Idempotency_Key": "new"}


def old_keys_are_deleted(rowlockd, folder):
    """Keys of the day before yesterday leave the store, also while requests come in."""
    store = make_store(rowlockd, folder)
    database = sqlite3.connect(store)
    guards = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' "
                              "AND tbl_name = 'idempotency'").fetchall()
    for name, _ in guards:  # they are in the way of hands
        database.execute(f"DROP TRIGGER {name}")
    database.execute("DELETE FROM idempotency")
    database.execute("""
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO idempotency (key, fingerprint, status, outcome, stock_seq, first_seq,
            movement_count, at) SELECT 'old-' || i, 1, 201, 'done', 1, 1, 0, 1000 FROM n""",
                     (OLD_KEYS,))
    for _, sql in guards:
        database.execute(sql)
    database.commit()
    database.close()
    with Daemon(rowlockd, store) as server:
        client = Client(server.port)
        client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}, **KEY)
    with Daemon(rowlockd, store) as server:
        client = Client(server.port)
        database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        deadline = time.monotonic() + END_S_MAX
        while database.execute("SELECT count(*) FROM idempotency").fetchone() != (1,):
            assert time.monotonic() < deadline, "old keys stay in the store"
            assert client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status == 201
        database.close()
        again = client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}, **KEY)
        assert again.header("Idempotency-Replayed") == "true"


def wait_for_names(folder, pattern):
    wait_until(lambda: list(folder.glob(pattern)), f"{pattern} is there")
    return list(folder.glob(pattern))


def what_is_left_over(rowlockd, folder):
    """Of a process that was killed: it is removed by the next one. What another one uses is not."""
    spools = folder / "spools"
    spools.mkdir()
    flags = ["--lab", "--spool-dir", str(spools)]
    killed = Daemon(rowlockd, folder / "killed.db", flags).start()
    assert Client(killed.port).post("/v1/lab/runs", {"seconds": 60}).status == 202
    left, = wait_for_names(spools, "rowlock-lab-*")
    wait_for_names(left, "race.db-wal")
    killed.kill()
    running = Daemon(rowlockd, folder / "running.db", flags).start()
    assert not left.exists(), "the folder of the run that was killed"
    assert Client(running.port).post("/v1/lab/runs", {"seconds": 60}).status == 202
    used, = wait_for_names(spools, "rowlock-lab-*")
    spool, foreign = spools / "rowlock-spool-abcdef", spools / "somebody-else"
    spool.write_bytes(b"half a backup")
    foreign.write_bytes(b"x")
    (spools / "rowlock-spool-link00").symlink_to(foreign)
    with open(spools / "rowlock-spool-uvwxyz", "wb") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_EX)
        with Daemon(rowlockd, folder / "third.db", flags):
            assert used.exists() and pathlib.Path(in_use.name).exists() and foreign.exists()
            assert not spool.exists()
    running.stop()
    assert not used.exists()


run_cases([
    ("a second instance on the same file is refused (75), and a killed first one is not in its way",
     second_instance),
    ("a lock file that its maker removes is no lock", lock_file_is_removed, needs_strace),
    ("a file that is no database is refused (65) and left alone", no_database),
    ("another program's database is refused (65) and left alone", foreign_database),
    ("a database that says nothing of itself, with tables in it, is refused (65)",
     unmarked_database),
    ("a database of a later version is refused (65) and left alone", newer_database),
    ("a damaged database is refused (65)", damaged_database),
    ("idempotency keys of the day before yesterday leave the store", old_keys_are_deleted),
    ("a lock file without its store is refused (65), unless --create", store_is_gone),
    ("a database that is moved away under load: no write is acknowledged into nowhere (74)",
     moved_under_load),
    ("a log that is removed ends it with 74, and nothing that was answered is lost",
     log_is_removed),
    ("another program holds the database and is killed: writes go on", holder_is_killed),
    ("a taken port is refused (71), with the flag to type", port_is_taken),
    ("what a process that was killed has left in --spool-dir is removed, and nothing else",
     what_is_left_over),
    ("started with descriptors 0, 1, 2 closed it works, and only its pid is in the lock file",
     closed_descriptors),
    ("a folder that must not be written is refused (77)", forbidden_folder, needs_nobody),
    ("wrong flags (64) and a wrong environment (78) name what is wrong, and make no store",
     wrong_settings),
    ("--print-config shows each value and where it came from", shown_settings),
    ("pages that are destroyed under the running server do not crash it", damaged_while_running),
])
