"""books - whether a ledger balances, whoever wrote it.

    check(path)          # None, or what is wrong, a line each

Over SQLite the store's own view says it. Over PostgreSQL, where several wrote at once, it is said
here, from the rows of the ledger alone.
"""
import contextlib

import store as stores

RULES = (
    ("seqs follow one another", """
        SELECT before, seq FROM (SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS before
            FROM movement) m WHERE seq <> before + 1"""),
    ("versions of a row follow one another, in the order of seqs", """
        SELECT stock_id, seq, version FROM (SELECT stock_id, seq, version,
            lag(version, 1, 0::bigint) OVER (PARTITION BY stock_id ORDER BY seq) AS before
            FROM movement) m WHERE version <> before + 1"""),
    ("prev_seq is the movement before of the same row", """
        SELECT stock_id, seq, prev_seq FROM (SELECT stock_id, seq, prev_seq,
            lag(seq, 1, 0::bigint) OVER (PARTITION BY stock_id ORDER BY version) AS before
            FROM movement) m WHERE prev_seq <> before"""),
    ("a level is the level before and the change", """
        SELECT stock_id, seq FROM (SELECT *,
            lag(on_hand, 1, 0::bigint) OVER (PARTITION BY stock_id ORDER BY version) AS was,
            lag(reserved, 1, 0::bigint) OVER (PARTITION BY stock_id ORDER BY version) AS held
            FROM movement) m
        WHERE on_hand <> was + on_hand_delta OR reserved <> held + reserved_delta"""),
    ("time does not go back", """
        SELECT seq, at FROM (SELECT seq, at, lag(at, 1, at) OVER (ORDER BY seq) AS before
            FROM movement) m WHERE at < before"""),
    ("every movement is of a row that is there", """
        SELECT seq FROM movement WHERE stock_id NOT IN (SELECT id FROM stock)"""),
    ("what is reserved of a row is what its open lines say", """
        SELECT s.id, coalesce(l.reserved, 0), coalesce(o.quantity, 0) FROM stock s
        LEFT JOIN (SELECT DISTINCT ON (stock_id) stock_id, reserved FROM movement
            ORDER BY stock_id, version DESC) l ON l.stock_id = s.id
        LEFT JOIN (SELECT item_id, location_id, sum(quantity)::bigint AS quantity
            FROM reservation_line WHERE open_until IS NOT NULL GROUP BY item_id, location_id) o
            ON o.item_id = s.item_id AND o.location_id = s.location_id
        WHERE coalesce(l.reserved, 0) <> coalesce(o.quantity, 0)"""),
    ("a reservation has open lines while it is active, only", """
        SELECT r.name, r.state FROM reservation r JOIN reservation_line l ON l.reservation_id = r.id
        WHERE l.open_until IS NOT NULL AND r.state <> 'active'"""),
)


def check(path):
    with contextlib.closing(stores.open_sql(path)) as database:
        if stores.is_postgres():
            return check_shared(lambda query: database.execute(query).fetchall())
        return "\n".join(map(str, database.execute("SELECT * FROM v_ledger_check"))) or None


def check_shared(run):
    """The same of a store over PostgreSQL; `run` is a function of a query, and returns its rows."""
    return "\n".join(f"{sentence}: {row}" for sentence, query in RULES
                     for row in run(f"{query} LIMIT 5")) or None
