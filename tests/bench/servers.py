"""servers - the measured processes: started, waited for, driven, asked what they spent, stopped.

A side is a server that takes part. Ours, the bare library and the neighbours (neighbour_*.py) all
have this much in common:

    drive(lane, seconds)   one run of its own load generator -> load.Run
    cpu_ns()               thread name -> ns on a CPU so far
    memory_mib()           the most that was resident so far
    stop(), and `with`
"""
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import urllib.request

import cpu
import load
from trouble import Broken

LISTENING = re.compile(r'listening on http://([\d.]+:\d+)(?:"? loops=(\d+))?')
LINES_KEPT_MAX = 20
START_S_MAX = 60
STOP_S_MAX = 30
ANSWER_S_MAX = 60


class Server:
    """A process that says that it is ready, and is driven by wrk. `with` stops it.
    `environment` is added to ours: a library that is loaded first, for example. `user` runs it."""
    ready = LISTENING  # group 1, where there is one: the address
    is_neighbour = False  # it is somebody else's, and measured beside ours

    def __init__(self, name, command, exit_code_wanted, environment=None, folder=None, user=None):
        self.name = name
        self.exit_code_wanted = exit_code_wanted
        self.loops = None
        self.lines = []
        self.netloc = None
        self.started_s = None
        self.spoke = threading.Event()
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=folder,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=os.environ | (environment or {}), user=user)
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        if not self.spoke.wait(START_S_MAX) or self.started_s is None:
            self.process.kill()
            raise Broken(f"{' '.join(command)} did not start: {self.last_words()}")

    def _listen(self):
        for line in self.process.stdout:
            found = self.ready.search(line)
            if found and self.started_s is None:
                self.started_s = time.monotonic() - self.begun
                self.take_address(found)
                self.spoke.set()
            self.lines = (self.lines + [line.rstrip()])[-LINES_KEPT_MAX:]
        self.spoke.set()

    def take_address(self, found):
        self.netloc = found[1]
        self.loops = int(found[2]) if found[2] else None

    @property
    def url(self):
        return f"http://{self.netloc}"

    def last_words(self):
        return "\n".join(self.lines) or "it said nothing"

    def prepare_rows(self, **options):
        load.prepare_rows(self.url, options)

    def metrics(self):
        """name (with its labels) -> value, of the samples that it exposes."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=ANSWER_S_MAX) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}

    def drive(self, lane, seconds):
        return load.run_wrk(self.url, lane.script, lane.connections, seconds, lane.options,
                            lane.threads)

    def cpu_ns(self):
        return cpu.of_threads(self.process.pid)

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def call(self, method, path, body=None):
        """One request; its JSON, or None. Anything but a 2xx ends the benchmark."""
        connection = http.client.HTTPConnection(self.netloc, timeout=ANSWER_S_MAX)
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if not 200 <= answer.status < 300:
            raise Broken(f"{self.name}: {method} {path}: {answer.status} {text}")
        return json.loads(text) if text else None

    def stop(self):
        """Also of one that has ended by itself: its exit code tells."""
        self.process.terminate()
        try:
            code = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Broken(f"{self.name} did not stop within {STOP_S_MAX} s") from None
        self.listener.join()
        self.process.stdout.close()
        if code != self.exit_code_wanted:
            raise Broken(f"{self.name} ended with {code}: {self.last_words()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def environment_with(**added):
    return os.environ | added


def free_port():
    """One that was free just now, for servers that cannot say which they took."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def start_bare(program, loops, environment=None, file=None):
    """`file`: where each burst is flushed before it is answered."""
    words = [str(program), str(loops)] + (["0", str(file)] if file else [])
    return Server("bare", words, -15, environment)


def start_rowlockd(program, store, loops=None, release="early", environment=None):
    """`loops` None: as many as it takes by itself; how many those are it says at its start."""
    command = [str(program), "--store", str(store), "--listen", "127.0.0.1:0",
               "--row-release", release]
    command += ["--loops", str(loops)] if loops else []
    return Server(f"rowlockd {release}", command, 0, environment)
