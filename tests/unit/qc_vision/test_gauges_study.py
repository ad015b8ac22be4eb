"""Repeated measurements of a gauge become a gage R&R study."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from mes.inspection.gauge_rr import read_csv, study_of
from qc_vision.cli import main
from qc_vision.gauges.drawn import Camera, slit
from tests.unit.qc_vision.test_gauges_station import GAP


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "gauges.toml"
    path.write_text(GAP)
    return path


def take(folder: Path, width_px: float, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{seed:03d}.png"), slit(width_px, Camera(noise=3.0, seed=seed)))


def test_pictures_of_parts_taken_again_are_a_study(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "parts"
    for seed in range(12):
        part, camera = seed % 3, "left" if seed < 6 else "right"
        take(pictures / f"P{part}" / camera, 30.0 + 4 * part, seed)
    assert main(["gauge", str(pictures), str(settings), "--study", "hood to fender"]) == 0
    readings = read_csv(capsys.readouterr().out)
    assert {r.appraiser for r in readings} == {"left", "right"}
    assert [r.value for r in readings if r.part == "P1"] == pytest.approx([3.4] * 4, abs=0.02)
    study = study_of(readings, tolerance=1.0)
    assert (study.parts, study.appraisers, study.trials) == (3, 2, 2)
    assert study.of_total < 0.1
    assert study.verdict == "good"


def test_a_camera_alone_is_the_one_appraiser(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(4):
        take(tmp_path / "parts" / f"P{seed % 2}", 30.0 + 4 * (seed % 2), seed)
    main(["gauge", str(tmp_path / "parts"), str(settings), "--study", "hood to fender"])
    assert {r.appraiser for r in read_csv(capsys.readouterr().out)} == {"camera"}


def test_what_is_no_study_is_named(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take(tmp_path / "loose", 30.0, 1)
    for name, why in (("hood", "no gauge 'hood'"), ("hood to fender", "neither in <part>/")):
        assert main(["gauge", str(tmp_path / "loose"), str(settings), "--study", name]) == 2
        assert why in capsys.readouterr().err
    (tmp_path / "parts" / "P1").mkdir(parents=True)
    (tmp_path / "parts" / "P1" / "a.png").write_bytes(b"no picture")
    assert main(["gauge", str(tmp_path / "parts"), str(settings), "--study", "hood to fender"]) == 2
    assert "a.png gives no value" in capsys.readouterr().err
