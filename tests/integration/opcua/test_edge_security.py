"""The agent's links to a server of another make (node-opcua) over encrypted channels."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from edge.opcua.certificates import make_certificate, write_private
from edge.opcua.link import LinkFailed, open_link
from edge.opcua.security import LinkSecurity, Login, Policy, PolicyNotOffered
from edge.opcua.trust import CertificateRefused
from mes.contracts.agent import CertificatePlace
from tests.integration.opcua.test_edge_node_opcua import node_modules
from tests.support.certificates import keep
from tests.support.processes import ROOT, Process, free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(
    node_modules() is None or shutil.which("node") is None,
    reason="node-opcua is not installed: npm ci in tests/interop",
)

TEMPERATURE = "nsu=urn:other-maker:plc;i=8101"


@dataclass
class SecureLine:
    """The running server: its address and the folders where it keeps whom it believes."""

    endpoint: str
    folder: Path

    process: Process

    async def believe(self, agent: Path) -> None:
        """Let a person approve the certificates of a folder at the server."""
        target = self.folder / "approved"
        target.mkdir(exist_ok=True)
        for file in agent.glob("*.der"):
            shutil.copyfile(file, target / file.name)
        before = self.process.log.read_text().count('{"believes"')
        os.kill(self.process.pid, signal.SIGUSR1)
        await eventually(lambda: self.process.log.read_text().count('{"believes"') > before)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureLine]:
    modules, node = node_modules(), shutil.which("node")
    assert modules is not None
    assert node is not None
    os.environ["NODE_PATH"] = str(modules)
    folder, port = tmp_path_factory.mktemp("secure"), free_ports(1)
    script = str(ROOT / "tests" / "interop" / "secure_server.js")
    process = Process([script, str(port), str(folder)], folder / "log", program=node)
    try:
        asyncio.run(eventually(lambda: process.says('{"ready":true}'), within_s=120))
        yield SecureLine(f"opc.tcp://127.0.0.1:{port}", folder, process)
    finally:
        process.stop()


def a_security(
    folder: Path, policy: Policy = Policy.BASIC_256_SHA_256, *, login: Login | None = None
) -> LinkSecurity:
    """The security of an agent that knows the server's user, on a folder that stays."""
    security = LinkSecurity(folder, "line-8", policy=policy, login=login or Login("agent", "right"))
    security.prepare(now=datetime.now(UTC))
    return security


async def temperature(line: SecureLine, security: LinkSecurity) -> float:
    async with open_link(line.endpoint, security) as link:
        (value,) = await link.read([TEMPERATURE])
        assert value.Value is not None
        return float(value.Value.Value)


async def test_both_sides_ask_a_person_before_they_believe_each_other(
    line: SecureLine, tmp_path: Path
) -> None:
    security = a_security(tmp_path)
    with pytest.raises(CertificateRefused, match="is not trusted"):
        await temperature(line, security)
    (shown,) = [s for s in security.trust.states() if s.place is CertificatePlace.REJECTED]
    assert "NodeOPCUA" in shown.subject
    security.trust.apply(trusted=[shown.thumbprint], revoked=[])
    with pytest.raises(LinkFailed):
        await temperature(line, security)
    await line.believe(tmp_path / "own")
    assert await temperature(line, security) == 180.5
    security.trust.apply(trusted=[], revoked=[shown.thumbprint])
    with pytest.raises(CertificateRefused, match="is revoked"):
        await temperature(line, security)


@pytest.fixture
async def approved(line: SecureLine, tmp_path: Path) -> Path:
    """The folder of an agent that the server believes and that believes the server."""
    a_security(tmp_path)
    await line.believe(tmp_path / "own")
    own = line.folder / "pki" / "own" / "certs" / "certificate.pem"
    keep(tmp_path / "trusted", x509.load_pem_x509_certificate(own.read_bytes()))
    return tmp_path


@pytest.mark.parametrize("policy", [policy for policy in Policy if policy is not Policy.NONE])
async def test_every_policy_is_spoken_with_another_makers_server(
    line: SecureLine, approved: Path, policy: Policy
) -> None:
    assert await temperature(line, a_security(approved, policy)) == 180.5


async def test_a_wrong_password_is_refused_and_a_user_certificate_is_enough(
    line: SecureLine, approved: Path
) -> None:
    with pytest.raises(LinkFailed):
        await temperature(line, a_security(approved, login=Login("agent", "wrong")))
    with pytest.raises(LinkFailed):
        await temperature(line, a_security(approved, login=Login()))
    key, certificate = make_certificate(name="agent", uri="urn:c2m:user", now=datetime.now(UTC))
    write_private(approved / "user.pem", key)
    keep(approved / "user", certificate, "user.der")
    await line.believe(approved / "user")
    login = Login(certificate=approved / "user" / "user.der", key=approved / "user.pem")
    assert await temperature(line, a_security(approved, login=login)) == 180.5


async def test_the_new_certificate_is_shown_first_and_the_old_one_works_until_the_line_knows_it(
    line: SecureLine, approved: Path
) -> None:
    security = a_security(approved)
    security.renew(now=datetime.now(UTC))
    own = {state.thumbprint for state in security.trust.states() if state.place == "own"}
    assert await temperature(line, security) == 180.5
    assert len(own) == 2, "the line does not know the new one: both are kept"
    await line.believe(approved / "own")
    assert await temperature(line, security) == 180.5
    left = [state for state in security.trust.states() if state.place is CertificatePlace.OWN]
    assert len(left) == 1
    assert await temperature(line, security) == 180.5


async def test_an_agent_says_what_the_line_offers_instead(tmp_path: Path) -> None:
    assert "offers no encrypted endpoint with Basic256Sha256, but None" in str(
        PolicyNotOffered(Policy.BASIC_256_SHA_256, ["None"])
    )
