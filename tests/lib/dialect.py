"""dialect - what a test says in the words of SQLite, in those of PostgreSQL.

    statement("BEGIN IMMEDIATE")      # "BEGIN; SELECT 1 FROM store FOR UPDATE"
    answer('{"actor": "sqlite3"}')    # '{"actor": "psql"}'

No translator of SQL: a table of what the tests say, and of what that means there.
"""
import re

STATEMENTS = (
    # Nobody else writes until it is over: whoever numbers movements holds that row.
    (r"BEGIN IMMEDIATE", "BEGIN; SELECT 1 FROM store FOR UPDATE"),
)
ANSWERS = (
    (r"\bsqlite3\b", "psql"),
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
    """All of a file of tests/http but its statements, which statement() gets when they are run."""
    return "\n".join(line if re.match(r"([A-Z]\w* )?sql>", line) else answer(line)
                     for line in text.split("\n"))
