"""What a body store should give next: its controller asks body by body."""

from __future__ import annotations

from dataclasses import dataclass

from mes.dispatching.model import as_lanes_give
from mes.execution import service as execution
from mes.execution.model import Body, PlaceKind
from mes.planning import service as planning
from mes.platform.db import ReadConn
from mes.platform.errors import NotFound
from mes.quality import service as quality
from mes.resources import service as resources


class UnknownStore(NotFound):
    """No line takes bodies from a store {store}."""

    code = "store.unknown"


@dataclass(frozen=True, slots=True)
class NextBody:
    """The body that goes next, from the head of which lane, and to which line."""

    body: Body
    line: str


def lanes_of(bodies: list[Body]) -> list[list[Body]]:
    """Return what stands in the lanes of a store, the next to leave first; held bodies are taken out."""
    lanes: dict[int, list[Body]] = {}
    for body in bodies:  # first in first
        if body.place.lane is not None and not body.line_hold and not body.is_scrapped:
            lanes.setdefault(body.place.lane, []).append(body)
    return list(lanes.values())


async def next_body(conn: ReadConn, store: str) -> NextBody | None:
    """Return the body that the store should give next by the plan in force; None: none may leave.

    Raises:
        UnknownStore: no line takes bodies from it.
    """
    plant = await resources.active_plant(conn)
    line = next((one for one in plant.body_lines if one.takes_from == store), None)
    if line is None or plant.store(store).kind != "body":
        raise UnknownStore(store=store)
    held = {hold.body_id for hold in await quality.open_holds(conn)}
    found = await execution.bodies_at(conn, store, ())
    bodies = [b for b in found if b.place.kind is PlaceKind.STORE and b.id not in held]
    rows = await planning.on_line(conn, line.id, [body.order_id for body in bodies])
    planned = [body for body in bodies if body.order_id in rows and not body.line_hold]
    planned.sort(key=lambda one: (rows[one.order_id].start_at, rows[one.order_id].sequence))
    lanes = [[body.id for body in lane] for lane in lanes_of(bodies)]
    order = as_lanes_give([body.id for body in planned], lanes)
    first = next(iter(order), None)
    return next((NextBody(body, line.id) for body in planned if body.id == first), None)
