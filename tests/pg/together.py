#!/usr/bin/env python3
"""together - what one front end is told, the other one knows.

    together.py ROWLOCKD [CASE...]
"""
import datetime
import statistics
import subprocess
import threading
import time

from shop import LOCATION, Daemon, Shop, adjust, expect, run_cases, together, wait_until

SKU = "A-1"
ROUNDS = 10
WOKEN_S_MAX = 0.2
REVOKED_S_MAX = 1.0
EXPIRIES = 60
CLERKS = 6
FIRST_STARTS = 8


def lease(client, name=None, ttl_s=60):
    body = {"rows": [{"sku": SKU, "location": LOCATION}], "ttl_s": ttl_s, "purpose": "count"}
    answer = client.put(f"/v1/leases/{name}", body) if name else client.post("/v1/leases", body)
    return expect(answer, 201).json()


def text_of(lease_now):
    return f"{lease_now['id']};fence={lease_now['fence']}"


def a_lease_and_a_waiter(rowlockd):
    """A lease at the first; who waits for it at the second is let in soon after its end."""
    with Shop(rowlockd, 2) as shop:
        shop.stock([SKU], 1000)
        here, there, watcher = shop.client(0), shop.client(1), shop.client(1)
        took = []
        for _ in range(ROUNDS):
            held = lease(here)
            answers = []
            thread = threading.Thread(
                target=lambda: answers.append((adjust(there, SKU, -1), time.monotonic())))
            thread.start()
            wait_until(lambda: shop.metric(1, "rowlock_requests_suspended") >= 1, "somebody waits")
            assert not answers, answers
            held_by = expect(watcher.get("/v1/locks"), 200).json()["data"][0]
            assert (held_by["holder"]["kind"], held_by["holder"].get("id")) == \
                ("lease", held["id"]), held_by
            ended = time.monotonic()
            expect(here.delete(f"/v1/leases/{held['id']}", Lease=text_of(held)), 204)
            thread.join(20)
            answer, at = answers[0]
            expect(answer, 201)
            took.append(at - ended)
            stale = expect(adjust(there, SKU, -1, Lease=text_of(held)), 412).json()
            assert stale["code"] == "stale-fence", stale
        assert statistics.median(took) < WOKEN_S_MAX, took
        for client in (here, there, watcher):
            client.close()
        shop.check_books()


def fences_rise(rowlockd):
    """Leases of one row at both in turn, and each fence is above all before it."""
    with Shop(rowlockd, 2) as shop:
        shop.stock([SKU], 10)
        clients, last = [shop.client(0), shop.client(1)], 0
        for n in range(20):
            held = lease(clients[n % 2])
            assert held["fence"] > last, (held, last)
            last = held["fence"]
            for client in clients:  # both know the holder
                expect(adjust(client, SKU, 1, wait=0, Lease=text_of(held)), 201)
                expect(adjust(client, SKU, -1, wait=0), 423)
            expect(clients[(n + 1) % 2].delete(f"/v1/leases/{held['id']}", Lease=text_of(held)),
                   204)
        for client in clients:
            client.close()


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


def moment(text):
    """2026-12-01T03:45:56.123Z in ms."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def expiry_against_commit(rowlockd):
    """A reservation runs out while it is committed at the other: one of both, whole."""
    with Shop(rowlockd, 2) as shop:
        shop.stock([SKU], 1000)
        outcomes = {"committed": 0, "expired": 0}
        lock = threading.Lock()

        def commit_late(number):
            client, other = shop.client(number), shop.client(number + 1)
            for n in range(EXPIRIES // CLERKS):
                name = f"c-{number}-{n}"
                made = expect(client.put(f"/v1/reservations/{name}", {
                    "ttl_s": 1, "lines": [{"sku": SKU, "location": LOCATION, "quantity": 1}]}),
                    201).json()
                early_ms = n - 4  # of its end, of which nobody knows the moment
                wait_until(lambda: time.time() * 1000 >= moment(made["expires_at"]) - early_ms,
                           "it is about to run out")
                answer = other.post(f"/v1/reservations/{name}/commit", {})
                assert answer.status in (200, 409, 410), answer
                state = "committed" if answer.status == 200 else "expired"
                wait_until(lambda: client.get(f"/v1/reservations/{name}").json()["state"] == state,
                           f"it is {state}")
                with lock:
                    outcomes[state] += 1
                assert made["id"] == name
            client.close()
            other.close()

        together(CLERKS, commit_late)
        with shop.session() as session:
            assert session.run("SELECT on_hand, reserved FROM v_stock") == \
                [(1000 - outcomes["committed"], 0)]
        shop.check_books()


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


def front_ends(client, **living):
    """By name; None as soon as who lives is not as said."""
    listed = expect(client.get("/v1/front-ends"), 200).json()
    assert listed["next"] is None
    found = {row["name"]: row for row in listed["data"]}
    return found if {name: row["alive"] for name, row in found.items()} == living else None


def who_serves_the_store(rowlockd):
    """Each lists both, and which of them it is; one that was killed stays, dead, and one that is
    stopped goes."""
    with Shop(rowlockd, 2) as shop:
        client, other = shop.client(0), shop.client(1)
        for number, asked in enumerate((client, other)):
            found = front_ends(asked, front0=True, front1=True)
            assert [found[f"front{n}"]["self"] for n in range(2)] == [number == 0, number == 1]
            for n in range(2):
                assert found[f"front{n}"]["address"] == f"http://127.0.0.1:{shop.fronts[n].port}"
                assert found[f"front{n}"]["started_at"] <= found[f"front{n}"]["seen_at"]
        seen_at = front_ends(client, front0=True, front1=True)["front1"]["seen_at"]
        wait_until(lambda: front_ends(client, front0=True, front1=True)["front1"]["seen_at"]
                   > seen_at, "it is seen again")
        wait_until(lambda: shop.metric(0, "rowlock_front_ends") == 2, "two are counted")
        other.close()
        shop.fronts[1].kill()
        wait_until(lambda: front_ends(client, front0=True, front1=False), "it is dead")
        wait_until(lambda: shop.metric(0, "rowlock_front_ends") == 1, "one is counted")
        shop.fronts[1].start()
        wait_until(lambda: front_ends(client, front0=True, front1=True), "it is back")
        shop.fronts[1].stop()
        assert front_ends(client, front0=True)
        client.close()


run_cases([
    ("a lease at one, a waiter at the other: woken within 200 ms, and the fence is stale there",
     a_lease_and_a_waiter),
    ("fences rise over both, and both know the holder", fences_rise),
    ("a token that is revoked is refused at both within a second", a_token_that_is_revoked),
    ("a reservation runs out while it is committed at the other: one of both",
     expiry_against_commit),
    ("eight first starts at once, five times", first_starts),
    ("each lists who serves the store, alive or not", who_serves_the_store),
])
