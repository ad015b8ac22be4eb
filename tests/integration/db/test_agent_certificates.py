"""OPC UA certificates of agents: approved, withdrawn, and announced before they end, on a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mes.agents import certificates, service
from mes.agents.model import Decision, Identity, UnknownCertificate
from mes.contracts.agent import CertificatePlace, CertificateState, Heartbeat, LinkState
from mes.contracts.events import CertificateEnds
from mes.contracts.plant import PlantModel
from mes.platform.db import Database, WriteConn
from tests.support.agents import no_models, seed_plant

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
PLC = "a" * 64


async def told(
    conn: WriteConn, *, place: CertificatePlace, ends_in: timedelta = timedelta(days=400)
) -> Identity:
    """Let the agent of the paint line tell of one certificate; returns the agent."""
    code = await service.issue_code(conn, "paint", real_now=NOW)
    enrolled = await service.enrol(conn, code, now=NOW, real_now=NOW)
    identity = await service.identify(conn, enrolled.token, "a", real_now=NOW)
    certificate = CertificateState(
        thumbprint=PLC,
        place=place,
        subject="CN=PLC 7",
        uri="urn:maker:plc",
        not_before=NOW,
        not_after=NOW + ends_in,
    )
    beat = Heartbeat(
        epoch=1, software="1", config_version=1, sent_at=NOW,
        link=LinkState(connected=False, since=NOW, last_data_at=None),
        journal_bytes=0, journal_batches=0, images_waiting=0, gaps=0, values_per_s=0,
        inspections=0, late=0, certificates=(certificate,),
    )  # fmt: skip
    await service.config(conn, identity, models=no_models, real_now=NOW)
    await service.heartbeat(conn, identity.agent, beat, now=NOW, real_now=NOW)
    return identity


async def decide(conn: WriteConn, decision: Decision, *, thumbprint: str = PLC) -> None:
    await certificates.decide(
        conn, "paint", thumbprint, decision, actor="user:it", now=NOW, real_now=NOW
    )


async def test_an_approved_certificate_travels_with_the_configuration(
    database: Database, mini_plant: PlantModel
) -> None:
    await seed_plant(database, mini_plant)
    async with database.write() as conn:
        agent = await told(conn, place=CertificatePlace.REJECTED)
        (waiting,) = await certificates.held(conn)
        assert waiting.waits_for_approval
        await decide(conn, Decision.TRUSTED)
        assert await service.refresh_configs(conn, models=no_models) == ["paint"]
        (approved,) = await certificates.held(conn)
        assert (approved.decision, approved.waits_for_approval) == (Decision.TRUSTED, False)
        config = await service.config(conn, agent, models=no_models, real_now=NOW)
        assert (config.trusted, config.revoked) == ((PLC,), ())
        await decide(conn, Decision.REVOKED)
        config = await service.config(conn, agent, models=no_models, real_now=NOW)
        assert (config.trusted, config.revoked) == ((), (PLC,))


async def test_nobody_approves_what_no_line_has_shown(
    database: Database, mini_plant: PlantModel
) -> None:
    await seed_plant(database, mini_plant)
    async with database.write() as conn:
        await told(conn, place=CertificatePlace.REJECTED)
        with pytest.raises(UnknownCertificate):
            await decide(conn, Decision.TRUSTED, thumbprint="b" * 64)


async def test_the_end_of_a_certificate_is_announced_60_30_and_7_days_before_it_each_once(
    database: Database, mini_plant: PlantModel
) -> None:
    await seed_plant(database, mini_plant)
    async with database.write() as conn:
        await told(conn, place=CertificatePlace.TRUSTED, ends_in=timedelta(days=100))
        announced = {}
        for day in range(105):
            now = NOW + timedelta(days=day, hours=1)
            for one in await certificates.watch(conn, now=now, real_now=now):
                announced[day] = one.days_left(now)
        assert announced == {40: 59, 70: 29, 93: 6, 100: -1}
        query = "SELECT payload ->> 'days_left' FROM event WHERE type = %s ORDER BY seq"
        rows = await (await conn.execute(query, (CertificateEnds.type,))).fetchall()
        assert [left for (left,) in rows] == ["59", "29", "6", "-1"]


async def test_a_certificate_that_is_not_in_use_ends_in_silence(
    database: Database, mini_plant: PlantModel
) -> None:
    await seed_plant(database, mini_plant)
    async with database.write() as conn:
        await told(conn, place=CertificatePlace.REJECTED, ends_in=timedelta(days=1))
        assert await certificates.watch(conn, now=NOW, real_now=NOW) == []
