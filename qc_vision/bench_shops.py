"""The shipped packages on golden defects: how well they part them from good, and what zero escape costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qc_vision.figures import Figure, auroc, clopper_pearson, false_alarms_at
from qc_vision.golden_set import scenes
from qc_vision.packages import shipped
from qc_vision.runtime import Verdict, load
from qc_vision.shops import Shop
from qc_vision.synth import render
from qc_vision.synth.visibility import visibility

GOLDEN_SEED: Final = 61_000_000
"""Golden pictures of the bench; neither training, calibration nor the manifests' figures use these seeds."""
_SIZE: Final = 384
_VARIANT: Final = "M1-door"


def golden_figures(count: int) -> Iterator[Figure]:
    """Judge ``count`` good parts and as many golden defects of each shop, kinds in turn, of all severities."""
    areas = []
    for shop in shipped():
        good, bad = judged(shop, count)
        areas.append(auroc(good, bad))
        (false_reject,) = false_alarms_at(good, bad, (1.0,))
        yield Figure(f"{shop} AUROC on {len(bad)} golden defects", areas[-1], "≥ 0.995")
        yield Figure(
            f"{shop} false reject at zero escape on {len(bad)} golden defects",
            false_reject,
            "≤ 0.02",
        )
        most = clopper_pearson(round(false_reject * len(good)), len(good))[1]
        yield Figure(f"{shop} false reject at zero escape, 95 % bound", most, "")
    yield Figure("four shops, mean AUROC", sum(areas) / len(areas), "≥ 0.995")


def judged(shop: Shop, count: int) -> tuple[list[float], list[float]]:
    """Return the scores of good parts and of golden defects; what cannot be judged or seen is left out."""
    inspector = load(shipped()[shop])
    good, bad = list[float](), list[float]()
    drawn = scenes(shop, 2 * count, seed=GOLDEN_SEED, size=_SIZE, variant=_VARIANT, color=None)
    for scene in drawn:
        picture = render(scene)
        if scene.defect is not None and not visibility(scene, picture).detectable:
            continue
        result = inspector.inspect(picture.image)
        if result.verdict is not Verdict.UNFIT:
            (good if scene.defect is None else bad).append(result.score)
    return good, bad
