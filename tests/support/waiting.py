"""Wait for states, not for seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], T | bool | None] | Callable[[], Awaitable[T | bool | None]],
    *,
    within_s: float = 20.0,
    what: str = "it",
) -> T:
    """Look again and again until there is something to see, and return it."""
    until = asyncio.get_running_loop().time() + within_s
    while True:
        found = look()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found  # type: ignore[return-value]  # anything true is what was looked for
        if asyncio.get_running_loop().time() > until:
            raise AssertionError(f"{what} did not happen within {within_s:g} s")
        await asyncio.sleep(0.02)
