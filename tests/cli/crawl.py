#!/usr/bin/env python3
"""crawl - `rowlock crawl` against a server: are its orders true, and is all as it was afterwards?

    tests/cli/crawl.py ROWLOCK ROWLOCKD
"""
import json
import os
import pathlib
import pty
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client  # noqa: E402

BOUND_S = 60


class World:
    def __init__(self, rowlock, port):
        self.rowlock = rowlock
        self.url = f"http://127.0.0.1:{port}"
        self.client = Client(port)
        for code in ("WH1", "WH2"):
            self.client.put(f"/v1/locations/{code}", {"name": code})
        for number in range(1, 6):
            self.client.put(f"/v1/items/A-{number}", {"name": "Thing"})
            for code in ("WH1", "WH2"):
                self.client.post(f"/v1/stock/A-{number}/{code}/adjust", {"delta": 100 + number})

    def run(self, *words, stdout=subprocess.PIPE, **environment):
        kept = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")
                if name in os.environ}
        return subprocess.run([self.rowlock, "crawl", "--server", self.url, *words],
                              env=kept | {"LC_ALL": "C"} | environment, stdout=stdout,
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=BOUND_S)

    def crawl(self, *words):
        found = self.run("--json", *words)
        assert found.returncode == 0, found
        return json.loads(found.stdout)

    def stock(self, row):
        return self.client.get(f"/v1/stock/{row}").json()


def pairs(order):
    return sum(order[i] > order[k] for i in range(len(order)) for k in range(i + 1, len(order)))


def orders_are_true(world):
    """What it counts is what it lists; and what it lists is what the ledger says."""
    before = world.stock("A-2/WH1")
    found = world.crawl("--sku", "A-2", "--location", "WH1", "--reads", "60", "--updates", "90")
    assert (found["sku"], found["location"], found["connections"]) == ("A-2", "WH1", 150), found
    assert found["is_in_line"] and found["is_alone"] and found["is_in_order"], found
    for lane, count, fields in (("reads", 60, ["answered"]),
                                ("updates", 90, ["in_line", "served", "answered"])):
        assert (found[lane]["count"], found[lane]["failures"]) == (count, 0), found
        for field in fields:
            order, said = found[lane][field], found[lane][f"{field}_disorder"]
            assert sorted(order) == list(range(1, count + 1)), (lane, field)
            moved = [abs(number - place) for place, number in enumerate(order, 1)]
            assert said["pairs"] == pairs(order), (lane, field)
            assert abs(said["pairs_share"] - pairs(order) / (count * (count - 1) / 2)) < 1e-9
            assert said["in_place"] == moved.count(0), (lane, field)
            assert abs(said["moved_mean"] - sum(moved) / count) < 1e-9, (lane, field)
            assert said["moved_max"] == max(moved), (lane, field)
    assert found["updates"]["in_line"] == found["updates"]["served"]

    ledger = world.client.get("/v1/movements?sku=A-2&location=WH1&limit=90&order=desc").json()
    movements = ledger["data"][::-1]
    assert all(m["reason"] == "crawl" for m in movements), movements
    served = [1 if number % 2 else -1 for number in found["updates"]["served"]]
    assert [m["on_hand_delta"] for m in movements] == served
    assert movements[0]["version"] == before["version"] + 1
    assert world.stock("A-2/WH1") == before | {
        name: world.stock("A-2/WH1")[name] for name in ("version", "seq", "updated_at")}
    assert world.client.get("/v1/leases").json()["data"] == []


def reads_come_out_of_order(world):
    """Hundreds of them, three times: that not one overtakes another does not happen."""
    found = [world.crawl("--reads", "200", "--updates", "200", "--seed", str(seed))
             for seed in (1, 2, 3)]
    assert all(f["is_in_order"] and f["is_in_line"] for f in found)
    assert max(f["reads"]["answered_disorder"]["pairs"] for f in found) > 0
    assert {(f["sku"], f["location"]) for f in found} == {("A-5", "WH1")}  # it has the most units


def others_in_line(world):
    """They stand between the crawler's updates, and are no trouble."""
    is_over = threading.Event()

    def write():
        client = Client(world.client.port)
        while not is_over.is_set():
            client.post("/v1/stock/A-4/WH1/adjust?wait=30", {"delta": 1})
        client.close()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    found = world.crawl("--sku", "A-4", "--location", "WH1", "--reads", "50", "--updates", "50")
    is_over.set()
    for thread in threads:
        thread.join()
    assert found["updates"]["failures"] == 0 and not found["is_alone"], found
    assert sorted(found["updates"]["served"]) == list(range(1, 51)), found


def for_people(world):
    words = ("--reads", "40", "--updates", "30", "--sku", "A-1")
    found = world.run(*words)
    assert found.returncode == 0 and not found.stderr, found
    text = found.stdout.decode()
    assert text.isascii() and "\x1b" not in text
    assert text.startswith("40 reads, and 30 updates of A-1/WH1, asked at once on 70 connections")
    for line in ("reads: nobody orders them", "updates: the row's queue orders them", "  asked ",
                 "  answered ", "  in line ", "  served ", "Every update was served at its place"):
        assert line in text, text
    assert max(map(len, text.splitlines())) <= 90, text
    assert "⠁" <= max(world.run(*words, LC_ALL="C.UTF-8").stdout.decode()) <= "⣿"


def on_a_terminal(world, is_coloured, **environment):
    ours, theirs = pty.openpty()
    found = world.run("--reads", "5", "--updates", "5", stdout=theirs, TERM="xterm", **environment)
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:  # its last writer is gone
        pass
    os.close(ours)
    assert found.returncode == 0 and (b"\x1b[33m" in text) == is_coloured, text


def one_of_each(world):
    found = world.crawl("--reads", "1", "--updates", "1")
    assert found["reads"]["answered"] == found["updates"]["served"] == [1]
    assert found["updates"]["served_disorder"]["pairs_share"] == 0


def refusals(world):
    taken = world.client.put("/v1/leases/mine", {
        "rows": [{"sku": "A-3", "location": "WH1"}], "ttl_s": 60, "purpose": "count"})
    assert taken.status == 201, taken
    for words, code, said in ((["--sku", "A-3", "--location", "WH1"], 5, "row-leased"),
                              (["--sku", "NO-SUCH"], 6, "unknown-item"),
                              (["--sku", "A-1", "--location", "NO"], 1, "no such stock"),
                              (["--reads", "1001"], 2, "at most 1000"),
                              (["--updates", "0"], 2, "from 1")):
        found = world.run(*words)
        assert found.returncode == code and said in found.stderr.decode(), found
        assert not found.stdout, found
    assert world.client.request("DELETE", "/v1/leases/mine").status == 204
    world.url = "http://127.0.0.1:1"
    assert world.run().returncode == 3


def main(rowlock, rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-crawl-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "store.db", ["--loops", "2"]) as server:
            world = World(rowlock, server.port)
            tap.run("its orders are those of the ledger, and it cleans up", orders_are_true, world)
            tap.run("reads come out of order, updates never", reads_come_out_of_order, world)
            tap.run("other clients in the line are no trouble", others_in_line, world)
            tap.run("for people", for_people, world)
            tap.run("a terminal has colours", on_a_terminal, world, True)
            tap.run("unless NO_COLOR says no", lambda: on_a_terminal(world, False, NO_COLOR="1"))
            tap.run("one of each", one_of_each, world)
            tap.run("what cannot be crawled is refused", refusals, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
