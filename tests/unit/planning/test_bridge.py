"""The plant as a planning problem, and its answer back in plant time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from aps import problem as p
from aps.validate import validate
from mes.contracts.plant import ColorPurge, PlantModel, SpacingRule
from mes.planning import bridge
from mes.planning.facts import CarFact, DownFact, LotFact, Place, PlantFacts, ShiftFact
from mes.planning.network import PlantNetwork

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SPACE = UUID(int=3)
FULL = 60


@pytest.fixture(scope="module")
def net(mini_plant: PlantModel) -> PlantNetwork:
    return PlantNetwork(mini_plant)


def cars(count: int) -> tuple[CarFact, ...]:
    found = [
        CarFact(
            order_id=uuid5(SPACE, str(n)),
            number=f"C2M-{n}",
            model=("C1", "S2", "U3")[n % 3],
            color=("WHT", "BLK")[n // 4 % 2],
        )
        for n in range(count)
    ]
    return tuple(found)


def facts(net: PlantNetwork, *some: CarFact, **more: object) -> PlantFacts:
    """Return a plant that works around the clock, with so many panels of each kind."""
    day = ShiftFact(
        id="always/day",
        calendar="always",
        start_at=NOW - timedelta(hours=1),
        end_at=NOW + timedelta(days=1),
    )
    stock = {panel.code: FULL for panel in net.plant.panels}
    given = {"at": NOW, "cars": some or cars(12), "shifts": (day,), "stock": stock, **more}
    return PlantFacts(**given)  # type: ignore[arg-type]


def snap_of(net: PlantNetwork, given: PlantFacts) -> bridge.Snapshot:
    return bridge.snapshot(given, net, horizon_s=86_400)


def test_a_plan_is_made_and_checked_in_seconds_from_the_snapshot(net: PlantNetwork) -> None:
    snap = snap_of(net, facts(net))
    validate(snap.problem)
    answer = bridge.answer(snap, 0)
    assert answer.violations == []
    rows = bridge.operations(snap, answer.schedule, net, frozen_until=NOW + timedelta(minutes=2))
    assert {row.line for row in rows} >= {line.id for line in net.way}
    assert min(row.start_at for row in rows) >= NOW
    assert not any(row.started for row in rows)
    by_line = [row.start_at for row in rows if row.line == "assembly"]
    assert by_line == sorted(by_line)


def test_the_same_facts_have_the_same_hash(net: PlantNetwork) -> None:
    assert snap_of(net, facts(net)).hash == snap_of(net, facts(net)).hash
    assert snap_of(net, facts(net)).hash != snap_of(net, facts(net, *cars(11))).hash


def test_a_line_that_is_down_starts_nothing_before_it_is_up(net: PlantNetwork) -> None:
    up_at = NOW + timedelta(minutes=30)
    for line, station in (("assembly", None), ("paint", "primer"), ("body-framing", "framing")):
        snap = snap_of(
            net, facts(net, down=(DownFact(line=line, station=station, until_at=up_at),))
        )
        answer = bridge.answer(snap, 0)
        assert answer.violations == []
        rows = bridge.operations(snap, answer.schedule, net, frozen_until=NOW)
        if line != "body-framing":
            assert all(row.start_at >= up_at for row in rows if row.line == line)


def test_stored_work_keeps_its_place_when_an_urgent_car_comes(net: PlantNetwork) -> None:
    first = bridge.answer(snap_of(net, facts(net)), 0).schedule
    urgent = CarFact(
        order_id=UUID(int=99), number="C2M-99", model="S2", color="WHT", priority=8, due_at=NOW
    )
    given = facts(net, *cars(12), urgent)
    snap = bridge.snapshot(given, net, horizon_s=86_400, freeze_s=400, reference=first)
    second = bridge.follow(snap, first)
    assert second.violations == []
    frozen = [slot.car_id for slot in first.assembly if slot.start_s < 400]
    assert frozen
    assert [slot.car_id for slot in second.schedule.assembly][: len(frozen)] == frozen


def test_a_held_body_is_put_where_it_can_be_and_back(net: PlantNetwork) -> None:
    in_store = Place(line="paint", entered_at=NOW, since=NOW, store="pbs")
    some = list(cars(12))
    some[0] = CarFact(
        order_id=some[0].order_id,
        number="C2M-0",
        model="C1",
        color="WHT",
        body_id=UUID(int=5),
        place=in_store,
    )
    base = bridge.answer(snap_of(net, facts(net, *some)), 0).schedule
    some[0] = replace(some[0], available_at=NOW + timedelta(minutes=20))
    held = snap_of(net, facts(net, *some))
    late = bridge.too_late(held, base)
    assert late == {"C2M-0"}
    moved = bridge.follow(held, base, moved=late)
    assert moved.violations == []
    order = [slot.car_id for slot in base.assembly]
    assert [slot.car_id for slot in moved.schedule.assembly] != order
    some[0] = replace(some[0], available_at=None)
    back = bridge.with_place_of(moved.schedule, base, ["C2M-0"])
    again = bridge.follow(snap_of(net, facts(net, *some)), back)
    assert [slot.car_id for slot in again.schedule.assembly] == order


def test_die_lots_of_two_plans_are_two_lots(net: PlantNetwork) -> None:
    empty = {panel.code: 0 for panel in net.plant.panels}
    first = bridge.answer(snap_of(net, facts(net, stock=empty)), 0).schedule
    second = bridge.answer(snap_of(net, facts(net, *cars(15), stock=empty)), 0).schedule
    assert first.press
    assert not {lot.id for lot in first.press} & {lot.id for lot in second.press}


def test_a_lot_that_runs_keeps_its_name_and_is_under_way(net: PlantNetwork) -> None:
    lot = LotFact(
        lot_id="c1-hood-old-1",
        panel="c1-hood",
        press="press-1",
        quantity=60,
        started_at=NOW - timedelta(seconds=40),
        good=20,
    )
    snap = snap_of(net, facts(net, lots=(lot,), mounted={"press-1": "c1-hood"}))
    answer = bridge.answer(snap, 0)
    assert answer.violations == []
    rows = bridge.operations(snap, answer.schedule, net, frozen_until=NOW)
    (running,) = [row for row in rows if row.lot_id == "c1-hood-old-1"]
    assert running.started
    assert running.quantity == 40


def test_a_stored_plan_reads_back_as_it_was(net: PlantNetwork) -> None:
    snap = snap_of(net, facts(net))
    schedule = bridge.answer(snap, 0).schedule
    assert bridge.unpack_problem(bridge.pack_problem(snap.problem)) == snap.problem
    assert bridge.unpack_schedule(bridge.pack_schedule(schedule)) == schedule
    moved = bridge.moved_in_time(schedule, 100)
    assert moved.assembly[0].start_s == schedule.assembly[0].start_s - 100


def test_purges_of_the_plant_file_are_those_of_the_problem(net: PlantNetwork) -> None:
    plain = snap_of(net, facts(net)).problem.paint
    assert (plain.purge_s, plain.purge_cost, plain.purges) == (5, 1, ())
    groups = {"light": ("WHT",), "dark": ("BLK",)}
    longer = ColorPurge(color="light", after="dark", purge_s=11, solvent_ml=None)
    timed = replace_paint(net, color_groups=groups, purges=(longer,))
    assert (timed.purge_s, timed.purge_cost) == (5, 5)
    assert timed.purges == (p.ColorPurge(before="BLK", after="WHT", purge_s=11, cost=11),)
    wet = replace_paint(net, color_groups=groups, purges=(longer,), solvent_ml=300)
    assert wet.purge_cost == 300
    assert wet.purges == (p.ColorPurge(before="BLK", after="WHT", purge_s=11, cost=300),)


def replace_paint(net: PlantNetwork, **changes: object) -> p.PaintShop:
    """Return the paint shop of the problem of a plant with other paint rules."""
    rules = net.plant.paint.model_copy(update=changes)
    other = PlantNetwork(net.plant.model_copy(update={"paint": rules}))
    return snap_of(other, facts(other)).problem.paint


def test_cars_to_be_kept_apart_are_those_of_the_problem(net: PlantNetwork) -> None:
    rules = (
        SpacingRule(id="tow", line=net.drum_line.id, option="TOW", places=3),
        SpacingRule(
            id="mix", line=net.drum_line.id, option="TOW", other="PAN", places=2, priority="hard"
        ),
        SpacingRule(id="elsewhere", line=net.paint_line.id, option="TOW", places=3),
    )
    other = PlantNetwork(net.plant.model_copy(update={"spacing_rules": rules}))
    assert snap_of(net, facts(net)).problem.assembly.spacing_rules == ()
    first, second = snap_of(other, facts(other)).problem.assembly.spacing_rules
    assert (first.option, first.other, first.gap, first.priority.value) == ("TOW", "TOW", 3, "high")
    assert (second.other, second.gap, second.priority.value) == ("PAN", 2, "hard")
