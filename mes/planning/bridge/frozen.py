"""What a plan may not move: work that has begun, lots that run, and what lines have stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import aps.problem as p
import aps.schedule as s
from mes.planning.bridge.lanes import LaneHeads
from mes.planning.facts import CarFact, PlantFacts
from mes.planning.network import PlantNetwork
from mes.planning.progress import Progress, Reached


class Held:
    """The facts and frozen work of one snapshot."""

    def __init__(
        self,
        facts: PlantFacts,
        network: PlantNetwork,
        cars: Sequence[CarFact],
        progress: dict[str, Progress],
    ) -> None:
        self.facts, self.network, self.cars, self.progress = facts, network, cars, progress

    def _seconds(self, moment: datetime) -> int:
        return int((moment - self.facts.at).total_seconds())

    def held_lots(self, freeze_s: int, reference: s.Schedule | None) -> tuple[p.HeldLot, ...]:
        """Return the die lots that run, and those that `reference` starts before `freeze_s`."""
        press = {line.id: line for line in self.network.press_lines}
        held = []
        for number, lot in enumerate(self.facts.lots):
            left = max(1, lot.quantity - lot.good)
            strokes = max(
                1, round(press[lot.press].strokes_per_min or 60 / press[lot.press].takt_s)
            )
            held.append(
                p.HeldLot(
                    id=lot.lot_id,
                    panel_type=lot.panel,
                    press=lot.press,
                    quantity=left,
                    start_s=min(-number, self._seconds(lot.started_at)),
                    left_s=-(-left * 60 // strokes),
                )
            )
        running = {lot.lot_id for lot in self.facts.lots}
        free_at = dict.fromkeys(press, 0)
        for planned in sorted(reference.press if reference else (), key=lambda one: one.start_s):
            if planned.start_s >= freeze_s or planned.id in running | self.facts.done_lots:
                continue
            start = max(planned.start_s, free_at[planned.press] + 1)
            free_at[planned.press] = start
            held.append(
                p.HeldLot(
                    id=planned.id,
                    panel_type=planned.panel_type,
                    press=planned.press,
                    quantity=planned.quantity,
                    start_s=start,
                )
            )
        return tuple(held)

    def cars_held(
        self, freeze_s: int, reference: s.Schedule | None, lanes: Sequence[p.Lane]
    ) -> tuple[p.FrozenCar, ...]:
        """Return the work that has begun, and what `reference` starts before `freeze_s`.

        From a store of lanes, places on the drum are frozen up to the first body that its lane does not give
        then: what stands in front of it has to go first.
        """
        found = {car.car_id: self._begun(car) for car in self.cars}
        if reference is not None:
            free = {
                car.car_id
                for car in self.cars
                if car.available_at is None or car.available_at <= self.facts.at
            }
            self._freeze(found, free, freeze_s, reference, LaneHeads(lanes))
        return tuple(fact for fact in found.values() if fact != p.FrozenCar(car_id=fact.car_id))

    def _begun(self, car: CarFact) -> p.FrozenCar:
        done = self.progress[car.car_id]
        fact = p.FrozenCar(car_id=car.car_id)
        if done.reached is Reached.IN_ASSEMBLY:
            return replace(fact, assembly_start_s=done.start_s, assembly_left_s=done.left_s)
        if done.reached is Reached.IN_PAINT:
            return replace(fact, paint_start_s=done.start_s, paint_left_s=done.left_s)
        if done.reached is not Reached.IN_BODY:
            return fact
        if done.station is None:
            return replace(fact, steps_done=done.steps_done)
        step = self.network.weld_steps[done.steps_done][0].step_id
        running = p.FrozenOperation(
            step=step, machine=done.station, start_s=done.start_s, left_s=done.left_s
        )
        return replace(fact, steps_done=done.steps_done, weld=(running,))

    def _freeze(
        self,
        found: dict[str, p.FrozenCar],
        free: set[str],
        freeze_s: int,
        reference: s.Schedule,
        heads: LaneHeads,
    ) -> None:
        last = 0
        for slot in sorted(reference.assembly, key=lambda one: one.start_s):
            if slot.start_s >= freeze_s:
                break
            if self._before(slot.car_id, Reached.IN_ASSEMBLY) and slot.car_id in free:
                if not heads.give(slot.car_id):
                    break
                last = max(slot.start_s, last + 1)
                found[slot.car_id] = replace(found[slot.car_id], assembly_start_s=last)
        last = 0
        for slot in sorted(reference.paint, key=lambda one: one.start_s):
            if slot.start_s >= freeze_s:
                break
            if self._before(slot.car_id, Reached.IN_PAINT) and slot.car_id in free:
                last = max(slot.start_s, last + 1)
                found[slot.car_id] = replace(found[slot.car_id], paint_start_s=last)
        self._freeze_weld(found, free, freeze_s, reference)

    def _freeze_weld(
        self,
        found: dict[str, p.FrozenCar],
        free: set[str],
        freeze_s: int,
        reference: s.Schedule,
    ) -> None:
        """Freeze the launches: a body that is handed to its first weld line keeps that place."""
        machine_at: dict[str, int] = {}
        first = self.network.weld_steps[0][0].step_id
        for operation in sorted(reference.weld, key=lambda one: one.start_s):
            if operation.start_s >= freeze_s:
                break
            if operation.step != first or operation.car_id not in free:
                continue
            if not self._before(operation.car_id, Reached.IN_BODY):
                continue
            start = max(operation.start_s, machine_at.get(operation.machine, 0) + 1)
            machine_at[operation.machine] = start
            held = p.FrozenOperation(step=first, machine=operation.machine, start_s=start)
            found[operation.car_id] = replace(found[operation.car_id], weld=(held,))

    def _before(self, car_id: str, stage: Reached) -> bool:
        return car_id in self.progress and self.progress[car_id].reached < stage
