"""million - a store of 1,000,000 rows and 10,000,000 movements, and one with 4,000,000 keys."""
import sqlite3
import time

from contest import Comparison, Lane, compare_rate

ROWS = 1_000_000
TURNS = 10  # movements of each row
KEYS = 4_000_000
OPTIONS = {"rows": ROWS, "sku": "BENCH-%07d"}
START_S_AIM = 1.0
MEMORY_MIB_AIM = 192


def open_store(path):
    """Without flushes, which a scratch file does not need."""
    store = sqlite3.connect(path, isolation_level=None)
    store.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    return store


def fill(path):
    """A million items, each with stock at one location, by hand: the store's triggers write the
    first movement of each. The others follow turn by turn, one unit up, one down."""
    store = open_store(path)
    store.execute("BEGIN")
    store.execute("INSERT INTO location (code, name) VALUES ('WH1', 'Main warehouse')")
    store.execute("""
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO item (sku, name)
        SELECT printf('BENCH-%07d', i), printf('Benchmark item %d', i) FROM n""", (ROWS,))
    store.execute("""
        INSERT INTO stock (item_id, location_id, on_hand)
        SELECT i.id, l.id, 1000000000 FROM item i, location l ORDER BY i.id""")
    for turn in range(2, TURNS + 1):
        delta = 1 if turn % 2 == 0 else -1
        store.execute("""
            INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand,
                reserved, version, request_id, oversubscribed, low_stock, at, prev_seq)
            SELECT seq + :rows, stock_id, 'adjust', :delta, 0, on_hand + :delta, 0, :turn,
                '5f3a09c1-2b', 0, 0, at, seq
            FROM movement WHERE version = :turn - 1 AND seq > (:turn - 2) * :rows ORDER BY seq""",
                      {"rows": ROWS, "delta": delta, "turn": turn})
    store.execute("""
        UPDATE stock SET seq = seq + ? * ?, version = ?, on_hand = on_hand + ?""",
                  (TURNS - 1, ROWS, TURNS, (TURNS - 1) % 2))
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


def add_keys(path):
    """As many as the service remembers, all of them new."""
    store = open_store(path)
    store.execute("BEGIN")
    store.execute("""
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :keys)
        INSERT INTO idempotency (key, fingerprint, status, outcome, stock_seq, first_seq,
            movement_count, body, at)
        SELECT printf('order-%09d', i), i * 2654435761, 201, 'done', i, i, 1, NULL, :now
        FROM n""", {"keys": KEYS, "now": int(time.time() * 1000)})
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


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
            few, many = bench.compete(
                Lane(f"{what}, 1,000 rows", bench.rowlockd(), script),
                Lane(f"{what}, 1,000,000 rows", server, script, OPTIONS))
            yield compare_rate(many, few, aim)
        yield limit("1,000,000 rows: memory", server.memory_mib(), MEMORY_MIB_AIM, "MiB")
    add_keys(path)
    with bench.start(path.name) as server:
        yield shown("the same with 4,000,000 keys: start", server.started_s, "s")
        yield shown("the same with 4,000,000 keys: memory", server.memory_mib(), "MiB")
