"""A camera's request, answered: have the part judged, write the verdict before the deadline, keep the result.

What cannot be judged is UNFIT, what comes too late is LATE; both are results with their reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from edge.images import ImageFolder
from edge.inspection.request import Handshake, Request
from edge.inspection.results import Judgement, differ, near_threshold, result_of
from edge.journal import Journal
from edge.opcua.nodes import UnknownNode
from edge.plant_clock import LiveClock
from mes.contracts.quality import BesideVerdict, Verdict
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)


class PartJudge(Protocol):
    """Says what the part before a camera is worth."""

    async def judge(self, request: Request) -> Judgement:
        """Return what is to be said of a part; never raises because of the part or its picture."""
        ...

    async def complete(self, request: Request, judgement: Judgement) -> Judgement:
        """Return a judgement with what only the record needs; asked once the line has its verdict."""
        ...

    async def look_on(
        self, request: Request, judgement: Judgement, *, is_idle: Callable[[], bool]
    ) -> BesideVerdict | None:
        """Return what another one would have said, asked while nobody waits; None: nobody was asked."""
        ...


@dataclass(slots=True)
class Station:
    """One camera on one session.

    Args:
        may_act: whether this agent's writes are valid (it is not fenced).
    """

    line: str
    handshake: Handshake
    judge: PartJudge
    journal: Journal
    images: ImageFolder
    clock: LiveClock
    may_act: Callable[[], bool]
    counts: dict[Verdict, int]

    def announce(self, counter: object) -> None:
        """Take the request counter as its subscription brings it."""
        self.handshake.announce(counter)

    async def run(self) -> None:
        """Answer requests until the session fails.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        last = int(self.journal.fact(self._fact) or 0)
        while True:
            await self.handshake.news.wait()
            self.handshake.news.clear()
            if self.handshake.announced != last and self.may_act():
                last = self.handshake.announced
                try:
                    request = await self.handshake.read()
                except UnknownNode as error:
                    log.error("camera.nodes_missing", camera=self._camera, reason=str(error))
                    return
                await self._answer(request)

    @property
    def _camera(self) -> str:
        return self.handshake.nodes.id

    @property
    def _fact(self) -> str:
        return f"camera:{self._camera}"

    async def _answer(self, request: Request) -> None:
        judgement = await self._judge_in_time(request)
        accepted = False
        if judgement.verdict is not Verdict.LATE:
            accepted = await self.handshake.write(request, judgement.verdict)
        total_ms = (time.monotonic() - request.seen) * 1000
        judgement = await self.judge.complete(request, judgement)
        beside = await self.judge.look_on(
            request, judgement, is_idle=lambda: self.handshake.announced == request.counter
        )
        sha256 = None
        if judgement.picture is not None:
            sha256 = await self.images.keep(
                judgement.picture,
                judgement.verdict,
                asked_for=near_threshold(judgement) or differ(judgement, beside),
            )
        result = result_of(
            self.line,
            self.handshake.nodes,
            request,
            judgement,
            beside=beside,
            sha256=sha256,
            decided_at=self.clock.now(),
            total_ms=total_ms,
            accepted=accepted,
        )
        self.counts[judgement.verdict] += 1
        await self.journal.append_records(
            Stream.RESULTS,
            [result.model_dump_json()],
            facts={self._fact: str(request.counter)},
        )

    async def _judge_in_time(self, request: Request) -> Judgement:
        left_s = self.clock.deadline(request.deadline_at) - time.monotonic()
        judging = asyncio.ensure_future(self.judge.judge(request))
        try:
            return await asyncio.wait_for(asyncio.shield(judging), max(left_s, 0))
        except TimeoutError:
            late = await judging
            what = late.reason or f"the verdict would have been {late.verdict.value}"
            reason = f"no verdict before the deadline; {what}"
            return replace(late, verdict=Verdict.LATE, reason=reason)
