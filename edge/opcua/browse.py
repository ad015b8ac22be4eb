"""What a server of any maker offers: its process values, its machines, its methods of Job Control.

The walk goes down from the Objects folder through hierarchical references, level by level, many nodes in a
request, each node once. It knows companion specifications by the types they use, never by node ids of a plant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from edge.opcua.link import Link
from mes.contracts.plc import (
    AUTOID_NAMESPACE,
    JOB_CONTROL_NAMESPACE,
    MACHINE_VISION_NAMESPACE,
    MACHINERY_NAMESPACE,
    PACKML_NAMESPACE,
)

AT_ONCE = 100
"""Nodes browsed or read in one request; servers that allow fewer say so and get fewer."""
DEEPEST = 32
"""Levels below Objects; a server that goes deeper goes round in a circle by other node ids."""

MACHINES = 1001
"""`Machines` of OPC 40001-1: every machine of the server is below it."""
_MODELS = (
    ("job_control", JOB_CONTROL_NAMESPACE, {"ISA95JobOrderReceiverObjectType"}),
    ("packml", PACKML_NAMESPACE, {"PackMLBaseObjectType"}),
    ("machine_vision", MACHINE_VISION_NAMESPACE, {"VisionSystemType"}),
    ("autoid", AUTOID_NAMESPACE, {"AutoIdDeviceType"}),
)
"""Model, its namespace, and the types (or what is derived from them) that show it."""
_LIMITS = [
    ua.NodeId(ua.Int32(number))
    for number in (
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    )
]

NUMBERS = {
    int(number): name
    for name, number in (
        ("Boolean", ObjectIds.Boolean),
        ("SByte", ObjectIds.SByte),
        ("Byte", ObjectIds.Byte),
        ("Int16", ObjectIds.Int16),
        ("UInt16", ObjectIds.UInt16),
        ("Int32", ObjectIds.Int32),
        ("UInt32", ObjectIds.UInt32),
        ("Int64", ObjectIds.Int64),
        ("UInt64", ObjectIds.UInt64),
        ("Float", ObjectIds.Float),
        ("Double", ObjectIds.Double),
    )
}
"""Data types that telemetry keeps, by their node id in namespace 0."""


@dataclass(frozen=True, slots=True)
class FoundTag:
    """A variable that holds one number.

    `path`: browse names from below Objects; `unit` is empty where none is stated.
    """

    node: str
    path: tuple[str, ...]
    data_type: str
    unit: str
    history: bool


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object of a companion specification."""

    model: str
    """`machinery`, `packml`, `job_control`, `machine_vision` or `autoid`."""
    node: str
    path: tuple[str, ...]
    methods: tuple[tuple[str, str], ...] = ()
    """Browse name and node id of each method right below it."""


@dataclass(slots=True)
class Found:
    """What a walk has found."""

    namespaces: tuple[str, ...]
    visited: int = 0
    cut: str = ""
    """Why the walk ended before it had seen everything; empty: it has."""
    tags: list[FoundTag] = field(default_factory=list)
    objects: list[FoundObject] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    """Variables that are no single number, by what they are."""


@dataclass(frozen=True, slots=True)
class _Place:
    node: ua.NodeId
    path: tuple[str, ...]


async def walk(link: Link, namespaces: Sequence[str], *, most_nodes: int) -> Found:
    """Browse a server from Objects down, at most so many nodes.

    Raises:
        OSError, TimeoutError, ua.UaError: the session failed or the server refuses to be browsed.
    """
    return await _Walk(link, namespaces, most_nodes).run()


class _Walk:
    def __init__(self, link: Link, namespaces: Sequence[str], most_nodes: int) -> None:
        self._link = link
        self._namespaces = namespaces
        self._most = most_nodes
        self._seen: set[ua.NodeId] = set()
        self._types: dict[ua.NodeId, frozenset[tuple[str, str]]] = {}
        self._at_once = AT_ONCE
        self._variables: list[_Place] = []
        self._properties: dict[ua.NodeId, ua.NodeId] = {}
        self.found = Found(tuple(namespaces))

    async def run(self) -> Found:
        """Walk level by level, then read what the variables are."""
        level = [_Place(ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder)), ())]
        self._seen = {level[0].node, ua.NodeId(ua.Int32(ObjectIds.Server))}
        self._at_once = await self._limit()
        for _ in range(DEEPEST):
            below: list[_Place] = []
            for places in self._chunks(level):
                below += await self._browse(places)
                if self.found.cut:
                    break
            if not below or self.found.cut:
                break
            level = below
        else:
            self.found.cut = f"deeper than {DEEPEST} levels"
        for variables in self._chunks(self._variables):
            await self._read(variables)
        self.found.visited = len(self._seen)
        return self.found

    async def _browse(self, places: Sequence[_Place]) -> list[_Place]:
        below: list[_Place] = []
        for place, references in zip(
            places, await self._references([place.node for place in places]), strict=True
        ):
            methods: list[tuple[str, str]] = []
            for one in references:
                node = _plain(one.NodeId)
                name = str(one.BrowseName.Name)
                if one.NodeClass == ua.NodeClass.Method:
                    methods.append((name, self.reference(node)))
                    continue
                if one.ReferenceTypeId == ua.NodeId(ua.Int32(ObjectIds.HasProperty)):
                    if name == "EngineeringUnits":
                        self._properties[place.node] = node
                    continue
                if node in self._seen or getattr(one.NodeId, "ServerIndex", False):
                    continue
                if len(self._seen) >= self._most:
                    self.found.cut = f"more than {self._most} nodes"
                    break
                self._seen.add(node)
                reached = _Place(node, (*place.path, name))
                if one.NodeClass == ua.NodeClass.Variable:
                    self._variables.append(reached)
                below.append(reached)
                await self._recognise(reached, _plain(one.TypeDefinition), below_of=place.node)
            self._note_methods(place, methods)
        return below

    async def _recognise(self, place: _Place, type_id: ua.NodeId, *, below_of: ua.NodeId) -> None:
        """Note an object whose type, or whose place, a companion specification defines."""
        if below_of == self._known(MACHINERY_NAMESPACE, MACHINES):
            self._add("machinery", place)
        for namespace, name in await self._kinds(type_id):
            for model, uri, types in _MODELS:
                if namespace == uri and name in types:
                    self._add(model, place)

    def _add(self, model: str, place: _Place) -> None:
        self.found.objects.append(FoundObject(model, self.reference(place.node), place.path))

    def _note_methods(self, place: _Place, methods: list[tuple[str, str]]) -> None:
        node = self.reference(place.node) if methods else ""
        for number, one in enumerate(self.found.objects):
            if methods and one.node == node:
                self.found.objects[number] = FoundObject(one.model, node, one.path, tuple(methods))

    def _known(self, uri: str, number: int) -> ua.NodeId | None:
        if uri not in self._namespaces:
            return None
        return ua.NodeId(ua.Int32(number), ua.Int16(self._namespaces.index(uri)))

    async def _kinds(self, type_id: ua.NodeId) -> frozenset[tuple[str, str]]:
        """Return namespace and browse name of a type and of those above it, up to the types of OPC UA itself."""
        if type_id.NamespaceIndex == 0:
            return frozenset()
        if type_id not in self._types:
            self._types[type_id] = frozenset()  # a type above itself ends here
            (read,) = await self._link.session.read_attributes([type_id], AttributeIds.BrowseName)
            name = _value(read)
            own = (
                {(self._uri(name.NamespaceIndex), str(name.Name))}
                if isinstance(name, ua.QualifiedName)
                else set()
            )
            above = await self._supertype(type_id)
            rest = await self._kinds(above) if above is not None else frozenset()
            self._types[type_id] = rest | own
        return self._types[type_id]

    async def _supertype(self, type_id: ua.NodeId) -> ua.NodeId | None:
        wanted = _description(type_id)
        wanted.BrowseDirection = ua.BrowseDirection.Inverse
        wanted.ReferenceTypeId = ua.NodeId(ua.Int32(ObjectIds.HasSubtype))
        parameters = ua.BrowseParameters()
        parameters.NodesToBrowse = [wanted]
        (result,) = await self._link.session.browse(parameters)
        references = result.References or []
        return _plain(references[0].NodeId) if references else None

    async def _limit(self) -> int:
        """Return how many nodes a request may have, by the server's own word."""
        answers = await self._link.session.read_attributes(_LIMITS, AttributeIds.Value)
        stated = [_value(answer) for answer in answers]
        limits = [number for number in stated if isinstance(number, int) and number > 0]
        return min([AT_ONCE, *limits])

    async def _references(self, nodes: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
        """Return the hierarchical references of each node, all pages of them."""
        parameters = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode = ua.UInt32(0)
        parameters.NodesToBrowse = [_description(node) for node in nodes]
        results = await self._link.session.browse(parameters)
        found: list[list[ua.ReferenceDescription]] = []
        for result in results:
            references = list(result.References or ())
            point = result.ContinuationPoint
            while point and len(references) <= self._most:
                (more,) = await self._link.session.browse_next(_next(point))
                references += more.References or ()
                point = more.ContinuationPoint
            found.append(references)
        return found

    async def _read(self, variables: Sequence[_Place]) -> None:
        """Sort variables: one number, or what else they are."""
        nodes = [place.node for place in variables]
        read = self._link.session.read_attributes
        types = await read(nodes, AttributeIds.DataType)
        ranks = await read(nodes, AttributeIds.ValueRank)
        levels = await read(nodes, AttributeIds.UserAccessLevel)
        units = await self._units(nodes)
        for place, kind, rank, level in zip(variables, types, ranks, levels, strict=True):
            stated = _value(level)
            access = stated if isinstance(stated, int) else 0
            data_type = _value(kind)
            number = (
                NUMBERS.get(int(data_type.Identifier))
                if isinstance(data_type, ua.NodeId)
                and data_type.NamespaceIndex == 0
                and isinstance(data_type.Identifier, int)
                else None
            )
            if not access & 1:
                self.found.passed_over["not readable"] += 1
            elif number is None:
                self.found.passed_over["no number"] += 1
            elif _value(rank) not in (-1, None):
                self.found.passed_over["array"] += 1
            else:
                self.found.tags.append(
                    FoundTag(
                        self.reference(place.node),
                        place.path,
                        number,
                        units.get(place.node, ""),
                        bool(access & 4),
                    )
                )

    async def _units(self, nodes: Sequence[ua.NodeId]) -> dict[ua.NodeId, str]:
        having = [node for node in nodes if node in self._properties]
        if not having:
            return {}
        answers = await self._link.session.read_attributes(
            [self._properties[node] for node in having], AttributeIds.Value
        )
        found = {}
        for node, answer in zip(having, answers, strict=True):
            unit = _value(answer)
            if isinstance(unit, ua.EUInformation):
                found[node] = str(unit.DisplayName.Text or "")
        return found

    def reference(self, node: ua.NodeId) -> str:
        """Return a node id with its namespace URI, as the agent's configuration names nodes."""
        text = node.to_string()
        if node.NamespaceIndex == 0:
            return text
        return f"nsu={self._uri(node.NamespaceIndex)};{text.partition(';')[2]}"

    def _chunks(self, places: Sequence[_Place]) -> Iterable[Sequence[_Place]]:
        step = self._at_once
        return (places[start : start + step] for start in range(0, len(places), step))

    def _uri(self, index: int) -> str:
        return self._namespaces[index] if index < len(self._namespaces) else f"ns{index}"


def _plain(node: ua.ExpandedNodeId | ua.NodeId) -> ua.NodeId:
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


def _value(answer: ua.DataValue) -> object:
    return answer.Value.Value if answer.Value is not None else None


def _description(node: ua.NodeId) -> ua.BrowseDescription:
    wanted = ua.BrowseDescription()
    wanted.NodeId = node
    wanted.BrowseDirection = ua.BrowseDirection.Forward
    wanted.ReferenceTypeId = ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences))
    wanted.IncludeSubtypes = True
    wanted.NodeClassMask = ua.UInt32(0)
    wanted.ResultMask = ua.UInt32(63)
    return wanted


def _next(point: bytes) -> ua.BrowseNextParameters:
    parameters = ua.BrowseNextParameters()
    parameters.ReleaseContinuationPoints = False
    parameters.ContinuationPoints = [point]
    return parameters
