"""The facts of a plant as a planning problem: plant time in, whole seconds from the snapshot out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import aps.problem as p
import aps.schedule as s
from mes.contracts.plant import Line
from mes.planning.facts import CarFact, PlantFacts
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
    return Snapshot(
        problem=builder.problem(freeze_s, reference),
        anchor=facts.at,
        cars={car.car_id: car for car in builder.cars},
    )


class _Builder:
    def __init__(self, facts: PlantFacts, network: PlantNetwork, horizon_s: int) -> None:
        self.facts, self.network, self.horizon_s = facts, network, horizon_s
        progress = {c.car_id: progress_of(network, c, at=facts.at) for c in facts.cars}
        progress = one_body_a_station(progress, len(network.weld_steps))
        for stage in (Reached.IN_PAINT, Reached.IN_ASSEMBLY):
            progress = one_start_a_second(progress, stage)
        self.progress = progress
        self.cars = [c for c in facts.cars if progress[c.car_id].reached is not Reached.DONE]

    def problem(self, freeze_s: int, reference: s.Schedule | None) -> p.Problem:
        network, plant = self.network, self.network.plant
        drum, paint = network.drum_line, network.paint_line
        shifts, calendars = self._calendars()
        return p.Problem(
            horizon_s=self.horizon_s,
            cars=tuple(self._car(car) for car in self.cars),
            assembly=p.AssemblyLine(
                id=drum.id,
                takt_s=max(1, round(drum.takt_s)),
                lead_s=network.drum_lead_s,
                calendar=self._paced_calendar(drum),
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
            ),
            paint=p.PaintShop(
                id=paint.id,
                takt_s=max(1, round(paint.takt_s)),
                lead_s=network.takes_s(paint),
                calendar=self._paced_calendar(paint),
                batch_limit=plant.paint.batch_limit,
                store_capacity=plant.store(network.painted_store).capacity,
                purge_s=round(plant.paint.purge_s),
            ),
            body=self._body_shop(),
            press=self._press_shop(freeze_s, reference),
            shifts=shifts,
            calendars=calendars,
            frozen=self._frozen(freeze_s, reference),
            seed=self.facts.seed,
        )

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

    # Calendars: one for each of the plant's, and one of its own for a line that is down.

    def _calendar_of(self, line: Line, station: str) -> str:
        """Return the calendar of a weld station: it stops alone, or with its line."""
        for down in self.facts.down:
            if down.line == line.id and down.station in (None, station):
                return f"{line.calendar}@{station}"
        return line.calendar

    def _paced_calendar(self, line: Line) -> str:
        """Return the calendar of a paced line: one station down stops all of it."""
        down = any(one.line == line.id for one in self.facts.down)
        return f"{line.calendar}@{line.id}" if down else line.calendar

    def _calendars(self) -> tuple[tuple[p.Shift, ...], tuple[p.Calendar, ...]]:
        by_calendar: dict[str, list[p.Shift]] = {}
        for fact in self.facts.shifts:
            start, end = max(0, self._seconds(fact.start_at)), self._seconds(fact.end_at)
            end = min(end, self.horizon_s)
            if end <= start:
                continue
            breaks = (
                (max(start, self._seconds(begin)), min(end, self._seconds(until)))
                for begin, until in sorted(fact.breaks)
            )
            by_calendar.setdefault(fact.calendar, []).append(
                p.Shift(
                    id=fact.id,
                    start_s=start,
                    end_s=end,
                    breaks=tuple((begin, until) for begin, until in breaks if until > begin),
                )
            )
        calendars = [p.calendar_of(name, tuple(shifts)) for name, shifts in by_calendar.items()]
        known = {calendar.id: calendar for calendar in calendars}
        own = [
            _without(known[base], name, self._down_until(target))
            for name, base, target in self._own_calendars()
        ]
        shifts = tuple(shift for group in by_calendar.values() for shift in group)
        return shifts, (*calendars, *own)

    def _own_calendars(self) -> list[tuple[str, str, str]]:
        """Return (calendar id, base calendar, line or station) of everything that is down."""
        network = self.network
        found = [
            (self._paced_calendar(line), line.calendar, line.id)
            for line in (network.paint_line, network.drum_line, *network.press_lines)
            if self._paced_calendar(line) != line.calendar
        ]
        for line in network.weld_lines:
            for station in line.stations:
                name = self._calendar_of(line, station.id)
                if name != line.calendar:
                    found.append((name, line.calendar, station.id))
        return found

    def _down_until(self, target: str) -> int:
        """Return the second until which a line or station does not work."""
        stations = {st.id: line.id for line in self.network.plant.lines for st in line.stations}
        line = stations.get(target, target)
        ends = [
            self._seconds(down.until_at)
            for down in self.facts.down
            if down.line == line and (target == line or down.station in (None, target))
        ]
        return max(ends, default=0)

    # Shops

    def _body_shop(self) -> p.BodyShop:
        network = self.network
        machines = tuple(
            p.Machine(id=station.id, calendar=self._calendar_of(line, station.id))
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
                calendar=self._paced_calendar(line),
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
            held_lots=self._held_lots(freeze_s, reference),
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

    def _held_lots(self, freeze_s: int, reference: s.Schedule | None) -> tuple[p.HeldLot, ...]:
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

    # Facts and frozen work

    def _frozen(self, freeze_s: int, reference: s.Schedule | None) -> tuple[p.FrozenCar, ...]:
        found = {car.car_id: self._begun(car) for car in self.cars}
        if reference is not None:
            free = {
                car.car_id
                for car in self.cars
                if car.available_at is None or car.available_at <= self.facts.at
            }
            self._freeze(found, free, freeze_s, reference)
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
    ) -> None:
        last = 0
        for slot in sorted(reference.assembly, key=lambda one: one.start_s):
            if slot.start_s >= freeze_s:
                break
            if self._before(slot.car_id, Reached.IN_ASSEMBLY) and slot.car_id in free:
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


def _without(calendar: p.Calendar, name: str, until_s: int) -> p.Calendar:
    """Return a calendar under a new name that does not work before `until_s`."""
    kept = [
        ((max(begin, until_s), end), shift)
        for (begin, end), shift in zip(calendar.working, calendar.shift_ids, strict=True)
        if end > until_s
    ]
    return p.Calendar(
        id=name,
        working=tuple(interval for interval, _ in kept),
        shift_ids=tuple(shift for _, shift in kept),
    )


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
