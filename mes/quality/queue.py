"""The review queue: what waits for a person's verdict, most worth looking at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from mes.contracts.quality import Verdict
from mes.execution import service as execution
from mes.execution.model import Body
from mes.inspection import second_looks as looks
from mes.inspection import service as inspection
from mes.inspection.model import Inspection, review_priority
from mes.platform.db import ReadConn
from mes.quality import repository, reworks
from mes.quality.model import Hold, HoldState, Rework

SECOND_AT: Final = 3
SECOND_EVERY: Final = 8
"""Where in the queue the first picture to be judged again stands, and how many stand between two."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A hold that waits for a decision, with what a reviewer needs to see."""

    hold: Hold
    inspection: Inspection | None
    body: Body | None
    rework: Rework | None
    priority: float
    second: bool = False
    """Somebody else has decided about it; who looks again is not told."""


async def review_queue(conn: ReadConn) -> list[QueueItem]:
    """Return the undecided holds by risk × uncertainty, then by age."""
    holds = [h for h in await repository.not_closed(conn) if h.state is HoldState.OPEN]
    seen = await inspection.find(conn, [h.inspection_id for h in holds if h.inspection_id])
    bodies = await execution.find_bodies(conn, [h.body_id for h in holds if h.body_id])
    repairs = {rework.hold_id: rework for rework in await reworks.reworks_alive(conn)}
    items = [_item(hold, seen, bodies, repairs) for hold in holds]
    return sorted(items, key=lambda item: (-item.priority, item.hold.placed_at))


async def second_looks(
    conn: ReadConn, reader: str, *, share: float, now: datetime
) -> list[QueueItem]:
    """Return the pictures that a reviewer is to judge again, as they stood when they waited."""
    ids = await looks.due(conn, reader, share=share, now=now) if share > 0 else []
    seen = await inspection.find(conn, ids)
    holds = await repository.holds_of_inspections(conn, ids)
    bodies = await execution.find_bodies(conn, [h.body_id for h in holds if h.body_id])
    return [replace(_item(hold, seen, bodies, {}), second=True) for hold in holds]


def mixed(items: Sequence[QueueItem], again: Sequence[QueueItem]) -> list[QueueItem]:
    """Return the queue with one picture in `SECOND_EVERY` to be judged again; those left over come last."""
    queue = list(items)
    for number, item in enumerate(again):
        queue.insert(SECOND_AT + number * SECOND_EVERY, item)
    return queue


def _item(
    hold: Hold,
    seen: dict[UUID, Inspection],
    bodies: dict[UUID, Body],
    repairs: dict[UUID, Rework],
) -> QueueItem:
    picture = seen.get(hold.inspection_id) if hold.inspection_id else None
    return QueueItem(
        hold=hold,
        inspection=picture,
        body=bodies.get(hold.body_id) if hold.body_id else None,
        rework=repairs.get(hold.id),
        priority=review_priority(
            picture.verdict if picture else Verdict.UNFIT,
            picture.score if picture else 0.0,
            picture.threshold if picture else 0.0,
            risk=hold.risk,
        ),
    )
