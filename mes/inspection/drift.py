"""Does a camera still see what its model was set up for? Recent scores against earlier ones, and features.

Lamps age, lenses film over, a die is replaced: scores move long before verdicts do. Scores are compared as
log-odds, since they crowd at 0; medians and the median absolute deviation, so that defects do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, log, sqrt
from statistics import median
from typing import Final

RECENT: Final = 60
EARLIER: Final = 400
FEWEST_EARLIER: Final = 100
LIMIT: Final = 1.0
"""Spreads of the earlier scores that the recent median may lie away; chance moves it by 0.2."""
_TO_SIGMA: Final = 1.4826
_EDGE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the recent scores lie from the earlier ones, in spreads of those; above 0: worse."""

    recent: int
    earlier: int
    shift: float
    noise: float
    """Standard error of `shift` when nothing has changed."""

    @property
    def most(self) -> float:
        """How far the scores may have moved without an alarm."""
        return max(LIMIT, 4 * self.noise)

    @property
    def alarm(self) -> bool:
        """Whether the model should be looked at."""
        return abs(self.shift) > self.most


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """How far the typical recent picture looks from the good ones of the training.

    A model's graph says where a picture lies among those, in their spreads along the few directions in which
    they vary and off them; the medians of recent pictures, so that defects do not count. `distance` is the
    Mahalanobis distance of these medians, `limit` what 95 % of single good pictures keep: where the *typical*
    picture exceeds it, the camera sees something else. A variant that was in the training stays within.
    """

    recent: int
    distance: float
    limit: float

    @property
    def alarm(self) -> bool:
        """Whether lamp, lens and variant should be looked at."""
        return self.distance > self.limit


def feature_drift_of(watched: Sequence[Sequence[float]], *, limit: float) -> FeatureDrift | None:
    """Return the drift of pictures' features; None while there are too few of one model."""
    if len(watched) < RECENT or len({len(one) for one in watched}) != 1:
        return None
    middle = [median(numbers) for numbers in zip(*watched, strict=True)]
    return FeatureDrift(len(watched), hypot(*middle), limit)


def drift_of(scores: Sequence[float]) -> Drift | None:
    """Return the drift of scores in [0, 1], oldest first; None while there are too few."""
    recent, earlier = scores[-RECENT:], scores[-RECENT - EARLIER : -RECENT]
    if len(recent) < RECENT or len(earlier) < FEWEST_EARLIER:
        return None
    now, before = [log_odds(s) for s in recent], [log_odds(s) for s in earlier]
    centre = median(before)
    spread = max(_TO_SIGMA * median(abs(value - centre) for value in before), 0.05)
    noise = 1.2533 * sqrt(1 / len(recent) + 1 / len(earlier))
    return Drift(len(recent), len(earlier), (median(now) - centre) / spread, noise)


def log_odds(score: float) -> float:
    """Return the log-odds of a score in [0, 1], bounded where it says no more."""
    bounded = min(max(score, _EDGE), 1 - _EDGE)
    return log(bounded / (1 - bounded))
