"""spending - where the CPU of an update and of a read goes: `tests/bench/run --profile`.

Four looks at each kind of work, 64 connections of wrk all the while:

    CPU microseconds by thread      the kernel's own count, nobody attached
    system calls by name            strace -c -f; it slows everything down, so only numbers count
    shares by function              perf, by thread; leaves the server alone
    instructions by function        callgrind over bench_instructions: without kernel and library

A tool that is not there is named with the line that installs it, and its look is left out.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import instructions
import load
import servers
from trouble import Broken

CONNECTIONS = 64
LOADED_S = 3  # of wrk, for each look
PERF_S = 2
PERF_HZ = 1999
FUNCTIONS = 25
SHARE_MIN = 0.7  # per cent
ATTACH_S_MAX = 20
TOOLS = {"strace": "strace", "perf": "linux-perf", "valgrind": "valgrind"}
# What is looked at: our script, its options, and the kind of bench_instructions.
WORKS = {"update": ("uniform.lua", {}, "update"),
         "update with a key": ("uniform.lua", {"keys": "yes"}, "keyed_update"),
         "update of one hot row": ("hot.lua", {}, "hot_update"),
         "read": ("reads.lua", {}, "read")}
BATCHES = ("part_line", "keyed_part_line")

# % time, seconds, usecs/call, calls, errors (or nothing), name
CALLS = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.M)
SHARE = re.compile(r"^ +([\d.]+)% +(\S+) +(\S+) +\[[.k]\] (\S+)", re.M)


def is_here(tool):
    if shutil.which(tool):
        return True
    print(f"# {tool} is not here: apt-get install {TOOLS[tool]}")
    return False


def answered(server):
    """How many requests it has answered so far."""
    return server.metrics()["rowlock_request_seconds_count"]


def run_load(server, script, options, seconds=LOADED_S):
    run = load.run_wrk(server.url, script, CONNECTIONS, seconds, options)
    if run.refused or run.socket_errors or run.timeouts:
        raise Broken(f"{script}: {run.refused} refused, {run.socket_errors} socket errors,"
                     f" {run.timeouts} took more than 2 s")
    return run


def print_cpu(server, script, options):
    before = server.cpu_ns()
    run = run_load(server, script, options)
    run.spend(before, server.cpu_ns(), run.rate * LOADED_S)
    parts = sorted(run.cpu_us.items(), key=lambda part: -part[1])
    print(f"{run.rate:10,.0f} a second")
    for name, us in [("all threads", run.cpu_total_us), *parts]:
        if us >= 0.05:
            print(f"{us:10.2f} us of CPU each: {name}")


def calls_of(text):
    """name -> calls, of what strace -c says."""
    return {name: int(count) for count, name in CALLS.findall(text) if name != "total"}


class Strace:
    """Inside of `with` all threads are followed; after it `calls` has what they called."""

    def __init__(self, pid, folder):
        self.path = pathlib.Path(folder) / "calls"
        self.command = ["strace", "-c", "-f", "-p", str(pid), "-o", str(self.path)]
        self.calls = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.process.wait(ATTACH_S_MAX)
            raise Broken(f"strace: {line.strip()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=ATTACH_S_MAX)
        self.calls = calls_of(self.path.read_text())


def print_calls(server, script, options, folder):
    if not is_here("strace"):
        return
    with Strace(server.process.pid, folder) as strace:
        before = answered(server)
        run_load(server, script, options)
        count = max(answered(server) - before, 1)
    print(f"{sum(strace.calls.values()) / count:10.2f} system calls each, under strace")
    for name, calls in sorted(strace.calls.items(), key=lambda call: -call[1]):
        if calls / count >= 0.005:
            print(f"{calls / count:10.2f} {name}")


def shares_of(text):
    """(per cent, thread, library, function), of what perf report says."""
    return [(float(share), thread, library.strip("[]"), function)
            for share, thread, library, function in SHARE.findall(text)]


def record(pid, path):
    """perf for a while, beside the load. None, or why it cannot."""
    ran = subprocess.run(["perf", "record", "-q", "-F", str(PERF_HZ), "-p", str(pid), "-o", path,
                          "sleep", str(PERF_S)], capture_output=True, text=True)
    return None if ran.returncode == 0 and os.path.exists(path) else ran.stderr.strip()


def print_shares(server, script, options, folder):
    if not is_here("perf"):
        return
    path = str(pathlib.Path(folder) / "perf")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(run_load, server, script, options)
        time.sleep(LOADED_S - PERF_S - 0.5)
        trouble = record(server.process.pid, path)
        loaded.result()
    if trouble is not None:
        print(f"# perf cannot: {trouble.splitlines()[0] if trouble else 'no reason given'}")
        return
    said = subprocess.run(["perf", "report", "-i", path, "--stdio", "--no-children", "-g", "none",
                           "--sort", "comm,dso,symbol"], capture_output=True, text=True).stdout
    for share, thread, library, function in shares_of(said)[:FUNCTIONS]:
        if share >= SHARE_MIN:
            print(f"{share:9.1f}% {thread:8} {function} [{library}]")


def print_instructions(program, said, dumps, kind):
    count = int(dict(instructions.COUNT.findall(said))[kind])
    functions = instructions.functions_of(dumps[kind])
    print(f"{sum(number for number, _ in functions) / count:10,.0f} instructions each"
          f" ({pathlib.Path(program).name})")
    for number, function in functions[:FUNCTIONS]:
        print(f"{number / count:10,.0f} {function}")


def count_instructions(program, folder):
    """What callgrind said, or None: not here."""
    if not is_here("valgrind"):
        return None
    if not os.access(program, os.X_OK):
        print(f"# {program} is not there: it is built where valgrind is installed")
        return None
    inner = pathlib.Path(folder) / "instructions"
    inner.mkdir()
    return instructions.run_program(str(program), inner)


def profile(arguments):
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as folder:
        counted = count_instructions(arguments.build / "tests" / "bench" / "bench_instructions",
                                     folder)
        loops = int(arguments.loops[0]) if arguments.loops else None
        with servers.start_rowlockd(arguments.rowlockd, pathlib.Path(folder) / "profile.db",
                                    loops) as server:
            server.prepare_rows()
            for work, (script, options, kind) in WORKS.items():
                print(f"\n{work}, {CONNECTIONS} connections")
                print_cpu(server, script, options)
                print_calls(server, script, options, folder)
                print_shares(server, script, options, folder)
                if counted:
                    print_instructions("bench_instructions", *counted, kind)
        for kind in BATCHES if counted else ():
            print(f"\na line of a batch, in parts of 512: {kind}")
            print_instructions("bench_instructions", *counted, kind)
