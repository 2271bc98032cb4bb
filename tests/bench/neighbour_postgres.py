"""neighbour_postgres - the same update as one prepared statement in PostgreSQL, driven by pgbench.

A cluster of its own, made by initdb in the benchmark's folder, on TCP on 127.0.0.1, like ours. The
settings are PostgreSQL's own (fsync and synchronous_commit are on), but for shared_buffers. It
refuses to run as root: then it runs as the user `postgres`.
"""
import os
import pathlib
import re
import shutil
import subprocess

import cpu
import load
import servers
from trouble import Broken

NAME = "PostgreSQL"
PACKAGES = ["postgresql-15"]
PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
ROWS = 1000
THREADS = 2  # of pgbench: one is enough for 30,000 transactions a second, and not for more
OVERTIME_S_MAX = 120
SHARED_BUFFERS = "256MB"
SCHEMA = f"""
CREATE TABLE stock (id integer PRIMARY KEY, on_hand bigint NOT NULL CHECK (on_hand >= 0),
    version bigint NOT NULL);
CREATE TABLE movement (seq bigserial PRIMARY KEY, stock_id integer NOT NULL, delta bigint NOT NULL,
    on_hand bigint NOT NULL, version bigint NOT NULL, reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now());
INSERT INTO stock SELECT i, 1000000000, 0 FROM generate_series(1, {ROWS}) i;
VACUUM ANALYZE stock;
"""
ADJUST = r"""\set row random(1, :rows)
WITH changed AS (
    UPDATE stock SET on_hand = on_hand - 1, version = version + 1
    WHERE id = :row AND on_hand >= 1 RETURNING id, on_hand, version)
INSERT INTO movement (stock_id, delta, on_hand, version, reason)
SELECT id, -1, on_hand, version, 'adjust' FROM changed;
"""
WORKS = {"uniform.lua": ROWS, "hot.lua": 1}
RATE = re.compile(r"^tps = ([\d.]+) \(without initial connection time\)", re.M)
PROCESSED = re.compile(r"^number of transactions actually processed: (\d+)", re.M)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.M)


def missing():
    return [] if (PROGRAMS / "initdb").exists() and (PROGRAMS / "pgbench").exists() else PACKAGES


def versions():
    for program in ("postgres", "pgbench"):
        said = subprocess.run([PROGRAMS / program, "--version"], capture_output=True,
                              text=True).stdout
        yield f"{program} {re.search(r'[0-9]+[.][0-9]+', said)[0]}"


def settings():
    return f"fsync on, synchronous_commit on, shared_buffers {SHARED_BUFFERS}, else its own;" \
           " pgbench -M prepared"


def parse(text):
    """(the run, how many were processed): pgbench names no quantile."""
    rate, processed, failed = (p.search(text) for p in (RATE, PROCESSED, FAILED))
    if not processed or not failed or (not rate and int(processed[1]) > 0):
        raise Broken(f"pgbench said something else:\n{text}")
    answers = {"2xx 3xx": int(processed[1]), "4xx 5xx": int(failed[1])}
    return load.Run(float(rate[1]) if rate else 0.0, answers=answers), int(processed[1])


class Postgres(servers.Server):
    ready = re.compile("database system is ready to accept connections")

    def __init__(self, folder, environment):
        self.port = servers.free_port()
        self.user = "postgres" if os.geteuid() == 0 else None
        self.script = folder / "adjust.sql"
        self.written = 0
        folder.mkdir()
        self.script.write_text(ADJUST)
        if self.user:
            folder.parent.chmod(0o755)  # a temporary folder lets nobody through
            shutil.chown(folder, self.user)
        self.run("initdb", "-D", folder / "data", "-U", "bench", "-A", "trust", user=self.user,
                 cwd=folder)
        super().__init__(NAME, [
            str(PROGRAMS / "postgres"), "-D", str(folder / "data"), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", f"shared_buffers={SHARED_BUFFERS}"], 0, environment, folder, self.user)
        self.ask(SCHEMA)

    def run(self, program, *words, **options):
        said = subprocess.run([PROGRAMS / program, *words], capture_output=True, text=True,
                              timeout=OVERTIME_S_MAX, **options)
        if said.returncode != 0:
            raise Broken(f"{program}: {said.stdout}{said.stderr}")
        return said.stdout

    def ask(self, sql):
        return self.run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-d",
                        "postgres", "-v", "ON_ERROR_STOP=1", "-qtAX", input=sql).strip()

    def take_address(self, found):
        self.netloc = f"127.0.0.1:{self.port}"

    def cpu_ns(self):
        """Its backends end with each run of pgbench, and are counted then."""
        return cpu.of_family(self.process.pid, "postgres")

    def drive(self, lane, seconds):
        run, processed = parse(self.run(
            "pgbench", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-n", "-M",
            "prepared", "-f", self.script, "-D", f"rows={WORKS[lane.script]}", "-c",
            str(lane.connections), "-j", str(THREADS), "-T", str(seconds), "postgres"))
        self.written += processed
        return run

    def stop(self):
        """What was reported as committed is in the ledger, all of it."""
        found = int(self.ask("SELECT count(*) FROM movement"))
        super().stop()
        if found < self.written:
            raise Broken(f"pgbench committed {self.written} times, the ledger has {found}")


def start(folder, environment):
    return Postgres(folder / "postgres", environment)
