"""The life of an order on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mes.catalog import service as catalog
from mes.catalog.configure import NotBuildable
from mes.catalog.file import demo_catalog
from mes.contracts.events import PromiseChanged, Reason
from mes.contracts.ids import is_vin
from mes.contracts.text import Text
from mes.events import service as events
from mes.identity import service as identity
from mes.orders import links, service
from mes.orders.customer import customer_view, view_of
from mes.orders.model import (
    OrderNotCancellable,
    OrderNotChangeable,
    OrderNotInStage,
    OrderNotLockable,
    OrderStage,
    editable,
)
from mes.orders.placing import DuplicateOrder, Refused
from mes.orders.production import LockRefused, NotTheBodyOfItsOrder
from mes.orders.promises import AlreadyPromised, NothingPromised, ReasonMissing
from mes.orders.service import NoSuchOrder, OrderChange, OrderChangedMeanwhile
from mes.platform.db import ReadConn, WriteConn
from tests.support.orders import PLANT_NOW, REAL_NOW, a_draft, install_demo, locked, placed

BECAUSE = (Reason(code="paint.run", text=Text(en="A paint run was found.", zh="发现流挂。")),)


@pytest.fixture(autouse=True)
async def _demo(conn: WriteConn) -> None:
    await install_demo(conn)


async def _types(conn: ReadConn, subject: object) -> list[str]:
    return [event.type for event in await events.history(conn, str(subject))]


def _change(order: object, **wishes: object) -> OrderChange:
    return replace(OrderChange(**editable(order)), **wishes)  # type: ignore[arg-type]


async def test_a_placed_order_is_confirmed_and_says_so(conn: WriteConn) -> None:
    order = await placed(conn, model="U3", options=("AWD",))
    assert order.stage is OrderStage.CONFIRMED
    assert order.options == ("19IN", "AWD", "CHRG"), "defaults of the U3 are on the order"
    assert await service.order(conn, order.number) == order
    assert await _types(conn, order.id) == ["order.created", "order.confirmed"]
    audit = await identity.audit_of(conn, f"order:{order.number}")
    assert [entry.action for entry in audit] == ["order.registered", "order.confirmed"]


async def test_a_car_that_cannot_be_built_becomes_no_order(conn: WriteConn) -> None:
    with pytest.raises(NotBuildable, match="panoramic roof"):
        await placed(conn, model="C1", options=("PAN",))
    assert await service.orders(conn) == []


async def test_a_channel_sends_an_order_only_once(conn: WriteConn) -> None:
    first = await placed(conn, external_id="A-17")
    with pytest.raises(DuplicateOrder, match=first.number):
        await placed(conn, external_id="A-17", color="RED")
    other = await placed(conn, external_id="A-17", channel="web")
    assert [order.number for order in await service.orders(conn)] == [first.number, other.number]


async def test_a_batch_takes_the_good_and_says_what_is_wrong_with_the_rest(conn: WriteConn) -> None:
    drafts = [
        a_draft(external_id="1"),
        a_draft(model="X9"),
        a_draft(external_id="1", color="BLK"),
        a_draft(external_id="2"),
    ]
    one, unknown, again, two = await service.place_orders(
        conn, drafts, now=PLANT_NOW, real_now=REAL_NOW, actor="system"
    )
    assert not isinstance(one, Refused)
    assert not isinstance(two, Refused)
    assert await service.order(conn, two.number) == two
    assert isinstance(unknown, Refused)
    assert unknown.broken[0].rule == "known_model"
    assert again == Refused(duplicate_of=one.number)
    assert await _types(conn, two.id) == ["order.created", "order.confirmed"]


async def test_an_order_waits_unconfirmed_until_its_customer_agrees(conn: WriteConn) -> None:
    order = await service.register_order(
        conn, a_draft(), now=PLANT_NOW, real_now=REAL_NOW, actor="user:dealer"
    )
    assert order.stage is OrderStage.VALIDATED
    assert await service.open_orders(conn) == []
    await service.make_promise(
        conn, order.id, PLANT_NOW, confidence=0.9, assumed=True, now=PLANT_NOW, actor="system"
    )
    assert (await service.order(conn, order.number)).stage is OrderStage.QUOTED
    confirmed = await service.confirm_order(conn, order.number, now=PLANT_NOW, actor="user:dealer")
    assert confirmed.stage is OrderStage.CONFIRMED
    with pytest.raises(OrderNotInStage):
        await service.confirm_order(conn, order.number, now=PLANT_NOW, actor="user:dealer")


async def test_the_second_of_two_editors_gets_the_difference(conn: WriteConn) -> None:
    order = await placed(conn)
    seen = order.row_version
    await service.change_order(
        conn,
        order.number,
        _change(order, color="RED"),
        row_version=seen,
        now=PLANT_NOW,
        actor="user:a",
    )
    with pytest.raises(OrderChangedMeanwhile) as conflict:
        await service.change_order(
            conn,
            order.number,
            _change(order, priority=1),
            row_version=seen,
            now=PLANT_NOW,
            actor="user:b",
        )
    assert conflict.value.facts["differences"] == {
        "color": {"yours": "WHT", "current": "RED"},
        "priority": {"yours": 1, "current": 5},
    }


async def test_a_changed_car_waits_for_a_new_promise(conn: WriteConn) -> None:
    order = await placed(conn)
    changed = await service.change_order(
        conn,
        order.number,
        _change(order, options=("PAN",)),
        row_version=order.row_version,
        now=PLANT_NOW,
        actor="user:planner",
    )
    assert changed.stage is OrderStage.RECONFIGURED
    assert [one.stage for one in await service.open_orders(conn)] == [OrderStage.RECONFIGURED]
    due = PLANT_NOW + timedelta(days=2)
    for expected in ("promise.made", None):
        event = await service.settle_promise(
            conn,
            order.id,
            due,
            confidence=0.8,
            assumed=True,
            reasons=BECAUSE,
            now=PLANT_NOW,
            actor="system",
        )
        assert (event.type if event else None) == expected
    assert (await service.order(conn, order.number)).stage is OrderStage.CONFIRMED
    assert (await _types(conn, order.id))[2:] == ["order.changed", "promise.made"]


async def test_a_change_that_changes_nothing_leaves_no_trace(conn: WriteConn) -> None:
    order = await placed(conn)
    same = await service.change_order(
        conn, order.number, _change(order), row_version=0, now=PLANT_NOW, actor="user:a"
    )
    assert same == order
    assert await _types(conn, order.id) == ["order.created", "order.confirmed"]


async def test_lock_freezes_bom_and_routing_and_gives_vin_and_body(conn: WriteConn) -> None:
    order = await locked(conn, model="S2", options=("AWD", "SUN"))
    assert order.vin is not None
    assert is_vin(order.vin)
    assert order.vin.startswith("LC2S2ESB")
    assert order.body_number is not None
    assert order.body_number.startswith("B")
    bom = {part.family: part for part in await service.frozen_bom(conn, order.id)}
    assert len(bom) >= 25
    assert bom["drive_unit"].station == "marriage"
    assert "280 kW" in bom["drive_unit"].name.en
    steps = await service.frozen_routing(conn, order.id)
    by_step = {step.step: step.work_s for step in steps}
    assert by_step["marriage"] == 17 + 2, "all-wheel drive takes two seconds more"
    assert by_step["trim"] == 16 + 2, "and so does the sunroof"
    assert [one.number for one in await service.bodies(conn, order.id)] == [order.body_number]
    assert (await _types(conn, order.id))[-1] == "order.locked"
    assert (await service.frozen_boms(conn, [order.id]))[order.id][0].line is not None


async def test_orders_locked_together_get_numbers_in_their_sequence(conn: WriteConn) -> None:
    waiting = [await placed(conn) for _ in range(3)]
    sequence = [waiting[2].id, waiting[0].id, waiting[1].id]
    done = await service.lock_orders(conn, sequence, now=PLANT_NOW, actor="system")
    assert [order.id for order in done] == sequence
    numbers = [order.body_number or "" for order in done]
    assert numbers == sorted(numbers)
    assert len({order.vin for order in done}) == 3
    assert await service.lock_orders(conn, [], now=PLANT_NOW, actor="system") == []


async def test_a_later_catalogue_does_not_touch_a_locked_order(conn: WriteConn) -> None:
    early, late = await placed(conn), await placed(conn)
    early = await service.lock_order(conn, early.id, now=PLANT_NOW, actor="system")
    frozen = await service.frozen_bom(conn, early.id)
    break_point = PLANT_NOW + timedelta(hours=1)
    parts = tuple(
        part.model_copy(update={"number": part.number + "-B"}) for part in demo_catalog().parts
    )
    newer = demo_catalog().model_copy(update={"version": "2026.2", "parts": parts})
    await catalog.install_catalog(conn, newer, effective_from=break_point, now=PLANT_NOW)
    late = await service.lock_order(conn, late.id, now=break_point, actor="system")
    assert await service.frozen_bom(conn, early.id) == frozen
    assert all(p.part_number.endswith("-B") for p in await service.frozen_bom(conn, late.id))
    assert (early.catalog_version, late.catalog_version) == ("2026.1", "2026.2")


async def test_a_car_whose_parts_are_not_whole_is_not_locked(conn: WriteConn) -> None:
    order = await placed(conn)
    with pytest.raises(LockRefused, match="seats"):
        broken = demo_catalog().model_copy(
            update={
                "version": "2026.3",
                "parts": tuple(p for p in demo_catalog().parts if p.family != "seats"),
                "part_families": demo_catalog().part_families,
            }
        )
        # An unsound catalogue cannot be installed by the service; this one came another way.
        await _force_catalog(conn, broken)
        await service.lock_order(conn, order.id, now=PLANT_NOW + timedelta(hours=1), actor="system")
    assert (await service.order(conn, order.number)).stage is OrderStage.CONFIRMED


async def _force_catalog(conn: WriteConn, broken: object) -> None:
    from mes.catalog import repository
    from mes.catalog.model import Catalog

    assert isinstance(broken, Catalog)
    await repository.add_version(
        conn,
        broken,
        catalog_hash=catalog.catalog_hash(broken),
        effective_from=PLANT_NOW,
        installed_at=PLANT_NOW,
        actor="test",
    )


async def test_a_locked_order_cannot_be_changed_but_still_cancelled(conn: WriteConn) -> None:
    order = await locked(conn)
    with pytest.raises(OrderNotLockable):
        await service.lock_order(conn, order.id, now=PLANT_NOW, actor="system")
    with pytest.raises(OrderNotChangeable):
        await service.change_order(
            conn,
            order.number,
            _change(order, color="RED"),
            row_version=order.row_version,
            now=PLANT_NOW,
            actor="user:a",
        )
    cancelled = await service.cancel_order(
        conn, order.number, reason="no money", now=PLANT_NOW, actor="user:a"
    )
    assert cancelled.stage is OrderStage.CANCELLED
    assert await service.open_orders(conn) == []


async def test_a_car_that_is_being_built_cannot_be_cancelled(conn: WriteConn) -> None:
    order = await locked(conn)
    await service.reach_stage(
        conn, order.id, OrderStage.IN_PRODUCTION, now=PLANT_NOW, actor="agent:body"
    )
    with pytest.raises(OrderNotCancellable):
        await service.cancel_order(conn, order.number, reason="x", now=PLANT_NOW, actor="user:a")


async def test_a_milestone_that_was_skipped_is_told_too_and_none_twice(conn: WriteConn) -> None:
    order = await locked(conn)
    for _ in range(2):
        await service.reach_stage(
            conn, order.id, OrderStage.LINE_OFF, now=PLANT_NOW, actor="agent:assembly"
        )
    stages = [
        event.payload.stage  # type: ignore[attr-defined]
        for event in await events.history(conn, str(order.id))
        if event.type == "order.stage_reached"
    ]
    assert stages == ["in_production", "line_off"]


async def test_a_held_order_is_not_planned_and_goes_on_where_it_was(conn: WriteConn) -> None:
    order = await placed(conn)
    await service.hold_order(
        conn, order.number, reason="credit check", now=PLANT_NOW, actor="user:planner"
    )
    assert await service.open_orders(conn) == []
    resumed = await service.resume_order(conn, order.number, now=PLANT_NOW, actor="user:planner")
    assert resumed.stage is OrderStage.CONFIRMED
    with pytest.raises(OrderNotInStage):
        await service.resume_order(conn, order.number, now=PLANT_NOW, actor="user:planner")


async def test_a_held_order_that_stands_on_the_line_is_in_production(conn: WriteConn) -> None:
    order = await locked(conn)
    await service.hold_order(conn, order.number, reason="x", now=PLANT_NOW, actor="user:planner")
    reached = await service.reach_stage(
        conn, order.id, OrderStage.IN_PRODUCTION, now=PLANT_NOW, actor="agent:body"
    )
    assert reached.stage is OrderStage.IN_PRODUCTION


async def test_a_cancelled_order_reaches_nothing(conn: WriteConn) -> None:
    order = await locked(conn)
    await service.cancel_order(conn, order.number, reason="x", now=PLANT_NOW, actor="user:a")
    still = await service.reach_stage(
        conn, order.id, OrderStage.IN_PRODUCTION, now=PLANT_NOW, actor="agent:body"
    )
    assert still.stage is OrderStage.CANCELLED


async def test_a_scrapped_body_has_a_successor_and_the_vin_stays_with_the_order(
    conn: WriteConn,
) -> None:
    order = await locked(conn)
    assert order.body_id is not None
    await service.reach_stage(
        conn, order.id, OrderStage.IN_PRODUCTION, now=PLANT_NOW, actor="agent:body"
    )
    successor = await service.replace_body(conn, order.body_id, now=PLANT_NOW)
    rebuilt = await service.order(conn, order.number)
    assert (rebuilt.vin, rebuilt.stage) == (order.vin, OrderStage.LOCKED)
    assert (rebuilt.body_id, rebuilt.body_number) == (successor.body_id, successor.number)
    first, second = await service.bodies(conn, order.id)
    assert first.scrapped_at == PLANT_NOW
    assert second.predecessor_id == first.body_id
    found = await service.order_of_body(conn, first.body_id)
    assert found is not None
    assert found.id == order.id
    assert await service.body_of_number(conn, successor.number) == successor
    with pytest.raises(NotTheBodyOfItsOrder):
        await service.replace_body(conn, order.body_id, now=PLANT_NOW)
    with pytest.raises(NoSuchOrder):
        await service.replace_body(conn, order.id, now=PLANT_NOW)


async def test_the_history_of_a_promise_keeps_every_reason(conn: WriteConn) -> None:
    order = await placed(conn)
    first, second = PLANT_NOW + timedelta(hours=8), PLANT_NOW + timedelta(hours=9)
    with pytest.raises(NothingPromised):
        await service.change_promise(
            conn,
            order.id,
            second,
            BECAUSE,
            confidence=0.7,
            assumed=True,
            now=PLANT_NOW,
            actor="system",
        )
    made = await service.make_promise(
        conn, order.id, first, confidence=0.9, assumed=True, now=PLANT_NOW, actor="system"
    )
    with pytest.raises(AlreadyPromised):
        await service.make_promise(
            conn, order.id, second, confidence=0.9, assumed=True, now=PLANT_NOW, actor="system"
        )
    with pytest.raises(ReasonMissing):
        await service.change_promise(
            conn, order.id, second, (), confidence=1, assumed=True, now=PLANT_NOW, actor="system"
        )
    changed = await service.settle_promise(
        conn,
        order.id,
        second,
        confidence=0.7,
        assumed=False,
        reasons=BECAUSE,
        now=PLANT_NOW,
        actor="system",
        causation=made,
    )
    assert changed is not None
    assert changed.of(PromiseChanged).old_at == first
    history = await service.promises(conn, order.id)
    assert [one.promised_at for one in history] == [first, second]
    assert history[1].reasons == BECAUSE
    view = await view_of(conn, await service.order(conn, order.number), now=PLANT_NOW)
    assert [(one.previous_at, one.promised_at) for one in view.history] == [
        (None, first),
        (first, second),
    ]
    assert (await service.order(conn, order.number)).row_version == order.row_version, (
        "planning does not make an edit of a person stale"
    )


async def test_the_customers_link_is_the_same_at_every_call_and_ends(conn: WriteConn) -> None:
    order = await placed(conn, language="zh")
    token = await links.customer_token(conn, order)
    assert token == await links.customer_token(conn, await service.order(conn, order.number))
    view = await customer_view(conn, token, address="10.0.0.1", now=PLANT_NOW, real_now=REAL_NOW)
    assert view.number == order.number  # type: ignore[union-attr]
    with pytest.raises(links.LinkUnknown):
        await links.order_of_token(conn, token[:-2] + "AA", real_now=REAL_NOW)
    with pytest.raises(links.LinkExpired):
        await links.order_of_token(conn, token, real_now=REAL_NOW + timedelta(days=401))


async def test_orders_are_found_by_what_people_know_of_them(conn: WriteConn) -> None:
    one = await locked(conn, external_id="AB_1", customer="Zhang Wei", channel="web")
    await placed(conn, external_id="ABX1", model="C1", options=())
    assert [o.number for o in await service.orders(conn, search="AB_1")] == [one.number]
    assert [o.number for o in await service.orders(conn, search="zhang")] == [one.number]
    assert [o.number for o in await service.orders(conn, search=one.vin)] == [one.number]
    assert [o.number for o in await service.orders(conn, stage=OrderStage.LOCKED)] == [one.number]
    assert [o.number for o in await service.orders(conn, model="S2")] == [one.number]
    assert [o.number for o in await service.orders(conn, channel="web")] == [one.number]
    assert [o.model for o in await service.orders(conn, after=one.number)] == ["C1"]
    assert await service.counts_by_stage(conn) == {OrderStage.LOCKED: 1, OrderStage.CONFIRMED: 1}
    by_id = await service.order_by_id(conn, one.id)
    assert by_id is not None
    assert by_id.number == one.number
    with pytest.raises(NoSuchOrder):
        await service.order(conn, "C2M-9999999")
