"""The four shops the library knows."""

from enum import StrEnum


class Shop(StrEnum):
    """A shop whose cameras the library can judge and render."""

    STAMPING = "stamping"
    WELDING = "welding"
    PAINTING = "painting"
    ASSEMBLY = "assembly"
