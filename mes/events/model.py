"""An event as stored, and a reader's place in the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from mes.contracts.events import PAYLOADS, Payload

P = TypeVar("P", bound=Payload)
PayloadClass = type[P]


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in commit order: everything up to and including (xid, seq) has been read."""

    xid: int
    seq: int


BEGINNING = Cursor(0, 0)


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the event table."""

    seq: int
    id: UUID
    version: int
    subject: str
    causation_id: UUID | None
    correlation_id: UUID | None
    actor: str
    plant_at: datetime
    recorded_at: datetime
    payload: Payload
    xid: int

    @property
    def type(self) -> str:
        """The event type, as `hold.placed`."""
        return self.payload.type

    @property
    def cursor(self) -> Cursor:
        """The place of this event in commit order."""
        return Cursor(self.xid, self.seq)

    def of(self, payload: PayloadClass[P]) -> P:
        """Return the payload as the class the caller expects; TypeError when it is another."""
        if not isinstance(self.payload, payload):
            raise TypeError(f"event {self.seq} is {self.type}, not {payload.type}")
        return self.payload


def parse_payload(event_type: str, version: int, data: object) -> Payload:
    """Read a stored payload.

    Raises:
        KeyError: nothing here knows this event type.
        ValueError: the payload was written by a newer version of this software.
    """
    payload = PAYLOADS[event_type]
    if version > payload.version:
        raise ValueError(
            f"event {event_type} has version {version}; this software knows {payload.version}"
        )
    return payload.model_validate(data)
