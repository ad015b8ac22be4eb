"""Known defects are set where they were never seen, and only there the picture changes."""

from __future__ import annotations

import numpy as np

from qc_vision.synth import Shop
from qc_vision.training.samples import Sample, rendered
from qc_vision.training.transplant import cuttings, transplant

SIZE = 128


def _picture(kind: str | None, seed: int) -> Sample:
    return next(rendered(Shop.ASSEMBLY, [kind], range(seed, seed + 1), SIZE))


def test_a_small_defect_is_cut_out_and_a_large_one_is_not() -> None:
    assert len(cuttings([_picture("missing_clip", 3)])) == 1
    assert cuttings([_picture("wrong_variant", 3), _picture(None, 4)]) == []


def test_a_transplanted_defect_changes_its_place_alone() -> None:
    good = _picture(None, 5).image
    known = cuttings([_picture("missing_clip", seed) for seed in range(6)])
    spoiled = transplant(good, known, np.random.default_rng(2))
    assert spoiled.mask is not None
    assert spoiled.kind is None
    changed = np.abs(spoiled.image.astype(int) - good).max(axis=2) > 0
    rows, columns = np.nonzero(spoiled.mask)
    around = np.zeros_like(changed)
    around[rows.min() - 12 : rows.max() + 13, columns.min() - 12 : columns.max() + 13] = True
    assert changed.any()
    assert not (changed & ~around).any()
    assert changed[spoiled.mask > 127].mean() > 0.5


def test_the_same_seed_gives_the_same_picture() -> None:
    good = _picture(None, 5).image
    known = cuttings([_picture("missing_clip", seed) for seed in range(6)])
    one, other = (transplant(good, known, np.random.default_rng(9)).image for _ in range(2))
    assert np.array_equal(one, other)
