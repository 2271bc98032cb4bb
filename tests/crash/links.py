#!/usr/bin/env python3
"""links - one store by several names: whoever has it is met, whichever name leads to it."""
import os
import sqlite3
import subprocess

from case import Daemon, run_cases
from load import make_rows
from talk import Client

OK, DATA, TEMPORARY, FORBIDDEN, CONFIGURATION = 0, 65, 75, 77, 78
END_S_MAX = 30


def make_world(rowlockd, folder):
    """A store, a backup of it, and names."""
    real = folder / "real"
    real.mkdir()
    with Daemon(rowlockd, real / "s.db") as server:
        make_rows(server.port, 5)
        (folder / "backup.db").write_bytes(Client(server.port).get("/v1/backup").body)
    (folder / "link.db").symlink_to(real / "s.db")
    (folder / "links.db").symlink_to("link.db")
    (folder / "dir").symlink_to("real")
    (folder / "gone.db").symlink_to(real / "nowhere.db")
    return real / "s.db"


NAMES = {
    "direct": "{folder}/real/s.db",
    "a relative path": "real/s.db",
    "a path with dots": "{folder}/real/../real/./s.db",
    "a symbolic link": "{folder}/link.db",
    "a link to a link": "links.db",
    "a link to its folder": "{folder}/dir/s.db",
}
COMMANDS = {
    "verify": ["verify", "--store", "{name}"],
    "repair": ["repair", "--trust", "ledger", "--apply", "--store", "{name}"],
    "restore": ["restore", "{folder}/backup.db", "--store", "{name}"],
    "serve": ["--listen", "127.0.0.1:0", "--store", "{name}"],
}


def run(rowlockd, folder, command, name):
    name = name.format(folder=folder)
    arguments = [word.format(folder=folder, name=name) for word in COMMANDS[command]]
    return subprocess.run([rowlockd, *arguments], capture_output=True, text=True, cwd=folder,
                          timeout=END_S_MAX)


def expect(rowlockd, folder, command, name, code, *words):
    ended = run(rowlockd, folder, command, name)
    assert ended.returncode == code, f"{command} {name}: {ended}"
    for word in words:
        assert word in ended.stderr, f"{command} {name} does not say {word}: {ended.stderr}"


def serves(rowlockd, folder, name):
    before = os.getcwd()
    os.chdir(folder)
    try:
        with Daemon(rowlockd, name.format(folder=folder)) as server:
            assert Client(server.port).get("/v1/stock/A-1/WH1").json()["on_hand"] == 5
    finally:
        os.chdir(before)


def by_each_name(rowlockd, folder):
    """What nobody has, everybody may have; nothing is made where the links lie."""
    store = make_world(rowlockd, folder)
    there = set(os.listdir(folder))
    for name in NAMES.values():
        for command in ("verify", "repair", "restore"):
            expect(rowlockd, folder, command, name, OK)
        serves(rowlockd, folder, name)
        assert set(os.listdir(folder)) == there, os.listdir(folder)
        assert os.path.islink(folder / "link.db") and not os.path.islink(store)


def while_a_server_has_it(rowlockd, folder, first="{folder}/real/s.db"):
    store = make_world(rowlockd, folder)
    with Daemon(rowlockd, first.format(folder=folder)) as server:
        seen = (store.stat().st_ino, set(os.listdir(store.parent)))
        for name in NAMES.values():
            for command in COMMANDS:
                expect(rowlockd, folder, command, name, TEMPORARY, str(server.process.pid))
        assert (store.stat().st_ino, set(os.listdir(store.parent))) == seen
        answer = Client(server.port).post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
        assert answer.status == 201, answer
    expect(rowlockd, folder, "verify", "{folder}/real/s.db", OK)


def while_a_server_has_it_by_a_link(rowlockd, folder):
    while_a_server_has_it(rowlockd, folder, "{folder}/link.db")


def hard_link(rowlockd, folder):
    """By either name; a lock beside one is none beside the other."""
    store = make_world(rowlockd, folder)
    os.link(store, folder / "hard.db")
    before = store.read_bytes()
    for name in ("{folder}/hard.db", *NAMES.values()):
        for command in COMMANDS:
            expect(rowlockd, folder, command, name, CONFIGURATION, "2 names", "hard links")
    assert store.read_bytes() == before
    assert not (folder / "hard.db.lock").exists()
    (folder / "hard.db").unlink()
    serves(rowlockd, folder, NAMES["direct"])


def hard_link_while_a_server_has_it(rowlockd, folder):
    store = make_world(rowlockd, folder)
    with Daemon(rowlockd, store) as server:
        os.link(store, folder / "hard.db")
        for command in COMMANDS:
            expect(rowlockd, folder, command, "{folder}/hard.db", CONFIGURATION, "hard links")
        answer = Client(server.port).post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
        assert answer.status == 201, answer


def dangling_link(rowlockd, folder):
    make_world(rowlockd, folder)
    there = set(os.listdir(folder / "real"))
    for command in COMMANDS:
        expect(rowlockd, folder, command, "{folder}/gone.db", DATA, "not there")
    assert set(os.listdir(folder / "real")) == there
    assert not (folder / "gone.db.lock").exists()


def lock_that_is_a_link(rowlockd, folder):
    """To nothing, or to what whoever may write to the folder would have another one write over."""
    store = make_world(rowlockd, folder)
    lock, other = folder / "real" / "s.db.lock", folder / "other"
    other.write_text("of somebody else")
    for target in ("nowhere", other):
        lock.unlink()
        lock.symlink_to(target)
        before = store.read_bytes()
        for command in COMMANDS:
            expect(rowlockd, folder, command, NAMES["direct"], FORBIDDEN, "is a link")
        assert store.read_bytes() == before and lock.is_symlink()
        assert other.read_text() == "of somebody else"


def interrupted_restore(rowlockd, folder):
    """Killed behind its last but one step, it leaves a second name; that is its own."""
    store = make_world(rowlockd, folder)
    kept = store.parent / "s.db.before-restore-20261124T031500Z"
    os.link(store, kept)
    expect(rowlockd, folder, "verify", NAMES["direct"], OK)
    assert kept.exists(), "verify only reads"
    expect(rowlockd, folder, "serve", "{folder}/real/" + kept.name, CONFIGURATION, "hard links")
    serves(rowlockd, folder, NAMES["direct"])
    assert not kept.exists()


def held_by_another_program(rowlockd, folder):
    store = make_world(rowlockd, folder)
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        ended = subprocess.run([rowlockd, "--store", store, "--listen", "127.0.0.1:0",
                                "--store-busy-ms", "200"],
                               capture_output=True, text=True, timeout=END_S_MAX)
    finally:
        holder.close()
    assert ended.returncode == TEMPORARY and "another program" in ended.stderr, ended
    serves(rowlockd, folder, NAMES["direct"])


run_cases([
    ("a store by a path, a link, a link to a link, to its folder: verify, repair, restore, serve",
     by_each_name),
    ("the same while a server has it: each is refused (75), and changes nothing",
     while_a_server_has_it),
    ("the same while a server has it by a link", while_a_server_has_it_by_a_link),
    ("a file with two names is refused (78) by all of them, in words", hard_link),
    ("one that gets a second name while a server has it is refused by that, too",
     hard_link_while_a_server_has_it),
    ("a link to nothing is refused (65), and nothing is made where it leads", dangling_link),
    ("a lock file that is a link is refused, wherever it leads", lock_that_is_a_link),
    ("the second name that an interrupted restore left is taken away", interrupted_restore),
    ("a start while another program holds the store is 75", held_by_another_program),
])
