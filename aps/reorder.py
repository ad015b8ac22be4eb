"""One change to an order of work: a body's welding or a die lot put in front of another one.

Machines and presses work in their order; what a change makes impossible is answered as a code.
"""

from collections.abc import Sequence
from dataclasses import replace

from aps.orders import Orders, Task
from aps.placing import held_machine
from aps.plant import Plant

NOT_THERE = "not_there"
"""The body comes from its step before only when the other one is under way."""
NO_DIE = "no_die"
"""The press does not take the die of the lot."""


def with_weld_before(
    plant: Plant, orders: Orders, car: int, step: str, before: int | None
) -> Orders | str:
    """Return the orders with a body's welding from `step` on in front of another body's, or why not.

    `before` is `None` for the end. The other body has `step` still to come. Machines that share a step keep
    their turns: each body takes the machine whose turn it is where it stands by then, if it can.
    """
    steps = [one.id for one in plant.steps_left(car)]
    going = set(steps[steps.index(step) :])
    own = [t for t in orders.tasks if t.car == car and t.step in going]
    tasks = [t for t in orders.tasks if t.car != car or t.step not in going]
    floor = 1 + max((k for k, t in enumerate(tasks) if t.car == car), default=-1)
    for number, task in enumerate(own):
        at = len(tasks)
        if before is not None:
            at = _place_before(tasks, before, task.step)
            if number == 0 and at < floor:
                return NOT_THERE
        at = max(at, floor)
        tasks.insert(at, task)
        floor = at + 1
    welded = [c for c in orders.weld_order() if c != car]
    where = welded.index(before) if before in welded else len(welded)
    welded.insert(where, car)
    turned = _machines_in_turn(plant, orders.tasks, tasks, going)
    return replace(orders, tasks=turned, welded=tuple(welded))


def _place_before(tasks: Sequence[Task], car: int, step: str) -> int:
    """Return the place of a body's step; of its last one where it does not need this step."""
    own = [k for k, t in enumerate(tasks) if t.car == car]
    return next((k for k in own if tasks[k].step == step), own[-1])


def _machines_in_turn(
    plant: Plant, old: Sequence[Task], new: Sequence[Task], steps: set[str]
) -> tuple[Task, ...]:
    """Return the new order with the machines of each step in the turns of the old one."""
    turns = {step: iter([t.machine for t in old if t.step == step]) for step in steps}
    found = []
    for task in new:
        if task.step in steps:
            machine = next(turns[task.step])
            if machine != task.machine and held_machine(plant, task.car, task.step) is None:
                task = _on_machine(plant, task, machine)
        found.append(task)
    return tuple(found)


def _on_machine(plant: Plant, task: Task, machine: int) -> Task:
    """Return the task on another machine, or as it is where the machine cannot do it."""
    step = next(s for s in plant.steps_left(task.car) if s.id == task.step)
    for other in step.alternatives:
        if plant.machines[other.machine] == machine:
            return replace(task, machine=machine, duration_s=other.duration_s)
    return task


def with_lot_before(
    plant: Plant, orders: Orders, lot_id: str, press: str, before: str | None
) -> Orders | str:
    """Return the orders with a die lot on a press in front of another lot of it, or why not.

    `before` is `None` for the end. The lots of a die keep one order on all presses, since there is one die.
    """
    own = next(lot for lot in orders.lots if lot.id == lot_id)
    if press not in plant.dies[plant.panels[own.panel]].presses:
        return NO_DIE
    lots = [lot for lot in orders.lots if lot.id != lot_id]
    at = len(lots)
    if before is not None:
        at = next(k for k, lot in enumerate(lots) if lot.id == before)
    lots.insert(at, replace(own, press=plant.presses[press]))
    return replace(orders, lots=tuple(lots))
