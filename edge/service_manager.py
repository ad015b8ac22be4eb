"""What systemd is told of an agent: that it runs, that its event loop turns, that it ends (sd_notify(3)).

Without `NOTIFY_SOCKET` in the environment nobody asks, and nothing is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"


class ServiceManager:
    """The datagram socket of the service manager, if there is one.

    Args:
        environment: `NOTIFY_SOCKET` (a path, or `@` and an abstract name), and `WATCHDOG_USEC` (µs after which a
            silent process is killed) with `WATCHDOG_PID` (whose it is; missing: this one's).
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_s = _watchdog_s(environment)

    def tell(self, state: str) -> None:
        """Say one thing; a manager that does not listen is no reason to fail."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door,
        ):
            door.setblocking(False)
            door.sendto(state.encode(), self._address)

    @contextlib.asynccontextmanager
    async def kept_informed(self) -> AsyncIterator[None]:
        """Say that the agent runs and, while it does, that it lives; at the end that it stops."""
        self.tell(READY)
        living = asyncio.create_task(self._live())
        try:
            yield
        finally:
            living.cancel()
            self.tell(STOPPING)

    async def _live(self) -> None:
        """Tell twice within the watchdog's time, from the loop that does all the work."""
        while self.watchdog_s is not None:
            self.tell(ALIVE)
            await asyncio.sleep(self.watchdog_s / 2)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    try:
        micros = int(environment.get("WATCHDOG_USEC", ""))
        whose = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return micros / 1e6 if micros > 0 and whose == os.getpid() else None
