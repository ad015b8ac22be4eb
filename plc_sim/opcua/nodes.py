"""Adds the nodes of a line to a server, with exactly the node ids of `mes.contracts.line_layout`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asyncua.common.manage_nodes import create_method, create_property
from asyncua.server.address_space import AddressSpace

from mes.contracts.plc import PLANT_NAMESPACE
from plc_sim.opcua.stack import Node, Server, ua
from plc_sim.opcua.values import LiveValue

HISTORY_READ = 4
"""Bit of AccessLevel (OPC 10000-3 §8.57): the node has a history that can be read."""

Method = Callable[..., Awaitable[Any]]


class NodeBuilder:
    """Builds on one server."""

    def __init__(self, server: Server, namespaces: list[str]) -> None:
        self.server = server
        self._session = server.iserver.isession
        self._index = {uri: index for index, uri in enumerate(namespaces)}
        self.plant = self._index[PLANT_NAMESPACE]

    @property
    def space(self) -> AddressSpace:
        """The nodes themselves."""
        return self.server.iserver.aspace

    def index(self, uri: str) -> int:
        """Return the index of a namespace on this server."""
        return self._index[uri]

    def node_id(self, text: str) -> Any:
        """Return the node id of a `nsu=URI;s=…` text on this server."""
        uri, _, name = text.removeprefix("nsu=").partition(";s=")
        return ua.NodeId(name, self._index[uri])

    def node(self, identifier: Any) -> Any:
        """Return a node of the server."""
        return self.server.get_node(identifier)

    def is_watched(self, emitter: Node) -> bool:
        """Whether anybody has subscribed to the events of a node."""
        return any(
            emitter.nodeid in subscription.monitored_item_srv._monitored_events
            for subscription in self.server.iserver.subscription_service.subscriptions.values()
        )

    async def object(
        self,
        parent: Node,
        identifier: str,
        name: Any,
        *,
        type_id: Any = None,
        organised: bool = False,
    ) -> Node:
        """Add an object; its type's children are added by the caller."""
        kind = ua.ObjectIds.Organizes if organised else ua.ObjectIds.HasComponent
        item = ua.AddNodesItem(
            ParentNodeId=parent.nodeid,
            ReferenceTypeId=ua.NodeId(kind),
            RequestedNewNodeId=self.node_id(identifier),
            BrowseName=name,
            NodeClass=ua.NodeClass.Object,
            NodeAttributes=ua.ObjectAttributes(
                DisplayName=ua.LocalizedText(name.Name), EventNotifier=ua.Byte(0)
            ),
            TypeDefinition=type_id or ua.NodeId(ua.ObjectIds.BaseObjectType),
        )
        (result,) = await self._session.add_nodes([item])
        result.StatusCode.check()
        added: Node = self.node(result.AddedNodeId)
        return added

    async def variable(
        self,
        parent: Node,
        identifier: str,
        value: Any,
        kind: Any,
        *,
        name: Any = None,
        data_type: Any = None,
        writable: bool = False,
        rank: int = -1,
        process_value: bool = False,
    ) -> Node:
        """Add a variable with its first value; a process value is an AnalogItem with a history."""
        node_id = self.node_id(identifier)
        browse_name = name or ua.QualifiedName(
            str(node_id.Identifier).rsplit(".", 1)[-1], self.plant
        )
        access = (3 if writable else 1) | (HISTORY_READ if process_value else 0)
        type_id = (
            ua.ObjectIds.AnalogItemType if process_value else ua.ObjectIds.BaseDataVariableType
        )
        item = ua.AddNodesItem(
            ParentNodeId=parent.nodeid,
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HasComponent),
            RequestedNewNodeId=node_id,
            BrowseName=browse_name,
            NodeClass=ua.NodeClass.Variable,
            NodeAttributes=ua.VariableAttributes(
                DisplayName=ua.LocalizedText(browse_name.Name),
                Value=ua.Variant(value, kind, is_array=rank > 0),
                DataType=data_type or ua.NodeId(kind.value),
                ValueRank=ua.Int32(rank),
                ArrayDimensions=[ua.UInt32(0)] if rank > 0 else None,
                AccessLevel=ua.Byte(access),
                UserAccessLevel=ua.Byte(access),
                Historizing=process_value,
            ),
            TypeDefinition=ua.NodeId(type_id),
        )
        (result,) = await self._session.add_nodes([item])
        result.StatusCode.check()
        added: Node = self.node(result.AddedNodeId)
        return added

    async def live(
        self, parent: Node, identifier: str, value: Any, kind: Any, **more: Any
    ) -> LiveValue:
        """Add a variable and return its value for publishing."""
        node = await self.variable(parent, identifier, value, kind, **more)
        return LiveValue(self.space, node, kind)

    async def property(
        self, parent: Node, name: str, value: Any, kind: Any, *, namespace: int = 0
    ) -> Node:
        """Add a property that does not change."""
        base: Any = parent.nodeid.Identifier
        identifier = ua.NodeId(f"{base}.{name}", self.plant)
        node: Node = await create_property(
            parent, identifier, ua.QualifiedName(name, namespace), value, kind
        )
        return node

    async def method(
        self,
        parent: Node,
        identifier: str,
        callback: Method,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        name: Any = None,
    ) -> None:
        """Add a method."""
        node_id = self.node_id(identifier)
        browse_name = name or ua.QualifiedName(
            str(node_id.Identifier).rsplit(".", 1)[-1], self.plant
        )
        await create_method(parent, node_id, browse_name, callback, list(inputs), list(outputs))


def argument(name: str, kind: Any, *, array: bool = False) -> Any:
    """Describe an argument of a method."""
    return ua.Argument(
        Name=name, DataType=ua.NodeId(kind.value), ValueRank=ua.Int32(1 if array else -1)
    )
