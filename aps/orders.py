"""What the levels decide: orders of work, without times."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Task:
    """A weld operation to be planned: a step of a car on the machine chosen for it."""

    car: int
    step: str
    machine: int
    duration_s: int
    held_s: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """A die lot; `fixed` times are those of a lot that runs already."""

    id: str
    panel: int
    press: int
    quantity: int
    held_s: int = 0
    fixed: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What is decided: four orders of work. Facts (cars on the lines) are not in them.

    `tasks` is in an order in which each task follows its car's and its machine's earlier tasks;
    bodies are launched in the order of their first tasks. `welded` is the order in which bodies
    come to the welded store, that of their last tasks if empty. `lots` is in an order that holds
    on each press and for each die. `lanes` are (car, lane of the painted store) in the order of
    coming; wishes, until `aps.lanes.orders.laned` has looked at them.
    """

    assembly: tuple[int, ...] = ()
    paint: tuple[int, ...] = ()
    tasks: tuple[Task, ...] = ()
    lots: tuple[Lot, ...] = ()
    welded: tuple[int, ...] = ()
    lanes: tuple[tuple[int, int], ...] = ()

    def weld_order(self) -> tuple[int, ...]:
        """Return the order in which bodies come to the welded store."""
        if self.welded:
            return self.welded
        last = {task.car: None for task in reversed(self.tasks)}
        return tuple(reversed(last))

    def without(self, cars: set[int]) -> "Orders":
        """Return the orders with these cars taken out."""
        return replace(
            self,
            assembly=tuple(c for c in self.assembly if c not in cars),
            paint=tuple(c for c in self.paint if c not in cars),
            tasks=tuple(t for t in self.tasks if t.car not in cars),
            welded=tuple(c for c in self.welded if c not in cars),
            lanes=tuple(one for one in self.lanes if one[0] not in cars),
        )
