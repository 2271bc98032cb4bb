"""pattern - what an answer should look like, written as JSON with holes in it.

    {"seq": $seq, "kind": "adjust", "at": time, "lines": [{"sku": "A-*"}, ...]}

An object may have more members than the pattern; an array has as many elements, unless the pattern
ends with `...`. A value is JSON, or
    any   int   text   time (RFC 3339, UTC, milliseconds)   absent (the member is not there)
    $name        remembered the first time, then the same again; $name+1: one more than it
    "A-* $name"  a string: * stands for any characters, $name as above
"""
import json
import re

TOKEN = re.compile(r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<name>\$[a-z_]+(?:\+\d+)?)
                       |(?P<word>\.\.\.|[a-z]+)|(?P<number>-?\d+(?:\.\d+)?)
                       |(?P<mark>[{}\[\]:,]))""", re.VERBOSE)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NAME = re.compile(r"\$([a-z_]+)(?:\+(\d+))?")
CONSTANTS = {"true": True, "false": False, "null": None}


class Mismatch(AssertionError):
    pass


class BadPattern(Exception):
    pass


class Hole(str):
    """$name, any, int, text, time, absent, ..."""


HOLES = {word: Hole(word) for word in ("any", "int", "text", "time", "absent", "...")}
FITS = {
    "any": lambda value: True,
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "time": lambda value: isinstance(value, str) and TIME.fullmatch(value),
}


def parse(text):
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if not found:
            raise BadPattern(f"cannot read the pattern at {text[at:at + 20]!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    value, rest = _parse_value(tokens)
    if rest:
        raise BadPattern(f"more than one value: {text}")
    return value


def _parse_value(tokens):
    if not tokens:
        raise BadPattern("the pattern ends too early")
    (kind, token), rest = tokens[0], tokens[1:]
    if token == "{":
        return _parse_members(rest, "}")
    if token == "[":
        return _parse_members(rest, "]")
    if kind == "name":
        return Hole(token), rest
    if kind == "word" and token in CONSTANTS:
        return CONSTANTS[token], rest
    if kind == "word" and token in HOLES:
        return HOLES[token], rest
    if kind in ("text", "number"):
        return json.loads(token), rest
    raise BadPattern(f"did not expect {token}")


def _parse_members(tokens, end):
    members = []
    while tokens and tokens[0][1] != end:
        value, tokens = _parse_value(tokens)
        if end == "}":
            if not tokens or tokens[0][1] != ":":
                raise BadPattern(f"no value for {value}")
            member, tokens = _parse_value(tokens[1:])
            value = (value, member)
        members.append(value)
        if tokens and tokens[0][1] == ",":
            tokens = tokens[1:]
    if not tokens:
        raise BadPattern(f"no {end}")
    return (dict(members) if end == "}" else members), tokens[1:]


def match(pattern, value, names, path=""):
    """Raises Mismatch with the JSON Pointer of what does not fit. Remembers $names in `names`."""
    if isinstance(pattern, Hole):
        _match_hole(pattern, value, names, path)
    elif isinstance(pattern, dict):
        _match_object(pattern, value, names, path)
    elif isinstance(pattern, list):
        _match_array(pattern, value, names, path)
    elif isinstance(pattern, str) and isinstance(value, str):
        match_text(pattern, value, names, path)
    elif pattern != value or isinstance(pattern, bool) != isinstance(value, bool):
        raise Mismatch(f"{path or 'body'}: {json.dumps(value)}, not {json.dumps(pattern)}")


def _match_hole(hole, value, names, path):
    if not hole.startswith("$"):
        if not FITS[hole](value):
            raise Mismatch(f"{path}: {json.dumps(value)} is not of kind {hole}")
        return
    name, more = NAME.fullmatch(hole).groups()
    text = value if isinstance(value, str) else json.dumps(value)
    if more:
        wanted = str(int(names[name]) + int(more))
    else:
        wanted = names.setdefault(name, text)
    if text != wanted:
        raise Mismatch(f"{path}: {text}, not {wanted} ({hole})")


def _match_object(pattern, value, names, path):
    if not isinstance(value, dict):
        raise Mismatch(f"{path or 'body'}: {json.dumps(value)} is not an object")
    for member, wanted in pattern.items():
        if wanted is HOLES["absent"]:
            if member in value:
                raise Mismatch(f"{path}/{member}: is there: {json.dumps(value[member])}")
        elif member not in value:
            raise Mismatch(f"{path}/{member}: is not there")
        else:
            match(wanted, value[member], names, f"{path}/{member}")


def _match_array(pattern, value, names, path):
    if not isinstance(value, list):
        raise Mismatch(f"{path or 'body'}: {json.dumps(value)} is not an array")
    may_have_more = bool(pattern) and pattern[-1] is HOLES["..."]
    wanted = pattern[:-1] if may_have_more else pattern
    if len(value) < len(wanted) or (len(value) > len(wanted) and not may_have_more):
        raise Mismatch(f"{path or 'body'}: {len(value)} elements, not {len(wanted)}")
    for index, element in enumerate(wanted):
        match(element, value[index], names, f"{path}/{index}")


def match_text(pattern, value, names, path=""):
    expression, fresh = "", []
    for part in re.split(r"(\*|\$[a-z_]+)", pattern):
        if part == "*":
            expression += ".*"
        elif not part.startswith("$"):
            expression += re.escape(part)
        elif part[1:] in names:
            expression += re.escape(names[part[1:]])
        else:
            fresh.append(part[1:])
            expression += "(.+?)"
    found = re.fullmatch(expression, value, re.DOTALL)
    if not found:
        raise Mismatch(f"{path}: {value!r}, not {pattern!r}")
    names.update(zip(fresh, found.groups()))
