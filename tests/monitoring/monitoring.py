#!/usr/bin/env python3
"""monitoring - Debian's Prometheus watches a server with the files of docs/monitoring.

    tests/monitoring/monitoring.py ROWLOCKD

Without Prometheus (tests/monitoring/install fetches it) all of it is skipped.
"""
import contextlib
import json
import math
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(1, str(HERE / "build-debian/usr/lib/python3/dist-packages"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, wait_until  # noqa: E402

DOCS = HERE.parents[1] / "docs/monitoring"
RULES, DASHBOARD = DOCS / "rowlock.rules.yml", DOCS / "dashboard.json"
OPEN_METRICS = "application/openmetrics-text"
SCRAPED_S = 30     # so long it is watched at least
LIMIT_S = 120      # until then every expression has returned a sample
ANSWER_S_MAX = 10
BUSY_MS = 100      # how long a write waits for a store that another program holds
COMPARISON = re.compile(r"^(.+) (?:==|!=|<=|>=|<|>) [-+.e\d]+$", re.S)

# What makes each alert fire, by itself: series as promtool writes them, a value a minute.
SERVER = 'job="rowlock",instance="a"'
FIRES = {
    "RowlockDown": {"up": "0x200"},
    "RowlockNotReady": {"rowlock_ready": "0x200"},
    "RowlockStoreDamaged": {"rowlock_store_is_damaged": "1x200"},
    "RowlockBooksDoNotBalance": {"rowlock_verify_findings": "3x200"},
    "RowlockRecordsMakeNoSense": {"rowlock_store_damaged_total": "0+1x200"},
    "RowlockGroupsFail": {"rowlock_groups_failed_total": "0+1x200"},
    "RowlockDiskAlmostFull": {"rowlock_store_free_bytes": "1000000x200"},
    "RowlockDiskFillsUp": {"rowlock_store_free_bytes": "900000000000-1000000000x200"},
    "RowlockSpoolAlmostFull": {"rowlock_spool_free_bytes": "1000000x200"},
    "RowlockFlushSlow": {'rowlock_flush_seconds_bucket{le="0.1"}': "0x200",
                         'rowlock_flush_seconds_bucket{le="0.5"}': "0+10x200",
                         'rowlock_flush_seconds_bucket{le="+Inf"}': "0+10x200"},
    "RowlockLockWaitLong": {'rowlock_lock_wait_seconds_bucket{le="1.0"}': "0x200",
                            'rowlock_lock_wait_seconds_bucket{le="2.5"}': "0+10x200",
                            'rowlock_lock_wait_seconds_bucket{le="+Inf"}': "0+10x200"},
    "RowlockWritesTimeOut": {"rowlock_wait_timeouts_total": "0+60x200"},
    "RowlockErrors": {'rowlock_requests_total{route="batch",status="503"}': "0+60x200"},
    "RowlockStoreHeldByOther": {"rowlock_store_busy_total": "0+1x200"},
    "RowlockLogGrows": {"rowlock_wal_bytes": "300000000x200"},
    "RowlockClockOff": {"rowlock_clock_ahead_seconds": "-60x200"},
    "RowlockFilesRunOut": {"process_open_fds": "950x200", "process_max_fds": "1000x200"},
    "RowlockConnectionsNotTaken": {"rowlock_accept_pauses_total": "0+1x200"},
    "RowlockRestarts": {"process_start_time_seconds": "0+100x200"},
    "RowlockLoginsFail": {"rowlock_logins_failed_total": "0+60x200"},
    "RowlockThreadLate": {"rowlock_threads_late_total": "0+1x200"},
}
IS_WELL = {
    "up": "1x200", "rowlock_ready": "1x200", "rowlock_store_is_damaged": "0x200",
    "rowlock_verify_findings": "0x200", "rowlock_store_damaged_total": "2x200",
    "rowlock_groups_failed_total": "2x200",
    "rowlock_store_free_bytes": "900000000000-1000000x200",
    "rowlock_spool_free_bytes": "90000000000x200",
    'rowlock_flush_seconds_bucket{le="0.1"}': "0+10x200",
    'rowlock_flush_seconds_bucket{le="+Inf"}': "0+10x200",
    'rowlock_lock_wait_seconds_bucket{le="1.0"}': "0x200",  # nobody writes: no quantile
    'rowlock_lock_wait_seconds_bucket{le="+Inf"}': "0x200",
    "rowlock_wait_timeouts_total": "0+1x200",
    'rowlock_requests_total{route="batch",status="503"}': "0+1x200",
    'rowlock_requests_total{route="batch",status="200"}': "0+6000x200",
    "rowlock_store_busy_total": "2x200", "rowlock_wal_bytes": "40000000x200",
    "rowlock_clock_ahead_seconds": "-2x200", "process_open_fds": "100x200",
    "process_max_fds": "1000x200", "rowlock_accept_pauses_total": "2x200",
    "process_start_time_seconds": "100x200", "rowlock_logins_failed_total": "0+2x200",
    "rowlock_threads_late_total": "2x200",
}


def program(name):
    """Where the program is, or None."""
    unpacked = HERE / "build-debian/usr/bin" / name
    return str(unpacked) if unpacked.exists() else shutil.which(name)


def run(*command, said=""):
    """What it says, on either stream; it must end with 0."""
    done = subprocess.run([str(word) for word in command], input=said, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                          check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---------------------------------------------------------------- what is watched

class Holder(Client):
    """A client with a token."""

    def __init__(self, port, token):
        super().__init__(port)
        self.token = token

    def request(self, method, path, body=None, **headers):
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return super().request(method, path, body, **headers)


class Shop:
    """A server, and what is done there for as long as the block runs: a bit of everything."""

    def __init__(self, rowlockd, folder):
        self.rowlockd, self.folder = rowlockd, pathlib.Path(folder)
        self.store = self.folder / "store.db"
        self.token = self.add_token("till", "admin").read_text(encoding="ascii").strip()
        self.server = Daemon(rowlockd, self.store, ["--store-busy-ms", str(BUSY_MS)])
        self.trouble = []
        self.over = threading.Event()

    def add_token(self, name, role):
        """The file that it is in."""
        path = self.folder / f"{name}.token"
        path.write_text(subprocess.check_output(
            [self.rowlockd, "token", "add", name, "--role", role, "--store", self.store],
            text=True, stderr=subprocess.DEVNULL), encoding="ascii")
        return path

    def revoke(self, name):
        run(self.rowlockd, "token", "revoke", name, "--store", self.store)

    def client(self):
        return Holder(self.server.port, self.token)

    def metrics(self, accept=None):
        answer = self.client().get("/metrics", Accept=accept or "*/*")
        assert answer.status == 200, answer
        return answer.body.decode()

    def fill(self):
        lines = [{"op": "location", "location": "WH1", "name": "Shelf"}]
        for n in range(50):
            lines += [{"op": "item", "sku": f"A-{n}", "name": "Bolt"},
                      {"op": "adjust", "sku": f"A-{n}", "location": "WH1", "delta": 1000000}]
        total = self.client().post("/v1/batch?results=none", lines).json()[-1]
        assert total["failed"] == 0, total

    def sell(self, client):
        """Of one row, as all others do; now and then what is refused, and what was done before."""
        for n in range(20):
            client.post("/v1/stock/A-1/WH1/adjust", {"delta": -1})
            client.get(f"/v1/stock/A-{n}/WH1")
        client.post("/v1/stock/A-2/WH1/adjust", {"delta": -2000000})
        client.post("/v1/stock/A-3/WH1/adjust", {"delta": -1}, Idempotency_Key="again")
        client.get("/v1/movements?limit=100")
        client.get("/v1/items", Authorization="Bearer none")
        client.post("/v1/batch", [{"op": "adjust", "sku": "A-4", "location": "WH1", "delta": -1}])
        self.over.wait(0.05)  # others want the machine, too

    def hold(self):
        """Another program has the store for longer than a write waits."""
        with contextlib.closing(sqlite3.connect(self.store, isolation_level=None)) as program_:
            program_.execute("BEGIN IMMEDIATE")
            answer = self.client().post("/v1/stock/A-1/WH1/adjust", {"delta": -1})
            assert answer.status == 503, answer
            program_.execute("ROLLBACK")

    def _again(self, doing):
        try:
            client = self.client()
            while not self.over.is_set():
                doing(client)
        except Exception as error:  # whatever it was, the case must fail
            self.trouble.append(repr(error))

    @contextlib.contextmanager
    def open(self):
        self.over.clear()
        threads = [threading.Thread(target=self._again, args=(self.sell,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        assert not self.trouble, self.trouble[0]


# ---------------------------------------------------------------- who watches

class Prometheus:
    """With the configuration of docs/monitoring, and a token of role reader in the file there."""

    def __init__(self, folder, target, token):
        self.port = free_port()
        self.folder = pathlib.Path(folder)
        text = (DOCS / "prometheus.yml").read_text(encoding="utf-8")
        for was, is_now in [("127.0.0.1:8080", f"127.0.0.1:{target}"), (": 15s", ": 1s"),
                            ("rowlock.rules.yml", str(RULES)),
                            ("# authorization:", "authorization:"),
                            ("/etc/prometheus/rowlock.token", str(token))]:
            assert was in text, was
            text = text.replace(was, is_now)
        self.configuration = self.folder / "prometheus.yml"
        self.configuration.write_text(text, encoding="utf-8")
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [program("prometheus"), f"--config.file={self.configuration}",
             f"--storage.tsdb.path={self.folder / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.folder / "prometheus.log", "wb"))
        try:
            wait_until(self.is_ready, "Prometheus", LIMIT_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(ANSWER_S_MAX)

    def is_ready(self):
        assert self.process.poll() is None, (self.folder / "prometheus.log").read_text()
        with contextlib.suppress(OSError):
            self.ask("/-/ready")
            return True
        return False

    def ask(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=ANSWER_S_MAX) as answer:
            return answer.read()

    def data(self, path, **parameters):
        return json.loads(self.ask(f"/api/v1/{path}", **parameters))["data"]

    def rules(self):
        return [rule for group in self.data("rules")["groups"] for rule in group["rules"]]

    def sample(self, expression):
        """The first that is a number, or None."""
        values = [float(one["value"][1])
                  for one in self.data("query", query=expression)["result"]]
        return next((value for value in values if not math.isnan(value)), None)


def panels():
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def panel_expressions(job, instance):
    for panel in panels():
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "1m")
            expression = expression.replace("$job", job).replace("$instance", instance)
            assert "$" not in expression, expression
            yield f"{panel['title']}: {expression}", expression


def without_threshold(rule):
    found = COMPARISON.match(rule["query"])
    assert found, f"{rule['name']} does not end in a comparison: {rule['query']}"
    return found[1]


# ---------------------------------------------------------------- the cases

def promtool_has_no_word(shop):
    said = run(program("promtool"), "check", "metrics", said=shop.metrics())
    assert said == "", said


def samples_of(text):
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}


def open_metrics_is_read(shop):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
    text = shop.metrics(OPEN_METRICS)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name, kind in [("rowlock_build", "info"), ("rowlock_movements", "counter"),
                       ("rowlock_flush_seconds", "histogram"), ("rowlock_ready", "gauge"),
                       ("process_cpu_seconds", "counter")]:
        assert families[name].type == kind, families[name]
    assert families["process_resident_memory_bytes"].unit == "bytes"
    assert samples_of(text) == samples_of(shop.metrics())


def the_files_are_right(prometheus, folder):
    """As they are, for a server without tokens, too."""
    run(program("promtool"), "check", "config", str(prometheus.configuration))
    path = pathlib.Path(folder, "without_token.yml")
    text = (DOCS / "prometheus.yml").read_text(encoding="utf-8")
    path.write_text(text.replace("rowlock.rules.yml", str(RULES)), encoding="utf-8")
    run(program("promtool"), "check", "config", str(path))


def each_alert_fires(prometheus, folder):
    names = {rule["name"] for rule in prometheus.rules()}
    assert names == set(FIRES), names ^ set(FIRES)

    def case(series, fires):
        return {"interval": "1m",
                "input_series": [{"series": name.replace("{", f"{{{SERVER},") if "{" in name
                                  else f"{name}{{{SERVER}}}", "values": values}
                                 for name, values in series.items()],
                "promql_expr_test": [{
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "90m",
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1}
                                    for name in fires]}]}

    tests = {"rule_files": [str(RULES)], "evaluation_interval": "1m",
             "tests": [case(IS_WELL, []), *(case(FIRES[name], [name]) for name in FIRES)]}
    path = pathlib.Path(folder, "rules_test.yml")
    path.write_text(json.dumps(tests), encoding="utf-8")  # JSON is YAML, too
    run(program("promtool"), "test", "rules", str(path))


def the_dashboard_is_whole():
    taken, ids = set(), set()
    for panel in panels():
        at = panel["gridPos"]
        places = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                  for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not places & taken, panel["title"]
        assert panel["id"] not in ids, panel["title"]
        assert panel["type"] == "row" or panel["description"] and panel["targets"], panel["title"]
        taken |= places
        ids.add(panel["id"])


def every_expression_returns(shop, prometheus):
    """While a shop is open, pauses, in which the log is copied, and is open again."""
    instance = f"127.0.0.1:{shop.server.port}"
    wanted = [(f"{rule['name']}: {rule['query']}", without_threshold(rule))
              for rule in prometheus.rules()]
    wanted += panel_expressions("rowlock", instance)
    begun = time.monotonic()

    def those_that_return_nothing():
        return [(what, expression) for what, expression in wanted
                if prometheus.sample(expression) is None]

    with shop.open():
        wait_until(lambda: prometheus.sample("up") == 1.0, "a scrape", LIMIT_S)
        shop.hold()
    wait_until(lambda: "rowlock_wal_bytes 0\n" in shop.metrics(), "an empty log", LIMIT_S)
    with shop.open():
        while wanted and time.monotonic() < begun + LIMIT_S:
            wanted = those_that_return_nothing()
            shop.over.wait(0.5)
        shop.over.wait(max(0.0, begun + SCRAPED_S - time.monotonic()))
    assert not wanted, "\n".join(what for what, _ in wanted)


def nothing_was_missed(prometheus):
    """Every scrape succeeded, every rule was evaluated, and who held the store was told of."""
    assert prometheus.sample("min_over_time(up[10m])") == 1.0
    assert prometheus.sample("count_over_time(up[10m])") >= SCRAPED_S / 2
    for rule in prometheus.rules():
        assert rule["health"] == "ok", rule
    firing = {alert["labels"]["alertname"] for alert in prometheus.data("alerts")["alerts"]
              if alert["state"] == "firing"}
    assert "RowlockStoreHeldByOther" in firing, firing
    assert not firing & {"RowlockDown", "RowlockNotReady", "RowlockRestarts"}, firing


def without_its_token_nothing_is_seen(shop, prometheus):
    """Its end is no success: up is 0. It is seen again with another one in the same file."""
    shop.revoke("prometheus")
    wait_until(lambda: prometheus.sample("up") == 0.0, "a scrape without a token", LIMIT_S)
    shop.add_token("prometheus-2", "reader").replace(shop.folder / "prometheus.token")
    wait_until(lambda: prometheus.sample("up") == 1.0, "a scrape with another token", LIMIT_S)


def main(rowlockd):
    if not (program("prometheus") and program("promtool")):
        print("1..0 # SKIP there is no Prometheus: tests/monitoring/install")
        return 0
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-monitoring-") as folder:
        shop = Shop(rowlockd, folder)
        token = shop.add_token("prometheus", "reader")
        with shop.server, Prometheus(folder, shop.server.port, token) as prometheus:
            shop.fill()
            tap.run("promtool has no word to say about the metrics", promtool_has_no_word, shop)
            tap.run("the Python client reads OpenMetrics, with the same samples",
                    open_metrics_is_read, shop)
            tap.run("the configuration and the rules are right", the_files_are_right, prometheus,
                    folder)
            tap.run("each alert fires where it should, and no other one", each_alert_fires,
                    prometheus, folder)
            tap.run("no panel lies on another, each is explained", the_dashboard_is_whole)
            tap.run("every rule and every panel returns a sample", every_expression_returns,
                    shop, prometheus)
            tap.run("no scrape failed, and an alert is told of", nothing_was_missed, prometheus)
            tap.run("a token that has ended is seen, and so is the next one",
                    without_its_token_nothing_is_seen, shop, prometheus)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
