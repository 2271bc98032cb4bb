#!/usr/bin/env python3
"""holders - somebody holds a row and does not go on: a front end that was killed or stopped, a
person in psql. The others go on in time, and are told who it is.

    holders.py ROWLOCKD [CASE...]
"""
import contextlib
import signal
import threading
import time

from shop import Load, Shop, adjust, expect, run_cases

HOT = "A-1"
OTHER = "A-2"
CLIENTS = 16
GONE_S_MAX = 1.0      # a front end that was killed: its connections are closed at once
STOPPED_S_MAX = 2.0   # one that was stopped: its transaction is ended after a second
EDIT_S_MAX = 5        # an edit that was left open
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
        shop.stock([HOT, OTHER], 1_000_000)
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


def held_in_psql(rowlockd):
    """One row waits, and its 423 says for whom."""
    with shop_at_work(rowlockd) as shop, shop.session() as person:
        person.run("BEGIN")
        person.run("SELECT s.id FROM stock s JOIN item i ON i.id = s.item_id WHERE i.sku = $1"
                   " FOR UPDATE OF s", HOT)
        for front in (0, 1):
            client = shop.client(front)
            begun = time.monotonic()
            refusal = expect(adjust(client, HOT, -1, wait=1), 423).json()
            assert 0.9 < time.monotonic() - begun < 3, time.monotonic() - begun
            assert refusal["code"] == "row-busy", refusal
            holder = refusal["holder"]
            assert holder["kind"] == "database", refusal
            assert holder["pid"] == person.pid and holder["user"] == "tester", refusal
            begun = time.monotonic()
            expect(adjust(client, OTHER, -1, wait=1), 201)
            assert time.monotonic() - begun < 0.5
            client.close()
        waiting = shop.client(0)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(adjust(waiting, HOT, -1, wait=30)))
        thread.start()
        other = shop.client(1)
        for _ in range(20):  # beside one that waits
            expect(adjust(other, OTHER, -1, wait=1), 201)
        person.run("ROLLBACK")
        freed = time.monotonic()
        thread.join(10)
        expect(answers[0], 201)
        assert time.monotonic() - freed < 1
        # These had no key.
        with shop.session() as session:
            assert session.value("SELECT count(*) FROM movement WHERE on_hand_delta = -1") == 23


def edit_left_open(rowlockd):
    """Nobody can write meanwhile: each is told who it is, and it is over after a while."""
    with shop_at_work(rowlockd) as shop, shop.session() as person:
        person.run("SET idle_in_transaction_session_timeout = '5s'")  # as people have it
        person.run("BEGIN")
        person.run("UPDATE v_stock SET on_hand = on_hand - 5 WHERE sku = $1", HOT)
        begun = time.monotonic()
        for front in (0, 1):
            client = shop.client(front)
            refusal = expect(adjust(client, OTHER, -1, wait=1), 503).json()
            assert refusal["code"] == "store-busy", refusal
            assert str(person.pid) in refusal["detail"] and "tester" in refusal["detail"], refusal
            client.close()
        client = shop.client(0)
        while (answer := adjust(client, OTHER, -1, wait=1)).status == 503:
            assert time.monotonic() - begun < EDIT_S_MAX + 3, answer
        expect(answer, 201)
        with shop.session() as session:
            assert session.value("SELECT count(*) FROM movement WHERE kind = 'edit'") == 0


run_cases([
    ("one that is killed while it holds a hot row: the others go on within a second", killed),
    ("one that is stopped: within two seconds, and it goes on itself when it is woken", stopped),
    ("psql with an open FOR UPDATE: that row alone waits, and 423 names it", held_in_psql),
    ("an edit by hand that is left open: 503 names pid and user, and it is over after 5 s",
     edit_left_open),
])
