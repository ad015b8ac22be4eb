"""How well appraisers agree: each with itself, with each other, and with the standard.

After AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III section C, "Risk analysis methods":
cross-tabulation with Cohen's kappa, effectiveness, miss rate and false-alarm rate, and their limits of acceptance:

| | acceptable | marginal | unacceptable |
|---|---|---|---|
| effectiveness | ≥ 90 % | ≥ 80 % | < 80 % |
| miss rate | ≤ 2 % | ≤ 5 % | > 5 % |
| false-alarm rate | ≤ 5 % | ≤ 10 % | > 10 % |
| kappa | ≥ 0.75 (good) | > 0.40 | ≤ 0.40 (poor) |

A verdict is True for a defect. The unit of chance is the part, not the single verdict: the repeats of one part are
alike. So the intervals of kappa come from the jackknife over parts, those of effectiveness from whole parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist
from typing import Final, Literal

from mes.inspection import bridge
from mes.inspection.training_figures import mcnemar

Grade = Literal["good", "marginal", "bad"]
Repeats = Mapping[str, Sequence[bool]]
"""By part: what one appraiser said at each trial."""
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """Hits of n, with the exact 95 % interval (Clopper & Pearson 1934) where units are independent."""

    hits: int
    n: int
    low: float
    high: float
    grade: Grade | None = None

    @property
    def rate(self) -> float:
        """Hits over n; 0 where there is nothing to count."""
        return self.hits / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement beyond chance: 1 perfect, 0 as by chance; None where every verdict is the same."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def grade(self) -> Grade | None:
        """By the manual's limits."""
        if self.value is None:
            return None
        return "good" if self.value >= 0.75 else "marginal" if self.value > 0.40 else "bad"


@dataclass(frozen=True, slots=True)
class Appraised:
    """One appraiser.

    Args:
        within: parts on which all its trials agree; `repeat_kappa`: Fleiss' kappa of its trials.
        effectiveness: parts on which all its trials are right.
        bias: share of its verdicts that are NOK, less the share of defects; above 0: too strict.
        bias_p: McNemar's exact probability of misses and false alarms so uneven, part by part majority.
    """

    name: str
    within: Rate
    repeat_kappa: Kappa
    effectiveness: Rate
    misses: Rate
    false_alarms: Rate
    kappa: Kappa
    bias: float
    bias_p: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two appraisers, trial by trial."""

    one: str
    other: str
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class Agreement:
    """A whole study.

    Args:
        between: parts on which all appraisers agree at all trials; `fleiss`: of all their verdicts.
        with_standard: parts on which they all are right.
    """

    parts: int
    defects: int
    trials: int
    appraisers: tuple[Appraised, ...]
    pairs: tuple[Pair, ...]
    between: Rate
    with_standard: Rate
    fleiss: Kappa

    @property
    def grade(self) -> Grade:
        """The worst grade of any appraiser against the standard."""
        order: tuple[Grade, ...] = ("good", "marginal", "bad")
        grades = [
            grade
            for one in self.appraisers
            for grade in (
                one.effectiveness.grade,
                one.misses.grade,
                one.false_alarms.grade,
                one.kappa.grade,
            )
            if grade is not None
        ]
        return max(grades, key=order.index, default="good")


def agreement_of(truth: Mapping[str, bool], said: Mapping[str, Repeats]) -> Agreement:
    """Return how appraisers agree who all judged every part equally often.

    Args:
        truth: by part, whether it is a defect.
        said: by appraiser, what they said of each part at each trial.
    """
    parts = sorted(truth)
    trials = len(next(iter(next(iter(said.values())).values())))
    everybody = {part: [v for one in said.values() for v in one[part]] for part in parts}
    return Agreement(
        parts=len(parts),
        defects=sum(truth.values()),
        trials=trials,
        appraisers=tuple(_appraised(name, truth, one, parts) for name, one in said.items()),
        pairs=tuple(
            Pair(one, other, _cohen(_paired(said[one], said[other], parts)))
            for one, other in combinations(said, 2)
        ),
        between=_rate(sum(len(set(everybody[p])) == 1 for p in parts), len(parts)),
        with_standard=_rate(
            sum(set(everybody[p]) == {truth[p]} for p in parts), len(parts), _effective
        ),
        fleiss=_fleiss(everybody, parts),
    )


def _appraised(
    name: str, truth: Mapping[str, bool], said: Repeats, parts: Sequence[str]
) -> Appraised:
    bad = [p for p in parts if truth[p]]
    good = [p for p in parts if not truth[p]]
    misses = sum(not v for p in bad for v in said[p])
    alarms = sum(v for p in good for v in said[p])
    verdicts = [v for p in parts for v in said[p]]
    majority = {p: 2 * sum(said[p]) > len(said[p]) for p in parts}
    return Appraised(
        name=name,
        within=_rate(sum(len(set(said[p])) == 1 for p in parts), len(parts)),
        repeat_kappa=_fleiss(said, parts),
        effectiveness=_rate(sum(set(said[p]) == {truth[p]} for p in parts), len(parts), _effective),
        misses=_rate(misses, sum(len(said[p]) for p in bad), _missed),
        false_alarms=_rate(alarms, sum(len(said[p]) for p in good), _alarmed),
        kappa=_cohen({p: [(v, truth[p]) for v in said[p]] for p in parts}),
        bias=sum(verdicts) / len(verdicts) - len(bad) / len(parts),
        bias_p=mcnemar(sum(not majority[p] for p in bad), sum(majority[p] for p in good)),
    )


def _effective(rate: float) -> Grade:
    return "good" if rate >= 0.90 else "marginal" if rate >= 0.80 else "bad"


def _missed(rate: float) -> Grade:
    return "good" if rate <= 0.02 else "marginal" if rate <= 0.05 else "bad"


def _alarmed(rate: float) -> Grade:
    return "good" if rate <= 0.05 else "marginal" if rate <= 0.10 else "bad"


def _rate(hits: int, n: int, graded: Callable[[float], Grade] | None = None) -> Rate:
    if not n:
        return Rate(0, 0, 0.0, 1.0)
    low, high = bridge.exact_interval(hits, n)
    return Rate(hits, n, low, high, None if graded is None else graded(hits / n))


def _paired(
    one: Repeats, other: Repeats, parts: Sequence[str]
) -> dict[str, list[tuple[bool, bool]]]:
    return {p: list(zip(one[p], other[p], strict=True)) for p in parts}


def _cohen(pairs: Mapping[str, Sequence[tuple[bool, bool]]]) -> Kappa:
    """Return Cohen's kappa (1960) of two series of verdicts."""

    def kappa(parts: Sequence[str]) -> tuple[float, float] | None:
        some = [pair for p in parts for pair in pairs[p]]
        n = len(some)
        first, second = (sum(pair[side] for pair in some) / n for side in (0, 1))
        agreed = sum(a == b for a, b in some) / n
        return _beyond(agreed, first * second + (1 - first) * (1 - second))

    return _with_interval(kappa, list(pairs))


def kappa_of_counts(both: int, first: int, second: int, neither: int) -> Kappa:
    """Return Cohen's kappa of two people who each judged every picture once, with its jackknife interval.

    Args:
        both: pictures that both say yes to; `first`, `second`: one of them alone; `neither`: no one.
    """
    cells = (both, first, second, neither)
    found = _kappa_of(cells)
    if found is None:
        return Kappa(None, None, None)
    # pictures of one cell are alike: leaving out any of them gives the same kappa
    without = [
        one[0]
        for cell, count in enumerate(cells)
        if count and (one := _kappa_of(_one_less(cells, cell))) is not None
        for _ in range(count)
    ]
    return _interval(found, without, sum(cells))


def _kappa_of(cells: Sequence[int]) -> tuple[float, float] | None:
    both, first, second, neither = cells
    n = sum(cells)
    if not n:
        return None
    one, other = (both + first) / n, (both + second) / n
    return _beyond((both + neither) / n, one * other + (1 - one) * (1 - other))


def _one_less(cells: Sequence[int], cell: int) -> list[int]:
    return [count - (number == cell) for number, count in enumerate(cells)]


def _fleiss(said: Repeats, parts: Sequence[str]) -> Kappa:
    """Return Fleiss' kappa (1971) of equally many verdicts a part."""
    raters = len(said[parts[0]])
    if raters < 2:
        return Kappa(None, None, None)

    def kappa(some: Sequence[str]) -> tuple[float, float] | None:
        counts = [sum(said[p]) for p in some]
        pairs = raters * (raters - 1)
        agreed = sum(c * (c - 1) + (raters - c) * (raters - c - 1) for c in counts) / pairs
        share = sum(counts) / (raters * len(some))
        return _beyond(agreed / len(some), share**2 + (1 - share) ** 2)

    return _with_interval(kappa, list(parts))


def _beyond(agreed: float, by_chance: float) -> tuple[float, float] | None:
    """Return kappa and the agreement by chance; None where chance alone agrees always."""
    return None if by_chance >= 1 else ((agreed - by_chance) / (1 - by_chance), by_chance)


def _with_interval(
    kappa: Callable[[Sequence[str]], tuple[float, float] | None], parts: Sequence[str]
) -> Kappa:
    """Return kappa with its 95 % interval from leaving out each part in turn.

    Where all agree the jackknife sees no spread: the lower end is then the kappa of the lowest agreement that so
    many parts without a difference allow (0.025^(1/n)).
    """
    found = kappa(parts)
    if found is None:
        return Kappa(None, None, None)
    n = len(parts)
    without = [kappa([p for p in parts if p != left]) for left in parts] if n > 2 else []
    return _interval(found, [one[0] for one in without if one is not None], n)


def _interval(found: tuple[float, float], values: Sequence[float], n: int) -> Kappa:
    """Return a kappa of n parts with its interval from the `values` that leave out one of them each."""
    value, by_chance = found
    z = NormalDist().inv_cdf(0.5 + _CONFIDENCE / 2)
    if value >= 1:
        lowest = ((1 - _CONFIDENCE) / 2) ** (1 / n)
        return Kappa(1.0, (lowest - by_chance) / (1 - by_chance), 1.0)
    if n <= 2 or len(values) < 2:
        return Kappa(value, -1.0, 1.0)
    mean = sum(values) / len(values)
    spread = sqrt((len(values) - 1) / len(values) * sum((one - mean) ** 2 for one in values))
    return Kappa(value, max(-1.0, value - z * spread), min(1.0, value + z * spread))
