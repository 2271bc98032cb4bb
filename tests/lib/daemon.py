"""daemon - a rowlockd of the test's own, on a port of its own, over a store of its own.

    with Daemon(program, folder / "store.db", ["--loops", "2"]) as server:
        server.port ... server.restart() ... server.kill() ... server.start() ... server.stop()

In a flag $folder stands for the store's; SOCKET there is where a unix socket is expected.

Nothing here sleeps: it waits for the line that says where the server listens, and for its end.
"""
import itertools
import os
import re
import signal
import subprocess
import threading

import logfmt
import store as stores

LISTENING = re.compile(r"listening on (?:http://([^\s\"]+):(\d+)|unix:\S+)")
START_S_MAX = 30
STOP_S_MAX = 30
LINES_KEPT_MAX = 400
SOCKET = "rowlock.sock"
LINE_S_MAX = 30


class ServerTrouble(AssertionError):
    """The server did not start, or did not end as it should; with its last words."""


class Daemon:
    def __init__(self, program, store, flags=(), wrapper=()):
        self.program, self.store = str(program), str(store)
        self.folder = os.path.dirname(self.store)
        # However many cores there are, what passes from one loop to another is tried.
        self.flags = [*flags] if "--loops" in flags else ["--loops", "2", *flags]
        self.wrapper = list(wrapper)
        self.pass_fds = ()  # descriptors that it inherits
        self.process = self.port = None
        self.lines = []
        self.wrong_line = None  # the first that is no logfmt
        self.line_count = 0  # that it has written
        self._news = threading.Condition()

    def command(self):
        flags = [flag.replace("$folder", self.folder) for flag in self.flags]
        return [*self.wrapper, self.program, "--store", stores.argument(self.store),
                *self.listen(), *flags]

    def listen(self):
        """Unless the flags say so themselves."""
        return [] if "--listen" in self.flags else ["--listen", "127.0.0.1:0"]

    @property
    def socket_path(self):
        return os.path.join(self.folder, SOCKET)

    def start(self):
        """Returns once the server listens."""
        self.port = None
        self._spoke = threading.Event()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace",
                                        env=stores.environment(),
                                        pass_fds=self.pass_fds)
        self._listener = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self._listener.start()
        if not self._spoke.wait(START_S_MAX) or self.port is None:
            self.process.kill()
            code = self.process.wait()
            raise ServerTrouble(f"did not start, exit code {code}\n{self.last_words()}")
        return self

    def _listen(self, process):
        for line in process.stderr:
            with self._news:
                self.lines = (self.lines + [line.rstrip()])[-LINES_KEPT_MAX:]
                self.line_count += 1
                self._check(line)
                self._news.notify_all()
            found = LISTENING.search(line)
            if found and self.port is None:
                self.port = int(found[2] or 0)
                self._spoke.set()
        self._spoke.set()

    def _check(self, line):
        """Each whole line that a server writes is logfmt, unless another format was asked for."""
        if self.wrapper or self.wrong_line or not line.endswith("\n") \
                or "--log-format" in self.flags:
            return
        try:
            logfmt.check(line[:-1])
        except ValueError as wrong:
            if not line.startswith("rowlockd: ") and self.port is not None:
                self.wrong_line = str(wrong)

    def last_words(self, count=20):
        return "\n".join(self.lines[-count:]) or "(it said nothing)"

    def lines_since(self, count):
        """The newest lines, but the first `count` that it wrote."""
        with self._news:
            new = self.line_count - count
            return self.lines[-new:] if new > 0 else []

    def wait_for_line(self, piece, since=0, limit_s=LINE_S_MAX):
        """Waits until it has written a line with this in it, behind the first `since`."""
        def is_there():
            new = self.line_count - since
            return new > 0 and any(piece in line for line in self.lines[-new:])
        with self._news:
            if not self._news.wait_for(is_there, limit_s):
                raise ServerTrouble(f"no line with {piece!r}\n{self.last_words()}")

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, code_wanted, limit_s=STOP_S_MAX):
        """Waits for the end of the process, which must have this exit code."""
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServerTrouble(f"did not end within {limit_s} s\n{self.last_words()}") from None
        self._listener.join()
        self.process.stderr.close()
        if self.wrong_line:
            raise ServerTrouble(f"no logfmt: {self.wrong_line}")
        if code != code_wanted:
            raise ServerTrouble(f"ended with {code}, not {code_wanted}\n{self.last_words()}")

    def stop(self, code_wanted=0):
        self.signal(signal.SIGTERM)
        self.wait(code_wanted)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait(-signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if not self.is_running():
            return
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()


class Pair:
    """Two front ends over one store, as if they were one: whoever asks for the port or the socket
    is sent to the other one than who asked before. What is done to it is done to both."""

    def __init__(self, program, store, flags=(), wrapper=()):
        self.members = [Daemon(program, store, flags, wrapper) for _ in range(2)]
        self.members[1].folder = os.path.join(self.members[0].folder, "other")
        os.makedirs(self.members[1].folder, exist_ok=True)
        self.store = str(store)
        self._turns = itertools.cycle(self.members)

    @property
    def port(self):
        return next(self._turns).port

    @property
    def socket_path(self):
        return next(self._turns).socket_path

    @property
    def flags(self):
        return self.members[0].flags

    @flags.setter
    def flags(self, flags):
        for member in self.members:
            member.flags = flags

    def start(self):
        for member in self.members:
            member.start()
        return self

    def signal(self, number):
        for member in self.members:
            member.signal(number)

    def wait(self, code_wanted, limit_s=STOP_S_MAX):
        for member in self.members:
            member.wait(code_wanted, limit_s)

    def stop(self, code_wanted=0):
        self.signal(signal.SIGTERM)
        self.wait(code_wanted)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait(-signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def is_running(self):
        return all(member.is_running() for member in self.members)

    def last_words(self, count=20):
        return "\nand the other:\n".join(member.last_words(count) for member in self.members)

    def __enter__(self):
        try:
            return self.start()
        except ServerTrouble:
            self.__exit__(ServerTrouble)
            raise

    def __exit__(self, kind, *_):
        for member in self.members:
            member.__exit__(kind)
