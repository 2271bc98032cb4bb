#!/usr/bin/env python3
"""tiny_chunks - bodies in chunks of one byte, on many connections at once, while their rows are
leased and set free again.

microhttpd calls its handler again for a connection that is suspended, as long as its buffer holds
another chunk. Whoever suspends twice corrupts its lists; so here chunks are always in the buffer
when a request suspends: the next request's, sent without waiting for an answer.
"""
import pathlib
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from tap import Tap  # noqa: E402
from talk import Client, Connection, wait_until  # noqa: E402

CONNECTIONS = 16
REQUESTS = 40
PIECES = (1, 7, 64, 4096)  # bytes of one send()


def chunked(document):
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in document)
    return (b"POST /v1/stock/A-1/WH1/adjust?wait=60 HTTP/1.1\r\nHost: localhost\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")


def talk(port, number, statuses):
    """All requests in one go, in pieces that cut chunks anywhere; then all answers."""
    connection = Connection(port)
    data = chunked(b'{"delta": -1}') * REQUESTS
    size = PIECES[number % len(PIECES)]
    sender = threading.Thread(target=lambda: [connection.send(data[at:at + size])
                                              for at in range(0, len(data), size)])
    sender.start()
    for _ in range(REQUESTS):
        statuses.append(connection.read_answer(60).status)
    sender.join()
    connection.close()


def run_all(server, client):
    client.put("/v1/items/A-1", {"name": "a"})
    client.put("/v1/locations/WH1", {"name": "w"})
    client.post("/v1/stock/A-1/WH1/adjust", {"delta": CONNECTIONS * REQUESTS})
    client.put("/v1/leases/l", {"rows": [{"sku": "A-1", "location": "WH1"}], "ttl_s": 600,
                                "purpose": "all wait at once"})
    statuses = []
    threads = [threading.Thread(target=talk, args=(server.port, number, statuses))
               for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(client.get("/v1/locks").json()["data"][0]["waiters"]) == CONNECTIONS,
               "every connection waits with its first request")
    client.request("DELETE", "/v1/leases/l")
    for thread in threads:
        thread.join()
    assert statuses == [201] * (CONNECTIONS * REQUESTS), statuses
    row = client.get("/v1/stock/A-1/WH1").json()
    assert row["on_hand"] == 0, row
    assert row["version"] == 1 + CONNECTIONS * REQUESTS, row


def main(rowlockd):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="rowlock-chunks-") as folder:
        with Daemon(rowlockd, pathlib.Path(folder) / "store.db") as server:
            tap.run(f"{CONNECTIONS} connections with {REQUESTS} requests in chunks of one byte",
                    run_all, server, Client(server.port))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
