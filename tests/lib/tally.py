"""tally - counts the test cases of meson test runs: `N passed, M failed, K skipped`. Before it,
what failed says why, and what did not pass is named: of a long output often the end alone is kept.

    tally.py build/meson-logs/testlog.json ...

A program that speaks TAP counts case by case, any other as one case. A program that failed without
a case that failed (it crashed, or ran out of time) is one failure more.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r"^(not )?ok\b([^#\n]*)(# *skip\b)?", re.MULTILINE | re.IGNORECASE)
WHOLE = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped", "IGNORED": "skipped"}


CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
LINES_MAX = 60  # of what a program that failed has said last


def print_words(where, program):
    """What it said, but for the cases that passed."""
    for name in ("stdout", "stderr"):
        lines = [line for line in (program.get(name) or "").splitlines()
                 if not line.startswith("ok ")]
        for line in lines[-LINES_MAX:]:
            print(f"{where}: {CONTROL.sub('?', line[:400])}")


def count_program(program):
    """How many of each kind, and the sentences of those that did not pass."""
    count, others = dict(passed=0, failed=0, skipped=0), []
    for is_not, sentence, is_skipped in CASE.findall(program.get("stdout") or ""):
        kind = "skipped" if is_skipped else "failed" if is_not else "passed"
        count[kind] += 1
        if kind != "passed":
            others.append(f"{kind}: {sentence.strip()}")
    whole = WHOLE.get(program["result"], "failed")
    if not any(count.values()) or (whole == "failed" and not count["failed"]):
        count[whole] += 1
        if whole != "passed":
            others.append(f"{whole}: as a whole ({program['result']})")
    return count, others


def main(logs):
    total, names = dict(passed=0, failed=0, skipped=0), []
    for log in logs:
        for line in pathlib.Path(log).read_text().splitlines():
            program = json.loads(line)
            count, others = count_program(program)
            for kind, number in count.items():
                total[kind] += number
            where = f"{pathlib.Path(log).parts[0]}: {program['name']}"
            names += [f"{where}: {other}" for other in others]
            if count["failed"]:
                print_words(where, program)
    print(*names, sep="\n", end="\n" if names else "")
    print(", ".join(f"{number} {kind}" for kind, number in total.items()))
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
