"""The life of one condition: active, acknowledged, confirmed, shelved (OPC 10000-9 §5.5.2, §5.7.2, §5.8.17).

States follow each other as in table B.1 there: what turns active waits for an acknowledgement, what is
acknowledged waits for a confirmation, and a condition is retained until it is over and waits for neither. A
condition may be shelved at any time: for a while, or until it is over once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any

from asyncua.common.events import Event

from plc_sim.opcua.stack import ua

MAX_SHELVED_MS = 7 * 24 * 3_600_000.0
"""`MaxTimeShelved`."""

_TEXT, _FLAG, _NODE, _TIME, _NUMBER = (
    ua.VariantType.LocalizedText,
    ua.VariantType.Boolean,
    ua.VariantType.NodeId,
    ua.VariantType.DateTime,
    ua.VariantType.Double,
)
_STATES = {
    "EnabledState": ("Enabled", "Disabled"),
    "AckedState": ("Acknowledged", "Unacknowledged"),
    "ConfirmedState": ("Confirmed", "Unconfirmed"),
    "ActiveState": ("Active", "Inactive"),
}


class Answer(IntEnum):
    """The status of a method of a condition."""

    DONE = ua.StatusCodes.Good
    EVENT_ID_UNKNOWN = ua.StatusCodes.BadEventIdUnknown
    ALREADY_ACKED = ua.StatusCodes.BadConditionBranchAlreadyAcked
    ALREADY_CONFIRMED = ua.StatusCodes.BadConditionBranchAlreadyConfirmed
    TIME_OUT_OF_RANGE = ua.StatusCodes.BadShelvingTimeOutOfRange
    ALREADY_SHELVED = ua.StatusCodes.BadConditionAlreadyShelved
    NOT_SHELVED = ua.StatusCodes.BadConditionNotShelved


class Shelving(Enum):
    """States of `ShelvedStateMachineType`: the state's node, and what it is called."""

    UNSHELVED = (ua.ObjectIds.ShelvedStateMachineType_Unshelved, "Unshelved")
    TIMED = (ua.ObjectIds.ShelvedStateMachineType_TimedShelved, "Timed Shelved")
    ONE_SHOT = (ua.ObjectIds.ShelvedStateMachineType_OneShotShelved, "One Shot Shelved")


@dataclass(slots=True)
class Condition:
    """One condition as it stands; what is asked of it is answered with a status."""

    node: Any
    type_id: int
    source: Any
    source_name: str
    name: str
    severity: int
    active: bool = False
    acked: bool = True
    confirmed: bool = True
    shelving: Shelving = Shelving.UNSHELVED
    since: datetime | None = None
    event_id: bytes = b""
    message: str = ""
    comment: str = ""
    by: str = ""

    @property
    def retain(self) -> bool:
        """Whether it is active or waits for somebody."""
        return self.active or not self.acked or not self.confirmed

    def turn(self, at: datetime, message: str, *, active: bool) -> None:
        """Begin or end; its end brings back what was shelved until then."""
        self.active, self.since, self.message = active, at, message
        self.comment = self.by = ""
        if active:
            self.acked, self.confirmed = False, True
        elif self.shelving is Shelving.ONE_SHOT:
            self.shelving = Shelving.UNSHELVED

    def acknowledge(self, event_id: bytes, comment: str) -> Answer:
        """Take that somebody has seen it; from now on it waits for a confirmation."""
        if event_id != self.event_id:
            return Answer.EVENT_ID_UNKNOWN
        if self.acked:
            return Answer.ALREADY_ACKED
        self.acked, self.confirmed = True, False
        self._said(comment)
        return Answer.DONE

    def confirm(self, event_id: bytes, comment: str) -> Answer:
        """Take that somebody has dealt with it."""
        if event_id != self.event_id:
            return Answer.EVENT_ID_UNKNOWN
        if self.confirmed:
            return Answer.ALREADY_CONFIRMED
        self.confirmed = True
        self._said(comment)
        return Answer.DONE

    def shelve_for(self, ms: float) -> Answer:
        """Put it aside for a while; who counts the time calls `unshelve` at its end."""
        if not 0 < ms <= MAX_SHELVED_MS:
            return Answer.TIME_OUT_OF_RANGE
        if self.shelving is Shelving.TIMED:
            return Answer.ALREADY_SHELVED
        self.shelving = Shelving.TIMED
        return Answer.DONE

    def shelve_once(self) -> Answer:
        """Put it aside until it is over once."""
        if self.shelving is Shelving.ONE_SHOT:
            return Answer.ALREADY_SHELVED
        self.shelving = Shelving.ONE_SHOT
        return Answer.DONE

    def unshelve(self) -> Answer:
        """Bring it back."""
        if self.shelving is Shelving.UNSHELVED:
            return Answer.NOT_SHELVED
        self.shelving = Shelving.UNSHELVED
        return Answer.DONE

    def told(self, at: datetime) -> Any:
        """Return the event that tells how it stands. Everything in it is a field that a client may select."""
        event = Event()
        state, word = self.shelving.value
        shelved = self.shelving is not Shelving.UNSHELVED
        facts: tuple[tuple[str, Any, Any], ...] = (
            ("EventId", self.event_id, ua.VariantType.ByteString),
            ("EventType", ua.NodeId(self.type_id), _NODE),
            ("SourceNode", self.source, _NODE),
            ("SourceName", self.source_name, ua.VariantType.String),
            ("Time", at, _TIME),
            ("ReceiveTime", at, _TIME),
            ("Message", ua.LocalizedText(self.message, "en"), _TEXT),
            ("Severity", self.severity, ua.VariantType.UInt16),
            ("NodeId", self.node, _NODE),
            ("ConditionName", self.name, ua.VariantType.String),
            ("BranchId", ua.NodeId(), _NODE),
            ("Retain", self.retain, _FLAG),
            ("Comment", ua.LocalizedText(self.comment), _TEXT),
            ("ClientUserId", self.by, ua.VariantType.String),
            ("ActiveState/TransitionTime", self.since, _TIME),
            ("SuppressedOrShelved", shelved, _FLAG),
            ("MaxTimeShelved", MAX_SHELVED_MS, _NUMBER),
            ("ShelvingState/CurrentState", ua.LocalizedText(word, "en"), _TEXT),
            ("ShelvingState/CurrentState/Id", ua.NodeId(ua.Int32(state)), _NODE),
        )
        for name, value, kind in facts:
            event.add_property(name, value, kind)
        stands = {
            "EnabledState": True,
            "AckedState": self.acked,
            "ConfirmedState": self.confirmed,
            "ActiveState": self.active,
        }
        for name, stand in stands.items():
            event.add_property(name, ua.LocalizedText(_STATES[name][not stand], "en"), _TEXT)
            event.add_property(f"{name}/Id", stand, _FLAG)
        return event

    def _said(self, comment: str) -> None:
        self.comment, self.by = comment, comment.partition(":")[0]
