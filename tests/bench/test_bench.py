"""test_bench - the benchmark itself: it reads what load generators say, counts and judges right,
its page and charts are whole, and a short run of it comes to its end.

    test_bench.py BUILD          without wrk the short run is left out
"""
import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import xml.etree.ElementTree as tree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
sys.dont_write_bytecode = True

import batches  # noqa: E402
import charts  # noqa: E402
import contest  # noqa: E402
import load  # noqa: E402
import neighbour_postgres  # noqa: E402
import neighbour_redis  # noqa: E402
import neighbours  # noqa: E402
import report  # noqa: E402
from tap import Tap  # noqa: E402
from trouble import Broken  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve()
SHORT_RUN_S_MAX = 100
FACTS = {"command": "run", "minutes": 1, "rounds": 5, "seconds": 3, "machine": {"cpu": "2 cores"},
         "programs": {"Redis": "redis-server 7"}}


def said(name):
    return (HERE / "said" / name).read_text()


def refuses(function, *words):
    try:
        function(*words)
    except Broken:
        return
    raise AssertionError(f"{function.__name__} took it")


def what_wrk_says_is_read():
    run = load.parse(said("wrk.txt"))
    assert (run.rate, run.p50_us, run.p99_us, run.max_us) == (36884.42, 1224, 13502, 21488), run
    assert run.answers == {"2xx 3xx": 37075, "4xx 5xx": 0} and run.socket_errors == 0, run
    broken = said("wrk.txt").replace("timeout 0", "timeout 3").replace("5xx 0", "5xx 2")
    broken = load.parse(broken)
    assert (broken.timeouts, broken.socket_errors, broken.refused) == (3, 0, 2), broken
    refuses(load.parse, "unable to connect to 127.0.0.1:1")


def what_redis_benchmark_says_is_read():
    run = neighbour_redis.parse(said("redis-benchmark.txt"))
    assert (run.rate, run.p50_us, run.p99_us, run.max_us) == (21586.63, 1527, 18895, 21263), run
    refuses(neighbour_redis.parse, said("redis-benchmark.txt").splitlines()[0])


def what_pgbench_says_is_read():
    run, processed = neighbour_postgres.parse(said("pgbench.txt"))
    assert (run.rate, processed, run.refused) == (16237.721809, 15807, 0), run
    assert run.p99_us is None
    nothing = said("pgbench.txt").replace("processed: 15807", "processed: 0")
    nothing = "".join(line for line in nothing.splitlines(True) if not line.startswith("tps"))
    assert neighbour_postgres.parse(nothing)[0].rate == 0
    refuses(neighbour_postgres.parse, nothing.replace("processed: 0", "processed: 7"))


class Side:
    """Runs at the rates that it is given, one after the other."""

    def __init__(self, rates, log=None):
        self.rates, self.spent_ns = list(rates), 0
        self.log = log if log is not None else []

    def cpu_ns(self):
        return {"loop": self.spent_ns}

    def drive(self, lane, seconds):
        rate = self.rates.pop(0)
        self.spent_ns += round(10_000 * rate * seconds)
        self.log.append(lane.what)
        return load.Run(rate=rate, p99_us=1000, answers={"2xx 3xx": 1, "4xx 5xx": 0})


def lanes_take_turns_and_ratios_are_of_a_round():
    log = []
    ours = contest.Lane("ours", Side([100, 10, 300], log), "x")
    theirs = contest.Lane("theirs", Side([50, 100, 100], log), "x")
    contest.compete([ours, theirs], 3, 2)
    assert log == ["ours", "theirs", "theirs", "ours", "ours", "theirs"], log
    c = contest.compare_rate(ours, theirs, aim=2)
    assert (c.ours, c.theirs, c.ratio, c.is_met, c.p99_ms) == (100, 100, 2, True, 1), c
    assert (c.cpu_us, c.their_cpu_us) == ({"loop": 10}, 10), c
    assert not contest.compare_rate(ours, theirs, aim=2.01).is_met
    assert contest.show_cpu(ours, 10).is_met and not contest.show_cpu(ours, 9.9).is_met
    assert contest.show_cpu(ours).is_met is None


def a_refusal_is_a_trouble():
    lane = contest.Lane("ours", None, "x")
    lane.runs = [load.Run(1, answers={"2xx 3xx": 1, "4xx 5xx": 1}), load.Run(1, socket_errors=1),
                 load.Run(1, answers={"2xx 3xx": 1, "4xx 5xx": 0})]
    assert len(list(lane.troubles())) == 2


def a_stall_is_a_trouble_only_where_it_is_ours():
    said = ("Requests/sec: 10.0\nanswers 2xx 3xx 20\nanswers 4xx 5xx 0\n"
            "sockets connect 0 read {} write 0 timeout 9\nlatency_us p50 1 p99 2 max 2100000\n")
    stalls, breaks = load.parse(said.format(0)), load.parse(said.format(1))
    assert (stalls.timeouts, stalls.socket_errors) == (9, 0), stalls
    assert (breaks.timeouts, breaks.socket_errors) == (9, 1), breaks
    side = Side([])
    for is_neighbour, run, troubles, remarks in [
            (False, stalls, 1, 0), (False, breaks, 1, 0), (True, stalls, 0, 1),
            (True, breaks, 1, 1), (True, load.Run(1), 0, 0), (False, load.Run(1), 0, 0)]:
        side.is_neighbour = is_neighbour
        lane = contest.Lane("theirs", side, "x", runs=[run])
        assert len(list(lane.troubles())) == troubles, (is_neighbour, run)
        assert len(list(lane.remarks())) == remarks, (is_neighbour, run)


def a_group_is_what_was_flushed_together():
    before = {"rowlock_batch_lines_total": 10, "rowlock_groups_total": 5}
    after = {"rowlock_batch_lines_total": 10250, "rowlock_groups_total": 25}
    assert batches.group_of(before, after) == 512
    assert batches.group_of(before, before) == 1


def a_batch_that_was_cut_is_no_figure():
    with tempfile.TemporaryDirectory() as folder:
        answer = pathlib.Path(folder) / "answer"
        answer.write_text('{"line":1}\n' * 1000 + '{"lines":3,"applied":3,"failed":0}\n')
        assert batches.total_of(answer)["applied"] == 3
        for text in ("", "{", "[]\n", '{"line":1}\n', '{"lines":3,"applied":2,"failed":1}\n',
                     '{"lines":3,"applied":2,"failed":0,"stopped_at":3}\n'):
            answer.write_text(text)
            refuses(batches.total_of, answer)


def comparison(what="updates, 1,000 rows", against="Redis & <Lua>", theirs=50.0):
    return contest.Comparison(what, 100.0, against, theirs, "1/s", 100 / theirs, 1.25,
                              cpu_us={"loop": 9.0, "writer": 4.0}, their_cpu_us=12.0)


def a_pass(title="", comparisons=None):
    return types.SimpleNamespace(title=title, found={"updates": comparisons or [
        comparison(), comparison(against="bare", theirs=200.0)]})


def charts_are_whole_and_to_scale():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "performance"
        assert [name for name, _ in charts.write_all(folder, [a_pass(), a_pass("2 loops")])] == [
            "updates.svg", "2-updates.svg"]
        root = tree.parse(folder / "updates.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    bars = {bar.get("class"): int(bar.get("width")) for bar in root.iter(f"{space}rect")}
    words = [text.text for text in root.iter(f"{space}text")]
    assert abs(bars["ceiling"] - 2 * bars["ours"]) <= 1, bars
    assert abs(bars["ours"] - 2 * bars["theirs"]) <= 1, bars
    assert "Redis & <Lua>" in words and "100" in words, words
    assert "prefers-color-scheme: dark" in root.find(f"{space}style").text


def a_chart_needs_two_bars():
    with tempfile.TemporaryDirectory() as folder:
        assert charts.write_all(pathlib.Path(folder), [a_pass(comparisons=[comparison("x")])]) == []


def the_page_gets_its_tables_once():
    with tempfile.TemporaryDirectory() as folder:
        docs = pathlib.Path(folder)
        page = docs / report.PAGE
        page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
        report.write(docs, FACTS, [a_pass()])
        first = page.read_text()
        report.write(docs, FACTS, [a_pass()])
        assert page.read_text() == first and "old" not in first, first
        assert first.startswith("before\n") and first.endswith("\nafter\n"), first
        assert "| updates, 1,000 rows | 100 | Redis & <Lua> | 50 | **2.00** | ≥ 1.25: met |" \
               " 13.0 = loop 9.0 + writer 4.0 | 12.0 |" in first, first
        assert "(performance/updates.svg)" in first and (docs / "performance/updates.svg").exists()
        page.write_text("no such lines\n")
        try:
            report.write(docs, FACTS, [a_pass()])
        except OSError:
            return
        raise AssertionError("wrote into a page without a place for it")


def who_is_absent_is_named_with_the_line_that_helps():
    absent = types.SimpleNamespace(NAME="Absent", missing=lambda: ["absent-server"])
    there = types.SimpleNamespace(NAME="There", missing=lambda: [])
    known, neighbours.ALL = neighbours.ALL, {"absent": absent, "there": there}
    try:
        with contextlib.redirect_stdout(io.StringIO()) as told:
            neighbours.print_absent(["absent", "there"])
    finally:
        neighbours.ALL = known
    assert told.getvalue() == ("# Absent is left out: not here: absent-server;"
                               " tests/bench/run --install installs it\n"), told.getvalue()


def run(*words):
    return subprocess.run([str(HERE / "run"), "--build", str(BUILD), *words], capture_output=True,
                          text=True, timeout=SHORT_RUN_S_MAX)


def mistakes_are_told():
    for words in (["nonsense"], ["--without", "nonsense"], ["--neighbours", "nonsense"],
                  ["--loops", "0"], ["--loops", "1,x"], ["--seconds", "0"], ["--rounds", "0"]):
        assert run(*words).returncode == 2, words


def a_short_run_comes_to_its_end():
    with tempfile.TemporaryDirectory() as folder:
        docs, figures = pathlib.Path(folder), pathlib.Path(folder) / "figures.json"
        (docs / report.PAGE).write_text(f"{report.BEGIN}\n{report.END}\n")
        result = run("updates", "works", "--rounds", "1", "--seconds", "1", "--neighbours", "",
                     "--json", str(figures), "--write", folder, "--folder", folder)
        assert result.returncode == 0, result.stdout + result.stderr
        found = json.loads(figures.read_text())
        one, = found["passes"]
        rates = [c for section in one["found"].values() for c in section if c["unit"] == "1/s"]
        assert list(one["found"]) == ["updates", "works"] and len(rates) >= 6, one
        assert all(c["ours"] > 0 and c["theirs"] > 0 for c in rates), rates
        assert {"loop", "writer"} <= set(one["found"]["updates"][0]["cpu_us"]), one
        assert found["troubles"] == [] and "a lease" in (docs / report.PAGE).read_text()


def main():
    tap = Tap()
    for function in (what_wrk_says_is_read, what_redis_benchmark_says_is_read,
                     what_pgbench_says_is_read, lanes_take_turns_and_ratios_are_of_a_round,
                     a_refusal_is_a_trouble, a_stall_is_a_trouble_only_where_it_is_ours,
                     a_group_is_what_was_flushed_together,
                     a_batch_that_was_cut_is_no_figure,
                     charts_are_whole_and_to_scale, a_chart_needs_two_bars,
                     the_page_gets_its_tables_once,
                     who_is_absent_is_named_with_the_line_that_helps, mistakes_are_told):
        tap.run(function.__name__.replace("_", " "), function)
    if shutil.which("wrk"):
        tap.run("a short run comes to its end", a_short_run_comes_to_its_end)
    else:
        tap.skip("a short run comes to its end", "no wrk here")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
