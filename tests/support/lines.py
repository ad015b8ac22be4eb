"""Line cores without clock, disk and network, and the job orders they work on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

import mes.resources
from mes.contracts.dispatch import JobKind, JobOrder
from mes.contracts.line_records import LineRecord, line_record
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import load_plant
from mes.contracts.plc import VerdictAck
from mes.contracts.quality import VerdictCode
from plc_sim.core.body import Body, Rack
from plc_sim.core.build import build_line
from plc_sim.core.floor import Floor
from plc_sim.core.line import LineCore

PLANTS = Path(next(iter(mes.resources.__path__))) / "plants"
MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC).timestamp()
"""Monday 10:00 in the plants' time zone."""


@lru_cache
def plant_of(name: str) -> PlantModel:
    """Return one of the shipped plants."""
    return load_plant(PLANTS / f"{name}.toml")


def a_body_job(line: str, sequence: int, *, body: UUID | None = None, **fields: object) -> JobOrder:
    """Return the job of a body through a line."""
    known: dict[str, object] = {"model": "C1", "color": "RED", "body_number": f"B{sequence}"}
    return JobOrder.model_validate(
        {
            "id": uuid4(),
            "kind": JobKind.BODY,
            "line": line,
            "attempt": 1,
            "sequence": sequence,
            "start_at": datetime(2026, 3, 2, tzinfo=UTC),
            "body_id": body or uuid4(),
            **known,
            **fields,
        }
    )


def a_die_lot(line: str, panel: str, quantity: int, *, sequence: int = 0) -> JobOrder:
    """Return a die lot."""
    return JobOrder(
        id=uuid4(),
        kind=JobKind.DIE_LOT,
        line=line,
        attempt=1,
        sequence=sequence,
        start_at=datetime(2026, 3, 2, tzinfo=UTC),
        panel=panel,
        quantity=quantity,
    )


def a_rework(
    line: str, body: UUID, *, defect_kind: str | None = None, work_s: float = 60
) -> JobOrder:
    """Return the rework of a body."""
    return JobOrder(
        id=uuid4(),
        kind=JobKind.REWORK,
        line=line,
        attempt=1,
        sequence=999,
        start_at=datetime(2026, 3, 2, tzinfo=UTC),
        body_id=body,
        defect_kind=defect_kind,
        work_s=work_s,
    )


def ok(_core: LineCore, _camera: str) -> VerdictCode | None:
    """Judge every part good."""
    return VerdictCode.OK


@dataclass
class Bench:
    """One line on its own, moved by hand; keeps every record."""

    core: LineCore
    records: list[LineRecord] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    values: list[tuple[str, float]] = field(default_factory=list)

    @property
    def floor(self) -> Floor:
        """The stores around the line."""
        return self.core.floor

    def give(self, *jobs: JobOrder) -> None:
        """Store and start job orders."""
        for job in jobs:
            self.core.store_job(job, start=True)

    def run(
        self,
        seconds: float,
        *,
        judge: Callable[[LineCore, str], VerdictCode | None] = ok,
        step_s: float = 5.0,
    ) -> None:
        """Let the line work for so many plant seconds; `judge` None: no verdict comes."""
        end = self.core.at + seconds
        while self.core.at < end:
            self.core.advance(min(self.core.at + step_s, end))
            for name, camera in self.core.cameras.items():
                request = camera.pending
                code = judge(self.core, name) if request is not None else None
                if request is not None and code is not None:
                    ack = self.core.take_verdict(
                        name, counter=request.counter, body_id=request.body_id, code=code
                    )
                    assert ack is VerdictAck.ACCEPTED
            self.collect()

    def collect(self) -> None:
        """Take over what the line told."""
        changes = self.core.take_changes()
        for number, text in changes.records:
            self.texts.append(text)
            self.records.append(line_record.validate_json(text))
            assert json.loads(text)["seq"] == number
        self.values.extend((f"{one.station}.{one.name}", one.value) for one in changes.tags)

    def of_kind(self, kind: str) -> list[LineRecord]:
        """Return the records of one kind."""
        return [record for record in self.records if record.kind == kind]


def a_bench(
    line: str, *, plant: PlantModel | None = None, seed: int = 1, panels: int = 500
) -> Bench:
    """Return a line of the mini plant on Monday morning, with panels in the store."""
    plant = plant or plant_of("mini")
    floor = Floor(plant)
    for panel in plant.panels:
        floor.put_rack(Rack(f"{panel.code}-0", panel.code, panels))
    core = build_line(plant, plant.line(line), floor, seed=seed)
    core.begin_at(MONDAY)
    return Bench(core)


def stored(bench: Bench, *jobs: JobOrder) -> None:
    """Put the bodies of these jobs into the store before the line."""
    source = bench.core.line.takes_from
    assert source is not None
    for job in jobs:
        bench.floor.put(source, Body(str(job.body_id), job.body_number or "", job.model or ""))


def some_bodies(line: str, count: int, *, seed: int = 1) -> list[JobOrder]:
    """Return jobs of bodies with drawn models and colours; the same for the same seed."""
    chance = random.Random(seed)
    return [
        a_body_job(
            line,
            number,
            body=UUID(int=chance.getrandbits(128)),
            model=chance.choice(["C1", "S2", "U3"]),
            color=chance.choice(["RED", "WHT"]),
        )
        for number in range(count)
    ]
