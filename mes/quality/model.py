"""Holds, dispositions and reworks: what keeps a body or a rack back, and what ends that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mes.contracts.plant import Line, PlantModel
from mes.contracts.quality import Disposition, Verdict
from mes.execution.model import Condition, Place, PlaceKind
from mes.materials.model import Rack
from mes.platform.errors import Conflict, Invalid, NotFound

UNCLASSIFIED = "unclassified"
"""Kind of a defect that was seen but not named."""
IN_DOUBT = "in_doubt"
"""Cause of a hold on a rack that was filled since the last good check."""
RECHECK = "recheck"
"""Kind of the work on a body that could not be judged: a person looks at it in the bay."""
RECHECK_S = 180.0
DEFAULT_REWORK_S = 600.0
"""Standard seconds where the plant file names none."""


class UnknownHold(NotFound):
    """There is no hold {hold}."""

    code = "hold.unknown"


class HoldDecided(Conflict):
    """This hold was decided as {disposition} by {reviewer}; take that back first."""

    code = "hold.decided"


class HoldUndecided(Conflict):
    """This hold is not decided; there is nothing to take back."""

    code = "hold.undecided"


class HoldChangedMeanwhile(Conflict):
    """This hold was changed meanwhile (version {found}, you saw {seen}): it is {state} now."""

    code = "hold.changed_meanwhile"


class ReasonRequired(Invalid):
    """Using a part as it is needs a reason: say why the defect is acceptable."""

    code = "disposition.reason_required"


class NoReworkThere(Invalid):
    """{what} cannot be reworked here; decide false call, use as is or scrap."""

    code = "disposition.no_rework"


class DecisionIsFinal(Conflict):
    """This decision cannot be taken back: {why}"""

    code = "disposition.final"


class HoldState(StrEnum):
    """How far a hold is."""

    OPEN = "open"
    REWORK = "rework"
    RELEASED = "released"
    SCRAPPED = "scrapped"


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps a body before the exit gate of `line`, or a rack out of framing. Times are plant time."""

    id: UUID
    body_id: UUID | None
    rack: str | None
    order_id: UUID | None
    line: str
    inspection_id: UUID | None
    cause: str
    """`nok`, `unfit`, `late` (the camera), `operator`, `in_doubt` (a rack filled since the last good check)."""
    defect_kind: str | None
    risk: float
    """Standard minutes of repair at stake."""
    placed_at: datetime
    last_event_id: UUID
    state: HoldState = HoldState.OPEN
    disposition: Disposition | None = None
    reason: str = ""
    defect_code: str | None = None
    reviewer: str | None = None
    decided_at: datetime | None = None
    closed_at: datetime | None = None
    row_version: int = 1

    @property
    def is_closed(self) -> bool:
        """Whether it keeps nothing back any more."""
        return self.closed_at is not None

    def decide(
        self,
        disposition: Disposition,
        *,
        reason: str,
        defect_code: str | None,
        reviewer: str,
        now: datetime,
    ) -> Hold:
        """Return the hold as decided. A rework that fails may still end as scrap.

        Raises:
            HoldDecided: it was decided before.
            ReasonRequired: use as is without a reason.
            NoReworkThere: a rack cannot be reworked.
        """
        fails = self.state is HoldState.REWORK and disposition is Disposition.SCRAP
        if self.state is not HoldState.OPEN and not fails:
            raise HoldDecided(disposition=self.disposition, reviewer=self.reviewer)
        if disposition is Disposition.USE_AS_IS and not reason.strip():
            raise ReasonRequired
        if disposition is Disposition.REWORK and self.rack is not None:
            raise NoReworkThere(what=f"Rack {self.rack}")
        state = _STATE_AFTER[disposition]
        return replace(
            self,
            state=state,
            disposition=disposition,
            reason=reason.strip(),
            defect_code=defect_code,
            reviewer=reviewer,
            decided_at=now,
            closed_at=None if state is HoldState.REWORK else now,
        )

    def reworked(self, now: datetime) -> Hold:
        """Return the hold as released by a rework that is done."""
        if self.state is not HoldState.REWORK:
            raise HoldUndecided
        return replace(self, state=HoldState.RELEASED, closed_at=now)

    def reopened(self) -> Hold:
        """Return the hold as if it had not been decided.

        Raises:
            HoldUndecided: it was not.
            DecisionIsFinal: it ended as scrap (a successor is being built), or its rework is done.
        """
        if self.disposition is None:
            raise HoldUndecided
        if self.state is HoldState.SCRAPPED:
            raise DecisionIsFinal(why="it is scrap, and what replaces it is under way.")
        if self.disposition is Disposition.REWORK and self.is_closed:
            raise DecisionIsFinal(why="the rework is done.")
        return replace(
            self,
            state=HoldState.OPEN,
            disposition=None,
            reason="",
            defect_code=None,
            reviewer=None,
            decided_at=None,
            closed_at=None,
        )


_STATE_AFTER = {
    Disposition.FALSE_CALL: HoldState.RELEASED,
    Disposition.USE_AS_IS: HoldState.RELEASED,
    Disposition.REWORK: HoldState.REWORK,
    Disposition.SCRAP: HoldState.SCRAPPED,
}


class ReworkState(StrEnum):
    """How far a rework is."""

    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Rework:
    """Repair of standard seconds in a bay: assumed from the first moment, confirmed or reverted by review."""

    id: UUID
    hold_id: UUID
    body_id: UUID
    line: str
    bay: str
    defect_kind: str
    work_s: float
    opened_at: datetime
    review_by_at: datetime
    state: ReworkState = ReworkState.PROVISIONAL
    by_policy: bool = False
    closed_at: datetime | None = None

    def confirmed(self, *, by_policy: bool) -> Rework:
        """Return it as really to be done."""
        return replace(self, state=ReworkState.CONFIRMED, by_policy=by_policy)

    def reverted(self, now: datetime) -> Rework:
        """Return it as not needed, or no longer possible."""
        return replace(self, state=ReworkState.REVERTED, closed_at=now)

    def done(self, now: datetime) -> Rework:
        """Return it as finished in the bay."""
        return replace(self, state=ReworkState.DONE, closed_at=now)


def gate_line(plant: PlantModel, camera_line: str, place: Place) -> Line:
    """Return the line whose exit gate a body may not pass: the next one that has a repair bay.

    The search begins where the body is now, as a result may come after the body went on; a line without a
    bay lets it ride on to the next pull-off. Without any, it is the last line of the way.
    """
    way = plant.body_lines
    start = _position(plant, camera_line, place)
    return next((line for line in way[start:] if line.repair_bay is not None), way[-1])


def _position(plant: PlantModel, camera_line: str, place: Place) -> int:
    ids = [line.id for line in plant.body_lines]
    origin = ids.index(camera_line) if camera_line in ids else 0
    if place.line in ids:
        return max(origin, ids.index(place.line))
    after = [
        number
        for number, line in enumerate(plant.body_lines)
        if place.store is not None and line.takes_from == place.store
    ]
    return max(origin, after[0]) if after else origin


def is_before_gate(plant: PlantModel, gate: str, place: Place) -> bool:
    """Say whether a body has not passed the exit gate of line `gate` yet."""
    ids = [line.id for line in plant.body_lines]
    if place.kind is PlaceKind.PLANNED:
        return True
    if place.kind in (PlaceKind.FINISHED, PlaceKind.SCRAPPED) or gate not in ids:
        return False
    if place.line is not None:
        return place.line in ids and ids.index(place.line) <= ids.index(gate)
    before = plant.body_lines[: ids.index(gate)]
    return any(line.gives_to == place.store for line in before)


def work_of(
    plant: PlantModel, line_id: str, verdict: Verdict, kind: str | None
) -> tuple[str, float]:
    """Return what has to be repaired, and the standard seconds that takes (plant file).

    A defect without a name takes as long as the longest repair of its line: a promise that moves too far
    is better than one that moves twice.
    """
    if verdict in (Verdict.UNFIT, Verdict.LATE):
        return RECHECK, RECHECK_S
    return kind or UNCLASSIFIED, standard_work_s(plant, line_id, kind)


def standard_work_s(plant: PlantModel, line_id: str, kind: str | None) -> float:
    """Return the standard seconds of repairing a kind of defect that was found at a line."""
    own = [
        source
        for line in plant.lines
        if line.id == line_id
        for station in line.stations
        for source in station.defects
    ]
    everywhere = [s for line in plant.lines for st in line.stations for s in st.defects]
    for sources in (own, everywhere):
        named = [source.rework_s for source in sources if source.kind == kind]
        if named:
            return float(max(named))
    return float(max((source.rework_s for source in own), default=DEFAULT_REWORK_S))


def racks_in_doubt(racks: Iterable[Rack], *, last_good_at: datetime | None) -> list[Rack]:
    """Return the racks that were filled since the last good check and still hold panels.

    Without any good check, that is every rack of this panel from this line.
    """
    return [
        rack
        for rack in racks
        if rack.received_at is None
        or (rack.remaining > 0 and (last_good_at is None or rack.received_at > last_good_at))
    ]


def condition_of(holds: Sequence[Hold]) -> Condition:
    """Return how a body stands by its holds: the worst of those open, else what the last one came to."""
    states = {hold.state for hold in holds}
    if HoldState.SCRAPPED in states:
        return Condition.SCRAP
    if HoldState.OPEN in states:
        return Condition.HELD
    if HoldState.REWORK in states:
        return Condition.REWORK
    repaired = any(hold.disposition is not Disposition.FALSE_CALL for hold in holds)
    return Condition.RELEASED if repaired else Condition.OK
