"""Events of a server: what is asked of each, how a notification of them is read, and how it is refreshed.

Fields are those of OPC 10000-5 (BaseEventType) and OPC 10000-9 (ConditionType and its subtypes). A notification is
kept as it came and read event by event, so that many at once hold nothing else up.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from edge.opcua.link import Link
from edge.opcua.nodes import UnknownNode

log = structlog.get_logger(__name__)

QUEUE = 2000
"""Events the server keeps between two publications; what overflows it is made good by a refresh."""
PUBLISH_MS = 250
EVENTS_PER_PUBLISH = 200
"""Servers that heed it tell a storm in small pieces."""
REFRESH_AGAIN_S = 5.0
"""Real seconds before a refresh that the server was busy for is asked for again."""
REFRESH_PACE_S = 2.0
"""Refreshes follow each other no sooner: a storm that overflows queues must not feed itself."""
_COUNT = struct.Struct("<i")
_BASE, _CONDITION = ObjectIds.BaseEventType, ObjectIds.ConditionType
_ACK, _ALARM = ObjectIds.AcknowledgeableConditionType, ObjectIds.AlarmConditionType

_UNSHELVED = ObjectIds.ShelvedStateMachineType_Unshelved
_TIMED = ObjectIds.ShelvedStateMachineType_TimedShelved
_ONE_SHOT = ObjectIds.ShelvedStateMachineType_OneShotShelved

FIELDS: tuple[tuple[int, str], ...] = (
    (_BASE, "EventId"),
    (_BASE, "EventType"),
    (_BASE, "SourceNode"),
    (_BASE, "SourceName"),
    (_BASE, "Time"),
    (_BASE, "Message"),
    (_BASE, "Severity"),
    (_CONDITION, ""),
    (_CONDITION, "ConditionName"),
    (_CONDITION, "BranchId"),
    (_CONDITION, "Retain"),
    (_CONDITION, "Comment"),
    (_CONDITION, "ClientUserId"),
    (_ACK, "AckedState/Id"),
    (_ACK, "ConfirmedState/Id"),
    (_ALARM, "ActiveState/Id"),
    (_ALARM, "ActiveState/TransitionTime"),
    (_ALARM, "ShelvingState/CurrentState/Id"),
)
"""Type and browse path of each field that is asked for; no path: the node id itself, the condition's."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a server told it. What it has no such field for is None (or empty)."""

    event_id: bytes
    event_type: ua.NodeId
    source_node: ua.NodeId | None
    source: str
    at: datetime | None
    message: str
    severity: int
    condition: ua.NodeId | None
    name: str
    branch: ua.NodeId | None
    retain: bool
    comment: str
    by: str
    acked: bool | None
    confirmed: bool | None
    active: bool | None
    active_since: datetime | None
    shelved: bool | None

    def is_of(self, type_id: int) -> bool:
        """Whether its type is this one of namespace 0."""
        return bool(self.event_type == _standard(type_id))


def event_filter() -> ua.EventFilter:
    """Return the filter that asks for `FIELDS` of every event."""
    clauses = [
        ua.SimpleAttributeOperand(
            TypeDefinitionId=_standard(type_id),
            BrowsePath=[ua.QualifiedName(part) for part in path.split("/") if part],
            AttributeId=AttributeIds.Value if path else AttributeIds.NodeId,
        )
        for type_id, path in FIELDS
    ]
    return ua.EventFilter(SelectClauses=clauses, WhereClause=ua.ContentFilter())


def count_events(body: bytes) -> int:
    """Return how many events an EventNotificationList says it has."""
    count: int = _COUNT.unpack_from(body)[0] if len(body) >= _COUNT.size else 0
    return count


def read_events(body: bytes) -> Iterator[tuple[int, Told]]:
    """Read an EventNotificationList (its body, OPC 10000-4 §7.25.3): each event with its item's client handle.

    Raises:
        UaError, struct.error: it is none. What was read before stands.
    """
    (count,) = _COUNT.unpack_from(body)
    buffer = Buffer(body, _COUNT.size)
    for _ in range(count):
        event = struct_from_binary(ua.EventFieldList, buffer)
        yield int(event.ClientHandle), _told([field.Value for field in event.EventFields])


def _standard(number: int) -> ua.NodeId:
    """Return a node id of namespace 0."""
    return ua.NodeId(ua.Int32(number))


def _told(values: list[Any]) -> Told:
    facts = dict(zip((path for _, path in FIELDS), values, strict=False))
    condition, branch = _node(facts.get("")), _node(facts.get("BranchId"))
    return Told(
        event_id=facts["EventId"] if isinstance(facts.get("EventId"), bytes) else b"",
        event_type=_node(facts.get("EventType")) or ua.NodeId(),
        source_node=_node(facts.get("SourceNode")),
        source=_text(facts.get("SourceName")),
        at=_moment(facts.get("Time")),
        message=_text(facts.get("Message")),
        severity=min(max(int(facts.get("Severity") or 0), 0), 1000),
        condition=condition,
        name=_text(facts.get("ConditionName")),
        branch=branch,
        retain=bool(facts.get("Retain")),
        comment=_text(facts.get("Comment")),
        by=_text(facts.get("ClientUserId")),
        acked=_flag(facts.get("AckedState/Id")),
        confirmed=_flag(facts.get("ConfirmedState/Id")),
        active=_flag(facts.get("ActiveState/Id")),
        active_since=_moment(facts.get("ActiveState/TransitionTime")),
        shelved=_shelved(_node(facts.get("ShelvingState/CurrentState/Id"))),
    )


def _shelved(state: ua.NodeId | None) -> bool | None:
    if state is None or state.NamespaceIndex != 0:
        return None
    return {_UNSHELVED: False, _TIMED: True, _ONE_SHOT: True}.get(int(state.Identifier))


def _node(value: Any) -> ua.NodeId | None:
    return value if isinstance(value, ua.NodeId) and not value.is_null() else None


def _text(value: Any) -> str:
    return str((value.Text if isinstance(value, ua.LocalizedText) else value) or "")


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, datetime) or value.year <= 1601:
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


class EventWatch:
    """The events of one session: a subscription of their own, refreshed at its begin and when something was lost.

    Args:
        notifiers: nodes whose events are wanted, with their namespace's URI.
    """

    def __init__(self, notifiers: tuple[str, ...]) -> None:
        self._notifiers = notifiers
        self._wanted = asyncio.Event()
        self._wanted.set()
        self.subscription_id: int | None = None
        self.handles: frozenset[int] = frozenset()
        """Client handles of the items that the server took."""
        self.queue = QUEUE
        """Of the item with the shortest one: a notification with so many events comes from a full queue."""

    def refresh(self) -> None:
        """Ask the server to tell every condition as it stands."""
        self._wanted.set()

    async def create(self, link: Link) -> None:
        """Subscribe. A server without events is no failure: everything else goes on without them.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        try:
            self.subscription_id = await self._create_subscription(link)
            if not await self._create_items(link):
                await link.session.delete_subscriptions([self.subscription_id])
                self.subscription_id = None
        except UaStatusCodeError as refusal:
            log.warning("events.refused", reason=str(refusal))
            self.subscription_id = None

    async def refresh_forever(self, link: Link) -> None:
        """Have the conditions refreshed whenever that is wanted.

        Raises:
            OSError, TimeoutError: the session failed.
        """
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                again = await self._refresh(link)
            except UaError as refusal:
                log.warning("events.no_refresh", reason=str(refusal))
                return
            if again:
                await asyncio.sleep(REFRESH_AGAIN_S)
                self._wanted.set()
            await asyncio.sleep(REFRESH_PACE_S)

    async def _create_subscription(self, link: Link) -> int:
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=float(PUBLISH_MS),
            RequestedMaxKeepAliveCount=20,
            RequestedLifetimeCount=240,
            MaxNotificationsPerPublish=EVENTS_PER_PUBLISH,
            PublishingEnabled=True,
            Priority=0,
        )
        made = await link.session.create_subscription(parameters, lambda _: None)
        return int(made.SubscriptionId)

    async def _create_items(self, link: Link) -> bool:
        """Create the items; False: the server monitors the events of none of the nodes."""
        requests = []
        for handle, notifier in enumerate(self._notifiers, start=1):
            try:
                requests.append(_request(link.namespaces.resolve(notifier), handle))
            except UnknownNode as error:
                log.warning("events.refused", reason=str(error))
        parameters = ua.CreateMonitoredItemsParameters(
            SubscriptionId=self.subscription_id,
            TimestampsToReturn=ua.TimestampsToReturn.Neither,
            ItemsToCreate=requests,
        )
        results = await link.session.create_monitored_items(parameters) if requests else []
        for result in results:
            if not result.StatusCode.is_good():
                log.warning("events.refused", reason=result.StatusCode.name)
        good = [
            (r, made)
            for r, made in zip(requests, results, strict=True)
            if made.StatusCode.is_good()
        ]
        self.handles = frozenset(int(r.RequestedParameters.ClientHandle) for r, _ in good)
        queues = [made.RevisedQueueSize for _, made in good if made.RevisedQueueSize > 1]
        self.queue = min(queues, default=QUEUE)
        return bool(good)

    async def _refresh(self, link: Link) -> bool:
        """Call ConditionRefresh (OPC 10000-9 §5.5.7); True: the server is busy with one, ask again."""
        request = ua.CallMethodRequest(
            ObjectId=_standard(ObjectIds.ConditionType),
            MethodId=_standard(ObjectIds.ConditionType_ConditionRefresh),
            InputArguments=[ua.Variant(self.subscription_id, ua.VariantType.UInt32)],
        )
        (result,) = await link.session.call([request])
        if result.StatusCode.value == StatusCodes.BadRefreshInProgress:
            return True
        result.StatusCode.check()
        return False


def _request(node: ua.NodeId, handle: int) -> ua.MonitoredItemCreateRequest:
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.EventNotifier),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=handle,
            SamplingInterval=0.0,
            QueueSize=QUEUE,
            DiscardOldest=True,
            Filter=event_filter(),
        ),
    )
