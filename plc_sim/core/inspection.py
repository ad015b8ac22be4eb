"""The cameras of a line: one open request each, answered once, late after its deadline."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from mes.contracts.plant import Camera
from mes.contracts.plc import VerdictAck
from plc_sim.core.body import Defect


@dataclass(frozen=True, slots=True)
class Request:
    """What a camera was asked to judge; `defect` is the truth that only the picture shows."""

    station: str
    camera: str
    counter: int
    body_id: str | None
    lot: str | None
    job: str | None
    variant: str
    color_hex: str | None
    at: float
    deadline: float
    defect: Defect | None
    judged_at: float | None = None
    """When the camera itself, a vision system, will have judged; None where it does not, or has."""

    @property
    def next_due(self) -> float:
        """When something comes of it without a cause from outside."""
        return self.deadline if self.judged_at is None else min(self.judged_at, self.deadline)

    def shifted(self, seconds: float) -> Request:
        """Return the request as it goes on after so long a stop."""
        judged_at = None if self.judged_at is None else self.judged_at + seconds
        return replace(self, deadline=self.deadline + seconds, judged_at=judged_at)

    def to_doc(self) -> dict[str, Any]:
        """Return the request as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_doc(cls, doc: dict[str, Any]) -> Request:
        """Read what `to_doc` wrote."""
        defect = doc.pop("defect")
        return cls(
            defect=Defect(**{**defect, "position": tuple(defect["position"])}) if defect else None,
            **doc,
        )


@dataclass(slots=True)
class CameraState:
    """A camera's counter, its open request and what it said of the last verdict."""

    camera: Camera
    station: str
    counter: int = 0
    pending: Request | None = None
    ack: VerdictAck = VerdictAck.NONE
    ack_counter: int = 0

    @property
    def is_judging(self) -> bool:
        """Whether the camera is at work on a part."""
        if self.pending is None:
            return False
        return self.camera.vision_system is None or self.pending.judged_at is not None

    def check(self, *, counter: int, body_id: str | None) -> VerdictAck:
        """Say whether a verdict belongs to the open request."""
        if self.pending is None or counter != self.pending.counter:
            return VerdictAck.REFUSED_STALE
        if (body_id or None) != self.pending.body_id:
            return VerdictAck.REFUSED_BODY
        return VerdictAck.ACCEPTED

    def to_doc(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {
            "counter": self.counter,
            "pending": self.pending and self.pending.to_doc(),
            "ack": int(self.ack),
            "ack_counter": self.ack_counter,
        }

    def restore(self, doc: dict[str, Any]) -> None:
        """Take over what `to_doc` wrote."""
        self.counter = doc["counter"]
        self.pending = Request.from_doc(doc["pending"]) if doc["pending"] else None
        self.ack = VerdictAck(doc["ack"])
        self.ack_counter = doc["ack_counter"]
