#!/usr/bin/env python3
"""oversell - 64 clients race for 500 units, on one row and on ten: exactly 500 are sold."""
import itertools
import sqlite3
import threading

from case import Daemon, run_cases
from load import make_rows
from talk import Client

CLIENTS = 64
UNITS = 500


def buy(port, skus, sold, trouble):
    """Buys until every row is sold out; sometimes two at once, sometimes what is left."""
    client, left = Client(port), list(skus)
    try:
        for number in itertools.count():
            if not left:
                return
            sku = left[number % len(left)]
            body = {"delta": -(1 + number % 3), "up_to": number % 2 == 0}
            answer = client.post(f"/v1/stock/{sku}/WH1/adjust?wait=60", body)
            if answer.status == 201:
                sold.append(-answer.json()["movement"]["on_hand_delta"])
            elif answer.status == 409 and answer.json()["available"] == 0:
                left.remove(sku)
            elif answer.status != 409:
                trouble.append(str(answer))
                return
    except Exception as error:  # shown by the main thread
        trouble.append(repr(error))


def race(rows, release):
    def case(rowlockd, folder):
        skus = [f"A-{number}" for number in range(rows)]
        server = Daemon(rowlockd, folder / "store.db", ["--row-release", release]).start()
        make_rows(server.port, UNITS // rows, skus)
        sold, trouble = [], []
        clients = [threading.Thread(target=buy, args=(server.port, skus, sold, trouble))
                   for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert not trouble, trouble[0]
        assert sum(sold) == UNITS, f"{sum(sold)} of {UNITS} units were sold"
        server.stop()
        database = sqlite3.connect(server.store)
        assert database.execute("SELECT * FROM v_ledger_check").fetchall() == []
        assert database.execute("SELECT sum(on_hand), min(on_hand) FROM stock").fetchone() == (0, 0)
        database.close()
    return case


run_cases([(f"{CLIENTS} clients, {UNITS} units, rows: {rows}, released {when}", race(rows, release))
           for rows in (1, 10)
           for release, when in (("early", "early"), ("commit", "at the commit"))])
