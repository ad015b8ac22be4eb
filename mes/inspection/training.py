"""Train a camera's model from reviewed pictures: ask, look at what was found, start, stop."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.events import ModelTraining
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.identity import service as identity
from mes.inspection import registry, training_repository
from mes.inspection.training_model import (
    MAX_DEFECTS,
    Choice,
    DatesReversed,
    Picture,
    Regions,
    Target,
    Taught,
    Training,
    TrainingState,
    Truth,
    UnknownTraining,
    Use,
    check_enough,
)
from mes.inspection.training_regions import check_regions, taught_by
from mes.inspection.training_split import divided
from mes.platform import jobs
from mes.platform.db import ReadConn, WriteConn

JOB = "inspection.training"


async def choice(
    conn: ReadConn, camera: str, variant: str | None, from_at: datetime, to_at: datetime
) -> Choice:
    """Return how many pictures of a camera there are to train from, by what people said of them."""
    return await training_repository.choice(conn, camera, variant, from_at, to_at)


async def taught(
    conn: ReadConn,
    camera: str,
    variant: str | None,
    from_at: datetime,
    to_at: datetime,
    *,
    regions: Regions,
) -> Taught:
    """Return how many pictures of a camera have regions to learn from, by their defect codes."""
    if regions is Regions.NONE:
        return taught_by([])
    return taught_by(
        await training_repository.taught(
            conn, camera, variant, from_at, to_at, regions=regions, most=MAX_DEFECTS
        )
    )


async def ask(
    conn: WriteConn,
    camera: str,
    *,
    variant: str | None,
    from_at: datetime,
    to_at: datetime,
    assumed_good: bool,
    target: Target,
    regions: Regions = Regions.NONE,
    epochs: int | None = None,
    actor: str,
    now: datetime,
) -> Training:
    """Choose the pictures of a training and have them looked over; a person starts it after that.

    Args:
        variant: of these parts only; None: of all.
        from_at, to_at: plant time in which the pictures were taken.
        assumed_good: whether pictures count as good that the camera passed and nobody contradicted.
        regions: which regions of defects it learns, beside the good pictures.
        epochs: how often it is shown the pictures where it learns regions; None: as the library sees fit.

    Raises:
        UnknownCamera: the plant has none of this name.
        DatesReversed: the dates end before they begin.
        TooFewGood, TooFewDefects, TooFewRegions: with how many are needed.
        RegionsAlone: regions are to be learned and an escape rate to be proved.
    """
    scene = await registry.scene_to_judge(conn, camera)
    if to_at <= from_at:
        raise DatesReversed(to_at=to_at.isoformat())
    found = await choice(conn, camera, variant, from_at, to_at)
    check_enough(found.usable_good(assumed_good=assumed_good), found.defects, target)
    if regions is not Regions.NONE:
        seen = await taught(conn, camera, variant, from_at, to_at, regions=regions)
        check_regions(seen, target)
    training = Training(
        id=uuid7(),
        camera=camera,
        scene=scene,
        variant=variant,
        from_at=from_at,
        to_at=to_at,
        assumed_good=assumed_good,
        target_overkill=target.overkill,
        target_escape=target.escape,
        regions=regions,
        epochs=epochs,
        state=TrainingState.EXAMINING,
        progress={},
        stop_asked=False,
        failure=None,
        figures=None,
        package_sha256=None,
        asked_by=actor,
        asked_at=now,
        ended_at=None,
    )
    await training_repository.add(conn, training)
    await _tell(conn, training, actor=actor, now=now)
    await _queue(conn, training)
    return training


async def get(conn: ReadConn, training_id: UUID) -> Training:
    """Return a training; raises UnknownTraining."""
    found = await training_repository.get(conn, training_id)
    if found is None:
        raise UnknownTraining(training=training_id)
    return found


async def newest(conn: ReadConn, *, limit: int = 50) -> list[Training]:
    """Return the newest trainings."""
    return await training_repository.newest(conn, limit=limit)


async def pictures(conn: ReadConn, training_id: UUID) -> list[Picture]:
    """Return the pictures of a training in the order they were taken."""
    return await training_repository.pictures(conn, training_id)


async def start(
    conn: WriteConn,
    training_id: UUID,
    *,
    left_out: Collection[UUID],
    actor: str,
    now: datetime,
) -> Training:
    """Start a training whose pictures were looked over, without some of them.

    Raises:
        UnknownTraining, NotExamined: there is none, or it is not waiting for this.
        TooFewGood, TooFewDefects, TooFewRegions: without those pictures they are not enough.
    """
    training = (await _for_change(conn, training_id)).started()
    seen = divided(
        await training_repository.pictures(conn, training_id), left_out, seed=training.id.int
    )
    used = [p for p in seen if p.use is not Use.LEFT_OUT]
    truths = [p.truth for p in used]
    check_enough(truths.count(Truth.GOOD), truths.count(Truth.DEFECT), target_of(training))
    if training.regions is not Regions.NONE:
        check_regions(taught_by([p.codes for p in used if p.drawn]), target_of(training))
    await training_repository.save_pictures(conn, training_id, seen)
    await training_repository.save_progress(conn, training_id, {})
    await save(conn, training, actor=actor, now=now)
    await _queue(conn, training)
    return training


async def stop(conn: WriteConn, training_id: UUID, *, actor: str, now: datetime) -> Training:
    """Stop a training; its worker ends it within a second.

    Raises:
        UnknownTraining, NothingToStop: there is none, or it is over.
    """
    before = await _for_change(conn, training_id)
    training = before.asked_to_stop(now=now)
    if training.state is before.state:
        await training_repository.save(conn, training)
        await _audit(conn, training, "stop asked", actor=actor, now=now)
    else:
        await save(conn, training, actor=actor, now=now)
    return training


async def fail_abandoned(conn: WriteConn, *, now: datetime) -> None:
    """Fail the trainings that were given up with their workers, so that nobody waits for them."""
    for training_id in await training_repository.without_job(conn):
        training = await _for_change(conn, training_id)
        if training.state.runs:
            await save(conn, training.failed("given_up", {}, now=now), actor="system", now=now)


async def save(conn: WriteConn, training: Training, *, actor: str, now: datetime) -> None:
    """Keep a training in its new state and tell pages and the audit."""
    await training_repository.save(conn, training)
    await _tell(conn, training, actor=actor, now=now)


def target_of(training: Training) -> Target:
    """Return what a training promises."""
    return Target(training.target_overkill, training.target_escape)


async def _for_change(conn: WriteConn, training_id: UUID) -> Training:
    found = await training_repository.get_for_change(conn, training_id)
    if found is None:
        raise UnknownTraining(training=training_id)
    return found


async def _queue(conn: WriteConn, training: Training) -> None:
    """Queue its job; one training runs at a time, so that solves find a worker."""
    await jobs.defer(conn, JOB, {"training_id": str(training.id)}, lock=JOB)


async def _tell(conn: WriteConn, training: Training, *, actor: str, now: datetime) -> None:
    await events.record(
        conn,
        ModelTraining(
            training_id=training.id, camera=training.camera, training=training.state.value
        ),
        now=now,
        actor=actor,
    )
    await _audit(conn, training, training.state.value, actor=actor, now=now)


async def _audit(
    conn: WriteConn, training: Training, what: str, *, actor: str, now: datetime
) -> None:
    after: dict[str, Any] = {
        "camera": training.camera,
        "variant": training.variant,
        "state": what,
        "from_at": training.from_at.isoformat(),
        "to_at": training.to_at.isoformat(),
        "target_overkill": training.target_overkill,
        "target_escape": training.target_escape,
        "regions": training.regions.value,
        "package_sha256": training.package_sha256,
    }
    await identity.audit(
        conn, actor, "model.training", f"training:{training.id}", None, after, now=now
    )
