#!/usr/bin/env python3
"""configuration.py ROWLOCKD OUT - the configuration that the package brings: what rowlockd
--print-example says, with the store where the unit may write it.
"""
import pathlib
import subprocess
import sys

OURS = {
    "#store = rowlock.db": "store = /var/lib/rowlock/rowlock.db",
    "#listen = 127.0.0.1:8080": "listen = 127.0.0.1:8080",
}


def main():
    text = subprocess.run([sys.argv[1], "--print-example"], check=True, capture_output=True,
                          text=True).stdout
    for line, ours in OURS.items():
        assert text.count(f"{line}\n") == 1, f"the example has no line {line}"
        text = text.replace(f"{line}\n", f"{ours}\n")
    pathlib.Path(sys.argv[2]).write_text(text)


main()
