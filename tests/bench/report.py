"""report - comparisons as lines of a terminal, and as the tables of docs/performance.md.

What a run writes into the page stands between two lines of it, and replaces what stood there:

    <!-- bench: begin -->
    <!-- bench: end -->
"""
import charts

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
PAGE = "performance.md"


def text_of(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def aim_of(c):
    if c.aim is None:
        return ""
    return f"{'<=' if c.is_ceiling else '>='} {c.aim:.2f}"


def cpu_of(spent):
    """`16.3 = loop 11.2 + writer 5.1`: what a server's threads spend on one request."""
    parts = sorted(spent.items(), key=lambda part: -part[1])
    whole = f"{sum(spent.values()):.1f}"
    if len(parts) < 2:
        return whole
    return f"{whole} = {' + '.join(f'{name} {us:.1f}' for name, us in parts)}"


def both_cpu_of(c):
    """(ours, theirs), empty where nobody counted."""
    return (cpu_of(c.cpu_us) if c.cpu_us else "",
            f"{c.their_cpu_us:.1f}" if c.their_cpu_us else "")


def print_head(facts):
    print("$", facts["command"])
    for name, text in (facts["machine"] | facts["programs"]).items():
        print(f"# {name}: {text}")
    print(f"# medians of {facts['rounds']} rounds of {facts['seconds']} s, in turns; cores are"
          " shared with the load generators", flush=True)


def print_title(title):
    print(f"\n{title}" if title else "")
    print(f"{'what':<44}{'ours':>9}  {'against':<38}{'theirs':>9} {'unit':<8}"
          f"{'ratio':>6}  {'aim':<15}{'p99 ms':>7} {'their CPU':>10}  our CPU, us",
          flush=True)


def print_comparison(c):
    verdict = {None: "", True: "met", False: "MISSED"}[c.is_met]
    p99 = "" if c.p99_ms is None else f"{c.p99_ms:.2f}"
    ours, theirs = both_cpu_of(c)
    figures = (f"{c.what:<44}{text_of(c.ours):>9}  {c.against:<38}{text_of(c.theirs):>9}"
               f" {c.unit:<8}{c.ratio:>6.2f}  {aim_of(c):<8}{verdict:<7}{p99:>7}")
    print(f"{figures} {theirs:>10}  {ours}".rstrip(), flush=True)


def row_of(c):
    """A line of the table. A figure that is only shown has nobody beside it."""
    aim = aim_of(c).replace("<=", "≤").replace(">=", "≥")
    verdict = {None: "shown", True: f"{aim}: met", False: f"{aim}: **missed**"}[c.is_met]
    theirs = f"{text_of(c.theirs)}" if c.against else ""
    ratio = f"**{c.ratio:.2f}**" if c.against else ""
    cells = [c.what, f"{text_of(c.ours)} {c.unit if c.unit != '1/s' else ''}".strip(),
             c.against, theirs, ratio, verdict, *both_cpu_of(c)]
    return f"| {' | '.join(cells)} |"


def tables_of(facts, passes):
    """Lines of Markdown."""
    yield f"`tests/bench/{facts['command']}`, {facts['minutes']} minutes; medians of" \
          f" {facts['rounds']} rounds of {facts['seconds']} s."
    yield ""
    for name, text in (facts["machine"] | facts["programs"]).items():
        yield f"- {name}: {text}"
    for one in passes:
        if one.title:
            yield f"\n### {one.title[0].upper()}{one.title[1:]}"
        for number, comparisons in enumerate(one.found.values()):
            if number == 0:
                yield "\n| what | 1/s | against | 1/s | ratio | aim | our CPU, µs | theirs |"
                yield "|---|---:|---|---:|---:|---|---|---:|"
            yield from map(row_of, comparisons)


def write(docs, facts, passes):
    """Charts into docs/performance/, tables and the charts' names into docs/performance.md."""
    page = docs / PAGE
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise OSError(f"{page} has no lines {BEGIN} and {END}")
    names = charts.write_all(docs / "performance", passes)
    pictures = [f"![{title}](performance/{name})" for name, title in names]
    text = "\n".join([begin, "", *tables_of(facts, passes), "", *pictures, "", end])
    page.write_text(before + text + after)
