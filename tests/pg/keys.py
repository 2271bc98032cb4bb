#!/usr/bin/env python3
"""keys - the same request at two front ends at once takes effect once.

    keys.py ROWLOCKD [CASE...]
"""
import threading

from shop import Shop, adjust, books, run_cases, together

ROUNDS = 1000
ROWS = ["A-1", "A-2"]


def a_key_at_both(rowlockd):
    """Both ask at once, again and again; each pair must have one effect and one answer."""
    with Shop(rowlockd, 2) as shop:
        shop.stock(ROWS, 10 * ROUNDS)
        answers, meeting = [[], []], threading.Barrier(2, timeout=30)

        def ask(number):
            client = shop.client(number)
            for n in range(ROUNDS):
                meeting.wait()
                answers[number].append(adjust(client, ROWS[n % 2], -1, Idempotency_Key=f"k-{n}"))
            client.close()

        together(2, ask)
        is_replayed = [0, 0]
        for here, there in zip(*answers):
            assert (here.status, there.status) == (201, 201), (here, there)
            assert here.json()["movement"] == there.json()["movement"], (here, there)
            replayed = [bool(answer.header("Idempotency-Replayed")) for answer in (here, there)]
            assert sum(replayed) == 1, (here, there)
            is_replayed[replayed.index(True)] += 1
        assert min(is_replayed) > 0, f"one of them was always the first: {is_replayed}"
        with shop.session() as session:
            assert session.value("SELECT count(*) FROM movement WHERE on_hand_delta = -1") == ROUNDS
            assert session.value("SELECT count(*) FROM idempotency") == ROUNDS
            wrong = books.check_shared(session.run)
            assert wrong is None, wrong
        assert shop.cluster.deadlocks() == 0


def another_request_with_that_key(rowlockd):
    """Where two requests differ and have the same key, one of them is refused, and at either."""
    with Shop(rowlockd, 2) as shop:
        shop.stock(ROWS, 1000)
        answers, meeting = [[], []], threading.Barrier(2, timeout=30)

        def ask(number):
            client = shop.client(number)
            for n in range(100):
                meeting.wait()
                answers[number].append(adjust(client, ROWS[number], -1, Idempotency_Key=f"k-{n}"))
            client.close()

        together(2, ask)
        for pair in zip(*answers):
            assert sorted(answer.status for answer in pair) == [201, 422], pair
            refused = next(answer for answer in pair if answer.status == 422)
            assert refused.json()["code"] == "idempotency-key-reused", refused
        with shop.session() as session:
            assert session.value("SELECT count(*) FROM movement WHERE on_hand_delta = -1") == 100


run_cases([
    ("a key at two front ends at once, 1,000 times: one effect, one answer", a_key_at_both),
    ("two requests with one key, each at a front end of its own: one is refused",
     another_request_with_that_key),
])
