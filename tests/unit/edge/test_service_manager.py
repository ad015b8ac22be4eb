"""What systemd hears of an agent, and that the unit that ships is one it understands."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge
from edge.service_manager import ServiceManager
from edge.settings import EdgeSettings
from tests.support.waiting import eventually

UNIT = Path(edge.__file__).parent / "systemd" / "c2m-edge@.service"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(door: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(door.recv(200).decode())
        except BlockingIOError:
            return said


async def test_the_manager_hears_that_an_agent_runs_lives_and_stops(
    door: socket.socket, tmp_path: Path
) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"})
    said: list[str] = []

    def lives() -> bool:
        said.extend(heard(door))
        return said.count("WATCHDOG=1") >= 3

    async with manager.kept_informed():
        await eventually(lives)
    said += heard(door)
    assert (said[0], said[-1]) == ("READY=1", "STOPPING=1")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "much"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
async def test_nobody_is_told_what_nobody_asked_for(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment)
    assert manager.watchdog_s is None
    async with manager.kept_informed():
        pass


async def test_a_manager_that_went_away_does_not_end_the_agent(tmp_path: Path) -> None:
    async with ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).kept_informed():
        pass


def test_the_unit_sets_what_the_agent_reads() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    given = [line.split("=", 2)[1] for line in lines if line.startswith("Environment=")]
    fields = {f"C2M_EDGE__{name.upper()}" for name in EdgeSettings.model_fields}
    assert given
    assert set(given) <= fields


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "c2m-edge@paint.service"
    text = UNIT.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/c2m/.venv/bin/python", "/usr/bin/env python"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
