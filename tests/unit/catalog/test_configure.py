"""What can be built, and how the refusal of the rest is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.catalog.configure import NotBuildable, broken_rules, configure
from mes.catalog.expression import parse
from mes.catalog.file import demo_catalog
from mes.catalog.model import explode

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CATALOG = demo_catalog()
OPTIONS = [option.code for option in CATALOG.options]


def _refusal(model: str, color: str, *options: str, at: datetime = NOW) -> NotBuildable:
    with pytest.raises(NotBuildable) as refusal:
        configure(CATALOG, model, color, options, at)
    return refusal.value


def test_a_default_is_added_unless_another_of_its_family_is_chosen() -> None:
    assert configure(CATALOG, "U3", "WHT", (), NOW).options == ("19IN",)
    assert configure(CATALOG, "U3", "WHT", ("20IN",), NOW).options == ("20IN",)
    assert configure(CATALOG, "U3", "WHT", ("AWD",), NOW).options == ("19IN", "AWD", "CHRG")
    assert configure(CATALOG, "S2", "WHT", (), NOW).options == ()


def test_every_broken_rule_is_told_in_both_languages() -> None:
    refusal = _refusal("C1", "YEL", "PAN", "SUN", "ADAS")
    assert [rule.rule for rule in refusal.broken] == [
        "one_roof",
        "adas-needs-cameras",
        "panoramic-roof-models",
    ]
    assert "The highway assistant (ADAS) needs the surround cameras (CAMS)." in refusal.detail
    assert "必须同时选装全景影像" in refusal.in_words("zh")
    assert refusal.facts["broken_rules"][1]["zh"].startswith("高速领航辅助")  # type: ignore[index]
    assert [error.field for error in refusal.errors] == ["options"] * 3


def test_unknown_codes_are_refused_with_those_that_exist() -> None:
    refusal = _refusal("X9", "PINK", "WARP")
    assert [rule.field for rule in refusal.broken] == ["model", "color", "options"]
    assert "C1, S2, U3" in refusal.detail
    assert "'PINK'" in refusal.detail
    assert "…" in _refusal("S2", "Q" * 300).detail


def test_an_option_is_chosen_once() -> None:
    assert _refusal("S2", "WHT", "SUN", "SUN").broken[0].rule == "option_once"


def test_a_rule_about_a_colour_is_told_at_the_colour() -> None:
    assert _refusal("U3", "YEL").broken[0].field == "color"


def test_availability_ends_at_its_date_and_begins_at_its_date() -> None:
    end = datetime(2029, 12, 31, 16, 0, tzinfo=UTC)
    assert configure(CATALOG, "S2", "BRN", (), end.replace(hour=15)).color == "BRN"
    assert _refusal("S2", "BRN", at=end).broken[0].rule == "brown-runs-out"
    assert _refusal("S2", "WHT", "HUD", "PREM", at=datetime(2024, 1, 1, tzinfo=UTC))


@settings(max_examples=300)
@given(
    st.sampled_from(["C1", "S2", "U3"]),
    st.sampled_from([color.code for color in CATALOG.colors]),
    st.sets(st.sampled_from(OPTIONS)),
)
def test_a_car_is_built_if_and_only_if_it_breaks_no_rule(
    model: str, color: str, options: set[str]
) -> None:
    try:
        car = configure(CATALOG, model, color, sorted(options), NOW)
    except NotBuildable as refusal:
        assert refusal.broken
        return
    assert set(car.options) >= options
    assert not list(broken_rules(CATALOG, model, color, frozenset(car.options), NOW))
    families = [CATALOG.option(code).family for code in car.options]
    assert families.count("roof") <= 1
    assert families.count("wheels") <= 1
    if "ADAS" in car.options:
        assert "CAMS" in car.options


@settings(max_examples=200)
@given(st.sampled_from(["C1", "S2", "U3"]), st.sets(st.sampled_from(OPTIONS), max_size=6))
def test_the_bill_of_material_of_a_car_is_whole(model: str, options: set[str]) -> None:
    try:
        car = configure(CATALOG, model, "PRL", sorted(options), NOW)
    except NotBuildable:
        return
    bom = explode(CATALOG, car, NOW)
    families = [line.family for line in bom]
    for family in CATALOG.part_families:
        if family.need == "one":
            assert families.count(family.code) == 1, family.code
        elif family.need == "optional":
            assert families.count(family.code) <= 1, family.code
    brute = {p.number for p in CATALOG.parts if parse(p.usage).holds(car.codes)}
    assert {line.part_number for line in bom} == brute


def test_quantities_are_those_of_the_part() -> None:
    car = configure(CATALOG, "S2", "WHT", ("BAT2", "CHRG"), NOW)
    bom = {line.part_number: line for line in explode(CATALOG, car, NOW)}
    wheels = next(line for line in bom.values() if line.family == "wheels")
    assert wheels.quantity == 4
    coolant = next(line for line in bom.values() if "coolant" in line.name.en)
    assert (str(coolant.quantity), coolant.unit) == ("9.5", "l")


def test_things_of_the_catalogue_are_found_by_code() -> None:
    assert CATALOG.model("S2").vds == "S2ESB"
    assert CATALOG.color("RED").hex.startswith("#")
    assert CATALOG.option("SUN").family == "roof"
    assert CATALOG.family("roof").choice == "one"
    assert CATALOG.part_family("seats").need == "one"
    with pytest.raises(KeyError):
        CATALOG.model("X9")
