"""tokens - who may do what in a store that is migrated: made by make.py, held by test.py.

A program of schema 5 has the tables and nobody who writes to them: there a hand types what a later
one does itself. The texts of the tokens are made of numbers here, so that they need not be kept.
"""
import base64
import hashlib
import sqlite3
import subprocess

DAYS_5 = 5 * 86400000  # near enough for test.py to move it with all other times

# name: role, location, number of the secret before the last rotation (0: none), of the last one
TOKENS = {"boss": ("admin", None, 0, 1), "till": ("clerk", "WH1", 2, 3),
          "shop": ("clerk", None, 4, 5), "gone": ("clerk", None, 0, 6)}
OPENS = {1: 200, 2: 401, 3: 200, 4: 200, 5: 200, 6: 401}  # of each number, and 401 without any

HAS_NOTE = {"delta": 2, "note": "behind the shelf", "reason": "found"}
# token, key, method, path, body: what a program that knows tokens is asked
BY_TOKENS = [
    ("till", "shared", "POST", "/v1/stock/A-3/WH1/adjust", HAS_NOTE),
    ("shop", "shared", "POST", "/v1/stock/A-1/WH2/adjust", {"delta": 1}),
    ("till", "lease", "PUT", "/v1/leases/till",
     {"rows": [{"sku": "A-3", "location": "WH1"}], "ttl_s": 86400}),
    ("boss", "item", "PUT", "/v1/items/T-1", {"name": "By a token"}),
    ("till", "outside", "POST", "/v1/stock/A-1/WH2/adjust", {"delta": 1}),
]
# What a hand gives to a token in a store of schema 5: a key of the conversation, and a lease.
GIVEN = ("till", "adjust", "POST", "/v1/stock/A-1/WH1/adjust",
         {"delta": -3, "reason": "sale", "reference": "order-991"})
GIVEN_LEASE = "l_4"


def parts(number):
    """The part that finds a token, and the one that opens."""
    secret = base64.urlsafe_b64encode(bytes([number]) * 32).decode().rstrip("=")
    return "abcdefghi" + "abcdefgh"[number], secret


def bearer(number):
    return {"Authorization": "Bearer rl_" + "_".join(parts(number))}


def bearer_of(name):
    return bearer(TOKENS[name][3])


def has_tool(rowlockd):
    return subprocess.run([rowlockd, "token", "--help"], capture_output=True).returncode == 0


def add_by_tool(rowlockd, store):
    def token(verb, name, number, *words):
        subprocess.run([rowlockd, "token", verb, name, "--from-file", "-", "--store", store,
                        *words], input="rl_" + "_".join(parts(number)) + "\n", text=True,
                       check=True, capture_output=True)
    for name, (role, location, before, last) in TOKENS.items():
        words = ["--role", role, "--expires", "5d", *(["--location", location] if location else [])]
        token("add", name, before or last, *words)
        if before:
            token("rotate", name, last, "--overlap", "0s" if OPENS[before] == 401 else "1h")
    subprocess.run([rowlockd, "token", "revoke", "gone", "--store", store], check=True,
                   capture_output=True)


def add_by_hand(store):
    database = sqlite3.connect(store)
    now = database.execute("SELECT ms FROM v_now").fetchone()[0]
    for number, (name, (role, location, before, last)) in enumerate(TOKENS.items(), 1):
        database.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, NULL)",
                         (number, name, role, now, now + DAYS_5))
        ends = now if OPENS.get(before) == 401 else now + 3600000
        for secret, end in [(before, ends), (last, None)][0 if before else 1:]:
            public, text = parts(secret)
            digest = hashlib.blake2b(text.encode(), digest_size=32).digest()
            database.execute("INSERT INTO token_secret VALUES (?, ?, ?, ?, ?)",
                             (public, number, digest, now, end))
        if location:
            database.execute("INSERT INTO token_location VALUES (?, ?)", (number, location))
        database.execute("INSERT INTO audit (at, actor, action, subject, detail) VALUES "
                         "(?, 'sqlite3', 'token-add', ?, '{\"by\":\"hand\"}')", (now, name))
    database.execute("UPDATE token SET revoked_at = ? WHERE name = 'gone'", (now,))
    database.execute("UPDATE idempotency SET token_id = 2 WHERE key = ?", (GIVEN[1],))
    database.execute("UPDATE row_lock SET token_id = 2, actor = 'till' WHERE lease = ?",
                     (GIVEN_LEASE,))
    database.commit()
    database.close()


# ---------------------------------------------------------------- what is kept

KEPT = {
    "tokens": "SELECT * FROM token ORDER BY id",
    "secrets": "SELECT * FROM token_secret ORDER BY public",
    "locations": "SELECT * FROM token_location ORDER BY token_id, code",
    "what each is worth": "SELECT * FROM v_tokens",
    "keys": "SELECT * FROM idempotency ORDER BY id",
    "leases": "SELECT * FROM row_lock ORDER BY item_id, location_id",
    "the key of sessions": "SELECT session_key, had_token FROM store",
    "the audit": "SELECT * FROM audit WHERE action <> 'migrate' ORDER BY id",
    "the ledger": "SELECT seq, actor, note FROM movement ORDER BY seq",
}


def kept(database):
    """A column that is not there yet reads NULL in every row of before."""
    if "actor" not in [row[1] for row in database.execute("PRAGMA table_info(movement)")]:
        ledger = "SELECT seq, NULL, NULL FROM movement ORDER BY seq"
    else:
        ledger = KEPT["the ledger"]
    return {what: database.execute(ledger if what == "the ledger" else sql).fetchall()
            for what, sql in KEPT.items()}


def is_kept(store, before):
    database = sqlite3.connect(store)
    after = kept(database)
    migrated = database.execute(
        "SELECT actor FROM audit WHERE action = 'migrate'").fetchall()
    database.close()
    for what, rows in before.items():
        assert rows, f"{what}: the fixture has none"
        assert after[what] == rows, f"{what}: {after[what]}\nnot\n{rows}"
    assert migrated == [("rowlock",)], migrated


def open_as_before(client):
    for number, status in OPENS.items():
        answer = client.get("/v1/items", **bearer(number))
        assert answer.status == status, f"{number}: {answer}"
    assert client.get("/v1/items").status == 401


def are_limited_as_before(client):
    till, shop = bearer_of("till"), bearer_of("shop")
    outside = client.request("POST", "/v1/stock/A-1/WH2/adjust", {"delta": 1}, **till)
    assert outside.json()["code"] == "location-forbidden", outside
    role = client.request("PUT", "/v1/items/T-2", {"name": "n"}, **shop)
    assert role.json()["code"] == "forbidden", role


def lease_is_its_own(client, lease):
    fence = client.get(f"/v1/leases/{lease}", **bearer_of("till")).json()["fence"]
    for name, status in (("shop", 403), ("till", 204)):
        answer = client.request("DELETE", f"/v1/leases/{lease}", Lease=f"{lease};fence={fence}",
                                **bearer_of(name))
        assert answer.status == status, f"{name}: {answer}"


def go_on(client):
    """What is done from now on has its token's name."""
    done = client.request("POST", "/v1/stock/A-3/WH1/adjust", {"delta": 1, "note": "since then"},
                          **bearer_of("till")).json()
    assert (done["movement"]["actor"], done["movement"]["note"]) == ("till", "since then"), done
    verified = client.get("/v1/verify", **bearer_of("boss")).json()
    assert verified["ok"], verified
