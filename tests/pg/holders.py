#!/usr/bin/env python3
"""holders - somebody holds a row and does not go on: a front end that was killed or stopped.
The others go on in time.

    holders.py ROWLOCKD [CASE...]
"""
import contextlib
import signal
import time

from shop import Load, Shop, run_cases

HOT = "A-1"
CLIENTS = 16
GONE_S_MAX = 1.0      # a front end that was killed: its connections are closed at once
STOPPED_S_MAX = 2.0   # one that was stopped: its transaction is ended after a second
TRIES_MAX = 2000


def stop_while_it_holds(shop, front, session):
    """SIGSTOP, at a moment when it holds the hot row: found by trying."""
    name = f"rowlockd writes front{front}"
    for _ in range(TRIES_MAX):
        shop.fronts[front].signal(signal.SIGSTOP)
        holds = session.value(
            "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
            " WHERE application_name = $1 AND state = 'idle in transaction'"
            " AND l.relation = 'stock'::regclass AND l.mode = 'RowShareLock'", name)
        if holds:
            return time.monotonic()
        shop.fronts[front].signal(signal.SIGCONT)
    raise AssertionError("it was never stopped while it held the row")


@contextlib.contextmanager
def shop_at_work(rowlockd):
    with Shop(rowlockd, 2) as shop:
        shop.stock([HOT], 1_000_000)
        yield shop
        shop.check_books()


def killed(rowlockd):
    with shop_at_work(rowlockd) as shop, shop.session() as session:
        with Load(shop, CLIENTS, [HOT]) as load:
            stop_while_it_holds(shop, 0, session)
            killed_at = time.monotonic()
            shop.fronts[0].kill()
            load.left_to(1)
            took = load.wait(1, killed_at, 10)
            assert took < GONE_S_MAX, f"it took {took:.2f} s"
        load.prove()


def stopped(rowlockd):
    with shop_at_work(rowlockd) as shop, shop.session() as session:
        with Load(shop, CLIENTS, [HOT]) as load:
            stopped_at = stop_while_it_holds(shop, 0, session)
            took = load.wait(1, stopped_at, 10)
            assert took < STOPPED_S_MAX, f"it took {took:.2f} s"
            woken_at = time.monotonic()
            shop.fronts[0].signal(signal.SIGCONT)
            load.wait(0, woken_at, 10)
        load.prove()


run_cases([
    ("one that is killed while it holds a hot row: the others go on within a second", killed),
    ("one that is stopped: within two seconds, and it goes on itself when it is woken", stopped),
])
