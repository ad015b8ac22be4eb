"""The lean CP-SAT model of a flexible job shop.

Optional fixed-size intervals, exactly one machine an operation, no overlap, and the redundant
"load of a machine <= makespan", which by measurement does most of the proving; it is drawn
tighter by the least work before and after anything the machine can do.
"""

from collections.abc import Callable

import numpy as np
from ortools.sat.python import cp_model

from aps.budget import CancelWatch, new_solver
from aps.jobshop.shop import Shop, Solution
from aps.worktime import Ints


class LeanModel:
    """One instance for CP-SAT; it can be solved several times from better and better starts."""

    def __init__(self, shop: Shop, start: Solution) -> None:
        self._shop = shop
        self._model = cp_model.CpModel()
        heads, tails = shop.least_heads(), shop.least_tails()
        self._makespan = self._model.new_int_var(
            int((heads + shop.least() + tails).max(initial=0)), start.makespan, "makespan"
        )
        self._starts: list[cp_model.IntVar] = []
        self._picks: list[cp_model.IntVar] = []
        self._one_machine_for_each_operation_in_job_order(heads, tails, start.makespan)
        self._one_operation_on_a_machine_at_a_time_and_its_load_within_the_makespan(heads, tails)
        self._model.minimize(self._makespan)

    def _one_machine_for_each_operation_in_job_order(
        self, heads: Ints, tails: Ints, horizon: int
    ) -> None:
        shop, model = self._shop, self._model
        for v in range(shop.size):
            latest = horizon - int(tails[v]) - int(shop.least()[v])
            self._starts.append(model.new_int_var(int(heads[v]), latest, ""))
            options = range(shop.begin[v], shop.begin[v + 1])
            self._picks += [model.new_bool_var("") for _ in options]
            model.add_exactly_one(self._picks[k] for k in options)
        for v in range(shop.size):
            options = range(shop.begin[v], shop.begin[v + 1])
            end = self._starts[v] + sum(self._picks[k] * int(shop.duration[k]) for k in options)
            after = int(shop.after[v])
            model.add(end <= (self._starts[after] if after >= 0 else self._makespan))

    def _one_operation_on_a_machine_at_a_time_and_its_load_within_the_makespan(
        self, heads: Ints, tails: Ints
    ) -> None:
        shop, model = self._shop, self._model
        owner = np.repeat(np.arange(shop.size), np.diff(shop.begin))
        for machine in range(shop.machines):
            options = [int(k) for k in np.flatnonzero(shop.machine == machine)]
            if not options:
                continue
            model.add_no_overlap(
                model.new_optional_fixed_size_interval_var(
                    self._starts[owner[k]], int(shop.duration[k]), self._picks[k], ""
                )
                for k in options
            )
            load = sum(self._picks[k] * int(shop.duration[k]) for k in options)
            idle = int(heads[owner[options]].min() + tails[owner[options]].min())
            model.add(load + idle <= self._makespan)

    def solve(
        self,
        start: Solution,
        *,
        bound: int,
        workers: int,
        seed: int,
        left_s: Callable[[], float],
        on_better: Callable[[int, int], None] | None = None,
    ) -> tuple[Solution, int]:
        """Return a solution not worse than `start` and the bound proven.

        The search ends when `left_s()` is over. `on_better(makespan, bound)` hears of every
        better schedule as it is found.
        """
        shop, model = self._shop, self._model
        model.clear_hints()  # type: ignore[no-untyped-call]
        starts = shop.starts(start)
        for v in range(shop.size):
            model.add_hint(self._starts[v], int(starts[v]))
            for k in range(shop.begin[v], shop.begin[v + 1]):
                model.add_hint(self._picks[k], bool(start.pick[v] == k))
        model.add_hint(self._makespan, start.makespan)
        self._makespan.with_domain(cp_model.Domain(bound, start.makespan))
        solver = new_solver()
        solver.parameters.num_workers = workers
        solver.parameters.random_seed = seed
        heard = None if on_better is None else _Heard(on_better)
        with CancelWatch(solver, lambda: left_s() <= 0):
            status = solver.solve(model, heard)
        proven = max(bound, int(np.ceil(solver.best_objective_bound - 1e-6)))
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return start, min(bound, start.makespan)
        begins = np.array([solver.value(one) for one in self._starts], np.int64)
        pick = np.zeros(shop.size, np.int64)
        for v in range(shop.size):
            options = range(shop.begin[v], shop.begin[v + 1])
            pick[v] = next(k for k in options if solver.value(self._picks[k]))
        found = shop.solution(begins, pick)
        best = min(start, found, key=lambda one: one.makespan)
        return best, min(proven, best.makespan)


class _Heard(cp_model.CpSolverSolutionCallback):
    """Tells of each better schedule."""

    def __init__(self, on_better: Callable[[int, int], None]) -> None:
        super().__init__()
        self._on_better = on_better

    def on_solution_callback(self) -> None:
        """Hear of one."""
        self._on_better(int(self.objective_value), int(np.ceil(self.best_objective_bound - 1e-6)))
