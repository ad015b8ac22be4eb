"""Pictures are counted by processes that judge at the same time, once all of them are ready."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from qc_vision.bench_rates import throughput
from qc_vision.packages import shipped
from qc_vision.shops import Shop


def a_jpeg(seed: int) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_every_core_judges_its_share() -> None:
    (figure,) = throughput(shipped()[Shop.WELDING], a_jpeg, 8)
    assert "images/s" in figure.name
    assert figure.value > 0


def test_a_package_that_cannot_be_loaded_ends_the_count(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="has failed"):
        list(throughput(tmp_path / "none", a_jpeg, 8))
