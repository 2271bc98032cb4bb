"""tally - counts the test cases of meson test runs: `N passed, M failed, K skipped`.

    tally.py build/meson-logs/testlog.json ...

A program that speaks TAP counts case by case, any other as one case. A program that failed without
a case that failed (it crashed, or ran out of time) is one failure more.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r"^(not )?ok\b[^#\n]*(# *skip\b)?", re.MULTILINE | re.IGNORECASE)
WHOLE = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped", "IGNORED": "skipped"}


def count_program(program):
    count = dict(passed=0, failed=0, skipped=0)
    for is_not, is_skipped in CASE.findall(program.get("stdout") or ""):
        count["skipped" if is_skipped else "failed" if is_not else "passed"] += 1
    whole = WHOLE.get(program["result"], "failed")
    if not any(count.values()) or (whole == "failed" and not count["failed"]):
        count[whole] += 1
    return count


def main(logs):
    total = dict(passed=0, failed=0, skipped=0)
    for log in logs:
        for line in pathlib.Path(log).read_text().splitlines():
            for kind, number in count_program(json.loads(line)).items():
                total[kind] += number
    print(", ".join(f"{number} {kind}" for kind, number in total.items()))
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
