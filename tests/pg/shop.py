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
import time

from cluster import Cluster, end_in_order, needs_postgres
from history import History  # noqa: F401
import books
from daemon import Daemon
from exceptions import Exceptions
from talk import Client, Closed, NoAnswer, wait_until  # noqa: F401
from tap import Tap

HERE = pathlib.Path(__file__).resolve().parent
CASE_S_MAX = 100
ANSWERED_S_MAX = 40  # of a client that asks again and again
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
        front = Daemon(self.rowlockd, self.uri(self.cluster),
                       ["--front-end", f"front{len(self.fronts)}", *self.flags])
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

    def check_books(self, cluster=None):
        """`cluster`: that has taken the place of the first one."""
        cluster = cluster or self.cluster
        with cluster.session(SCHEMA) as session:
            wrong = books.check_shared(session.run)
            assert wrong is None, wrong
        assert cluster.deadlocks() == 0

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


class Load:
    """Clients that take units, one at a time, each with a key that is its reference in the ledger,
    too; whoever got no answer, or one that leaves open what happened, asks again with that key, at
    whichever front end it is sent to. So in the end each key has one effect and one answer.

        with Load(shop, 16, ["A-1"]) as load:    # until the end of this
            load.wait(1, since, limit_s=10)      # somebody was answered by that front end
        load.prove()
    """

    def __init__(self, shop, clients, skus):
        self.shop, self.skus, self.is_over = shop, skus, False
        self.fronts = [n % len(shop.fronts) for n in range(clients)]  # of each client
        self.answers = {}   # key -> its movement's (seq, version)
        self.when = [[] for _ in shop.fronts]  # was somebody answered by that front end
        self.repeats = 0
        self.news = threading.Condition()
        self.troubles = []
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True)
                        for number in range(clients)]

    def left_to(self, front):
        """All clients go to this one."""
        self.fronts = [front] * len(self.fronts)

    def _run(self, number):
        try:
            for n in range(1_000_000):
                if self.is_over:
                    return
                self._take(number, f"k-{number}-{n}", self.skus[(number + n) % len(self.skus)])
        except BaseException as trouble:
            self.troubles.append(trouble)

    def _take(self, number, key, sku):
        deadline = time.monotonic() + ANSWERED_S_MAX
        while True:
            front = self.fronts[number]
            movement = self._ask(front, key, sku)
            if movement:
                break
            assert time.monotonic() < deadline, f"{key}: no answer within {ANSWERED_S_MAX} s"
            self.repeats += 1
            time.sleep(0.02)  # as a client that is told to come again
        with self.news:
            self.answers[key] = (movement["seq"], movement["version"])
            self.when[front].append(time.monotonic())
            self.news.notify_all()

    def _ask(self, front, key, sku):
        """Its movement, or None where what became of it is open, or was nothing."""
        client = Client(self.shop.fronts[front].port)
        try:
            answer = client.post(f"/v1/stock/{sku}/{LOCATION}/adjust?wait=20",
                                 {"delta": -1, "reference": key}, Idempotency_Key=key)
        except (Closed, NoAnswer, OSError):
            return None
        finally:
            client.close()
        if answer.status in (423, 500, 503):
            return None
        return expect(answer, 201).json()["movement"]

    def wait(self, front, since, limit_s):
        """How long after that moment somebody was answered by that front end."""
        def is_there():
            return self.troubles or self.when[front] and self.when[front][-1] > since
        with self.news:
            assert self.news.wait_for(is_there, limit_s), \
                f"nobody was answered within {limit_s} s\n{self.shop.fronts[front].last_words()}"
        self.raise_trouble()
        return next(at for at in self.when[front] if at > since) - since

    def wait_for(self, condition, limit_s):
        """Until the condition holds, of which there may be news with each answer."""
        with self.news:
            assert self.news.wait_for(lambda: self.troubles or condition(), limit_s), \
                f"not within {limit_s} s"
        self.raise_trouble()

    def raise_trouble(self):
        if self.troubles:
            raise self.troubles[0]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        for front in set(self.fronts):
            self.wait(front, 0, 10)
        return self

    def __exit__(self, kind, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join(ANSWERED_S_MAX)
        if kind is None:
            self.raise_trouble()

    def prove(self, session=None):
        """Every key has its effect, once, and the one that its client was told of."""
        with session or self.shop.session() as session:
            rows = session.run("SELECT reference, seq, version FROM movement"
                               " WHERE reference IS NOT NULL")
        ledger = {}
        for key, seq, version in rows:
            assert key not in ledger, f"{key} took effect twice: {ledger[key]}, {(seq, version)}"
            ledger[key] = (seq, version)
        for key, found in self.answers.items():
            assert ledger.get(key) == found, f"{key}: {ledger.get(key)}, answered was {found}"
        assert len(ledger) == len(self.answers), "somebody's change was never answered"


def _too_long(*_):
    raise AssertionError(f"not over within {CASE_S_MAX} s")


class _Case(Tap):
    """Keeps what came of one case."""

    def report(self, sentence, trouble=None):
        self.trouble = trouble


def run_cases(cases):
    """Each case: a sentence and a function of rowlockd. What cannot pass yet stands in
    not_yet.txt."""
    rowlockd, tap, case = pathlib.Path(sys.argv[1]).resolve(), Tap(), _Case()
    listed = Exceptions(HERE / "not_yet.txt", pathlib.Path(sys.argv[0]).resolve())
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
        case.run(sentence, function, rowlockd)
        signal.alarm(0)
        if case.trouble is None and listed.find(sentence) is not None:
            tap.report(sentence, "this is listed in not_yet.txt, and passes")
        else:
            listed.report(tap, sentence, case.trouble)
    sys.exit(tap.end())
