#!/usr/bin/env python3
"""test_schema - what the SQLite schema promises to people who type SQL at it.

    tests/schema/test_schema.py          every row of the tables below, as TAP

A case is a sentence, SQL as somebody would type it, and what must come of it. Each is run on a
copy of the store of SHOP, three times: by SQLite's defaults, with every setting that could make
triggers behave differently turned round, and by the sqlite3 shell. Whatever was done, the books
must balance afterwards; what was refused must have left no trace.
"""
import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "schema"

# The columns of a movement, but for who made it and their note.
LINE = """(seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved, version, reason,
    reference, reservation, request_id, oversubscribed, low_stock, at, prev_seq)"""

# What the service does on its own connection, and how rows come about that only it can make.
SHOP = f"""
    UPDATE store SET noted_by_tool = 1;
    INSERT INTO item (sku, name, reorder_point) VALUES
        ('A-1', 'Hex bolt', 5), ('A-2', 'Hex nut', NULL), ('A-3', 'Washer', NULL);
    INSERT INTO location (code, name) VALUES
        ('WH1', 'Main warehouse'), ('WH2', 'Harbour'), ('WH3', 'Empty');
    INSERT INTO v_stock (sku, location, on_hand) VALUES
        ('A-1', 'WH1', 40), ('A-1', 'WH2', 10), ('A-2', 'WH1', 7), ('A-2', 'WH2', 3);
    -- seq 5: the service reserves 6 of A-1 at WH2. seq 6: it sells 5 of A-2 at WH2, on backorder.
    INSERT INTO movement {LINE} VALUES
        (5, 2, 'reserve', 0, 6, 10, 6, 2, NULL, NULL, 'r_1', 'q-1', 0, 1, 1000, 2),
        (6, 4, 'adjust', -5, 0, -2, 0, 2, 'sale', 'order-9', NULL, 'q-2', 0, 0, 2000, 4);
    UPDATE stock SET reserved = 6, version = 2, seq = 5, updated_at = 1000 WHERE id = 2;
    UPDATE stock SET on_hand = -2, version = 2, seq = 6, updated_at = 2000 WHERE id = 4;
    -- A-2 at WH1 is leased, and A-1 at WH3; the lease of A-3 at WH1 has run out.
    INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, expires_at)
    SELECT 'l_1', 1, 2, 1, 'cycle count 7', ms, ms + 3600000 FROM v_now UNION ALL
    SELECT 'l_1', 1, 1, 3, 'cycle count 7', ms, ms + 3600000 FROM v_now UNION ALL
    SELECT 'l_2', 2, 3, 1, 'forgotten', ms - 2000, ms - 1000 FROM v_now;
    UPDATE store SET next_fence = 3;
    -- Token 1 may write to WH1 and WH2, and was rotated. Token 2 was revoked; access_version is 10.
    INSERT INTO token (name, role, created_at) VALUES
        ('till', 'clerk', 1000), ('old', 'admin', 1000);
    INSERT INTO token_location VALUES (1, 'WH2'), (1, 'WH1');
    INSERT INTO token_secret VALUES ('aaaaaaaaaa', 1, zeroblob(32), 1000, 3000),
        ('bbbbbbbbbb', 1, zeroblob(32), 2000, NULL), ('cccccccccc', 2, zeroblob(32), 1000, NULL);
    UPDATE token SET revoked_at = 2000 WHERE id = 2;
    INSERT INTO audit (at, actor, action, subject) VALUES (1000, 'local/root', 'token-add', 'till');
    UPDATE store SET noted_by_tool = 0;
"""

# The 6 of A-1 at WH2 are promised by an active reservation; another one has ended.
PROMISED = """
    DROP TRIGGER reservation_insert; DROP TRIGGER reservation_line_insert;
    INSERT INTO reservation SELECT 1, 'r_1', 'active', 'cart', NULL, ms, ms + 600000, NULL
        FROM v_now;
    INSERT INTO reservation VALUES (2, 'r_2', 'released', 'cart', NULL, 7, 98, 8);
    INSERT INTO reservation_line SELECT 1, 0, 1, 2, 6, 0, expires_at FROM reservation WHERE id = 1;
    INSERT INTO reservation_line VALUES (2, 0, 1, 2, 4, 0, NULL);
""" + "".join(re.findall(r"CREATE TRIGGER \w+_insert .*?\nEND;\n",
                         (SCHEMA / "sqlite/002_reservations.sql").read_text(), re.S))

ROW = "SELECT on_hand, reserved, version, seq FROM stock WHERE id = "
LAST = ("SELECT seq, kind, reason, on_hand_delta, on_hand, version, oversubscribed, low_stock "
        "FROM v_movements LIMIT 1")
WORDS = "SELECT seq, reason, actor, note, on_hand_delta FROM v_movements LIMIT 1"
COUNT = "SELECT count(*), max(seq) FROM movement"

# What was typed before there were guards that look at texts.
AS_BEFORE = """
    DROP TRIGGER item_update_texts; DROP TRIGGER location_update_texts;
    UPDATE item SET name = CAST(x'4dfc6c' AS TEXT), attributes = '{"a":}', version = 2 WHERE id = 1;
    UPDATE location SET name = '', version = 2 WHERE id = 1;
""" + "".join(re.findall(r"CREATE TRIGGER \w+_update_texts.*?\nEND;\n",
                         (SCHEMA / "sqlite/003_soundness.sql").read_text(), re.S))

# What the service does with its triggers off.
STORE_TIME = """
    DROP TRIGGER store_time; UPDATE store SET %s;
"""


def new_token(name="'n'", role="reader"):
    return f"INSERT INTO token (name, role, created_at) VALUES ({name}, '{role}', 1)"


def new_secret(public="dddddddddd", token=1, hash_="zeroblob(32)"):
    return f"INSERT INTO token_secret VALUES ('{public}', {token}, {hash_}, 1, NULL)"


# What a hand does to what has no ledger: typed, and the action, subject and detail that it left.
NOTED = [
    ("INSERT INTO item (sku, name)"
     " VALUES ('B-1', 'Größe 7 \"x\" \\ ' || char(10) || char(1) || '.')",
     [("item-make", "B-1", {"version": 1, "name": [None, 'Größe 7 "x" \\ \n\x01.'],
                            "unit": [None, "piece"]})]),
    ("INSERT INTO item (sku, name, backorder_limit, reorder_point, attributes, archived) VALUES"
     """ ('B-1', 'B', 2, 0, '{"a":["b"]}', 1)""",
     [("item-make", "B-1", {"version": 1, "name": [None, "B"], "unit": [None, "piece"],
                            "backorder_limit": [None, 2], "reorder_point": [None, 0],
                            "attributes": [None, {"a": ["b"]}], "archived": [None, True]})]),
    ("UPDATE item SET name = 'Nut', reorder_point = NULL, archived = 1 WHERE sku = 'A-1'",
     [("item-change", "A-1", {"version": 2, "name": ["Hex bolt", "Nut"],
                              "reorder_point": [5, None], "archived": [False, True]})]),
    ("""UPDATE item SET unit = 'kg', attributes = '{"a":"' || printf('%.500c', 'b') || '"}',"""
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
    ("INSERT INTO location (code, name, archived) VALUES ('WH9', 'Nine', 1)",
     [("location-make", "WH9", {"version": 1, "name": [None, "Nine"], "archived": [None, True]})]),
    ("UPDATE location SET code = 'WH4', name = 'Four', archived = 1 WHERE code = 'WH2'",
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
    ("INSERT INTO token (name, role, created_at) VALUES ('n', 'reader', 1);"
     " INSERT INTO token_secret VALUES ('dddddddddd', 3, zeroblob(32), 1, NULL)",
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
    ("UPDATE store SET session_key = randomblob(32)", [("sessions-end", None, {})]),
    ("UPDATE v_stock SET on_hand = 37 WHERE sku = 'A-1' AND location = 'WH1'", []),
    ("UPDATE store SET noted_by_tool = 1; DELETE FROM item WHERE sku = 'A-3'", []),
]


# sentence, what is typed, a question, its answer
EDITS = [
    # Tokens: what the service must read anew is counted, whoever changes it.
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
          ("two secrets that end",
           "UPDATE token_secret SET expires_at = 9 WHERE expires_at IS NULL", 11),
          ("another key of sessions", "UPDATE store SET session_key = randomblob(32)", 10),
          ("nothing of levels", "UPDATE stock SET on_hand = 37 WHERE id = 1", 9)]],
    ("a store that ever had a token knows", new_token(), "SELECT had_token FROM store", [(1,)]),
    ("a secret may end earlier than it was to", "UPDATE token_secret SET expires_at = 2500"
     " WHERE public = 'aaaaaaaaaa'",
     "SELECT expires_at FROM token_secret WHERE public = 'aaaaaaaaaa'", [(2500,)]),
    ("a token may expire later than it was to", "UPDATE token SET expires_at = 5 WHERE id = 1;"
     " UPDATE token SET expires_at = 9 WHERE id = 1", "SELECT expires_at FROM token WHERE id = 1",
     [(9,)]),
    ("an audit row is added", "INSERT INTO audit (at, actor, action, detail)"
     """ VALUES (1, 'sqlite3', 'b', '{"c":1}')""", "SELECT id FROM audit", [(1,), (2,)]),
    ("a token's id is not given out again", "DROP TRIGGER token_delete;"
     " INSERT INTO token (name, role, created_at) VALUES ('n', 'reader', 1);"
     " DELETE FROM token WHERE name = 'n';"
     " INSERT INTO token (name, role, created_at) VALUES ('m', 'reader', 1)",
     "SELECT id FROM token WHERE name = 'm'", [(4,)]),
    ("an UPDATE of on_hand raises version and seq",
     "UPDATE stock SET on_hand = 37 WHERE id = 1", ROW + "1", [(37, 0, 2, 7)]),
    ("it writes its movement, which says edit",
     "UPDATE stock SET on_hand = 37 WHERE id = 1", LAST, [(7, "edit", "edit", -3, 37, 2, 0, 0)]),
    ("the movement knows the one before it",
     "UPDATE stock SET on_hand = 37 WHERE id = 2", "SELECT prev_seq FROM movement WHERE seq = 7",
     [(5,)]),
    ("v_stock takes the same by sku and location",
     "UPDATE v_stock SET on_hand = on_hand - 3 WHERE sku = 'A-1' AND location = 'WH1'", LAST,
     [(7, "edit", "edit", -3, 37, 2, 0, 0)]),
    ("one UPDATE of several rows writes a movement for each",
     "UPDATE v_stock SET on_hand = on_hand + 1 WHERE sku = 'A-1'",
     "SELECT seq, sku, location, on_hand FROM v_movements WHERE seq > 6 ORDER BY seq",
     [(7, "A-1", "WH1", 41), (8, "A-1", "WH2", 11)]),
    ("two edits in one transaction follow each other",
     "BEGIN; UPDATE stock SET on_hand = 1 WHERE id = 1; UPDATE stock SET on_hand = 2 WHERE id = 1;"
     "COMMIT", ROW + "1", [(2, 0, 3, 8)]),
    ("an edit is by sqlite3, and has neither reason nor note by itself",
     "UPDATE v_stock SET on_hand = 37 WHERE sku = 'A-1' AND location = 'WH1'", WORDS,
     [(7, "edit", "sqlite3", None, -3)]),
    ("so is one of the table", "UPDATE stock SET on_hand = 37 WHERE id = 1", WORDS,
     [(7, "edit", "sqlite3", None, -3)]),
    ("so is a new row", "INSERT INTO stock (item_id, location_id, on_hand) VALUES (3, 2, 1)", WORDS,
     [(7, "edit", "sqlite3", None, 1)]),
    ("v_stock takes a reason and a note",
     "UPDATE v_stock SET on_hand = 37, reason = 'found_2', note = 'behind the Regal für Öl'"
     " WHERE sku = 'A-1' AND location = 'WH1'", WORDS,
     [(7, "found_2", "sqlite3", "behind the Regal für Öl", -3)]),
    ("it reads both as NULL", "UPDATE v_stock SET on_hand = 37, note = 'x' WHERE sku = 'A-1'",
     "SELECT DISTINCT reason, note FROM v_stock", [(None, None)]),
    ("a reason in capitals is kept in small letters",
     "UPDATE v_stock SET on_hand = 37, reason = 'RMA_7' WHERE sku = 'A-1' AND location = 'WH1'",
     WORDS, [(7, "rma_7", "sqlite3", None, -3)]),
    ("the word of every edit is not kept",
     "UPDATE v_stock SET on_hand = 37, reason = 'Edit' WHERE sku = 'A-1' AND location = 'WH1'",
     "SELECT reason FROM movement WHERE seq = 7", [(None,)]),
    ("a note of 200 characters",
     "UPDATE v_stock SET on_hand = 37, note = replace(hex(zeroblob(100)), '0', 'ä')"
     " WHERE sku = 'A-1' AND location = 'WH1'",
     "SELECT length(note) FROM movement WHERE seq = 7", [(200,)]),
    ("words are kept where the level is the same",
     "UPDATE v_stock SET on_hand = 40, reason = 'cycle_count' WHERE sku = 'A-1'"
     " AND location = 'WH1'", WORDS, [(7, "cycle_count", "sqlite3", None, 0)]),
    ("a note alone is a movement of its own",
     "UPDATE v_stock SET note = 'looked at' WHERE sku = 'A-1'",
     "SELECT seq, location, on_hand_delta, note FROM v_movements WHERE seq > 6 ORDER BY seq",
     [(7, "WH1", 0, "looked at"), (8, "WH2", 0, "looked at")]),
    ("a new row has its words, too",
     "INSERT INTO v_stock (sku, location, on_hand, reason, note)"
     " VALUES ('A-3', 'WH2', 4, 'receipt', 'pallet 9')", WORDS,
     [(7, "receipt", "sqlite3", "pallet 9", 4)]),
    ("a movement that is typed in may say sqlite3",
     f"INSERT INTO movement {LINE[:-1]}, actor) VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL, NULL,"
     " NULL, NULL, 0, 0, 3000, 1, 'sqlite3');"
     "UPDATE stock SET on_hand = 39, version = 2, seq = 7 WHERE id = 1", COUNT, [(7, 7)]),
    ("an edit that changes nothing writes nothing",
     "UPDATE stock SET on_hand = on_hand WHERE id = 1", ROW + "1", [(40, 0, 1, 1)]),
    ("an edit says low_stock at the reorder point",
     "UPDATE stock SET on_hand = 5 WHERE id = 1", LAST, [(7, "edit", "edit", -35, 5, 2, 0, 1)]),
    ("low_stock counts what is available",
     "UPDATE stock SET on_hand = 9 WHERE id = 2", LAST, [(7, "edit", "edit", -1, 9, 3, 0, 1)]),
    ("an edit below what is reserved passes and says oversubscribed",
     "UPDATE stock SET on_hand = 5 WHERE id = 2", LAST, [(7, "edit", "edit", -5, 5, 3, 1, 1)]),
    ("a row on backorder can be edited back to the shelf",
     "UPDATE stock SET on_hand = 0 WHERE id = 4", ROW + "4", [(0, 0, 3, 7)]),
    ("a row on backorder may be touched without a change",
     "UPDATE stock SET on_hand = on_hand WHERE id = 4", ROW + "4", [(-2, 0, 2, 6)]),
    ("time in the ledger does not run backwards in a new row either",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL, NULL, NULL, NULL, 0, 0,"
     " 9999999999999, 1); UPDATE stock SET on_hand = 39, version = 2, seq = 7 WHERE id = 1;"
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH2', 1)",
     "SELECT at FROM movement WHERE seq = 8", [(9999999999999,)]),
    ("time in the ledger does not run backwards",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL, NULL, NULL, NULL, 0, 0,"
     " 9999999999999, 1); UPDATE stock SET on_hand = 39, version = 2, seq = 7 WHERE id = 1;"
     "UPDATE stock SET on_hand = 38 WHERE id = 1", "SELECT at FROM movement WHERE seq = 8",
     [(9999999999999,)]),
    ("an edit is dated by store time, which never falls behind what was noted",
     STORE_TIME % "newest_at = 9999999999999" + "UPDATE stock SET on_hand = 38 WHERE id = 1",
     "SELECT at FROM movement WHERE seq = 7", [(9999999999999,)]),
    ("an edit is dated by store time while the clock is an hour behind",
     STORE_TIME % "clock_ahead_ms = 3600000, newest_at = (unixepoch() + 3595) * 1000"
     + "UPDATE stock SET on_hand = 38 WHERE id = 1",
     "SELECT at / 1000 - unixepoch() BETWEEN 3598 AND 3610 FROM movement WHERE seq = 7", [(1,)]),
    ("an edit is dated by what was noted once the clock is right again, and nobody has noted that",
     STORE_TIME % "clock_ahead_ms = 3600000" + "UPDATE stock SET on_hand = 38 WHERE id = 1",
     "SELECT at / 1000 - unixepoch() BETWEEN -5 AND 15 FROM movement WHERE seq = 7", [(1,)]),
    ("an edit is dated by store time while the clock is an hour ahead",
     STORE_TIME % "newest_at = 0, clock_ahead_ms = -3600000"
     + "UPDATE stock SET on_hand = 38 WHERE id = 1",
     "SELECT at / 1000 - unixepoch() BETWEEN -3610 AND -3590 FROM movement WHERE seq = 7", [(1,)]),
    ("a lease ends by store time, though the clock was set back",
     STORE_TIME % "clock_ahead_ms = 3600000, newest_at = (unixepoch() + 3595) * 1000"
     + "UPDATE stock SET on_hand = 1 WHERE id = 3", COUNT,
     [(7, 7)]),
    ("time in the ledger is unix milliseconds",
     "UPDATE stock SET on_hand = 3 WHERE id = 1",
     "SELECT updated_at = at, at / 1000 BETWEEN unixepoch() - 3600 AND unixepoch()"
     " FROM movement JOIN stock USING (seq) WHERE seq = 7", [(1, 1)]),
    ("the service's own writes do not fire the guard",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 3, 'adjust', -9, 0, -2, 0, 2, NULL, NULL, NULL, NULL, 0, 0,"
     " 3000, 3); UPDATE stock SET on_hand = -2, version = 2, seq = 7, updated_at = 3000"
     " WHERE id = 3", COUNT, [(7, 7)]),
    ("nor does the first stock of a pair that the service inserts",
     f"INSERT INTO stock VALUES (9, 3, 2, 5, 0, 1, 7, 3000); INSERT INTO movement {LINE} VALUES"
     " (7, 9, 'adjust', 5, 0, 5, 0, 1, NULL, NULL, NULL, NULL, 0, 0, 3000, 0)", COUNT, [(7, 7)]),
    ("several movements of one row may be one UPDATE of the service",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL, NULL, NULL, NULL, 0, 0, 3000, 1),"
     " (8, 1, 'adjust', -1, 0, 38, 0, 3, NULL, NULL, NULL, NULL, 0, 0, 3000, 7);"
     "UPDATE stock SET on_hand = 38, version = 3, seq = 8 WHERE id = 1", COUNT, [(8, 8)]),
    ("a row typed in with stock writes its first movement",
     "INSERT INTO stock (item_id, location_id, on_hand) VALUES (3, 2, 12)", LAST,
     [(7, "edit", "edit", 12, 12, 1, 0, 0)]),
    ("v_stock takes new rows by sku and location",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH2', 12)",
     "SELECT s.on_hand, s.version, s.seq, at = s.updated_at FROM stock s JOIN movement USING (seq)"
     " WHERE item_id = 3", [(12, 1, 7, 1)]),
    ("a row typed in without stock has no movement yet",
     "INSERT INTO v_stock (sku, location) VALUES ('A-3', 'WH2')",
     "SELECT on_hand, version, seq, updated FROM v_stock WHERE sku = 'A-3'", [(0, 0, 0, None)]),
    ("and gets its first by an edit",
     "INSERT INTO v_stock (sku, location) VALUES ('A-3', 'WH2');"
     "UPDATE v_stock SET on_hand = 4 WHERE sku = 'A-3'", LAST,
     [(7, "edit", "edit", 4, 4, 1, 0, 0)]),
    ("a row without history may be deleted",
     "INSERT INTO v_stock (sku, location) VALUES ('A-3', 'WH2');"
     "DELETE FROM stock WHERE item_id = 3", "SELECT count(*) FROM stock", [(4,)]),
    ("a new row says low_stock at the reorder point",
     "DELETE FROM row_lock; INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-1', 'WH3', 5)",
     LAST, [(7, "edit", "edit", 5, 5, 1, 0, 1)]),
    ("what is archived is not low in stock",
     "UPDATE item SET archived = 1 WHERE sku = 'A-1'", "SELECT * FROM v_low_stock", []),
    ("what lies at an archived location is not low in stock",
     "UPDATE location SET archived = 1 WHERE code = 'WH2'", "SELECT * FROM v_low_stock", []),
    ("a lease that has run out lets edits through",
     "UPDATE row_lock SET expires_at = 1; UPDATE stock SET on_hand = 1 WHERE id = 3", COUNT,
     [(7, 7)]),
    ("a lease that has run out lets a new row in",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-3', 'WH1', 1)", COUNT, [(7, 7)]),
    ("deleting a lease by hand frees its rows",
     "DELETE FROM row_lock WHERE lease = 'l_1'; UPDATE stock SET on_hand = 1 WHERE id = 3", COUNT,
     [(7, 7)]),
    ("an item edited by hand gets a new version",
     "UPDATE item SET name = 'Bolt' WHERE sku = 'A-1'",
     "SELECT name, version, updated_at >= created_at FROM item WHERE id = 1", [("Bolt", 2, 1)]),
    ("an item that the service edits keeps the version it was given",
     "UPDATE item SET name = 'Bolt', version = version + 1, updated_at = 5 WHERE sku = 'A-1'",
     "SELECT version, updated_at FROM item WHERE id = 1", [(2, 5)]),
    ("a location edited by hand gets a new version",
     "UPDATE location SET archived = 1 WHERE code = 'WH1'",
     "SELECT archived, version FROM location WHERE id = 1", [(1, 2)]),
    ("an item that was never stocked can be deleted, with leases that have run out",
     "DELETE FROM item WHERE sku = 'A-3'", "SELECT count(*) FROM row_lock WHERE item_id = 3",
     [(0,)]),
    ("a location that was never stocked can be deleted, with leases that have run out",
     "UPDATE row_lock SET expires_at = 1; DELETE FROM location WHERE code = 'WH3'",
     "SELECT (SELECT count(*) FROM location), (SELECT count(*) FROM row_lock)", [(2, 2)]),
    ("a name of 200 characters that are no ASCII",
     "UPDATE item SET name = replace(printf('%0200d', 0), '0', 'ä') WHERE id = 1",
     "SELECT length(name), version FROM item WHERE id = 1", [(200, 2)]),
    ("a name beyond the first plane",
     "INSERT INTO item (sku, name) VALUES ('A-9', 'Kreidler 𝄞 €')",
     "SELECT name FROM item WHERE sku = 'A-9'", [("Kreidler 𝄞 €",)]),
    ("a name with a replacement character and a line feed",
     "UPDATE item SET name = char(65533, 10) WHERE id = 1",
     "SELECT hex(name) FROM item WHERE id = 1", [("EFBFBD0A",)]),
    ("attributes of texts that are no ASCII",
     """UPDATE item SET attributes = '{"Farbe":"grün","maße":[1,2.50]}' WHERE id = 1""",
     "SELECT attributes FROM item WHERE id = 1", [('{"Farbe":"grün","maße":[1,2.50]}',)]),
    ("attributes with the same name at two places, and numbers of all kinds",
     """UPDATE item SET attributes = '{"a":{"a":9223372036854775807},"b":[{"a":-1.5e3},{"a":[]}]}'
        WHERE id = 1""", "SELECT json_type(attributes, '$.a.a') FROM item WHERE id = 1",
     [("integer",)]),
    ("attributes that are taken away", "UPDATE item SET attributes = NULL WHERE id = 1",
     "SELECT attributes FROM item WHERE id = 1", [(None,)]),
    ("what is wrong already stays while something else is corrected",
     AS_BEFORE + "UPDATE item SET reorder_point = 9, unit = 'box' WHERE id = 1;"
     "UPDATE location SET archived = 1 WHERE id = 1",
     "SELECT hex(i.name), i.attributes, reorder_point, unit, hex(l.name), l.archived"
     " FROM item i, location l WHERE i.id = 1 AND l.id = 1",
     [("4D" "FC" "6C", '{"a":}', 9, "box", "", 1)]),
    ("what is wrong already can be corrected",
     AS_BEFORE + "UPDATE item SET name = 'Mül', attributes = NULL WHERE id = 1;"
     "UPDATE location SET name = 'Main' WHERE id = 1",
     "SELECT i.name, l.name FROM item i, location l WHERE i.id = 1 AND l.id = 1",
     [("Mül", "Main")]),
    ("a movement with all of its texts",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, 'sale', 'Auftrag Müller',"
     " 'r_1', 'q-1', 0, 0, 3000, 1);"
     "UPDATE stock SET on_hand = 39, version = 2, seq = 7 WHERE id = 1", COUNT, [(7, 7)]),
    ("a fence grows", "UPDATE store SET next_fence = 4", "SELECT next_fence FROM store", [(4,)]),
]

# sentence, what is typed, what the refusal says
LEASED = "row is locked by a lease: SELECT * FROM v_locks"
ONLY = "only on_hand is edited by hand: UPDATE v_stock SET on_hand"
LEDGER = "the ledger is append-only: change the stock instead"
SHELF = "on_hand is what lies on the shelf: type 0 or more"
REFUSALS = [
    ("a leased row", "UPDATE stock SET on_hand = 1 WHERE id = 3", LEASED),
    ("a leased row by name",
     "UPDATE v_stock SET on_hand = 1 WHERE sku = 'A-2' AND location = 'WH1'", LEASED),
    ("a leased row, also where nothing would change",
     "UPDATE stock SET on_hand = 7 WHERE id = 3", LEASED),
    ("all rows, when one of them is leased", "UPDATE stock SET on_hand = 1", LEASED),
    ("a leased row, whatever OR says", "UPDATE OR IGNORE stock SET on_hand = 1 WHERE id = 3",
     LEASED),
    ("the first stock of a leased pair",
     "INSERT INTO stock (item_id, location_id, on_hand) VALUES (1, 3, 1)", LEASED),
    ("less than nothing", "UPDATE stock SET on_hand = -1 WHERE id = 1", SHELF),
    ("less than nothing by name",
     "UPDATE v_stock SET on_hand = on_hand - 41 WHERE sku = 'A-1' AND location = 'WH1'", SHELF),
    ("a little less than nothing on a row on backorder",
     "UPDATE stock SET on_hand = -1 WHERE id = 4", SHELF),
    ("less than nothing in a new row",
     "INSERT INTO stock (item_id, location_id, on_hand) VALUES (3, 2, -1)", SHELF),
    ("more than 10^15", "UPDATE stock SET on_hand = 1000000000000001 WHERE id = 1",
     "on_hand: within 10^15"),
    ("more than 64 bits", "UPDATE stock SET on_hand = 9223372036854775808 WHERE id = 1",
     "cannot store REAL value in INTEGER column stock.on_hand"),
    ("a word", "UPDATE stock SET on_hand = 'many' WHERE id = 1",
     "cannot store TEXT value in INTEGER column stock.on_hand"),
    ("half a unit", "UPDATE stock SET on_hand = 1.5 WHERE id = 1",
     "cannot store REAL value in INTEGER column stock.on_hand"),
    ("reserved", "UPDATE stock SET reserved = 0 WHERE id = 2", ONLY),
    ("fewer than no reserved units, also to the service",
     "UPDATE stock SET reserved = -1, version = 3, seq = 7 WHERE id = 2", "reserved: 0 to 10^15"),
    ("reserved together with on_hand", "UPDATE stock SET on_hand = 9, reserved = 1 WHERE id = 1",
     ONLY),
    ("reserved by name", "UPDATE v_stock SET reserved = 0 WHERE sku = 'A-1'", ONLY),
    ("the sku by way of v_stock", "UPDATE v_stock SET sku = 'A-9' WHERE sku = 'A-1'", ONLY),
    ("available", "UPDATE v_stock SET available = 9 WHERE sku = 'A-1'", ONLY),
    ("the item of a row", "UPDATE stock SET item_id = 3 WHERE id = 1", ONLY),
    ("the location of a row", "UPDATE stock SET location_id = 3 WHERE id = 1", ONLY),
    ("a row pushed over another", "UPDATE OR REPLACE stock SET location_id = 2 WHERE id = 1",
     "stock SET on_hand = "),
    ("the id of a row", "UPDATE stock SET id = 9 WHERE id = 1", ONLY),
    ("version alone", "UPDATE stock SET version = version + 1 WHERE id = 1", ONLY),
    ("version backwards", "UPDATE stock SET version = 1, seq = 9 WHERE id = 2", ONLY),
    ("seq alone", "UPDATE stock SET seq = 6 WHERE id = 1", ONLY),
    ("the time of a row", "UPDATE stock SET updated_at = 1 WHERE id = 1", ONLY),
    ("deleting a row with history", "DELETE FROM stock WHERE id = 1",
     "a row with history stays: UPDATE stock SET on_hand = 0 instead"),
    ("deleting all rows", "DELETE FROM stock", "a row with history stays"),
    ("deleting by name", "DELETE FROM v_stock WHERE sku = 'A-1'", "cannot modify v_stock"),
    ("INSERT OR REPLACE of a row",
     "INSERT OR REPLACE INTO stock (item_id, location_id, on_hand) VALUES (1, 1, 9)",
     "this row exists: UPDATE v_stock SET on_hand"),
    ("INSERT OR REPLACE of an id",
     "INSERT OR REPLACE INTO stock (id, item_id, location_id, on_hand) VALUES (1, 3, 3, 9)",
     "this row exists"),
    ("INSERT OR REPLACE that claims a version",
     "INSERT OR REPLACE INTO stock VALUES (1, 1, 1, 9, 0, 1, 1, 1)", "this row exists"),
    ("INSERT OR REPLACE by name",
     "INSERT OR REPLACE INTO v_stock (sku, location, on_hand) VALUES ('A-1', 'WH1', 9)",
     "this row exists"),
    ("a new row with reserved units",
     "INSERT INTO stock (item_id, location_id, on_hand, reserved) VALUES (3, 2, 9, 1)",
     "only on_hand is given by hand"),
    ("a new row by name with reserved units",
     "INSERT INTO v_stock (sku, location, on_hand, reserved) VALUES ('A-3', 'WH2', 9, 1)",
     "only sku, location and on_hand are given by hand"),
    ("a new row with a seq",
     "INSERT INTO stock (item_id, location_id, on_hand, seq) VALUES (3, 2, 9, 3)",
     "version and seq begin together"),
    ("stock of an item that is not there",
     "INSERT INTO stock (item_id, location_id, on_hand) VALUES (9, 1, 1)", "no such item: INSERT"),
    ("stock at a location that is not there",
     "INSERT INTO stock (item_id, location_id, on_hand) VALUES (1, 9, 1)",
     "no such location: INSERT"),
    ("stock of an unknown sku",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-9', 'WH1', 1)", "no such item"),
    ("stock at an unknown code",
     "INSERT INTO v_stock (sku, location, on_hand) VALUES ('A-1', 'WH9', 1)", "no such location"),
    ("a change of the ledger", "UPDATE movement SET on_hand_delta = 0 WHERE seq = 1", LEDGER),
    ("somebody else's name in the ledger",
     f"INSERT INTO movement {LINE[:-1]}, actor) VALUES"
     " (7, 1, 'adjust', -1, 0, 39, 0, 2, NULL, NULL,"
     " NULL, NULL, 0, 0, 3000, 1, 'boss')", "actor: what is typed in is by sqlite3"),
    ("a note that is too long",
     "UPDATE v_stock SET on_hand = 9, note = hex(zeroblob(100)) || 'x' WHERE sku = 'A-1'",
     "note: at most 200 characters"),
    ("a note that is not UTF-8",
     "UPDATE v_stock SET on_hand = 9, note = CAST(x'4dfc6c' AS TEXT) WHERE sku = 'A-1'",
     "note: not UTF-8"),
    ("a note with a NUL",
     "UPDATE v_stock SET on_hand = 9, note = 'a' || char(0) WHERE sku = 'A-1'",
     "note: at most 200 characters"),
    ("a reason of other letters",
     "UPDATE v_stock SET on_hand = 9, reason = 'zu-alt' WHERE sku = 'A-1'",
     "reason: 1 to 32 of a-z, 0-9 and _"),
    ("an empty reason", "UPDATE v_stock SET on_hand = 9, reason = '' WHERE sku = 'A-1'",
     "reason: 1 to 32 of a-z, 0-9 and _"),
    ("words for a leased row", "UPDATE v_stock SET note = 'x' WHERE sku = 'A-2'", LEASED),
    ("a change of nothing in the ledger", "UPDATE movement SET reason = reason", LEDGER),
    ("deleting from the ledger", "DELETE FROM movement WHERE seq = 6", LEDGER),
    ("deleting the ledger", "DELETE FROM movement", LEDGER),
    ("a movement of no known kind",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'gift', 1, 0, 41, 0, 2, NULL, NULL, NULL, NULL, 0, 0, 1, 1)",
     "kind: one of SELECT kind FROM movement_kind"),
    ("a movement of no known kind, whatever OR says",
     "INSERT OR REPLACE INTO movement " + LINE + " VALUES"
     " (7, 1, '', 1, 0, 41, 0, 2, NULL, NULL, NULL, NULL, 0, 0, 1, 1)",
     "kind: one of SELECT kind FROM movement_kind"),
    ("a new kind", "INSERT INTO movement_kind VALUES ('gift')", "kinds are kept by the service"),
    ("another word for a kind", "UPDATE movement_kind SET kind = 'gift' WHERE kind = 'edit'",
     "kinds are kept by the service"),
    ("a kind less", "DELETE FROM movement_kind WHERE kind = 'supersede'",
     "kinds are kept by the service"),
    ("a movement without its levels",
     "INSERT INTO movement (stock_id, kind, on_hand_delta) VALUES (1, 'adjust', -3)",
     "NOT NULL constraint failed: movement."),
    ("a reservation by hand",
     "INSERT INTO reservation VALUES (3, 'r_3', 'active', NULL, NULL, 1, 2, NULL)",
     "reservations are made through the service"),
    ("the end of a reservation", "UPDATE reservation SET expires_at = 9 WHERE id = 1",
     "reservations are resolved through the service"),
    ("deleting a reservation", "DELETE FROM reservation", "reservations stay as history"),
    ("one more line of a reservation",
     "INSERT INTO reservation_line VALUES (1, 1, 1, 1, 6, 0, 99)",
     "reservations are made through the service"),
    ("opening a line of a reservation",
     "UPDATE reservation_line SET open_until = 99 WHERE reservation_id = 2", "never change"),
    ("closing a line of a reservation",
     "UPDATE reservation_line SET open_until = NULL WHERE reservation_id = 1", "never change"),
    ("a line of a reservation put over another",
     "INSERT OR REPLACE INTO reservation_line VALUES (1, 0, 1, 2, 6, 0, NULL)",
     "reservations are made through the service"),
    ("deleting a line of a reservation", "DELETE FROM reservation_line", "never change"),
    ("a fence behind the last one", "UPDATE store SET next_fence = 9223372036854775807",
     "at most 2^61"),
    ("a reservation behind the last one", "UPDATE store SET next_reservation = 1 << 62",
     "at most 2^61"),
    ("a fence that goes back", "UPDATE store SET next_fence = 1", "next_fence only grows"),
    ("a count of edits that goes back", "UPDATE store SET lease_edits = 5; "
     "UPDATE store SET lease_edits = 4", "lease_edits only grows"),
    ("a number of a reservation that goes back", "UPDATE store SET next_reservation = 5; "
     "UPDATE store SET next_reservation = 4", "next_reservation only grows"),
    ("a key that nobody has sent", "INSERT INTO idempotency VALUES"
     " (1, 'k', 1, 201, 'done', 1, 1, 1, NULL, 1, 0)", "keys are remembered by the service"),
    ("a second store", "INSERT INTO store (id, epoch, next_fence, created_at)"
     " VALUES (2, 'x', 1, 1)", "store has its one row"),
    ("another store in its place", "INSERT OR REPLACE INTO store"
     " (id, epoch, next_fence, created_at) VALUES (1, 'x', 1, 1)",
     "store has its one row"),
    ("no store", "DELETE FROM store", "store has its one row"),
    ("store time by hand", "UPDATE store SET newest_at = 1", "are kept by the service"),
    ("the clock's error by hand", "UPDATE store SET clock_ahead_ms = 1", "are kept by the service"),
    *[(f"a token called {name}", new_token(name),
       "name: 1 to 64 of A-Z a-z 0-9")
      for name in ("'local'", "'sqlite3'", "'rowlock'", "''", "'a/b'", "'-a'", "'a b'",
                   "printf('%065d', 0)", "'\u00e4'")],
    ("a token of no known role", new_token(role="boss"),
     "role: reader clerk writer admin"),
    ("a token for the public", new_token(role="public"),
     "role: reader clerk writer admin"),
    ("a second token of a name", new_token("'old'"),
     "no other is called like it"),
    ("one in its place", "INSERT OR REPLACE INTO token (name, role, created_at)"
     " VALUES ('till', 'admin', 1)", "no other is called like it"),
    ("one in its place by id", "INSERT OR REPLACE INTO token (id, name, role, created_at)"
     " VALUES (1, 'n', 'admin', 1)", "no other is called like it"),
    ("deleting a token", "DELETE FROM token WHERE id = 2", "a token stays"),
    ("another name of a token", "UPDATE token SET name = 'boss' WHERE id = 1",
     "keeps its id and name"),
    ("a name pushed over another", "UPDATE OR REPLACE token SET name = 'old' WHERE id = 1",
     "keeps its id and name"),
    ("another id of a token", "UPDATE token SET id = 9 WHERE id = 1", "keeps its id and name"),
    ("a revoked token that returns", "UPDATE token SET revoked_at = NULL WHERE id = 2",
     "that was revoked stays so"),
    ("a revoked token that ends later", "UPDATE token SET revoked_at = 9999 WHERE id = 2",
     "that was revoked stays so"),
    ("a public part again", new_secret("cccccccccc"),
     "was used before"),
    ("a public part in the place of another",
     "INSERT OR REPLACE INTO token_secret VALUES ('bbbbbbbbbb', 1, zeroblob(32), 1, NULL)",
     "was used before"),
    ("a secret of nobody", new_secret(token=7),
     "no such token"),
    *[(f"a public part of {what}",
       new_secret(text), "public: 10 of a-z 2-7")
      for what, text in [("nine", "aaaaaaaaa"), ("eleven", "aaaaaaaaaaa"),
                         ("capitals", "AAAAAAAAAA"), ("ones", "1111111111")]],
    ("a hash that is short", new_secret(hash_="zeroblob(31)"),
     "hash: 32 bytes"),
    ("another hash", "UPDATE token_secret SET hash = randomblob(32) WHERE token_id = 1",
     "only the end is changed"),
    ("a secret of another token",
     "UPDATE token_secret SET token_id = 2 WHERE public = 'bbbbbbbbbb'", "only the end is changed"),
    ("another public part", "UPDATE token_secret SET public = 'dddddddddd' WHERE token_id = 2",
     "only the end is changed"),
    ("a secret that ends later", "UPDATE token_secret SET expires_at = 9999"
     " WHERE public = 'aaaaaaaaaa'", "to an earlier one"),
    ("a secret that ends no more", "UPDATE token_secret SET expires_at = NULL"
     " WHERE public = 'aaaaaaaaaa'", "to an earlier one"),
    ("deleting a secret", "DELETE FROM token_secret WHERE token_id = 2", "a secret stays"),
    ("a limit taken away", "DELETE FROM token_location WHERE token_id = 1",
     "without a location may write everywhere"),
    ("a limit taken away row by row", "DELETE FROM token_location WHERE code = 'WH1'; "
     "DELETE FROM token_location WHERE code = 'WH2'", "without a location may write everywhere"),
    ("a limit given to another token", "UPDATE token_location SET token_id = 2",
     "only the code is changed"),
    ("a limit to no location", "INSERT INTO token_location VALUES (1, 'a b')", "code: 1 to 64"),
    ("an access_version that goes back", "UPDATE store SET access_version = 8", "only grow"),
    ("a store that never had a token", "UPDATE store SET had_token = 0", "only grow"),
    ("a token that was had twice", "UPDATE store SET had_token = 2", "had_token: 0 or 1"),
    ("a short key of sessions", "UPDATE store SET session_key = randomblob(16)",
     "session_key: 32 bytes"),
    ("a row of the audit of somebody else", "INSERT INTO audit (at, actor, action)"
     " VALUES (1, 'boss', 'x')", "actor: what is typed in is by sqlite3"),
    ("the last row that the audit could have", "INSERT INTO audit (id, at, actor, action)"
     " VALUES (9223372036854775807, 1, 'sqlite3', 'x')", "id: leave it out"),
    ("the last token that there could be", "INSERT INTO token (id, name, role, created_at)"
     " VALUES (9223372036854775807, 'last', 'admin', 1)", "id: leave it out"),
    ("a change of the audit", "UPDATE audit SET actor = 'me'", "the audit is append-only"),
    ("deleting from the audit", "DELETE FROM audit", "the audit is append-only"),
    ("a line put over another in the audit",
     "INSERT OR REPLACE INTO audit (id, at, actor, action) VALUES (1, 1, 'sqlite3', 'x')",
     "the audit is append-only"),
    ("a detail that is no object", "INSERT INTO audit (at, actor, action, detail)"
     " VALUES (1, 'sqlite3', 'x', '[]')", "detail: a JSON object"),
    ("a second lease of a row",
     "INSERT INTO row_lock SELECT NULL, 'l_3', 3, 2, 1, '', ms, ms + 1000, 0, NULL FROM v_now",
     "UNIQUE constraint failed: row_lock.item_id, row_lock.location_id"),
    ("deleting an item with stock", "DELETE FROM item WHERE sku = 'A-1'",
     "in use by stock, history or a lease: UPDATE item SET archived = 1"),
    ("deleting an item with a lease",
     "INSERT INTO item (id, sku, name) VALUES (9, 'A-9', 'x'); INSERT INTO row_lock"
     " SELECT NULL, 'l_3', 3, 9, 1, '', ms, ms + 60000, 0, NULL FROM v_now;"
     " DELETE FROM item WHERE id = 9",
     "in use by stock, history or a lease"),
    ("deleting a location with stock", "DELETE FROM location WHERE code = 'WH1'",
     "in use by stock, history or a lease: UPDATE location SET archived = 1"),
    ("deleting a location with a lease", "DELETE FROM location WHERE code = 'WH3'",
     "in use by stock, history or a lease"),
    ("INSERT OR REPLACE of an item", "INSERT OR REPLACE INTO item (sku, name) VALUES ('A-1', 'x')",
     "this item exists: UPDATE item SET"),
    ("INSERT OR REPLACE of an item's id",
     "INSERT OR REPLACE INTO item (id, sku, name) VALUES (1, 'A-9', 'x')", "this item exists"),
    ("INSERT OR REPLACE of a location",
     "INSERT OR REPLACE INTO location (code, name) VALUES ('WH1', 'x')",
     "this location exists: UPDATE location SET"),
    ("INSERT OR REPLACE of a location's id",
     "INSERT OR REPLACE INTO location (id, code, name) VALUES (1, 'WH9', 'x')",
     "this location exists"),
    ("a sku pushed over another",
     "UPDATE OR REPLACE item SET sku = 'A-2' WHERE sku = 'A-1'", "another item has this sku"),
    ("a code pushed over another",
     "UPDATE OR REPLACE location SET code = 'WH2' WHERE code = 'WH1'",
     "another location has this code"),
    ("the id of an item", "UPDATE item SET id = 9 WHERE id = 3",
     "id, version and times of an item"),
    ("the id of a location", "UPDATE location SET id = 9 WHERE id = 3",
     "id, version and times of a location"),
    ("a version of an item that goes back", "UPDATE item SET version = 0 WHERE id = 3",
     "CHECK constraint failed: version >= 1"),
    ("a sku that begins with a dash", "INSERT INTO item (sku, name) VALUES ('-A', 'x')",
     "sku: 1 to 64 of A-Z a-z 0-9"),
    ("a sku with a slash", "INSERT INTO item (sku, name) VALUES ('A/1', 'x')", "sku: 1 to 64"),
    ("a sku of an umlaut", "INSERT INTO item (sku, name) VALUES ('Ä', 'x')", "sku: 1 to 64"),
    ("an empty sku", "INSERT INTO item (sku, name) VALUES ('', 'x')", "sku: 1 to 64"),
    ("a sku of 65", "INSERT INTO item (sku, name) SELECT printf('%065d', 1), 'x'", "sku: 1 to 64"),
    ("a code with a blank", "INSERT INTO location (code, name) VALUES ('WH 1', 'x')",
     "code: 1 to 64"),
    ("attributes that are a list",
     "UPDATE item SET attributes = '[1]' WHERE id = 1", "attributes: a JSON object, or NULL"),
    ("a negative backorder_limit", "UPDATE item SET backorder_limit = -1 WHERE id = 1",
     "backorder_limit: 0 to 10^12"),
    ("a negative reorder_point", "UPDATE item SET reorder_point = -1 WHERE id = 1",
     "reorder_point: 0 to 10^12, or NULL"),
    ("an item archived twice", "UPDATE item SET archived = 2 WHERE id = 1", "archived: 0 or 1"),
]

# What no text may be, in SQL, and what the refusal calls it.
BAD_UTF8 = [
    ("a byte of Latin-1", "CAST(x'4dfc6c6c6572' AS TEXT)"),
    ("a byte of Latin-1 at the end", "CAST(x'4ddf' AS TEXT)"),
    ("half of a surrogate pair", "CAST(x'41eda08042' AS TEXT)"),
    ("a byte that continues nothing", "CAST(x'418042' AS TEXT)"),
    ("a character written too long", "CAST(x'41c08042' AS TEXT)"),
    ("a character that is cut short", "CAST(x'41e282' AS TEXT)"),
    ("a character beyond the last", "CAST(x'f4908080' AS TEXT)"),
]
NUL = ("a NUL", "'a' || char(0) || 'b'")
EMPTY = ("nothing", "''")

# what it is, an INSERT and an UPDATE that take it as {}, how long is too long, two refusals
TEXT_REFUSALS = []  # so many that one world must do: the one with the most switched off
TEXTS = [
    ("a sku", "INSERT INTO item (sku, name) VALUES ({}, 'x')",
     "UPDATE item SET sku = {} WHERE id = 3", 65, "sku: 1 to 64", "sku: 1 to 64"),
    ("a name of an item", "INSERT INTO item (sku, name) VALUES ('A-9', {})",
     "UPDATE item SET name = {} WHERE id = 1", 201, "name: 1 to 200 characters", "name: not UTF-8"),
    ("a unit", "INSERT INTO item (sku, name, unit) VALUES ('A-9', 'x', {})",
     "UPDATE item SET unit = {} WHERE id = 1", 33, "unit: 1 to 32 characters", "unit: not UTF-8"),
    ("a code", "INSERT INTO location (code, name) VALUES ({}, 'x')",
     "UPDATE location SET code = {} WHERE id = 3", 65, "code: 1 to 64", "code: 1 to 64"),
    ("a name of a location", "INSERT INTO location (code, name) VALUES ('WH9', {})",
     "UPDATE location SET name = {} WHERE id = 1", 201, "name: 1 to 200 characters",
     "name: not UTF-8"),
]
for what, insert, update, too_long, wrong, not_utf8 in TEXTS:
    for statement in insert, update:
        verb = statement.split()[0]
        for how, text in BAD_UTF8:
            TEXT_REFUSALS.append((f"{verb}: {what} with {how}", statement.format(text), not_utf8))
        for how, text in NUL, EMPTY, ("too many characters", f"printf('%0{too_long}d', 0)"):
            TEXT_REFUSALS.append((f"{verb}: {what} with {how}", statement.format(text), wrong))

MOVEMENT = ("INSERT INTO movement " + LINE + " VALUES"
            " (7, 1, 'adjust', 1, 0, 41, 0, 2, {}, {}, {}, {}, 0, 0, 1, 1)")
for at, (what, too_long, wrong, not_utf8) in enumerate([
        ("a reason", 33, "reason: 1 to 32 of a-z, 0-9 and _", "reason: 1 to 32 of a-z, 0-9 and _"),
        ("a reference", 129, "reference: at most 128 characters", "reference: not UTF-8"),
        ("a reservation", 65, "reservation and request_id: 1 to 64",
         "reservation and request_id: 1 to 64"),
        ("a request_id", 65, "reservation and request_id: 1 to 64",
         "reservation and request_id: 1 to 64")]):
    def movement_with(text, at=at):
        return MOVEMENT.format(*(text if n == at else "NULL" for n in range(4)))
    for how, text in BAD_UTF8:
        TEXT_REFUSALS.append((f"{what} with {how}", movement_with(text), not_utf8))
    for how, text in NUL, ("too many characters", f"printf('%0{too_long}d', 0)"):
        TEXT_REFUSALS.append((f"{what} with {how}", movement_with(text), wrong))

ATTRIBUTES = [
    ("a list", "'[1]'", "attributes: a JSON object, or NULL"),
    ("braces around nonsense", """'{"a":}'""", "malformed JSON"),
    ("a byte of Latin-1", """CAST(x'7b2261223a22fc227d' AS TEXT)""", "attributes: not UTF-8"),
    ("more than 8 KiB", """printf('{"a":"%08192d"}', 0)""", "attributes: a JSON object of at most"),
    ("a NUL", """'{"a":1}' || char(0) || '}'""", "attributes: a JSON object of at most"),
    ("a name twice", """'{"a":{"b":1,"b":2}}'""", "attributes: no name twice"),
    ("a number beyond 64 bits", """'{"a":[9223372036854775808]}'""", "attributes: no name twice"),
    ("a number beyond a double", """'{"a":1e999}'""", "attributes: no name twice"),
    ("an escaped NUL", """'{"a":"\\u0000"}'""", "attributes: no name twice"),
]
for how, text, wrong in ATTRIBUTES:
    TEXT_REFUSALS.append((f"UPDATE: attributes of {how}",
                     f"UPDATE item SET attributes = {text} WHERE id = 1", wrong))
    TEXT_REFUSALS.append((f"INSERT: attributes of {how}",
                     f"INSERT INTO item (sku, name, attributes) VALUES ('A-9', 'x', {text})",
                     wrong))

# sentence, damage done with every guard taken away, and all that v_ledger_check then says
DAMAGES = [
    ("a level that was changed", "UPDATE stock SET on_hand = 41 WHERE id = 1",
     [("A-1", "WH1", 1, 1, "on_hand is 41, its movements sum to 40;"
       " its last movement says on_hand 40, reserved 0, version 1")]),
    ("reserved that was changed", "UPDATE stock SET reserved = 0 WHERE id = 2",
     [("A-1", "WH2", 2, 5, "reserved is 0, its movements sum to 6;"
       " its last movement says on_hand 10, reserved 6, version 2")]),
    ("a version that was changed", "UPDATE stock SET version = 3 WHERE id = 2",
     [("A-1", "WH2", 2, 5, "version is 3, it has 2 movements;"
       " its last movement says on_hand 10, reserved 6, version 2")]),
    ("a seq that was changed", "UPDATE stock SET seq = 6 WHERE id = 2",
     [("A-1", "WH2", 2, 6, "seq is 6, its last movement is 5")]),
    ("a level out of nothing", "INSERT INTO stock VALUES (9, 3, 2, 5, 0, 0, 0, 0)",
     [("A-3", "WH2", 9, 0, "on_hand is 5, its movements sum to 0")]),
    ("a row whose item is gone", "DELETE FROM item WHERE id = 2",
     [(None, "WH1", 3, 3, "item 2 does not exist"), (None, "WH2", 4, 6, "item 2 does not exist")]),
    ("a row whose location is gone", "DELETE FROM location WHERE code = 'WH1'",
     [("A-1", None, 1, 1, "location 1 does not exist"),
      ("A-2", None, 3, 3, "location 1 does not exist")]),
    ("a row that is gone", "DELETE FROM stock WHERE id = 2",
     [(None, None, 2, 5, "2 movements of a stock row that does not exist")]),
    ("a row that was replaced", "REPLACE INTO stock VALUES (9, 1, 1, 40, 0, 1, 1, 1)",
     [(None, None, 1, 1, "1 movements of a stock row that does not exist"),
      ("A-1", "WH1", 9, 1, "on_hand is 40, its movements sum to 0; version is 1, it has 0"
       " movements; seq is 1, its last movement is 0")]),
    ("a movement that is gone from the middle", "DELETE FROM movement WHERE seq = 4",
     [(None, None, None, 6, "5 movements, but the last seq is 6"),
      ("A-2", "WH2", 4, 6, "on_hand is -2, its movements sum to -5; version is 2, it has 1"
       " movements"),
      ("A-2", "WH2", 4, 6, "prev_seq 4 is not the movement before")]),
    ("a movement that is gone from the end", "DELETE FROM movement WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "on_hand is -2, its movements sum to 3; version is 2, it has 1"
       " movements; seq is 6, its last movement is 4; its last movement says on_hand 3, reserved 0,"
       " version 1")]),
    ("the whole ledger gone", "DELETE FROM stock WHERE id > 1; DELETE FROM movement",
     [("A-1", "WH1", 1, 1, "on_hand is 40, its movements sum to 0; version is 1, it has 0"
       " movements; seq is 1, its last movement is 0")]),
    ("a delta that was changed", "UPDATE movement SET on_hand_delta = -4 WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "its deltas do not lead from the level before to its own"),
      ("A-2", "WH2", 4, 6, "on_hand is -2, its movements sum to -1")]),
    ("a reserved delta that was changed", "UPDATE movement SET reserved_delta = 5 WHERE seq = 5",
     [("A-1", "WH2", 2, 5, "its deltas do not lead from the level before to its own"),
      ("A-1", "WH2", 2, 5, "reserved is 6, its movements sum to 5")]),
    ("two deltas that cancel out",
     "UPDATE movement SET on_hand_delta = on_hand_delta + iif(seq = 6, 1, -1) WHERE stock_id = 4",
     [("A-2", "WH2", 4, 4, "its deltas do not lead from the level before to its own"),
      ("A-2", "WH2", 4, 6, "its deltas do not lead from the level before to its own")]),
    ("a prev_seq that skips", "UPDATE movement SET prev_seq = 0 WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "prev_seq 0 is not the movement before")]),
    ("a prev_seq into another row", "UPDATE movement SET prev_seq = 1 WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "prev_seq 1 is not the movement before")]),
    ("a prev_seq to itself", "UPDATE movement SET prev_seq = 6 WHERE seq = 6",
     [("A-2", "WH2", 4, 6, "prev_seq 6 is not the movement before")]),
    ("a version that jumps",
     "UPDATE movement SET version = 3 WHERE seq = 6; UPDATE stock SET version = 3 WHERE id = 4",
     [("A-2", "WH2", 4, 6, "version 3 does not follow 1"),
      ("A-2", "WH2", 4, 6, "version is 3, it has 2 movements")]),
    ("a fork: two movements after the same one",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 4, 'adjust', 0, 0, 3, 0, 2, NULL, NULL, NULL, NULL, 0, 0, 1, 4)",
     [("A-2", "WH2", 4, 6, "version is 2, it has 3 movements; seq is 6, its last movement is 7;"
       " its last movement says on_hand 3, reserved 0, version 2")]),
    ("a movement typed in beside the stock",
     f"INSERT INTO movement {LINE} VALUES"
     " (7, 1, 'adjust', -3, 0, 37, 0, 2, NULL, NULL, NULL, NULL, 0, 0, 1, 1)",
     [("A-1", "WH1", 1, 1, "on_hand is 40, its movements sum to 37; version is 1, it has 2"
       " movements; seq is 1, its last movement is 7; its last movement says on_hand 37, reserved"
       " 0, version 2")]),
    ("a gap in the seqs",
     "UPDATE movement SET seq = 8 WHERE seq = 6; UPDATE stock SET seq = 8 WHERE id = 4",
     [(None, None, None, 8, "6 movements, but the last seq is 8")]),
    ("nothing at all", "SELECT 1", []),
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
     "SELECT sku, location, lease, fence, purpose, expires_in_s = (SELECT"
     " round((max(expires_at) - now.ms) / 1000.0, 1) FROM row_lock, v_now AS now) FROM v_locks"
     " ORDER BY sku",
     [("A-1", "WH3", "l_1", 1, "cycle count 7", 1), ("A-2", "WH1", "l_1", 1, "cycle count 7", 1)]),
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
    ("a store has a key of its own for sessions",
     "SELECT length(session_key), session_key <> zeroblob(32) FROM store", [(32, 1)]),
    ("v_tokens finds the secrets of a token without a look at all others",
     "SELECT name FROM pragma_index_info('token_secret_by_token') WHERE seqno = 0",
     [("token_id",)]),
    ("the ledger and the keys have no index that would slow the writer down",
     "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name IN"
     " ('movement', 'idempotency')", []),
    ("every table is strict", "SELECT name FROM pragma_table_list WHERE schema = 'main'"
     " AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'", []),
    ("every table and view says what it is for, where .schema shows it",
     "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
     " AND name NOT LIKE 'sqlite_%' AND sql NOT GLOB '*--*'", []),
    ("the store has an epoch and a time",
     "SELECT length(epoch), created_at / 1000 BETWEEN unixepoch() - 3600 AND unixepoch() "
     "FROM store",
     [(16, 1)]),
]

TABLES = ("store", "item", "location", "stock", "movement", "row_lock", "idempotency",
          "reservation", "reservation_line", "movement_kind", "token", "token_secret",
          "token_location", "audit")


def connect(path):
    return contextlib.closing(sqlite3.connect(path, isolation_level=None))


def migrate(path, *scripts):
    with connect(path) as db:
        for script_of_version in sorted((SCHEMA / "sqlite").glob("*.sql")):
            db.executescript("BEGIN;" + script_of_version.read_text() + "COMMIT;")
        for script in scripts:
            db.executescript(script)


def typed_in_python(*pragmas):
    """Runs a script; returns what was refused, or ''."""
    def run(path, sql):
        with connect(path) as db:
            for pragma in pragmas:
                db.execute("PRAGMA " + pragma)
            try:
                db.executescript(sql)
            except sqlite3.Error as error:
                return str(error)
        return ""
    return run


def typed_in_the_shell(path, sql):
    shell = subprocess.run(["sqlite3", "-bail", "-batch", str(path)], input=sql + ";\n",
                           capture_output=True, text=True, timeout=60)
    return shell.stderr


# The settings that change how triggers, views and foreign keys behave, both ways.
WORLDS = [
    ("by default", typed_in_python()),
    ("turned round", typed_in_python("recursive_triggers = ON", "foreign_keys = ON",
                                     "trusted_schema = OFF")),
    ("in the shell", typed_in_the_shell if shutil.which("sqlite3") else None),
]


def contents(path):
    with connect(path) as db:
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}


def ask(path, question):
    with connect(path) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        return db.execute(question).fetchall()


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}\nfound:  {found}\nwanted: {wanted}")


def check_edit(path, run, sql, question, answer):
    expect("refused", run(path, sql), "")
    expect(question, ask(path, question), answer)
    expect("v_ledger_check", ask(path, "SELECT * FROM v_ledger_check"), [])


def check_noted(path, run, sql, wanted):
    """Each hand that does something to what has no ledger has its row; None: any detail."""
    expect("refused", run(path, sql), "")
    found = ask(path, "SELECT actor, at > 1600000000000, action, subject, detail FROM audit"
                " WHERE id > 1 ORDER BY id")
    expect("rows", [(action, subject, known and json.loads(detail))
                    for (_, _, action, subject, detail), known in
                    zip(found, [row[2] for row in wanted] + [{}] * len(found))], wanted)
    expect("who, when", {row[:2] for row in found}, {("sqlite3", 1)} if wanted else set())


def check_refusal(path, run, sql, message):
    *before, last = sql.split("; ")
    for statement in before:
        expect("refused too early", run(path, statement), "")
    untouched = contents(path)
    said = run(path, last)
    if message not in said:
        raise AssertionError(f"said:   {said or 'nothing: it was carried out'}\nwanted: {message}")
    expect("contents", contents(path), untouched)


def without_guards(path, sql):
    with connect(path) as db:
        guards = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (guard,) in guards:
            db.execute(f"DROP TRIGGER {guard}")
        db.executescript(sql)


def check_damage(path, sql, findings):
    without_guards(path, sql)
    found = ask(path, "SELECT sku, location, stock_id, seq, finding FROM v_ledger_check")
    expect("v_ledger_check", sorted(found, key=str), sorted(findings, key=str))


# What somebody does to reservations without their guards, and what v_reserved_check says to it.
UNPROMISED = [
    ("a reservation that was ended by hand", "UPDATE reservation SET state = 'released',"
     " resolved_at = 9 WHERE id = 1", [("A-1", "WH2", 6, 0, 6)]),
    ("a line that was closed", "UPDATE reservation_line SET open_until = NULL",
     [("A-1", "WH2", 6, 6, 0)]),
    ("a line that was opened again", "UPDATE reservation_line SET open_until = 99",
     [("A-1", "WH2", 6, 6, 10)]),
    ("reserved that was changed", "UPDATE stock SET reserved = 5 WHERE id = 2",
     [("A-1", "WH2", 5, 6, 6)]),
]


def check_unpromised(path, sql, found):
    without_guards(path, sql)
    expect("v_reserved_check", ask(path, "SELECT * FROM v_reserved_check"), found)


def check_overdue(path):
    """What has run out in a row is found without a look at what runs later, or elsewhere."""
    plan = ask(path, "EXPLAIN QUERY PLAN SELECT reservation_id FROM reservation_line"
               " WHERE item_id = 1 AND location_id = 2 AND open_until <= 99")
    expect("steps", [step[3].partition("INDEX ")[2] for step in plan],
           ["reservation_line_open (item_id=? AND location_id=? AND open_until<?)"])


def check_demo(path, run):
    path.unlink()
    migrate(path)
    expect("refused", run(path, (SCHEMA / "demo.sql").read_text()), "")
    expect("v_ledger_check", ask(path, "SELECT * FROM v_ledger_check"), [])
    expect("items, locations, stock, low stock", ask(path, """
        SELECT (SELECT count(*) BETWEEN 24 AND 60 FROM item),
            (SELECT count(*) BETWEEN 3 AND 4 FROM location),
            (SELECT count(*) > 60 FROM v_stock), (SELECT count(*) > 0 FROM v_low_stock),
            (SELECT count(*) FROM item WHERE NOT json_valid(coalesce(attributes, '{}')))"""),
           [(1, 1, 1, 1, 0)])


def check_comments(path, run):
    """`.schema` shows what the columns mean, and not only that they are there."""
    del run
    shell = subprocess.run(["sqlite3", "-readonly", str(path), ".schema stock"],
                           capture_output=True, text=True, timeout=60)
    expect("-- units on the shelf", "-- units on the shelf" in shell.stdout, True)


def cases():
    """sentence, function of a path; None where the machine lacks the shell."""
    for world, run in WORLDS:
        def case(sentence, check, *args, run=run):
            bound = run and (lambda path: check(path, run, *args))
            return f"{sentence} ({world})", bound
        for sentence, *row in EDITS:
            yield case(sentence, check_edit, *row)
        for sentence, *row in REFUSALS:
            yield case("refused: " + sentence, check_refusal, *row)
        for sentence, *row in TEXT_REFUSALS if world == "turned round" else []:
            yield case("refused: " + sentence, check_refusal, *row)
        for sql, wanted in NOTED:
            yield case("noted: " + sql.partition(";")[0][:60], check_noted, sql, wanted)
        yield case("the demo data loads, and its books balance", check_demo)
    yield case("comments show in .schema", check_comments)  # in the last world, the shell
    for sentence, *row in DAMAGES:
        yield "found: " + sentence, lambda path, row=row: check_damage(path, *row)
    for sentence, *row in UNPROMISED:
        yield "found: " + sentence, lambda path, row=row: check_unpromised(path, *row)
    yield "what has run out of a row's reservations is found by the row and its time", check_overdue
    for sentence, question, answer in VIEWS:
        yield sentence, (lambda path, question=question, answer=answer:
                         expect(question, ask(path, question), answer))


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        shop, copy = pathlib.Path(folder, "shop.db"), pathlib.Path(folder, "copy.db")
        migrate(shop, SHOP, PROMISED)
        for number, (sentence, check) in enumerate(cases(), 1):
            if check is None:
                print(f"ok {number} - {sentence} # SKIP no sqlite3 shell")
                continue
            shutil.copy(shop, copy)
            try:
                check(copy)
                print(f"ok {number} - {sentence}")
            except (AssertionError, sqlite3.Error) as error:
                failed += 1
                print(f"not ok {number} - {sentence}")
                print("".join(f"# {line}\n" for line in str(error).splitlines()), end="")
        print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
