"""A plan in plant time: which body or die lot is on which line when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

_LOT_NAMESPACE = UUID("0192f7a0-0000-7000-8000-0000000010b5")


def lot_subject(site: str, lot_id: str) -> UUID:
    """Return the id under which a die lot of a site is known to job orders and events."""
    return uuid5(_LOT_NAMESPACE, f"{site}|{lot_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOperation:
    """One body through one line, or one die lot on a press."""

    line: str
    subject_id: UUID
    """The order, or the lot."""
    kind: str
    order_id: UUID | None = None
    order_number: str | None = None
    car_id: str | None = None
    body_id: UUID | None = None
    body_number: str | None = None
    model: str | None = None
    color: str | None = None
    options: tuple[str, ...] = ()
    lot_id: str | None = None
    panel: str | None = None
    quantity: int | None = None
    sequence: int
    """Place among the operations that start on this line at the same moment."""
    start_at: datetime
    end_at: datetime
    need_by_at: datetime | None = None
    """Latest start for the promise, walked backward; stable."""
    finish_at: datetime | None = None
    """When the car is projected to be finished; volatile."""
    promised_at: datetime | None = None
    frozen: bool = False
    started: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A subject whose time on a line differs between two plans; None: not in that plan."""

    line: str
    subject_id: UUID
    order_number: str | None
    body_number: str | None
    lot_id: str | None
    old_start_at: datetime | None
    new_start_at: datetime | None
    old_finish_at: datetime | None
    new_finish_at: datetime | None
    passed: int
    """How many places it moved back in the order of the line (negative: forward)."""


def difference(
    old: Iterable[PlannedOperation],
    new: Iterable[PlannedOperation],
    *,
    tolerance: timedelta = timedelta(minutes=1),
) -> list[Move]:
    """Return what a planner would call moved: another order on its line, or a start beyond `tolerance`."""
    before = {(o.line, o.subject_id): o for o in old}
    after = {(o.line, o.subject_id): o for o in new}
    old_place, new_place = _places(before, after), _places(after, before)
    moves = []
    for key in before.keys() | after.keys():
        one, other = before.get(key), after.get(key)
        known = other or one
        assert known is not None  # noqa: S101 - the key comes from one of the two
        passed = new_place.get(key, 0) - old_place.get(key, 0)
        if one and other and passed == 0 and abs(other.start_at - one.start_at) <= tolerance:
            continue
        moves.append(
            Move(
                line=known.line,
                subject_id=known.subject_id,
                order_number=known.order_number,
                body_number=known.body_number,
                lot_id=known.lot_id,
                old_start_at=one.start_at if one else None,
                new_start_at=other.start_at if other else None,
                old_finish_at=one.finish_at if one else None,
                new_finish_at=other.finish_at if other else None,
                passed=passed if one and other else 0,
            )
        )
    return sorted(moves, key=lambda m: (m.line, m.new_start_at or m.old_start_at, m.subject_id))


Key = tuple[str, UUID]


def _places(
    plan: dict[Key, PlannedOperation], other: dict[Key, PlannedOperation]
) -> dict[Key, int]:
    """Return the place of each operation on its line, counting only what both plans have."""
    places: dict[Key, int] = {}
    count: dict[str, int] = {}
    for key in sorted(plan, key=lambda k: (plan[k].start_at, plan[k].sequence)):
        if key in other:
            places[key] = count.get(key[0], 0)
            count[key[0]] = places[key] + 1
    return places
