"""The whole plant as separate processes, on ports of its own, run by `c2m demo`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from mes.platform.embedded import locate, remove
from tests.support.plant import PLANTS


@dataclass
class RunningPlant:
    """A plant that runs, and how to reach it."""

    folder: Path
    url: str
    environment: dict[str, str]
    command: list[str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def dsn(self) -> str:
        """The plant's database."""
        return locate(self.folder).dsn

    def password(self, role: str) -> tuple[str, str]:
        """Return user and password of a role."""
        for line in (self.folder / "sign-in.txt").read_text().splitlines():
            found, user, password = line.split("\t")
            if found == role:
                return user, password
        raise KeyError(role)

    def pid(self, name: str) -> int:
        """Return the process id of one of the plant's processes."""
        note = json.loads((self.folder / "run" / f"{name}.json").read_text())
        return int(note["pid"])

    def hold(self, name: str) -> None:
        """Keep the supervisor from starting a process again."""
        (self.folder / "run" / f"{name}.hold").touch()

    def release(self, name: str) -> None:
        """Let the supervisor start a process again."""
        (self.folder / "run" / f"{name}.hold").unlink()

    def fetch(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the plant's database."""
        with psycopg.connect(self.dsn, connect_timeout=5) as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def value(self, sql: str, *parameters: object) -> Any:
        """Return the first column of the first row."""
        rows = self.fetch(sql, *parameters)
        return rows[0][0] if rows else None

    def logs(self) -> str:
        """Return the end of every process's log, for a failing test."""
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-1500:]}"
            for file in sorted((self.folder / "logs").glob("*.log"))
        )

    def start(self) -> None:
        """Start (again) the supervisor and wait until the plant runs."""
        log = self.folder / "demo.log"
        offset = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for(lambda: self._said("The plant runs", offset), timeout_s=240, plant=self)

    def stop(self) -> int:
        """Stop the plant as Ctrl-C does; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)

    def _said(self, text: str, offset: int) -> bool:
        said = (self.folder / "demo.log").read_bytes()[offset:].decode(errors="replace")
        if self.process.poll() is not None:
            raise AssertionError(
                f"the demo ended with {self.process.returncode}:\n{said}\n{self.logs()}"
            )
        return text in said


def wait_for(
    condition: Callable[[], object], *, timeout_s: float, plant: RunningPlant | None = None
) -> Any:
    """Wait for a state; return what the condition returned. A database that is away is not there yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = condition()
        except psycopg.OperationalError:
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            logs = plant.logs() if plant else ""
            raise AssertionError(f"the state did not come within {timeout_s} s\n{logs}")
        time.sleep(0.1)


@contextmanager
def running_plant(
    *arguments: str, plant_file: Path = PLANTS / "mini.toml"
) -> Iterator[RunningPlant]:
    """Run a plant with these arguments of `c2m demo`, in a folder of its own, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="c2m-plant-"))
    file = folder / "test-plant.toml"
    file.write_text(_with_free_ports(plant_file.read_text(encoding="utf-8")), encoding="utf-8")
    port = _free_port()
    environment = {
        **os.environ,
        "C2M_DATA_DIR": str(folder / "data"),
        "C2M_HTTP__PORT": str(port),
        "C2M_PLAN__WALL_S": "5",
    }
    command = [sys.executable, "-m", "mes", "demo", "--plant", str(file), *arguments]
    (folder / "data").mkdir(exist_ok=True)
    plant = RunningPlant(folder / "data", f"http://127.0.0.1:{port}", environment, command)
    try:
        plant.start()
        yield plant
    finally:
        if plant.process.poll() is None:
            plant.stop()
        remove(plant.folder)
        shutil.rmtree(folder, ignore_errors=True)


def _with_free_ports(text: str) -> str:
    return re.sub(r"(?m)^((?:camera_)?port\s*=\s*)\d+", lambda m: f"{m[1]}{_free_port()}", text)


_taken: set[int] = set()


def _free_port() -> int:
    while True:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _taken:
            _taken.add(port)
            return port
