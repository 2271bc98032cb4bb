#!/usr/bin/env python3
"""test_tools - rowlockd token, verify, epoch and store on a store over PostgreSQL, beside front
ends and without one; and what there is not.

    test_tools.py ROWLOCKD
"""
import pathlib
import subprocess
import sys
import tempfile
import time

import cluster
from cluster import Cluster
from daemon import Daemon
from postgres import SqlError
from talk import Client, wait_until
from tap import Tap

OK, USAGE, DATA, BUSY, FORBIDDEN = 0, 64, 65, 75, 77
END_S_MAX = 60
SEEN_S_MAX = 1.5  # within a second, and what it takes to be asked


def run(rowlockd, *words, code=OK, says=()):
    ended = subprocess.run([rowlockd, *map(str, words)], capture_output=True, text=True,
                           timeout=END_S_MAX)
    said = ended.stdout + ended.stderr
    assert ended.returncode == code, f"exit {ended.returncode}, not {code}: {said}"
    for word in [says] if isinstance(says, str) else says:
        assert word in said, f"does not say {word}: {said}"
    return ended.stdout


def state_of(rowlockd, uri, name):
    lines = run(rowlockd, "token", "list", "--store", uri).splitlines()
    return next(line.split()[2] for line in lines if line.startswith(name + " "))


def status(client, token, path="/v1/items"):
    return client.get(path, Authorization=f"Bearer {token}").status


def tokens_are_as_those_of_a_file(rowlockd, database, _folder):
    uri = database.store_uri("tokens")

    def token(*words, **wanted):
        return run(rowlockd, "token", *words, "--store", uri, **wanted).strip()
    token("list", code=DATA, says="there is no store in this schema")
    text = token("add", "till", "--role", "clerk", "--location", "WH1", "--location", "A",
                 "--expires", "90d", says="till, shown this once")
    assert text.startswith("rl_") and len(text) == 57, text
    line = next(line for line in token("list").splitlines() if line.startswith("till"))
    assert line.split()[1:3] == ["clerk", "valid"] and line.split()[-2:] == ["A", "WH1"], line
    assert text[3:13] in line and text[14:] not in line, line
    token("add", "till", "--role", "clerk", code=DATA, says="is, or was, there")
    token("add", "psql", "--role", "clerk", code=USAGE, says="not local, sqlite3, psql or rowlock")
    token("rotate", "none", code=DATA, says="there is no token of this name")
    token("revoke", "none", code=DATA, says="there is no token of this name")
    other = token("rotate", "till", "--overlap", "0s")
    assert other != text and len(other) == 57
    token("add", "short", "--role", "reader", "--expires", "1s")
    wait_until(lambda: state_of(rowlockd, uri, "short") == "expired", "it expires")
    token("rotate", "short", code=DATA, says="has expired: give it a new end")
    token("rotate", "short", "--expires", "1h")
    token("revoke", "till", says="till is revoked")
    token("revoke", "till", code=DATA, says="was revoked, and stays so")
    token("revoke", "short", says="no token is valid now")
    with database.session("tokens") as session:
        audit = session.run("SELECT action, subject, detail FROM audit ORDER BY id")
        assert [row[:2] for row in audit] == [
            ("token-add", "till"), ("token-rotate", "till"), ("token-add", "short"),
            ("token-rotate", "short"), ("token-revoke", "till"), ("token-revoke", "short")], audit
        assert audit[0][2].startswith('{"public":"' + text[3:13] + '","role":"clerk","locations":'
                                      '["A","WH1"],"expires":"2'), audit[0]
        assert audit[4][2] is None and '"expires":null' not in audit[3][2], audit
        assert session.value("SELECT had_token FROM store") is True
        assert session.value("SELECT count(*) FROM token_secret WHERE length(hash) = 32") == 4
        for row in session.run("SELECT t::text FROM token_secret t UNION ALL"
                               " SELECT a::text FROM audit a"):
            assert text[14:] not in row[0] and other[14:] not in row[0], row


def a_token_given_by_file_can_be_given_again(rowlockd, database, folder):
    uri, file = database.store_uri("file"), folder / "token"
    made = run(rowlockd, "token", "add", "x", "--role", "reader", "--store",
               database.store_uri("file2"))
    file.write_text(made)
    words = ["token", "add", "till", "--role", "clerk", "--location", "WH1", "--from-file", file,
             "--store", uri]
    run(rowlockd, *words, says="till: known by rl_")
    run(rowlockd, *words, says="is there already, as it should be")
    words[words.index("WH1")] = "WH2"
    run(rowlockd, *words, code=DATA, says="is, or was, there")
    words[words.index("till")] = "other"
    run(rowlockd, *words, code=DATA, says="public part was used before")


def front_ends_see_it_within_a_second(rowlockd, database, _folder):
    uri = database.store_uri("seen")
    keep = run(rowlockd, "token", "add", "keep", "--role", "admin", "--store", uri).strip()
    with Daemon(rowlockd, uri, flags=["--front-end", "a"]) as one, \
            Daemon(rowlockd, uri, flags=["--front-end", "b"]) as two:
        clients = [Client(one.port), Client(two.port)]
        text = run(rowlockd, "token", "add", "gone", "--role", "reader", "--store", uri).strip()

        def soon(code, what):
            begun = time.monotonic()
            for client in clients:
                wait_until(lambda client=client: status(client, text) == code, what)
            assert time.monotonic() - begun < SEEN_S_MAX, f"{what}: after " \
                f"{time.monotonic() - begun} s"
        soon(200, "it is known at both")
        run(rowlockd, "token", "revoke", "gone", "--store", uri)
        soon(401, "it is refused at both")
        assert [status(client, keep) for client in clients] == [200, 200]
        answer = clients[0].get("/v1/backup", Authorization=f"Bearer {keep}")
        assert answer.status == 501 and answer.json()["code"] == "no-backup-here", answer
        assert "pg_dump" in answer.json()["hint"], answer.json()
        for words in (["epoch", "--new"], ["store", "set", "row-release", "commit"]):
            run(rowlockd, *words, "--store", uri, code=BUSY, says="stop all of them first (a b)")
        run(rowlockd, "store", "show", "--store", uri, says=("front ends    a b", "1 valid",
                                                             "row-release   commit"))
        run(rowlockd, "verify", "--store", uri, says="The books balance")
        for client in clients:
            client.close()
    run(rowlockd, "store", "show", "--store", uri, says="none is alive")


def a_new_epoch_ends_what_was_of_the_old_one(rowlockd, database, _folder):
    uri = database.store_uri("epoch")
    text = run(rowlockd, "token", "add", "till", "--role", "admin", "--store", uri).strip()

    def read():
        with database.session("epoch") as session:
            return session.run("SELECT epoch, next_fence, next_reservation, session_key::text,"
                               " access_version FROM store")[0]
    before = read()
    said = run(rowlockd, "epoch", "--new", "--keep-tokens", "--store", uri)
    after = read()
    assert after[0] != before[0] and after[0] in said, (before, after, said)
    assert [now - then for then, now in zip(before[1:3], after[1:3])] == [1000000] * 2
    assert after[3] != before[3] and after[4] > before[4] and "void" not in said
    assert state_of(rowlockd, uri, "till") == "valid"
    run(rowlockd, "epoch", "--new", "--store", uri, says="1 are void")
    assert state_of(rowlockd, uri, "till") == "void"
    with Daemon(rowlockd, uri) as server:
        client = Client(server.port)
        assert status(client, text) == 401
        text = run(rowlockd, "token", "rotate", "till", "--store", uri).strip()
        wait_until(lambda: status(client, text) == 200, "its new secret opens the store")
        answer = client.get(f"/v1/changes?after=0&epoch={before[0]}",
                            Authorization=f"Bearer {text}")
        assert answer.status == 410 and answer.json()["code"] == "cursor-lost", answer
        client.close()
    with database.session("epoch") as session:
        noted = session.run("SELECT actor, detail FROM audit WHERE action = 'epoch-new'")
        assert len(noted) == 2 and after[0] in noted[0][1], noted
        session.run("BEGIN; LOCK TABLE store IN ROW EXCLUSIVE MODE")
        run(rowlockd, "epoch", "--new", "--store", uri, code=BUSY)
        session.run("ROLLBACK")
    run(rowlockd, "epoch", "--store", uri, code=USAGE, says="a new one: --new")
    run(rowlockd, "epoch", "--new", code=USAGE, says="--store is missing")


def files_have_an_epoch_as_well(rowlockd, _database, folder):
    store = folder / "a.db"
    text = run(rowlockd, "token", "add", "till", "--role", "admin", "--store", store).strip()
    before = run(rowlockd, "store", "show", "--store", store, says=("SQLite, schema", "1 valid"))
    with Daemon(rowlockd, store):
        run(rowlockd, "epoch", "--new", "--store", store, code=BUSY)
        run(rowlockd, "store", "show", "--store", store, code=BUSY)
    run(rowlockd, "epoch", "--new", "--store", store, says="1 are void")
    after = run(rowlockd, "store", "show", "--store", store, says="0 valid")
    assert before.splitlines()[1] != after.splitlines()[1], (before, after)
    run(rowlockd, "verify", "--store", store, says="The books balance")
    with Daemon(rowlockd, store) as server:
        client = Client(server.port)
        assert status(client, text) == 401
        client.close()
    run(rowlockd, "store", "set", "row-release", "commit", "--store", store, code=USAGE,
        says="a matter of each start")
    run(rowlockd, "epoch", "--new", "--store", folder / "none.db", code=DATA)
    (folder / "x.db").write_text("this is no store, and it is longer than a few bytes. " * 40)
    run(rowlockd, "store", "show", "--store", folder / "x.db", code=DATA)


def what_is_wrong_is_found(rowlockd, database, _folder):
    uri = database.store_uri("wrong")
    with Daemon(rowlockd, uri, flags=["--demo"]):
        run(rowlockd, "verify", "--store", uri, says=("of PostgreSQL, schema", "The books balance"))
    with database.session("wrong") as session:
        session.run("SET rowlock.service = on")
        session.run("UPDATE movement SET on_hand = on_hand + 1 WHERE seq = 3")
    run(rowlockd, "verify", "--store", uri, code=DATA,
        says=("movement-on-hand-wrong", "The books do not balance"))


def what_is_of_files_says_what_to_use(rowlockd, database, _folder):
    uri = database.store_uri("files")
    run(rowlockd, "repair", "--store", uri, "--trust", "ledger", code=USAGE,
        says="a row is what its last movement says")
    run(rowlockd, "repack", "--store", uri, code=USAGE, says="VACUUM")
    run(rowlockd, "restore", "backup.db", "--store", uri, code=USAGE, says="rowlockd epoch --new")
    run(rowlockd, "store", "set", "row-release", "early", "--store", uri, code=USAGE)
    run(rowlockd, "store", "set", "row-release", "late", "--store", uri, code=USAGE)
    run(rowlockd, "store", "hide", "--store", uri, code=USAGE, says="show, or set")
    for words in (["verify"], ["store", "show"], ["epoch", "--new"], ["token", "list"]):
        run(rowlockd, *words, "--store", uri, code=DATA, says="there is no store in this schema")
    try:
        with database.session("files") as session:
            session.run("SELECT 1 FROM files.store")
        raise AssertionError("a store was made")
    except SqlError:
        pass


CASES = (
    ("tokens are made and ended as in a file", tokens_are_as_those_of_a_file),
    ("a token from a file can be given again", a_token_given_by_file_can_be_given_again),
    ("front ends see it within a second, and have no backup", front_ends_see_it_within_a_second),
    ("a new epoch ends what was of the old one", a_new_epoch_ends_what_was_of_the_old_one),
    ("a file has an epoch as well", files_have_an_epoch_as_well),
    ("what is wrong is found", what_is_wrong_is_found),
    ("what is of files says what to use instead", what_is_of_files_says_what_to_use),
)


def main():
    tap, rowlockd = Tap(), pathlib.Path(sys.argv[1]).resolve()
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("tools on a store over PostgreSQL", reason)
        return tap.end()
    cluster.end_in_order()
    with Cluster(rowlockd) as database:
        for sentence, case in CASES:
            with tempfile.TemporaryDirectory(prefix="rowlock-tools-") as folder:
                tap.run(sentence, case, rowlockd, database, pathlib.Path(folder))
        tap.report("nobody met in a ring", None if database.deadlocks() == 0 else "deadlocks")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
