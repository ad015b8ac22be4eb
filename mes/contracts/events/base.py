"""What every event carries, and the links of an explanation."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from mes.contracts.text import Text


class Payload(BaseModel):
    """What happened. Subclasses name their event type and the field that is its subject."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    subject_field: ClassVar[str]

    @property
    def subject(self) -> str:
        """The id of the thing this event is about."""
        return str(getattr(self, self.subject_field))


class Reason(BaseModel):
    """One link of an explanation, in both languages, with the event that is its evidence."""

    model_config = ConfigDict(frozen=True)

    code: str
    text: Text
    event_id: UUID | None = None
