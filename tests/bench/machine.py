"""machine - what a figure was measured on: without it the figure says nothing."""
import os
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

import neighbours

FLUSHES = 50


def flush_us(folder):
    """What one durable write costs here: on a memory file system next to nothing, and then the
    figures say nothing about durable updates."""
    spent = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FLUSHES):
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            begun = time.monotonic()
            os.fdatasync(file.fileno())
            spent.append(time.monotonic() - begun)
    return round(statistics.median(spent) * 1e6)


def first_line(*command):
    """Of what a program says, wherever it says it; wrk ends with 1 when it has told its version."""
    try:
        said = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return ((said.stdout + said.stderr).strip().splitlines() or [""])[0]


def processor():
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def filesystem(folder):
    """(type, device) of the mount that the folder is on: the longest of the paths above it."""
    folder, best = str(pathlib.Path(folder).resolve()), ("", "", "")
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        device, mount, kind = line.split()[:3]
        if (folder + "/").startswith(mount.rstrip("/") + "/") and len(mount) >= len(best[0]):
            best = (mount, kind, device)
    return f"{best[1]} on {pathlib.Path(best[2]).name}"


def debian_version(package):
    found = first_line("dpkg-query", "-W", "-f", "${Version}", package)
    return found if re.match(r"\d", found) else "?"


def describe(folder):
    """name -> text, in the order in which it is printed."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": f"{os.cpu_count()} cores, {processor()}, {memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "disk": f"{filesystem(folder)}, a flush takes {flush_us(folder)} us",
    }


def programs(arguments):
    """name -> versions, of ours and of each neighbour that takes part."""
    wrk = re.search(r"\d+\.\d+\.\S*", first_line("wrk", "--version"))
    found = {"Rowlock": f"{first_line(str(arguments.rowlockd), '--version')},"
                        f" SQLite {debian_version('libsqlite3-0')},"
                        f" libmicrohttpd {debian_version('libmicrohttpd12')};"
                        f" wrk {wrk[0] if wrk else '?'} -t1"}
    for name in arguments.neighbours:
        neighbour = neighbours.ALL[name]
        if not neighbour.missing():
            found[neighbour.NAME] = f"{', '.join(neighbour.versions())}: {neighbour.settings()}"
    return found
