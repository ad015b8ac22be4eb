"""Simulator processes as a test starts and kills them."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.line_records import LineRecord, line_record
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import load_plant, with_ports
from plc_sim.faults import fault_adapter, plant_fault
from plc_sim.store import FLOOR_FILE
from tests.support.lines import MONDAY, PLANTS, plant_of

START_TIMEOUT_S = 60
NODESET_CACHE = Path(tempfile.gettempdir()) / f"c2m-nodesets-{os.getuid()}"
"""Shared by all runs of the tests: importing the nodesets takes seconds."""


def free_ports(count: int) -> int:
    """Return the first of `count` free ports in a row."""
    for _ in range(100):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base = int(probe.getsockname()[1])
        if base + count < 65_000 and all(_is_free(port) for port in range(base, base + count)):
            return base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Sims:
    """A plant of simulator processes around one folder and one clock."""

    folder: Path
    plant_name: str = "mini"
    plant_file: Path | None = None
    """Of another plant than a shipped one."""
    seed: int = 1
    security: str = "none"
    """As `plc_sim run` takes it; clients that lie in `folder/clients` are then believed."""
    base_port: int = field(default_factory=lambda: free_ports(20))
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @cached_property
    def plant(self) -> PlantModel:
        """The plant with the ports of these processes."""
        if self.plant_file is not None:
            return with_ports(load_plant(self.plant_file), self.base_port)
        return with_ports(plant_of(self.plant_name), self.base_port)

    @property
    def _clock_file(self) -> Path:
        return self.folder / "test-clock.json"

    def set_clock(self, factor: float) -> None:
        """Let plant time pass `factor` times as fast from now on; it begins on Monday at ten."""
        now = datetime.now(UTC)
        if self._clock_file.exists():
            kept = PlantClock.model_validate_json(self._clock_file.read_bytes())
            segment = ClockSegment(real_at=now, plant_at=kept.at(now), factor=factor)
            clock = PlantClock(segments=(*kept.segments, segment))
        else:
            begin = datetime.fromtimestamp(MONDAY, UTC)
            clock = PlantClock(segments=(ClockSegment(real_at=now, plant_at=begin, factor=factor),))
        self.keep_time(clock)

    def move_clock(self, seconds: float) -> None:
        """Set the clock so many plant seconds ahead: a deadline further away cannot pass before it is met."""
        kept = PlantClock.model_validate_json(self._clock_file.read_bytes())
        now = datetime.now(UTC)
        ahead = kept.at(now) + timedelta(seconds=seconds)
        segment = ClockSegment(real_at=now, plant_at=ahead, factor=kept.factor)
        self.keep_time(PlantClock(segments=(*kept.segments, segment)))

    def keep_time(self, clock: PlantClock) -> None:
        """Let the lines live by this clock."""
        draft = self._clock_file.with_suffix(".part")
        draft.write_text(clock.model_dump_json())
        draft.replace(self._clock_file)

    def start(self, *names: str, kind: str = "line", warm: bool = False) -> None:
        """Start one process for the named lines (or shops) and wait until it answers."""
        if not self._clock_file.exists():
            self.set_clock(60)
        command = [sys.executable, "-m", "plc_sim", "run"]
        file = self.plant_file or PLANTS / f"{self.plant_name}.toml"
        command += ["--plant", str(file), "--data", str(self.folder)]
        command += [
            "--cache",
            str(NODESET_CACHE),
            "--seed",
            str(self.seed),
            "--base-port",
            str(self.base_port),
        ]
        command += ["--security", self.security, "--trust", str(self.folder / "clients")]
        command += ["--clock-url", self._clock_file.as_uri(), *(["--warm"] if warm else [])]
        for name in names:
            command += [f"--{kind}", name]
        process = subprocess.Popen(  # our own command
            command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said == "ready\n", f"{names} did not start: {said!r}"
        self.running["/".join(names)] = process

    def kill(self, *names: str) -> None:
        """Kill a process without warning."""
        process = self.running.pop("/".join(names))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def stop(self) -> None:
        """End all processes as Ctrl-C would, and see that they end well."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self.running.items():
            status = process.wait(timeout=START_TIMEOUT_S)
            assert process.stdout is not None
            process.stdout.close()
            assert status == 0, f"{name} ended with {status}"
        self.running.clear()

    def plant_fault(self, line: str, **fault: Any) -> None:
        """Plant a fault in a running line."""
        plant_fault(self.folder, line, fault_adapter.validate_python(fault))

    def ledger(self, line: str) -> list[LineRecord]:
        """Read what a line has written down, from its file."""
        with sqlite3.connect(self.folder / FLOOR_FILE) as db:
            rows = db.execute(
                "SELECT doc FROM record WHERE line = ? ORDER BY seq", (line,)
            ).fetchall()
        db.close()
        return [line_record.validate_json(row[0]) for row in rows]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read from the lines' file."""
        db = sqlite3.connect(self.folder / FLOOR_FILE)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()
