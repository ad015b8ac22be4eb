"""Application certificates of OPC UA (OPC 10000-6 §6.2.2): made, read, and named by their thumbprint."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEY_BITS = 2048
LIFETIME = timedelta(days=730)
BACKDATED = timedelta(hours=1)
"""A new certificate is valid from a little before, for clocks in a plant do not agree."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key, as files."""

    certificate: Path
    key: Path

    def read(self) -> x509.Certificate:
        """Return the certificate."""
        return x509.load_der_x509_certificate(self.certificate.read_bytes())


class OwnCertificates:
    """The certificates of this application: the one in use and, around a rotation, its successor.

    Each pair is named by its thumbprint; the file `current` names the one in use and is replaced in one step,
    so a crash at any moment leaves one that works.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> Identity | None:
        """Return the one in use, None before the first was made."""
        pairs = self._pairs()
        try:
            name = (self._folder / "current").read_text().strip()
        except FileNotFoundError:
            return pairs[0] if pairs else None
        return next((pair for pair in pairs if pair.certificate.stem == name), None)

    def successor(self) -> Identity | None:
        """Return the newest one that is not in use yet."""
        current = self.current()
        others = [pair for pair in self._pairs() if pair != current]
        if current is None or not others or _end(others[-1]) < _end(current):
            return None
        return others[-1]

    def make(self, *, name: str, uri: str, now: datetime) -> Identity:
        """Make a certificate; the first is in use at once, a later one is a successor."""
        key, certificate = make_certificate(name=name, uri=uri, now=now)
        print_ = thumbprint(certificate)
        made = Identity(self._folder / f"{print_}.der", self._folder / f"{print_}.pem")
        write_private(made.key, key)
        write_private(made.certificate, certificate.public_bytes(serialization.Encoding.DER))
        if len(self._pairs()) == 1:
            write_private(self._folder / "current", print_.encode())
        return made

    def promote(self, successor: Identity) -> None:
        """Use the successor from now on and forget the one before it."""
        write_private(self._folder / "current", successor.certificate.stem.encode())
        for pair in self._pairs():
            if pair != successor:
                pair.certificate.unlink()
                pair.key.unlink()

    def _pairs(self) -> list[Identity]:
        """Return the complete pairs, the one that ends last at the end."""
        pairs = [Identity(p, p.with_suffix(".pem")) for p in self._folder.glob("*.der")]
        complete = [pair for pair in pairs if pair.key.exists()]
        return sorted(complete, key=_end)


def _end(pair: Identity) -> datetime:
    """Return when a certificate ends, in whole seconds: two that were made in the same one end together."""
    return pair.read().not_valid_after_utc


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER bytes: the name of a certificate here."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def application_uri(certificate: x509.Certificate) -> str:
    """Return the application's URI in the subject's alternative names, empty without one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return str(uris[0]) if uris else ""


def make_certificate(
    *, name: str, uri: str, now: datetime, lifetime: timedelta = LIFETIME
) -> tuple[bytes, x509.Certificate]:
    """Return a new private key (RSA 2048, PKCS 8 as PEM) and its self-signed certificate (SHA-256)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "C2M"),
        ]
    )
    names = [x509.UniformResourceIdentifier(uri), x509.DNSName(socket.gethostname())]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return text, certificate


_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=True,
    data_encipherment=True,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
"""What OPC 10000-6 demands of a self-signed application certificate."""


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
