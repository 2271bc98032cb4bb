#!/usr/bin/env python3
"""pack.py OUT.c FILE... - makes http/asset.h's table of files: as they are, and compressed once.

Of schema/movements.def it makes kinds.js: KINDS, all words that a movement's kind can be, and
PROMISES, those of them that make or resolve a reservation.

An asset's name is that of its file. Its tag is made of its content, so that a browser that has it
gets 304; the same content gives the same table, byte by byte.
"""
import gzip
import hashlib
import re
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def c_array(name: str, data: bytes) -> list:
    lines = [f"static const unsigned char {name}[] = {{"]
    for start in range(0, len(data), 25):
        lines.append("\t" + "".join(f"{byte}," for byte in data[start:start + 25]))
    return lines + ["};", ""]


def kinds_script(table: str) -> bytes:
    rows = re.findall(r'^MOVEMENT\(\w+,\s*"(\w+)",\s*[01],\s*([01])\)', table, re.M)
    lists = {"KINDS": [word for word, _ in rows],
             "PROMISES": [word for word, promises in rows if promises == "1"]}
    return "".join(f"export const {name} = {words};\n" for name, words in lists.items()).encode()


def read_asset(path: Path):
    """Its name and content."""
    if path.suffix == ".def":
        return "kinds.js", kinds_script(path.read_text())
    return path.name, path.read_bytes()


def main() -> None:
    out_c, *files = sys.argv[1:]
    source = ["/* Made by server/dashboard/pack.py. */", '#include "http/asset.h"', ""]
    rows = []
    for index, (name, data) in enumerate(sorted(read_asset(Path(path)) for path in files)):
        small = gzip.compress(data, compresslevel=9, mtime=0)
        tag = hashlib.sha256(data).hexdigest()[:16]
        source += c_array(f"plain_{index}", data) + c_array(f"gzip_{index}", small)
        rows += [f'\t{{ "{name}", "{TYPES[Path(name).suffix]}",',
                 f'\t  {{ "\\"{tag}\\"", plain_{index}, {len(data)} }},',
                 f'\t  {{ "\\"{tag}-gz\\"", gzip_{index}, {len(small)} }} }},']
    source += ["const struct asset assets[] = {", *rows, "};",
               f"const size_t asset_count = {len(files)};"]
    Path(out_c).write_text("\n".join(source) + "\n")


main()
