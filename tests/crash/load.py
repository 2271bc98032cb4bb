"""load - many clients that change stock, and the proof that each change happened once or never.

    load = Load(shop, threads=32)
    load.run(port, lambda: server.kill(), after=2000)     # acknowledged changes
    server.start()
    load.retry(port)                                      # every key again: now each has its effect
    load.prove(store)                                     # what the database itself says

Every change has a key of its own, which is also its reference in the ledger; so the ledger tells
which keys took effect, how often, and at which seq.
"""
import itertools
import threading

import books
import store as stores
from talk import Client, Closed, NoAnswer

ROWS = [f"A-{number}" for number in range(10)]
STOPPED = (Closed, NoAnswer, OSError)


def make_rows(port, units=0, skus=tuple(ROWS)):
    client = Client(port)
    client.put("/v1/locations/WH1", {"name": "warehouse"})
    for sku in skus:
        answer = client.put(f"/v1/items/{sku}", {"name": sku})
        assert answer.status in (200, 201), answer
        if units:
            answer = client.post(f"/v1/stock/{sku}/WH1/adjust", {"delta": units})
            assert answer.status == 201, answer
    client.close()


class Load:
    def __init__(self, threads=32, skus=tuple(ROWS)):
        self.threads, self.skus = threads, skus
        self.numbers = itertools.count()
        self.sent = {}          # key -> sku
        self.acknowledged = {}  # key -> (seq, version)
        self.refused = []       # (key, answer)
        self.changed = threading.Condition()

    def change(self, client, key, sku):
        return client.post(f"/v1/stock/{sku}/WH1/adjust?wait=60", {"delta": 1, "reference": key},
                           Idempotency_Key=key)

    def _note(self, key, answer):
        with self.changed:
            if answer.status == 201:
                movement = answer.json()["movement"]
                self.acknowledged[key] = (movement["seq"], movement["version"])
            else:
                self.refused.append((key, answer))
            self.changed.notify_all()

    def _work(self, port, may_go_on):
        client = Client(port)
        try:
            while may_go_on():
                number = next(self.numbers)
                key, sku = f"k-{number}", self.skus[number % len(self.skus)]
                self.sent[key] = sku
                self._note(key, self.change(client, key, sku))
        except STOPPED:
            pass  # the server is gone: what became of this key is not known
        client.close()

    def start(self, port, may_go_on=lambda: True):
        self.workers = [threading.Thread(target=self._work, args=(port, may_go_on))
                        for _ in range(self.threads)]
        for worker in self.workers:
            worker.start()

    def wait_for(self, condition, limit_s=60):
        """Waits until the condition holds of this load."""
        with self.changed:
            assert self.changed.wait_for(condition, limit_s), f"not within {limit_s} s"

    def join(self):
        for worker in self.workers:
            worker.join()

    def run(self, port, interrupt, after):
        """Lets everybody work until so many more are acknowledged; then interrupts, and waits."""
        wanted = len(self.acknowledged) + after
        self.start(port)
        try:
            self.wait_for(lambda: len(self.acknowledged) >= wanted)
        finally:
            interrupt()
            self.join()

    def retry(self, port):
        """Sends every key again. Those that were acknowledged are replayed as they were."""
        client = Client(port)
        for key, sku in self.sent.items():
            answer = self.change(client, key, sku)
            assert answer.status == 201, f"{key}: {answer}"
            movement = answer.json()["movement"]
            found = (movement["seq"], movement["version"])
            if key in self.acknowledged:
                assert answer.header("Idempotency-Replayed") == "true", f"{key}: {answer}"
                assert found == self.acknowledged[key], \
                    f"{key}: {found}, acknowledged was {self.acknowledged[key]}"
            self.acknowledged[key] = found
        client.close()

    def prove(self, store):
        """No acknowledged change is missing, none is there twice, and the books balance."""
        database = stores.open_sql(store)
        ledger = {}
        for key, seq, version in database.execute(
                "SELECT reference, seq, version FROM movement WHERE reference IS NOT NULL"):
            assert key not in ledger, f"{key} took effect twice: {ledger[key]}, {(seq, version)}"
            ledger[key] = (seq, version)
        for key, found in self.acknowledged.items():
            assert ledger.get(key) == found, f"{key}: {ledger.get(key)}, acknowledged {found}"
        assert set(ledger) <= set(self.sent), "a key that nobody sent"
        wrong = books.check(store)
        assert wrong is None, wrong
        if not stores.is_postgres():
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        gaps = database.execute(
            "SELECT stock_id FROM movement GROUP BY stock_id"
            " HAVING count(*) <> max(version) OR min(version) <> 1").fetchall()
        assert gaps == [], f"versions with gaps in the rows {gaps}"
        database.close()
