"""works - what the other commands cost, each against one adjust: shown, without an aim."""
import contextlib

from contest import Lane, compare_rate

CLIENTS = 64


@contextlib.contextmanager
def leases_given_back(server):
    """A run ends between a lease and its end: who comes next would wait for those that are left."""
    yield
    for lease in server.call("GET", "/v1/leases?limit=1000")["data"]:
        server.call("DELETE", f"/v1/leases/{lease['id']}")


def measure(bench):
    """Steps of a client follow each other, so that each of them is a thread of wrk."""
    server = bench.rowlockd()
    server.prepare_rows(location="WH2")

    def lane(what, script, threads=CLIENTS, connections=CLIENTS):
        options = {"threads": threads} if script in ("leases.lua", "reservations.lua") else {}
        return Lane(what, server, script, options, connections, threads,
                    beside=lambda: leases_given_back(server))

    adjust, *others = bench.compete(
        lane("one adjust", "uniform.lua"),
        lane("a transfer", "transfers.lua"),
        lane("a lease or its end", "leases.lua"),
        lane("a reservation of 5 lines or its release", "reservations.lua"),
        lane("a list of 1,000 rows, 8 connections", "lists.lua", 1, 8))
    for other in others:
        yield compare_rate(other, adjust)
