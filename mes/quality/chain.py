"""A hold's chain of events, so that the explanation of a promise is a walk from event to event."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mes.contracts.events import HoldPlaced, Payload
from mes.events import service as events
from mes.events.model import Event
from mes.platform.db import WriteConn
from mes.quality.model import Hold

POLICY = "policy"
"""Reviewer of a hold that nobody reviewed in time."""


class Chain:
    """A hold's chain of events: each event that is added is caused by the one before it."""

    def __init__(
        self, conn: WriteConn, last: Event | None, *, actor: str, now: datetime, order: UUID | None
    ) -> None:
        self._conn = conn
        self._actor = actor
        self._now = now
        self._order = order
        self.last = last

    async def add(self, payload: Payload) -> Event:
        """Record the next event of the chain."""
        self.last = await events.record(
            self._conn,
            payload,
            now=self._now,
            actor=self._actor,
            causation=self.last,
            correlation=self._order,
        )
        return self.last

    @property
    def last_id(self) -> UUID:
        """The id of the newest link."""
        assert self.last is not None  # noqa: S101 - asked after a link was added
        return self.last.id


async def chain_of(conn: WriteConn, hold: Hold, *, reviewer: str, now: datetime) -> Chain:
    """Take up the chain of a hold at its newest link, as a person or the policy."""
    actor = "policy:review-timeout" if reviewer == POLICY else f"user:{reviewer}"
    last = await events.get(conn, hold.last_event_id)
    return Chain(conn, last, actor=actor, now=now, order=hold.order_id)


async def place(hold: Hold, chain: Chain) -> None:
    """Announce that a hold keeps something back."""
    await chain.add(
        HoldPlaced(
            hold_id=hold.id,
            body_id=hold.body_id,
            rack=hold.rack,
            line=hold.line,
            inspection_id=hold.inspection_id,
            cause=hold.cause,
        )
    )
