"""Screens of studies of measurement systems: begin, judge blind, see how people and the model agree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from mes.identity.model import Role
from mes.inspection import agreement, gauge_studies, registry, second_look_model, second_looks
from mes.inspection import agreement_repository as repository
from mes.inspection.agreement_model import MODEL, StillBlind, StudyStillOpen, TooFewAppraisers
from mes.inspection.gauge_rr import GaugeStudy, study_of
from mes.platform.db import ReadConn
from mes.platform.http import ReadDb, SettingsDep
from mes.web.listing import csv_answer
from mes.web.reader import page_for
from mes.web.shell import Shell
from mes.web.translations import mark as _

router = APIRouter()

AppraiserPage = Annotated[Shell, Depends(page_for(Role.QUALITY, Role.OPERATOR))]
EngineerPage = Annotated[Shell, Depends(page_for(Role.QUALITY))]
SIZES = (10, 20, 30, 50)
REPEATS = (2, 3)
LOOK_BACK = timedelta(weeks=8)

GRADES: Mapping[str, tuple[str, str, str]] = {
    "good": ("good", "circle-check", _("acceptable")),
    "marginal": ("warn", "triangle-alert", _("marginal")),
    "bad": ("bad", "octagon-x", _("unacceptable")),
}
"""Tone, icon and word of a grade."""
SOURCES: Mapping[str, str] = {
    "appraiser": _("Appraiser"),
    "part": _("Part"),
    "interaction": _("Appraiser by part"),
    "equipment": _("Equipment"),
    "pooled": _("Equipment and interaction, pooled"),
    "total": _("Total"),
}


@router.get("/quality/studies")
async def studies_page(shell: AppraiserPage, conn: ReadDb, settings: SettingsDep) -> HTMLResponse:
    """List the studies, begin one, and show how far reviewers agree day by day."""
    rows = await repository.overviews(conn, await repository.studies(conn))
    gauges = await repository.gauge_studies(conn) if shell.may(Role.QUALITY) else []
    return shell.page(
        "inspection/studies.html",
        {
            "rows": rows,
            "me": _actor(shell),
            "gauges": [(one, study_of(one.readings, tolerance=one.tolerance)) for one in gauges],
            "cameras": [
                station.camera.id
                for _line, station in registry.stations_with_camera(shell.plant)
                if station.camera is not None
            ],
            "sizes": SIZES,
            "repeats": REPEATS,
            "grades": GRADES,
            "reviewers": await _reviewers(shell, conn) if shell.may(Role.QUALITY) else None,
            "share": settings.review.second_looks,
            "fewest": second_look_model.FEWEST,
        },
    )


@router.get("/quality/studies/{study_id}")
async def study_page(study_id: UUID, shell: EngineerPage, conn: ReadDb) -> HTMLResponse:
    """Show how far a study is, and how those agree who have judged everything.

    Who has begun to judge and is not done sees no result: it would not be blind any more.
    """
    study = await agreement.get(conn, study_id)
    (seen,) = await repository.overviews(conn, [study])
    found, blind = None, False
    try:
        found = await agreement.result_for(conn, study, _actor(shell))
    except StillBlind:
        blind = True
    except TooFewAppraisers:
        found = None
    return shell.page(
        "inspection/study.html",
        {
            "study": study,
            "seen": seen,
            "mine": seen.by(_actor(shell)),
            "blind": blind,
            "found": found,
            "model_name": MODEL,
            "grades": GRADES,
        },
    )


@router.get("/quality/studies/{study_id}/judge")
async def judge_page(study_id: UUID, shell: AppraiserPage, conn: ReadDb) -> HTMLResponse:
    """Judge the golden set blind, one key a verdict; raises StudyClosed."""
    study = await agreement.get(conn, study_id)
    study.check_open()
    return shell.page("inspection/study_judge.html", {"study": study})


@router.get("/quality/studies/{study_id}/verdicts.csv")
async def verdicts_csv(study_id: UUID, shell: EngineerPage, conn: ReadDb) -> Response:
    """Give every verdict of a closed study beside what the part truly is."""
    study = await agreement.get(conn, study_id)
    if study.closed_at is None:
        raise StudyStillOpen
    parts = {part.number: part for part in await repository.parts(conn, study_id)}
    rows = [
        {
            "part": one.part,
            "appraiser": one.appraiser,
            "trial": one.trial,
            "verdict": _word(one.defect),
            "standard": _word(parts[one.part].defect),
            "defect_kind": parts[one.part].kind,
            "inspection": parts[one.part].inspection_id,
        }
        for one in await repository.given(conn, study_id)
    ]
    columns = ("part", "appraiser", "trial", "verdict", "standard", "defect_kind", "inspection")
    return csv_answer("agreement", columns, rows, shell.f)


@router.get("/quality/gauge-studies/{study_id}")
async def gauge_page(study_id: UUID, shell: EngineerPage, conn: ReadDb) -> HTMLResponse:
    """Show the gage R&R of a gauge."""
    record = await gauge_studies.get(conn, study_id)
    found: GaugeStudy = study_of(record.readings, tolerance=record.tolerance)
    return shell.page(
        "inspection/gauge_study.html",
        {"record": record, "found": found, "grades": GRADES, "sources": SOURCES},
    )


@router.get("/quality/gauge-studies/{study_id}/readings.csv")
async def readings_csv(study_id: UUID, shell: EngineerPage, conn: ReadDb) -> Response:
    """Give the measurements of a gauge study."""
    record = await gauge_studies.get(conn, study_id)
    columns = ("part", "appraiser", "trial", "value")
    rows = [{name: getattr(one, name) for name in columns} for one in record.readings]
    return csv_answer("gauge-study", columns, rows, shell.f)


async def _reviewers(shell: Shell, conn: ReadConn) -> second_look_model.Reviewers:
    looks = await second_looks.since(conn, since_at=shell.now - LOOK_BACK)
    return second_look_model.agreement_of(looks, zone=shell.f.zone)


def _actor(shell: Shell) -> str:
    """Return the reader as verdicts name them."""
    return f"user:{shell.user.name}" if shell.user else ""


def _word(defect: bool) -> str:
    return "NOK" if defect else "OK"
