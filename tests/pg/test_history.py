#!/usr/bin/env python3
"""test_history - that a history that cannot have been is found, and one that can is not."""
import sys

import cluster  # noqa: F401, the way to lib
from history import Call, History
from tap import Tap

# (kind, begun, ended, version), ...; a piece of what is found, or None
HISTORIES = (
    ("nothing", [], None),
    ("one after the other", [("write", 0, 1, 1), ("read", 2, 3, 1), ("write", 4, 5, 2)], None),
    ("writes at once, in either order", [("write", 0, 5, 2), ("write", 1, 4, 1)], None),
    ("a read beside a write sees it", [("write", 0, 9, 1), ("read", 1, 2, 1)], None),
    ("a read beside a write does not see it", [("write", 0, 1, 1), ("write", 2, 9, 2),
                                               ("read", 3, 4, 1)], None),
    ("two reads beside a write, the later one sees it", [
        ("write", 0, 9, 1), ("read", 1, 2, 0), ("read", 3, 4, 1)], None),
    ("two reads beside a write, the later one sees less", [
        ("write", 0, 9, 1), ("read", 1, 2, 1), ("read", 3, 4, 0)], "read of version 1 was over"),
    ("two writes make the same", [("write", 0, 1, 1), ("write", 2, 3, 1)], "written twice"),
    ("a write is overtaken by one that came later", [("write", 0, 1, 2), ("write", 2, 3, 1)],
     "write of version 2 was over"),
    ("a read is behind a write that was over", [("write", 0, 1, 2), ("read", 2, 3, 1)],
     "write of version 2 was over 1.0000 s before the read of version 1"),
    ("a read behind a read, far apart", [("read", 0, 1, 7), ("write", 0, 9, 4), ("read", 5, 6, 5)],
     "read of version 7 was over"),
    ("a read of what nobody has asked for", [("read", 0, 1, 1), ("write", 2, 3, 1)],
     "before anybody asked"),
    ("rows know nothing of each other", [("write", 0, 1, 2, "B"), ("write", 2, 3, 1)], None),
)


def check(calls, wanted):
    history = History()
    history.calls = [Call(row[0] if row else "A", kind, begun, ended, version)
                     for kind, begun, ended, version, *row in calls]
    found = history.trouble()
    assert found is None if wanted is None else found and wanted in found, found


def main():
    tap = Tap()
    for sentence, calls, wanted in HISTORIES:
        tap.run(sentence, check, calls, wanted)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
