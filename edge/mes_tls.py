"""TLS to the MES: whom the agent believes, and the certificate with which it proves who it is.

The certificate that was given at installation comes first; the MES renews it before it ends, for a key that is
made here and never leaves this machine. Of the two the one that was issued last is shown.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge.opcua.certificates import write_private
from mes.contracts.agent import AGENT_AUTHORITY, Certified

RENEWED_BEFORE_END = 1 / 3
"""A certificate is renewed when so much of its lifetime is left."""
RENEWED_FILE = "certificate.pem"
HTTPS_PORT = 443
ASK_S = 2.0
HOLDS_S = 1.0
"""Real seconds in which a server resets a connection whose certificate it does not take."""
_ALERTS = {
    "TLSV1_ALERT_UNKNOWN_CA": "the MES does not know the authority of this agent's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "this agent's certificate has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the MES does not take this agent's certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "this agent's certificate is none for clients",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the MES does not take this agent's certificate",
    "WRONG_VERSION_NUMBER": "the MES answers without TLS; its address begins with http://",
    "RECORD_LAYER_FAILURE": "the MES answers without TLS; its address begins with http://",
}
"""What OpenSSL calls it → what it means here."""


class TlsUnusable(Exception):
    """A file of the TLS link to the MES is missing or is not what it should be; the message says which."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A key that is to be certified, and what asks for it (PKCS 10, PEM)."""

    key: ec.EllipticCurvePrivateKey
    request: str


@dataclass(slots=True)
class MesTls:
    """How one agent speaks TLS.

    Args:
        folder: of the certificate that the MES renewed.
        authorities: whom the MES's own certificate is believed from (PEM); None: those of the system.
        certificate, key: given at installation (PEM); the key may stand in the same file.
    """

    folder: Path
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    _shown: x509.Certificate | None = field(default=None, init=False)

    @property
    def proves(self) -> bool:
        """Whether the agent shows a certificate."""
        return self.certificate is not None

    def files(self) -> tuple[Path, Path | None] | None:
        """Return the files of the certificate that is shown and of its key, if it has one of its own.

        Raises:
            TlsUnusable: one cannot be used.
        """
        return None if self.certificate is None else self._newest(self.certificate)

    def context(self) -> ssl.SSLContext:
        """Return what connections to the MES are made with, from the files as they are now.

        Raises:
            TlsUnusable: one cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.authorities)
        except OSError as error:
            raise TlsUnusable(f"{self.authorities} holds no authorities: {error}") from error
        if self.certificate is None:
            return context
        shown, key = self._newest(self.certificate)
        try:
            context.load_cert_chain(shown, key, password=lambda: "")
            self._shown = x509.load_pem_x509_certificate(shown.read_bytes())
        except (OSError, ValueError) as error:
            raise TlsUnusable(f"{shown} is no certificate with its key: {error}") from error
        return context

    async def why_it_hung_up(self, url: str) -> str | None:
        """Find out whether a MES that reset a connection did so for this agent's certificate; None: it did not.

        A server resets a connection whose certificate it does not take, and what it says with that is mostly lost:
        with TLS 1.3 the client has sent its first request by then. One that keeps the same client without a
        certificate has something against the certificate.
        """
        try:
            if not await _resets(url, self.context()):
                return None
            if await _resets(url, ssl.create_default_context(cafile=self.authorities)):
                return None
        except (OSError, TimeoutError, TlsUnusable) as error:
            return tls_reason(error)
        shown = self._shown
        if shown is not None and shown.not_valid_after_utc <= datetime.now(UTC):
            return f"this agent's certificate has expired: {shown.not_valid_after_utc.isoformat()}"
        return _ALERTS["TLSV1_ALERT_UNKNOWN_CA"]

    def renewal_is_due(self, now: datetime) -> bool:
        """Whether the certificate comes to its end and is one that the MES renews: its own (real time)."""
        shown = self._shown
        if shown is None or shown.issuer.get_attributes_for_oid(NameOID.COMMON_NAME) == []:
            return False
        issuer = shown.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        lifetime = shown.not_valid_after_utc - shown.not_valid_before_utc
        left = shown.not_valid_after_utc - now
        return issuer == AGENT_AUTHORITY and left < lifetime * RENEWED_BEFORE_END

    def successor(self) -> Successor:
        """Make a key for the certificate that comes after the one that is shown."""
        assert self._shown is not None  # noqa: S101  # there is one to succeed
        key = ec.generate_private_key(ec.SECP256R1())
        draft = x509.CertificateSigningRequestBuilder().subject_name(self._shown.subject)
        request = draft.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        return Successor(key, request)

    def keep(self, successor: Successor, answer: Certified) -> None:
        """Show the successor from the next `context` on."""
        text = successor.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(self._renewed, text + answer.certificate.encode())

    @property
    def _renewed(self) -> Path:
        return self.folder / RENEWED_FILE

    def _newest(self, given: Path) -> tuple[Path, Path | None]:
        """Return the certificate that was issued last, with the file of its key; None: it is in the same.

        Certificates know whole seconds: of two of the same one the renewed is the later.
        """
        pairs: Sequence[tuple[Path, Path | None]] = ((self._renewed, None), (given, self.key))
        begun = {}
        for pair in pairs:
            try:
                begun[pair] = x509.load_pem_x509_certificate(
                    pair[0].read_bytes()
                ).not_valid_before_utc
            except FileNotFoundError as error:
                if pair[0] == given:
                    raise TlsUnusable(f"there is no certificate {given}") from error
            except (OSError, ValueError) as error:
                raise TlsUnusable(f"{pair[0]} is no certificate: {error}") from error
        return max(begun, key=lambda pair: begun[pair])


async def _resets(url: str, context: ssl.SSLContext) -> bool:
    """Whether a server ends a connection on which nothing is said.

    Raises:
        OSError, TimeoutError: it cannot be reached, or TLS says why.
    """
    address = urlsplit(url)
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection(address.hostname, address.port or HTTPS_PORT, ssl=context), ASK_S
    )
    try:
        await asyncio.wait_for(reader.read(1), HOLDS_S)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    finally:
        writer.close()
    return True


def tls_reason(error: BaseException) -> str | None:
    """Return why TLS failed, in words, when that is what an error comes from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the MES's certificate is not believed: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return _ALERTS.get(cause.reason or "", str(cause))
        cause = cause.__cause__ or cause.__context__
    return None
