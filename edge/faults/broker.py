"""The NATS server of a campaign over NATS: started, killed, robbed of its disk, behind a cable."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge.faults.processes import Child

PLACES = "/usr/sbin:/usr/local/sbin"
"""Where Debian's package puts it, which is not on everybody's path."""


class NoBroker(Exception):
    """A campaign over NATS needs the program nats-server (Debian, Ubuntu: apt install nats-server)."""


class Broker:
    """One server with JetStream; `store` is its disk."""

    def __init__(self, folder: Path, port: int) -> None:
        program = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:{PLACES}")
        if program is None:
            raise NoBroker(str(NoBroker.__doc__))
        self._program, self._folder = program, folder
        self._store = folder / "nats"
        self._config = folder / "nats.conf"
        self._config.write_text(
            f"host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: '{self._store}' }}\n"
        )
        self.url = f"nats://127.0.0.1:{port}"
        self.child: Child | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = ["-c", str(self._config)]
        self.child = Child("broker", arguments, self._folder, program=(self._program,))
        await self.child.says("Server is ready")

    def kill(self) -> None:
        """`kill -9`: what it has acknowledged may not be on its disk."""
        assert self.child is not None  # noqa: S101  # it is killed after it was started
        self.child.kill()

    def forget(self) -> None:
        """Lose the disk."""
        shutil.rmtree(self._store, ignore_errors=True)

    def stop(self) -> None:
        """End it."""
        if self.child is not None:
            self.child.stop()
