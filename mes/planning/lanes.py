"""The painted store's lanes as the plant runs: the lane that a body goes into.

What stands where is what the bodies say (`execution`), so nothing is lost when a process ends. A body
without a lane is given one as soon as anything comes into the store, by the rule that plans go by.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mes.execution import service as execution
from mes.planning import bridge, repository
from mes.planning.network import PlantNetwork
from mes.platform.db import WriteConn

_LAST = datetime.max.replace(tzinfo=UTC)
"""When a body leaves that the plan does not have."""


async def settle(conn: WriteConn, net: PlantNetwork) -> None:
    """Give each body in the painted store a lane that has none yet, first in first."""
    store = net.plant.store(net.painted_store)
    if store.lanes is None:
        return
    bodies = await execution.bodies_at(conn, store.id, ())
    if all(body.place.lane is not None for body in bodies):
        return
    rows = await repository.on_line(conn, net.drum_line.id, [body.order_id for body in bodies])
    leaves = {
        body.id: rows[body.order_id].start_at if body.order_id in rows else _LAST for body in bodies
    }
    standing: list[list[datetime]] = [[] for _ in range(store.lanes.count)]
    for body in bodies:  # first in first
        if body.place.lane is not None and body.place.lane < len(standing):
            standing[body.place.lane].append(leaves[body.id])
    new = [body.id for body in bodies if body.place.lane is None]
    lanes = bridge.lanes_in(standing, store.lanes.length, [leaves[one] for one in new])
    await execution.put_in_lanes(conn, store.id, dict(zip(new, lanes, strict=True)))
