"""How reports of a condition become its life. Decides, never asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from mes.contracts.alarms import AlarmReport
from mes.contracts.ids import uuid7
from mes.platform.errors import Conflict, NotFound

Key = tuple[str, str, str]
"""Line, condition, branch."""
GRAVE = 700
"""From this severity on (OPC 10000-5: 667 to 1000 is high) an alarm is among those that may cost work."""


class UnknownAlarm(NotFound):
    """There is no alarm {id}."""

    code = "alarm.unknown"


class NothingToAcknowledge(Conflict):
    """The alarm “{name}” is acknowledged already, or is of a kind that nobody acknowledges."""

    code = "alarm.nothing_to_acknowledge"


class NothingToConfirm(Conflict):
    """The alarm “{name}” is confirmed already, not acknowledged yet, or of a kind that nobody confirms."""

    code = "alarm.nothing_to_confirm"


class NothingToShelve(Conflict):
    """The alarm “{name}” is over, as it is asked for already, or of a kind that its machine does not shelve."""

    code = "alarm.nothing_to_shelve"


class AgentKnowsNoAlarms(Conflict):
    """The agent of {line} is older than this version or never spoke: it cannot do this with alarms."""

    code = "alarm.agent_too_old"


@dataclass(frozen=True, slots=True)
class LineAlarm:
    """One time that a condition was active, or an event (`condition` empty). Times are plant time."""

    id: UUID
    line: str
    condition: str
    branch: str
    began_at: datetime
    ended_at: datetime | None
    end_seen: bool
    station: str | None
    source: str
    name: str
    event_type: str
    event_id: str
    message: str
    """What the machine said while it was wrong; "works again" is not what a person acknowledges."""
    severity: int
    acked: bool | None
    acked_at: datetime | None
    acked_by: str
    comment: str
    confirmed: bool | None
    retain: bool
    merged: int
    changed_at: datetime
    shelved: bool | None = None

    @property
    def key(self) -> Key:
        """What tells its condition from all others."""
        return (self.line, self.condition, self.branch)

    @property
    def stands(self) -> bool:
        """Whether it is active, or waits for somebody."""
        return self.ended_at is None or self.retain

    @property
    def may_be_acknowledged(self) -> bool:
        """Whether it waits for an acknowledgement."""
        return bool(self.condition) and self.stands and self.acked is False

    @property
    def may_be_confirmed(self) -> bool:
        """Whether it was acknowledged and waits for somebody to confirm that it was dealt with."""
        return (
            bool(self.condition) and self.stands and self.acked is True and self.confirmed is False
        )

    @property
    def may_be_shelved(self) -> bool:
        """Whether it may be put aside for a while."""
        return bool(self.condition) and self.stands and self.shelved is False

    @property
    def may_be_unshelved(self) -> bool:
        """Whether it was put aside and may be brought back."""
        return bool(self.condition) and self.stands and self.shelved is True


def follow(latest: Mapping[Key, LineAlarm], reports: Sequence[AlarmReport]) -> list[LineAlarm]:
    """Return the alarms that reports begin or change, as they are then.

    Args:
        latest: the newest alarm of each condition before.
        reports: in the order of the agent.
    """
    now, changed = dict(latest), dict[UUID, LineAlarm]()
    for report in reports:
        key = (report.line, report.condition, report.branch)
        for alarm in _after(now.get(key), report):
            now[key] = changed[alarm.id] = alarm
    return list(changed.values())


def _after(before: LineAlarm | None, report: AlarmReport) -> list[LineAlarm]:
    began_at = report.began_at or report.at
    if before is not None and began_at == before.began_at:
        return [_changed(before, report)]
    rose = report.active or (report.began_at is not None and report.began_at > _newest(before))
    if before is not None and not rose:
        return [_changed(before, report)]  # the state of one that is over: acknowledged, confirmed
    if before is None and not rose and not report.retain and report.is_condition:
        return []  # the end of something of which nothing is known
    if before is not None and before.ended_at is None:  # it ended and rose again unheard
        ended_at = max(before.began_at, began_at)
        over = replace(before, ended_at=ended_at, end_seen=False, retain=False)
        return [over, _begun(report, began_at)]
    return [_begun(report, began_at)]


def _newest(before: LineAlarm | None) -> datetime:
    return before.began_at if before is not None else datetime.min.replace(tzinfo=UTC)


def _begun(report: AlarmReport, began_at: datetime) -> LineAlarm:
    fresh = LineAlarm(
        id=uuid7(),
        line=report.line,
        condition=report.condition,
        branch=report.branch,
        began_at=began_at,
        ended_at=None,
        end_seen=True,
        station=report.station,
        source=report.source,
        name=report.name,
        event_type=report.event_type,
        event_id=report.event_id,
        message=report.message,
        severity=report.severity,
        acked=None,
        acked_at=None,
        acked_by="",
        comment="",
        confirmed=None,
        retain=report.retain,
        merged=0,
        changed_at=report.at,
    )
    return _changed(fresh, report)


def _changed(alarm: LineAlarm, report: AlarmReport) -> LineAlarm:
    ended_at = alarm.ended_at
    if not report.active and ended_at is None:
        ended_at = max(report.at, alarm.began_at)
    newly_acked = bool(report.acked) and alarm.acked is False
    return replace(
        alarm,
        ended_at=None if report.active else ended_at,
        end_seen=alarm.end_seen if ended_at == alarm.ended_at else report.seen,
        event_id=report.event_id or alarm.event_id,
        message=report.message if report.active and report.message else alarm.message,
        severity=report.severity,
        acked=report.acked,
        acked_at=report.at if newly_acked else alarm.acked_at,
        acked_by=report.by if newly_acked else alarm.acked_by,
        comment=report.comment or alarm.comment,
        confirmed=report.confirmed,
        retain=report.retain,
        shelved=report.shelved,
        merged=alarm.merged + report.merged,
        changed_at=report.at,
    )
