"""An agent that has a certificate and no token delivers through a NATS server that asks for certificates, too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from edge.mes_client import MesAway, MesClient, MesRefused
from edge.mes_tls import MesTls
from edge.nats_door import NatsDoor
from mes.agents import client_certificates, service
from mes.agents.authority import agent_uri
from mes.contracts.agent import AgentConfig
from mes.contracts.broker import BrokerAccess
from mes.contracts.plant import PlantModel
from mes.contracts.wire import Batch, Stream, encode
from mes.entrypoints.bootstrap import keep_running
from mes.ingest.by_nats import NatsIntake
from mes.platform.db import Database
from mes.platform.settings import NatsSettings
from tests.support.nats import nats_server
from tests.support.tls import SecureDoors, secure_doors
from tests.support.waiting import eventually

LINE = "paint"


def asks_for_certificates(doors: SecureDoors, config: AgentConfig, authorities: Path) -> str:
    """Configure a broker that knows the workers and one agent by their certificates alone."""
    agent = config.agent_id
    return f"""
tls {{ cert_file: '{doors.server_ca}', key_file: '{doors.server_ca.with_name("server-key.pem")}',
       ca_file: '{authorities}', verify_and_map: true }}
authorization {{ users = [
  {{ user: "CN=mes.plant.example", permissions: {{
      publish: ["$JS.API.>", "$JS.ACK.>", "c2m.receipts.>", "_INBOX.>"],
      subscribe: ["c2m.watermarks.*", "_INBOX.>"] }} }}
  {{ user: "{agent_uri(agent)}", permissions: {{
      publish: ["c2m.batches.{agent}", "c2m.watermarks.{agent}"],
      subscribe: ["c2m.receipts.{agent}.>"] }} }}
] }}
"""


async def test_an_agent_without_a_token_delivers_through_nats_until_its_certificate_is_withdrawn(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    async with secure_doors(database, mini_plant, tmp_path / "mes") as doors:
        issued, file = await doors.issue(LINE, tmp_path)
        tls = MesTls(tmp_path / "mes-pki", doors.server_ca, file)
        authorities = tmp_path / "authorities.pem"
        authorities.write_text(doors.server_ca.read_text() + issued.authority_pem)
        async with MesClient(doors.url, instance="a", tls=tls) as mes:
            config = await mes.config()
            asks = asks_for_certificates(doors, config, authorities)
            async with nats_server(tmp_path / "nats", asks) as broker:
                url = broker.url.replace("nats://", "tls://")
                settings = NatsSettings(
                    url=url,
                    ca_file=doors.server_ca,
                    certificate_file=doors.server_ca,
                    key_file=doors.server_ca.with_name("server-key.pem"),
                )
                intake = NatsIntake(database, doors.clock, settings)
                access = BrokerAccess(url=url, ca_file=doors.server_ca)
                door = NatsDoor(access, mes, config.agent_id)
                running = [
                    asyncio.create_task(keep_running("ingest.nats", intake.run)),
                    asyncio.create_task(door.run()),
                ]

                async def delivered(seq: int) -> bool:
                    batch = Batch(config.agent_id, config.epoch, Stream.RESULTS, seq, 0, b"")
                    try:
                        receipt = await door.send_batch(encode(batch), oldest=1)
                    except MesAway:
                        return False
                    return receipt.watermark == seq

                try:
                    await eventually(lambda: delivered(1), what="the first batch is committed")
                    assert await mes.proof_key() == await mes.proof_key(), "one key a certificate"
                    await eventually(lambda: delivered(2), what="the second batch is committed")
                    await withdraw(doors, issued.fingerprint.hex())
                    with pytest.raises(MesRefused, match="401"):
                        await delivered(3)
                finally:
                    for task in running:
                        task.cancel()
                    await asyncio.gather(*running, return_exceptions=True)


async def test_the_key_of_an_agent_with_a_token_is_its_token(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    async with secure_doors(database, mini_plant, tmp_path / "mes") as doors:
        async with database.write() as conn:
            code = await service.issue_code(conn, LINE, real_now=datetime.now(UTC))
        tls = MesTls(tmp_path, doors.server_ca)
        async with MesClient(doors.url, instance="a", tls=tls) as mes:
            token = (await mes.enrol(code)).token
        async with httpx.AsyncClient(
            base_url=doors.url, verify=tls.context(), trust_env=False
        ) as agent:
            headers = {"Authorization": f"Bearer {token}", "C2M-Instance": "a"}
            answer = await agent.post("/agent/v1/proof-key", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "agent.no_certificate_shown")


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
