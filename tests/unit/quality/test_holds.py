"""What may be decided about a hold, where it keeps a body back, and what its repair takes."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.plant import PlantModel
from mes.contracts.quality import Disposition, Verdict
from mes.execution.model import Condition, Place, PlaceKind
from mes.materials.model import Rack
from mes.platform.errors import Problem
from mes.quality.model import (
    DEFAULT_REWORK_S,
    DecisionIsFinal,
    Hold,
    HoldDecided,
    HoldState,
    HoldUndecided,
    NoReworkThere,
    ReasonRequired,
    condition_of,
    gate_line,
    is_before_gate,
    racks_in_doubt,
    standard_work_s,
    work_of,
)
from tests.support.floor import at

D = Disposition


def a_hold(**given: object) -> Hold:
    fields: dict[str, object] = {
        "id": uuid4(),
        "body_id": uuid4(),
        "rack": None,
        "order_id": uuid4(),
        "line": "paint",
        "inspection_id": None,
        "cause": "nok",
        "defect_kind": "run",
        "risk": 8.0,
        "placed_at": at(0),
        "last_event_id": uuid4(),
    }
    return Hold(**(fields | given))  # type: ignore[arg-type]  # builder


def decided(hold: Hold, disposition: Disposition, reason: str = "because") -> Hold:
    return hold.decide(disposition, reason=reason, defect_code=None, reviewer="mei", now=at(1))


@given(st.lists(st.sampled_from([*D, "done", "undo"]), max_size=10))
def test_no_story_ends_with_a_hold_that_is_half_decided(story: list[Disposition | str]) -> None:
    hold = a_hold()
    for step in story:
        was = hold
        try:
            match step:
                case "done":
                    hold = hold.reworked(at(2))
                case "undo":
                    hold = hold.reopened()
                case _:
                    hold = decided(hold, D(step))
        except Problem:
            assert hold == was
        assert (hold.state is HoldState.OPEN) == (hold.disposition is None)
        assert (hold.reviewer is None) == (hold.decided_at is None) == (hold.disposition is None)
        assert hold.is_closed == (hold.state in (HoldState.RELEASED, HoldState.SCRAPPED))
        if was.state is HoldState.SCRAPPED:
            assert hold == was, "scrap came back to life"


def test_use_as_is_needs_a_reason() -> None:
    with pytest.raises(ReasonRequired):
        decided(a_hold(), D.USE_AS_IS, "  ")
    assert decided(a_hold(), D.USE_AS_IS, "inside the spare wheel well").is_closed


def test_the_second_reviewer_is_told_what_the_first_decided() -> None:
    with pytest.raises(HoldDecided, match="false_call by mei"):
        decided(decided(a_hold(), D.FALSE_CALL), D.REWORK)


def test_a_rework_that_fails_may_end_as_scrap() -> None:
    assert decided(decided(a_hold(), D.REWORK), D.SCRAP).state is HoldState.SCRAPPED


def test_a_rack_is_not_reworked() -> None:
    with pytest.raises(NoReworkThere, match="Rack R1"):
        decided(a_hold(rack="R1", body_id=None), D.REWORK)


def test_scrap_and_a_finished_rework_are_not_taken_back() -> None:
    with pytest.raises(DecisionIsFinal, match="scrap"):
        decided(a_hold(), D.SCRAP).reopened()
    with pytest.raises(DecisionIsFinal, match="rework is done"):
        decided(a_hold(), D.REWORK).reworked(at(2)).reopened()
    with pytest.raises(HoldUndecided):
        a_hold().reopened()
    with pytest.raises(HoldUndecided):
        a_hold().reworked(at(2))


def test_a_body_stands_as_the_worst_of_its_holds_says() -> None:
    opened, false_call = a_hold(), decided(a_hold(), D.FALSE_CALL)
    rework = decided(a_hold(), D.REWORK)
    assert condition_of([false_call]) is Condition.OK
    assert condition_of([false_call, decided(a_hold(), D.USE_AS_IS)]) is Condition.RELEASED
    assert condition_of([false_call, rework]) is Condition.REWORK
    assert condition_of([rework, opened]) is Condition.HELD
    assert condition_of([opened, decided(a_hold(), D.SCRAP)]) is Condition.SCRAP


@pytest.mark.parametrize(
    ("found_at", "place", "gate"),
    [
        ("paint", Place(PlaceKind.LINE, line="paint", station="primer"), "paint"),
        ("paint", Place(PlaceKind.STORE, store="pbs"), "assembly"),
        ("paint", Place(PlaceKind.LINE, line="assembly", station="trim"), "assembly"),
        ("paint", Place(PlaceKind.BAY, line="paint", bay="paint-bay"), "paint"),
        ("assembly", Place(PlaceKind.STORE, store="pbs"), "assembly"),
        ("eol", Place(PlaceKind.FINISHED, store="yard"), "eol"),
    ],
)
def test_a_body_is_kept_at_the_next_gate_on_its_way(
    mini_plant: PlantModel, found_at: str, place: Place, gate: str
) -> None:
    assert gate_line(mini_plant, found_at, place).id == gate


def test_a_line_without_a_bay_lets_a_held_body_ride_on(mini_plant: PlantModel) -> None:
    lines = [
        line.model_copy(update={"repair_bay": None}) if line.id == "body-framing" else line
        for line in mini_plant.lines
    ]
    plant = mini_plant.model_copy(update={"lines": tuple(lines)})
    on_line = Place(PlaceKind.LINE, line="body-framing", station="framing")
    assert gate_line(plant, "body-framing", on_line).id == "paint"


def test_a_decision_can_be_taken_back_until_the_gate(mini_plant: PlantModel) -> None:
    def before(place: Place) -> bool:
        return is_before_gate(mini_plant, "paint", place)

    assert before(Place(PlaceKind.LINE, line="paint", station="primer"))
    assert before(Place(PlaceKind.BAY, line="paint", bay="paint-bay"))
    assert before(Place(PlaceKind.STORE, store="wbs"))
    assert before(Place(PlaceKind.PLANNED))
    assert not before(Place(PlaceKind.STORE, store="pbs"))
    assert not before(Place(PlaceKind.LINE, line="assembly", station="trim"))
    assert not before(Place(PlaceKind.FINISHED, store="yard"))


def test_repair_takes_what_the_plant_file_says(mini_plant: PlantModel) -> None:
    assert standard_work_s(mini_plant, "paint", "run") == 480
    assert standard_work_s(mini_plant, "assembly", "run") == 480, "a defect of another shop"
    assert standard_work_s(mini_plant, "paint", None) == 900, "unnamed: the longest of the line"
    assert standard_work_s(mini_plant, "eol", None) == DEFAULT_REWORK_S
    assert work_of(mini_plant, "paint", Verdict.NOK, None) == ("unclassified", 900)
    assert work_of(mini_plant, "paint", Verdict.LATE, "run") == ("recheck", 180)


def test_racks_since_the_last_good_check_are_in_doubt() -> None:
    def rack(name: str, minutes: float | None, remaining: int = 5) -> Rack:
        received = None if minutes is None else at(minutes)
        return Rack(name, "c1-hood", "press-1", None, 20, remaining, 0, False, None, received)

    racks = [rack("filling", None, 0), rack("new", 9), rack("used", 8, 0), rack("old", 2)]
    names = [r.id for r in racks_in_doubt(racks, last_good_at=at(5))]
    assert names == ["filling", "new"]
    assert [r.id for r in racks_in_doubt(racks, last_good_at=None)] == ["filling", "new", "old"]
