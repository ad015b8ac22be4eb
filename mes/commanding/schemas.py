"""Bodies of the API of commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from mes.commanding.model import LineCommand, Wish
from mes.contracts.dispatch import CommandKind, ValueChange

Reason = Annotated[str, Field(max_length=500)]


class CommandIn(BaseModel):
    """What is asked of a line; with `id`, asking again does nothing more."""

    model_config = ConfigDict(extra="forbid")

    kind: CommandKind
    id: UUID | None = None
    dry_run: bool = True
    """Only say what would be done."""
    job_order_id: UUID | None = None
    station: Annotated[str, Field(max_length=80)] | None = None
    variant: Annotated[str, Field(max_length=80)] | None = None
    """Recipe: of which body."""
    values: dict[str, FiniteFloat] = Field(default_factory=dict, max_length=50)
    """Recipe: what is to differ from the plant file, in the tags' units."""
    engage: bool | None = None
    """Interlock: set it, or release it."""
    body_id: UUID | None = None
    """Hold: of which body."""
    held: bool | None = None
    """Hold: keep it before the exit gate, or free it."""
    reason: Reason = ""

    def wish(self) -> Wish:
        """Return what is asked."""
        return Wish(
            kind=self.kind,
            dry_run=self.dry_run,
            job_order_id=self.job_order_id,
            station=self.station,
            variant=self.variant,
            values=self.values,
            engage=self.engage,
            body_id=self.body_id,
            held=self.held,
            reason=self.reason,
        )


class CarryOutIn(BaseModel):
    """Why what a dry run showed is done now; empty: as the dry run said."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


class LineCommandOut(BaseModel):
    """What was asked of a line and what came of it; `sent_at` is real time, the others plant time."""

    id: UUID
    line: str
    kind: CommandKind
    dry_run: bool
    rehearsal_id: UUID | None
    job_order_id: UUID | None
    station: str | None
    body_id: UUID | None
    actor: str
    reason: str
    state: str
    """`sent`, then `done` or `refused`."""
    code: str | None
    """`ok`, `already_done`, or the line's reason; of a dry run, what it would say."""
    changes: tuple[ValueChange, ...]
    asked_at: datetime
    sent_at: datetime
    done_at: datetime | None

    @classmethod
    def of(cls, command: LineCommand) -> LineCommandOut:
        """Return a command as the API shows it."""
        return cls(**{name: getattr(command, name) for name in cls.model_fields})
