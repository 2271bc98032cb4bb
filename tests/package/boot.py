#!/usr/bin/env python3
"""boot - the package in a clean Debian that boots: installed, sold from, upgraded over an older
store, removed and purged, with systemd as process 1 of namespaces of its own.

    tests/package/boot.py BUILD

Where the kernel does not let systemd boot, the unit's own command runs in the clean root as the
unit's user instead, and a line says so; what needs systemd is skipped.

A second one is typed into: the way of docs/installation.md (tonight.py).
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.path.insert(0, str(ROOT / "tests/upgrade"))
sys.dont_write_bytecode = True

import tonight  # noqa: E402
from machine import (LOOPBACK, LOWER, PLACES_S, WORK, Machine, apt_install,  # noqa: E402
                     build_packages, clean_root, ids_of, is_as_large_as_the_page_says,
                     lintian_has_no_error, note, run, wait_for)
from tap import Tap  # noqa: E402
from test import mover  # noqa: E402

STORE = "/var/lib/rowlock/rowlock.db"


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


def live(tap, package, lower):
    """One machine's life. False: systemd does not boot here."""
    root = clean_root("root")
    apt_install(root, lower)
    tap.report("apt installs it into a clean Debian")
    story = Story(package, lower, root)
    try:
        boots = story.boots()
        if boots:
            tell(tap, story)
        else:
            tap.run("systemd cannot boot here: the unit's command serves as the unit's user",
                    story.its_command_serves)
            tap.skip("the unit, under systemd", "systemd cannot boot here")
    finally:
        story.end()
        shutil.rmtree(root, ignore_errors=True)
    return boots


def main():
    tap = Tap()
    reason = missing()
    if reason:
        tap.skip("the package installs, serves, upgrades and goes", reason)
        return tap.end()
    WORK.mkdir(exist_ok=True)
    begun = time.monotonic()
    package, lower = build_packages()
    build_s = time.monotonic() - begun
    tap.report("the package is built")
    tap.run("lintian finds no error", lintian_has_no_error, package)
    tap.run("it is as large as docs/installation.md says", is_as_large_as_the_page_says, package)
    boots = live(tap, package, lower)
    note(f"built in {build_s:.0f} s, tried after {time.monotonic() - begun:.0f} s")
    tonight.tell(tap, package, lower, build_s, boots)
    note(f"{time.monotonic() - begun:.0f} s in all")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
