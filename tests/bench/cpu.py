"""cpu - what a process has spent so far, by thread, to the nanosecond where the kernel says so."""
import os
import pathlib
import re

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def of_threads(pid):
    """thread name -> ns on a CPU. Threads of one kind (loop-0, loop-1) are taken together."""
    spent = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = re.sub(r"-\d+$", "", (task / "comm").read_text().strip())
            spent[name] = spent.get(name, 0) + int((task / "schedstat").read_text().split()[0])
        except OSError:  # the thread has ended meanwhile
            pass
    return spent


def of_family(pid, name):
    """The same of a process with its children that have ended: in ticks of 10 ms, no finer."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    ticks = sum(map(int, stat[stat.rindex(")") + 2:].split()[11:15]))
    return {name: ticks * 1_000_000_000 // TICKS_A_SECOND}


def per_operation_us(before, after, count):
    """thread name -> microseconds for each of `count` operations."""
    return {name: (after[name] - before.get(name, 0)) / 1000 / max(count, 1) for name in after}
