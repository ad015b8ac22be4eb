"""The flexible job shop of the literature in lean CP-SAT: least makespan.

Optional fixed-size intervals, exactly one machine an operation, no overlap, and the redundant
"load of a machine <= makespan", which by measurement does most of the proving.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from aps.budget import CancelWatch, never, new_solver
from aps.formats.fjs import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOperation:
    """One operation of a job on its machine, all counted from 0."""

    job: int
    operation: int
    machine: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShopResult:
    """A schedule with the bound proven for its makespan; no operations if none was found."""

    status: str
    makespan: int
    bound: int
    operations: tuple[JobOperation, ...]


def solve_job_shop(
    instance: Instance,
    *,
    wall_s: float,
    workers: int = 8,
    seed: int = 0,
    cancel: Callable[[], bool] = never,
) -> JobShopResult:
    """Minimise the makespan for at most `wall_s` seconds."""
    model = cp_model.CpModel()
    horizon = sum(max(d for _, d in options) for job in instance.jobs for options in job)
    makespan = model.new_int_var(0, horizon, "makespan")
    on_machine: list[list[cp_model.IntervalVar]] = [[] for _ in range(instance.machines)]
    load: list[list[cp_model.LinearExpr]] = [[] for _ in range(instance.machines)]
    starts: dict[tuple[int, int], cp_model.IntVar] = {}
    chosen: dict[tuple[int, int], list[tuple[int, int, cp_model.IntVar]]] = {}
    for j, job in enumerate(instance.jobs):
        ready: cp_model.LinearExpr | int = 0
        for k, options in enumerate(job):
            start = model.new_int_var(0, horizon, "")
            model.add(start >= ready)
            picks = []
            for machine, duration in options:
                here = model.new_bool_var("")
                on_machine[machine].append(
                    model.new_optional_fixed_size_interval_var(start, duration, here, "")
                )
                load[machine].append(here * duration)
                picks.append((machine, duration, here))
            model.add_exactly_one(here for _, _, here in picks)
            ready = start + sum(here * duration for _, duration, here in picks)
            starts[j, k], chosen[j, k] = start, picks
        model.add(ready <= makespan)
    for machine in range(instance.machines):
        model.add_no_overlap(on_machine[machine])
        model.add(sum(load[machine]) <= makespan)
    model.minimize(makespan)
    solver = new_solver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = wall_s
    with CancelWatch(solver, cancel):
        status = solver.solve(model)
    name = str(solver.status_name(status))
    if name not in ("OPTIMAL", "FEASIBLE"):
        return JobShopResult(status=name, makespan=horizon, bound=0, operations=())
    operations = []
    for (j, k), picks in chosen.items():
        machine, duration = next((m, d) for m, d, here in picks if solver.value(here))
        begin = solver.value(starts[j, k])
        operations.append(
            JobOperation(job=j, operation=k, machine=machine, start=begin, end=begin + duration)
        )
    return JobShopResult(
        status=name,
        makespan=int(solver.objective_value),
        bound=int(solver.best_objective_bound),
        operations=tuple(operations),
    )
