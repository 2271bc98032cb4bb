#!/usr/bin/env python3
"""cuts - connections to the database are cut around COMMIT, 200 times: every effect that somebody
was told of is there, once, and every one that is there was told of.

    cuts.py ROWLOCKD [CASE...]
"""
import os
import random

from proxy import MOMENTS, Proxy
from shop import Load, Shop, run_cases

CUTS = 200
CLIENTS = 24
ROWS = [f"A-{number}" for number in range(5)]


def commits_that_are_cut(rowlockd):
    seed = int(os.environ.get("SEED", random.randrange(1_000_000)))
    print(f"# SEED={seed}", flush=True)
    proxies = []

    def through_proxy(cluster):
        proxies.append(Proxy(cluster, random.Random(seed + len(proxies))).__enter__())
        return cluster.store_uri("shop", hosts=[proxies[-1].folder])

    with Shop(rowlockd, 2, uri=through_proxy) as shop:
        shop.stock(ROWS, 1_000_000)
        with Load(shop, CLIENTS, ROWS) as load:
            for proxy in proxies:
                proxy.cuts = CUTS // len(proxies)
            for proxy in proxies:
                proxy.wait_until_done(80)
        load.prove()
        shop.check_books()
        for moment in MOMENTS:
            assert sum(proxy.made[moment] for proxy in proxies) > 0, f"none was cut {moment}"
        print(f"# {len(load.answers)} changes, {load.repeats} asked for again", flush=True)
    for proxy in proxies:
        proxy.__exit__()


run_cases([
    ("200 cuts around COMMIT: every effect once", commits_that_are_cut),
])
