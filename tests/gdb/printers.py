#!/usr/bin/env python3
"""printers - server/base/gdb.py, in gdb, on the program shelf."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

SHELF, PRINTERS = sys.argv[1:3]


def ask(*commands):
    """What gdb says to each of the commands, where shelf is in look_here()."""
    words = ["set debuginfod enabled off", f"source {PRINTERS}", "break look_here", "run"]
    for command in commands:
        words += ["echo \\n#\\n", command]
    words = [word for command in words for word in ("-ex", command)]
    said = subprocess.run(["gdb", "--batch", "-nx", *words, SHELF], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout
    answers = [answer.strip() for answer in said.split("\n#\n")[1:]]
    assert len(answers) == len(commands), said
    return answers


def expect(command, pattern):
    answer, = ask(command)
    assert re.search(pattern, answer, re.DOTALL), f"{command}: {answer}"


def lists():
    expect("print all", r"= list of 3 = \{\[0\] = 0x.*, \[1\] = 0x.*, \[2\] = 0x.*\}")
    expect("print none", r"= list of 0")


def maps():
    expect("print map", r"= map of 3 in 8 buckets = \{(\[7[012]\] = \S+ \S+(, )?){3}\}")


def trees():
    expect("print tree", r"= tree of 3 = \{\[88\] = 0x.*, \[89\] = 0x.*, \[90\] = 0x.*\}")
    expect("print empty", r"= tree of 0")


def containers():
    expect('print $in(all.next, "struct thing", "link")->number', r"= 10$")
    expect('print $in(all.next, "struct thing", "nothing")->number', r"has no nothing")
    for where in "all link", "map node", "tree in_order":
        chain, member = where.split()
        answer, = ask(f'each {chain} "struct thing" {member}')
        numbers = sorted(re.findall(r"number = (\d+)", answer))
        assert numbers == ["10", "20", "30"], answer
    expect('each things "struct thing" link', r"is no list, map or tree")


def torn():
    expect("print torn", r"= list of 1, then: Cannot access memory")
    answers = ask("set print elements 2", "print all")
    assert "list of 2, and more" in answers[1], answers


tap = Tap()
for sentence, function in [
    ("a list is shown by its links", lists),
    ("a map by its keys", maps),
    ("a tree in order", trees),
    ("what a link is in", containers),
    ("a torn or an endless chain is shown as far as it goes", torn),
]:
    tap.run(sentence, function)
sys.exit(tap.end())
