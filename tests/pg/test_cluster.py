#!/usr/bin/env python3
"""test_cluster - that the database of the tests is what the tests take it for.

    test_cluster.py BUILT_PROGRAM
"""
import os
import pathlib
import select
import signal
import subprocess
import sys

import cluster
from cluster import Cluster
from postgres import Session, SqlError
from tap import Tap

END_S_MAX = 20


def check_ways_in(database):
    assert database.process.pid != os.getpid()
    assert database.folder.stat().st_mode & 0o777 == 0o755
    with database.session() as session:
        assert session.run("SELECT current_user, $1::text, NULL", "ä") == [("tester", "ä", None)]
        assert session.value("SELECT count(*) FROM pg_settings"
                             " WHERE name = 'listen_addresses' AND setting = ''") == 1
        assert session.value("SHOW server_encoding") == "UTF8"
        assert not session.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        try:
            session.run("SELECT nothing")
            raise AssertionError("refused nothing")
        except SqlError as refusal:
            assert refusal.state == "42703", refusal.state


def check_crash(database):
    with database.session() as session:
        session.run("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        session.run("BEGIN")
        session.run("INSERT INTO kept VALUES (2)")
        database.crash()
        try:
            session.run("COMMIT")
            raise AssertionError("a crash that nobody notices")
        except SqlError:
            pass
    database.start()
    with database.session() as session:
        assert session.run("SELECT n FROM kept") == [(1,)]


def check_standby(database):
    with database.session() as session:
        session.run("CREATE TABLE followed (n int)")
    with database.standby(is_synchronous=True) as other:
        with database.session() as session:
            session.run("INSERT INTO followed VALUES (3)")
        database.crash()
        other.promote()
        with Session(database.uri(hosts=[database, other],
                                  target_session_attrs="read-write")) as session:
            session.run("INSERT INTO followed VALUES (4)")
            assert session.run("SELECT n FROM followed ORDER BY n") == [(3,), (4,)]
    database.start({"synchronous_standby_names": ""})


def check_nothing_left(program):
    """Whoever made it is killed: it ends, and the next one takes the folder away."""
    words = (f"import sys; sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\n"
             f"from cluster import Cluster\nc = Cluster({program!r}).__enter__()\n"
             "print(c.process.pid, c.folder, flush=True)\nsys.stdin.read()")
    other = subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    pid, folder = other.stdout.readline().split()
    descriptor = os.pidfd_open(int(pid))
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert select.select([descriptor], [], [], END_S_MAX)[0], "it runs on without who made it"
    os.close(descriptor)
    with Cluster(program) as next_one:
        assert not pathlib.Path(folder).exists()
        folder = next_one.folder
    assert not folder.exists()


def main():
    tap, program = Tap(), sys.argv[1]
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("a database of the test's own", reason)
        return tap.end()
    cluster.end_in_order()
    with Cluster(program) as database:
        tap.run("it can be asked at its socket, by who may do little", check_ways_in, database)
        tap.run("a crash takes what was not committed, and no more", check_crash, database)
        tap.run("a standby takes over", check_standby, database)
        tap.report("nobody met in a ring", None if database.deadlocks() == 0 else "deadlocks")
    tap.run("nothing of it is left behind", check_nothing_left, program)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
