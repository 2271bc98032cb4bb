"""proxy - stands between a client of PostgreSQL and the server, and cuts connections around COMMIT.

    with Proxy(cluster, dice) as proxy:
        uri = cluster.uri(hosts=[proxy.folder])
        proxy.cuts = 200                     # so many, from now on
        proxy.wait_until_done(limit_s=60)

Where it cuts, at random: before COMMIT is sent on, in the middle of what it came with, behind it
before any answer, and behind a piece of the answer. It passes bytes on as they come, and knows
nothing of the protocol but how a COMMIT looks in it.
"""
import os
import selectors
import socket
import tempfile
import threading

from cluster import PORT

COMMIT = b"COMMIT\0"
MOMENTS = ("before", "amid", "behind", "answering")
BYTES = 65536
NAME = f".s.PGSQL.{PORT}"


class _Pair:
    """A client's connection, and ours to the server for it."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.is_cut_at_answer = False

    def close(self):
        self.client.close()
        self.server.close()


class Proxy:
    def __init__(self, cluster, dice, chance=0.2):
        """`chance`: that a COMMIT is cut, while there are `cuts` left."""
        self.cluster, self.dice, self.chance = cluster, dice, chance
        self.cuts = 0
        self.made = dict.fromkeys(MOMENTS, 0)
        self._folder = tempfile.TemporaryDirectory(prefix="rowlock-proxy-")
        self.folder = self._folder.name
        self._changed = threading.Condition()

    def __enter__(self):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.path.join(self.folder, NAME))
        self._listener.listen(100)
        self._ours, self._theirs = socket.socketpair()  # how _run() is told to end
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._theirs, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ours.close()
        self._thread.join()
        self._listener.close()
        self._theirs.close()
        self._folder.cleanup()

    def wait_until_done(self, limit_s):
        with self._changed:
            assert self._changed.wait_for(lambda: self.cuts == 0, limit_s), \
                f"{self.cuts} cuts are left, made are {self.made}"

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._theirs:
                    self._end()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj.fileno() >= 0:  # not closed in this turn
                    self._pass_on(key.fileobj, key.data)

    def _end(self):
        for key in list(self._selector.get_map().values()):
            if key.data:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()
        self._selector.close()

    def _accept(self):
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.cluster.folder / NAME))
        except OSError:  # it is down: so are we
            client.close()
            server.close()
            return
        pair = _Pair(client, server)
        self._selector.register(client, selectors.EVENT_READ, pair)
        self._selector.register(server, selectors.EVENT_READ, pair)

    def _cut(self, pair, moment=None):
        self._selector.unregister(pair.client)
        self._selector.unregister(pair.server)
        pair.close()
        if moment:
            with self._changed:
                self.cuts -= 1
                self.made[moment] += 1
                self._changed.notify_all()

    def _pass_on(self, source, pair):
        try:
            data = source.recv(BYTES)
            if not data:
                self._cut(pair)
            elif source is pair.client:
                self._to_server(data, pair)
            elif pair.is_cut_at_answer:
                pair.client.sendall(data[:self.dice.randrange(1, len(data) + 1)])
                self._cut(pair, "answering")
            else:
                pair.client.sendall(data)
        except OSError:
            self._cut(pair)

    def _to_server(self, data, pair):
        is_due = COMMIT in data and self.cuts > 0 and self.dice.random() < self.chance
        moment = self.dice.choice(MOMENTS) if is_due else None
        if moment == "answering":
            pair.is_cut_at_answer = True
        if moment == "before":
            data = data[:data.index(COMMIT)]
        elif moment == "amid":
            data = data[:self.dice.randrange(len(data))]
        if data:
            pair.server.sendall(data)
        if moment and moment != "answering":
            self._cut(pair, moment)
