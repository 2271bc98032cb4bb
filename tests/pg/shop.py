"""shop - a few front ends over one database, and clients that ask any of them.

    with Shop(rowlockd, front_ends=4) as shop:
        shop.stock(["A-1"], 300)
        shop.client(0).get("/v1/stock/A-1/WH1")         # at the first front end
        with shop.session() as psql: ...
"""
import pathlib
import shutil
import signal
import sys
import tempfile
import threading

from cluster import Cluster, end_in_order, needs_postgres
from history import History  # noqa: F401
import books  # noqa: F401
from daemon import Daemon
from talk import Client
from tap import Tap

CASE_S_MAX = 100
SCHEMA = "shop"
LOCATION = "WH1"


class Shop:
    def __init__(self, rowlockd, front_ends=2, flags=(), options=None, uri=None):
        """`options`: of PostgreSQL. `uri`: a function of the cluster; what front ends are told."""
        self.rowlockd, self.count, self.flags = rowlockd, front_ends, list(flags)
        self.cluster = Cluster(rowlockd, options)
        self.uri = uri or (lambda cluster: cluster.store_uri(SCHEMA))
        self.fronts = []

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rowlock-shop-"))
        self.cluster.__enter__()
        try:
            for _ in range(self.count):
                self.add_front()
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            for front in self.fronts:
                front.__exit__(kind)
        finally:
            self.cluster.__exit__()
            shutil.rmtree(self.folder, ignore_errors=True)

    def add_front(self, start=True):
        front = Daemon(self.rowlockd, self.uri(self.cluster), self.flags)
        front.folder = str(self.folder)
        self.fronts.append(front)
        return front.start() if start else front

    def client(self, number=0):
        return Client(self.fronts[number % len(self.fronts)].port)

    def session(self, **named):
        return self.cluster.session(SCHEMA, **named)

    def stock(self, skus, units):
        client = self.client()
        expect(client.put(f"/v1/locations/{LOCATION}", {"name": "warehouse"}), 200, 201)
        for sku in skus:
            expect(client.put(f"/v1/items/{sku}", {"name": sku}), 200, 201)
            if units:
                expect(adjust(client, sku, units), 201)
        client.close()

    def metric(self, number, name):
        client = self.client(number)
        text = client.get("/metrics").body.decode()
        client.close()
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.split("{")[0].split(" ")[0] == name)


def expect(answer, *statuses):
    assert answer.status in statuses, answer
    return answer


def adjust(client, sku, delta, wait=60, **headers):
    return client.post(f"/v1/stock/{sku}/{LOCATION}/adjust?wait={wait}", {"delta": delta},
                       **headers)


def together(count, work):
    """work(number) by so many threads, begun at once. The first trouble of any is raised."""
    barrier, troubles = threading.Barrier(count), []

    def run(number):
        try:
            barrier.wait()
            work(number)
        except BaseException as trouble:
            troubles.append(trouble)
    threads = [threading.Thread(target=run, args=(number,), daemon=True)
               for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def _too_long(*_):
    raise AssertionError(f"not over within {CASE_S_MAX} s")


def run_cases(cases):
    """Each case: a sentence and a function of rowlockd."""
    rowlockd, tap = pathlib.Path(sys.argv[1]).resolve(), Tap()
    wanted = sys.argv[2:]
    reason = needs_postgres()
    end_in_order()
    signal.signal(signal.SIGALRM, _too_long)
    for sentence, function in cases:
        if wanted and function.__name__ not in wanted:
            continue
        if reason:
            tap.skip(sentence, reason)
            continue
        signal.alarm(CASE_S_MAX)
        tap.run(sentence, function, rowlockd)
        signal.alarm(0)
    sys.exit(tap.end())
