"""What quality does about inspections, reports and finished reworks, and about reviews that do not come."""

from __future__ import annotations

import structlog

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.events import InspectionRecorded, JobStateRecorded, OperatorReported
from mes.contracts.quality import Verdict
from mes.events.handlers import HandlerContext, handles
from mes.events.model import Event
from mes.execution import service as execution
from mes.inspection import service as inspection
from mes.platform.db import WriteConn
from mes.platform.jobs import JobContext, every
from mes.quality import containment, service

log = structlog.get_logger()


@handles("hold-after-inspection", on=(InspectionRecorded,))
async def hold_after_inspection(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A part that did not pass is held: the body with a provisional rework, the rack with its neighbours."""
    recorded = event.of(InspectionRecorded)
    if recorded.verdict is Verdict.OK:
        return
    now = context.clock.now()
    if recorded.body_id is None:
        seen = await inspection.get(conn, recorded.inspection_id)
        await containment.hold_racks(conn, seen, now=now, actor="system", because=event)
        return
    body = await execution.find_body(conn, recorded.body_id)
    if body is None:
        log.warning(
            "inspection.of_unknown_body", body=str(recorded.body_id), camera=recorded.camera
        )
        return
    await service.hold_body(
        conn,
        body,
        found_at=recorded.line,
        cause=recorded.verdict.value.lower(),
        verdict=recorded.verdict,
        defect_kind=recorded.defect_kind,
        inspection_id=recorded.inspection_id,
        now=now,
        actor="system",
        because=event,
    )


@handles("hold-after-report", on=(OperatorReported,))
async def hold_after_report(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """What an operator reports for rework or scrap is held; pictures that passed it let a defect escape."""
    said = event.of(OperatorReported)
    body = await execution.find_body(conn, said.body_id)
    if said.outcome == "good" or body is None:
        return
    now = context.clock.now()
    await service.hold_body(
        conn,
        body,
        found_at=said.line,
        cause="operator",
        verdict=Verdict.NOK,
        defect_kind=said.defect_kind,
        inspection_id=None,
        now=now,
        actor=event.actor,
        because=event,
    )
    await inspection.note_escapes(
        conn, body.id, said.line, defect_code=said.defect_kind, reporter=event.actor, now=now
    )


@handles("release-after-rework", on=(JobStateRecorded,))
async def release_after_rework(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A rework that the bay completed releases its hold."""
    job = event.of(JobStateRecorded)
    if job.kind is JobKind.REWORK and job.state is JobState.COMPLETED and job.body_id is not None:
        await service.on_rework_job_done(
            conn, job.job_order_id, job.body_id, now=context.clock.now(), actor=event.actor
        )


@every(seconds=1, name="quality-review-timeout")
async def confirm_unreviewed(context: JobContext) -> None:
    """Reworks that nobody reviewed in time are confirmed by the policy."""
    async with context.database.write() as conn:
        confirmed = await service.confirm_unreviewed(conn, now=context.clock.now())
    if confirmed:
        log.info("quality.confirmed_by_policy", reworks=confirmed)
