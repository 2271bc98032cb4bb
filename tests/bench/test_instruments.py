"""test_instruments - the measuring instruments measured: the open-loop driver against servers whose
behaviour is known, the slow disk's shim, and what reads their words.

    test_instruments.py bench_open_loop slow_flush.so
"""
import json
import pathlib
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
sys.dont_write_bytecode = True

import contest  # noqa: E402
import crowds  # noqa: E402
import instructions  # noqa: E402
import latency  # noqa: E402
import load  # noqa: E402
import open_loop  # noqa: E402
import spending  # noqa: E402
from trouble import Broken  # noqa: E402
from tap import Tap  # noqa: E402

OPEN_LOOP, SLOW_FLUSH = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:3])
EXIT_USAGE, EXIT_INPUT, EXIT_OS = 64, 66, 71

PING = open_loop.http_request("POST", "/ping", '{"delta":-1}')
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
CONFLICT = b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}"


class FakeServer:
    """Answers request number 0, 1, 2 ... with what `answer(number)` returns; None: never. It counts
    how many it had got and not answered at most. One thread, which `answer` may keep waiting."""

    def __init__(self, answer, request=PING):
        self.answer, self.request = answer, request
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.netloc = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.stop_ours, self.stop_theirs = socket.socketpair()
        self.selector.register(self.stop_theirs, selectors.EVENT_READ)
        self.taken = self.waiting_most = 0
        self.strange = None
        self.callers = set()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _take(self, peer):
        data = peer.recv(65536)
        if not data:
            self.selector.unregister(peer)
            peer.close()
            return
        if data != self.request:
            self.strange = data
        reply = self.answer(self.taken)
        self.taken += 1
        if reply is not None:
            peer.sendall(reply)

    def _run(self):
        while True:
            ready = [key.fileobj for key, _ in self.selector.select()]
            if self.stop_theirs in ready:
                return
            self.waiting_most = max(self.waiting_most, len(ready))
            for peer in ready:
                if peer is self.listener:
                    connection, caller = peer.accept()
                    self.callers.add(caller[0])
                    self.selector.register(connection, selectors.EVENT_READ)
                else:
                    self._take(peer)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop_ours.close()
        self.thread.join()
        self.listener.close()


def drive(server, rate=500, request=PING, **more):
    settings = {"connections": 2, "seconds": 0.4, "warm_up": 0} | more
    found = open_loop.run(OPEN_LOOP, server.netloc, [request], rate, **settings)
    assert server.strange is None, server.strange
    return found


def every_request_is_sent_and_counted():
    with FakeServer(lambda number: CREATED) as server:
        found = drive(server)
    assert found.requests == 200 and server.taken == 200, (found, server.taken)
    assert found.trouble is None and found.rate <= 510, found
    assert 0 < found.p50_us <= found.p90_us <= found.p99_us <= found.p999_us <= found.max_us, found


def the_warm_up_is_sent_and_not_counted():
    with FakeServer(lambda number: CREATED) as server:
        found = drive(server, warm_up=0.2)
    assert server.taken == 300 and found.requests == 200, (found, server.taken)


def a_stall_is_seen_by_all_who_were_due():
    """A server that does nothing for 0.3 s: two requests were under way, which is one in a hundred
    of what was sent; but 150 were due, and have waited for up to 0.3 s."""
    stall = threading.Event()  # is never set

    def answer(number):
        if number == 10:
            stall.wait(0.3)
        return CREATED

    with FakeServer(answer) as server:
        found = drive(server)
    assert server.waiting_most <= 2, server.waiting_most
    assert found.requests == 200 and found.trouble is None, found
    assert found.late_queued > 0, found
    assert found.late_queued + found.late_driver >= 100, found
    assert found.p50_us >= 50_000, found  # half of them had to wait for more than a sixth of it
    assert found.p99_us >= 250_000, found


def what_is_never_answered_is_not_forgotten():
    """Of two connections one is never answered; the drain is waited for in full, and the one that
    hangs has the greatest latency of all."""
    with FakeServer(lambda number: None if number == 7 else CREATED) as server:
        found = drive(server, rate=100, seconds=0.2, drain=0.3)
    assert found.unanswered == 1 and found.requests == 20, found
    assert found.max_us >= 3e5, found
    assert found.trouble is not None


def refusals_are_told():
    with FakeServer(lambda number: CONFLICT if number % 10 == 0 else CREATED) as server:
        found = drive(server)
    assert found.refused == 20 and found.requests == 200, found
    assert "20 refused" in found.trouble, found.trouble


def nonsense_breaks_a_connection():
    with FakeServer(lambda number: b"SMTP\r\n\r\n" if number == 3 else CREATED) as server:
        found = drive(server)
    assert found.broken == 1 and found.requests == 199, found
    assert found.trouble is not None


def it_calls_from_where_it_is_told():
    for source in (None, "127.0.0.2"):
        with FakeServer(lambda number: CREATED) as server:
            drive(server, source=source)
        assert server.callers == {source or "127.0.0.1"}, (source, server.callers)


def it_speaks_to_redis():
    request = open_loop.resp_request("EVALSHA", "abc", "1", "stock:1")
    assert request == b"*4\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n1\r\n$7\r\nstock:1\r\n"
    with FakeServer(lambda number: b"-ERR\r\n" if number == 0 else b"$2\r\n11\r\n",
                    request) as server:
        found = drive(server, request=request, answers="resp")
    assert found.requests == 200 and found.refused == 1, found


def call(program, *words):
    return subprocess.run([program, *words], capture_output=True, text=True)


def addresses_of_others_are_refused():
    for address in ("10.0.0.1:80", "192.168.1.1:80", "8.8.8.8:80", "128.0.0.1:80", "localhost:80",
                    "0.0.0.0:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "[::1]:80", ""):
        ran = call(OPEN_LOOP, address, "/dev/null", "--rate", "1")
        assert ran.returncode == EXIT_USAGE and "usage" in ran.stderr, (address, ran)


def mistakes_are_told():
    for words in (["--rate", "0"], ["--rate", "x"], ["--rate", "1000001"], ["--rate", "nan"], [],
                  ["--rate", "1", "--seconds", "61"], ["--rate", "1", "--connections", "0"],
                  ["--rate", "1", "--seconds", "40", "--warm-up", "30"],
                  ["--rate", "1", "--answers", "smtp"], ["--rate", "1", "--drain", "61"],
                  ["--rate", "1", "--speed", "2"]):
        ran = call(OPEN_LOOP, "127.0.0.1:1", "/dev/null", *words)
        assert ran.returncode == EXIT_USAGE, (words, ran)
    with tempfile.NamedTemporaryFile() as file:
        for text in (b"", b"3:abc", b"4:abc,", b"3:abc,x", b"abc", b"0:,", b":abc,"):
            pathlib.Path(file.name).write_bytes(text)
            ran = call(OPEN_LOOP, "127.0.0.1:1", file.name, "--rate", "1")
            assert ran.returncode == EXIT_INPUT, (text, ran)
        pathlib.Path(file.name).write_bytes(b"3:abc,")
        ran = call(OPEN_LOOP, "127.0.0.1:1", file.name, "--rate", "1")
        assert ran.returncode == EXIT_OS and "cannot connect" in ran.stderr, ran


def words_that_are_none_are_told():
    for text in ("", "requests 1\n", "rate x\n"):
        try:
            open_loop.parse(text)
        except Broken:
            continue
        raise AssertionError(text)


# ---------------------------------------------------------------- the slow disk

FLUSH = """
import os, sys, tempfile, time
with tempfile.TemporaryFile() as file:
    file.write(b"x" * 4096)
    file.flush()
    for flush in (os.fsync, os.fdatasync):
        begun = time.monotonic()
        flush(file.fileno())
        print(time.monotonic() - begun)
read, write = os.pipe()
for flush in (os.fsync, os.fdatasync):
    begun = time.monotonic()
    try:
        flush(read)
    except OSError as error:
        print(error.errno, time.monotonic() - begun)
"""


def flush_slowly(setting):
    environment = {"LD_PRELOAD": SLOW_FLUSH} | setting
    return subprocess.run(["env", *(f"{name}={value}" for name, value in environment.items()),
                           sys.executable, "-c", FLUSH], capture_output=True, text=True)


def a_flush_takes_as_long_as_is_said():
    for setting, least_s in (({}, 0.002), ({"SLOW_FLUSH_MS": "20"}, 0.02),
                             ({"SLOW_FLUSH_MS": "7.5"}, 0.0075), ({"SLOW_FLUSH_MS": "0"}, 0)):
        ran = flush_slowly(setting)
        assert ran.returncode == 0, ran
        for line in ran.stdout.splitlines()[:2]:
            assert float(line) >= least_s, (setting, ran.stdout)


def a_flush_that_fails_says_why_at_once():
    begun = time.monotonic()
    ran = flush_slowly({"SLOW_FLUSH_MS": "1000"})
    lines = [line.split() for line in ran.stdout.splitlines()[2:]]
    assert [code for code, _ in lines] == ["22", "22"], ran  # EINVAL
    assert all(float(spent) < 1 for _, spent in lines), (lines, time.monotonic() - begun)


def a_setting_that_is_no_time_is_no_fast_disk():
    for text in ("", "2ms", "-1", "1001", "nan"):
        ran = flush_slowly({"SLOW_FLUSH_MS": text})
        assert ran.returncode < 0 and "SLOW_FLUSH_MS" in ran.stderr, (text, ran)


# ---------------------------------------------------------------- the guard of instructions

MADE = {"compiler": "12.2.0", "avx2": "yes"}


def guard(figures, base, toolchain=None):
    """What the guard says of figures: the kinds that do not pass, or what it skipped for."""
    class Said(Tap):
        def report(self, sentence, trouble=None):
            if trouble:
                wrong.append((sentence.split(":")[0], trouble))

        def skip(self, sentence, reason):
            wrong.append(("skipped", reason))

    wrong = []
    bases = [{"toolchain": MADE, "figures": {"old": 1}}, {"toolchain": MADE, "figures": base}]
    instructions.check(figures, toolchain or MADE, bases, Said())
    return wrong


def what_costs_as_much_as_before_passes():
    for now in (1000, 1030, 970):
        assert guard({"update": now}, {"update": 1000}) == [], now


def what_became_dearer_or_cheaper_does_not_pass():
    for now, word in ((1031, "too dear"), (969, "gained"), (2000, "too dear"), (1, "gained")):
        (kind, trouble), = guard({"read": 5, "update": now}, {"read": 5, "update": 1000})
        assert kind == "update" and word in trouble and "--why" in trouble, trouble


def a_token_has_a_limit_of_its_own():
    for cost, is_wrong in ((1019, False), (1021, True), (900, False)):
        figures = {"update": 1000, "token_update": cost}
        wrong = guard(figures, figures)
        assert bool(wrong) == is_wrong, (cost, wrong)
    figures = {"update": 1000, "token_update": 1021}
    assert len(guard(figures, figures, MADE | {"compiler": "13.1.0"})) == 2, "it is a ratio"


def a_refused_login_has_one_too():
    for cost, is_wrong in ((1299, False), (1301, True), (900, False)):
        figures = {"livez": 1000, "refused_login": cost}
        wrong = guard(figures, figures)
        assert bool(wrong) == is_wrong, (cost, wrong)
    figures = {"livez": 1000, "refused_login": 1301}
    assert len(guard(figures, figures, MADE | {"compiler": "13.1.0"})) == 2, "it is a ratio"


def a_kind_that_comes_or_goes_does_not_pass():
    (kind, trouble), = guard({"read": 5, "list": 9}, {"read": 5})
    assert kind == "list" and "no such kind" in trouble, trouble
    (kind, trouble), = guard({"read": 5}, {"read": 5, "list": 9})
    assert kind == "list" and "not measured" in trouble, trouble


def other_tools_are_named_and_fail_nobody():
    for toolchain in (MADE | {"compiler": "13.1.0"}, MADE | {"avx2": "no"}, {"compiler": "12.2.0"},
                      MADE | {"libc": "2.40"}):
        (kind, reason), = guard({"update": 5000}, {"update": 1000}, toolchain)
        assert kind == "skipped" and "then" in reason and "now" in reason, reason


def the_bases_are_a_history():
    kept = json.loads(instructions.FILE.read_text())
    for base in kept["bases"]:
        assert base["why"] and base["commit"] and base["figures"] and base["toolchain"], base
    before = [dict(base) for base in kept["bases"]]
    instructions.keep(kept, {"update": 1}, MADE, "abc", "because of the test")
    assert kept["bases"][:-1] == before and kept["bases"][-1]["figures"] == {"update": 1}


def callgrinds_words_are_read():
    said = "made compiler 12.2.0\nmade avx2 yes\ncount update 64\n"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "callgrind.1").write_text("desc: Trigger: Client Request: update\n"
                                            "totals: 6464\n")
        (folder / "callgrind.2").write_text("desc: Trigger: Program termination\ntotals: 5\n")
        dumps = instructions.dumps_of(folder)
        assert instructions.figures_of(said, dumps) == {"update": 101.0}
        try:
            instructions.figures_of(said + "count read 64\n", dumps)
        except SystemExit as trouble:
            assert "read" in str(trouble), trouble
        else:
            raise AssertionError("a kind without a dump")
    assert instructions.toolchain_of(said).items() >= MADE.items()


# ---------------------------------------------------------------- sections and the profile

STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 58.15    0.148061          14      9897           sendmsg
  0.78    0.001980           3       553       219 futex
  0.00    0.000000           0         6           pwrite64
------ ----------- ----------- --------- --------- ----------------
100.00    0.254631           8     10456       219 total
"""

PERF = """\
# Samples: 3K of event 'cpu-clock:ppp'
     7.51%  loop-0   [kernel.kallsyms]         [k] finish_task_switch.isra.0
     2.20%  writer   libsqlite3.so.0.8.6       [.] sqlite3VdbeExec
"""


def straces_table_is_read():
    assert spending.calls_of(STRACE) == {"sendmsg": 9897, "futex": 553, "pwrite64": 6}


def perfs_table_is_read():
    assert spending.shares_of(PERF) == [
        (7.51, "loop-0", "kernel.kallsyms", "finish_task_switch.isra.0"),
        (2.2, "writer", "libsqlite3.so.0.8.6", "sqlite3VdbeExec")]


def a_flush_is_that_of_the_slowed_disk():
    with tempfile.TemporaryDirectory() as folder:
        assert 0 < latency.log_flush_us(folder, {})
        assert latency.log_flush_us(folder, {"SLOW_FLUSH_MS": "700"}) >= 700_000


def a_group_is_the_mean_between_two_looks():
    count, total = "rowlock_commit_seconds_count", "rowlock_commit_seconds_sum"
    before, after = {count: 10, total: 1.0}, {count: 30, total: 1.004}
    assert round(latency.group_us(before, after)) == 200
    assert latency.group_us(before, before) == 0


def a_driver_that_came_late_is_doubted():
    with FakeServer(lambda number: CREATED) as server:
        side = latency.FixedRate("updates", OPEN_LOOP, server, [PING], "http")
        side.run_once(300, 0.2)
    assert not list(side.troubles()) and side.median("requests") == 60
    side.runs[0].late_driver = 1
    assert len(list(side.doubts())) == 1, "one in sixty is more than one in a hundred"
    side.runs[0].late_driver = 0
    assert not list(side.doubts())


def the_best_of_a_crowd_is_its_own_measure():
    def lane(count, rate):
        one = contest.Lane(f"{count}", None, "", connections=count)
        one.runs = [load.Run(rate, 1, 1, 1)]
        return one

    found = list(crowds.against_peak([lane(64, 50), lane(256, 100), lane(4000, 79)]))
    assert [(one.ratio, one.is_met) for one in found] == [(0.5, False), (1, True), (0.79, False)]
    assert all(one.against.endswith(" 256") for one in found), found


def main():
    tap = Tap()
    for function in (every_request_is_sent_and_counted, the_warm_up_is_sent_and_not_counted,
                     a_stall_is_seen_by_all_who_were_due, what_is_never_answered_is_not_forgotten,
                     refusals_are_told, nonsense_breaks_a_connection, it_speaks_to_redis,
                     it_calls_from_where_it_is_told,
                     addresses_of_others_are_refused, mistakes_are_told,
                     words_that_are_none_are_told, a_flush_takes_as_long_as_is_said,
                     a_flush_that_fails_says_why_at_once,
                     a_setting_that_is_no_time_is_no_fast_disk,
                     what_costs_as_much_as_before_passes,
                     what_became_dearer_or_cheaper_does_not_pass,
                     a_token_has_a_limit_of_its_own,
                     a_refused_login_has_one_too,
                     a_kind_that_comes_or_goes_does_not_pass,
                     other_tools_are_named_and_fail_nobody, the_bases_are_a_history,
                     callgrinds_words_are_read, straces_table_is_read, perfs_table_is_read,
                     a_flush_is_that_of_the_slowed_disk, a_group_is_the_mean_between_two_looks,
                     a_driver_that_came_late_is_doubted, the_best_of_a_crowd_is_its_own_measure):
        tap.run(function.__name__.replace("_", " "), function)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
