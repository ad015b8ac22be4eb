"""Which cars of an assembly order stand too close: windows of ratio rules and pairs of spacing rules."""

from dataclasses import dataclass

import numpy as np

from aps.orders import Orders
from aps.plant import Plant
from aps.problem import SpacingPriority
from aps.sequencing.task import clashes


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedWindow:
    """A stretch of the assembly order with more cars of an option than its ratio rule allows."""

    rule_id: str
    option: str
    n: int
    p: int
    count: int
    car_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePair:
    """Two cars that a soft spacing rule wants further apart; the car in front may have gone before."""

    rule_id: str
    option: str
    other: str
    gap: int
    apart: int
    car_ids: tuple[str, str]


def crowded_windows(plant: Plant, orders: Orders) -> list[CrowdedWindow]:
    """Return the windows of the assembly order that break a ratio rule."""
    line = plant.problem.assembly
    order = np.array([*plant.assembly_facts(), *orders.assembly], np.int64)
    rows = plant.has[len(line.previous) + order]
    found = []
    for k, rule in enumerate(line.ratio_rules):
        has = np.flatnonzero(rows[:, k])
        total = np.concatenate(([0], np.cumsum(rows[:, k], dtype=np.int64)))
        ends = np.arange(1, len(order) + 1)
        counts = total[ends] - total[np.maximum(0, ends - rule.p)]
        for at in np.flatnonzero(counts > rule.n).tolist():
            window = order[has[total[max(0, at + 1 - rule.p)] : total[at + 1]]]
            found.append(
                CrowdedWindow(
                    rule_id=rule.id,
                    option=rule.option,
                    n=rule.n,
                    p=rule.p,
                    count=int(counts[at]),
                    car_ids=tuple(plant.cars[c].id for c in window.tolist()),
                )
            )
    return found


def close_pairs(plant: Plant, orders: Orders) -> list[ClosePair]:
    """Return the pairs of the assembly order that soft spacing rules find too close."""
    line = plant.problem.assembly
    names = [car.id for car in line.previous]
    skip = len(names)
    order = [*plant.assembly_facts(), *orders.assembly]
    names += [plant.cars[c].id for c in order]
    side = plant.side[[*range(skip), *(skip + c for c in order)]].astype(np.int64)
    found = []
    for r, rule in enumerate(line.spacing_rules):
        if rule.priority is SpacingPriority.HARD:
            continue
        for apart in range(1, min(rule.gap, len(side))):
            close = np.flatnonzero(clashes(side[:-apart, r], side[apart:, r]))
            found += [
                ClosePair(
                    rule_id=rule.id,
                    option=rule.option,
                    other=rule.other,
                    gap=rule.gap,
                    apart=apart,
                    car_ids=(names[at], names[at + apart]),
                )
                for at in close
                if at + apart >= skip
            ]
    return found
