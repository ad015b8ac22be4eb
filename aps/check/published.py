"""The rules of the published instances, counted again one car and one operation at a time.

Nothing here is shared with a solver but the instances as read: what a command writes has been
counted by this module first.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

from aps.formats import csplib, fjs, roadef


class PlannedOperation(Protocol):
    """An operation of a schedule; all counted from 0."""

    @property
    def job(self) -> int: ...
    @property
    def operation(self) -> int: ...
    @property
    def machine(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


def _beyond(flags: Sequence[bool], n: int, p: int, *, first: int, last: int) -> int:
    """Return how much the windows that begin at first..last hold beyond n."""
    return sum(max(0, sum(flags[s : s + p]) - n) for s in range(first, last + 1))


def car_sequence_violations(instance: csplib.Instance, order: Sequence[int]) -> int:
    """Count the violations of an order of class numbers.

    Raises:
        ValueError: the order does not hold the demand of each class.
    """
    demand = dict(zip(instance.classes, instance.demands, strict=True))
    for number in {*demand, *order}:
        if order.count(number) != demand.get(number, 0):
            raise ValueError(f"class {number} is not built {demand.get(number, 0)} times")
    options = dict(zip(instance.classes, instance.options, strict=True))
    total = 0
    for option, (n, p) in enumerate(zip(instance.n, instance.p, strict=True)):
        flags = [options[number][option] == 1 for number in order]
        total += _beyond(flags, n, p, first=0, last=len(order) - p)
    return total


def production_day_score(instance: roadef.Instance, order: Sequence[str]) -> roadef.Score:
    """Score an order of idents by the rules of the 2005 challenge.

    An ident that the file holds twice names its vehicles in the order of the file.

    Raises:
        ValueError: a vehicle is missing or too many, or a run of one colour beyond the limit.
    """
    waiting: dict[str, list[roadef.Vehicle]] = defaultdict(list)
    for vehicle in instance.day:
        waiting[vehicle.ident].append(vehicle)
    day: list[roadef.Vehicle] = []
    for ident in order:
        if not waiting[ident]:
            raise ValueError(f"vehicle {ident} is unknown or there too often")
        day.append(waiting[ident].pop(0))
    if left := [ident for ident, vehicles in waiting.items() if vehicles]:
        raise ValueError(f"vehicle {left[0]} is missing")
    cars = [*instance.previous, *day]
    begin = len(instance.previous)
    counts = {True: 0, False: 0}
    for ratio in instance.ratios:
        flags = [ratio.option in car.options for car in cars]
        first = max(0, begin - ratio.p + 1)
        counts[ratio.high] += _beyond(flags, ratio.n, ratio.p, first=first, last=len(cars) - 1)
    changes = sum(a.color != b.color for a, b in pairwise(cars[max(0, begin - 1) :]))
    run = 0
    for k, car in enumerate(day):
        run = run + 1 if k and car.color == day[k - 1].color else 1
        if run > instance.batch_limit:
            raise ValueError(
                f"{run} cars of one colour at place {k}, {instance.batch_limit} allowed"
            )
    value = {"high": counts[True], "low": counts[False], "color": changes}
    weights = (1_000_000, 1_000, 1)
    total = sum(w * value[o.value] for w, o in zip(weights, instance.objectives, strict=False))
    return roadef.Score(counts[True], counts[False], changes, total)


def job_shop_faults(
    instance: fjs.Instance, operations: Iterable[PlannedOperation], makespan: int
) -> tuple[str, ...]:
    """Return a sentence for every rule that a schedule breaks; none if it is right."""
    found: list[str] = []
    planned: dict[tuple[int, int], PlannedOperation] = {}
    on_machine: dict[int, list[PlannedOperation]] = defaultdict(list)
    for done in operations:
        if (done.job, done.operation) in planned:
            found.append(f"operation {done.operation} of job {done.job} is there twice")
        planned[done.job, done.operation] = done
        on_machine[done.machine].append(done)
    latest = max((done.end for done in planned.values()), default=0)
    for j, job in enumerate(instance.jobs):
        ready = 0
        for k, options in enumerate(job):
            one = planned.pop((j, k), None)
            if one is None:
                found.append(f"operation {k} of job {j} is missing")
                continue
            if (one.machine, one.end - one.start) not in options:
                found.append(f"operation {k} of job {j} has a machine or duration it may not have")
            if one.start < ready:
                found.append(f"operation {k} of job {j} begins before it can")
            ready = one.end
    found += [f"operation {k} of job {j} is unknown" for j, k in planned]
    for machine, tasks in on_machine.items():
        for one, other in pairwise(sorted(tasks, key=lambda o: (o.start, o.end))):
            if other.start < one.end:
                found.append(f"machine {machine} does two operations at {other.start}")
    if latest != makespan:
        found.append(f"the schedule ends at {latest}, not at {makespan}")
    return tuple(found)
