#!/usr/bin/env python3
"""test_cells - whether our SQL for PostgreSQL can run in a cell of Citus (docs/cells.md).

    test_cells.py          as TAP

Citus is not among Debian's packages, so nothing here runs in one. Instead each statement of
server/store/postgres_*.c, as the compiler puts it together, and each one of schema/postgres/*.sql
is held against the list of what is refused there: RULES. What breaks a rule all the same stands in
EXCEPTIONS with its reason; an exception that nothing needs is a failure, too.

Statements are looked at by their words, not by a parser: a rule would rather say too much.
"""
import dataclasses
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

VERB = re.compile(r"^(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|SET|LOCK|TRUNCATE|COPY|BEGIN|"
                  r"NOTIFY|LISTEN|DROP)\b")
# The clock inside of v_now is as volatile as what it is made of; ids that are given by a function
# lock the store's row.
VOLATILE = (r"\b(clock_timestamp|timeofday|random|gen_random_uuid|nextval|setval|set_config|"
            r"next_\w+|pg_(try_)?advisory_\w+)\s*\(|\bv_now\b|\bv_tokens\b|\bv_locks\b")
# A part of a statement that ends with the statement, or with what follows it.
REST = r"(?:(?!;).)*"
MODIFIES = r"(INSERT\s+INTO|UPDATE|DELETE\s+FROM)"
# What a statement may be made with behind RETURNING: columns, literals, arithmetic.
CALL = r"(\w+\s*\(|\bSELECT\b)"


@dataclasses.dataclass(frozen=True)
class Rule:
    name: str
    pattern: str
    why: str

    def finds(self, text):
        return re.search(self.pattern, text, re.IGNORECASE | re.DOTALL)


RULES = [
    Rule("sequence", r"\b(nextval|setval)\s*\(|CREATE\s+SEQUENCE|\b(big)?serial\b|AS\s+IDENTITY",
         "a sequence belongs to a node, and numbers of two nodes meet"),
    Rule("modifying cte", rf"(\bWITH\s+(RECURSIVE\s+)?|\)\s*,\s*)\w+(\s*\([^)]*\))?\s+AS\s+"
                          rf"((NOT\s+)?MATERIALIZED\s+)?\(\s*{MODIFIES}\b",
         "a CTE may only read"),
    Rule("locking cte", r"\bWITH\b(?!\s+(ORDINALITY|ORDER|TIME|\())" + REST
                        + r"\bFOR\s+(NO\s+KEY\s+UPDATE|UPDATE|SHARE|KEY\s+SHARE)\b",
         "a CTE may not lock"),
    Rule("volatile in a change", rf"^\s*(UPDATE|DELETE\s+FROM)\b{REST}({VOLATILE})",
         "it would be another value at each place of a row"),
    Rule("volatile in a copy", rf"^\s*INSERT\s+INTO\b{REST}\bSELECT\b{REST}({VOLATILE})",
         "INSERT ... SELECT is carried out where the rows are"),
    Rule("stable of a column", rf"^\s*(UPDATE|DELETE\s+FROM)\b{REST}\b(to_timestamp|to_char|"
                               rf"date_trunc|time_text|now|age)\s*\(\s*[a-z]",
         "a stable function is computed before any row is seen"),
    Rule("subquery among values", r"^\s*INSERT\s+INTO\b[^;]*\bVALUES\s*\((?:(?!;|ON\s+CONFLICT).)*"
                                  r"\bSELECT\b",
         "of subqueries INSERT has only INSERT ... SELECT"),
    Rule("call on conflict", r"\bON\s+CONFLICT\b(?:(?!RETURNING|;).)*\bDO\s+UPDATE\b"
                             r"(?:(?!RETURNING|;).)*(\bSELECT\b|"
                             r"\b(?!greatest|least|coalesce)\w+\s*\()",
         "what is done on a conflict has to be immutable"),
    Rule("call in returning", rf"^\s*{MODIFIES}\b{REST}\bRETURNING\b{REST}{CALL}",
         "what comes back has to be immutable"),
    Rule("a node's own view", r"\bpg_stat_\w+\b(?=.*\b(front_end|movement|stock|store|lane)\b)|"
                              r"\b(front_end|movement|stock|lane)\b.*\bpg_(stat_\w+|locks)\b",
         "what is asked together with a row is asked at the row's node, which has other sessions"),
    Rule("modified view", rf"^\s*{MODIFIES}\s+v_\w+",
         "a view cannot be written to"),
    Rule("instead of", r"\bINSTEAD\s+OF\b", "a view cannot be written to"),
    Rule("rule", r"^\s*CREATE\s+(OR\s+REPLACE\s+)?RULE\b", "there are no rules"),
    Rule("trigger", r"^\s*CREATE\s+(CONSTRAINT\s+)?TRIGGER\b",
         "made with citus.enable_unsafe_triggers = on only"),
    Rule("default of a function", r"\bSET\s+DEFAULT\s+\w+\s*\(\s*\)",
         "it is computed at the node that was asked, and reads the table from there"),
    Rule("generic plan", r"\bforce_generic_plan\b",
         "a generic plan does not know on which node the rows are"),
    Rule("a node's lock", r"\bpg_(try_)?advisory_\w+", "it is of the node that was asked"),
    Rule("message", r"^\s*(LISTEN|NOTIFY)\b|\bpg_notify\s*\(", "it is of the node that was asked"),
]


@dataclasses.dataclass(frozen=True)
class Exempt:
    rule: str
    file: str
    piece: str
    reason: str
    count: int = 1  # how many statements


EXCEPTIONS = [
    Exempt("generic plan", "postgres_connection.c", "set_config('plan_cache_mode', 'auto', false)",
           "the same script sets it back where it finds the extension", 2),
    Exempt("volatile in a change", "postgres_tokens.c", "FROM v_now",
           "an admin's command: rotate and revoke; v_now is joined, not assigned from. Untried", 3),
    Exempt("volatile in a copy", "postgres_tokens.c", "v_now",
           "an admin's command, under the store's lock. Untried", 5),
    Exempt("volatile in a change", "postgres_upkeep.c", "UPDATE token_secret",
           "epoch --new, while nobody serves the store. Untried"),
    Exempt("volatile in a copy", "postgres_upkeep.c", "next_audit()",
           "a command, while nobody serves the store. Untried"),
    Exempt("volatile in a copy", "postgres_copy_side.c", "next_audit()",
           "rowlockd copy, while nobody serves the store. Untried"),
    Exempt("a node's own view", "postgres_upkeep.c", "pg_stat_activity",
           "a command looks for front ends; in a cell it finds none: docs/cells.md says so"),
    Exempt("a node's own view", "postgres_copy_side.c", "pg_stat_activity",
           "as above, of rowlockd copy"),
    Exempt("a node's lock", "postgres_migrate.c", "pg_advisory_xact_lock",
           "front ends of a cell name one node: docs/cells.md"),
    Exempt("a node's lock", "postgres_copy_side.c", "pg_try_advisory_lock",
           "two copies at once are one's own doing"),
    Exempt("default of a function", "001_store.sql", "SET DEFAULT next_",
           "for hands and commands; the service gives ids itself, but for its own row and its"
           " lanes. Untried", 9),
    Exempt("instead of", "002_views.sql", "ON v_stock",
           "hand edits through the view: in a cell stock_add() and stock_set() are typed"),
    Exempt("trigger", "002_views.sql", "CREATE TRIGGER",
           "the guards of hand edits: docs/cells.md says what to set for the first start", 50),
    Exempt("volatile in a copy", "002_views.sql", "INSERT INTO audit",
           "the audit of what hands change beside stock. Untried"),
]


# ---------------------------------------------------------------- what there is


@dataclasses.dataclass(frozen=True)
class Statement:
    file: str
    text: str

    def __str__(self):
        return f"{self.file}: {self.text[:160]}"


def joined(literals):
    """C's string literals, as one text."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]),
                  "".join(literal[1:-1] for literal in literals))


def of_c(path, folder):
    """What the compiler would see: macros in their places, literals beside each other as one."""
    (folder / "sql_scripts.h").touch()  # the build makes it
    compiler = shlex.split(os.environ.get("CC", "cc"))
    found = subprocess.run([*compiler, "-E", "-P", "-w", "-I", folder, "-I", ROOT, "-I",
                            ROOT / "server", "-idirafter", "/usr/include/postgresql", path],
                           capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    token = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\s+|\w+|.', re.DOTALL)
    literals = []
    for part in [*token.findall(found.stdout), ";"]:
        if part.startswith('"'):
            literals.append(part)
        elif not part.isspace():
            text = joined(literals)
            literals = []
            if VERB.match(text):
                yield Statement(path.name, text)


def of_script(path):
    """The statements of a script, and each of those within a function's body."""
    text = re.sub(r"--[^\n]*", "", path.read_text())
    body = re.compile(r"\$\$(.*?)\$\$|BEGIN ATOMIC(.*?)\bEND;", re.DOTALL)
    for found in body.finditer(text):
        inner = re.sub(r"\b(BEGIN|THEN|ELSE|LOOP|DECLARE)\b", ";", found[1] or found[2])
        inner = re.sub(r"'(?:[^']|'')*'", "''", inner)
        for statement in inner.split(";"):
            if VERB.match(statement.strip()):
                yield Statement(path.name, statement.strip())
    for statement in re.sub(r"'(?:[^']|'')*'", "''", body.sub("''", text)).split(";"):
        if statement.strip():
            yield Statement(path.name, statement.strip())


def all_statements():
    with tempfile.TemporaryDirectory(prefix="rowlock-cells-") as folder:
        for path in sorted((ROOT / "server" / "store").glob("postgres*.c")):
            yield from of_c(path, pathlib.Path(folder))
    for path in sorted((ROOT / "schema" / "postgres").glob("0*.sql")):
        yield from of_script(path)


# ---------------------------------------------------------------- cases


def statements_are_found(statements):
    """So that what was not found is not taken for what is right."""
    files = {statement.file for statement in statements}
    for name in ("postgres_group.c", "postgres_house.c", "postgres_tokens.c", "001_store.sql",
                 "002_views.sql"):
        assert name in files, (name, files)
    texts = [statement.text for statement in statements]
    assert any("INSERT INTO movement (seq" in text and "$18" in text for text in texts)
    assert any("FROM location l WHERE l.code = w.code" in text and "FOR UPDATE OF s" in text
               for text in texts), "macros are not in their places"
    assert len(texts) > 300, len(texts)


WRONG = {
    "sequence": "SELECT nextval('movement_seq')",
    "modifying cte": "WITH a AS (UPDATE stock SET n = 1 RETURNING id) SELECT * FROM a",
    "locking cte": "WITH a AS (SELECT id FROM stock FOR UPDATE) SELECT * FROM a",
    "volatile in a change": "UPDATE front_end SET seen_at = extract(epoch FROM clock_timestamp())",
    "volatile in a copy": "INSERT INTO audit (id) SELECT next_audit() FROM store",
    "stable of a column": "UPDATE item SET name = to_char(updated_at, 'DD')",
    "subquery among values": "INSERT INTO lane (id) VALUES ((SELECT max(id) FROM lane))",
    "call on conflict": "INSERT INTO a (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET b = 1 "
                        "WHERE NOT EXISTS (SELECT FROM a)",
    "call in returning": "UPDATE front_end SET seen_at = 1 RETURNING now()",
    "a node's own view": "SELECT FROM front_end f WHERE EXISTS (SELECT FROM pg_stat_activity)",
    "modified view": "INSERT INTO v_stock (sku) VALUES ($1)",
    "instead of": "CREATE TRIGGER t INSTEAD OF INSERT ON v_stock",
    "rule": "CREATE RULE r AS ON INSERT TO stock DO NOTHING",
    "trigger": "CREATE TRIGGER t BEFORE INSERT ON stock",
    "default of a function": "ALTER TABLE item ALTER COLUMN id SET DEFAULT next_item()",
    "generic plan": "SET plan_cache_mode = force_generic_plan",
    "a node's lock": "SELECT pg_advisory_xact_lock(1)",
    "message": "NOTIFY changed",
}


def a_wrong_one_is_found(_):
    for rule in RULES:
        assert rule.finds(WRONG[rule.name]), rule.name
    right = ("INSERT INTO stock (id) SELECT * FROM unnest($1::int[]) WITH ORDINALITY AS w (id, n)",
             "SELECT s.id FROM unnest($1::text[]) WITH ORDINALITY AS w (sku, n) FOR UPDATE",
             "UPDATE lane SET generation = generation + 1 WHERE id = $1 RETURNING generation")
    for text in right:
        for rule in RULES:
            assert not rule.finds(text), (rule.name, text)


def keeps(rule, statements):
    """None of them breaks it, but for those that stand in EXCEPTIONS."""
    exempt = [e for e in EXCEPTIONS if e.rule == rule.name]
    used = dict.fromkeys(exempt, 0)
    bad = []
    for statement in statements:
        if not rule.finds(statement.text):
            continue
        fitting = [e for e in exempt if e.file == statement.file and e.piece in statement.text]
        for exception in fitting[:1]:
            used[exception] += 1
        if not fitting:
            bad.append(str(statement))
    assert not bad, f"{rule.why}:\n" + "\n".join(bad)
    for exception, count in used.items():
        assert count == exception.count, f"{exception}: {count} statements"


def main():
    tap = Tap()
    statements = list(all_statements())
    tap.run("the statements are found", statements_are_found, statements)
    tap.run("what breaks a rule is found", a_wrong_one_is_found, statements)
    for rule in RULES:
        tap.run(f"in a cell: {rule.name}", keeps, rule, statements)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
