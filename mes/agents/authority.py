"""The MES's own certificate authority: it signs the certificates with which agents prove who they are.

Two files in a folder: `ca.pem`, which is public, and `ca-key.pem` (mode 0600). Processes on several machines share
the folder. An agent's private key stays with the agent where it asks by a request (PKCS 10); else it is made here,
handed over once, and not kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mes.contracts.agent import AGENT_AUTHORITY
from mes.platform.errors import Invalid, Problem

LIFETIME = timedelta(days=365)
AUTHORITY_LIFETIME = timedelta(days=3650)
BACKDATED = timedelta(hours=1)
"""A new certificate is valid from a little before, for clocks in a plant do not agree."""
FEWEST_RSA_BITS = 2048
CERTIFICATE_FILE, KEY_FILE = "ca.pem", "ca-key.pem"
AgentKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class RequestRefused(Invalid):
    """The certificate request cannot be signed: {why}"""

    code = "agent.request_refused"


class AuthorityUnusable(Problem):
    """The agents' certificate authority in {folder} cannot be used: {why}"""

    code = "agent.authority_unusable"


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with what its owner needs. `key`: made here (PKCS 8, PEM), or None: the owner has it."""

    certificate: x509.Certificate
    authority: x509.Certificate
    key: bytes | None = None

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the DER bytes: what the MES knows it by."""
        return fingerprint_of(self.certificate)

    @property
    def certificate_pem(self) -> str:
        """The certificate as text."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def authority_pem(self) -> str:
        """The authority that signed it, as text."""
        return self.authority.public_bytes(Encoding.PEM).decode()

    @property
    def bundle(self) -> str:
        """What an agent is given as one file: its key, where it was made here, and the certificate."""
        return (self.key.decode() if self.key is not None else "") + self.certificate_pem


class Authority:
    """The authority of one plant."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def open(cls, folder: Path, *, now: datetime) -> Authority:
        """Return the authority of a folder; the first call makes it.

        Raises:
            AuthorityUnusable: the files are damaged, of something else, or cannot be written.
        """
        try:
            if not (folder / CERTIFICATE_FILE).exists():
                _make(folder, now)
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())
            key = load_pem_private_key((folder / KEY_FILE).read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise AuthorityUnusable(folder=folder, why=error) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityUnusable(folder=folder, why="its key is of another kind")
        if key.public_key() != certificate.public_key():
            raise AuthorityUnusable(folder=folder, why="its key is another certificate's")
        return cls(certificate, key)

    def issue(
        self, agent_id: UUID, line: str, *, now: datetime, lifetime: timedelta = LIFETIME
    ) -> Issued:
        """Make a key and its certificate (real time)."""
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signed = self._sign(key.public_key(), agent_id, line, now, lifetime)
        return Issued(signed, self.certificate, text)

    def answer(self, request: str, agent_id: UUID, line: str, *, now: datetime) -> Issued:
        """Sign the key of a request (PKCS 10, PEM); whose it is says the caller, not the request.

        Raises:
            RequestRefused: it is none, its owner does not have the key, or the key is too weak.
        """
        try:
            asked = x509.load_pem_x509_csr(request.encode())
            key = asked.public_key()
        except ValueError as error:
            raise RequestRefused(why="it is no PKCS 10 request in PEM") from error
        if not asked.is_signature_valid:
            raise RequestRefused(why="its signature is not of its own key")
        if not isinstance(key, AgentKey) or (
            isinstance(key, rsa.RSAPublicKey) and key.key_size < FEWEST_RSA_BITS
        ):
            raise RequestRefused(why="its key is neither elliptic nor RSA of 2048 bits or more")
        return Issued(self._sign(key, agent_id, line, now, LIFETIME), self.certificate)

    def _sign(
        self, key: AgentKey, agent_id: UUID, line: str, now: datetime, lifetime: timedelta
    ) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(agent_uri(agent_id))])
        return (
            _draft(_name(line), self.certificate.subject, key, now, lifetime)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )


def fingerprint_of(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of a certificate's DER bytes."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def agent_uri(agent_id: UUID) -> str:
    """Return what names an agent in the alternative names of its certificate."""
    return f"urn:c2m:agent:{agent_id}"


def _make(folder: Path, now: datetime) -> None:
    """Write a new authority; of two processes that try at once, the second takes what the first wrote."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(AGENT_AUTHORITY)
    certificate = (
        _draft(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (
            folder / CERTIFICATE_FILE
        ).exists():  # it comes last: without it the key is nobody's
            _write_private(folder / KEY_FILE, text)
            _write_private(folder / CERTIFICATE_FILE, certificate.public_bytes(Encoding.PEM))


def _write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner alone."""
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: AgentKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "C2M"),
        ]
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
