#!/usr/bin/env python3
"""starts - a server that starts while the machine's clock is wrong, or after somebody's was."""
from machine import Machine, ServerTrouble, run_cases

HOUR, DAY = 3600, 86400
LINE = [{"sku": "A", "location": "W", "quantity": 1}]
CONFIGURATION = 78


def made(machine, name, ttl_s):
    answer = machine.client.put(f"/v1/reservations/{name}", {"ttl_s": ttl_s, "lines": LINE})
    assert answer.status == 201, answer
    return lambda: machine.get(f"/v1/reservations/{name}")["state"]


def shop(folder, wall_s=0):
    machine = Machine(folder)
    machine.turn(wall_s)
    with machine:
        machine.stock("A")
    return machine


def a_wrong_year_is_refused(folder):
    machine = shop(folder)
    machine.turn(401 * DAY)
    try:
        machine.start()
        raise AssertionError("it started")
    except ServerTrouble as trouble:
        assert f"exit code {CONFIGURATION}" in str(trouble), trouble
    assert "--accept-clock" in machine.said("clock_refused")[0]
    machine.turn(-401 * DAY)
    with machine.start():
        state = made(machine, "r", 60)
        machine.pass_time(61)
        assert state() == "expired"


def a_wrong_year_can_be_accepted(folder):
    machine = shop(folder)
    machine.turn(500 * DAY)
    with machine.start("--accept-clock"):
        assert machine.said("clock_accepted")
        state = made(machine, "r", 60)
        machine.pass_time(61)
        assert state() == "expired"


def a_start_behind_goes_on(folder, behind_s):
    machine = shop(folder, wall_s=behind_s)
    machine.turn(-behind_s)
    with machine.start():
        state = made(machine, "r", 2)
        machine.pass_time(1)
        assert state() == "active"
        machine.pass_time(1.3)
        assert state() == "expired"
        assert machine.said("clock_step")
        times = [m["at"] for m in machine.get("/v1/movements")["data"]]
        assert times == sorted(times), times


def nothing_is_forgotten_of_the_last_second(folder):
    """Also of groups that wrote no movement, and after a kill."""
    with Machine(folder) as machine:
        machine.stock("A")
        machine.pass_time(3)
        machine.client.put("/v1/locations/V", {"name": "V"})
        was = machine.get("/v1/locations/V")["updated_at"]
        machine.server.kill()
        machine.turn(-HOUR)
        machine.start()
        machine.client.put("/v1/locations/V", {"name": "VV"})
        assert machine.get("/v1/locations/V")["updated_at"] >= was


def a_hand_edit_with_a_wrong_clock_moves_nothing(folder):
    machine = shop(folder)
    machine.turn(25 * HOUR)
    assert machine.sql("UPDATE v_stock SET on_hand = 7 WHERE sku = 'A'") == []
    machine.turn(-25 * HOUR)
    with machine.start():
        ready = machine.get("/readyz")
        assert abs(ready["clock_ahead_ms"]) < 1000, ready
        state = made(machine, "r", 60)
        machine.pass_time(61)
        assert state() == "expired"
        times = [m["at"] for m in machine.get("/v1/movements")["data"]]
        assert times == sorted(times), times
        # The ledger stays in order of time, so lists by time find all of it.
        found = machine.get(f"/v1/movements?since={times[-1]}")["data"]
        assert found and found[-1]["at"] == times[-1], found


def a_hand_edit_while_it_runs_is_told(folder):
    with Machine(folder) as machine:
        machine.stock("A")
        machine.wall += 25 * HOUR  # and nobody has looked yet
        machine._set()
        machine.sql("UPDATE v_stock SET on_hand = 7 WHERE sku = 'A'")
        machine.turn(-25 * HOUR)
        state = made(machine, "r", 60)
        machine.pass_time(58)
        assert state() == "active"
        machine.pass_time(3)
        assert state() == "expired"


def hand_edits_follow_the_clock_while_nobody_runs(folder):
    with Machine(folder) as machine:
        machine.stock("A")
        machine.turn(-HOUR)
        ahead = int(machine.sql("SELECT clock_ahead_ms FROM store")[0][0])
        assert abs(ahead - HOUR * 1000) < 2000, ahead
        machine.server.stop()
        assert machine.sql("SELECT clock_ahead_ms FROM store") == [["0"]]


run_cases([
    ("a clock a year ahead of the store is refused, and the right one taken",
     a_wrong_year_is_refused),
    ("--accept-clock takes it", a_wrong_year_can_be_accepted),
    ("a start an hour behind the store goes on", a_start_behind_goes_on, HOUR),
    ("a start a year behind the store goes on", a_start_behind_goes_on, 365 * DAY),
    ("nothing that was committed is younger than now", nothing_is_forgotten_of_the_last_second),
    ("a hand edit with a wrong clock moves no deadline",
     a_hand_edit_with_a_wrong_clock_moves_nothing),
    ("nor while a server runs", a_hand_edit_while_it_runs_is_told),
    ("while nobody runs it, the machine's clock is the time",
     hand_edits_follow_the_clock_while_nobody_runs),
])
