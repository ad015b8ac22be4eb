"""The lanes of the painted store as the plant runs: noted once, kept with the bodies, and given in order."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mes.contracts.plant import Lanes
from mes.dispatching import service as dispatching
from mes.dispatching.stores import UnknownStore
from mes.execution import service as execution
from mes.execution.model import Body
from mes.planning import lanes, versions
from mes.planning import service as planning
from mes.planning.network import PlantNetwork
from mes.resources import service as resources
from tests.support.planning import PlannedPlant

STORE = "pbs"


async def laned(plant: PlannedPlant) -> PlantNetwork:
    """Return the planned plant as it is with three lanes of four bodies."""
    async with plant.database.read() as conn:
        net = await planning.network(conn)
    stores = tuple(
        one.model_copy(update={"lanes": Lanes(count=3, length=4)}) if one.id == STORE else one
        for one in net.plant.stores
    )
    return PlantNetwork(net.plant.model_copy(update={"stores": stores}))


async def bodies(plant: PlannedPlant) -> list[Body]:
    async with plant.database.read() as conn:
        return await execution.bodies_at(conn, STORE, ())


async def settled(plant: PlannedPlant) -> dict[UUID, int | None]:
    net = await laned(plant)
    async with plant.database.write() as conn:
        await lanes.settle(conn, net)
    return {body.id: body.place.lane for body in await bodies(plant)}


async def test_each_body_in_the_store_gets_a_lane_once(planned: PlannedPlant) -> None:
    first = await settled(planned)
    assert len(first) >= 3
    assert set(first.values()) <= {0, 1, 2}
    async with planned.database.write() as conn:
        await lanes.settle(conn, await laned(planned))
    assert {body.id: body.place.lane for body in await bodies(planned)} == first


async def test_a_body_that_leaves_the_store_leaves_its_lane(planned: PlannedPlant) -> None:
    await settled(planned)
    body = (await bodies(planned))[0]
    gone = body.enter("assembly", "trim-1", body.since_at + timedelta(minutes=1))
    assert gone.place.lane is None
    assert body.in_lane(STORE, 2).place.lane == body.place.lane
    assert gone.in_lane(STORE, 2) == gone


async def test_the_store_gives_a_head_of_its_lanes_next_by_the_plan(planned: PlannedPlant) -> None:
    await settled(planned)
    standing = await bodies(planned)
    heads: dict[int | None, UUID] = {}
    for body in standing:
        heads.setdefault(body.place.lane, body.id)
    async with planned.database.read() as conn:
        found = await dispatching.next_body(conn, STORE)
        with pytest.raises(UnknownStore):
            await dispatching.next_body(conn, "panels")
        assert (await resources.active_plant(conn)).store(STORE).lanes is None
        net = await versions.network(conn)
        rows = await planning.on_line(conn, "assembly", [body.order_id for body in standing])
    assert found is not None
    assert found.line == net.drum_line.id
    assert found.body.id in heads.values()
    fronts = [body for body in standing if body.id in heads.values() and body.order_id in rows]
    assert found.body.id == min(fronts, key=lambda b: rows[b.order_id].start_at).id


async def test_a_plant_without_lanes_notes_none(planned: PlannedPlant) -> None:
    async with planned.database.write() as conn:
        await lanes.settle(conn, await planning.network(conn))
    assert {body.place.lane for body in await bodies(planned)} == {None}
