"""Which values are numbers: what is kept of the others, and the tags that are named for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import structlog
from asyncua.ua.status_codes import StatusCodes
from numpy.typing import NDArray

from edge.opcua.bulk import FIRST_NUMBER, LAST_NUMBER
from edge.opcua.items import Telemetry

log = structlog.get_logger(__name__)

BAD_TYPE = StatusCodes.BadTypeMismatch
_BAD = 2
"""Severity of a bad status: its two highest bits."""


@dataclass(slots=True)
class NumberWatch:
    """Reads values as numbers, and names a tag when it stops or begins to have them.

    Args:
        name: what a tag is called.
    """

    name: Callable[[int], str]
    not_numbers: set[str] = field(default_factory=set)
    """Tags whose last value was no finite number."""

    def read(self, values: Telemetry) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
        """Return the values as numbers (NaN where there is none) and their status."""
        good = values.status >> 30 != _BAD
        typed = (values.kind >= FIRST_NUMBER) & (values.kind <= LAST_NUMBER)
        number = np.where(good & typed, values.value, np.nan)
        status = np.where(good & ~typed, np.uint32(BAD_TYPE), values.status)
        odd = good & ~(typed & np.isfinite(values.value))
        if self.not_numbers or odd.any():
            self._name_odd(values, good, odd, typed)
        return number, status

    def _name_odd(
        self,
        values: Telemetry,
        good: NDArray[np.bool_],
        odd: NDArray[np.bool_],
        typed: NDArray[np.bool_],
    ) -> None:
        """Name a tag once when its values are no numbers, and once when they are again."""
        for tag, row in _last_rows(values.tag_id[good], np.nonzero(good)[0]):
            name = self.name(tag)
            if odd[row] and name not in self.not_numbers:
                self.not_numbers.add(name)
                what = f"type {values.kind[row]}" if not typed[row] else str(values.value[row])
                log.warning("tag.not_a_number", tag=name, value=what)
            elif not odd[row] and name in self.not_numbers:
                self.not_numbers.discard(name)
                log.info("tag.number_again", tag=name)


def _last_rows(tag_id: NDArray[np.int64], rows: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return each tag with the row of its last value."""
    tags, where = np.unique(tag_id[::-1], return_index=True)
    return list(zip(tags.tolist(), rows[::-1][where].tolist(), strict=True))
