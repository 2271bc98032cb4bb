#!/usr/bin/env python3
"""instructions - what the hot paths cost, in instructions; repeatable to a fraction of a per cent.

    tests/bench/instructions.py PROGRAM                 shows it, beside the base
    tests/bench/instructions.py PROGRAM --check         fails where it is 3 % from the base (TAP)
    tests/bench/instructions.py PROGRAM --keep base --why "one system call less for each update"
                                                        from now on this is the base
    tests/bench/instructions.py PROGRAM --top 20        and the functions that cost most

PROGRAM is build-release/tests/bench/bench_instructions, of `meson setup build-release
--buildtype=release`. Needs valgrind (apt-get install valgrind). What is counted, and how it is made
repeatable, says tests/bench/instructions.c.

The bases are a list in instructions.json, the newest last, each with a line that says why. CI
compares with the newest, in both directions: what became dearer is stopped, and what became cheaper
has to be written down, or the next change could spend it unseen. A kind that is not in the base, or
no longer measured, fails, too. And so does a token that costs an update more than 2 % of its
instructions, whatever the base says: token_update against update, of the same run; and a refused
login that costs more than 1.3 times what a request for /livez does.

Figures of another compiler, libc, SQLite, valgrind, kind of build or processor (the C library picks
its functions by it) are other figures. Where these differ from those of the newest base --check
says so, and is skipped: nobody's machine is at fault for being another one. A base of one's own is
one command; do not commit it.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

FILE = HERE / "instructions.json"
CHANGE_MAX = 0.03
TOKEN_COST_MAX = 0.02  # of an update's, all that a token adds to them
REFUSAL_COST_MAX = 1.3  # times a /livez
VALGRIND_S_MAX = 900
WHY_CHARACTERS_MIN = 15
ADVICE = ("If it is meant to be so: tests/bench/instructions.py"
          " build-release/tests/bench/bench_instructions --keep base --why '...'")
TOTAL = re.compile(r"^totals: (\d+)", re.M)
NAME = re.compile(r"^desc: Trigger: Client Request: (\w+)$", re.M)
COUNT = re.compile(r"^count (\w+) (\d+)$", re.M)
FUNCTION = re.compile(r"^ *([\d,]+) \([ \d.]+%\)  \S*:(\S+)(?: \[\S*?([^/\s]+)\])?$", re.M)
MADE = re.compile(r"^made (\w+) (.+)$", re.M)


def first_line(*command):
    out = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return out[0] if out else "?"


def dumps_of(folder):
    """By kind: what callgrind wrote."""
    found = {}
    for path in folder.glob("callgrind.*"):
        name = NAME.search(path.read_text())
        if name:
            found[name[1]] = path
    return found


def run_once(program, folder, *words):
    """What it said, and callgrind's files by kind, of a store of its own."""
    (folder / "store").mkdir(parents=True)
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet",
               f"--callgrind-out-file={folder}/callgrind", program, str(folder / "store"), *words]
    # Nothing of this environment: meson's MALLOC_PERTURB_ alone doubles what an allocation costs.
    ran = subprocess.run(command, capture_output=True, text=True, timeout=VALGRIND_S_MAX,
                         env={"PATH": os.environ.get("PATH", os.defpath)})
    if ran.returncode != 0:
        sys.exit(f"instructions: {program} ended with {ran.returncode}:\n{ran.stderr}")
    return ran.stdout, dumps_of(folder)


def run_program(program, folder):
    """The same of a store without tokens, and of one with."""
    if shutil.which("valgrind") is None:
        sys.exit("instructions: valgrind is needed: apt-get install valgrind")
    said, dumps = run_once(program, folder / "open")
    said_of_token, dumps_of_token = run_once(program, folder / "closed", "token")
    return said + said_of_token, dumps | dumps_of_token


def figures_of(said, dumps):
    """By kind: the instructions of all threads, divided by how many there were."""
    counts = {kind: int(count) for kind, count in COUNT.findall(said)}
    if not counts or set(counts) - set(dumps):
        sys.exit(f"instructions: callgrind wrote nothing for {sorted(set(counts) - set(dumps))}")
    totals = {kind: int(TOTAL.search(dumps[kind].read_text())[1]) for kind in counts}
    return {kind: round(totals[kind] / count, 1) for kind, count in counts.items()}


def toolchain_of(said):
    return dict(MADE.findall(said)) | {"valgrind": first_line("valgrind", "--version")}


def differences(toolchain, base):
    """What was made otherwise, in words; "": nothing."""
    then = base["toolchain"]
    names = [name for name in sorted(set(then) | set(toolchain))
             if then.get(name) != toolchain.get(name)]
    return ", ".join(f"{name} {then.get(name, '?')} then, {toolchain.get(name, '?')} now"
                     for name in names)


def judge(figures, base):
    """By kind: what is wrong with it, or None."""
    verdicts = {}
    for kind in [*figures, *(set(base) - set(figures))]:
        now, was = figures.get(kind), base.get(kind)
        if now is None:
            verdicts[kind] = "is not measured any more"
        elif was is None:
            verdicts[kind] = f"{now:,.0f}, and the base has no such kind"
        elif abs(now - was) > CHANGE_MAX * was:
            verdicts[kind] = (f"{now:,.0f} instead of {was:,.0f}, {100 * (now / was - 1):+.1f} %:"
                              f" {'too dear' if now > was else 'write down what was gained'}")
        else:
            verdicts[kind] = None
    return verdicts


def token_cost(figures):
    """The part of an update's instructions that a token adds."""
    return figures["token_update"] / figures["update"] - 1


def token_sentence(figures):
    return (f"a token costs an update {100 * token_cost(figures):.2f} % of its instructions"
            f" ({figures['token_update'] - figures['update']:,.0f}),"
            f" {100 * TOKEN_COST_MAX:.0f} % at most")


def refusal_cost(figures):
    """Of a login that fails, as a part of what a request costs that anybody may make."""
    return figures["refused_login"] / figures["livez"]


def refusal_sentence(figures):
    return (f"a refused login costs {refusal_cost(figures):.2f} times the instructions of a /livez,"
            f" {REFUSAL_COST_MAX} times at most")


def limits_of(figures):
    """What is a limit whatever the base says, and whether it is passed: ratios, of any machine."""
    if {"update", "token_update"} <= figures.keys():  # else the base misses a kind
        yield token_sentence(figures), token_cost(figures) > TOKEN_COST_MAX
    if {"refused_login", "livez"} <= figures.keys():
        yield refusal_sentence(figures), refusal_cost(figures) > REFUSAL_COST_MAX


def check(figures, toolchain, bases, tap):
    """A case for each limit and for each kind."""
    base = bases[-1]
    for sentence, is_passed in limits_of(figures):
        tap.report(sentence, "it costs more" if is_passed else None)
    other = differences(toolchain, base)
    if other:
        tap.skip("instructions are those of the base", f"made with other tools: {other}")
        return
    for kind, trouble in judge(figures, base["figures"]).items():
        sentence = f"{kind}: as many instructions as the base says, within {CHANGE_MAX:.0%}"
        tap.report(sentence, trouble and f"{kind}: {trouble}\n{ADVICE}")


def keep(kept, figures, toolchain, commit, why):
    """A base more; the older ones stay, so that the way that the figures took can be read."""
    kept["bases"].append({"commit": commit, "date": datetime.date.today().isoformat(), "why": why,
                          "toolchain": toolchain, "figures": figures})


def show(figures, base, stream):
    print(f"{'':18}{'instructions':>14}{'base':>12}{'':>9}", file=stream)
    for kind, n in figures.items():
        was = base.get(kind)
        print(f"{kind:18}{n:14,.0f}" +
              (f"{was:12,.0f}{100 * (n - was) / was:+8.2f} %" if was else ""), file=stream)
    for sentence, _ in limits_of(figures):
        print(sentence, file=stream)


def functions_of(path):
    """(instructions, "function [library]") of one of callgrind's files, the dearest first."""
    said = subprocess.run(["callgrind_annotate", "--threshold=100", str(path)],
                          capture_output=True, text=True).stdout
    rows = FUNCTION.findall(said)
    return [(int(number.replace(",", "")), f"{function} [{library}]")
            for number, function, library in rows]


def show_functions(said, dumps, count_max, stream):
    for kind, count in COUNT.findall(said):
        print(f"\n{kind}: instructions of each, by function", file=stream)
        for number, name in functions_of(dumps[kind])[:count_max]:
            print(f"{number / int(count):10,.0f}  {name}", file=stream)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--check", action="store_true", help="compare with the base; TAP")
    parser.add_argument("--keep", choices=["base"], help="write it into instructions.json")
    parser.add_argument("--why", default="", help="a line that says what made the difference")
    parser.add_argument("--commit", help="that the program was built from; else git is asked")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="functions of each kind")
    options = parser.parse_args()
    if options.keep and len(options.why.strip()) < WHY_CHARACTERS_MIN:
        parser.error("--keep base wants --why with a line that says what made the difference")
    return options


def main():
    options = parse_arguments()
    kept = json.loads(FILE.read_text())
    with tempfile.TemporaryDirectory(prefix="rowlock-instructions-") as name:
        said, dumps = run_program(options.program, pathlib.Path(name))
        figures, toolchain = figures_of(said, dumps), toolchain_of(said)
        base = kept["bases"][-1]
        show(figures, base["figures"], sys.stderr if options.check else sys.stdout)
        if options.top:
            show_functions(said, dumps, options.top, sys.stdout)
    if options.keep:
        head = first_line("git", "-C", str(HERE), "rev-parse", "--short", "HEAD")
        keep(kept, figures, toolchain, options.commit or head, options.why.strip())
        FILE.write_text(json.dumps(kept, indent="\t") + "\n")
    if options.check:
        tap = Tap()
        check(figures, toolchain, kept["bases"], tap)
        return tap.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
