"""Bodies of the API of those who keep agents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from mes.agents.model import AgentView


class CodeBody(BaseModel):
    """An enrolment code, shown once."""

    line: str
    code: str


class AgentBody(BaseModel):
    """One agent and how it is; times are real time."""

    line: str
    epoch: int
    lost: bool
    """Its line has not been heard of within the lease: what it does is unknown."""
    seen_at: datetime | None
    link_connected: bool
    link_detail: str
    heartbeat: dict[str, Any] | None
    open_commands: int

    @classmethod
    def of(cls, view: AgentView) -> Self:
        """Return the body of an agent."""
        return cls(**asdict(view))
