"""`c2m agents`: codes and certificates from the command line of plant IT."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from edge.mes_client import MesAway, MesClient
from edge.mes_tls import MesTls
from mes.agents import client_certificates
from mes.agents.authority import Authority, fingerprint_of
from mes.agents.model import UnknownClientCertificate, UnknownLine
from mes.contracts.plant import PlantModel
from mes.entrypoints.agents import NoCertificate
from mes.entrypoints.cli import app
from mes.platform.db import Database
from tests.support.agents import seed_plant
from tests.support.processes import Process, free_ports
from tests.support.tls import NOW, server_pair
from tests.support.waiting import eventually

LINE = "paint"


@pytest.fixture
async def command_line(
    database: Database, mini_plant: PlantModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CliRunner:
    await seed_plant(database, mini_plant)
    monkeypatch.setenv("C2M_DB__DSN", database.dsn)
    monkeypatch.setenv("C2M_DATA_DIR", str(tmp_path / "data"))
    return CliRunner()


def said(runner: CliRunner, *arguments: str) -> str:
    done = runner.invoke(app, ["agents", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


async def test_a_certificate_is_issued_into_a_file_of_its_owner_and_withdrawn(
    command_line: CliRunner, database: Database, tmp_path: Path
) -> None:
    out = tmp_path / "paint.pem"
    told = await asyncio.to_thread(said, command_line, "certify", LINE, "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    issued = x509.load_pem_x509_certificate(out.read_bytes())
    name = fingerprint_of(issued).hex()
    assert name in told
    assert b"PRIVATE KEY" in out.read_bytes()
    async with database.read() as conn:
        valid = await client_certificates.valid(conn, real_now=NOW)
    assert [one.fingerprint.hex() for one in valid] == [name]
    withdraw = ("revoke", LINE, "--certificate", name)
    assert "1 withdrawn" in await asyncio.to_thread(said, command_line, *withdraw)
    with pytest.raises(UnknownClientCertificate):
        await asyncio.to_thread(said, command_line, *withdraw)


async def test_a_certificate_of_another_authority_is_registered_and_all_proofs_are_taken_back(
    command_line: CliRunner, tmp_path: Path
) -> None:
    theirs = Authority.open(tmp_path / "theirs", now=NOW)
    file = tmp_path / "theirs" / "ca.pem"
    told = await asyncio.to_thread(said, command_line, "register", LINE, str(file))
    assert fingerprint_of(theirs.certificate).hex() in told
    code = await asyncio.to_thread(said, command_line, "code", LINE)
    assert len(code.strip()) == 64
    assert "1 withdrawn" in await asyncio.to_thread(said, command_line, "revoke", LINE)


async def test_a_served_plant_speaks_tls_and_knows_the_agent_behind_a_certificate(
    command_line: CliRunner, tmp_path: Path
) -> None:
    out, port = tmp_path / "paint.pem", free_ports(1)
    await asyncio.to_thread(said, command_line, "certify", LINE, "--out", str(out))
    certificate, key = server_pair(tmp_path / "server")
    settings = {
        "C2M_HTTP__PORT": str(port),
        "C2M_HTTP__TLS__CERTIFICATE": str(certificate),
        "C2M_HTTP__TLS__KEY": str(key),
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)
        served = Process(["-m", "mes", "serve"], tmp_path / "serve.log")
    try:
        tls = MesTls(tmp_path / "mes-pki", certificate, out)
        async with MesClient(f"https://127.0.0.1:{port}", instance="a", tls=tls) as agent:

            async def is_up() -> bool:
                served.must_run()
                with suppress(MesAway):
                    return bool(await agent.clock())
                return False

            await eventually(is_up, within_s=120, what="the server answers over TLS")
            assert (await agent.config()).interface.line == LINE
    finally:
        served.stop()


async def test_what_cannot_be_is_said(command_line: CliRunner, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("hello")
    with pytest.raises(NoCertificate):
        await asyncio.to_thread(said, command_line, "register", LINE, str(nothing))
    with pytest.raises(UnknownLine):
        await asyncio.to_thread(said, command_line, "code", "moon")
