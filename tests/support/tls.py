"""The doors of agents over TLS, as `c2m serve` opens them, and certificates for both ends."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mes.agents import client_certificates
from mes.agents.authority import CERTIFICATE_FILE, Authority, Issued
from mes.contracts.plant import PlantModel
from mes.platform.clock import ServerClock
from mes.platform.db import Database
from mes.platform.settings import TlsSettings
from mes.platform.tls import secure
from tests.support.agents import agent_app, no_models, seed_plant

NOW = datetime.now(UTC)
"""TLS goes by the real time of this machine."""


@dataclass
class SecureDoors:
    """A running server: its address, whom to believe it from, its database, the authority of its agents."""

    url: str
    server_ca: Path
    database: Database
    clock: ServerClock
    authority: Authority

    async def issue(self, line: str, folder: Path) -> tuple[Issued, Path]:
        """Issue a certificate for the agent of a line; returns it with the file that the agent is given."""
        async with self.database.write() as conn:
            issued = await client_certificates.issue(
                conn,
                self.authority,
                line,
                request=None,
                actor="user:ann",
                now=self.clock.now(),
                real_now=datetime.now(UTC),
            )
        return issued, bundle(folder, issued)


def bundle(folder: Path, issued: Issued) -> Path:
    """Write what an agent is given."""
    file = folder / f"{issued.fingerprint.hex()[:12]}.pem"
    file.write_text(issued.bundle)
    return file


def server_pair(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mes.plant.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    pair = folder / "server.pem", folder / "server-key.pem"
    pair[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    pair[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pair


@asynccontextmanager
async def secure_doors(
    database: Database, plant: PlantModel, folder: Path, *, client_ca: Path | None = None
) -> AsyncIterator[SecureDoors]:
    """Serve the doors of agents over TLS on a free loopback port."""
    clock = await seed_plant(database, plant)
    app = agent_app(database, clock, folder / "images", models=no_models)
    authority = Authority.open(app.state.context.settings.authority_dir, now=datetime.now(UTC))
    certificate, key = server_pair(folder / "server")
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    secure(
        config,
        TlsSettings(certificate=certificate, key=key, client_ca=client_ca),
        authority=app.state.context.settings.authority_dir / CERTIFICATE_FILE,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.02)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        yield SecureDoors(url, certificate, database, clock, authority)
    finally:
        server.should_exit = True
        await task
        listener.close()
