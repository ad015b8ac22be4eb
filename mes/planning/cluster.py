"""Full solves on a Dask cluster (`C2M_PLAN__DASK`, the address of its scheduler).

Each solve has a connection of its own, so that no lost one has to be mended. The worker that takes a solve
lets the others search seeds for it. When it dies, the scheduler gives the solve to another worker, as often
as `distributed.scheduler.allowed-failures` says; after that the solve has failed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from distributed import Client, Event, Future, get_client, get_worker, secede
from distributed.scheduler import KilledWorker

from mes.planning import bridge
from mes.planning.solvers import SolverDied, Solving

CONNECT_S = 10.0
PATIENCE_S = 60.0
"""Real seconds beyond three times its budget that a solve may be silent: then it is given up."""
_LOOK_S = 0.5


class _ClusterLink:
    """The worker's end: a topic of the scheduler to tell, an event of it to be stopped."""

    def __init__(self, name: str) -> None:
        self._name, self._stop = name, threading.Event()
        self._over = threading.Event()
        self._client = get_client()
        self._worker = get_worker()
        self._asked = Event(name, client=self._client)

    def __enter__(self) -> _ClusterLink:
        self.tell({})
        threading.Thread(target=self._watch, name="solve watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def tell(self, told: bridge.Told) -> None:
        """Say how far the solve is, and who solves."""
        self._worker.log_event(self._name, {"worker": self._worker.address, **told})

    def stopped(self) -> bool:
        """Say whether somebody wants the best plan now."""
        return self._stop.is_set()

    def _watch(self) -> None:
        while not self._over.is_set():
            if self._asked.wait(timeout=_LOOK_S):
                self._stop.set()
                return


def _solve(problem: bytes, reference: bytes | None, wall_s: float, name: str) -> bridge.Solved:
    """Solve on this worker; its seeds run on any, on this one too."""
    with _ClusterLink(name) as link:
        secede()
        executor = get_client().get_executor(pure=False)
        return bridge.solve_linked(problem, reference, wall_s, link, executor)


@dataclass(slots=True)
class _Away:
    """A solve on the cluster."""

    work: asyncio.Future[bridge.Solved]
    asked: Event
    last: bridge.Told = field(default_factory=dict)

    def told(self) -> bridge.Told | None:
        return self.last or None

    async def stop(self) -> None:
        await self.asked.set()


class ClusterSolvers:
    """Solves on the cluster of a scheduler, `tcp://host:port` or `tls://host:port`."""

    def __init__(self, address: str) -> None:
        self._address = address

    @asynccontextmanager
    async def solve(
        self, problem: bytes, reference: bytes | None, wall_s: float
    ) -> AsyncIterator[Solving]:
        """Send a solve to the cluster.

        Raises:
            OSError: the scheduler cannot be reached.
        """
        name = f"c2m-solve-{uuid4()}"
        heard = asyncio.Event()
        async with self._client() as client:
            future = client.submit(_solve, problem, reference, wall_s, name, key=name, pure=False)
            answer = _answer(future, heard, 3 * wall_s + PATIENCE_S)
            solving = _Away(asyncio.ensure_future(answer), Event(name, client=client))

            def hear(event: tuple[float, bridge.Told]) -> None:
                solving.last = event[1]
                heard.set()

            client.subscribe_topic(name, hear)
            try:
                yield solving
            finally:
                if not solving.work.done():
                    solving.work.cancel()
                    await solving.asked.set()  # what is given up need not run on
                client.unsubscribe_topic(name)
                await future.cancel(force=True)

    async def warm_up(self) -> None:
        """Have the kernels compiled on each worker of the cluster."""
        async with self._client() as client:
            await client.run(bridge.warm_up)

    def close(self) -> None:
        """Nothing is kept between solves."""

    def _client(self) -> Any:
        return Client(self._address, asynchronous=True, timeout=CONNECT_S, set_as_default=False)


async def _answer(future: Future, heard: asyncio.Event, patience_s: float) -> bridge.Solved:
    """Return what a solve answers; give it up when it has been silent for too long."""
    answer = asyncio.ensure_future(future.result())
    while True:
        word = asyncio.ensure_future(heard.wait())
        ready, _ = await asyncio.wait(
            (answer, word), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
        )
        word.cancel()
        if answer in ready:
            break
        if not ready:
            answer.cancel()
            raise TimeoutError(f"the cluster has been silent for {patience_s:.0f} s")
        heard.clear()
    try:
        solved: bridge.Solved = answer.result()
    except (KilledWorker, CancelledError, asyncio.CancelledError) as error:
        raise SolverDied from error
    return solved
