#!/usr/bin/env python3
"""pack.py OUT.c FILE... - makes http/asset.h's table of files: as they are, and compressed once.

An asset's name is that of its file. Its tag is made of its content, so that a browser that has it
gets 304; the same content gives the same table, byte by byte.
"""
import gzip
import hashlib
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


def main() -> None:
    out_c, *files = sys.argv[1:]
    source = ["/* Made by server/dashboard/pack.py. */", '#include "http/asset.h"', ""]
    rows = []
    for index, path in enumerate(sorted(map(Path, files), key=lambda path: path.name)):
        data = path.read_bytes()
        small = gzip.compress(data, compresslevel=9, mtime=0)
        tag = hashlib.sha256(data).hexdigest()[:16]
        source += c_array(f"plain_{index}", data) + c_array(f"gzip_{index}", small)
        rows += [f'\t{{ "{path.name}", "{TYPES[path.suffix]}",',
                 f'\t  {{ "\\"{tag}\\"", plain_{index}, {len(data)} }},',
                 f'\t  {{ "\\"{tag}-gz\\"", gzip_{index}, {len(small)} }} }},']
    source += ["const struct asset assets[] = {", *rows, "};",
               f"const size_t asset_count = {len(files)};"]
    Path(out_c).write_text("\n".join(source) + "\n")


main()
