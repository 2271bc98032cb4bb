"""tonight - the way of docs/installation.md, typed into a clean Debian that boots, then looked at
from inside and from another machine of its LAN.

A comment before a fenced block says what becomes of it:

    <!-- test: types -->                typed as root, line by line; each must exit with 0
    <!-- test: types, fails -->         ... must not
    <!-- test: types, in the tree -->   the package's build: typed where the tree is
    <!-- test: prints -->               what the block before printed (tests/tour.py)

The LAN is a veth between the machine's network and one of the test's own. Packages are downloaded
before: that is not counted, all else is. README.md's lines for a LAN are held to be these.
"""
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from machine import (ENVIRONMENT, LIMIT_S, LOOPBACK, Failed, Machine, apt_get,  # noqa: E402
                     clean_root, ids_of, note, run, wait_for)
import tour  # noqa: E402
from tour import Terminal, expression_of, read_blocks  # noqa: E402

PAGE = ROOT / "docs/installation.md"
NAME = "stock.example"
STORE = "/var/lib/rowlock/rowlock.db"
HERE, THERE = "10.77.0.1", "10.77.0.2"  # the machine, and another one of its LAN
HOME = "/root"
OFFICE = ("-H", f"@{HOME}/office.header")
WAY_S_MAX = 600
# What the unit's ExecStart says, as its user, where nobody reads units; and nginx.
STARTED_BY_HAND = ("install -d -o rowlock -g rowlock /var/lib/rowlock && "
                   "{ setpriv --reuid rowlock --regid rowlock --clear-groups --no-new-privs "
                   "rowlockd --config /etc/rowlock/rowlockd.conf 2>/var/log/rowlockd.log & } && "
                   "until curl -fsS -o /dev/null 127.0.0.1:8080/livez 2>/dev/null; "
                   "do sleep 0.1; done && nginx")
NEED_SYSTEMD = re.compile(r"systemctl (enable|start)|journalctl|systemd-analyze|/etc/credstore")
SOUGHT_IN = ("etc", "home", "root", "run", "srv", "tmp", "usr/local", "var")
SOUGHT_BYTES_MAX = 64 << 20
TOKEN_FILES = {"root/office.token", "root/office.header", "root/scanner-3.token",
               "root/monitoring.token", "etc/credstore/rowlock-backup.token"}


def blocks_of_page():
    return list(read_blocks(PAGE.read_text(), "types", {"fails", "in the tree"}))


def commands_of(block):
    """Line by line, without what is a remark."""
    return [line for line in (re.sub(r"\s+# .*", "", line) for line in block.text.splitlines())
            if line.strip()]


class Lan:
    """Another machine: a network of its own with a cable to that of the machine."""

    def __init__(self, machine):
        self.machine = machine
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        own = pathlib.Path("/proc/self/ns/net").readlink()
        wait_for(lambda: self.network().readlink() != own, "it has a network")
        there = ["nsenter", "-t", self.holder.pid, "-n", "ip"]
        here = ["nsenter", "-t", machine.leader[0], "-n", "ip"]
        run(*there, "link", "add", "lan0", "type", "veth", "peer", "name", "lan0", "netns",
            machine.leader[0])
        for ip, address in ((there, THERE), (here, HERE)):
            run(*ip, "address", "add", f"{address}/24", "dev", "lan0")
            run(*ip, "link", "set", "lan0", "up")

    def network(self):
        return pathlib.Path(f"/proc/{self.holder.pid}/ns/net")

    def curl(self, *words, code=0):
        """From there; it has the machine's certificates, as somebody has copied them."""
        return run("nsenter", "-t", self.holder.pid, "-n", "chroot", self.machine.root, "curl",
                   "-sS", "--max-time", "20", *words, code=code)

    def end(self):
        self.holder.stdin.close()
        self.holder.wait()


class Tonight:
    def __init__(self, lower, build_s):
        self.root = clean_root("tonight")
        self.lower, self.steps = lower, [("server/package/build-deb", build_s)]
        self.machine = self.lan = self.shell = self.printed = None

    def download(self, blocks):
        """What the page has apt-get install is in apt's cache: the machine has no network."""
        begun = time.monotonic()
        shutil.copy(self.lower, self.root / "root")
        line, = (line for block in blocks for line in commands_of(block)
                 if line.startswith("apt-get install"))
        apt_get(self.root, "update")
        apt_get(self.root, "install", "--download-only", *(
            f"{HOME}/{self.lower.name}" if "*" in word else word for word in line.split()[3:]))
        note(f"downloads: {time.monotonic() - begun:.0f} s, not counted")

    def enters(self):
        """The root without systemd: its programs run as processes of a shell, by themselves."""
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        with open(self.root / "etc/hosts", "a") as hosts:
            hosts.write(f"127.0.0.1 localhost {NAME}\n")
        self.shell = Terminal(None, ["unshare", "--mount", "--net", "--pid", "--fork",
                                     "--kill-child", sys.executable, "-c", LOOPBACK, "chroot",
                                     self.root, "env", "-i", *ENVIRONMENT, "bash"])
        self.shell.type("cd; mount -t proc proc /proc")

    def boots(self):
        with open(self.root / "etc/hosts", "a") as hosts:  # as the LAN's name service
            hosts.write(f"127.0.0.1 localhost\n{HERE} {NAME}\n")
        self.machine = Machine(self.root)
        self.lan = Lan(self.machine)
        self.shell = Terminal(None, [*self.machine.enter(), "env", "-i", *ENVIRONMENT, "bash"])
        self.shell.type("cd")

    # ------------------------------------------------------------ the way

    def changes_of_tokens(self):
        if self.machine is None:
            log = self.root / "var/log/rowlockd.log"
            return log.read_text().count("access_changed") if log.exists() else 0
        return self.machine.run("journalctl", "-u", "rowlock", "--no-pager").count("access_changed")

    def type_line(self, line, may_fail):
        before = self.changes_of_tokens() if "token add" in line else 0
        begun = time.monotonic()
        if self.machine is None and line.startswith("systemctl restart rowlock"):
            line = STARTED_BY_HAND
        self.shell.type(line)
        self.shell.wait(LIMIT_S)
        self.steps.append((line, time.monotonic() - begun))
        self.printed += self.shell.lines
        said = "\n".join(self.shell.lines)
        assert (self.shell.code != 0) == may_fail, f"{line}\nexit code {self.shell.code}\n{said}"
        if "token add" in line and (self.machine or self.is_started()):
            wait_for(lambda: self.changes_of_tokens() > before, "the token counts")

    def is_started(self):
        return (self.root / "var/log/rowlockd.log").exists()

    def play(self, block):
        if block.kind == "prints":
            said = "".join(line + "\n" for line in self.printed)
            assert re.fullmatch(expression_of(block.text), said), \
                f"printed:\n{said}\nthe page says:\n{block.text}"
        elif "in the tree" in block.options:
            assert commands_of(block) == ["server/package/build-deb"], block.text
        else:
            self.printed = []
            for line in commands_of(block):
                self.type_line(line, "fails" in block.options)

    def takes_ten_minutes_at_most(self):
        for line, seconds in self.steps:
            note(f"{seconds:6.2f} s  {line[:110]}")
        total = sum(seconds for _, seconds in self.steps)
        note(f"{total:6.2f} s  from a clean Debian to a service behind TLS, without downloads")
        assert total < WAY_S_MAX, f"{total:.0f} s"

    # ------------------------------------------------------------ what came of it

    def status(self, *words):
        return self.lan.curl("-o", "/dev/null", "-w", "%{http_code}", *words)

    def on_hand(self):
        said = self.lan.curl(*OFFICE, f"https://{NAME}/v1/stock/A-1/WH1")
        return json.loads(said)["on_hand"]

    def only_tls_from_outside(self):
        assert self.status(f"https://{NAME}/livez") == "200"
        self.lan.curl(f"http://{NAME}:8080/livez", code=7)  # nobody there
        assert self.status(f"http://{NAME}:443/livez") == "400"
        assert self.status(f"http://{NAME}/livez") == "404"  # port 80 is not ours
        table = self.machine.run("cat", "/proc/net/tcp", "/proc/net/tcp6")
        listening = re.findall(r"^ +\d+: ([0-9A-F]+):1F90 \S+ 0A ", table, re.M)
        assert listening == ["0100007F"], table

    def nobody_without_token(self):
        url = f"https://{NAME}/v1/stock/A-1/WH1"
        for words in ((), ("-H", "X-Forwarded-User: boss"), ("-u", "office:office"),
                      ("-H", "Authorization: Bearer rl_aaaaaaaaaa_" + "a" * 43)):
            assert self.status(*words, url) == "401", words
        assert self.status(*OFFICE, url) == "200"

    def page_logs_in(self):
        """By the recipe's X-Forwarded-Proto the server knows that there is TLS in front."""
        said = self.lan.curl("-i", *OFFICE, "-H", f"Origin: https://{NAME}", "-X", "POST",
                             f"https://{NAME}/v1/session")
        cookie = re.search(r"^set-cookie: (__Host-[^;]*);(.*)$", said, re.M | re.I)
        assert cookie and "secure" in cookie[2].lower(), re.sub(r"(?i)cookie: .*", "***", said)
        url = f"https://{NAME}/v1/items"
        assert self.status("-H", f"Cookie: {cookie[1]}", "-H", "Sec-Fetch-Site: same-origin",
                           url) == "200"
        assert self.status("-H", f"Cookie: {cookie[1]}", "-H", "Origin: https://evil.example",
                           url) != "200"

    def runs_as_its_user(self):
        m = self.machine
        status = m.run("cat", f"/proc/{m.show('MainPID')}/status")
        assert re.search(rf"^Uid:\t{ids_of(self.root)[0]}\t", status, re.M), status
        folder = self.root / STORE[1:]
        for path in folder.parent.iterdir():  # the tool's part in them, too, which root has run
            assert path.stat().st_uid == ids_of(self.root)[0], path
        key = self.root / f"etc/ssl/private/{NAME}.key"
        assert key.stat().st_mode & 0o077 == 0, oct(key.stat().st_mode)

    def ledger_names_who(self):
        said = self.lan.curl(*OFFICE, f"https://{NAME}/v1/movements?order=asc")
        assert [(m["on_hand_delta"], m["actor"]) for m in json.loads(said)["data"]] == [
            (40, "office"), (-1, "office"), (-1, "scanner-3")], said

    def log_is_clean(self):
        m = self.machine
        assert m.run("journalctl", "-u", "rowlock", "-p", "err", "-o", "cat", "-q") == ""
        said = m.run("journalctl", "-u", "rowlock", "-o", "cat", "-q")
        assert "listening on" in said, said
        said = (self.root / "var/log/nginx/error.log").read_text()
        assert not re.search(r"\[(error|crit|alert|emerg)\]", said), said

    def secrets(self):
        """The secret parts of all tokens that were made, as they would stand in a file."""
        for name in TOKEN_FILES:
            text = (self.root / name).read_text()
            yield re.search(r"rl_[a-z2-7]{10}_(\S{43})", text)[1].encode()

    def files_with(self, secrets):
        inside = pathlib.Path(f"/proc/{self.machine.leader[0]}/root")
        for top in SOUGHT_IN:
            for path in (inside / top).rglob("*"):
                with contextlib.suppress(OSError):  # gone meanwhile
                    if path.is_file() and not path.is_symlink() \
                            and path.stat().st_size < SOUGHT_BYTES_MAX:
                        text = path.read_bytes()
                        if any(secret in text for secret in secrets):
                            yield str(path.relative_to(inside))

    def no_secret_anywhere(self):
        secrets = list(self.secrets())
        assert len(set(secrets)) == len(TOKEN_FILES) - 1  # one has two files
        assert set(self.files_with(secrets)) == TOKEN_FILES
        for name in TOKEN_FILES:
            assert (self.root / name).stat().st_mode & 0o077 == 0, name
        said = self.machine.run("journalctl", "--no-pager", "-o", "export").encode()
        assert not any(secret in said for secret in secrets), "the journal has one"
        words = self.machine.run("sh", "-c", "cat /proc/[0-9]*/cmdline").encode()
        assert not any(secret in words for secret in secrets), "a process has one"

    # ------------------------------------------------------------ and later

    def keeps_all(self, what):
        wait_for(self.machine.is_serving, f"the service runs after {what}")
        wait_for(lambda: self.status(f"https://{NAME}/readyz") == "200", f"ready after {what}")
        assert self.on_hand() == self.left, what
        assert self.status(f"https://{NAME}/v1/items") == "401", what
        said = self.machine.run("rowlock", "adjust", "A-1", "WH1", "-1", "--token-file",
                                f"{HOME}/scanner-3.token", "--server", f"https://{NAME}")
        assert said
        self.left -= 1
        assert self.on_hand() == self.left, what

    def a_restart_keeps_stock_and_tokens(self):
        self.left = self.on_hand()
        self.machine.run("systemctl", "restart", "rowlock")
        self.keeps_all("a restart")

    def an_upgrade_keeps_them(self, package):
        shutil.copy(package, self.root / "root")
        before = self.machine.run("dpkg-query", "-W", "-f", "${Version}", "rowlock")
        self.machine.run("apt-get", "install", "-y", "-q", f"{HOME}/{package.name}")
        assert self.machine.run("dpkg-query", "-W", "-f", "${Version}", "rowlock") != before
        conf = (self.root / "etc/rowlock/rowlockd.conf").read_text()
        assert f"host-name = {NAME}" in conf
        self.keeps_all("an upgrade")

    def sockets_of_systemd_ask_for_them(self):
        m = self.machine
        m.run("systemctl", "stop", "rowlock")
        m.run("systemctl", "start", "rowlock.socket")
        assert self.status(f"https://{NAME}/v1/items") == "401"  # which has started it
        self.keeps_all("socket activation")
        m.run("rowlock", "get", "/v1/items", "--server", "unix:/run/rowlock.sock", code=4)
        m.run("rowlock", "get", "/v1/items", "--server", "unix:/run/rowlock.sock",
              "--token-file", f"{HOME}/monitoring.token")

    def is_closed_where_no_token_is_valid(self):
        before = self.changes_of_tokens()
        for name in ("office", "scanner-3", "backup", "monitoring"):
            self.machine.run("rowlockd", "token", "revoke", name, "--store", STORE)
        wait_for(lambda: self.changes_of_tokens() > before and self.status(
            *OFFICE, f"https://{NAME}/v1/items") == "401", "all are out")

    def purged_it_leaves_the_store(self):
        said = self.machine.run("apt-get", "purge", "-y", "-q", "rowlock")
        assert "kept /var/lib/rowlock" in said and "kept /var/backups/rowlock" in said, said
        said = run(pathlib.Path(sys.argv[1], "server/rowlockd"), "token", "list", "--store",
                   self.root / STORE[1:])
        assert all(name in said for name in ("office", "scanner-3", "backup", "monitoring")), said

    def end(self):
        if self.shell:
            self.shell.close()
        if self.lan:
            self.lan.end()
        if self.machine:
            self.machine.end()
        shutil.rmtree(self.root, ignore_errors=True)


def readme_says_the_same(blocks):
    """Its three lines are made of the page's commands, in their order."""
    text = (ROOT / "README.md").read_text()
    block, = (block for block in read_blocks(text, "lan", {*tour.OPTIONS}) if block.kind == "lan")
    lines = commands_of(block)
    assert len(lines) == 3, lines
    typed = iter([line for found in blocks for line in commands_of(found)])
    for command in (part for line in lines for part in line.split(" && ")):
        assert command in typed, f"docs/installation.md does not have, or not there: {command}"


def tell_without_systemd(tap, it, blocks):
    it.enters()
    was_skipped = False
    for block in blocks:
        sentence = f"docs/installation.md, {block.sentence}"
        was_skipped = was_skipped if block.kind == "prints" else \
            bool(NEED_SYSTEMD.search(block.text))
        if was_skipped:
            tap.skip(sentence, "systemd cannot boot here")
        else:
            tap.run(sentence, it.play, block)
    tap.run("all that takes ten minutes at most", it.takes_ten_minutes_at_most)
    tap.skip("what came of it, from outside and later", "systemd cannot boot here")


def tell(tap, package, lower, build_s, boots):
    """The cases. Where systemd does not boot what needs it is skipped."""
    blocks = blocks_of_page()
    tap.run("README's lines for a LAN are those of the page", readme_says_the_same, blocks)
    it = Tonight(lower, build_s)
    try:
        it.download(blocks)
        if not boots:
            tell_without_systemd(tap, it, blocks)
            return
        it.boots()
        for block in blocks:
            tap.run(f"docs/installation.md, {block.sentence}", it.play, block)
        for sentence, part, *arguments in (
                ("all that takes ten minutes at most", it.takes_ten_minutes_at_most),
                ("from outside there is TLS, and nothing else", it.only_tls_from_outside),
                ("who has no token, or another one, is refused", it.nobody_without_token),
                ("the page logs in, and nobody else with its cookie", it.page_logs_in),
                ("it runs as its user, and the store's files are its", it.runs_as_its_user),
                ("the ledger names who did it", it.ledger_names_who),
                ("its log and nginx's have no error", it.log_is_clean),
                ("no secret is anywhere but where it was put", it.no_secret_anywhere),
                ("a restart keeps stock and tokens", it.a_restart_keeps_stock_and_tokens),
                ("so does an upgrade", it.an_upgrade_keeps_them, package),
                ("sockets of systemd ask for tokens, too", it.sockets_of_systemd_ask_for_them),
                ("it stays closed when no token is valid", it.is_closed_where_no_token_is_valid),
                ("purged it leaves the store, and its tokens", it.purged_it_leaves_the_store)):
            tap.run(sentence, part, *arguments)
    except Failed as trouble:
        tap.report("the way of docs/installation.md", str(trouble))
    finally:
        it.end()
