#!/usr/bin/env python3
"""audit - who did what survives as what was done does: both, or neither, whatever ends it."""
import contextlib
import os
import sqlite3
import threading

from case import Daemon, inject, needs_strace, run_cases
from disk import fill, needs_mount, small_disk
from talk import Client, Closed, NoAnswer, wait_until

MOMENTS = (21, 22, 23, 25, 30)  # the n-th such call of the writer's thread
KILLS = 4
MADE_BEFORE = 150


def query(store, sql):
    with contextlib.closing(sqlite3.connect(store)) as database:
        return database.execute(sql).fetchall()


def expect_both(store):
    """Each item has the row of who made it, each lease that of who took it; nothing else has."""
    found = query(store, """
        SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM audit WHERE action = 'item-make'),
            (SELECT count(*) FROM item i JOIN audit a ON a.subject = i.sku
                AND a.action = 'item-make' AND a.actor = 'local'),
            (SELECT next_fence - 1 FROM store),
            (SELECT count(*) FROM audit WHERE action = 'lease-take')""")[0]
    items, rows, same, fences, takes = found
    assert items == rows == same and fences == takes, found
    return items


def make(port, name, made):
    """Items and leases until the server is gone; what was answered is in `made`."""
    client = Client(port)
    for n in range(1 << 20):
        try:
            if client.put(f"/v1/items/{name}-{n}", {"name": "n"}).status != 201:
                return
            made.append(n)
            client.post("/v1/leases?wait=0", {"rows": [{"sku": f"{name}-{n}", "location": "W"}],
                                              "ttl_s": 600, "purpose": "p"})
        except (Closed, NoAnswer, OSError):
            return


def load(server, name, made):
    threads = [threading.Thread(target=make, args=(server.port, f"{name}{n}", made))
               for n in range(4)]
    for thread in threads:
        thread.start()
    return threads


def both_or_neither(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db").start()
    assert Client(server.port).put("/v1/locations/W", {"name": "w"}).status == 201
    made = []
    for n in range(KILLS):
        threads = load(server, f"K{n}", made)
        wait_until(lambda wanted=MADE_BEFORE * (n + 1): len(made) >= wanted, "items are made")
        server.kill()
        for thread in threads:
            thread.join()
        assert expect_both(server.store) >= len(made)
        server.start()
    server.stop()


def both_or_neither_at_each_call(rowlockd, folder):
    server = Daemon(rowlockd, folder / "store.db").start()
    assert Client(server.port).put("/v1/locations/W", {"name": "w"}).status == 201
    server.stop()
    made = []
    for call in ("pwrite64", "fdatasync"):
        for moment in MOMENTS:
            server.wrapper = inject(call, "signal=SIGKILL", moment)
            server.start()
            for thread in load(server, f"{call}{moment}", made):
                thread.join()
            server.wait(-9)
            assert expect_both(server.store) >= len(made)
    server.wrapper = []
    server.start().stop()


def a_stop_keeps_what_waits(rowlockd, folder):
    """Rows of reads wait for a group; the last one is of the stop."""
    server = Daemon(rowlockd, folder / "store.db").start()
    for n in range(1, 6):
        assert Client(server.port).get("/v1/verify").status == 200
        server.stop()
        assert query(server.store, "SELECT count(*) FROM audit") == [(n,)]
        server.start()
    server.stop()


def each_row_is_written_once(rowlockd, folder):
    """A read's row, where nothing else happens; and a change behind it, whose group takes none."""
    count = "SELECT count(*) FROM audit WHERE action = 'backup'"
    with Daemon(rowlockd, folder / "store.db") as server:
        client = Client(server.port)
        for n in range(1, 4):
            assert client.get("/v1/backup").status == 200
            wait_until(lambda n=n: query(server.store, count)[0][0] >= n, "its row")
        assert client.put("/v1/locations/W", {"name": "w"}).status == 201
        server.stop()
        assert query(server.store, count) == [(3,)], query(server.store, count)


def full_disk(rowlockd, folder):
    """A change whose row cannot be written is refused and not done; reads go on, and their rows
    come once there is room."""
    with small_disk(folder) as disk, Daemon(
            rowlockd, disk / "store.db", ["--spool-dir", str(folder)]) as server:
        client = Client(server.port)
        assert client.put("/v1/locations/W", {"name": "w"}).status == 201
        fill(disk)
        made = []

        def make_one():
            answer = client.put(f"/v1/items/D-{len(made)}", {"name": "n" * 100})
            if answer.status == 201:
                made.append(answer)
                return False
            assert (answer.status, answer.json()["code"], answer.json()["outcome"]) == \
                (503, "disk-full", "not_applied"), answer
            return True

        wait_until(make_one, "not even one more fits")
        for path in ("/v1/verify", "/v1/backup", "/v1/export"):
            assert client.get(path).status == 200, path
        assert make_one(), "a change is not done without its row"
        assert client.get("/livez").status == 200
        os.remove(disk / "filler")
        wait_until(lambda: query(server.store, "SELECT group_concat(action) FROM (SELECT action "
                                 "FROM audit WHERE action IN ('verify', 'backup', 'export') "
                                 "ORDER BY id)") == [("verify,backup,export",)], "their rows")
        assert expect_both(server.store) == len(made)


if __name__ == "__main__":
    run_cases([
        ("kill -9 under load: an effect and its row, or neither", both_or_neither),
        ("kill -9 at the system calls of a commit", both_or_neither_at_each_call, needs_strace),
        ("a stop keeps the rows that wait", a_stop_keeps_what_waits),
        ("the row of a read is written once, also where nothing else happens",
         each_row_is_written_once),
        ("the disk is full: nothing without its row, and no row of a read is lost", full_disk,
         needs_mount),
    ])
