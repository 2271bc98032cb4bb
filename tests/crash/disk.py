#!/usr/bin/env python3
"""disk - the disk fails, or is full: what is said, what is kept, and how it goes on."""
import contextlib
import os
import sqlite3
import subprocess
import threading
import time

from case import Daemon, inject, injected, needs_strace, run_cases
from daemon import ServerTrouble
from load import Load, make_rows
from talk import Client, wait_until

CODE_NO_ROOM, CODE_DISK = 73, 74
CODE_DATA = 65
CODES_OF_A_START = (CODE_DATA, 69, 71, 127)  # what cannot be read, in the end its libraries
DISK_BYTES = 4 << 20
LEFT_BYTES = 700 << 10  # for the store, once the filler is there


def flush_fails(rowlockd, folder):
    """Whether the group is kept is not known: everybody in it is told so, and the server stops."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port)
    load = Load(threads=16)
    server.stop()
    for moment in (5, 6, 17):
        server.wrapper = inject("fdatasync", "error=EIO", moment)
        server.start()
        load.start(server.port)
        load.join()
        server.wait(CODE_DISK)
        load.prove(server.store)
        server.wrapper = []
        server.start()
        load.retry(server.port)
        server.stop()
        load.prove(server.store)
    codes = {answer.json()["code"] for _, answer in load.refused}
    assert "outcome-unknown" in codes, codes
    assert codes <= {"outcome-unknown", "store-failed", "draining"}, codes
    for _, answer in load.refused:
        assert answer.status in (500, 503), answer


def decide_this_and_that(server, moment):
    """What it took to decide: [(the reservation that was asked for, or "", the answer)]."""
    client, row = Client(server.port), {"sku": "A-1", "location": "WH1"}
    return [(f"p-{moment}", client.put(f"/v1/reservations/p-{moment}", {
                "ttl_s": 600, "lines": [{**row, "quantity": 1}]})),
            ("", client.request("PATCH", "/v1/items/A-1", {"name": f"n-{moment}"})),
            ("", client.put(f"/v1/leases/l-{moment}", {"ttl_s": 1, "purpose": "x", "rows": [row]})),
            (f"q-{moment}", client.put(f"/v1/reservations/q-{moment}", {
                "ttl_s": 600, "supersedes": f"p-{moment}", "lines": [{**row, "quantity": 2}]}))]


def pages_cannot_be_read(rowlockd, folder):
    """Whatever is being decided then: an answer that is true, and the server stays for reads."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 100)
    # More pages than a start reads: what a decision looks up has to be read for it.
    items = [{"op": "item", "sku": f"F-{n}", "name": "x" * 200} for n in range(2000)]
    assert Client(server.port).post("/v1/batch?results=none", items).json()[-1]["failed"] == 0
    server.stop()
    refused, damaged, applied = 0, 0, set()
    for moment in range(1, 31):
        server.start()
        with injected(server.process, "pread64", "error=EIO", moment):
            for name, answer in decide_this_and_that(server, moment):
                assert answer.status in (200, 201, 404, 503), answer
                refused += answer.status == 503
                if answer.status == 201 and name:
                    applied.add(name)
            # A page that the disk does not give back is damaged: nothing more is written.
            ready = Client(server.port).get("/readyz")
        server.stop(0 if ready.status == 200 else CODE_DATA)
        damaged += ready.status == 503
    database = sqlite3.connect(server.store)
    made = {name for name, in database.execute("SELECT name FROM reservation")}
    assert made == applied, made ^ applied
    assert database.execute("SELECT count(*) FROM v_ledger_check").fetchone() == (0,)
    database.close()
    assert refused > 0 and damaged > 0, "no fault has met a decision"


def pages_cannot_be_read_at_the_start(rowlockd, folder):
    """It says so and ends, or it has no need of that page."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 50)
    server.stop()
    ended = 0
    for moment in range(1, 31):
        server.wrapper = inject("pread64", "error=EIO", moment)
        try:
            server.start()
        except ServerTrouble:
            assert server.process.returncode in CODES_OF_A_START, server.last_words()
            ended += 1
            continue
        ready = Client(server.port).get("/readyz")
        server.stop(0 if ready.status == 200 else CODE_DATA)
    assert ended > 0, "no fault has met a start"


ADJUST = "/v1/stock/A-1/WH1/adjust"
CHANGE = {"op": "adjust", "sku": "A-1", "location": "WH1", "delta": 1}
FORMS = {
    "a request": (ADJUST, {"delta": 1}, {}),
    "an operation": (ADJUST, {"delta": 1}, {"Prefer": "respond-async"}),
    "a batch": ("/v1/batch", [CHANGE], {}),
    "an atomic batch": ("/v1/batch?atomic=true", [CHANGE, CHANGE], {}),
}


def send(client, form, key):
    """What became of it: (code, outcome). An operation is waited for."""
    path, body, headers = FORMS[form]
    answer = client.post(path, body, Idempotency_Key=key, **headers)
    said = answer.json()
    if answer.status == 202:
        said = client.get(f"/v1/operations/{said['id']}?wait=5").json()["result"]
    elif isinstance(said, list):
        said = said[-1]
    return said.get("code", "done"), said.get("outcome")


def unknown_stays_unknown(rowlockd, folder):
    """Whoever sends a key of the lost group again is told that nobody knows, in whatever form; of
    everything else nothing was done."""
    alike = {"a request": ("a request", "an operation"),
             "an operation": ("an operation", "a request"),
             "a batch": ("a batch", "an atomic batch"), "an atomic batch": ("an atomic batch",)}
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port, 1)
    server.stop()
    for number, form in enumerate(FORMS):
        server.wrapper = inject("fdatasync", "error=EIO", "2+")
        server.start()
        client, key = Client(server.port), f"lost-{number}"
        while (said := send(client, form, key)) == ("done", None):
            key += "x"
        assert said == ("outcome-unknown", "unknown"), (form, said)
        for again in alike[form]:
            said = send(client, again, key)
            assert said == ("outcome-unknown", "unknown"), (form, again, said)
        said = client.post(ADJUST, {"delta": 2}, Idempotency_Key=key).json()
        wanted = "store-failed" if "batch" in form else "idempotency-key-reused"
        assert (said["code"], said["outcome"]) == (wanted, "not_applied"), said
        for other in FORMS:
            assert send(client, other, "other") == ("store-failed", "not_applied"), other
        server.wait(CODE_DISK)
        server.wrapper = []
        server.start()
        client = Client(server.port)
        counts = [client.get("/v1/stock/A-1/WH1").json()["version"]]
        for _ in range(2):  # it takes effect once, then or now
            assert (said := send(client, form, key)) == ("done", None), (form, said)
            counts.append(client.get("/v1/stock/A-1/WH1").json()["version"])
        assert counts[0] <= counts[1] == counts[2], counts
        server.stop()


def write_fails(rowlockd, folder):
    """Before the flush: the group is taken back, and the next one works."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port)
    server.stop()
    server.wrapper = inject("pwrite64", "error=EIO", "40")
    server.start()
    load = Load(threads=8)
    load.start(server.port, may_go_on=lambda: len(load.acknowledged) < 1000)
    load.join()
    assert server.is_running(), server.last_words()
    assert load.refused, "no write failed"
    for _, answer in load.refused:
        problem = answer.json()
        assert (answer.status, problem["outcome"]) == (503, "not_applied"), answer
    load.retry(server.port)
    server.stop()
    load.prove(server.store)


def needs_mount():
    if os.geteuid() != 0:
        return "only root can make a small disk"
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                           capture_output=True, text=True)
    return f"no disk can be mounted here: {probe.stderr.strip()}" if probe.returncode else None


@contextlib.contextmanager
def small_disk(folder):
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(disk, left_bytes=LEFT_BYTES):
    stat = os.statvfs(disk)
    with open(disk / "filler", "wb") as filler:
        filler.write(b"x" * (stat.f_bavail * stat.f_frsize - left_bytes))


def ask_until(port, path, status):
    client = Client(port)
    wait_until(lambda: client.get(path).status == status, f"{path} is {status}")


def disk_full(rowlockd, folder):
    with small_disk(folder) as disk, Daemon(rowlockd, disk / "store.db") as server:
        make_rows(server.port)
        fill(disk)
        load = Load(threads=8)
        is_full = threading.Event()
        load.start(server.port, may_go_on=lambda: not is_full.is_set())
        load.wait_for(lambda: load.refused)
        is_full.set()
        load.join()
        for _, answer in load.refused:
            problem = answer.json()
            assert (answer.status, problem["code"], problem["outcome"]) == \
                (503, "disk-full", "not_applied"), answer
            assert answer.header("Retry-After"), answer
        client = Client(server.port)

        def sell():
            return client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status

        # What was too much for a group of many may have room for one: until that is gone, too.
        wait_until(lambda: sell() == 503, "not even one more fits")
        assert client.get("/livez").status == 200
        ready = client.get("/readyz")
        assert ready.status == 503, ready
        assert client.get("/v1/stock/A-1/WH1").status == 200
        assert client.get("/v1/movements?limit=1").status == 200
        key = load.refused[0][0]
        assert load.change(client, key, load.sent[key]).status in (201, 503)
        os.remove(disk / "filler")
        wait_until(lambda: sell() == 201, "there is space again")
        load.retry(server.port)
        ask_until(server.port, "/readyz", 200)
        load.prove(server.store)


def no_room_for_the_index(rowlockd, folder):
    """The log has room in its file, its index (-shm) has not: what is said not to be applied is not
    found after a crash."""
    with small_disk(folder) as disk:
        server = Daemon(rowlockd, disk / "store.db").start()
        make_rows(server.port, 1)
        client = Client(server.port)
        for _ in range(20):
            assert client.post(ADJUST, {"delta": 1}).status == 201
        server.kill()
        os.remove(f"{server.store}-shm")  # as after a power cut
        fill(disk, 12 * 4096)
        server.start()
        client = Client(server.port)
        before = client.get("/v1/stock/A-1/WH1").json()["version"]
        answer = client.post(ADJUST, {"delta": 1}, Idempotency_Key="k")
        said = answer.json()
        assert (answer.status, said["code"], said["outcome"]) == \
            (503, "disk-full", "not_applied"), answer
        assert client.get("/v1/stock/A-1/WH1").json()["version"] == before
        server.kill()
        os.remove(disk / "filler")
        server.start()
        client = Client(server.port)
        assert client.get("/v1/stock/A-1/WH1").json()["version"] == before
        assert client.post(ADJUST, {"delta": 1}, Idempotency_Key="k").status == 201
        server.stop()


def no_room_for_results(rowlockd, folder):
    """The store has room, --spool-dir has not: what was done is said, and not more was done."""
    lines = [{"op": "adjust", "sku": "A-1", "location": "WH1", "delta": 1}] * 50000
    with small_disk(folder) as disk, \
            Daemon(rowlockd, folder / "store.db", ["--spool-dir", str(disk)]) as server:
        make_rows(server.port, 1)
        client = Client(server.port)
        fill(disk)
        before = client.get("/v1/stock/A-1/WH1").json()["on_hand"]
        total = client.post("/v1/batch", lines).json()[-1]
        assert (total["code"], total["results"]) == ("disk-full", "lost"), total
        assert 0 < total["applied"] == total["stopped_at"] - 1 < len(lines), total
        now = client.get("/v1/stock/A-1/WH1").json()["on_hand"]
        assert now - before == total["applied"], (before, now, total)
        total = client.post("/v1/batch?results=none", lines).json()[-1]
        assert total["applied"] == len(lines), total


def full_from_the_start(rowlockd, folder):
    """A store that is there is served, as far as that goes; and written to once there is room."""
    with small_disk(folder) as disk:
        with Daemon(rowlockd, disk / "store.db") as server:
            make_rows(server.port, 5, ["A-1"])
        fill(disk, 0)
        with Daemon(rowlockd, disk / "store.db", ["--spool-dir", str(folder)]) as server:
            client = Client(server.port)
            assert client.get("/v1/stock/A-1/WH1").json()["on_hand"] == 5
            assert len(client.get("/v1/movements").json()["data"]) == 1
            assert client.get("/v1/export").status == 200

            def add():
                answer = client.post(ADJUST, {"delta": 1})
                assert answer.status == 201 or answer.json()["code"] == "disk-full", answer
                return answer.status

            wait_until(lambda: add() == 503, "what was kept free is used up")
            os.remove(disk / "filler")
            wait_until(lambda: add() == 201, "there is space again")


def no_room_for_a_copy(rowlockd, folder):
    """A repack says so before it begins, or takes away what it has begun."""
    with small_disk(folder) as disk:
        with Daemon(rowlockd, disk / "store.db") as server:
            make_rows(server.port, 5)
            items = [{"op": "item", "sku": f"F-{n}", "name": "x" * 200} for n in range(2000)]
            assert Client(server.port).post("/v1/batch?results=none", items).status == 200
        fill(disk, os.path.getsize(disk / "store.db"))
        before = (disk / "store.db").read_bytes()

        def repack():
            return subprocess.run([rowlockd, "repack", "--store", disk / "store.db", "--page-size",
                                   "4096"], capture_output=True, text=True)

        ended = repack()
        assert ended.returncode == CODE_NO_ROOM, ended
        assert "needs" in ended.stderr and "is as it was" in ended.stderr, ended
        assert (disk / "store.db").read_bytes() == before
        assert sorted(path.name for path in disk.iterdir()) == \
            ["filler", "store.db", "store.db.lock"]
        os.remove(disk / "filler")
        assert repack().returncode == 0


def groups_failed(client):
    lines = client.get("/metrics").body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines
                if line.startswith("rowlock_groups_failed_total "))


def nobody_waits(rowlockd, folder):
    """A lease ends, and there is no room to delete it: that is tried now and then."""
    with small_disk(folder) as disk, \
            Daemon(rowlockd, disk / "store.db", ["--spool-dir", str(folder)]) as server:
        make_rows(server.port, 5, ["A-1", "A-2"])
        client = Client(server.port)
        lease = {"ttl_s": 2, "purpose": "count", "rows": [{"sku": "A-2", "location": "WH1"}]}
        assert client.put("/v1/leases/count", lease).status == 201
        fill(disk, 0)
        wait_until(lambda: client.post(ADJUST, {"delta": 1}).status == 503, "no write fits")
        wait_until(lambda: not client.get("/v1/leases").json()["data"], "the lease has ended")
        begun, begun_s = groups_failed(client), time.monotonic()
        wait_until(lambda: groups_failed(client) >= begun + 3, "it is tried again")
        assert time.monotonic() - begun_s > 1, f"{groups_failed(client) - begun} groups at once"
        os.remove(disk / "filler")
        wait_until(lambda: client.post(ADJUST, {"delta": 1}).status == 201, "there is space again")


def no_room_for_a_store(rowlockd, folder):
    """Nothing can be made: it says so, and the next start does not take that for a lost store."""
    with small_disk(folder) as disk:
        for left_bytes in (0, 3 * 4096):
            fill(disk, left_bytes)
            ended = subprocess.run([rowlockd, "--store", disk / "store.db", "--listen",
                                    "127.0.0.1:0", "--spool-dir", folder],
                                   capture_output=True, text=True)
            assert ended.returncode == CODE_NO_ROOM, ended
            assert "store_refused" in ended.stderr and "damaged" not in ended.stderr, ended.stderr
            os.remove(disk / "filler")
            with Daemon(rowlockd, disk / "store.db") as server:
                make_rows(server.port, 1, ["A-1"])
            for name in disk.iterdir():
                name.unlink()


if __name__ == "__main__":
    run_cases([
        ("a flush fails: outcome-unknown, exit 74, and every key takes effect once after a restart",
         flush_fails, needs_strace),
        ("a key of a lost group is unknown until the process ends, and takes effect once after it",
         unknown_stays_unknown, needs_strace),
        ("a write fails before the flush: the group is taken back, the server goes on", write_fails,
         needs_strace),
        ("a page cannot be read: answered, whatever is decided, and nothing is half done",
         pages_cannot_be_read, needs_strace),
        ("a page cannot be read at the start: it ends and says so, or serves",
         pages_cannot_be_read_at_the_start, needs_strace),
        ("the disk is full: writes are 503, reads go on, and it recovers by itself", disk_full,
         needs_mount),
        ("the index of the log cannot grow: found before anything is flushed",
         no_room_for_the_index,
         needs_mount),
        ("full from the start: a store that is there is served, and written to once there is room",
         full_from_the_start, needs_mount),
        ("full, and nobody waits: a lease that ended does not keep it busy",
         nobody_waits, needs_mount),
        ("full from the start: no store can be made (73), and the next start makes one",
         no_room_for_a_store, needs_mount),
        ("there is no room for a second copy: a repack says so, and changes nothing",
         no_room_for_a_copy, needs_mount),
        ("there is no room for the results of a batch: it stops, and says how far it came",
         no_room_for_results, needs_mount),
    ])
