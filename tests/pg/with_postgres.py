#!/usr/bin/env python3
"""with_postgres - runs a program with a PostgreSQL beside it, which is there while it runs.

    tests/pg/with_postgres.py BUILT_PROGRAM [ARGUMENT...]

ROWLOCK_TEST_POSTGRES is its URI, for --store once `&schema=NAME` stands behind it. Exits as the
program does; with 77, which `meson test` shows as skipped, where there is no PostgreSQL.
"""
import os
import subprocess
import sys

import cluster

SKIPPED = 77


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 64
    reason = cluster.needs_postgres()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return SKIPPED
    cluster.end_in_order()
    with cluster.Cluster(sys.argv[1]) as database:
        environment = os.environ | {"ROWLOCK_TEST_POSTGRES": database.uri()}
        return subprocess.run(sys.argv[1:], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
