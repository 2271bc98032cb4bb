#!/usr/bin/env python3
"""batch_table - what becomes of one part, what becomes of the next, and how the upload ends: all of
them together.

    tests/http/batch_table.py ROWLOCKD FAULTS.so [CASE]

The first part is held under way (its group does not get the store) until the lines of the second
one have been read and the upload has ended, in whatever way. An oracle reads the answer, and the
ledger: results in order, each line once, a sum that is true, and sent again under its key each
line is applied once.
"""
import concurrent.futures
import itertools
import json
import mmap
import pathlib
import queue
import signal
import struct
import sys
import tempfile
import threading
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from batch import Upload, World  # noqa: E402
from daemon import STOP_S_MAX, Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Closed, NoAnswer, wait_until  # noqa: E402

SERVERS = 6
PART = 3                  # lines
NEVER = (1 << 31) - 1
BIG_BYTES = 20_000        # more than anything but the long line takes
LONG_LINE_BYTES = 60_000
LEASED = "A-9"
BODY_TIMEOUT_MS = 300
EXIT_DISK = 74

PARTS = {"applied": None, "refused": None, "leased": None, "waits in vain": None,
         "busy": "store-busy", "fails": "disk-full", "unknown": "outcome-unknown"}
ENDS = ("complete", "malformed", "broken", "gone", "stalled", "drained", "short")


class Faults:
    """What faults.c reads."""
    NAMES = ("flush_count", "locked_from", "full_from", "failing_flush", "bytes_max")

    def __init__(self, path):
        path.write_bytes(bytes(4 * len(self.NAMES)))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.none()

    def set(self, name, value):
        struct.pack_into("i", self.memory, 4 * self.NAMES.index(name), value)

    def get(self, name):
        return struct.unpack_from("i", self.memory, 4 * self.NAMES.index(name))[0]

    def none(self):
        for name in self.NAMES[1:]:
            self.set(name, NEVER)

    def hold(self):
        self.set("locked_from", 0)

    def arm(self, kinds):
        """Each part that is carried out is a flush: what is to fail is found by counting them."""
        now = self.get("flush_count")
        locked = NEVER
        for number, kind in enumerate(kinds):
            if kind == "busy":
                locked = min(locked, now + number)
            elif kind == "fails":
                self.set("full_from", now + number)
            elif kind == "unknown":
                self.set("failing_flush", now + number)
        self.set("locked_from", locked)


class Place:
    """A server that is the test's, and what may fail in it."""

    def __init__(self, rowlockd, library, folder):
        self.faults = Faults(folder / "faults")
        flags = ["--body-timeout-ms", str(BODY_TIMEOUT_MS), "--drain-ms", "1000",
                 "--store-busy-ms", "100"]
        wrapper = ["env", f"LD_PRELOAD={library}", f"FAULTS={folder / 'faults'}",
                   "ASAN_OPTIONS=verify_asan_link_order=0"]
        self.server = Daemon(rowlockd, folder / "store.db", flags, wrapper)
        self.world = World(self.server)

    def fill(self):
        client = Client(self.server.port)
        lines = [{"op": "location", "location": "WH1", "name": "x"}]
        for n in range(10):
            lines.append({"op": "item", "sku": f"A-{n}", "name": "x"})
            lines.append({"op": "adjust", "sku": f"A-{n}", "location": "WH1", "delta": 1_000_000})
        answer = client.post("/v1/batch", lines)
        assert answer.json()[-1]["applied"] == len(lines), answer

    def begin_again(self):
        if self.server.is_running():
            self.server.kill()
        self.faults.none()
        self.server.start()
        self.warm_up()

    def end(self):
        """It was told to: after a flush that failed it says so."""
        self.server.process.wait(STOP_S_MAX)
        is_unknown = any("commit_unknown" in line for line in self.server.lines)
        self.server.wait(EXIT_DISK if is_unknown else 0)

    def warm_up(self):
        """The first group of a log takes a flush more."""
        answer = Client(self.server.port).post("/v1/stock/A-0/WH1/adjust", {"delta": 1})
        assert answer.status == 201, answer

    def free_leases(self):
        answer = Client(self.server.port).delete("/v1/leases/l")
        assert answer.status in (204, 404), answer


class Case:
    def __init__(self, number, first, second, end):
        self.name, self.kinds, self.end = f"c{number}", (first, second), end
        self.sentence = f"{first}, then {second}; the upload: {end}"
        self.lines = [self.line(part, n) for part in range(2) for n in range(PART)]
        if end == "malformed":
            self.lines.append(b"this is no command\n")
        elif end == "short":
            self.lines.append(self.adjust(7, "A-7", " " * LONG_LINE_BYTES))

    def adjust(self, number, sku, padding=""):
        return json.dumps({"op": "adjust", "sku": sku, "location": "WH1", "delta": -1,
                           "reference": f"{self.name}-{number}"}).encode() + \
            padding.encode() + b"\n"

    def line(self, part, n):
        sku = f"A-{n + 3 * part}"
        if n == 1 and self.kinds[part] == "refused":
            sku = "NONE"
        elif n == 1 and self.kinds[part] in ("leased", "waits in vain"):
            sku = LEASED
        return self.adjust(part * PART + n + 1, sku)

    def may_be_applied(self, number):
        return b"NONE" not in self.lines[number - 1] and b"no command" not in self.lines[number - 1]

    def has_lease(self):
        return any(kind in ("leased", "waits in vain") for kind in self.kinds)

    def wait_s(self):
        """Long where nothing waits in vain."""
        return 1 if self.has_lease() or "busy" in self.kinds else 60

    def is_over_with(self, part):
        return PARTS[self.kinds[part]] is not None

    def applied(self, world):
        """How often, by line."""
        rows = world.rows("SELECT reference FROM movement WHERE reference LIKE "
                          f"'{self.name}-%'")
        count = dict.fromkeys(range(1, len(self.lines) + 1), 0)
        for (reference,) in rows:
            count[int(reference.split("-")[1])] += 1
        return count


def all_cases():
    number = itertools.count()
    for first, second, end in itertools.product(PARTS, PARTS, ENDS):
        if PARTS[first] is None or second in ("applied", "leased"):
            yield Case(next(number), first, second, end)


# ---------------------------------------------------------------- walking


def end_upload(place, case, upload):
    if case.end == "gone":
        upload.connection.reset()
    elif case.end == "broken":
        upload.connection.send(b"this is no chunk\r\n")
    elif case.end == "drained":
        place.server.signal(signal.SIGTERM)
    elif case.end == "short":
        place.faults.set("bytes_max", BIG_BYTES)
        upload.send(case.lines[-1])
        wait_until(lambda: any("batch_stopped" in line for line in place.server.lines)
                   or upload.connection.has_news(), "the long line has stopped it")
        upload.end()
    elif case.end == "malformed":
        upload.send(case.lines[-1]).end()
    elif case.end == "complete":
        upload.end()


def release(place, case):
    """Whoever waits at the lease goes on, unless it is to wait in vain."""
    client = Client(place.server.port)
    if "leased" in case.kinds and case.end != "drained":
        client.delete("/v1/leases/l")


def read(upload):
    """(results, sum); without a sum: it was refused as a whole."""
    answer = upload.answer()
    if answer.status == 200:
        *results, total = answer.json()
        return results, total
    problem = answer.json()
    assert problem["outcome"] == "not_applied", "refused as a whole, and nobody knows"
    return [], None


def walk(place, case):
    """What read() says, or None: nobody heard."""
    world, client = place.world, Client(place.server.port)
    del place.server.lines[:]
    if case.has_lease():
        answer = client.put("/v1/leases/l", {"rows": [{"sku": LEASED, "location": "WH1"}],
                                             "ttl_s": 600})
        assert answer.status == 201, answer
    parts, lines = (world.metric(f"rowlock_batch_{what}_total") for what in ("parts", "lines"))
    place.faults.hold()
    upload = Upload(place.server.port, f"?wait={case.wait_s()}", key=case.name)
    upload.send(b"".join(case.lines[:PART]))
    wait_until(lambda: world.metric("rowlock_batch_parts_total") > parts, "a part is under way")
    upload.send(b"".join(case.lines[PART:2 * PART]))
    wait_until(lambda: world.metric("rowlock_batch_lines_total") >= lines + 2 * PART
               or upload.connection.has_news(), "the other lines are read")
    end_upload(place, case, upload)
    place.faults.arm(case.kinds)
    try:
        release(place, case)
        return None if case.end == "gone" else read(upload)
    except (Closed, NoAnswer, OSError):
        assert case.end == "drained", "no answer"
        return None
    finally:
        if case.end == "gone":
            wait_until(world.is_quiet, "it is forgotten")
        upload.connection.close()


# ---------------------------------------------------------------- the oracle


def judge_answer(case, results, total, applied):
    if total is None:
        assert not any(applied.values()), applied
        return
    numbers = [result["line"] for result in results]
    assert numbers == list(range(1, len(numbers) + 1)), numbers
    assert total["lines"] == len(numbers), total
    done = [result for result in results if result["status"] < 300]
    assert (total["applied"], total["failed"]) == (len(done), len(results) - len(done)), total
    assert total["replayed"] == 0, total
    for result in results:
        assert applied[result["line"]] == (result["status"] < 300), (result, applied)
    if "stopped_at" in total:
        assert total["stopped_at"] == len(numbers) + 1, total
        assert total["status"] >= 400 and total["outcome"] in ("not_applied", "unknown"), total
    else:
        assert len(numbers) == len(case.lines), total
    if total.get("outcome") != "unknown":
        assert not any(applied[n] for n in applied if n > len(numbers)), (total, applied)


def judge_words(case, results, total):
    """Where nothing waits in vain all is known."""
    over = next((part for part in range(2) if case.is_over_with(part)), None)
    if case.wait_s() == 1 or case.end in ("stalled", "drained", "broken"):
        return
    assert total is not None, "refused as a whole"
    if over is None and case.end != "short":
        assert "stopped_at" not in total, total
        return
    codes, at = [], len(case.lines) + 1
    if over is not None:
        codes, at = [PARTS[case.kinds[over]]], PART * over + 1
    if case.end == "short":
        at = min(at, PART + 1)
        codes.append("out-of-memory")
    assert total["stopped_at"] == at and total["code"] in codes, (total, at, codes)


def judge_again(place, case):
    """The same file, with its key, when nothing is in the way, and it is not under way itself."""
    wait_until(place.world.is_quiet, "it is over")
    results, total = Upload(place.server.port, "?wait=60", key=case.name).send(
        b"".join(case.lines)).end().results()
    assert [r["line"] for r in results] == list(range(1, len(case.lines) + 1)), results
    applied = case.applied(place.world)
    wanted = {n: int(case.may_be_applied(n)) for n in applied}
    assert applied == wanted, applied
    assert [r["status"] < 300 for r in results] == [bool(n) for n in wanted.values()], results


def run_case(place, case):
    try:
        heard = walk(place, case)
        if case.end == "drained":
            place.end()
    finally:
        place.faults.none()
        if case.end == "drained" or "unknown" in case.kinds:
            place.begin_again()
        place.free_leases()
    applied = case.applied(place.world)
    assert all(count <= 1 for count in applied.values()), applied
    if heard is not None:
        judge_answer(case, *heard, applied)
        judge_words(case, *heard)
    judge_again(place, case)


def trouble_of(place, case):
    try:
        run_case(place, case)
    except Exception:
        trouble = traceback.format_exc() + place.server.last_words()
        place.begin_again()
        return trouble
    return None


def serve(place, cases, tap, guard):
    with place.server:
        place.fill()
        while (case := cases.get()) is not None:
            trouble = trouble_of(place, case)
            with guard:
                tap.report(case.sentence, trouble)
        place.world.balances()


def main(rowlockd, library, only=None):
    tap, guard, cases = Tap(), threading.Lock(), queue.Queue()
    for case in all_cases():
        if only in (None, case.sentence):
            cases.put(case)
    for _ in range(SERVERS):
        cases.put(None)
    with tempfile.TemporaryDirectory(prefix="rowlock-table-") as folder, \
            concurrent.futures.ThreadPoolExecutor(SERVERS) as pool:
        served = []
        for n in range(SERVERS):
            own = pathlib.Path(folder) / str(n)
            own.mkdir()
            served.append(pool.submit(serve, Place(rowlockd, library, own), cases, tap, guard))
        for server in served:
            tap.run("the books of a server balance", server.result)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
