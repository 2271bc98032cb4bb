"""charts - bars as SVG, in plain Python: readable on a white page and on a black one.

    write_all(folder, passes) -> [(file name, title), ...]

A chart's bars are sides that took turns, so that they may stand side by side.
"""
import dataclasses
import xml.sax.saxutils as xml

WIDTH, LEFT, RIGHT = 760, 250, 90
BAR, GAP, TOP, BOTTOM = 22, 8, 44, 14
# Colours of the page's own theme, whichever it is: a viewer that embeds a picture still applies it.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.ours { fill: #0a7d4f } .theirs { fill: #8b949e } .ceiling { fill: none; stroke: #8b949e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .ours { fill: #3fb984 } .theirs { fill: #6e7681 }
}"""


@dataclasses.dataclass
class Bar:
    label: str
    value: float
    kind: str  # ours, theirs, or ceiling: what nobody can pass


# file name, title, the section, and the label of ours -> the chart has its rivals of that section
CHARTS = [
    ("updates.svg", "Durable updates a second, 64 connections, 1,000 rows", "updates",
     "updates, 1,000 rows"),
    ("hot.svg", "Durable updates a second of one hot row, 64 connections", "hot",
     "updates, one row"),
    ("crowd.svg", "Durable updates a second, 256 connections", "crowd", "updates, 256 connections"),
    ("reads.svg", "Point reads a second, 64 connections", "reads", "point reads, 1,000 rows"),
    ("batch.svg", "Lines of a batch a second, durable, with results", "batch",
     "batch, 1,000,000 lines"),
]


def bars_of(comparisons, label):
    """Ours first, then all that it was compared with; what is not an 'x against y' is left out."""
    bars = []
    for c in comparisons:
        if c.what == label and c.against not in ("", "limit"):
            bars = bars or [Bar("Rowlock", c.ours, "ours")]
            kind = "ceiling" if c.against.startswith(("bare", "SQLite")) else "theirs"
            bars.append(Bar(c.against, c.theirs, kind))
    return bars


def bar_svg(bar, top, most):
    width = max(2, round((WIDTH - LEFT - RIGHT) * bar.value / most))
    middle = top + BAR - 6
    return (f'<text x="{LEFT - 10}" y="{middle}" text-anchor="end">{xml.escape(bar.label)}</text>'
            f'<rect class="{bar.kind}" x="{LEFT}" y="{top}" width="{width}" height="{BAR}" rx="3"/>'
            f'<text x="{LEFT + width + 8}" y="{middle}">{bar.value:,.0f}</text>')


def bars_svg(title, bars):
    height = TOP + len(bars) * (BAR + GAP) + BOTTOM
    most = max(max(bar.value for bar in bars), 1)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
             f' width="{WIDTH}" height="{height}" role="img">',
             f"<title>{xml.escape(title)}</title>", f"<style>{STYLE}</style>",
             f'<text class="title" x="10" y="24">{xml.escape(title)}</text>']
    lines += [bar_svg(bar, TOP + number * (BAR + GAP), most) for number, bar in enumerate(bars)]
    return "\n".join([*lines, "</svg>", ""])


def write_all(folder, passes):
    """The charts that the passes have bars for. A pass with a title has it in its charts' names."""
    folder.mkdir(exist_ok=True)
    written = []
    for number, one in enumerate(passes):
        for name, title, section, label in CHARTS:
            bars = bars_of(one.found.get(section, []), label)
            if len(bars) < 2:
                continue
            if one.title:
                name, title = f"{number + 1}-{name}", f"{title}; {one.title}"
            (folder / name).write_text(bars_svg(title, bars))
            written.append((name, title))
    return written
