"""From pixels to a verdict, with a network that answers what the test says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_vision.runtime import Calibration, Inspector, Manifest, ModelInput, Verdict
from qc_vision.runtime.inspection import Inspection
from qc_vision.runtime.pipeline import Node, Pipeline, standard
from qc_vision.runtime.steps import Answer
from qc_vision.synth import Nuisance, Scene, Shop, render

PART = render(Scene(Shop.STAMPING, "M1-door", seed=1, size=256)).image


class Says:
    """A network that always gives the same map."""

    def __init__(self, grid: np.ndarray, classes: np.ndarray | None = None) -> None:
        self.grid, self.classes = grid.astype(np.float32), classes

    def __call__(self, pixels: np.ndarray) -> Answer:
        assert pixels.shape == (64, 64, 3)
        return Answer(float(self.grid.max()), self.grid, self.classes)


def inspector(
    grid: np.ndarray,
    *,
    classes: np.ndarray | None = None,
    pipeline: Pipeline | None = None,
    pictures: dict[str, np.ndarray] | None = None,
) -> Inspector:
    manifest = Manifest(
        name="test",
        version="abc",
        shop="stamping",
        variants=(),
        input=ModelInput("image", 64, 64),
        labels=("crack", "dent"),
        calibration=Calibration(threshold=2.0, scale=0.5, n=100, target_overkill=0.01),
        metrics={},
        sha256="",
        opset=17,
        data_sha256="",
        created_at="",
        licence="",
        provenance="",
    )
    chosen = pipeline or standard(width=64, height=64)
    return Inspector(manifest, chosen, Says(grid, classes), pictures or {})


def judged(hot: float, image: np.ndarray = PART) -> Inspection:
    grid = np.full((8, 8), -3.0)
    grid[2, 5] = hot
    return inspector(grid).inspect(image)


def test_below_the_threshold_a_part_is_ok_and_has_no_region() -> None:
    result = judged(1.9)
    assert result.verdict is Verdict.OK
    assert result.score < 0.5
    assert result.regions == ()
    assert result.heatmap is not None
    assert result.heatmap.dtype == np.float16


def test_the_threshold_is_at_one_half() -> None:
    assert judged(2.0).score == pytest.approx(0.5)
    assert judged(2.0).verdict is Verdict.NOK


def test_a_region_lies_where_the_map_is_hot_in_pixels_of_the_picture() -> None:
    (region,) = judged(4.0).regions
    assert (region.x, region.y, region.w, region.h) == (160, 64, 32, 32)
    assert region.score > 0.9


def test_a_region_is_named_only_when_most_of_its_patches_agree() -> None:
    grid = np.full((8, 8), -3.0)
    grid[2, 5] = 4.0
    sure, unsure = np.zeros((2, 8, 8), np.float32), np.zeros((2, 8, 8), np.float32)
    sure[1, 2, 5] = 6.0
    assert inspector(grid, classes=sure).inspect(PART).regions[0].label == "dent"
    assert inspector(grid, classes=unsure).inspect(PART).regions[0].label is None


def test_a_score_that_is_no_number_is_unfit_not_ok() -> None:
    result = judged(float("nan"))
    assert result.verdict is Verdict.UNFIT
    assert result.fitness.reason == "the model gave no finite score"


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((256, 256, 3), np.uint8), "too dark"),
        (np.full((256, 256, 3), 255, np.uint8), "too bright"),
        (np.full((256, 256, 3), 120, np.uint8), "no contrast"),
        (cv2.GaussianBlur(PART, (0, 0), 9), "out of focus"),
    ],
)
def test_an_image_that_cannot_be_judged_is_unfit(image: np.ndarray, why: str) -> None:
    result = judged(-3.0, image)
    assert result.verdict is Verdict.UNFIT
    assert result.fitness.reason is not None
    assert why in result.fitness.reason
    assert result.heatmap is None


@pytest.mark.parametrize("data", [b"", b"sensor not ready", b"\xff\xd8\xff\xe0broken"])
def test_bytes_that_are_no_image_are_unfit(data: bytes) -> None:
    result = inspector(np.full((8, 8), -3.0)).inspect(data)
    assert result.verdict is Verdict.UNFIT
    assert result.fitness.reason


def test_every_step_says_what_it_cost_and_the_result_says_what_judged() -> None:
    result = judged(0.0)
    assert set(result.ms) == {"decode", "camera", "fitness", "crop", "model", "rule"}
    assert result.model_version == "abc"
    assert result.pipeline_version == standard(width=64, height=64).version


def test_a_crop_judges_its_window_and_answers_in_pixels_of_the_whole() -> None:
    window = {"x": 0.5, "y": 0.25, "w": 0.5, "h": 0.5, "width": 64, "height": 64}
    pipeline = Pipeline.of(
        (
            Node("camera", "source"),
            Node("crop", "crop", {"image": "camera"}, window),
            Node("model", "model", {"view": "crop"}),
            Node("rule", "rule", {"scores": "model"}),
        )
    )
    grid = np.full((8, 8), -3.0)
    grid[0, 0] = 9.0
    (region,) = inspector(grid, pipeline=pipeline).inspect(PART).regions
    assert (region.x, region.y, region.w, region.h) == (128, 64, 16, 16)


def aligning() -> Pipeline:
    return Pipeline.of(
        (
            Node("camera", "source"),
            Node("align", "align", {"image": "camera"}, {"min_correlation": 0.7}),
            Node("crop", "crop", {"image": "align"}, {"width": 64, "height": 64}),
            Node("model", "model", {"view": "crop"}),
            Node("rule", "rule", {"scores": "model"}),
        )
    )


def test_a_turned_part_is_turned_back_before_it_is_judged() -> None:
    seen: list[np.ndarray] = []

    class Looks(Says):
        def __call__(self, pixels: np.ndarray) -> Answer:
            seen.append(pixels)
            return super().__call__(pixels)

    quiet = np.full((8, 8), -3.0)
    judge = inspector(quiet, pipeline=aligning(), pictures={"golden.png": PART})
    judge._network = Looks(quiet)
    turned = render(
        Scene(Shop.STAMPING, "M1-door", seed=1, size=256, nuisance=Nuisance(pose_deg=3.0))
    ).image
    assert judge.inspect(PART).verdict is judge.inspect(turned).verdict is Verdict.OK
    straight, aligned = (view.astype(int) for view in seen)
    crooked = cv2.resize(turned, (64, 64), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    assert np.abs(aligned - straight).mean() < 0.6 * np.abs(crooked - straight).mean()


def test_another_part_cannot_be_aligned_and_is_unfit() -> None:
    judge = inspector(np.full((8, 8), -3.0), pipeline=aligning(), pictures={"golden.png": PART})
    other = render(Scene(Shop.WELDING, "M1", seed=1, size=256)).image
    result = judge.inspect(other)
    assert result.verdict is Verdict.UNFIT
    assert result.fitness.reason is not None
    assert "cannot be aligned" in result.fitness.reason
