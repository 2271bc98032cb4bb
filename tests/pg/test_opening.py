#!/usr/bin/env python3
"""test_opening - how a store over PostgreSQL is opened, and what stands in the way.

    test_opening.py ROWLOCKD          as TAP

Each trouble of the table in docs/postgresql.md ends rowlockd with the exit code that stands there,
and with a sentence that says what to do; none of them shows a password.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import cluster
from cluster import Cluster
from daemon import Daemon
from tap import Tap

FOREVER_S = 60
SECRET = "opensesame"


class Server(Daemon):
    """A front end of a store."""

    def __init__(self, program, uri, *flags):
        super().__init__(program, uri, flags)


def run(program, uri, *flags, **environment):
    """The exit code and the log of one that does not start."""
    done = subprocess.run([program, "--store", uri, "--listen", "127.0.0.1:0", *flags], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=FOREVER_S,
                          env=os.environ | environment, check=False)
    assert SECRET not in done.stdout, done.stdout
    return done.returncode, done.stdout


def refuses(program, uri, code, words, *flags, **environment):
    found, log = run(program, uri, *flags, **environment)
    assert found == code, (found, log)
    assert words in log, log
    assert "event=store_refused" in log, log


# ------------------------------------------------------------------ what stands in the way

def prepare(database):
    """What the table below finds there."""
    with database.session(user="postgres") as session:
        session.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
        session.run("CREATE ROLE nobody")
        session.run("CREATE ROLE guest LOGIN")
        session.run("CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
    with database.session() as session:
        session.run("CREATE SCHEMA theirs CREATE TABLE theirs.bill (id integer)")
        session.run("CREATE SCHEMA likewise CREATE TABLE likewise.store (id integer)")


def nothing_is_there(program, database):
    refuses(program, "postgresql:///x?host=/nowhere", 69, "is PostgreSQL there")
    refuses(program, "postgresql://127.0.0.1:1/x", 69, "is PostgreSQL there")
    refuses(program, database.uri(user="crowd"), 69, "max_connections")
    refuses(program, database.uri(database="nowhere"), 78, "createdb -E UTF8")


def nobody_is_let_in(program, database):
    refuses(program, database.uri(user="nobody"), 77, "PGPASSFILE")
    refuses(program, database.uri(user="nowhere"), 77, "PGPASSFILE")
    refuses(program, database.uri(user="guest"), 77, "needs CREATE on the database")


def it_is_no_database_for_a_store(program, database):
    refuses(program, database.uri(database="latin"), 78, "encoding is LATIN1")
    refuses(program, database.uri(schema="theirs"), 65, "choose another one, ?schema=NAME")
    refuses(program, database.uri(schema="likewise"), 65, "choose another one, ?schema=NAME")
    refuses(program, database.uri(schema="A"), 78, "schema= must be")
    refuses(program, "postgresql:///x?nonsense=1", 78, "nonsense")


def it_is_of_another_version(program, database):
    uri = database.store_uri("version")
    with Server(program, uri):
        pass
    with database.session("version", user="postgres") as session:
        session.run("SET rowlock.service = on")
        session.run("UPDATE store SET schema_version = 1000")
        refuses(program, uri, 65, "a newer rowlockd wrote this store")
        session.run("UPDATE store SET schema_version = 0")
        refuses(program, uri, 65, "no rowlockd gave it")
        session.run("UPDATE store SET schema_version = 1")
        refuses(program, uri, 65, "--no-migrate", "--no-migrate")
        session.run("UPDATE store SET schema_version = 2")
        session.run("INSERT INTO movement_kind VALUES ('teleport')")
        refuses(program, uri, 65, "kinds of movements that are not known")
        session.run("DELETE FROM movement_kind WHERE kind IN ('teleport', 'transfer')")
        with Server(program, uri):  # what it lacks is learnt
            assert session.value("SELECT count(*) FROM movement_kind WHERE kind = 'transfer'") == 1


def all_hosts_are_standbys(program, database):
    with database.standby() as standby:
        refuses(program, standby.store_uri("standby"), 69, "is a standby")
        both = database.uri(hosts=[standby, database], schema="standby")
        with Server(program, both) as server:
            assert any("async_replica" in line for line in server.lines), server.lines


def rows_are_released_as_the_store_says(program, database):
    uri = database.store_uri("release")
    with Server(program, uri) as server:
        assert any("row_release=commit" in line for line in server.lines), server.lines
    with Server(program, uri, "--row-release", "commit"):
        pass
    refuses(program, uri, 78, "rowlockd store set row-release early", "--row-release", "early")


def what_means_nothing_is_said(program, database):
    uri = database.store_uri("settings")
    with Server(program, uri, "--create", "--migrate-without-copy", "--no-migrate") as server:
        log = "\n".join(server.lines)
    assert "event=setting_ignored name=create" in log, log
    assert "event=setting_ignored name=migrate-without-copy" in log, log


# ------------------------------------------------------------------ passwords

def no_password_is_shown(program, database):
    uri = database.store_uri("secret").replace("tester@", f"tester:{SECRET}@")
    with Server(program, uri) as server:
        pass
    log = "\n".join(server.lines)
    assert SECRET not in log, log
    assert "event=password_seen" in log, log
    for wrong in (f"postgresql://u:{SECRET}/{SECRET}@h/x", f"postgresql://u:{SECRET}%@h/x",
                  f"postgresql://u:{SECRET}@{SECRET}@h/x",
                  f"postgresql://u:{SECRET}@h/x?nonsense=1",
                  f"postgresql:///x?nonsense=1&password={SECRET}"):
        refuses(program, wrong, 78, "***")
    for right in (f"postgresql://u:{SECRET}@127.0.0.1:1/x",
                  f"postgresql://u@127.0.0.1:1/x?password={SECRET}"):
        refuses(program, right, 69, "***")
        code, log = run(program, right, "--print-config")
        assert code == 0 and "***" in log, log


def a_password_comes_from_a_file(program, database):
    """And is not what rowlockd warns of."""
    with tempfile.TemporaryDirectory() as folder:
        services = pathlib.Path(folder, "services")
        services.write_text(f"[shop]\nhost={database.folder}\nuser=tester\ndbname=rowlock\n"
                            f"password={SECRET}\n", encoding="utf-8")
        environment = os.environ.copy()
        os.environ["PGSERVICEFILE"] = str(services)
        try:
            with Server(program, "postgresql:///?service=shop&schema=service") as server:
                log = "\n".join(server.lines)
        finally:
            os.environ.clear()
            os.environ.update(environment)
    assert SECRET not in log and "password_seen" not in log, log


# ------------------------------------------------------------------ the first start

def eight_make_one_store(program, database):
    for attempt in range(3):
        schema = f"eight{attempt}"
        servers = [Server(program, database.store_uri(schema), "--demo") for _ in range(8)]
        with contextlib.ExitStack() as running:
            threads = [threading.Thread(target=running.enter_context, args=(server,))
                       for server in servers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert all(server.process and server.process.poll() is None and server.port
                       for server in servers), [server.last_words() for server in servers]
            with database.session(schema) as session:
                assert session.value("SELECT count(*) FROM store") == 1
                assert session.value("SELECT count(*) FROM front_end") == 8
                assert session.value("SELECT count(*) FROM item") == 38
                assert session.value("SELECT count(*) FROM movement") == 97 - 8
        assert sum("new=1" in line for server in servers for line in server.lines) == 1


# ------------------------------------------------------------------ front ends

def names_of(database):
    with database.session("names") as session:
        return session.run("SELECT name, address FROM front_end ORDER BY name")


def a_name_is_had_once(program, database):
    uri = database.store_uri("names")
    with Server(program, uri, "--front-end", "anna") as anna:
        refuses(program, uri, 75, "a front end of the name anna is alive", "--front-end", "anna")
        with Server(program, uri, "--front-end", "berta", "--front-end-address", "http://b:1"):
            assert names_of(database) == [("anna", f"http://127.0.0.1:{anna.port}"),
                                          ("berta", "http://b:1")]
    assert names_of(database) == []  # who stops in order leaves


def the_name_of_one_that_died_is_free(program, database):
    uri = database.store_uri("names")
    anna = Server(program, uri, "--front-end", "anna").start()
    anna.process.kill()
    anna.process.wait()
    assert [name for name, _ in names_of(database)] == ["anna"]
    with Server(program, uri, "--front-end", "anna") as again:
        assert names_of(database) == [("anna", f"http://127.0.0.1:{again.port}")]


def one_that_was_stopped_finds_its_name_taken(program, database):
    uri = database.store_uri("names")
    anna = Server(program, uri, "--front-end", "anna").start()
    anna.process.send_signal(signal.SIGSTOP)
    with Server(program, uri, "--front-end", "anna"):
        anna.process.send_signal(signal.SIGCONT)
        anna.wait(74, FOREVER_S)
        assert any("front_end_ousted" in line for line in anna.lines), anna.last_words()
        assert len(names_of(database)) == 1


CASES = [nothing_is_there, nobody_is_let_in, it_is_no_database_for_a_store,
         it_is_of_another_version, all_hosts_are_standbys, rows_are_released_as_the_store_says,
         what_means_nothing_is_said, no_password_is_shown, a_password_comes_from_a_file,
         eight_make_one_store, a_name_is_had_once, the_name_of_one_that_died_is_free,
         one_that_was_stopped_finds_its_name_taken]


def main():
    tap = Tap()
    program = sys.argv[1]
    reason = cluster.needs_postgres()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    cluster.end_in_order()
    with Cluster(program) as database:
        prepare(database)
        for case in CASES:
            tap.run(case.__name__.replace("_", " "), case, program, database)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
