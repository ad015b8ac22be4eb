"""A camera's request, answered: fetch the picture, judge it, write the verdict before the deadline.

The handshake (DECISIONS: inspection): the PLC raises a counter with the body and the deadline; the agent
writes body, counter, verdict and, last, the valid bit in one request; the PLC refuses a stale one. What
cannot be judged is UNFIT, what comes too late is LATE; both are results with their reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import structlog
from asyncua import ua

from edge.images import ImageFolder
from edge.journal import Journal
from edge.models import Choice, Judge, ModelShelf, NoModel
from edge.opcua.link import CallRefused, Link
from edge.opcua.nodes import UnknownNode
from edge.plant_clock import LiveClock
from mes.contracts.agent import CameraModel
from mes.contracts.ids import uuid7
from mes.contracts.plc import CameraNodes, VerdictAck
from mes.contracts.quality import (
    BesideVerdict,
    InspectionResult,
    Measure,
    Region,
    Verdict,
    VerdictCode,
)
from mes.contracts.wire import Stream
from qc_vision.pipelines import PipelineInspection
from qc_vision.runtime import Inspection, NotAnImage, decode

log = structlog.get_logger(__name__)

CAMERA_TIMEOUT_S = 3.0
"""How long a camera may take to answer at most."""
SHORTEST_TIMEOUT_S = 0.05
MAX_PICTURE_BYTES = 16 << 20
NEAR_THRESHOLD = 0.7
"""From this share of the threshold on, the picture of an OK part is always kept."""
ACK_TIMEOUT_S = 1.0
ACK_POLL_S = 0.02
PICTURE_TYPES = ("image/",)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CameraFault(Exception):
    """The camera gave no picture; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the PLC asks: judge this part before the deadline (plant time)."""

    counter: int
    body_id: UUID | None
    lot: str | None
    job_order_id: UUID | None
    variant: str
    deadline_at: datetime
    triggered_at: datetime
    seen: float
    """Monotonic, when the agent heard of it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a request, before the PLC has answered."""

    verdict: Verdict
    reason: str | None = None
    inspection: Inspection | None = None
    model: CameraModel | None = None
    picture: bytes | None = None
    picture_px: tuple[int, int] | None = None
    inference_ms: float = 0.0
    choice: Choice | None = None


@dataclass(slots=True)
class Station:
    """One camera's handshake on one session.

    Args:
        may_act: whether this agent's writes are valid (it is not fenced).
    """

    line: str
    nodes: CameraNodes
    link: Link
    http: httpx.AsyncClient
    shelf: ModelShelf
    journal: Journal
    images: ImageFolder
    clock: LiveClock
    may_act: Callable[[], bool]
    counts: dict[Verdict, int]
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _announced: int = 0
    _seen: float = 0.0
    _fault: str | None = None
    _beside_ms: float = 0.0
    """What the model that looks on took last."""

    def announce(self, counter: object) -> None:
        """Take the request counter as its subscription brings it."""
        if isinstance(counter, int) and counter > 0:
            self._announced, self._seen = counter, time.monotonic()
            self._news.set()

    async def run(self) -> None:
        """Answer requests until the session fails.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        last = int(self.journal.fact(self._fact) or 0)
        while True:
            await self._news.wait()
            self._news.clear()
            if self._announced != last and self.may_act():
                last = self._announced
                try:
                    request = await self._read_request()
                except UnknownNode as error:
                    log.error("camera.nodes_missing", camera=self.nodes.id, reason=str(error))
                    return
                await self._answer(request)

    @property
    def _fact(self) -> str:
        return f"camera:{self.nodes.id}"

    async def _answer(self, request: Request) -> None:
        judgement = await self._judge_in_time(request)
        accepted = False
        if judgement.verdict is not Verdict.LATE:
            accepted = await self._write(request, judgement.verdict)
        total_ms = (time.monotonic() - request.seen) * 1000
        beside = await self._look_on(request, judgement)
        sha256 = None
        if judgement.picture is not None:
            sha256 = await self.images.keep(
                judgement.picture,
                judgement.verdict,
                asked_for=_near_threshold(judgement) or _differ(judgement, beside),
            )
        result = _result(
            self.line,
            self.nodes,
            request,
            judgement,
            beside=beside,
            sha256=sha256,
            decided_at=self.clock.now(),
            total_ms=total_ms,
            accepted=accepted,
        )
        self.counts[judgement.verdict] += 1
        await self.journal.append_records(
            Stream.RESULTS,
            [result.model_dump_json()],
            facts={self._fact: str(request.counter)},
        )

    async def _judge_in_time(self, request: Request) -> Judgement:
        left_s = self.clock.deadline(request.deadline_at) - time.monotonic()
        judging = asyncio.ensure_future(self._judge(request))
        try:
            return await asyncio.wait_for(asyncio.shield(judging), max(left_s, 0))
        except TimeoutError:
            late = await judging
            what = late.reason or f"the verdict would have been {late.verdict.value}"
            reason = f"no verdict before the deadline; {what}"
            return replace(late, verdict=Verdict.LATE, reason=reason)

    async def _judge(self, request: Request) -> Judgement:
        try:
            picture = await self._fetch(request)
        except CameraFault as fault:
            return self._unfit(str(fault))
        try:
            judgement = await asyncio.to_thread(self._inspect, request, picture)
        except NotAnImage as error:
            return self._unfit(str(error))
        self._recovered()
        return judgement

    def _inspect(self, request: Request, picture: bytes) -> Judgement:
        upright = decode(picture)
        height, width = upright.shape[:2]
        kept = Judgement(Verdict.UNFIT, picture=picture, picture_px=(width, height))
        try:
            choice = self.shelf.choose(self.nodes.id, request.variant, request.counter)
        except NoModel as error:
            return replace(kept, reason=str(error))
        began = time.monotonic()
        try:
            inspection = choice.judge.inspector.inspect(upright)
        except (
            Exception
        ) as error:  # whatever the runtime raises: no part passes because of an error
            self._broken(choice.judge, error)
            return replace(kept, reason=f"the model failed: {type(error).__name__}: {error}")
        if isinstance(inspection, PipelineInspection) and inspection.error is not None:
            self.shelf.failed(choice.judge, f"{inspection.failed}: {inspection.error}")
        else:
            self.shelf.worked(choice.judge)
        return replace(
            kept,
            verdict=Verdict(inspection.verdict.value),
            reason=inspection.fitness.reason,
            inspection=inspection,
            model=choice.judge.model,
            inference_ms=(time.monotonic() - began) * 1000,
            choice=choice,
        )

    async def _look_on(self, request: Request, judgement: Judgement) -> BesideVerdict | None:
        """Ask the model that looks on, once the line has its verdict and while nobody waits.

        It is left out when the next request is there, or when it would not be done by the deadline.
        """
        choice = judgement.choice
        if choice is None or choice.beside is None or judgement.picture is None:
            return None
        left_ms = (self.clock.deadline(request.deadline_at) - time.monotonic()) * 1000
        if self._announced != request.counter or left_ms < 2 * self._beside_ms:
            return None
        return await asyncio.to_thread(self._beside, choice, choice.beside, judgement.picture)

    def _beside(self, choice: Choice, beside: Judge, picture: bytes) -> BesideVerdict | None:
        began = time.monotonic()
        try:
            seen = beside.inspector.inspect(picture)
        except Exception as error:  # a model on trial must not disturb the line
            self._broken(beside, error)
            return None
        self.shelf.worked(beside)
        self._beside_ms = (time.monotonic() - began) * 1000
        return BesideVerdict(
            package_sha256=beside.model.package_sha256 or "",
            judged_by=choice.judge.model.package_sha256 or "",
            verdict=Verdict(seen.verdict.value),
            score=seen.score,
            threshold=seen.threshold,
            regions=_regions(seen),
            ms=self._beside_ms,
        )

    def _broken(self, judge: Judge, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        log.error("model.failed", camera=self.nodes.id, package=judge.model.package, reason=reason)
        self.shelf.failed(judge, reason)

    async def _fetch(self, request: Request) -> bytes:
        """Fetch the picture of a request; a camera that does not answer is asked once more while there is time."""
        left_s = self.clock.deadline(request.deadline_at) - time.monotonic()
        try:
            answer = await self._ask(request.counter, within_s=left_s / 2)
        except httpx.HTTPError as error:
            left_s = self.clock.deadline(request.deadline_at) - time.monotonic()
            if left_s <= 0:
                raise CameraFault(_unreachable(error)) from error
            try:
                answer = await self._ask(request.counter, within_s=left_s)
            except httpx.HTTPError as again:
                raise CameraFault(_unreachable(again)) from again
        return _picture(answer)

    async def _ask(self, counter: int, *, within_s: float) -> httpx.Response:
        return await self.http.get(
            self.nodes.snapshot_url,
            params={"counter": counter},
            timeout=max(min(within_s, CAMERA_TIMEOUT_S), SHORTEST_TIMEOUT_S),
        )

    def _unfit(self, reason: str) -> Judgement:
        if self._fault != reason:
            log.warning("camera.failed", camera=self.nodes.id, reason=reason)
        self._fault = reason
        return Judgement(Verdict.UNFIT, reason)

    def _recovered(self) -> None:
        if self._fault is not None:
            log.info("camera.recovered", camera=self.nodes.id)
            self._fault = None

    async def _read_request(self) -> Request:
        nodes = self.nodes
        values = await self.link.read(
            [
                nodes.request,
                nodes.body_id,
                nodes.lot,
                nodes.job_order_id,
                nodes.variant,
                nodes.deadline,
            ]
        )
        counter, body_id, lot, job, variant, deadline = (
            value.Value.Value if value.Value is not None else None for value in values
        )
        trigger = values[0].SourceTimestamp or values[0].ServerTimestamp
        self._announced = int(counter or self._announced)
        return Request(
            counter=self._announced,
            body_id=_uuid(body_id),
            lot=str(lot) if lot else None,
            job_order_id=_uuid(job),
            variant=str(variant or ""),
            deadline_at=_aware(deadline),
            triggered_at=_aware(trigger) if trigger else self.clock.now(),
            seen=self._seen,
        )

    async def _write(self, request: Request, verdict: Verdict) -> bool:
        """Write the verdict and return whether the PLC took it."""
        nodes = self.nodes
        part = str(request.body_id or "")
        try:
            await self.link.write(
                [
                    (nodes.verdict_body_id, ua.Variant(part, ua.VariantType.String)),
                    (nodes.verdict_counter, ua.Variant(request.counter, ua.VariantType.UInt32)),
                    (nodes.verdict, ua.Variant(VerdictCode[verdict].value, ua.VariantType.Int32)),
                    (nodes.verdict_valid, ua.Variant(True, ua.VariantType.Boolean)),
                ]
            )
        except CallRefused as refusal:
            log.error("camera.verdict_refused", camera=nodes.id, reason=refusal.status)
            return False
        until = time.monotonic() + ACK_TIMEOUT_S
        while time.monotonic() < until:
            counter, ack = (
                value.Value.Value if value.Value is not None else None
                for value in await self.link.read([nodes.ack_counter, nodes.ack])
            )
            if counter == request.counter:
                return bool(ack == VerdictAck.ACCEPTED)
            await asyncio.sleep(ACK_POLL_S)
        log.warning("camera.no_ack", camera=nodes.id, counter=request.counter)
        return False


def _result(
    line: str,
    nodes: CameraNodes,
    request: Request,
    judgement: Judgement,
    *,
    beside: BesideVerdict | None,
    sha256: str | None,
    decided_at: datetime,
    total_ms: float,
    accepted: bool,
) -> InspectionResult:
    inspection, model = judgement.inspection, judgement.model
    return InspectionResult(
        id=uuid7(),
        line=line,
        station=nodes.station,
        camera=nodes.id,
        counter=request.counter,
        body_id=request.body_id,
        lot=request.lot,
        job_order_id=request.job_order_id,
        variant=request.variant,
        verdict=judgement.verdict,
        score=inspection.score if inspection else 0.0,
        threshold=inspection.threshold if inspection else 0.0,
        regions=_regions(inspection) if inspection else (),
        reason=judgement.reason,
        image_sha256=sha256,
        image_px=judgement.picture_px,
        model_name=model.package if model else "",
        model_version=inspection.model_version if inspection else "",
        model_sha256=model.sha256 if model else "",
        pipeline_version=inspection.pipeline_version if inspection else "",
        triggered_at=request.triggered_at,
        decided_at=decided_at,
        deadline_at=request.deadline_at,
        inference_ms=judgement.inference_ms,
        total_ms=total_ms,
        accepted=accepted,
        beside=beside,
        **_of_pipeline(inspection),
    )


def _of_pipeline(inspection: Inspection | None) -> dict[str, Any]:
    """Return what only a pipeline says: its gauges' measures, its nodes' times, whether it calls for help."""
    if not isinstance(inspection, PipelineInspection):
        return {}
    measures = tuple(
        Measure(
            node=one.node,
            gauge=one.reading.kind,
            verdict=Verdict(one.reading.verdict.value),
            value=one.reading.value,
            unit=one.reading.unit,
            low=one.reading.low,
            high=one.reading.high,
            text=one.reading.text[:500] if one.reading.text else None,
            reason=one.reading.reason[:500] if one.reading.reason else None,
        )
        for one in inspection.readings
    )
    return {
        "measures": measures,
        "step_ms": dict(inspection.ms),
        "help_wanted": inspection.help_wanted,
    }


def _regions(inspection: Inspection) -> tuple[Region, ...]:
    return tuple(
        Region(x=r.x, y=r.y, w=r.w, h=r.h, score=min(max(r.score, 0.0), 1.0), label=r.label)
        for r in inspection.regions
    )


def _near_threshold(judgement: Judgement) -> bool:
    """Whether a picture that passed nearly did not: it teaches more than a hundred plain ones."""
    seen = judgement.inspection
    return seen is not None and seen.score >= NEAR_THRESHOLD * seen.threshold


def _differ(judgement: Judgement, beside: BesideVerdict | None) -> bool:
    return beside is not None and (beside.verdict is Verdict.OK) != (
        judgement.verdict is Verdict.OK
    )


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _aware(moment: Any) -> datetime:
    if not isinstance(moment, datetime):
        return _EPOCH
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _picture(answer: httpx.Response) -> bytes:
    kind = answer.headers.get("content-type", "nothing")
    if not answer.is_success:
        raise CameraFault(f"the camera answered {answer.status_code}")
    if not kind.startswith(PICTURE_TYPES):
        raise CameraFault(f"the camera answered with {kind}, not with a picture")
    if len(answer.content) > MAX_PICTURE_BYTES:
        raise CameraFault(f"the camera's picture has {len(answer.content)} bytes")
    return answer.content


def _unreachable(error: httpx.HTTPError) -> str:
    return f"the camera cannot be reached: {type(error).__name__}"
