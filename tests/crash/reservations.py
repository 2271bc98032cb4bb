#!/usr/bin/env python3
"""reservations - kill -9 while units are promised, sold and run out.

Each is resolved once, and what is reserved is what is promised.
"""
import random
import sqlite3
import threading
import time

from case import Daemon, run_cases
from load import ROWS, STOPPED, make_rows
from talk import Client

SHOPPERS = 24
UNITS = 1_000_000
ROUNDS = 3
RESOLVED = 400     # acknowledged before each kill
RUN_OUT_S_MAX = 30


class Shoppers:
    """Reserve for a second or a minute, then commit, release, or forget."""

    def __init__(self):
        self.seed = random.Random(7)
        self.committed = {}  # acknowledged: id -> units
        self.maybe = {}      # asked to commit, never answered: id -> units
        self.resolved = 0
        self.trouble = []
        self.changed = threading.Condition()

    def shop(self, client, seed):
        quantity = seed.randint(1, 3)
        answer = client.post("/v1/reservations?wait=60", {
            "ttl_s": seed.choice((1, 60)),
            "lines": [{"sku": sku, "location": "WH1", "quantity": quantity}
                      for sku in seed.sample(ROWS, 2)]})
        if answer.status != 201:
            self.trouble.append(str(answer))
            return
        name, verb = answer.json()["id"], seed.choice(("commit", "release", None))
        if verb is None:
            return
        if verb == "commit":
            self.maybe[name] = 2 * quantity
        answer = client.post(f"/v1/reservations/{name}/{verb}?wait=60", {})
        with self.changed:
            if answer.status == 200 and verb == "commit":
                self.committed[name] = 2 * quantity
            elif answer.status not in (200, 409):
                self.trouble.append(str(answer))
            self.maybe.pop(name, None)
            self.resolved += 1
            self.changed.notify_all()

    def work(self, port, seed):
        client = Client(port)
        try:
            while not self.trouble:
                self.shop(client, seed)
        except STOPPED:
            client.close()

    def run(self, server):
        """Until so many were resolved; then the server is killed, and all of them with it."""
        goal = self.resolved + RESOLVED
        threads = [threading.Thread(target=self.work,
                                    args=(server.port, random.Random(self.seed.random())))
                   for _ in range(SHOPPERS)]
        for thread in threads:
            thread.start()
        with self.changed:
            assert self.changed.wait_for(lambda: self.trouble or self.resolved >= goal, 60)
        server.kill()
        for thread in threads:
            thread.join()
        assert not self.trouble, self.trouble[0]


def prove(store, shoppers):
    database = sqlite3.connect(store)
    assert database.execute("SELECT * FROM v_ledger_check").fetchall() == []
    assert database.execute("SELECT * FROM v_reserved_check").fetchall() == []
    states = dict(database.execute("SELECT name, state FROM reservation"))
    lost = [name for name in shoppers.committed if states.get(name) != "committed"]
    assert not lost, f"acknowledged, and lost: {lost}"
    sold = sum(units for name, units in (shoppers.committed | shoppers.maybe).items()
               if states.get(name) == "committed")
    left, = database.execute("SELECT sum(on_hand) FROM stock").fetchone()
    assert left == UNITS * len(ROWS) - sold, f"{sold} were sold, {left} are left"
    database.close()


def wait_until_run_out(server):
    client, deadline = Client(server.port), time.monotonic() + RUN_OUT_S_MAX
    while client.get("/v1/reservations?state=active&limit=1").json()["data"]:
        assert time.monotonic() < deadline, "what has run out is still promised"
    client.close()


def kill_while_shopping(release):
    def case(rowlockd, folder):
        server = Daemon(rowlockd, folder / "store.db", ["--row-release", release]).start()
        make_rows(server.port, UNITS)
        shoppers = Shoppers()
        for _ in range(ROUNDS):
            shoppers.run(server)
            prove(server.store, shoppers)
            server.start()
        client = Client(server.port)
        page = {"next": None, "data": []}
        while page["next"] or not page["data"]:  # the forgotten ones of a minute
            after = f"&after={page['next']}" if page["next"] else ""
            page = client.get(f"/v1/reservations?state=active&limit=1000{after}").json()
            for found in page["data"]:
                client.post(f"/v1/reservations/{found['id']}/extend", {"ttl_s": 1})
            if not page["next"]:
                break
        client.close()
        wait_until_run_out(server)
        server.stop()
        prove(server.store, shoppers)
    return case


run_cases([(f"kill -9 while shoppers reserve, commit and let run out, three times, released {when}",
            kill_while_shopping(release))
           for release, when in (("early", "early"), ("commit", "at the commit"))])
