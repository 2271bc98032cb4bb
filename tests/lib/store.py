"""store - where the store of a test is, and SQL at it, whatever the tests are run over.

    Daemon(program, folder / "store.db")                  # --store argument(path)
    with contextlib.closing(open_sql(folder / "store.db")) as database:
        database.execute("SELECT count(*) FROM movement WHERE kind = ?", ("sale",)).fetchall()

By itself that is SQLite, and the file. Where ROWLOCK_TEST_POSTGRES names a database, as with
tests/pg/with_postgres.py, each such file stands for a schema there; what is sent and awaited is in
the words of SQLite, of which dialect.py makes those of PostgreSQL.
"""
import hashlib
import os
import sqlite3

import dialect
from postgres import Session, SqlError

VARIABLE = "ROWLOCK_TEST_POSTGRES"
Refused = (sqlite3.Error, SqlError)  # what execute() raises


def is_postgres():
    return VARIABLE in os.environ


def _schema(path):
    return "t" + hashlib.sha1(str(path).encode()).hexdigest()[:16]


def argument(path):
    """What follows --store. A path that is a URI already, stays."""
    if not is_postgres() or "://" in str(path):
        return str(path)
    return f"{os.environ[VARIABLE]}&schema={_schema(path)}"


def environment():
    """Of rowlockd, which warns of a variable that it does not know."""
    return {name: value for name, value in os.environ.items() if name != VARIABLE}


class _PostgresDatabase:
    """As much of sqlite3's connection as tests use."""

    def __init__(self, path):
        self.session = Session(os.environ[VARIABLE], _schema(path))

    def execute(self, statement, parameters=()):
        self.rows = self.session.run(dialect.statement(statement), *parameters)
        return self

    def fetchall(self):
        return [tuple(int(cell) if isinstance(cell, bool) else cell for cell in row)
                for row in self.rows]

    def fetchone(self):
        return next(iter(self.fetchall()), None)

    def __iter__(self):
        return iter(self.fetchall())

    def close(self):
        self.session.close()


def open_sql(path):
    """Each statement takes effect at once, unless it begins a transaction."""
    if is_postgres():
        return _PostgresDatabase(path)
    return sqlite3.connect(path, isolation_level=None, timeout=5)
