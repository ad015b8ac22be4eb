"""Chance by name: the same seed and the same key always draw the same numbers, so nothing has to be kept."""

from __future__ import annotations

import random


def draws(seed: int, *key: object) -> random.Random:
    """Return the stream of chance that belongs to `key`: a station and its cycle, a camera and its request."""
    return random.Random("|".join(map(str, (seed, *key))))
