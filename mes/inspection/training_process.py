"""The vision library in a process of its own: its lines are told as they come, and it can be ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

Told = Callable[[dict[str, Any]], None]
Stop = Callable[[], Awaitable[bool]]

LOOK_EVERY_S = 0.5
_LONGEST_LINE = 1 << 20


class ProcessFailedError(RuntimeError):
    """The command ended with an error; the message is the last thing it said."""


class StoppedError(Exception):
    """Somebody wanted it to stop."""


async def run_vision(
    arguments: list[str], *, told: Told, stop: Stop, limit_s: float
) -> list[dict[str, Any]]:
    """Run `python -m qc_vision ARGUMENTS` and return what it said: one object, or one a line.

    Args:
        told: hears every line that is an object, at once.
        stop: is asked twice a second whether to go on.
        limit_s: real seconds it may take.

    Raises:
        StoppedError: `stop` said so; the process has ended.
        TimeoutError: it took longer than it may.
        ProcessFailedError: it ended with an error.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mes.inspection.training_child",
        str(os.getpid()),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    said: list[str] = []
    complained: deque[str] = deque(maxlen=20)
    reading = asyncio.gather(_hear(process, said, told), _complaints(process, complained))
    try:
        async with asyncio.timeout(limit_s):
            while not reading.done():
                await asyncio.wait([reading], timeout=LOOK_EVERY_S)
                if await stop():
                    raise StoppedError
            await reading
            status = await process.wait()
    finally:
        reading.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    if status != 0:
        raise ProcessFailedError(_last(complained) or f"it ended with status {status}")
    return _objects(said)


async def _hear(process: asyncio.subprocess.Process, said: list[str], told: Told) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    async for raw in process.stdout:
        line = raw.decode("utf-8", "replace").rstrip("\n")
        said.append(line)
        if line.startswith("{") and line.endswith("}"):
            told(json.loads(line))


async def _complaints(process: asyncio.subprocess.Process, complained: deque[str]) -> None:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    async for raw in process.stderr:
        complained.append(raw.decode("utf-8", "replace").strip())


def _last(complained: deque[str]) -> str:
    """Return the last line that says something, as people read it."""
    words = next((line for line in reversed(complained) if line), "")
    return words.removeprefix("error: ")


def _objects(said: list[str]) -> list[dict[str, Any]]:
    """Return the objects of an answer: one over many lines, or one a line."""
    if said and said[0].strip() == "{":
        return [json.loads("\n".join(said))]
    return [json.loads(line) for line in said if line.startswith("{")]
