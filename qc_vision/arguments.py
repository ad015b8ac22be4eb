"""What the arguments of commands may be; what is wrong is said in the words of the command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Final

from qc_vision.shops import Shop

MOST: Final = 2**31 - 1


def whole(least: int, most: int = MOST, *, step: int = 1) -> Callable[[str], int]:
    """Return a reader of whole numbers from ``least`` to ``most``, multiples of ``step``."""
    of = f" and a multiple of {step}" if step > 1 else ""
    upto = f"{least} to {most}" if most < MOST else f"at least {least}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most or value % step:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {upto}{of}")
        return value

    return read


def share(text: str) -> float:
    """Read a share between 0 and 1, neither of them."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def shop(text: str) -> Shop:
    """Read a shop by its name."""
    try:
        return Shop(text)
    except ValueError:
        known = ", ".join(Shop)
        raise argparse.ArgumentTypeError(f"{text!r} is no shop; there are {known}") from None
