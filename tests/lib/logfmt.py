"""logfmt - a line of name=value pairs, read strictly.

    read('level=warn event=slow_write row="A 1"')   # {"level": "warn", "event": "slow_write", ...}

A value is bare (no blank, no quote, no =), or in quotes, with the escapes of JSON. Anything else
raises ValueError.
"""
import json
import re

PAIR = re.compile(r'([a-z][a-z0-9_]*)=(?:([^\s"=\\]+)|'
                  r'("(?:[^"\\\x00-\x1f]|\\["\\]|\\u[0-9a-f]{4})*"))')
PRIORITY = re.compile(r"<[2-7]>")


def read(line):
    found = PRIORITY.match(line)
    at, pairs = found.end() if found else 0, {}
    while True:
        pair = PAIR.match(line, at)
        if not pair:
            raise ValueError(f"column {at + 1}: no pair: {line}")
        if pair[1] in pairs:
            raise ValueError(f"{pair[1]} comes twice: {line}")
        pairs[pair[1]] = pair[2] if pair[2] is not None else json.loads(pair[3])
        at = pair.end()
        if at == len(line):
            return pairs
        if line[at] != " ":
            raise ValueError(f"column {at + 1}: {line}")
        at += 1


def check(line):
    """A line of a server's log: it has a level and an event, too."""
    pairs = read(line)
    if "level" not in pairs or "event" not in pairs:
        raise ValueError(f"no level or no event: {line}")
