#!/usr/bin/env python3
"""installed - what `meson install` puts down: pages say what --help says, completions complete,
units are sound and closed, and a backup is one.

    tests/package/installed.py BUILD ROWLOCKD ROWLOCK
"""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client  # noqa: E402

BUILD, ROWLOCKD, ROWLOCK = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
EXPOSURE_MAX = 1.5
TERMINAL_S_MAX = 20
WHAT = {
    "share/doc/rowlock/examples/rowlockd.conf", "share/doc/rowlock/examples/nginx.conf",
    "share/doc/rowlock/examples/prometheus.yml", "share/doc/rowlock/examples/rowlock.rules.yml",
    "share/doc/rowlock/examples/dashboard.json", "share/rowlock/roles.sql",
    "bin/rowlock", "bin/rowlockd", "libexec/rowlock/backup", "lib/sysusers.d/rowlock.conf",
    "lib/tmpfiles.d/rowlock.conf", "lib/systemd/system/rowlock.service",
    "lib/systemd/system/rowlock-backup.service",
    "lib/systemd/system/rowlock.socket", "lib/systemd/system/rowlock-backup.timer",
    "share/man/man1/rowlock.1", "share/man/man8/rowlockd.8",
    "share/bash-completion/completions/rowlock", "share/bash-completion/completions/rowlockd",
    "share/zsh/vendor-completions/_rowlock", "share/zsh/vendor-completions/_rowlockd",
    "share/fish/vendor_completions.d/rowlock.fish",
    "share/fish/vendor_completions.d/rowlockd.fish",
}

TYPED = (  # and what the last word may become
    (["rowlock", "st"], {"stock", "status"}),
    (["rowlock", "lease", "re"], {"renew", "release"}),
    (["rowlock", "adjust", "--ke"], {"--key"}),
    (["rowlock", "transfer", "--re"], {"--reason", "--reference"}),
    (["rowlockd", "rep"], {"repair", "repack"}),
    (["rowlockd", "token", "r"], {"rotate", "revoke"}),
    (["rowlockd", "--log-le"], {"--log-level"}),
    (["rowlockd", "--row-release", "earl"], {"early"}),
    (["rowlockd", "repack", "--page"], {"--page-size"}),
)


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}"
    return done.stdout


class Installed:
    """A folder that it was installed in, under its prefix."""

    def __init__(self, folder):
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
        top, = pathlib.Path(folder).glob("**/bin/rowlockd")
        self.prefix = top.parents[1]

    def all_is_there(self):
        there = {str(path.relative_to(self.prefix))
                 for path in self.prefix.glob("**/*") if path.is_file()}
        assert WHAT <= there, WHAT - there
        assert os.access(self.prefix / "libexec/rowlock/backup", os.X_OK)

    # ------------------------------------------------------------ manual pages

    def page(self, name):
        path, = self.prefix.glob(f"share/man/*/{name}")
        said = run("man", "--warnings", "-l", path, env={
            **os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "1000", "MAN_KEEP_FORMATTING": "",
            "MANPAGER": "cat", "PAGER": "cat"})
        assert "warning" not in said.split("\n")[0], said[:500]
        return words_of(said)

    def pages_say_what_help_says(self):
        page = self.page("rowlockd.8")
        for line in help_lines(run(ROWLOCKD, "--help")):
            assert words_of(line) in page, f"rowlockd.8 lacks: {line}"
        for command in ("verify", "repair", "repack", "restore", "token"):
            said = words_of(run(ROWLOCKD, command, "--help"))
            assert said in page, f"rowlockd.8 lacks: {said}"
        page = self.page("rowlock.1")
        overview = run(ROWLOCK, "help")
        assert not [line for line in overview.splitlines() if len(line) > 80], overview
        for line in re.findall(r"^    \S.*  \S.*$", overview, re.M):
            typed, _, summary = line.strip().partition("  ")
            assert words_of(typed) in page, f"rowlock.1 lacks: {typed}"
            assert words_of(summary) in page, f"rowlock.1 lacks: {summary}"
        for verb in dict.fromkeys(re.findall(r"^    ([a-z]+) .*  \S", overview, re.M)):
            for line in run(ROWLOCK, "help", verb).splitlines():
                flag, _, text = line.strip().partition("  ")
                for piece in (flag.removeprefix("rowlock "), text):
                    assert words_of(piece) in page, f"rowlock.1 lacks: {verb}: {piece}"

    # ------------------------------------------------------------ completions

    def bash(self, program, typed):
        script = (f'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                  f'_{program}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        path = self.prefix / "share/bash-completion/completions" / program
        return set(run("bash", "-c", script, "bash", path, *typed).split())

    def fish(self, program, typed):
        script = f"source $argv[1]; complete -C \"$argv[2]\""
        path = self.prefix / "share/fish/vendor_completions.d" / f"{program}.fish"
        with tempfile.TemporaryDirectory() as home:
            said = run("fish", "--no-config", "-c", script, path, " ".join(typed),
                       env={**os.environ, "HOME": home})
        return {line.split("\t")[0] for line in said.splitlines()}

    def completions(self, ask):
        for typed, wanted in TYPED:
            found = {word for word in ask(typed[0], typed) if word.startswith(typed[-1])}
            assert found == wanted, f"{' '.join(typed)}: {sorted(found)}"

    def zsh(self):
        """In a terminal of its own, where Tab is pressed, and shows them."""
        folder = self.prefix / "share/zsh/vendor-completions"
        for typed, wanted in TYPED:
            with tempfile.TemporaryDirectory() as home, Terminal(
                    ["zsh", "-f", "-i"], {"HOME": home, "TERM": "dumb", "COLUMNS": "300"}) as it:
                it.type(f"PROMPT=; fpath=({folder} $fpath); autoload -Uz compinit;"
                        "compinit -u -D; print so' 'far\n")
                it.read_until({"so far\r"})
                it.type(" ".join(typed) + "\t\t")
                it.read_until(wanted)

    # ------------------------------------------------------------ all three

    def zsh_said(self, program, typed):
        """What it would ask of zsh's own functions."""
        script = ("_arguments() { print -rl -- $@ }; compadd() { print -rl -- $@ };"
                  "_describe() { print -rl -- ${(P)2} }; file=$1; shift; words=($@);"
                  "CURRENT=$#words; source $file")
        path = self.prefix / "share/zsh/vendor-completions" / f"_{program}"
        return run("zsh", "-f", "-c", script, "zsh", path, *typed)

    def flags_completed(self, program, context):
        """shell -> its flags there."""
        typed = [program, *context, "--"]
        words = {"bash": self.bash(program, typed) if shutil.which("bash") else None,
                 "fish": self.fish(program, typed) if shutil.which("fish") else None,
                 "zsh": re.findall(r"^\*?(--[a-z][a-z-]+)", self.zsh_said(program, typed), re.M)
                 if shutil.which("zsh") else None}
        return {shell: {word for word in found if word.startswith("--")}
                for shell, found in words.items() if found is not None}

    def section(self, page, title):
        """Of the page's source, from this heading to the next."""
        path, = self.prefix.glob(f"share/man/*/{page}")
        text = path.read_text().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
        found = re.search(rf"^\.S[SH] {re.escape(title)}\n(.*?)(?=^\.S[SH] |\Z)", text,
                          re.M | re.S)
        assert found, f"{page} has no {title}"
        return found[1]

    def all_three_agree(self):
        """--help, the manual and each shell know the same flags, of every verb."""
        count = 0
        for program, context, title, said in contexts():
            wanted = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said)) | {"--help"}
            if program == "rowlock":
                wanted = set(re.findall(r"^    (--[a-z-]+)", said, re.M))
                shown = re.search(r"^Flags: (.*)$", self.section("rowlock.1", title), re.M)[1]
                assert set(shown.split()) == wanted, (context, wanted ^ set(shown.split()))
            elif context:
                page = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", self.section(
                    "rowlockd.8", title)))
                assert page == wanted - {"--help"}, (context, page ^ wanted)
            else:
                wanted = set(re.findall(r"^  (--[a-z-]+)", said, re.M))
                page = set(re.findall(r"^(--[a-z-]+)", self.section("rowlockd.8", title), re.M))
                assert page == wanted, page ^ wanted
            for shell, found in self.flags_completed(program, context).items():
                assert found == wanted, f"{shell}: {program} {context}: {found ^ wanted}"
            count += 1
        assert count > 40, count

    # ------------------------------------------------------------ units

    def units(self, folder):
        """The units, with programs that are there."""
        for path in self.prefix.glob("lib/systemd/system/*"):
            text = re.sub(r"=/\S*/(rowlockd|rowlock/backup)",
                          lambda found: f"={self.prefix}/" + (
                              "bin/rowlockd" if found[1] == "rowlockd"
                              else "libexec/rowlock/backup"), path.read_text())
            pathlib.Path(folder, path.name).write_text(text)
        return sorted(pathlib.Path(folder).iterdir())

    def units_are_sound(self):
        with tempfile.TemporaryDirectory() as folder:
            said = run("systemd-analyze", "verify", "--man=no", *self.units(folder))
            ours = [line for line in said.splitlines() if "rowlock" in line]
            assert not ours, "\n".join(ours)

    def units_are_closed(self):
        with tempfile.TemporaryDirectory() as folder:
            for unit in self.units(folder):
                if unit.suffix != ".service":
                    continue
                said = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
                level = float(re.search(r"exposure level for \S+: ([\d.]+)", said)[1])
                print(f"# systemd-analyze security {unit.name}: {level}", file=sys.stderr)
                assert level <= EXPOSURE_MAX, said

    # ------------------------------------------------------------ backups

    def backup(self, server, folder, keep, **environment):
        """Its programs are those of the build."""
        script = re.sub(r"\S+/bin/(rowlockd?) ", lambda found: str(
            ROWLOCKD if found[1] == "rowlockd" else ROWLOCK) + " ",
            (self.prefix / "libexec/rowlock/backup").read_text())
        return subprocess.run(["sh", "-c", script], text=True, capture_output=True, env={
            **os.environ, "ROWLOCK_SERVER": f"http://127.0.0.1:{server.port}",
            "ROWLOCK_BACKUPS": str(folder), "ROWLOCK_KEEP": keep, **environment})

    def backups_rotate(self):
        with tempfile.TemporaryDirectory() as folder, \
                Daemon(ROWLOCKD, pathlib.Path(folder, "shop.db"), ["--demo"]) as server:
            there = pathlib.Path(folder, "backups")
            there.mkdir()
            old = [f"rowlock-2020-01-0{day}T031500Z.db" for day in range(1, 6)]
            for name in [*old, "mine.db"]:
                (there / name).write_text("old")
            done = self.backup(server, there, "3")
            assert done.returncode == 0, done.stderr
            left = sorted(path.name for path in there.iterdir())
            assert left[:3] == ["mine.db", *old[3:]] and len(left) == 4, left
            run(ROWLOCKD, "verify", "--store", there / left[3])
            assert (there / left[3]).stat().st_mode & 0o077 == 0 or os.umask(0o22) is not None
            assert self.backup(server, there, "none").returncode == 64

    def a_backup_that_fails_removes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            there = pathlib.Path(folder, "backups")
            there.mkdir()
            server = Daemon(ROWLOCKD, pathlib.Path(folder, "shop.db")).start()
            server.stop()
            (there / "rowlock-2020-01-01T031500Z.db").write_text("old")
            assert self.backup(server, there, "1").returncode != 0
            assert [path.name for path in there.iterdir()] == ["rowlock-2020-01-01T031500Z.db"]

    def a_backup_has_a_token(self):
        """As the service manager hands it over: a folder with what the unit calls `token`."""
        unit = (self.prefix / "lib/systemd/system/rowlock-backup.service").read_text()
        assert re.search(r"^LoadCredential=token:rowlock-backup.token$", unit, re.M), unit
        with tempfile.TemporaryDirectory() as folder:
            there, handed = pathlib.Path(folder, "backups"), pathlib.Path(folder, "credentials")
            for path in (there, handed):
                path.mkdir()
            store = pathlib.Path(folder, "shop.db")
            server = Daemon(ROWLOCKD, store).start()
            server.stop()
            token = subprocess.check_output([ROWLOCKD, "token", "add", "backup", "--role", "admin",
                                             "--store", store], text=True,
                                            stderr=subprocess.DEVNULL)
            with server:
                for environment in ({}, {"CREDENTIALS_DIRECTORY": str(handed)}):
                    done = self.backup(server, there, "3", **environment)
                    assert done.returncode != 0 and "401" in done.stderr, done.stderr
                    assert not [*there.iterdir()], "a backup without a token"
                (handed / "token").write_text(token)
                (handed / "token").chmod(0o400)
                done = self.backup(server, there, "3", CREDENTIALS_DIRECTORY=str(handed))
                assert done.returncode == 0, done.stderr
                assert token.strip() not in done.stdout + done.stderr
            made, = there.iterdir()
            run(ROWLOCKD, "verify", "--store", made)


class Terminal:
    """A program with a terminal."""

    def __init__(self, words, environment):
        self.process, self.fd = pty.fork()
        if self.process == 0:
            os.execvpe(words[0], words, {**os.environ, **environment})

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, wanted):
        """Until each of the texts was seen."""
        seen = ""
        while any(text not in seen for text in wanted):
            ready = select.select([self.fd], [], [], TERMINAL_S_MAX)[0]
            assert ready, f"not all of {wanted} in {seen!r}"
            seen += os.read(self.fd, 65536).decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def a_container_has_all_it_needs(folder):
    """No engine is needed: what is copied into it serves by itself."""
    run(ROOT / "server/package/container-root", BUILD, folder)
    root = pathlib.Path(folder, "root")
    (root / "dev").mkdir()
    (root / "dev/null").touch()
    for program in ("rowlockd", "rowlock"):
        assert program in run("chroot", root, f"/usr/bin/{program}", "--version")
    text = (ROOT / "server/package/Containerfile").read_text()
    for path in re.findall(r"^COPY \S+ (\S+) ", text, re.M):
        assert (pathlib.Path(folder) / path).exists(), path
    assert not re.search(r"^RUN|https?:|^FROM (?!scratch$)", text, re.M), "it downloads"
    made = subprocess.check_output(
        ["chroot", str(root), "/usr/bin/rowlockd", "token", "add", "office", "--role", "admin",
         "--store", "/var/lib/rowlock/rowlock.db"], text=True, stderr=subprocess.DEVNULL)
    assert re.fullmatch(r"rl_[a-z2-7]{10}_\S{43}\n", made), "no token"
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.M)[1])
    words += json.loads(re.search(r"^CMD (.*)$", text, re.M)[1])
    server = subprocess.Popen(["chroot", str(root), *words], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in server.stderr:
            said.append(line)
            if "listening" in line:
                break
        assert "listening" in said[-1], "".join(said)
        assert (root / "var/lib/rowlock/rowlock.db").exists()
    finally:
        server.terminate()
        server.communicate()
    assert server.returncode == 0


def contexts():
    """(program, what is typed, its heading in the manual, its help)"""
    said = run(ROWLOCKD, "--help")
    yield "rowlockd", [], "OPTIONS", said
    commands = [name for words in re.findall(r"^ +rowlockd (\S+) \.\.\.", said, re.M)
                for name in words.split("|")]
    assert {"verify", "token"} <= set(commands), commands
    for command in commands:
        yield "rowlockd", [command], command, run(ROWLOCKD, command, "--help")
    for typed in re.findall(r"^    ([a-z]\S.*?)  +\S", run(ROWLOCK, "help"), re.M):
        if not typed.startswith("rowlock "):
            words = [word for word in typed.split() if re.fullmatch("[a-z]+", word)]
            yield "rowlock", words, typed, run(ROWLOCK, "help", *words)


# How a prefix becomes the places where meson puts things.
PREFIXES = {"/usr": "/etc", "/usr/local": "/usr/local/etc", "/opt/rowlock": "/opt/rowlock/etc"}


def a_prefix_is_kept(folder, prefix, etc):
    """Without building: what is installed where, and what the files that are made name."""
    build = pathlib.Path(folder, prefix.replace("/", "_"))
    run("meson", "setup", build, ROOT, f"--prefix={prefix}", env={**os.environ, "CC": "cc"})
    plan = json.loads(run("meson", "introspect", "--install-plan", build))
    places = {pathlib.Path(row["destination"].format(
        prefix=prefix, bindir=f"{prefix}/bin", datadir=f"{prefix}/share",
        mandir=f"{prefix}/share/man", libexecdir=f"{prefix}/libexec",
        sysconfdir=etc)) for group in plan.values() for row in group.values()}
    wanted = {pathlib.Path(prefix, path) for path in WHAT}
    assert wanted <= places, wanted - places
    assert all(path.is_relative_to(prefix) for path in places), places
    units = build / "server/package"
    service = (units / "rowlock.service").read_text()
    assert f"\nExecStart={prefix}/bin/rowlockd --config {etc}/rowlock/rowlockd.conf\n" in service
    backup = (units / "rowlock-backup.service").read_text()
    assert f"\nExecStart={prefix}/libexec/rowlock/backup\n" in backup
    script = (units / "backup").read_text()
    for program in ("rowlock backup", "rowlockd verify"):
        assert f"\n{prefix}/bin/{program}" in script, script
    run("ninja", "-C", build, "server/package/rowlockd.8")
    page = (build / "server/package/rowlockd.8").read_text().replace("\\-", "-")
    assert f"{etc}/rowlock/rowlockd.conf" in page, "rowlockd.8 names another file"


def needs_root():
    return None if os.geteuid() == 0 else "only root may chroot"


def words_of(text):
    """Of typography and breaks nothing is left."""
    text = re.sub(r"\x1b\[[\d;]*m|.\x08", "", text)
    return " ".join(text.replace("‐", "-").replace("−", "-").replace("’", "'").split())


def help_lines(text):
    """The flags of rowlockd --help, and what each is said to be."""
    assert not [line for line in text.splitlines() if len(line) > 80], "wider than a terminal"
    lines = re.findall(r"^  (--\S+(?: \S+)?) +(.*)$", re.sub(r"\n {37}", " ", text), re.M)
    assert len(lines) > 20, text
    return [f"{flag} {said}" for flag, said in lines]


def build_packages_agree():
    """What the package is built with is what server/run installs."""
    control = (ROOT / "server/package/debian/control").read_text()
    wanted = set(re.findall(r"^ ([a-z0-9.+-]+),?$", control.split("\nPackage:")[0], re.M))
    runs = (ROOT / "server/run").read_text()
    installed = set(re.search(r"build_packages=\((.*?)\)", runs, re.S)[1].split())
    assert installed - {"gcc"} == wanted - {"dh-sequence-installsysusers"}, installed ^ wanted


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    return f"tests/package/install installs {', '.join(missing)}" if missing else None


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-installed-") as folder:
        it = Installed(folder)
        for sentence, missing, function, *arguments in (
                ("all of it is installed", None, it.all_is_there),
                ("manual pages say what --help says, without a warning", needs("man"),
                 it.pages_say_what_help_says),
                ("bash completes verbs, actions, flags and choices", needs("bash"),
                 it.completions, it.bash),
                ("zsh completes them", needs("zsh"), it.zsh),
                ("fish completes them", needs("fish"), it.completions, it.fish),
                ("--help, the manual and every completion know the same flags", None,
                 it.all_three_agree),
                *((f"all of it keeps to {prefix}", None, a_prefix_is_kept, f"{folder}/prefixes",
                   prefix, etc) for prefix, etc in PREFIXES.items()),
                ("the units are sound", needs("systemd-analyze"), it.units_are_sound),
                ("the services are exposed by 1.5 at most", needs("systemd-analyze"),
                 it.units_are_closed),
                ("a backup is whole, and the oldest go", None, it.backups_rotate),
                ("a backup that fails removes nothing", None,
                 it.a_backup_that_fails_removes_nothing),
                ("a backup asks by the token that it is handed", None, it.a_backup_has_a_token),
                ("a container's root has all that it needs", needs_root(),
                 a_container_has_all_it_needs, f"{folder}/container"),
                ("the package is built with what server/run installs", None,
                 build_packages_agree)):
            if missing:
                tap.skip(sentence, missing)
            else:
                tap.run(sentence, function, *arguments)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
