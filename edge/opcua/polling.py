"""Reads values at their rates from a server that offers no subscriptions worth having.

A round reads every node of one rate, many in a call, within the server's OperationLimits. What shows another value
or status than before goes the way of a notification: the same columns, the same journal, the same gap rows. What
changed and changed back between two rounds nobody saw: that is sampling. A number that differs by no more than its
deadband from the one told last is not news. A round that came late is a gap row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import structlog
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_to_binary

from edge.opcua.items import Sorted
from edge.opcua.link import Link
from edge.opcua.nodes import UnknownNode
from edge.opcua.publication import read_values
from edge.opcua.table import ItemTable, Notification
from edge.opcua.wanted import Sink, Wanted, by_rate
from mes.contracts.wire import to_filetime

log = structlog.get_logger(__name__)

NODES_PER_READ = 1000
"""When the server states no limit (OperationLimits)."""
FEWEST_PER_READ = 10
LATE = 2.0
"""A round that begins after so many of its intervals was missed: values between may have gone unseen."""
LATE_AT_LEAST_S = 0.5
"""A delay shorter than this is none: the agent itself is not on time to the millisecond."""
LONGEST_MISS_S = 60.0
"""Rounds that are late one after the other share a gap row, but not for longer than this."""
_MAX_NODES_NODE = f"i={ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead}"
TOO_MANY = (
    ua.uaerrors.BadTooManyOperations,
    ua.uaerrors.BadEncodingLimitsExceeded,
    ua.uaerrors.BadResponseTooLarge,
    ua.uaerrors.BadRequestTooLarge,
)
"""What a server answers that cannot take so many nodes in one call, whatever it states."""

OnMissed = Callable[[Sequence[int], float, float], None]
"""Called with tag ids and, in real seconds before now, when the last round in time was and when the next one."""


class PollTable(ItemTable):
    """All that is read from one session again and again; stands where `SubscriptionTable` stands.

    Args:
        deliver: called for each round that brought something new; must not block.
        on_refused: called when the server has no such node, with its reason.
        on_missed: called when rounds were missed.
    """

    def __init__(
        self,
        link: Link,
        deliver: Callable[[Notification], None],
        on_refused: Callable[[Wanted, str], None] = lambda _item, _reason: None,
        on_missed: OnMissed = lambda _tags, _since, _until: None,
    ) -> None:
        super().__init__(link, deliver, on_refused)
        self._on_missed = on_missed
        self._per_read = NODES_PER_READ
        self._rounds = 0
        self._round_s = 0.0
        self._shown: dict[int, tuple[object, int]] = {}

    async def run(self, wanted: Sequence[Wanted]) -> None:
        """Read until the session fails.

        Raises:
            SubscriptionLost: other items are wanted.
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        self._per_read = await self._stated_limit(_MAX_NODES_NODE, unstated=NODES_PER_READ)
        self.last_data = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for rate_ms, group in by_rate(wanted).items():
                tasks.create_task(self._poll_forever(rate_ms / 1000, group))
            tasks.create_task(self._watch_loss())

    def acknowledge(self, notification: Notification) -> None:
        """Do nothing: a server keeps nothing of what was read."""

    @property
    def publish_round_trip_s(self) -> float:
        """How long the last round of reading took."""
        return self._round_s

    async def change(self, wanted: Sequence[Wanted]) -> None:
        """End the session: the next one reads these items."""
        self.lose(f"{len(wanted)} items are wanted from now on")

    async def _poll_forever(self, every_s: float, group: Sequence[Wanted]) -> None:
        nodes = self._resolved(group)
        watch = _Rounds(every_s, [item.tag_id for item in group if item.tag_id], self._on_missed)
        due = time.monotonic()
        while nodes:
            began = time.monotonic()
            watch.began(began)
            await self._round(nodes)
            self._round_s = time.monotonic() - began
            due = max(due + every_s, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def _resolved(self, group: Sequence[Wanted]) -> dict[int, ua.ReadValueId]:
        """Return what to read by handle; nodes that this server cannot have are refused."""
        nodes = {}
        for item in group:
            try:
                node = self._link.namespaces.resolve(item.node)
            except UnknownNode as error:
                self._refuse(item, str(error))
                continue
            nodes[self._add(item)] = ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value)
        return nodes

    def _add(self, item: Wanted) -> int:
        handle = self._items.add(item)
        self._items.confirm(handle, queue=1, monitored_id=0, settle_s=0.0)
        return handle

    async def _round(self, nodes: dict[int, ua.ReadValueId]) -> None:
        """Read every node once; each answer is delivered as it comes."""
        handles = list(nodes)
        start = 0
        while start < len(handles):
            part = handles[start : start + self._per_read]
            try:
                answers = await self._read([nodes[handle] for handle in part])
            except TOO_MANY as refusal:
                if self._per_read <= FEWEST_PER_READ:
                    raise
                self._per_read = max(min(self._per_read, len(part)) // 2, FEWEST_PER_READ)
                log.info("polling.fewer_nodes", reason=repr(refusal), nodes=self._per_read)
                continue
            start += len(part)
            self._take(dict(zip(part, answers, strict=True)), nodes)

    async def _read(self, nodes: list[ua.ReadValueId]) -> list[ua.DataValue]:
        return await self._link.session.read(
            ua.ReadParameters(
                MaxAge=0.0, TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=nodes
            )
        )

    def _take(self, answers: Mapping[int, ua.DataValue], nodes: dict[int, ua.ReadValueId]) -> None:
        """Deliver what shows something else than before."""
        self.last_data = time.monotonic()
        self.heard.set()
        news = {handle: data for handle, data in answers.items() if self._is_news(handle, data)}
        if not news:
            return
        told = [ua.MonitoredItemNotification(handle, data) for handle, data in news.items()]
        body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=told))
        found = self._items.sort(read_values(body))
        self._rounds += 1
        self._note_back(news.keys() - set(found.gone))
        self._deliver(
            Notification(
                0,
                self._rounds,
                (found.telemetry,) if found.telemetry is not None else (),
                tuple(found.changes),
                missed=False,
                published_ft=_server_time(found),
            )
        )
        for handle in found.gone:
            self._gone(handle, nodes)

    def _is_news(self, handle: int, data: ua.DataValue) -> bool:
        value = data.Value.Value if data.Value is not None else None
        status = data.StatusCode.value if data.StatusCode is not None else 0
        shown = (value, status)
        deadband = self._items.wanted(handle).deadband
        if handle in self._shown and _same(self._shown[handle], shown, deadband=deadband):
            return False
        self._shown[handle] = shown
        return True

    def _note_back(self, handles: set[int]) -> None:
        if not self.quarantined:
            return
        for handle in handles:
            item = self._items.wanted(handle)
            if self.quarantined.pop(item, None) is not None:
                log.info("node.back", nodes=[item.node], count=1)

    def _gone(self, handle: int, nodes: dict[int, ua.ReadValueId]) -> None:
        """Go on reading a node that the server has no more; what it shows when it is back is a first value."""
        item, _ = self._items.drop(handle)
        again = self._add(item)
        nodes[again] = nodes.pop(handle)
        self._shown[again] = self._shown.pop(handle)
        self._refuse(item, "BadNodeIdUnknown")

    def _refuse(self, item: Wanted, reason: str) -> None:
        if item not in self.quarantined:
            self.quarantined[item] = reason
            log.warning("node.bad", nodes={item.node: reason}, count=1)
            self._on_refused(item, reason)


class _Rounds:
    """Notices rounds that come late, and says so when one is in time again."""

    def __init__(self, every_s: float, tags: Sequence[int], on_missed: OnMissed) -> None:
        self._allowed_s = max(LATE * every_s, every_s + LATE_AT_LEAST_S)
        self._tags = tags
        self._on_missed = on_missed
        self._last: float | None = None
        self._since: float | None = None

    def began(self, now: float) -> None:
        """Note that a round begins (monotonic seconds)."""
        before, self._last = self._last, now
        if before is None or not self._tags:
            return
        late = now - before > self._allowed_s
        if late and self._since is None:
            self._since = before
        if self._since is not None and (not late or now - self._since > LONGEST_MISS_S):
            until = now if late else before
            self._on_missed(self._tags, now - self._since, now - until)
            self._since = now if late else None


def _same(one: tuple[object, int], other: tuple[object, int], *, deadband: float) -> bool:
    """Whether two values, but for a deadband, and statuses are the same; NaN is NaN."""
    if one[1] != other[1]:
        return False
    a, b = one[0], other[0]
    if deadband and isinstance(a, int | float) and isinstance(b, int | float) and a == a and b == b:
        return abs(a - b) <= deadband
    return bool(a == b) or (a != a and b != b)


def _server_time(found: Sorted) -> int:
    """Return the server's clock as its canary showed it just now; 0: it did not."""
    for change in found.changes:
        value = change.value.Value
        moment = value.Value if value is not None else None
        if change.item.sink is Sink.CANARY and isinstance(moment, datetime):
            return to_filetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    return 0
