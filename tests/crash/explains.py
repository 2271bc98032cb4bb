#!/usr/bin/env python3
"""explains - a crash says which thread died, at what, and from where it was called.

The program crasher dies in every way and in threads of its own; the server is sent a signal in each
of its threads. What is printed is read as an operator would: with addr2line.
"""
import ctypes
import os
import pathlib
import re
import resource
import signal
import sqlite3
import subprocess
import sys

from case import Daemon, run_cases
from talk import Client, Connection, wait_until

CRASHER = pathlib.Path(sys.argv[2]).resolve()

# how -> the signal, and the functions that must be on the stack, innermost first
WAYS = {
    "check": (signal.SIGABRT, ["die_check", "die_by"]),
    "segv": (signal.SIGSEGV, ["die_segv", "die_by"]),
    "null": (signal.SIGSEGV, ["die_null", "die_by"]),
    "fpe": (signal.SIGFPE, ["die_fpe", "die_by"]),
    "ill": (signal.SIGILL, ["die_ill", "die_by"]),
    "bus": (signal.SIGBUS, ["die_bus", "die_by"]),
    "deep": (signal.SIGSEGV, ["die_deep", "die_deep"]),
    "two": (signal.SIGSEGV, ["die_segv"]),
    "sent": (signal.SIGSEGV, ["die_sent", "die_by"]),
}
FAILED = re.compile(r'level=crit event=check_failed at=\S*crasher.c:\d+ condition="zero == n"')


def field(line, name):
    found = re.search(rf" {name}=(\S+)", line)
    return found[1] if found else None


def crash_of(lines):
    """The line that says what happened; the rest of the print is whole."""
    events = [field(f" {line}", "event") for line in lines if "level=crit event=crash" in line]
    assert events[0] == "crash" and events[-1] == "crash_end", lines
    assert events.count("crash") == events.count("crash_end") == 1, lines
    assert len(events) > 3, lines
    return next(line for line in lines if " event=crash " in line)


def names_of(program, lines):
    """What the last line of the print is for: the functions, innermost first."""
    command = re.search(r' lines="addr2line (-\w+) (\S+) (.*)"', lines[-1])
    assert command[2] == program.name, command[0]
    told = subprocess.run(["addr2line", command[1], str(program), *command[3].split()],
                          check=True, text=True, stdout=subprocess.PIPE).stdout
    return re.findall(r"^(?: \(inlined by\) )?(\w+) at ", told, re.MULTILINE)


def is_sanitized(program):
    symbols = subprocess.run(["nm", "-D", program], text=True, capture_output=True).stdout
    return "__asan_init" in symbols or "__tsan_init" in symbols


def sanitizer():
    return "a sanitizer reports itself" if is_sanitized(CRASHER) else None


def die(way, thread):
    return subprocess.run([CRASHER, way, thread], text=True, errors="replace",
                          stderr=subprocess.PIPE)


def ways_are_told(*_):
    for way, (number, names) in WAYS.items():
        for thread in "main", "loop":
            result = die(way, thread)
            lines = result.stderr.splitlines()
            assert result.returncode == -number, (way, result)
            line = crash_of(lines)
            assert field(line, "signal") == number.name[3:], line
            assert field(line, "last_event") == "crasher_began", line
            found = names_of(CRASHER, lines)
            at = found.index(names[0]) if names[0] in found else -1
            assert found[at:at + len(names)] == names, (way, thread, found)


def condition_is_told(*_):
    lines = die("check", "main").stderr.splitlines()
    assert any(FAILED.fullmatch(line) for line in lines), lines


def thread_is_told(*_):
    line = crash_of(die("segv", "loop").stderr.splitlines())
    assert field(line, "thread") == "loop-3", line
    assert field(line, "doing") == "testing", line
    assert field(line, "address") == "0x0", line
    assert field(line, "request_id") == "r-4711??[31m", line  # nothing of it reaches a terminal
    assert field(line, "last_fault") == "-5" and field(line, "detail") == "522", line
    assert re.search(r" at=\S*crasher.c:\d+ ", line), line


def first_thread_is_told(*_):
    """One of two that die at the same time is told of whole, and the other does not break in."""
    for _ in range(20):
        line = crash_of(die("two", "main").stderr.splitlines())
        assert field(line, "thread") in ("other", "crasher"), line


def threads_of(pid):
    """name -> number. A thread that has not begun yet has the name of the first one."""
    numbers = sorted((int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()),
                     reverse=True)
    return {pathlib.Path(f"/proc/{pid}/task/{n}/comm").read_text().strip(): n for n in numbers}


def send(server, thread, number):
    pid = server.process.pid
    wait_until(lambda: thread in threads_of(pid), f"{thread} has begun")
    assert ctypes.CDLL(None).syscall(234, pid, threads_of(pid)[thread], number) == 0  # tgkill


def server_threads_are_told(rowlockd, folder):
    for thread, own in ("rowlockd", "main"), ("loop-0", "loop_run"), ("loop-1", "loop_run"), \
            ("writer", "writer_main"), ("reader", "reader_main"):
        server = Daemon(rowlockd, folder / f"{thread}.db", ["--loops", "2"]).start()
        send(server, thread, signal.SIGSEGV)
        server.wait(-signal.SIGSEGV)
        line = crash_of(server.lines)
        assert field(line, "thread") == thread, line
        assert field(line, "sent_by") == str(os.getpid()), line
        assert field(line, "last_event"), line
        assert own in names_of(rowlockd, server.lines), server.last_words(40)


def group_is_told(rowlockd, folder):
    """The writer waits for a store that another program holds."""
    server = Daemon(rowlockd, folder / "store.db").start()
    other = sqlite3.connect(folder / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    connection = Connection(server.port)
    connection.send(b"PUT /v1/items/A-1 HTTP/1.1\r\nHost: localhost\r\n"
                    b'Content-Length: 14\r\n\r\n{"name": "A"}\n', "PUT")
    client = Client(server.port)
    wait_until(lambda: client.get("/readyz").status == 503, "the writer waits")
    send(server, "writer", signal.SIGBUS)
    server.wait(-signal.SIGBUS)
    assert field(crash_of(server.lines), "doing") == "beginning", server.last_words(40)
    connection.close()
    client.close()
    other.close()


def request_is_told(rowlockd, folder):
    """gdb stops the server in a handler, and lets it go on with the signal."""
    gdb = ["sh", "-c", 'exec "$@" >/dev/null', "sh", "gdb", "--batch", "-nx",
           "-ex", "set debuginfod enabled off", "-ex", "set breakpoint pending on",
           "-ex", "break handle_stock_show", "-ex", "run", "-ex", "clear handle_stock_show",
           "-ex", "signal SIGILL", "--args"]
    server = Daemon(rowlockd, folder / "store.db", wrapper=gdb).start()
    connection = Connection(server.port)
    connection.send(b"GET /v1/stock/A-1/WH1 HTTP/1.1\r\nHost: localhost\r\n"
                    b"X-Request-Id: order-77\r\n\r\n", "GET")
    server.wait(0)  # gdb's
    line = crash_of([x for x in server.lines if "level=crit" in x])
    assert field(line, "thread").startswith("loop-"), line
    assert field(line, "request_id") == "order-77", line
    assert field(line, "doing"), line
    connection.close()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    run_cases([
        ("every way to die is told, in every thread, and by whom it was called", ways_are_told,
         sanitizer),
        ("a CHECK that fails says which", condition_is_told),
        ("the thread, the request, the fault and what was done", thread_is_told, sanitizer),
        ("one crash at a time", first_thread_is_told, sanitizer),
        ("each thread of the server is told by its name", server_threads_are_told, sanitizer),
        ("what the writer's group is at", group_is_told, sanitizer),
        ("which request a loop is at", request_is_told, sanitizer),
    ])
