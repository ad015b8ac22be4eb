"""What execution does about orders, and what orders hear of execution."""

from __future__ import annotations

from mes.contracts.events import BodyEnteredLine, BodyLeftLine, HelpAsked, OrderLocked
from mes.events.handlers import HandlerContext, handles
from mes.events.model import Event
from mes.execution import calls, model, service
from mes.execution.model import Body
from mes.orders import production
from mes.orders import service as orders
from mes.orders.model import OrderStage
from mes.platform.db import WriteConn
from mes.platform.jobs import JobContext, every
from mes.resources import service as resources


@handles("body-after-lock", on=(OrderLocked,))
async def register_body(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A locked order has a body: from now on it can be reported."""
    locked = event.of(OrderLocked)
    order = await orders.order_by_id(conn, locked.order_id)
    if order is None:
        return
    await service.register_body(
        conn,
        Body(
            id=locked.body_id,
            number=locked.body_number,
            order_id=locked.order_id,
            vin=locked.vin,
            model=order.model,
            color=order.color,
            since_at=event.plant_at,
        ),
    )


@handles("andon-after-camera", on=(HelpAsked,))
async def call_for_camera(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A camera that asks for help pulls the andon of its station; while a call is open it stays one call."""
    asked = event.of(HelpAsked)
    await calls.call_andon(
        conn,
        asked.station,
        asked.reason,
        line=asked.line,
        actor=event.actor,
        now=event.plant_at,
    )


@handles("order-stage-after-body", on=(BodyEnteredLine, BodyLeftLine))
async def move_order(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """Where the body is decides the commercial milestones of its order."""
    plant = await resources.active_plant(conn)
    if isinstance(event.payload, BodyEnteredLine):
        order_id = event.payload.order_id
        stages = model.stages_on_entering(plant, event.payload.line)
    else:
        left = event.of(BodyLeftLine)
        order_id, stages = left.order_id, model.stages_on_leaving(plant, left.line)
    if order_id is None or not stages:
        return
    for stage in stages:
        await production.reach_stage(
            conn,
            order_id,
            OrderStage(stage),
            now=event.plant_at,
            actor=event.actor,
            causation=event,
        )


@every(seconds=600, name="execution-forget-old-records")
async def forget_old_records(context: JobContext) -> None:
    """Drop the numbers of records that no line can repeat any more."""
    async with context.database.write() as conn:
        await service.forget_old_records(conn)
