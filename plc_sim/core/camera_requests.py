"""The handshake with the cameras of a line: a request with a counter, and the verdict that answers it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from mes.contracts.plc import VerdictAck
from mes.contracts.quality import Verdict, VerdictCode
from plc_sim.core.body import Defect
from plc_sim.core.changes import Conclusion, moment
from plc_sim.core.inspection import CameraState, Request
from plc_sim.core.line_base import LineBase


class CameraRequests(LineBase):
    """Asks the cameras and takes what they answer."""

    @abstractmethod
    def _concluded(self, request: Request, verdict: Verdict, at: float) -> None: ...

    def _request(
        self,
        camera: CameraState,
        at: float,
        *,
        body_id: str | None,
        lot: str | None,
        job: str | None,
        variant: str,
        color_hex: str | None,
        defect: Defect | None,
    ) -> None:
        """Raise the counter of a camera."""
        camera.counter += 1
        system = camera.camera.vision_system
        camera.pending = Request(
            station=camera.station,
            camera=camera.camera.id,
            counter=camera.counter,
            body_id=body_id,
            lot=lot,
            job=job,
            variant=variant,
            color_hex=color_hex,
            at=at,
            deadline=at + camera.camera.deadline_s,
            defect=defect,
            judged_at=None if system is None else at + system.judge_s,
        )
        self.changes.docs.add("line")
        self.changes.requests.append(camera.pending)
        self.changes.truths.append((camera.pending, at))
        self.emit(
            "inspection_requested",
            station=camera.station,
            camera=camera.camera.id,
            counter=camera.counter,
            body_id=body_id,
            lot=lot,
            deadline_at=moment(camera.pending.deadline).isoformat(),
        )

    def take_verdict(
        self, camera_id: str, *, counter: int, body_id: str | None, code: int
    ) -> VerdictAck:
        """Take the verdict that was written for a camera; a stale or foreign one is refused."""
        camera = self.cameras[camera_id]
        ack = camera.check(counter=counter, body_id=body_id)
        try:
            verdict = Verdict(VerdictCode(code).name)
        except ValueError:
            ack = VerdictAck.REFUSED_STALE
        camera.ack, camera.ack_counter = ack, counter
        self.changes.acks.add(camera_id)
        self.changes.docs.add("line")
        if ack is VerdictAck.ACCEPTED:
            self._conclude(camera, verdict, self.at)
            self._settle(self.at)
            self._tell_states(self.at)
        return ack

    def _judge_itself(self, camera: CameraState, request: Request, at: float) -> None:
        """Let a vision system tell what it sees; the line waits for the verdict that is written all the same."""
        verdict = Verdict.OK if request.defect is None else Verdict.NOK
        camera.pending = replace(request, judged_at=None)
        self.changes.docs.add("line")
        self.changes.conclusions.append(Conclusion(request, verdict, at))

    def _conclude(self, camera: CameraState, verdict: Verdict, at: float) -> None:
        request = camera.pending
        if request is None:
            return
        camera.pending = None
        self.changes.docs.add("line")
        if camera.camera.vision_system is None or request.judged_at is not None:
            self.changes.conclusions.append(Conclusion(request, verdict, at))
        self.emit(
            "inspection_answered",
            at=at,
            station=request.station,
            camera=request.camera,
            counter=request.counter,
            body_id=request.body_id,
            lot=request.lot,
            verdict=verdict,
        )
        self._concluded(request, verdict, at)
