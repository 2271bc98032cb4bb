"""dialect - what a test says in the words of SQLite, in those of PostgreSQL.

    statement("BEGIN IMMEDIATE")      # "BEGIN; SELECT 1 FROM store FOR UPDATE"
    answer('{"actor": "sqlite3"}')    # '{"actor": "psql"}'

No translator of SQL: a table of what the tests say, and of what that means there.
"""
import re

# The row of v_stock that is number N of stock.
ROW = ("(sku, location) IN (SELECT i.sku, l.code FROM stock s JOIN item i ON i.id = s.item_id"
       " JOIN location l ON l.id = s.location_id WHERE s.")
# Guards, and those of PostgreSQL that keep the same.
GUARDS = {
    "idempotency_insert": "idempotency_insert_by_hand ON idempotency",
    "item_update_texts": "item_edit ON item",
    "reservation_delete": "reservation_delete_by_hand ON reservation",
    "reservation_line_delete": "reservation_line_by_hand ON reservation_line",
    "stock_update_by_hand": "movement_by_hand ON movement",
}
STATEMENTS = (
    # Nobody else writes until it is over: whoever numbers movements holds that row.
    (r"BEGIN IMMEDIATE", "BEGIN; SELECT 1 FROM store FOR UPDATE"),
    (r"DROP TRIGGER (\w+)", lambda found: f"DROP TRIGGER {GUARDS.get(found[1], found[1])}"),
    (r"'sqlite3'", "'psql'"),
    (r"(\d+) \* 86400000", r"\1::bigint * 86400000"),
    (r"WHERE 1$", "WHERE true"),
    (r"INSERT INTO idempotency VALUES", "INSERT INTO idempotency (id, key, fingerprint, status,"
     " outcome, stock_seq, first_seq, movement_count, body, at, token_id) VALUES"),
    (r"INSERT OR REPLACE INTO stock .*", "INSERT INTO v_stock (sku, location, on_hand)"
     " VALUES ('A-1', 'WH1', 9)"),
    # Written past the guards: the level is what the newest movement says.
    (r"UPDATE stock SET on_hand = (99|6) WHERE id = 1$", r"UPDATE movement SET on_hand = \1"
     " WHERE seq = (SELECT max(seq) FROM movement WHERE stock_id = 1)"),
    (r"UPDATE stock SET on_hand = \d+, version = .*", "SELECT 1"),
    (r"0, 0, 1, i - 1 FROM n$",
     "false, false, (SELECT max(at) FROM movement), i - 1 FROM n"),
    # Ids are one above the last: with the greatest there is, there is no next one.
    (r"9223372036854775807, 'last'", "4611686018427387903, 'last'"),
    (r"id = 9223372036854775807", "id = 4611686018427387903"),
    # By hand: what has a level is the view.
    (r"UPDATE stock SET (\w+ = \S+) WHERE (id = [^\"]*)", rf"UPDATE v_stock SET \1 WHERE {ROW}\2)"),
    (r"UPDATE stock SET (\w+ = on_hand \S+ \S+) WHERE (id = [^\"]*)",
     rf"UPDATE v_stock SET \1 WHERE {ROW}\2)"),
    (r"UPDATE stock SET (\w+ = \S+)$", r"UPDATE v_stock SET \1"),
)
ANSWERS = (
    (r"\bsqlite3\b", "psql"),
    (r"\barchived = 1\b", "archived = true"),
    (r"\brow-on-hand-wrong\b", "movement-on-hand-wrong"),
    # A ledger that takes a while takes it sooner.
    (r"\b200000([01])\b", r"30000\1"),
)


def _each(table, text):
    for found, instead in table:
        text = re.sub(found, instead, text)
    return text


def statement(text):
    """`?` is the next parameter, as in SQLite; none of the tests' statements has it in a text."""
    numbers = iter(range(1, 100))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", _each(STATEMENTS, text))


def answer(text):
    """Also what is asked for, as actor=sqlite3."""
    return _each(ANSWERS, text)


def conversation(text):
    """All of a file of tests/http; its statements statement() gets when they are run."""
    return "\n".join(_each(STATEMENTS, line) if "rowlock sql" in line else line
                     for line in answer(text).split("\n"))
