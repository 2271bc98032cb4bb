#!/usr/bin/env python3
"""loss - a database that comes back without what it had answered is not believed.

    loss.py ROWLOCKD [CASE...]
"""
import contextlib

from cluster import Cluster
from daemon import Daemon
from shop import SCHEMA, adjust, expect, run_cases
from talk import Client

SECONDS = 30
STOPPED = 74
NEAR, FAR = "A-1", "A-2"


def stock(client):
    expect(client.put("/v1/locations/WH1", {"name": "warehouse"}), 200, 201)
    for sku in (NEAR, FAR):
        expect(client.put(f"/v1/items/{sku}", {"name": sku}), 200, 201)


@contextlib.contextmanager
def front_ends(rowlockd, uri, count):
    with contextlib.ExitStack() as running:
        fronts = [running.enter_context(Daemon(rowlockd, uri)) for _ in range(count)]
        yield fronts, [Client(front.port) for front in fronts]


def epoch_of(session):
    return session.value("SELECT epoch FROM store")


def adjusted(client, sku, times):
    for _ in range(times):
        seq = expect(adjust(client, sku, 1), 201).json()["movement"]["seq"]
    return seq


def after_failover(rowlockd, lost, written_since):
    """Two front ends, of which the first has seen what is lost; then others may write so much."""
    with Cluster(rowlockd) as primary, primary.standby() as standby:
        uri = primary.uri(hosts=[primary, standby], schema=SCHEMA)
        with front_ends(rowlockd, uri, 2) as (fronts, clients):
            stock(clients[0])
            kept = adjusted(clients[0], NEAR, 3)
            with primary.session(SCHEMA) as session:
                old = epoch_of(session)
            standby.wait_for_lsn(primary)
            standby.crash()  # from now on it receives nothing
            assert adjusted(clients[0], NEAR, lost) == kept + lost
            primary.crash()
            standby.start()
            standby.promote()
            if written_since:
                with standby.session(SCHEMA) as session:
                    session.run("SET rowlock.service = on")
                    for _ in range(written_since):
                        session.run(
                            "INSERT INTO movement SELECT seq + 1, stock_id, kind, on_hand_delta, "
                            "reserved_delta, on_hand, reserved, version + 1, reason, reference, "
                            "reservation, request_id, oversubscribed, low_stock, at + 7, seq, "
                            "actor, note FROM movement ORDER BY seq DESC LIMIT 1")
            for front in fronts:
                front.wait(STOPPED, SECONDS)
        lines = [line for front in fronts for line in front.lines]
        assert sum("store_lost_commits" in line for line in lines) >= 1, lines
        with standby.session(SCHEMA) as session:
            assert epoch_of(session) != old
        with front_ends(rowlockd, uri, 1) as (_, [client]):
            expect(client.get(f"/v1/changes?after={kept}&epoch={old}"), 410)
            expect(client.get(f"/v1/changes?after={kept}"), 200)
            seq = adjusted(client, NEAR, 1)
            assert seq == kept + written_since + 1, seq
            expect(client.get(f"/v1/stock/{NEAR}/WH1"), 200)


def commits_are_lost(rowlockd):
    after_failover(rowlockd, lost=4, written_since=0)


def commits_are_lost_and_written_over(rowlockd):
    after_failover(rowlockd, lost=2, written_since=5)


def somebody_begins_another_epoch(rowlockd):
    """As after a restore beside it: what is in memory may be of what was before."""
    with Cluster(rowlockd) as database:
        with front_ends(rowlockd, database.store_uri(SCHEMA), 1) as ([front], [client]):
            stock(client)
            with database.session(SCHEMA) as session:
                session.run("SET rowlock.service = on")
                session.run("UPDATE store SET epoch = 'another'")
            front.wait(STOPPED, SECONDS)
            assert any("store_new_epoch" in line for line in front.lines), front.last_words()


def a_restart_loses_nothing(rowlockd):
    """What was answered is there, so nobody stops."""
    with Cluster(rowlockd) as database:
        with front_ends(rowlockd, database.store_uri(SCHEMA), 2) as (fronts, clients):
            stock(clients[0])
            kept = adjusted(clients[0], NEAR, 3)
            database.crash()
            database.start()
            assert adjusted(clients[1], FAR, 1) == kept + 1
            assert adjusted(clients[0], NEAR, 1) == kept + 2
            assert all(front.is_running() for front in fronts)
            assert not any("epoch" in line for front in fronts for line in front.lines)


if __name__ == "__main__":
    run_cases([
        ("commits that a failover has lost begin a new epoch", commits_are_lost),
        ("also where others have given their seqs anew", commits_are_lost_and_written_over),
        ("another epoch stops who is of the old one", somebody_begins_another_epoch),
        ("a database that crashes and comes back has lost nothing", a_restart_loses_nothing),
    ])
