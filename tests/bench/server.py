"""A PostgreSQL of a bench's own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path

from mes.db import migrate
from mes.entrypoints import bootstrap
from mes.platform.embedded import prepare, remove


def on_a_server(measure: Callable[[str, Path], Coroutine[None, None, None]]) -> None:
    """Run `measure(dsn, folder)` on an embedded server with the whole schema; nothing of it stays."""
    home = Path(tempfile.mkdtemp(prefix="c2m-bench-"))
    server = prepare(home)
    process = server.spawn(log=home / "postgres.log")
    try:
        server.wait_ready(alive=lambda: process.poll() is None, log=home / "postgres.log")
        server.create_database()
        migrate.upgrade(server.dsn)
        bootstrap.subscribe_all()
        asyncio.run(measure(server.dsn, home))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        remove(home)
        shutil.rmtree(home, ignore_errors=True)
