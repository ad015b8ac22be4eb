"""Lines that are killed at any moment go on from what they had told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from pathlib import Path

from mes.contracts.warm_start import WarmRack, WarmStart
from plc_sim.core.changes import moment
from tests.support.line_client import LineClient
from tests.support.lines import MONDAY, some_bodies
from tests.support.sims import Sims

COUNT = 40
KILLS = 3


async def test_kill_9_loses_and_doubles_no_record_and_no_body(tmp_path: Path) -> None:
    sims = Sims(tmp_path)
    racks = tuple(
        WarmRack(rack=f"{panel.code}-warm", panel=panel.code, quantity=100)
        for panel in sims.plant.panels
    )
    WarmStart(plant_at=moment(MONDAY), racks=racks).save(tmp_path)
    sims.set_clock(120)
    jobs = some_bodies("body-sub", COUNT)
    on_next = [job.model_copy(update={"line": "body-framing", "id": job.body_id}) for job in jobs]
    told: dict[int, str] = {}
    try:
        for kill in range(KILLS):
            sims.start("body-sub", "body-framing", warm=True)
            async with LineClient(sims.plant, "body-sub") as sub:
                for job in jobs:
                    assert (await sub.send(job)).is_good
                async with LineClient(sims.plant, "body-framing") as framing:
                    for job in on_next:
                        assert (await framing.send(job)).is_good
                until = time.monotonic() + 1.0 + 0.13 * kill
                while time.monotonic() < until:
                    for record in await sub.read_ledger(max(told, default=0) + 1):
                        told[record.seq] = record.model_dump_json()
                    await asyncio.sleep(0.01)
                with contextlib.suppress(Exception):
                    sims.kill("body-sub", "body-framing")
    finally:
        sims.stop()

    ledger = sims.ledger("body-sub")
    assert [record.seq for record in ledger] == list(range(1, len(ledger) + 1))
    assert len(told) > 20
    assert {record.seq: record.model_dump_json() for record in ledger if record.seq in told} == told

    places = Counter(row[0] for row in sims.rows("SELECT id FROM body"))
    places.update(bodies_on_lines(sims))
    entered = Counter(str(r.body_id) for r in ledger if r.kind == "body_entered")
    assert set(entered.values()) == {1}
    assert places == entered, "each body that was begun is in one place"
    used = sum(len(r.consumed) for r in ledger if r.kind == "operation_done")
    left = sims.rows("SELECT sum(quantity) FROM rack WHERE panel LIKE '%-side'")[0][0]
    at_work = places.total() - len({r.body_id for r in ledger if r.kind == "body_left"})
    assert 0 <= 300 - left - used <= at_work


def bodies_on_lines(sims: Sims) -> list[str]:
    """Return who stands at a station or in a repair bay, as the lines have written it down."""
    found: list[str] = []
    for key, text in sims.rows("SELECT key, doc FROM line_state"):
        state = json.loads(text)
        if key == "line":
            found += [place["body"]["id"] for place in state["more"]["bay"]]
        elif key.startswith("cell:") and state["body"]:
            found.append(state["body"]["id"])
    return found
