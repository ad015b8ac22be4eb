"""A threshold from golden defects: nothing more passes than was allowed, and the bound is exact."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_vision.cli import main
from qc_vision.figures import clopper_pearson, rate_bound
from qc_vision.runtime import Manifest, Verdict, load
from tests.support.model_package import SIDE, build_package


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_exact_interval_is_the_published_one(
    hits: int, n: int, low: float, high: float
) -> None:
    assert clopper_pearson(hits, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 2000), st.floats(0.5, 0.999))
def test_without_a_hit_the_bound_has_a_closed_form(n: int, confidence: float) -> None:
    assert rate_bound(0, n, confidence) == pytest.approx(-math.expm1(math.log1p(-confidence) / n))
    assert rate_bound(n - 1, n, confidence) == pytest.approx(confidence ** (1 / n))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.data())
def test_the_bound_is_where_so_few_hits_become_improbable(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n - 1))
    rate = rate_bound(hits, n)
    exact = sum(math.comb(n, i) * rate**i * (1 - rate) ** (n - i) for i in range(hits + 1))
    assert exact == pytest.approx(0.05, abs=1e-9)
    assert hits / n < rate
    assert rate_bound(hits + 1, n) >= rate


def test_the_rule_of_thumb_of_three_over_n() -> None:
    assert rate_bound(0, 59) < 0.05 < rate_bound(0, 58)
    assert rate_bound(0, 299) < 0.01 < rate_bound(0, 298)
    for wrong in ((-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="no bound"):
            rate_bound(*wrong)


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A package whose score is the brightest patch; good parts reach 60 to 99, golden defects 110 to 149."""
    build_package(tmp_path / "package")
    for folder, first in (("good", 60), ("golden", 110)):
        (tmp_path / folder).mkdir()
        for step in range(40):
            picture(tmp_path / folder / f"{step:02}.png", first + step)
    return tmp_path


def picture(path: Path, patch: int) -> None:
    rng = np.random.default_rng(patch)
    image = rng.integers(10, 50, (SIDE, SIDE, 3)).astype(np.uint8)
    image[16:24, 16:24] = patch
    cv2.imwrite(str(path), image)


def calibrate(plant: Path, *more: str) -> int:
    folders = [str(plant / name) for name in ("package", "good", "golden", "out")]
    package, good, golden, out = folders
    return main(["calibrate", package, "--good", good, "--golden", golden, "--out", out, *more])


def passed(plant: Path, folder: str, package: str = "out") -> int:
    inspector = load(plant / package)
    images = (path.read_bytes() for path in (plant / folder).glob("*.png"))
    return sum(inspector.inspect(image).verdict is Verdict.OK for image in images)


@pytest.mark.parametrize("allowed", [0, 1, 5])
def test_no_more_golden_defects_pass_than_may(
    plant: Path, allowed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert passed(plant, "golden", "package") == 18, "the package as trained lets defects pass"
    assert calibrate(plant, "--escapes", str(allowed), "--report", str(plant / "page.html")) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert passed(plant, "golden") == summary["escapes"] == allowed
    assert passed(plant, "good") == 40
    assert (summary["golden"], summary["good"], summary["alarms"]) == (40, 40, 0)
    assert summary["escape_bound"] == pytest.approx(rate_bound(allowed, 40), abs=1e-5)
    manifest = Manifest.read(plant / "out")
    assert manifest.calibration.method == "zero escape"
    assert manifest.calibration.target_overkill == pytest.approx(1 / 41)
    assert manifest.extra["zero_escape"]["escape_bound"] == summary["escape_bound"]
    assert manifest.parents == ("1",)
    assert manifest.version != "1"
    assert "escape_bound" in (plant / "page.html").read_text("utf-8")


def test_what_it_costs_is_said_where_a_defect_looks_like_a_good_part(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(plant / "golden" / "faint.png", 90)
    assert calibrate(plant) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["escapes"], summary["golden"], summary["alarms"]) == (0, 41, 10)
    assert summary["overkill"] == 0.25
    low, high = summary["overkill_interval"]
    assert low < 0.25 < high


def test_what_cannot_be_judged_is_left_out_and_counted(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (plant / "golden" / "broken.png").write_bytes(b"nothing")
    assert calibrate(plant) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["golden"], summary["unfit_golden"]) == (40, 1)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--escapes", "40"], "40 of 40 golden defects that can be judged may pass"),
        (["--escapes", "-1"], "-1 of 40"),
        (["--confidence", "1"], "confidence lies in 0..1"),
        (["--out", "package"], "is the package itself"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(
    plant: Path,
    more: list[str],
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if more[0] == "--out":
        more = ["--out", str(plant / more[1])]
    assert calibrate(plant, *more) == 2
    assert why in capsys.readouterr().err
    assert not (plant / "out").exists()
