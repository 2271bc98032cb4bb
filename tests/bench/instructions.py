#!/usr/bin/env python3
"""instructions - what the hot paths cost, in instructions; repeatable to a fraction of a per cent.

    tests/bench/instructions.py build/tests/bench/bench_instructions            shows it
    ... --check          fails where a figure is more than 3 % above the base of instructions.json
    ... --keep current   writes the figures into that file; --keep base: as what is compared with

Needs valgrind (apt-get install valgrind). What is counted, and how it is made repeatable, says
tests/bench/instructions.c. Figures of another compiler, libc or SQLite are other figures: the file
names those that it was made with, and --check says where they differ. To take a base on this
machine, build the commit that is to be compared with (this folder's files can be copied into it;
only its tests/bench/meson.build must know them), and run `--keep base`.
"""

import argparse
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE / "instructions.json"
MORE_MAX = 0.03


def counted(folder):
    """What callgrind wrote for each kind: its name, and the instructions of all threads."""
    found = {}
    for path in folder.glob("callgrind.*"):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.M)
        total = re.search(r"^totals: (\d+)", text, re.M)
        if name and total:
            found[name[1]] = int(total[1])
    return found


def measure(program):
    """Instructions by kind: one dump of callgrind's for each, divided by how many there were."""
    if shutil.which("valgrind") is None:
        sys.exit("instructions: valgrind is needed: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="rowlock-instructions-") as name:
        folder = pathlib.Path(name)
        (folder / "store").mkdir()
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet",
                   f"--callgrind-out-file={folder}/callgrind", program, str(folder / "store")]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if ran.returncode != 0:
            sys.exit(f"instructions: {program} ended with {ran.returncode}:\n{ran.stderr}")
        totals = counted(folder)
        times = dict(line.split() for line in ran.stdout.splitlines())
    missing = set(times) - set(totals)
    if missing or not times:
        sys.exit(f"instructions: callgrind wrote nothing for {sorted(missing) or 'anything'}")
    return {kind: round(totals[kind] / int(n), 1) for kind, n in times.items()}


def first_line(*command):
    out = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return out[0] if out else "?"


def toolchain():
    return {"compiler": first_line("cc", "--version"), "libc": first_line("ldd", "--version"),
            "sqlite": sqlite3.sqlite_version, "valgrind": first_line("valgrind", "--version")}


def show(figures, base):
    print(f"{'':14}{'instructions':>14}{'base':>12}{'':>9}")
    for kind, n in figures.items():
        was = base.get(kind)
        print(f"{kind:14}{n:14,.0f}" +
              (f"{was:12,.0f}{100 * (n - was) / was:+8.2f} %" if was else ""))


def check(figures, kept):
    """The kinds that cost too much."""
    if kept.get("toolchain") != toolchain():
        print("The base was made with other tools; take one of your own (--keep base):")
        print(f"  then {kept.get('toolchain')}\n  now  {toolchain()}")
    return [kind for kind, was in kept.get("base", {}).items()
            if figures.get(kind, was) > was * (1 + MORE_MAX)]


def keep(kept, which, figures, commit):
    kept[which] = figures
    kept[which + "_commit"] = commit
    kept["toolchain"] = toolchain()
    FILE.write_text(json.dumps(kept, indent="\t") + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="build/tests/bench/bench_instructions")
    parser.add_argument("--check", action="store_true", help="fail at 3 %% above the base")
    parser.add_argument("--keep", choices=["base", "current"], help="write the file")
    parser.add_argument("--commit", help="that the program was built from; else git is asked")
    options = parser.parse_args()

    kept = json.loads(FILE.read_text()) if FILE.exists() else {"unit": "instructions per operation"}
    figures = measure(options.program)
    show(figures, kept.get("base", {}))
    if options.keep:
        head = first_line("git", "-C", str(HERE), "rev-parse", "--short", "HEAD")
        keep(kept, options.keep, figures, options.commit or head)
    if options.check:
        dear = check(figures, kept)
        if dear:
            sys.exit(f"instructions: more than {MORE_MAX:.0%} above the base: {', '.join(dear)}")


if __name__ == "__main__":
    main()
