#!/usr/bin/env python3
"""reload - SIGHUP reads the settings again: what is live changes at once, the rest says so.

    tests/http/reload.py ROWLOCKD
"""
import contextlib
import pathlib
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, wait_until  # noqa: E402

STORM = 200
WAIT_S = 0.2
SLOW_S = 0.02


class World:
    def __init__(self, rowlockd, folder):
        self.file = pathlib.Path(folder, "rowlockd.conf")
        self.store = pathlib.Path(folder, "store.db")
        self.file.write_text("wait-default-ms = 0\n")
        self.server = Daemon(rowlockd, self.store, ["--config", str(self.file)]).start()

    def client(self):
        return Client(self.server.port)

    def said(self, text, since=0):
        return any(text in line for line in self.server.lines_since(since))

    def hup(self, end="event=reloaded"):
        """Returns once the settings were read again, and how many lines there were before."""
        since = self.server.line_count
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_line(end, since)
        return since

    def reload(self, *lines, end="event=reloaded"):
        self.file.write_text("".join(f"{line}\n" for line in lines))
        return self.hup(end)


def fill(world):
    client = world.client()
    for path in ("/v1/items/A-1", "/v1/locations/WH1"):
        assert client.put(path, {"name": "a"}).status == 201
    assert client.post("/v1/stock/A-1/WH1/adjust", {"delta": 5}).status == 201


def log_requests(world):
    since = world.reload("log-requests = yes")
    assert world.said("event=setting_changed name=log-requests was=false is=true", since)
    world.client().get("/v1/stock/A-1/WH1")
    world.server.wait_for_line("event=request method=GET path=/v1/stock/A-1/WH1 ", since)
    since = world.reload("log-requests = no")
    world.client().get("/v1/items/A-1")
    world.hup()
    assert not world.said("event=request ", since)


def log_level(world):
    since = world.reload("log-level = error", end="name=log-level was=info is=error")
    world.file.write_text("what\n")  # an error is logged all the same
    world.hup("event=reload_refused")
    assert not world.said("event=signal", since + 3), world.server.lines_since(since)
    world.reload("log-level = debug", "slow-ms = 998", end="event=reloaded")


def key_required(world):
    world.reload("require-idempotency-key = true")
    answer = world.client().post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
    assert answer.json()["code"] == "idempotency-key-missing", answer
    world.reload("require-idempotency-key = false")
    assert world.client().post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status == 201


@contextlib.contextmanager
def leased(world):
    lease = world.client().post("/v1/leases", {
        "rows": [{"sku": "A-1", "location": "WH1"}], "ttl_s": 60, "purpose": "x"}).json()
    try:
        yield
    finally:
        assert world.client().delete(f"/v1/leases/{lease['id']}").status in (200, 204)


def wait_default(world):
    world.reload(f"wait-default-ms = {int(WAIT_S * 1000)}")
    with leased(world):
        begun = time.monotonic()
        answer = world.client().post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
        assert answer.status == 423 and time.monotonic() - begun >= WAIT_S, answer
        world.reload("wait-default-ms = 60000")
        world.reload("wait-default-ms = 0")
        answer = world.client().post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
        assert answer.status == 423, answer


def operation_wait(world):
    world.reload("operation-wait-ms = 1")
    with leased(world):
        answer = world.client().post("/v1/stock/A-1/WH1/adjust", {"delta": 1},
                                     Prefer="respond-async")
        place = answer.header("Location")
        assert answer.status == 202 and place, answer
        shown = world.client().get(f"{place}?wait=30").json()
        assert shown["state"] == "timed-out", shown


def has_waiter(world):
    return any(row["waiters"] for row in world.client().get("/v1/locks").json()["data"])


def slow(world):
    """A write that waits at a lease for longer than that."""
    since = world.reload("slow-ms = 1")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        world.client().post("/v1/stock/A-1/WH1/adjust?wait=30", {"delta": 1})))
    with leased(world):
        thread.start()
        wait_until(lambda: has_waiter(world), "the writer waits")
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > SLOW_S, "longer than that")
    thread.join()
    assert answers and answers[0].status == 201, answers
    world.server.wait_for_line("event=slow_write", since)


def what_needs_a_restart(world):
    since = world.reload("loops = 3", "slow-ms = 500", "readers = 7")
    assert world.said("event=setting_needs_restart name=readers was=2 is=7", since)
    assert world.said("event=setting_changed name=slow-ms was=1 is=500", since)
    assert not world.said("name=loops", since), "a flag outranks it"


def wrong_files(world):
    for lines, wanted in [(("slow-ms = 7", "loops = many"), ":2: loops: 'many' is not"),
                          (("slow-ms = 7", "slowms = 7"), "did you mean slow-ms?"),
                          (("slow-ms = 7", "slow-ms = 8"), "slow-ms stands in line 1 already"),
                          (("slow-ms = 7", "what"), "a line is name = value")]:
        since = world.reload(*lines, end="event=reload_refused")
        assert world.said(wanted, since), world.server.lines_since(since)
        assert not world.said("setting_changed", since)
    world.file.unlink()
    world.hup("event=reload_refused")
    since = world.reload("slow-ms = 501")
    assert world.said("name=slow-ms was=500 is=501", since)


def storm(world):
    client = world.client()
    for number in range(STORM):
        world.file.write_text(f"slow-ms = {number % 7 + 1000}\n")
        world.server.signal(signal.SIGHUP)
        assert client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1}).status == 201
    world.reload("slow-ms = 999")


def drain(world):
    world.reload("drain-ms = 1234")
    world.server.stop()
    assert world.said("event=draining limit_ms=1234")


def without_a_file(world):
    world.server.flags.remove("--config")
    world.server.flags.remove(str(world.file))
    world.server.start()
    since = world.hup()
    assert world.said("event=reloaded file=-", since)
    world.server.stop()


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-reload-") as folder:
        world = World(rowlockd, folder)
        fill(world)
        for sentence, case in [
                ("requests are logged from then on, or not", log_requests),
                ("the level of the log changes, also to where it says nothing of it", log_level),
                ("writes need a key from then on, or not", key_required),
                ("a write waits as long as it says by then", wait_default),
                ("so does an operation", operation_wait),
                ("a write is slow by what it says then", slow),
                ("what needs a restart is logged, and what is outranked is not",
                 what_needs_a_restart),
                ("a wrong file changes nothing, and says why", wrong_files),
                ("writes go on through many of them", storm),
                ("the time to drain is the newest", drain),
                ("without a file there is nothing to read, and no end", without_a_file)]:
            tap.run(sentence, case, world)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
