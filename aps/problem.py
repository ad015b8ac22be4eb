"""The planning problem of one plant, as plain data: what `aps` is asked.

Times are whole seconds from the horizon's start; identifiers are text; collections are tuples,
so a problem is hashable, comparable and the same in every process. `snapshot_hash` names it.
A problem can be built in any state; `aps.validate.validate` says what is wrong before a solve.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from aps import codec
from aps.lock import Lock, LotLock, WeldLock

Interval = tuple[int, int]


class Stage(StrEnum):
    """How far a car has come; what it has behind it is a fact, what lies before it is planned."""

    NOT_STARTED = "not_started"
    IN_BODY = "in_body"
    WELDED = "welded"
    IN_PAINT = "in_paint"
    PAINTED = "painted"
    IN_ASSEMBLY = "in_assembly"
    DONE = "done"

    @property
    def rank(self) -> int:
        """Place along the plant, 0 (not started) to 6 (done)."""
        return _STAGE_RANK[self]


_STAGE_RANK = {stage: rank for rank, stage in enumerate(Stage)}


class RatioPriority(StrEnum):
    """Which ratio rules yield first: LOW ones."""

    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A crew's time on a line, with its breaks."""

    id: str
    start_s: int
    end_s: int
    breaks: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When a line or machine works: sorted disjoint intervals, each belonging to a shift."""

    id: str
    working: tuple[Interval, ...]
    shift_ids: tuple[str, ...]


def calendar_of(calendar_id: str, shifts: tuple[Shift, ...]) -> Calendar:
    """Return the calendar in which these shifts work, their breaks cut out."""
    working: list[Interval] = []
    shift_ids: list[str] = []
    for shift in sorted(shifts, key=lambda s: s.start_s):
        at = shift.start_s
        for begin, end in [*sorted(shift.breaks), (shift.end_s, shift.end_s)]:
            if begin > at:
                working.append((at, begin))
                shift_ids.append(shift.id)
            at = max(at, end)
    return Calendar(id=calendar_id, working=tuple(working), shift_ids=tuple(shift_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    """One car to build, or being built.

    `release_s` is the earliest start of the next stage not yet started (for a car on the
    assembly line: the earliest finish); a hold or a rework raises it. `due_s` is the promised
    finish and may lie in the past. `priority`: higher is more urgent.
    """

    id: str
    model: str
    color: str
    body_type: str
    options: frozenset[str] = frozenset()
    panels: tuple[tuple[str, int], ...] = ()
    due_s: int | None = None
    priority: int = 0
    release_s: int = 0
    at: Stage = Stage.NOT_STARTED


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRule:
    """At most `n` cars with `option` among any `p` consecutive cars; soft, counted."""

    id: str
    option: str
    n: int
    p: int
    priority: RatioPriority = RatioPriority.HIGH


class SpacingPriority(StrEnum):
    """Whether a spacing rule may break at all, and which ones yield first: LOW ones."""

    HARD = "hard"
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacingRule:
    """Cars with `option` keep at least `gap` places away from cars with `other`.

    1 place is next to each other; with `other` = `option` they keep away from each other. Every
    two cars too close are counted once; under a HARD rule no free car starts so.
    """

    id: str
    option: str
    other: str
    gap: int
    priority: SpacingPriority = SpacingPriority.HIGH


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousCar:
    """A car that went down the assembly line before every car of the problem."""

    id: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyLine:
    """The paced trim-chassis-final line, the drum of the plant.

    Consecutive cars start at least `takt_s` of working time apart; a car leaves `lead_s` of
    working time after its start. `previous` are the last cars before the horizon, oldest first,
    none of them among the problem's cars; ratio and spacing rules reach back into them.
    """

    id: str
    takt_s: int
    lead_s: int
    calendar: str
    ratio_rules: tuple[RatioRule, ...] = ()
    previous: tuple[PreviousCar, ...] = ()
    spacing_rules: tuple[SpacingRule, ...] = field(default=(), metadata=codec.LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorPurge:
    """A colour change that does not take the usual purge: light behind dark, say.

    `purge_s` is working time in addition to the takt, `cost` what the change costs.
    """

    before: str
    after: str
    purge_s: int
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A lane of the painted body store, first in, first out.

    `bodies` are the cars that stand in it at time 0, the next to leave first.
    """

    capacity: int
    bodies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintShop:
    """The paced paint line and the painted body store behind it.

    `batch_limit` is the longest run of one colour (hard; colour changes are soft and counted).
    A colour change takes `purge_s` of working time in addition to the takt and costs
    `purge_cost` (of solvent, money, anything whole); the pairs in `purges` have their own.
    `previous_color` was sprayed last before the cars of the problem, `previous_run` times in a
    row. Bodies that are `Stage.PAINTED` stand in the store at time 0. `lanes` are all places of
    the store, each such body in one of them; without lanes any body can leave at any time.
    """

    id: str
    takt_s: int
    lead_s: int
    calendar: str
    batch_limit: int
    store_capacity: int
    purge_s: int = 0
    previous_color: str | None = None
    previous_run: int = 0
    purge_cost: int = field(default=1, metadata=codec.LATER)
    purges: tuple[ColorPurge, ...] = field(default=(), metadata=codec.LATER)
    lanes: tuple[Lane, ...] = field(default=(), metadata=codec.LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A weld machine or cell: one body at a time."""

    id: str
    calendar: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One machine on which a step can be done, and the working time it takes there."""

    machine: str
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a routing, done on exactly one of its alternatives."""

    id: str
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The steps of a body type, in order."""

    body_type: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyShop:
    """The weld machines, the routings over them, and the welded body store behind them."""

    machines: tuple[Machine, ...]
    routings: tuple[Routing, ...]
    store_capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A press line. `mounted` is the panel type whose die is in it at time 0."""

    id: str
    calendar: str
    strokes_per_min: int
    mounted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Die:
    """The one die of a panel type, one panel a stroke.

    Mounting it takes `changeover_s`, behind a die named in `changeovers` that entry's seconds.
    `min_cover` is the stock below which minutes are counted (soft), `rack_capacity` the most
    panels the racks hold (hard), `lot_size` the panels of a full lot.
    """

    panel_type: str
    presses: tuple[str, ...]
    changeover_s: int
    lot_size: int
    min_cover: int
    rack_capacity: int
    changeovers: tuple[tuple[str, int], ...] = ()

    def setup_s(self, mounted: str | None) -> int:
        """Return the working seconds it takes to mount this die where another one is."""
        if mounted == self.panel_type:
            return 0
        return dict(self.changeovers).get(mounted or "", self.changeover_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLot:
    """A die lot that runs already (start at or before 0) or is frozen: it keeps its place.

    `left_s` is the working time left at time 0 of a lot that runs already.
    """

    id: str
    panel_type: str
    press: str
    quantity: int
    start_s: int
    left_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PressShop:
    """The presses, the dies, and the panels in the racks at time 0."""

    presses: tuple[Press, ...]
    dies: tuple[Die, ...]
    stock: tuple[tuple[str, int], ...]
    held_lots: tuple[HeldLot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenOperation:
    """A weld operation that runs (start at or before 0) or is frozen on its machine.

    `left_s` is the working time left at time 0 of an operation that runs already.
    """

    step: str
    machine: str
    start_s: int
    left_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenCar:
    """What is no longer planned about a car.

    Work whose stage has begun (`Car.at`) is a fact: it keeps its time, `*_left_s` is the
    working time left at time 0 and is required where the start lies before 0. Work that is only
    frozen keeps its place in the order ahead of all that is free, and starts at its time, or as
    soon after it as the body and the line allow. `steps_done` counts the weld steps behind it.
    """

    car_id: str
    assembly_start_s: int | None = None
    assembly_left_s: int | None = None
    paint_start_s: int | None = None
    paint_left_s: int | None = None
    steps_done: int = 0
    weld: tuple[FrozenOperation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything a plan may depend on."""

    horizon_s: int
    cars: tuple[Car, ...]
    assembly: AssemblyLine
    paint: PaintShop
    body: BodyShop
    press: PressShop
    shifts: tuple[Shift, ...]
    calendars: tuple[Calendar, ...]
    frozen: tuple[FrozenCar, ...] = ()
    seed: int = 0
    locks: tuple[Lock, ...] = field(default=(), metadata=codec.LATER)
    weld_locks: tuple[WeldLock, ...] = field(default=(), metadata=codec.LATER)
    lot_locks: tuple[LotLock, ...] = field(default=(), metadata=codec.LATER)


def to_json(problem: Problem) -> str:
    """Return the canonical JSON text of a problem: same problem, same text."""
    return codec.dumps(problem)


def from_json(text: str) -> Problem:
    """Read a problem back. Raises `aps.errors.ProblemError` naming the field that is wrong."""
    return codec.loads(Problem, text)


def snapshot_hash(problem: Problem) -> str:
    """Return the sha256 of the canonical JSON text, in hex."""
    return hashlib.sha256(to_json(problem).encode()).hexdigest()
