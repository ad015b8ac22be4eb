"""What a person may choose of a demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of `c2m demo`."""

    orders: Path | None = None
    """A ROADEF 2005 instance directory; None: a generated order book of `cars` orders."""
    reset: bool = False
    speed: float = 60.0
    """Plant seconds in a real second."""
    plant: Path | None = None
    """A plant file; None: the demo plant."""
    cars: int = 1_600
    seed: int = 1
