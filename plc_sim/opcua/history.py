"""The last values of each tag, for clients that missed some (OPC 10000-11): bounded, and gone at a restart."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua.server.history import HistoryStorageInterface

from plc_sim.opcua.stack import ua

KEPT = 600
"""Values kept of a tag: 16 bytes each, half an hour of one that is measured every three seconds."""
PAGE = 200
"""Values in one answer; a continuation point asks for those behind them."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class Ring:
    """The last values of one tag with their source times; an old half goes when a new one is full."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._times_us = array("q")
        self._values = array("d")

    def keep(self, value: float, at: datetime) -> None:
        """Add a value; times do not go back."""
        if len(self._values) >= 2 * self._kept:
            spare = len(self._values) - self._kept
            del self._times_us[:spare], self._values[:spare]
        self._times_us.append((at - _EPOCH) // _US)
        self._values.append(value)

    def between(self, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """Return the values of a stretch of time, both ends included, the oldest first."""
        oldest = max(len(self._values) - self._kept, 0)
        first = bisect_left(self._times_us, (start - _EPOCH) // _US, oldest)
        after = bisect_right(self._times_us, (end - _EPOCH) // _US, first)
        return [
            (_EPOCH + self._times_us[place] * _US, self._values[place])
            for place in range(first, after)
        ]


class TagHistory(HistoryStorageInterface):
    """The rings of a server's tags, in the shape that asyncua's history service asks for."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__(PAGE)
        self._kept = kept
        self._rings: dict[Any, Ring] = {}

    def ring(self, node_id: Any) -> Ring:
        """Return the ring of a tag, new at the first question."""
        return self._rings.setdefault(node_id, Ring(self._kept))

    def forget(self, node_id: Any) -> None:
        """Begin a tag's ring anew, as at a restart."""
        self._rings.pop(node_id, None)

    async def init(self) -> None:
        """Begin; there is nothing to open."""

    async def stop(self) -> None:
        """End; there is nothing to close."""

    async def read_node_history(
        self, node_id: Any, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[Any], datetime | None]:
        """Return a page of a tag's raw values and the time at which the next page begins.

        Args:
            start, end: None or the beginning of FILETIME: not bounded; `start` behind `end`: the newest first.
            nb_values: at most so many, 0: no limit.
        """
        ring = self._rings.get(node_id)
        if ring is None:
            return [], None
        lowest, highest = _bound(start, _EPOCH), _bound(end, datetime.max.replace(tzinfo=UTC))
        backwards = start is not None and lowest > highest
        found = ring.between(min(lowest, highest), max(lowest, highest))
        if backwards:
            found.reverse()
        if nb_values:
            found = found[:nb_values]
        following = found[PAGE][0] if len(found) > PAGE else None
        return [_data_value(value, at) for at, value in found[:PAGE]], following

    async def new_historized_node(self, node_id: Any, period: Any, count: int = 0) -> None:
        """Begin with a tag."""
        self.ring(node_id)

    async def save_node_value(self, node_id: Any, datavalue: Any) -> None:
        """Keep a value as asyncua brings it."""
        self.ring(node_id).keep(float(datavalue.Value.Value), datavalue.SourceTimestamp)

    async def new_historized_event(
        self, source_id: Any, evtypes: Any, period: Any, count: int = 0
    ) -> None:
        """Events are in the line's ledger, not here."""

    async def save_event(self, event: Any) -> None:
        """Events are in the line's ledger, not here."""

    async def read_event_history(
        self, source_id: Any, start: Any, end: Any, nb_values: int, evfilter: Any
    ) -> tuple[list[Any], None]:
        """Return nothing: events are in the line's ledger."""
        return [], None


def _bound(moment: datetime | None, open_end: datetime) -> datetime:
    if moment is None or moment <= ua.get_win_epoch():
        return open_end
    return moment


def _data_value(value: float, at: datetime) -> Any:
    return ua.DataValue(
        ua.Variant(value, ua.VariantType.Double), ua.StatusCode(ua.UInt32(0)), at, at
    )
