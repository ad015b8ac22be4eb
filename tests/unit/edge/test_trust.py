"""Whom an agent trusts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge.opcua.certificates import OwnCertificates, make_certificate, thumbprint
from edge.opcua.security import LinkSecurity, Login, Policy, first_of_chain
from edge.opcua.trust import CertificateRefused, TrustList
from mes.contracts.agent import CertificatePlace
from tests.support.certificates import NOW, URI, Authority, keep


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def line() -> x509.Certificate:
    return make_certificate(name="line", uri=URI, now=NOW)[1]


@pytest.fixture
def trust(tmp_path: Path) -> TrustList:
    return TrustList(tmp_path / "pki", [tmp_path / "shared"])


def places(trust: TrustList) -> dict[str, CertificatePlace]:
    return {state.thumbprint: state.place for state in trust.states()}


def test_an_unknown_line_is_rejected_until_plant_it_approves_it(
    trust: TrustList, line: x509.Certificate
) -> None:
    with pytest.raises(CertificateRefused, match="is not trusted: approve it"):
        trust.check(line, uri=URI, now=NOW)
    assert places(trust) == {thumbprint(line): CertificatePlace.REJECTED}
    trust.apply(trusted=[thumbprint(line)], revoked=[])
    trust.check(line, uri=URI, now=NOW)
    assert places(trust) == {thumbprint(line): CertificatePlace.TRUSTED}


def test_what_is_withdrawn_is_refused_even_where_it_is_trusted_too(
    trust: TrustList, line: x509.Certificate, tmp_path: Path
) -> None:
    keep(tmp_path / "shared", line)
    trust.check(line, uri=URI, now=NOW)
    keep(trust.folder / "trusted", line)
    trust.apply(trusted=[thumbprint(line)], revoked=[thumbprint(line)])
    with pytest.raises(CertificateRefused, match="is revoked"):
        trust.check(line, uri=URI, now=NOW)
    assert places(trust) == {thumbprint(line): CertificatePlace.REVOKED}
    trust.apply(trusted=[thumbprint(line)], revoked=[])
    trust.check(line, uri=URI, now=NOW)


@pytest.mark.parametrize("days", [-2, 731])
def test_a_certificate_is_good_in_its_time_alone(
    trust: TrustList, line: x509.Certificate, tmp_path: Path, days: int
) -> None:
    keep(tmp_path / "shared", line)
    with pytest.raises(CertificateRefused, match="is valid from"):
        trust.check(line, uri=URI, now=NOW + timedelta(days=days))


def test_a_certificate_speaks_for_its_own_application_alone(
    trust: TrustList, line: x509.Certificate, tmp_path: Path
) -> None:
    keep(tmp_path / "shared", line)
    with pytest.raises(CertificateRefused, match="the server says 'urn:somebody:else'"):
        trust.check(line, uri="urn:somebody:else", now=NOW)


def test_a_line_is_believed_through_its_authority_until_the_authority_withdraws_it(
    trust: TrustList, authority: Authority
) -> None:
    line, sister = authority.issue(), authority.issue()
    with pytest.raises(CertificateRefused, match="is not trusted"):
        trust.check(line, uri=URI, now=NOW)
    keep(trust.folder / "issuers", authority.certificate)
    with pytest.raises(CertificateRefused, match="is not trusted"):
        trust.check(line, uri=URI, now=NOW)
    keep(trust.folder / "trusted", authority.certificate)
    trust.check(line, uri=URI, now=NOW)
    (trust.folder / "revoked" / "plant.crl").write_bytes(authority.revocation_list(line))
    with pytest.raises(CertificateRefused, match="is revoked"):
        trust.check(line, uri=URI, now=NOW)
    trust.check(sister, uri=URI, now=NOW)


def test_an_authority_of_the_same_name_signs_nothing(
    trust: TrustList, authority: Authority
) -> None:
    keep(trust.folder / "trusted", authority.certificate)
    with pytest.raises(CertificateRefused, match="is not trusted"):
        trust.check(Authority().issue(), uri=URI, now=NOW)


def test_a_file_that_is_no_certificate_harms_nobody(
    trust: TrustList, line: x509.Certificate, tmp_path: Path
) -> None:
    keep(tmp_path / "shared", line)
    (tmp_path / "shared" / "notes.der").write_bytes(b"not a certificate")
    trust.check(line, uri=URI, now=NOW)


def test_rejected_certificates_do_not_fill_the_disk(
    trust: TrustList, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setattr("edge.opcua.trust.REJECTED_KEPT", 2)
    for _ in range(4):
        with pytest.raises(CertificateRefused):
            trust.check(authority.issue(), uri=URI, now=NOW)
    assert len(list((trust.folder / "rejected").iterdir())) == 2


def test_the_agents_certificate_has_a_successor_in_good_time_and_both_are_shown_meanwhile(
    tmp_path: Path,
) -> None:
    security = LinkSecurity(tmp_path, "paint", policy=Policy.AES_256, login=Login())
    security.prepare(now=NOW)
    own = OwnCertificates(tmp_path / "own")
    first = own.current()
    assert first is not None
    assert first.key.stat().st_mode & 0o777 == 0o600
    security.prepare(now=NOW + timedelta(days=699))
    assert own.successor() is None
    soon = NOW + timedelta(days=701)
    security.prepare(now=soon)
    security.prepare(now=soon)
    second = own.successor()
    assert second is not None
    assert own.current() == first
    assert set(places(security.trust).values()) == {CertificatePlace.OWN}
    assert len(security.trust.states()) == 2
    security.accepted()
    assert own.current() == second
    assert (own.successor(), len(security.trust.states())) == (None, 1)
    assert not first.key.exists()
    left = security.own_days_left(now=soon)
    assert left is not None
    assert round(left) == 730


@pytest.mark.parametrize("earlier_by_name", [True, False])
def test_two_certificates_of_the_same_second_are_told_apart(
    tmp_path: Path, earlier_by_name: bool
) -> None:
    own = OwnCertificates(tmp_path / "own")
    two = [own.make(name="agent", uri=URI, now=NOW) for _ in range(2)]
    first, second = sorted(two, key=lambda pair: pair.certificate.name, reverse=not earlier_by_name)
    (tmp_path / "own" / "current").write_text(first.certificate.stem)
    assert (own.current(), own.successor()) == (first, second)
    own.promote(second)
    assert (own.current(), own.successor()) == (second, None)


def test_without_security_no_certificate_is_made(tmp_path: Path) -> None:
    security = LinkSecurity(tmp_path, "paint", policy=Policy.NONE, login=Login())
    security.prepare(now=NOW)
    assert security.trust.states() == ()
    assert security.own_days_left(now=NOW) is None


def test_the_first_certificate_of_a_chain_is_that_of_the_server(line: x509.Certificate) -> None:
    der = line.public_bytes(Encoding.DER)
    assert first_of_chain(der + der) == der
    assert first_of_chain(b"\x30\x01\x00rest") == b"\x30\x01\x00"
