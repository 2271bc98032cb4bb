#!/usr/bin/env python3
"""tokens - rowlockd token beside a server and without one: what it does, what it refuses, what it
leaves, and what it never shows."""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import sqlite3
import stat
import subprocess
import threading
import time

from case import Daemon, inject, needs_strace, run_cases
from load import make_rows
from offline import digest, query, verify
from talk import Client, wait_until

OK, USAGE, DATA, BUSY, FORBIDDEN = 0, 64, 65, 75, 77
TOKEN = re.compile(r"rl_[a-z2-7]{10}_[A-Za-z0-9_-]{43}")
END_S_MAX = 60
SEEN_S_MAX = 1.0  # promised; CROWDED_S more where the machine has other things to do
CROWDED_S = 10.0
NOBODY = 65534
CALLS_MAX = 100
SLOW_US = 20000  # longer than others need to come between


def token(rowlockd, store, *words, code=OK, says="", wrapper=(), given=None):
    """Returns what is on the output."""
    ended = subprocess.run([*wrapper, rowlockd, "token", *words, "--store", store], input=given,
                           capture_output=True, text=True, timeout=END_S_MAX)
    assert ended.returncode == code, f"{words}: exit {ended.returncode}, not {code}: {ended}"
    assert says in ended.stdout + ended.stderr, f"{words}: does not say {says}: {ended}"
    return ended.stdout


def add(rowlockd, store, name, *words, role="admin", **more):
    shown = token(rowlockd, store, "add", name, "--role", role, *words, **more).strip()
    assert TOKEN.fullmatch(shown), shown
    return shown


def actions(store):
    return [row[0] for row in query(store, "SELECT action || ' ' || subject FROM audit "
                                           "WHERE action LIKE 'token-%' ORDER BY id")]


def state_of(store, name):
    return query(store, f"SELECT state FROM v_tokens WHERE name = '{name}'")[0][0]


def changes(server):
    return sum("event=access_changed" in line for line in server.lines)


def hashed(store, text):
    """The hash that the store has of it."""
    return query(store, f"SELECT hash FROM token_secret WHERE public = '{text[3:13]}'")[0][0]


# ---------------------------------------------------------------- without a server

def a_store_is_made(rowlockd, folder):
    store = folder / "new.db"
    token(rowlockd, store, "list", code=DATA, says="No such file")
    token(rowlockd, store, "revoke", "x", code=DATA)
    assert not list(folder.iterdir()), list(folder.iterdir())
    shown = add(rowlockd, store, "till", role="clerk")
    assert stat.S_IMODE(store.stat().st_mode) & 0o027 == 0, oct(store.stat().st_mode)
    assert query(store, "SELECT had_token, access_version > 1 FROM store") == [(1, 1)]
    assert hashed(store, shown) == hashlib.blake2b(shown[14:].encode(), digest_size=32).digest()
    verify(rowlockd, store, OK, "The books balance")
    with Daemon(rowlockd, store) as server:
        assert Client(server.port).get("/livez").status == 200


def a_store_that_was_open_is_closed_to_others(rowlockd, folder):
    """Beside a server, whose log and its index are read by nobody else either."""
    store = folder / "s.db"
    before = os.umask(0o022)
    try:
        with Daemon(rowlockd, store) as server:
            make_rows(server.port, 1)
            key = query(store, "SELECT session_key FROM store")
            assert stat.S_IMODE(store.stat().st_mode) == 0o644
            add(rowlockd, store, "a")
            for name in ("s.db", "s.db-wal", "s.db-shm"):
                assert stat.S_IMODE((folder / name).stat().st_mode) == 0o640, name
            first = query(store, "SELECT session_key FROM store")
            assert first != key, "who has read it in time could sign sessions"
            add(rowlockd, store, "b")
            assert query(store, "SELECT session_key FROM store") == first
            wait_until(lambda: Client(server.port).get("/v1/items").status == 401, "it is closed")
    finally:
        os.umask(before)


def its_words_are_kept(rowlockd, folder):
    store = folder / "s.db"
    add(rowlockd, store, "till", "--location", "WH2", "--location=WH1", "--location", "WH2",
        "--expires", "90d", role="clerk")
    kept = query(store, "SELECT role, locations, state, round((t.expires_at - ms) / 86400000.0, 2) "
                        "FROM v_tokens JOIN token t USING (id, role), v_now")
    assert kept == [("clerk", "WH1 WH2", "valid", 90.0)], kept
    add(rowlockd, store, "boss")
    listed = token(rowlockd, store, "list").splitlines()
    assert [line.split()[0] for line in listed] == ["NAME", "boss", "till"], listed
    assert listed[2].split()[1:3] == ["clerk", "valid"] and listed[2].endswith("WH1 WH2 "), listed


def rotation_overlaps(rowlockd, folder):
    store = folder / "s.db"
    first = add(rowlockd, store, "till")
    second = token(rowlockd, store, "rotate", "till").strip()
    third = token(rowlockd, store, "rotate", "till", "--overlap", "0s").strip()
    assert len({first, second, third}) == 3 and TOKEN.fullmatch(third)
    ends = query(store, "SELECT public, round((expires_at - ms) / 3600000.0, 1) "
                        "FROM token_secret, v_now ORDER BY created_at")
    assert dict(ends) == {first[3:13]: 0.0, second[3:13]: 0.0, third[3:13]: None}, ends
    token(rowlockd, store, "rotate", "till", "--overlap", "2h")
    assert query(store, "SELECT count(*) FROM token_secret, v_now WHERE expires_at > ms + 7000000"
                 ) == [(1,)]
    assert query(store, "SELECT count(*) FROM token") == [(1,)]
    assert actions(store) == ["token-add till"] + 3 * ["token-rotate till"]


def revoked_is_for_good(rowlockd, folder):
    store = folder / "s.db"
    add(rowlockd, store, "till")
    token(rowlockd, store, "revoke", "till", says="no token is valid now")
    assert state_of(store, "till") == "revoked"
    token(rowlockd, store, "revoke", "till", code=DATA, says="was revoked, and stays so")
    token(rowlockd, store, "rotate", "till", code=DATA, says="was revoked, and stays so")
    token(rowlockd, store, "add", "till", "--role", "clerk", code=DATA, says="no other is called")
    token(rowlockd, store, "revoke", "other", code=DATA, says="there is no token of this name")
    assert actions(store) == ["token-add till", "token-revoke till"]


def an_end_is_an_end(rowlockd, folder):
    store = folder / "s.db"
    add(rowlockd, store, "till", "--expires", "1s")
    wait_until(lambda: state_of(store, "till") == "expired", "it expires")
    token(rowlockd, store, "rotate", "till", code=DATA, says="has expired: give it a new end")
    token(rowlockd, store, "rotate", "till", "--expires", "1h")
    assert state_of(store, "till") == "valid"


def what_is_wrong_is_said(rowlockd, folder):
    store = folder / "s.db"
    for words, says in [
            (["add"], "NAME of the token is missing"),
            (["add", "till"], "which role"),
            (["add", "till", "--role", "boss"], "which role"),
            (["add", "till", "--role", "public"], "which role"),
            (["add", "local", "--role", "admin"], "not local, sqlite3, psql or rowlock"),
            (["add", "psql", "--role", "admin"], "not local, sqlite3, psql or rowlock"),
            (["add", "a/b", "--role", "admin"], "a name is 1 to 64"),
            (["add", "a", "b", "--role", "admin"], "it takes no b"),
            (["add", "a", "--role", "admin", "--location", "W H"], "no location can be called so"),
            (["add", "a", "--role", "admin", "--overlap", "1h"], "it takes no --overlap"),
            *[(["add", "a", "--role", "admin", "--expires", text], "no time, as 90d or 12h is")
              for text in ("", "90", "d", "-1d", "1.5d", "1w", "0d", "99999999999999999999d",
                           "36501d", " 1d", "1d ")],
            (["rotate", "a", "--overlap", "-1s"], "no time"),
            (["rotate", "a", "--role", "admin"], "it takes no --role"),
            (["list", "a"], "it takes no a"),
            (["revoke"], "NAME of the token is missing"),
            (["make", "a"], "add, list, rotate or revoke?"),
            ([], "add, list, rotate or revoke?")]:
        if words:
            token(rowlockd, store, *words, code=USAGE, says=says)
    typed = "rl_abcdefghij_" + "0123456789" * 4 + "01A"  # where another word belongs
    for words in (["add", "a", "--role", "admin", "--from-file", typed], ["add", "a", typed],
                  ["add", "a", "--role", typed], ["add", "a", "--location", typed + "/"],
                  ["add", "a", "--expires", typed, "--role", "admin"],
                  ["add", typed, "--role", "admin"], ["revoke", typed]):
        said = subprocess.run([rowlockd, "token", *words, "--store", store], capture_output=True,
                              text=True)
        assert said.returncode == USAGE and typed[14:] not in said.stderr, said
    token(rowlockd, store, "add", "a", "--role", "admin", "--from-file", folder / "none",
          code=USAGE, says="No such file")
    many = [word for n in range(65) for word in ("--location", f"W{n}")]
    token(rowlockd, store, "add", "a", "--role", "admin", *many, code=USAGE, says="at most 64")
    ended = subprocess.run([rowlockd, "token", "list"], capture_output=True, text=True)
    assert ended.returncode == USAGE and "--store FILE is missing" in ended.stderr, ended
    assert "usage: rowlockd token add" in token(rowlockd, store, "add", "--help")
    assert not list(folder.iterdir()), list(folder.iterdir())
    store.write_text("this is no store, and it is longer than a few bytes. " * 40)
    before = digest(store)
    token(rowlockd, store, "add", "a", "--role", "admin", code=DATA)
    assert digest(store) == before


def a_file_gives_the_token(rowlockd, folder):
    store, file = folder / "s.db", folder / "token"
    text = add(rowlockd, folder / "other.db", "x")
    file.write_text(text + "\n")
    words = ["add", "till", "--role", "clerk", "--location", "WH1", "--from-file", file]
    assert token(rowlockd, store, *words, says="till: known by rl_" + text[3:13]) == ""
    assert token(rowlockd, store, *words, says="is there already, as it should be") == ""
    assert actions(store) == ["token-add till"]
    token(rowlockd, store, "add", "till", "--role", "admin", "--location", "WH1", "--from-file",
          file, code=DATA, says="no other is called like it")
    token(rowlockd, store, "add", "till", "--role", "clerk", "--from-file", file, code=DATA)
    token(rowlockd, store, "add", "else", "--role", "clerk", "--from-file", file, code=DATA,
          says="public part was used before")
    token(rowlockd, store, "add", "piped", "--role", "clerk", "--from-file", "-",
          given=text[:3] + "aaaaaaaaaa" + text[13:], says="piped: known by rl_aaaaaaaaaa")
    for what, bad in [("nothing", ""), ("a word", "secret\n"), ("a cut one", text[:-1] + "\n"),
                      ("one too long", text + "A\n"), ("a blank before", " " + text + "\n")]:
        file.write_text(bad)
        said = subprocess.run([rowlockd, "token", "rotate", "till", "--from-file", file, "--store",
                               store], capture_output=True, text=True)
        assert said.returncode == USAGE, f"{what}: {said}"
        assert "is no token" in said.stderr and text[14:40] not in said.stderr, f"{what}: {said}"
    token(rowlockd, store, "rotate", "till", "--from-file", folder / "none", code=USAGE,
          says="cannot be read")


def an_older_store_is_migrated(rowlockd, folder):
    store = folder / "old.db"
    fixture = pathlib.Path(__file__).resolve().parents[1] / "upgrade/stores/0.1.0.dump"
    database = sqlite3.connect(store)
    database.executescript(fixture.read_text())
    database.close()
    token(rowlockd, store, "list")
    add(rowlockd, store, "till")
    assert query(store, "SELECT had_token FROM store") == [(1,)]
    with Daemon(rowlockd, store, ["--accept-clock"]) as server:
        assert Client(server.port).get("/livez").status == 200


def eight_at_once_make_one_store(rowlockd, folder):
    store = folder / "s.db"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda n: add(rowlockd, store, f"t{n}"), range(8)))
    assert len(set(shown)) == 8
    assert query(store, "SELECT count(*) FROM token") == [(8,)]
    verify(rowlockd, store)


def eight_that_are_slow(rowlockd, folder):
    """Whichever step the others overtake them at."""
    for call in ("openat", "flock", "ftruncate"):
        store = folder / f"{call}.db"
        slow = inject(call, f"delay_exit={SLOW_US}", "1+")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: add(rowlockd, store, f"t{n}", wrapper=slow), range(8)))
        assert query(store, "SELECT count(*) FROM token") == [(8,)], call


# ---------------------------------------------------------------- beside a server

def seen_within_a_second(rowlockd, folder):
    """Also on a quiet store: nobody asks for anything meanwhile."""
    with Daemon(rowlockd, folder / "s.db", ["--log-level", "info"]) as server:
        assert changes(server) == 0, server.lines
        late = 0
        for n, words in enumerate([("add", "a", "--role", "admin"), ("rotate", "a"),
                                   ("revoke", "a"), ("add", "b", "--role", "clerk")], 1):
            token(rowlockd, server.store, *words)
            done = time.monotonic()
            wait_until(lambda n=n: changes(server) == n, f"change {n} is seen")
            late += time.monotonic() - done > SEEN_S_MAX
            assert time.monotonic() - done < SEEN_S_MAX + CROWDED_S
        assert late < 4, "each of four changes was seen late"
        assert "tokens=2 secrets=3 state=closed" in server.last_words(), server.last_words()


def files_of(folder):
    return {path.name: digest(path) for path in folder.iterdir() if path.suffix == ".db"}


def grow(store, log):
    """The log, to twice the pages at which SQLite copies it into the file unless it is told not to.
    Whoever closes last would do so, too: the connection is kept, and given back."""
    database = sqlite3.connect(store, isolation_level=None)
    database.executescript("PRAGMA wal_autocheckpoint=0; CREATE TABLE filler (b BLOB);"
                           "INSERT INTO filler VALUES (zeroblob(8 << 20)); DROP TABLE filler")
    assert log.stat().st_size > 2000 * 4096, log.stat()
    return database


def nothing_is_copied_into_the_file(rowlockd, folder):
    """Not beside a server, and not as the last one that closes it either."""
    store = folder / "s.db"
    with Daemon(rowlockd, store) as server:
        make_rows(server.port, 5)
        server.kill()
    log = folder / "s.db-wal"
    other = grow(store, log)
    before = digest(store)
    bytes_before = log.stat().st_size
    add(rowlockd, store, "a")
    token(rowlockd, store, "list")
    token(rowlockd, store, "revoke", "a")
    assert digest(store) == before, "the tool has written to the file itself"
    assert log.stat().st_size > bytes_before
    other.close()
    with Daemon(rowlockd, store) as server:
        before = digest(store)
        add(rowlockd, store, "b")
        assert digest(store) == before, "the tool has written to the file itself"
    assert state_of(store, "a") == "revoked" and state_of(store, "b") == "valid"
    assert query(store, "SELECT total(on_hand) > 0 FROM stock") == [(1,)]


def it_gets_its_turn_beside_many_writes(rowlockd, folder):
    store = folder / "s.db"
    shown = add(rowlockd, store, "load")
    over, written, refused = threading.Event(), [0, 0, 0, 0], []

    def write(port, n):
        client = Client(port)
        while not over.is_set():
            answer = client.request("POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1},
                                    Authorization=f"Bearer {shown}")
            written[n] += answer.status == 201
            if answer.status != 201:
                refused.append(answer.status)

    with Daemon(rowlockd, store) as server:
        by_hand = sqlite3.connect(store)
        by_hand.executescript("INSERT INTO item (sku, name) VALUES ('A-1', 'x');"
                              "INSERT INTO location (code, name) VALUES ('WH1', 'x')")
        by_hand.close()
        threads = [threading.Thread(target=write, args=(server.port, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(written), "everybody writes")
        for n in range(10):
            add(rowlockd, store, f"t{n}")
        over.set()
        for thread in threads:
            thread.join()
        assert not refused, refused
    assert query(store, "SELECT count(*) FROM token") == [(11,)]
    assert query(store, "SELECT on_hand FROM stock") == [(sum(written),)]


def held_by_another_program_it_says_so(rowlockd, folder):
    store = folder / "s.db"
    add(rowlockd, store, "a")
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    token(rowlockd, store, "add", "b", "--role", "admin", code=BUSY)
    other.execute("COMMIT")
    other.close()
    assert query(store, "SELECT name FROM token") == [("a",)]


def the_secret_is_nowhere(rowlockd, folder):
    store = folder / "s.db"
    with Daemon(rowlockd, store, ["--log-requests"]) as server:
        shown = add(rowlockd, store, "a", "--location", "WH1")
        turned = token(rowlockd, store, "rotate", "a").strip()
        Client(server.port).request("GET", "/v1/stock", Authorization=f"Bearer {turned}")
        listed = token(rowlockd, store, "list")
        wait_until(lambda: changes(server) >= 1, "it is seen")
        arguments = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        for secret in (shown[14:], turned[14:]):
            assert secret not in listed and secret.encode() not in arguments
            for path in folder.iterdir():
                assert secret.encode() not in path.read_bytes(), path
    for secret in (shown[14:], turned[14:]):
        assert not [line for line in server.lines if secret in line]
        for path in folder.iterdir():
            assert secret.encode() not in path.read_bytes(), path
    assert turned[3:13] in listed, "the public part tells tokens apart"


# ---------------------------------------------------------------- as root

def needs_root():
    return None if os.geteuid() == 0 else "only root can become somebody else"


def root_becomes_the_owner(rowlockd, folder):
    """Of the folder that the file is in, wherever a link to it lies."""
    os.chmod(folder, 0o755)
    theirs, secret = folder / "theirs", folder / "token"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    store, link = theirs / "s.db", folder / "link.db"
    shown = add(rowlockd, store, "a")
    link.symlink_to(store)
    secret.write_text("rl_aaaaaaaaaa" + shown[13:] + "\n")
    secret.chmod(0o600)  # of root: nobody else could read it
    token(rowlockd, link, "add", "b", "--role", "clerk", "--from-file", secret)
    token(rowlockd, store, "list")
    owners = {path.name: path.stat().st_uid for path in theirs.iterdir()}
    assert set(owners.values()) == {NOBODY}, owners
    assert query(store, "SELECT DISTINCT actor FROM audit") == [("local/root",)]
    server = Daemon(rowlockd, store, ["--spool-dir", str(theirs)], wrapper=[
        "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"])
    with server:
        add(rowlockd, store, "c")
        wait_until(lambda: changes(server) >= 1, "it is seen")
    owners = {path.name: path.stat().st_uid for path in theirs.iterdir()}
    assert set(owners.values()) == {NOBODY}, owners


def root_restores_for_the_owner(rowlockd, folder):
    """Where nothing was: of a backup that is root's alone, a store that its service can open."""
    os.chmod(folder, 0o755)
    theirs, backup = folder / "theirs", folder / "backup.db"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    add(rowlockd, backup, "a")
    sqlite3.connect(backup).execute("PRAGMA journal_mode=DELETE").connection.close()
    backup.chmod(0o600)
    subprocess.run([rowlockd, "restore", backup, "--store", theirs / "s.db"], check=True,
                   capture_output=True)
    seen = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in theirs.iterdir()}
    assert seen == {name: (NOBODY, NOBODY) for name in ("s.db", "s.db.lock")}, seen
    assert stat.S_IMODE((theirs / "s.db").stat().st_mode) == 0o640
    with Daemon(rowlockd, theirs / "s.db", ["--spool-dir", str(theirs)], wrapper=[
            "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]) as server:
        assert Client(server.port).get("/livez").status == 200


def what_it_may_not_write_it_says(rowlockd, folder):
    os.chmod(folder, 0o755)
    theirs = folder / "theirs"
    theirs.mkdir()
    store = theirs / "s.db"
    add(rowlockd, store, "a")
    os.chown(theirs, NOBODY, NOBODY)  # the files are still root's
    token(rowlockd, store, "add", "b", "--role", "clerk", code=FORBIDDEN)
    assert query(store, "SELECT name FROM token") == [("a",)]


# ---------------------------------------------------------------- crashes and restores

def killed_anywhere_it_is_done_or_not(rowlockd, folder):
    store = folder / "s.db"
    add(rowlockd, store, "first")
    for call in ("pwrite64", "fdatasync"):
        for when in range(1, CALLS_MAX):
            name = f"{call}-{when}"
            ended = subprocess.run([*inject(call, "signal=SIGKILL", when), rowlockd, "token", "add",
                                    name, "--role", "clerk", "--store", store],
                                   capture_output=True, text=True, timeout=END_S_MAX)
            there = query(store, f"SELECT count(*), (SELECT count(*) FROM token_secret s WHERE "
                          f"s.token_id = t.id), (SELECT count(*) FROM audit WHERE subject = name) "
                          f"FROM token t WHERE name = '{name}'")
            assert there in ([(0, 0, 0)], [(1, 1, 1)]), f"{name}: {there}"
            assert TOKEN.search(ended.stdout) is None or there == [(1, 1, 1)], name
            if ended.returncode == 0:
                break
        assert 1 < when < CALLS_MAX - 1, f"{call}: {when}"
    verify(rowlockd, store)


def restored_tokens_are_void(rowlockd, folder):
    store, backup = folder / "s.db", folder / "backup.db"
    add(rowlockd, store, "a")
    add(rowlockd, store, "b")
    sqlite3.connect(store).execute(f"VACUUM INTO '{backup}'").connection.close()
    key = query(store, "SELECT session_key FROM store")
    token(rowlockd, store, "revoke", "b")
    said = subprocess.run([rowlockd, "restore", backup, "--store", store], capture_output=True,
                          text=True)
    assert said.returncode == 0 and "2 are void" in said.stdout, said
    assert state_of(store, "a") == "void" and state_of(store, "b") == "void"
    assert query(store, "SELECT session_key FROM store") != key
    assert query(store, "SELECT actor LIKE 'local/%' FROM audit WHERE action = 'restore'") == [(1,)]
    token(rowlockd, store, "rotate", "a")
    assert state_of(store, "a") == "valid" and state_of(store, "b") == "void"
    said = subprocess.run([rowlockd, "restore", backup, "--store", store, "--keep-tokens"],
                          capture_output=True, text=True)
    assert said.returncode == 0 and "void" not in said.stdout, said
    assert state_of(store, "a") == "valid" and state_of(store, "b") == "valid"


def restored_it_stays_closed(rowlockd, folder):
    """The backup is of a time before the first token."""
    store, backup = folder / "s.db", folder / "backup.db"
    with Daemon(rowlockd, store) as server:
        make_rows(server.port, 5)
    sqlite3.connect(store).execute(f"VACUUM INTO '{backup}'").connection.close()
    add(rowlockd, store, "a")
    subprocess.run([rowlockd, "restore", backup, "--store", store], check=True,
                   capture_output=True)
    assert query(store, "SELECT had_token, (SELECT count(*) FROM token) FROM store") == [(1, 0)]


def restored_from_before_tokens(rowlockd, folder):
    """The backup is of a schema that knows none."""
    store, backup = folder / "s.db", folder / "backup.db"
    text = (pathlib.Path(__file__).parents[1] / "upgrade/stores/schema-4.dump").read_text()
    database = sqlite3.connect(backup)
    database.executescript(text)
    database.close()
    subprocess.run([rowlockd, "restore", backup, "--store", store], check=True,
                   capture_output=True)
    assert query(store, "PRAGMA user_version") == [(4,)], "where nothing was closed it stays so"
    store = folder / "closed.db"
    add(rowlockd, store, "a")
    subprocess.run([rowlockd, "restore", backup, "--store", store], check=True,
                   capture_output=True)
    verify(rowlockd, store)
    assert query(store, "SELECT had_token, (SELECT count(*) FROM token) FROM store") == [(1, 0)]
    with Daemon(rowlockd, store, ["--accept-clock"]) as server:
        assert Client(server.port).get("/v1/items").status == 401


if __name__ == "__main__":
    run_cases([
        ("a store that is not there is made, and has the hash only", a_store_is_made),
        ("a store that everybody could read is taken away from others",
         a_store_that_was_open_is_closed_to_others),
        ("role, locations and end are kept, and listed", its_words_are_kept),
        ("a rotation gives the secrets before an end of their own", rotation_overlaps),
        ("what is revoked stays so, and its name is not given again", revoked_is_for_good),
        ("an expired token needs a new end", an_end_is_an_end),
        ("what is wrong is said, and nothing is done", what_is_wrong_is_said),
        ("a file gives the token, as often as one likes", a_file_gives_the_token),
        ("an older store that nobody has is brought up to date", an_older_store_is_migrated),
        ("eight at once make one store", eight_at_once_make_one_store),
        ("eight make one store, each slow at the same step", eight_that_are_slow, needs_strace),
        ("a running server sees each change within a second", seen_within_a_second),
        ("it never copies the log into the file", nothing_is_copied_into_the_file),
        ("it gets its turn beside many writes, and they theirs",
         it_gets_its_turn_beside_many_writes),
        ("it says that another program holds the store", held_by_another_program_it_says_so),
        ("the secret is in no file, list, log or process list", the_secret_is_nowhere),
        ("as root it becomes the owner of the folder", root_becomes_the_owner, needs_root),
        ("what root restores is the folder's owner's", root_restores_for_the_owner, needs_root),
        ("what it may not write it leaves", what_it_may_not_write_it_says, needs_root),
        ("killed at any write or flush it is done, or not", killed_anywhere_it_is_done_or_not,
         needs_strace),
        ("after a restore all tokens are void, unless they are kept", restored_tokens_are_void),
        ("a store that was closed is so after a restore", restored_it_stays_closed),
        ("also of a backup of a schema without tokens", restored_from_before_tokens),
    ])
