"""Studies of agreement: choose a golden set, let people and the model judge it blind, say how they agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.identity import service as identity
from mes.inspection import agreement_repository as repository
from mes.inspection import registry
from mes.inspection.agreement_model import (
    MODEL,
    AnotherPicture,
    Given,
    Next,
    NothingLeft,
    NothingToTakeBack,
    Part,
    Study,
    TooFewAppraisers,
    UnknownStudy,
    finished,
    golden_set,
    next_for,
    order_of,
    standard_of,
)
from mes.inspection.agreement_stats import Agreement, agreement_of
from mes.platform import jobs
from mes.platform.db import ReadConn, WriteConn

JOB = "inspection.agreement"


async def begin(
    conn: WriteConn,
    title: str,
    camera: str,
    *,
    parts: int,
    repeats: int,
    actor: str,
    now: datetime,
) -> Study:
    """Begin a study with a golden set of reviewed pictures; the camera's model judges it too.

    Raises:
        UnknownCamera, TooFewGolden: there is no such camera, or too few of its pictures were reviewed.
    """
    await registry.scene_of(conn, camera)
    golden = golden_set(await repository.candidates(conn, camera), parts)
    study = Study(uuid7(), title, camera, repeats, actor, now, None, None, None)
    await repository.add(conn, study, golden)
    await jobs.defer(conn, JOB, {"study_id": str(study.id)})
    await _audit(conn, study, "begun", actor=actor, now=now)
    return study


async def get(conn: ReadConn, study_id: UUID) -> Study:
    """Return a study; raises UnknownStudy."""
    found = await repository.get(conn, study_id)
    if found is None:
        raise UnknownStudy(study=study_id)
    return found


async def next_part(conn: ReadConn, study_id: UUID, appraiser: str) -> tuple[Next, Part] | None:
    """Return what an appraiser judges next; None when nothing is left.

    Raises:
        UnknownStudy, StudyClosed: there is none, or it takes no more verdicts.
    """
    study = await get(conn, study_id)
    study.check_open()
    parts = {part.number: part for part in await repository.parts(conn, study_id)}
    done = await repository.count_of(conn, study_id, appraiser)
    following = next_for(study, appraiser, done, list(parts))
    return None if following is None else (following, parts[following.part])


async def judge(
    conn: WriteConn,
    study_id: UUID,
    appraiser: str,
    *,
    place: int,
    defect: bool,
    now: datetime,
) -> None:
    """Take an appraiser's verdict of the part that is its turn.

    Args:
        place: which of its verdicts this is, from 0: one that comes twice is refused, never counted twice.

    Raises:
        UnknownStudy, StudyClosed, NothingLeft
        AnotherPicture: it is another part's turn.
    """
    study = await _for_change(conn, study_id)
    study.check_open()
    numbers = [part.number for part in await repository.parts(conn, study_id)]
    done = await repository.count_of(conn, study_id, appraiser)
    following = next_for(study, appraiser, done, numbers)
    if following is None:
        raise NothingLeft
    if following.place != place:
        raise AnotherPicture(given=place, expected=following.place)
    one = Given(appraiser, following.part, following.trial, defect)
    await repository.give(conn, study_id, one, at=now)


async def take_back(conn: WriteConn, study_id: UUID, appraiser: str) -> None:
    """Take an appraiser's last verdict back, within its trial.

    Raises:
        UnknownStudy, StudyClosed
        NothingToTakeBack: none was given in this trial.
    """
    study = await _for_change(conn, study_id)
    study.check_open()
    numbers = [part.number for part in await repository.parts(conn, study_id)]
    done = await repository.count_of(conn, study_id, appraiser)
    if (done % len(numbers) == 0 and done < study.repeats * len(numbers)) or done == 0:
        raise NothingToTakeBack
    trial, place = divmod(done - 1, len(numbers))
    part = order_of(study_id, appraiser, trial + 1, numbers)[place]
    await repository.take_back(conn, study_id, appraiser, part=part, trial=trial + 1)


async def close(conn: WriteConn, study_id: UUID, *, actor: str, now: datetime) -> Study:
    """Close a study: it takes no more verdicts, and everything of it may be seen.

    Raises:
        UnknownStudy, StudyClosed
        TooFewAppraisers: fewer than two have judged everything.
    """
    study = (await _for_change(conn, study_id)).closed(now=now)
    await result(conn, study)
    await repository.save(conn, study)
    await _audit(conn, study, "closed", actor=actor, now=now)
    return study


async def result(conn: ReadConn, study: Study) -> Agreement:
    """Return how those agree who have judged everything; raises TooFewAppraisers."""
    parts = await repository.parts(conn, study.id)
    said = finished(study, parts, await repository.given(conn, study.id))
    if len(said) < 2:
        raise TooFewAppraisers(finished=len(said))
    return agreement_of(standard_of(parts), said)


async def result_for(conn: ReadConn, study: Study, viewer: str) -> Agreement:
    """Return the result of a study to somebody who may see it.

    Raises:
        StillBlind: they have begun to judge and are not done.
        TooFewAppraisers: fewer than two have judged everything.
    """
    (seen,) = await repository.overviews(conn, [study])
    seen.check_seen_by(viewer)
    return await result(conn, study)


async def take_models_word(
    conn: WriteConn, study_id: UUID, model: str, said: list[dict[UUID, bool]], *, now: datetime
) -> None:
    """Keep what the model said of every part at every trial, in place of what it said before."""
    study = await _for_change(conn, study_id)
    if study.closed_at is not None:
        return
    await repository.forget_appraiser(conn, study_id, MODEL)
    for part in await repository.parts(conn, study_id):
        for trial, verdicts in enumerate(said, 1):
            one = Given(MODEL, part.number, trial, verdicts[part.inspection_id])
            await repository.give(conn, study_id, one, at=now)
    await repository.save(conn, replace(study, model=model, model_failure=None))


async def note_model_failed(conn: WriteConn, study_id: UUID, why: str) -> None:
    """Remember why the model is no appraiser of a study."""
    study = await _for_change(conn, study_id)
    await repository.save(conn, replace(study, model_failure=why))


async def _for_change(conn: WriteConn, study_id: UUID) -> Study:
    found = await repository.get_for_change(conn, study_id)
    if found is None:
        raise UnknownStudy(study=study_id)
    return found


async def _audit(conn: WriteConn, study: Study, what: str, *, actor: str, now: datetime) -> None:
    after = {
        "state": what,
        "title": study.title,
        "camera": study.camera,
        "repeats": study.repeats,
    }
    await identity.audit(
        conn, actor, "agreement.study", f"agreement:{study.id}", None, after, now=now
    )
