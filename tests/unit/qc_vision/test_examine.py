"""Pictures are looked over before a training: leaks between labels, marks, files that are no image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from qc_vision.cli import main
from qc_vision.training.examine import examine_folders, look_at


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder, seeds in ((good, range(12)), (bad, range(20, 24))):
        folder.mkdir()
        for seed in seeds:
            grey = np.random.default_rng(seed).integers(60, 200, (64, 64), np.uint8)
            cv2.imwrite(str(folder / f"{seed}.png"), np.repeat(grey[:, :, None], 3, axis=2))
    return good, bad


def test_a_part_with_two_labels_and_a_pen_mark_are_named(folders: tuple[Path, Path]) -> None:
    good, bad = folders
    (bad / "twin.png").write_bytes((good / "3.png").read_bytes())
    marked = cv2.imread(str(bad / "21.png"))
    marked[5:25, 5:25] = (0, 0, 255)
    cv2.imwrite(str(bad / "21.png"), marked)
    (good / "broken.png").write_bytes(b"\x89PNG no more")
    seen = {Path(one.path).name: one for one in examine_folders(good, bad)}
    assert seen["3.png"].findings == seen["twin.png"].findings == ("leak",)
    assert seen["3.png"].group == seen["twin.png"].group
    assert seen["21.png"].findings == ("mark",)
    assert (seen["broken.png"].group, seen["broken.png"].findings) == (-1, ("unreadable",))
    assert sum(bool(one.findings) for one in seen.values()) == 4
    assert look_at(good, bad) == [
        f"{good}/3.png: its near-duplicate has the other label",
        f"{bad}/21.png: strongly coloured, unlike the others: a mark on the picture?",
        f"{bad}/twin.png: its near-duplicate has the other label",
    ]


def test_the_command_says_one_picture_a_line(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    good, _ = folders
    assert main(["examine", "--good", str(good)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 12
