"""neighbour_node - the same update as people write it: node/server.mjs, driven by our scripts."""
import json
import pathlib
import re
import shutil
import subprocess

import servers

NAME = "Node"
FOLDER = pathlib.Path(__file__).resolve().parent / "node"
# Debian 12's own nodejs is 18, and too old; whatever brings a newer one brings npm, too.
PACKAGES = ["g++", "make", "python3"]
NODE_MIN = 20
BUILT = FOLDER / "node_modules" / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"


def node_version():
    if not shutil.which("node") or not shutil.which("npm"):
        return (0,)
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    return tuple(map(int, re.findall(r"\d+", said)))


def headers():
    """The prefix below which the installed headers of Node are, or None."""
    prefix = pathlib.Path(shutil.which("node") or "/").resolve().parents[1]
    return prefix if (prefix / "include" / "node" / "node.h").exists() else None


def missing():
    if node_version()[0] < NODE_MIN:
        return [f"node-{NODE_MIN}-or-newer"]
    if not headers():
        return ["the-headers-of-node"]
    return [] if BUILT.exists() else PACKAGES


def install():
    """better-sqlite3 is compiled here, against the installed headers: nothing that was built
    elsewhere is fetched. The packages are those of package-lock.json."""
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True,
                   env=servers.environment_with(npm_config_nodedir=str(headers()),
                                                npm_config_build_from_source="true"))


def versions():
    yield f"node {'.'.join(map(str, node_version()))}"
    for name in ("fastify", "better-sqlite3"):
        package = json.loads((FOLDER / "node_modules" / name / "package.json").read_text())
        yield f"{name} {package['version']}"
    said = subprocess.run(["node", "-p", "new (require('better-sqlite3'))(':memory:')"
                           ".prepare('SELECT sqlite_version()').pluck().get()"],
                          cwd=FOLDER, capture_output=True, text=True).stdout
    yield f"its sqlite {said.strip()}"


def settings():
    return "WAL, synchronous FULL, a transaction for each request, one process"


def start(folder, environment):
    (folder / "node").mkdir()
    return servers.Server(NAME, ["node", str(FOLDER / "server.mjs"),
                                 str(folder / "node" / "stock.db"), "1000"], 0, environment)
