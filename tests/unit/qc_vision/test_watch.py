"""What good pictures look like is learned from half of them and proved on the other half."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from qc_vision.training.graph import OPSET
from qc_vision.training.watch import LEAST, fit_watch, watched

CHANNELS = 12


def good(count: int, seed: int = 3) -> np.ndarray:
    """Pictures that vary along two directions and hardly across them."""
    rng = np.random.default_rng(seed)
    ways = np.random.default_rng(9).normal(0, 1, (2, CHANNELS))
    return 5 + rng.normal(0, 1, (count, 2)) @ ways + rng.normal(0, 0.1, (count, CHANNELS))


def test_new_good_pictures_keep_the_limit_and_changed_ones_do_not() -> None:
    watch = fit_watch(good(200), np.random.default_rng(1))
    assert watch is not None
    far = np.linalg.norm(watch.numbers(good(300, seed=4)), axis=1)
    assert 0.85 < (far <= watch.limit).mean() < 0.99
    typical = np.median(watch.numbers(good(60, seed=5)), axis=0)
    assert np.linalg.norm(typical) < watch.limit / 2
    along = good(60, seed=6) + 12 * np.random.default_rng(9).normal(0, 1, (2, CHANNELS))[0]
    across = good(60, seed=7)
    across[:, 4] += 3.0
    for changed in (along, across):
        assert np.linalg.norm(np.median(watch.numbers(changed), axis=0)) > watch.limit


def test_of_too_few_pictures_nothing_is_said() -> None:
    assert fit_watch(good(LEAST - 1), np.random.default_rng(1)) is None


def test_pictures_that_are_all_alike_still_give_a_watch() -> None:
    watch = fit_watch(np.full((LEAST, CHANNELS), 2.0), np.random.default_rng(1))
    assert watch is not None
    assert np.isfinite(watch.numbers(good(5))).all()


def test_the_graph_computes_what_the_training_computed() -> None:
    watch = fit_watch(good(80), np.random.default_rng(1))
    assert watch is not None
    shape = [1, CHANNELS, 3, 4]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["score"])],
        "features",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    session = onnxruntime.InferenceSession(
        watched(model, ["score"], watch).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for pooled in good(5, seed=8):
        noise = np.random.default_rng(2).normal(0, 1, (CHANNELS, 3, 4))
        features = pooled[:, None, None] + noise - noise.mean(axis=(1, 2), keepdims=True)
        (found,) = session.run(["watch"], {"image": features[None].astype(np.float32)})
        assert found == pytest.approx(watch.numbers(pooled[None])[0], abs=2e-2)
