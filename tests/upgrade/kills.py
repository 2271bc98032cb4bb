#!/usr/bin/env python3
"""kills - a server that dies, or whose system calls fail, anywhere while it brings a store up to
date: the store is as it was or as it should be, its copy is whole, and the next start does it."""
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crash"))
sys.dont_write_bytecode = True

from case import Daemon, inject, needs_strace, run_cases  # noqa: E402

FIXTURE = HERE / "stores" / "schema-3.dump"
KILLED_AT = ("pwrite64", "fdatasync", "fsync", "ftruncate", "fchmod", "rename", "unlink")
FAILING = ("fsync", "fchmod", "utimensat", "rename", "statfs")
CALLS_MAX = 200
END_S_MAX = 60


def make_store(folder):
    store = folder / "made.db"
    database = sqlite3.connect(store)
    database.executescript(FIXTURE.read_text())
    database.close()
    return store


def ask(path, sql):
    database = sqlite3.connect(path)
    rows = database.execute(sql).fetchall()
    database.close()
    return rows


def version(path):
    return ask(path, "PRAGMA user_version")[0][0]


def begin_anew(folder, made):
    for path in folder.glob("store.db*"):
        path.unlink()
    shutil.copy(made, folder / "store.db")
    return folder / "store.db"


def run_to_the_end(rowlockd, store, wrapper):
    """A server that cannot listen where it is told, so that it ends behind its store: it is killed
    or fails in the middle, or says where it listens and is told to stop."""
    server = subprocess.Popen([*wrapper, rowlockd, "--store", str(store), "--loops", "1",
                               "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    said = []
    for line in server.stderr:
        said.append(line)
        if "listening on" in line:
            server.send_signal(signal.SIGTERM)
    return server.wait(END_S_MAX), "".join(said)


def is_whole(store, copies, old):
    assert version(store) in (3, old["newest"]), version(store)
    assert ask(store, "PRAGMA integrity_check") == [("ok",)]
    for copy in copies:
        assert version(copy) == 3, copy
        database = sqlite3.connect(copy)
        assert list(database.iterdump()) == old["dump"], copy
        database.close()


def copies_of(store):
    return [path for path in store.parent.glob("store.db.before-schema-*")
            if re.search(r"schema-[0-9]+(-[0-9]+)?$", path.name)]


def next_start_does_it(rowlockd, store, old):
    with Daemon(rowlockd, store) as server:
        assert server.port
    assert version(store) == old["newest"]
    is_whole(store, copies_of(store), old)
    verified = subprocess.run([rowlockd, "verify", "--store", str(store)], capture_output=True,
                              text=True, timeout=END_S_MAX)
    assert verified.returncode == 0, verified.stdout
    left = sorted(path.name for path in store.parent.glob("store.db.before-*"))
    assert len(left) == 1 and left[0].endswith(f"schema-{old['newest']}"), left


def what_was(rowlockd, folder):
    made = make_store(folder)
    store = begin_anew(folder, made)
    with Daemon(rowlockd, store):
        pass
    database = sqlite3.connect(made)
    old = {"dump": list(database.iterdump()), "newest": version(store)}
    database.close()
    return made, old


def killed_at_every(call):
    def case(rowlockd, folder):
        made, old = what_was(rowlockd, folder)
        for moment in range(1, CALLS_MAX):
            store = begin_anew(folder, made)
            code, said = run_to_the_end(rowlockd, store, inject(call, "signal=SIGKILL", moment))
            if code == 0:
                return
            assert code == -signal.SIGKILL, said
            is_whole(store, copies_of(store), old)
            next_start_does_it(rowlockd, store, old)
        raise AssertionError(f"more than {CALLS_MAX} times {call}")
    return case


def failing_at_every(call):
    """It is refused with words and a code, or goes on where nothing is lost by that."""
    def case(rowlockd, folder):
        made, old = what_was(rowlockd, folder)
        for error in ("EIO", "ENOSPC"):
            for moment in range(1, CALLS_MAX):
                store = begin_anew(folder, made)
                code, said = run_to_the_end(rowlockd, store,
                                            inject(call, f"error={error}", moment))
                is_whole(store, copies_of(store), old)
                next_start_does_it(rowlockd, store, old)
                if code == 0:
                    break
                assert code in (69, 71, 73, 74, 77, 78), f"{code}: {said}"
            else:
                raise AssertionError(f"more than {CALLS_MAX} times {call}")
    return case


def no_room(rowlockd, folder):
    """73, the bytes that are missing, and the way out; which is one."""
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
                      capture_output=True).returncode:
        return  # only root may; sizes are compared by tests/unit, too
    try:
        store = disk / "store.db"
        shutil.copy(make_store(folder), store)
        code, said = run_to_the_end(rowlockd, store, [])
        assert code == 73, said
        assert "--migrate-without-copy" in said and "KiB" in said, said
        assert version(store) == 3
        assert not list(disk.glob("*.before-*"))
        with Daemon(rowlockd, store, ["--migrate-without-copy"]):
            assert version(store) > 3
        assert not list(disk.glob("*.before-*"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


run_cases([
    ("no room for a copy: refused, and without one it goes", no_room),
    *[(f"killed at every {call}", killed_at_every(call), needs_strace) for call in KILLED_AT],
    *[(f"every {call} fails", failing_at_every(call), needs_strace) for call in FAILING],
])
