"""Whom an agent trusts: folders of certificates, as plant IT knows them from any OPC UA application.

`own` is this application (made at the first start), `trusted` the lines and authorities that
are believed, `issuers` authorities that only complete a chain, `rejected` what was shown and not believed,
`revoked` what is believed no more, with revocation lists (`*.crl`). Files are DER, named by thumbprint; one
put there by hand may have any name. Every question reads the folders anew, so a change acts at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from asyncua.ua.uaerrors import UaError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from edge.opcua.certificates import application_uri, thumbprint
from mes.contracts.agent import CertificatePlace, CertificateState

LONGEST_CHAIN = 5
REJECTED_KEPT = 50
"""So many rejected certificates are kept, the newest; whoever shows more shall not fill the disk."""


class CertificateRefused(UaError):
    """The certificate of a server is not believed: the message says why, and what would be right."""

    def __init__(self, words: str, print_: str) -> None:
        super().__init__(words)
        self.thumbprint = print_


class TrustList:
    """The folders below one path, and further folders whose certificates are trusted as well."""

    def __init__(self, folder: Path, also: Sequence[Path] = ()) -> None:
        self.folder = folder
        self._also = tuple(also)
        for place in ("own", "trusted", "issuers", "rejected", "revoked"):
            (folder / place).mkdir(parents=True, exist_ok=True, mode=0o700)

    def check(self, certificate: x509.Certificate, *, uri: str, now: datetime) -> None:
        """Believe a server's certificate or say why not; one nobody knows yet is put into `rejected`.

        Args:
            uri: the application URI that the server states of itself.
            now: real time.

        Raises:
            CertificateRefused: revoked, out of its time, not trusted, or of another application.
        """
        print_ = thumbprint(certificate)
        named = f"{certificate.subject.rfc4514_string()} ({print_[:16]}…)"
        chain = list(self._chain(certificate))
        if any(self._is_revoked(link, chain) for link in chain):
            raise CertificateRefused(f"the certificate of {named} is revoked", print_)
        trusted = {thumbprint(one) for one in self._trusted()}
        if not any(thumbprint(link) in trusted for link in chain):
            self._reject(certificate)
            raise CertificateRefused(
                f"the certificate of {named} is not trusted: approve it if it is the line's", print_
            )
        for link in chain:
            if not link.not_valid_before_utc <= now <= link.not_valid_after_utc:
                raise CertificateRefused(
                    f"the certificate of {link.subject.rfc4514_string()} is valid from"
                    f" {link.not_valid_before_utc:%Y-%m-%d} to {link.not_valid_after_utc:%Y-%m-%d}",
                    print_,
                )
        if uri != application_uri(certificate):
            raise CertificateRefused(
                f"the certificate is that of {application_uri(certificate)!r}, the server says {uri!r}",
                print_,
            )

    def apply(self, *, trusted: Sequence[str], revoked: Sequence[str]) -> None:
        """Carry out what plant IT decided, by thumbprint: approve the rejected, withdraw the trusted.

        Withdrawing wins. What is not named stays where it is.
        """
        for print_ in set(trusted) - set(revoked):
            self._move(print_, ("rejected", "revoked"), "trusted")
        for print_ in revoked:
            self._move(print_, ("rejected", "trusted"), "revoked")

    def states(self) -> tuple[CertificateState, ...]:
        """Return every certificate and where it stands, for the heartbeat."""
        found: dict[str, CertificateState] = {}
        for place in (
            CertificatePlace.REJECTED,
            CertificatePlace.TRUSTED,
            CertificatePlace.OWN,
            CertificatePlace.REVOKED,
        ):
            for certificate in self._in(place.value):
                found[thumbprint(certificate)] = _state(certificate, place)
        for certificate in self._elsewhere():
            found.setdefault(thumbprint(certificate), _state(certificate, CertificatePlace.TRUSTED))
        return tuple(found.values())

    def _trusted(self) -> Iterator[x509.Certificate]:
        yield from self._in("trusted")
        yield from self._elsewhere()

    def _elsewhere(self) -> Iterator[x509.Certificate]:
        for folder in self._also:
            yield from _read_all(folder)

    def _in(self, place: str) -> Iterator[x509.Certificate]:
        yield from _read_all(self.folder / place)

    def _chain(self, certificate: x509.Certificate) -> Iterator[x509.Certificate]:
        """Give the certificate and the authorities above it that are known here."""
        known = [*self._trusted(), *self._in("issuers")]
        link = certificate
        for _ in range(LONGEST_CHAIN):
            yield link
            if link.subject == link.issuer:
                return
            above = next((one for one in known if _issued_by(link, one)), None)
            if above is None:
                return
            link = above

    def _is_revoked(self, certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
        if thumbprint(certificate) in {thumbprint(one) for one in self._in("revoked")}:
            return True
        for path in sorted((self.folder / "revoked").glob("*.crl")):
            crl = x509.load_der_x509_crl(path.read_bytes())
            if crl.issuer != certificate.issuer:
                continue
            signed = any(
                crl.is_signature_valid(one.public_key())  # type: ignore[arg-type]  # RSA is all OPC UA has
                for one in chain
                if one.subject == crl.issuer
            )
            listed = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if signed and listed is not None:
                return True
        return False

    def _reject(self, certificate: x509.Certificate) -> None:
        path = self.folder / "rejected" / f"{thumbprint(certificate)}.der"
        if path.exists():
            return
        path.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
        kept = sorted(path.parent.glob("*.der"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-REJECTED_KEPT]:
            old.unlink()

    def _move(self, print_: str, places: Sequence[str], target: str) -> None:
        for place in places:
            for path in _files(self.folder / place):
                if thumbprint(x509.load_der_x509_certificate(path.read_bytes())) == print_:
                    path.replace(self.folder / target / f"{print_}.der")


def _state(certificate: x509.Certificate, place: CertificatePlace) -> CertificateState:
    return CertificateState(
        thumbprint=thumbprint(certificate),
        place=place,
        subject=certificate.subject.rfc4514_string(),
        uri=application_uri(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return _may_sign(issuer)


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.der")) if folder.is_dir() else []


def _read_all(folder: Path) -> Iterator[x509.Certificate]:
    for path in _files(folder):
        try:
            yield x509.load_der_x509_certificate(path.read_bytes())
        except (ValueError, FileNotFoundError):
            continue  # half-copied by hand, or moved a moment ago: the next question finds it
