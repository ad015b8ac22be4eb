"""The painted store's lanes between plant and plan."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from aps import problem as p
from aps.validate import validate
from mes.contracts.plant import Lanes, PlantModel
from mes.contracts.plant_rules import broken_rules
from mes.planning import bridge
from mes.planning.bridge.lanes import LaneHeads
from mes.planning.facts import CarFact, Place
from mes.planning.network import PlantNetwork
from tests.unit.planning.test_bridge import NOW, facts


def with_lanes(plant: PlantModel, count: int, length: int, *, store: str = "pbs") -> PlantModel:
    stores = tuple(
        one.model_copy(update={"lanes": Lanes(count=count, length=length)})
        if one.id == store
        else one
        for one in plant.stores
    )
    return plant.model_copy(update={"stores": stores})


def painted(number: int, lane: int | None) -> CarFact:
    """Return a painted body; the lower its number the longer it stands there."""
    since = NOW - timedelta(minutes=30 - number)
    place = Place(line="paint", entered_at=since, since=since, store="pbs", lane=lane)
    return CarFact(order_id=uuid4(), number=f"C2M-{number}", model="C1", color="WHT", place=place)


def test_a_plan_knows_what_stands_in_which_lane(mini_plant: PlantModel) -> None:
    net = PlantNetwork(with_lanes(mini_plant, 3, 4))
    cars = (painted(2, 0), painted(1, 0), painted(4, 2), painted(5, None))
    snap = bridge.snapshot(facts(net, *cars), net, horizon_s=40_000)
    validate(snap.problem)
    found = snap.problem.paint.lanes
    assert [lane.capacity for lane in found] == [4, 4, 4]
    assert found[0].bodies == ("C2M-1", "C2M-2")
    assert {body for lane in found[1:] for body in lane.bodies} == {"C2M-4", "C2M-5"}


def test_a_plant_without_lanes_plans_as_before(mini_plant: PlantModel) -> None:
    net = PlantNetwork(mini_plant)
    assert bridge.snapshot(facts(net), net, horizon_s=40_000).problem.paint.lanes == ()


def test_a_body_goes_into_the_lane_whose_last_leaves_shortly_before_it() -> None:
    assert bridge.lanes_in([[3], [7], []], 4, [8]) == [1]
    assert bridge.lanes_in([[3], [7], []], 4, [5]) == [0]
    assert bridge.lanes_in([[3], [7], []], 4, [1]) == [2]
    assert bridge.lanes_in([[3], [7]], 4, [1]) == [0]
    assert bridge.lanes_in([[3, 4], [7, 8]], 2, [9, 10]) == [0, 1]


def test_only_heads_of_lanes_can_be_frozen_on_the_drum() -> None:
    heads = LaneHeads((p.Lane(capacity=4, bodies=("a", "b")), p.Lane(capacity=4, bodies=("c",))))
    assert [heads.give(one) for one in ("b", "a", "b", "x", "c")] == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert LaneHeads(()).give("anything")


@pytest.mark.parametrize(
    ("store", "count", "length", "rule"),
    [("pbs", 3, 5, "lane_capacity"), ("wbs", 2, 5, "painted_store")],
)
def test_lanes_are_all_places_of_the_painted_store(
    mini_plant: PlantModel, store: str, count: int, length: int, rule: str
) -> None:
    plant = with_lanes(mini_plant, count, length, store=store)
    assert [one.rule for one in broken_rules(plant)] == [rule]
