#!/usr/bin/env python3
"""backlog - so many reservations run out at once that they are booked in slices.

Meanwhile every decision is exact about its own rows, and waits for no other.
"""
from machine import Connection, Machine, run_cases, wait_until

OTHERS, LINES, TTL = 1500, 4, 60


def reserve(sku, name=None, quantity=1):
    command = {"op": "reserve", "ttl_s": TTL,
               "lines": [{"sku": s, "location": "W", "quantity": quantity}
                         for s in (sku if isinstance(sku, list) else [sku])]}
    return {**command, "reservation": name} if name else command


def batch(machine, lines):
    answer = machine.client.post("/v1/batch?results=failed", lines)
    assert answer.status == 200, answer
    assert answer.json()[-1]["failed"] == 0, answer
    return answer


def overdue(machine):
    """How many have run out and were not booked yet."""
    metrics = machine.client.get("/metrics").body.decode()
    return next(int(line.split()[1]) for line in metrics.splitlines()
                if line.startswith("rowlock_reservations "))


def booked_after(machine, name):
    """How many lines were booked behind those of this reservation."""
    [[count]] = machine.sql("SELECT count(*) FROM movement WHERE kind = 'expire' AND seq > (SELECT "
                            "max(seq) FROM movement WHERE kind = 'expire' AND "
                            f"reservation = '{name}')")
    return int(count)


def shop(machine, count=OTHERS):
    """Thousands of lines of other rows run out before the few of A, B, C and D."""
    others = [f"O{n}" for n in range(LINES)]
    machine.stock(*others, units=count)
    machine.stock("A", "B", "C", "D", units=10)
    batch(machine, [reserve(others) for _ in range(count)])
    batch(machine, [reserve(sku, f"of-{sku}", 10) for sku in "ABCD"])


def wake(machine):
    """Time has passed for all of them; nothing is decided yet."""
    machine.wall += TTL + 1
    machine.boot += TTL + 1
    machine._set()


# sentence, method, path, body, status: each needs what has run out in its own row
DECISIONS = [
    ("a sale", "POST", "/v1/stock/A/W/adjust", {"delta": -10}, 201),
    ("a transfer", "POST", "/v1/transfers",
     {"sku": "A", "from": "W", "to": "V", "quantity": 10}, 201),
    ("a reservation", "POST", "/v1/reservations",
     {"ttl_s": 60, "lines": [{"sku": "A", "location": "W", "quantity": 10}]}, 201),
    ("a commit of one that has run out", "POST", "/v1/reservations/of-A/commit", {}, 409),
    ("a release of one that has run out", "POST", "/v1/reservations/of-A/release", None, 409),
    ("an extension of one that has run out", "POST", "/v1/reservations/of-A/extend",
     {"ttl_s": 60}, 409),
    ("one that takes its place", "POST", "/v1/reservations",
     {"ttl_s": 60, "supersedes": "of-A",
      "lines": [{"sku": "A", "location": "W", "quantity": 10}]}, 201),
    ("a locked read", "GET", "/v1/stock/A/W?read=locked", None, 200),
]


def is_exact(folder, method, path, body, status):
    with Machine(folder) as machine:
        shop(machine)
        machine.client.put("/v1/locations/V", {"name": "V"})
        before = overdue(machine)
        assert before == OTHERS + 4, before
        wake(machine)
        answer = machine.client.request(method, path, body)
        assert answer.status == status, answer
        if status == 409:
            assert answer.json()["code"] == "reservation-expired", answer
        if "locked" in path:
            assert answer.json()["reserved"] == 0, answer
        wait_until(lambda: overdue(machine) <= 1, "all are booked")
        assert booked_after(machine, "of-A") > 4, "it waited for all of them"
        assert machine.sql("SELECT * FROM v_reserved_check") == []
        assert machine.get("/v1/verify")["ok"]


def an_atomic_batch_that_is_refused_books_nothing_twice(folder):
    with Machine(folder) as machine:
        shop(machine)
        wake(machine)
        lines = [{"op": "adjust", "sku": sku, "location": "W", "delta": -10} for sku in "ABC"]
        lines.append({"op": "adjust", "sku": "D", "location": "W", "delta": -11})
        answer = machine.client.post("/v1/batch?atomic=true", lines)
        assert answer.status == 409, answer
        batch(machine, lines[:3])
        wait_until(lambda: overdue(machine) == 0, "all are booked")
        assert [machine.get(f"/v1/stock/{sku}/W")["on_hand"] for sku in "ABCD"] == [0, 0, 0, 10]
        assert machine.sql("SELECT * FROM v_reserved_check") == []


def a_start_beside_a_backlog(folder):
    with Machine(folder) as machine:
        shop(machine)
        machine.server.stop()
        wake(machine)
        machine.start()
        answer = machine.client.post("/v1/stock/A/W/adjust?wait=1", {"delta": -10})
        assert answer.status == 201, answer
        wait_until(lambda: overdue(machine) == 0, "all are booked")
        assert machine.get("/v1/verify")["ok"]


def ask(connection, sku, delta):
    body = f'{{"delta": {delta}}}'
    connection.send(f"POST /v1/stock/{sku}/W/adjust HTTP/1.1\r\nHost: localhost\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode(), "POST")


def a_hot_row_keeps_nobody_else_waiting(folder):
    """Its own overdue lines take many groups; a write of another row comes in between."""
    with Machine(folder) as machine:
        shop(machine, OTHERS * 4)
        wake(machine)
        hot, cold = Connection(machine.server.port), Connection(machine.server.port)
        ask(hot, "O0", -OTHERS * 4)
        wait_until(lambda: any(row["sku"] == "O0" for row in machine.get("/v1/locks")["data"]),
                   "it owns its row")
        ask(cold, "Z", 1)
        answers = [connection.read_answer() for connection in (cold, hot)]
        assert [a.status for a in answers] == [201, 201], [str(a) for a in answers]
        seqs = [a.json()["movement"]["seq"] for a in answers]
        assert seqs[0] < seqs[1], "the other row waited for it"
        part = machine.client.post("/v1/batch", [
            {"op": "adjust", "sku": f"O{n}", "location": "W", "delta": -OTHERS * 4}
            for n in range(1, LINES)])
        assert part.json()[-1]["applied"] == LINES - 1, part
        wait_until(lambda: overdue(machine) == 0, "all are booked")
        assert machine.sql("SELECT * FROM v_reserved_check") == []
        assert machine.get("/v1/verify")["ok"]


def a_part_waits_for_its_rows(folder, path):
    with Machine(folder) as machine:
        shop(machine, OTHERS * 2)
        wake(machine)
        answer = machine.client.post(path, [
            {"op": "adjust", "sku": f"O{n}", "location": "W", "delta": -OTHERS * 2}
            for n in range(LINES)])
        assert answer.status == 200, answer
        assert answer.json()[-1]["applied"] == LINES, answer
        wait_until(lambda: overdue(machine) == 0, "all are booked")
        assert machine.get("/v1/verify")["ok"]


run_cases([
    *((f"beside a backlog of other rows {sentence} is exact, and does not wait", is_exact, *given)
      for sentence, *given in DECISIONS),
    ("an atomic batch that is refused takes its bookings back",
     an_atomic_batch_that_is_refused_books_nothing_twice),
    ("a start beside a backlog decides at once", a_start_beside_a_backlog),
    ("a hot row keeps nobody else waiting", a_hot_row_keeps_nobody_else_waiting),
    ("a part of a batch waits for its rows", a_part_waits_for_its_rows, "/v1/batch"),
    ("an atomic one does, too", a_part_waits_for_its_rows, "/v1/batch?atomic=true"),
])
