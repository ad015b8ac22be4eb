"""How an agent proves who it is to a line, and what it demands of the line.

The certificate of the server is checked before anything is encrypted for it. The agent's own certificate is
renewed in good time: the new one is shown first, and while the line does not know it yet, the old one still
works (rotation with overlap).
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.uaerrors import UaError
from cryptography import x509

from edge.opcua.certificates import Identity, OwnCertificates, application_uri
from edge.opcua.trust import TrustList

RENEW_BEFORE = timedelta(days=30)


class Policy(StrEnum):
    """Security policies by the last part of their URI (OPC 10000-7); `None` must be asked for by name."""

    BASIC_256_SHA_256 = "Basic256Sha256"
    AES_128 = "Aes128_Sha256_RsaOaep"
    AES_256 = "Aes256_Sha256_RsaPss"
    NONE = "None"


_POLICIES: dict[Policy, type[security_policies.SecurityPolicy]] = {
    Policy.BASIC_256_SHA_256: security_policies.SecurityPolicyBasic256Sha256,
    Policy.AES_128: security_policies.SecurityPolicyAes128Sha256RsaOaep,
    Policy.AES_256: security_policies.SecurityPolicyAes256Sha256RsaPss,
}


class PolicyNotOffered(UaError):
    """The server has no endpoint with the policy that this agent demands."""

    def __init__(self, policy: Policy, offered: Sequence[str]) -> None:
        names = ", ".join(sorted(set(offered))) or "nothing"
        super().__init__(
            f"the server offers no encrypted endpoint with {policy}, but {names};"
            " set the agent's C2M_EDGE__SECURITY to what the line has"
        )


@dataclass(frozen=True, slots=True)
class Login:
    """The user of the session: a name with its password, a certificate with its key, or nobody (anonymous)."""

    user: str = ""
    password: str = ""
    certificate: Path | None = None
    key: Path | None = None


class LinkSecurity:
    """The security of the links of one agent.

    Args:
        folder: where certificates are kept; made when it is not there.
        name: of the line, as the certificate says it.
        also: further folders with certificates of lines that are trusted.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        policy: Policy,
        login: Login,
        also: Sequence[Path] = (),
    ) -> None:
        self._name = name
        self._policy = policy
        self._login = login
        self.trust = TrustList(folder, also)
        self._own = OwnCertificates(folder / "own")

    def prepare(self, *, now: datetime) -> None:
        """Make the agent's certificate when there is none, and its successor 30 days before its end.

        Args:
            now: real time.
        """
        if self._policy is Policy.NONE:
            return
        current = self._own.current() or self._make(now)
        if current.read().not_valid_after_utc - now < RENEW_BEFORE:
            self.renew(now=now)

    def renew(self, *, now: datetime) -> None:
        """Make the successor of the agent's certificate, unless there is one."""
        if self._own.successor() is None:
            self._make(now)

    def own_days_left(self, *, now: datetime) -> float | None:
        """Return the days until the certificate in use ends; None without security."""
        current = self._own.current()
        return (
            None
            if current is None
            else (current.read().not_valid_after_utc - now) / timedelta(days=1)
        )

    async def secure(self, client: Client, *, new: bool) -> bool:
        """Give a client its certificate and its user; the server's certificate is checked first.

        Args:
            new: show the successor of the agent's certificate.

        Returns:
            False: there is no successor to show.

        Raises:
            CertificateRefused: the server's certificate is not believed.
            PolicyNotOffered: the server has no endpoint as this agent demands it.
            OSError, TimeoutError, ua.UaError: the server is away, hangs or refuses.
        """
        if self._policy is Policy.NONE:
            self._use_login(client)
            return not new
        identity = self._own.successor() if new else self._own.current()
        if identity is None:
            return False
        server = await self._server_certificate(client)
        client.application_uri = application_uri(identity.read())
        await client.set_security(
            _POLICIES[self._policy],
            certificate=str(identity.certificate),
            private_key=str(identity.key),
            server_certificate=CertProperties(server, "der"),
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
        self._use_login(client)
        if self._login.certificate is not None and self._login.key is not None:
            await client.load_client_certificate(str(self._login.certificate))
            await client.load_private_key(self._login.key)
        return True

    def accepted(self) -> None:
        """Note that the line has taken the successor: it takes the place of the old certificate."""
        successor = self._own.successor()
        if successor is not None:
            self._own.promote(successor)

    async def _server_certificate(self, client: Client) -> bytes:
        """Ask for the endpoints over an open channel, choose ours, and check the certificate it shows."""
        endpoints = await client.connect_and_get_server_endpoints()
        wanted = _POLICIES[self._policy].URI
        for endpoint in endpoints:
            if (
                endpoint.SecurityPolicyUri == wanted
                and endpoint.SecurityMode == ua.MessageSecurityMode.SignAndEncrypt
                and endpoint.ServerCertificate
            ):
                certificate = x509.load_der_x509_certificate(
                    first_of_chain(endpoint.ServerCertificate)
                )
                uri = endpoint.Server.ApplicationUri or ""
                self.trust.check(certificate, uri=uri, now=datetime.now(UTC))
                return first_of_chain(endpoint.ServerCertificate)
        raise PolicyNotOffered(self._policy, [_last_part(e.SecurityPolicyUri) for e in endpoints])

    def _use_login(self, client: Client) -> None:
        if self._login.user:
            client.set_user(self._login.user)
            client.set_password(self._login.password)

    def _make(self, now: datetime) -> Identity:
        host = platform.node() or "localhost"
        return self._own.make(
            name=f"C2M edge agent {self._name}",
            uri=f"urn:c2m:edge:{host}:{self._name}",
            now=now,
        )


def first_of_chain(der: bytes) -> bytes:
    """Return the first certificate of a chain: a server may send its issuers behind its own (OPC 10000-6)."""
    if der[1] < 0x80:
        return der[: 2 + der[1]]
    width = der[1] & 0x7F
    return der[: 2 + width + int.from_bytes(der[2 : 2 + width], "big")]


def _last_part(uri: Any) -> str:
    return str(uri or "").rpartition("#")[2]
