"""A large picture is judged in tiles, with one verdict and regions in the whole picture's pixels."""

from __future__ import annotations

import numpy as np
import pytest

from qc_vision.runtime import Calibration, Inspector, Manifest, ModelInput, PipelineError, Verdict
from qc_vision.runtime.boxes import Proposals
from qc_vision.runtime.pipeline import Node, Pipeline
from qc_vision.runtime.steps import Answer
from qc_vision.runtime.tiles import tile
from qc_vision.synth import Scene, Shop, render

PICTURE = render(Scene(Shop.STAMPING, "M1-door", seed=1, size=512)).image
SPOT = (300, 70)


class FindsWhite:
    """A network that answers with the share of white in each patch of 8 pixels."""

    def __init__(self, *, boxes: bool = False) -> None:
        self.boxes = boxes

    def __call__(self, pixels: np.ndarray) -> Answer:
        assert pixels.shape == (64, 64, 3)
        white = (pixels.min(axis=2) == 255).astype(np.float32)
        grid = white.reshape(8, 8, 8, 8).mean(axis=(1, 3)) * 8 - 4
        proposals = None
        if self.boxes:
            corners = np.array([[0.25, 0.25, 0.5, 0.75]], np.float32)
            proposals = Proposals(corners, np.array([[grid.max()]], np.float32))
        return Answer(float(grid.max()), grid, None, proposals)


class FailsOnce(FindsWhite):
    def __call__(self, pixels: np.ndarray) -> Answer:
        answer = super().__call__(pixels)
        broken = answer.score > 0
        return answer._replace(score=float("nan")) if broken else answer


def inspector(network: FindsWhite, **settings: float) -> Inspector:
    manifest = Manifest(
        name="test", version="abc", shop="stamping", variants=(), input=ModelInput("image", 64, 64),
        labels=("spot",), calibration=Calibration(0.0, 1.0, 100, 0.01), metrics={}, sha256="", opset=17,
        data_sha256="", created_at="", licence="", provenance="",
    )  # fmt: skip
    pipeline = Pipeline.of(
        (
            Node("camera", "source"),
            Node("tiles", "tile", {"image": "camera"}, {"width": 64, "height": 64, **settings}),
            Node("model", "model", {"view": "tiles"}),
            Node("rule", "rule", {"scores": "model"}),
        )
    )
    return Inspector(manifest, pipeline, network, {})


def spotted() -> np.ndarray:
    image = np.minimum(PICTURE, 200)
    x, y = SPOT
    image[y : y + 40, x : x + 40] = 255
    return image


@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_a_spot_in_one_tile_makes_the_part_nok_and_is_boxed_where_it_is(overlap: float) -> None:
    result = inspector(FindsWhite(), columns=8, rows=8, overlap=overlap).inspect(spotted())
    assert result.verdict is Verdict.NOK
    (region,) = result.regions
    assert abs(region.x - SPOT[0]) <= 12 and abs(region.y - SPOT[1]) <= 12
    assert abs(region.w - 40) <= 20 and abs(region.h - 40) <= 20
    assert result.heatmap is not None
    assert result.heatmap.shape == (64, 64)


def test_without_a_spot_the_part_is_ok() -> None:
    result = inspector(FindsWhite()).inspect(np.minimum(PICTURE, 200))
    assert (result.verdict, result.regions) == (Verdict.OK, ())


def test_boxes_of_a_tile_are_boxes_of_the_picture() -> None:
    result = inspector(FindsWhite(boxes=True)).inspect(spotted())
    (region,) = result.regions  # the tile at 256..384 × 0..128 holds the spot
    assert (region.x, region.y, region.w, region.h) == (256 + 32, 32, 32, 64)
    assert region.label == "spot"


def test_one_tile_without_a_finite_score_makes_the_picture_unfit() -> None:
    result = inspector(FailsOnce()).inspect(spotted())
    assert result.verdict is Verdict.UNFIT
    assert result.fitness.reason == "the model gave no finite score"


def test_tiles_cover_the_picture_whatever_its_size() -> None:
    image = np.zeros((101, 203, 3), np.uint8)
    settings = {"columns": 3, "rows": 2, "overlap": 0.2, "width": 64, "height": 64}
    seen = np.zeros(image.shape[:2], int)
    for view in tile(image, Node("tiles", "tile", {}, settings)).views:
        x, y, w, h = view.box
        seen[y : y + h, x : x + w] += 1
    assert seen.min() >= 1


@pytest.mark.parametrize(
    "settings", [{"columns": 0}, {"rows": 300}, {"overlap": 0.95}, {"overlap": -0.1}]
)
def test_settings_that_make_no_tiles_name_the_node(settings: dict[str, float]) -> None:
    with pytest.raises(PipelineError, match="node 'tiles' asks for"):
        inspector(FindsWhite(), **settings).inspect(spotted())
