"""The security of a line's server, as a maker of PLCs builds it: its own certificate, and whom it believes.

Certificates lie in `DIR/pki/LINE`: `own`, `trusted`, `rejected` (DER). Beside `trusted`, folders given at the
start are believed, which is how agent and line of one machine find each other. Without certificates
(`--security none`) the server offers nothing but the open channel.
"""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua.common.utils import ServiceError
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from plc_sim.opcua.stack import Server, ua

log = logging.getLogger(__name__)

POLICIES = (
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
)


class GuardedSession(InternalSession):
    """A session that is only activated over an encrypted channel.

    asyncua lets clients ask for the endpoints over an open channel, and would let them open a session on it.
    """

    def activate_session(self, params: Any, peer_certificate: bytes | None) -> Any:
        """Activate the session, or refuse a client that has shown no certificate."""
        if self.external and peer_certificate is None:
            raise ServiceError(ua.StatusCodes.BadSecurityChecksFailed)
        return super().activate_session(params, peer_certificate)


class LineSecurity:
    """The certificates of one line's server.

    Args:
        folder: of the line's certificates; made when it is not there.
        also: further folders with certificates of clients that are believed.
    """

    def __init__(self, folder: Path, line: str, also: Sequence[Path] = ()) -> None:
        self._folder = folder
        self._line = line
        self._also = tuple(also)

    async def apply(self, server: Server) -> None:
        """Let the server offer its encrypted endpoints alone; its certificate is made at the first start."""
        uri = f"urn:c2m:plc_sim:{self._line}"
        own = self._folder / "own"
        for place in ("own", "trusted", "rejected"):
            (self._folder / place).mkdir(parents=True, exist_ok=True, mode=0o700)
        await server.set_application_uri(uri)
        key, certificate = own / "key.pem", own / "certificate.der"
        await setup_self_signed_certificate(
            key,
            certificate,
            uri,
            socket.gethostname(),
            [ExtendedKeyUsageOID.SERVER_AUTH],
            {"organizationName": "C2M plc_sim"},
        )
        key.chmod(0o600)
        await server.load_certificate(str(certificate))
        await server.load_private_key(key)
        server.set_security_policy(list(POLICIES))
        server.set_certificate_validator(self.check)

    async def check(self, certificate: x509.Certificate, _description: Any) -> None:
        """Believe a client, or put its certificate into `rejected`.

        Raises:
            ServiceError: BadCertificateUntrusted or BadCertificateTimeInvalid.
        """
        der = certificate.public_bytes(Encoding.DER)
        if der not in self._trusted():
            name = hashlib.sha256(der).hexdigest()
            (self._folder / "rejected" / f"{name}.der").write_bytes(der)
            log.warning("%s does not trust %s", self._line, certificate.subject.rfc4514_string())
            raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)
        if (
            not certificate.not_valid_before_utc
            <= datetime.now(UTC)
            <= certificate.not_valid_after_utc
        ):
            raise ServiceError(ua.StatusCodes.BadCertificateTimeInvalid)

    def _trusted(self) -> Iterator[bytes]:
        for folder in (self._folder / "trusted", *self._also):
            for path in folder.glob("*.der"):
                yield path.read_bytes()


def guarded(server: InternalServer, name: str, **facts: Any) -> InternalSession:
    """Return a session of a server that has a certificate: guarded; else a plain one."""
    kind = GuardedSession if server.certificate is not None else InternalSession
    return kind(server, server.aspace, server.subscription_service, name, **facts)
