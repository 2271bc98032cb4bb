"""batches - a long file against what SQLite alone can do in groups of the same size."""
import json
import os
import pathlib
import random
import subprocess
import time

import load
import servers
from contest import Comparison, Lane, compare_rate
from trouble import Broken

LINES = 1_000_000
ROWS = 1000
PHYSICAL = 8192      # a group that no flush limits
PIPELINE = 64        # the group that Redis gets in one piece
GROWTH_MIB_AIM = 32
SEND_S_MAX = 300
LAST_LINE_BYTES_MAX = 4096


def write_files(folder):
    """The rows, and the long file."""
    seed = random.Random(1)
    rows, lines = folder / "rows.ndjson", folder / "lines.ndjson"
    with rows.open("w") as file:
        file.write('{"op":"location","location":"WH1","name":"Main warehouse"}\n')
        for number in range(ROWS):
            file.write(f'{{"op":"item","sku":"BATCH-{number}","name":"Batch item"}}\n')
            file.write(f'{{"op":"set","sku":"BATCH-{number}","location":"WH1",'
                       '"on_hand":100000000,"expected":null}\n')
    with lines.open("w") as file:
        for _ in range(LINES):
            file.write(f'{{"op":"adjust","sku":"BATCH-{seed.randrange(ROWS)}","location":"WH1",'
                       '"delta":-1}\n')
    return rows, lines


def total_of(answer):
    """The last line of what was answered: it sums up. A batch that was cut has another one."""
    with answer.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_LINE_BYTES_MAX))
        text = file.read()
    try:
        total = json.loads(text.splitlines()[-1])
        if total["failed"] == 0 and "stopped_at" not in total:
            return total
    except (ValueError, LookupError, TypeError):
        pass
    raise Broken(f"a batch was not carried out: {text.decode(errors='replace')}")


def send(server, path, folder, key=None):
    """(lines per second, the last line of the answer), by curl, results and all."""
    answer = folder / "answer"
    head = ["-H", f"Idempotency-Key: {key}"] if key else []
    begun = time.monotonic()
    subprocess.run(["curl", "-sf", "-X", "POST", "-H", "Expect:", *head, "-T", str(path),
                    "-o", str(answer), f"{server.url}/v1/batch"], check=True, timeout=SEND_S_MAX)
    rate = LINES / (time.monotonic() - begun)
    return rate, total_of(answer)


def run_bare(bench, group):
    path = bench.folder / "bare.db"
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)
    said = subprocess.run([bench.arguments.bare_store, str(path), str(LINES), str(group),
                           str(ROWS)], check=True, capture_output=True, text=True,
                          timeout=SEND_S_MAX, env=servers.environment_with(**bench.environment))
    return load.Run(float(said.stdout))


def compare(what, ours, against, theirs, aim=None):
    """Runs of the same rounds: as lanes they have what a comparison needs."""
    lanes = [Lane(name, None, "", runs=runs) for name, runs in ((what, ours), (against, theirs))]
    comparison = compare_rate(*lanes, aim=aim)
    comparison.unit = "lines/s"
    return comparison


def group_of(before, after):
    """Lines that were decided and flushed together, on the average: what the other side gets."""
    def more(name):
        return after[name] - before[name]

    return max(1, round(more("rowlock_batch_lines_total") / max(more("rowlock_groups_total"), 1)))


def redis_lanes(bench):
    """Its own way to send many: 64 commands before the first answer is read."""
    redis = bench.neighbour("redis")
    lanes = [bench.lane(f"Redis, pipeline of {PIPELINE}, {count} connections", redis, "uniform.lua",
                        {"pipeline": PIPELINE}, count) for count in (1, 64)]
    return [lane for lane in lanes if lane is not None]


def measure(bench):
    rows, lines = write_files(bench.folder)
    server, redis = bench.rowlockd(), redis_lanes(bench)
    send(server, rows, bench.folder)
    counted = server.metrics()
    send(server, lines, bench.folder)
    group = group_of(counted, server.metrics())
    send(server, lines, bench.folder)  # not before this one all caches are full
    before = server.memory_mib()
    same, physical, plain, keyed, again = [], [], [], [], []
    for number in range(bench.arguments.rounds):
        same.append(run_bare(bench, group))
        physical.append(run_bare(bench, PHYSICAL))
        for rates, key in ((plain, None), (keyed, f"n{number}"), (again, f"n{number}")):
            spent = server.cpu_ns()
            rate, total = send(server, lines, bench.folder, key)
            if total["applied"] != LINES:
                raise Broken(f"of {LINES} lines of a batch not all were applied: {total}")
            rates.append(load.Run(rate))
            rates[-1].spend(spent, server.cpu_ns(), LINES)
        for lane in redis:
            lane.run_once(bench.arguments.seconds)
        if number == 0:  # later ones leave more keys to remember
            growth = server.memory_mib() - before
    what = "batch, 1,000,000 lines"
    yield compare(what, plain, f"SQLite, groups of {group}", same, 0.6)
    yield compare(what, plain, f"SQLite, groups of {PHYSICAL}", physical, 0.35)
    for lane in redis:
        yield compare(what, plain, lane.what, lane.runs, 3)
    yield compare("batch with keys", keyed, "without", plain, 0.6)
    yield compare("batch sent again", again, "the first time", keyed)
    yield Comparison("batch with keys: memory", growth, "limit", GROWTH_MIB_AIM, "MiB more",
                     growth / GROWTH_MIB_AIM, aim=1.0, is_ceiling=True)
