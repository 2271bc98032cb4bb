#!/usr/bin/env python3
"""deadlines - whatever is done to the machine's clock, what has a deadline ends when it should.

A table of what is done to the clock, and for each the same four things that end: a reservation, a
lease as its clients see it, the same lease as those see it who type SQL, and an idempotency key.
"""
from machine import Machine, run_cases, wait_until

HOUR, DAY = 3600, 86400
TTL = 600
LINE = [{"sku": "A", "location": "W", "quantity": 3}]
ROW = [{"sku": "B", "location": "W"}]


class Held:
    """Made now, for ten minutes; the key is kept for a day."""

    def __init__(self, machine):
        self.machine, self.client = machine, machine.client
        answer = self.client.put("/v1/reservations/held", {"ttl_s": TTL, "lines": LINE})
        assert answer.status == 201, answer
        answer = self.client.put("/v1/leases/held",
                                 {"rows": ROW, "ttl_s": TTL, "purpose": "to count"})
        assert answer.status == 201, answer
        self.fence = answer.json()["fence"]
        assert not self.order().header("Idempotency-Replayed")

    def order(self):
        return self.machine.client.post("/v1/stock/Z/W/adjust", {"delta": 5},
                                        Idempotency_Key="order")

    def expect(self, is_held):
        client, machine = self.machine.client, self.machine
        state = machine.get("/v1/reservations/held")["state"]
        assert state == ("active" if is_held else "expired"), state
        reserved = machine.get("/v1/stock/A/W")["reserved"]
        assert reserved == (3 if is_held else 0), reserved
        leases = [lease["id"] for lease in machine.get("/v1/leases")["data"]]
        assert leases == (["held"] if is_held else []), leases
        answer = client.post("/v1/stock/B/W/adjust?wait=0", {"delta": 1})
        assert answer.status == (423 if is_held else 201), answer
        answer = client.post("/v1/stock/B/W/adjust", {"delta": 1},
                             Lease=f"held;fence={self.fence}")
        assert answer.status == (201 if is_held else 412), answer
        locks = machine.sql("SELECT lease FROM v_locks")
        assert locks == ([["held"]] if is_held else []), locks
        said = machine.sql("UPDATE v_stock SET on_hand = on_hand + 1 WHERE sku = 'B'")
        assert ("locked by a lease" in said) if is_held else said == [], said
        assert self.order().header("Idempotency-Replayed") == "true", "the key is forgotten"


# sentence, then steps: turn the wall clock by so much, let time pass, or say what must be held now
STEPS = [
    ("nothing is done to it",
     [("pass", TTL - 2), True, ("pass", 3), False]),
    ("it is set back by an hour",
     [("turn", -HOUR), True, ("pass", 590), True, ("pass", 80), False]),
    ("it is set back by an hour, and right again",
     [("turn", -HOUR), ("pass", 5), True, ("turn", HOUR), ("pass", 590), True,
      ("pass", 20), False]),
    ("it is set ahead by ten minutes",
     [("turn", 600), True, ("pass", 500), True, ("pass", 110), False]),
    ("it is a day and an hour ahead for two seconds",
     [("turn", 25 * HOUR), True, ("pass", 2), True, ("turn", -25 * HOUR), ("pass", 590), True,
      ("pass", 10), False]),
    ("it is a year ahead for less than a minute",
     [("turn", 365 * DAY), True, ("pass", 50), True, ("turn", -365 * DAY), ("pass", 540), True,
      ("pass", 15), False]),
    ("it is an hour ahead, and stays there: it is believed after a minute",
     [("turn", HOUR), True, ("pass", 50), True, ("pass", 11), False]),
    ("the machine sleeps",
     [("pass", HOUR), False]),
    ("the machine sleeps, and its clock was set back meanwhile",
     [("turn", -HOUR), ("pass", HOUR), False]),
    ("it is turned to and fro",
     [("turn", 700), ("pass", 10), ("turn", -1400), ("pass", 10), ("turn", 700), ("pass", 570),
      True, ("pass", 20), False]),
]


def ends_in_time(folder, steps):
    with Machine(folder) as machine:
        machine.stock("A", "B")
        held = Held(machine)
        held.expect(True)
        for step in steps:
            if isinstance(step, bool):
                held.expect(step)
            elif step[0] == "turn":
                machine.turn(step[1])
            else:
                machine.pass_time(step[1])
        assert machine.get("/v1/verify")["ok"]


def a_restart_keeps_time(folder):
    """The wall clock is an hour ahead at one start, and right at the next."""
    machine = Machine(folder)
    machine.turn(HOUR)
    with machine:
        machine.stock("A", "B")
        held = Held(machine)
        machine.server.stop()
        machine.turn(-HOUR)
        machine.start()
        held.expect(True)
        machine.pass_time(590)
        held.expect(True)
        machine.pass_time(80)
        held.expect(False)
        assert machine.said("clock_step")
        machine.server.kill()
        machine.start()
        held.expect(False)  # what has ended does not come back


def people_are_told(folder):
    with Machine(folder) as machine:
        machine.stock("A", "B")
        Held(machine)
        ready = machine.get("/readyz")
        assert ready["ready"] and abs(ready["clock_ahead_ms"]) < 100, ready
        machine.turn(-HOUR)
        ready = machine.get("/readyz")
        assert ready["ready"] and abs(ready["clock_ahead_ms"] - HOUR * 1000) < 1000, ready
        assert len(machine.said("clock_step")) == 1, machine.server.lines
        metrics = machine.client.get("/metrics").body.decode()
        assert "rowlock_clock_steps_total 1\n" in metrics
        machine.pass_time(10 * HOUR)
        wait_until(lambda: machine.said("clock_agrees"), "the clocks agree")
        answer = machine.client.put("/v1/reservations/late", {"ttl_s": TTL, "lines": LINE})
        assert answer.status == 201, answer
        machine.turn(DAY)
        machine.pass_time(61)
        wait_until(lambda: machine.said("clock_ended"), "what has ended is told")
        assert "reservations=1 " in machine.said("clock_ended")[0], machine.said("clock_ended")
        assert machine.said("clock_believed")


def keys_are_forgotten_a_minute_at_a_time(folder):
    count = "SELECT count(*) FROM idempotency"
    with Machine(folder) as machine:
        machine.stock("A")
        for n in range(4):
            machine.client.post("/v1/stock/A/W/adjust", {"delta": 1}, Idempotency_Key=f"k-{n}")
            machine.pass_time(120)
        seen = set()
        machine.pass_time(25 * HOUR)

        def is_forgotten():
            seen.add(int(machine.sql(count)[0][0]))
            return 0 in seen

        wait_until(is_forgotten, "all keys are old")
        assert len(seen) >= 3, f"they went at once: {seen}"


run_cases([
    *((f"what is held ends in time when {sentence}", ends_in_time, steps)
      for sentence, steps in STEPS),
    ("a restart keeps time", a_restart_keeps_time),
    ("a step is logged, counted and shown, and what it ends is told", people_are_told),
    ("keys are forgotten a minute's worth at a time", keys_are_forgotten_a_minute_at_a_time),
])
