"""Certificates of lines and authorities, as a test needs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
URI = "urn:maker:plc"


class Authority:
    """A certificate authority of a plant."""

    def __init__(self, name: str = "Plant CA") -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, URI, days=3650, ca=True)

    def issue(self, uri: str = URI, *, days: int = 365) -> x509.Certificate:
        """Return the certificate of a line."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "line")])
        return self._sign(subject, key, uri, days=days, ca=False)

    def revocation_list(self, *revoked: x509.Certificate) -> bytes:
        """Return a signed list of certificates that are withdrawn, as DER."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(NOW).next_update(NOW + timedelta(days=30))
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _sign(
        self, subject: x509.Name, key: rsa.RSAPrivateKey, uri: str, *, days: int, ca: bool
    ) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def keep(folder: Path, certificate: x509.Certificate, name: str = "given.der") -> None:
    """Put a certificate into a folder by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(certificate.public_bytes(Encoding.DER))
