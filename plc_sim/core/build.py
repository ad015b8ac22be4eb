"""Builds the line cores of a plant, and stands their bodies where the warm start has them."""

from __future__ import annotations

from mes.contracts.dispatch import JobState
from mes.contracts.plant import Line, PlantModel, ShopKind
from mes.contracts.warm_start import StoredBody, WarmBody, WarmStart
from plc_sim.core.body import Body, Rack
from plc_sim.core.body_line import BodyLine
from plc_sim.core.floor import Floor
from plc_sim.core.jobs import JobEntry
from plc_sim.core.line import LineCore
from plc_sim.core.press_line import PressLine


def build_line(plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> LineCore:
    """Return the core of a line, empty and switched off."""
    if plant.kind_of(line) is ShopKind.STAMPING:
        return PressLine(plant, line, floor, seed=seed)
    return BodyLine(plant, line, floor, seed=seed)


def stock_floor(floor: Floor, warm: WarmStart) -> None:
    """Fill the stores as the warm start has them."""
    for stored in warm.stored:
        floor.put(stored.store, _stored_body(stored))
    for rack in warm.racks:
        floor.put_rack(Rack(rack.rack, rack.panel, rack.quantity))


def stand_bodies(core: LineCore, warm: WarmStart) -> None:
    """Put the bodies of the warm start at the stations of `core`; call it before `begin_at`."""
    core.at = warm.plant_at.timestamp()
    for place in warm.on_line:
        if place.line == core.line.id and isinstance(core, BodyLine):
            core.stand_at(
                place.station,
                _body(place),
                JobEntry(place.job, JobState.RUNNING),
                done_s=place.done_s,
            )


def _body(place: WarmBody) -> Body:
    job = place.job
    return Body(id=str(job.body_id), number=job.body_number or "", model=job.model or "")


def _stored_body(stored: StoredBody) -> Body:
    return Body(
        id=str(stored.body_id), number=stored.body_number, model=stored.model, color=stored.color
    )
