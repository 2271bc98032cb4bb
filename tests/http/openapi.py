#!/usr/bin/env python3
"""openapi - holds server/openapi.json, the table of routes, and what the server answers together.

    tests/http/openapi.py ROWLOCKD

First on paper: both ways between the description and routes.def, outcomes.def and the fields that
server/wire reads. Then with a real server: every success that is described is made to happen, and
each answer, refusals too, must be like its description.
"""
import json
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True

from daemon import Daemon  # noqa: E402
from talk import Client  # noqa: E402
from tap import Tap  # noqa: E402

ROUTE = re.compile(r'^(?:ROUTE|WRITE)\(HTTP_(\w+),\s*"([^"]+)",\s*(\w+),'
                   r'\s*"(\w+)",\s*"([^"]*)"(?:,\s*(\w+))?\)', re.M)
COMMAND_ROLE = re.compile(r"^COMMAND\(\s*\d+,\s*(\w+),.*?,\s*(\w+)\)$", re.M | re.S)
OUTCOME = re.compile(r'^OUTCOME\(\w+,\s*"([^"]+)",\s*(\d+)', re.M)
FIELD = re.compile(r'\.name = "(\w+)"(?![^{}]*is_of_lines = true)')
METHODS = ("get", "put", "post", "delete", "patch")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ANNOTATIONS = {"description", "default", "examples", "example", "title"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Description:
    def __init__(self, document):
        self.document = document
        self.operations = {(method.upper(), path): (operation, item.get("parameters", []))
                           for path, item in document["paths"].items()
                           for method, operation in item.items() if method in METHODS}

    def resolve(self, thing):
        """What a $ref points to; anything else is itself."""
        while isinstance(thing, dict) and "$ref" in thing:
            target = self.document
            for part in thing["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            thing = target
        return thing

    def parameters(self, method, path, place):
        operation, shared = self.operations[method, path]
        found = map(self.resolve, shared + operation.get("parameters", []))
        return {p["name"] for p in found if p["in"] == place}

    def response(self, method, path, status):
        responses = self.operations[method, path][0]["responses"]
        return self.resolve(responses.get(str(status)) or responses["default"])


# ---------------------------------------------------------------- schemas

class Unlike(AssertionError):
    pass


def is_of_type(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) \
            and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check(description, schema, value, path=""):
    """Raises Unlike with the JSON Pointer of what is not like the schema."""
    schema = description.resolve(schema)
    for keyword, wanted in schema.items():
        if keyword not in ANNOTATIONS:
            KEYWORDS[keyword](description, wanted, value, path, schema)


def require(holds, path, what):
    if not holds:
        raise Unlike(f"{path or 'the value'}: {what}")


def check_type(_, wanted, value, path, __):
    names = wanted if isinstance(wanted, list) else [wanted]
    require(any(is_of_type(value, name) for name in names), path, f"{value!r} is not {names}")


def check_format(_, wanted, value, path, __):
    require(wanted != "date-time" or value is None or DATE_TIME.fullmatch(value), path,
            f"{value!r} is no time")


def check_properties(description, wanted, value, path, schema):
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        if name in wanted:
            check(description, wanted[name], member, f"{path}/{name}")
        else:
            require(schema.get("additionalProperties") is not False, f"{path}/{name}",
                    "is not described")


def check_items(description, wanted, value, path, _):
    for index, element in enumerate(value):
        check(description, wanted, element, f"{path}/{index}")


def fitting(description, schemas, value, path):
    count, troubles = 0, []
    for schema in schemas:
        try:
            check(description, schema, value, path)
            count += 1
        except Unlike as trouble:
            troubles.append(str(trouble))
    return count, troubles


def check_one_of(description, wanted, value, path, _):
    count, troubles = fitting(description, wanted, value, path)
    require(count == 1, path, f"is like {count} of them: {troubles}")


def check_any_of(description, wanted, value, path, _):
    count, troubles = fitting(description, wanted, value, path)
    require(count >= 1, path, f"is like none of them: {troubles}")


def bound(holds, what):
    """A keyword that says nothing about values of another type, null among them."""
    def check_bound(_, wanted, value, path, __):
        require(value is None or holds(value, wanted), path, f"{value!r}: {what} {wanted}")
    return check_bound


KEYWORDS = {
    "type": check_type,
    "format": check_format,
    "properties": check_properties,
    "items": check_items,
    "oneOf": check_one_of,
    "anyOf": check_any_of,
    "additionalProperties": lambda *_: None,  # with properties
    "required": bound(lambda value, names: set(names) <= set(value), "lacks one of"),
    "const": lambda _, wanted, value, path, __: require(value == wanted, path, f"not {wanted!r}"),
    "enum": bound(lambda value, words: value in words, "is not among"),
    "pattern": bound(lambda value, pattern: re.search(pattern, value), "does not match"),
    "minimum": bound(lambda value, least: value >= least, "is less than"),
    "maximum": bound(lambda value, most: value <= most, "is more than"),
    "minItems": bound(lambda value, least: len(value) >= least, "is shorter than"),
    "maxItems": bound(lambda value, most: len(value) <= most, "is longer than"),
    "minLength": bound(lambda value, least: len(value) >= least, "is shorter than"),
    "maxLength": bound(lambda value, most: len(value) <= most, "is longer than"),
}


# ---------------------------------------------------------------- on paper

def read_routes():
    text = (ROOT / "server/http/routes.def").read_text()
    return {(method, path): (handler, label, set(parameters.split()), role.lower())
            for method, path, handler, label, parameters, role in ROUTE.findall(text)}


def read_roles():
    """The least role of each call; of one that makes a command it is the command's."""
    commands = dict(COMMAND_ROLE.findall((ROOT / "schema/commands.def").read_text()))
    return {key: role or commands[handler].lower()
            for key, (handler, _, _, role) in read_routes().items()}


def check_routes(d):
    described, known = set(d.operations), set(read_routes())
    assert described == known, f"not described: {known - described}; no route: {described - known}"


def check_labels(d):
    for key, (_, label, _, _) in read_routes().items():
        assert d.operations[key][0]["operationId"] == label, (key, label)


def check_query(d):
    for key, (_, _, parameters, _) in read_routes().items():
        described = d.parameters(*key, "query")
        assert described == parameters | {"pretty"}, (key, described ^ (parameters | {"pretty"}))


def check_roles(d):
    """A call says its role, and needs a token and may be refused one if that is not public."""
    assert d.document["security"] == [{"token": []}]
    for key, role in read_roles().items():
        operation = d.operations[key][0]
        assert operation["x-role"] == role, (key, role)
        assert (operation.get("security") == []) == (role == "public"), (key, role)
        assert ({"401", "403"} <= set(operation["responses"])) == (role != "public"), (key, role)


def check_roles_page(_):
    """docs/access.md lists each call in the line of its role."""
    listed = {(method, path): role for role, line in re.findall(
        r"^\| (\w+) \|(.*)\|$", (ROOT / "docs/access.md").read_text(), re.M)
        for method, path in re.findall(r"`([A-Z]+) (/[^`]*)`", line)
        if (method, path, role) != ("GET", "/v1/export", "admin")}  # a reader's, but for some
    roles = read_roles()
    assert listed == roles, set(listed.items()) ^ set(roles.items())


def check_path_parameters(d):
    for method, path in d.operations:
        described = d.parameters(method, path, "path")
        assert described == set(re.findall(r"{(\w+)}", path)), (method, path, described)


def references(thing):
    if isinstance(thing, dict):
        if "$ref" in thing:
            yield thing["$ref"]
        thing = thing.values()
    if not isinstance(thing, str) and hasattr(thing, "__iter__"):
        for part in thing:
            yield from references(part)


def check_references(d):
    used = set(references(d.document))
    for reference in used:
        d.resolve({"$ref": reference})
    used |= {f"#/components/securitySchemes/{name}" for way in d.document["security"]
             for name in way}
    for kind, components in d.document["components"].items():
        unused = {name for name in components if f"#/components/{kind}/{name}" not in used}
        assert not unused, f"{kind} that nobody uses: {unused}"


def check_codes(d):
    outcomes = [code for code, status in OUTCOME.findall((ROOT / "schema/outcomes.def").read_text())
                if int(status) >= 400]
    assert d.document["components"]["schemas"]["ProblemCode"]["enum"] == outcomes


def check_fields(d):
    wire = ROOT / "server/wire"
    read = {name for source in (wire / "message_fields.h", *wire.glob("messages_*.c"))
            if source.name != "messages_batch.c"  # what a line has beside the fields of a body
            for name in FIELD.findall(source.read_text())}
    schemas = d.document["components"]["schemas"]
    bodies = {reference.rpartition("/")[2] for operation, _ in d.operations.values()
              for reference in references(operation.get("requestBody", {}))}
    described = {name for body in bodies - {"BatchLine"}
                 for name in schemas[body].get("properties", {})}
    assert read == described, read ^ described


def check_examples(d):
    for name, schema in d.document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            check(d, schema, example, name)


def check_bodies(d):
    """A call that changes something has a body, but for DELETE and the login; and no other has."""
    for (method, path), (operation, _) in d.operations.items():
        has_body = method in ("PUT", "POST", "PATCH") and path != "/v1/session"
        assert ("requestBody" in operation) == has_body, (method, path)


# ---------------------------------------------------------------- with a server

class Play:
    """Asks, and checks each answer against its description."""

    def __init__(self, description, server):
        self.description = description
        self.client = Client(server.port)
        self.seen = set()  # (method, path as described, status)

    def ask(self, template, status, method, path, body=None, **headers):
        answer = self.client.request(method, path, body, **headers)
        assert answer.status == status, f"{method} {path}: {status} expected\n{answer}"
        self.check_answer(method, template, answer)
        self.seen.add((method, template, status))
        return answer

    def check_answer(self, method, template, answer):
        response = self.description.response(method, template, answer.status)
        try:
            self.check_body(response.get("content"), answer)
            self.check_headers(response, answer)
        except Unlike as trouble:
            raise Unlike(f"{method} {template}: {trouble}\n{answer}") from None

    def check_body(self, content, answer):
        kind = (answer.header("Content-Type") or "").split(";")[0]
        require(bool(content) == bool(answer.body), "the body", "is there, or is not")
        if not content:
            return
        require(kind in content, "Content-Type", f"{kind} is not described")
        if kind.endswith("ndjson"):
            for line in answer.json():
                check(self.description, content[kind]["schema"], line)
        elif kind.endswith("json"):
            check(self.description, content[kind]["schema"], answer.json())

    def check_headers(self, response, answer):
        for name, header in response.get("headers", {}).items():
            header = self.description.resolve(header)
            value = answer.header(name)
            require(value is not None or not header.get("required"), name, "is not there")
            if value is not None:
                is_number = header["schema"]["type"] == "integer"
                check(self.description, header["schema"], int(value) if is_number else value, name)


ROW = "/v1/stock/{sku}/{location}"
LEASED = [{"sku": "A-1", "location": "WH1"}]


def play_catalogue(p):
    p.ask("/v1/items/{sku}", 201, "PUT", "/v1/items/A-1",
          {"name": "Mug", "reorder_point": 3, "attributes": {"a": [1, 0.1, None]}})
    p.ask("/v1/items/{sku}", 200, "PUT", "/v1/items/A-1", {"name": "Mug", "reorder_point": 3})
    p.ask("/v1/items/{sku}", 412, "PUT", "/v1/items/A-1", {"name": "Lost"}, If_None_Match="*")
    p.ask("/v1/items/{sku}", 201, "PUT", "/v1/items/B-1", {"name": "Second"}, Idempotency_Key="b")
    p.ask("/v1/items/{sku}", 201, "PUT", "/v1/items/B-1", {"name": "Second"}, Idempotency_Key="b")
    for status, patch in ((200, {"attributes": {"b": {"c": 0.1}}, "unit": None}), (200, {}),
                          (400, {"name": None}), (422, {"backorder_limit": -1})):
        p.ask("/v1/items/{sku}", status, "PATCH", "/v1/items/A-1", patch,
              Content_Type="application/merge-patch+json")
    p.ask("/v1/items/{sku}", 404, "PATCH", "/v1/items/NOPE", {})
    p.ask("/v1/items/{sku}", 412, "PATCH", "/v1/items/A-1", {}, If_Match='"1"')
    p.ask("/v1/items/{sku}", 200, "GET", "/v1/items/A-1")
    p.ask("/v1/items/{sku}", 304, "GET", "/v1/items/A-1", If_None_Match='W/"1", "3"')
    p.ask("/v1/items/{sku}", 404, "GET", "/v1/items/NOPE")
    p.ask("/v1/items/{sku}", 204, "DELETE", "/v1/items/B-1")
    p.ask("/v1/items/{sku}", 400, "PUT", "/v1/items/A-1", {"name": 1})
    p.ask("/v1/items", 200, "GET", "/v1/items?q=mug&limit=1")
    p.ask("/v1/front-ends", 200, "GET", "/v1/front-ends")
    p.ask("/v1/front-ends", 400, "GET", "/v1/front-ends?limit=1")
    p.ask("/v1/verify", 200, "GET", "/v1/verify")
    p.ask("/v1/verify", 410, "GET", "/v1/verify?since=99")
    p.ask("/v1/verify", 400, "GET", "/v1/verify?since=-1")
    for code in ("WH1", "WH2", "GONE"):
        p.ask("/v1/locations/{location}", 201, "PUT", f"/v1/locations/{code}", {"name": code})
    p.ask("/v1/locations/{location}", 200, "PUT", "/v1/locations/WH1", {"name": "Warehouse"})
    p.ask("/v1/locations/{location}", 200, "PATCH", "/v1/locations/WH1", {"name": "Main"})
    p.ask("/v1/locations/{location}", 404, "PATCH", "/v1/locations/NOPE", {"archived": True})
    p.ask("/v1/locations/{location}", 412, "PUT", "/v1/locations/WH1", {"name": "x"},
          If_Match='"9"')
    p.ask("/v1/locations/{location}", 204, "DELETE", "/v1/locations/GONE")
    p.ask("/v1/locations/{location}", 200, "GET", "/v1/locations/WH1")
    p.ask("/v1/locations/{location}", 304, "GET", "/v1/locations/WH1", If_None_Match="*")
    first = p.ask("/v1/locations", 200, "GET", "/v1/locations?limit=1").json()
    p.ask("/v1/locations", 200, "GET", f"/v1/locations?after={first['next']}")


def play_stock(p):
    def adjust(status, body, **headers):
        return p.ask(ROW + "/adjust", status, "POST", "/v1/stock/A-1/WH1/adjust", body, **headers)

    def put(status, body, **headers):
        return p.ask(ROW + "/set", status, "POST", "/v1/stock/A-1/WH1/set", body, **headers)

    p.ask(ROW, 200, "GET", "/v1/stock/A-1/WH1")
    adjust(201, {"delta": 9, "reason": "delivery", "reference": "n-1"}, Idempotency_Key="a")
    adjust(201, {"delta": 9, "reason": "delivery", "reference": "n-1"}, Idempotency_Key="a")
    adjust(422, {"delta": 8}, Idempotency_Key="a")
    adjust(201, {"delta": -7})  # low_stock
    adjust(409, {"delta": -7}, Prefer="wait=1")
    adjust(409, {"delta": 1, "expected": 4})
    adjust(412, {"delta": 1}, If_Match='"1"')
    adjust(415, {"delta": 1}, Content_Type="text/plain")
    adjust(412, {"delta": 1}, Lease="l_9;fence=9")
    put(428, {"on_hand": 5})
    put(200, {"on_hand": 5, "expected": 2})
    put(400, {"on_hand": 5.5})
    p.ask("/v1/transfers", 201, "POST", "/v1/transfers",
          {"sku": "A-1", "from": "WH1", "to": "WH2", "quantity": 2})
    p.ask("/v1/transfers", 404, "POST", "/v1/transfers",
          {"sku": "A-1", "from": "WH1", "to": "NOPE", "quantity": 2})
    p.ask(ROW, 200, "GET", "/v1/stock/A-1/WH1?read=locked&pretty", Prefer="wait=3")
    p.ask(ROW, 304, "GET", "/v1/stock/A-1/WH1", If_None_Match='"4"')
    p.ask(ROW, 304, "GET", "/v1/stock/A-1/WH1?read=locked", If_None_Match='"4"')
    p.ask(ROW, 404, "GET", "/v1/stock/A-1/NOPE")
    seq = p.ask(ROW, 200, "GET", "/v1/stock/A-1/WH1").json()["seq"]
    for status in (200, 409):  # the first one states the level
        p.ask(ROW + "/count", status, "POST", "/v1/stock/A-1/WH1/count",
              {"counted": 2, "as_of_seq": seq})
    p.ask(ROW + "/count", 422, "POST", "/v1/stock/A-1/WH1/count",
          {"counted": 2, "as_of_seq": seq + 99})
    p.ask("/v1/stock/{sku}", 200, "GET", "/v1/stock/A-1")
    p.ask("/v1/stock", 200, "GET", "/v1/stock?limit=1")
    p.ask("/v1/stock", 503, "GET", f"/v1/stock?min_seq={seq + 99}&wait=0")
    p.ask(ROW, 200, "GET", f"/v1/stock/A-1/WH1?min_seq={seq}", Prefer="wait=3")
    p.ask("/v1/stock", 400, "GET", "/v1/stock?colour=blue")
    p.ask("/v1/movements", 200, "GET", "/v1/movements?order=desc&limit=2")
    p.ask("/v1/audit", 200, "GET", "/v1/audit?order=desc&limit=2")
    p.ask("/v1/audit", 400, "GET", "/v1/audit?since=soon")
    p.ask("/v1/movements/{seq}", 200, "GET", "/v1/movements/1")
    p.ask("/v1/movements/{seq}", 404, "GET", "/v1/movements/99")
    p.ask("/v1/changes", 200, "GET", "/v1/changes?after=1&limit=2&pretty")
    p.ask("/v1/changes", 200, "GET", "/v1/changes?after=latest", Prefer="wait=0")
    p.ask("/v1/changes", 400, "GET", "/v1/changes?after=soon")
    p.ask("/v1/changes", 410, "GET", "/v1/changes?after=99")
    p.ask("/v1/items/{sku}", 409, "DELETE", "/v1/items/A-1")


def play_leases(p):
    taken = p.ask("/v1/leases", 201, "POST", "/v1/leases", {"rows": LEASED, "ttl_s": 60}).json()
    header = f"{taken['id']};fence={taken['fence']}"
    path = f"/v1/leases/{taken['id']}"
    p.ask("/v1/leases/{id}", 200, "GET", path)
    p.ask("/v1/leases/{id}", 200, "PUT", path, {"ttl_s": 60, "rows": LEASED}, Lease=header)
    p.ask("/v1/leases/{id}", 400, "PUT", path, {"ttl_s": 60}, Lease="other;fence=1")
    p.ask(ROW + "/adjust", 423, "POST", "/v1/stock/A-1/WH1/adjust?wait=0", {"delta": 1})
    p.ask(ROW, 423, "GET", "/v1/stock/A-1/WH1?read=locked&wait=0")
    p.ask("/v1/leases", 200, "GET", "/v1/leases")
    p.ask("/v1/locks", 200, "GET", "/v1/locks?sort=wait")
    p.ask("/v1/leases/{id}", 204, "DELETE", path, Lease=header)
    p.ask("/v1/leases/{id}", 404, "DELETE", path)
    p.ask("/v1/leases/{id}", 201, "PUT", "/v1/leases/mine", {"rows": LEASED, "ttl_s": 60})
    p.ask("/v1/leases/{id}", 409, "PUT", "/v1/leases/mine",
          {"rows": [{"sku": "A-1", "location": "WH2"}], "ttl_s": 60})


def play_reservations(p):
    def line(quantity):
        return {"sku": "A-1", "location": "WH1", "quantity": quantity}

    one, path = "/v1/reservations/{id}", "/v1/reservations/mine"
    body = {"lines": [line(1)], "ttl_s": 60, "owner": "cart-77", "reference": "order-991"}
    seq = p.ask(ROW, 200, "GET", "/v1/stock/A-1/WH1").json()["version"]
    p.ask(ROW + "/set", 200, "POST", "/v1/stock/A-1/WH1/set",
          {"on_hand": 9, "expected_version": seq})
    made = p.ask("/v1/reservations", 201, "POST", "/v1/reservations", body).json()
    p.ask("/v1/reservations", 409, "POST", "/v1/reservations", {**body, "lines": [line(99)]})
    p.ask("/v1/reservations", 400, "POST", "/v1/reservations", {"lines": [line(1)]})
    for status in (201, 200):
        p.ask(one, status, "PUT", path, {**body, "lines": [line(3)]})
    p.ask(one, 409, "PUT", path, body)
    p.ask(one, 200, "GET", path)
    p.ask(one, 404, "GET", "/v1/reservations/nobody")
    p.ask(one + "/extend", 200, "POST", path + "/extend", {"ttl_s": 600})
    p.ask(one + "/commit", 422, "POST", path + "/commit", {"lines": [line(4)]})
    p.ask(one + "/commit", 200, "POST", path + "/commit", {"lines": [line(2)]})
    p.ask(one + "/commit", 409, "POST", path + "/commit")
    p.ask(one + "/release", 409, "POST", path + "/release")
    p.ask(one + "/release", 200, "POST", f"/v1/reservations/{made['id']}/release", {})
    first = p.ask("/v1/reservations", 200, "GET",
                  "/v1/reservations?limit=1&owner=cart-77&sku=A-1&location=WH1").json()
    p.ask("/v1/reservations", 200, "GET",
          f"/v1/reservations?state=committed&after={first['next']}")
    p.ask("/v1/reservations", 400, "GET", "/v1/reservations?state=gone")


def play_batch(p):
    row = {"sku": "A-1", "location": "WH1"}

    def batch(status, *lines, query="", **headers):
        """A list is sent as its lines."""
        return p.ask("/v1/batch", status, "POST", "/v1/batch" + query, list(lines), **headers)

    batch(200, {"op": "item", "sku": "C-1", "name": "Washer"},
          {"op": "location", "location": "WH3", "name": "Dock"},
          {"op": "adjust", **row, "delta": 9, "id": "one"},
          {"op": "set", **row, "on_hand": 8, "expected": 99},
          {"op": "transfer", "sku": "A-1", "from": "WH1", "to": "WH3", "quantity": 1},
          {"op": "reserve", "reservation": "b-1", "ttl_s": 60, "lines": [{**row, "quantity": 1}]},
          {"op": "reserve", "ttl_s": 60, "lines": [{**row, "quantity": 999}]},
          {"op": "extend", "reservation": "b-1", "ttl_s": 60},
          {"op": "commit", "reservation": "b-1"}, {"op": "release", "reservation": "b-1"},
          {"op": "count", **row, "counted": 8, "as_of_seq": 1}, {"op": "adjust", **row},
          {"op": "set", **row, "on_hand": 8, "expected_version": 0},
          {"op": "item", "sku": "C-1", "name": "x", "expected_version": 0},
          {"op": "patch_item", "sku": "C-2", "name": "Ring", "create": True},
          {"op": "patch_item", "sku": "C-3", "name": "Ring"},
          {"op": "patch_location", "location": "WH3", "archived": False, "expected_version": 9},
          Prefer="wait=3")
    for _ in range(2):
        batch(200, {"op": "adjust", **row, "delta": -1}, {"op": "adjust", **row, "delta": -999},
              Idempotency_Key="batch")
    batch(409, {"op": "adjust", **row, "delta": -999}, query="?atomic=true")
    batch(400, {"op": "adjust"}, query="?atomic=true")
    batch(400, {"op": "adjust"}, query="?results=some")
    p.ask("/v1/export", 200, "GET", "/v1/export")
    p.ask("/v1/export", 200, "GET", "/v1/export?format=csv")
    p.ask("/v1/export", 400, "GET", "/v1/export?format=xml")
    p.ask("/v1/backup", 200, "GET", "/v1/backup")


def play_lab(p):
    one = "/v1/lab/runs/{id}"
    p.ask("/v1/lab", 200, "GET", "/v1/lab")
    run = p.ask("/v1/lab/runs", 202, "POST", "/v1/lab/runs",
                {"scenario": "read-under-write", "strategy": None, "seconds": 60}).json()
    p.ask("/v1/lab/runs", 409, "POST", "/v1/lab/runs")
    p.ask("/v1/lab/runs", 400, "POST", "/v1/lab/runs", {"clients": "many"})
    p.ask("/v1/lab/runs", 415, "POST", "/v1/lab/runs", {}, Content_Type="text/plain")
    p.ask("/v1/lab/runs", 422, "POST", "/v1/lab/runs", {"clients": 1})
    p.ask(one, 200, "GET", f"/v1/lab/runs/{run['id']}?pretty")
    p.ask(one, 204, "DELETE", f"/v1/lab/runs/{run['id']}")
    p.ask(one, 404, "DELETE", "/v1/lab/runs/lab_99")
    p.ask(one, 404, "GET", "/v1/lab/runs/other")
    p.ask("/v1/lab/runs", 200, "GET", "/v1/lab/runs")


def play_operations(p):
    """Every write can be answered before it is done."""
    def later(template, method, path, body=None, **headers):
        answer = p.ask(template, 202, method, path, body, Prefer="respond-async", **headers)
        where = answer.header("Location")
        return where, p.ask("/v1/operations/{id}", 200, "GET", where + "?wait=30").json()

    reservation = "/v1/reservations/{id}"
    line = {"sku": "A-1", "location": "WH1", "quantity": 1}
    for kind, name in (("items", "sku"), ("locations", "location")):
        for method, body in (("PUT", {"name": "Later"}), ("PATCH", {"name": "x"}),
                             ("DELETE", None)):
            later(f"/v1/{kind}/{{{name}}}", method, f"/v1/{kind}/LATER", body)
    later(ROW + "/adjust", "POST", "/v1/stock/A-1/WH1/adjust", {"delta": 9})
    later(ROW + "/set", "POST", "/v1/stock/A-1/WH1/set", {"on_hand": 9, "expected": None})
    later(ROW + "/count", "POST", "/v1/stock/A-1/WH1/count", {"counted": 9, "as_of_seq": 1})
    later("/v1/transfers", "POST", "/v1/transfers",
          {"sku": "A-1", "from": "WH1", "to": "WH2", "quantity": 1})
    made = later("/v1/reservations", "POST", "/v1/reservations", {"lines": [line], "ttl_s": 60})[1]
    path = f"/v1/reservations/{made['result']['id']}"
    later(reservation, "PUT", "/v1/reservations/later", {"lines": [line], "ttl_s": 60})
    later(reservation + "/extend", "POST", path + "/extend", {"ttl_s": 60})
    later(reservation + "/commit", "POST", path + "/commit")
    refused = later(reservation + "/release", "POST", path + "/release")[0]
    p.ask("/v1/operations/{id}", 409, "DELETE", refused)
    later("/v1/leases", "POST", "/v1/leases", {"rows": LEASED, "ttl_s": 60})
    waits = p.ask(ROW + "/adjust", 202, "POST", "/v1/stock/A-1/WH1/adjust", {"delta": 9},
                  Prefer="respond-async, wait=0", Idempotency_Key="withdrawn").json()["id"]
    p.ask("/v1/operations/{id}", 200, "GET", f"/v1/operations/{waits}", Prefer="wait=0")
    p.ask("/v1/operations/{id}", 200, "DELETE", f"/v1/operations/{waits}")
    p.ask("/v1/operations/{id}", 404, "DELETE", "/v1/operations/op_0")
    for lease in p.ask("/v1/leases", 200, "GET", "/v1/leases").json()["data"]:
        later("/v1/leases/{id}", "DELETE", f"/v1/leases/{lease['id']}")
    later("/v1/leases/{id}", "PUT", "/v1/leases/later", {"rows": LEASED, "ttl_s": 60})
    p.ask("/v1/leases/{id}", 204, "DELETE", "/v1/leases/later")


def play_pages(p):
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/problems", "/", "/docs"):
        p.ask(path, 200, "GET", path)
        p.ask(path, 400, "GET", path + "?x=1")
    for path, template in (("/", "/"), ("/docs", "/docs"), ("/ui/theme.css", "/ui/{file}")):
        page = p.ask(template, 200, "GET", path, Accept="text/html")
        p.ask(template, 304, "GET", path, Accept="text/html", If_None_Match=page.header("ETag"))
    for path in ("/ui/app.js", "/ui/icon.svg"):
        p.ask("/ui/{file}", 200, "GET", path)
    p.ask("/ui/{file}", 404, "GET", "/ui/nothing.js")
    p.ask("/problems", 200, "GET", "/problems", Accept="application/json")
    p.ask("/problems/{code}", 200, "GET", "/problems/row-busy", Accept="application/json")
    p.ask("/problems/{code}", 200, "GET", "/problems/row-busy")
    p.ask("/problems/{code}", 404, "GET", "/problems/nope")
    p.ask("/livez", 403, "GET", "/livez", Origin="http://example.com")
    for status, method in ((200, "GET"), (200, "POST"), (204, "DELETE")):
        p.ask("/v1/session", status, method, "/v1/session")


def check_served(p):
    served = p.ask("/openapi.json", 200, "GET", "/openapi.json")
    assert served.body == (ROOT / "server/openapi.json").read_bytes()
    pretty = p.ask("/openapi.json", 200, "GET", "/openapi.json?pretty")
    assert pretty.json() == served.json()


def check_all_seen(p):
    described = {(method, path, int(status))
                 for (method, path), (operation, _) in p.description.operations.items()
                 for status in operation["responses"] if status[0] in "23"}
    assert described <= p.seen, f"did not happen: {described - p.seen}"


def main():
    tap = Tap()
    d = Description(json.loads((ROOT / "server/openapi.json").read_text()))
    tap.run("every route is described, and what is described is a route", check_routes, d)
    tap.run("operations are named as the metrics name their routes", check_labels, d)
    tap.run("query parameters are those that the routes know", check_query, d)
    tap.run("roles are those of the tables of routes and commands", check_roles, d)
    tap.run("roles are those of the page about access", check_roles_page, d)
    tap.run("path parameters are those of the path", check_path_parameters, d)
    tap.run("what is referred to is there, and what is there is referred to", check_references, d)
    tap.run("problems are those of outcomes.def", check_codes, d)
    tap.run("fields of bodies are those that are read", check_fields, d)
    tap.run("calls that change something have a body", check_bodies, d)
    tap.run("examples are like their schemas", check_examples, d)
    with tempfile.TemporaryDirectory(prefix="rowlock-openapi-") as folder:
        with Daemon(sys.argv[1], pathlib.Path(folder) / "store.db", ["--lab"]) as server:
            p = Play(d, server)
            tap.run("items and locations answer as described", play_catalogue, p)
            tap.run("stock and its movements answer as described", play_stock, p)
            tap.run("reservations answer as described", play_reservations, p)
            tap.run("batches answer as described", play_batch, p)
            tap.run("operations answer as described", play_operations, p)
            tap.run("leases and locks answer as described", play_leases, p)
            tap.run("the laboratory answers as described", play_lab, p)
            tap.run("pages answer as described", play_pages, p)
            tap.run("what is served is this description, also indented", check_served, p)
            tap.run("every success that is described has happened", check_all_seen, p)
            p.client.close()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
