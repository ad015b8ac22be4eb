"""The rule node: model scores and gauge limits join to one verdict with one score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qc_vision.gauges.reading import Reading
from qc_vision.pipelines.values import Decision, Measurement, Score
from qc_vision.runtime.inspection import Region, Verdict

LIMIT = 0.5
"""Score of a value that lies on its limit, where the rule's threshold is 0.5."""
_JUST_BELOW = 1e-6


def decide(
    parts: Mapping[str, Score | Measurement], *, threshold: float, nok_from: int
) -> Decision:
    """Return the verdict on the parts.

    NOK when at least `nok_from` parts are; else UNFIT when any part could not be judged; else OK. The score is
    that of the part that decides: the `nok_from`-th largest (of all, where there are fewer).
    """
    nok_from = min(nok_from, len(parts))
    refused = [name for name, part in parts.items() if _verdict(part, threshold) is Verdict.NOK]
    scores = sorted((_score(part, threshold) for part in parts.values()), reverse=True)
    regions = tuple(r for name in refused for r in _regions(name, parts[name], threshold))
    if len(refused) >= nok_from:
        reasons = [said for name in refused if (said := _objection(name, parts[name]))]
        return Decision(
            Verdict.NOK, scores[nok_from - 1], threshold, regions, "; ".join(reasons) or None
        )
    unfit = [name for name, part in parts.items() if _verdict(part, threshold) is Verdict.UNFIT]
    if unfit:
        reason = "; ".join(_objection(name, parts[name]) or f"{name}: UNFIT" for name in unfit)
        return Decision(Verdict.UNFIT, 0.0, threshold, regions, reason)
    return Decision(Verdict.OK, scores[nok_from - 1], threshold, regions)


def score_of(reading: Reading) -> float:
    """Return how far a reading lies from the middle of its tolerance: 0 there, 0.5 on a limit, towards 1 far out.

    With one limit the ratio to it counts where both have a sign in common; a text, or a value that cannot be
    set in relation to its limit, is 0 when it is OK and 1 when it is not.
    """
    value, low, high = reading.value, reading.low, reading.high
    away: float | None = None
    if value is not None and low is not None and high is not None and high > low:
        away = abs(value - (low + high) / 2) / ((high - low) / 2)
    elif value is not None and high is not None and low is None and high > 0 and value >= 0:
        away = value / high
    elif value is not None and low is not None and high is None and low > 0 and value > 0:
        away = low / value
    score = float(reading.verdict is Verdict.NOK) if away is None else away / (1 + away)
    if reading.verdict is Verdict.NOK:
        return max(score, LIMIT)
    return min(score, LIMIT - _JUST_BELOW)


def _verdict(part: Score | Measurement, threshold: float) -> Verdict:
    if isinstance(part, Measurement):
        return part.reading.verdict
    return Verdict.NOK if part.inspection.score >= threshold else Verdict.OK


def _score(part: Score | Measurement, threshold: float) -> float:
    """Return a part's score on the rule's scale, on which its threshold decides."""
    if isinstance(part, Score):
        return part.inspection.score
    if part.reading.verdict is Verdict.UNFIT:
        return 0.0
    score = score_of(part.reading)
    if score < LIMIT:
        return score / LIMIT * threshold
    return threshold + (score - LIMIT) / (1 - LIMIT) * (1 - threshold)


def _regions(name: str, part: Score | Measurement, threshold: float) -> tuple[Region, ...]:
    if isinstance(part, Score):
        return part.frame.in_taken(part.inspection.regions)
    box = Region(*part.box, min(_score(part, threshold), 1.0))
    return part.frame.in_taken((replace(box, label=part.reading.kind),))


def _objection(name: str, part: Score | Measurement) -> str | None:
    """Return what a gauge objects to; a model's regions speak for themselves."""
    if isinstance(part, Measurement) and part.reading.reason:
        return f"{name}: {part.reading.reason}"
    return None
