"""Screens of training: choose pictures, see what is odd about them, watch, judge the new model beside the old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from mes.identity.model import Role
from mes.inspection import registry, training, training_repository
from mes.inspection.training_figures import differing, mistakes
from mes.inspection.training_model import (
    MEASURED,
    MIN_GOOD,
    MIN_OF_A_CODE,
    MIN_TAUGHT,
    Choice,
    Picture,
    Regions,
    Training,
    TrainingState,
    Truth,
    Use,
    best_overkill,
)
from mes.inspection.training_regions import taught_by
from mes.platform.http import ReadDb
from mes.web.reader import page_for
from mes.web.shell import Shell
from mes.web.translations import mark as _

router = APIRouter()

TrainingPage = Annotated[Shell, Depends(page_for(Role.QUALITY))]
LOOK_BACK = timedelta(days=14)
SHOWN = 12
OVERKILLS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
ESCAPES = (0.01, 0.02, 0.05, 0.1)
EPOCHS = (5, 10, 20, 40, 80)
CALIBRATING = 0.3
"""Share of the good pictures learned from that sets the threshold where regions are learned (`qc_vision`)."""

STEPS: Mapping[str, str] = {
    "gather": _("Collecting the pictures"),
    "examine": _("Looking for near-duplicates, marks and outliers"),
    "features": _("Reading the features of the good pictures"),
    "boxes": _("Learning the regions"),
    "choose": _("Setting the threshold"),
    "export": _("Writing and checking the model"),
    "calibrate": _("Setting the threshold on the defects"),
    "judge_new": _("The new model judges the pictures held back"),
    "judge_old": _("The present model judges the same pictures"),
    "keep": _("Registering the model"),
}
REGIONS: Mapping[str, str] = {
    Regions.NONE: _("Good pictures alone: whatever is unlike them is a defect"),
    Regions.DRAWN: _("Regions too that people drew: named defects alone"),
    Regions.CONFIRMED: _("Regions too that people drew, or confirmed as the model marked them"),
}
FAILURES: Mapping[str, str] = {
    "process": _("It ended with an error: %(why)s"),
    "timed_out": _("A step took longer than %(minutes)s minutes and was ended."),
    "given_up": _("Its worker ended again and again, so it was given up."),
}
FINDINGS: Mapping[str, str] = {
    "leak": _("a near-duplicate of it has the other label"),
    "mark": _("a coloured mark on the picture?"),
    "size": _("another size than the others"),
    "outlier": _("unlike the others: another label or part?"),
    "unreadable": _("cannot be read, so it is left out"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the filters of the page say."""

    camera: str
    variant: str
    first: date
    last: date
    good: str
    regions: Regions

    @property
    def assumed_good(self) -> bool:
        """Whether passed pictures count as good that nobody reviewed."""
        return self.good != "reviewed"

    def between(self, shell: Shell) -> tuple[datetime, datetime]:
        """Return the stretch of plant time, the last day included."""
        zone = shell.f.zone
        return (
            datetime.combine(self.first, time(0), zone),
            datetime.combine(self.last + timedelta(days=1), time(0), zone),
        )


@router.get("/quality/training")
async def trainings_page(
    shell: TrainingPage,
    conn: ReadDb,
    camera: Annotated[str, Query(max_length=80)] = "",
    variant: Annotated[str, Query(max_length=80)] = "",
    first: date | None = None,
    last: date | None = None,
    good: Annotated[str, Query(max_length=10)] = "",
    regions: Annotated[str, Query(max_length=10)] = "",
) -> HTMLResponse:
    """Choose a camera and its pictures, and see the trainings so far."""
    cameras = [
        station.camera.id
        for _line, station in registry.stations_with_camera(shell.plant)
        if station.camera is not None and station.camera.vision_system is None
    ]
    today = shell.f.local(shell.now).date()
    asked = Asked(
        camera if camera in cameras else (cameras[0] if cameras else ""),
        variant,
        first or today - LOOK_BACK,
        last or today,
        good,
        Regions(regions) if regions in set(Regions) else Regions.NONE,
    )
    from_at, to_at = asked.between(shell)
    choice, kinds, variants, taught = Choice(0, 0, 0, 0, 0), [], [], taught_by([])
    if from_at < to_at:
        wanted = variant or None
        choice = await training.choice(conn, asked.camera, wanted, from_at, to_at)
        kinds = await training_repository.defect_kinds(conn, asked.camera, wanted, from_at, to_at)
        variants = await training_repository.variants(conn, asked.camera, from_at, to_at)
        taught = await training.taught(
            conn, asked.camera, wanted, from_at, to_at, regions=asked.regions
        )
    usable = choice.usable_good(assumed_good=asked.assumed_good)
    return shell.page(
        "inspection/trainings.html",
        {
            "asked": asked,
            "body": {
                "camera": asked.camera,
                "variant": variant or None,
                "from_at": from_at.isoformat(),
                "to_at": to_at.isoformat(),
                "assumed_good": asked.assumed_good,
                "regions": asked.regions.value,
            },
            "learns_regions": asked.regions is not Regions.NONE,
            "regions": REGIONS,
            "export": urlencode(
                {
                    "from_at": from_at.isoformat(),
                    "to_at": to_at.isoformat(),
                    "regions": asked.regions.value,
                    **({"variant": variant} if variant else {}),
                }
            ),
            "taught": taught,
            "enough_regions": taught.pictures >= MIN_TAUGHT and taught.learned,
            "needed_regions": MIN_TAUGHT,
            "needed_of_a_code": MIN_OF_A_CODE,
            "epochs": EPOCHS,
            "cameras": cameras,
            "variants": [row["variant"] for row in variants],
            "choice": choice,
            "kinds": kinds,
            "usable": usable,
            "needed": MIN_GOOD,
            "best": best_overkill(
                usable
                if asked.regions is Regions.NONE
                else round(CALIBRATING * (1 - MEASURED) * usable)
            ),
            "overkills": OVERKILLS,
            "escapes": ESCAPES,
            "reversed": from_at >= to_at,
            "trainings": await training.newest(conn),
            "topics": "quality",
        },
    )


@router.get("/quality/training/{training_id}")
async def training_page(training_id: UUID, shell: TrainingPage, conn: ReadDb) -> HTMLResponse:
    """Show one training: findings, progress, or figures and mistakes."""
    found = await training.get(conn, training_id)
    pictures = await training.pictures(conn, training_id)
    measured = [p for p in pictures if p.use is Use.MEASURE and p.new is not None]
    escapes, alarms = mistakes(measured)
    at = (await registry.cameras(conn)).get(found.camera)
    return shell.page(
        "inspection/training.html",
        {
            "training": found,
            "step": _step(found, shell),
            "failure": _failure(found, shell),
            "odd": [p for p in pictures if p.findings],
            "findings": FINDINGS,
            "counts": _counts(pictures),
            "twins": _twins(pictures),
            "figures": found.figures,
            "regions": REGIONS[found.regions],
            "learns_regions": found.regions is not Regions.NONE,
            "curve": _curve((found.figures or found.progress).get("curve") or []),
            "strips": _strips(measured),
            "escapes": escapes[:SHOWN],
            "alarms": alarms[:SHOWN],
            "differing": differing(measured)[:SHOWN],
            "on_trial": at.trial if at else None,
            "judges": at.active if at else None,
            "runs": found.state.runs,
            "waits": found.state is TrainingState.EXAMINED,
            "topics": "quality",
        },
    )


def _step(one: Training, shell: Shell) -> dict[str, Any] | None:
    """Return what a running training does now: a word, how far, and its place among the steps."""
    if not one.state.runs:
        return None
    name = str(one.progress.get("step"))
    done, of = one.progress.get("done"), one.progress.get("of")
    places = list(STEPS)
    place = places.index(name) if name in STEPS else 0
    return {
        "word": shell._(STEPS[name]) if name in STEPS else shell._(_("Waits for a worker")),
        "done": done,
        "of": of,
        "left_s": one.progress.get("left_s"),
        "value": place + (done / of if done and of else 0),
        "max": len(places),
    }


def _failure(one: Training, shell: Shell) -> str | None:
    if one.failure is None:
        return None
    sentence = FAILURES[one.failure["code"]]
    facts: Mapping[str, Any] = one.failure["facts"]
    return shell._(sentence) % facts


def _counts(pictures: Sequence[Picture]) -> dict[str, int]:
    """Return how many pictures there are of each truth and use."""
    return {
        "good": sum(p.truth is Truth.GOOD for p in pictures),
        "reviewed": sum(p.truth is Truth.GOOD and p.reviewed for p in pictures),
        "defects": sum(p.truth is Truth.DEFECT for p in pictures),
        **{use.value: sum(p.use is use for p in pictures) for use in Use},
    }


def _twins(pictures: Sequence[Picture]) -> int:
    """Return how many pictures are near-duplicates of another."""
    groups = [p.twins for p in pictures if p.twins is not None]
    return len(groups) - len(set(groups))


def _strips(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """Return the scores of both models, good parts and defects apart, for a drawing."""
    strips: list[dict[str, Any]] = []
    for model in ("old", "new"):
        for truth in Truth:
            said = [getattr(p, model) for p in pictures if p.truth is truth]
            scores = [one["score"] for one in said if one is not None]
            if scores:
                strips.append({"model": model, "truth": truth.value, "scores": scores})
    return strips


def _curve(passes: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return how learning regions went, for a drawing of 600×120: loss falls from the top, mAP50 rises to it."""
    if len(passes) < 2:
        return None
    last, highest = passes[-1]["epoch"], max(one["loss"] for one in passes)
    first = passes[0]["epoch"]

    def at(one: Mapping[str, Any], height: float) -> tuple[float, float]:
        share = (one["epoch"] - first) / max(last - first, 1)
        return round(20 + 560 * share, 1), round(110 - 100 * height, 1)

    measured = [one for one in passes if "map50" in one]
    return {
        "loss": [at(one, one["loss"] / highest if highest else 0.0) for one in passes],
        "map50": [at(one, one["map50"]) for one in measured],
        "passes": last,
        "last_loss": passes[-1]["loss"],
        "last_map50": measured[-1]["map50"] if measured else None,
    }
