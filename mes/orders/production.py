"""From lock to delivery: what is frozen, which body is built, which milestone is reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from mes.catalog import service as catalog
from mes.catalog.model import BomLine, Catalog, Configuration, explode
from mes.catalog.routing import FittingPlace, fitting_places, route
from mes.contracts.events import OrderLocked, OrderStageReached
from mes.contracts.ids import make_vin, uuid7
from mes.contracts.plant import PlantModel
from mes.events import service as events
from mes.events.model import Event
from mes.orders import frozen, repository
from mes.orders.model import BUILD, FOLLOWING, Order, OrderStage, vin_year
from mes.orders.repository import OrderBody
from mes.orders.stored import NoSuchOrder, for_update, saved
from mes.platform.db import WriteConn
from mes.platform.errors import Conflict
from mes.resources import service as resources


class LockRefused(Conflict):
    """Order {number} cannot be locked: {why}"""

    code = "order.lock_refused"


class NotTheBodyOfItsOrder(Conflict):
    """Body {body} is not the one that is being built for order {number}."""

    code = "order.not_its_body"


async def lock_order(
    conn: WriteConn,
    order_id: UUID,
    *,
    now: datetime,
    actor: str,
    causation: Event | None = None,
) -> Order:
    """Lock one order; see `lock_orders`."""
    (order,) = await lock_orders(conn, [order_id], now=now, actor=actor, causation=causation)
    return order


async def lock_orders(
    conn: WriteConn,
    order_ids: Sequence[UUID],
    *,
    now: datetime,
    actor: str,
    causation: Event | None = None,
) -> list[Order]:
    """Freeze BOM and routing onto orders, and give each its VIN, a body and its number; all or none.

    Orders get body numbers and VINs in the sequence of `order_ids`. The catalogue and the plant in force
    at `now` count: a BOM change reaches the orders locked after its break point, and no others.

    Raises:
        NoSuchOrder: one of them does not exist.
        OrderNotLockable: one of them is not confirmed.
        LockRefused: the catalogue in force has not exactly the parts that the car needs.
    """
    found = {order.id: order for order in await repository.by_ids_for_update(conn, order_ids)}
    missing = [order_id for order_id in order_ids if order_id not in found]
    if missing:
        raise NoSuchOrder(number=missing[0])
    if not order_ids:
        return []
    active = await catalog.active_catalog(conn, now)
    plant = await resources.active_plant(conn)
    body_numbers = await repository.take(conn, "body", len(order_ids))
    serials = await repository.take(conn, "vin", len(order_ids))
    places = fitting_places(plant)
    year = vin_year(now.astimezone(ZoneInfo(plant.site.time_zone)).year)
    locked: list[Order] = []
    parts: list[dict[str, object]] = []
    steps: list[dict[str, object]] = []
    for order_id, body_number, serial in zip(order_ids, body_numbers, serials, strict=True):
        order = found[order_id]
        car = Configuration(order.model, order.color, order.options, active.version)
        bom = explode(active, car, now)
        _require_whole(active, order, bom)
        vin = make_vin(
            wmi=plant.site.wmi,
            vds=active.model(order.model).vds,
            year=year,
            plant=plant.site.plant_letter,
            serial=serial,
        )
        locked.append(
            order.locked(
                now,
                vin=vin,
                body_id=uuid7(),
                body_number=f"B{body_number:06d}",
                catalog_version=active.version,
            )
        )
        parts += _frozen_parts(order_id, bom, places)
        steps += _frozen_steps(order_id, plant, car)
    result = [await saved(conn, order) for order in locked]
    await repository.add_bodies(conn, [_body_of(order, now) for order in locked])
    await frozen.add_bom(conn, parts)
    await frozen.add_routing(conn, steps)
    for order in result:
        await _record_lock(conn, order, now=now, actor=actor, causation=causation)
    return result


async def replace_body(conn: WriteConn, body_id: UUID, *, now: datetime) -> OrderBody:
    """Scrap the body of an order and return its successor, with a new number; the VIN stays.

    The caller records `body.scrapped`; the order waits in `locked` for its new body to begin.

    Raises:
        NoSuchOrder: no order has, or had, this body.
        NotTheBodyOfItsOrder: the order is built with another body already.
    """
    order = await repository.by_body(conn, body_id)
    if order is None:
        raise NoSuchOrder(number=f"of body {body_id}")
    order = await for_update(conn, order.id)
    if order.body_id != body_id or order.stage not in (OrderStage.LOCKED, *BUILD[:2]):
        raise NotTheBodyOfItsOrder(body=body_id, number=order.number)
    await repository.scrap_body(conn, body_id, at=now)
    (number,) = await repository.take(conn, "body", 1)
    successor = OrderBody(uuid7(), f"B{number:06d}", order.id, body_id, now, None)
    await repository.add_bodies(conn, [successor])
    await saved(conn, order.with_successor(successor.body_id, successor.number, now))
    return successor


async def reach_stage(
    conn: WriteConn,
    order_id: UUID,
    stage: OrderStage,
    *,
    now: datetime,
    actor: str,
    causation: Event | None = None,
) -> Order:
    """Take an order to a milestone that execution reports, through those that it skipped.

    A milestone that is reached already changes nothing, and neither does one of a cancelled order. What
    stands on the line is a fact: an order that was held goes on.
    """
    order = await for_update(conn, order_id)
    if order.stage is OrderStage.CANCELLED:
        return order
    if order.stage is OrderStage.HELD:
        order = order.resumed(now)
    done = BUILD.index(order.stage) + 1 if order.stage in BUILD else 0
    ahead = BUILD[done : BUILD.index(stage) + 1]
    for milestone in ahead:
        order = order.moved_to(milestone, now)
        payload = OrderStageReached.model_validate(
            {"order_id": order.id, "number": order.number, "stage": milestone.value}
        )
        await events.record(
            conn, payload, now=now, actor=actor, causation=causation, correlation=order.id
        )
    return await saved(conn, order) if ahead else order


def _require_whole(active: Catalog, order: Order, bom: Sequence[BomLine]) -> None:
    """Refuse a car that lacks a part, or would get two where one belongs."""
    if OrderStage.LOCKED not in FOLLOWING[order.stage]:
        return
    counts: dict[str, int] = {}
    for line in bom:
        counts[line.family] = counts.get(line.family, 0) + 1
    for family in active.part_families:
        count = counts.get(family.code, 0)
        if (family.need == "one" and count != 1) or (family.need == "optional" and count > 1):
            raise LockRefused(
                number=order.number,
                why=f"catalogue {active.version} has {count} parts of {family.code} for it.",
            )


def _frozen_parts(
    order_id: UUID, bom: Sequence[BomLine], places: dict[str, FittingPlace]
) -> list[dict[str, object]]:
    return [
        {
            "order_id": str(order_id),
            "part_number": line.part_number,
            "family": line.family,
            "name_en": line.name.en,
            "name_zh": line.name.zh,
            "quantity": str(line.quantity),
            "unit": line.unit,
            "line": place.line if place else None,
            "station": place.station if place else None,
        }
        for line in bom
        for place in (places.get(line.family),)
    ]


def _frozen_steps(order_id: UUID, plant: PlantModel, car: Configuration) -> list[dict[str, object]]:
    return [
        {
            "order_id": str(order_id),
            "position": position,
            "line": step.line,
            "step": step.step,
            "stations": list(step.stations),
            "work_s": step.work_s,
        }
        for position, step in enumerate(route(plant, car.codes))
    ]


def _body_of(order: Order, now: datetime) -> OrderBody:
    if order.body_id is None or order.body_number is None:
        raise RuntimeError(f"order {order.number} is locked without a body")
    return OrderBody(order.body_id, order.body_number, order.id, None, now, None)


async def _record_lock(
    conn: WriteConn, order: Order, *, now: datetime, actor: str, causation: Event | None
) -> None:
    body = _body_of(order, now)
    payload = OrderLocked(
        order_id=order.id,
        number=order.number,
        vin=order.vin or "",
        body_id=body.body_id,
        body_number=body.number,
    )
    await events.record(
        conn, payload, now=now, actor=actor, causation=causation, correlation=order.id
    )
