"""The companion models in a server's address space, imported once and kept.

Importing the nodesets into asyncua takes about three seconds; the finished address space is pickled under a
name made of the nodesets' hash and the asyncua version, so a server starts from it in about one.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import logging
import pickle
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from asyncua.server.internal_server import InternalServer

from plc_sim.opcua.stack import Server, ua

NODESETS = Path(__file__).parent.parent / "nodesets"
IN_ORDER = (
    "Opc.Ua.Di.NodeSet2.xml",
    "Opc.Ua.IA.NodeSet2.xml",
    "Opc.Ua.Machinery.NodeSet2.xml",
    "opc.ua.isa95-jobcontrol.nodeset2.xml",
    "Opc.Ua.PackML.NodeSet2.xml",
)
"""Each after the models that it requires."""

_DESIGN_ONLY = re.compile(r"<UA(\w+) [^>]*DesignToolOnly=\"true\".*?</UA\1>", re.DOTALL)


@dataclass(frozen=True)
class CompanionSpace:
    """The namespaces and the pickled nodes of a server that has the companion models."""

    namespaces: list[str]
    nodes: bytes


class _PreparedServer(InternalServer):
    """asyncua's internal server on an address space that is ready."""

    def __init__(self, space: CompanionSpace) -> None:
        super().__init__()
        self._space: CompanionSpace | None = space

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        gc_was_on = gc.isenabled()
        gc.disable()  # half a million small objects: collecting in between takes longer than loading
        try:
            if self._space is not None:
                self.aspace._nodes = pickle.loads(self._space.nodes)  # noqa: S301  # our own file
            self._space = None
        finally:
            if gc_was_on:
                gc.enable()
        gc.freeze()


async def companion_space(cache: Path) -> CompanionSpace:
    """Return the address space with the companion models, from `cache` or imported now and kept there."""
    path = cache / f"nodesets-{_fingerprint()}.pickle"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / "nodesets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process imports, the others of the plant wait for it
        if not path.exists():
            space = await _import()
            draft = path.with_suffix(".part")
            draft.write_bytes(pickle.dumps({"namespaces": space.namespaces, "nodes": space.nodes}))
            draft.chmod(0o600)
            draft.replace(path)
    content: dict[str, Any] = pickle.loads(path.read_bytes())  # noqa: S301  # our own file
    return CompanionSpace(content["namespaces"], content["nodes"])


async def new_server(space: CompanionSpace) -> Server:
    """Return a server with the companion models, not started."""
    server = Server(iserver=_PreparedServer(space))
    await server.init()
    array = server.get_node(ua.NodeId(ua.ObjectIds.Server_NamespaceArray))
    await array.write_value(space.namespaces)
    await server.load_data_type_definitions()
    return server


async def _import() -> CompanionSpace:
    for name in ("asyncua.common.xmlimporter", "asyncua.common.structures104"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it remarks on every simple data type
    server = Server()
    await server.init()
    for name in IN_ORDER:
        text = (NODESETS / name).read_text(encoding="utf-8")
        nodeset: Any = _DESIGN_ONLY.sub("", text).encode()  # bytes, as the XML declaration demands
        await server.import_xml(xmlstring=nodeset)
    namespaces = await server.get_namespace_array()
    nodes = pickle.dumps(server.iserver.aspace._nodes, pickle.HIGHEST_PROTOCOL)
    return CompanionSpace(namespaces, nodes)


def _fingerprint() -> str:
    digest = hashlib.sha256(version("asyncua").encode())
    for name in IN_ORDER:
        digest.update((NODESETS / name).read_bytes())
    return digest.hexdigest()[:16]
