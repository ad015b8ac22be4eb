"""Locked starts and bars put in time: plant time in, windows in seconds of a planning problem out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import aps.problem as p
from aps.lock import LotLock, WeldLock
from mes.planning.facts import LockFact
from mes.planning.network import PlantNetwork


def put_in_time(
    problem: p.Problem,
    locks: Sequence[LockFact],
    network: PlantNetwork,
    *,
    anchor: datetime,
    cars: dict[UUID, str],
    gone: Collection[str] = (),
) -> p.Problem:
    """Return a problem with the locks of weld starts and die lots that are still to come.

    Args:
        anchor: plant time of second 0.
        cars: order → car of the problem.
        gone: die lots that are made, or that nobody plans any more.
    """
    first = {line.id: line.steps[0][0].step_id for line in network.weld_lines}
    dies = {die.panel_type: die.presses for die in problem.press.dies}
    left = _StepsLeft(problem)
    welds, lots = [], []
    for lock in locks:
        from_s = int((lock.from_at - anchor).total_seconds())
        to_s = None if lock.to_at is None else int((lock.to_at - anchor).total_seconds())
        if lock.lot_id is not None:
            if lock.lot_id not in gone and lock.line in dies.get(lock.panel, ()):
                lots.append(
                    LotLock(
                        lot_id=lock.lot_id,
                        panel_type=lock.panel,
                        press=lock.line,
                        quantity=lock.quantity,
                        from_s=from_s,
                        to_s=to_s,
                    )
                )
            continue
        car = None if lock.order_id is None else cars.get(lock.order_id)
        step = first.get(lock.line)
        if car is not None and step is not None and step in left.of(car):
            welds.append(WeldLock(car_id=car, step=step, from_s=from_s, to_s=to_s))
    return replace(problem, weld_locks=tuple(welds), lot_locks=tuple(lots))


class _StepsLeft:
    """Which weld steps of a car are neither done nor running."""

    def __init__(self, problem: p.Problem) -> None:
        self._cars = {car.id: car for car in problem.cars}
        self._frozen = {fact.car_id: fact for fact in problem.frozen}
        self._routing = {r.body_type: [step.id for step in r.steps] for r in problem.body.routings}

    def of(self, car_id: str) -> list[str]:
        car = self._cars.get(car_id)
        if car is None or car.at.rank > p.Stage.IN_BODY.rank:
            return []
        fact = self._frozen.get(car_id, p.FrozenCar(car_id=car_id))
        running = sum(operation.start_s <= 0 for operation in fact.weld)
        return self._routing[car.body_type][fact.steps_done + running :]
