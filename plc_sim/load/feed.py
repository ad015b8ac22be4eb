"""Values of a load server, encoded by column with numpy.

The tags are sampled in turn: sample number g is of tag g mod N at the time start + g / rate, and its value is
how often the tag was sampled before. So the account of everything ever published is one number.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_VALUE_AND_TIMES = 0x01 | 0x04 | 0x08
_VALUE_STATUS_AND_TIMES = _VALUE_AND_TIMES | 0x02
_GOOD_OVERFLOW = 0x480
_UNIX_EPOCH_FT = 116_444_736_000_000_000
MIXED: tuple[tuple[int, str], ...] = ((11, "<f8"), (6, "<i4"), (10, "<f4"), (5, "<u2"), (8, "<i8"))
"""Type of value by tag number, when types are interleaved: Double, Int32, Float, UInt16, Int64."""
UNIFORM: tuple[tuple[int, str], ...] = ((11, "<f8"),)


def filetime(unix_s: float) -> int:
    """Return a time as FILETIME."""
    return _UNIX_EPOCH_FT + int(unix_s * 1e7)


@dataclass(slots=True)
class Feed:
    """The values of one subscription.

    Args:
        handles: client handle by tag number.
        rate: values a second over all tags.
        queue: values a tag that the server keeps; older ones are dropped, and the next has the overflow bit.
    """

    handles: NDArray[np.uint32]
    rate: float
    kinds: tuple[tuple[int, str], ...]
    queue: int
    started: float = field(default_factory=time.time)
    published: int = 0
    """Number of the next sample."""
    dropped: int = 0

    def due(self) -> int:
        """Return how many samples were taken and not published."""
        step = len(self.kinds)
        taken = int((time.time() - self.started) * self.rate) // step * step
        return max(taken - self.published, 0)

    def body(self) -> bytes:
        """Return the samples that are due as the body of a DataChangeNotification."""
        due, keep = self.due(), self.queue * len(self.handles)
        overflow = due > keep
        if overflow:
            self.dropped += due - keep
            self.published += due - keep
            due = keep
        items = self._items(self.published, due, overflow=overflow)
        self.published += due
        return struct.pack("<i", due) + items + struct.pack("<i", -1)

    def _items(self, first: int, count: int, *, overflow: bool) -> bytes:
        step = len(self.kinds)
        number = np.arange(first, first + count, dtype=np.int64)
        tag, turn = number % len(self.handles), number // len(self.handles)
        at = filetime(self.started) + (number * (1e7 / self.rate)).astype(np.int64)
        flagged = min(len(self.handles), count) // step * step if overflow else 0
        return b"".join(
            self._encode(rows, tag, turn, at, status=status)
            for rows, status in ((slice(0, flagged), _GOOD_OVERFLOW), (slice(flagged, count), None))
        )

    def _encode(
        self,
        rows: slice,
        tag: NDArray[np.int64],
        turn: NDArray[np.int64],
        at: NDArray[np.int64],
        *,
        status: int | None,
    ) -> bytes:
        tag, turn, at = tag[rows], turn[rows], at[rows]
        step = len(self.kinds)
        cycle = np.dtype([(str(n), _item(wire, status)) for n, (_, wire) in enumerate(self.kinds)])
        table = np.zeros(len(tag) // step, cycle)
        for n, (kind, _) in enumerate(self.kinds):
            item = table[str(n)]
            mine = slice(n, None, step)
            item["handle"] = self.handles[tag[mine]]
            item["mask"] = _VALUE_AND_TIMES if status is None else _VALUE_STATUS_AND_TIMES
            item["kind"] = kind
            item["value"] = turn[mine]
            if status is not None:
                item["status"] = status
            item["source"] = item["server"] = at[mine]
        return table.tobytes()


def _item(wire: str, status: int | None) -> np.dtype[np.void]:
    head = [("handle", "<u4"), ("mask", "u1"), ("kind", "u1"), ("value", wire)]
    middle = [] if status is None else [("status", "<u4")]
    return np.dtype([*head, *middle, ("source", "<i8"), ("server", "<i8")])
