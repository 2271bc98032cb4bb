#!/usr/bin/env python3
"""analyze - what programs that read C find in it: clang-tidy 14, cppcheck 2.10, gcc -fanalyzer.

    tests/analyze.py BUILD [FILE...]    the sources that BUILD compiles (of these files only)

One case (TAP) for each program; what it finds is `path:line: ... [check]`. Which checks are off,
and why, stands in .clang-tidy and below. A program that is missing, or of another version, which
finds other things, is skipped; with CI=true that is a failure.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
sys.dont_write_bytecode = True

from tap import Tap  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROCESSES = len(os.sched_getaffinity(0))
FINDING = re.compile(r"^(\S+?:\d+):.*\[[\w.=,-]+\]$", re.M)

# clang does not know these words of gcc's.
GCC_ONLY = {"-Wimplicit-fallthrough=5"}

GCC_OFF = {
    "analyzer-null-dereference": "a struct's other fields say that it is there, and a CHECK",
    "analyzer-malloc-leak": "what is handed out by a pointer to its first member is not lost; the"
                            " address sanitizer looks for leaks in every test",
    "analyzer-use-of-uninitialized-value": "it takes a fault for a number that may be above 0; what"
                                           " is only written on success is garbage then",
    "analyzer-possible-null-dereference": "it forgets the condition of a loop; tests/memory fails"
                                          " every allocation instead",
}
CPPCHECK_OFF = {
    "missingIncludeSystem": "the system's headers are not read",
    "varFuncNullUB": "NULL is a pointer in C here, also behind ...",
    "internalAstError": "it does not read (struct x){ 0 } behind a ?",
    "ctunullpointer": "it does not see that only one of two callers passes NULL",
    "memleak:server/engine/operation_book.c": "realloc() has taken it, or it is returned",
    "uninitvar:server/base/text.c": "no byte is read where there are none",
    "uninitvar:server/engine/claims.c": "nor is a key",
}


def commands_of(build, wanted):
    """path -> how it is compiled, without what is written: the product's sources, each once."""
    found = {}
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if not path.startswith(("server/", "client/")) or (wanted and path not in wanted):
            continue
        words, command = iter(shlex.split(entry["command"])), []
        for word in words:
            if word in ("-o", "-MQ", "-MF"):
                next(words)
            elif word not in ("-MD", "-c", "-Werror") and not word.endswith("ccache"):
                command.append(word)
        command.remove(entry["file"])
        found[path] = [re.sub(r"^-I(?!/)", f"-I{entry['directory']}/", word)
                       for word in command[1:]]
    return found


def run(command):
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    findings = sorted(set(line for line in done.stdout.splitlines() if FINDING.match(line)))
    if not findings and done.returncode:
        findings = [f"{shlex.join(command)}: {done.returncode}", *done.stdout.splitlines()[-5:]]
    return [line.replace(f"{ROOT}/", "") for line in findings]


def with_clang_tidy(path, flags):
    flags = [word for word in flags if word not in GCC_ONLY]
    return run(["clang-tidy", "--quiet", "--warnings-as-errors=*", path, "--", *flags])


def with_gcc(path, flags):
    return run(["gcc", *flags, "-fanalyzer", "-Werror", "-fdiagnostics-plain-output",
                "-fanalyzer-verbosity=0", *(f"-Wno-{name}" for name in GCC_OFF),
                "-c", path, "-o", "/dev/null"])


def with_cppcheck(path, flags):
    flags = [word for word in flags if word.startswith(("-I", "-D"))]
    return run(["cppcheck", "--quiet", "--std=c11", "--enable=warning,portability,performance",
                "--error-exitcode=1", "--template={file}:{line}: {message} [{id}]",
                *(f"--suppress={name}" for name in CPPCHECK_OFF), "--include=tests/cppcheck.h",
                *flags, path])


def findings_of(function, sources):
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        for findings in pool.map(function, sources, sources.values()):
            yield from findings


PROGRAMS = [
    ("clang-tidy", "version 14.", with_clang_tidy),
    ("cppcheck", "Cppcheck 2.10", with_cppcheck),
    ("gcc", " 12.", with_gcc),
]


def version_of(program):
    try:
        return subprocess.run([program, "--version"], text=True, stdout=subprocess.PIPE).stdout
    except OSError:
        return ""


def main(build, *wanted):
    tap = Tap()
    sources = commands_of(build, wanted)
    assert sources, f"{build}/compile_commands.json names none of them"
    for program, version, function in PROGRAMS:
        sentence = f"{program} finds nothing"
        if version in version_of(program):
            findings = sorted(set(findings_of(function, sources)))
            tap.report(sentence, "\n".join(findings) or None)
        elif os.environ.get("CI") == "true":
            tap.report(sentence, f"{program}{version} is not here")
        else:
            tap.skip(sentence, f"{program} {version} is not here")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
