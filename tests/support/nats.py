"""A real nats-server in tests: start, kill, start again with or without what it had stored."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mes.platform.settings import NatsSettings
from tests.support.processes import Process, free_ports
from tests.support.waiting import eventually


class NatsServer:
    """One server on a port of its own; `store` is where its streams lie."""

    def __init__(self, program: str, folder: Path, more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._program, self._folder = program, folder
        self.store = folder / "store"
        self.port = free_ports(1)
        self._config = folder / "nats.conf"
        self.configure(more)
        self._starts = 0
        self.process: Process | None = None

    def configure(self, more: str) -> None:
        """Write its configuration; `more` is what comes beside address and storage."""
        self._config.write_text(
            f"host: 127.0.0.1\nport: {self.port}\njetstream {{ store_dir: '{self.store}' }}\n{more}\n"
        )

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def settings(self, **more: object) -> NatsSettings:
        """Return what a worker is given for this server."""
        return NatsSettings.model_validate({"url": self.url, **more})

    async def start(self) -> None:
        self._starts += 1
        log = self._folder / f"nats-{self._starts}.log"
        self.process = Process(["-c", str(self._config)], log, program=self._program)
        process = self.process
        await eventually(lambda: process.says("Server is ready"), what="nats-server is ready")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def forget(self) -> None:
        """Lose the disk."""
        shutil.rmtree(self.store, ignore_errors=True)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


def nats_program() -> str:
    """Return the server's program; Debian has it in a folder that is not on everybody's path."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if found is None:
        pytest.skip("no nats-server on this machine (Debian: apt install nats-server)")
    return found


@asynccontextmanager
async def nats_server(folder: Path, more: str = "") -> AsyncIterator[NatsServer]:
    """Run a server for the length of a block.

    Args:
        more: lines of its configuration.
    """
    server = NatsServer(nats_program(), folder, more)
    await server.start()
    try:
        yield server
    finally:
        server.stop()
