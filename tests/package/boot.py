#!/usr/bin/env python3
"""boot - the package in a clean Debian that boots: installed, sold from, upgraded over an older
store, removed and purged, with systemd as process 1 of namespaces of its own.

    tests/package/boot.py BUILD

Where the kernel does not let systemd boot, the unit's own command runs in the clean root as the
unit's user instead, and a line says so; what needs systemd is skipped.

A clean root is made once for each build folder, and copied.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.path.insert(0, str(ROOT / "tests/upgrade"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402
from test import mover  # noqa: E402

WORK = pathlib.Path(sys.argv[1]).resolve() / "package"
MIRROR = os.environ.get("ROWLOCK_MIRROR", "http://deb.debian.org/debian")
LOWER = "0.0.1"
STORE = "/var/lib/rowlock/rowlock.db"
LIMIT_S = 300  # of a step
PLACES_S = 60  # until something has become true

# In a network of its own lo is down at first; then what follows is run.
LOOPBACK = """
import fcntl, os, socket, struct, sys
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Failed(AssertionError):
    """A command that ended otherwise than it should; with what it said."""


def run(*words, code=0, limit_s=LIMIT_S, **more):
    done = subprocess.run([str(word) for word in words], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit_s, **more)
    if done.returncode != code:
        raise Failed(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def note(text):
    print(f"# {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- packages

def build_packages():
    """(the package, the same with a lower version)."""
    paths = run(ROOT / "server/package/build-deb", WORK / "deb").split()
    package = pathlib.Path(paths[-1])
    tree = WORK / "lower"
    shutil.rmtree(tree, ignore_errors=True)
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {LOWER}", control.read_text()))
    lower = WORK / f"rowlock_{LOWER}.deb"
    run("dpkg-deb", "-b", "--root-owner-group", "-Zgzip", tree, lower)
    shutil.rmtree(tree)
    return package, lower


def lintian_has_no_error(package):
    said = subprocess.run(["lintian", "--no-tag-display-limit", str(package)], text=True,
                          capture_output=True).stdout
    note(f"package: {package.name}, {package.stat().st_size / 1000:.0f} kB; "
         f"lintian: {len(said.splitlines())} remarks")
    assert not re.search(r"^E:", said, re.M), said


# ---------------------------------------------------------------- a root

def clean_root():
    """A Debian with systemd and nothing else, from the mirror; a second one is a copy."""
    clean = WORK / "clean"
    if not (clean / "etc/debian_version").exists():
        half = WORK / "half"
        shutil.rmtree(half, ignore_errors=True)
        run("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv", "bookworm", half,
            MIRROR)
        half.rename(clean)
    root = WORK / "root"
    shutil.rmtree(root, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", clean, root)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    return root


def apt_install(root, package):
    """As an administrator does: apt brings what it depends on."""
    shutil.copy(package, root / "tmp")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # nothing runs in a chroot
    policy.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    run("chroot", root, "apt-get", "update", "-q", env=environment)
    run("chroot", root, "apt-get", "install", "-y", "-q", "--no-install-recommends",
        f"/tmp/{package.name}", env=environment)
    policy.unlink()


def ids_of(root):
    """(uid, gid) of the service's user in the root."""
    line, = re.findall(r"^rowlock:x:(\d+):(\d+):", (root / "etc/passwd").read_text(), re.M)
    return int(line[0]), int(line[1])


def put_older_store(root):
    """A store as version 0.1.0 left it, in the place of the one that is there. Its newest seq."""
    path = root / STORE[1:]
    for old in path.parent.glob("rowlock.db*"):
        old.unlink()
    text = (ROOT / "tests/upgrade/stores/0.1.0.dump").read_text()
    facts = json.loads((ROOT / "tests/upgrade/stores/0.1.0.json").read_text())
    database = sqlite3.connect(path)
    database.executescript(mover(facts["newest_ms"])(text))
    version, = database.execute("PRAGMA user_version").fetchone()
    seq, = database.execute("SELECT max(seq) FROM movement").fetchone()
    database.close()
    os.chown(path, *ids_of(root))
    return version, seq


# ---------------------------------------------------------------- a machine

class Machine:
    """The root, booted."""

    def __init__(self, root):
        self.root = root
        self.log = open(WORK / "console.log", "wb")  # noqa: SIM115, closed at the end
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", str(root), "--register=no", "--keep-unit",
             "--private-network", "--console=pipe", "--kill-signal=SIGRTMIN+3", "-b"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            wait_for(self.find_leader, "systemd is process 1")
            wait_for(self.is_up, "the machine is up")
        except AssertionError:
            self.end()
            raise

    def find_leader(self):
        if self.nspawn.poll() is not None:
            said = (WORK / "console.log").read_text(errors="replace")[-2000:]
            raise Failed(f"systemd-nspawn ended with {self.nspawn.returncode}\n{said}")
        children = f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children"
        self.leader = pathlib.Path(children).read_text().split()[:1]
        return self.leader and b"systemd" in pathlib.Path(
            f"/proc/{self.leader[0]}/cmdline").read_bytes()

    def is_up(self):
        done = subprocess.run([*self.enter(), "systemctl", "is-system-running"], text=True,
                              capture_output=True)
        return done.stdout.strip() in ("running", "degraded")

    def enter(self):
        return ["nsenter", "-t", self.leader[0], "-m", "-u", "-i", "-n", "-p", "-C"]

    def run(self, *words, **more):
        return run(*self.enter(), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                   "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *words, **more)

    def show(self, name, unit="rowlock.service"):
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def is_serving(self):
        return self.show("SubState") == "running"

    def drop_in(self, text):
        """Settings of the unit until the machine ends; "" takes them away."""
        folder = "/run/systemd/system/rowlock.service.d"
        self.run("sh", "-c", f"mkdir -p {folder}; printf '%b' '{text}' >{folder}/test.conf; "
                             "systemctl daemon-reload")

    def end(self):
        self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(20)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.log.close()


def wait_for(condition, what, limit_s=PLACES_S):
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, f"not within {limit_s} s: {what}"
        time.sleep(0.05)  # nothing tells of it


# ---------------------------------------------------------------- what is to be seen

def begin_row(machine, sku, location, units):
    machine.run("rowlock", "location", "put", location, "--name", "Main warehouse")
    machine.run("rowlock", "item", "put", sku, "--name", "Hex bolt")
    machine.run("rowlock", "adjust", sku, location, units)


def sell(machine, sku="A-1", location="WH1"):
    """A unit is sold as people do it; how many are left."""
    def on_hand():
        return json.loads(machine.run("rowlock", "stock", sku, location, "--json"))["on_hand"]
    before = on_hand()
    machine.run("rowlock", "adjust", sku, location, "-1", "--reason", "sale")
    assert on_hand() == before - 1, f"{on_hand()} of {before} are left"
    return before - 1


class Story:
    """One machine's life; each part begins where the one before it ended."""

    def __init__(self, package, lower, root):
        self.package, self.lower, self.root = package, lower, root
        self.machine = None

    def boots(self):
        try:
            self.machine = Machine(self.root)
        except AssertionError as trouble:
            note(f"systemd does not boot here: {str(trouble).strip()[-300:]}")
            return False
        return True

    def serves_as_its_user(self):
        m = self.machine
        wait_for(m.is_serving, "the service runs")
        assert m.show("StatusText") == "serving", m.show("StatusText")
        pid = m.show("MainPID")
        status = m.run("cat", f"/proc/{pid}/status")
        uid = str(ids_of(self.root)[0])
        for pattern in (rf"^Uid:\t{uid}\t", r"^NoNewPrivs:\t1$", r"^CapEff:\t0+$", r"^CapBnd:\t0+$",
                        r"^Seccomp:\t2$"):
            assert re.search(pattern, status, re.M), f"{pattern}\n{status}"
        # Of the system it sees what it is to see, and may write its own state only.
        mounts = m.run("cat", f"/proc/{pid}/mounts")
        assert re.search(r"^\S+ / \S+ (\S+,)?ro[, ]", mounts, re.M), mounts
        assert re.search(r"^\S+ /var/lib/rowlock \S+ rw", mounts, re.M), mounts

    def sells(self):
        begin_row(self.machine, "A-1", "WH1", 40)
        assert sell(self.machine) == 39

    def a_hung_one_is_started_again(self):
        """All of it is stopped, which no thread survives; what was sold stays sold."""
        m = self.machine
        m.drop_in("[Service]\\nWatchdogSec=2\\n")
        m.run("systemctl", "restart", "rowlock")
        pid = m.show("MainPID")
        m.run("sh", "-c", f"kill -STOP {pid}")
        wait_for(lambda: m.show("NRestarts") == "1" and m.is_serving(), "it is started again")
        assert m.show("MainPID") != pid
        assert "watchdog" in m.run("journalctl", "-u", "rowlock", "--no-pager").lower()
        assert sell(m) == 38

    def a_wrong_setting_is_not_tried_again(self):
        m = self.machine
        m.drop_in("[Service]\\nExecStart=\\nExecStart=/usr/bin/rowlockd --listen banana\\n")
        m.run("systemctl", "restart", "rowlock", code=1)
        assert (m.show("ActiveState"), m.show("ExecMainStatus"), m.show("NRestarts")) == \
            ("failed", "64", "0")
        m.drop_in("")
        m.run("systemctl", "restart", "rowlock")

    def reads_its_settings_again(self):
        m = self.machine
        pid = m.show("MainPID")
        conf = self.root / "etc/rowlock/rowlockd.conf"
        conf.write_text(conf.read_text() + "\nslow-ms = 77\n")
        m.run("systemctl", "reload", "rowlock")
        wait_for(lambda: re.search(r"setting_changed.*slow-ms.*77",
                                   m.run("journalctl", "-u", "rowlock", "--no-pager")), "reloaded")
        wait_for(lambda: m.show("ActiveState") == "active", "it is active again")
        assert m.show("MainPID") == pid

    def backs_up(self):
        m = self.machine
        m.run("systemctl", "enable", "--now", "rowlock-backup.timer")
        m.run("systemctl", "start", "rowlock-backup.service")
        backup, = (self.root / "var/backups/rowlock").glob("rowlock-*.db")
        assert backup.stat().st_uid == ids_of(self.root)[0]
        assert backup.stat().st_mode & 0o077 == 0, oct(backup.stat().st_mode)

    def backs_up_with_a_token(self):
        """By a file of root's. From here on nobody else is let in, so this is of the last parts."""
        m = self.machine
        folder = self.root / "var/backups/rowlock"
        before = {*folder.iterdir()}
        m.run("sh", "-c", "install -d -m 0700 /etc/credstore && umask 077 && "
                          f"rowlockd token add backup --role admin --store {STORE} "
                          ">/etc/credstore/rowlock-backup.token")
        wait_for(lambda: "access_changed" in m.run("journalctl", "-u", "rowlock", "--no-pager"),
                 "the token counts")
        m.run("rowlock", "get", "/v1/items", code=4)
        m.run("systemctl", "start", "rowlock-backup.service")
        backup, = {*folder.iterdir()} - before
        assert backup.stat().st_uid == ids_of(self.root)[0]

    def systemd_opens_its_sockets(self):
        m = self.machine
        m.run("systemctl", "stop", "rowlock")
        m.run("systemctl", "start", "rowlock.socket")
        left = sell(m)  # the first connection starts it
        m.run("systemctl", "restart", "rowlock")
        assert sell(m) == left - 1
        m.run("systemctl", "stop", "rowlock.socket", "rowlock.service")
        m.run("systemctl", "start", "rowlock")

    def is_upgraded_over_an_older_store(self):
        m = self.machine
        m.run("systemctl", "stop", "rowlock")
        version, seq = put_older_store(self.root)
        shutil.copy(self.package, self.root / "root")  # /tmp is the machine's own
        m.run("dpkg", "-i", f"/root/{self.package.name}")
        m.run("systemctl", "start", "rowlock")
        wait_for(m.is_serving, "the service runs again")
        assert m.run("dpkg-query", "-W", "-f", "${Version}", "rowlock") != LOWER
        said = m.run("journalctl", "-u", "rowlock", "--no-pager")
        assert re.search(rf"store_open .*was={version}\b", said), said[-2000:]
        newest = json.loads(m.run("rowlock", "get", "/v1/movements?order=desc&limit=1"))["data"][0]
        assert newest["seq"] >= seq, newest
        m.run("rowlock", "verify", "--timeout", "60")
        begin_row(m, "NEW-1", "WH9", 2)
        assert sell(m, "NEW-1", "WH9") == 1

    def an_upgrade_restarts_it(self):
        m = self.machine
        pid = m.show("MainPID")
        m.run("dpkg", "-i", f"/root/{self.package.name}")
        wait_for(m.is_serving, "the service runs again")
        assert m.show("MainPID") != pid

    def is_removed_and_purged(self):
        m = self.machine
        m.run("dpkg", "-r", "rowlock")
        assert m.show("ActiveState") == "inactive"
        assert not (self.root / "usr/bin/rowlockd").exists()
        store = self.root / STORE[1:]
        assert store.exists()
        assert "slow-ms = 77" in (self.root / "etc/rowlock/rowlockd.conf").read_text()
        said = m.run("dpkg", "-P", "rowlock")
        assert not (self.root / "etc/rowlock/rowlockd.conf").exists()
        assert "kept /var/lib/rowlock" in said and "kept /var/backups/rowlock" in said, said
        assert store.exists()
        run(WORK.parent / "server/rowlockd", "verify", "--store", store)

    # ------------------------------------------------------------ without systemd

    def its_command_serves(self):
        """What the unit's ExecStart says, as the unit's user, in the root."""
        unit = (self.root / "lib/systemd/system/rowlock.service").read_text()
        command = re.search(r"^ExecStart=(.*)$", unit, re.M)[1].split()
        state = (self.root / STORE[1:]).parent  # what StateDirectory= does
        state.mkdir(exist_ok=True)
        os.chown(state, *ids_of(self.root))
        inside = ["unshare", "--net", "--pid", "--fork", "--kill-child", sys.executable, "-c",
                  LOOPBACK, "chroot", f"--userspec={':'.join(map(str, ids_of(self.root)))}",
                  self.root]
        shell = (f"{' '.join(command)} & server=$!; "
                 "for i in $(seq 100); do "
                 "rowlock status >/dev/null 2>&1 && break; sleep 0.1; done; "
                 "rowlock location put WH1 --name W && rowlock item put A-1 --name bolt && "
                 "rowlock adjust A-1 WH1 2 && rowlock adjust A-1 WH1 -1; code=$?; "
                 "kill $server; wait $server && exit $code")
        run(*inside, "sh", "-c", shell, limit_s=PLACES_S)

    def end(self):
        if self.machine:
            self.machine.end()


def missing():
    if os.geteuid() != 0:
        return "only root may make a root"
    programs = [name for name in ("debootstrap", "systemd-nspawn", "dh", "lintian")
                if not shutil.which(name)]
    return f"tests/package/install installs {', '.join(programs)}" if programs else None


def tell(tap, story):
    for sentence, part in (
            ("it serves as its user, without capabilities, and writes its state only",
             story.serves_as_its_user),
            ("a unit is sold", story.sells),
            ("one that hangs is ended by the watchdog, and started again",
             story.a_hung_one_is_started_again),
            ("one with a wrong setting (64) is not", story.a_wrong_setting_is_not_tried_again),
            ("a reload reads its settings again", story.reads_its_settings_again),
            ("a backup is made as the service's user", story.backs_up),
            ("systemd opens its sockets", story.systemd_opens_its_sockets),
            ("an upgrade brings an older store to today", story.is_upgraded_over_an_older_store),
            ("an upgrade restarts a server that runs", story.an_upgrade_restarts_it),
            ("a backup of a store with tokens asks by that of its credential",
             story.backs_up_with_a_token),
            ("removed and purged it leaves the store, and says where",
             story.is_removed_and_purged)):
        tap.run(sentence, part)


def main():
    tap = Tap()
    reason = missing()
    if reason:
        tap.skip("the package installs, serves, upgrades and goes", reason)
        return tap.end()
    WORK.mkdir(exist_ok=True)
    begun = time.monotonic()
    package, lower = build_packages()
    tap.report("the package is built")
    note(f"built after {time.monotonic() - begun:.0f} s")
    tap.run("lintian finds no error", lintian_has_no_error, package)
    root = clean_root()
    note(f"a clean root after {time.monotonic() - begun:.0f} s")
    apt_install(root, lower)
    tap.report("apt installs it into a clean Debian")
    note(f"installed after {time.monotonic() - begun:.0f} s")
    story = Story(package, lower, root)
    try:
        if story.boots():
            note(f"booted after {time.monotonic() - begun:.0f} s")
            tell(tap, story)
        else:
            tap.run("systemd cannot boot here: the unit's command serves as the unit's user",
                    story.its_command_serves)
            tap.skip("the unit, under systemd", "systemd cannot boot here")
    finally:
        story.end()
        with contextlib.suppress(OSError):
            shutil.rmtree(root)
    note(f"{time.monotonic() - begun:.0f} s in all")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
