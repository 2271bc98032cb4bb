"""million - a store of 1,000,000 rows and 10,000,000 movements, and one with 4,000,000 keys."""
import contextlib
import os
import sqlite3
import time

from contest import Comparison, Lane, compare_rate

ROWS = 1_000_000
TURNS = 10  # movements of each row
KEYS = 4_000_000
ON_HAND = 1_000_000_000
OPTIONS = {"rows": ROWS, "sku": "BENCH-%07d"}
START_S_AIM = 1.0
MEMORY_MIB_AIM = 192


# 1 to :last, as a table.
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"


@contextlib.contextmanager
def filling(path):
    """The store, without flushes, which a scratch file does not need, and without the guards, which
    are there for people: they are put aside meanwhile, and twice as fast."""
    store = sqlite3.connect(path, isolation_level=None)
    store.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    store.execute("BEGIN")
    guards = store.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        store.execute(f'DROP TRIGGER "{name}"')
    yield store
    for _, sql in guards:
        store.execute(sql)
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    with open(path, "rb") as file:  # else the server's first copy of the log waits for all of it
        os.fsync(file.fileno())


def fill(path):
    """A million items, each with stock at one location that had ten movements: it came, then one
    unit up, one down. `rowlockd verify` agrees with it."""
    with filling(path) as store:
        store.execute("INSERT INTO location (id, code, name) VALUES (1, 'WH1', 'Main warehouse')")
        store.execute(f"""{NUMBERS}
            INSERT INTO item (id, sku, name)
            SELECT i, printf('BENCH-%07d', i), printf('Benchmark item %d', i) FROM n""",
                      {"last": ROWS})
        for turn in range(TURNS):
            store.execute(f"""{NUMBERS}
                INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand,
                    reserved, version, request_id, oversubscribed, low_stock, at, prev_seq, actor)
                SELECT :turn * :last + i, i, iif(:turn, 'adjust', 'set'),
                    iif(:turn = 0, :on_hand, iif(:turn % 2, 1, -1)), 0, :on_hand + :turn % 2, 0,
                    :turn + 1, '5f3a09c1-2b', 0, 0, :now, iif(:turn, (:turn - 1) * :last + i, 0),
                    'local'
                FROM n""", {"last": ROWS, "turn": turn, "on_hand": ON_HAND, "now": now_ms()})
        store.execute(f"""{NUMBERS}
            INSERT INTO stock (id, item_id, location_id, on_hand, version, seq, updated_at)
            SELECT i, i, 1, :on_hand, :turns, (:turns - 1) * :last + i, :now FROM n""",
                      {"last": ROWS, "turns": TURNS, "on_hand": ON_HAND + (TURNS - 1) % 2,
                       "now": now_ms()})


def add_keys(path):
    """As many as the service remembers, all of them new."""
    with filling(path) as store:
        store.execute(f"""{NUMBERS}
            INSERT INTO idempotency (key, fingerprint, status, outcome, stock_seq, first_seq,
                movement_count, body, at)
            SELECT printf('order-%09d', i), i * 2654435761, 201, 'done', i, i, 1, NULL, :now
            FROM n""", {"last": KEYS, "now": now_ms()})


def now_ms():
    return int(time.time() * 1000)


def limit(what, value, most, unit):
    return Comparison(what, value, "limit", most, unit, value / most, aim=1.0, is_ceiling=True)


def shown(what, value, unit):
    return Comparison(what, value, "", value, unit, 1.0)


def measure(bench):
    path = bench.folder / "million.db"
    bench.start(path.name).stop()  # an empty store of the current schema
    fill(path)
    with bench.start(path.name) as server:
        yield limit("1,000,000 rows: start", server.started_s, START_S_AIM, "s")
        for script, what, aim in (("uniform.lua", "updates", 0.75), ("reads.lua", "reads", None)):
            lanes = [Lane(f"{what}, 1,000 rows", bench.rowlockd(), script),
                     Lane(f"{what}, 1,000,000 rows", server, script, OPTIONS)]
            server.drive(lanes[1], bench.arguments.seconds)  # not counted: its caches are empty
            few, many = bench.compete(*lanes)
            yield compare_rate(many, few, aim)
        yield limit("1,000,000 rows: memory", server.memory_mib(), MEMORY_MIB_AIM, "MiB")
    add_keys(path)
    with bench.start(path.name) as server:
        yield shown("the same with 4,000,000 keys: start", server.started_s, "s")
        yield shown("the same with 4,000,000 keys: memory", server.memory_mib(), "MiB")
