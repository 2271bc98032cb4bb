"""batches - a long file against what SQLite alone can do in groups of the same size."""
import json
import pathlib
import random
import statistics
import subprocess
import time

from contest import Comparison

LINES = 1_000_000
ROWS = 1000
PART = 512           # lines that are decided together
PHYSICAL = 8192      # a group that no flush limits
GROWTH_MIB_AIM = 32
SEND_S_MAX = 300


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


def send(server, path, folder, key=None):
    """(lines per second, the last line of the answer), by curl, results and all."""
    answer = folder / "answer"
    head = ["-H", f"Idempotency-Key: {key}"] if key else []
    begun = time.monotonic()
    subprocess.run(["curl", "-sf", "-X", "POST", "-H", "Expect:", *head, "-T", str(path),
                    "-o", str(answer), f"{server.url}/v1/batch"], check=True, timeout=SEND_S_MAX)
    rate = LINES / (time.monotonic() - begun)
    with answer.open("rb") as file:
        file.seek(-300, 2)
        return rate, json.loads(file.read().splitlines()[-1])


def run_bare(program, folder, group):
    path = folder / "bare.db"
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)
    said = subprocess.run([program, str(path), str(LINES), str(group), str(ROWS)], check=True,
                          capture_output=True, text=True, timeout=SEND_S_MAX)
    return float(said.stdout)


def compare(what, ours, against, theirs, aim=None):
    ratios = [a / b for a, b in zip(ours, theirs)]
    return Comparison(what, statistics.median(ours), against, statistics.median(theirs), "lines/s",
                      statistics.median(ratios), aim=aim)


def measure(bench):
    rows, lines = write_files(bench.folder)
    server = bench.rowlockd()
    assert send(server, rows, bench.folder)[1]["failed"] == 0
    send(server, lines, bench.folder)  # caches are full
    before = server.memory_mib()
    same, physical, plain, keyed, again = [], [], [], [], []
    for number in range(bench.arguments.rounds):
        same.append(run_bare(bench.arguments.bare_store, bench.folder, PART))
        physical.append(run_bare(bench.arguments.bare_store, bench.folder, PHYSICAL))
        for rates, key in ((plain, None), (keyed, f"n{number}"), (again, f"n{number}")):
            rate, total = send(server, lines, bench.folder, key)
            assert total["applied"] == LINES, total
            rates.append(rate)
        if number == 0:  # later ones leave more keys to remember
            growth = server.memory_mib() - before
    yield compare("batch, 1,000,000 lines", plain, f"SQLite, groups of {PART}", same)
    yield compare("batch, 1,000,000 lines", plain, f"SQLite, groups of {PHYSICAL}", physical, 0.5)
    yield compare("batch with a key", keyed, "without", plain)
    yield compare("batch sent again", again, "the first time", keyed)
    yield Comparison("batch with a key: memory", growth, "limit", GROWTH_MIB_AIM, "MiB more",
                     growth / GROWTH_MIB_AIM, aim=1.0, is_ceiling=True)
