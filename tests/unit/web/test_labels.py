"""Every state the plant knows has a word, an icon and a tone; every event has a sentence."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from mes.contracts.dispatch import JobState
from mes.contracts.events import PAYLOADS
from mes.contracts.line_records import StationState
from mes.contracts.quality import Disposition, Verdict
from mes.identity.model import Role
from mes.inspection.model import Review
from mes.orders.model import OrderStage
from mes.planning.model import PlanState
from mes.quality.model import HoldState, ReworkState
from mes.web.formats import Formats
from mes.web.happenings import EventRow, happening
from mes.web.labels import KINDS, label
from mes.web.names import PlantNames
from mes.web.vendor import ICONS


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("order_stage", OrderStage),
        ("station_state", [*get_args(StationState), "unknown"]),
        ("job_state", JobState),
        ("plan_state", PlanState),
        ("verdict", Verdict),
        ("disposition", Disposition),
        ("hold_state", HoldState),
        ("rework_state", ReworkState),
        ("review", Review),
        ("role", Role),
    ],
)
def test_every_state_has_a_label(kind: str, values: Iterable[str]) -> None:
    assert {str(value) for value in values} <= KINDS[kind].keys()


def test_every_label_has_an_icon_that_we_ship() -> None:
    assert {one.icon for kind in KINDS.values() for one in kind.values()} <= set(ICONS)


def test_unknown_does_not_look_like_idle() -> None:
    assert label("station_state", "unknown").tone == "unknown"
    assert label("station_state", "idle").tone != "unknown"


def test_a_state_nobody_named_is_shown_as_it_is() -> None:
    assert label("order_stage", "dreamt").word == "dreamt"


NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
F = Formats("en", ZoneInfo("Asia/Shanghai"), NOW)
NAMES = PlantNames("en", {})


def an_event(kind: str, **payload: object) -> EventRow:
    return EventRow(1, UUID(int=1), kind, "system", NOW, None, None, payload)


@pytest.mark.parametrize("kind", sorted(PAYLOADS))
def test_every_kind_of_event_has_a_sentence(kind: str) -> None:
    old = new = NOW.isoformat()
    told = happening(an_event(kind, old_at=old, new_at=new), F, NAMES)
    assert told.text != kind
    assert told.icon in ICONS


def test_a_moved_promise_says_from_when_to_when() -> None:
    told = happening(
        an_event(
            "promise.changed",
            old_at="2026-11-22T04:00:00+00:00",
            new_at="2026-11-22T04:35:00+00:00",
        ),
        F,
        NAMES,
    )
    assert told.text == "Promise moved from 22 Nov 12:00 to 22 Nov 12:35 (+35 min)"


def test_a_defect_is_called_by_its_name() -> None:
    chinese = PlantNames("zh", {})
    assert chinese.defect("dust_nib") == "尘点"
    assert NAMES.defect("dust_nib") == "dust nib"
    assert NAMES.defect(None) == ""
