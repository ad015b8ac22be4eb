"""A package is trained from good pictures alone, without torch, and judges new ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from qc_vision.cli import main
from qc_vision.runtime import load
from qc_vision.runtime.manifest import Manifest, sha256_of

SIZE = 128

TRAIN_WITHOUT_TORCH = """
import sys
from qc_vision.cli import main
status = main(sys.argv[1:])
print(status, *({"torch", "torchvision"} & set(sys.modules)))
"""


def a_plate(seed: int, *, dent: bool = False) -> np.ndarray:
    """A fixtured plate with two holes under uneven light."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:150, 0:170]
    plate = 120 + 30 * np.sin(x / 9.0) + rng.uniform(-12, 12) + 0.1 * x * rng.uniform(-1, 1)
    for cx, cy in ((45, 50), (120, 90)):
        plate[np.hypot(x - cx, y - cy) < 14] = 40
    if dent:
        cx, cy = rng.uniform(30, 130, 2)
        plate += 70 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 60)
    grey = np.clip(plate + rng.normal(0, 3, plate.shape), 0, 255)
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def a_loose_part(seed: int, *, broken: bool = False) -> np.ndarray:
    """A long part with a head, at any place and angle on a dark belt."""
    rng = np.random.default_rng((seed, 5))
    image = np.full((240, 240, 3), 35, np.uint8)
    body = np.zeros((240, 240), np.uint8)
    cv2.rectangle(body, (70, 108), (165, 132), 255, -1)
    cv2.circle(body, (70, 120), 26, 255, -1)
    if broken:
        cv2.rectangle(body, (120, 100), (136, 119), 0, -1)
    turn = cv2.getRotationMatrix2D((115, 120), float(rng.uniform(0, 360)), 1.0)
    turn[:, 2] += rng.uniform(-20, 20, 2)
    body = cv2.warpAffine(body, turn, (240, 240))
    image[body > 127] = 190
    noisy = image + rng.normal(0, 4, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def a_folder(root: Path, name: str, pictures: list[np.ndarray]) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plates")
    good = a_folder(root, "good", [a_plate(seed) for seed in range(36)])
    (good / "truncated.png").write_bytes((good / "000.png").read_bytes()[:500])
    a_folder(root, "new/good", [a_plate(seed) for seed in range(100, 116)])
    a_folder(root, "new/bad/dent", [a_plate(seed, dent=True) for seed in range(100, 112)])
    command = [sys.executable, "-c", TRAIN_WITHOUT_TORCH, "train", "--good", str(good)]
    command += ["--out", str(root / "package"), "--size", str(SIZE), "--overkill", "0.05"]
    said = subprocess.run([*command, "--progress-json"], capture_output=True, text=True)
    assert said.stdout.splitlines()[-1] == "0", said.stdout + said.stderr  # and no torch
    (root / "said.txt").write_text(said.stdout)
    return root


def test_dents_are_found_and_new_good_plates_pass(
    plates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, page = plates / "new", plates / "page.html"
    command = ["evaluate", str(plates / "package"), "--good", str(new / "good")]
    assert main([*command, "--bad", str(new / "bad"), "--report", str(page)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["summary"]["auroc"] >= 0.98
    assert figures["summary"]["escape"] <= 0.1
    assert figures["summary"]["overkill"] <= 0.25
    assert figures["kinds"]["dent"]["n"] == 12
    assert "<h2>Escapes" in page.read_text()


def test_the_package_is_small_and_says_what_it_learned_from(plates: Path) -> None:
    package = plates / "package"
    manifest = Manifest.read(package)
    assert sum(path.stat().st_size for path in package.iterdir()) <= 4_000_000
    assert manifest.calibration.n == 36
    assert manifest.extra["head"] in {"positional", "bank", "gaussian"}
    assert manifest.labels == ()
    assert "truncated.png: the PNG is truncated" in (plates / "said.txt").read_text()


def test_a_nok_plate_shows_where(plates: Path) -> None:
    result = load(plates / "package").inspect(a_plate(101, dent=True))
    assert result.verdict == "NOK"
    region = result.regions[0]
    assert 0 <= region.x < region.x + region.w <= 170
    assert 0 <= region.y < region.y + region.h <= 150


def test_a_loose_part_is_judged_at_any_angle(tmp_path: Path) -> None:
    good = a_folder(tmp_path, "good", [a_loose_part(seed) for seed in range(30)])
    package = tmp_path / "package"
    command = ["train", "--good", str(good), "--out", str(package), "--size", str(SIZE)]
    assert main([*command, "--overkill", "0.05"]) == 0
    assert (package / "golden.png").is_file()
    inspector = load(package)
    whole = [inspector.inspect(a_loose_part(seed)).score for seed in range(200, 212)]
    broken = [inspector.inspect(a_loose_part(seed, broken=True)) for seed in range(200, 212)]
    assert np.mean([b.score > w for b in broken for w in whole]) >= 0.95
    assert all(
        0 <= r.x <= r.x + r.w <= 240 and 0 <= r.y <= r.y + r.h <= 240
        for result in broken
        for r in result.regions
    )
    empty = np.full((240, 240, 3), 35, np.uint8)
    assert inspector.inspect(empty).verdict == "UNFIT"


@pytest.mark.parametrize(
    ("pictures", "why"), [(0, "holds no images"), (1, "at least 4 are needed")]
)
def test_too_few_good_pictures_are_said(
    pictures: int, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = a_folder(tmp_path, "good", [a_plate(seed) for seed in range(pictures)])
    assert main(["train", "--good", str(good), "--out", str(tmp_path / "package")]) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "package" / "manifest.json").exists()


def test_a_large_picture_is_learned_and_judged_in_tiles(plates: Path, tmp_path: Path) -> None:
    package = tmp_path / "tiled"
    command = ["train", "--good", str(plates / "good"), "--out", str(package), "--tiles", "2"]
    assert main([*command, "--size", "96", "--overkill", "0.05"]) == 0
    assert Manifest.read(package).calibration.n == 36, "pictures, not tiles"
    inspector = load(package)
    dented = a_plate(300)
    cv2.circle(dented, (130, 30), 7, (250, 250, 250), -1)
    result = inspector.inspect(dented)
    assert result.verdict == "NOK"
    assert result.heatmap is not None
    assert result.heatmap.shape == (24, 24)
    worst = result.regions[0]
    assert worst.x <= 130 <= worst.x + worst.w
    assert worst.y <= 30 <= worst.y + worst.h
    passed = [inspector.inspect(a_plate(seed)).verdict for seed in range(310, 318)]
    assert passed.count("OK") >= 7


def median_distance(package: Path, pictures: list[np.ndarray]) -> float:
    inspector = load(package)
    seen = [inspector.inspect(picture).watch for picture in pictures]
    return float(np.linalg.norm(np.median(np.array([one for one in seen if one]), axis=0)))


def test_a_package_says_how_far_pictures_look_from_those_it_was_trained_on(plates: Path) -> None:
    noted = Manifest.read(plates / "package").extra["watch"]
    good = [a_plate(seed) for seed in range(100, 116)]
    assert median_distance(plates / "package", good) < noted["limit"]
    filmed = [(picture * 0.5 + 110).astype(np.uint8) for picture in good]
    assert median_distance(plates / "package", filmed) > noted["limit"]


def test_a_package_that_does_not_watch_can_be_made_to(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(plates / "package", old)
    model = onnx.load(str(old / "model.onnx"))
    for parts in (model.graph.node, model.graph.initializer, model.graph.output):
        for part in [part for part in parts if part.name.startswith("watch")]:
            parts.remove(part)
    onnx.save(model, str(old / "model.onnx"))
    before = Manifest.read(old)
    extra = {name: value for name, value in before.extra.items() if name != "watch"}
    replace(before, sha256=sha256_of(old / "model.onnx"), extra=extra).write(old)
    picture = a_plate(101)
    assert load(old).inspect(picture).watch == ()

    command = ["watch", str(old), "--good", str(plates / "good"), "--out", str(new)]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["numbers"] >= 2
    assert load(new).inspect(picture).score == load(old).inspect(picture).score
    assert len(load(new).inspect(picture).watch) >= 2
    assert Manifest.read(new).parents[0] == before.version
    again = ["watch", str(new), "--good", str(plates / "good"), "--out", str(tmp_path / "more")]
    assert main(again) == 2
    assert "watches its features already" in capsys.readouterr().err
