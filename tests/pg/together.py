#!/usr/bin/env python3
"""together - what one front end is told, the other one knows.

    together.py ROWLOCKD [CASE...]
"""
import subprocess
import time

from shop import LOCATION, Daemon, Shop, adjust, expect, run_cases, together, wait_until

SKU = "A-1"
REVOKED_S_MAX = 1.0
FIRST_STARTS = 8


def a_token_that_is_revoked(rowlockd):
    """The tool writes to the store; within a second nobody is let in by it, at either."""
    with Shop(rowlockd, 2) as shop:
        def tool(*words):
            return subprocess.run([rowlockd, "token", *words, "--store", shop.uri(shop.cluster)],
                                  check=True, capture_output=True, text=True).stdout.strip()
        shop.stock([SKU], 1000)
        keeper = {"Authorization": f"Bearer {tool('add', 'keeper', '--role', 'admin')}"}
        clients = [shop.client(0), shop.client(1)]
        for round_number in range(3):
            name = f"till-{round_number}"
            told = {"Authorization": f"Bearer {tool('add', name, '--role', 'writer')}"}
            for client in clients:
                wait_until(lambda: adjust(client, SKU, -1, **told).status == 201,
                           "it is let in")
            tool("revoke", name)
            begun = time.monotonic()
            for client in clients:
                wait_until(lambda: adjust(client, SKU, -1, **told).status == 401, "it is shut out")
                took = time.monotonic() - begun
                assert took < REVOKED_S_MAX, f"{took:.2f} s"
        for client in clients:
            expect(client.get(f"/v1/stock/{SKU}/{LOCATION}", **keeper), 200)
            client.close()


def first_starts(rowlockd):
    """All of them make the store, or find it: none fails, and there is one."""
    with Shop(rowlockd, 0) as shop:
        for number in range(5):
            uri = shop.cluster.store_uri(f"first{number}")
            daemons = [Daemon(rowlockd, uri, ["--front-end", f"front{n}"])
                       for n in range(FIRST_STARTS)]
            try:
                together(FIRST_STARTS, lambda n: daemons[n].start())
                with shop.cluster.session(f"first{number}") as session:
                    assert session.value("SELECT count(*) FROM store") == 1
                    assert session.value("SELECT count(*) FROM front_end") == FIRST_STARTS
            finally:
                for daemon in daemons:
                    daemon.__exit__(AssertionError)


run_cases([
    ("a token that is revoked is refused at both within a second", a_token_that_is_revoked),
    ("eight first starts at once, five times", first_starts),
])
