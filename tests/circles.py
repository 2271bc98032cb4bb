"""circles - which sources need each other at link level: none can be had without the rest.

A source depends on another if it uses a symbol that the other one defines: nm tells. Circles are
the strongly connected components (Tarjan 1972, "Depth-first search and linear graph algorithms") of
all sources together: the libraries, main.c and the command line. Includes say less: a header may be
seen without anything of it being used, and two sources behind one header may still hang together.

A circle that is meant to be stands in ALLOWED with the reason. The list stays true: a row that no
longer is what is found is a failure, too, and the message says what to write in its place.
"""
import pathlib
import subprocess

# No circle may be larger than that, whatever its reason.
FILES_MAX = 4

# The files of a circle -> why it may be one.
ALLOWED = {
}

# One source calls another that its folder does not see -> why it may.
CALLS_ALLOWED = {
    ("server/http/handlers_verify.c", "server/store/verify.c"):
        "a verification is a value: made here, and stepped on a reader thread",
}


class Source:
    """One object file: what it defines for others, and what it needs of them."""

    def __init__(self, name):
        self.name = name
        self.defined = set()
        self.needed = set()


def name_of(folder, header):
    """The source behind "…/libcore.a.p/stock.c.o:" (a thin archive) or "stock.c.o:" (thick)."""
    return f"{folder}/{pathlib.PurePath(header.rstrip(':')).name.removesuffix('.o')}"


def read_sources(folder, paths):
    """All objects in an archive, or in several object files, of one folder of the tree."""
    run = subprocess.run(["nm", "-g", *paths], check=True, text=True, stdout=subprocess.PIPE)
    sources = []
    if len(paths) == 1 and str(paths[0]).endswith(".o"):
        sources.append(Source(name_of(folder, str(paths[0]))))  # nm names no single file
    for line in filter(None, run.stdout.splitlines()):
        if line.endswith(".o:"):
            sources.append(Source(name_of(folder, line)))
        elif not line.endswith(":"):
            kind, symbol = line.split()[-2:]
            (sources[-1].needed if kind in "Uw" else sources[-1].defined).add(symbol)
    return sources


def read_build(build):
    """Every source of the product: the libraries of server/, main.c, and the command line."""
    build = pathlib.Path(build)
    sources = []
    for archive in sorted((build / "server").glob("*/lib*.a")):
        sources += read_sources(f"server/{archive.parent.name}", [archive])
    for folder, pattern in ("server", "rowlockd.p/*.c.o"), ("client", "rowlock.p/*.c.o"):
        sources += read_sources(folder, sorted((build / folder).glob(pattern)))
    return sources


def uses_of(sources):
    """name -> {name of a source that it uses: the symbols}."""
    home = {symbol: s for s in sources for symbol in s.defined}
    uses = {s.name: {} for s in sources}
    for s in sources:
        for symbol in s.needed & home.keys():
            if home[symbol] is not s:
                uses[s.name].setdefault(home[symbol].name, set()).add(symbol)
    return uses


def find_components(uses):
    """The strongly connected components of more than one source. No recursion: chains are long."""
    index, low, stack, found = {}, {}, [], []
    for root in uses:
        if root in index:
            continue
        work = [(root, iter(uses[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            at, following = work[-1]
            for to in following:
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    work.append((to, iter(uses[to])))
                    break
                if to in stack:
                    low[at] = min(low[at], index[to])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == index[at]:
                    component = stack[stack.index(at):]
                    del stack[stack.index(at):]
                    if len(component) > 1:
                        found.append(frozenset(component))
    return found


def row_of(files):
    return f"frozenset({sorted(files)}): \"why\","


def ties_of(uses, files):
    """What holds a circle together, a line each: the thinnest ties first."""
    ties = [(len(symbols), at, to, sorted(symbols))
            for at in files for to, symbols in uses[at].items() if to in files]
    for count, at, to, symbols in sorted(ties):
        yield f"    {at} needs {to}: {', '.join(symbols[:4])}{' …' if count > 4 else ''}"


def judge(uses, found, allowed):
    """What is wrong, in words that say what to write in ALLOWED."""
    for files in found:
        if len(files) > FILES_MAX:
            yield f"a circle of {len(files)}, of at most {FILES_MAX}: {sorted(files)}"
        if files in allowed:
            continue
        rest = [row for row in allowed if row & files]
        if any(files < row for row in rest):
            yield f"a circle became smaller: its row in tests/circles.py is now {row_of(files)}"
            continue
        yield f"{len(files)} sources need each other; untie them, or list them: {row_of(files)}"
        yield from ties_of(uses, files)
    for row in allowed:
        if not any(row & files for files in found):
            yield f"no circle any more: take its row out of tests/circles.py: {sorted(row)}"


def find_wrong_calls(build, may_see, room_of):
    """Between rooms of the server: a call that no include shows is found by the symbol it needs."""
    server = [s for s in read_build(build) if s.name.startswith("server/")]
    for at, used in sorted(uses_of(server).items()):
        room = room_of(at)
        for to, symbols in sorted(used.items()):
            other = room_of(to).rpartition("/")[2]
            if other not in may_see.get(room, {other}) and (at, to) not in CALLS_ALLOWED:
                yield f"{at} must not call {', '.join(sorted(symbols))} of {to}"


def find_circles(build):
    sources = read_build(build)
    uses = uses_of(sources)
    if len(sources) < 100:
        yield f"{build}: {len(sources)} object files are not the whole product"
    yield from judge(uses, find_components(uses), ALLOWED)
