"""Reports of a condition become its life: begun once, ended once, acknowledged by somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mes.contracts.alarms import AlarmReport
from mes.equipment.alarms.model import LineAlarm, follow

BEGAN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    return BEGAN + timedelta(minutes=number)


def a_report(**given: Any) -> AlarmReport:
    facts: dict[str, Any] = {
        "line": "paint",
        "condition": "nsu=urn:plc;s=guard",
        "event_id": "01",
        "event_type": "i=10637",
        "source": "oven",
        "station": "oven",
        "name": "Guard",
        "message": "guard open",
        "severity": 800,
        "at": BEGAN,
        "active": True,
        "began_at": BEGAN,
        "acked": False,
        "confirmed": None,
        "retain": True,
    }
    return AlarmReport(**(facts | given))


def told(*reports: AlarmReport, before: LineAlarm | None = None) -> list[LineAlarm]:
    latest = {before.key: before} if before is not None else {}
    return sorted(follow(latest, reports), key=lambda alarm: alarm.began_at)


OVER = a_report(event_id="02", at=minute(1), active=False)
AGAIN = a_report(event_id="04", at=minute(3), began_at=minute(3))


def test_an_alarm_stands_until_it_is_over_and_acknowledged() -> None:
    (begun,) = told(a_report())
    assert begun.stands and begun.may_be_acknowledged and begun.ended_at is None
    (over,) = told(OVER, before=begun)
    assert (over.id, over.ended_at, over.end_seen) == (begun.id, minute(1), True)
    assert over.stands, "nobody has acknowledged it"
    acked = a_report(
        event_id="03", at=minute(2), active=False, acked=True, retain=False, by="mei", comment="ok"
    )
    (done,) = told(acked, before=over)
    assert not done.stands and not done.may_be_acknowledged
    assert (done.acked_by, done.acked_at, done.comment) == ("mei", minute(2), "ok")
    assert done.ended_at == minute(1), "it is over since then"


def test_what_was_wrong_is_still_said_when_it_is_over() -> None:
    (begun,) = told(a_report())
    (worse,) = told(a_report(event_id="05", message="guard torn off"), before=begun)
    (over,) = told(a_report(event_id="02", active=False, message="guard shut"), before=worse)
    assert (worse.message, over.message) == ("guard torn off", "guard torn off")


def test_a_report_that_comes_again_changes_nothing() -> None:
    (begun,) = told(a_report())
    assert told(a_report(), before=begun) == [begun]


def test_a_condition_that_rises_again_is_a_new_alarm() -> None:
    first, second = told(a_report(), OVER, AGAIN)
    assert (first.ended_at, second.ended_at) == (minute(1), None)
    assert first.id != second.id


def test_an_alarm_that_rose_again_unheard_ended_at_a_time_nobody_saw() -> None:
    first, second = told(a_report(), AGAIN)
    assert (first.ended_at, first.end_seen, first.stands) == (minute(3), False, False)
    assert second.ended_at is None


def test_an_alarm_that_was_over_before_it_was_told_is_kept_with_both_times() -> None:
    (alarm,) = told(OVER.model_copy(update={"merged": 1}))
    assert (alarm.began_at, alarm.ended_at, alarm.merged) == (BEGAN, minute(1), 1)


def test_an_end_that_nobody_saw_is_marked() -> None:
    gone = a_report(at=minute(9), active=False, retain=False, seen=False)
    (alarm,) = told(a_report(), gone)
    assert (alarm.ended_at, alarm.end_seen, alarm.stands) == (minute(9), False, False)


def test_the_end_of_something_unknown_is_no_alarm() -> None:
    assert told(a_report(active=False, retain=False, began_at=None)) == []


def test_an_event_without_a_condition_is_over_as_it_begins() -> None:
    facts = {"condition": "", "active": False, "retain": False, "acked": None}
    (event,) = told(a_report(branch="0a", **facts))
    assert (event.began_at, event.ended_at) == (BEGAN, BEGAN)
    assert not event.stands and not event.may_be_acknowledged
    assert len(told(a_report(branch="0a", **facts), a_report(branch="0b", **facts))) == 2
