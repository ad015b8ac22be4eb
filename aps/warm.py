"""Compile every kernel once, so that no plan, repair or quote waits for the compiler."""

from dataclasses import replace

from aps.bench.plants import plant
from aps.disturbance import CarAdded
from aps.problem import Stage
from aps.repair import repair
from aps.solve import Budget, solve


def warm_up() -> None:
    """Plan and repair a tiny plant: seconds on the first start, a moment once compiled."""
    problem = plant(12)
    schedule = solve(problem, budget=Budget(moves=10, deterministic_s=0.1))
    car = next(car for car in problem.cars if car.at is Stage.NOT_STARTED)
    repair(problem, schedule, CarAdded(car=replace(car, id="one more")))
