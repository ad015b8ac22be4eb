"""A head that knows what belongs where runs as it was trained, and learns from what it found hardest."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from qc_vision.backbones import FEATURES, INT8
from qc_vision.training.bank import fit_bank
from qc_vision.training.features import Extractor, sized
from qc_vision.training.graph import Fusion, inspection_model
from qc_vision.training.head import ENOUGH_TO_EXPECT, HeadData, PatchHead, plain, train_head
from qc_vision.training.make import Search, hardest
from qc_vision.training.samples import Sample

SIDE = 64


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(sized(INT8, SIDE, SIDE))


def pictures(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for _ in range(count)]


def an_expecting_head(classes: int = 1) -> PatchHead:
    torch.manual_seed(3)
    return PatchHead(classes, expects=True).eval()


def test_the_graph_expects_what_the_trained_head_expects(extractor: Extractor) -> None:
    head = an_expecting_head()
    seen = pictures(4, seed=1)
    features = np.stack([extractor.one(image).astype(np.float16) for image in seen])
    bank = fit_bank(features, np.random.default_rng(1), size=8, rounds=1)
    never = Fusion(0.0, 1.0, 1e9, 1.0)
    weights = plain(head, extractor.grid)
    model = inspection_model(sized(INT8, SIDE, SIDE), weights, bank, never)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for image in seen:
        with torch.no_grad():
            wanted = head(torch.from_numpy(extractor.one(image))[None])[0, 0].numpy()
        found = session.run(["map"], {"image": image})[0]
        assert np.allclose(found, wanted, atol=1e-3)


def test_the_same_patch_is_expected_by_where_it_lies_and_mirrored_with_its_picture() -> None:
    expectation = an_expecting_head().expectation
    assert expectation is not None
    patches = torch.rand(1, 64, 8, 8)
    with torch.no_grad():
        expected = expectation(patches, mirrored=False)
        mirrored = expectation(patches.flip(3), mirrored=True).flip(3)
    assert float(expected[0, 0].std()) > 1e-3
    assert torch.allclose(expected, mirrored, atol=1e-5)


@pytest.mark.parametrize("count", [12, ENOUGH_TO_EXPECT])
def test_only_many_pictures_teach_what_belongs_where(count: int) -> None:
    data = HeadData(
        np.ones((count, FEATURES, 2, 2), np.float16),
        np.zeros((count, 2, 2), np.int8),
        np.full(count, -1),
    )
    head = train_head(data, 0, epochs=1, seed=1, batch=count)
    assert (head.expectation is not None) == (count >= ENOUGH_TO_EXPECT)


def test_the_hardest_pictures_are_the_ones_learned_from(extractor: Extractor) -> None:
    head = an_expecting_head()
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:32, 16:32] = 255
    good = [Sample(image, None) for image in pictures(9, seed=5)]
    bad = [Sample(image, mask, "dent") for image in pictures(9, seed=6)]
    data = hardest(Search(good, bad, 2, 3), head, extractor, ("dent",), lambda _: None)
    assert len(data.features) == 5
    assert sorted(data.kinds.tolist()) == [-1, -1, 0, 0, 0]

    def highest(sample: Sample) -> float:
        with torch.no_grad():
            logits = head(torch.from_numpy(extractor.one(sample.image))[None])[0, 0].numpy()
        return float((logits if sample.mask is None else logits[2:4, 2:4]).max())

    worst = sorted(good, key=highest)[-2:] + sorted(bad, key=highest)[:3]
    wanted = {extractor.one(s.image).astype(np.float16).tobytes() for s in worst}
    assert {features.tobytes() for features in data.features} == wanted
