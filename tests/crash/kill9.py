#!/usr/bin/env python3
"""kill9 - kill -9 in the middle of load: nothing acknowledged is lost, nothing happens twice."""
from case import Daemon, inject, needs_strace, run_cases
from load import Load, make_rows

ROUNDS = 4
CHANGES = 1500  # acknowledged before each kill
CALLS = ("pwrite64", "fdatasync")
MOMENTS = (21, 22, 23, 24, 25, 40)  # the n-th such call of the writer's thread


def kill_under_load(release):
    def case(rowlockd, folder):
        server = Daemon(rowlockd, folder / "store.db", ["--row-release", release]).start()
        make_rows(server.port)
        load = Load(threads=32)
        for _ in range(ROUNDS):
            load.run(server.port, server.kill, CHANGES)
            load.prove(server.store)
            server.start()
        load.retry(server.port)
        server.stop()
        load.prove(server.store)
        assert len(load.acknowledged) == len(load.sent)
    return case


def kill_at_call(rowlockd, folder):
    """At the calls that write and flush a group, one after the other."""
    server = Daemon(rowlockd, folder / "store.db").start()
    make_rows(server.port)
    load = Load(threads=8)
    for call in CALLS:
        for moment in MOMENTS:
            server.stop()
            server.wrapper = inject(call, "signal=SIGKILL", moment)
            server.start()
            load.start(server.port)
            load.join()  # until the server is gone
            server.wait(-9)
            load.prove(server.store)
            server.wrapper = []
            server.start()
    load.retry(server.port)
    server.stop()
    load.prove(server.store)


run_cases([
    ("kill -9 under load, four times, with rows released early", kill_under_load("early")),
    ("kill -9 under load, four times, with rows released at the commit", kill_under_load("commit")),
    ("kill -9 at the system calls of a commit", kill_at_call, needs_strace),
])
