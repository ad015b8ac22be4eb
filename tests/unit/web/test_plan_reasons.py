"""What the planning library says about a car is said in the words of the plant, with plant times."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aps import build, explain
from mes.contracts.text import Text
from mes.web.formats import Formats
from mes.web.names import PlantNames
from mes.web.plan_reasons import _SENTENCES, plan_reason
from mes.web.translations import Language

ANCHOR = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
CODES = set(re.findall(r'_reason\(\s*"\w+",\s*"([\w.]+)"', Path(explain.__file__).read_text()))


def said(reason: dict[str, object], language: Language = "en") -> str:
    f = Formats(language, ZoneInfo("Asia/Shanghai"), ANCHOR)
    names = PlantNames(language, {"ratio-sun": Text(en="Sunroof ratio", zh="天窗比例")})
    return plan_reason(reason, f, names, anchor=ANCHOR)


def test_every_reason_of_the_library_has_a_sentence() -> None:
    assert len(CODES) >= 10
    assert CODES | set(build._SENTENCES) <= {*_SENTENCES, "store.full"}


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
