"""What moves: bodies with the defects they carry, and racks of panels."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from mes.contracts.dispatch import JobOrder


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect that a part really has: the ground truth of the cameras."""

    kind: str
    severity_mm: float
    station: str
    line: str
    at: float
    position: tuple[float, float]
    """Where it sits, 0..1 of the picture."""


@dataclass(slots=True)
class Body:
    """A body on its way: who it is, what is wrong with it, and whether its line holds it."""

    id: str
    number: str
    model: str
    color: str | None = None
    color_hex: str | None = None
    defects: list[Defect] = field(default_factory=list)
    held: bool = False
    hold_reason: str = ""
    to_scrap: bool = False

    def takes_shape_of(self, job: JobOrder) -> None:
        """Take colour and model from the job that begins."""
        self.model = job.model or self.model
        self.color = job.color or self.color
        self.color_hex = job.color_hex or self.color_hex

    def repair(self, kind: str | None, *, line: str) -> None:
        """Remove the defects of `kind` (None: all) that were born at `line`."""
        self.defects = [
            defect
            for defect in self.defects
            if defect.line != line or (kind is not None and defect.kind != kind)
        ]

    def to_doc(self) -> dict[str, Any]:
        """Return the body as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_doc(cls, doc: dict[str, Any]) -> Body:
        """Read what `to_doc` wrote."""
        defects = [
            Defect(**{**one, "position": tuple(one["position"])}) for one in doc.pop("defects")
        ]
        return cls(defects=defects, **doc)


@dataclass(slots=True)
class Rack:
    """A rack of one kind of panel; a held rack is not used."""

    id: str
    panel: str
    quantity: int
    held: bool = False
    job: str | None = None
    """The die lot that filled it."""
