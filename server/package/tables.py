"""tables - reads the tables that rowlock and rowlockd are made of, so that manual pages and
completions say what --help says.

A row is NAME(argument, ...): an argument is a text ("..." pieces, joined) or, of anything else, its
words. `#define NAME (...)` without parameters stands for its words.
"""
import collections
import re

Text = collections.namedtuple("Text", "value")  # a string literal, unescaped

TOKEN = re.compile(r"""/\*.*?\*/ | //[^\n]* | '(?:[^'\\\n]|\\.)+' |
                       (?P<string>"(?:[^"\\]|\\.)*") |
                       (?P<word>[A-Za-z_]\w*) | (?P<other>\d+|[^\s])""", re.S | re.X)
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "'": "'"}

Setting = collections.namedtuple(
    "Setting", "flag value argument help is_switch is_list is_live choices")
Option = collections.namedtuple("Option", "name flag value help")
Verb = collections.namedtuple("Verb", "verb action operands options summary more")


def unescape(literal):
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[0]), literal[1:-1],
                  flags=re.S)


def tokens_of(text):
    for found in TOKEN.finditer(text):
        if found["string"]:
            yield Text(unescape(found["string"]))
        elif found["word"] or found["other"]:
            yield found[0]


def argument_of(tokens):
    """A text, or words in a string."""
    if tokens and all(isinstance(token, Text) for token in tokens):
        return Text("".join(token.value for token in tokens))
    return " ".join(token.value if isinstance(token, Text) else token for token in tokens)


def split_row(tokens, at):
    """The arguments of the row whose '(' is at `at`, and where it ends."""
    arguments, piece, depth = [], [], 0
    while True:
        token = tokens[at]
        depth += (token == "(") - (token == ")")
        if depth == 0 or (depth == 1 and token == ","):
            arguments.append(argument_of(piece))
            piece = []
        elif not (depth == 1 and token == "("):
            piece.append(token)
        at += 1
        if depth == 0:
            return arguments, at


def read_rows(text, prefix):
    """(name, arguments) of each row whose name begins with prefix."""
    text = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*$", "", text, flags=re.M)
    tokens = list(tokens_of(text))
    rows, at = [], 0
    while at < len(tokens):
        name = tokens[at]
        at += 1
        if isinstance(name, Text) or not name.startswith(prefix):
            continue
        if at < len(tokens) and tokens[at] == "(":
            arguments, at = split_row(tokens, at)
            rows.append((name, arguments))
    return rows


def string_of(argument):
    """A text; of NULL nothing."""
    return argument.value if isinstance(argument, Text) else ""


def read_settings(text):
    """Every flag of rowlockd. What a kind has beyond those of Setting is its own."""
    settings = []
    for name, row in read_rows(text, "SETTING_"):
        is_live = row.pop(2) == "LIVE"
        is_switch, is_list = name == "SETTING_SWITCH", name == "SETTING_LIST"
        value = "" if is_switch else string_of(row[2]) or row[2]
        texts = [string_of(argument) for argument in row[3:] if isinstance(argument, Text)]
        argument = "" if is_switch else texts[0]
        settings.append(Setting(
            flag=row[1].value, value=value if isinstance(value, str) else "", argument=argument,
            help=row[-1].value, is_switch=is_switch, is_list=is_list, is_live=is_live,
            choices=argument.split("|") if name == "SETTING_CHOICE" else []))
    assert len(settings) > 20, "schema/settings.def is read wrong"
    return settings


def read_options(text):
    """Every flag of rowlock, by its name in the tables."""
    return {row[0]: Option(row[0], row[1].value, string_of(row[2]), row[-1].value)
            for _, row in read_rows(text, "OPTION")}


def read_verbs(text, options):
    macros = dict(re.findall(r"^#define (\w+_FLAGS)\s+\((.*)\)$", text, re.M))

    def flags_of(words):
        for _ in macros:
            words = re.sub(r"\w+_FLAGS", lambda found: macros[found[0]], words)
        names = set(re.findall(r"FLAG ?\( ?(\w+) ?\)", words)) | {"HELP"}
        return [option for name, option in options.items() if name in names]
    verbs = [Verb(row[1].value, row[2].value, row[3].value, flags_of(row[6]), row[7].value,
                  row[8].value) for _, row in read_rows(text, "VERB")]
    assert len(verbs) == len(re.findall(r"^VERB\(", text, re.M)), "client/verbs.def is read wrong"
    return verbs


def read_usages(text):
    """The help of each command of rowlockd, as it is printed: texts that begin with its usage."""
    usages, pieces = [], []
    for token in [*tokens_of(text), ";"]:
        if isinstance(token, Text):
            pieces.append(token.value)
            continue
        if pieces and "".join(pieces).startswith("usage: rowlockd "):
            usages.append("".join(pieces))
        pieces = []
    return usages


def read_commands(root):
    """The commands of rowlockd: name -> (its help, its actions, its flags, those of the flags that
    may be given again)."""
    commands = {}
    for source in sorted((root / "server").glob("**/*.c")):
        for usage in read_usages(source.read_text()):
            name = usage.split()[2]
            actions = dict.fromkeys(re.findall(rf"^(?:usage:)? *rowlockd {name} ([a-z]+)\b", usage,
                                               re.M))
            flags = dict.fromkeys(re.findall(r"--([a-z][a-z-]+)", usage))
            again = set(re.findall(r"\[--([a-z-]+) [A-Z]+\]\.\.\.", usage))
            commands.setdefault(name, (usage, [*actions], [*flags, "help"], again))
    assert len(commands) > 4, "server/offline has no commands"
    return commands


def read_extra_flags(text):
    """What --help says beyond the settings: (flag, what it does)."""
    found = [(row[0].value.lstrip("-"), row[1].value.strip())
             for _, row in read_rows(text, "help_of") if isinstance(row[0], Text)]
    assert len(found) > 2, "server/ops/config_show.c is read wrong"
    return found


def read_exit_codes(markdown):
    """(code, when) of docs/operating.md's table."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", markdown, re.M)
    assert len(rows) > 8, "docs/operating.md has no table of exit codes"
    return [(code, re.sub(r"[`*]", "", when)) for code, when in rows]


def read_closing(text):
    """What `rowlock help` ends with."""
    _, found, rest = text.partition("static const char closing[] =")
    assert found, "client/command.c says nothing at the end"
    return "".join(token.value for token in tokens_of(rest.partition(";\n")[0] + ";")
                   if isinstance(token, Text))
