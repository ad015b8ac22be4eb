"""Agents that prove who they are by a client certificate: over real TLS, as `c2m serve` speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from edge.mes_client import MesAway, MesClient, MesRefused
from edge.mes_tls import RENEWED_FILE, MesTls, TlsUnusable
from edge.renewal import renew_forever
from mes.agents import client_certificates, service
from mes.agents.authority import Authority, RequestRefused, agent_uri
from mes.agents.model import NotOfAgent, UnknownClientCertificate
from mes.contracts.agent import Heartbeat, LinkState
from mes.contracts.events import CertificateEnds
from mes.contracts.plant import PlantModel
from mes.events import service as events
from mes.platform.db import Database
from mes.platform.settings import TlsSettings
from mes.platform.tls import ClientAuthorityUnusable, secure
from mes.platform.tls import TlsUnusable as ServerTlsUnusable
from tests.support.processes import process
from tests.support.tls import SecureDoors, bundle, secure_doors, server_pair
from tests.support.waiting import eventually

LINE = "paint"


@pytest.fixture
async def doors(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> AsyncIterator[SecureDoors]:
    async with secure_doors(database, mini_plant, tmp_path / "mes") as served:
        yield served


def a_client(doors: SecureDoors, folder: Path, certificate: Path | None) -> MesClient:
    tls = MesTls(folder / "mes-pki", doors.server_ca, certificate)
    return MesClient(doors.url, instance="a", tls=tls)


def a_beat(epoch: int) -> Heartbeat:
    now = datetime.now(UTC)
    return Heartbeat(
        epoch=epoch,
        software="c2m-edge",
        config_version=1,
        sent_at=now,
        link=LinkState(connected=True, since=now, last_data_at=now),
        journal_bytes=0,
        journal_batches=0,
        images_waiting=0,
        gaps=0,
        values_per_s=0,
        inspections=0,
        late=0,
    )


async def withdraw(doors: SecureDoors, fingerprint: str) -> None:
    async with doors.database.write() as conn:
        await client_certificates.withdraw(
            conn,
            LINE,
            fingerprint,
            actor="user:ann",
            now=doors.clock.now(),
            real_now=datetime.now(UTC),
        )


async def test_an_agent_with_a_certificate_needs_no_token_and_is_refused_the_moment_it_is_withdrawn(
    doors: SecureDoors, tmp_path: Path
) -> None:
    issued, file = await doors.issue(LINE, tmp_path)
    async with a_client(doors, tmp_path, file) as agent:
        config = await agent.config()
        assert (config.interface.line, config.epoch) == (LINE, 1)
        await agent.heartbeat(a_beat(1))
        await withdraw(doors, issued.fingerprint.hex())
        with pytest.raises(MesRefused, match="withdrawn or past its end") as refusal:
            await agent.heartbeat(a_beat(1))  # on the connection that was believed before
    assert (refusal.value.status, refusal.value.code) == (401, "agent.certificate_refused")
    with pytest.raises(UnknownClientCertificate):
        await withdraw(doors, issued.fingerprint.hex())
    with pytest.raises(UnknownClientCertificate):
        await withdraw(doors, "no fingerprint")


async def test_nobody_is_believed_without_a_certificate_or_by_a_header_that_pretends_one(
    doors: SecureDoors, tmp_path: Path
) -> None:
    issued, _ = await doors.issue(LINE, tmp_path)
    tls = MesTls(tmp_path, doors.server_ca).context()
    headers = {"C2M-Instance": "a", "X-Client-Cert": issued.certificate_pem.replace("\n", "")}
    async with httpx.AsyncClient(base_url=doors.url, verify=tls, trust_env=False) as somebody:
        answer = await somebody.get("/agent/v1/config", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "agent.token_refused")
        assert (await somebody.get("/agent/v1/clock")).status_code == 200


async def test_each_thing_that_is_wrong_with_a_certificate_is_said_in_words(
    doors: SecureDoors, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    ours, theirs = doors.authority, Authority.open(tmp_path / "theirs", now=now)
    agent_id = (await _agent(doors)).id
    long_ago = now - timedelta(days=30)
    wrong = {
        "has expired": ours.issue(agent_id, LINE, now=long_ago, lifetime=timedelta(days=1)),
        "does not know the authority": theirs.issue(agent_id, LINE, now=now),
        "agent.certificate_refused": ours.issue(agent_id, LINE, now=now),
    }
    for words, issued in wrong.items():
        async with a_client(doors, tmp_path, bundle(tmp_path, issued)) as agent:
            with pytest.raises((MesAway, MesRefused), match=words):
                await agent.config()
    async with MesClient(doors.url, instance="a") as stranger:
        with pytest.raises(MesAway, match="the MES's certificate is not believed: self-signed"):
            await stranger.config()


async def test_what_an_agent_is_started_with_is_looked_at_before_it_begins(
    tmp_path: Path,
) -> None:
    certificate, key = server_pair(tmp_path)
    missing = tmp_path / "missing.pem"
    key.with_name("empty.pem").write_text("")
    with pytest.raises(TlsUnusable, match="there is no certificate"):
        MesTls(tmp_path, None, missing).context()
    with pytest.raises(TlsUnusable, match="holds no authorities"):
        MesTls(tmp_path, missing).context()
    with pytest.raises(TlsUnusable, match="no certificate with its key"):
        MesTls(tmp_path, None, certificate).context()
    with pytest.raises(TlsUnusable, match="is no certificate"):
        MesTls(tmp_path, None, key.with_name("empty.pem")).context()
    MesTls(tmp_path, None, certificate, key).context()


async def test_a_certificate_is_renewed_before_it_ends_and_the_former_one_stays_valid(
    doors: SecureDoors, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    agent = await _agent(doors)
    short = doors.authority.issue(agent.id, LINE, now=now, lifetime=timedelta(minutes=10))
    async with doors.database.write() as conn:
        await client_certificates.register(
            conn, LINE, short.certificate, actor="user:ann", now=doors.clock.now(), real_now=now
        )
    tls = MesTls(tmp_path / "mes-pki", doors.server_ca, bundle(tmp_path, short))
    async with MesClient(doors.url, instance="a", tls=tls) as mes:
        await mes.config()
        renewing = asyncio.create_task(renew_forever(tls, mes))
        await eventually(lambda: not tls.renewal_is_due(now), what="the successor is in use")
        await mes.heartbeat(a_beat(1))
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        async with doors.database.read() as conn:
            valid = await client_certificates.valid(conn, real_now=now)
        assert [one.issued_by for one in valid] == [f"agent:{LINE}", "user:ann"]
        await withdraw(doors, short.fingerprint.hex())
        await mes.heartbeat(a_beat(1))
    renewed = tmp_path / "mes-pki" / RENEWED_FILE
    assert renewed.stat().st_mode & 0o777 == 0o600
    again = MesTls(tmp_path / "mes-pki", doors.server_ca, bundle(tmp_path, short))
    async with MesClient(doors.url, instance="a", tls=again) as restarted:
        assert (await restarted.config()).epoch == 1, "it shows what was renewed"


async def test_a_copy_with_the_same_certificate_fences_the_first(
    doors: SecureDoors, tmp_path: Path
) -> None:
    _, file = await doors.issue(LINE, tmp_path)
    tls = MesTls(tmp_path / "mes-pki", doors.server_ca, file)
    async with (
        MesClient(doors.url, instance="a", tls=tls) as first,
        MesClient(doors.url, instance="b", tls=tls) as copy,
    ):
        assert (await first.config()).epoch == 1
        assert (await copy.config()).epoch == 2
        with pytest.raises(MesRefused, match=r"agent\.fenced"):
            await first.heartbeat(a_beat(1))


async def test_a_certificate_beside_a_token_belongs_to_the_same_enrolment(
    doors: SecureDoors, tmp_path: Path
) -> None:
    async with doors.database.write() as conn:
        code = await service.issue_code(conn, LINE, real_now=datetime.now(UTC))
    async with a_client(doors, tmp_path, None) as by_token:
        enrolled = await by_token.enrol(code)
        by_token.authenticate(enrolled.token)
        assert (await by_token.config()).epoch == 1
        _, file = await doors.issue(LINE, tmp_path)
        async with a_client(doors, tmp_path, file) as by_certificate:
            by_certificate.authenticate(enrolled.token)
            assert (await by_certificate.config()).epoch == 1, "the same copy, by another proof"
            async with doors.database.write() as conn:
                count = await service.revoke(
                    conn,
                    LINE,
                    actor="user:ann",
                    now=doors.clock.now(),
                    real_now=datetime.now(UTC),
                )
            assert count == 2
            with pytest.raises(MesRefused, match=r"agent\.certificate_refused"):
                await by_certificate.config()
        with pytest.raises(MesRefused, match=r"agent\.token_refused"):
            await by_token.config()


async def test_certificates_of_the_plants_own_authority_are_registered_for_one_agent(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    plant_it = Authority.open(tmp_path / "plant-it", now=now)
    ca = tmp_path / "plant-it" / "ca.pem"
    async with secure_doors(database, mini_plant, tmp_path / "mes", client_ca=ca) as doors:
        agent = await _agent(doors)
        theirs = plant_it.issue(agent.id, LINE, now=now)
        async with a_client(doors, tmp_path, bundle(tmp_path, theirs)) as client:
            with pytest.raises(MesRefused, match=r"agent\.certificate_refused"):
                await client.config()
            async with database.write() as conn:
                await client_certificates.register(
                    conn, LINE, theirs.certificate, actor="user:ann", now=now, real_now=now
                )
            assert (await client.config()).interface.line == LINE
        async with database.write() as conn:
            with pytest.raises(NotOfAgent, match="names"):
                await client_certificates.register(
                    conn,
                    "body-sub",
                    theirs.certificate,
                    actor="user:ann",
                    now=now,
                    real_now=now,
                )


async def test_the_end_of_the_last_certificate_of_a_line_is_announced_once(
    doors: SecureDoors, tmp_path: Path
) -> None:
    issued, _ = await doors.issue(LINE, tmp_path)
    soon = issued.certificate.not_valid_after_utc - timedelta(days=20)
    async with doors.database.write() as conn:
        first = await client_certificates.watch(conn, now=doors.clock.now(), real_now=soon)
        again = await client_certificates.watch(conn, now=doors.clock.now(), real_now=soon)
        told = [event.payload for event in await events.history(conn, LINE)]
    assert ([one.line for one in first], again) == ([LINE], [])
    assert [one.days_left for one in told if isinstance(one, CertificateEnds)] == [20]


def test_the_authority_signs_no_weak_key_no_request_of_another_and_survives_a_restart(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    agent_id = UUID(int=7)
    authority = Authority.open(tmp_path / "authority", now=now)
    again = Authority.open(tmp_path / "authority", now=now + timedelta(days=1))
    assert again.certificate == authority.certificate
    assert (tmp_path / "authority" / "ca-key.pem").stat().st_mode & 0o777 == 0o600
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    asked = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    issued = authority.answer(asked, agent_id, LINE, now=now)
    assert issued.key is None
    assert issued.certificate.public_key() == key.public_key()
    names = issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [agent_uri(agent_id)]
    issued.certificate.verify_directly_issued_by(authority.certificate)
    with pytest.raises(RequestRefused, match="no PKCS 10 request"):
        authority.answer("hello", agent_id, LINE, now=now)


def test_a_server_says_which_file_keeps_it_from_speaking_tls(tmp_path: Path) -> None:
    certificate, key = server_pair(tmp_path / "one")
    _, other = server_pair(tmp_path / "two")
    config = uvicorn.Config("tests:app", log_level="error")
    config.loaded, config.load = True, lambda: None  # type: ignore[method-assign]
    with pytest.raises(ServerTlsUnusable, match="key values mismatch"):
        secure(config, TlsSettings(certificate=certificate, key=other), authority=certificate)
    with pytest.raises(ServerTlsUnusable, match="No such file"):
        secure(config, TlsSettings(certificate=tmp_path / "no", key=key), authority=certificate)
    with pytest.raises(ClientAuthorityUnusable):
        tls = TlsSettings(certificate=certificate, key=key, client_ca=other)
        secure(config, tls, authority=certificate)
    with pytest.raises(ValueError, match="needs its key"):
        TlsSettings(certificate=certificate)


async def test_an_agents_process_works_by_its_certificate_alone_and_says_when_it_is_withdrawn(
    doors: SecureDoors, tmp_path: Path
) -> None:
    issued, file = await doors.issue(LINE, tmp_path)
    arguments = ["-m", "edge", "--mes", doors.url, "--data", str(tmp_path / "edge")]
    arguments += ["--mes-ca", str(doors.server_ca), "--client-certificate", str(file)]
    with process([*arguments, "--security", "None"], tmp_path / "agent.log") as agent:
        await eventually(lambda: agent.says("agent.running"), within_s=30, what="the agent runs")

        async def is_heard() -> bool:
            async with doors.database.read() as conn:
                return any(one.heartbeat for one in await service.overview(conn))

        await eventually(is_heard, within_s=15, what="its heartbeat")
        await withdraw(doors, issued.fingerprint.hex())
        await eventually(
            lambda: agent.says("agent.certificate_refused"), within_s=15, what="the refusal"
        )
    assert not (tmp_path / "edge" / "token.json").exists()


async def _agent(doors: SecureDoors) -> service.Agent:
    async with doors.database.write() as conn:
        return await service.agent_of(conn, LINE)
