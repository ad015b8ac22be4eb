"""A package with boxes is trained for real, exported as one int8 graph, and finds what was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from qc_vision.annotations import read_annotated
from qc_vision.cli import main
from qc_vision.runtime import Manifest, Verdict, check_parity, load
from qc_vision.training.boxes.assign import Truth, assigned
from qc_vision.training.boxes.depthwise import depthwise5
from qc_vision.training.boxes.draw import Shown, changed
from qc_vision.training.boxes.learn import side_at
from qc_vision.training.boxes.make import suitable_size
from qc_vision.training.boxes.network import centres
from tests.support.annotated import a_picture, a_voc, write_annotated

SIDE = 96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    write_annotated(root / "learned", range(40), side=SIDE)
    write_annotated(root / "new", range(500, 516), side=SIDE)
    (root / "learned" / "broken.xml").write_text("<annotation>")
    return root


@pytest.fixture(scope="module")
def package(folder: Path) -> Path:
    out = folder / "package"
    command = ["train", "--boxes", str(folder / "learned"), "--out", str(out), "--progress-json"]
    assert main([*command, "--size", str(SIDE), "--epochs", "9"]) == 0
    return out


def test_the_package_finds_what_was_drawn_on_new_pictures(
    folder: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(package), "--boxes", str(folder / "new")]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["map50"] > 0.5
    assert figures["kinds"].keys() == {"bar", "spot"}
    assert figures["pictures"] == 16
    assert figures["findings"] == []


def test_predict_gives_each_region_its_kind_box_and_score(
    folder: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(package), str(folder / "new"), "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    regions = [region for answer in answers for region in answer["regions"]]
    assert {region["label"] for region in regions} == {"bar", "spot"}
    for answer in answers:
        assert (answer["verdict"] == Verdict.NOK) == bool(answer["regions"])
    for region in regions:
        assert region["x"] >= 0 <= region["y"]
        assert region["x"] + region["w"] <= SIDE >= region["y"] + region["h"]
        assert 0.5 <= region["score"] <= 1.0
    outlined = [region for region in regions if len(region["outline"]) >= 3]
    assert len(outlined) >= 0.8 * len(regions), "masks were given"
    for region in outlined:
        x, y = np.array(region["outline"]).T
        assert x.min() >= region["x"] and x.max() <= region["x"] + region["w"]
        assert y.min() >= region["y"] and y.max() <= region["y"] + region["h"]


def test_the_manifest_says_how_the_threshold_was_set_and_what_was_measured(package: Path) -> None:
    manifest = Manifest.read(package)
    assert manifest.labels == ("bar", "spot")
    assert manifest.calibration.method.startswith("greatest F1")
    assert manifest.metrics["measured_on"].startswith("annotated pictures held back")
    summary = manifest.metrics["summary"]
    assert abs(summary["map50"] - summary["map50_float"]) < 0.25, "of six pictures"
    assert any("broken.xml" in finding for finding in manifest.extra["findings"])
    assert check_parity(load(package)) is not None
    assert not (package / "training.pt").exists()
    assert sum(path.stat().st_size for path in package.iterdir()) < 4e6


def test_good_pictures_set_the_threshold_where_there_are_some(folder: Path, tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    for seed in range(900, 912):
        cv2.imwrite(str(good / f"{seed}.png"), a_picture(seed, side=SIDE, good=True)[0])
    command = ["train", "--boxes", str(folder / "new"), "--good", str(good), "--epochs", "1"]
    assert main([*command, "--out", str(tmp_path / "package"), "--size", "64"]) == 0
    calibration = Manifest.read(tmp_path / "package").calibration
    assert (calibration.method, calibration.n) == ("split conformal", 4)


def test_training_that_was_stopped_goes_on_and_ends_as_if_it_had_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qc_vision.training.boxes.make import BoxOptions, train_boxes

    options = BoxOptions("stopped", size=64, epochs=3)
    seen: list[int] = []

    def stop(step: dict[str, object]) -> None:
        if step["step"] == "boxes":
            seen.append(int(str(step["epoch"])))
            if seen == [1]:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_boxes(folder / "new", options, tmp_path / "stopped", stop)
    resumed = train_boxes(folder / "new", options, tmp_path / "stopped", stop)
    whole = train_boxes(folder / "new", options, tmp_path / "whole", lambda _: None)
    assert seen == [1, 2, 3]
    ours, theirs = resumed.metrics["summary"], whole.metrics["summary"]
    assert ours["map50_float"] == pytest.approx(theirs["map50_float"], abs=1e-3)
    assert resumed.sha256 == whole.sha256


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["train", "--out", "x"], "train needs --good DIR, or --boxes DIR"),
        (["train", "--boxes", "nowhere", "--out", "x"], "nowhere is not a folder"),
        (["train", "--boxes", "few", "--out", "x"], "0 annotated pictures with 0 kinds"),
        (["train", "--boxes", "new", "--size", "112", "--out", "x"], "must be a multiple of 32"),
        (
            ["train", "--boxes", "new", "--tiles", "4", "--out", "x"],
            "--tiles goes with --good alone",
        ),
    ],
)
def test_what_cannot_be_trained_is_said(
    folder: Path,
    command: list[str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    write_annotated(folder / "few", range(2), side=SIDE)
    assert main(command) == 2
    assert why in capsys.readouterr().err


def test_pictures_with_kinds_unknown_to_the_model_are_named(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, regions, _ = a_picture(700, side=SIDE)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (tmp_path / "a.xml").write_text(a_voc([*regions, ("rust", 1, 1, 20, 20)], picture="a.png"))
    assert main(["evaluate", str(package), "--boxes", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["findings"] == [f"{tmp_path / 'a.png'}: the model does not know kind 'rust'"]
    assert figures["kinds"]["rust"] == {"n": 1, "ap50": 0.0, "ap50_95": 0.0}


def test_a_picture_and_its_mirror_image_are_judged_alike(package: Path) -> None:
    inspector = load(package)
    for seed in range(600, 604):
        image = a_picture(seed, side=SIDE)[0]
        ours = inspector.inspect(image)
        theirs = inspector.inspect(np.ascontiguousarray(image[:, ::-1]))
        assert theirs.score == pytest.approx(ours.score, abs=1e-5)
        assert {(SIDE - r.x - r.w, r.y, r.w, r.h, r.label) for r in theirs.regions} == {
            (r.x, r.y, r.w, r.h, r.label) for r in ours.regions
        }


@pytest.mark.parametrize("side", [SIDE, 64])
def test_mirroring_and_cutting_move_the_boxes_with_the_picture(side: int) -> None:
    image, regions, mask = a_picture(11, side=SIDE)
    bar = np.array([[float(v) for v in region[1:]] for region in regions if region[0] == "bar"])
    alone = np.full_like(image, 128)
    x0, y0, x1, y1 = bar[0].astype(int)
    alone[y0:y1, x0:x1] = 255
    shown = Shown(alone, bar.astype(np.float32), np.zeros(1, np.int64), mask)
    for seed in range(12):
        moved = changed(shown, np.random.default_rng(seed), side)
        assert moved.image.shape == (side, side, 3)
        if not len(moved.boxes):
            continue
        left, top, right, bottom = moved.boxes[0]
        grey = moved.image[:, :, 0].astype(float)
        bright = np.argwhere(grey > (grey.max() + grey.min()) / 2)
        assert np.abs(bright.min(axis=0) - [top, left]).max() <= 3
        assert np.abs(bright.max(axis=0) + 1 - [bottom, right]).max() <= 3


def test_wide_kernels_learn_what_torch_would_have_them_learn() -> None:
    torch.manual_seed(3)
    x = torch.randn(2, 7, 5, 9, dtype=torch.float64).requires_grad_()
    weight = torch.randn(7, 1, 5, 5, dtype=torch.float64).requires_grad_()
    bias = torch.randn(7, dtype=torch.float64).requires_grad_()
    ours = depthwise5(x, weight, bias)
    theirs = functional.conv2d(x, weight, bias, padding=2, groups=7)
    wanted = torch.randn_like(ours)
    assert torch.allclose(ours, theirs)
    for a, b in zip(
        torch.autograd.grad(ours, (x, weight, bias), wanted),
        torch.autograd.grad(theirs, (x, weight, bias), wanted),
        strict=True,
    ):
        assert torch.allclose(a, b)


def test_pictures_are_shown_small_first_and_at_last_at_the_models_size() -> None:
    assert [side_at(done, 256) for done in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)] == [
        160, 160, 192, 192, 256, 256,
    ]  # fmt: skip
    for side in range(64, 544, 32):
        shown = [side_at(done, side) for done in np.linspace(0.0, 0.99, 20)]
        assert shown == sorted(shown)
        assert shown[-1] == side
        assert min(shown) >= 64
        assert not any(one % 32 for one in shown)


def test_a_region_is_answered_by_cells_inside_it_with_the_score_of_their_fit() -> None:
    at = centres(12, 12)
    truth = Truth(
        torch.tensor([[[20.0, 20.0, 60.0, 60.0], [0.0, 0.0, 0.0, 0.0]]]),
        torch.tensor([[1, 0]]),
        torch.tensor([[True, False]]),
        torch.zeros(1, 12, 12),
    )
    boxes = torch.cat([at - 20.0, at + 20.0], dim=1)[None]
    targets = assigned(torch.full((1, len(at), 2), 0.1), boxes, at, truth)
    answering = targets.scores[0].amax(dim=1) > 0
    assert 1 <= int(answering.sum()) <= 10
    assert bool(((at[answering] > 20) & (at[answering] < 60)).all())
    assert float(targets.scores[0, :, 0].sum()) == 0.0
    best = targets.scores[0, :, 1].argmax()
    assert torch.allclose(at[best], torch.tensor([40.0, 40.0]), atol=4.1)


def test_the_input_is_larger_where_defects_are_small(tmp_path: Path) -> None:
    write_annotated(tmp_path, range(3), side=SIDE)
    pictures = read_annotated(tmp_path).pictures
    assert suitable_size(pictures) == 256
    for path in tmp_path.glob("*.xml"):
        path.write_text(a_voc([("nib", 10, 10, 14, 14)], picture=f"{path.stem}.png"))
    assert suitable_size(read_annotated(tmp_path).pictures) == 384
