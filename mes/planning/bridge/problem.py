"""The facts of a plant as a planning problem: plant time in, whole seconds from the snapshot out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import aps.problem as p
import aps.schedule as s
from aps.lock import Lock
from mes.contracts.plant import MOST_SOLVENT_ML, PaintRules
from mes.planning.bridge.calendars import Calendars
from mes.planning.bridge.frozen import Held
from mes.planning.bridge.lanes import lane_contents
from mes.planning.bridge.locking import put_in_time
from mes.planning.facts import CarFact, LockFact, PlantFacts
from mes.planning.network import PlantNetwork
from mes.planning.progress import Reached, one_body_a_station, one_start_a_second, progress_of

Schedule = s.Schedule
"""A plan in the library's seconds; other modules pass it on and do not look inside."""

_STAGES = {
    Reached.NOT_STARTED: p.Stage.NOT_STARTED,
    Reached.IN_BODY: p.Stage.IN_BODY,
    Reached.WELDED: p.Stage.WELDED,
    Reached.IN_PAINT: p.Stage.IN_PAINT,
    Reached.PAINTED: p.Stage.PAINTED,
    Reached.IN_ASSEMBLY: p.Stage.IN_ASSEMBLY,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen problem and what is needed to read its answer back."""

    problem: p.Problem
    anchor: datetime
    cars: dict[str, CarFact]

    @property
    def hash(self) -> str:
        """The name of the problem: same plant, same hash."""
        return p.snapshot_hash(self.problem)


def snapshot(
    facts: PlantFacts,
    network: PlantNetwork,
    *,
    horizon_s: int,
    freeze_s: int = 0,
    reference: s.Schedule | None = None,
) -> Snapshot:
    """Return the planning problem of these facts.

    Args:
        horizon_s: how far the plan looks; shifts must reach that far.
        freeze_s: work that `reference` starts before keeps its place, unless its car is held.
        reference: the schedule in force, its seconds counted from `facts.at`.
    """
    builder = _Builder(facts, network, horizon_s)
    snap = Snapshot(
        problem=builder.problem(freeze_s, reference),
        anchor=facts.at,
        cars={car.car_id: car for car in builder.cars},
    )
    return with_locks(snap, facts.locks, network, gone=facts.done_lots)


def with_locks(
    snap: Snapshot,
    locks: Sequence[LockFact],
    network: PlantNetwork,
    *,
    gone: Collection[str] = (),
) -> Snapshot:
    """Return a snapshot in which these weld starts and die lots are locked, and no others.

    `gone` are die lots that are made, or that nobody plans any more.
    """
    cars = {car.order_id: car_id for car_id, car in snap.cars.items()}
    problem = put_in_time(snap.problem, locks, network, anchor=snap.anchor, cars=cars, gone=gone)
    return replace(snap, problem=problem)


class _Builder:
    def __init__(self, facts: PlantFacts, network: PlantNetwork, horizon_s: int) -> None:
        self.facts, self.network, self.horizon_s = facts, network, horizon_s
        progress = {c.car_id: progress_of(network, c, at=facts.at) for c in facts.cars}
        progress = one_body_a_station(progress, len(network.weld_steps))
        for stage in (Reached.IN_PAINT, Reached.IN_ASSEMBLY):
            progress = one_start_a_second(progress, stage)
        self.progress = progress
        self.cars = [c for c in facts.cars if progress[c.car_id].reached is not Reached.DONE]
        self.calendars = Calendars(facts, network, horizon_s)
        self.held = Held(facts, network, self.cars, progress)

    def problem(self, freeze_s: int, reference: s.Schedule | None) -> p.Problem:
        network, plant = self.network, self.network.plant
        drum, paint = network.drum_line, network.paint_line
        lanes = self._lanes(reference)
        shifts, calendars = self.calendars.all()
        return p.Problem(
            horizon_s=self.horizon_s,
            cars=tuple(self._car(car) for car in self.cars),
            assembly=p.AssemblyLine(
                id=drum.id,
                takt_s=max(1, round(drum.takt_s)),
                lead_s=network.drum_lead_s,
                calendar=self.calendars.of_line(drum),
                ratio_rules=tuple(
                    p.RatioRule(
                        id=rule.id,
                        option=rule.option,
                        n=rule.n,
                        p=rule.p,
                        priority=p.RatioPriority(rule.priority),
                    )
                    for rule in plant.ratio_rules
                    if rule.line == drum.id
                ),
                spacing_rules=tuple(
                    p.SpacingRule(
                        id=spacing.id,
                        option=spacing.option,
                        other=spacing.other or spacing.option,
                        gap=spacing.places,
                        priority=p.SpacingPriority(spacing.priority),
                    )
                    for spacing in plant.spacing_rules
                    if spacing.line == drum.id
                ),
            ),
            paint=p.PaintShop(
                id=paint.id,
                takt_s=max(1, round(paint.takt_s)),
                lead_s=network.takes_s(paint),
                calendar=self.calendars.of_line(paint),
                batch_limit=plant.paint.batch_limit,
                store_capacity=plant.store(network.painted_store).capacity,
                purge_s=round(plant.paint.purge_s),
                purge_cost=_cost(plant.paint, plant.paint.purge_s, plant.paint.solvent_ml),
                purges=_purges(plant.paint),
                lanes=lanes,
            ),
            body=self._body_shop(),
            press=self._press_shop(freeze_s, reference),
            shifts=shifts,
            calendars=calendars,
            frozen=self.held.cars_held(freeze_s, reference, lanes),
            seed=self.facts.seed,
            locks=self._locks(),
        )

    def _locks(self) -> tuple[Lock, ...]:
        """Return what planners have locked of cars that are still to start on the drum or in paint."""
        car_of = {car.order_id: car.car_id for car in self.cars}
        gate = {
            self.network.drum_line.id: Reached.IN_ASSEMBLY,
            self.network.paint_line.id: Reached.IN_PAINT,
        }
        return tuple(
            Lock(
                car_id=car_of[lock.order_id],
                line=lock.line,
                from_s=self._seconds(lock.from_at),
                to_s=self._seconds(lock.to_at),
            )
            for lock in self.facts.locks
            if lock.order_id in car_of
            and lock.line in gate
            and lock.to_at is not None
            and _STAGES[self.progress[car_of[lock.order_id]].reached].rank
            < _STAGES[gate[lock.line]].rank
        )

    def _lanes(self, reference: s.Schedule | None) -> tuple[p.Lane, ...]:
        lanes = self.network.plant.store(self.network.painted_store).lanes
        if lanes is None:
            return ()
        painted = [c for c in self.cars if self.progress[c.car_id].reached is Reached.PAINTED]
        contents = lane_contents(painted, lanes.count, lanes.length, reference)
        return tuple(p.Lane(capacity=lanes.length, bodies=bodies) for bodies in contents)

    def _seconds(self, moment: datetime) -> int:
        return int((moment - self.facts.at).total_seconds())

    def _car(self, car: CarFact) -> p.Car:
        started = self.progress[car.car_id]
        available = 0 if car.available_at is None else max(0, self._seconds(car.available_at))
        if available and started.reached is Reached.IN_ASSEMBLY:
            available += self._after_line_s(car)
        panels = self.network.panels(car.model) if started.reached is Reached.NOT_STARTED else {}
        return p.Car(
            id=car.car_id,
            model=car.model,
            color=car.color,
            body_type=self.network.body_type(car.model, car.options),
            options=frozenset((car.model, *car.options)),
            panels=tuple(sorted(panels.items())),
            due_s=None if car.due_at is None else self._seconds(car.due_at),
            priority=car.priority,
            release_s=available,
            at=_STAGES[started.reached],
        )

    def _after_line_s(self, car: CarFact) -> int:
        """Return the seconds from leaving the line that the car is on to being finished."""
        chain = (self.network.drum_line, *self.network.finish_lines)
        ids = [line.id for line in chain]
        at = ids.index(car.place.line) if car.place is not None else len(ids)
        return sum(self.network.takes_s(line) for line in chain[at + 1 :])

    def _body_shop(self) -> p.BodyShop:
        network = self.network
        machines = tuple(
            p.Machine(id=station.id, calendar=self.calendars.of_station(line, station.id))
            for line in network.weld_lines
            for station in line.stations
        )
        kinds = {network.body_type(c.model, c.options): (c.model, *c.options) for c in self.cars}
        routings = tuple(
            p.Routing(
                body_type=body_type,
                steps=tuple(
                    p.Step(
                        id=step[0].step_id,
                        alternatives=tuple(
                            p.Alternative(machine=st.id, duration_s=network.step_s(st, codes))
                            for st in step
                        ),
                    )
                    for step in network.weld_steps
                ),
            )
            for body_type, codes in sorted(kinds.items())
        )
        store = network.plant.store(network.welded_store)
        return p.BodyShop(machines=machines, routings=routings, store_capacity=store.capacity)

    def _press_shop(self, freeze_s: int, reference: s.Schedule | None) -> p.PressShop:
        network, plant = self.network, self.network.plant
        store = {line.id: plant.store(line.gives_to) for line in network.press_lines}
        presses = tuple(
            p.Press(
                id=line.id,
                calendar=self.calendars.of_line(line),
                strokes_per_min=max(1, round(line.strokes_per_min or 60 / line.takt_s)),
                mounted=self.facts.mounted.get(line.id),
            )
            for line in network.press_lines
        )
        dies = tuple(
            p.Die(
                panel_type=panel.code,
                presses=panel.presses,
                changeover_s=round(plant.die_changeover_min * 60),
                lot_size=panel.lot_size,
                min_cover=panel.min_cover,
                rack_capacity=store[panel.presses[0]].capacity,
            )
            for panel in plant.panels
        )
        return p.PressShop(
            presses=presses,
            dies=dies,
            stock=tuple(sorted(self._stock().items())),
            held_lots=self.held.held_lots(freeze_s, reference),
        )

    def _stock(self) -> dict[str, int]:
        """Return the panels that no body under way will still take."""
        stock = {
            panel.code: self.facts.stock.get(panel.code, 0) for panel in self.network.plant.panels
        }
        for car in self.cars:
            done = self.progress[car.car_id]
            if done.reached is Reached.IN_BODY:
                needed = self.network.panels(car.model, from_step=done.steps_done)
                for panel, quantity in needed.items():
                    stock[panel] = max(0, stock[panel] - quantity)
        return stock


def _purges(paint: PaintRules) -> tuple[p.ColorPurge, ...]:
    """Return the purges between colours of groups that are not the usual one."""
    colors = {color for own in paint.color_groups.values() for color in own}
    usual = (paint.purge_s, paint.solvent_ml)
    return tuple(
        p.ColorPurge(
            before=before, after=after, purge_s=round(own[0]), cost=_cost(paint, own[0], own[1])
        )
        for before in sorted(colors)
        for after in sorted(colors - {before})
        if (own := paint.purge_between(before, after)) != usual
    )


def _cost(paint: PaintRules, seconds: float, solvent_ml: int | None) -> int:
    """Return what planning keeps low: solvent; where the plant does not say it, seconds or changes."""
    if solvent_ml is not None:
        return solvent_ml
    return max(1, min(round(seconds), MOST_SOLVENT_ML)) if paint.purges else 1


def reread(problem: p.Problem, anchor: datetime, order_ids: dict[str, UUID]) -> Snapshot:
    """Return a stored problem as a snapshot, for orders that are still known."""
    cars = {}
    for car in problem.cars:
        number, _, body_number = car.id.partition("/")
        if number in order_ids:
            cars[car.id] = CarFact(
                order_id=order_ids[number],
                number=number,
                successor=bool(body_number),
                body_number=body_number or None,
                model=car.model,
                color=car.color,
                options=tuple(sorted(car.options - {car.model})),
            )
    return Snapshot(problem, anchor, cars)
