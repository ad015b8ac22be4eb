"""How far a body is, from where it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mes.contracts.plant import PlantModel
from mes.planning.facts import CarFact, Place
from mes.planning.network import PlantNetwork
from mes.planning.progress import (
    Progress,
    Reached,
    one_body_a_station,
    one_start_a_second,
    progress_of,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def a_car(place: Place | None) -> CarFact:
    return CarFact(
        order_id=UUID(int=1), number="C2M-1", model="S2", color="WHT", options=("SUN",), place=place
    )


def at_station(line: str, station: str, *, since_s: int = 0, worked: bool = False) -> Place:
    since = NOW - timedelta(seconds=since_s)
    return Place(line=line, entered_at=since, since=since, station=station, worked=worked)


def in_store(line: str, store: str) -> Place:
    return Place(line=line, entered_at=NOW, since=NOW, store=store)


@pytest.fixture
def net(mini_plant: PlantModel) -> PlantNetwork:
    return PlantNetwork(mini_plant)


@pytest.mark.parametrize(
    ("place", "reached"),
    [
        (None, Reached.NOT_STARTED),
        (at_station("body-sub", "underbody-1"), Reached.IN_BODY),
        (in_store("body-sub", "subs"), Reached.IN_BODY),
        (at_station("body-framing", "body-camera", worked=True), Reached.WELDED),
        (in_store("body-framing", "wbs"), Reached.WELDED),
        (at_station("paint", "primer"), Reached.IN_PAINT),
        (in_store("paint", "pbs"), Reached.PAINTED),
        (at_station("assembly", "trim"), Reached.IN_ASSEMBLY),
        (in_store("assembly", "line-off"), Reached.IN_ASSEMBLY),
        (at_station("eol", "dyno"), Reached.IN_ASSEMBLY),
        (in_store("eol", "yard"), Reached.DONE),
    ],
)
def test_the_stage_of_a_body_is_where_it_stands(
    net: PlantNetwork, place: Place | None, reached: Reached
) -> None:
    assert progress_of(net, a_car(place), at=NOW).reached is reached


def test_a_body_in_the_bay_of_the_last_weld_line_is_welded(net: PlantNetwork) -> None:
    bay = Place(line="body-framing", entered_at=NOW, since=NOW, bay="body-bay")
    assert progress_of(net, a_car(bay), at=NOW).reached is Reached.WELDED


def test_a_weld_operation_that_runs_has_its_rest_left(net: PlantNetwork) -> None:
    found = progress_of(net, a_car(at_station("body-framing", "framing", since_s=5)), at=NOW)
    assert found.station == "framing"
    assert found.start_s == -5
    assert found.left_s == 13


def test_a_painted_step_shortens_what_is_left(net: PlantNetwork) -> None:
    early = progress_of(net, a_car(at_station("paint", "primer")), at=NOW)
    late = progress_of(net, a_car(at_station("paint", "paint-camera")), at=NOW)
    assert early.left_s == net.takes_s(net.paint_line)
    assert late.left_s is not None
    assert late.left_s < early.left_s


def test_a_body_at_the_end_of_line_has_only_that_left(net: PlantNetwork) -> None:
    found = progress_of(net, a_car(at_station("eol", "dyno")), at=NOW)
    assert found.left_s == net.takes_s(net.plant.line("eol"))


def test_two_bodies_at_one_station_are_one_that_stands_and_one_that_left() -> None:
    steps = 4
    both = {
        "old": Progress(reached=Reached.IN_BODY, start_s=-60, left_s=0, steps_done=1, station="x"),
        "new": Progress(reached=Reached.IN_BODY, start_s=-5, left_s=9, steps_done=1, station="x"),
    }
    found = one_body_a_station(both, steps)
    assert found["new"].station == "x"
    assert found["old"] == Progress(reached=Reached.IN_BODY, steps_done=2)
    assert one_body_a_station(both, 2)["old"].reached is Reached.WELDED


def test_bodies_that_entered_in_one_second_keep_their_order_and_differ() -> None:
    same = {n: Progress(reached=Reached.IN_PAINT, start_s=-20, left_s=5) for n in "abc"}
    found = one_start_a_second(same, Reached.IN_PAINT)
    assert len({one.start_s for one in found.values()}) == 3


def test_the_panels_of_a_body_are_those_of_its_model(net: PlantNetwork) -> None:
    assert net.panels("S2") == {"s2-side": 1, "s2-hood": 1}
    assert net.panels("S2", from_step=2) == {"s2-hood": 1}


def test_the_stages_are_in_the_order_of_the_way(net: PlantNetwork) -> None:
    assert [net.stage_of_line(line.id) for line in net.way] == [0, 0, 1, 2, 2]
    assert net.line_giving_to("pbs").id == "paint"
    with pytest.raises(KeyError):
        net.stage_of_line("press-1")
    with pytest.raises(KeyError):
        net.line_giving_to("panels")
