"""The plant clock: real time in, plant time out, the same on every machine.

Plant time is what a plant person reads (takt, shifts, deadlines, plan, source timestamps of the
simulator); sessions, leases, back-off and watchdogs run on real time. The MES owns the segments and
serves them; edge and simulator cache them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator


class ClockSegment(BaseModel):
    """From `real_at` on, plant time starts at `plant_at` and runs `factor` times as fast (0: stopped)."""

    model_config = ConfigDict(frozen=True)

    real_at: AwareDatetime
    plant_at: AwareDatetime
    factor: Annotated[float, Field(ge=0, le=3600)]


class PlantClock(BaseModel):
    """The whole history of the plant clock, oldest segment first."""

    model_config = ConfigDict(frozen=True)

    segments: tuple[ClockSegment, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> PlantClock:
        for before, after in zip(self.segments, self.segments[1:], strict=False):
            if after.real_at < before.real_at or after.plant_at < before.plant_at:
                raise ValueError("plant clock segments must go forward in real and in plant time")
        return self

    def at(self, real: datetime) -> datetime:
        """Return the plant time at the aware real time `real`; before the first segment it is stopped."""
        segment = self.segments[0]
        for later in self.segments[1:]:
            if later.real_at > real:
                break
            segment = later
        elapsed = max((real - segment.real_at).total_seconds(), 0.0)
        return segment.plant_at + timedelta(seconds=elapsed * segment.factor)

    @property
    def factor(self) -> float:
        """How many plant seconds pass in a real second now; 0 while the plant is stopped."""
        return self.segments[-1].factor

    def real_seconds(self, plant_s: float) -> float:
        """Return how long `plant_s` plant seconds take in real seconds; infinite while stopped."""
        return plant_s / self.factor if self.factor else float("inf")
