#!/usr/bin/env python3
"""flags - every flag that a message, a hint or a page of the documentation names exists.

    tests/flags.py                     prints each one that does not, with where it is named

A flag is looked for among those of the program that is spoken of: of a line that types `rowlock
VERB`, that verb's; of one that types rowlockd, the daemon's; else either's, but in the sources of
the daemon only its own, and in those of the command line that, too.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

OTHERS = {  # of programs that are typed in the documentation; and what stands for any flag
    "--no-install-recommends", "--no-install", "--install-only", "--dump-dom", "--flag",
}
OTHER_PROGRAMS = re.compile(r"\bpg_\w+|"
                            r"\bsystem(?:ctl|d-analyze)\b|\bcurl\b|\btests/|\bmeson\b|<!DOCTYPE")
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?![\w-]|\()")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def read(path):
    return (ROOT / path).read_text(errors="replace")


def daemon_flags():
    settings = re.findall(r'^SETTING_\w+\(\s*\w+,\s*"([a-z-]+)"', read("schema/settings.def"), re.M)
    more = {"help", "version", "print-config", "print-example"}
    offline = [flag for path in (ROOT / "server/offline").glob("*.c")
               for flag in re.findall(r'"--([a-z-]+)"', path.read_text())]
    assert len(settings) > 20 and len(offline) >= 3
    return set(settings) | more | set(offline)


def command_flags():
    """(verb, action) -> its flags."""
    options = dict(re.findall(r'^OPTION\((\w+),\s*"([a-z-]+)"', read("client/options.def"), re.M))
    text = read("client/verbs.def")
    macros = dict(re.findall(r"^#define (\w+_FLAGS)\s+\((.*)\)$", text, re.M))

    def expand(flags):
        for name, value in macros.items():
            flags = re.sub(rf"\b{name}\b", lambda _: expand(value), flags)
        return flags
    commands = {}
    for verb, action, flags in re.findall(
            r'^VERB\(\w+,\s*"([a-z]+)",\s*"([a-z]*)",\s*"[^"]*",\s*\w+,\s*[\w +]+,\s*(.*),$',
            text, re.M):
        names = re.findall(r"FLAG\((\w+)\)", expand(flags))
        commands[verb, action] = {options[name] for name in names} | {"help", "version"}
    assert len(commands) == len(re.findall(r"^VERB\(", text, re.M))
    return commands, set(options.values())


DAEMON = daemon_flags()
COMMANDS, OPTIONS = command_flags()


def flags_of_typed(words):
    """Of `rowlock VERB [ACTION] ...`; None: it is no command."""
    for key in ((words[0], words[1] if len(words) > 1 else ""), (words[0], "")):
        if key in COMMANDS:
            return COMMANDS[key]
    return None


def spoken_of(text, at, default):
    """The flags of the program that the text before a flag types last."""
    line = text[text.rfind("\n", 0, at) + 1:at]
    typed = list(re.finditer(r"\b(rowlockd|rowlock)((?: +[A-Za-z][\w-]*){0,2})", line))
    if not typed:
        return default
    if typed[-1][1] == "rowlockd" and ";" in line[typed[-1].end():]:
        return default  # a sentence about it, which is over
    if typed[-1][1] == "rowlockd":
        return DAEMON
    words = typed[-1][2].split()
    return (words and flags_of_typed(words)) or OPTIONS | (default & DAEMON)


def check(where, text, default):
    for found in FLAG.finditer(text):
        if found[0] in OTHERS or OTHER_PROGRAMS.search(text[:found.start()]):
            continue
        if found[1] not in spoken_of(text, found.start(), default):
            near = " ".join(text[max(0, found.start() - 40):].split())[:90]
            yield f"{where}: {found[0]} in: {near}"


def strings_of(path):
    """The texts of a C source, neighbours joined."""
    text = re.sub(r'"\s*\n\s*"', "", read(path))
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith(("*", "/*", "//")):
            for string in STRING.findall(line):
                yield f"{path} (line {number} or behind)", string.replace("\\n", "\n")


def find_wrong():
    both = DAEMON | OPTIONS
    for pattern, default in (("server/**/*.c", DAEMON), ("server/*.c", DAEMON),
                             ("client/*.c", both), ("client/*.def", OPTIONS),
                             ("schema/*.def", both)):
        for path in sorted(ROOT.glob(pattern)):
            for where, string in strings_of(path.relative_to(ROOT)):
                yield from check(where, string, default)
    pages = [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "server/openapi.json",
             *ROOT.glob("schema/sqlite/*.sql"), *ROOT.glob("server/dashboard/*.html")]
    for path in pages:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield from check(f"{path.relative_to(ROOT)}:{number}", line, both)


def find_not_live():
    """The documentation lists what SIGHUP reads again, and nothing else."""
    rows = re.findall(r'^SETTING_\w+\(\s*\w+,\s*"([a-z-]+)",\s*(\w+),',
                      read("schema/settings.def"), re.M)
    live = {name for name, when in rows if when == "LIVE"}
    assert len(rows) > 20 and 0 < len(live) < len(rows)
    section = read("docs/operating.md").split("### Reading the settings again\n")[1].split("\n#")[0]
    listed = re.findall(r"`([a-z-]+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.M)))
    for name in sorted(live ^ set(listed)):
        yield f"docs/operating.md: {name} is {'' if name in live else 'not '}read again on SIGHUP"


def main():
    cases = [("each flag that is named exists", find_wrong),
             ("what is read again is listed", find_not_live)]
    failed = 0
    print(f"1..{len(cases)}")
    for number, (sentence, find) in enumerate(cases, 1):
        wrong = sorted(set(find()))
        failed += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {number} - {sentence}")
        for line in wrong:
            print(f"# {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
