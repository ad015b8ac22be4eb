"""Hard spacing rules over an assembly order: who stands too close, and an order that parts them."""

from collections.abc import Iterator, Sequence

import numpy as np

from aps.plant import Plant
from aps.problem import SpacingPriority
from aps.worktime import Ints


def cars_too_close(plant: Plant, order: Sequence[int]) -> Iterator[int]:
    """Yield the free cars that a hard rule finds too close behind another one, first ones first."""
    hard = _hard(plant)
    if not hard:
        return
    line = [*_before(plant), *(_row(plant, c) for c in order)]
    offset = len(line) - len(order)
    for at, car in enumerate(order):
        if plant.assembly_held(car) is None and _clashes(
            plant, hard, line, offset + at, line[offset + at]
        ):
            yield car


def parted(plant: Plant, order: tuple[int, ...]) -> tuple[int, ...]:
    """Return the order with the next car that may stand there wherever one stands too close.

    Where no car behind may, the order stays as it is.
    """
    hard = _hard(plant)
    if not hard:
        return order
    before = _before(plant)
    line = [*before, *(_row(plant, c) for c in order)]
    offset, cars = len(before), list(order)
    for at in range(len(cars)):
        free = [k for k in range(at, len(cars)) if plant.assembly_held(cars[k]) is None]
        if not free or free[0] != at:
            continue
        fits = next(
            (k for k in free if not _clashes(plant, hard, line, offset + at, line[offset + k])), at
        )
        if fits != at:
            cars.insert(at, cars.pop(fits))
            line.insert(offset + at, line.pop(offset + fits))
    return tuple(cars)


def _hard(plant: Plant) -> list[tuple[int, int]]:
    """Return (rule, gap) of the hard spacing rules."""
    rules = plant.problem.assembly.spacing_rules
    return [(r, x.gap) for r, x in enumerate(rules) if x.priority is SpacingPriority.HARD]


def _row(plant: Plant, car: int) -> int:
    return len(plant.problem.assembly.previous) + car


def _before(plant: Plant) -> list[int]:
    """Return the rows of `Plant.side` that went down the line before every car to be ordered."""
    previous = range(len(plant.problem.assembly.previous))
    return [*previous, *(_row(plant, c) for c in plant.assembly_facts())]


def _clashes(plant: Plant, hard: list[tuple[int, int]], line: list[int], at: int, row: int) -> bool:
    """Return whether a row of `Plant.side` would stand too close at a place of the line."""
    for rule, gap in hard:
        own = int(plant.side[row, rule])
        if own:
            near: Ints = plant.side[line[max(0, at - gap + 1) : at], rule].astype(np.int64)
            if ((own & 1) & (near >> 1) | (own >> 1) & (near & 1)).any():
                return True
    return False
