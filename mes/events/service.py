"""Record what happened, and read it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.contracts.events import Payload
from mes.contracts.ids import uuid7
from mes.events import repository
from mes.events.model import Event
from mes.platform.db import ReadConn, WriteConn


async def record(
    conn: WriteConn,
    payload: Payload,
    *,
    now: datetime,
    actor: str,
    causation: Event | None = None,
    correlation: UUID | None = None,
) -> Event:
    """Write an event in the caller's transaction and wake the readers when that commits.

    Args:
        now: plant time.
        actor: `user:NAME`, `agent:LINE`, `policy:NAME` or `system`.
        causation: the event that led to this one.
        correlation: the order (or lot) the chain is about; taken from `causation` when not given.
    """
    return await repository.insert(
        conn,
        payload,
        event_id=uuid7(),
        plant_at=now,
        actor=actor,
        causation_id=causation.id if causation else None,
        correlation_id=correlation or (causation.correlation_id if causation else None),
    )


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened at `at` (plant time), not yet recorded."""

    payload: Payload
    at: datetime
    correlation: UUID | None = None


async def record_all(conn: WriteConn, facts: Sequence[Fact], *, actor: str) -> None:
    """Write many events of one actor, without causes, in their order and in one statement.

    For what lines report in bulk: a batch costs one round trip, not two for each event.
    """
    if facts:
        rows = [(uuid7(), fact.payload, fact.at, fact.correlation) for fact in facts]
        await repository.insert_all(conn, rows, actor=actor)


async def get(conn: ReadConn, event_id: UUID) -> Event | None:
    """Return one event, or None."""
    return await repository.by_id(conn, event_id)


async def history(conn: ReadConn, subject: str, *, limit: int = 500) -> list[Event]:
    """Return what happened to one thing, oldest first."""
    return await repository.about_subject(conn, subject, limit=limit)


async def chain(conn: ReadConn, correlation_id: UUID, *, limit: int = 1000) -> list[Event]:
    """Return everything that belongs to one order, oldest first."""
    return await repository.of_correlation(conn, correlation_id, limit=limit)


async def causes(conn: ReadConn, event: Event) -> list[Event]:
    """Walk from an event back to its first cause; the first cause comes first."""
    found: list[Event] = [event]
    while (cause_id := found[-1].causation_id) is not None and len(found) < 100:
        cause = await repository.by_id(conn, cause_id)
        if cause is None or cause in found:
            break
        found.append(cause)
    return found[::-1]


async def rebase(conn: WriteConn) -> None:
    """Make restored events readable: commit order is kept, transaction numbers of the old server go.

    A restored database may carry transaction numbers that its new server has yet to reach; readers
    would wait for them, and new events would sort before old ones.
    """
    await repository.renumber(conn)
