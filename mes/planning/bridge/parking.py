"""Bars that moves by hand put in time: what is locked behind the moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import aps.schedule as s
from mes.planning.bridge.problem import Snapshot, with_locks
from mes.planning.facts import LockFact, Parked
from mes.planning.network import PlantNetwork
from mes.planning.operations import lot_subject


@dataclass(frozen=True, slots=True)
class HandMove:
    """A car put in front of another one (None: at the end) on the drum line, in paint or in welding.

    On a press `car_id` and `before` are die lots. `at` is the weld line or the press, by its id; there the bar
    does not start before `not_before` (None: as soon as it can).
    """

    car_id: str
    line: Literal["assembly", "paint", "weld", "press"]
    before: str | None
    at: str = ""
    not_before: datetime | None = None


def parked(
    snap: Snapshot, schedule: s.Schedule, moves: Sequence[HandMove], network: PlantNetwork
) -> list[Parked]:
    """Return the bars of welding and pressing that were moved, each as its last move left it."""
    lots = {lot.id: lot for lot in schedule.press}
    site = network.plant.site.id
    found: dict[tuple[str, str], Parked] = {}
    for move in moves:
        if move.line == "press" and move.car_id in lots:
            lot = lots[move.car_id]
            found["", lot.id] = Parked(
                line=move.at,
                subject_id=lot_subject(site, lot.id),
                lot_id=lot.id,
                panel=lot.panel_type,
                quantity=lot.quantity,
                from_at=move.not_before,
            )
        elif move.line == "weld" and move.car_id in snap.cars:
            car = snap.cars[move.car_id]
            found[move.at, move.car_id] = Parked(
                line=move.at,
                subject_id=car.order_id,
                order_id=car.order_id,
                order_number=car.number,
                from_at=move.not_before,
            )
    return list(found.values())


def put_by_hand(
    snap: Snapshot, bars: Sequence[Parked], locks: Sequence[LockFact], network: PlantNetwork
) -> Snapshot:
    """Return the snapshot with moved bars where they were put in time, and no longer where they were before.

    A bar whose start is locked keeps its lock.
    """
    lots = {x.lot_id for x in bars if x.lot_id is not None}
    bodies = {(x.line, x.order_id) for x in bars if x.order_id is not None}
    stay = [
        x
        for x in locks
        if x.to_at is not None or (x.lot_id not in lots and (x.line, x.order_id) not in bodies)
    ]
    fixed = {x.lot_id or (x.line, x.order_id) for x in stay}
    put = [
        LockFact(
            line=x.line,
            from_at=x.from_at,
            to_at=None,
            order_id=x.order_id,
            lot_id=x.lot_id,
            panel=x.panel or "",
            quantity=x.quantity or 0,
        )
        for x in bars
        if x.from_at is not None and (x.lot_id or (x.line, x.order_id)) not in fixed
    ]
    known = {x.lot_id for x in snap.problem.lot_locks} | lots
    gone = {x.lot_id for x in stay if x.lot_id is not None and x.lot_id not in known}
    return with_locks(snap, [*stay, *put], network, gone=gone)
