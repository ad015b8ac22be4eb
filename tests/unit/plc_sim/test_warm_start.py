"""Where bodies, stores and racks stand when a plant begins warm."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mes.contracts.dispatch import JobState
from mes.contracts.warm_start import StoredBody, WarmBody, WarmRack, WarmStart
from plc_sim.core.body_line import BodyLine
from plc_sim.core.build import build_line, stand_bodies, stock_floor
from plc_sim.core.cell import Phase
from plc_sim.core.changes import moment
from plc_sim.core.floor import Floor
from plc_sim.core.line import LineCore
from plc_sim.core.press_line import PressLine
from tests.support.lines import MONDAY, a_body_job, plant_of

PLANT = plant_of("mini")
STANDS = uuid4()
WAITS = uuid4()
WARM = WarmStart(
    plant_at=moment(MONDAY),
    on_line=(
        WarmBody(
            line="body-framing",
            station="framing",
            job=a_body_job("body-framing", 0, body=STANDS),
            done_s=5,
        ),
    ),
    stored=(StoredBody(store="subs", body_id=WAITS, body_number="B1", model="C1", color="RED"),),
    racks=(WarmRack(rack="R1", panel=PLANT.panels[0].code, quantity=7),),
)


def a_line(name: str, floor: Floor) -> LineCore:
    line = next(line for line in PLANT.lines if line.id == name)
    return build_line(PLANT, line, floor, seed=1)


@pytest.fixture
def floor() -> Floor:
    return Floor(PLANT)


def test_a_line_is_of_the_kind_of_its_shop(floor: Floor) -> None:
    assert isinstance(a_line("press-1", floor), PressLine)
    assert isinstance(a_line("body-framing", floor), BodyLine)


def test_stores_and_racks_hold_what_the_warm_start_says(floor: Floor) -> None:
    stock_floor(floor, WARM)
    assert [body.id for body in floor.waiting("subs")] == [str(WAITS)]
    assert floor.panels(PLANT.panels[0].code) == 7


def test_a_body_stands_in_the_middle_of_its_cycle_and_its_job_runs(floor: Floor) -> None:
    core = a_line("body-framing", floor)
    stand_bodies(core, WARM)
    core.begin_at(MONDAY)
    cell = core.cells["framing"]
    assert cell.body is not None
    assert cell.body.id == str(STANDS)
    assert cell.phase is Phase.WORKING
    assert cell.started == MONDAY - 5
    (entry,) = core.jobs.entries.values()
    assert entry.state is JobState.RUNNING
    kinds = {record.split('"kind":"')[1].split('"')[0] for _, record in core.take_changes().records}
    assert kinds <= {"station_state"}, "what came before is not told again"


def test_bodies_of_other_lines_stand_elsewhere(floor: Floor) -> None:
    core = a_line("body-sub", floor)
    stand_bodies(core, WARM)
    assert all(cell.body is None for cell in core.cells.values())
    assert core.at == MONDAY
