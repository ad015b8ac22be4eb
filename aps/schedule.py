"""The plan of one plant, as plain data: what `aps` answers.

Times are whole seconds from the horizon's start, as in the problem whose hash the plan carries.
"""

from dataclasses import dataclass, field

from aps import codec

Facts = tuple[tuple[str, str | int], ...]
BrokenLock = tuple[str, str, int | None]
"""Car, line, and by how many seconds it starts before (negative) or behind its window; `None`: it has no place.

In welding the line is the step; of a die lot they are the lot and its press, `None` where it is not made there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotAssignment:
    """L1: the assembly shift in which a car starts."""

    car_id: str
    shift_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A car on a paced line: its place in the order (0 first), start, exit, and colour."""

    car_id: str
    position: int
    start_s: int
    end_s: int
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlace:
    """The lane of the painted store, counted from 0, that a body goes into when it leaves paint."""

    car_id: str
    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """L4: one weld step of one car on one machine."""

    car_id: str
    step: str
    machine: str
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DieLot:
    """L5: a lot of panels; `start_s` begins the changeover, which takes `setup_s` of work.

    The panels are in the racks at `end_s`. `pegged` are the cars that consume them.
    """

    id: str
    panel_type: str
    press: str
    quantity: int
    start_s: int
    end_s: int
    setup_s: int
    pegged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A car left out of the plan, and why."""

    car_id: str
    code: str
    facts: Facts
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarTimes:
    """A car's projected times (forward) and need-by times (backward from its due date).

    `None`: the stage lies behind the car, or the car has no due date or no place. `press_s` is
    when the last panel it needs is in the racks (0: it was there at the start).
    """

    car_id: str
    press_s: int | None = None
    weld_start_s: int | None = None
    weld_end_s: int | None = None
    paint_start_s: int | None = None
    paint_end_s: int | None = None
    assembly_start_s: int | None = None
    finish_s: int | None = None
    weld_by_s: int | None = None
    paint_by_s: int | None = None
    assembly_by_s: int | None = None
    due_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpis:
    """The figures of a plan; the checker counts every one of them again.

    `stock_out_s` adds, over panel types, the seconds from 0 to `makespan_s` in which stock is
    below the minimum cover. `store_peak` is of the painted, `welded_peak` of the welded store.
    `moved_cars` is `None` without a reference plan; with one it is the least number of cars that
    must be lifted out of its assembly order to get this one. `spacing_high` counts the cars too
    close under high and hard rules (hard: only what is frozen so). `purge_s` and `purge_cost` add up
    the purges of its colour changes; `None` in a plan of before they were counted. `broken_locks`
    are in the order of the problem's locks: cars on the lines, weld steps, die lots.
    """

    cars_planned: int
    cars_unplaced: int
    late_cars: int
    total_tardiness_s: int
    max_tardiness_s: int
    ratio_violations: tuple[tuple[str, int], ...]
    ratio_violations_high: int
    ratio_violations_low: int
    color_changes: int
    longest_color_run: int
    die_changes: int
    stock_out_s: int
    store_peak: int
    welded_peak: int
    makespan_s: int
    moved_cars: int | None = None
    spacing_violations: tuple[tuple[str, int], ...] = field(default=(), metadata=codec.LATER)
    spacing_high: int = field(default=0, metadata=codec.LATER)
    spacing_low: int = field(default=0, metadata=codec.LATER)
    purge_s: int | None = field(default=None, metadata=codec.LATER)
    purge_cost: int | None = field(default=None, metadata=codec.LATER)
    broken_locks: tuple[BrokenLock, ...] = field(default=(), metadata=codec.LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelResult:
    """What one level did in one pass: its own objective, a proven bound where one is known."""

    level: str
    pass_no: int
    status: str
    objective: int | None = None
    bound: int | None = None
    note: str = ""

    @property
    def gap(self) -> float | None:
        """Relative distance of objective and bound, or `None` where no bound is known."""
        if self.objective is None or self.bound is None:
            return None
        return abs(self.objective - self.bound) / max(1, abs(self.objective))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A whole-plant plan; every list is sorted by time. `lanes` is empty where the store has none."""

    snapshot_hash: str
    slots: tuple[SlotAssignment, ...]
    assembly: tuple[Slot, ...]
    paint: tuple[Slot, ...]
    weld: tuple[Operation, ...]
    press: tuple[DieLot, ...]
    unplaced: tuple[Unplaced, ...]
    times: tuple[CarTimes, ...]
    kpis: Kpis
    levels: tuple[LevelResult, ...] = ()
    lanes: tuple[LanePlace, ...] = field(default=(), metadata=codec.LATER)


def to_json(schedule: Schedule) -> str:
    """Return the canonical JSON text of a schedule."""
    return codec.dumps(schedule)


def from_json(text: str) -> Schedule:
    """Read a schedule back. Raises `aps.errors.ProblemError` naming the field that is wrong."""
    return codec.loads(Schedule, text)
