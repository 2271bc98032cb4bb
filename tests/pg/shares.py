#!/usr/bin/env python3
"""shares - what front ends of one database get of it, beside each other and beside who only reads.

    shares.py ROWLOCKD [CASE...]

The measures are printed; they are held to bounds only that nothing but a fault crosses.
"""
import statistics
import threading
import time

from shop import Load, Shop, run_cases, wait_until

HOT = "A-1"
ROWS = [f"A-{number}" for number in range(8)]
CLIENTS = 16
CHANGES = 3000
STARVED_PERCENT = 5
ROUND_S = 1.0
ROUNDS = 4          # with a pinned snapshot and without, in turn
SLOWER_MIN = 0.5    # four fifths are the aim; runs differ by a tenth by themselves


def one_hot_row(rowlockd):
    """As many clients at each: neither takes the row for itself."""
    with Shop(rowlockd, 2) as shop:
        shop.stock([HOT], 1_000_000)
        with Load(shop, CLIENTS, [HOT]) as load:
            load.wait_for(lambda: len(load.answers) >= CHANGES, 60)
        counts = [len(times) for times in load.when]
        shares = [100 * count / sum(counts) for count in counts]
        gaps = [max(b - a for a, b in zip(times, times[1:])) for times in load.when]
        print("# shares of a hot row: " + ", ".join(f"{share:.0f} %" for share in shares)
              + "; longest without an answer: " + ", ".join(f"{gap:.2f} s" for gap in gaps))
        assert min(shares) > STARVED_PERCENT, shares
        load.prove()
        shop.check_books()


def answers_within(load, seconds):
    before, begun = len(load.answers), time.monotonic()
    threading.Event().wait(seconds)  # this is what is measured: how many in a given time
    return (len(load.answers) - before) / (time.monotonic() - begun)


def pinned_snapshot(rowlockd):
    """A transaction that reads, and stays open: old versions of rows pile up meanwhile."""
    with Shop(rowlockd, 2) as shop, shop.session() as reader:
        shop.stock(ROWS, 1_000_000)
        rates = {True: [], False: []}
        with Load(shop, CLIENTS, ROWS) as load:
            wait_until(lambda: len(load.answers) > CHANGES // 10, "it is under way")
            for n in range(2 * ROUNDS):
                is_pinned = n % 2 == 1
                if is_pinned:
                    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    seen = reader.value("SELECT sum(on_hand) FROM v_stock")
                rates[is_pinned].append(answers_within(load, ROUND_S))
                if is_pinned:
                    assert reader.value("SELECT sum(on_hand) FROM v_stock") == seen
                    reader.run("COMMIT")
        ratio = statistics.median(rates[True]) / statistics.median(rates[False])
        print(f"# beside a pinned snapshot: {ratio:.2f} of what is written without one"
              f" ({statistics.median(rates[False]):.0f} a second)")
        assert ratio > SLOWER_MIN, rates
        load.prove()
        shop.check_books()


run_cases([
    ("two front ends share a hot row: neither of them starves", one_hot_row),
    ("who holds a snapshot for a while does not slow who writes", pinned_snapshot),
])
