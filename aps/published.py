"""Solve a published instance: a ROADEF 2005 directory, a CSPLib file or a `.fjs` job shop.

What comes back has been counted by `aps.check.published`, which shares no code with the solvers.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from aps.budget import never
from aps.check.published import (
    car_sequence_violations,
    job_shop_faults,
    production_day_score,
)
from aps.errors import FileError, ProblemError
from aps.formats import csplib, fjs, roadef
from aps.jobshop import solve_job_shop
from aps.sequencing.bounds import floor_of
from aps.sequencing.phases import search_in_phases
from aps.sequencing.task import SequenceTask, cost_of
from aps.worktime import Ints

Published = roadef.Instance | csplib.Instance | fjs.Instance
Figures = dict[str, int | float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a solve may spend: seconds in all, cores, and where the chance begins.

    `now` gives seconds; a benchmark on a busy machine counts those of the processor instead.
    `on_better(figures)` hears of every better solution.
    """

    seconds: float
    workers: int = 2
    seed: int = 0
    cancel: Callable[[], bool] = never
    now: Callable[[], float] = time.monotonic
    on_better: Callable[[Figures], None] = lambda _figures: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A checked solution: `text` is what the file holds, `figures` the line about it."""

    text: str
    figures: Figures


def read(path: Path, *, name: str | None = None) -> Published:
    """Read an instance; a CSPLib file of several needs the `name` of one of them.

    Raises `FileError` that names file and line.
    """
    if path.is_dir():
        return roadef.read(path)
    if path.name in roadef.FILES:
        raise FileError("roadef.file", str(path), "is one of the files of a day; name its folder")
    if path.suffix.lower() == ".fjs":
        return fjs.read(path)
    found = csplib.read(path)
    named = [one for one in found if name is None or one.name == name]
    if len(named) == 1:
        return named[0]
    names = ", ".join(one.name for one in found[:8]) + (", …" if len(found) > 8 else "")
    missing = "" if name is None or named else f" and none is called {name}"
    sentence = f"holds {len(found)} instances{missing}, name one of them: {names}"
    raise FileError("csplib.several", str(path), sentence)


def solve_published(instance: Published, effort: Effort) -> Solved:
    """Solve for at most `effort.seconds`. Raises `ProblemError` if there is no solution."""
    if isinstance(instance, fjs.Instance):
        return _job_shop(instance, effort)
    if isinstance(instance, roadef.Instance):
        return _production_day(instance, effort)
    return _car_sequence(instance, effort)


def warm_up() -> None:
    """Compile the kernels: seconds on the first start ever, a moment afterwards."""
    cars = csplib.Instance(
        name="two", n=(1,), p=(2,), classes=(0, 1), demands=(2, 4), options=((1,), (0,))
    )
    search_in_phases(csplib.sequence_task(cars), wall_s=0.01)
    job = (((0, 1), (1, 2)), ((0, 1),))
    solve_job_shop(fjs.Instance(name="two", machines=2, jobs=(job, job)), wall_s=0.02, workers=1)


def _job_shop(instance: fjs.Instance, effort: Effort) -> Solved:
    began = effort.now()
    result = solve_job_shop(
        instance,
        wall_s=effort.seconds,
        workers=effort.workers,
        seed=effort.seed,
        cancel=effort.cancel,
        now=effort.now,
        on_incumbent=lambda makespan, bound: effort.on_better(
            {"makespan": makespan, "bound": bound}
        ),
    )
    faults = job_shop_faults(instance, result.operations, result.makespan)
    if faults:
        raise AssertionError(f"{instance.name}: {faults[0]}")
    operations = [
        {
            "job": done.job,
            "operation": done.operation,
            "machine": done.machine,
            "start": done.start,
            "end": done.end,
        }
        for done in result.operations
    ]
    schedule = {"makespan": result.makespan, "bound": result.bound, "operations": operations}
    figures: Figures = {
        "instance": instance.name,
        "status": result.status,
        "makespan": result.makespan,
        "bound": result.bound,
        "seconds": round(effort.now() - began, 2),
    }
    return Solved(text=json.dumps(schedule) + "\n", figures=figures)


def _sequence(task: SequenceTask, effort: Effort, figures: Callable[[Ints], Figures]) -> Ints:
    pool: Executor
    with ThreadPoolExecutor(max_workers=effort.workers) as pool:
        return search_in_phases(
            task,
            wall_s=effort.seconds,
            seed=effort.seed,
            workers=effort.workers,
            executor=pool if effort.workers > 1 else None,
            cancel=effort.cancel,
            now=effort.now,
            on_better=lambda sequence, _cost: effort.on_better(figures(sequence)),
        )


def _production_day(instance: roadef.Instance, effort: Effort) -> Solved:
    began = effort.now()
    _refuse_a_color_that_no_order_can_part(instance)
    task = roadef.sequence_task(instance)

    def counts(sequence: Ints) -> Figures:
        counted = roadef.score_of(instance, cost_of(task, sequence))
        return {
            "hprc": counted.high,
            "lprc": counted.low,
            "colour": counted.color,
            "score": counted.total,
        }

    found = _sequence(task, effort, counts)
    order = roadef.day_order(instance, found)
    try:
        score = production_day_score(instance, order)
    except ValueError as error:
        sentence = f"no order within the batch limit was found in time: {error}"
        raise ProblemError("roadef.batch", instance.name, sentence) from error
    at_floor = score.total <= floor_of(task)
    figures: Figures = {
        "instance": instance.name,
        "status": "OPTIMAL" if at_floor else "FEASIBLE",
        "hprc": score.high,
        "lprc": score.low,
        "colour": score.color,
        "score": score.total,
        "seconds": round(effort.now() - began, 2),
    }
    return Solved(text="".join(f"{ident}\n" for ident in order), figures=figures)


def _refuse_a_color_that_no_order_can_part(instance: roadef.Instance) -> None:
    """Refuse a day where one colour fills more than the batch limit between all other cars."""
    colors = [vehicle.color for vehicle in instance.day]
    for color in sorted(set(colors)):
        count, limit = colors.count(color), instance.batch_limit
        if count > (len(colors) - count + 1) * limit:
            sentence = (
                f"colour {color} has {count} of {len(colors)} vehicles; with a batch limit of "
                f"{limit} no order can part them"
            )
            raise ProblemError("roadef.infeasible", instance.name, sentence)


def _car_sequence(instance: csplib.Instance, effort: Effort) -> Solved:
    began = effort.now()
    task = csplib.sequence_task(instance)
    found = _sequence(
        task, effort, lambda sequence: {"violations": sum(cost_of(task, sequence).violations)}
    )
    order = csplib.class_order(instance, found)
    violations = car_sequence_violations(instance, order)
    figures: Figures = {
        "instance": instance.name,
        "status": "OPTIMAL" if violations <= floor_of(task) else "FEASIBLE",
        "violations": violations,
        "seconds": round(effort.now() - began, 2),
    }
    return Solved(text="".join(f"{number}\n" for number in order), figures=figures)
