"""Events of lines, of the agents beside them, and of the plant clock."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime

from mes.contracts.events.base import Payload
from mes.contracts.line_records import StationState


class EquipmentStateChanged(Payload):
    """`station` None: the line as a whole."""

    type = "equipment.state"
    subject_field = "line"
    line: str
    station: str | None
    state: StationState
    reason: str = ""


class LineDown(Payload):
    """A line is down longer than a short stop: planning looks at what it means."""

    type = "line.down"
    subject_field = "line"
    line: str
    station: str | None
    since: AwareDatetime
    reason: str


class LineUp(Payload):
    type = "line.up"
    subject_field = "line"
    line: str
    down_s: float


class AgentEnrolled(Payload):
    type = "agent.enrolled"
    subject_field = "agent_id"
    agent_id: UUID
    line: str


class AgentLost(Payload):
    """Nothing was heard of an agent for longer than its lease: its line is unknown, not idle."""

    type = "agent.lost"
    subject_field = "agent_id"
    agent_id: UUID
    line: str


class AgentBack(Payload):
    type = "agent.back"
    subject_field = "agent_id"
    agent_id: UUID
    line: str


class CertificateEnds(Payload):
    """An OPC UA certificate that a line's agent uses or trusts, or the one that proves to the MES who the
    agent is, ends in 60, 30 or 7 days, or has ended."""

    type = "agent.certificate_ends"
    subject_field = "line"
    line: str
    thumbprint: str
    certificate: str
    days_left: int


class ClockChanged(Payload):
    """The plant clock got a new speed (0: stopped)."""

    type = "clock.changed"
    subject_field = "site"
    site: str
    factor: float
