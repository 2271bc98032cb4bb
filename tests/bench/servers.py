"""servers - the measured processes: started, waited for, asked for their memory, stopped."""
import http.client
import json
import pathlib
import re
import subprocess
import threading
import time

LISTENING = re.compile(r"listening on http://([\d.]+:\d+)")
LINES_KEPT_MAX = 20
START_S_MAX = 60
STOP_S_MAX = 30
ANSWER_S_MAX = 60


class Broken(Exception):
    """Something went wrong that is not a figure: the benchmark ends here."""


class Server:
    """A process that says on stderr where it listens. `with` stops it."""

    def __init__(self, name, command, exit_code_wanted):
        self.name = name
        self.exit_code_wanted = exit_code_wanted
        self.lines = []
        self.netloc = None
        self.started_s = None
        self.spoke = threading.Event()
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        if not self.spoke.wait(START_S_MAX) or self.netloc is None:
            self.process.kill()
            raise Broken(f"{' '.join(command)} did not start: {self.last_words()}")

    def _listen(self):
        for line in self.process.stderr:
            found = LISTENING.search(line)
            if found and self.netloc is None:
                self.started_s = time.monotonic() - self.begun
                self.netloc = found[1]
                self.spoke.set()
            self.lines = (self.lines + [line.rstrip()])[-LINES_KEPT_MAX:]
        self.spoke.set()

    @property
    def url(self):
        return f"http://{self.netloc}"

    def last_words(self):
        return "\n".join(self.lines) or "it said nothing"

    def memory_mib(self):
        """The most that was resident so far."""
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
        self.process.stderr.close()
        if code != self.exit_code_wanted:
            raise Broken(f"{self.name} ended with {code}: {self.last_words()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_bare(program, loops):
    return Server("bare", [str(program), str(loops)], exit_code_wanted=-15)


def start_rowlockd(program, store, loops, release="early"):
    return Server(f"rowlockd {release}",
                  [str(program), "--store", str(store), "--listen", "127.0.0.1:0",
                   "--loops", str(loops), "--row-release", release], exit_code_wanted=0)
