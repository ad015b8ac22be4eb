"""The commands that need no model: rendering, and what is said about wrong arguments."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from qc_vision.cli import main


def test_render_writes_good_parts_and_each_kind_with_its_mask(tmp_path: Path) -> None:
    said = main(
        ["render", "--shop", "welding", "--out", str(tmp_path), "--count", "8", "--size", "128"]
    )
    assert said == 0
    assert len(list((tmp_path / "good").glob("*.png"))) == 4
    for kind in ("porosity", "spatter", "missing_weld", "burn_through"):
        (mask,) = (tmp_path / "bad" / kind).glob("*_mask.png")
        picture = mask.with_name(mask.name.replace("_mask", ""))
        assert cv2.imread(str(picture)).shape == (128, 128, 3)
        assert cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE).any()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["predict", "nowhere", "picture.png"], "nowhere/manifest.json cannot be read"),
        (["evaluate", "nowhere", "--good", "a", "--bad", "b"], "manifest.json cannot be read"),
        (["render", "--shop", "painting", "--out", "x", "--color", "red"], "must be #rrggbb"),
    ],
)
def test_what_is_wrong_is_said_and_the_status_tells(
    command: list[str],
    why: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    assert why in capsys.readouterr().err
