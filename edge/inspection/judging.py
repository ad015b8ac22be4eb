"""A picture judged by what the MES named for its camera and variant, and looked at by what is on trial there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import structlog
from numpy.typing import NDArray

from edge.inspection.pictures import CameraFault, SnapshotCamera
from edge.inspection.request import Request
from edge.inspection.results import Judgement, measures_of, regions_of
from edge.models import Choice, Judge, ModelShelf, NoModel
from edge.plant_clock import LiveClock
from mes.contracts.agent import ModelRole
from mes.contracts.quality import BesideVerdict, Verdict
from qc_vision.pipelines import PipelineInspection
from qc_vision.runtime import Inspection, NotAnImage, decode

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PictureJudge:
    """Judges the parts before one camera by its pictures."""

    camera_id: str
    camera: SnapshotCamera
    shelf: ModelShelf
    clock: LiveClock
    _fault: str | None = None
    _beside_ms: float = 0.0
    """What the model that looks on took last."""

    async def judge(self, request: Request) -> Judgement:
        """Return what is to be said of a part; what cannot be judged is UNFIT."""
        try:
            picture = await self.camera.fetch(request)
        except CameraFault as fault:
            return self._unfit(str(fault))
        try:
            judgement = await asyncio.to_thread(self._inspect, request, picture)
        except NotAnImage as error:
            return self._unfit(str(error))
        self._recovered()
        return judgement

    async def complete(self, request: Request, judgement: Judgement) -> Judgement:
        """Return a judgement as it is: it has its picture."""
        return judgement

    async def look_on(
        self, request: Request, judgement: Judgement, *, is_idle: Callable[[], bool]
    ) -> BesideVerdict | None:
        """Ask the model that looks on, once the line has its verdict and while nobody waits.

        It is left out when the next request is there, or when it would not be done by the deadline.
        """
        choice = judgement.choice
        if choice is None or choice.beside is None or judgement.picture is None:
            return None
        left_ms = (self.clock.deadline(request.deadline_at) - time.monotonic()) * 1000
        if not is_idle() or left_ms < 2 * self._beside_ms:
            return None
        return await asyncio.to_thread(self._beside, choice, choice.beside, judgement.picture)

    def _inspect(self, request: Request, picture: bytes) -> Judgement:
        upright = decode(picture)
        height, width = upright.shape[:2]
        kept = Judgement(Verdict.UNFIT, picture=picture, picture_px=(width, height))
        try:
            choice = self.shelf.choose(self.camera_id, request.variant, request.counter)
        except NoModel as error:
            return replace(kept, reason=str(error))
        judgement, worked = self._ask(choice, upright, kept)
        if not worked and choice.judge.model.role is ModelRole.CANARY and choice.beside is not None:
            # What is on trial failed, not the part: what judges the other parts judges this one.
            judgement, _ = self._ask(Choice(choice.beside, None), upright, kept)
        return judgement

    def _ask(
        self, choice: Choice, picture: NDArray[np.uint8], kept: Judgement
    ) -> tuple[Judgement, bool]:
        """Return what a model or pipeline says of a picture, and whether it did its work."""
        began = time.monotonic()
        try:
            inspection = choice.judge.inspector.inspect(picture)
        except (
            Exception
        ) as error:  # whatever the runtime raises: no part passes because of an error
            self._broken(choice.judge, error)
            reason = f"the model failed: {type(error).__name__}: {error}"
            return replace(kept, reason=reason), False
        judgement = replace(
            kept,
            verdict=Verdict(inspection.verdict.value),
            reason=inspection.fitness.reason,
            inspection=inspection,
            model=choice.judge.model,
            inference_ms=(time.monotonic() - began) * 1000,
            choice=choice,
        )
        return judgement, self._note(choice.judge, inspection)

    def _note(self, judge: Judge, inspection: Inspection) -> bool:
        """Take note of whether a model or pipeline did its work."""
        if isinstance(inspection, PipelineInspection) and inspection.error is not None:
            self.shelf.failed(judge, f"{inspection.failed}: {inspection.error}")
            return False
        self.shelf.worked(judge)
        return True

    def _beside(self, choice: Choice, beside: Judge, picture: bytes) -> BesideVerdict | None:
        began = time.monotonic()
        try:
            seen = beside.inspector.inspect(picture)
        except Exception as error:  # a model on trial must not disturb the line
            self._broken(beside, error)
            return None
        self._note(beside, seen)
        self._beside_ms = (time.monotonic() - began) * 1000
        return BesideVerdict(
            package_sha256=beside.model.package_sha256 or "",
            judged_by=choice.judge.model.package_sha256 or "",
            verdict=Verdict(seen.verdict.value),
            score=seen.score,
            threshold=seen.threshold,
            regions=regions_of(seen),
            measures=measures_of(seen),
            ms=self._beside_ms,
        )

    def _broken(self, judge: Judge, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        log.error("model.failed", camera=self.camera_id, package=judge.model.package, reason=reason)
        self.shelf.failed(judge, reason)

    def _unfit(self, reason: str) -> Judgement:
        if self._fault != reason:
            log.warning("camera.failed", camera=self.camera_id, reason=reason)
        self._fault = reason
        return Judgement(Verdict.UNFIT, reason)

    def _recovered(self) -> None:
        if self._fault is not None:
            log.info("camera.recovered", camera=self.camera_id)
            self._fault = None
