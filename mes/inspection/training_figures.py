"""How well two models tell the same pictures: rates with their intervals, and who was right where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb, sqrt
from statistics import NormalDist
from typing import Any

from mes.contracts.quality import Verdict
from mes.inspection import bridge
from mes.inspection.training_model import Picture, Truth


def figures_of(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return what the new and the old model made of the pictures that measure, side by side.

    Returns:
        `new` and `old` (None where there is no old one): see `rates`; `beside`: see `beside`.
    """
    both = all(p.old is not None for p in pictures)
    return {
        "new": rates([(p, p.new or {}) for p in pictures]),
        "old": rates([(p, p.old or {}) for p in pictures]) if both else None,
        "beside": beside(pictures) if both else None,
    }


def rates(judged: Sequence[tuple[Picture, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return AUROC, escape and overkill with 95 % intervals; None where there is nothing to count.

    An UNFIT defect counts as an escape, since the model did not find it, and an UNFIT good part as overkill.
    AUROC is that of the pictures judged.
    """
    good = [said for p, said in judged if p.truth is Truth.GOOD]
    bad = [(p, said) for p, said in judged if p.truth is Truth.DEFECT]
    alarms = sum(said["verdict"] != Verdict.OK for said in good)
    escapes = sum(said["verdict"] != Verdict.NOK for _, said in bad)
    scores = [[float(s["score"]) for s in some if s["verdict"] != Verdict.UNFIT] for some in
              (good, [said for _, said in bad])]  # fmt: skip
    kinds = Counter(p.kind or "" for p, _ in bad)
    missed = Counter(p.kind or "" for p, said in bad if said["verdict"] != Verdict.NOK)
    area = bridge.auroc(*scores) if all(scores) else None
    return {
        "auroc": area,
        "auroc_interval": None if area is None else auroc_interval(area, *map(len, scores)),
        "overkill": _share(alarms, len(good)),
        "alarms": alarms,
        "good": len(good),
        "escape": _share(escapes, len(bad)),
        "escapes": escapes,
        "defects": len(bad),
        "unfit": sum(said["verdict"] == Verdict.UNFIT for _, said in judged),
        "kinds": [
            {"kind": kind, "escapes": missed[kind], "defects": n} for kind, n in kinds.most_common()
        ],
        "ms": _mean([float(said["ms"]) for _, said in judged]),
    }


def beside(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return, for good parts and defects, how many both, one or neither of two models judged rightly.

    `p` is McNemar's exact two-sided probability (McNemar 1947) that models which are equally good differ so
    unevenly on the pictures where only one is right.
    """
    counts = {}
    for truth in Truth:
        rightly = Counter(
            (right(p, p.old or {}), right(p, p.new or {})) for p in pictures if p.truth is truth
        )
        counts[truth.value] = {
            "both": rightly[True, True],
            "new_alone": rightly[False, True],
            "old_alone": rightly[True, False],
            "neither": rightly[False, False],
        }
    new, old = (sum(c[side] for c in counts.values()) for side in ("new_alone", "old_alone"))
    return {**counts, "p": mcnemar(new, old)}


def right(picture: Picture, said: Mapping[str, Any]) -> bool:
    """Say whether a verdict is right: a defect is NOK, a good part OK."""
    return bool(said["verdict"] == (Verdict.NOK if picture.truth is Truth.DEFECT else Verdict.OK))


def mcnemar(one_alone: int, other_alone: int) -> float:
    """Return the exact two-sided probability of so uneven a division by chance."""
    n = one_alone + other_alone
    tail = sum(comb(n, k) for k in range(min(one_alone, other_alone) + 1)) / 2**n
    return min(1.0, float(2 * tail))


def auroc_interval(
    area: float, good: int, bad: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return an interval of an area under the ROC curve that stays sensible at 1.

    Newcombe's method 5 (Statistics in Medicine 25 (2006) 559-573): the areas from which the one observed lies no
    farther than z standard errors, with the error of Hanley and McNeil (1982) and equal sample sizes put in.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    mean_size = (good + bad) / 2 - 1

    def error(x: float) -> float:
        spread = 1 + mean_size * ((1 - x) / (2 - x) + x / (1 + x))
        return sqrt(x * (1 - x) * spread / (good * bad))

    def bound(low: float, high: float) -> float:
        """Bisect for where the observed area is just z errors away; `low` is too far, `high` is not."""
        for _ in range(60):
            middle = (low + high) / 2
            if abs(area - middle) > z * error(middle):
                low = middle
            else:
                high = middle
        return high

    return bound(0.0, area), bound(1.0, area)


def _share(hits: int, n: int) -> dict[str, Any] | None:
    if not n:
        return None
    low, high = bridge.exact_interval(hits, n)
    return {"rate": hits / n, "low": low, "high": high}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def mistakes(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Return the new model's escapes and its false alarms, the worst first."""
    judged = [(p, p.new) for p in pictures if p.new is not None]
    wrong = [(p, said) for p, said in judged if not right(p, said)]
    escapes = sorted(
        (one for one in wrong if one[0].truth is Truth.DEFECT), key=lambda one: one[1]["score"]
    )
    alarms = sorted(
        (one for one in wrong if one[0].truth is Truth.GOOD), key=lambda one: -one[1]["score"]
    )
    return [p for p, _ in escapes], [p for p, _ in alarms]


def differing(pictures: Sequence[Picture]) -> list[Picture]:
    """Return the pictures that only one of two models judged rightly, those the new one lost first."""
    found = [
        (right(p, p.new), p)
        for p in pictures
        if p.old is not None and p.new is not None and right(p, p.old) != right(p, p.new)
    ]
    return [p for _, p in sorted(found, key=lambda one: one[0])]
