#!/usr/bin/env python3
"""make - a fixture of a release: make.py ROWLOCKD VERSION writes stores/VERSION.dump and .json; and
VERSION-tokens.dump and .json, where its schema has tokens.

The store is kept as SQL, so that it can be read and compared; the answers beside it are those that
this release gave, and what it replayed after a restart. Made once for each schema and each release
whose stores people have; test.py then holds every later release to it.
"""
import json
import pathlib
import sqlite3
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

from conversation import FOUNDATION, KEYED  # noqa: E402
from daemon import Daemon  # noqa: E402
from talk import Client, wait_until  # noqa: E402
from tokens import BY_TOKENS, GIVEN, add_by_hand, add_by_tool, bearer_of, has_tool  # noqa: E402


def ask(client, key, method, path, body, headers):
    answer = client.request(method, path, body, Idempotency_Key=key, **headers)
    return {"status": answer.status, "body": answer.body.decode(),
            "seq": answer.header("Stock-Seq"),
            "is_replayed": answer.header("Idempotency-Replayed") == "true",
            "location": answer.header("Location")}


def settle(client, key, answer):
    """An operation is finished, or taken back, before the store is closed."""
    if answer["status"] != 202:
        return
    if key == "withdrawn":
        client.request("DELETE", answer["location"])
    wait_until(lambda: client.get(answer["location"]).json()["state"] in ("committed", "withdrawn"),
               f"{key} has ended")


def without_prefer(headers):
    return {name: value for name, value in headers.items() if name != "Prefer"}


def make(rowlockd, store):
    with Daemon(rowlockd, store) as server:
        client = Client(server.port)
        for method, path, body in FOUNDATION:
            answer = client.request(method, path, body)
            assert answer.status < 300, f"{method} {path}: {answer}"
        first = []
        for key, *request in KEYED:
            first.append(ask(client, key, *request))
            settle(client, key, first[-1])
        server.restart()
        client = Client(server.port)
        again = [ask(client, key, method, path, body, without_prefer(headers))
                 for key, method, path, body, headers in KEYED]
    return [{"key": key[0], "first": a, "replay": b} for key, a, b in zip(KEYED, first, again)]


def dump(store):
    database = sqlite3.connect(store)
    text = "\n".join(database.iterdump())
    pragmas = [f"PRAGMA {name}={database.execute(f'PRAGMA {name}').fetchone()[0]};"
               for name in ("application_id", "user_version")]
    newest = database.execute("SELECT max(at) FROM idempotency").fetchone()[0]
    database.close()
    return "\n".join([*pragmas, text, ""]), newest


def has_tokens(store):
    database = sqlite3.connect(store)
    found = database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'token'").fetchone()
    database.close()
    return found is not None


def make_tokens(rowlockd, store, answers):
    """Into the store that make() has left. What a token did, and what it is answered again."""
    if not has_tool(rowlockd):
        add_by_hand(store)
        return [{**row, "token": GIVEN[0]} for row in answers if row["key"] == GIVEN[1]]
    add_by_tool(rowlockd, store)

    def ask_all(client):
        return [ask(client, key, method, path, body, bearer_of(name))
                for name, key, method, path, body in BY_TOKENS]
    with Daemon(rowlockd, store) as server:
        first = ask_all(Client(server.port))
        server.restart()
        again = ask_all(Client(server.port))
    return [{"token": row[0], "key": row[1], "first": a, "replay": b}
            for row, a, b in zip(BY_TOKENS, first, again)]


def write(name, store, answers):
    sql, newest = dump(store)
    (HERE / "stores" / f"{name}.dump").write_text(sql)
    (HERE / "stores" / f"{name}.json").write_text(
        json.dumps({"newest_ms": newest, "answers": answers}, indent=1) + "\n")


def main():
    rowlockd, version = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="rowlock-fixture-") as folder:
        store = pathlib.Path(folder) / "store.db"
        answers = make(rowlockd, store)
        write(version, store, answers)
        if has_tokens(store):
            by_tokens = make_tokens(rowlockd, store, answers)
            write(f"{version}-tokens", store, by_tokens)
            answers = answers + by_tokens
    for row in answers:
        print(row["key"], row["first"]["status"], row["replay"]["status"],
              "" if row["replay"]["is_replayed"] else "not replayed",
              "" if row["replay"]["body"] == row["first"]["body"] else "other body")


if __name__ == "__main__":
    main()
