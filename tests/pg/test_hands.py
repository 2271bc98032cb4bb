#!/usr/bin/env python3
"""test_hands - what the schema of PostgreSQL promises to people who type SQL at it in psql.

    test_hands.py BUILT_PROGRAM          every row of the tables below, as TAP

A case is a sentence, SQL as somebody would type it, and what must come of it: the sentences are
those of tests/schema/test_schema.py, where they apply. Each is typed at the store of SHOP in a
transaction of its own, which is then undone. Whatever was done, the books must balance afterwards.
"""
import json
import pathlib
import sys
import threading

import cluster
from cluster import Cluster
from postgres import Session, SqlError
from tap import Tap

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "schema"
HASH = "decode(repeat('00', 32), 'hex')"

# The columns of a movement, but for who made it and their note.
LINE = """(seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved, version, reason,
    reference, reservation, request_id, oversubscribed, low_stock, at, prev_seq)"""

MAKE = f"""
    SET rowlock.service = on;
    {(SCHEMA / "postgres/001_store.sql").read_text()}
    {(SCHEMA / "postgres/002_views.sql").read_text()}
    INSERT INTO store (id, epoch, schema_version, session_key, created_at)
        VALUES (1, 'e', 1, {HASH}, 0) ON CONFLICT DO NOTHING;
"""

# What the service does in its own sessions.
SHOP = f"""
    SET rowlock.service = on;
    INSERT INTO item (id, sku, name, reorder_point) VALUES
        (1, 'A-1', 'Hex bolt', 5), (2, 'A-2', 'Hex nut', NULL), (3, 'A-3', 'Washer', NULL);
    INSERT INTO location (id, code, name) VALUES
        (1, 'WH1', 'Main warehouse'), (2, 'WH2', 'Harbour'), (3, 'WH3', 'Empty');
    INSERT INTO v_stock (sku, location, on_hand) VALUES
        ('A-1', 'WH1', 40), ('A-1', 'WH2', 10), ('A-2', 'WH1', 7), ('A-2', 'WH2', 3);
    -- seq 5: the service reserves 6 of A-1 at WH2. seq 6: it sells 5 of A-2 at WH2, on backorder.
    INSERT INTO movement {LINE} VALUES
        (5, 2, 'reserve', 0, 6, 10, 6, 2, NULL, NULL, 'r_1', 'q-1', false, true, 1000, 2),
        (6, 4, 'adjust', -5, 0, -2, 0, 2, 'sale', 'order-9', NULL, 'q-2', false, true, 2000, 4);
    -- A-2 at WH1 is leased, and A-1 at WH3; the lease of A-3 at WH1 has run out.
    INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, expires_at)
    SELECT 'l_1', 1, 2, 1, 'cycle count 7', ms, ms + 3600000 FROM v_now UNION ALL
    SELECT 'l_1', 1, 1, 3, 'cycle count 7', ms, ms + 3600000 FROM v_now UNION ALL
    SELECT 'l_2', 2, 3, 1, 'forgotten', ms - 2000, ms - 1000 FROM v_now;
    UPDATE store SET next_fence = 3, lease_change = 7;
    -- Token 1 may write to WH1 and WH2, and was rotated. Token 2 was revoked.
    INSERT INTO token (name, role, created_at) VALUES
        ('till', 'clerk', 1000), ('old', 'admin', 1000);
    INSERT INTO token_location VALUES (1, 'WH2'), (1, 'WH1');
    INSERT INTO token_secret VALUES ('aaaaaaaaaa', 1, {HASH}, 1000, 3000),
        ('bbbbbbbbbb', 1, {HASH}, 2000, NULL), ('cccccccccc', 2, {HASH}, 1000, NULL);
    UPDATE token SET revoked_at = 2000 WHERE id = 2;
    UPDATE store SET access_version = 9;
    INSERT INTO audit (at, actor, action, subject) VALUES (1000, 'local/root', 'token-add', 'till');
    -- The 6 of A-1 at WH2 are promised by an active reservation; another one has ended.
    INSERT INTO reservation SELECT 1, 'r_1', 'active', 'cart', NULL, ms, ms + 600000, NULL
        FROM v_now;
    INSERT INTO reservation VALUES (2, 'r_2', 'released', 'cart', NULL, 7, 98, 8);
    INSERT INTO reservation_line SELECT 1, 0, 1, 2, 6, 0, expires_at FROM reservation WHERE id = 1;
    INSERT INTO reservation_line VALUES (2, 0, 1, 2, 4, 0, NULL);
    INSERT INTO idempotency (key, fingerprint, status, outcome, stock_seq, first_seq,
        movement_count, at) VALUES ('k', 1, 201, 'done', 1, 1, 1, 1);
    RESET rowlock.service;
"""

SERVICE = "SET LOCAL rowlock.service = on; %s; SET LOCAL rowlock.service = off; "
ROW = "SELECT on_hand, reserved, version, seq FROM v_stock WHERE sku || location = "
LAST = ("SELECT seq, kind, reason, on_hand_delta, on_hand, version, oversubscribed, low_stock "
        "FROM v_movements LIMIT 1")
WORDS = "SELECT seq, reason, actor, note, on_hand_delta FROM v_movements LIMIT 1"
COUNT = "SELECT count(*), max(seq) FROM movement"


def at(on_hand, sku="A-1", location="WH1", words=""):
    return (f"UPDATE v_stock SET on_hand = {on_hand}{words} WHERE sku = '{sku}'"
            f" AND location = '{location}'")


def new_token(name="'n'", role="reader"):
    return f"INSERT INTO token (name, role, created_at) VALUES ({name}, '{role}', 1)"


def new_secret(public="dddddddddd", token=1, hash_=HASH):
    return f"INSERT INTO token_secret VALUES ('{public}', {token}, {hash_}, 1, NULL)"


# sentence, what is typed, a question, its answer
EDITS = [
    *[(f"access_version grows with {what}", sql, "SELECT access_version FROM store", [(grown,)])
      for what, sql, grown in [
          ("a token", new_token(), 10),
          ("a secret", new_secret(), 10),
          ("a location", "INSERT INTO token_location VALUES (1, 'WH3')", 10),
          ("another location", "UPDATE token_location SET code = 'WH4' WHERE code = 'WH1'", 10),
          ("a location less", "DELETE FROM token_location WHERE code = 'WH1'", 10),
          ("the end of a token", "UPDATE token SET revoked_at = 5 WHERE id = 1", 10),
          ("another role", "UPDATE token SET role = 'reader' WHERE id = 1", 10),
          ("the end of a secret",
           "UPDATE token_secret SET expires_at = 9 WHERE public = 'bbbbbbbbbb'", 10),
          ("a token of a tool", SERVICE % new_token(), 10),
          ("another key of sessions", "UPDATE store SET session_key = sha256('x')", 10),
          ("nothing of levels", at(37), 9)]],
    *[(f"lease_change grows with {what}", sql, "SELECT lease_change FROM store", [(grown,)])
      for what, sql, grown in [
          ("a lease that is ended", "DELETE FROM row_lock WHERE lease = 'l_1'", 8),
          ("a lease that is made longer", "UPDATE row_lock SET expires_at = expires_at + 1", 8),
          ("another sku", "UPDATE item SET sku = 'C-1' WHERE sku = 'A-1'", 8),
          ("another code", "UPDATE location SET code = 'C-1' WHERE code = 'WH1'", 8),
          ("no other name", "UPDATE item SET name = 'Nut'", 7),
          ("nothing of levels", at(37), 7)]],
    ("a store that ever had a token knows", new_token(), "SELECT had_token FROM store", [(True,)]),
    ("a secret may end earlier than it was to", "UPDATE token_secret SET expires_at = 2500"
     " WHERE public = 'aaaaaaaaaa'",
     "SELECT expires_at FROM token_secret WHERE public = 'aaaaaaaaaa'", [(2500,)]),
    ("a token may expire later than it was to", "UPDATE token SET expires_at = 5 WHERE id = 1;"
     " UPDATE token SET expires_at = 9 WHERE id = 1", "SELECT expires_at FROM token WHERE id = 1",
     [(9,)]),
    ("an audit row is added", "INSERT INTO audit (at, actor, action, detail)"
     """ VALUES (1, 'psql', 'b', '{"c":1}')""", "SELECT id FROM audit ORDER BY id", [(1,), (2,)]),
    ("an UPDATE of on_hand raises version and seq", at(37), ROW + "'A-1WH1'", [(37, 0, 2, 7)]),
    ("it writes its movement, which says edit", at(37), LAST,
     [(7, "edit", "edit", -3, 37, 2, 0, 0)]),
    ("the movement knows the one before it", at(37, location="WH2"),
     "SELECT prev_seq FROM movement WHERE seq = 7", [(5,)]),
    ("a difference is taken from what is there", at("on_hand - 3"), LAST,
     [(7, "edit", "edit", -3, 37, 2, 0, 0)]),
    ("one UPDATE of several rows writes a movement for each",
     "UPDATE v_stock SET on_hand = on_hand + 1 WHERE sku = 'A-1'",
     "SELECT seq, sku, location, on_hand FROM v_movements WHERE seq > 6 ORDER BY location",
     [(7, "A-1", "WH1", 41), (8, "A-1", "WH2", 11)]),
    ("two edits in one transaction follow each other", at(1) + ";" + at(2), ROW + "'A-1WH1'",
     [(2, 0, 3, 8)]),
    ("an edit is by psql, and has neither reason nor note by itself", at(37), WORDS,
     [(7, "edit", "psql", None, -3)]),
    ("v_stock takes a reason and a note",
     at(37, words=", reason = 'found_2', note = 'behind the Regal für Öl'"), WORDS,
     [(7, "found_2", "psql", "behind the Regal für Öl", -3)]),
    ("it reads both as NULL",
     "UPDATE v_stock SET on_hand = 37, note = 'x' WHERE sku = 'A-1'",
     "SELECT DISTINCT reason, note FROM v_stock", [(None, None)]),
    ("a reason in capitals is kept in small letters", at(37, words=", reason = 'RMA_7'"), WORDS,
     [(7, "rma_7", "psql", None, -3)]),
    ("the word of every edit is not kept", at(37, words=", reason = 'Edit'"),
     "SELECT reason FROM movement WHERE seq = 7", [(None,)]),
    ("a note of 200 characters", at(37, words=", note = repeat('ä', 200)"),
     "SELECT length(note) FROM movement WHERE seq = 7", [(200,)]),
    ("words are kept where the level is the same", at(40, words=", reason = 'cycle_count'"), WORDS,
     [(7, "cycle_count", "psql", None, 0)]),
    ("a note alone is a movement of its own",
     "UPDATE v_stock SET note = 'looked at' WHERE sku = 'A-1'",
     "SELECT location, on_hand_delta, note FROM v_movements WHERE seq > 6 ORDER BY location",
     [("WH1", 0, "looked at"), ("WH2", 0, "looked at")]),
    ("a new row has its words, too",
     "INSERT INTO v_stock (sku, location, on_hand, reason, note)"
     " VALUES ('A-3', 'WH2', 4, 'receipt', 'pallet 9')", WORDS,
     [(7, "receipt", "psql", "pallet 9", 4)]),
    ("an edit that changes nothing writes nothing", at("on_hand"), ROW + "'A-1WH1'",
     [(40, 0, 1, 1)]),
    ("an edit says low_stock at the reorder point", at(5), LAST,
     [(7, "edit", "edit", -35, 5, 2, 0, 1)]),
    ("low_stock counts what is available", at(9, location="WH2"), LAST,
     [(7, "edit", "edit", -1, 9, 3, 0, 1)]),
    ("an edit below what is reserved passes and says oversubscribed", at(5, location="WH2"), LAST,
     [(7, "edit", "edit", -5, 5, 3, 1, 1)]),
    ("a row on backorder can be edited back to the shelf", at(0, "A-2", "WH2"), ROW + "'A-2WH2'",
     [(0, 0, 3, 7)]),
    ("a row on backorder may be touched without a change", at("on_hand", "A-2", "WH2"),
     ROW + "'A-2WH2'", [(-2, 0, 2, 6)]),
    *[(f"time in the ledger does not run backwards{what}",
       SERVICE % (f"INSERT INTO movement {LINE} VALUES (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL,"
                  " NULL, NULL, NULL, false, false, 9999999999999, 1)") + sql,
       "SELECT at FROM movement WHERE seq = 8", [(9999999999999,)])
      for what, sql in [("", at(38)),
                        (" in a new row either",
                         "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH2', 1)")]],
    ("an edit is dated by store time, which never falls behind what was noted",
     SERVICE % "UPDATE store SET newest_at = 9999999999999" + at(38),
     "SELECT at FROM movement WHERE seq = 7", [(9999999999999,)]),
    ("time in the ledger is unix milliseconds", at(3),
     "SELECT at / 1000 - extract(epoch FROM now())::bigint BETWEEN -60 AND 60 FROM movement"
     " WHERE seq = 7", [(True,)]),
    ("v_stock takes new rows by sku and location",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH2', 12)",
     "SELECT on_hand, version, seq FROM v_stock WHERE sku = 'A-3'", [(12, 1, 7)]),
    ("several new rows in one statement follow each other as they were typed",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH3', 1), ('A-3', 'WH1', 2),"
     " ('A-3', 'WH2', 3)", "SELECT seq, location FROM v_movements WHERE seq > 6 ORDER BY seq",
     [(7, "WH3"), (8, "WH1"), (9, "WH2")]),
    ("a row typed in without stock has no movement yet, and is not shown",
     "INSERT INTO v_stock (sku, location) VALUES ('A-3', 'WH2')",
     "SELECT count(*) FROM v_stock WHERE sku = 'A-3'", [(0,)]),
    ("and may be typed in again",
     "INSERT INTO v_stock (sku, location) VALUES ('A-3', 'WH2');"
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH2', 4)", LAST,
     [(7, "edit", "edit", 4, 4, 1, 0, 0)]),
    ("a new row says low_stock at the reorder point",
     "DELETE FROM row_lock; INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-1', 'WH3', 5)",
     LAST, [(7, "edit", "edit", 5, 5, 1, 0, 1)]),
    ("what is archived is not low in stock",
     "UPDATE item SET archived = true WHERE sku = 'A-1'", "SELECT * FROM v_low_stock", []),
    ("what lies at an archived location is not low in stock",
     "UPDATE location SET archived = true WHERE code = 'WH2'", "SELECT * FROM v_low_stock", []),
    ("a lease that has run out lets edits through",
     "UPDATE row_lock SET expires_at = 1;" + at(1, "A-2"), COUNT, [(7, 7)]),
    ("a lease that has run out lets a new row in",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH1', 1)", COUNT, [(7, 7)]),
    ("deleting a lease by hand frees its rows",
     "DELETE FROM row_lock WHERE lease = 'l_1';" + at(1, "A-2"), COUNT, [(7, 7)]),
    ("stock_add() adds, and says what is there now", "CREATE TEMP TABLE said AS"
     " SELECT stock_add('A-1', 'WH1', -2, 'Damaged', 'dropped') AS on_hand",
     "SELECT said.on_hand, m.on_hand, m.reason, m.note, m.actor FROM said, v_movements m LIMIT 1",
     [(38, 38, "damaged", "dropped", "psql")]),
    ("stock_set() sets, whatever is there", "SELECT stock_set('A-1', 'WH1', 7)", LAST,
     [(7, "edit", "edit", -33, 7, 2, 0, 0)]),
    ("stock_add() begins at 0 where nothing was", "SELECT stock_add('A-3', 'WH2', 7)", LAST,
     [(7, "edit", "edit", 7, 7, 1, 0, 0)]),
    ("stock_set() of nothing new writes nothing", "SELECT stock_set('A-1', 'WH1', 40)", COUNT,
     [(6, 6)]),
    ("a transaction that edits by hand may not be left open for ever", at(1),
     "SHOW idle_in_transaction_session_timeout", [("5s",)]),
    ("who has said how long knows",
     "SET LOCAL idle_in_transaction_session_timeout = '1min';" + at(1),
     "SHOW idle_in_transaction_session_timeout", [("1min",)]),
    ("an edit does not make a session one of the service's", at(1),
     "SELECT coalesce(nullif(current_setting('rowlock.service', true), ''), 'off')", [("off",)]),
    ("an item edited by hand gets a new version",
     "UPDATE item SET name = 'Bolt' WHERE sku = 'A-1'",
     "SELECT name, version, updated_at >= created_at FROM item WHERE id = 1", [("Bolt", 2, True)]),
    ("an item that the service edits keeps the version it was given",
     SERVICE % "UPDATE item SET name = 'Bolt', version = version + 1, updated_at = 5 WHERE id = 1",
     "SELECT version, updated_at FROM item WHERE id = 1", [(2, 5)]),
    ("a location edited by hand gets a new version",
     "UPDATE location SET archived = true WHERE code = 'WH1'",
     "SELECT archived, version FROM location WHERE id = 1", [(True, 2)]),
    ("an item that was never stocked can be deleted, with leases that have run out",
     "INSERT INTO v_stock (sku, location) VALUES ('A-3', 'WH2');"
     "DELETE FROM item WHERE sku = 'A-3'", "SELECT count(*) FROM row_lock WHERE item_id = 3",
     [(0,)]),
    ("a location that was never stocked can be deleted, with leases that have run out",
     "UPDATE row_lock SET expires_at = 1; DELETE FROM location WHERE code = 'WH3'",
     "SELECT (SELECT count(*) FROM location), (SELECT count(*) FROM row_lock)", [(2, 2)]),
    ("a name of 200 characters that are no ASCII",
     "UPDATE item SET name = repeat('ä', 200) WHERE id = 1",
     "SELECT length(name), version FROM item WHERE id = 1", [(200, 2)]),
    ("attributes of texts that are no ASCII",
     """UPDATE item SET attributes = '{"Farbe":"grün","maße":[1,2.50]}' WHERE id = 1""",
     "SELECT attributes FROM item WHERE id = 1", [('{"Farbe":"grün","maße":[1,2.50]}',)]),
    ("attributes with the same name at two places, and numbers of all kinds",
     """UPDATE item SET attributes = '{"a":{"a":9223372036854775807},"b":[{"a":-1.5e3},{"a":[]}]}'
        WHERE id = 1""", "SELECT version FROM item WHERE id = 1", [(2,)]),
    ("attributes that are taken away", "UPDATE item SET attributes = NULL WHERE id = 1",
     "SELECT attributes FROM item WHERE id = 1", [(None,)]),
    ("what is wrong already stays while something else is corrected",
     SERVICE % """UPDATE item SET name = '', attributes = '{"a":1,"a":2}' WHERE id = 1"""
     + "UPDATE item SET reorder_point = 9 WHERE id = 1",
     "SELECT name, attributes, reorder_point FROM item WHERE id = 1", [("", '{"a":1,"a":2}', 9)]),
    ("a key may be forgotten", "DELETE FROM idempotency WHERE key = 'k'",
     "SELECT count(*) FROM idempotency", [(0,)]),
    ("and its number does not come again", "DELETE FROM idempotency WHERE key = 'k'",
     "SELECT next_key, next_idempotency() FROM store", [(2, 2)]),
    ("a fence grows", "UPDATE store SET next_fence = 4", "SELECT next_fence FROM store", [(4,)]),
    ("a limit is changed for another in one statement each",
     "INSERT INTO token_location VALUES (1, 'WH3'); DELETE FROM token_location WHERE code <> 'WH3'",
     "SELECT code FROM token_location", [("WH3",)]),
    ("the ledger of the service has its own words", SERVICE % f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, 'sale', 'order', NULL, 'q', false, false, 3000, 1)",
     COUNT, [(7, 7)]),
]

# sentence, what is typed, what the refusal says
LEASED = "row is locked by a lease: SELECT * FROM v_locks"
ONLY = "only on_hand is edited by hand: UPDATE v_stock SET on_hand"
LEDGER = "the ledger is append-only: change the stock instead"
SHELF = "on_hand is what lies on the shelf: type 0 or more"
NEW = "INSERT INTO v_stock (sku, location, on_hand) VALUES "
REFUSALS = [
    ("a leased row", at(1, "A-2"), LEASED),
    ("a leased row, also where nothing would change", at(7, "A-2"), LEASED),
    ("all rows, when one of them is leased", "UPDATE v_stock SET on_hand = 1", LEASED),
    ("the first stock of a leased pair", NEW + "('A-1', 'WH3', 1)", LEASED),
    ("more of a leased row", "SELECT stock_add('A-2', 'WH1', 1)", LEASED),
    ("another level of a leased row", "SELECT stock_set('A-2', 'WH1', 1)", LEASED),
    ("words for a leased row", "UPDATE v_stock SET note = 'x' WHERE sku = 'A-2'", LEASED),
    ("less than nothing", at("on_hand - 41"), SHELF),
    ("a little less than nothing on a row on backorder", at(-1, "A-2", "WH2"), SHELF),
    ("less than nothing in a new row", NEW + "('A-3', 'WH2', -1)", SHELF),
    ("less than nothing added", "SELECT stock_add('A-1', 'WH1', -41)", SHELF),
    ("nothing at all", at("NULL"), SHELF),
    ("nothing known added", "SELECT stock_add('A-1', 'WH1', NULL)", SHELF),
    ("more than 10^15", at(1000000000000001), "on_hand: within 10^15"),
    ("more than 64 bits", at(9223372036854775808), "bigint out of range"),
    ("more than 64 bits in all", "SELECT stock_add('A-1', 'WH1', 9223372036854775807)",
     "bigint out of range"),
    ("a word", at("'many'"), "invalid input syntax for type bigint"),
    ("reserved", "UPDATE v_stock SET reserved = 0 WHERE sku = 'A-1'", ONLY),
    ("reserved together with on_hand", at(9, words=", reserved = 1"), ONLY),
    ("the sku by way of v_stock", "UPDATE v_stock SET sku = 'A-9' WHERE sku = 'A-1'", ONLY),
    ("available", "UPDATE v_stock SET available = 9 WHERE sku = 'A-1'", ONLY),
    ("the item of a row", "UPDATE stock SET item_id = 3 WHERE id = 1", ONLY),
    ("deleting a row with history", "DELETE FROM stock WHERE id = 1",
     "a row with history stays: UPDATE v_stock SET on_hand = 0 instead"),
    ("deleting by name", "DELETE FROM v_stock WHERE sku = 'A-1'", "a row with history stays"),
    ("emptying stock", "TRUNCATE stock CASCADE", "a row with history stays"),
    ("emptying stock by way of the catalogue", "TRUNCATE item CASCADE", "TRUNCATE leaves no trace"),
    ("a row beside v_stock", "INSERT INTO stock (item_id, location_id) VALUES (3, 2)",
     "stock is typed in by name: INSERT INTO v_stock"),
    ("a row that is there", NEW + "('A-1', 'WH1', 9)", "this row exists: UPDATE v_stock SET "),
    ("a new row twice", NEW + "('A-3', 'WH2', 9), ('A-3', 'WH2', 9)", "this row exists"),
    ("a new row with reserved units",
     "INSERT INTO v_stock (sku, location, on_hand, reserved) VALUES ('A-3', 'WH2', 9, 1)",
     "only sku, location and on_hand are given by hand"),
    ("stock of an unknown sku", NEW + "('A-9', 'WH1', 1)", "no such item: INSERT INTO item"),
    ("stock at an unknown code", NEW + "('A-1', 'WH9', 1)", "no such location: INSERT INTO loc"),
    ("more of an unknown sku", "SELECT stock_add('A-9', 'WH1', 1)", "no such item: INSERT"),
    ("a change of the ledger", "UPDATE movement SET on_hand_delta = 0 WHERE seq = 1", LEDGER),
    ("a change of nothing in the ledger", "UPDATE movement SET reason = reason", LEDGER),
    ("deleting from the ledger", "DELETE FROM movement WHERE seq = 6", LEDGER),
    ("emptying the ledger", "TRUNCATE movement", LEDGER),
    ("a movement beside its stock", f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL, NULL, NULL, NULL, false, false, 3000, 1)", LEDGER),
    ("a note that is too long", at(9, words=", note = repeat('x', 201)"),
     "note: at most 200 characters"),
    ("a reason of other letters", at(9, words=", reason = 'zu-alt'"),
     "reason: 1 to 32 of a-z, 0-9 and _"),
    ("an empty reason", at(9, words=", reason = ''"), "reason: 1 to 32 of a-z, 0-9 and _"),
    ("a reason that is too long", at(9, words=", reason = repeat('x', 33)"), "reason: 1 to 32"),
    ("an edit that would not see what others commit",
     "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; " + at(9),
     "a hand edit must see what others have committed"),
    ("a new kind", "INSERT INTO movement_kind VALUES ('gift')", "kinds are kept by the service"),
    ("a kind less", "DELETE FROM movement_kind WHERE kind = 'supersede'",
     "kinds are kept by the service"),
    ("a reservation by hand",
     "INSERT INTO reservation VALUES (3, 'r_3', 'active', NULL, NULL, 1, 2, NULL)",
     "reservations are made through the service"),
    ("the end of a reservation", "UPDATE reservation SET expires_at = 9 WHERE id = 1",
     "reservations are resolved through the service"),
    ("deleting a reservation", "DELETE FROM reservation", "reservations stay as history"),
    ("emptying the reservations", "TRUNCATE reservation, reservation_line",
     "reservations stay as history"),
    ("one more line of a reservation",
     "INSERT INTO reservation_line VALUES (1, 1, 1, 1, 6, 0, 99)",
     "reservations are made through the service"),
    ("opening a line of a reservation",
     "UPDATE reservation_line SET open_until = 99 WHERE reservation_id = 2", "never change"),
    ("deleting a line of a reservation", "DELETE FROM reservation_line", "never change"),
    ("a fence behind the last one", "UPDATE store SET next_fence = 9223372036854775807",
     "at most 2^61"),
    ("a reservation behind the last one", "UPDATE store SET next_reservation = 1::bigint << 62",
     "at most 2^61"),
    ("a fence that goes back", "UPDATE store SET next_fence = 1", "next_fence only grows"),
    ("a count of edits that goes back", "UPDATE store SET lease_change = 4",
     "lease_change only grows"),
    ("a number of a reservation that goes back", "UPDATE store SET next_reservation = 5; "
     "UPDATE store SET next_reservation = 4", "next_reservation only grows"),
    ("a key that nobody has sent", "INSERT INTO idempotency (key, fingerprint, status, outcome,"
     " stock_seq, first_seq, movement_count, at) VALUES ('l', 1, 201, 'done', 1, 1, 1, 1)",
     "keys are remembered by the service"),
    ("a number of a key that goes back", "UPDATE store SET next_key = 5; "
     "UPDATE store SET next_key = 4", "next_key only grows"),
    ("another number of a key", "UPDATE idempotency SET id = id + 1", "it never changes"),
    ("a second store", "INSERT INTO store (id, epoch, schema_version, session_key, created_at)"
     f" VALUES (2, 'x', 1, {HASH}, 1)", "store has one row, id 1"),
    ("no store", "DELETE FROM store", "store has its one row"),
    ("an emptied store", "TRUNCATE store", "store has its one row"),
    ("store time by hand", "UPDATE store SET newest_at = 1", "are kept by the service"),
    ("the clock's error by hand", "UPDATE store SET clock_ahead_ms = 1", "are kept by the service"),
    ("a front end by hand", "INSERT INTO front_end (name, address, version, started_at, seen_at)"
     " VALUES ('f', '', '', 1, 1)", "front ends are kept by the service"),
    ("a lane by hand", "INSERT INTO lane DEFAULT VALUES", "lanes are kept by the service"),
    *[(f"a token called {name}", new_token(name), "name: 1 to 64 of A-Z a-z 0-9")
      for name in ("'local'", "'sqlite3'", "'psql'", "'rowlock'", "''", "'a/b'", "'-a'", "'a b'",
                   "repeat('0', 65)", "'\u00e4'")],
    ("a token of no known role", new_token(role="boss"), "role: reader clerk writer admin"),
    ("a second token of a name", new_token("'old'"), "no other is called like it"),
    ("deleting a token", "DELETE FROM token WHERE id = 2", "a token stays"),
    ("emptying the tokens", "TRUNCATE token CASCADE", "a token stays"),
    ("another name of a token", "UPDATE token SET name = 'boss' WHERE id = 1",
     "keeps its id and name"),
    ("another id of a token", "UPDATE token SET id = 9 WHERE id = 1", "keeps its id and name"),
    ("a revoked token that returns", "UPDATE token SET revoked_at = NULL WHERE id = 2",
     "that was revoked stays so"),
    ("a revoked token that ends later", "UPDATE token SET revoked_at = 9999 WHERE id = 2",
     "that was revoked stays so"),
    ("a public part again", new_secret("cccccccccc"), "was used before"),
    ("a secret of nobody", new_secret(token=7), "no such token"),
    *[(f"a public part of {what}", new_secret(text), "public: 10 of a-z 2-7")
      for what, text in [("nine", "aaaaaaaaa"), ("eleven", "aaaaaaaaaaa"),
                         ("capitals", "AAAAAAAAAA"), ("ones", "1111111111")]],
    ("a hash that is short", new_secret(hash_="'\\x00'"), "hash: 32 bytes"),
    ("another hash", "UPDATE token_secret SET hash = sha256('x') WHERE token_id = 1",
     "only the end is changed"),
    ("a secret of another token",
     "UPDATE token_secret SET token_id = 2 WHERE public = 'bbbbbbbbbb'", "only the end is changed"),
    ("a secret that ends later", "UPDATE token_secret SET expires_at = 9999"
     " WHERE public = 'aaaaaaaaaa'", "to an earlier one"),
    ("a secret that ends no more", "UPDATE token_secret SET expires_at = NULL"
     " WHERE public = 'aaaaaaaaaa'", "to an earlier one"),
    ("deleting a secret", "DELETE FROM token_secret WHERE token_id = 2", "a secret stays"),
    ("a limit taken away", "DELETE FROM token_location WHERE token_id = 1",
     "without a location may write everywhere"),
    ("a limit taken away row by row", "DELETE FROM token_location WHERE code = 'WH1'; "
     "DELETE FROM token_location WHERE code = 'WH2'", "without a location may write everywhere"),
    ("all limits taken away", "TRUNCATE token_location", "without a location may write everywhere"),
    ("a limit given to another token", "UPDATE token_location SET token_id = 2",
     "only the code is changed"),
    ("a limit to no location", "INSERT INTO token_location VALUES (1, 'a b')", "code: 1 to 64"),
    ("an access_version that goes back", "UPDATE store SET access_version = 8", "only grow"),
    ("a store that never had a token", "UPDATE store SET had_token = false", "only grow"),
    ("a short key of sessions", "UPDATE store SET session_key = '\\x00'", "session_key: 32 bytes"),
    ("a row of the audit of somebody else", "INSERT INTO audit (at, actor, action)"
     " VALUES (1, 'boss', 'x')", "actor: what is typed in is by psql"),
    ("the last row that the audit could have", "INSERT INTO audit (id, at, actor, action)"
     " VALUES (9223372036854775807, 1, 'psql', 'x')", "id: leave it out"),
    ("the last token that there could be", "INSERT INTO token (id, name, role, created_at)"
     " VALUES (9223372036854775807, 'last', 'admin', 1)", "id: leave it out"),
    ("a change of the audit", "UPDATE audit SET actor = 'me'", "the audit is append-only"),
    ("deleting from the audit", "DELETE FROM audit", "the audit is append-only"),
    ("a detail that is no object", "INSERT INTO audit (at, actor, action, detail)"
     " VALUES (1, 'psql', 'x', '[]')", "detail: a JSON object"),
    ("a second lease of a row",
     "INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, expires_at)"
     " SELECT 'l_3', 3, 2, 1, '', ms, ms + 1000 FROM v_now", "row_lock_item_id_location_id_key"),
    ("emptying the leases", "TRUNCATE row_lock", "TRUNCATE leaves no trace"),
    ("deleting an item with stock", "DELETE FROM item WHERE sku = 'A-1'",
     "in use by stock, history or a lease: UPDATE item SET archived = true"),
    ("deleting a location with stock", "DELETE FROM location WHERE code = 'WH1'",
     "in use by stock, history or a lease: UPDATE location SET archived = true"),
    ("deleting a location with a lease", "DELETE FROM location WHERE code = 'WH3'",
     "in use by stock, history or a lease"),
    ("an item that is there", "INSERT INTO item (sku, name) VALUES ('A-1', 'x')",
     "this item exists: UPDATE item SET"),
    ("a location that is there", "INSERT INTO location (code, name) VALUES ('WH1', 'x')",
     "this location exists: UPDATE location SET"),
    ("a sku pushed over another",
     "UPDATE item SET sku = 'A-2' WHERE sku = 'A-1'", "another item has this sku"),
    ("a code pushed over another",
     "UPDATE location SET code = 'WH2' WHERE code = 'WH1'", "another location has this code"),
    ("the id of an item", "UPDATE item SET id = 9 WHERE id = 3",
     "id, version and times of an item"),
    ("the id of a location", "UPDATE location SET id = 9 WHERE id = 3",
     "id, version and times of a location"),
    ("a version of an item that goes back", "UPDATE item SET version = 0 WHERE id = 3",
     "id, version and times of an item"),
    *[(f"a sku that {what}", f"INSERT INTO item (sku, name) VALUES ({sku}, 'x')", "sku: 1 to 64")
      for what, sku in [("begins with a dash", "'-A'"), ("has a slash", "'A/1'"),
                        ("is an umlaut", "'Ä'"), ("is empty", "''"), ("ends a line", "E'A\\n'"),
                        ("has 65 characters", "repeat('A', 65)")]],
    ("a code with a blank", "INSERT INTO location (code, name) VALUES ('WH 1', 'x')",
     "code: 1 to 64"),
    *[(f"{what} of {length} characters", sql.format(f"repeat('ä', {length})"), wrong)
      for what, sql, length_max, wrong in [
          ("a new item's name", "INSERT INTO item (sku, name) VALUES ('A-9', {})", 200,
           "name: 1 to 200 characters"),
          ("an item's name", "UPDATE item SET name = {}", 200, "name: 1 to 200 characters"),
          ("a new item's unit", "INSERT INTO item (sku, name, unit) VALUES ('A-9', 'x', {})", 32,
           "unit: 1 to 32 characters"),
          ("an item's unit", "UPDATE item SET unit = {}", 32, "unit: 1 to 32 characters"),
          ("a new location's name", "INSERT INTO location (code, name) VALUES ('WH9', {})", 200,
           "name: 1 to 200 characters"),
          ("a location's name", "UPDATE location SET name = {}", 200, "name: 1 to 200 characters")]
      for length in (0, length_max + 1)],
    *[(f"attributes of {what}", sql.format(text), wrong)
      for sql in ("UPDATE item SET attributes = {} WHERE id = 1",
                  "INSERT INTO item (sku, name, attributes) VALUES ('A-9', 'x', {})")
      for what, text, wrong in [
          ("a list", "'[1]'", "attributes: a JSON object, or NULL"),
          ("braces around nonsense", """'{"a":}'""", "invalid input syntax for type json"),
          ("more than 8 KiB", """'{"a":"' || repeat('0', 8192) || '"}'""",
           "attributes: a JSON object of at most"),
          ("a name twice", """'{"a":{"b":1,"b":2}}'""", "attributes: no name twice"),
          ("a name twice, deep", """'{"a":[[{"b":1,"b":2}]]}'""", "attributes: no name twice"),
          ("a number beyond 64 bits", """'{"a":[9223372036854775808]}'""",
           "attributes: no name twice"),
          ("a number beyond a double", """'{"a":1e999}'""", "attributes: no name twice"),
          ("an escaped NUL", """'{"a":"\\u0000"}'""", "attributes: no name twice"),
          ("an escaped NUL in a name", """'{"\\u0000":1}'""", "attributes: no name twice")]],
    ("a negative backorder_limit", "UPDATE item SET backorder_limit = -1 WHERE id = 1",
     "backorder_limit: 0 to 10^12"),
    ("a negative reorder_point", "UPDATE item SET reorder_point = -1 WHERE id = 1",
     "reorder_point: 0 to 10^12, or NULL"),
]

# What a hand does to what has no ledger: typed, and the action, subject and detail that it left.
NOTED = [
    ("INSERT INTO item (sku, name)"
     " VALUES ('B-1', 'Größe 7 \"x\" \\ ' || chr(10) || chr(1) || '.')",
     [("item-make", "B-1", {"version": 1, "name": [None, 'Größe 7 "x" \\ \n\x01.'],
                            "unit": [None, "piece"]})]),
    ("INSERT INTO item (sku, name, backorder_limit, reorder_point, attributes, archived) VALUES"
     """ ('B-1', 'B', 2, 0, '{"a":["b"]}', true)""",
     [("item-make", "B-1", {"version": 1, "name": [None, "B"], "unit": [None, "piece"],
                            "backorder_limit": [None, 2], "reorder_point": [None, 0],
                            "attributes": [None, {"a": ["b"]}], "archived": [None, True]})]),
    ("UPDATE item SET name = 'Nut', reorder_point = NULL, archived = true WHERE sku = 'A-1'",
     [("item-change", "A-1", {"version": 2, "name": ["Hex bolt", "Nut"],
                              "reorder_point": [5, None], "archived": [False, True]})]),
    ("""UPDATE item SET unit = 'kg', attributes = '{"a":"' || repeat('b', 500) || '"}',"""
     " backorder_limit = 7 WHERE sku = 'A-2'",
     [("item-change", "A-2", {"version": 2, "unit": ["piece", "kg"], "backorder_limit": [0, 7],
                              "attributes": [None, "508 bytes"]})]),
    ("UPDATE item SET sku = 'C-1' WHERE sku = 'A-1'",
     [("item-change", "C-1", {"version": 2, "sku": ["A-1", "C-1"]})]),
    ("UPDATE item SET name = name", [("item-change", f"A-{n}", {"version": 2}) for n in (1, 2, 3)]),
    ("DELETE FROM item WHERE sku = 'A-3'",
     [("lease-end", "l_2", {"fence": 2}),
      ("item-delete", "A-3", {"version": [1, None], "name": ["Washer", None],
                              "unit": ["piece", None]})]),
    ("INSERT INTO location (code, name, archived) VALUES ('WH9', 'Nine', true)",
     [("location-make", "WH9", {"version": 1, "name": [None, "Nine"], "archived": [None, True]})]),
    ("UPDATE location SET code = 'WH4', name = 'Four', archived = true WHERE code = 'WH2'",
     [("location-change", "WH4", {"version": 2, "code": ["WH2", "WH4"],
                                  "name": ["Harbour", "Four"], "archived": [False, True]})]),
    ("INSERT INTO location (code, name) VALUES ('WH9', 'Nine');"
     " DELETE FROM location WHERE code = 'WH9'",
     [("location-make", "WH9", {"version": 1, "name": [None, "Nine"]}),
      ("location-delete", "WH9", {"version": [1, None], "name": ["Nine", None]})]),
    ("DELETE FROM row_lock WHERE fence = 1",
     [("lease-release", "l_1", {"fence": 1}), ("lease-release", "l_1", {"fence": 1})]),
    ("UPDATE row_lock SET expires_at = 5 WHERE fence = 2", [("lease-change", "l_2", None)]),
    ("INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, expires_at)"
     " SELECT 'l_9', 9, 1, 1, '', ms, ms + 9000 FROM v_now",
     [("lease-take", "l_9", {"fence": 9, "rows": ["A-1/WH1"]})]),
    (new_token() + ";" + new_secret(token=3),
     [("token-add", "n", {"role": "reader"}), ("token-rotate", "n", {"public": "dddddddddd"})]),
    ("UPDATE token SET role = 'admin' WHERE id = 1",
     [("token-change", "till", {"role": ["clerk", "admin"], "expires_at": [None, None]})]),
    ("UPDATE token SET revoked_at = 5 WHERE id = 1",
     [("token-revoke", "till", {"role": ["clerk", "clerk"], "expires_at": [None, None]})]),
    ("UPDATE token_secret SET expires_at = 9 WHERE public = 'bbbbbbbbbb'",
     [("token-change", "till", {"public": "bbbbbbbbbb", "secret_expires_at": [None, 9]})]),
    ("INSERT INTO token_location VALUES (1, 'WH3'); DELETE FROM token_location WHERE code = 'WH1';"
     " UPDATE token_location SET code = 'WH4' WHERE code = 'WH2'",
     [("token-change", "till", {"location": [None, "WH3"]}),
      ("token-change", "till", {"location": ["WH1", None]}),
      ("token-change", "till", {"location": ["WH2", "WH4"]})]),
    ("UPDATE store SET session_key = sha256('x')", [("sessions-end", None, {})]),
    (at(37), []),
    (SERVICE % "UPDATE item SET name = 'x'" + "SELECT 1", []),
]

# sentence, damage done with every guard taken away, and all that v_ledger_check then says
DAMAGES = [
    ("a level that was changed", "UPDATE movement SET on_hand = 41 WHERE seq = 1",
     [("A-1", "WH1", 1, 1, "its deltas do not lead from the level before to its own"),
      ("A-1", "WH1", 1, 1, "on_hand is 41, its movements sum to 40")]),
    ("reserved that was changed", "UPDATE movement SET reserved = 0 WHERE seq = 5",
     [("A-1", "WH2", 2, 5, "its deltas do not lead from the level before to its own"),
      ("A-1", "WH2", 2, 5, "reserved is 0, its movements sum to 6")]),
    ("a row that is gone", "DELETE FROM stock WHERE id = 2",
     [(None, None, 2, 5, "2 movements of a stock row that does not exist")]),
    ("a movement that is gone from the middle", "DELETE FROM movement WHERE seq = 4",
     [(None, None, None, 6, "5 movements, but the last seq is 6"),
      ("A-2", "WH2", 4, 6, "on_hand is -2, its movements sum to -5; version is 2, it has 1"
       " movements"),
      ("A-2", "WH2", 4, 6, "prev_seq 4 is not the movement before")]),
    ("a delta that was changed", "UPDATE movement SET on_hand_delta = -4 WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "its deltas do not lead from the level before to its own"),
      ("A-2", "WH2", 4, 6, "on_hand is -2, its movements sum to -1")]),
    ("two deltas that cancel out", "UPDATE movement SET on_hand_delta = on_hand_delta"
     " + CASE seq WHEN 6 THEN 1 ELSE -1 END WHERE stock_id = 4",
     [("A-2", "WH2", 4, 4, "its deltas do not lead from the level before to its own"),
      ("A-2", "WH2", 4, 6, "its deltas do not lead from the level before to its own")]),
    *[(f"a prev_seq {what}", f"UPDATE movement SET prev_seq = {prev} WHERE seq = 6",
       [("A-2", "WH2", 4, 6, f"prev_seq {prev} is not the movement before")])
      for what, prev in [("that skips", 0), ("into another row", 1), ("to itself", 6)]],
    ("a version that jumps", "UPDATE movement SET version = 3 WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "version 3 does not follow 1"),
      ("A-2", "WH2", 4, 6, "version is 3, it has 2 movements")]),
    ("versions that were exchanged", "UPDATE movement SET version = 9 - version"
     " WHERE stock_id = 4; UPDATE movement SET version = version - 6 WHERE stock_id = 4",
     [("A-2", "WH2", 4, 4, "on_hand is 3, its movements sum to -2; seq is 4, its last movement"
       " is 6"),
      ("A-2", "WH2", 4, 4, "prev_seq 0 is not the movement before"),
      ("A-2", "WH2", 4, 6, "prev_seq 4 is not the movement before")]),
    ("a gap in the seqs", "UPDATE movement SET seq = 8 WHERE seq = 6",
     [(None, None, None, 8, "6 movements, but the last seq is 8")]),
    ("nothing at all", "SELECT 1", []),
]

# What somebody does to reservations without their guards, and what v_reserved_check says to it.
UNPROMISED = [
    ("a reservation that was ended by hand", "UPDATE reservation SET state = 'released',"
     " resolved_at = 9 WHERE id = 1", [("A-1", "WH2", 6, 0, 6)]),
    ("a line that was closed", "UPDATE reservation_line SET open_until = NULL",
     [("A-1", "WH2", 6, 6, 0)]),
    ("a line that was opened again", "UPDATE reservation_line SET open_until = 99",
     [("A-1", "WH2", 6, 6, 10)]),
]

# sentence, a question to the untouched shop, its answer
VIEWS = [
    ("v_stock speaks of skus and locations",
     "SELECT sku, location, name, on_hand, reserved, available, version, seq, updated FROM v_stock"
     " WHERE sku = 'A-1' AND location = 'WH2'",
     [("A-1", "WH2", "Hex bolt", 10, 6, 4, 2, 5, "1970-01-01T00:00:01.000Z")]),
    ("v_movements begins with the newest, and names what made it",
     "SELECT seq, kind, sku, location, on_hand_delta, available, reason, reference, reservation,"
     " request_id, at FROM v_movements LIMIT 2",
     [(6, "adjust", "A-2", "WH2", -5, -2, "sale", "order-9", None, "q-2",
       "1970-01-01T00:00:02.000Z"),
      (5, "reserve", "A-1", "WH2", 0, 4, "reserve", None, "r_1", "q-1",
       "1970-01-01T00:00:01.000Z")]),
    ("v_low_stock counts what is available, not what is on hand",
     "SELECT sku, location, available, reorder_point FROM v_low_stock", [("A-1", "WH2", 4, 5)]),
    ("v_locks shows leases that have not run out",
     "SELECT sku, location, lease, fence, purpose, expires_in_s BETWEEN 3000 AND 3600,"
     " scale(expires_in_s) FROM v_locks ORDER BY sku",
     [("A-1", "WH3", "l_1", 1, "cycle count 7", True, 1),
      ("A-2", "WH1", "l_1", 1, "cycle count 7", True, 1)]),
    ("v_ledger_check is empty", "SELECT * FROM v_ledger_check", []),
    ("v_reserved_check is empty", "SELECT * FROM v_reserved_check", []),
    ("v_reservations_open lists what is promised to whom",
     "SELECT reservation, owner, sku, location, quantity FROM v_reservations_open",
     [("r_1", "cart", "A-1", "WH2", 6)]),
    ("v_tokens says who may do what, and of what has ended",
     "SELECT id, name, role, locations, state, created, expires, revoked FROM v_tokens",
     [(2, "old", "admin", None, "revoked", "1970-01-01T00:00:01Z", None, "1970-01-01T00:00:02Z"),
      (1, "till", "clerk", "WH1 WH2", "valid", "1970-01-01T00:00:01Z", None, None)]),
    ("v_audit names who did what", "SELECT at, actor, action, subject FROM v_audit",
     [("1970-01-01T00:00:01.000Z", "local/root", "token-add", "till")]),
    ("nobody waits for anybody", "SELECT * FROM v_blockers", []),
    ("a time that is none is none", "SELECT time_text(-1), time_text(9223372036854775807),"
     " time_text(253402300799999)", [(None, None, "9999-12-31T23:59:59.999Z")]),
]


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}\nfound:  {found}\nwanted: {wanted}")


def balanced(session):
    expect("v_ledger_check", session.run("SELECT * FROM v_ledger_check"), [])
    expect("hand_edit", session.run("SELECT * FROM hand_edit"), [])


class Undone:
    """A transaction that leaves nothing."""
    def __init__(self, session):
        self.session = session

    def __enter__(self):
        self.session.run("BEGIN")

    def __exit__(self, *_):
        self.session.run("ROLLBACK")


def check_edit(session, sql, question, answer):
    with Undone(session):
        session.run(sql)
        expect(question, session.run(question), answer)
        balanced(session)


def refusal(session, sql):
    try:
        session.run(sql)
    except SqlError as error:
        return str(error)
    return "nothing: it was carried out"


def check_refusal(session, sql, message):
    with Undone(session):
        *before, last = sql.split("; ")
        for statement in before:
            session.run(statement)
        said = refusal(session, last)
        if message not in said:
            raise AssertionError(f"said:   {said}\nwanted: {message}")


def check_noted(session, sql, wanted):
    """Each hand that does something to what has no ledger has its row; None: any detail."""
    with Undone(session):
        session.run(sql)
        found = session.run("SELECT actor, at > 1600000000000, action, subject, detail FROM audit"
                            " WHERE id > 1 ORDER BY id")
    expect("rows", [(action, subject, known and json.loads(detail))
                    for (_, _, action, subject, detail), known in
                    zip(found, [row[2] for row in wanted] + [{}] * len(found))], wanted)
    expect("who, when", {row[:2] for row in found}, {("psql", True)} if wanted else set())


def check_found(session, view, sql, findings):
    with Undone(session):
        session.run("SET LOCAL rowlock.service = on; " + sql)
        expect(view, sorted(session.run(f"SELECT * FROM {view}"), key=str),
               sorted(findings, key=str))


def check_view(session, question, answer):
    expect(question, session.run(question), answer)


def check_columns(session):
    """Scripts that read a view of one store read that of the other."""
    import sqlite3
    db = sqlite3.connect(":memory:")
    for script in sorted((SCHEMA / "sqlite").glob("*.sql")):
        db.executescript(script.read_text())
    views = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
    for view in sorted(set(views) - {"v_characters", "v_edit", "v_note"}):
        wanted = [row[1] for row in db.execute(f"PRAGMA table_info({view})")]
        found = session.run("SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass"
                            " AND attnum > 0 ORDER BY attnum", view)
        expect(view, [name for (name,) in found], wanted)


def check_demo(database):
    with database.session() as session:
        session.run("CREATE SCHEMA demo; SET search_path = demo, pg_temp; " + MAKE)
        session.run((SCHEMA / "demo.sql").read_text())
        balanced(session)
        expect("low stock", session.value("SELECT count(*) > 0 FROM v_low_stock"), True)


# ------------------------------------------------------------------ beside others

def check_changed_meanwhile(database):
    """What was read before the lock is not what the edit is based on."""
    with database.session("shop") as one, database.session("shop") as other:
        one.run("BEGIN; SELECT stock_add('A-3', 'WH2', 5)")
        one.run("COMMIT; BEGIN; SELECT stock_add('A-3', 'WH2', 2)")
        said = []
        waiter = threading.Thread(
            target=lambda: said.append(refusal(other, at("on_hand - 1", "A-3", "WH2"))))
        waiter.start()
        wait_for(database, "SELECT count(*) = 1 FROM v_blockers")
        one.run("COMMIT")
        waiter.join()
        expect("said", said, ["the row changed meanwhile: type it again, or"
                              " SELECT stock_add('A-3', 'WH2', -1)"])
        expect("on_hand", other.value("SELECT stock_add('A-3', 'WH2', -1)"), 6)
        balanced(other)


def wait_for(database, question):
    with database.session("shop") as session:
        for _ in range(2000):
            if session.value(question + ", pg_sleep(0.01)") == True:
                return
    raise AssertionError(f"never: {question}")


def check_blockers(database):
    """An open hand edit stops all that is numbered, an open lock of a row only that row."""
    with database.session("shop") as holder, database.session("shop") as other, \
            database.session("shop") as looker:
        for locks, what in ((at(39), "store"),
                            ("SELECT FROM stock WHERE id = 2 FOR UPDATE", "stock")):
            holder.run("BEGIN; " + locks)
            waiter = threading.Thread(target=other.run, args=("SELECT stock_add('A-1', 'WH2', 1)",))
            waiter.start()
            wait_for(database, "SELECT count(*) = 1 FROM v_blockers")
            found = looker.run('SELECT pid, "user", what, waiting, state, since > $1'
                               " FROM v_blockers", "2020")
            holder.run("ROLLBACK")
            waiter.join()
            expect("v_blockers", found, [(holder.pid, cluster.OWNER, what, 1,
                                           "idle in transaction", True)])
        balanced(looker)


def check_left_open(database):
    """The database ends who has left a hand edit open, and everybody goes on."""
    with database.session("shop") as holder, database.session("shop") as other:
        holder.run("BEGIN; " + at(39))
        holder.run("SET LOCAL idle_in_transaction_session_timeout = '200ms'")
        other.run("SELECT stock_add('A-1', 'WH2', 1)")
        assert refusal(holder, "COMMIT") != "nothing: it was carried out"
        balanced(other)


HANDS = 149
WRITERS = 3


def array(values):
    return "{%s}" % ",".join(map(str, values))


def write_as_the_service(database, rows, until, trouble):
    """Groups of a lane: the rows by id, the level behind the lock, the numbering last."""
    try:
        with database.session("shop") as lane:
            lane.run("SET rowlock.service = on")
            number = 0
            while not until.is_set():
                number += 1
                lane.run("BEGIN")
                lane.run("SELECT id FROM stock WHERE id = ANY ($1::bigint[])"
                         " ORDER BY id FOR UPDATE", array(rows))
                levels = lane.run("SELECT stock_id, on_hand, reserved, version, seq FROM v_level"
                                  " WHERE stock_id = ANY ($1::bigint[])", array(rows))
                lane.run("SELECT 1 FROM store FOR UPDATE")
                lane.run(f"INSERT INTO movement {LINE}"
                         " SELECT n + (SELECT coalesce(max(seq), 0) FROM movement), id, 'adjust',"
                         " 1, 0, on_hand + 1, reserved, version + 1, NULL, NULL, NULL, NULL, false,"
                         " false, (SELECT ms FROM v_now), seq FROM ROWS FROM (unnest($1::bigint[]),"
                         " unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]),"
                         " unnest($5::bigint[]))"
                         " WITH ORDINALITY AS t (id, on_hand, reserved, version, seq, n)",
                         *map(array, zip(*levels)))
                lane.run("COMMIT")
    except SqlError as error:
        trouble.append(error)


def check_beside_writers(database):
    """Hands and lanes at the same rows: no ring, no lost edit, and true books."""
    with database.session("shop") as hand:
        hand.run("DELETE FROM row_lock")
        before = sum(int(n) for (n,) in hand.run("SELECT on_hand FROM v_stock"))
        until, trouble = threading.Event(), []
        lanes = [threading.Thread(target=write_as_the_service,
                                  args=(database, [n + 1, n + 2], until, trouble))
                 for n in range(WRITERS)]
        for lane in lanes:
            lane.start()
        added = typed_again = 0
        for number in range(HANDS):
            if number % 3 == 0:  # all rows of an item at once
                said = refusal(hand, "UPDATE v_stock SET on_hand = on_hand + 1 WHERE sku = 'A-1'")
                count = 2
            else:
                said = refusal(hand, "SELECT stock_add('A-2', 'WH1', 1)")
                count = 1
            if said == "nothing: it was carried out":
                added += count
            else:
                assert "the row changed meanwhile" in said, said
                typed_again += 1
        until.set()
        for lane in lanes:
            lane.join()
        assert not trouble, trouble
        by_lanes = int(hand.value("SELECT count(*) FROM movement WHERE actor IS NULL"
                                  " AND kind = 'adjust' AND request_id IS NULL"))
        after = sum(int(n) for (n,) in hand.run("SELECT on_hand FROM v_stock"))
        expect("units", after, before + added + by_lanes)
        assert added > HANDS / 2 and by_lanes >= WRITERS, (added, by_lanes, typed_again)
        balanced(hand)
    expect("rings", database.deadlocks(), 0)


def main():
    tap, program = Tap(), sys.argv[1]
    reason = cluster.needs_postgres()
    if reason:
        tap.skip("hand edits over PostgreSQL", reason)
        return tap.end()
    cluster.end_in_order()
    with Cluster(program) as database:
        with database.session() as session:
            session.run("CREATE SCHEMA shop; SET search_path = shop, pg_temp; " + MAKE + SHOP)
            for sentence, *row in EDITS:
                tap.run(sentence, check_edit, session, *row)
            for sentence, *row in REFUSALS:
                tap.run("refused: " + sentence, check_refusal, session, *row)
            for sql, wanted in NOTED:
                tap.run("noted: " + sql.partition(";")[0][:60], check_noted, session, sql, wanted)
            for sentence, *row in DAMAGES:
                tap.run("found: " + sentence, check_found, session, "v_ledger_check", *row)
            for sentence, *row in UNPROMISED:
                tap.run("found: " + sentence, check_found, session, "v_reserved_check", *row)
            for sentence, *row in VIEWS:
                tap.run(sentence, check_view, session, *row)
            tap.run("views have the columns of SQLite's", check_columns, session)
        tap.run("the demo data load, and their books balance", check_demo, database)
        tap.run("a row that changed meanwhile is typed again", check_changed_meanwhile, database)
        tap.run("who makes others wait is named", check_blockers, database)
        tap.run("an edit that was left open ends", check_left_open, database)
        tap.run("hands beside writers leave true books", check_beside_writers, database)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
