"""What may become of a plan version, a delay and a quote, and what counts as moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from mes.contracts.plant import PlantModel
from mes.planning.model import (
    FrozenZone,
    FrozenZoneTooShort,
    Plan,
    PlanBroken,
    PlanKind,
    PlanNotPublishable,
    PlanState,
    due_for_a_solve,
)
from mes.planning.news import Delay, DelayState, still_available_at
from mes.planning.opening import berths, racks
from mes.planning.operations import PlannedOperation, difference, lot_subject
from mes.planning.versions import new_plan

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
EVENT = UUID(int=11)


def a_plan(**facts: object) -> Plan:
    draft = new_plan(
        "mini",
        3,
        PlanKind.SOLVE,
        cause="asked for",
        base_id=None,
        anchor_at=NOW,
        horizon_s=86_400,
        actor="user:pat",
        now=NOW,
    )
    return replace(draft, **{"state": PlanState.DRAFT, "violations": [], **facts})  # type: ignore[arg-type]


def a_delay(**facts: object) -> Delay:
    delay = Delay(
        hold_id=UUID(int=1),
        body_id=UUID(int=2),
        order_id=UUID(int=3),
        line="paint",
        state=DelayState.HELD,
        cause="nok",
        defect_kind=None,
        work_s=None,
        since_at=NOW,
        available_at=NOW + timedelta(minutes=10),
        inspection_event=None,
        hold_event=EVENT,
    )
    return replace(delay, **facts)  # type: ignore[arg-type]


def an_operation(n: int, minute: int, line: str = "assembly") -> PlannedOperation:
    start = NOW + timedelta(minutes=minute)
    return PlannedOperation(
        line=line,
        subject_id=uuid5(EVENT, str(n)),
        kind="body",
        order_number=f"C2M-{n}",
        sequence=n,
        start_at=start,
        end_at=start + timedelta(minutes=20),
    )


def test_a_draft_that_checks_can_be_published() -> None:
    plan = a_plan().published(now=NOW, by="user:pat", automatic=False, note="go")
    assert plan.state is PlanState.PUBLISHED
    assert plan.row_version == 2


def test_a_plan_that_was_never_checked_is_not_published() -> None:
    with pytest.raises(PlanBroken, match="did not run"):
        a_plan(violations=None).published(now=NOW, by="x", automatic=False, note="")


@pytest.mark.parametrize("state", [PlanState.SOLVING, PlanState.FAILED, PlanState.DISCARDED])
def test_only_a_draft_is_published(state: PlanState) -> None:
    with pytest.raises(PlanNotPublishable):
        a_plan(state=state).published(now=NOW, by="x", automatic=False, note="")


def test_the_frozen_zone_outlasts_a_solve_and_what_lines_hold() -> None:
    zone = FrozenZone.of(budget_s=20, factor=60, dispatch_lead_s=600)
    assert zone.seconds == 1800
    zone.check(budget_s=20, factor=60, dispatch_lead_s=600)
    with pytest.raises(FrozenZoneTooShort, match="1800"):
        FrozenZone(900).check(budget_s=20, factor=60, dispatch_lead_s=600)
    assert not zone.outlived(NOW, NOW + timedelta(minutes=30))
    assert zone.outlived(NOW, NOW + timedelta(minutes=31))


def test_the_plant_solves_by_itself_once_a_shift_and_only_for_news() -> None:
    shift = NOW - timedelta(hours=1)
    assert due_for_a_solve(last_solve_at=None, shift_start=shift, news=True)
    assert due_for_a_solve(last_solve_at=shift - timedelta(hours=1), shift_start=shift, news=True)
    assert not due_for_a_solve(last_solve_at=NOW, shift_start=shift, news=True)
    assert not due_for_a_solve(last_solve_at=None, shift_start=shift, news=False)


def test_a_rework_counts_from_the_end_of_the_ride() -> None:
    delay = a_delay().rework(work_s=900, kind="run", event=EVENT, ride_s=60, now=NOW)
    assert delay.state is DelayState.PROVISIONAL
    assert delay.available_at == NOW + timedelta(minutes=16)
    confirmed = delay.confirmed(event=EVENT, now=NOW + timedelta(minutes=5))
    assert confirmed.available_at == NOW + timedelta(minutes=20)


def test_a_delay_that_has_ended_stays_ended() -> None:
    ended = a_delay().ended(event=EVENT, now=NOW)
    assert ended.rework(work_s=9, kind="run", event=EVENT, ride_s=0, now=NOW) == ended
    assert ended.confirmed(event=EVENT, now=NOW) == ended
    assert ended.ended(event=EVENT, now=NOW + timedelta(hours=1)) == ended


def test_a_rework_that_runs_over_is_not_over_yet() -> None:
    assert still_available_at(a_delay(available_at=NOW), NOW + timedelta(hours=1)) > NOW


def test_two_plans_that_say_the_same_differ_in_nothing() -> None:
    plan = [an_operation(n, n) for n in range(5)]
    assert difference(plan, plan) == []


def test_a_car_that_others_pass_has_moved_back() -> None:
    old = [an_operation(n, n) for n in range(3)]
    new = [an_operation(0, 2), an_operation(1, 0), an_operation(2, 1)]
    moved = {move.order_number: move.passed for move in difference(old, new)}
    assert moved["C2M-0"] == 2
    assert moved["C2M-1"] == -1


def test_a_new_and_a_lost_operation_are_differences() -> None:
    moves = difference([an_operation(1, 1)], [an_operation(2, 1)])
    assert [(m.old_start_at is None, m.new_start_at is None) for m in moves] == [
        (False, True),
        (True, False),
    ] or [(m.old_start_at is None, m.new_start_at is None) for m in moves] == [
        (True, False),
        (False, True),
    ]


def test_a_die_lot_is_the_same_on_every_machine() -> None:
    assert lot_subject("mini", "hood#1") == lot_subject("mini", "hood#1")
    assert lot_subject("mini", "hood#1") != lot_subject("demo", "hood#1")


def test_a_small_order_book_fills_stations_before_stores(demo_plant: PlantModel) -> None:
    places = berths(demo_plant, bodies=39)
    assert len(places) == 39
    assert all(place.station is not None for place in places)
    lines = [place.line.id for place in places]
    assert lines[0] == "eol"
    assert lines[-1] == "body-sub"
    assert berths(demo_plant, bodies=0) == []


def test_the_racks_hold_what_the_plant_file_says(mini_plant: PlantModel) -> None:
    held: dict[str, int] = {}
    for rack in racks(mini_plant):
        held[rack.panel] = held.get(rack.panel, 0) + rack.quantity
    assert set(held.values()) == {80}
    assert len({rack.rack for rack in racks(mini_plant)}) == len(racks(mini_plant))
