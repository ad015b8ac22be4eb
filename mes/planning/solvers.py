"""Where full solves run: in processes of this machine. `cluster` sends them to a Dask cluster instead."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import BrokenExecutor, Executor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from mes.planning import bridge

SOLVER_DIED = "the solver died; the plan in force stays"


class SolverDied(Exception):
    """What solved has ended by itself: killed, or out of memory."""

    def __init__(self) -> None:
        super().__init__(SOLVER_DIED)


class Solving(Protocol):
    """A solve under way."""

    @property
    def work(self) -> asyncio.Future[bridge.Solved]:
        """Its result to come; `SolverDied` when what solved it is gone."""
        ...

    def told(self) -> bridge.Told | None:
        """Return what it has told so far."""
        ...

    async def stop(self) -> None:
        """Ask it for its best plan now."""
        ...


class Solvers(Protocol):
    """Run solves elsewhere than in this process."""

    def solve(
        self, problem: bytes, reference: bytes | None, wall_s: float
    ) -> AbstractAsyncContextManager[Solving]:
        """Begin a solve."""
        ...

    async def warm_up(self) -> None:
        """Have the kernels compiled where solves run."""
        ...

    def close(self) -> None:
        """Give up what runs and waits."""
        ...


@dataclass(frozen=True, slots=True)
class _Beside:
    """A solve in another process of this machine."""

    work: asyncio.Future[bridge.Solved]
    link: bridge.FolderLink

    def told(self) -> bridge.Told | None:
        return self.link.told()

    async def stop(self) -> None:
        self.link.stop()


class PoolSolvers:
    """Solves in a pool of this machine; a pool that broke with one of its processes is replaced."""

    def __init__(self, new_pool: Callable[[], Executor]) -> None:
        self._new_pool = new_pool
        self._pool = new_pool()

    @asynccontextmanager
    async def solve(
        self, problem: bytes, reference: bytes | None, wall_s: float
    ) -> AsyncIterator[Solving]:
        """Begin a solve in the pool."""
        with tempfile.TemporaryDirectory(prefix="c2m-solve-") as folder:
            work = self._run(bridge.solve_packed, problem, reference, wall_s, folder)
            yield _Beside(asyncio.ensure_future(_unless_broken(work)), bridge.FolderLink(folder))

    async def warm_up(self) -> None:
        """Have the kernels compiled in one process of the pool, which keeps them on disk."""
        await _unless_broken(self._run(bridge.warm_up))

    def close(self) -> None:
        """Give up what waits; the processes end with this one."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, function: Callable[..., Any], *args: object) -> asyncio.Future[Any]:
        try:
            return asyncio.wrap_future(self._pool.submit(function, *args))
        except BrokenExecutor:
            self._pool = self._new_pool()
            return asyncio.wrap_future(self._pool.submit(function, *args))


async def _unless_broken(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except BrokenExecutor as error:
        raise SolverDied from error
