"""postgres - SQL at a PostgreSQL, by its own library: what a person does in psql.

    with Session(uri) as session:
        session.run("SELECT 1, 'a', NULL")     # [(1, "a", None)]
        session.run("BEGIN"), session.run("UPDATE ...", "a parameter")

Of libpq a test needs eight functions, so it calls them as they are: there is one libpq wherever
rowlockd runs, while a module of Python's would have to fit the Python that runs the tests.

A session belongs to one thread. A call lets other threads of Python run.
"""
import ctypes

_libpq = ctypes.CDLL("libpq.so.5")
for _name, _result, *_arguments in (
        ("PQconnectdb", ctypes.c_void_p, ctypes.c_char_p),
        ("PQstatus", ctypes.c_int, ctypes.c_void_p),
        ("PQerrorMessage", ctypes.c_char_p, ctypes.c_void_p),
        ("PQbackendPID", ctypes.c_int, ctypes.c_void_p),
        ("PQfinish", None, ctypes.c_void_p),
        ("PQexec", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p),
        ("PQexecParams", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int,
         ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p, ctypes.c_void_p,
         ctypes.c_int),
        ("PQresultStatus", ctypes.c_int, ctypes.c_void_p),
        ("PQresultErrorField", ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int),
        ("PQntuples", ctypes.c_int, ctypes.c_void_p),
        ("PQnfields", ctypes.c_int, ctypes.c_void_p),
        ("PQftype", ctypes.c_uint, ctypes.c_void_p, ctypes.c_int),
        ("PQgetisnull", ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int),
        ("PQgetvalue", ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int),
        ("PQclear", None, ctypes.c_void_p)):
    getattr(_libpq, _name).restype = _result
    getattr(_libpq, _name).argtypes = _arguments

CONNECTION_OK = 0
DONE = (0, 1, 2)  # no statement, a command, rows
FIELD_SQLSTATE, FIELD_PRIMARY = ord("C"), ord("M")
READERS = {16: lambda text: text == "t", 17: lambda text: bytes.fromhex(text[2:]),
           20: int, 21: int, 23: int, 26: int, 1700: lambda text: float(text) if "." in text else
           int(text)}  # bool, bytea, the integers, oid, numeric: by their number in pg_type


class SqlError(Exception):
    """What the server refused: its words, and .state, the SQLSTATE. "": it cannot be reached."""

    def __init__(self, words, state=""):
        super().__init__(words)
        self.state = state


class Session:
    def __init__(self, uri, schema=None):
        """`schema`: names in statements are looked up there."""
        self._connection = _libpq.PQconnectdb(uri.encode())
        if _libpq.PQstatus(self._connection) != CONNECTION_OK:
            words = _libpq.PQerrorMessage(self._connection).decode(errors="replace").strip()
            self.close()
            raise SqlError(words)
        if schema:
            self.run(f'SET search_path = "{schema}"')

    @property
    def pid(self):
        """Of the process that serves it."""
        return _libpq.PQbackendPID(self._connection)

    def run(self, statement, *parameters):
        """The rows. Several statements where there are no parameters; the last one's rows then."""
        if parameters:
            values = (ctypes.c_char_p * len(parameters))(
                *(None if value is None else "\\x".encode() + value.hex().encode()
                  if isinstance(value, bytes) else str(value).encode() for value in parameters))
            result = _libpq.PQexecParams(self._connection, statement.encode(), len(parameters),
                                         None, values, None, None, 0)
        else:
            result = _libpq.PQexec(self._connection, statement.encode())
        try:
            return self._read(result)
        finally:
            _libpq.PQclear(result)

    def _read(self, result):
        if _libpq.PQresultStatus(result) not in DONE:
            def field(code):
                return (_libpq.PQresultErrorField(result, code) or b"").decode(errors="replace")
            raise SqlError(field(FIELD_PRIMARY) or _libpq.PQerrorMessage(self._connection)
                           .decode(errors="replace").strip(), field(FIELD_SQLSTATE))
        readers = [READERS.get(_libpq.PQftype(result, column), str)
                   for column in range(_libpq.PQnfields(result))]
        return [tuple(None if _libpq.PQgetisnull(result, row, column) else
                      reader(_libpq.PQgetvalue(result, row, column).decode())
                      for column, reader in enumerate(readers))
                for row in range(_libpq.PQntuples(result))]

    def value(self, statement, *parameters):
        """The first cell."""
        return self.run(statement, *parameters)[0][0]

    def close(self):
        if self._connection:
            _libpq.PQfinish(self._connection)
        self._connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
