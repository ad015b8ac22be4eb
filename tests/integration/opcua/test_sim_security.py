"""A simulated line and its agent over an encrypted channel, as the demo runs them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asyncua import Client

from edge.opcua.link import LinkFailed, open_link
from edge.opcua.security import LinkSecurity, Login, Policy
from mes.contracts.line_layout import line_interface
from tests.support.sims import Sims


async def test_line_and_agent_believe_each_other_by_their_folders_and_nobody_comes_in_unencrypted(
    tmp_path: Path,
) -> None:
    sims = Sims(tmp_path / "sim", security="sign_and_encrypt")
    security = LinkSecurity(
        tmp_path / "pki",
        "body-framing",
        policy=Policy.AES_256,
        login=Login(),
        also=[sims.folder / "pki" / "body-framing" / "own"],
    )
    security.prepare(now=datetime.now(UTC))
    (tmp_path / "sim").mkdir()
    sims.start("body-framing")
    try:
        interface = line_interface(sims.plant, sims.plant.line("body-framing"))
        with pytest.raises(LinkFailed, match="BadCertificateUntrusted"):
            async with open_link(interface.endpoint, security):
                pass
        shutil.copytree(tmp_path / "pki" / "own", sims.folder / "clients")
        async with open_link(interface.endpoint, security) as link:
            (state,) = await link.read([interface.line_state])
            assert state.Value is not None
        open_channel = Client(interface.endpoint)
        with pytest.raises(LinkFailed):
            await open_channel.connect()
    finally:
        sims.stop()
