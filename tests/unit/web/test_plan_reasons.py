"""What the planning library says about a car is said in the words of the plant, with plant times."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from aps import build, change, explain
from mes.contracts.text import Text
from mes.web.formats import Formats
from mes.web.names import PlantNames
from mes.web.plan_reasons import _SENTENCES, plan_reason
from mes.web.translations import Language
from tests.support.aps_plants import a_car, a_plant

ANCHOR = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
CODES = set(re.findall(r'_reason\(\s*"\w+",\s*"([\w.]+)"', Path(explain.__file__).read_text()))


def said(reason: dict[str, object], language: Language = "en") -> str:
    f = Formats(language, ZoneInfo("Asia/Shanghai"), ANCHOR)
    names = PlantNames(language, {"ratio-sun": Text(en="Sunroof ratio", zh="天窗比例")})
    return plan_reason(reason, f, names, anchor=ANCHOR)


def test_every_reason_of_the_library_has_a_sentence() -> None:
    assert len(CODES) >= 10
    assert CODES | set(build._SENTENCES) <= {*_SENTENCES, "store.full"}


CHANGES: tuple[change.Change, ...] = (
    change.Rush(car_id="c"),
    change.Overtime(calendar="day", shift="early", start_s=0, end_s=1800),
    change.HoldEnds(car_id="c", release_s=5_400),
    change.Unfrozen(car_ids=("c",)),
    change.MorePanels(panel_type="city-hood", pieces=3),
    change.ExtraMachine(machine="W0"),
    change.MoreStore(places=2),
    change.LongerBatch(bodies=1),
    change.CloserCars(rule="heavy", places=1),
    change.LaterPromise(car_id="c", due_s=5_400),
)


@pytest.mark.parametrize("one", CHANGES, ids=lambda one: type(one).__name__)
def test_every_change_that_would_help_is_told_in_both_languages(one: change.Change) -> None:
    told = change.in_words(a_plant((a_car("c"),)), one)
    reason = {"code": told.code, "facts": dict(told.facts), "reason": told.sentence}
    english, chinese = said(reason), said(reason, "zh")
    assert told.code in _SENTENCES
    assert english != chinese


def test_every_kind_of_change_is_among_them() -> None:
    assert {type(one) for one in CHANGES} == set(get_args(change.Change))


def test_overtime_names_the_lines_that_work() -> None:
    reason = change.in_words(a_plant((a_car("c"),)), CHANGES[1])
    told = said({"code": reason.code, "facts": dict(reason.facts)})
    assert told == "Overtime from 22 Nov 08:00 to 22 Nov 08:30: assembly, paint."


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Assembly takes it as soon as it leaves paint on 22 Nov 09:30."),
        ("zh", "11月22日 09:30 出涂装后即上总装。"),
    ],
)
def test_seconds_of_the_plan_are_told_as_plant_time(language: Language, expected: str) -> None:
    reason = {"code": "assembly.waits_for_body", "facts": {"paint_end_s": 5_400}}
    assert said(reason, language) == expected


def test_a_wait_is_a_duration_and_not_an_instant() -> None:
    facts = {"machine": "underbody-1", "wait_s": 660, "ahead": 11}
    told = said({"code": "weld.capacity", "facts": facts})
    assert told == "It waits 11 min for the welding of 11 bodies before it."


def test_a_rule_is_called_by_its_name() -> None:
    facts = {"rule": "ratio-sun", "count": 9, "cap": 8}
    assert "Sunroof ratio" in said({"code": "ratio.cap", "facts": facts})


def test_a_reason_nobody_translated_keeps_the_librarys_words() -> None:
    assert said({"code": "something.new", "reason": "It rains.", "facts": {}}) == "It rains."
    assert said({"code": "held", "reason": "It is held.", "facts": {}}) == "It is held."
