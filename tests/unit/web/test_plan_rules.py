"""What the checker finds is told in both languages, from its code and figures."""

from __future__ import annotations

import re
from pathlib import Path

import aps.check
from aps.problem import Stage
from mes.planning.model import PlanBroken
from mes.web.plan_rules import RULES, broken_rule
from mes.web.problem_words import detail

TAKT = {
    "code": "line.takt",
    "subject": "C2M-0000007",
    "facts": {"apart_s": 20, "least_s": 60},
    "reason": "Car C2M-0000007 starts on TCF 20 s of work behind another; 60 s are needed.",
}


def codes_of_the_checker() -> set[str]:
    """Read from the checker's source what it can say."""
    folder = Path(aps.check.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    codes = set(re.findall(r"""broken\(\s*"([a-z_]+\.[a-z_]+)\"""", source))
    codes |= {f"{kind}.unknown" for kind in ("car", "machine", "press", "die", "shift")}
    return codes | {f"{stage.value}.fact" for stage in (Stage.IN_PAINT, Stage.IN_ASSEMBLY)}


def test_every_rule_of_the_checker_has_a_sentence() -> None:
    found = codes_of_the_checker()
    assert len(found) > 40, "the checker says what it finds elsewhere now"
    assert found | {"unchecked"} == set(RULES)


def test_a_broken_rule_is_told_in_both_languages_with_its_figures() -> None:
    english, chinese = broken_rule(TAKT, "en"), broken_rule(TAKT, "zh")
    for told in (english, chinese):
        assert "C2M-0000007" in told
        assert "20" in told
        assert "60" in told
    assert not re.search(r"[a-z]{4,}", chinese)


def test_a_rule_that_nobody_put_into_words_keeps_the_words_of_the_checker() -> None:
    assert broken_rule({"code": "new.rule", "reason": "It is so."}, "zh") == "It is so."
    assert broken_rule({**TAKT, "facts": {}}, "zh") == TAKT["reason"]


def test_a_plan_that_is_refused_says_why_in_the_planners_language() -> None:
    refused = PlanBroken(number=3, count=1, first=TAKT["reason"], violation=TAKT)
    assert broken_rule(TAKT, "zh") in detail(refused, "zh")
    assert str(TAKT["reason"]) in detail(refused, "en")
