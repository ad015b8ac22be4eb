"""Screens of quality: the review, the holds, one inspection."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from mes.identity.model import Role
from mes.inspection import service as inspection
from mes.inspection.pipelines import judged
from mes.platform.http import ReadDb, SettingsDep
from mes.quality import queue, views
from mes.quality.codes import codes_of
from mes.quality.model import HoldState
from mes.web.labels import label
from mes.web.listing import MAX_EXPORT, PAGE_SIZE, csv_answer, page_of
from mes.web.names import catalog_names
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

ReviewPage = Annotated[Shell, Depends(page_for(Role.QUALITY))]
HoldsPage = Annotated[Shell, Depends(page_for(Role.QUALITY, Role.PLANNER))]
PicturesPage = Annotated[Shell, Depends(page_for(Role.QUALITY, Role.PLANNER, Role.MAINTENANCE))]
MOST_SHOWN = 200
EXPORTED = (
    "id",
    "body_number",
    "rack",
    "order_number",
    "line",
    "cause",
    "defect_kind",
    "state",
    "disposition",
    "reason",
    "reviewer",
    "placed_at",
    "decided_at",
    "closed_at",
    "work_s",
)
JUDGED = (
    "id",
    "triggered_at",
    "line",
    "camera",
    "body_number",
    "vin",
    "order_number",
    "lot",
    "variant",
    "verdict",
    "score",
    "threshold",
    "pipeline_version",
    "defect_kind",
    "review",
    "defect_code",
    "reviewed_by",
    "hold_state",
    "disposition",
    "decided_by",
)


def _filter(
    state: Annotated[str, Query(max_length=20)] = "",
    line: Annotated[str, Query(max_length=40)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
) -> views.Filter:
    return views.Filter(state, line, kind)


FilterDep = Annotated[views.Filter, Depends(_filter)]


def _judged(
    model: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")],
    version: Annotated[str, Query(max_length=80)],
    camera: Annotated[str, Query(max_length=80)] = "",
    verdict: Annotated[str, Query(max_length=10)] = "",
    review: Annotated[str, Query(max_length=20)] = "",
) -> views.Judged:
    return views.Judged(model, version, camera, verdict, review)


JudgedDep = Annotated[views.Judged, Depends(_judged)]


@router.get("/quality/review")
async def review_page(
    shell: ReviewPage, hold: Annotated[str, Query(max_length=36)] = ""
) -> HTMLResponse:
    """Work the queue of pictures, one key a verdict."""
    return shell.page("quality/review.html", {"hold": hold, "topics": "holds,quality,inspections"})


@router.get("/quality/review/queue.json")
async def review_queue(shell: ReviewPage, conn: ReadDb, settings: SettingsDep) -> dict[str, Any]:
    """Answer what waits for a verdict, most worth looking at first, and the defect codes.

    Among it are pictures that somebody else has reviewed: they look like the others.
    """
    reviewer = shell.user.name if shell.user else ""
    items = await queue.review_queue(conn)
    share = settings.review.second_looks
    again = await queue.second_looks(conn, reviewer, share=share, now=shell.now)
    catalog = await catalog_names(conn, shell.language, shell.now)
    return {
        "items": await views.reviewable(
            conn, queue.mixed(items[:MOST_SHOWN], again), shell, catalog
        ),
        "codes": [
            {
                "code": one.code,
                "word": shell.names.defect(one.code),
                "letters": one.letters,
                "lines": one.lines,
            }
            for one in codes_of(shell.plant)
        ],
        "decided_hour": await views.pace(conn, reviewer, since=shell.now - timedelta(hours=1)),
    }


@router.get("/quality/review/{inspection_id}/beside.json")
async def beside(inspection_id: UUID, shell: ReviewPage, conn: ReadDb) -> list[dict[str, Any]]:
    """Answer the golden picture and the earlier ones of the same camera and variant, with their regions."""
    rows = await views.beside(conn, await inspection.get(conn, inspection_id))
    return [
        {
            "id": str(row["id"]),
            "image": f"/api/images/{row['image_sha256']}",
            "px": [row["image_w"], row["image_h"]] if row["image_w"] else None,
            "golden": row["golden"],
            "verdict": shell._(label("verdict", row["verdict"]).word),
            "review": shell._(label("review", row["review"]).word) if row["review"] else "",
            "regions": [
                [region["x"], region["y"], region["w"], region["h"]] for region in row["regions"]
            ],
            "score": row["score"],
            "at": shell.f.plain(row["triggered_at"]),
        }
        for row in rows
    ]


@router.get("/quality/review/{inspection_id}/measures.json")
async def measures(inspection_id: UUID, shell: ReviewPage, conn: ReadDb) -> list[dict[str, Any]]:
    """Answer what the gauges of a pipeline read in a picture; nothing where none judged it."""
    steps = await judged.steps_of(conn, inspection_id)
    return [
        {
            "node": one.node,
            "verdict": one.verdict.value,
            "value": f"{one.value:.3f} {one.unit}" if one.value is not None else one.text or "–",
            "low": one.low,
            "high": one.high,
            "reason": one.reason,
        }
        for one in (steps.measures if steps else ())
    ]


@router.get("/quality/holds")
async def holds_page(
    request: Request,
    shell: HoldsPage,
    conn: ReadDb,
    wanted: FilterDep,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List what was held, by whom it was decided and what became of it."""
    total = await views.count(conn, wanted)
    return shell.page(
        "quality/holds.html",
        {
            "holds": await views.holds(
                conn, wanted, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
            ),
            "page": page_of(request, total, page),
            "wanted": wanted,
            "states": list(HoldState),
            "kinds": await views.kinds(conn, since=shell.now - timedelta(days=7)),
            "topics": "holds,quality",
        },
    )


@router.get("/quality/holds.csv")
async def holds_export(shell: HoldsPage, conn: ReadDb, wanted: FilterDep) -> Response:
    """Give the same list as CSV."""
    rows = await views.holds(conn, wanted, limit=MAX_EXPORT, offset=0)
    return csv_answer("holds", EXPORTED, rows, shell.f)


@router.get("/quality/judged")
async def judged_page(
    request: Request,
    shell: PicturesPage,
    conn: ReadDb,
    wanted: JudgedDep,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List every part that a model version judged, with its reviewer and what became of it."""
    total = await views.judged_count(conn, wanted)
    return shell.page(
        "quality/judged.html",
        {
            "rows": await views.judged(
                conn, wanted, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
            ),
            "page": page_of(request, total, page),
            "wanted": wanted,
            "judged_by": await views.judged_by(conn, wanted),
        },
    )


@router.get("/quality/judged.csv")
async def judged_export(shell: PicturesPage, conn: ReadDb, wanted: JudgedDep) -> Response:
    """Give the same list as CSV."""
    rows = await views.judged(conn, wanted, limit=MAX_EXPORT, offset=0)
    return csv_answer("judged", JUDGED, rows, shell.f)


@router.get("/quality/inspections/{inspection_id}")
async def inspection_page(inspection_id: UUID, shell: PicturesPage, conn: ReadDb) -> HTMLResponse:
    """Show one judged picture with its regions."""
    seen = await inspection.get(conn, inspection_id)
    return shell.page(
        "quality/inspection.html",
        {
            "seen": seen,
            "order_number": await views.order_number(conn, seen.body_id) if seen.body_id else None,
            "hold": await views.hold_of(conn, inspection_id),
            "steps": await judged.steps_of(conn, inspection_id),
            "beside": await views.beside(conn, seen),
        },
    )
