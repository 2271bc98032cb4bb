"""conversation - one request of each kind that a key remembers, for stores of every past version.

What is asked here is asked of the release that makes a fixture (make.py), and again, under the same
keys, of the server that has migrated the fixture (test.py). Rows are added, never changed: a stored
fingerprint is made of method, path and body.
"""

ROW = {"sku": "A-1", "location": "WH1"}
HOT = {"sku": "A-2", "location": "WH1"}
DAY_S = 86400

# Without keys: the world in which the rest happens.
FOUNDATION = [
    ("PUT", "/v1/locations/WH1", {"name": "Main warehouse"}),
    ("PUT", "/v1/locations/WH2", {"name": "Shop"}),
    *[("PUT", f"/v1/items/A-{n}", {"name": f"Item {n}", "unit": "box", "reorder_point": 5,
                                   "attributes": {"n": n, "price": 0.10}}) for n in range(1, 5)],
    *[("POST", f"/v1/stock/A-{n}/{place}/adjust", {"delta": 100})
      for n in range(1, 5) for place in ("WH1", "WH2")],
    ("PUT", "/v1/reservations/kept", {"owner": "cart-1", "ttl_s": DAY_S, "reference": "order-1",
                                      "lines": [{"sku": "A-3", "location": "WH1", "quantity": 3},
                                                {"sku": "A-1", "location": "WH2", "quantity": 1}]}),
    ("PUT", "/v1/reservations/gone", {"ttl_s": DAY_S, "lines": [{**ROW, "quantity": 2}]}),
    ("POST", "/v1/reservations/gone/release", {}),
    ("PUT", "/v1/leases/kept", {"rows": [{"sku": "A-4", "location": "WH2"}], "ttl_s": DAY_S,
                                "purpose": "cycle count"}),
    ("PUT", "/v1/leases/pair", {"rows": [{"sku": "A-4", "location": "WH1"},
                                         {"sku": "A-3", "location": "WH2"}], "ttl_s": DAY_S}),
]

# key, method, path, body, further headers. The status it had is in the fixture.
KEYED = [
    ("adjust", "POST", "/v1/stock/A-1/WH1/adjust",
     {"delta": -3, "reason": "sale", "reference": "order-991"}, {}),
    ("adjust-short", "POST", "/v1/stock/A-1/WH1/adjust", {"delta": -1000}, {}),
    ("adjust-up-to", "POST", "/v1/stock/A-2/WH2/adjust", {"delta": -500, "up_to": True}, {}),
    ("adjust-stale", "POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1, "expected": 1}, {}),
    ("adjust-if-match", "POST", "/v1/stock/A-1/WH1/adjust", {"delta": 1}, {"If-Match": '"99"'}),
    ("set", "POST", "/v1/stock/A-1/WH1/set", {"on_hand": 40, "expected": None}, {}),
    ("set-stale", "POST", "/v1/stock/A-1/WH1/set", {"on_hand": 41, "expected_version": 1}, {}),
    ("count", "POST", "/v1/stock/A-1/WH2/count", {"counted": 90, "as_of_seq": 5}, {}),
    ("count-outdated", "POST", "/v1/stock/A-1/WH1/count", {"counted": 9, "as_of_seq": 3}, {}),
    ("transfer", "POST", "/v1/transfers",
     {"sku": "A-2", "from": "WH1", "to": "WH2", "quantity": 7, "reference": "truck"}, {}),
    ("transfer-short", "POST", "/v1/transfers",
     {"sku": "A-2", "from": "WH1", "to": "WH2", "quantity": 7000}, {}),
    ("item-put", "PUT", "/v1/items/N-1", {"name": "New", "backorder_limit": 2}, {}),
    ("item-patch", "PATCH", "/v1/items/A-2", {"attributes": {"colour": "red", "n": None}}, {}),
    ("item-delete", "DELETE", "/v1/items/N-1", None, {}),
    ("item-in-use", "DELETE", "/v1/items/A-1", None, {}),
    ("location-put", "PUT", "/v1/locations/WH3", {"name": "Yard"}, {}),
    ("location-patch", "PATCH", "/v1/locations/WH3", {"name": "The yard"}, {}),
    ("location-delete", "DELETE", "/v1/locations/WH3", None, {}),
    ("reserve", "POST", "/v1/reservations",
     {"owner": "cart-2", "ttl_s": DAY_S, "lines": [{**ROW, "quantity": 2}]}, {}),
    ("reserve-put", "PUT", "/v1/reservations/own",
     {"owner": "cart-3", "ttl_s": DAY_S, "lines": [{**HOT, "quantity": 2}, {**ROW, "quantity": 1}]},
     {}),
    ("reserve-short", "POST", "/v1/reservations",
     {"ttl_s": 60, "lines": [{**ROW, "quantity": 5000}, {**HOT, "quantity": 6000}]}, {}),
    ("extend", "POST", "/v1/reservations/own/extend", {"ttl_s": DAY_S}, {}),
    ("commit-part", "POST", "/v1/reservations/own/commit",
     {"lines": [{**HOT, "quantity": 1}]}, {}),
    ("commit-again", "POST", "/v1/reservations/own/commit", {}, {}),
    ("supersede", "POST", "/v1/reservations",
     {"ttl_s": DAY_S, "lines": [{**ROW, "quantity": 1}], "supersedes": "r_3"}, {}),
    ("release-unknown", "POST", "/v1/reservations/nobody/release", {}, {}),
    ("lease-put", "PUT", "/v1/leases/own",
     {"rows": [{"sku": "A-3", "location": "WH1"}], "ttl_s": DAY_S}, {}),
    ("lease-release", "DELETE", "/v1/leases/own", None, {}),
    ("stale-fence", "POST", "/v1/stock/A-3/WH1/adjust", {"delta": 1}, {"Lease": "own;fence=4"}),
    ("batch", "POST", "/v1/batch", [
        {"op": "adjust", "sku": "A-2", "location": "WH2", "delta": 5, "id": "first"},
        {"op": "adjust", "sku": "A-2", "location": "WH2", "delta": -900},
        {"op": "set", "sku": "A-2", "location": "WH2", "on_hand": 30, "expected_version": 1},
        {"op": "item", "sku": "B-1", "name": "By batch"},
        {"op": "reserve", "ttl_s": DAY_S,
         "lines": [{"sku": "A-2", "location": "WH2", "quantity": 1}]}], {}),
    ("batch-atomic", "POST", "/v1/batch?atomic=true", [
        {"op": "adjust", "sku": "A-2", "location": "WH2", "delta": 2},
        {"op": "transfer", "sku": "A-2", "from": "WH2", "to": "WH1", "quantity": 1}], {}),
    ("lease", "POST", "/v1/leases",
     {"rows": [ROW, HOT], "ttl_s": DAY_S, "purpose": "count"}, {}),
    ("async", "POST", "/v1/stock/A-2/WH2/adjust", {"delta": 4}, {"Prefer": "respond-async"}),
    ("withdrawn", "POST", "/v1/stock/A-4/WH2/adjust", {"delta": 4}, {"Prefer": "respond-async"}),
    ("noted", "POST", "/v1/stock/A-2/WH2/adjust",
     {"delta": 2, "reason": "found", "note": "behind the shelf"}, {}),
]
