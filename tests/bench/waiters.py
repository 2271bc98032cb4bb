"""waiters - a lease on one row and a crowd of updates that wait for it."""
import http.client
import time

from trouble import Broken

WAIT_S = 60  # the longest the service lets one wait
QUEUED_S_MAX = 10
HEADERS = {"Content-Type": "application/json"}


class Waiters:
    """Inside of `with` every one of `count` updates stands in the row's queue; after it all of them
    have been answered with a 201."""

    def __init__(self, server, sku, location, count):
        self.server = server
        self.path = f"/v1/stock/{sku}/{location}/adjust?wait={WAIT_S}"
        self.row = {"sku": sku, "location": location}
        self.count = count
        self.connections = []
        self.lease = None

    def queue_length(self):
        locks = self.server.call("GET", "/v1/locks")["data"]
        return sum(len(lock["waiters"]) for lock in locks
                   if {"sku": lock["sku"], "location": lock["location"]} == self.row)

    def ask(self, delta):
        connection = http.client.HTTPConnection(self.server.netloc, timeout=WAIT_S + 5)
        connection.request("POST", self.path, '{"delta":%d}' % delta, HEADERS)
        self.connections.append(connection)

    def __enter__(self):
        self.lease = self.server.call("POST", "/v1/leases", {
            "rows": [self.row], "ttl_s": 2 * WAIT_S, "purpose": "benchmark"})
        for number in range(self.count):
            self.ask(1 if number % 2 == 0 else -1)
        deadline = time.monotonic() + QUEUED_S_MAX
        while self.queue_length() < self.count:
            if time.monotonic() > deadline:
                raise Broken(f"{self.queue_length()} of {self.count} updates wait at the lease")
        return self

    def __exit__(self, kind, *_):
        self.server.call("DELETE", f"/v1/leases/{self.lease['id']}")
        statuses = []
        for connection in self.connections:
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            connection.close()
        if kind is None and statuses != [http.client.CREATED] * self.count:
            raise Broken(f"the updates that waited at the lease were answered {statuses}")
