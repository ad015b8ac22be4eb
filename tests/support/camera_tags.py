"""The handshake tags of one camera as a PLC keeps them, without a PLC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncua import ua

from mes.contracts.plc import CameraNodes, VerdictAck

BODY = UUID(int=11)
NAMES = [
    "request",
    "body_id",
    "lot",
    "job_order_id",
    "variant",
    "deadline",
    "verdict_body_id",
    "verdict_counter",
    "verdict",
    "verdict_valid",
    "ack",
    "ack_counter",
]
NODES = CameraNodes(
    id="cam",
    station="gate",
    scene="painting",
    snapshot_url="http://camera/cam/snapshot.jpg",
    **{name: name for name in NAMES},
)


@dataclass
class FakeLine:
    """The tags of one camera, as a PLC keeps them; it takes a verdict whose counter and body are right."""

    values: dict[str, Any]
    writes: list[dict[str, Any]] = field(default_factory=list)

    async def read(self, references: Sequence[str]) -> list[ua.DataValue]:
        return [ua.DataValue(ua.Variant(self.values[name])) for name in references]

    async def write(self, values: Sequence[tuple[str, ua.Variant]]) -> None:
        written = {name: variant.Value for name, variant in values}
        assert list(written)[-1] == "verdict_valid", "the valid bit comes last"
        self.writes.append(written)
        right = written["verdict_counter"] == self.values["request"]
        self.values["ack"] = int(VerdictAck.ACCEPTED if right else VerdictAck.REFUSED_STALE)
        self.values["ack_counter"] = written["verdict_counter"]

    def ask(self, counter: int, *, deadline: datetime, variant: str = "red") -> None:
        self.values.update(
            request=counter,
            body_id=str(BODY),
            lot="",
            job_order_id="",
            variant=variant,
            deadline=deadline,
            ack=0,
            ack_counter=0,
        )
