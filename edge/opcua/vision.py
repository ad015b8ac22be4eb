"""Results of a vision system as it tells them: `ResultReadyEventType` of Machine Vision (OPC 40100-1 §8.3.8).

Its structures are read here field by field, not by classes made of what the server says its types are: that would
run code from the network, and only the text of three ids is wanted.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import structlog
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from edge.opcua.link import CallRefused, Link
from mes.contracts.plc import MACHINE_VISION_NAMESPACE, SERVER_TIME_NODE

log = structlog.get_logger(__name__)

PUBLISH_MS = 50
"""A result waits so long at most in the server."""
ALIVE_S = 2.0
"""Between two reads that show whether the session still works."""
QUEUE = 100
_RESULT_READY = 1024
RESULT_TIMEOUT_MS = 1000
"""How long the system may take to gather a result that it is asked for."""
_TEXT = struct.Struct("<i")
_NO: Any = False
_YES: Any = True
"""asyncua declares a path's flags as a class of its own that cannot be made."""
_LAST = (
    ("ResultManagement",),
    ("ResultManagement", "GetResultComponentsById"),
    ("ResultManagement", "Results", "LastResult", "ResultId"),
)
_COMPONENT = {
    "IsPartial": 2,
    "ResultState": 4,
    "MeasId": 5,
    "PartId": 6,
    "InternalRecipeId": 8,
    "ResultContent": 15,
}
"""Where `GetResultComponentsById` has them among its output arguments (OPC 40100-1 §8.3.3.3)."""
_MASK_BYTES = 4
_FIELDS = (
    *("ResultId", "PartId", "MeasId", "InternalRecipeId"),
    *("ResultState", "IsPartial", "ResultContent"),
)
_WITH_OPTIONAL_FIELDS = frozenset({"PartId", "MeasId", "InternalRecipeId"})
"""Structures that begin with the mask of their optional fields (OPC 10000-6 §5.2.7)."""


class ResultState(IntEnum):
    """`ResultStateDataType` (OPC 40100-1 §12.19)."""

    UNDEFINED = 0
    COMPLETED = 1
    PROCESSING = 2
    ABORTED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class VisionResult:
    """One result; ids that were not given are empty."""

    result_id: str
    part_id: str
    measurement_id: str
    recipe_id: str
    state: ResultState
    is_partial: bool
    content: tuple[Any, ...]
    """What the maker puts in: texts, numbers, structures."""


async def watch_results(
    link: Link,
    system: str,
    deliver: Callable[[VisionResult], None],
    *,
    is_open: Callable[[], None],
    with_last: bool,
) -> None:
    """Deliver the results of a vision system until the session fails.

    Args:
        system: the object of `VisionSystemType`, with its namespace's URI.
        with_last: deliver first what it told last, before this session.
        is_open: called once results are heard.

    Raises:
        UnknownNode: the server has no such object, or does not know Machine Vision.
        CallRefused: it does not tell events of it.
        OSError, TimeoutError, ua.UaError: the session failed.
    """
    parameters = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=float(PUBLISH_MS),
        RequestedMaxKeepAliveCount=100,
        RequestedLifetimeCount=1200,
        MaxNotificationsPerPublish=0,
        PublishingEnabled=True,
        Priority=0,
    )
    node = link.namespaces.resolve(system)
    wanted = _filter(link.namespaces.index(MACHINE_VISION_NAMESPACE))

    def take(publication: ua.PublishResult) -> None:
        for notification in publication.NotificationMessage.NotificationData or []:
            if isinstance(notification, ua.EventNotificationList):
                for event in notification.Events:
                    result = read_result([field.Value for field in event.EventFields])
                    if result is not None:
                        deliver(result)

    made = await link.session.create_subscription(parameters, take)
    item = ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.EventNotifier),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=1,
            SamplingInterval=0.0,
            QueueSize=QUEUE,
            DiscardOldest=True,
            Filter=wanted,
        ),
    )
    answers = await link.session.create_monitored_items(
        ua.CreateMonitoredItemsParameters(
            SubscriptionId=made.SubscriptionId,
            TimestampsToReturn=ua.TimestampsToReturn.Neither,
            ItemsToCreate=[item],
        )
    )
    for answer in answers:
        if not answer.StatusCode.is_good():
            raise CallRefused(answer.StatusCode.name)
    if with_last and (last := await last_result(link, system)) is not None:
        deliver(last)
    is_open()
    while True:
        await asyncio.sleep(ALIVE_S)
        await link.read([SERVER_TIME_NODE])


async def last_result(link: Link, system: str) -> VisionResult | None:
    """Return what a vision system told last; None where it does not keep it as `Results/LastResult`.

    Its components are asked for by its id (`GetResultComponentsById`), which gives each by itself.

    Raises:
        UnknownNode: the server has no such object, or does not know Machine Vision.
        OSError, TimeoutError: the session failed.
    """
    start = link.namespaces.resolve(system)
    vision = link.namespaces.index(MACHINE_VISION_NAMESPACE)
    paths = [_path(start, names, vision) for names in _LAST]
    try:
        found = await link.session.translate_browsepaths_to_nodeids(paths)
        if not all(one.StatusCode.is_good() and one.Targets for one in found):
            return None
        management, method, last = (one.Targets[0].TargetId for one in found)
        (held,) = await link.session.read_attributes([last], AttributeIds.Value)
        if held.Value is None or held.Value.Value is None:
            return None
        request = ua.CallMethodRequest()
        request.ObjectId, request.MethodId = management, method
        request.InputArguments = [
            ua.Variant(held.Value.Value, ua.VariantType.ExtensionObject),
            ua.Variant(RESULT_TIMEOUT_MS, ua.VariantType.Int32),
        ]
        (answer,) = await link.session.call([request])
    except UaStatusCodeError as refusal:
        log.warning("vision_system.no_last_result", reason=str(refusal))
        return None
    said = [output.Value for output in answer.OutputArguments]
    if not answer.StatusCode.is_good() or len(said) <= max(_COMPONENT.values()):
        return None
    facts = {"ResultId": held.Value.Value} | {name: said[at] for name, at in _COMPONENT.items()}
    return read_result([facts[name] for name in _FIELDS])


def read_result(values: list[Any]) -> VisionResult | None:
    """Return the result that an event's fields tell; None for an event of another type."""
    facts = dict(zip(_FIELDS, values, strict=False))
    state = facts.get("ResultState")
    if not isinstance(state, int):
        return None
    content = facts.get("ResultContent")
    many = content if isinstance(content, list) else [] if content is None else [content]
    return VisionResult(
        result_id=_id("ResultId", facts),
        part_id=_id("PartId", facts),
        measurement_id=_id("MeasId", facts),
        recipe_id=_id("InternalRecipeId", facts),
        state=ResultState(state) if state in tuple(ResultState) else ResultState.UNDEFINED,
        is_partial=bool(facts.get("IsPartial")),
        content=tuple(one.Value if isinstance(one, ua.Variant) else one for one in many),
    )


def _path(start: ua.NodeId, names: tuple[str, ...], vision: int) -> ua.BrowsePath:
    elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
            IsInverse=_NO,
            IncludeSubtypes=_YES,
            TargetName=ua.QualifiedName(name, vision),
        )
        for name in names
    ]
    return ua.BrowsePath(StartingNode=start, RelativePath=ua.RelativePath(Elements=elements))


def _filter(vision: int) -> ua.EventFilter:
    """Return the filter that asks for the fields of every result; `vision`: index of the namespace."""
    kind = ua.NodeId(ua.Int32(_RESULT_READY), ua.Int16(vision))
    clauses = [
        ua.SimpleAttributeOperand(
            TypeDefinitionId=kind,
            BrowsePath=[ua.QualifiedName(name, vision)],
            AttributeId=AttributeIds.Value,
        )
        for name in _FIELDS
    ]
    return ua.EventFilter(SelectClauses=clauses, WhereClause=ua.ContentFilter())


def _id(name: str, facts: dict[str, Any]) -> str:
    """Return the text of an id: the first field of its structure, behind the mask where it has one."""
    value = facts.get(name)
    if not isinstance(value, ua.ExtensionObject):
        return str(getattr(value, "Id", None) or "")
    body = value.Body or b""
    at = _MASK_BYTES if name in _WITH_OPTIONAL_FIELDS else 0
    if len(body) < at + _TEXT.size:
        return ""
    (length,) = _TEXT.unpack_from(body, at)
    begin = at + _TEXT.size
    return body[begin : begin + max(length, 0)].decode(errors="replace")
