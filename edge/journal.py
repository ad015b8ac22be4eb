"""The journal as the rest of the agent sees it: append, and be told when it is on disk.

Many appends share one commit (group commit): fsync is what costs, about 4 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from edge.store import Effect, Entry, JournalStore, Rows, Size, StoredBatch
from mes.contracts.wire import Stream, TelemetryColumns, to_lines

log = structlog.get_logger(__name__)

GROUP_COMMIT_S = 0.005
"""Between two commits; what comes after a pause does not wait for company, nor does what is urgent."""
RETRY_S = 1.0

T = TypeVar("T")


class Journal:
    """The journal of one agent. Called on the event loop; SQLite works in a thread of its own, and in another one
    for what is looked up, so that no question waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._store = self._thread.submit(JournalStore, path).result()
        self._pending: list[tuple[Entry, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._arrived = {stream: asyncio.Event() for stream in Stream}
        self.failing = False
        """Whether the disk refuses; appends wait until it takes them."""

    def close(self) -> None:
        """Close the file. Appends that have not returned are not kept."""
        self._reader.shutdown()
        self._thread.submit(self._store.close).result()
        self._thread.shutdown()

    @property
    def size(self) -> Size:
        """How much waits for the MES."""
        return self._store.size

    @property
    def id(self) -> str:
        """The identity of this file: in a new file sequence numbers start again."""
        return self.fact("journal_id") or ""

    def fact(self, key: str) -> str | None:
        """Return a fact committed earlier."""
        return self._thread.submit(self._store.fact, key).result()

    def identify(self, *, agent_id: UUID, epoch: int, line: str, max_bytes: int) -> None:
        """Write under this identity from now on."""
        self._thread.submit(
            lambda: self._store.identify(
                agent_id=agent_id, epoch=epoch, line=line, max_bytes=max_bytes
            )
        ).result()

    async def append_records(
        self,
        stream: Stream,
        records: Sequence[str],
        *,
        facts: Mapping[str, str] | None = None,
        effect: Effect | None = None,
        urgent: bool = False,
    ) -> None:
        """Keep JSON records; returns when they, the facts and the effect are on disk together.

        Args:
            urgent: somebody waits for them; they and what waits with them are written at once.
        """
        rows = Rows(stream, len(records), to_lines(records))
        written = self.begin(Entry((rows,), facts or {}, effect))
        if urgent:
            self._hurry.set()
        await written

    async def record(
        self, *, facts: Mapping[str, str] | None = None, effect: Effect | None = None
    ) -> None:
        """Keep facts and an effect without rows; returns when they are on disk."""
        await self.append(Entry((), facts or {}, effect))

    async def append(self, entry: Entry) -> None:
        """Keep an entry; returns when it is on disk. A full disk makes it wait, not fail."""
        await self.begin(entry)

    def begin(self, entry: Entry) -> asyncio.Future[None]:
        """Keep an entry before everything that is given from now on; the answer comes when it is on disk."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((entry, done))
        self._wake.set()
        return done

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query in the journal's thread, behind the commit under way."""
        return await self._in_thread(lambda: query(self._store.connection))

    async def look_up(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Ask what is committed, beside a commit under way; the query changes nothing."""
        return await self._beside(lambda: query(self._store.reader))

    async def wait_for(self, stream: Stream) -> StoredBatch:
        """Return the oldest batch of a stream that waits for the MES; wait until there is one."""
        while True:
            self._arrived[stream].clear()
            batch = await self._beside(lambda: self._store.first(stream))
            if batch is not None:
                return batch
            await self._arrived[stream].wait()

    async def after(self, batch: StoredBatch) -> StoredBatch | None:
        """Return the batch that follows in its stream and epoch; None when there is none (yet)."""
        return await self._beside(lambda: self._store.following(batch))

    async def release(self, stream: Stream, *, epoch: int, up_to: int) -> None:
        """Forget the batches that the MES has committed."""
        await self._insist(lambda: self._store.release(stream, epoch, up_to))

    async def set_aside(self, batch: StoredBatch, *, reason: str) -> None:
        """Empty a batch that can never be delivered; it is kept beside, and a gap row says what was lost."""
        await self._insist(lambda: self._store.set_aside(batch, reason))
        self._arrived[Stream.GAPS].set()

    async def write_forever(self) -> None:
        """Commit appends in groups until cancelled; what is pending then is committed first."""
        committed = -GROUP_COMMIT_S
        flushing: asyncio.Future[bool] | None = None
        try:
            while True:
                await self._wake.wait()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(committed + GROUP_COMMIT_S - time.monotonic()):
                        await self._hurry.wait()
                flushing = asyncio.ensure_future(self._flush())
                if not await asyncio.shield(flushing):
                    await asyncio.sleep(RETRY_S)
                    self._wake.set()
                committed = time.monotonic()
        finally:
            await asyncio.shield(asyncio.ensure_future(self._finish(flushing)))

    async def _finish(self, flushing: asyncio.Future[bool] | None) -> None:
        """Let the commit under way end, which nothing can call back; then commit what it has not taken along."""
        if flushing is not None:
            await asyncio.wait([flushing])
        if self._pending:
            await self._flush()

    async def _flush(self) -> bool:
        self._wake.clear()
        self._hurry.clear()
        group = list(self._pending)
        try:
            await self._in_thread(lambda: self._store.commit([entry for entry, _ in group]))
        except sqlite3.Error as error:
            self._refused(error)
            return False
        self._taken()
        del self._pending[: len(group)]
        for _, done in group:
            if not done.done():
                done.set_result(None)
        for stream in Stream:
            self._arrived[stream].set()
        if self._pending:
            self._wake.set()
        return True

    async def _insist(self, work: Callable[[], None]) -> None:
        """Change the journal; a full disk makes it wait, not fail."""
        while True:
            try:
                await self._in_thread(work)
            except sqlite3.Error as error:
                self._refused(error)
                await asyncio.sleep(RETRY_S)
            else:
                self._taken()
                return

    def _refused(self, error: sqlite3.Error) -> None:
        if not self.failing:
            log.error("journal.failed", reason=str(error))
        self.failing = True

    def _taken(self) -> None:
        if self.failing:
            log.info("journal.recovered")
        self.failing = False

    async def _beside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def telemetry_rows(columns: TelemetryColumns, stream: Stream = Stream.TELEMETRY) -> Rows:
    """Return telemetry (at least one row) as the rows of one batch, of `TELEMETRY` or `BACKLOG`."""
    span = (int(columns.source_ft.min()), int(columns.source_ft.max()))
    return Rows(stream, len(columns), columns.to_payload(), span)
