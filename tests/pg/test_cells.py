#!/usr/bin/env python3
"""test_cells - stores that are one of several: docs/cells.md.

    test_cells.py ROWLOCKD ROWLOCK          as TAP

Two schemas of one database, a rowlockd for each, and in front of them the router of docs/cells.md,
run by Debian's nginx; where there is none its cases are skipped. Of that text only the port, the
certificate and the servers' addresses are put in.

Citus is not among Debian's packages. What a front end does otherwise where it is there is looked at
with an extension of its name that somebody has only written down.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import cluster
from cluster import Cluster
from shop import Daemon, Shop, Tap, wait_until
from talk import Client
from test_opening import refuses

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "proxy"))

import proxies  # noqa: E402

HOST = proxies.HOST
CELLS = ["north", "south"]
LIMIT_S = 60
TYPED = r"<!-- test: catalogue -->\s*\n```sh\n(.*?)```"

# ---------------------------------------------------------------- Citus, or what looks like it

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


# What Citus notes of where a table is: here, the node of group 7.
CATALOGUE = ["SET allow_system_table_mods = on",
             "CREATE TABLE pg_catalog.pg_dist_local_group (groupid integer)",
             "CREATE TABLE pg_catalog.pg_dist_shard (shardid bigint, logicalrelid regclass)",
             "CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid integer)",
             "GRANT SELECT ON pg_dist_local_group, pg_dist_shard, pg_dist_placement TO PUBLIC",
             "INSERT INTO pg_dist_local_group VALUES (7)"]
OTHER_NODE = "name that node in the address"


def early_is_of_the_cells_own_node(rowlockd):
    """Whatever else is there, a store of `commit` is served, and so is one whose rows are here."""
    with Cluster(rowlockd) as database:
        uri = database.store_uri("cell")
        with Daemon(rowlockd, uri):
            pass
        with database.session("cell", user="postgres") as session:
            session.run("SET rowlock.service = on")
            for statement in CATALOGUE:
                session.run(statement)
            for has_citus in (False, True):
                if has_citus:
                    session.run(FAKE)
                for release in ("commit", "early"):
                    session.run("UPDATE store SET row_release = $1", release)
                    for groups in ([], [7], [8], [8, 7]):  # [] is of a schema that was not placed
                        session.run("DELETE FROM pg_dist_shard")
                        session.run("DELETE FROM pg_dist_placement")
                        if groups:
                            session.run("INSERT INTO pg_dist_shard VALUES (1, 'movement')")
                        for group in groups:
                            session.run("INSERT INTO pg_dist_placement VALUES (1, $1)", group)
                        if has_citus and release == "early" and groups == [8]:
                            refuses(rowlockd, uri, 78, OTHER_NODE)
                        else:
                            with Daemon(rowlockd, uri):
                                pass


# ---------------------------------------------------------------- two cells and their router


class Router(proxies.Nginx):
    NAMES = [HOST, *(f"{cell}.{HOST}" for cell in CELLS)]
    ADDRESS = (r"127\.0\.0\.1:8081", "127.0.0.1:{server_port}")
    CHANGES = [(r"127\.0\.0\.1:8082", "127.0.0.1:{second_port}"), *proxies.Nginx.CHANGES]

    def __init__(self, folder, recipe, ports):
        self.second_port = ports[1]
        super().__init__(folder, recipe, ports[0])


class Site:
    """Both cells, with one token that is good at both."""

    def __init__(self, rowlockd, rowlock, page):
        self.rowlockd, self.page = rowlockd, page
        self.client_folder = pathlib.Path(rowlock).resolve().parent
        self.open = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as made:
            self.folder = pathlib.Path(made.enter_context(tempfile.TemporaryDirectory()))
            self.database = made.enter_context(Cluster(self.rowlockd))
            self.token_file = self.folder / "token"
            self.cells = {}
            for cell in CELLS:
                uri = self.database.store_uri(cell)
                self.give_token(uri)
                self.cells[cell] = made.enter_context(
                    Daemon(self.rowlockd, uri,
                           ["--demo", "--front-end", cell, "--host-name", f"{cell}.{HOST},{HOST}",
                            "--listen", f"127.0.0.1:{proxies.free_port()}"]))
            recipe = re.search(proxies.RECIPE.format("cells"), self.page, re.DOTALL)[1]
            ports = [self.cells[cell].port for cell in CELLS]
            self.router = Router(self.folder, recipe, ports)
            made.callback(self.router.close)
            self.open = made.pop_all()
        return self

    def __exit__(self, *_):
        self.open.close()

    def give_token(self, uri):
        """To the second one that of the first."""
        is_first = not self.token_file.exists()
        words = [] if is_first else ["--from-file", self.token_file]
        said = subprocess.run([self.rowlockd, "token", "add", "shop", "--role", "admin", "--store",
                               uri, *words], check=True, capture_output=True, text=True).stdout
        if is_first:
            self.token_file.touch(0o600)
            self.token_file.write_text(said)

    def url(self, name, path):
        return f"https://{name}:{self.router.port}{path}"

    def curl_words(self, *words, with_token=True):
        command = ["curl", "-sS", "--noproxy", "*", "--path-as-is", "--max-time", str(LIMIT_S),
                   "--cacert", self.router.certificate, "--resolve",
                   f"*:{self.router.port}:127.0.0.1"]
        if with_token:
            command += ["-H", f"Authorization: Bearer {self.token_file.read_text().strip()}"]
        return [*command, *words]

    def curl(self, *words, **more):
        found = subprocess.run(self.curl_words(*words, **more), capture_output=True, text=True,
                               timeout=LIMIT_S + 10)
        assert found.returncode == 0, (found, self.router.lines[-5:])
        return found.stdout

    def status(self, *words, **more):
        return self.curl("-o", "/dev/null", "-w", "%{http_code}", *words, **more)

    def ways(self, cell, path):
        """To the same place: by the host's name, and by the path."""
        return [self.url(f"{cell}.{HOST}", path), self.url(HOST, f"/cells/{cell}{path}")]

    def on_hand(self, cell, sku="A-1", location="WH1"):
        with self.database.session(cell) as session:
            return session.value("SELECT on_hand FROM v_stock WHERE sku = $1 AND location = $2",
                                 sku, location)


def each_cell_has_its_own(site):
    for number, cell in enumerate(CELLS):
        other = CELLS[1 - number]
        for delta, url in enumerate(site.ways(cell, "/v1/stock/A-1/WH1/adjust"), 1):
            before, others = site.on_hand(cell), site.on_hand(other)
            for version in ("--http1.1", "--http2"):
                assert site.status(version, "-d", f'{{"delta":{delta}}}', url) == "201"
            assert site.on_hand(cell) == before + 2 * delta
            assert site.on_hand(other) == others
        for url in site.ways(cell, "/v1/verify"):
            assert json.loads(site.curl(url))["ok"] is True


def the_path_arrives_as_it_was_sent(site):
    for cell in CELLS:
        for url in site.ways(cell, "/v1/items/A%2F1"):
            said = site.curl("-w", "\n%{http_code}", url)
            assert said.endswith("\n400") and "invalid-path" in said, said
        for url in site.ways(cell, "/v1/items/%41-1?"):
            assert json.loads(site.curl(url))["sku"] == "A-1"


def nobody_answers_for_no_cell(site):
    for url in (site.url(HOST, "/v1/items/A-1"), site.url(HOST, "/cells/west/v1/items/A-1"),
                site.url(HOST, "/cells/northern/v1/items/A-1"), site.url(HOST, "/")):
        assert site.status(url) == "404", url
    # One word more than the name of a host: the cell itself knows no such path.
    assert site.status(site.url(f"north.{HOST}", "/cells/south/v1/items/A-1")) == "404"
    assert site.status(site.url(HOST, "/cells/north/../south/v1/items/A-1")) in ("400", "404")
    for url in site.ways("north", "/v1/items/A-1"):
        assert site.status(url, with_token=False) == "401"
        assert site.status("-H", "X-Forwarded-User: boss", url) == "200"


def where_it_was_made_is_said(site):
    for number, prefix in enumerate(["", "/cells/north"]):
        url = site.ways("north", f"/v1/items/NEW-{number}")[number]
        said = site.curl("-i", "-X", "PUT", "-d", '{"name":"New"}', url)
        found = re.search(r"(?im)^location: (\S+)", said)
        path = f"{prefix}/v1/items/NEW-{number}"
        assert found and re.sub(r"^https://[^/]+", "", found[1]) == path, said


def a_feed_is_of_one_cell(site):
    for number in range(2):
        url = site.ways("south", "/v1/changes?after=latest")[number]
        stream = subprocess.Popen(site.curl_words("-N", "-H", "Accept: text/event-stream", url),
                                  stdout=subprocess.PIPE, text=True)
        try:
            direct = Client(site.cells["south"].port)
            head = {"Authorization": f"Bearer {site.token_file.read_text().strip()}"}
            wait_until(lambda: b"\nrowlock_feed_subscribers 1\n" in
                       direct.request("GET", "/metrics", **head).body, "it follows")
            for cell, delta in (("north", 70), ("south", 80)):
                site.status("-d", f'{{"delta":{delta}}}',
                            site.ways(cell, "/v1/stock/A-2/WH1/adjust")[number])
            for line in stream.stdout:
                assert '"on_hand_delta":70' not in line, line
                if line.startswith("data: ") and '"on_hand_delta":80' in line:
                    break
            else:
                raise AssertionError("the stream has ended")
        finally:
            stream.kill()
            stream.wait()
            stream.stdout.close()
        wait_until(lambda: b"\nrowlock_feed_subscribers 0\n" in
                   direct.request("GET", "/metrics", **head).body, "it follows no longer")


def cookie_of(site, url, origin):
    said = site.curl("-i", "-X", "POST", "-H", f"Origin: {origin}", url)
    assert " 200" in said.splitlines()[0] or " 201" in said.splitlines()[0], said
    found = re.search(r"(?im)^set-cookie: (__Host-rowlock=[^;]+); Path=/;", said)
    return found and found[1]


def the_page_is_by_name(site):
    origin = f"https://north.{HOST}:{site.router.port}"
    by_name, by_path = site.ways("north", "/")
    said = site.curl("-H", "Accept: text/html", by_name, with_token=False)
    assert "<title>Rowlock" in said, said[:300]
    names = re.findall(r'(?:src|href)="(/ui/[^"]+)"', said)
    assert names
    for name in names:
        assert site.status(f"{origin}{name}", with_token=False) == "200", name
        assert site.status(site.url(HOST, name), with_token=False) == "404", name
    by_name, by_path = site.ways("north", "/v1/session")
    cookie = cookie_of(site, by_name, origin)
    assert cookie
    own = ("-H", f"Cookie: {cookie}")
    assert json.loads(site.curl(*own, by_name, with_token=False))["by"] == "session"
    # It is signed by this cell's key, and the browser sends it to this host alone.
    other = site.url(f"south.{HOST}", "/v1/session")
    assert json.loads(site.curl(*own, other, with_token=False))["by"] == "nothing"
    # By the path there is none to be had, and none counts.
    assert cookie_of(site, by_path, f"https://{HOST}:{site.router.port}") is None
    assert json.loads(site.curl(*own, by_path, with_token=False))["by"] == "nothing"


def environment_of(site, tunnel):
    return {"PATH": f"{site.client_folder}:{os.environ['PATH']}",
            "ROWLOCK_TOKEN": site.token_file.read_text().strip(),
            "ROWLOCK_CA": str(site.router.certificate),
            "https_proxy": f"http://127.0.0.1:{tunnel.server_address[1]}"}


def the_command_line_by_both_ways(site):
    with proxies.Tunnel() as tunnel:
        for cell in CELLS:
            for server in site.ways(cell, ""):
                for words in (["status"], ["stock", "A-1"], ["adjust", "A-1", "WH1", "1"],
                              ["changes", "--after", "1", "--limit", "2"]):
                    before = site.on_hand(cell)
                    ran = subprocess.run(["rowlock", *words, "--server", server],
                                         env=environment_of(site, tunnel), capture_output=True,
                                         stdin=subprocess.DEVNULL, text=True, timeout=LIMIT_S)
                    assert ran.returncode == 0, (server, words, ran)
                    assert site.on_hand(cell) == before + (words[0] == "adjust"), server


def a_catalogue_for_all(site):
    """As it is typed; twice, and with a cell that has been down meanwhile."""
    text = re.search(TYPED, site.page, re.DOTALL)[1]
    assert text.count(f".{HOST}") == 1, text
    text = text.replace(f".{HOST}", f".{HOST}:{site.router.port}")
    lines = re.findall(r'(?m)^    (\{"op":"(?:item|location)".*\})$', site.page)
    assert len(lines) == 2, lines
    lines[0] = lines[0].replace("MUG-BLUE", "MUG-GREEN")  # the demo has the blue one
    (site.folder / "catalogue.ndjson").write_text("".join(f"{line}\n" for line in lines))
    with proxies.Tunnel() as tunnel:
        def send():
            return subprocess.run(["bash", "-c", text], cwd=site.folder, capture_output=True,
                                  env=environment_of(site, tunnel), stdin=subprocess.DEVNULL,
                                  text=True, timeout=LIMIT_S)
        site.cells["south"].stop()
        ran = send()
        assert ran.returncode != 0, ran
        site.cells["south"].start()
        for _ in range(2):
            ran = send()
            assert ran.returncode == 0, ran
    for cell in CELLS:
        with site.database.session(cell) as session:
            assert session.run("SELECT name, version FROM item WHERE sku = 'MUG-GREEN'") \
                == [("Mug, blue", 1)], cell
            assert session.value("SELECT name FROM location WHERE code = 'WH9'") == "Harbour"


CASES = [("each cell has stock of its own, by name and by path", each_cell_has_its_own),
         ("the path arrives as it was sent", the_path_arrives_as_it_was_sent),
         ("nobody answers where no cell is named", nobody_answers_for_no_cell),
         ("where a thing was made is said as it was asked for", where_it_was_made_is_said),
         ("a feed is of one cell", a_feed_is_of_one_cell),
         ("the page and its login are by the host's name alone", the_page_is_by_name),
         ("the command line by both ways", the_command_line_by_both_ways),
         ("a catalogue is sent to all", a_catalogue_for_all)]


def main(rowlockd, rowlock):
    tap, reason = Tap(), cluster.needs_postgres()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    cluster.end_in_order()
    rowlockd = pathlib.Path(rowlockd).resolve()
    tap.run("in a cell of Citus no plan is made without what it is for",
            plans_are_made_for_the_engine, rowlockd)
    tap.run("rows that pass on early are those of the node that is asked",
            early_is_of_the_cells_own_node, rowlockd)
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        for sentence, _ in CASES:
            tap.skip(sentence, "no nginx here: tests/run --all installs it")
        return tap.end()
    with Site(rowlockd, rowlock, (ROOT / "docs" / "cells.md").read_text()) as site:
        for sentence, case in CASES:
            tap.run(sentence, case, site)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
