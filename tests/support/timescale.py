"""A real TimescaleDB in tests, without a server: PostgreSQL and the extension in WebAssembly, behind a socket.

It has one connection at a time and no COPY: good for schema and queries.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT, Process, free_ports

STARTED_S = 120.0
MODULE = Path("@unni-craftsman") / "pglite"


def node_modules() -> Path | None:
    """Where it is installed: beside the interop tests, or where NODE_PATH says."""
    places = [ROOT / "tests" / "interop" / "node_modules", Path(os.environ.get("NODE_PATH") or "-")]
    return next((place for place in places if (place / MODULE).is_dir()), None)


def is_installed() -> bool:
    """Whether tests can have one."""
    return node_modules() is not None and shutil.which("node") is not None


@contextmanager
def timescale_server(folder: Path) -> Iterator[str]:
    """Run one with an empty database, in which the extension is offered and not created; yields its DSN."""
    node, modules = shutil.which("node"), node_modules()
    assert node is not None
    assert modules is not None
    os.environ["NODE_PATH"] = str(modules)
    port = free_ports(1)
    script = str(ROOT / "tests" / "interop" / "timescale_server.js")
    process = Process([script, str(port)], folder / "timescale.log", program=node)
    try:
        until = time.monotonic() + STARTED_S
        while not process.says(json.dumps({"ready": True}, separators=(",", ":"))[:-1]):
            assert time.monotonic() < until, process.log.read_text()
            threading.Event().wait(0.05)
        yield (
            f"host=127.0.0.1 port={port} user=postgres password=postgres dbname=postgres sslmode=disable"
        )
    finally:
        process.stop()
