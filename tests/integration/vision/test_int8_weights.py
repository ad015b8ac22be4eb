"""Weights in 8 bits lose little, and no processor saturates on them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qc_vision.backbones import INT8
from qc_vision.packages import shipped
from qc_vision.training.quantise import PAIR_SUM, rounded


def pair_sums(q: np.ndarray) -> np.ndarray:
    """What two neighbours of each pointwise convolution's row add up to."""
    flat = q.reshape(len(q), -1).astype(int)
    return np.pad(flat, ((0, 0), (0, flat.shape[1] % 2))).reshape(len(q), -1, 2).sum(axis=2)


def matrix_products(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The int8 weights of all convolutions that run as matrix products of 16-bit pairs."""
    found = {}
    for weight in model.graph.initializer:
        q = numpy_helper.to_array(weight)
        if q.dtype == np.int8 and q.ndim == 4 and q.shape[1] > 1:
            found[weight.name] = q
    return found


def worst_sum(q: np.ndarray) -> int:
    """The largest sum of two neighbours; of larger kernels, whose order depends on the layout, of any two."""
    if q.shape[2:] == (1, 1):
        return int(np.abs(pair_sums(q)).max())
    return 2 * int(np.abs(q.astype(int)).max())


def test_the_backbone_that_ships_saturates_on_no_processor() -> None:
    products = matrix_products(onnx.load(str(INT8)))
    assert len(products) == 22
    assert max(worst_sum(q) for q in products.values()) <= PAIR_SUM
    assert max(int(np.abs(q.astype(int)).max()) for q in products.values()) > 100, "all of 8 bits"


@pytest.mark.parametrize("shop", list(shipped()))
def test_packages_that_ship_saturate_on_no_processor(shop: str) -> None:
    model = onnx.load(str(shipped()[shop] / "model.onnx"))
    assert max(worst_sum(q) for q in matrix_products(model).values()) <= PAIR_SUM


@pytest.mark.parametrize("inputs", [24, 33])
def test_rounding_loses_little_more_than_eight_bits_must(inputs: int) -> None:
    rng = np.random.default_rng(3)
    weight = rng.normal(0, 0.1, (40, inputs, 1, 1)).astype(np.float32)
    q, scale = rounded(weight)
    assert np.abs(pair_sums(q)).max() <= PAIR_SUM
    back = q * scale[:, None, None, None]
    step = np.abs(weight).reshape(40, -1).max(axis=1) / 127
    unavoidable = np.sqrt(np.square(step).mean() / 12)
    assert np.sqrt(np.square(back - weight).mean()) < 1.5 * unavoidable


def test_a_channel_without_weights_keeps_its_bias_in_32_bits() -> None:
    weight = np.zeros((2, 8, 1, 1), np.float32)
    weight[0, 3] = 0.5
    q, scale = rounded(weight, np.array([0.0, 1e-4], np.float32))
    assert q[0, 3, 0, 0] * scale[0] == pytest.approx(0.5, rel=0.01)
    assert not q[1].any()
    assert scale[1] == pytest.approx(1e-4)
