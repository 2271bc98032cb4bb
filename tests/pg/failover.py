#!/usr/bin/env python3
"""failover - the database goes away under load: it comes again, or another one takes its place.

    failover.py ROWLOCKD [CASE...]
"""
import time

from shop import Load, Shop, run_cases

CLIENTS = 24
ROWS = [f"A-{number}" for number in range(5)]
CHANGES = 300
AGAIN_S_MAX = 2.0  # behind what the database itself took


def crash_and_start(rowlockd):
    with Shop(rowlockd, 2) as shop:
        shop.stock(ROWS, 1_000_000)
        with Load(shop, CLIENTS, ROWS) as load:
            for _ in range(3):
                wanted = len(load.answers) + CHANGES
                load.wait_for(lambda: len(load.answers) >= wanted, 30)
                shop.cluster.crash()
                shop.cluster.start()
                since = time.monotonic()
                for front in range(2):
                    took = load.wait(front, since, 20)
                    assert took < AGAIN_S_MAX, f"{took:.2f} s until it answered again"
        load.prove()
        shop.check_books()


class _WithStandby:
    """The URI names both; made once, before the first front end."""

    def __init__(self, is_synchronous):
        self.is_synchronous, self.standby = is_synchronous, None

    def __call__(self, cluster):
        if self.standby is None:
            self.standby = cluster.standby(is_synchronous=self.is_synchronous).__enter__()
        return cluster.store_uri("shop", hosts=[cluster, self.standby])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.standby:
            self.standby.__exit__()


def promote_synchronous(rowlockd):
    with _WithStandby(True) as uri, Shop(rowlockd, 2, uri=uri) as shop:
        shop.stock(ROWS, 1_000_000)
        with Load(shop, CLIENTS, ROWS) as load:
            load.wait_for(lambda: len(load.answers) >= CHANGES, 30)
            shop.cluster.crash()
            uri.standby.set("synchronous_standby_names", "")
            uri.standby.promote()
            since = time.monotonic()
            for front in range(2):
                took = load.wait(front, since, 20)
                assert took < AGAIN_S_MAX, f"{took:.2f} s until it answered again"
            wanted = len(load.answers) + CHANGES
            load.wait_for(lambda: len(load.answers) >= wanted, 30)
        load.prove(uri.standby.session("shop"))
        shop.check_books(uri.standby)


run_cases([
    ("the database is stopped at once and started, three times: every effect once",
     crash_and_start),
    ("a synchronous standby takes over: every effect once, and soon", promote_synchronous),
])
