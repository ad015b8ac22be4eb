"""One line of the table: what was measured, its goal, and what stock asyncua does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number. `goal` and `stock` are None where there is none to compare with.

    `more_is_better`: whether the goal is a lower bound.
    """

    measure: str
    unit: str
    value: float
    goal: float | None = None
    stock: float | None = None
    more_is_better: bool = True

    @property
    def verdict(self) -> str:
        """Whether the goal was met."""
        if self.goal is None:
            return ""
        met = self.value >= self.goal if self.more_is_better else self.value <= self.goal
        return "met" if met else "missed"

    def line(self) -> str:
        """Return the figure as a row of the table."""
        goal = (
            ""
            if self.goal is None
            else f"{'≥' if self.more_is_better else '≤'} {_short(self.goal)}"
        )
        stock = "" if self.stock is None else _short(self.stock)
        return (
            f"{self.measure:<58} {_short(self.value):>12} {self.unit:<20}"
            f" {goal:>12} {stock:>12}  {self.verdict}"
        )


HEAD = f"{'measure':<58} {'measured':>12} {'':<20} {'goal':>12} {'asyncua':>12}"


def _short(number: float) -> str:
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}"
