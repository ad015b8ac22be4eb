"""The line as a machine of the companion models: Machinery (OPC 40001-1) and PackML (OPC 30050) objects.

A client that knows the specifications and not our plant finds every line below `Machines` with its nameplate
and building blocks, and below `PackMLObjects` with its state machines. All nodes are made from the types of
the imported nodesets; what an optional node would have to invent is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mes.contracts.line_records import StationState
from mes.contracts.plant import Line
from mes.contracts.plc import MACHINERY_NAMESPACE, PACKML_NAMESPACE, PackMLState, plant_node
from plc_sim.core.line import PACKML_OF, LineCore
from plc_sim.opcua.nodes import NodeBuilder
from plc_sim.opcua.stack import Node, instantiate, ua
from plc_sim.opcua.values import LiveValue

DI_NAMESPACE = "http://opcfoundation.org/UA/DI/"
MAKER = "C2M plc_sim"

MACHINES = 1001
IDENTIFICATION_TYPE = 1012
ITEM_STATE_TYPE = 1002
OPERATION_MODE_TYPE = 1008
PACKML_OBJECTS = 72
PACKML_TYPE = 6

State = tuple[str, int, int]
"""Name, node id in the type's namespace, `StateNumber`."""

ITEM_STATES: dict[StationState, State] = {
    "running": ("Executing", 5006, 3),
    "down": ("OutOfService", 5004, 1),
    "idle": ("NotAvailable", 5005, 0),
}
"""Machinery item state by the line's word; every other word is NotExecuting."""
NOT_EXECUTING: State = ("NotExecuting", 5007, 2)

NO_MODE: State = ("None", 5024, 0)
MAINTENANCE: State = ("Maintenance", 5025, 1)
SETUP: State = ("Setup", 5027, 2)
PROCESSING: State = ("Processing", 5026, 3)

EXECUTE_STATES: dict[PackMLState, State] = {
    PackMLState.IDLE: ("Idle", 28, 4),
    PackMLState.EXECUTE: ("Execute", 36, 6),
    PackMLState.SUSPENDED: ("Suspended", 31, 5),
    PackMLState.HELD: ("Held", 34, 11),
}
CLEARED: State = ("Cleared", 71, 0)
ABORTED: State = ("Aborted", 62, 9)
RUNNING: State = ("Running", 75, 0)
AVAILABLE: dict[str, tuple[State, ...]] = {
    "BaseStateMachine": (CLEARED, ABORTED),
    "MachineState": (RUNNING,),
    "ExecuteState": tuple(EXECUTE_STATES.values()),
}

PRODUCE = 1
"""`ProductionMaintenanceModeEnum`; the only mode of a line, and `UnitSupportedModes` names the enumeration."""
MODE_ENUM = 11


class StateVariable:
    """`CurrentState` of a state machine, with its `Id` (and its `Number`, where the model has one)."""

    def __init__(
        self, value: LiveValue, identifier: LiveValue, number: LiveValue | None, index: int
    ) -> None:
        self._value, self._id, self._number, self._index = value, identifier, number, index
        self._state: State | None = None
        self._told = False

    async def publish(self, state: State | None, *, at: datetime) -> None:
        """Publish a state if it is a new one; None: the state machine above is in a state without this one."""
        if self._told and state == self._state:
            return
        self._state, self._told = state, True
        values = [self._value, self._id, *([] if self._number is None else [self._number])]
        if state is None:
            for value in values:
                await value.inactive(at=at)
            return
        name, node, number = state
        await self._value.publish(ua.LocalizedText(name), at=at)
        await self._id.publish(ua.NodeId(node, self._index), at=at)
        if self._number is not None:
            await self._number.publish(number, at=at)


class CompanionObjects:
    """Machinery and PackML of one line. Build it once, then `publish` after each change of the line."""

    def __init__(self, line: Line, core: LineCore, builder: NodeBuilder) -> None:
        self._line = line
        self._core = core
        self._builder = builder
        self._machinery = builder.index(MACHINERY_NAMESPACE)
        self._di = builder.index(DI_NAMESPACE)
        self._packml = builder.index(PACKML_NAMESPACE)
        self._states: dict[str, StateVariable] = {}
        self._values: dict[str, LiveValue] = {}

    async def build(self, machine: Node, *, area: str) -> None:
        """Hang the objects on the line's own object; `area` is its place in the plant."""
        await self._build_machinery(machine, area)
        await self._build_packml(machine)

    # -- Machinery ----------------------------------------------------------------------------

    async def _build_machinery(self, machine: Node, area: str) -> None:
        identification = await self._add_in(
            machine, "Identification", IDENTIFICATION_TYPE, namespace=self._di
        )
        await self._describe(identification, area)
        blocks = await self._builder.object(
            machine,
            plant_node(self._line.id, "MachineryBuildingBlocks"),
            ua.QualifiedName("MachineryBuildingBlocks", self._machinery),
            type_id=ua.NodeId(ua.ObjectIds.FolderType),
        )
        await blocks.add_reference(identification, ua.ObjectIds.HasAddIn)
        for name, kind in (
            ("MachineryItemState", ITEM_STATE_TYPE),
            ("MachineryOperationMode", OPERATION_MODE_TYPE),
        ):
            node = await self._add_in(blocks, name, kind, namespace=self._machinery)
            self._states[name] = await self._state_variable(node, self._machinery, numbered=True)

    async def _add_in(self, parent: Node, name: str, kind: int, *, namespace: int) -> Node:
        node = await self._instance(
            parent, ua.NodeId(kind, self._machinery), name, ua.QualifiedName(name, namespace)
        )
        for made in (ua.ObjectIds.HasComponent, ua.ObjectIds.Organizes):  # by the kind of parent
            if node in await parent.get_referenced_nodes(made, includesubtypes=False):
                await parent.delete_reference(node, made)
        await parent.add_reference(node, ua.ObjectIds.HasAddIn)
        return node

    async def _describe(self, identification: Node, area: str) -> None:
        text, string = ua.VariantType.LocalizedText, ua.VariantType.String
        uri = f"urn:c2m:plc_sim:{self._line.id}"
        given = {
            "Manufacturer": (ua.LocalizedText(MAKER), text),
            "SerialNumber": (self._line.id, string),
            "ProductInstanceUri": (uri, string),
        }
        for name, (value, kind) in given.items():
            node = await identification.get_child(ua.QualifiedName(name, self._di))
            await node.write_value(ua.Variant(value, kind))
        model = ua.LocalizedText(self._line.name.en, "en")
        await self._builder.property(identification, "Model", model, text, namespace=self._di)
        await self._builder.property(
            identification, "Location", area, string, namespace=self._machinery
        )

    # -- PackML -------------------------------------------------------------------------------

    async def _build_packml(self, machine: Node) -> None:
        unit = await self._instance(
            machine,
            ua.NodeId(PACKML_TYPE, self._packml),
            "PackML",
            ua.QualifiedName("PackML", self._builder.plant),
        )
        entry = self._builder.node(ua.NodeId(PACKML_OBJECTS, self._packml))
        await entry.add_reference(unit, ua.ObjectIds.Organizes)
        machine_node = unit
        for name in ("BaseStateMachine", "MachineState", "ExecuteState"):
            machine_node = await machine_node.get_child(self._name(name))
            self._states[name] = await self._state_variable(
                machine_node, self._packml, numbered=False
            )
            await self._say_what_is_available(machine_node, AVAILABLE[name])
        await self._build_status(await unit.get_child(self._name("Status")))
        await self._build_admin(await unit.get_child(self._name("Admin")))
        await self._link_methods(unit)

    async def _say_what_is_available(self, state_machine: Node, states: Sequence[State]) -> None:
        """List the states that a line takes; it goes from one to the other at once, without transitions."""
        kind = ua.VariantType.NodeId
        nodes = [ua.NodeId(node, self._packml) for _, node, _ in states]
        for name, value in (("AvailableStates", nodes), ("AvailableTransitions", [])):
            available = await state_machine.get_child(ua.QualifiedName(name, 0))
            await available.write_value(ua.Variant(value, kind, is_array=True))

    async def _build_status(self, status: Node) -> None:
        boolean, real = ua.VariantType.Boolean, ua.VariantType.Float
        kinds = {
            "EquipmentBlocked": boolean,
            "EquipmentStarved": boolean,
            "MachSpeed": real,
            "CurMachSpeed": real,
            "UnitModeCurrent": ua.VariantType.Int32,
        }
        for name, kind in kinds.items():
            node = await status.get_child(self._name(name))
            self._values[name] = LiveValue(self._builder.space, node, kind)
            if kind is real:
                ceiling = ua.Range(Low=0.0, High=2 * self._design_speed)
                limits = await node.get_child(ua.QualifiedName("EURange", 0))
                await limits.write_value(ua.Variant(ceiling, ua.VariantType.ExtensionObject))
        modes = await status.get_child(self._name("UnitSupportedModes"))
        mode = ua.NodeId(MODE_ENUM, self._packml)
        await modes.write_value(ua.Variant(mode, ua.VariantType.NodeId))

    async def _build_admin(self, admin: Node) -> None:
        design = await self._builder.variable(
            admin,
            plant_node(self._line.id, "PackML", "Admin", "MachDesignSpeed"),
            self._design_speed,
            ua.VariantType.Float,
            name=self._name("MachDesignSpeed"),
        )
        self._values["MachDesignSpeed"] = LiveValue(
            self._builder.space, design, ua.VariantType.Float
        )

    async def _link_methods(self, unit: Node) -> None:
        """Give the mandatory methods an answer: mode, speed and product of a line are not set this way."""

        async def set_unit_mode(_parent: Any, mode: Any) -> Any:
            return [] if int(mode.Value) == PRODUCE else ua.StatusCode(_NOT_SUPPORTED)

        async def refuse(*_arguments: Any) -> Any:
            return ua.StatusCode(_NOT_SUPPORTED)

        for name in ("SetUnitMode", "SetMachSpeed", "SetProduct", "SetParameter"):
            method = await unit.get_child(self._name(name))
            callback = set_unit_mode if name == "SetUnitMode" else refuse
            self._builder.server.link_method(method, callback)

    @property
    def _design_speed(self) -> float:
        """Parts a minute by the plant file, as PackML counts speed."""
        return float(self._line.strokes_per_min or 60.0 / self._line.takt_s)

    # -- both ---------------------------------------------------------------------------------

    def _name(self, name: str) -> Any:
        return ua.QualifiedName(name, self._packml)

    async def _instance(self, parent: Node, kind: Any, name: str, browse_name: Any) -> Node:
        base: Any = parent.nodeid.Identifier
        identifier = ua.NodeId(f"{base}.{name}", self._builder.plant)
        made = await instantiate(
            parent,
            self._builder.node(kind),
            nodeid=identifier,
            bname=browse_name,
            dname=ua.LocalizedText(name),
            instantiate_optional=False,
        )
        node: Node = made[0]
        return node

    async def _state_variable(
        self, state_machine: Node, index: int, *, numbered: bool
    ) -> StateVariable:
        space = self._builder.space
        current = await state_machine.get_child(ua.QualifiedName("CurrentState", 0))
        identifier = await current.get_child(ua.QualifiedName("Id", 0))
        number = None
        if numbered:
            kind = ua.VariantType.UInt32
            node = await self._builder.property(current, "Number", 0, kind)
            number = LiveValue(space, node, kind)
        return StateVariable(
            LiveValue(space, current, ua.VariantType.LocalizedText),
            LiveValue(space, identifier, ua.VariantType.NodeId),
            number,
            index,
        )

    async def publish(self, *, at: datetime) -> None:
        """Tell the state of the line, in both models."""
        word = self._core.word
        packml = PACKML_OF[word]
        cleared = packml is not PackMLState.ABORTED
        states: dict[str, State | None] = {
            "MachineryItemState": ITEM_STATES.get(word, NOT_EXECUTING),
            "MachineryOperationMode": self._operation_mode(),
            "BaseStateMachine": CLEARED if cleared else ABORTED,
            "MachineState": RUNNING if cleared else None,
            "ExecuteState": EXECUTE_STATES[packml] if cleared else None,
        }
        for name, state in states.items():
            await self._states[name].publish(state, at=at)
        values = {
            "EquipmentBlocked": word == "blocked",
            "EquipmentStarved": word == "starved",
            "MachSpeed": self._design_speed,
            "CurMachSpeed": self._design_speed if word == "running" else 0.0,
            "UnitModeCurrent": PRODUCE,
            "MachDesignSpeed": self._design_speed,
        }
        for name, value in values.items():
            await self._values[name].publish_if_new(value, at=at)

    def _operation_mode(self) -> State:
        words = {(cell.word, cell.reason) for cell in self._core.cells.values()}
        if not self._core.is_open:
            return NO_MODE
        if self._core.word == "down":
            return MAINTENANCE
        if any(reason == "die_change" for _, reason in words):
            return SETUP
        return PROCESSING


_NOT_SUPPORTED = ua.StatusCodes.BadNotSupported
