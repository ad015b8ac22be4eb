"""What a line says of its process values before it has any, and after a restart."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from mes.contracts.warm_start import WarmRack, WarmStart
from plc_sim.core.changes import moment
from tests.support.line_client import LineClient, ua
from tests.support.lines import MONDAY, some_bodies
from tests.support.sims import Sims

LINE = "body-sub"


async def test_values_carry_plant_time_from_the_first_and_keep_theirs_over_a_restart(
    tmp_path: Path,
) -> None:
    sims = Sims(tmp_path)
    racks = tuple(
        WarmRack(rack=f"{panel.code}-warm", panel=panel.code, quantity=50)
        for panel in sims.plant.panels
    )
    WarmStart(plant_at=moment(MONDAY), racks=racks).save(tmp_path)
    sims.set_clock(0)
    try:
        sims.start(LINE, warm=True)
        async with LineClient(sims.plant, LINE) as client:
            for value in (await tags(client)).values():
                assert value.StatusCode.value == ua.StatusCodes.BadWaitingForInitialData
                assert value.SourceTimestamp.replace(tzinfo=UTC) == moment(MONDAY)
            for job in some_bodies(LINE, 3):
                assert (await client.send(job)).is_good
            sims.set_clock(120)
            await client.wait_for_record("operation_done")
            sims.set_clock(0)
        sims.kill(LINE)
        measured = {
            (record.station, name): (record.at, value)
            for record in sims.ledger(LINE)
            if record.kind == "operation_done"
            for name, value in record.values.items()
        }
        assert measured
        sims.start(LINE)
        async with LineClient(sims.plant, LINE) as client:
            for (station, name), (at, number) in measured.items():
                value = (await tags(client))[station, name]
                assert value.SourceTimestamp.replace(tzinfo=UTC) == at
                assert value.Value.Value == number
    finally:
        sims.stop()


async def tags(client: LineClient) -> dict[tuple[str, str], Any]:
    """Return the values of the line's tags as they stand, bad ones too."""
    return {
        (tag.station, tag.name): await client.node(tag.node).read_data_value(False)
        for tag in client.nodes.tags
    }
