"""Process tags that behave, and the defects they cause.

A tag wanders around its nominal value as a first-order autoregressive series of unit deviation
(z' = ρ z + √(1-ρ²) ε), on top of a slow drift that is set right again when it has grown to `ADJUST_AT`
spreads (tip dressing, bath correction). A defect source has the log-odds of its base rate plus `weight` for
each spread that a causing tag lies beyond its nominal on the side that matters.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from mes.contracts.plant import DefectCause, DefectSource, Tag

RHO = 0.85
ADJUST_AT = 2.0


@dataclass(slots=True)
class TagState:
    """Where a tag is: its wandering part in spreads, its drift and a planted offset in the tag's unit."""

    z: float = 0.0
    drift: float = 0.0
    offset: float = 0.0

    def next_value(self, tag: Tag, chance: random.Random, *, elapsed_s: float) -> float:
        """Move on by one cycle and return the value, in the tag's unit."""
        self.z = RHO * self.z + math.sqrt(1 - RHO * RHO) * chance.gauss(0.0, 1.0)
        self.drift += tag.drift_per_hour * elapsed_s / 3600.0
        if abs(self.drift) > ADJUST_AT * tag.spread:
            self.drift = 0.0
        return tag.nominal + tag.spread * self.z + self.drift + self.offset


def probability(
    source: DefectSource, tags: Mapping[str, Tag], values: Mapping[str, float]
) -> float:
    """Return the probability of the defect in a cycle with these tag values."""
    if source.base_rate <= 0.0 or source.base_rate >= 1.0:
        return source.base_rate
    log_odds = math.log(source.base_rate / (1.0 - source.base_rate))
    for cause in source.causes:
        log_odds += cause.weight * _spreads_beyond(cause, tags[cause.tag], values[cause.tag])
    return 1.0 / (1.0 + math.exp(-log_odds))


def _spreads_beyond(cause: DefectCause, tag: Tag, value: float) -> float:
    if tag.spread == 0.0 or math.isnan(value):
        return 0.0
    spreads = (value - tag.nominal) / tag.spread
    match cause.side:
        case "high":
            return max(spreads, 0.0)
        case "low":
            return max(-spreads, 0.0)
        case "both":
            return abs(spreads)
