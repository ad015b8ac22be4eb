"""The companion models in a server's address space, imported once and kept.

Importing the nodesets into asyncua takes about three seconds and 200 MB; a process of its own does it, and
the finished address space is kept under a name made of the nodesets' hash and the asyncua version. It has
90,000 attributes of which few differ, so equal values are one object, in the file and in memory, and the
servers of a process share them: 10 MB a server instead of 50.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import hashlib
import logging
import pickle
import pickletools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from asyncua.common import structures104
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession

from plc_sim.opcua.security import guarded
from plc_sim.opcua.stack import Server, ua

NODESETS = Path(__file__).parent.parent / "nodesets"
IN_ORDER = (
    "Opc.Ua.Di.NodeSet2.xml",
    "Opc.Ua.IA.NodeSet2.xml",
    "Opc.Ua.Machinery.NodeSet2.xml",
    "opc.ua.isa95-jobcontrol.nodeset2.xml",
    "Opc.Ua.PackML.NodeSet2.xml",
    "Opc.Ua.MachineVision.NodeSet2.xml",
    "Opc.Ua.AutoID.NodeSet2.xml",
)
"""Each after the models that it requires."""

_DATA_TYPE = re.compile(r"<UADataType [^>]*?NodeId=\"([^\"]+)\".*?</UADataType>", re.DOTALL)
_ABOVE = re.compile(r"ReferenceType=\"HasSubtype\" IsForward=\"false\">([^<]+)<")
_DEFINITION = re.compile(r"(<Definition [^>]*?)(?:/>|>(.*?)</Definition>)", re.DOTALL)
_DESIGN_ONLY = re.compile(r"<UA(\w+) [^>]*DesignToolOnly=\"true\".*?</UA\1>", re.DOTALL)


KeptNode = tuple[Any, tuple[tuple[Any, Any], ...], tuple[Any, ...]]
"""Node id, values by attribute, references."""


@dataclass(frozen=True)
class CompanionSpace:
    """The namespaces and the nodes of a server that has the companion models."""

    namespaces: list[str]
    nodes: list[KeptNode]

    def for_server(self) -> dict[Any, NodeData]:
        """Return nodes that a server may change; the values in them are shared and never changed."""
        nodes = {}
        with _without_collecting():
            for node_id, attributes, references in self.nodes:
                node = nodes[node_id] = NodeData(node_id)
                node.attributes = {name: _Attribute(value) for name, value in attributes}
                node.references = list(references)
        return nodes


class _Attribute(AttributeValue):
    """An attribute as asyncua has it, in a fifth of the memory: few are ever watched."""

    __slots__ = ("_watchers", "value", "value_callback", "value_setter")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.value_callback = None
        self.value_setter = None
        self._watchers: dict[int, Callable[..., Any]] | None = None

    @property
    def datachange_callbacks(self) -> dict[int, Callable[..., Any]]:  # type: ignore[override]
        """Who is called when the value changes, by handle."""
        if self._watchers is None:
            self._watchers = {}
        return self._watchers


_NOBODY = User(role=UserRole.Anonymous)


class _PreparedServer(InternalServer):
    """asyncua's internal server on an address space that is ready."""

    def __init__(self, space: CompanionSpace) -> None:
        super().__init__()
        self._space = space
        self.bind_condition_methods = 1  # ConditionRefresh, its events of the least severity

    def create_session(
        self, name: str, user: User = _NOBODY, external: bool = False
    ) -> InternalSession:
        """Return a session; over an open channel only where the server has no certificate."""
        return guarded(self, name, user=user, external=external)

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        self.aspace._nodes = self._space.for_server()


async def companion_space(cache: Path) -> CompanionSpace:
    """Return the address space with the companion models, from `cache` or imported now and kept there."""
    path = cache / f"nodesets-{_fingerprint()}.pickle"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / "nodesets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process imports, the others of the plant wait for it
        if not path.exists():
            importer = await asyncio.create_subprocess_exec(
                sys.executable, "-m", __name__, str(path)
            )
            if await importer.wait():
                raise RuntimeError(
                    "the companion models were not imported; the output above says why"
                )
    with _without_collecting(), path.open("rb") as file:
        namespaces, nodes = pickle.load(file)  # noqa: S301  # our own file
    return CompanionSpace(namespaces, nodes)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Hold the garbage collector back while many objects are made that all stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


async def new_server(space: CompanionSpace) -> Server:
    """Return a server with the companion models, not started."""
    server = Server(iserver=_PreparedServer(space))
    await server.init()
    array = server.get_node(ua.NodeId(ua.ObjectIds.Server_NamespaceArray))
    await array.write_value(space.namespaces)
    await server.load_data_type_definitions()
    return server


async def _import(path: Path) -> None:
    for name in ("asyncua.common.xmlimporter", "asyncua.common.structures104"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it remarks on every simple data type
    server = Server()
    await server.init()
    for name in IN_ORDER:
        text = (NODESETS / name).read_text(encoding="utf-8")
        text = _with_inherited_fields(_DESIGN_ONLY.sub("", text))
        nodeset: Any = text.encode()  # bytes, as the XML declaration demands
        await server.import_xml(xmlstring=nodeset)
    namespaces = await server.get_namespace_array()
    one = _OneOfEach()
    nodes = [one.node(node) for node in server.iserver.aspace._nodes.values()]
    draft = path.with_suffix(".part")
    # what is not pointed at again need not be remembered while loading: 20 MB less at every start
    content = pickletools.optimize(pickle.dumps((namespaces, nodes), pickle.HIGHEST_PROTOCOL))
    draft.write_bytes(content)
    draft.chmod(0o600)
    draft.replace(path)


def _with_inherited_fields(nodeset: str) -> str:
    """Put the fields of the structures above it into each structure's definition, as a server shows it.

    A nodeset leaves them out (OPC 10000-6 annex F), the attribute has them (OPC 10000-3), and asyncua adds none.
    """
    above: dict[str, str] = {}
    own: dict[str, str] = {}
    for found in _DATA_TYPE.finditer(nodeset):
        supertype, definition = _ABOVE.search(found[0]), _DEFINITION.search(found[0])
        if supertype is not None and definition is not None:
            above[found[1]], own[found[1]] = supertype[1], definition[2] or ""

    def fields(data_type: str) -> str:
        return fields(above[data_type]) + own[data_type] if data_type in own else ""

    def completed(found: re.Match[str]) -> str:
        inherited = fields(above.get(found[1], ""))
        if not inherited:
            return found[0]
        return _DEFINITION.sub(
            lambda one: f"{one[1]}>{inherited}{one[2] or ''}</Definition>", found[0], count=1
        )

    return _DATA_TYPE.sub(completed, nodeset)


class _OneOfEach:
    """Replaces equal values by the first of them; what is equal is told by its pickle."""

    def __init__(self) -> None:
        self._known: dict[bytes, Any] = {}

    def of(self, value: Any) -> Any:
        """Return the one value that equals this one."""
        return self._known.setdefault(pickle.dumps(value), value)

    def node(self, node: NodeData) -> KeptNode:
        """Return a node made of such values, without what a running server has hung on it."""
        return (
            self.of(node.nodeid),
            tuple(self._value(name, kept.value) for name, kept in node.attributes.items()),
            tuple(self._reference(reference) for reference in node.references),
        )

    def _value(self, name: Any, data: Any) -> tuple[Any, Any]:
        if data is None:
            return name, None
        if name == ua.AttributeIds.Value:
            return name, ua.DataValue(ua.Variant()) if _is_of_made_type(data) else data
        shared: tuple[Any, Any] = self.of(
            (name, ua.DataValue(self.of(data.Value), self.of(data.StatusCode)))
        )
        return shared

    def _reference(self, reference: Any) -> Any:
        for name in ("ReferenceTypeId", "NodeId", "BrowseName", "DisplayName", "TypeDefinition"):
            setattr(reference, name, self.of(getattr(reference, name)))
        return reference


def _is_of_made_type(data: Any) -> bool:
    """Whether a value is of a data type that asyncua made of a nodeset: an example, and it cannot be kept."""
    value = data.Value.Value
    values = value if isinstance(value, list) else [value]
    return any(type(one).__module__ == structures104.__name__ for one in values)


def _fingerprint() -> str:
    digest = hashlib.sha256(version("asyncua").encode())
    digest.update(Path(__file__).read_bytes())
    for name in IN_ORDER:
        digest.update((NODESETS / name).read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    asyncio.run(_import(Path(sys.argv[1])))
