"""What the command line does about agents: codes, certificates, and taking them back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from mes.agents import client_certificates, service
from mes.agents.authority import Authority, Issued, RequestRefused, fingerprint_of
from mes.entrypoints.commands import actor, writing
from mes.platform.errors import Invalid
from mes.platform.settings import Settings


class NoCertificate(Invalid):
    """{file} holds no certificate in PEM."""

    code = "agent.no_certificate"


async def issue_code(dsn: str, line: str) -> str:
    """Issue an enrolment code.

    Raises:
        UnknownLine: the plant has no such line.
    """
    async with writing(dsn) as (conn, now, _):
        return await service.issue_code_by(
            conn, line, actor=actor(), now=now, real_now=datetime.now(UTC)
        )


async def certify(dsn: str, settings: Settings, line: str, request: Path | None) -> Issued:
    """Issue a client certificate for the agent of a line.

    Raises:
        UnknownLine, RequestRefused, AuthorityUnusable: as they say.
    """
    real_now = datetime.now(UTC)
    authority = Authority.open(settings.authority_dir, now=real_now)
    async with writing(dsn) as (conn, now, _):
        return await client_certificates.issue(
            conn,
            authority,
            line,
            request=_text(request) if request is not None else None,
            actor=actor(),
            now=now,
            real_now=real_now,
        )


async def register(dsn: str, line: str, file: Path) -> str:
    """Register a certificate that another authority has signed; return its fingerprint.

    Raises:
        UnknownLine, NoCertificate, NotOfAgent: as they say.
    """
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise NoCertificate(file=file) from error
    async with writing(dsn) as (conn, now, _):
        await client_certificates.register(
            conn, line, certificate, actor=actor(), now=now, real_now=datetime.now(UTC)
        )
    return fingerprint_of(certificate).hex()


async def revoke(dsn: str, line: str, fingerprint: str | None) -> int:
    """Withdraw all proofs of an agent, or one certificate; return how many.

    Raises:
        UnknownClientCertificate: there is no such certificate.
    """
    async with writing(dsn) as (conn, now, _):
        real_now = datetime.now(UTC)
        if fingerprint is None:
            return await service.revoke(conn, line, actor=actor(), now=now, real_now=real_now)
        await client_certificates.withdraw(
            conn, line, fingerprint, actor=actor(), now=now, real_now=real_now
        )
        return 1


def write_bundle(file: Path, issued: Issued) -> None:
    """Write a certificate, with its key where that was made here, readable by its owner alone."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(issued.bundle)


def _text(request: Path) -> str:
    try:
        return request.read_text()
    except UnicodeDecodeError as error:
        raise RequestRefused(why="it is no PKCS 10 request in PEM") from error
