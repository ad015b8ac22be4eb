"""What others reach on the same instance in the same time: PyJobShop where installed, plain CP-SAT."""

import warnings
from collections.abc import Callable
from typing import Any

from ortools.sat.python import cp_model

from aps.budget import CancelWatch, new_solver
from aps.formats import csplib, fjs, roadef
from aps.published import Published


def peer_of(
    instance: Published, *, seconds: float, workers: int, now: Callable[[], float]
) -> tuple[str, int | None]:
    """Return the name of the peer and its value, `None` if it found no solution in time.

    Values are makespan, violations or score, as of the library itself.
    """
    if isinstance(instance, fjs.Instance):
        try:
            return "PyJobShop", _pyjobshop(instance, seconds=seconds, workers=workers, now=now)
        except ImportError:
            pass
    model, value = _plain_model(instance)
    until = now() + seconds
    solver = new_solver()
    solver.parameters.num_workers = workers
    with CancelWatch(solver, lambda: now() >= until):
        status = solver.solve(model)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return "plain CP-SAT", int(solver.value(value)) if found else None


def _pyjobshop(
    instance: fjs.Instance, *, seconds: float, workers: int, now: Callable[[], float]
) -> int | None:
    """Model the instance as its manual does and solve it; its clock is the wall's alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyjobshop import Model

    model = Model()
    machines = [model.add_machine() for _ in range(instance.machines)]
    for operations in instance.jobs:
        job, before = model.add_job(), None
        for options in operations:
            task = model.add_task(job=job)
            for machine, duration in options:
                model.add_mode(task, resources=machines[machine], duration=duration)
            if before is not None:
                model.add_end_before_start(before, task)
            before = task
    from pyjobshop.solvers.ortools import CPModel

    built = CPModel(model.data())
    solver, until = new_solver(), now() + seconds
    solver.parameters.num_workers = workers
    with CancelWatch(solver, lambda: now() >= until):
        status = solver.solve(built.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return int(solver.objective_value)


def _plain_model(instance: Published) -> tuple[cp_model.CpModel, Any]:
    if isinstance(instance, fjs.Instance):
        return _plain_job_shop(instance)
    if isinstance(instance, csplib.Instance):
        return _plain_car_sequence(instance)
    return _plain_production_day(instance)


def _plain_job_shop(instance: fjs.Instance) -> tuple[cp_model.CpModel, Any]:
    """The textbook model: optional intervals, no overlap, no redundant bound."""
    model = cp_model.CpModel()
    horizon = sum(max(d for _, d in options) for job in instance.jobs for options in job)
    makespan = model.new_int_var(0, horizon, "")
    on_machine: list[list[Any]] = [[] for _ in range(instance.machines)]
    for job in instance.jobs:
        ready: Any = 0
        for options in job:
            start, end = model.new_int_var(0, horizon, ""), model.new_int_var(0, horizon, "")
            model.add(start >= ready)
            picks = []
            for machine, duration in options:
                here = model.new_bool_var("")
                on_machine[machine].append(
                    model.new_optional_interval_var(start, duration, end, here, "")
                )
                picks.append(here)
            model.add_exactly_one(picks)
            ready = end
        model.add(ready <= makespan)
    for intervals in on_machine:
        model.add_no_overlap(intervals)
    model.minimize(makespan)
    return model, makespan


def _excess(
    model: cp_model.CpModel, flags: list[Any], n: int, p: int, first: int, last: int
) -> list[Any]:
    """Return one variable a window: what it holds beyond n."""
    found = []
    for s in range(first, last + 1):
        window = flags[s : s + p]
        excess = model.new_int_var(0, p, "")
        model.add(sum(window) - n <= excess)
        found.append(excess)
    return found


def _any_of(
    model: cp_model.CpModel, x: list[list[Any]], owners: list[int]
) -> list[cp_model.IntVar]:
    """Return a Boolean for each place: one of the owners stands there."""
    found = []
    for place in x:
        flag = model.new_bool_var("")
        model.add(sum(place[k] for k in owners) == flag)
        found.append(flag)
    return found


def _plain_car_sequence(instance: csplib.Instance) -> tuple[cp_model.CpModel, Any]:
    """One Boolean for each place and class, sliding sums for the options."""
    model = cp_model.CpModel()
    size, kinds = instance.cars, range(len(instance.classes))
    x: list[list[Any]] = [[model.new_bool_var("") for _ in kinds] for _ in range(size)]
    for place in x:
        model.add_exactly_one(place)
    for k in kinds:
        model.add(sum(place[k] for place in x) == instance.demands[k])
    cost: list[Any] = []
    for option, (n, p) in enumerate(zip(instance.n, instance.p, strict=True)):
        owners = [k for k in kinds if instance.options[k][option]]
        flags: list[Any] = list(_any_of(model, x, owners))
        cost += _excess(model, flags, n, p, 0, size - p)
    total = model.new_int_var(0, size * sum(instance.p), "")
    model.add(total == sum(cost))
    model.minimize(total)
    return model, total


def _plain_production_day(instance: roadef.Instance) -> tuple[cp_model.CpModel, Any]:
    """The same with colours: one Boolean for each place and kind of vehicle."""
    model = cp_model.CpModel()
    limit, before = instance.batch_limit, instance.previous
    named = [ratio.option for ratio in instance.ratios]
    kind_of = [(v.color, tuple(o in v.options for o in named)) for v in instance.day]
    kinds = sorted(set(kind_of))
    colors = sorted({color for color, _ in kinds})
    x: list[list[Any]] = [[model.new_bool_var("") for _ in kinds] for _ in kind_of]
    for place in x:
        model.add_exactly_one(place)
    for k, kind in enumerate(kinds):
        model.add(sum(place[k] for place in x) == kind_of.count(kind))
    weight = dict(zip((o.value for o in instance.objectives), (10**6, 10**3, 1), strict=False))
    cost: list[Any] = []
    for r, ratio in enumerate(instance.ratios):
        flags: list[Any] = [int(ratio.option in v.options) for v in before]
        owners = [k for k, kind in enumerate(kinds) if kind[1][r]]
        flags += _any_of(model, x, owners)
        first = max(0, len(before) - ratio.p + 1)
        price = weight.get("high" if ratio.high else "low", 0)
        found = _excess(model, flags, ratio.n, ratio.p, first, len(flags) - 1)
        cost += [price * excess for excess in found]
    for color in colors:
        sprayed = _any_of(model, x, [k for k, kind in enumerate(kinds) if kind[0] == color])
        for s in range(len(x) - limit):
            model.add(sum(sprayed[s : s + limit + 1]) <= limit)
        last: Any = int(before[-1].color == color) if before else 1
        for flag in sprayed:
            begins = model.new_bool_var("")
            model.add(flag - last <= begins)
            cost.append(weight.get("color", 0) * begins)
            last = flag
    total = model.new_int_var(0, 1 << 50, "")
    model.add(total == sum(cost))
    model.minimize(total)
    return model, total
