#!/usr/bin/env python3
"""embed.py OUT.c OUT.h NAME=FILE ... - makes C arrays of files: the daemon reads none at run time.

For NAME=FILE, OUT.h declares `extern const char NAME[]` (NUL-terminated) and
`extern const size_t NAME_bytes`.
"""
import sys
from pathlib import Path


def c_array(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 20):
        signed = (byte if byte < 128 else byte - 256 for byte in data[start:start + 20])
        lines.append("\t" + ", ".join(map(str, signed)) + ",")
    return "\n".join(lines)


def main() -> None:
    out_c, out_h, *entries = sys.argv[1:]
    source = ['/* Made by server/embed.py. */', f'#include "{Path(out_h).name}"', ""]
    header = ["/* Made by server/embed.py. */", "#pragma once", "#include <stddef.h>", ""]
    for entry in entries:
        name, path = entry.split("=", 1)
        data = Path(path).read_bytes()
        header += [f"extern const char {name}[];", f"extern const size_t {name}_bytes;"]
        source += [f"const char {name}[] = {{", c_array(data) + " 0", "};",
                   f"const size_t {name}_bytes = {len(data)};", ""]
    Path(out_c).write_text("\n".join(source) + "\n")
    Path(out_h).write_text("\n".join(header) + "\n")


main()
