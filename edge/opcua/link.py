"""One live session with the server of a line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from asyncua.ua.uatypes import StatusCode

from edge.opcua.nodes import Namespaces
from edge.opcua.security import LinkSecurity
from edge.opcua.trust import CertificateRefused

REQUEST_TIMEOUT_S = 4.0
HEALTH_PROBE_S = 10.0
"""asyncua's own probe; its default of 1 s takes a busy server for a lost one."""
SESSION_TIMEOUT_MS = 60_000
CLOSE_TIMEOUT_S = 2.0

LinkFailed = (OSError, TimeoutError, asyncio.TimeoutError, UaError)
"""What a session raises when the server is away, hangs or refuses."""


_SESSION_IS_OVER = frozenset(
    {
        StatusCodes.BadSessionIdInvalid,
        StatusCodes.BadSessionClosed,
        StatusCodes.BadSessionNotActivated,
        StatusCodes.BadSecureChannelIdInvalid,
        StatusCodes.BadSecureChannelClosed,
        StatusCodes.BadConnectionClosed,
        StatusCodes.BadCommunicationError,
        StatusCodes.BadTimeout,
        StatusCodes.BadServerHalted,
        StatusCodes.BadShutdown,
        StatusCodes.BadOutOfMemory,
        StatusCodes.BadTcpServerTooBusy,
    }
)
"""Faults of a whole request that say nothing of the method: the call is made again on the next session."""


class CallRefused(Exception):
    """The server refused a method call or a write; `status` is the OPC UA status name."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Link:
    """Reads, writes and calls on one session. Values carry the server's own status codes."""

    def __init__(self, session: UaSession, namespaces: Namespaces) -> None:
        self.session = session
        self.namespaces = namespaces

    async def read(self, references: Sequence[str]) -> list[ua.DataValue]:
        """Read the values of several nodes in one request."""
        nodes = [self.namespaces.resolve(reference) for reference in references]
        return await self.session.read_attributes(nodes, AttributeIds.Value)

    async def write(self, values: Sequence[tuple[str, ua.Variant]]) -> None:
        """Write several nodes, in this order, in one request.

        Raises:
            CallRefused: the server refused one of them.
        """
        statuses = await self.session.write_attributes(
            [self.namespaces.resolve(reference) for reference, _ in values],
            [ua.DataValue(variant) for _, variant in values],
        )
        for status in statuses:
            if not status.is_good():
                raise CallRefused(status.name)

    async def call(self, parent: str, method: str, *arguments: ua.Variant) -> list[Any]:
        """Call a method and return its output values.

        Raises:
            CallRefused: the server did not execute it.
        """
        request = ua.CallMethodRequest()
        request.ObjectId = self.namespaces.resolve(parent)
        request.MethodId = self.namespaces.resolve(method)
        request.InputArguments = list(arguments)
        try:
            result = (await self.session.call([request]))[0]
        except UaStatusCodeError as fault:
            if fault.code in _SESSION_IS_OVER:
                raise
            raise CallRefused(str(StatusCode(fault.code).name)) from fault
        if not result.StatusCode.is_good():
            raise CallRefused(result.StatusCode.name)
        return [output.Value for output in result.OutputArguments]


@contextlib.asynccontextmanager
async def open_link(endpoint: str, security: LinkSecurity | None = None) -> AsyncIterator[Link]:
    """Connect to a server, read its namespace table, and hang up at the end, however it ends.

    asyncua's reconnection stays off: after a hung server it can look connected and deliver nothing.
    Without `security` nothing is encrypted and nobody is who he says.

    Raises:
        OSError, TimeoutError, ua.UaError: the server is away, hangs or refuses, or is not trusted.
    """
    client = await _connected(endpoint, security)
    try:
        table = await client.get_namespace_array()
        yield Link(client.uaclient.session, Namespaces(table))
    finally:
        await _hang_up(client)


async def _connected(endpoint: str, security: LinkSecurity | None) -> Client:
    """Connect with the newest certificate that the server takes."""
    if security is not None:
        try:
            client = _new_client(endpoint)
            if await security.secure(client, new=True):
                await client.connect(auto_reconnect=False)
                security.accepted()
                return client
        except CertificateRefused:
            raise
        except LinkFailed:
            pass  # the server may not know the new certificate yet; the old one shows whether it is there
    client = _new_client(endpoint)
    if security is not None:
        await security.secure(client, new=False)
    await client.connect(auto_reconnect=False)
    return client


def _new_client(endpoint: str) -> Client:
    client = Client(endpoint, timeout=REQUEST_TIMEOUT_S, watchdog_intervall=HEALTH_PROBE_S)
    client.name = client.description = "C2M edge agent"
    client.application_uri = "urn:c2m:edge"
    client.session_timeout = SESSION_TIMEOUT_MS
    return client


async def _hang_up(client: Client) -> None:
    """Close politely if the server answers within two seconds, else drop the socket."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.disconnect()
    except LinkFailed:
        pass
    finally:
        client.disconnect_socket()


def quiet_asyncua() -> None:
    """Leave the reporting of lost connections to the agent: asyncua logs each of them many times."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
