"""A camera that judges by itself: a vision system (OPC 40100-1), whose results become the verdicts.

The station's handshake stays as it is: the PLC asks with part and deadline, the agent answers. What the system
says must be about that part. What it could not judge is UNFIT, no result by the deadline is LATE; both are held.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from asyncua.ua.uaerrors import UaError

from edge.backoff import Trouble
from edge.inspection.pictures import CAMERA_TIMEOUT_S, CameraFault, SnapshotCamera
from edge.inspection.request import Request
from edge.inspection.results import Judgement
from edge.opcua.link import CallRefused, LinkFailed, open_link
from edge.opcua.nodes import UnknownNode
from edge.opcua.security import LinkSecurity
from edge.opcua.vision import ResultState, VisionResult, watch_results
from edge.plant_clock import LiveClock
from mes.contracts.plc import VisionNodes
from mes.contracts.quality import BesideVerdict, Measure, Verdict
from qc_vision.runtime import NotAnImage, decode

log = structlog.get_logger(__name__)

KEPT = 32
"""Results that came before the request they belong to was read."""
GRACE_S = 0.25
"""A result that comes so soon after the deadline is named in the record of the part that was late."""


@dataclass(slots=True)
class VisionSystemJudge:
    """Waits for a vision system's word on each part.

    Args:
        endpoint: of the server that the system is on.
        camera: where the picture is fetched that goes with the record; None: the system gives none.
    """

    camera_id: str
    nodes: VisionNodes
    endpoint: str
    security: LinkSecurity | None
    camera: SnapshotCamera | None
    clock: LiveClock
    _heard: deque[VisionResult] = field(default_factory=lambda: deque(maxlen=KEPT))
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_open: asyncio.Event = field(default_factory=asyncio.Event)
    _photo: asyncio.Future[dict[str, Any]] | None = None
    _trouble: Trouble = field(default_factory=lambda: Trouble("vision_system", longest_s=4.0))

    async def run(self) -> None:
        """Hold a session with the system; its failures end no other session."""
        try:
            await self._hold_session()
        finally:
            self._forget_photo()

    async def judge(self, request: Request) -> Judgement:
        """Return what the system says of a part; waits for it until the deadline."""
        self._forget_photo()
        self._photo = asyncio.ensure_future(self._picture(request))
        try:
            return await self._word(request, self.clock.deadline(request.deadline_at))
        finally:
            self._heard.clear()

    async def complete(self, request: Request, judgement: Judgement) -> Judgement:
        """Return a judgement with the picture of its part, where one comes before the deadline."""
        photo, self._photo = self._photo, None
        if photo is None:
            return judgement
        left_s = self.clock.deadline(request.deadline_at) - time.monotonic()
        with contextlib.suppress(TimeoutError):
            wait_s = min(max(left_s, 0.0), CAMERA_TIMEOUT_S)
            return replace(judgement, **await asyncio.wait_for(photo, wait_s))
        return judgement

    async def look_on(
        self, request: Request, judgement: Judgement, *, is_idle: Callable[[], bool]
    ) -> BesideVerdict | None:
        """Nobody looks on: the system's pictures are its own."""
        return None

    async def _hold_session(self) -> None:
        while True:
            try:
                async with open_link(self.endpoint, self.security) as link:
                    await watch_results(
                        link,
                        self.nodes.system,
                        self._take,
                        is_open=self._opened,
                        # Without a counter it may be the word on an earlier look at the same part.
                        with_last=self.nodes.measurement == "counter",
                    )
            except (*LinkFailed, UaError, CallRefused, UnknownNode) as failed:
                self._trouble.failed(f"{type(failed).__name__}: {failed}".removesuffix(": "))
            self._is_open.clear()
            await self._trouble.wait()

    async def _word(self, request: Request, until: float) -> Judgement:
        now = time.monotonic()
        try:
            async with asyncio.timeout_at(now + max(until - now, 0.0) / 2):
                await self._is_open.wait()
        except TimeoutError:
            why = self._trouble.reason or "it does not answer"
            return self._judged(Verdict.UNFIT, f"the vision system cannot be reached: {why}")
        try:
            async with asyncio.timeout_at(until + GRACE_S):
                return self._read(await self._result_of(request))
        except TimeoutError:
            return self._judged(Verdict.UNFIT, "the vision system gave no result for this part")

    async def _result_of(self, request: Request) -> VisionResult:
        while True:
            self._news.clear()
            for result in self._heard:
                if self._is_of(result, request):
                    return result
            await self._news.wait()

    def _is_of(self, result: VisionResult, request: Request) -> bool:
        """Whether a result is the last word on the part of a request."""
        if result.is_partial or result.state is ResultState.PROCESSING:
            return False
        if self.nodes.measurement == "counter" and result.measurement_id != str(request.counter):
            return False
        return result.part_id == str(request.body_id or request.lot or "")

    def _read(self, result: VisionResult) -> Judgement:
        verdict, reason = verdict_of(result, self.nodes)
        said = Measure(
            node=self.nodes.name[:60],
            gauge="machine_vision",
            verdict=verdict,
            text=result.result_id[:500] or None,
            reason=reason and reason[:500],
        )
        return replace(
            self._judged(verdict, reason), measures=(said,), judged_version=result.recipe_id[:100]
        )

    def _judged(self, verdict: Verdict, reason: str | None) -> Judgement:
        return Judgement(verdict, reason, judged_by=self.nodes.name)

    async def _picture(self, request: Request) -> dict[str, Any]:
        """Return the picture of the part and its size; nothing where there is none."""
        if self.camera is None:
            return {}
        try:
            picture = await self.camera.fetch(request)
            height, width = (await asyncio.to_thread(decode, picture)).shape[:2]
        except (CameraFault, NotAnImage) as fault:
            log.warning("camera.no_picture", camera=self.camera_id, reason=str(fault))
            return {}
        return {"picture": picture, "picture_px": (width, height)}

    def _forget_photo(self) -> None:
        if self._photo is not None:
            self._photo.cancel()
            self._photo = None

    def _take(self, result: VisionResult) -> None:
        self._heard.append(result)
        self._news.set()

    def _opened(self) -> None:
        self._trouble.over()
        self._is_open.set()
        log.info("vision_system.connected", camera=self.camera_id)


def verdict_of(result: VisionResult, nodes: VisionNodes) -> tuple[Verdict, str | None]:
    """Return what a result says of its part, and why it is not OK or NOK.

    Texts are compared as the plant file names them; of booleans, true is OK. One NOK among them is enough.
    """
    if result.state is not ResultState.COMPLETED:
        return Verdict.UNFIT, f"the vision system's result is {result.state.name.lower()}"
    said = {_verdict(one, nodes) for one in result.content} - {None}
    if Verdict.NOK in said:
        return Verdict.NOK, None
    if Verdict.OK in said:
        return Verdict.OK, None
    shown = ", ".join(map(str, result.content))[:200] or "nothing"
    return Verdict.UNFIT, f"the vision system says neither OK nor NOK, but {shown}"


def _verdict(value: Any, nodes: VisionNodes) -> Verdict | None:
    if isinstance(value, bool):
        return Verdict.OK if value else Verdict.NOK
    text = str(value).strip().casefold()
    if text in {word.casefold() for word in nodes.nok}:
        return Verdict.NOK
    return Verdict.OK if text in {word.casefold() for word in nodes.ok} else None
