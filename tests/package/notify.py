#!/usr/bin/env python3
"""notify - what a service manager is told, and when its watchdog is fed: the manager is this test.

    tests/package/notify.py ROWLOCKD
"""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

ROWLOCKD = pathlib.Path(sys.argv[1]).resolve()
WATCHDOG_US = 1000000
FEEDS = 4          # as long as the watchdog waits
SILENCE_S = 1.0    # four times the time between two feeds
HEARD_S_MAX = 30
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL: a thread is waited for, too


class Manager:
    """The socket that the service talks to, and the variables that it finds."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))

    def environment(self, watchdog_us=WATCHDOG_US):
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(watchdog_us)}

    def hear(self, limit_s=HEARD_S_MAX):
        """The next message's lines; None: nothing came."""
        self.socket.settimeout(limit_s)
        try:
            return self.socket.recv(4096).decode().splitlines()
        except TimeoutError:
            return None

    def hear_until(self, line):
        """All messages up to the one that has this line."""
        heard = []
        while True:
            message = self.hear()
            assert message is not None, f"no {line} after {heard}"
            heard.append(message)
            if line in message:
                return heard

    def forget(self):
        """What has come and was not heard yet."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(4096):
                pass

    def expect_feeds(self):
        self.forget()
        for _ in range(FEEDS):
            self.hear_until("WATCHDOG=1")


@contextlib.contextmanager
def served(folder, flags=(), watchdog_us=WATCHDOG_US):
    manager = Manager(folder)
    words = [f"{name}={value}" for name, value in manager.environment(watchdog_us).items()]
    store = pathlib.Path(folder, "shop.db")
    with Daemon(ROWLOCKD, store, [*flags], ["env", *words]) as server:
        yield manager, server
    manager.socket.close()


def a_start_and_a_stop(folder):
    with served(folder) as (manager, server):
        heard = manager.hear_until("READY=1")
        assert "STATUS=serving" in heard[-1], heard
        # It has asked for more time before it touched the store.
        assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in heard[0]), heard
        server.signal(signal.SIGTERM)
        heard = manager.hear_until("STOPPING=1")
        assert "STATUS=draining" in heard[-1], heard
        server.wait(0)


def expect_reload(manager, server, status):
    """The status is what it was: to read the settings again frees no disk."""
    server.signal(signal.SIGHUP)
    heard = manager.hear_until("RELOADING=1")
    assert any(line.startswith("MONOTONIC_USEC=") for line in heard[-1]), heard
    heard = manager.hear_until("READY=1")
    assert status in heard[-1], heard


def a_reload(folder):
    with served(folder) as (manager, server):
        manager.hear_until("READY=1")
        expect_reload(manager, server, "STATUS=serving")


def no_watchdog_no_food(folder):
    with served(folder, watchdog_us=0) as (manager, server):
        manager.hear_until("READY=1")
        assert manager.hear(SILENCE_S) is None


def idle(folder):
    with served(folder) as (manager, _):
        manager.expect_feeds()


def make_row(server):
    client = Client(server.port)
    for path, body in (("/v1/items/A-1", {"name": "bolt"}), ("/v1/locations/WH1", {"name": "x"})):
        client.put(path, body)
    client.post("/v1/stock/A-1/WH1/adjust", {"delta": 9})
    return client


def another_program_holds_the_store(folder):
    with served(folder, ["--store-busy-ms", "60000"]) as (manager, server):
        make_row(server)
        with contextlib.closing(sqlite3.connect(server.store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waits = Connection(server.port)
            waits.send(b"POST /v1/stock/A-1/WH1/adjust HTTP/1.1\r\nHost: localhost\r\n"
                       b'Content-Length: 12\r\n\r\n{"delta":-1}', "POST")
            wait_until(lambda: any("store_locked" in line for line in server.lines) or
                       b"store-busy" in Client(server.port).get("/readyz").body, "it is busy")
            manager.expect_feeds()
            other.execute("ROLLBACK")
        assert waits.read_answer().status == 201
        manager.expect_feeds()


def needs_mount():
    if os.geteuid() != 0 or not shutil.which("mount"):
        return "only root may mount a small disk"
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True)
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return "this kernel does not mount a tmpfs here" if mounted.returncode else None


def a_full_disk(folder):
    disk = pathlib.Path(folder, "disk")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=True)
    try:
        with served(disk) as (manager, server):
            client = make_row(server)
            with open(disk / "filler", "wb") as filler, contextlib.suppress(OSError):
                while filler.write(bytes(1 << 16)):
                    filler.flush()
            wait_until(lambda: client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status == 503,
                       "the disk is full")
            manager.hear_until("STATUS=writes are refused: disk-full")
            expect_reload(manager, server, "STATUS=writes are refused: disk-full")
            manager.expect_feeds()
            (disk / "filler").unlink()
            wait_until(lambda: client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status == 201,
                       "there is room again")
            manager.hear_until("STATUS=serving")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def trace(request, thread):
    if LIBC.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


@contextlib.contextmanager
def stopped(thread):
    """That thread alone stands still."""
    trace(PTRACE_SEIZE, thread)
    trace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WAIT_ALL)
    try:
        yield
    finally:
        trace(PTRACE_DETACH, thread)


def needs_ptrace():
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        with stopped(child.pid):
            return None
    except OSError as trouble:
        return f"no thread can be stopped here: {trouble}"
    finally:
        child.communicate()


def threads_of(server):
    """(name, id) of each thread that is watched; env has become the server."""
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task")
    names = [((task / "comm").read_text().strip(), int(task.name)) for task in tasks.iterdir()]
    return sorted((name, number) for name, number in names
                  if name.startswith(("access", "loop-", "reader", "writer")))


def a_thread_that_hangs(folder):
    with served(folder, ["--loops", "2", "--readers", "2"]) as (manager, server):
        manager.expect_feeds()
        threads = threads_of(server)
        assert [name for name, _ in threads] == [
            "access", "loop-0", "loop-1", *["reader"] * 3, "writer"]
        for name, thread in threads:
            seen = len(server.lines)
            with stopped(thread):
                wait_until(lambda: any("thread_late" in line and f"thread={name}" in line
                                       for line in server.lines[seen:]), f"{name} is missed")
                manager.forget()
                fed = manager.hear(SILENCE_S)
                assert fed is None, f"{name} hangs, and yet: {fed}"
            manager.expect_feeds()
        said = Client(server.port).get("/metrics").body.decode()
        assert int(re.search(r"^rowlock_threads_late_total (\d+)$", said, re.M)[1]) >= len(threads)


def main():
    tap = Tap()
    begun = time.monotonic()
    for sentence, function, *needs in (
            ("it says when it serves and when it stops", a_start_and_a_stop),
            ("it says when it reads its settings again", a_reload),
            ("without a watchdog nothing is fed", no_watchdog_no_food),
            ("idle is alive", idle),
            ("a store that another program holds is alive", another_program_holds_the_store),
            ("a full disk is alive, and said", a_full_disk, needs_mount),
            ("any thread that hangs is not, and alive again when it goes on", a_thread_that_hangs,
             needs_ptrace)):
        reason = next(filter(None, (need() for need in needs)), None)
        if reason:
            tap.skip(sentence, reason)
            continue
        with tempfile.TemporaryDirectory(prefix="rowlock-notify-") as folder:
            tap.run(sentence, function, folder)
    print(f"# {time.monotonic() - begun:.1f} s", file=sys.stderr)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
