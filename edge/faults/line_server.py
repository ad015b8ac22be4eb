"""A line on a real OPC UA server that does as a campaign says: `python -m edge.faults.line_server …`.

Its tags rise by one every 50 ms, its ring gets a record every 100 ms; both are in the ledger before they are
told. Standard input takes one JSON object a line: `{"do": "value", "kind": "nan|inf|bad|text", "tag": 0}`,
`{"do": "vanish", "tag": 0, "s": 2}`, `{"do": "password", "is": "…"}`, `{"do": "limit", "items": 1}`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua.common.connection import SecureConnection
from asyncua.common.node import Node
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.history import HistoryStorageInterface
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from cryptography import x509

from edge.faults.ledger import LedgerWriter, Tick
from edge.opcua.certificates import OwnCertificates, application_uri
from edge.opcua.trust import CertificateRefused, TrustList
from mes.contracts.line_layout import line_interface
from mes.contracts.line_records import StationStateChanged
from mes.contracts.plant_file import load_plant, with_ports
from mes.contracts.plc import PLANT_NAMESPACE, LineInterface

ua: Any = importlib.import_module("asyncua.ua")
"""Takes plain integers and datetimes where its annotations name classes of its own."""

TICK_S = 0.05
RECORD_EVERY = 2
USER = "agent"
KINDS: dict[str, Any] = {
    "nan": lambda: ua.DataValue(ua.Variant(float("nan"), ua.VariantType.Double)),
    "inf": lambda: ua.DataValue(ua.Variant(float("inf"), ua.VariantType.Double)),
    "bad": lambda: ua.DataValue(
        ua.Variant(), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadSensorFailure))
    ),
    "text": lambda: ua.DataValue(ua.Variant("no number", ua.VariantType.String)),
}


class FaultyLine(UserManager):
    """The server and its ledger."""

    def __init__(self, interface: LineInterface, ledger: LedgerWriter, pki: Path) -> None:
        self._interface = interface
        self._ledger = ledger
        self._own = OwnCertificates(pki / "own")
        self._trust = TrustList(pki)
        self.password = "right"  # noqa: S105  # of a server on trial
        self._special: list[tuple[int, str]] = []
        self._absent: set[int] = set()
        self._tags: list[Node] = []
        self._torn = b""
        self._before: list[tuple[int, str]] = []
        self._history: HistoryStorageInterface | None = None

    async def serve(self, port: int, *, before: int, lifetime_ms: int | None, history: int) -> None:
        """Serve until cancelled.

        Args:
            history: so many values of each tag are kept for HistoryRead; 0: no history.
            before: so many other namespaces stand before ours.
            lifetime_ms: how long secure channels live; None: as long as clients ask.
        """
        server = self._server = Server()
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
        await self._secure(server)
        if lifetime_ms is not None:
            _short_channels(lifetime_ms)
        for number in range(before):
            await server.register_namespace(f"urn:other:{number}")
        self._index = await server.register_namespace(PLANT_NAMESPACE)
        last_seq = await self._build(server)
        if history:
            self._history = server.iserver.history_manager.storage
            for tag in self._tags:
                await self._history.new_historized_node(tag.nodeid, None, history)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._commanded)
        async with server:
            print("ready", flush=True)  # noqa: T201
            while True:
                await self._tick()
                if self._ledger.number % RECORD_EVERY == 0:
                    await self._record(server, last_seq)
                await asyncio.sleep(TICK_S)

    async def _secure(self, server: Server) -> None:
        identity = self._own.current()
        assert identity is not None  # noqa: S101  # the campaign made it
        await server.set_application_uri(application_uri(identity.read()))
        await server.load_certificate(str(identity.certificate))
        await server.load_private_key(identity.key)
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        server.set_identity_tokens([ua.UserNameIdentityToken])
        server.set_certificate_validator(self._check)
        server.iserver.set_user_manager(self)

    async def _check(self, certificate: x509.Certificate, description: Any) -> None:
        try:
            self._trust.check(
                certificate, uri=description.ApplicationUri or "", now=datetime.now(UTC)
            )
        except CertificateRefused as refused:
            raise ServiceError(ua.StatusCodes.BadCertificateUntrusted) from refused

    def get_user(
        self,
        _server: Any,
        username: str | None = None,
        password: Any = None,
        certificate: Any = None,
    ) -> User | None:
        """Answer asyncua's question who a user is; None refuses."""
        if username == USER and password == self.password:
            return User(role=UserRole.User, name=username)
        return None

    def _node_id(self, reference: str) -> Any:
        return ua.NodeId.from_string(f"ns={self._index};{reference.split(';', 1)[1]}")

    async def _build(self, server: Server) -> Node:
        objects, interface, ledger = server.nodes.objects, self._interface, self._ledger
        assert interface.ledger is not None  # noqa: S101  # our own lines have one
        for number in range(len(interface.tags)):
            self._tags.append(await self._add_tag(server, number))
        parent = await objects.add_object(self._node_id(interface.ledger.parent), "Ledger")
        last_seq = await parent.add_variable(
            self._node_id(interface.ledger.last_seq),
            "LastSeq",
            len(ledger.records),
            ua.VariantType.UInt64,
        )

        async def read(_parent: Any, first: Any, count: Any) -> list[Any]:
            start = int(first.Value) - 1
            found = ledger.records[start : start + int(count.Value)]
            return [ua.Variant(found, ua.VariantType.String, is_array=True)]

        await parent.add_method(
            self._node_id(interface.ledger.read),
            "Read",
            read,
            [ua.VariantType.UInt64, ua.VariantType.UInt32],
            [ua.VariantType.String],
        )
        return last_seq

    async def _add_tag(self, server: Server, number: int) -> Node:
        """Add a tag with the value that it had; one without a past waits for its first."""
        tag = self._interface.tags[number]
        node = await server.nodes.objects.add_variable(
            self._node_id(tag.node), f"{tag.station}.{tag.name}", 0.0, ua.VariantType.Double
        )
        value = ua.DataValue(
            ua.Variant(),
            ua.StatusCode(ua.UInt32(ua.StatusCodes.BadWaitingForInitialData)),
        )
        await server.write_attribute_value(node.nodeid, value)
        return node

    async def _tick(self) -> None:
        special = dict(self._next_special())
        tick = Tick(
            self._ledger.number + 1,
            datetime.now(UTC),
            frozenset(self._absent),
            frozenset(special) - frozenset(self._absent),
        )
        self._ledger.tick(tick)
        plain = ua.DataValue(ua.Variant(float(tick.number)), SourceTimestamp=tick.at)
        for number, tag in enumerate(self._tags):
            if number in tick.absent:
                continue
            value = plain
            if number in special:
                value = KINDS[special[number]]()
                value.SourceTimestamp = tick.at
            await self._publish(tag, value)

    def _next_special(self) -> list[tuple[int, str]]:
        """Take what is asked for next; the same again would be no change, of which nobody is told."""
        chosen, self._special = self._special[:1], self._special[1:]
        if chosen and chosen == self._before:
            chosen = []
        self._before = chosen
        return chosen

    async def _publish(self, tag: Node, value: Any) -> None:
        """Tell a value whatever its type is: asyncua itself would refuse one of another type."""
        attribute = self._server.iserver.aspace[tag.nodeid].attributes[ua.AttributeIds.Value]
        attribute.value = value
        if self._history is not None:
            await self._history.save_node_value(tag.nodeid, value)
        for handle, callback in list(attribute.datachange_callbacks.items()):
            await callback(handle, value)

    async def _record(self, server: Server, last_seq: Node) -> None:
        record = StationStateChanged(
            seq=len(self._ledger.records) + 1,
            line=self._interface.line,
            at=datetime.now(UTC),
            station=self._interface.stations[0].id,
            state="running" if len(self._ledger.records) % 2 else "starved",
        )
        self._ledger.record(record.model_dump_json())
        told = ua.DataValue(ua.Variant(record.seq, ua.VariantType.UInt64))
        await server.write_attribute_value(last_seq.nodeid, told)

    def _commanded(self) -> None:
        content = os.read(sys.stdin.fileno(), 1 << 16)
        if not content:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        *lines, self._torn = (self._torn + content).split(b"\n")
        for line in lines:
            self._do(json.loads(line))

    def _do(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "value":
                self._special.append((command["tag"], command["kind"]))
            case "password":
                self.password = command["is"]
            case "limit":
                self._limit_items(command["items"])
            case "vanish":
                task = asyncio.ensure_future(self._vanish(command["tag"], command["s"]))
                task.add_done_callback(lambda done: done.result())

    async def _vanish(self, number: int, seconds: float) -> None:
        """Take a node out of the address space and put it back later."""
        self._absent.add(number)
        await self._server.delete_nodes([self._tags[number]])
        await asyncio.sleep(seconds)
        self._tags[number] = await self._add_tag(self._server, number)
        self._absent.discard(number)

    def _limit_items(self, most: int) -> None:
        """Answer BadTooManyMonitoredItems beyond so many items of one request, 0: no limit any more."""
        service = self._server.iserver.subscription_service
        if most == 0:
            service.__dict__.pop("create_monitored_items", None)
            return
        create = type(service).create_monitored_items

        async def limited(params: Any, *more: Any, **named: Any) -> Any:
            refused = params.ItemsToCreate[most:]
            params.ItemsToCreate = params.ItemsToCreate[:most]
            results = await create(service, params, *more, **named)
            for _ in refused:
                result = ua.MonitoredItemCreateResult()
                result.StatusCode = ua.StatusCode(
                    ua.UInt32(ua.StatusCodes.BadTooManyMonitoredItems)
                )
                results.append(result)
            return results

        service.create_monitored_items = limited  # type: ignore[method-assign]


def _short_channels(lifetime_ms: int) -> None:
    """Let secure channels live so long; clients renew them at three quarters of it."""
    opened = SecureConnection.open

    def open_short(self: SecureConnection, params: Any, server: Any) -> Any:
        params.RequestedLifetime = lifetime_ms
        return opened(self, params, server)

    SecureConnection.open = open_short  # type: ignore[method-assign]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="edge.faults.line_server", description=__doc__)
    parser.add_argument("--plant", type=Path, required=True)
    parser.add_argument("--line", required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--before", type=int, default=0)
    parser.add_argument("--lifetime-ms", type=int)
    parser.add_argument("--history", type=int, default=0)
    options = parser.parse_args()
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    plant = with_ports(load_plant(options.plant), options.base_port)
    interface = line_interface(plant, plant.line(options.line))
    line = FaultyLine(interface, LedgerWriter(options.ledger), options.pki)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_stopped(line, options))


async def _until_stopped(line: FaultyLine, options: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # this is one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await line.serve(
        options.port,
        before=options.before,
        lifetime_ms=options.lifetime_ms,
        history=options.history,
    )


if __name__ == "__main__":
    main()
