"""The plants of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import mes
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import load_plant

PLANTS = Path(mes.__file__).parent / "resources" / "plants"


@pytest.fixture(scope="session")
def mini_plant() -> PlantModel:
    """The small plant whose lead time is at most half an hour of plant time."""
    return load_plant(PLANTS / "mini.toml")


@pytest.fixture(scope="session")
def demo_plant() -> PlantModel:
    """The plant of `c2m demo`."""
    return load_plant(PLANTS / "demo.toml")
