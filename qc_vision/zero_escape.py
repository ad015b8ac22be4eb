"""A threshold that lets no golden defect pass, with the bound on the escape rate that this proves."""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from qc_vision.evaluate import Judged, evaluate
from qc_vision.figures import clopper_pearson, rate_bound
from qc_vision.runtime import Inspector, Manifest, Verdict, load
from qc_vision.runtime.manifest import MODEL_FILE, PIPELINE_FILE

_HIGHEST: Final = 12.0
"""Log-odds above which a score, kept in 32 bits, no longer says how far above; the threshold stays below."""
_LOWEST: Final = -29.0
_MARGIN_SCALES: Final = 0.02
"""The threshold lies so far below the defect that decides, in units of the calibration's scale."""


class NoThreshold(ValueError):
    """The golden defects allow no threshold; the message says why."""


@dataclass(frozen=True, slots=True)
class ZeroEscape:
    """What a threshold from golden defects proves and costs; rates in 0..1.

    Args:
        golden, escapes: golden defects that could be judged, and those that pass.
        escape_bound: exact upper bound of the escape rate at `confidence` (one-sided).
        good, alarms: good pictures that could be judged, and those called NOK.
        overkill_interval: 95 %, two-sided (Clopper-Pearson).
    """

    golden: int
    escapes: int
    allowed: int
    confidence: float
    escape_bound: float
    good: int
    alarms: int
    overkill: float
    overkill_interval: tuple[float, float]
    unfit_golden: int
    unfit_good: int


def recalibrate(
    package: Path, *, good: Path, golden: Path, out: Path, allowed: int, confidence: float
) -> tuple[dict[str, Any], list[Judged]]:
    """Write a package with the zero-escape threshold; return its figures and verdicts on both folders.

    The threshold is set on the verdicts of `package`; the figures are those of the package written, which
    judges every picture again.

    Raises:
        NoThreshold: too few golden defects, or one that looks like the best of the good parts.
        PackageError, PipelineError, ValueError: the package or a folder cannot be used.
    """
    if out.resolve() == package.resolve():
        raise NoThreshold(f"{out} is the package itself; write to another folder")
    if not 0 < confidence < 1:
        raise NoThreshold(f"confidence lies in 0..1, not {confidence:g}")
    before = load(package)
    _, judged = evaluate(before, good, golden)
    threshold = _threshold(before, [one for one in judged if one.kind is not None], allowed)
    manifest = _with_threshold(before.manifest, threshold)
    with tempfile.TemporaryDirectory() as draft:
        _write(package, Path(draft), manifest)
        figures, judged = evaluate(load(draft), good, golden)
    found = _counted(judged, allowed, confidence)
    if found.escapes > allowed:
        raise NoThreshold(f"{found.escapes} golden defects pass at every usable threshold")
    figures["summary"] |= asdict(found)
    # m of n good pictures exceed a threshold that they had no part in: a new one does with (m + 1) / (n + 1)
    promised = (found.alarms + 1) / (found.good + 1)
    calibration = replace(manifest.calibration, n=found.good, target_overkill=promised)
    metrics = {"measured_on": "the pictures that the threshold was set with", **figures}
    extra = {**manifest.extra, "zero_escape": asdict(found)}
    _write(package, out, replace(manifest, calibration=calibration, metrics=metrics, extra=extra))
    return figures, judged


def _threshold(inspector: Inspector, golden: Sequence[Judged], allowed: int) -> float:
    """Return the raw threshold just below the defect that may not pass."""
    judged = [one for one in golden if one.result.verdict is not Verdict.UNFIT]
    if not 0 <= allowed < len(judged):
        raise NoThreshold(f"{allowed} of {len(judged)} golden defects that can be judged may pass")
    first = sorted(judged, key=lambda one: one.result.score)[allowed]
    score = min(max(first.result.score, 1e-300), 1 - 1e-16)
    odds = min(math.log(score) - math.log1p(-score), _HIGHEST)
    if odds < _LOWEST:
        raise NoThreshold(f"{first.path} looks to the model like the best of the good parts")
    calibration, rule = inspector.manifest.calibration, first.result.threshold
    beside = math.log(rule) - math.log1p(-rule)  # a pipeline may put its rule elsewhere than at 0.5
    return calibration.threshold + calibration.scale * (odds - beside - _MARGIN_SCALES)


def _with_threshold(manifest: Manifest, threshold: float) -> Manifest:
    calibration = replace(manifest.calibration, threshold=threshold, method="zero escape")
    digest = hashlib.sha256(repr(threshold).encode()).hexdigest()
    return replace(
        manifest,
        version=f"{manifest.version}-z{digest[:6]}",
        calibration=calibration,
        metrics={},
        parents=(manifest.version, *manifest.parents),
    )


def _write(package: Path, out: Path, manifest: Manifest) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for file in (MODEL_FILE, PIPELINE_FILE, *(path.name for path in package.glob("*.png"))):
        shutil.copyfile(package / file, out / file)
    manifest.write(out)


def _counted(judged: Sequence[Judged], allowed: int, confidence: float) -> ZeroEscape:
    fit = [one for one in judged if one.result.verdict is not Verdict.UNFIT]
    defects = [one for one in fit if one.kind is not None]
    good = [one for one in fit if one.kind is None]
    if not good:
        raise NoThreshold("no good picture can be judged")
    escapes = sum(one.result.verdict is Verdict.OK for one in defects)
    alarms = sum(one.result.verdict is Verdict.NOK for one in good)
    low, high = clopper_pearson(alarms, len(good))
    unfit = [one for one in judged if one.result.verdict is Verdict.UNFIT]
    return ZeroEscape(
        golden=len(defects),
        escapes=escapes,
        allowed=allowed,
        confidence=confidence,
        escape_bound=round(rate_bound(escapes, len(defects), confidence), 5),
        good=len(good),
        alarms=alarms,
        overkill=round(alarms / len(good), 5),
        overkill_interval=(round(low, 5), round(high, 5)),
        unfit_golden=sum(one.kind is not None for one in unfit),
        unfit_good=sum(one.kind is None for one in unfit),
    )
