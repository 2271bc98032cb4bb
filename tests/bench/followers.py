"""followers - a crowd that listens to the change feed, and is told of nothing it wants."""
import resource
import socket

from trouble import Broken

FILES_SPARE = 256  # beside the followers: of load, stores, and pipes
HEAD_BYTES_MAX = 65536


class Followers:
    """Inside of `with` `count` event streams are open, each for an item of its own that nobody
    changes; after it they are still open, and have said nothing."""

    def __init__(self, server, count):
        self.server = server
        self.count = count
        self.sockets = []

    def follow(self, number):
        host, port = self.server.netloc.rsplit(":", 1)
        follower = socket.create_connection((host, int(port)), timeout=10)
        self.sockets.append(follower)
        follower.sendall(f"GET /v1/changes?sku=NOBODYS-{number} HTTP/1.1\r\n"
                         f"Host: {self.server.netloc}\r\n"
                         f"Accept: text/event-stream\r\n\r\n".encode())

    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < self.count + FILES_SPARE:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.count + FILES_SPARE, hard))
        for number in range(self.count):
            self.follow(number)
        for follower in self.sockets:  # the place where it begins is the last of the head
            head = b""
            while not head.endswith(b"\n\n"):
                head += follower.recv(HEAD_BYTES_MAX) or b"closed\n\n"
            if b" 200 OK" not in head:
                raise Broken(f"no event stream: {head!r}")
        return self

    def __exit__(self, kind, *_):
        for follower in self.sockets:
            follower.setblocking(False)
            try:
                said = follower.recv(HEAD_BYTES_MAX)
            except BlockingIOError:
                said = b":"
            if kind is None and (not said.startswith(b":") or b"event:" in said):
                raise Broken(f"a follower of nothing was told {said!r}")
            follower.close()
        self.sockets = []
