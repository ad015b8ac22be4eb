"""What planning hears from the features below, and remembers until the next repair."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.events import (
    BodyEnteredLine,
    BodyLeftLine,
    BodyScrapped,
    HoldPlaced,
    HoldReleased,
    JobStateRecorded,
    LineDown,
    LineUp,
    OrderLocked,
    ReworkConfirmed,
    ReworkOpened,
)
from mes.contracts.ids import job_order_id
from mes.contracts.quality import Disposition
from mes.events.model import Event
from mes.execution import service as execution
from mes.orders import service as orders
from mes.planning import (
    capacity_repository,
    history_repository,
    lanes,
    news_repository,
    promising,
    repository,
    versions,
)
from mes.planning.network import PlantNetwork
from mes.planning.news import Delay, DelayState, Downtime, News, NewsKind
from mes.platform.db import WriteConn

UNCLEAR = timedelta(minutes=10)
"""How long a hold without a rework is expected to last: somebody has to look."""
ATTEMPTS = 5
"""Attempts of a job order among which a reported one is looked for."""


async def order_confirmed(conn: WriteConn, event: Event, order_id: UUID, *, now: datetime) -> None:
    """Promise a confirmed order, and have the next repair put it into the plan; once in it, nothing is new."""
    if await repository.operations_of_order(conn, order_id):
        return
    order = await orders.order_by_id(conn, order_id)
    if order is not None and order.promised_at is None:
        net = await versions.network(conn)
        await promising.promise_order(conn, net, order_id, cause=event, now=now)
    await _tell(conn, event, NewsKind.ORDER, order_id=order_id)


async def order_changed(conn: WriteConn, event: Event, order_id: UUID, *, now: datetime) -> None:
    """Promise the changed car anew; its place is looked for again."""
    net = await versions.network(conn)
    await promising.promise_order(conn, net, order_id, cause=event, now=now)
    await _tell(conn, event, NewsKind.CHANGED, order_id=order_id)


async def order_gone(conn: WriteConn, event: Event, order_id: UUID) -> None:
    """Give back the place of an order that was cancelled or waits."""
    await capacity_repository.give_back(conn, "order", order_id)
    await _tell(conn, event, NewsKind.GONE, order_id=order_id)


async def order_locked(conn: WriteConn, locked: OrderLocked) -> None:
    """Know the body of an order."""
    await repository.set_body(conn, locked.order_id, locked.body_id, locked.body_number)


async def hold_placed(conn: WriteConn, event: Event, hold: HoldPlaced) -> None:
    """Expect a held body to come later; how much, the rework will say."""
    if hold.body_id is None:
        return
    order = await orders.order_of_body(conn, hold.body_id)
    if order is None:
        return
    delay = Delay(
        hold_id=hold.hold_id,
        body_id=hold.body_id,
        order_id=order.id,
        line=hold.line,
        state=DelayState.HELD,
        cause=hold.cause,
        defect_kind=None,
        work_s=None,
        since_at=event.plant_at,
        available_at=event.plant_at + UNCLEAR,
        inspection_event=event.causation_id if hold.inspection_id is not None else None,
        hold_event=event.id,
    )
    await news_repository.save_delay(conn, delay)
    await _tell(
        conn,
        event,
        NewsKind.DELAY,
        order_id=order.id,
        body_id=hold.body_id,
        hold_id=hold.hold_id,
    )


async def rework_opened(conn: WriteConn, event: Event, rework: ReworkOpened) -> None:
    """Expect the standard minutes of a rework after the ride to the bay."""
    delay = await news_repository.delay(conn, rework.hold_id)
    if delay is None:
        return
    net = await versions.network(conn)
    ride = await _ride_s(conn, net, rework.body_id, rework.line, now=event.plant_at)
    expected = delay.rework(
        work_s=rework.work_s,
        kind=rework.defect_kind,
        event=event.id,
        ride_s=ride,
        now=event.plant_at,
    )
    await _changed(conn, event, expected, NewsKind.DELAY)


async def rework_confirmed(conn: WriteConn, event: Event, rework: ReworkConfirmed) -> None:
    """Know that a rework is done for certain."""
    delay = await news_repository.delay(conn, rework.hold_id)
    if delay is not None:
        if delay.state is not DelayState.CONFIRMED:
            await history_repository.note_rework(conn, delay.line, now=event.plant_at)
        confirmed = delay.confirmed(event=event.id, now=event.plant_at)
        await _changed(conn, event, confirmed, NewsKind.DELAY)


async def hold_released(conn: WriteConn, event: Event, hold: HoldReleased) -> None:
    """Let the body go on: a false call goes back to its slot, a reworked one keeps its new one."""
    delay = await news_repository.delay(conn, hold.hold_id)
    if delay is None or delay.state is DelayState.ENDED:
        return
    needless = hold.disposition in (Disposition.FALSE_CALL, Disposition.USE_AS_IS)
    ended = delay.ended(event=event.id, now=event.plant_at)
    await _changed(conn, event, ended, NewsKind.REVERTED if needless else NewsKind.DONE)


async def body_scrapped(conn: WriteConn, event: Event, scrapped: BodyScrapped) -> None:
    """Plan the successor from the start; what delayed the scrapped body is over."""
    for delay in await news_repository.delays_of_body(conn, scrapped.body_id):
        await news_repository.save_delay(conn, delay.ended(event=event.id, now=event.plant_at))
        await news_repository.drop_moves(conn, delay.hold_id)
    await repository.replace_body(conn, scrapped.order_id, scrapped.body_id)
    await _tell(
        conn,
        event,
        NewsKind.SCRAPPED,
        order_id=scrapped.order_id,
        body_id=scrapped.body_id,
    )


async def line_down(conn: WriteConn, event: Event, down: LineDown) -> None:
    """Expect a line back after its mean repair time; a stop that has lasted so long lasts again."""
    net = await versions.network(conn)
    line = net.plant.line(down.line)
    stations = [s for s in line.stations if down.station in (None, s.id)] or list(line.stations)
    repair = max(timedelta(minutes=s.mttr_min) for s in stations)
    await news_repository.save_downtime(
        conn,
        Downtime(
            line=down.line,
            station=down.station,
            since_at=down.since,
            until_at=event.plant_at + repair,
            reason=down.reason,
            event_id=event.id,
        ),
    )
    await _tell(conn, event, NewsKind.DOWN, line=down.line)


async def line_up(conn: WriteConn, event: Event, up: LineUp) -> None:
    """Count on a line again."""
    await history_repository.note_stop(
        conn,
        up.line,
        stopped_s=up.down_s,
        since_at=event.plant_at - timedelta(seconds=up.down_s),
        now=event.plant_at,
    )
    if await news_repository.drop_downtime(conn, up.line):
        await _tell(conn, event, NewsKind.UP, line=up.line)


async def body_entered(conn: WriteConn, event: Event, entered: BodyEnteredLine) -> None:
    """Note the real start of planned work."""
    if entered.order_id is not None:
        await repository.note_start(conn, entered.line, entered.order_id, event.plant_at)


async def body_left(conn: WriteConn, event: Event, left: BodyLeftLine) -> None:
    """Note the real end of planned work; a finished car shows whether its promise was kept."""
    if left.order_id is None:
        return
    net = await versions.network(conn)
    nominal_s = net.takes_s(net.plant.line(left.line))
    await history_repository.note_body(conn, left.line, now=event.plant_at)
    await history_repository.note_run(
        conn, left.line, left.order_id, nominal_s=nominal_s, ended_at=event.plant_at
    )
    await repository.note_end(conn, left.line, left.order_id, event.plant_at)
    if left.store == net.painted_store:
        await lanes.settle(conn, net)
    if left.last:
        await _note_outcome(conn, left.order_id, finished_at=event.plant_at)


async def _note_outcome(conn: WriteConn, order_id: UUID, *, finished_at: datetime) -> None:
    made = await orders.promises(conn, order_id)
    if not made:
        return
    await history_repository.add_outcome(
        conn,
        history_repository.Outcome(
            order_id=order_id,
            promised_at=made[-1].promised_at,
            finished_at=finished_at,
            first_promised_at=made[0].promised_at,
            first_confidence=made[0].confidence,
            assumed=made[0].assumed,
            changes=len(made) - 1,
        ),
    )
    await history_repository.drop_doubts(conn, [order_id])


async def job_state(conn: WriteConn, event: Event, job: JobStateRecorded) -> None:
    """Note when a die lot begins and ends."""
    if job.kind is not JobKind.DIE_LOT:
        return
    for lot in await repository.lots(conn):
        if lot.line != job.line or lot.actual_end_at is not None:
            continue
        ids = [job_order_id(str(lot.subject_id), lot.line, n + 1) for n in range(ATTEMPTS)]
        if job.job_order_id not in ids:
            continue
        if job.state is JobState.RUNNING:
            await repository.note_start(conn, lot.line, lot.subject_id, event.plant_at)
        elif job.state in (JobState.COMPLETED, JobState.CLOSED):
            await repository.note_end(conn, lot.line, lot.subject_id, event.plant_at)
        return


async def extend_overdue(conn: WriteConn, *, now: datetime) -> int:
    """Expect a rework or stop that lasts longer than it should to last a while longer; return how many."""
    extended = 0
    for delay in await news_repository.open_delays(conn):
        if delay.available_at < now:
            await news_repository.extend_delay(conn, delay.hold_id, now + UNCLEAR)
            extended += 1
    return extended


async def _ride_s(
    conn: WriteConn, net: PlantNetwork, body_id: UUID, line: str, *, now: datetime
) -> float:
    """Return the seconds until a body has ridden from where it is to the end of its line."""
    body = await execution.find_body(conn, body_id)
    if body is None or body.place.line != line or body.place.station is None:
        return 0.0
    steps = net.plant.line(line).steps
    at = next((i for i, s in enumerate(steps) if body.place.station in {x.id for x in s}), 0)
    return sum(max(s.cycle_s for s in step) for step in steps[at + 1 :])


async def _changed(conn: WriteConn, event: Event, delay: Delay, kind: NewsKind) -> None:
    await news_repository.save_delay(conn, delay)
    await _tell(
        conn,
        event,
        kind,
        order_id=delay.order_id,
        body_id=delay.body_id,
        hold_id=delay.hold_id,
    )


async def _tell(
    conn: WriteConn,
    event: Event,
    kind: NewsKind,
    *,
    order_id: UUID | None = None,
    body_id: UUID | None = None,
    hold_id: UUID | None = None,
    line: str | None = None,
) -> None:
    await news_repository.add_news(
        conn,
        News(
            event_seq=event.seq,
            event_id=event.id,
            kind=kind,
            at=event.plant_at,
            order_id=order_id,
            body_id=body_id,
            hold_id=hold_id,
            line=line,
        ),
    )
