"""machine - a clean Debian, the package in it, and systemd as process 1 of namespaces of its own.

    package, lower = build_packages()
    root = clean_root("root")
    machine = Machine(root)         # Failed: the kernel does not let systemd boot
    machine.run("systemctl", "restart", "rowlock")
    machine.end()

A clean root is made once for each build folder, WORK, and copied. Only root may do any of it.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = pathlib.Path(sys.argv[1]).resolve() / "package"
MIRROR = os.environ.get("ROWLOCK_MIRROR", "http://deb.debian.org/debian")
LOWER = "0.0.1"
LIMIT_S = 300  # of a step
PLACES_S = 60  # until something has become true
ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root")

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
    note(f"lintian: {len(said.splitlines())} remarks")
    assert not re.search(r"^E:", said, re.M), said


def is_as_large_as_the_page_says(package):
    """In MB, to a tenth of it: every change adds a little."""
    kib = int(run("dpkg-deb", "-f", package, "Installed-Size"))
    sizes = [package.stat().st_size / 1e6, kib * 1024 / 1e6]
    note(f"package: {package.name}, a file of {sizes[0]:.2f} MB, {sizes[1]:.2f} MB installed")
    page = (ROOT / "docs/installation.md").read_text()
    told = re.search(r"a file of ([\d.]+) MB, and ([\d.]+) MB once", page)
    for size, said in zip(sizes, map(float, told.groups()), strict=True):
        assert abs(size - said) <= 0.1 * size, f"docs/installation.md says {told[0]}"


# ---------------------------------------------------------------- a root

def clean_root(name):
    """A Debian with systemd and nothing else, from the mirror; each further one is a copy."""
    clean = WORK / "clean"
    if not (clean / "etc/debian_version").exists():
        half = WORK / "half"
        shutil.rmtree(half, ignore_errors=True)
        run("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv", "bookworm", half,
            MIRROR)
        half.rename(clean)
    root = WORK / name
    shutil.rmtree(root, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", clean, root)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    return root


def apt_get(root, *words):
    """In the root, before it boots: there it has the network of this machine."""
    run("chroot", root, "apt-get", "-q", "-y", *words,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})


def apt_install(root, package):
    """As an administrator does: apt brings what it depends on."""
    shutil.copy(package, root / "tmp")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # nothing runs in a chroot
    policy.chmod(0o755)
    apt_get(root, "update")
    apt_get(root, "install", "--no-install-recommends", f"/tmp/{package.name}")
    policy.unlink()


def ids_of(root):
    """(uid, gid) of the service's user in the root."""
    line, = re.findall(r"^rowlock:x:(\d+):(\d+):", (root / "etc/passwd").read_text(), re.M)
    return int(line[0]), int(line[1])


# ---------------------------------------------------------------- a machine

class Machine:
    """The root, booted, in a network of its own."""

    def __init__(self, root):
        self.root = root
        self.log = open(WORK / "console.log", "wb")  # noqa: SIM115, closed at the end
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", str(root), "--register=no", "--keep-unit",
             f"--machine=rowlock-{os.getpid()}", "--private-network", "--console=pipe",
             "--kill-signal=SIGRTMIN+3", "-b"],
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
        return run(*self.enter(), "env", "-i", *ENVIRONMENT, "DEBIAN_FRONTEND=noninteractive",
                   *words, **more)

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
