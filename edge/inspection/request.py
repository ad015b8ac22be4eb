"""The handshake of one camera: what the PLC asks, and the verdict that it is told.

The PLC raises a counter with the body and the deadline; the agent writes body, counter, verdict and, last, the
valid bit in one request; the PLC refuses a stale one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from asyncua import ua

from edge.opcua.link import CallRefused, Link
from edge.plant_clock import LiveClock
from mes.contracts.plc import CameraNodes, VerdictAck
from mes.contracts.quality import Verdict, VerdictCode

log = structlog.get_logger(__name__)

ACK_TIMEOUT_S = 1.0
ACK_POLL_S = 0.02
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """What the PLC asks: judge this part before the deadline (plant time)."""

    counter: int
    body_id: UUID | None
    lot: str | None
    job_order_id: UUID | None
    variant: str
    deadline_at: datetime
    triggered_at: datetime
    seen: float
    """Monotonic, when the agent heard of it."""


@dataclass(slots=True)
class Handshake:
    """The tags of one camera on one session."""

    nodes: CameraNodes
    link: Link
    clock: LiveClock
    announced: int = 0
    """The newest counter that was heard of."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _seen: float = 0.0

    def announce(self, counter: object) -> None:
        """Take the request counter as its subscription brings it."""
        if isinstance(counter, int) and counter > 0:
            self.announced, self._seen = counter, time.monotonic()
            self.news.set()

    async def read(self) -> Request:
        """Read the request that stands now.

        Raises:
            UnknownNode: the line has no such tags.
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        nodes = self.nodes
        values = await self.link.read(
            [
                nodes.request,
                nodes.body_id,
                nodes.lot,
                nodes.job_order_id,
                nodes.variant,
                nodes.deadline,
            ]
        )
        counter, body_id, lot, job, variant, deadline = (
            value.Value.Value if value.Value is not None else None for value in values
        )
        trigger = values[0].SourceTimestamp or values[0].ServerTimestamp
        self.announced = int(counter or self.announced)
        return Request(
            counter=self.announced,
            body_id=_uuid(body_id),
            lot=str(lot) if lot else None,
            job_order_id=_uuid(job),
            variant=str(variant or ""),
            deadline_at=_aware(deadline),
            triggered_at=_aware(trigger) if trigger else self.clock.now(),
            seen=self._seen,
        )

    async def write(self, request: Request, verdict: Verdict) -> bool:
        """Write the verdict and return whether the PLC took it.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        nodes = self.nodes
        part = str(request.body_id or "")
        try:
            await self.link.write(
                [
                    (nodes.verdict_body_id, ua.Variant(part, ua.VariantType.String)),
                    (nodes.verdict_counter, ua.Variant(request.counter, ua.VariantType.UInt32)),
                    (nodes.verdict, ua.Variant(VerdictCode[verdict].value, ua.VariantType.Int32)),
                    (nodes.verdict_valid, ua.Variant(True, ua.VariantType.Boolean)),
                ]
            )
        except CallRefused as refusal:
            log.error("camera.verdict_refused", camera=nodes.id, reason=refusal.status)
            return False
        until = time.monotonic() + ACK_TIMEOUT_S
        while time.monotonic() < until:
            counter, ack = (
                value.Value.Value if value.Value is not None else None
                for value in await self.link.read([nodes.ack_counter, nodes.ack])
            )
            if counter == request.counter:
                return bool(ack == VerdictAck.ACCEPTED)
            await asyncio.sleep(ACK_POLL_S)
        log.warning("camera.no_ack", camera=nodes.id, counter=request.counter)
        return False


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _aware(moment: Any) -> datetime:
    if not isinstance(moment, datetime):
        return _EPOCH
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
