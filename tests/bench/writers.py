"""writers - a crowd that saturates one row while something else is measured."""
import signal
import subprocess

import load
from trouble import Broken

CONNECTIONS = 64
SECONDS_MAX = 60  # ended before that, by a signal
END_S_MAX = 10


class Writers:
    """Inside of `with` 64 connections of a wrk of their own change one row; not one of them may
    have been refused."""

    def __init__(self, server, row):
        self.command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS_MAX}",
                        "-s", str(load.SCRIPTS / "hot.lua"), server.url, "--",
                        f"row={row}", "count=errors"]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            said, _ = self.process.communicate(timeout=END_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
        if kind is None:
            run = load.parse(said)
            if run.refused or run.socket_errors or run.timeouts or not run.rate:
                raise Broken(f"the writers of another row: {said}")
