"""floods - what somebody who tries tokens does to those who have one.

Beside a good client, who makes updates at a fixed rate with a token, another address of this
machine floods the server with 16,000 requests a second: in one turn each with a bad token, no two
alike, in the other with as many /livez, which are public and ask for nothing. Whatever a flood
costs by itself is in both; so the good one's p99 beside bad tokens may not be more than beside
those.

A third of the bad ones have a public part that nobody has, a third that of the good token with
another secret, which must be hashed to be refused, and a third are no tokens at all.
"""
import base64
import http.client
import random
import statistics
import subprocess
import threading
import time

import open_loop
from contest import Comparison
from latency import FixedRate, rows_by_chance
from trouble import Broken

FLOOD_RATE = 16_000
GOOD_RATE = 2_000
FLOODER = "127.0.0.2"
CONNECTIONS = 64
DIFFERENT = 50_000  # bad tokens; they come again after as many
CLOSED_S_MAX = 10
LEAD_S = 1.5  # of the flood, before the good one counts
TOKENS_MADE = "bench"


def bad_token(seed, number, public):
    """One that is well-formed: 256 bits in base64url, whose last character has two bits of zero."""
    secret = base64.urlsafe_b64encode(seed.randbytes(32)).decode().rstrip("=")
    unknown = "".join(seed.choices("abcdefghijklmnopqrstuvwxyz234567", k=10))
    return (f"Bearer rl_{unknown}_{secret}", f"Bearer rl_{public}_{secret}",
            f"Basic {secret}")[number % 3]


def bad_ones(public):
    seed = random.Random(2)
    return [open_loop.http_request("GET", "/v1/stock/BENCH-0001/WH1",
                                   authorization=bad_token(seed, number, public))
            for number in range(DIFFERENT)]


class Closed:
    """A server whose store has a token."""

    def __init__(self, bench):
        self.server = bench.keep("closed", lambda: bench.start("closed.db"))
        self.server.prepare_rows()
        made = subprocess.run([str(bench.arguments.rowlockd), "token", "add", TOKENS_MADE,
                               "--role", "writer", "--store", str(bench.folder / "closed.db")],
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise Broken(f"token add: {made.stderr}")
        self.token = made.stdout.strip()
        self.wait_closed()

    def ask(self, path, token):
        connection = http.client.HTTPConnection(self.server.netloc, timeout=CLOSED_S_MAX)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"}
                           if token else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def wait_closed(self):
        """It sees the token within a second."""
        until = time.monotonic() + CLOSED_S_MAX
        while self.ask("/metrics", None)[0] != 401:
            if time.monotonic() > until:
                raise Broken("the server does not see its token")
            time.sleep(0.05)

    def refusals(self):
        """Of logins so far: 401 and 429."""
        status, text = self.ask("/metrics", self.token)
        if status != 200:
            raise Broken(f"/metrics: {status}")
        found = dict(line.split(" ")[:2] for line in text.splitlines() if " " in line
                     and not line.startswith("#") and "{" not in line)
        failed, refused = (float(found[f"rowlock_logins_{word}_total"])
                           for word in ("failed", "refused"))
        return failed - refused, refused


class Turn:
    """The good one beside one kind of flood, round by round."""

    def __init__(self, what, program, server, good, flood, is_refused):
        self.good = FixedRate(f"updates beside {what}", program, server, good, "http")
        self.what, self.program, self.server = what, program, server
        self.flood, self.is_refused = flood, is_refused
        self.runs = []  # of the flood

    def run_flood(self, seconds):
        self.runs.append(open_loop.run(self.program, self.server.netloc, self.flood, FLOOD_RATE,
                                       connections=CONNECTIONS, warm_up=LEAD_S,
                                       seconds=seconds + LEAD_S, source=FLOODER))

    def run_once(self, seconds):
        count = len(self.runs)
        flood = threading.Thread(target=self.run_flood, args=(seconds,))
        flood.start()
        time.sleep(LEAD_S)
        self.good.run_once(GOOD_RATE, seconds)
        flood.join()
        if len(self.runs) == count:
            raise Broken(f"the flood of {self.what} broke")

    def rate(self):
        return statistics.median(run.rate for run in self.runs)

    def troubles(self):
        yield from self.good.troubles()
        for run in self.runs:
            wanted = run.requests if self.is_refused else 0
            if run.broken or run.unanswered or run.refused != wanted:
                yield (f"a flood of {self.what}: {run.refused} of {run.requests} refused,"
                       f" {run.broken} connections broken, {run.unanswered} unanswered")

    def remarks(self):
        return []

    def doubts(self):
        return self.good.doubts()


def drive(bench, closed, turns):
    """In turns; says what each flood came to."""
    for number in range(bench.arguments.rounds):
        for turn in turns if number % 2 == 0 else reversed(turns):
            before = closed.refusals()
            turn.run_once(bench.arguments.seconds)
            after = closed.refusals()
            refused = [round(now - then) for now, then in zip(after, before, strict=True)]
            print(f"# {turn.what}: {turn.runs[-1].rate:,.0f}/s, {refused[0]} x 401 and"
                  f" {refused[1]} x 429; the good one's p99 {turn.good.runs[-1].p99_us:,.0f} us")


def measure(bench):
    closed = Closed(bench)
    program, server = bench.arguments.open_loop, closed.server
    good = open_loop.updates(rows_by_chance(), authorization=f"Bearer {closed.token}")
    bad = Turn("bad tokens", program, server, good, bad_ones(closed.token[3:13]), True)
    public = Turn("/livez", program, server, good,
                  [open_loop.http_request("GET", "/livez")], False)
    drive(bench, closed, [bad, public])
    bench.lanes += [bad, public]
    for doubt in (doubt for turn in (bad, public) for doubt in turn.doubts()):
        print(f"# {doubt}")
    for name, figure, aim in (("p50", "p50_us", None), ("p99", "p99_us", 1.0)):
        ratio = statistics.median(getattr(ours, figure) / getattr(theirs, figure) for ours, theirs
                                  in zip(bad.good.runs, public.good.runs, strict=True))
        yield Comparison(f"{GOOD_RATE:,} updates/s with a token beside {bad.rate():,.0f} bad"
                         f" tokens/s: {name}", bad.good.median(figure),
                         f"beside {public.rate():,.0f} /livez/s: {name}",
                         public.good.median(figure), "us", ratio, aim, is_ceiling=True)
