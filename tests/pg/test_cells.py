#!/usr/bin/env python3
"""test_cells - stores that are one of several: docs/cells.md.

    test_cells.py ROWLOCKD          as TAP

Citus is not among Debian's packages. What a front end does otherwise where it is there is looked at
with an extension of its name that somebody has only written down.
"""
import re

from shop import Shop, run_cases

# What each session has set is asked by a policy, which sees whoever reads an item.
TELL = ["""CREATE FUNCTION tell() RETURNS boolean LANGUAGE plpgsql AS $$
           BEGIN
               RAISE LOG 'plans: %', current_setting('plan_cache_mode');
               RETURN true;
           END $$""",
        "ALTER TABLE item ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE item FORCE ROW LEVEL SECURITY",
        "CREATE POLICY tell ON item USING (tell())"]
FAKE = """
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (99999, 'citus', 10, 11, false, '13.2-2')"""


def plans_of(shop):
    """By what a session is for: how it makes its plans."""
    client = shop.client(0)
    assert client.get("/v1/items/A-1").status == 200
    answer = client.post("/v1/stock/A-1/WH1/adjust", {"delta": 1})
    assert answer.status == 201, answer
    found = re.findall(r"rowlockd (writes|reads) \S+ LOG: +plans: (\w+)",
                       "\n".join(shop.cluster.lines))
    return set(found)


def plans_are_made_for_the_engine(rowlockd):
    for script, plans in (("", "force_generic_plan"), (FAKE, "auto")):
        with Shop(rowlockd, front_ends=1) as shop:
            shop.stock(["A-1"], 10)
            with shop.session() as session:
                for statement in TELL:
                    session.run(statement)
            if script:
                with shop.cluster.session(user="postgres") as session:
                    session.run(script)
            shop.fronts[0].restart()
            found = plans_of(shop)
            assert found == {("writes", plans), ("reads", plans)}, (found, shop.cluster.lines[-5:])


if __name__ == "__main__":
    run_cases([
        ("in a cell of Citus no plan is made without what it is for",
         plans_are_made_for_the_engine),
    ])
