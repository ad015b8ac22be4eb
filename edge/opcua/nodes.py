"""Node ids by namespace URI, resolved against the server that answers now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NewType

from asyncua import ua
from asyncua.ua.uaerrors import UaError

NodeRef = NewType("NodeRef", str)
"""`nsu=URI;s=…`, `nsu=URI;i=…`, or without `nsu=` for namespace 0 (OPC 10000-6 §5.1.12)."""


class UnknownNode(Exception):
    """A node reference that this server cannot have: malformed, or of a namespace it does not know."""


class Namespaces:
    """The namespace table of one session; a server may re-order it at every restart."""

    def __init__(self, uris: Sequence[str]) -> None:
        self.uris = tuple(uris)
        self._index = {uri: number for number, uri in enumerate(uris)}

    def index(self, uri: str) -> int:
        """Return the index of a namespace.

        Raises:
            UnknownNode: the server does not have it.
        """
        try:
            return self._index[uri]
        except KeyError:
            raise UnknownNode(f"the server has no namespace {uri!r}") from None

    def resolve(self, reference: str) -> ua.NodeId:
        """Return the node id that `reference` has on this server.

        Raises:
            UnknownNode: the reference is malformed or its namespace is not there.
        """
        index, identifier = 0, reference
        if reference.startswith("nsu="):
            uri, separator, identifier = reference[4:].partition(";")
            if not separator:
                raise UnknownNode(f"{reference!r} names a namespace, but no node")
            index = self.index(uri)
        try:
            return ua.NodeId.from_string(f"ns={index};{identifier}")
        except (UaError, ValueError) as error:
            raise UnknownNode(f"{reference!r} is not a node id: {error}") from error
