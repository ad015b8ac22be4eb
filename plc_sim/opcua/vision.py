"""A camera's place on a line as a vision system: Machine Vision (OPC 40100-1).

The line asks its camera about a part and gets a verdict; to a client that knows the specification that is a single
execution and its result, with the part, the job and the time it took. The verdict is the one that is written to
the line, or, where the plant file has a `vision_system`, the camera's own, told before the line has one. The
camera is run by its line: methods that would run it otherwise answer `BadNotSupported`.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from asyncua.server.event_generator import EventGenerator

from mes.contracts.line_layout import VISION_SYSTEM
from mes.contracts.plant import Camera
from mes.contracts.plc import MACHINE_VISION_NAMESPACE
from mes.contracts.quality import Verdict
from plc_sim.core.changes import Conclusion, moment
from plc_sim.opcua.companion import State, StateVariable
from plc_sim.opcua.nodes import NodeBuilder
from plc_sim.opcua.stack import Node, instantiate, ua
from plc_sim.opcua.values import LiveValue

SYSTEM_TYPE = 1003
RESULT_MANAGEMENT_TYPE = 1007
RESULT_FOLDER_TYPE = 1016
AUTOMATIC_MODE_TYPE = 1021
RESULT_READY_EVENT_TYPE = 1024
RESULT_TYPE = 2002

OPERATIONAL: State = ("Operational", 5031, 0)
READY: State = ("Ready", 5057, 0)
SINGLE_EXECUTION: State = ("SingleExecution", 5058, 0)

COMPLETED, ABORTED, FAILED = 1, 3, 4
"""`ResultStateDataType`: judged; no verdict by the deadline; the picture could not be judged."""
RESULT_STATES = {
    Verdict.OK: COMPLETED,
    Verdict.NOK: COMPLETED,
    Verdict.LATE: ABORTED,
    Verdict.UNFIT: FAILED,
}
KEPT = 100
"""Results of a camera that can be asked for by their id."""

_FILTERS = (
    ("MeasId", "MeasId"),
    ("PartId", "PartId"),
    ("ExternalRecipeId", None),
    ("InternalRecipeId", "InternalRecipeId"),
    ("ExternalConfigurationId", None),
    ("InternalConfigurationId", "InternalConfigurationId"),
    ("ProductId", None),
    ("JobId", "JobId"),
)
"""What `GetResultListFiltered` takes after the state, in its order, and where a result has it (None: nowhere)."""
_COMPONENTS = (
    *("MeasId", "PartId", "ExternalRecipeId", "InternalRecipeId", "ProductId"),
    *("ExternalConfigurationId", "InternalConfigurationId", "JobId"),
)
"""What `GetResultComponentsById` gives between the state and the time, in its order."""
_MANDATORY = (
    *("CreationTime", "InternalConfigurationId", "InternalRecipeId", "IsPartial", "JobId"),
    *("ResultId", "ResultState"),
)
_KINDS = {
    "CreationTime": ua.VariantType.DateTime,
    "IsPartial": ua.VariantType.Boolean,
    "ResultState": ua.VariantType.Int32,
    "ResultContent": ua.VariantType.Variant,
}
_NOT_SUPPORTED = ua.StatusCodes.BadNotSupported
_STRUCTURE = ua.VariantType.ExtensionObject


class VisionSystem:
    """One camera. Build it once, then publish what it is asked and what it answered."""

    def __init__(self, camera: Camera, builder: NodeBuilder, *, line: str) -> None:
        self._camera = camera
        self._line = line
        self._builder = builder
        self._index = builder.index(MACHINE_VISION_NAMESPACE)
        self._results: deque[Any] = deque(maxlen=KEPT)
        self._handles = itertools.count(1)
        self._last: dict[str, LiveValue] = {}
        self._events = EventGenerator(builder.server.iserver.isession)

    async def build(self, parent: Node) -> None:
        """Hang the system on the camera's object."""
        name = ua.QualifiedName(VISION_SYSTEM, self._builder.plant)
        self._system = await self._instance(parent, SYSTEM_TYPE, name)
        machine = await self._system.get_child(self._name("VisionStateMachine"))
        mode = await self._instance(
            machine, AUTOMATIC_MODE_TYPE, self._name("AutomaticModeStateMachine")
        )
        self._machine, self._mode = await self._state_of(machine), await self._state_of(mode)
        for owner in (machine, mode):
            for method in await owner.get_methods():
                self._builder.server.link_method(method, _refuse)
        await self._build_results()
        await self._events.init(
            ua.NodeId(RESULT_READY_EVENT_TYPE, self._index), emitting_node=self._system
        )
        structures = ("ResultId", *(name for name, _ in _FILTERS), "ProcessingTimes")
        self._events.event.data_types |= dict.fromkeys(structures, _STRUCTURE) | _KINDS

    async def _build_results(self) -> None:
        management = await self._instance(
            self._system, RESULT_MANAGEMENT_TYPE, self._name("ResultManagement")
        )
        for name, answer in (
            ("GetResultById", self._by_id),
            ("GetResultComponentsById", self._components_by_id),
            ("GetResultListFiltered", self._filtered),
        ):
            method = await management.get_child(self._name(name))
            self._builder.server.link_method(method, answer)
        folder = await self._instance(management, RESULT_FOLDER_TYPE, self._name("Results"))
        last = await self._instance(folder, RESULT_TYPE, self._name("LastResult"))
        nodes = {"": last} | {name: await last.get_child(self._name(name)) for name in _MANDATORY}
        at = datetime.now(UTC)
        for name, node in nodes.items():
            live = LiveValue(self._builder.space, node, _KINDS.get(name, _STRUCTURE))
            live.wait(at=at)
            self._last[name] = live

    async def publish(
        self, conclusions: Sequence[Conclusion], *, is_busy: bool, at: datetime
    ) -> None:
        """Tell what was answered since, and whether the camera is asked now."""
        for conclusion in conclusions:
            await self._tell(self._result(conclusion))
        await self._machine.publish(OPERATIONAL, at=at)
        await self._mode.publish(SINGLE_EXECUTION if is_busy else READY, at=at)

    async def _tell(self, result: Any) -> None:
        self._results.append(result)
        await self._last[""].publish(result, at=result.CreationTime)
        for name in _MANDATORY:
            await self._last[name].publish(getattr(result, name), at=result.CreationTime)
        if not self._builder.is_watched(self._system):
            return
        for name in (*_MANDATORY, "MeasId", "PartId", "ProcessingTimes", "ResultContent"):
            setattr(self._events.event, name, getattr(result, name))
        await self._events.trigger(
            time_attr=result.CreationTime, message=str(result.ResultContent[0].Value)
        )

    def _result(self, conclusion: Conclusion) -> Any:
        request, at = conclusion.request, moment(conclusion.at)
        return ua.ResultDataType(
            ResultId=ua.ResultIdDataType(Id=f"{self._line}.{request.camera}.{request.counter}"),
            IsPartial=False,
            IsSimulated=False,
            ResultState=ua.Int32(RESULT_STATES[conclusion.verdict]),
            MeasId=ua.MeasIdDataType(Id=str(request.counter)),
            PartId=ua.PartIdDataType(Id=request.body_id or request.lot or ""),
            InternalRecipeId=ua.RecipeIdInternalDataType(Id=request.variant),
            InternalConfigurationId=ua.ConfigurationIdDataType(Id=self._camera.scene),
            JobId=ua.JobIdDataType(Id=request.job or ""),
            CreationTime=at,
            ProcessingTimes=ua.ProcessingTimesDataType(StartTime=moment(request.at), EndTime=at),
            ResultContent=[ua.Variant(conclusion.verdict.value, ua.VariantType.String)],
        )

    # -- methods ------------------------------------------------------------------------------

    async def _by_id(self, _parent: Any, wanted: Any, *_timeout: Any) -> Any:
        result = self._find(wanted.Value)
        if result is None:
            return ua.StatusCode(ua.StatusCodes.BadNotFound)
        return [self._handle(), ua.Variant(result, _STRUCTURE), _number(0)]

    async def _components_by_id(self, _parent: Any, wanted: Any, *_timeout: Any) -> Any:
        result = self._find(wanted.Value)
        if result is None:
            return ua.StatusCode(ua.StatusCodes.BadNotFound)
        components = [getattr(result, name) for name in _COMPONENTS]
        return [
            _truth(False),
            self._handle(),
            _truth(result.IsPartial),
            _truth(result.IsSimulated),
            _number(result.ResultState),
            *(ua.Variant() if one is None else ua.Variant(one, _STRUCTURE) for one in components),
            ua.Variant(result.CreationTime, ua.VariantType.DateTime),
            ua.Variant(result.ProcessingTimes, _STRUCTURE),
            ua.Variant(result.ResultContent, ua.VariantType.Variant, is_array=True),
            _number(0),
        ]

    async def _filtered(self, _parent: Any, state: Any, *rest: Any) -> Any:
        identities, (most, start, _) = rest[: len(_FILTERS)], rest[len(_FILTERS) :]
        found = [
            result
            for result in reversed(self._results)
            if state.Value in (0, result.ResultState) and _fits(result, identities)
        ]
        first, count = int(start.Value), int(most.Value)
        page = found[first : first + count] if count else found[first:]
        return [
            _truth(first + len(page) >= len(found)),
            ua.Variant(len(page), ua.VariantType.UInt32),
            self._handle(),
            ua.Variant(page, _STRUCTURE, is_array=True),
            _number(0),
        ]

    def _find(self, wanted: Any) -> Any:
        name = getattr(wanted, "Id", None)
        return next((one for one in self._results if one.ResultId.Id == name), None)

    def _handle(self) -> Any:
        return ua.Variant(next(self._handles), ua.VariantType.UInt32)

    # -- nodes --------------------------------------------------------------------------------

    def _name(self, name: str) -> Any:
        return ua.QualifiedName(name, self._index)

    async def _instance(self, parent: Node, kind: int, name: Any) -> Node:
        base: Any = parent.nodeid.Identifier
        made = await instantiate(
            parent,
            self._builder.node(ua.NodeId(kind, self._index)),
            nodeid=ua.NodeId(f"{base}.{name.Name}", self._builder.plant),
            bname=name,
            dname=ua.LocalizedText(name.Name),
            instantiate_optional=False,
        )
        node: Node = made[0]
        return node

    async def _state_of(self, machine: Node) -> StateVariable:
        current = await machine.get_child(ua.QualifiedName("CurrentState", 0))
        identifier = await current.get_child(ua.QualifiedName("Id", 0))
        space = self._builder.space
        return StateVariable(
            LiveValue(space, current, ua.VariantType.LocalizedText),
            LiveValue(space, identifier, ua.VariantType.NodeId),
            None,
            self._index,
        )


def _fits(result: Any, identities: Sequence[Any]) -> bool:
    """Whether a result has every id that is given; one without text asks for nothing."""
    for (_, field), given in zip(_FILTERS, identities, strict=True):
        wanted = getattr(given.Value, "Id", None)
        if wanted and (field is None or getattr(result, field).Id != wanted):
            return False
    return True


async def _refuse(*_arguments: Any) -> Any:
    return ua.StatusCode(_NOT_SUPPORTED)


def _truth(value: bool | None) -> Any:
    return ua.Variant(bool(value), ua.VariantType.Boolean)


def _number(value: int) -> Any:
    return ua.Variant(int(value), ua.VariantType.Int32)
