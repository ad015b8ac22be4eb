"""The line's ring of records: read on from the last one on disk, so each is kept exactly once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from asyncua import ua

from edge.journal import Journal
from edge.opcua.link import CallRefused, Link
from edge.opcua.nodes import UnknownNode
from mes.contracts.plc import LedgerNodes
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)

LAST_RECORD = "ledger_last"
PAGE = 200
RETRY_REFUSED_S = 10.0
PACE_S = 0.2
"""Real seconds between two reads while the line goes on: records share calls, batches and commits."""


@dataclass(slots=True)
class LedgerReader:
    """Reads the ring of one line into the journal."""

    journal: Journal
    line: str
    last: int = 0
    problem: str | None = None
    _announced: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def resume(self) -> None:
        """Go on behind the last record on disk."""
        self.last = int(self.journal.fact(LAST_RECORD) or 0)

    def announce(self, last_seq: object) -> None:
        """Take the line's counter as its subscription brings it."""
        if isinstance(last_seq, int):
            self._announced = last_seq
            self._news.set()

    async def run(self, link: Link, nodes: LedgerNodes) -> None:
        """Read whatever the line announces, until the session fails.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                if self._announced < self.last:
                    await self._check_went_back(link, nodes)
                await self._catch_up(link, nodes)
            except (CallRefused, UnknownNode) as refusal:
                self._refused(str(refusal))
                await asyncio.sleep(RETRY_REFUSED_S)
                self._news.set()

    async def _catch_up(self, link: Link, nodes: LedgerNodes) -> None:
        while self._announced > self.last:
            began = time.monotonic()
            if not await self._read_page(link, nodes):
                return
            await asyncio.sleep(max(PACE_S - (time.monotonic() - began), 0))

    async def _read_page(self, link: Link, nodes: LedgerNodes) -> bool:
        answer = await link.call(
            nodes.parent,
            nodes.read,
            ua.Variant(self.last + 1, ua.VariantType.UInt64),
            ua.Variant(PAGE, ua.VariantType.UInt32),
        )
        records = _numbered(answer[0] or [] if answer else [], first=self.last + 1)
        fresh = [(seq, text) for seq, text in records if seq > self.last]
        if not fresh:
            return False
        self._check_holes(fresh[0][0])
        last = fresh[-1][0]
        await self.journal.append_records(
            Stream.EVENTS, [text for _, text in fresh], facts={LAST_RECORD: str(last)}
        )
        self.last = last
        return True

    def _refused(self, reason: str) -> None:
        """Say that the line does not give its records; everything else goes on without them."""
        problem = f"the line's ledger cannot be read: {reason}"
        if problem != self.problem:
            log.error("ledger.refused", line=self.line, reason=reason)
        self.problem = problem

    def _check_holes(self, first: int) -> None:
        """Say that the ring turned over before the agent came back: those records are gone."""
        if first > self.last + 1 and self.last:
            log.error("ledger.records_lost", line=self.line, first=self.last + 1, last=first - 1)
            self.problem = (
                f"the line's ring turned over: records {self.last + 1}-{first - 1} are lost"
            )

    async def _check_went_back(self, link: Link, nodes: LedgerNodes) -> None:
        """Say that the line's counter is behind what was read; a notification that is merely late is none."""
        (value,) = await link.read([nodes.last_seq])
        now = value.Value.Value if value.Value is not None else None
        if not isinstance(now, int) or now >= self.last:
            return
        if self.problem is None:
            log.error("ledger.went_back", line=self.line, kept=self.last, announced=now)
        self.problem = f"the line's ledger went back from {self.last} to {now}"


def _numbered(texts: Sequence[Any], *, first: int) -> list[tuple[int, str]]:
    """Return each record's number and its text on one line.

    A record that is damaged takes the number of its place and is passed on as the JSON string it is: the MES
    sets it aside with its reason.
    """
    numbered: list[tuple[int, str]] = []
    expected = first
    for text in texts:
        try:
            record = json.loads(text)
            seq, line = int(record["seq"]), json.dumps(record, ensure_ascii=False)
        except (ValueError, TypeError, KeyError):
            seq, line = expected, json.dumps(str(text), ensure_ascii=False)
        numbered.append((seq, line))
        expected = seq + 1
    return numbered
