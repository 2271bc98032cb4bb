"""case - what the crash tests share: the way to lib/, the program, a folder each, skipping."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402, F401
from tap import Tap  # noqa: E402


def run_cases(cases):
    """Each case: a sentence and a function of (rowlockd, folder); `needs` says what is missing."""
    rowlockd, tap = pathlib.Path(sys.argv[1]).resolve(), Tap()
    for sentence, function, *needs in cases:
        reason = next(filter(None, (need() for need in needs)), None)
        if reason:
            tap.skip(sentence, reason)
            continue
        with tempfile.TemporaryDirectory(prefix="rowlock-crash-") as folder:
            tap.run(sentence, function, rowlockd, pathlib.Path(folder))
    sys.exit(tap.end())


def needs_strace():
    """None, or why system calls cannot be made to fail here."""
    if not shutil.which("strace"):
        return "strace is not installed"
    probe = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=getpid:error=EIO", "true"],
                           capture_output=True, text=True)
    return f"strace may not trace here: {probe.stderr.strip()}" if probe.returncode else None


@contextlib.contextmanager
def injected(process, call, fault, when):
    """While this lasts the when-th such call of each thread, from now on, ends with the fault."""
    strace = subprocess.Popen(["strace", "-f", "-p", str(process.pid), "-o", "/dev/null",
                               "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={when}"],
                              stderr=subprocess.PIPE, text=True)
    said = strace.stderr.readline()
    assert "attached" in said, said
    try:
        yield
    finally:
        strace.terminate()
        strace.communicate()


def inject(call, fault, when):
    """A wrapper under which the when-th such call of a thread ends with this fault.

    -D: strace is the grandchild, so that signals and exit codes are those of the server.
    -E: a traced process cannot look for its leaks."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return ["strace", "-E", f"ASAN_OPTIONS={options}", "-D", "-f", "-qq", "-o", "/dev/null",
            "-e", f"trace={call}",
            "-e", f"inject={call}:{fault}:when={when}"]
