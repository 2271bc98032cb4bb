#!/usr/bin/env python3
"""conversations - what tests/http and tests/cli say, over PostgreSQL: each file over a store of its
own, all in one cluster, a few at a time.

    tests/pg/conversations.py ROWLOCKD ROWLOCK                     with one front end
    tests/pg/conversations.py --pair ROWLOCKD ROWLOCK              each request at the other of two
    tests/pg/conversations.py ROWLOCKD ROWLOCK ../http/adjust.txt  this one only, with what was said

What only SQLite can pass stands in only_sqlite.txt, what needs a single front end in
only_alone.txt, and what does not pass yet in not_yet.txt, each with the reason.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import cluster
from tap import Tap

HERE = pathlib.Path(__file__).resolve().parent
AT_ONCE = 4
RUN_S_MAX = 300
CASE = re.compile(r"(not )?ok \d+ - ([^#\n]*)(?:# SKIP (.*))?")


def files_of(names):
    """All conversations that tests/http and tests/cli hold with a server."""
    if names:
        return [pathlib.Path(name).resolve() for name in names]
    conversations = (HERE.parent / "cli").glob("*.txt")
    return sorted((HERE.parent / "http").glob("*.txt")) + sorted(
        path for path in conversations if "\nserver real\n" in path.read_text())


def exceptions_of(arguments):
    """All tables that count, in one file."""
    text = (HERE / "only_sqlite.txt").read_text() + (HERE / "not_yet.txt").read_text()
    if arguments.pair:
        text += (HERE / "only_alone.txt").read_text()
    table = tempfile.NamedTemporaryFile("w", prefix="rowlock-exceptions-", suffix=".txt")
    table.write(text)
    table.flush()
    return table


def play(path, arguments, table, environment):
    words = [sys.executable, path.parent / "run.py", "--exceptions", table.name,
             *(["--pair"] if arguments.pair else [])]
    if path.parent.name == "cli":
        words += ["--rowlock", arguments.rowlock, "--rowlockd", arguments.rowlockd, path]
    else:
        words += [*(["-v"] if arguments.verbose else []), arguments.rowlockd, path]
    try:
        return subprocess.run(words, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=RUN_S_MAX)
    except subprocess.TimeoutExpired:
        return None


def report(path, done, tap):
    if done is None:
        tap.report(path.name, f"not done within {RUN_S_MAX} s")
        return
    sys.stderr.write(done.stderr)
    found = CASE.findall(done.stdout)
    for is_not, sentence, reason in found:
        sentence = f"{path.stem}: {sentence.strip()}"
        if reason:
            tap.skip(sentence, reason)
        else:
            tap.report(sentence, "see above" if is_not else None)
    if done.returncode and not any(is_not for is_not, *_ in found):
        tap.report(path.name, f"ended with {done.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rowlockd", type=pathlib.Path)
    parser.add_argument("rowlock", type=pathlib.Path)
    parser.add_argument("file", nargs="*")
    parser.add_argument("--pair", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    tap = Tap()
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("conversations over PostgreSQL", reason)
        return tap.end()
    cluster.end_in_order()
    with cluster.Cluster(arguments.rowlockd) as database, exceptions_of(arguments) as table, \
            concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        environment = os.environ | {"ROWLOCK_TEST_POSTGRES": database.uri()}
        under_way = [(path, pool.submit(play, path, arguments, table, environment))
                     for path in files_of(arguments.file)]
        for path, future in under_way:
            report(path, future.result(), tap)
        tap.report("nobody met in a ring", None if database.deadlocks() == 0 else "deadlocks")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
