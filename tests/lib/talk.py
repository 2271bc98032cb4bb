"""talk - HTTP/1.1 by hand, so that also what no library would send can be sent.

    c = Connection(port)
    c.send(b"GET /livez HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n", "GET")
    answer = c.read_answer()          # Answer: status, headers, body

    status, body = Client(port).post("/v1/stock/A-1/WH1/adjust", {"delta": 3}, key="k-1")
"""
import dataclasses
import json
import select
import socket
import struct
import time

IDLE_S_MAX = 5  # half of what --header-timeout-ms allows
ANSWER_S_MAX = 20
READ_BYTES = 65536


class Closed(Exception):
    """The other side closed the connection before the answer was complete."""


class NoAnswer(Exception):
    """Nothing came within ANSWER_S_MAX."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: list  # (name, value), as they came
    body: bytes
    version: str = "HTTP/1.1"

    def header(self, name):
        """The value of the header, or None."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def json(self):
        """Of NDJSON the list of its lines."""
        if (self.header("Content-Type") or "").startswith("application/x-ndjson"):
            return [json.loads(line) for line in self.body.splitlines()]
        return json.loads(self.body)

    def __str__(self):
        head = "".join(f"\n    {name}: {value}" for name, value in self.headers)
        return f"{self.status}{head}\n\n    {self.body.decode(errors='backslashreplace')}"


class Connection:
    """By TCP to a port of this machine, or by the unix socket of this path."""

    def __init__(self, port):
        self.buffer = b""
        self.port = port if isinstance(port, int) else None
        self.methods = []  # of requests whose answer has not been read
        if isinstance(port, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(ANSWER_S_MAX)
            self.socket.connect(port)
            return
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data, method=None):
        """A server that refuses early may close while we send: its answer is there to read."""
        if method:
            self.methods.append(method)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise NoAnswer(f"no answer within {ANSWER_S_MAX} s; so far: {self.buffer!r}")
        try:
            data = self.socket.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(f"closed; so far: {self.buffer!r}")
        self.buffer += data

    def _take_line(self, deadline):
        while b"\r\n" not in self.buffer:
            self._receive(deadline)
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("latin-1")

    def _take(self, count, deadline):
        while len(self.buffer) < count:
            self._receive(deadline)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _take_chunks(self, deadline):
        body = b""
        while size := int(self._take_line(deadline).split(";")[0], 16):
            body += self._take(size, deadline)
            self._take_line(deadline)
        while self._take_line(deadline):
            pass
        return body

    def _take_rest(self, deadline):
        try:
            while True:
                self._receive(deadline)
        except Closed:
            body, self.buffer = self.buffer, b""
            return body

    def read_answer(self, limit_s=ANSWER_S_MAX):
        deadline = time.monotonic() + limit_s
        version, status, *_ = self._take_line(deadline).split(" ", 2)
        headers = []
        while line := self._take_line(deadline):
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        answer = Answer(int(status), headers, b"", version)
        if 100 <= answer.status < 200:
            return answer
        method = self.methods.pop(0) if self.methods else None
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if (answer.header("Transfer-Encoding") or "").lower() == "chunked":
            answer.body = self._take_chunks(deadline)
        elif answer.header("Content-Length") is not None:
            answer.body = self._take(int(answer.header("Content-Length")), deadline)
        else:
            answer.body = self._take_rest(deadline)
        return answer

    def has_news(self):
        """Bytes, or the end of the connection, can be read at once."""
        return bool(self.buffer) or bool(select.select([self.socket], [], [], 0)[0])

    def is_closed_within(self, limit_s=ANSWER_S_MAX):
        """Waits for the other side to close. False: something else came, or nothing."""
        try:
            self._receive(time.monotonic() + limit_s)
        except Closed:
            return not self.buffer
        except NoAnswer:
            pass
        return False

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection the rude way: the other side sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Turns:
    """Asks one server, then the next, each by a connection of its own; the answers come in the
    order in which they were asked for. As much of Connection as that takes."""

    def __init__(self, ports):
        self.ports = list(ports)
        self.connections = [None] * len(self.ports)
        self.next = 0
        self.asked = []  # connections, of which an answer is to come

    @property
    def port(self):
        """Of the server that is asked next."""
        return self.ports[self.next]

    def send(self, data, method=None):
        turn, self.next = self.next, (self.next + 1) % len(self.ports)
        connection = self.connections[turn]
        if connection and connection not in self.asked and connection.has_news():
            connection.close()  # the server closed it while nothing was asked
            connection = None
        self.connections[turn] = connection = connection or Connection(self.ports[turn])
        self.asked.append(connection)
        connection.send(data, method)

    def read_answer(self):
        answer = self.asked[0].read_answer()
        if answer.status >= 200:
            connection = self.asked.pop(0)
            if (answer.header("Connection") or "").lower() == "close":
                connection.close()
                self.connections[self.connections.index(connection)] = None
        return answer

    def has_news(self):
        return any(connection.has_news() for connection in self.asked)

    def close(self):
        for connection in filter(None, self.connections):
            connection.close()


def wait_until(condition, what, limit_s=ANSWER_S_MAX):
    """Asks again and again; each condition is a request of its own, which paces it."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {limit_s} s"


class Client:
    """A well-behaved client that keeps its connection and opens it again when it was closed."""

    def __init__(self, port):
        self.port = port
        self.connection = None
        self.used_at = 0

    def request(self, method, path, body=None, **headers):
        """Header names with _ for -; a body that is a list goes as NDJSON. Raises Closed, NoAnswer
        or OSError; then nothing is known."""
        data = b"" if body is None else json.dumps(body).encode()
        if isinstance(body, list):
            data = b"".join(json.dumps(line).encode() + b"\n" for line in body)
        host = "localhost" if isinstance(self.port, str) else f"127.0.0.1:{self.port}"
        head = {"Host": host, "Content-Length": len(data)}
        if body is not None:
            head["Content-Type"] = "application/json"
        head.update((name.replace("_", "-"), value) for name, value in headers.items())
        text = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        # The server closes a connection that is idle, and may do so while we send.
        if self.connection and (self.connection.has_news()
                                or time.monotonic() - self.used_at > IDLE_S_MAX):
            self.close()
        if self.connection is None:
            self.connection = Connection(self.port)
        try:
            self.connection.send(f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + data, method)
            answer = self.connection.read_answer()
        except (Closed, NoAnswer, OSError):
            self.close()
            raise
        self.used_at = time.monotonic()
        if (answer.header("Connection") or "").lower() == "close":
            self.close()
        return answer

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def put(self, path, body, **headers):
        return self.request("PUT", path, body, **headers)

    def delete(self, path, **headers):
        return self.request("DELETE", path, **headers)

    def post(self, path, body, **headers):
        return self.request("POST", path, body, **headers)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
