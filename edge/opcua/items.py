"""The monitored items of one session by client handle, as columns, and what a notification says of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from numpy.typing import NDArray

from edge.opcua.bulk import Values, empty
from edge.opcua.publication import store, value_at
from edge.opcua.wanted import Sink, Wanted

_OVERFLOW = np.uint32(0x480)
"""InfoType DataValue with the Overflow bit: the server dropped values of this item (OPC 10000-4 §7.39)."""
NO_NODE = (StatusCodes.BadNodeIdUnknown, StatusCodes.BadNodeIdInvalid)
"""What a server says of a node that it has no more; nothing need come of the item from then on."""
_CODE = np.uint32(0xFFFF0000)
"""Severity and sub-code of a status, without the flags that only notifications carry."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """The values of one notification. `gone`: handles of items whose node the server has no more."""

    telemetry: Telemetry | None
    changes: list[Change]
    gone: list[int]


class Items:
    """What is monitored, by client handle; handles count from 1.

    What each item showed last and when it was heard (monotonic seconds) is kept for `edge.opcua.vigil`.
    """

    def __init__(self) -> None:
        self._wanted: list[Wanted | None] = [None]
        self._tag = np.zeros(64, np.int64)
        self._queue = np.zeros(64, np.int64)
        self._fresh = np.zeros(64, np.bool_)
        self._known = np.zeros(64, np.bool_)
        self._id = np.zeros(64, np.int64)
        self._settle_s = np.zeros(64)
        self._begun = np.zeros(64)
        self._heard = np.zeros(64)
        self._checked = np.zeros(64)
        self._value = np.zeros(64)
        self._status = np.zeros(64, np.uint32)
        self._deadband = np.zeros(64)
        self._other: dict[int, object] = {}

    def add(self, item: Wanted) -> int:
        """Take an item and return its handle; its first value will be the current one."""
        handle = len(self._wanted)
        self._wanted.append(item)
        if handle >= len(self._known):
            for name, column in vars(self).items():
                if isinstance(column, np.ndarray):
                    setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        self._tag[handle] = item.tag_id if item.sink is Sink.TELEMETRY else 0
        self._deadband[handle] = item.deadband
        self._fresh[handle] = self._known[handle] = True
        return handle

    def confirm(self, handle: int, *, queue: int, monitored_id: int, settle_s: float) -> None:
        """Note what the server has made of an item.

        Args:
            queue: how many values it keeps.
            monitored_id: its own number of the item.
            settle_s: within this time it tells a change.
        """
        self._queue[handle] = queue
        self._id[handle] = monitored_id
        self._settle_s[handle] = settle_s

    def drop(self, handle: int) -> tuple[Wanted, int]:
        """Forget an item; returns it with the server's number of it, 0: it was never confirmed."""
        item = self.wanted(handle)
        self._wanted[handle] = None
        self._known[handle] = False
        self._other.pop(handle, None)
        return item, int(self._id[handle])

    def wanted(self, handle: int) -> Wanted:
        """Return the item of a handle that is monitored."""
        item = self._wanted[handle]
        assert item is not None  # noqa: S101  # a known handle has its item
        return item

    def handles(self) -> dict[Wanted, int]:
        """Return what is monitored, with the handle of each."""
        return {item: handle for handle, item in enumerate(self._wanted) if item is not None}

    def monitors(self, handle: int) -> bool:
        """Whether the item is still monitored."""
        return bool(self._known[handle])

    def settle_s(self, handle: int) -> float:
        """Within what time the server tells a change of the item."""
        return float(self._settle_s[handle])

    def heard_since(self, handle: int, moment: float) -> bool:
        """Whether anything came of an item since a moment (monotonic)."""
        return bool(self._heard[handle] > moment)

    def has_news(self, handle: int) -> bool:
        """Whether more than its first value came of an item."""
        return bool(self._heard[handle] > self._begun[handle] > 0)

    def quiet(self, *, now: float, for_s: float, most: int) -> list[int]:
        """Return confirmed items that were not heard for so long and mark them as checked.

        Those that have fallen quiet since they were checked come first, then those checked longest ago.
        """
        handles = np.nonzero(self._known & (self._begun > 0) & (self._id > 0))[0]
        handles = handles[self._heard[handles] < now - for_s]
        checked = self._checked[handles]
        checked[checked <= self._heard[handles]] = 0
        due = handles[np.argsort(checked, kind="stable")[:most]]
        self._checked[due] = now
        return [int(handle) for handle in due]

    def shows(self, handle: int, answer: ua.DataValue) -> bool:
        """Whether what was read is what the item brought last, or within its deadband of that.

        A bad answer says nothing against it.
        """
        if answer.StatusCode is not None and answer.StatusCode.is_bad():
            return True
        if handle in self._other:
            return bool(self._other[handle] == _plain(answer))
        read = empty(1, b"")
        store(read, 0, answer)
        told = self._value[handle : handle + 1]
        near = bool(abs(read.value[0] - told[0]) <= self._deadband[handle])
        return (near or np.array_equal(read.value, told, equal_nan=True)) and bool(
            (read.status[0] ^ self._status[handle]) & _CODE == 0
        )

    def sort(self, values: Values) -> Sorted:
        """Split the values of a notification into telemetry and the rest; values of unknown items are dropped."""
        handle = values.handle.astype(np.int64)
        known = handle < len(self._known)
        known &= self._known[np.where(known, handle, 0)]
        gone: list[int] = []
        if values.status.any():
            code = values.status & _CODE
            no_node = known & ((code == NO_NODE[0]) | (code == NO_NODE[1]))
            gone = [int(one) for one in np.unique(handle[no_node])]
            known &= ~no_node
        tag = np.where(known, self._tag[np.where(known, handle, 0)], 0)
        rows = np.nonzero(tag > 0)[0]
        others = np.nonzero(known & (tag == 0))[0]
        telemetry = self._telemetry(values, rows, tag, handle) if len(rows) else None
        changes = [self._change(values, int(row), int(handle[row])) for row in others]
        return Sorted(telemetry, changes, gone)

    def _change(self, values: Values, row: int, handle: int) -> Change:
        change = Change(self.wanted(handle), value_at(values, row))
        self._other[handle] = _plain(change.value)
        self._heard[handle] = time.monotonic()
        if self._fresh[handle]:
            self._fresh[handle] = False
            self._begun[handle] = self._heard[handle]
        return change

    def _telemetry(
        self,
        values: Values,
        rows: NDArray[np.intp],
        tag: NDArray[np.int64],
        handle: NDArray[np.int64],
    ) -> Telemetry:
        status, value, mine = values.status[rows], values.value[rows], handle[rows]
        now = time.monotonic()
        self._heard[mine], self._value[mine], self._status[mine] = now, value, status
        first, full = self._first_and_full(mine, now)
        return Telemetry(
            tag[rows],
            values.kind[rows],
            value,
            status,
            values.source_ft[rows],
            values.server_ft[rows],
            first,
            full | (status & _OVERFLOW == _OVERFLOW),
        )

    def _first_and_full(
        self, handle: NDArray[np.int64], now: float
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
            self._begun[found[fresh[found]]] = now
            self._fresh[found] = False
        return first, full


def _plain(data: ua.DataValue) -> object:
    return data.Value.Value if data.Value is not None else None
