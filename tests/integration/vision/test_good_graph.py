"""The graph of a good-only model computes what its parts computed in training, at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from qc_vision.backbones import FLOAT, INT8
from qc_vision.training.features import Extractor, sized
from qc_vision.training.good_graph import Scale, blurred_map, good_only_model, summary_of
from qc_vision.training.heads import (
    GoodHead,
    fit_bank_head,
    fit_pooled,
    fit_positional,
    fit_projection,
)

HIGH, WIDE = 64, 96


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.integers(0, 256, (HIGH, WIDE, 3)).astype(np.uint8) for _ in range(count)]


@pytest.mark.parametrize("backbone", [INT8, FLOAT])
@pytest.mark.parametrize("kind", ["positional", "bank", "gaussian"])
def test_score_and_map_are_those_of_training(backbone: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    graph = sized(backbone, HIGH, WIDE)
    extractor = Extractor(graph)
    features = np.stack([extractor.one(picture) for picture in pictures(6)]).astype(np.float16)
    projection = fit_projection(features, rng, components=24)
    z = np.stack([projection.apply(one) for one in features]).astype(np.float16)
    head: GoodHead = {
        "positional": lambda: fit_positional(z, directions=8),
        "bank": lambda: fit_bank_head(z, rng, size=12, used=16),
        "gaussian": lambda: fit_pooled(z, rng),
    }[kind]()
    scale = Scale(2.0, 0.5, 1.5, 0.25)
    model = good_only_model(graph, projection, head, scale)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for picture in pictures(8)[5:]:
        score, grid = session.run(["score", "map"], {"image": picture})
        distance = head.distance(projection.apply(extractor.one(picture)))
        worst, mean = summary_of(distance)
        assert score == pytest.approx(float(scale.fused(np.array(worst), np.array(mean))), rel=1e-3)
        assert grid == pytest.approx((blurred_map(distance) - 2.0) / 0.5, rel=1e-3, abs=1e-3)
