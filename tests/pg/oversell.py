#!/usr/bin/env python3
"""oversell - many clients of four front ends buy the same rows, until nothing is left.

    oversell.py ROWLOCKD [CASE...]
"""
import random

from shop import History, Shop, adjust, books, run_cases, together

FRONT_ENDS = 4
CLIENTS = 64
ROWS = [f"A-{number}" for number in range(20)]
UNITS = 300


def six_thousand_are_sold(rowlockd):
    with Shop(rowlockd, FRONT_ENDS) as shop:
        shop.stock(ROWS, UNITS)
        history, sold, refused = History(), [0] * CLIENTS, [0] * CLIENTS

        def buy(number):
            client, dice, left = shop.client(number), random.Random(number), list(ROWS)
            while left:
                sku = dice.choice(left)
                with history.call(sku, "write") as call:
                    answer = adjust(client, sku, -1)
                    if answer.status == 201:
                        call.saw(answer.json()["movement"]["version"])
                        sold[number] += 1
                if answer.status != 201:
                    assert answer.status == 409, answer
                    assert answer.json()["code"] == "insufficient-stock", answer
                    refused[number] += 1
                    left.remove(sku)
                if dice.random() < 0.3:
                    look(client, history, sku)
            client.close()

        together(CLIENTS, buy)
        assert sum(sold) == UNITS * len(ROWS), sum(sold)
        assert sum(refused) == CLIENTS * len(ROWS)
        for front in range(FRONT_ENDS):
            assert sum(sold[front::FRONT_ENDS]) > 0, f"front end {front} sold nothing"
        wrong = history.trouble()
        assert wrong is None, wrong
        with shop.session() as session:
            wrong = books.check_shared(session.run)
            assert wrong is None, wrong
            assert session.run("SELECT DISTINCT on_hand FROM v_stock") == [(0,)]
        assert shop.cluster.deadlocks() == 0


def look(client, history, sku):
    with history.call(sku, "read") as call:
        call.saw(client.get(f"/v1/stock/{sku}/WH1").json()["version"])


run_cases([
    ("four front ends sell 20 rows of 300 units to 64 clients: exactly 6,000, and the books of all "
     "of them agree", six_thousand_are_sold),
])
