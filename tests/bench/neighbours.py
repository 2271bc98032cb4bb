"""neighbours - other people's ways to do the same, measured beside ours.

Each is a file of its own (neighbour_NAME.py) with the same functions:

    NAME, PACKAGES              what it is called, and the Debian packages that bring it
    missing() -> packages       empty: it can take part
    versions()                  "program number" of server and load generator
    settings()                  in a line, what was set
    start(folder, environment)  -> a side, see servers.py
    install()                   where packages are not all of it
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

import neighbour_node
import neighbour_postgres
import neighbour_redis

ALL = {"redis": neighbour_redis, "postgres": neighbour_postgres, "node": neighbour_node}
INSTALL = "tests/bench/run --install"
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


def print_absent(names):
    for name in names:
        lacking = ALL[name].missing()
        if lacking:
            print(f"# {ALL[name].NAME} is left out: not here: {' '.join(lacking)};"
                  f" {INSTALL} installs it")


@contextlib.contextmanager
def no_services():
    """Debian starts what it installs: a policy of 101 says that it must not. One that is there
    already is somebody's, and stays."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install():
    """What the benchmark needs beside the build: as root. No service stays running."""
    packages = ["wrk", "curl"]
    for neighbour in ALL.values():
        packages += [name for name in neighbour.missing() if name in neighbour.PACKAGES]
    if os.geteuid() == 0:
        with no_services():
            subprocess.run(["apt-get", "update", "-q"], check=True)
            subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *packages],
                           check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    else:
        print("as root: apt-get install --no-install-recommends", *packages, file=sys.stderr)
    if shutil.which("npm") and neighbour_node.headers() and neighbour_node.missing():
        neighbour_node.install()
    print_absent(ALL)


def start(name, folder, environment):
    side = ALL[name].start(folder, environment)
    side.is_neighbour = True
    return side
