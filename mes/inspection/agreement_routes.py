"""The API of studies of measurement systems: agreement of people and model, gage R&R of measures."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.inspection import agreement, gauge_studies
from mes.inspection import agreement_repository as repository
from mes.inspection.agreement_schemas import (
    AgreementOut,
    GaugeStudyIn,
    GaugeStudyOut,
    StudyIn,
    StudyOut,
    TurnOut,
    VerdictIn,
)
from mes.inspection.gauge_rr import study_of
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api", tags=["measurement systems"])

Engineer = Annotated[User, Depends(require(Role.QUALITY))]
Appraiser = Annotated[User, Depends(require(Role.QUALITY, Role.OPERATOR))]
Reader = Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))]


@router.post("/agreement-studies", status_code=201)
async def begin(body: StudyIn, user: Engineer, conn: WriteDb, clock: ClockDep) -> StudyOut:
    """Begin a study with a golden set of reviewed pictures."""
    study = await agreement.begin(
        conn,
        body.title,
        body.camera,
        parts=body.parts,
        repeats=body.repeats,
        actor=user.actor,
        now=clock.now(),
    )
    return StudyOut.of(study)


@router.get("/agreement-studies")
async def get_studies(caller: Reader, conn: ReadDb) -> list[StudyOut]:
    """List the newest studies."""
    return [StudyOut.of(one) for one in await repository.studies(conn)]


@router.get("/agreement-studies/{study_id}/next")
async def get_next(study_id: UUID, user: Appraiser, conn: ReadDb) -> TurnOut:
    """Show the picture that is this person's turn, blind."""
    study = await agreement.get(conn, study_id)
    return TurnOut.of_turn(study, await agreement.next_part(conn, study_id, user.actor))


@router.post("/agreement-studies/{study_id}/verdicts")
async def judge(
    study_id: UUID, body: VerdictIn, user: Appraiser, conn: WriteDb, clock: ClockDep
) -> TurnOut:
    """Take a verdict and show the next picture."""
    await agreement.judge(
        conn, study_id, user.actor, place=body.place, defect=body.defect, now=clock.now()
    )
    study = await agreement.get(conn, study_id)
    return TurnOut.of_turn(study, await agreement.next_part(conn, study_id, user.actor))


@router.post("/agreement-studies/{study_id}/undo")
async def take_back(study_id: UUID, user: Appraiser, conn: WriteDb) -> TurnOut:
    """Take the last verdict of this trial back and show its picture again."""
    await agreement.take_back(conn, study_id, user.actor)
    study = await agreement.get(conn, study_id)
    return TurnOut.of_turn(study, await agreement.next_part(conn, study_id, user.actor))


@router.post("/agreement-studies/{study_id}/close")
async def close(study_id: UUID, user: Engineer, conn: WriteDb, clock: ClockDep) -> StudyOut:
    """Close a study; at least two appraisers must have judged everything."""
    study = await agreement.close(conn, study_id, actor=user.actor, now=clock.now())
    return StudyOut.of(study)


@router.get("/agreement-studies/{study_id}/result")
async def get_result(study_id: UUID, caller: Reader, conn: ReadDb) -> AgreementOut:
    """Show how those agree who have judged everything; not to who is still judging."""
    study = await agreement.get(conn, study_id)
    return AgreementOut.of(await agreement.result_for(conn, study, caller.actor))


@router.post("/gauge-studies", status_code=201)
async def add_gauge_study(
    body: GaugeStudyIn, user: Engineer, conn: WriteDb, clock: ClockDep, response: Response
) -> GaugeStudyOut:
    """Take in repeated measurements of a gauge and answer its gage R&R."""
    record, found = await gauge_studies.add(
        conn,
        body.title,
        body.csv,
        unit=body.unit,
        tolerance=body.tolerance,
        actor=user.actor,
        now=clock.now(),
    )
    response.headers["Location"] = f"/api/gauge-studies/{record.id}"
    return GaugeStudyOut.of(record, found)


@router.get("/gauge-studies/{study_id}")
async def get_gauge_study(study_id: UUID, caller: Reader, conn: ReadDb) -> GaugeStudyOut:
    """Show a gauge study."""
    record = await gauge_studies.get(conn, study_id)
    return GaugeStudyOut.of(record, study_of(record.readings, tolerance=record.tolerance))
