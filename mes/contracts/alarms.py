"""What a line's machines raise: alarms and conditions (OPC 10000-9), and events without a state.

An agent tells a condition as it stands; what happened to it between two reports is counted (`merged`), so a
storm costs no more than the conditions that take part. Reports travel in the results stream of the journal.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

MOST_TEXT = 500


class AlarmReport(BaseModel):
    """One condition of a line (or one branch of it), or one event without a condition, as it stands now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["alarm"] = "alarm"
    line: str
    condition: str = Field(max_length=MOST_TEXT)
    """Node id of the condition with its namespace's URI; empty: an event without a state, over as it begins."""
    branch: str = Field(default="", max_length=MOST_TEXT)
    """A former state that still waits for somebody; of an event without a condition: its own id."""
    event_id: str = Field(max_length=MOST_TEXT)
    """The server's id of this state, hexadecimal: what an acknowledgement names."""
    event_type: str = Field(max_length=MOST_TEXT)
    source: str = Field(max_length=MOST_TEXT)
    station: str | None
    """The station that the source belongs to, where that is known."""
    name: str = Field(max_length=MOST_TEXT)
    message: str = Field(max_length=MOST_TEXT)
    severity: int = Field(ge=0, le=1000)
    at: AwareDatetime
    """When it came to stand like this; plant time."""
    active: bool
    began_at: AwareDatetime | None
    """When it last became active; None: not known, and not active."""
    acked: bool | None
    """None: it is of a kind that nobody acknowledges."""
    confirmed: bool | None
    retain: bool
    """Somebody should still see it."""
    shelved: bool | None = None
    """Somebody has put it aside for a while; None: of a kind, or a server, that nobody shelves."""
    comment: str = Field(default="", max_length=MOST_TEXT)
    by: str = Field(default="", max_length=MOST_TEXT)
    """Who acted on it last, as the server says."""
    merged: int = Field(default=0, ge=0)
    """States before this one that were not told one by one."""
    seen: bool = True
    """False: it was found gone after an interruption; `at` is when that was noticed."""

    @property
    def is_condition(self) -> bool:
        """Whether it has a life; else it is an event."""
        return bool(self.condition)
