"""Time and memory of a whole-plant plan against the number of cars, each size in its own process."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from aps.bench.plants import PlantSize, plant
from aps.check import check
from aps.schedule import Schedule
from aps.solve import Budget, solve
from aps.warm import warm_up

SIZES = (1000, 2000, 5000, 10_000, 50_000)
_CARS_A_DAY = 850
"""Cars that the two shifts of the benchmark's plant surely finish in a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """One size, measured; seconds of the wall, `cpu_s` of the processor for all of the solve.

    `first_s`: until the first plan; `solve_s`: until the plan that was kept was returned, which is
    the time asked for or, where even the first plan takes longer, that. `violations` are the
    checker's.
    """

    cars: int
    first_s: float
    solve_s: float
    cpu_s: float
    check_s: float
    peak_mb: int
    violations: int
    left_out: int
    late: int
    ratio: int
    color_changes: int


def scaled(cars: int, seconds: float) -> Scaled:
    """Plan a plant with so many cars to build within so many seconds, in this process."""
    warm_up()
    days = cars // _CARS_A_DAY + 3
    problem = plant(cars, size=PlantSize(days=days))
    first: list[float] = []
    began, cpu = time.monotonic(), time.process_time()

    def seen(_plan: Schedule) -> None:
        first.append(time.monotonic() - began)

    schedule = solve(problem, budget=Budget(wall_s=seconds), on_incumbent=seen)
    solve_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    began = time.monotonic()
    violations = len(check(problem, schedule))
    kpis = schedule.kpis
    # Linux counts the peak in KiB, macOS in bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Scaled(
        cars=cars,
        first_s=first[0],
        solve_s=solve_s,
        cpu_s=cpu_s,
        check_s=time.monotonic() - began,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit,
        violations=violations,
        left_out=kpis.cars_unplaced,
        late=kpis.late_cars,
        ratio=kpis.ratio_violations_high + kpis.ratio_violations_low,
        color_changes=kpis.color_changes,
    )


def scale(sizes: Sequence[int] = SIZES, *, seconds: float = 30.0) -> Iterator[Scaled]:
    """Yield each size as it is measured; a fresh process each, so that peaks do not mix."""
    context = multiprocessing.get_context("spawn")
    for cars in sizes:
        with ProcessPoolExecutor(1, mp_context=context) as alone:
            yield alone.submit(scaled, cars, seconds).result()
