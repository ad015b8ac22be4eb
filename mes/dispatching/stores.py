"""What a body store should give next: its controller asks body by body."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mes.dispatching import views
from mes.dispatching.model import as_lanes_give
from mes.dispatching.views import Standing
from mes.execution.model import Body
from mes.platform.db import ReadConn
from mes.platform.errors import NotFound
from mes.resources import service as resources


class UnknownStore(NotFound):
    """No line takes bodies from a store {store}."""

    code = "store.unknown"


@dataclass(frozen=True, slots=True)
class NextBody:
    """The body that goes next, from the head of which lane, and to which line."""

    body: Standing
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
    bodies = await views.standing(conn, store, line.id)
    planned = [(body.start_at, body.sequence, body) for body in bodies if body.start_at is not None]
    planned.sort(key=lambda one: one[:2])
    lanes: dict[int, list[UUID]] = {}
    for body in bodies:
        if body.lane is not None:
            lanes.setdefault(body.lane, []).append(body.id)
    order = as_lanes_give([body.id for *_, body in planned], lanes.values())
    first = next(iter(order), None)
    return next((NextBody(body, line.id) for *_, body in planned if body.id == first), None)
