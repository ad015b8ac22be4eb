"""What the lines hold when a plant starts warm: written by the seed, read once by the lines.

The MES decides which bodies exist; it writes `warm.json` into the lines' folder before they start for the
first time. A line that has a state of its own resumes from that and does not look at this file.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.dispatch import JobOrder

WARM_START_FILE = "warm.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WarmBody(_Part):
    """A body that stands at a station of a line; its job runs there."""

    line: str
    station: str
    job: JobOrder
    """The job of this body through this line: kind body, with its body id."""
    done_s: float = Field(default=0.0, ge=0)
    """Seconds of the station's cycle that are done."""


class StoredBody(_Part):
    """A body in a store between two lines; `warm.json` lists them per store, first in first."""

    store: str
    body_id: UUID
    body_number: str
    model: str
    color: str | None = None


class WarmRack(_Part):
    """A rack of the panel store, oldest first in the file."""

    rack: str
    panel: str
    quantity: int = Field(ge=1)


class WarmStart(_Part):
    """The whole content of `warm.json`. Jobs that wait at the lines are dispatched as on any day."""

    plant_at: AwareDatetime
    """Plant time of the picture; the lines begin to move from here."""
    on_line: tuple[WarmBody, ...] = ()
    stored: tuple[StoredBody, ...] = ()
    racks: tuple[WarmRack, ...] = ()

    def save(self, folder: Path) -> Path:
        """Write `warm.json` into `folder`, complete or not at all, and return its path."""
        target = folder / WARM_START_FILE
        draft = target.with_suffix(".part")
        draft.write_text(self.model_dump_json(exclude_none=True), encoding="utf-8")
        return draft.replace(target)

    @classmethod
    def load(cls, folder: Path) -> WarmStart | None:
        """Read `warm.json` of `folder`; None when there is none."""
        source = folder / WARM_START_FILE
        return cls.model_validate_json(source.read_bytes()) if source.exists() else None
