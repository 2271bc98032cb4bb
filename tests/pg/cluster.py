"""cluster - a PostgreSQL of the test's own: in a temporary folder, by a socket in it, and gone with
the test.

    with Cluster(program) as cluster:
        uri = cluster.store_uri("shop")          # for rowlockd: a schema of its own
        with cluster.session("shop") as session: # psql there
            session.run("SELECT count(*) FROM movement")
        cluster.crash(), cluster.start()
        with cluster.standby(is_synchronous=True) as other:
            ...
            cluster.crash(), other.promote()

What it must not be: run by root (PostgreSQL refuses that; then it is run by the user postgres, whom
Debian's package makes), heard by the network, or left behind. It ends with whoever made it, however
that ends; the folder of one that was killed goes with the next test. It has nothing to do with a
PostgreSQL that is there for other reasons.

Data are not flushed unless asked for: a crash of the server loses nothing by that, one of the
machine would. To make a cluster takes seconds, so it is done once a build folder, and copied.

To start one from another thread than the main one is a mistake: it would end with that thread.
"""
import atexit
import contextlib
import ctypes
import fcntl
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from postgres import Session  # noqa: E402

MAJOR = 15
VERSIONS = pathlib.Path("/usr/lib/postgresql")
PORT = 5432         # of the name of the socket; nobody listens at such a port
OWNER = "tester"    # of the database and what is in it, and nothing more
DATABASE = "rowlock"
START_S_MAX = 60
STOP_S_MAX = 30
PREFIX = "rowlock-pg-"
READY = "ready to accept"
DEFAULTS = {
    "listen_addresses": "", "max_connections": 120, "shared_buffers": "32MB", "jit": "off",
    "fsync": "off", "full_page_writes": "off", "max_wal_senders": 4,
    "wal_retrieve_retry_interval": "500ms", "log_line_prefix": "%m [%p] %q%a ",
    "log_min_messages": "warning", "logging_collector": "off",
}
MADE_BY = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
           "--no-sync"]
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Trouble(AssertionError):
    """The database did not start, or did not end as it should; with its last words."""


def programs():
    """The folder of initdb and the like, or None where there is none."""
    found = VERSIONS / str(MAJOR) / "bin"
    return found if (found / "initdb").exists() else None


def needs_postgres():
    """None, or why there can be no cluster here."""
    if not programs():
        return f"postgresql-{MAJOR} is not installed: server/run --install-only"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "root may run no PostgreSQL, and there is no user postgres"
    return None


def _run_as():
    """For subprocess: who runs it, and that it ends when we do."""
    def end_with_parent():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} \
        if os.geteuid() == 0 else {}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**who, "cwd": "/", "preexec_fn": end_with_parent, "stdin": subprocess.DEVNULL,
            "env": environment | {"LC_ALL": "C.UTF-8"}}


def _run(program, *arguments):
    done = subprocess.run([programs() / program, *map(str, arguments)], **_run_as(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Trouble(f"{program} ended with {done.returncode}\n{done.stdout}")


def _make_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o755)  # rowlockd and the tests find the socket in it
    return folder


def _remove_forgotten():
    """The folders of tests that were killed."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name[len(PREFIX):].split("-")[0]
        if pid.isdigit() and not pathlib.Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    def __init__(self, program, options=None, template=None):
        """`program`: any of the build; its folder keeps the template. `options`: of
        postgresql.conf, beside DEFAULTS. `template`: a data folder to be had as it is, instead."""
        self.program = program
        self.build = next(folder for folder in pathlib.Path(program).resolve().parents
                          if (folder / "build.ninja").exists())
        self.options = DEFAULTS | (options or {})
        self.folder = self.process = None
        self.lines, self._news = [], threading.Condition()
        self._template = template

    # ------------------------------------------------------------------ life

    def _make_template(self):
        """Once a build folder: a cluster with a database and its owner, stopped."""
        version = subprocess.run([programs() / "postgres", "--version"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout.split()[2]
        made_by = zlib.crc32(pathlib.Path(__file__).read_bytes())
        kept = self.build / f"postgres-{version}-{os.geteuid()}-{made_by:08x}"
        with open(self.build / "postgres.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if kept.exists():
                return kept
            with Cluster(self.program, template=self._initialize()) as cluster:
                with cluster.session(user="postgres", database="postgres") as session:
                    session.run(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
                    session.run(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
                    session.run(f"GRANT pg_monitor TO {OWNER}")
                cluster.stop()
                for old in self.build.glob("postgres-*"):
                    shutil.rmtree(old)
                new = kept.with_name(f"{kept.name}.new")
                subprocess.run(["cp", "-a", cluster.data, new], check=True)
                new.rename(kept)  # whole, or not there
        return kept

    @staticmethod
    def _initialize():
        folder = _make_folder()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _run("initdb", *MADE_BY, "-D", folder / "data")
        return folder / "data"

    @property
    def data(self):
        return self.folder / "data"

    def make(self):
        """The data folder, which start() serves."""
        _remove_forgotten()
        template = self._template or self._make_template()
        self.folder = _make_folder()
        atexit.register(self.remove)
        subprocess.run(["cp", "-a", template, self.data], check=True)

    def start(self, options=None):
        """Returns once it can be asked. `options`: others than before."""
        self.options.update(options or {})
        words = [f"-c{name}={value}" for name, value in self.options.items()]
        with self._news:
            self.lines = []
        self.process = subprocess.Popen(
            [programs() / "postgres", "-D", self.data, "-k", self.folder, f"-p{PORT}", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            **_run_as())
        self._listener = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self._listener.start()
        self.wait_for_line(READY, START_S_MAX)
        return self

    def _listen(self, process):
        with process.stderr:
            for line in process.stderr:
                with self._news:
                    self.lines.append(line.rstrip())
                    self._news.notify_all()
        with self._news:
            self.lines.append("(the end)")
            self._news.notify_all()

    def wait_for_line(self, piece, limit_s):
        def is_there():
            return any(piece in line or line == "(the end)" for line in self.lines)
        with self._news:
            self._news.wait_for(is_there, limit_s)
            if not any(piece in line for line in self.lines):
                raise Trouble(f"no line with {piece!r}\n" + "\n".join(self.lines[-20:]))

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def _end(self, number):
        if not self.is_running():
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Trouble(f"did not end by {number!r}\n" + "\n".join(self.lines[-20:])) from None
        self._listener.join()

    def stop(self):
        """Ends it in an orderly way, whoever is connected."""
        self._end(signal.SIGINT)

    def crash(self):
        """As `pg_ctl stop -m immediate`: nobody is waited for, nothing is written, and the next
        start recovers."""
        self._end(signal.SIGQUIT)

    def restart(self, options=None):
        self.stop()
        return self.start(options)

    def remove(self):
        """Ends it, if it runs, and leaves nothing. Can be done twice."""
        if self.is_running():
            with contextlib.suppress(Trouble):
                self._end(signal.SIGQUIT)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        self.make()
        return self.start()

    def __exit__(self, *_):
        self.remove()
        atexit.unregister(self.remove)

    # ------------------------------------------------------------------ ways in

    def uri(self, user=OWNER, database=DATABASE, hosts=(), **parameters):
        """`hosts`: other clusters, or folders with a socket, that may be asked instead, in their
        order."""
        folders = [str(getattr(host, "folder", host)) for host in hosts or [self]]
        query = {"host": ",".join(folders), "port": str(PORT), **parameters}
        return f"postgresql://{user}@/{database}?{urllib.parse.urlencode(query, safe='/,')}"

    def store_uri(self, schema, **parameters):
        """For --store: each schema is a store of its own, made by the first start."""
        return self.uri(schema=schema, **parameters)

    def session(self, schema=None, user=OWNER, database=DATABASE):
        return Session(self.uri(user, database), schema)

    # ------------------------------------------------------------------ standbys

    def standby(self, name="standby", is_synchronous=False, options=None):
        """A copy of this one, which follows it, and is in the way of each COMMIT where it is
        synchronous."""
        return Standby(self, name, is_synchronous, options)

    def set(self, option, value):
        """While it runs; kept over a restart."""
        with self.session(user="postgres") as session:
            session.run(f"ALTER SYSTEM SET {option} = '{value}'")
            session.run("SELECT pg_reload_conf()")

    def wait_for_standby(self, name, state):
        """Until it follows, and as what. Each look is a question, which paces it."""
        with self.session(user="postgres") as session:
            for _ in range(2000):
                rows = session.run("SELECT sync_state FROM pg_stat_replication, pg_sleep(0.01)"
                                   " WHERE application_name = $1 AND state = 'streaming'", name)
                if rows == [(state,)]:
                    return
        raise Trouble(f"{name} does not follow: {rows}")

    def lose_standby(self, other):
        """From now on it hears nothing: what is committed here is lost with this one."""
        other.set("primary_conninfo", "")
        with self.session(user="postgres") as session:
            for _ in range(2000):
                if session.value("SELECT count(*) FROM pg_stat_replication, pg_sleep(0.01)") == 0:
                    return
        raise Trouble("it follows on")

    # ------------------------------------------------------------------ what it counted

    def deadlocks(self):
        with self.session() as session:
            return session.value("SELECT deadlocks FROM pg_stat_database WHERE datname = $1",
                                 DATABASE)


class Standby(Cluster):
    def __init__(self, primary, name, is_synchronous, options):
        super().__init__(primary.program, {**primary.options, **(options or {})})
        self.primary, self.name, self.is_synchronous = primary, name, is_synchronous

    def make(self):
        self.folder = _make_folder()
        atexit.register(self.remove)
        _run("pg_basebackup", "-D", self.data, "-R", "--checkpoint=fast", "--no-sync",
             "--wal-method=stream", "-d", f"host={self.primary.folder} port={PORT} user=postgres"
             f" application_name={self.name}")

    def __enter__(self):
        super().__enter__()
        if self.is_synchronous:
            self.primary.set("synchronous_standby_names", self.name)
        self.primary.wait_for_standby(self.name, "sync" if self.is_synchronous else "async")
        return self

    def wait_for_lsn(self, primary):
        """Until it has all that is committed there."""
        with primary.session(user="postgres") as session:
            lsn = session.value("SELECT pg_current_wal_lsn()")
        with self.session(user="postgres") as session:
            for _ in range(2000):
                if session.value("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn"
                                 " FROM pg_sleep(0.01)", lsn):
                    return
        raise Trouble("it does not follow")

    def promote(self):
        """It becomes the one that is written to; returns when it is."""
        with self.session(user="postgres") as session:
            assert session.value("SELECT pg_promote(true, 60)")


def end_in_order():
    """A test that is told to end takes its cluster with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
