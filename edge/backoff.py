"""How long to wait after failures, and saying so once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class Trouble:
    """One thing that can be away: waits longer after each failure; logs the first failure and the recovery.

    Args:
        name: what fails, as the log says it (`mes.uplink`).
        first_s, longest_s: real seconds of the first and of the longest wait.
        sooner: waits for news that make it worth trying before the time is over.
    """

    def __init__(
        self,
        name: str,
        *,
        first_s: float = 0.5,
        longest_s: float = 10.0,
        sooner: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._name = name
        self._sooner = sooner
        self._first_s, self._longest_s = first_s, longest_s
        self._delay_s = first_s
        self.reason: str | None = None

    def failed(self, reason: str) -> None:
        """Note a failure; only the first is logged, the newest reason is kept."""
        if self.reason is None:
            log.warning(f"{self._name}.failed", reason=reason)
        self.reason = reason

    def over(self) -> None:
        """Note a success; logged when there was a failure before it."""
        if self.reason is not None:
            log.info(f"{self._name}.recovered")
        self.reason, self._delay_s = None, self._first_s

    async def wait(self) -> None:
        """Wait before the next try, with jitter; not as long when there are news."""
        delay_s = self._delay_s * random.uniform(0.75, 1.25)
        self._delay_s = min(self._delay_s * 2, self._longest_s)
        if self._sooner is None:
            await asyncio.sleep(delay_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._sooner()
