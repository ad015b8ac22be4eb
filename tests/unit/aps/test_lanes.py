"""A store of lanes: what the policy does can be done, its answers are the best it can see."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.bench.lanes import gain, through
from aps.check.lanes import (
    check_passages,
    color_changes,
    longest_run,
    purge_cost,
    ratio_violations,
)
from aps.formats import roadef
from aps.lanes.bank import Aims, Bank, Body, LaneError, Passage, Purge
from aps.lanes.policy import Controller, release
from aps.problem import RatioPriority, RatioRule

COLORS = ("white", "red", "blue")
SUNROOF = RatioRule(id="1 sunroof in 2", option="sunroof", n=1, p=2)
TOWBAR = RatioRule(id="tow bars apart", option="tow bar", n=1, p=2, priority=RatioPriority.LOW)

bodies = st.builds(
    lambda color, options: (color, frozenset(options)),
    st.sampled_from(COLORS),
    st.sets(st.sampled_from(("sunroof", "tow bar"))),
)
streams = st.lists(bodies, min_size=1, max_size=25)
capacities = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def _bodies(drawn: Sequence[tuple[str, frozenset[str]]]) -> list[Body]:
    return [Body(id=f"b{k}", color=c, options=o) for k, (c, o) in enumerate(drawn)]


def _colored(*colors: str) -> list[Body]:
    return [Body(id=f"b{k}", color=color) for k, color in enumerate(colors)]


def _bank(*lanes: Sequence[Body]) -> Bank:
    bank = Bank.empty([max(1, len(lane)) for lane in lanes])
    for k, lane in enumerate(lanes):
        for body in lane:
            bank = bank.with_body(body, k)
    return bank


def _drained(bank: Bank, aims: Aims) -> list[Body]:
    controller, order = Controller(aims), []
    while bank.stored:
        body, _, bank = release(bank, controller)
        order.append(body)
    return order


@settings(max_examples=25, deadline=None)
@given(streams, capacities)
def test_every_passage_of_the_policy_can_be_made(
    drawn: list[tuple[str, frozenset[str]]], rooms: tuple[int, ...]
) -> None:
    arriving = _bodies(drawn)
    aims = Aims(ratio_rules=(SUNROOF, TOWBAR), batch_limit=3)
    order, passages, _ = through(arriving, aims, rooms)
    assert check_passages(rooms, [()] * len(rooms), passages) == ()
    assert sorted(body.id for body in order) == sorted(body.id for body in arriving)
    assert [p.body_id for p in passages if p.out] == [body.id for body in order]


@settings(max_examples=30, deadline=None)
@given(streams, capacities, st.data())
def test_the_checker_catches_what_lanes_cannot_do(
    drawn: list[tuple[str, frozenset[str]]], rooms: tuple[int, ...], data: st.DataObject
) -> None:
    _, passages, _ = through(_bodies(drawn), Aims(), rooms)
    at = data.draw(st.integers(0, len(passages) - 1))
    one = passages[at]
    kind = data.draw(st.sampled_from(("twice", "elsewhere", "missing lane", "never came")))
    if kind == "twice":
        broken = [*passages[: at + 1], one, *passages[at + 1 :]]
        expected = {"lane.not_there" if one.out else "lane.twice"}
    elif kind == "missing lane":
        wrong = Passage(body_id=one.body_id, lane=len(rooms), out=one.out)
        broken = [*passages[:at], wrong, *passages[at + 1 :]]
        expected = {"lane.unknown"}
    elif kind == "never came":
        came = next(p for p in passages if p.body_id == one.body_id and not p.out)
        broken = [p for p in passages if p is not came]
        expected = {"lane.not_there"}
    else:
        lane = (one.lane + 1) % len(rooms)
        broken = [*passages[:at], Passage(body_id=one.body_id, lane=lane, out=one.out)]
        broken += passages[at + 1 :]
        expected = set() if lane == one.lane else {"lane.not_there"}
    codes = {v.code for v in check_passages(rooms, [()] * len(rooms), broken)}
    assert expected <= codes


def test_a_body_behind_another_cannot_leave_and_a_full_lane_takes_none() -> None:
    behind = check_passages(
        (2,), (("first", "second"),), (Passage(body_id="second", lane=0, out=True),)
    )
    assert [v.code for v in behind] == ["lane.blocked"]
    more = check_passages(
        (2,), (("first", "second"),), (Passage(body_id="third", lane=0, out=False),)
    )
    assert [v.code for v in more] == ["lane.full"]
    assert [v.code for v in check_passages((1,), (("a", "b"),), ())] == ["lane.full"]
    assert [v.code for v in check_passages((1, 1), ((),), ())] == ["lane.unknown"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(bodies, min_size=1, max_size=2), min_size=1, max_size=3),
    st.booleans(),
    st.integers(1, 9),
)
def test_a_small_store_is_emptied_at_the_least_cost(
    drawn: list[list[tuple[str, frozenset[str]]]], colors_first: bool, dear: int
) -> None:
    named = iter(range(100))
    lanes = [[Body(id=f"b{next(named)}", color=c, options=o) for c, o in lane] for lane in drawn]
    purges = (Purge(before="red", after="white", cost=dear),)
    aims = Aims(ratio_rules=(SUNROOF, TOWBAR), purges=purges, colors_first=colors_first)

    def cost(order: Sequence[Body]) -> tuple[int, ...]:
        broken = {}
        for rule in aims.ratio_rules:
            flags = [rule.option in body.options for body in order]
            ends = range(1, len(flags) + 1)
            broken[rule.id] = sum(max(0, sum(flags[max(0, k - rule.p) : k]) - rule.n) for k in ends)
        paint = purge_cost(order, 1, purges)
        rules = (broken[SUNROOF.id], broken[TOWBAR.id])
        return (paint, *rules) if colors_first else (*rules, paint)

    found = _drained(_bank(*lanes), aims)
    every = [body for lane in lanes for body in lane]
    place = {body.id: (k, at) for k, lane in enumerate(lanes) for at, body in enumerate(lane)}

    def possible(order: Sequence[Body]) -> bool:
        spots = [place[body.id] for body in order]
        rows = [[at for k, at in spots if k == lane] for lane in range(len(lanes))]
        return all(row == sorted(row) for row in rows)

    best = min(cost(order) for order in permutations(every) if possible(order))
    assert cost(found) == best


def test_two_lanes_part_two_colors() -> None:
    order, _, _ = through(_colored(*("white", "red") * 4), Aims(), (4, 4))
    assert color_changes(order) < 4


def test_the_cheaper_purge_goes_first() -> None:
    red, white, blue = _colored("red", "white", "blue")
    purges = (
        Purge(before="red", after="white", cost=9),
        Purge(before="red", after="blue", cost=2),
        Purge(before="blue", after="white", cost=3),
        Purge(before="white", after="blue", cost=3),
    )
    controller = Controller(Aims(purges=purges))
    controller.sent(red)
    assert controller.next_lane(_bank([white], [blue])) == 1
    assert purge_cost([red, blue, white], 1, purges) == 5


def test_a_run_ends_at_the_batch_limit_while_there_is_another_color() -> None:
    lanes = _bank(_colored("red", "red", "red", "red"), _colored("white", "white"))
    order = _drained(lanes, Aims(batch_limit=2))
    assert longest_run(order[:5]) <= 2
    assert longest_run(_drained(_bank(_colored("red", "red", "red")), Aims(batch_limit=2))) == 3


def test_bodies_leave_in_the_order_wanted_where_nothing_else_is_asked() -> None:
    late = [Body(id=f"b{k}", color="red", latest=place) for k, place in enumerate((3, 5, 0, 1))]
    order = _drained(_bank(late[:2], late[2:]), Aims(purge=0))
    assert [body.latest for body in order][:2] == [0, 1]


def test_sunroofs_are_kept_apart_by_what_left_before() -> None:
    roof = frozenset({"sunroof"})
    with_roof = Body(id="roof", color="red", options=roof)
    plain = Body(id="plain", color="white")
    controller = Controller(Aims(ratio_rules=(SUNROOF,)))
    controller.sent(Body(id="before", color="red", options=roof))
    assert controller.next_lane(_bank([with_roof], [plain])) == 1
    assert ratio_violations([with_roof, with_roof, plain], (SUNROOF,)) == {"1 sunroof in 2": 1}


def test_a_store_says_what_it_cannot_do() -> None:
    with pytest.raises(LaneError, match="room for a body"):
        Bank.empty(())
    one = _bank(_colored("red"))
    with pytest.raises(LaneError, match="no room"):
        one.with_body(Body(id="more", color="red"), 0)
    with pytest.raises(LaneError, match="no room"):
        one.with_body(Body(id="more", color="red"), 7)
    with pytest.raises(LaneError, match="the store is full"):
        Controller(Aims()).lane_for(one, Body(id="more", color="red"))
    with pytest.raises(LaneError, match="is empty"):
        Controller(Aims()).next_lane(Bank.empty((1,)))
    with pytest.raises(LaneError, match="no body to give"):
        Bank.empty((1,)).without_head(0)


def test_a_scrambled_day_leaves_the_lanes_better_than_it_came() -> None:
    vehicles = tuple(
        roadef.Vehicle(
            ident=f"v{k}",
            date="today",
            rank=k,
            color=COLORS[k // 5 % 3],
            options=frozenset({"sunroof"} if k % 2 else ()),
            previous_day=False,
        )
        for k in range(120)
    )
    ratio = roadef.Ratio(option="sunroof", n=1, p=2, high=True)
    day = roadef.Instance(
        name="day",
        vehicles=vehicles,
        ratios=(ratio,),
        batch_limit=10,
        objectives=tuple(roadef.Objective),
    )
    by_ratio, by_color = gain(day, colors_first=False), gain(day, colors_first=True)
    assert by_ratio.broken == by_color.broken == 0
    assert by_ratio.lanes[0] < by_ratio.fifo[0]
    assert by_color.lanes[2] < by_color.fifo[2]
