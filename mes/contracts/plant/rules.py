"""Rules of sequence: ratios, spacing, and what the paint shop asks of its colours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mes.contracts.plant.base import Code, Part


class RatioRule(Part):
    """At most `n` cars with `option` in any `p` consecutive cars of `line` (soft, counted)."""

    id: Code
    line: Code
    option: str
    n: int = Field(gt=0)
    p: int = Field(gt=0)
    priority: Literal["high", "low"] = "high"

    @model_validator(mode="after")
    def _n_below_p(self) -> RatioRule:
        if self.n > self.p:
            raise ValueError(f"ratio {self.n}/{self.p} allows more cars than its window holds")
        return self


class SpacingRule(Part):
    """Cars with `option` start at least `places` places from cars with `other` on `line`.

    Without `other` they keep away from each other. Hard: no plan starts them closer.
    """

    id: Code
    line: Code
    option: str
    other: str | None = None
    places: int = Field(ge=2, le=100)
    priority: Literal["hard", "high", "low"] = "high"


MOST_SOLVENT_ML = 10_000
"""The most that one purge may take; what planning weighs against its rules has an end."""


class ColorPurge(Part):
    """The purge before a colour of group `color` behind another one of group `after`.

    What it does not say is as usual (`PaintRules`).
    """

    color: Code
    after: Code
    purge_s: float | None = Field(default=None, ge=0)
    solvent_ml: int | None = Field(default=None, ge=0, le=MOST_SOLVENT_ML)


class PaintRules(Part):
    """Rules of the paint shop: hard longest run of one colour, and what a colour change takes.

    `solvent_ml` is what planning keeps low; without it each change costs the same, or where
    `purges` differ the seconds it takes. `color_groups` name colours that `purges` treat alike.
    """

    batch_limit: int = Field(gt=0)
    purge_s: float = Field(ge=0)
    solvent_ml: int | None = Field(default=None, ge=0, le=MOST_SOLVENT_ML)
    color_groups: dict[Code, tuple[str, ...]] = Field(default_factory=dict)
    purges: tuple[ColorPurge, ...] = ()

    def group_of(self, color: str) -> str | None:
        """Return the group of a colour; None: it has none."""
        return next((group for group, own in self.color_groups.items() if color in own), None)

    def purge_between(self, before: str, color: str) -> tuple[float, int | None]:
        """Return (seconds, millilitres of solvent) from one colour to another one."""
        pair = self.group_of(color), self.group_of(before)
        own = next((one for one in self.purges if (one.color, one.after) == pair), None)
        if own is None:
            return self.purge_s, self.solvent_ml
        return (
            self.purge_s if own.purge_s is None else own.purge_s,
            self.solvent_ml if own.solvent_ml is None else own.solvent_ml,
        )
