"""The floor between the lines: stores of bodies in order of arrival, and racks of panels."""

from __future__ import annotations

from collections.abc import Iterable

from mes.contracts.plant import PlantModel
from plc_sim.core.body import Body, Rack


class Floor:
    """Stores and racks in memory. Each body store has one line that gives and one that takes.

    So a decision on a view that is a moment old is safe: the giving line sees at most too little room, the
    taking line at most too few bodies.
    """

    def __init__(self, plant: PlantModel) -> None:
        self._capacity = {store.id: store.capacity for store in plant.stores}
        self._kind = {store.id: store.kind for store in plant.stores}
        self.bodies: dict[str, list[Body]] = {
            store.id: [] for store in plant.stores if store.kind == "body"
        }
        self.racks: list[Rack] = []

    def waiting(self, store: str) -> list[Body]:
        """Return the bodies in a store, first in first."""
        return self.bodies[store]

    def has_room(self, store: str) -> bool:
        """Whether one more body fits; a yard always has room, its cars leave."""
        return self._kind[store] == "yard" or len(self.bodies[store]) < self._capacity[store]

    def put(self, store: str, body: Body) -> None:
        """Let a body into a store; in the yard it leaves the plant."""
        if self._kind[store] == "body":
            self.bodies[store].append(body)

    def put_back(self, store: str, body: Body) -> None:
        """Send a body back to the head of a store."""
        self.bodies[store].insert(0, body)

    def take(self, store: str, body_id: str) -> Body:
        """Take a body out of a store."""
        bodies = self.bodies[store]
        index = next(i for i, body in enumerate(bodies) if body.id == body_id)
        return bodies.pop(index)

    def panels(self, panel: str) -> int:
        """Return how many panels of a kind lie in the store, held ones included."""
        return sum(rack.quantity for rack in self.racks if rack.panel == panel)

    def has_panels(self, panels: Iterable[str]) -> str | None:
        """Return the first of `panels` that there is none of that may be used; None when all are there."""
        usable = {rack.panel for rack in self.racks if rack.quantity and not rack.held}
        return next((panel for panel in panels if panel not in usable), None)

    def use_panel(self, panel: str) -> str:
        """Take one panel from the oldest rack that is not held, and return the rack's id."""
        rack = next(
            rack for rack in self.racks if rack.panel == panel and rack.quantity and not rack.held
        )
        rack.quantity -= 1
        if not rack.quantity:
            self.racks.remove(rack)
        return rack.id

    def put_rack(self, rack: Rack) -> None:
        """Bring a rack into the panel store."""
        self.racks.append(rack)

    def hold_rack(self, rack_id: str, *, held: bool) -> bool | None:
        """Hold or release a rack; returns whether that changed it, None when there is no such rack."""
        for rack in self.racks:
            if rack.id == rack_id:
                changed = rack.held is not held
                rack.held = held
                return changed
        return None
