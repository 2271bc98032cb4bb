#!/usr/bin/env python3
"""tidy - the rules of the tree that a program can hold, so that people need not.

    tests/tidy.py                                    the sources
    tests/tidy.py --core libcore.a --base libbase.a  and that core/ is pure
    tests/tidy.py --build build                      and that sources form no circles

A rule is one test case (TAP); what it finds is `path:line: what is wrong`.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

from circles import find_circles, find_wrong_calls

ROOT = pathlib.Path(__file__).resolve().parents[1]

# folder -> the folders whose headers its files may include. main.c wires all of them together.
MAY_SEE = {
    "server/base": {"base"},
    "server/core": {"base", "core", "schema"},
    "server/wire": {"base", "core", "wire", "schema"},
    "server/ops": {"base", "ops", "schema"},
    "server/store": {"base", "core", "ops", "store", "schema"},
    "server/engine": {"base", "core", "wire", "ops", "store", "engine", "schema"},
    "server/lab": {"base", "core", "wire", "ops", "store", "engine", "lab", "schema"},
    # The edge carries exchanges, whatever they wait for, and whoever answers them.
    "server/exchange": {"base", "core", "wire", "ops", "engine", "exchange", "schema"},
    "server/waiting": {"base", "core", "wire", "ops", "engine", "exchange", "waiting", "schema"},
    "server/edge/sockets": {"base", "edge"},
    "server/edge": {"base", "core", "wire", "ops", "engine", "exchange", "edge", "schema"},
    "server/http": {"base", "core", "wire", "ops", "engine", "lab", "exchange", "waiting", "http",
                    "schema"},
    # The laboratory runs inside of the command line, too: of the engine it sees lab.h only. Of the
    # store it sees what an address is.
    "server/offline": {"base", "core", "ops", "store", "offline", "schema"},
    "client": {"base", "core", "wire", "store", "lab", "client", "schema"},
}
LAYERS = set().union(*MAY_SEE.values())

# a third-party header -> the files that may include it (tests may include any)
ONE_HOME = {
    "microhttpd.h": ["server/edge/daemon*.[ch]"],
    "sqlite3.h": ["server/store/sqlite*.[ch]", "server/lab/till.c", "server/lab/shop.c"],
    "libpq-fe.h": ["server/store/postgres*.[ch]"],
    "curl/curl.h": ["client/api*.[ch]"],
    "jansson.h": ["server/wire/json*.[ch]", "client/*.[ch]"],
    "jsmn.h": ["server/wire/json_plain.c"],
    "xxhash.h": ["server/base/hash.c"],
    "systemd/sd-daemon.h": ["server/ops/inherited.c", "server/ops/notify.c"],
    "sodium.h": ["server/base/secret.c"],
}

# a façade -> who of its own folder may include it: nothing that lies behind it knows it. What is
# inside of it is its source's (tests may look, too).
FACADES = {
    "engine/service.h": ["server/engine/service.c", "server/engine/service_inside.h"],
    "engine/service_inside.h": ["server/engine/service.c"],
}

# sentence, the paths it holds for, what no line of them may match
NO_LINE = [
    ("no blanks at the end of a line", r"", r".*[ \t\r]$"),
    ("C is indented with tabs", r"\.[ch]$", r"    "),
    ("Python is indented with blanks", r"\.py$", r"\t"),
    ("what is left to do has an issue number", r"", r".*\b(TO" r"DO|FIX" r"ME)\b(?!.*#\d)"),
    ("only edge/sockets/ stands in for the C library",
     r"^server/(?!edge/sockets/).*\.c$",
     r"(?!static)\w[\w ]*[ *](recv|send|epoll_\w+|accept4?|poll)\("),
    ("no file names a path of somebody's machine", r"", r".*(?<![\w.}])/(work|home|root)/\w"),
]
# sentence, the paths it holds for, what the text of each must match
MUST_HAVE = [
    ("a file ends with one newline", r"", r"(?s)(|.*[^\n]\n)\Z"),
    ("a header begins with its manual, and is read once", r"\.h$", r"(?s)/\*.*\n#pragma once\n"),
    # stock.c is itself what the others CHECK.
    ("a source of core/ or engine/ checks what it relies on",
     r"^server/(core|engine)/(?!stock)\w+\.c$", r"(?s).*\bCHECK\("),
]

COLUMNS = {".c": 100, ".h": 100, ".py": 100, ".js": 120, ".lua": 110, ".build": 120, ".sql": 132}
COLUMNS_OF_TABLES = 170  # between clang-format off and on
FUNCTION_LINES_MAX = 61  # from the brace to the brace

# folder -> CHECK, _Static_assert and x_is_sound() a function, at least.
ASSERTS_MIN = {"server/core": 0.8, "server/engine": 0.8, "server/store": 0.8}

# What the machine code of core/ may call: memory, strings, and what the compiler itself puts in.
PURE = re.compile(r"check_failed|mem(cpy|set|cmp|move|chr)|str(n?len|n?cmp|n?cpy|n?chr|rchr)"
                  r"|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|odr_asan|ubsan|tsan)_.*")

SKIPPED = re.compile(r"(^|/)(\.git|build[^/]*|__pycache__|node_modules|corpus)(/|$)|\.(png|gz|db)$")


def read_tree():
    """path -> text, of all files that people write."""
    paths = (p for p in ROOT.rglob("*") if p.is_file() and not p.is_symlink())
    names = {str(p.relative_to(ROOT)): p for p in paths}
    return {name: names[name].read_text(errors="replace")
            for name in sorted(names) if not SKIPPED.search(name)}


def lines_of(tree, pattern):
    for path, text in tree.items():
        if re.search(pattern, path):
            for number, line in enumerate(text.splitlines(), 1):
                yield path, number, line


def find_lines(tree, paths, pattern):
    for path, number, line in lines_of(tree, paths):
        if re.match(pattern, line):
            yield f"{path}:{number}: {line.strip()[:60]}"


def find_lacking(tree, paths, pattern):
    for path, text in tree.items():
        if re.search(paths, path) and not re.match(pattern, text):
            yield f"{path}:1: does not"


def find_room(path):
    """The folder of MAY_SEE that the file is in, however deep; else its own."""
    folders = [str(folder) for folder in pathlib.PurePath(path).parents]
    return next((folder for folder in folders if folder in MAY_SEE), folders[0])


def find_includes(tree):
    """A folder includes only what is to its left, and each third-party header has one home."""
    for path, number, line in lines_of(tree, r"^(server|client)/.*\.[ch]$"):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        header, folder = found[1], find_room(path)
        layer = header.split("/")[0]
        homes = ONE_HOME.get(header, [path])
        if folder in MAY_SEE and "/" in header and layer in LAYERS - MAY_SEE[folder]:
            yield f"{path}:{number}: {folder} must not see {header}"
        if not any(pathlib.PurePath(path).match(home) for home in homes):
            yield f"{path}:{number}: {header} belongs into {', '.join(homes)}"
        if header in FACADES and path not in FACADES[header] and (
                "_inside" in header or folder == "server/" + layer):
            yield f"{path}:{number}: {header} is not for what lies behind it"


def find_python_that_is_none(tree):
    """What does not compile is a test that does not run, or a tool that ends where it begins."""
    for path, text in tree.items():
        if path.endswith(".py"):
            try:
                compile(text, path, "exec")
            except SyntaxError as trouble:
                yield f"{path}:{trouble.lineno}: {trouble.msg}"


def find_wide(tree):
    is_table = False
    for path, number, line in lines_of(tree, r""):
        is_table = ("clang-format off" in line or is_table) and "clang-format on" not in line
        most = COLUMNS.get(pathlib.PurePath(path).suffix, sys.maxsize)
        width = len(line.expandtabs(8))
        if width > (max(most, COLUMNS_OF_TABLES) if is_table else most):
            yield f"{path}:{number}: {width} columns"


def find_long_functions(tree):
    begun = 0
    for path, number, line in lines_of(tree, r"\.c$"):
        if line == "{":
            begun = number
        elif line == "}" and number - begun > FUNCTION_LINES_MAX:
            yield f"{path}:{begun}: {number - begun} lines"


# Constants of others. A switch over ours names each of them: what is added later is not swallowed.
FOREIGN = re.compile(r"-?E[A-Z0-9]+|SQLITE_\w+|SIG\w+|\w+_MAGIC|-?\d\w*|'.*'|json_\w+|JSON_\w+")


def find_defaults(tree):
    for path, text in tree.items():
        if not re.match(r"(server|client)/.*\.[ch]$", path):
            continue
        ours = []  # of each switch around this line: has it a case of ours?
        for number, line in enumerate(text.splitlines(), 1):
            case = re.match(r"\s*case (.+?):", line)
            if re.match(r"\s*switch \(", line):
                ours.append((len(line) - len(line.lstrip("\t")), False))
            elif ours and case and not FOREIGN.fullmatch(case[1]):
                ours[-1] = (ours[-1][0], True)
            elif ours and re.match(r"\s*default:", line) and ours[-1][1]:
                yield f"{path}:{number}: default: in a switch over an enum of ours"
            elif ours and line == "\t" * ours[-1][0] + "}":
                ours.pop()


def find_unmeasured(tree):
    """A table of texts by an enum has as many of them as that: a word is not forgotten."""
    table = re.compile(r"^static const char \*const (\w+)\[(\w*)\] = \{"
                       r"(?=[^;]*?\[[A-Z]\w*(?:##name)?\] =)", re.M)
    for path, text in tree.items():
        if not re.match(r"(server|client)/.*\.c$", path):
            continue
        for found in table.finditer(text):
            if f"_Static_assert(LENGTH_OF({found[1]}) ==" not in text or found[2]:
                line = text[:found.start()].count("\n") + 1
                yield f"{path}:{line}: no _Static_assert on LENGTH_OF({found[1]})"


def find_guesses(tree):
    """Who reads a comment has not seen what its "it" is, or who "those" are."""
    for path, text in tree.items():
        if not re.search(r"^(server|client|schema)/.*\.(c|h|def)$", path):
            continue
        for comment in re.finditer(r"/\*.*?\*/", text, re.DOTALL):
            words = " ".join(re.sub(r"(?m)^\s*\*", " ", comment[0].strip("/*")).split())
            found = re.match(r"It\b.{,40}", words) or \
                re.search(r"(?:^|[.!?] )((?:Those|Whoever|They|These)\b.{,40})", words)
            if found:
                number = text[:comment.start()].count("\n") + 1
                yield f"{path}:{number}: who is that: {found[0].lstrip('. ')}"


def find_lost_words(tree):
    """What the glossary sets in type is a word of the sources, the schema or the API."""
    text = " ".join(t for path, t in tree.items() if re.match(r"(server|client|schema)/", path))
    words = set(re.findall(r"\w+", text))
    for path, number, line in lines_of(tree, r"^docs/glossary\.md$"):
        for quoted in re.findall(r"`([^`]+)`", line):
            for word in re.findall(r"\w{2,}", quoted):
                if not word.startswith("x_") and word not in words and f"{word}/" not in text:
                    yield f"{path}:{number}: {word}"


def find_unchecked(tree):
    """An x_is_sound() within a CHECK is one, and so is none where it is defined."""
    for folder, least in ASSERTS_MIN.items():
        text = "".join(text for path, text in tree.items()
                       if re.fullmatch(rf"{folder}/\w+\.[ch]", path))
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        functions = len(re.findall(r"(?m)^\{$", text))
        asserts = len(re.findall(r"\b(?:CHECK|_Static_assert)\(", text))
        asserts += len(re.findall(r"(?<!bool )(?<!CHECK\()(?<!CHECK\(!)\b\w+_is_sound\(", text))
        if asserts < least * functions:
            yield f"{folder}: {asserts} asserts in {functions} functions, {least} are wanted"


def find_uncalled(tree):
    """An inline function of a header that nobody calls: the compiler says nothing of it."""
    sources = re.compile(r"(server|client|tests)/.*\.[ch]$")
    text = "\n".join(t for path, t in tree.items() if sources.match(path))
    times = collections.Counter(re.findall(r"\w+", text))
    for path, number, line in lines_of(tree, r"^(server|client)/.*\.h$"):
        found = re.match(r"static inline [^(]*?(\w+)\(", line)
        if found and times[found[1]] < 2:
            yield f"{path}:{number}: nobody calls {found[1]}()"


def find_forgotten(tree):
    for path in tree:
        folder, _, name = path.rpartition("/")
        if path.endswith(".c") or re.match(r"tests/http/.*\.txt$", path):
            if f"'{name}'" not in tree.get(f"{folder}/meson.build", ""):
                yield f"{path}:1: not in {folder}/meson.build"


LOG_CALL = re.compile(r"\blog_write\((.*?)\);", re.S)
LOG_TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
LOG_PAIR = re.compile(r'[a-z][a-z0-9_]*=(?:"[^"\\]*"|[^\s"\\=]+)')


def find_no_logfmt(tree):
    """Of each call the texts: the event, or the one of two; then the format in pieces. Values of
    %s are quoted by the writer where they need it, so a format quotes only what has blanks."""
    count = 0
    for path, text in tree.items():
        if not re.match(r"(server|tests/memory)/.*\.c$", path) or path.endswith("ops/log.c"):
            continue
        for call in LOG_CALL.finditer(text):
            words = re.sub(r"\bPRI\w+\b", '"d"', call[1])
            level, _, words = words.partition(",")
            if not re.search(r"\bLOG_|\blevel\b", level):
                continue  # another function of that name
            count += 1
            event, _, words = words.partition(",")
            events = LOG_TEXT.findall(event)
            pieces = re.match(r'\s*((?:"(?:[^"\\\n]|\\.)*"\s*)*)', words)[1]
            said = "".join(LOG_TEXT.findall(pieces)).replace('\\"', '"')
            where = f"{path}:{text.count(chr(10), 0, call.start()) + 1}"
            is_handed_on = event.strip() == "event"
            if not is_handed_on and not (events and all(
                    re.fullmatch("[a-z][a-z0-9_]*", one) for one in events)):
                yield f"{where}: the event is no word: {event.strip()}"
            if not said or LOG_PAIR.sub("", said).strip(" ") or "  " in said:
                yield f"{where}: {said}"
    if count < 40:
        yield f"only {count} calls of log_write() were found"


def find_silent_events(tree):
    """Who finds a warning in the log looks it up there."""
    told = tree["docs/operating.md"]
    for path, text in tree.items():
        if not re.match(r"server/.*\.c$", path):
            continue
        for event in re.finditer(r"LOG_(?:WARN|ERROR|CRIT),([^,;]*),", text):
            for name in re.findall(r'"(\w+)"', event[1]):
                if f"`{name}`" not in told:
                    yield f"{path}:{text[:event.start()].count(chr(10)) + 1}: {name}"


def find_other_versions(tree):
    """The version is that of the newest entry of the changelog, wherever it shows."""
    newest = re.search(r"^## (\S+)$", tree["docs/changelog.md"], re.M)[1]
    for path, pattern in (("meson.build", r"^\tversion: '(.*)'"),
                          ("server/openapi.json", r'^    "version": "(.*)"'),
                          ("server/openapi.json", r"built from: ([\d.]*)\+"),
                          ("tests/cli/status.txt", r"^> version +(.*)")):
        found = re.search(pattern, tree[path], re.M)
        if not found or found[1] != newest:
            yield f"{path}:1: {found and found[1]}, and the changelog's newest is {newest}"


def symbols(archive):
    """For each member: its name, the symbols that it defines, and those that it needs."""
    members = []
    output = subprocess.run(["nm", archive], check=True, text=True, stdout=subprocess.PIPE).stdout
    for line in filter(None, output.splitlines()):
        if line.endswith(".o:"):
            members.append((line[:-1], set(), set()))
        else:
            kind, name = line.split()[-2:]
            members[-1][2 if kind in "Uw" else 1].add(name)
    return members


def find_impure(core, base):
    """core/ may call a source of base/ that itself calls only what is pure."""
    known = set()
    for _, defined, needed in symbols(base):
        if all(PURE.fullmatch(name) for name in needed):
            known |= defined
    members = symbols(core)
    known.update(*(defined for _, defined, _ in members))
    for member, _, needed in members:
        for name in sorted(needed - known):
            if not PURE.fullmatch(name):
                yield f"{core}({member}): calls {name}"


def formatter_version():
    """Each version formats in its own way; ours is Debian 12's."""
    try:
        said = subprocess.run(["clang-format", "--version"], text=True, stdout=subprocess.PIPE)
    except OSError:
        return None
    return re.search(r"version (\d+)\.", said.stdout)[1]


def find_unformatted(tree):
    paths = [path for path in tree if path.endswith((".c", ".h"))]
    found = subprocess.run(["clang-format", "--dry-run", *paths], cwd=ROOT, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for path, line in sorted(set(re.findall(r"^(\S+?):(\d+):\d+: \w+:", found.stdout, re.M))):
        yield f"{path}:{line}: clang-format -i {path}"
    if found.returncode:
        yield f"clang-format: {found.stdout[-300:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", help="libcore.a: prove that it calls nothing outside")
    parser.add_argument("--base", help="libbase.a")
    parser.add_argument("--build", help="a built tree: find sources that need each other")
    arguments = parser.parse_args()
    tree = read_tree()
    cases = [(sentence, find_lines(tree, *row)) for sentence, *row in NO_LINE]
    cases += [(sentence, find_lacking(tree, *row)) for sentence, *row in MUST_HAVE]
    cases += [
        ("a folder sees only what is to its left, a library has one home", find_includes(tree)),
        ("all Python compiles", find_python_that_is_none(tree)),
        ("lines are at most 100 columns", find_wide(tree)),
        ("functions are at most 61 lines", find_long_functions(tree)),
        ("no switch over an enum of ours has a default", find_defaults(tree)),
        ("a table by an enum is asserted to be as long as that", find_unmeasured(tree)),
        ("a comment says its subject before it says It, Those or Whoever", find_guesses(tree)),
        ("the words of docs/glossary.md are used", find_lost_words(tree)),
        ("functions check what they rely on", find_unchecked(tree)),
        ("inline functions of headers are called", find_uncalled(tree)),
        ("every source and conversation is in its folder's meson.build", find_forgotten(tree)),
        ("the version is the changelog's newest, wherever it shows", find_other_versions(tree)),
        ("what is logged as a warning or worse is in docs/operating.md", find_silent_events(tree)),
        ("what is logged is logfmt: name=value pairs, texts in quotes", find_no_logfmt(tree)),
    ]
    version = formatter_version()
    # Where it is missing it is not held; in CI that is a failure.
    formatting = "C is formatted by clang-format 14"
    if version == "14":
        cases.append((formatting, find_unformatted(tree)))
    elif os.environ.get("CI") == "true":
        cases.append((formatting, [f"clang-format: version {version} is here"]))
    else:
        cases.append((f"{formatting} # SKIP version {version} is here", []))
    if arguments.core:
        cases.append(("core has no thread, no clock, no memory of its own, no I/O",
                      find_impure(arguments.core, arguments.base)))
    if arguments.build:
        cases.append(("no sources need each other but those of tests/circles.py",
                      find_circles(arguments.build)))
        cases.append(("a folder calls only what it may see",
                      find_wrong_calls(arguments.build, MAY_SEE, find_room)))
    is_tidy = True
    print(f"1..{len(cases)}")
    for number, (sentence, findings) in enumerate(cases, 1):
        findings = list(findings)
        is_tidy = is_tidy and not findings
        print(f"{'not ' if findings else ''}ok {number} - {sentence}")
        for finding in findings:
            print(f"# {finding}", file=sys.stderr)
    return 0 if is_tidy else 1


if __name__ == "__main__":
    sys.exit(main())
