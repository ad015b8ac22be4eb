"""The model judges the golden set of a study as people do, at every trial, in a process of its own."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from uuid import UUID

import structlog

from mes.contracts.quality import Verdict
from mes.inspection import agreement, agreement_repository, registry
from mes.inspection.images import FolderImageStore, ImageStore
from mes.inspection.training_process import ProcessFailedError, run_vision
from mes.platform.clock import Clock
from mes.platform.db import Database
from mes.platform.errors import Problem
from mes.platform.jobs import JobContext, job

log = structlog.get_logger()

LIMIT_S = 600.0


@job(agreement.JOB)
async def let_model_judge(context: JobContext, study_id: str) -> None:
    """Let the camera's present model judge a golden set."""
    images = FolderImageStore(context.settings.image_dir)
    await model_judges(context.database, context.clock, images, UUID(study_id))


async def model_judges(
    database: Database, clock: Clock, images: ImageStore, study_id: UUID
) -> None:
    """Let the model that judges at the camera now judge every part at every trial.

    A picture that the model cannot judge (UNFIT) is stopped at the line like a defect, and counts as one.
    """
    async with database.read() as conn:
        study = await agreement.get(conn, study_id)
        parts = await agreement_repository.parts(conn, study_id)
    try:
        with tempfile.TemporaryDirectory(prefix="c2m-agreement-") as folder:
            place = Path(folder) / "parts"
            place.mkdir()
            for part in parts:
                data = await images.get(part.image_sha256)
                if data is None:
                    raise ProcessFailedError(f"the picture of part {part.number} is gone")
                suffix = ".png" if data.startswith(b"\x89PNG") else ".jpg"
                file = place / f"{part.inspection_id}{suffix}"
                await asyncio.to_thread(file.write_bytes, data)
            async with database.read() as conn:
                present = await registry.package_judging(conn, images, study.camera, Path(folder))
            if present is None:
                raise ProcessFailedError("no model judges at this camera")
            said = [await _judged(present[0], place) for _ in range(study.repeats)]
    except (ProcessFailedError, TimeoutError, Problem) as error:
        log.warning("agreement.model_failed", study=str(study_id), why=str(error))
        async with database.write() as conn:
            await agreement.note_model_failed(conn, study_id, str(error))
        return
    async with database.write() as conn:
        await agreement.take_models_word(conn, study_id, present[1], said, now=clock.now())


async def _judged(package: Path, place: Path) -> dict[UUID, bool]:
    """Return for each picture of a folder whether it is stopped."""

    async def go_on() -> bool:
        return False

    answers = await run_vision(
        ["predict", str(package), str(place), "--json"],
        told=lambda _said: None,
        stop=go_on,
        limit_s=LIMIT_S,
    )
    return {UUID(Path(one["path"]).stem): one["verdict"] != Verdict.OK for one in answers}
