"""The mini plant with a camera that judges by itself."""

from __future__ import annotations

from pathlib import Path

from tests.support.lines import PLANTS

CAMERA = "weld-camera"
_PLAIN = 'scene = "welding", deadline_s = 60, image_px = 256 }'


def plant_with_vision_system(folder: Path, *, judge_s: float = 0.5, deadline_s: float = 60) -> Path:
    """Write the plant file, in which the weld camera is a vision system, and return where it lies."""
    text = (PLANTS / "mini.toml").read_text()
    assert text.count(_PLAIN) == 1
    told = f'scene = "welding", deadline_s = {deadline_s}, image_px = 256,'
    told += f" vision_system = {{ judge_s = {judge_s} }} }}"
    file = folder / "vision.toml"
    file.write_text(text.replace(_PLAIN, told))
    return file
