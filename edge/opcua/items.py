"""The monitored items of one session by client handle, as columns, and what a notification says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from edge.opcua.bulk import Values
from edge.opcua.publication import value_at
from edge.opcua.wanted import Sink, Wanted

_OVERFLOW = np.uint32(0x480)
"""InfoType DataValue with the Overflow bit: the server dropped values of this item (OPC 10000-4 §7.39)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value of an item that is not telemetry."""

    item: Wanted
    value: ua.DataValue


@dataclass(frozen=True, slots=True, eq=False)
class Telemetry:
    """Values of tags by column, in the order of the notification.

    `kind`, `value`, `status`, `source_ft`, `server_ft` as in `bulk.Values`. `first` marks the current value that
    is sent when an item is created. `overflow`: values before it may be missing, for the server's queue of this
    item was full.
    """

    tag_id: NDArray[np.int64]
    kind: NDArray[np.uint8]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ft: NDArray[np.int64]
    server_ft: NDArray[np.int64]
    first: NDArray[np.bool_]
    overflow: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tag_id)

    def keep(self, rows: NDArray[np.bool_]) -> Telemetry:
        """Return these rows only."""
        return Telemetry(*(getattr(self, name)[rows] for name in self.__slots__))


class Items:
    """What is monitored, by client handle; handles count from 1."""

    def __init__(self) -> None:
        self._wanted: list[Wanted | None] = [None]
        self._tag = np.zeros(64, np.int64)
        self._queue = np.zeros(64, np.int64)
        self._fresh = np.zeros(64, np.bool_)
        self._known = np.zeros(64, np.bool_)

    def add(self, item: Wanted) -> int:
        """Take an item and return its handle; its first value will be the current one."""
        handle = len(self._wanted)
        self._wanted.append(item)
        if handle >= len(self._known):
            for name in ("_tag", "_queue", "_fresh", "_known"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        self._tag[handle] = item.tag_id if item.sink is Sink.TELEMETRY else 0
        self._fresh[handle] = self._known[handle] = True
        return handle

    def confirm(self, handle: int, *, queue: int) -> None:
        """Note how many values the server keeps for an item."""
        self._queue[handle] = queue

    def drop(self, handle: int) -> None:
        """Forget an item that the server refused."""
        self._wanted[handle] = None
        self._known[handle] = False

    def sort(self, values: Values) -> tuple[Telemetry | None, list[Change]]:
        """Split the values of a notification into telemetry and the rest; values of unknown items are dropped."""
        handle = values.handle.astype(np.int64)
        known = handle < len(self._known)
        known &= self._known[np.where(known, handle, 0)]
        tag = np.where(known, self._tag[np.where(known, handle, 0)], 0)
        rows = np.nonzero(tag > 0)[0]
        others = np.nonzero(known & (tag == 0))[0]
        telemetry = self._telemetry(values, rows, tag, handle) if len(rows) else None
        return telemetry, [self._change(values, int(row), int(handle[row])) for row in others]

    def _change(self, values: Values, row: int, handle: int) -> Change:
        item = self._wanted[handle]
        assert item is not None  # noqa: S101  # a known handle has its item
        return Change(item, value_at(values, row))

    def _telemetry(
        self,
        values: Values,
        rows: NDArray[np.intp],
        tag: NDArray[np.int64],
        handle: NDArray[np.int64],
    ) -> Telemetry:
        status = values.status[rows]
        first, full = self._first_and_full(handle[rows])
        return Telemetry(
            tag[rows],
            values.kind[rows],
            values.value[rows],
            status,
            values.source_ft[rows],
            values.server_ft[rows],
            first,
            full | (status & _OVERFLOW == _OVERFLOW),
        )

    def _first_and_full(
        self, handle: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Mark the first value of new items, and the first of items whose queue was full.

        Not every server sets the overflow bit, but a notification that brings as many values of an item as the
        server keeps comes from a full queue. A queue of one holds the newest value by design and says nothing.
        """
        first, full = np.zeros(len(handle), np.bool_), np.zeros(len(handle), np.bool_)
        counts = np.bincount(handle)
        queue = self._queue[: len(counts)]
        filled = (counts >= queue) & (queue > 1)
        fresh = self._fresh[: len(counts)] & (counts > 0)
        if filled.any() or fresh.any():
            found, where = np.unique(handle, return_index=True)
            first[where] = fresh[found]
            full[where] = filled[found]
            self._fresh[found] = False
        return first, full
