"""The graph of a good-only model computes what its parts computed in training, at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from qc_vision.backbones import FLOAT, INT8
from qc_vision.training.features import Extractor, sized
from qc_vision.training.good_graph import Scale, good_only_model
from qc_vision.training.heads import (
    GoodHead,
    fit_bank_head,
    fit_pooled,
    fit_positional,
    fit_projection,
)
from qc_vision.training.reading import fit_reading, roughness_of

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
    distances = np.stack([head.distance(one.astype(np.float32)) for one in z])
    roughness = np.stack([roughness_of(picture) for picture in pictures(6)])
    reading, _, _ = fit_reading(distances, roughness, np.arange(6) % 3)
    scale = Scale((2.0, 1.5, 1.0, 0.5), (0.5, 0.25, 1.0, 2.0), 3.0, 0.5)
    model = good_only_model(graph, projection, head, reading, scale)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for picture in pictures(8)[5:]:
        score, grid = session.run(["score", "map"], {"image": picture})
        distance = head.distance(projection.apply(extractor.one(picture)))
        wanted = float(scale.fused(reading.statistics(distance, roughness_of(picture))))
        assert score == pytest.approx(wanted, rel=2e-3, abs=2e-3)
        wanted_map = scale.heat(reading.shown(distance, roughness_of(picture)))
        assert grid == pytest.approx(wanted_map, rel=2e-3, abs=2e-3)
