#!/usr/bin/env python3
"""settings - what is wrong with one is said before anything is touched, wherever it stands.

    tests/http/settings.py ROWLOCKD

Each setting of schema/settings.def with a bad value by a flag, a variable and the file, and each
kind of file that is none. No store is made, no lock, no socket.
"""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.path.insert(0, str(ROOT / "server/package"))
sys.dont_write_bytecode = True

import tables  # noqa: E402
from daemon import Daemon  # noqa: E402
from talk import Client  # noqa: E402
from tap import Tap  # noqa: E402

ROWLOCKD = os.path.abspath(sys.argv[1])
USAGE, CONFIGURATION = 64, 78
END_S_MAX = 30
BAD = {"SETTING_TEXT": None, "SETTING_JUDGED": "", "SETTING_LIST": "://", "SETTING_NUMBER":
       "banana", "SETTING_CHOICE": "banana", "SETTING_SWITCH": "perhaps"}


def refused(folder, code, words, *flags, **variables):
    """It ends with this code, says so, and leaves nothing behind."""
    there = pathlib.Path(folder, "there")
    there.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], **variables}
    environment.update({name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name})
    done = subprocess.run([ROWLOCKD, *flags], cwd=there, env=environment, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=END_S_MAX)
    assert done.returncode == code, (flags, variables, done)
    assert words in done.stderr and done.stderr.startswith("rowlockd: "), (words, done.stderr)
    assert done.stdout == "" and not [*there.iterdir()], (flags, [*there.iterdir()])


def rows():
    return [(row[1].value, BAD[kind]) for kind, row in tables.read_rows(
        (ROOT / "schema/settings.def").read_text(), "SETTING_") if BAD[kind] is not None]


def each_setting(folder):
    file = pathlib.Path(folder, "conf")
    assert len(rows()) > 25
    for flag, bad in rows():
        variable = "ROWLOCK_" + flag.upper().replace("-", "_")
        refused(folder, USAGE, f"--{flag}: '{bad}' is not ", f"--{flag}={bad}")
        refused(folder, CONFIGURATION, f"{variable}: '{bad}' is not ", **{variable: bad})
        file.write_text(f"# a\n\n{flag} = {bad}\n")
        refused(folder, CONFIGURATION, f"{file}:3: {flag}: '{bad}' is not ", f"--config={file}")


def make(path, what):
    """The file, as something that is none."""
    with contextlib.suppress(FileNotFoundError):
        path.rmdir() if path.is_dir() else path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path.name)
    elif isinstance(what, bytes):
        path.write_bytes(what)


FILES = [("it is not there", None, ": No such file or directory"),
         ("it is a folder", "folder", ": it is no plain file"),
         ("it is a pipe that nobody writes", "pipe", ": it is no plain file"),
         ("it is a link to itself", "loop", ": Too many levels of symbolic links"),
         ("there is a NUL", b"slow-ms = 7\n\0\n", ": it has a NUL"),
         ("a line has a megabyte", b"store = " + b"x" * 1048576, ": it is too long"),
         ("it is a program", b"\x7fELF\x02\x01\x01\x03", ":1: there is a control character"),
         ("it is UTF-16", "slow-ms = 7\n".encode("utf-16"), ": it has a NUL"),
         ("a line is nearly as long as a file may be", b"slow-ms = " + b"7" * 65000, ":1: slow-ms"),
         ("a name is so", b"x" * 65000 + b" = 1", ":1: unknown setting xxx"),
         ("there is an escape", b"\nstore = a\x1b[2J\n", ":2: there is a control character"),
         ("the second line is none, behind CRLF", b"slow-ms = 7\r\nwhat\r\n", ":2: a line is"),
         ("it names another", b"include = a\n", ":1: unknown setting include"),
         ("it ends without a newline", b"slow-ms = x", ":1: slow-ms: 'x' is not"),
         ("bytes are no UTF-8", b"slow-ms = \xff\xfe\n", ":1: slow-ms: '")]


def each_file(folder):
    file = pathlib.Path(folder, "conf")
    for what, made, words in FILES:
        make(file, made)
        refused(folder, CONFIGURATION, f"{file}{words}", "--config", str(file))
        refused(folder, CONFIGURATION, f"{file}{words}", ROWLOCK_CONFIG=str(file))
    make(file, b"slow-ms = 7\n")
    if os.geteuid() != 0:
        file.chmod(0)
        refused(folder, CONFIGURATION, f"{file}: Permission denied", "--config", str(file))


def each_file_on_sighup(folder):
    """What was in force stays so, the log says why, and the next right one is taken."""
    file = pathlib.Path(folder, "conf")
    make(file, b"slow-ms = 7\n")
    with Daemon(ROWLOCKD, pathlib.Path(folder, "store.db"), ["--config", str(file)]) as server:
        for what, made, words in FILES:
            since = server.line_count
            make(file, made)
            server.signal(signal.SIGHUP)
            server.wait_for_line("event=reload_refused", since)
            said, = (line for line in server.lines_since(since) if "reload_refused" in line)
            assert "level=error" in said and f"{file}{words}".split("'")[0] in said, (what, said)
            assert "setting_changed" not in "\n".join(server.lines_since(since)), what
            assert Client(server.port).get("/livez").status == 200
        since = server.line_count
        make(file, b"\xef\xbb\xbfslow-ms = 8\r\n# \xe4\r\n")
        server.signal(signal.SIGHUP)
        server.wait_for_line("event=setting_changed name=slow-ms was=7 is=8", since)


def unknown_variables(folder):
    """They are a warning, with the name that was likely meant; what they say is not shown."""
    wrapper = ["env", "ROWLOCK_BANANA=rl_abcdefghij_secret", "ROWLOCK_SLOWMS=1",
               "ROWLOCK_PLAIN_HTTP=1", "ROWLOCK_CA=a", "ROWLOCK_TOKEN=a", "ROWLOCK_SLOW_MS=1"]
    with Daemon(ROWLOCKD, pathlib.Path(folder, "warned.db"), [], wrapper) as server:
        said = [line for line in server.lines if "unknown_variable" in line]
    assert len(said) == 2 and all("level=warn" in line for line in said), said
    assert any(re.search(r"name=ROWLOCK_BANANA$", line) for line in said), said
    assert any(line.endswith("name=ROWLOCK_SLOWMS nearest=ROWLOCK_SLOW_MS") for line in said), said


def said_several_times(folder):
    """Both addresses listen, and both names are answered for."""
    store = pathlib.Path(folder, "several.db")
    subprocess.run([ROWLOCKD, "token", "add", "a", "--role", "reader", "--store", store],
                   check=True, capture_output=True)
    with Daemon(ROWLOCKD, store, ["--listen", "127.0.0.1:0", "--listen", "unix:$folder/s",
                                  "--host-name", "a.example", "--host-name=b.example"]) as server:
        server.wait_for_line("listening on unix:")
        assert Client(str(pathlib.Path(folder, "s"))).get("/livez").status == 200
        for name, status in (("a.example", 200), ("b.example", 200), ("c.example", 421)):
            assert Client(server.port).get("/livez", Host=name).status == status, name


def main():
    tap = Tap()
    for sentence, function in (
            ("each setting is named where its value is bad, and nothing is made", each_setting),
            ("each file that is none is refused, with the place", each_file),
            ("on SIGHUP, too, and what was in force stays so", each_file_on_sighup),
            ("a variable that is no setting is a warning", unknown_variables),
            ("what is said several times is all there", said_several_times)):
        with tempfile.TemporaryDirectory(prefix="rowlock-settings-") as folder:
            tap.run(sentence, function, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
