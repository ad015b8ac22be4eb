"""Data change notifications decoded by column with numpy, instead of value by value.

A notification is a sequence of items: client handle (u32), a mask, and what the mask names: value, status,
source time and picoseconds, server time and picoseconds (OPC 10000-6 §5.2.2.17). Mask and type of value give
the width of an item, so that a run of equal items is an array, and items of mixed types are found by one
look-up each. Times stay int64 FILETIME. Measured on one core: 0.03 µs a value in runs, 0.3 µs where each item
has another type than the one before it; asyncua takes 8 to 15 µs.

What is not a number, a time or a status code (strings, arrays, structures) is left to the caller.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

HAS_VALUE, HAS_STATUS, HAS_SOURCE, HAS_SERVER, HAS_SOURCE_PS, HAS_SERVER_PS = 1, 2, 4, 8, 16, 32
FIRST_NUMBER, LAST_NUMBER = 1, 11
"""Kinds from Boolean to Double (OPC 10000-6 table 1): what `value` holds as a number."""
MAX_FILETIME = 2_650_467_743_990_000_000
"""31 December 9999; later times are cut to it, as asyncua does."""
RUN_BEGINS_AT = 12
"""So many equal items in a row are taken for the beginning of a run."""

_FORMATS = {
    0: "",
    1: "u1",
    2: "i1",
    3: "u1",
    4: "<i2",
    5: "<u2",
    6: "<i4",
    7: "<u4",
    8: "<i8",
    9: "<u8",
    10: "<f4",
    11: "<f8",
    13: "<i8",
    19: "<u4",
}
"""Kinds of fixed width: no value, numbers, DateTime, StatusCode."""
_COUNT = struct.Struct("<i")


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Values of one notification by column, in the order of the message.

    `kind`: the type of the value (OPC 10000-6 table 1; 0x80: an array), `value`: the number, NaN where it is
    none; times are FILETIME, 0 where there is none. `offset`: where the item begins in `body`, for whoever needs
    one value as it was sent.
    """

    handle: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ft: NDArray[np.int64]
    server_ft: NDArray[np.int64]
    offset: NDArray[np.int64]
    body: bytes

    def __len__(self) -> int:
        return len(self.handle)


def empty(count: int, body: bytes) -> Values:
    """Return columns for `count` values that say: no value, status good, no times."""
    return Values(
        np.zeros(count, np.uint32),
        np.zeros(count, np.uint8),
        np.full(count, np.nan),
        np.zeros(count, np.uint32),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        body,
    )


def decode_values(body: bytes) -> Values | None:
    """Decode the body of a DataChangeNotification; None when an item has no fixed width, or the body is torn."""
    if len(body) < _COUNT.size:
        return None
    (count,) = _COUNT.unpack_from(body)
    if count <= 0:
        return empty(0, body)
    if count > len(body) // 5:
        return None
    found = empty(count, body)
    return found if _Walk(body, found).run() else None


class _Walk:
    """From item to item; what lies in runs is taken at once, the rest is gathered by kind at the end."""

    def __init__(self, body: bytes, into: Values) -> None:
        self._body, self._into = body, into
        self._raw = np.frombuffer(body, np.uint8)

    def run(self) -> bool:
        """Fill the columns; False when an item cannot be decoded here."""
        body, count, steps = self._body, len(self._into), _steps()
        singles: list[int] = []
        place, done, key, alike = _COUNT.size, 0, -1, 0
        try:
            while done < count:
                before, key = key, body[place + 4] << 8 | body[place + 5]
                step = steps[key]
                if not step:
                    return False
                alike = alike + 1 if key == before else 0
                if alike == RUN_BEGINS_AT:
                    taken = self._run_length(place, step, key, count - done)
                    self._take_run(place, key, done, taken)
                    place, done, alike = place + taken * step, done + taken, 0
                else:
                    singles.append(place)
                    place, done = place + step, done + 1
        except (IndexError, ValueError):  # the body ends inside an item
            return False
        if place > len(body):
            return False
        self._take_singles(np.array(singles, np.int64))
        return True

    def _run_length(self, place: int, step: int, key: int, most: int) -> int:
        """Count the items from `place` on that have this mask and type."""
        raw, mask, kind = self._raw, key >> 8, key & 0xFF
        most = min(most, (len(raw) - place) // step)
        length, look = 0, 256
        while length < most:
            look = min(look, most - length)
            first = place + length * step
            last = first + (look - 1) * step
            same = raw[first + 4 : last + 5 : step] == mask
            if mask & HAS_VALUE:
                same &= raw[first + 5 : last + 6 : step] == kind
            if not same.all():
                return length + int(same.argmin())
            length, look = length + look, look * 8
        return max(length, 1)

    def _take_run(self, place: int, key: int, done: int, taken: int) -> None:
        layout = _layout(key)
        rows = slice(done, done + taken)
        items = np.frombuffer(self._body, layout, taken, place)
        self._into.offset[rows] = np.arange(taken) * layout.itemsize + place
        self._store(items, key, rows)

    def _take_singles(self, offsets: NDArray[np.int64]) -> None:
        """Take the items outside of runs, those of one kind together."""
        rows = np.nonzero(self._into.offset == 0)[0]
        self._into.offset[rows] = offsets
        keys = self._raw[offsets + 4].astype(np.uint16) << 8
        with_value = (keys >> 8) & HAS_VALUE != 0
        keys[with_value] |= self._raw[offsets[with_value] + 5]
        for key in np.unique(keys).tolist():
            mine = keys == key
            layout = _layout(key)
            windows = as_strided(
                self._raw, (len(self._raw) - layout.itemsize + 1, layout.itemsize), (1, 1)
            )
            items = windows[offsets[mine]].view(layout)[:, 0]
            self._store(items, key, rows[mine])

    def _store(self, items: NDArray[np.void], key: int, rows: slice | NDArray[np.intp]) -> None:
        into, mask = self._into, key >> 8
        into.handle[rows] = items["handle"]
        if mask & HAS_VALUE:
            kind = key & 0xFF
            into.kind[rows] = kind
            if FIRST_NUMBER <= kind <= LAST_NUMBER:
                into.value[rows] = items["value"] if kind > 1 else items["value"] != 0
        if mask & HAS_STATUS:
            into.status[rows] = items["status"]
        if mask & HAS_SOURCE:
            into.source_ft[rows] = np.clip(items["source"], 0, MAX_FILETIME)
        if mask & HAS_SERVER:
            into.server_ft[rows] = np.clip(items["server"], 0, MAX_FILETIME)


@cache
def _layout(key: int) -> np.dtype[np.void]:
    """Return how an item of this mask (high byte) and type of value (low byte) lies in the message."""
    mask = key >> 8
    fields = [("handle", "<u4"), ("mask", "u1")]
    if mask & HAS_VALUE:
        fields.append(("kind", "u1"))
        if key & 0xFF:
            fields.append(("value", _FORMATS[key & 0xFF]))
    fields += [
        field
        for bit, field in (
            (HAS_STATUS, ("status", "<u4")),
            (HAS_SOURCE, ("source", "<i8")),
            (HAS_SOURCE_PS, ("source_ps", "<u2")),
            (HAS_SERVER, ("server", "<i8")),
            (HAS_SERVER_PS, ("server_ps", "<u2")),
        )
        if mask & bit
    ]
    return np.dtype(fields)


@cache
def _steps() -> list[int]:
    """Return the width of an item by mask and type (which says nothing without a value); 0: not fixed."""
    steps = [0] * 0x10000
    for mask in range(0x40):
        for kind in _FORMATS if mask & HAS_VALUE else range(0x100):
            steps[mask << 8 | kind] = _layout(
                mask << 8 | (kind if mask & HAS_VALUE else 0)
            ).itemsize
    return steps
