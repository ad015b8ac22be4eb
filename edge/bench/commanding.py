"""How soon a command is carried out and answered: idle, and while the agent delivers a backlog.

From the commit of a command in the MES's outbox, over a real agent to a line of `plc_sim` (ISA-95 Job Control), to
the commit of its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from edge.bench.journal import values
from edge.bench.report import Figure
from edge.bench.trial import PLANT, Trial, answer, mes_on_trial, trial
from edge.identity import DataFolder
from edge.journal import Journal, telemetry_rows
from edge.store import Entry

LINE = "body-sub"
WARM_UP = 10
AT_A_TIME = 5
CONNECTED_S = 120.0


async def measure(*, commands: int, backlog: int) -> list[Figure]:
    """Send so many commands in turn; then others while so many batches of 20,000 rows are delivered."""
    with tempfile.TemporaryDirectory(prefix="c2m-bench-") as name:
        folder = Path(name)
        async with mes_on_trial(folder, LINE) as running, _line(running, folder):
            sender = await trial("command", running.data, "--line", LINE)
            async with _agent(running, folder):
                await _send(sender, WARM_UP)
                idle = await _send(sender, commands)
            last = await _keep_backlog(folder, backlog)
            during: list[float] = []
            async with _agent(running, folder):
                while running.telemetry_watermark() < last:
                    took = await _send(sender, AT_A_TIME)
                    if running.telemetry_watermark() < last:
                        during += took
            assert sender.stdin is not None  # noqa: S101  # it was asked for
            sender.stdin.close()
            await sender.wait()
    return [
        *_figures("command → answered, idle", idle, 50),
        *_figures(f"… during a drain, {len(during)} commands", during, 100),
    ]


def _figures(name: str, took_ms: list[float], goal_ms: float) -> list[Figure]:
    if not took_ms:
        return []
    p50, p99 = np.quantile(took_ms, (0.5, 0.99))
    return [
        Figure(f"{name}, p50", "ms", float(p50)),
        Figure(f"{name}, p99", "ms", float(p99), goal=goal_ms, more_is_better=False),
    ]


async def _send(sender: asyncio.subprocess.Process, count: int) -> list[float]:
    assert sender.stdin is not None  # noqa: S101  # it was asked for
    sender.stdin.write(f"{count}\n".encode())
    await sender.stdin.drain()
    told = (await answer(sender))["took_ms"]
    assert isinstance(told, list)  # noqa: S101  # what `trial command` prints
    return [float(one) for one in told]


async def _keep_backlog(folder: Path, batches: int) -> int:
    """Write batches into the journal of an agent that does not run; returns the number of the last one."""
    home = DataFolder(folder / "edge")
    journal = Journal(home.journal)
    config = home.cached_config(home.instance(journal.id))
    assert config is not None  # noqa: S101  # it has run before
    journal.identify(
        agent_id=config.agent_id,
        epoch=config.epoch,
        line=LINE,
        max_bytes=config.journal_max_bytes,
    )
    writing = asyncio.create_task(journal.write_forever())
    for number in range(batches):
        await journal.append(Entry((telemetry_rows(values(number)),)))
    last = await journal.look_up(
        lambda db: db.execute("SELECT max(seq) FROM batch WHERE stream = 1").fetchone()[0]
    )
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    journal.close()
    return int(last)


@contextlib.asynccontextmanager
async def _line(running: Trial, folder: Path) -> AsyncIterator[None]:
    arguments = ["plc_sim", "run", "--plant", str(PLANT), "--line", LINE]
    arguments += ["--base-port", str(running.base_port), "--data", str(folder / "sim")]
    arguments += ["--factor", "1", "--security", "none"]
    async with _process(arguments, folder / "line.log"):
        yield


@contextlib.asynccontextmanager
async def _agent(running: Trial, folder: Path) -> AsyncIterator[None]:
    """Run the agent; the block begins when it is connected to its line."""
    log = folder / "agent.log"
    told = log.stat().st_size if log.exists() else 0
    arguments = ["edge", "--mes", running.url, "--data", str(folder / "edge")]
    arguments += ["--security", "None", "--code", running.code]
    async with _process(arguments, log) as process:
        async with asyncio.timeout(CONNECTED_S):
            while b'"line.connected"' not in log.read_bytes()[told:]:
                if process.returncode is not None:
                    raise RuntimeError(f"the agent ended: {log.read_text()[-2000:]}")
                await asyncio.sleep(0.05)
        yield


@contextlib.asynccontextmanager
async def _process(arguments: list[str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()
