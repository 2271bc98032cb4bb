"""script - reads a conversation: cases, each a sentence and its steps. run.py tells the format."""
import dataclasses
import re

LINE = re.compile(r"(?P<who>[A-Z][A-Z0-9]*)? ?"
                  r"(?P<verb>raw>|until>|sql>|sql<|sql!|>|<|waits|is closed|closes|resets)"
                  r"(?: (?P<rest>.*))?")
ALONE = re.compile(r"(?P<who>)(?P<verb>server|given) (?P<rest>.*)")
JOINED = (">", "until>", "<", "sql<")  # such lines that follow each other are one step


class BadScript(Exception):
    pass


@dataclasses.dataclass
class Step:
    verb: str
    who: str
    number: int  # of its first line
    lines: list  # what is behind the verb


@dataclasses.dataclass
class Case:
    sentence: str
    steps: list
    is_row: bool = False  # of a table: what comes after does not build on it


def read_script(text):
    """The flags of the first server, and the cases."""
    flags, blocks = [], [[]]
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") and any(not lead.startswith("#") for _, lead in blocks[-1]):
            blocks.append([])
        if line.startswith("flags "):
            flags += line.split()[1:]
        elif line.strip():
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks[-1].append((number, line))
    return flags, [case for block in blocks for case in read_block(block)]


def read_block(block):
    """One case, or with `each` one for every row of its table."""
    sentence = " ".join(line.lstrip("# ") for _, line in block if line.startswith("#"))
    sentence = sentence or "what it begins with"
    heads = [line for _, line in block if line.startswith("each ")]
    rows = [(number, line) for number, line in block if line.startswith("|")]
    plain = [(number, line) for number, line in block
             if not line.startswith(("#", "|", "each "))]
    if not heads:
        return [Case(sentence, read_steps(plain))] if any(line for _, line in plain) else []
    names = [name.strip() for name in heads[0][len("each "):].split(" | ")]
    cases = []
    for number, row in rows:
        cells = [cell.strip() for cell in re.split(r"(?:^| )\|(?: |$)", row)[1:]]
        cells = cells[:len(names)]
        if len(cells) != len(names):
            raise BadScript(f"line {number}: {len(names)} cells are wanted")
        steps = read_steps([(n, fill(line, dict(zip(names, cells)))) for n, line in plain])
        cases.append(Case(f"{sentence} {' | '.join(cells)}", steps, is_row=True))
    return cases


def fill(line, cells):
    for name, cell in cells.items():
        line = line.replace(f"<{name}>", cell)
    return line


def read_steps(lines):
    steps, last = [], None
    for number, line in lines:
        if not line.strip():
            last = None
            continue
        found = ALONE.fullmatch(line) or LINE.fullmatch(line)
        if not found:
            raise BadScript(f"line {number}: cannot read {line!r}")
        who, verb, rest = found["who"] or "", found["verb"], found["rest"] or ""
        is_status = verb == "<" and re.match(r"\d\d\d\b", rest)
        if last and (last.verb, last.who) == (verb, who) and verb in JOINED and not is_status:
            last.lines.append(rest)
        else:
            last = Step(verb, who, number, [rest])
            steps.append(last)
    return steps


def expand(text, names):
    """$name, (text x times) and (byte ff); the result is bytes."""
    def insert(found):
        if found[0] == "$$":
            return "$"
        if found[1] not in names:
            raise BadScript(f"${found[1]} is not known yet")
        return str(int(names[found[1]]) + int(found[2])) if found[2] else names[found[1]]

    text = re.sub(r"\$(?:\$|([a-z_]+)(?:\+(\d+))?)", insert, text)
    text = re.sub(r"\((\S+) x (\d+)\)", lambda found: found[1] * int(found[2]), text)
    parts = re.split(r"\(byte ([0-9a-f]{2})\)", text)
    return b"".join(bytes.fromhex(part) if index % 2 else part.encode()
                    for index, part in enumerate(parts))


ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\", b"0": b"\0"}


def unescape(data):
    r"""\r \n \t \\ \0 \xff"""
    return re.sub(rb"\\(?:x([0-9a-f]{2})|([rnt0\\]))", lambda found: bytes.fromhex(
        found[1].decode()) if found[1] else ESCAPES[found[2]], data, flags=re.DOTALL)
