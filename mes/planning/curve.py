"""How a solve gets better: each figure of its best plan over the seconds, as steps to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mes.planning import bridge

WIDTH, HEIGHT = 120, 24
"""Of the box that a path is drawn in."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One figure of the best plan so far, from the first plan to now."""

    figure: str
    first: float
    last: float
    path: str
    """An SVG path of steps in a box of `WIDTH` × `HEIGHT`; the least value seen lies at the bottom."""


def traces(progress: Mapping[str, Any], budget_s: float | None) -> list[Trace]:
    """Return the curves of a solve, dearest figure first; empty before its first plan."""
    points: list[list[float]] = progress.get("curve") or []
    if not points:
        return []
    until = max(budget_s or 0, progress.get("seconds") or 0, points[-1][0]) or 1.0
    now = max(progress.get("seconds") or 0, points[-1][0])
    found = []
    for number, figure in enumerate(bridge.CURVE, start=1):
        values = [(point[0], point[number]) for point in points]
        path = _steps(values, now=now, until=until)
        found.append(Trace(figure, values[0][1], values[-1][1], path))
    return found


def _steps(values: list[tuple[float, float]], *, now: float, until: float) -> str:
    least = min(value for _, value in values)
    span = max(value for _, value in values) - least
    rest = HEIGHT - 4

    def x(second: float) -> str:
        return f"{min(1.0, second / until) * WIDTH:.1f}"

    def y(value: float) -> str:
        return f"{2 + rest * (1 - (value - least) / span if span else 1):.1f}"

    first, *later = values
    drawn = [f"M{x(first[0])} {y(first[1])}"]
    drawn += [f"H{x(second)}V{y(value)}" for second, value in later]
    return "".join([*drawn, f"H{x(now)}"])
