#!/usr/bin/env python3
"""test_sql - `rowlock sql URI`: psql, told what the sqlite3 shell is told of a file.

    test_sql.py ROWLOCKD ROWLOCK
"""
import os
import subprocess
import sys

import cluster
from cluster import Cluster
from daemon import Daemon
from tap import Tap

CODE_SQL, CODE_UNREACHABLE = 1, 2  # psql's


class Typed:
    def __init__(self, rowlock, uri):
        self.rowlock, self.uri = rowlock, uri

    def run(self, *words, uri=None, program=(), text=None, **variables):
        """(exit code, stdout, the first line of stderr)"""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("PG")}
        environment["PATH"] = f"{cluster.programs()}:{environment['PATH']}"
        done = subprocess.run([*program, self.rowlock, "sql", uri or self.uri, *words],
                              env=environment | variables, input=text or "", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return done.returncode, done.stdout, done.stderr.partition("\n")[0]


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found:  {found}\nwanted: {wanted}")


def check_answers(typed):
    expect(typed.run("SELECT 7, NULL, 'x'", "SHOW search_path", "SHOW lock_timeout"),
           (0, "7||x\nshop,pg_temp\n5s\n", ""))
    expect(typed.run(text="SELECT count(*) FROM v_ledger_check;\nSELECT 2;\n"), (0, "0\n2\n", ""))


def check_edit(typed):
    expect(typed.run("INSERT INTO item (sku, name) VALUES ('A-1', 'x')",
                     "INSERT INTO location (code, name) VALUES ('WH1', 'x')",
                     "SELECT stock_add('A-1', 'WH1', 5)",
                     "SELECT on_hand_delta, actor FROM v_movements LIMIT 1"),
           (0, "5\n5|psql\n", ""))


def check_refusals(typed):
    """The first one ends it."""
    expect(typed.run("DELETE FROM movement", "SELECT 1"),
           (CODE_SQL, "", "ERROR:  the ledger is append-only: change the stock instead, it writes"
            " its own movement"))
    expect(typed.run("SELECT * FROM absent")[::2],
           (CODE_SQL, 'ERROR:  relation "absent" does not exist'))


def check_readonly(typed):
    expect(typed.run("--readonly", "UPDATE item SET name = 'y'"),
           (CODE_SQL, "", "ERROR:  cannot execute UPDATE in a read-only transaction"))
    expect(typed.run("--readonly", "SELECT name FROM item"), (0, "x\n", ""))


def check_password(typed):
    """Neither on the command line of what is run, nor lost."""
    uri = typed.uri.replace("//tester@", "//tester:it%27s%20secret@")
    code, said, _ = typed.run("\\! tr '\\0' ' ' < /proc/$PPID/cmdline; echo; echo $PGPASSWORD",
                              uri=uri)
    command, password = said.splitlines()
    expect((code, password), (0, "it's secret"))
    assert "secret" not in command and "shop" not in command, command


def check_options(typed):
    """What was said before stays, and has the last word."""
    expect(typed.run("SHOW work_mem", "SHOW lock_timeout", "SHOW search_path",
                     PGOPTIONS="-c work_mem=1234kB -c lock_timeout=7s"),
           (0, "1234kB\n7s\nshop,pg_temp\n", ""))


def check_terminal(typed):
    """On a terminal the rows stand in a box."""
    command = " ".join(f"'{word}'" for word in (typed.rowlock, "sql", typed.uri, "SELECT 7 AS a"))
    done = subprocess.run(["script", "-qec", command, "/dev/null"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, timeout=60, env=os.environ | {
                              "PATH": f"{cluster.programs()}:{os.environ['PATH']}",
                              "LC_ALL": "C.UTF-8"})
    expect(done.stdout.split(), "┌───┐ │ a │ ├───┤ │ 7 │ └───┘".split())


def check_nobody_there(typed, database):
    expect(typed.run("SELECT 1", uri=f"postgresql:///x?host={database.folder}/absent")[0],
           CODE_UNREACHABLE)


def main():
    tap, rowlockd, rowlock = Tap(), *sys.argv[1:3]
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("rowlock sql", reason)
        return tap.end()
    cluster.end_in_order()
    with Cluster(rowlockd) as database:
        with Daemon(rowlockd, database.store_uri("shop")):
            typed = Typed(os.path.abspath(rowlock), database.store_uri("shop"))
            tap.run("it answers as the sqlite3 shell does, in the store's schema", check_answers,
                    typed)
            tap.run("a hand edit", check_edit, typed)
            tap.run("what is refused is said, and ends it", check_refusals, typed)
            tap.run("who only looks writes nothing by mistake", check_readonly, typed)
            tap.run("a password is not seen", check_password, typed)
            tap.run("PGOPTIONS are kept", check_options, typed)
            tap.run("a box on a terminal", check_terminal, typed)
            tap.run("nobody is there", check_nobody_there, typed, database)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
