#!/usr/bin/env python3
"""commands - schema/commands.def and schema/movements.def against every place that repeats them.

    tests/commands.py                    a test for each promise; it names the place that lacks what

What C is made of the rows, the compiler holds. This holds what people write beside them: the
description of the API, the command line, the documentation, the SQL, and the tests.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

# The numbers of the commands of every release: stores have them in their fingerprints. Those of a
# release are added when it is made; until then the order of the rows holds them.
NUMBERS = """ADJUST SET TRANSFER READ ITEM_PUT ITEM_DELETE LOCATION_PUT LOCATION_DELETE LEASE_TAKE
    LEASE_RENEW LEASE_RELEASE COUNT RESERVE RESERVATION_COMMIT RESERVATION_RELEASE
    RESERVATION_EXTEND ITEM_PATCH LOCATION_PATCH""".split()

# Of a command that has several successes, what this way to it cannot answer, and why.
NEVER = {
    ("POST", "/v1/reservations"): {"200"},         # the server makes the id: it is always new
    ("PATCH", "/v1/items/{sku}"): {"201"},         # only a line of a batch can say "create"
    ("PATCH", "/v1/locations/{location}"): {"201"},
}
# What a way to a command may turn into another one.
ALSO = {("PUT", "/v1/leases/{id}"): "LEASE_RENEW"}  # with its fence in the Lease header

# What everything that waits its turn can be refused with; and 404, where a thing may be missing.
REFUSALS = {"400", "401", "403", "409", "412", "415", "422", "423", "429", "500", "503"}

HAS_VERSION = {"MOVEMENT", "STOCK", "ITEM", "LOCATION"}


def read(path):
    return (ROOT / path).read_text()


def split_row(text):
    """The columns of COMMAND(...), which have brackets and quotes of their own."""
    return [column.strip() for column in re.findall(r'"[^"]*"|(?:[^,"(]|\([^)]*\))+', text)
            if column.strip()]


def names(column, prefix):
    return set(re.findall(rf"\b{prefix}_?\(?(\w+)", column))


def read_commands():
    commands = {}
    for row in re.findall(r"^COMMAND\((.*?)\)$", read("schema/commands.def"), re.M | re.S):
        (number, name, word, op, path, touches, _, movements, condition, statuses, answers, flags,
         reader, decider, role) = split_row(row)
        commands[name] = {
            "number": int(number), "word": word.strip('"'), "op": op.strip('"'), "path": path,
            "touches": names(touches, "TOUCHES"), "movements": names(movements, "MAKES"),
            "condition": condition.removeprefix("CONDITION_"),
            "statuses": names(statuses, "SUCCESS"), "answers": answers.removeprefix("ANSWERS_"),
            "flags": set(re.findall(r"[A-Z_]+", flags)), "reader": reader, "decider": decider,
            "role": role}
    return commands


COMMANDS = read_commands()
MOVEMENTS = re.findall(r'^MOVEMENT\(\w+,\s*"(\w+)"', read("schema/movements.def"), re.M)
WRITES = [(method, path, command) for method, path, command in re.findall(
    r'^WRITE\(HTTP_(\w+),\s*"([^"]+)",\s*(\w+)', read("server/http/routes.def"), re.M)]
API = json.loads(read("server/openapi.json"))
SCHEMAS = API["components"]["schemas"]


def expect_same(place, found, wanted):
    lacks = [each for each in wanted if each not in found]
    more = [each for each in found if each not in wanted]
    assert not lacks and not more, " ".join(
        [f"{place}:"] + ([f"lacks {', '.join(lacks)}"] if lacks else [])
        + ([f"has {', '.join(more)} beside them"] if more else []))


def check_numbers():
    for number, name in enumerate(NUMBERS):
        assert name in COMMANDS, f"schema/commands.def: {name} is gone"
        assert COMMANDS[name]["number"] == number, f"schema/commands.def: {name} was {number}"
    expect_same("schema/commands.def: numbers", [each["number"] for each in COMMANDS.values()],
                list(range(len(COMMANDS))))


def operations():
    """Each way to a command as it is described, with the commands that it may become."""
    for method, path, command in WRITES:
        found = API["paths"].get(path, {}).get(method.lower())
        assert found is not None, f"openapi.json: lacks {method} {path}"
        kinds = [COMMANDS[command]]
        if (method, path) in ALSO:
            kinds.append(COMMANDS[ALSO[method, path]])
        yield method, path, found, kinds


def check_routes():
    reached = {command for _, _, command in WRITES} | set(ALSO.values())
    reached.add("READ")  # GET ...?read=locked
    expect_same("server/http/routes.def", reached, COMMANDS)


def check_statuses():
    for method, path, operation, kinds in operations():
        wanted = set().union(*(kind["statuses"] for kind in kinds))
        wanted -= NEVER.get((method, path), set())
        if any("ASYNC" in kind["flags"] for kind in kinds):
            wanted.add("202")
        found = {status for status in operation["responses"] if status[0] == "2"}
        expect_same(f"openapi.json: {method} {path}: successes", sorted(found), sorted(wanted))


def check_refusals():
    for method, path, operation, kinds in operations():
        makes_it = method == "PUT" and kinds[0]["answers"] in ("ITEM", "LOCATION")
        for status in sorted(REFUSALS | (set() if makes_it else {"404"})):
            assert status in operation["responses"], \
                f"openapi.json: {method} {path}: lacks {status}"


def check_tags():
    for method, path, operation, kinds in operations():
        for status, answer in operation["responses"].items():
            if status in ("200", "201"):
                has = "ETag" in answer.get("headers", {})
                wants = kinds[0]["answers"] in HAS_VERSION
                assert has == wants, (f"openapi.json: {method} {path}: {status} "
                                      f"{'has an' if has else 'lacks the'} ETag")
            if status == "201":
                assert "Location" in answer.get("headers", {}), \
                    f"openapi.json: {method} {path}: 201 lacks Location"


def check_headers():
    for method, path, operation, kinds in operations():
        found = {reference.get("$ref", "").rpartition("/")[2]
                 for reference in operation.get("parameters", [])}
        flags, condition = kinds[0]["flags"], kinds[0]["condition"]
        wanted = {"IdempotencyKey": "RECORDED" in flags, "Prefer": True, "Lease": True,
                  "RequestId": True,
                  "IfMatch": condition != "NONE", "IfNoneMatch": condition == "THING"}
        for name, is_wanted in wanted.items():
            assert (name in found) == is_wanted, (
                f"openapi.json: {method} {path}: {'lacks' if is_wanted else 'has'} {name}")


def check_bodies():
    """A body that says something of its own has a schema, and only such a one."""
    for method, path, operation, kinds in operations():
        says = kinds[0]["reader"] != "message_read_none"
        content = operation.get("requestBody", {}).get("content", {})
        schemas = [each.get("schema", {}) for each in content.values()]
        described = any(not schema.get("$ref", "").endswith("/Nothing") for schema in schemas)
        assert described == says, (
            f"openapi.json: {method} {path}: {'lacks a body' if says else 'has a body'}")


def check_ops():
    ops = [command["op"] for command in COMMANDS.values() if command["op"]]
    expect_same("openapi.json: BatchLine", SCHEMAS["BatchLine"]["properties"]["op"]["enum"], ops)


def check_kinds():
    expect_same("openapi.json: MovementKind", SCHEMAS["MovementKind"]["enum"], MOVEMENTS)
    used = re.findall(r"MovementKind", json.dumps(API["paths"]))
    assert len(used) == 2, "openapi.json: ?kind is of MovementKind, in lists and in changes"


def check_sql():
    """A word that a store was given once is known for good; the service adds the others itself."""
    for path in sorted((ROOT / "schema/sqlite").glob("*.sql")):
        added = re.findall(r"INSERT INTO movement_kind \(kind\) VALUES(.*?);", path.read_text(),
                           re.S)
        for word in re.findall(r"'(\w+)'", " ".join(added)):
            assert word in MOVEMENTS, f"schema/movements.def: lacks {word} of {path.name}"


def check_makers():
    """Every kind is made by some command, by time, or by hand."""
    kinds = re.findall(r"^MOVEMENT\((\w+)", read("schema/movements.def"), re.M)
    made = set().union(*(command["movements"] for command in COMMANDS.values()))
    expect_same("schema/movements.def", kinds, made | {"EXPIRE", "EDIT"})


def check_sheets():
    """A sheet can say in a column what a line of a batch says with the members of a row."""
    columns = read("client/csv_columns.c")
    for command in COMMANDS.values():
        if command["op"] and command["path"] == "NAMES_ROW":
            assert re.search(rf"[\" ]{command['op']} ", columns), \
                f"client/csv_columns.c: lacks {command['op']}"


def check_verbs():
    verbs = {f"{verb} {action}".strip() for verb, action in re.findall(
        r'^VERB\(\w+,\s*"(\w+)",\s*"(\w*)"', read("client/verbs.def"), re.M)}
    for command in COMMANDS.values():
        assert command["word"] in verbs, f"client/verbs.def: lacks {command['word']}"


def check_docs():
    listed = re.findall(r"^\| `([a-z ]+)` \| `(?:GET|POST|PUT|PATCH|DELETE) /[^|]*\|([^|]*)\|",
                        read("docs/locking.md"), re.M)
    expect_same("docs/locking.md: what each command claims",
                [f"{word} (op {op.strip(' `')})" for word, op in listed],
                [f"{command['word']} (op {command['op']})" for command in COMMANDS.values()])


def check_tests():
    rules = read("tests/unit/test_rules.c")
    conversations = "\n".join(path.read_text() for folder in ("http", "cli", "upgrade")
                              for path in sorted((ROOT / "tests" / folder).glob("*.*"))
                              if path.suffix in (".txt", ".py"))
    for name, command in COMMANDS.items():
        if command["decider"] == "decide_stock":
            # Played: [COMMAND_...] is an index, for example of what a success answers.
            assert re.search(rf"(?<!\[)\bCOMMAND_{name}\b", rules), \
                f"tests/unit/test_rules.c: lacks a row of COMMAND_{name}"
        if command["op"]:
            assert re.search(rf'"op": ?"{command["op"]}"', conversations), \
                f"tests/http: lacks a line of a batch with the op {command['op']}"
    for method, path, _ in WRITES:
        shape = re.sub(r"\\\{\w+\\\}", r"[^/\\s\"']+", re.escape(path))
        assert re.search(rf"{shape}[\s?\"']", conversations), f"tests/http: lacks {method} {path}"


def main():
    tap = Tap()
    tap.run("a number that was given out stays, and is pinned", check_numbers)
    tap.run("every command has a route", check_routes)
    tap.run("successes are those of the command", check_statuses)
    tap.run("refusals are those that a command may meet", check_refusals)
    tap.run("what has a version is answered with an ETag, what is made with a Location", check_tags)
    tap.run("headers are those that the command understands", check_headers)
    tap.run("bodies are described where a reader reads one", check_bodies)
    tap.run("ops of a batch's lines are those of the commands", check_ops)
    tap.run("kinds of movements are described once, and all", check_kinds)
    tap.run("the SQL knows no kind that is not in the table", check_sql)
    tap.run("every kind of movement has somebody who makes it", check_makers)
    tap.run("what a sheet can say is every op of a row", check_sheets)
    tap.run("every command can be typed", check_verbs)
    tap.run("every command is in the documentation", check_docs)
    tap.run("every command is in the tests", check_tests)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
