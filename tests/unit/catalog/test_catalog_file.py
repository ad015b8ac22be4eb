"""A catalogue file that is wrong is explained; a sound one covers every car."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mes.catalog.check import check_against_plant, check_catalog
from mes.catalog.file import CatalogFileError, demo_catalog, load_catalog, parse_catalog
from mes.catalog.model import Color, Option
from mes.catalog.routing import fitting_places, route
from mes.contracts.plant import SpacingRule
from mes.contracts.text import Text
from tests.support.orders import plant

SMALL = """
version = "t1"
[[models]]
code = "S2"
name = { en = "S2", zh = "S2" }
vds = "S2ESB"
[[models]]
code = "U3"
name = { en = "U3", zh = "U3" }
vds = "U3EUC"
[[colors]]
code = "WHT"
name = { en = "white", zh = "白" }
hex = "#ffffff"
[[families]]
code = "roof"
name = { en = "Roof", zh = "车顶" }
choice = "one"
[[options]]
code = "SUN"
family = "roof"
name = { en = "Sunroof", zh = "天窗" }
[[options]]
code = "PAN"
family = "roof"
name = { en = "Panorama", zh = "全景" }
[[part_families]]
code = "roof_module"
name = { en = "Roof module", zh = "车顶模块" }
need = "one"
"""


def _part(number: str, usage: str, more: str = "") -> str:
    return (
        f'[[parts]]\nnumber = "{number}"\nfamily = "roof_module"\n'
        f'name = {{ en = "{number}", zh = "{number}" }}\nusage = "{usage}"\n{more}\n'
    )


WHOLE = SMALL + _part("STEEL", "!SUN & !PAN") + _part("GLASS", "SUN | PAN")


def _rule(kind: str, body: str, rule_id: str = "r1") -> str:
    return (
        f'[[rules]]\nid = "{rule_id}"\nkind = "{kind}"\n{body}\ntext = {{ en = "r", zh = "r" }}\n'
    )


def _problems(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(CatalogFileError) as error:
        parse_catalog(text)
    return [(problem.line, problem.rule) for problem in error.value.problems]


def _first(text: str) -> str:
    with pytest.raises(CatalogFileError) as error:
        parse_catalog(text)
    return str(error.value)


def test_the_shipped_catalogue_is_sound_and_fits_both_shipped_plants() -> None:
    catalog = demo_catalog()
    assert (len(catalog.models), len(catalog.colors), len(catalog.options)) == (3, 12, 16)
    assert check_catalog(catalog) == []
    assert check_against_plant(catalog, plant("demo")) == []
    fitted = {p.path for p in check_against_plant(catalog, plant("mini"))}
    assert len(fitted) <= 1, "the small plant may leave out the underbody, which it does not weld"


def test_a_small_whole_catalogue_is_sound() -> None:
    assert parse_catalog(WHOLE).version == "t1"


def test_a_car_without_a_part_is_found() -> None:
    message = _first(SMALL + _part("STEEL", "!SUN & !PAN") + _part("GLASS", "SUN"))
    assert "roof_module of PAN S2 WHT has no part" in message
    assert "line 27" in message


def test_a_car_with_two_parts_for_one_place_is_found() -> None:
    message = _first(WHOLE + _part("EXTRA", "SUN & U3"))
    assert "roof_module of SUN U3 WHT is both GLASS and EXTRA" in message


def test_a_gap_in_time_between_two_parts_is_found() -> None:
    until, start = "until_at = 2027-01-01T00:00:00Z", "from_at = 2027-02-01T00:00:00Z"
    text = SMALL + _part("OLD", "", until) + _part("NEW", "", start)
    assert "has no part from 2027-01-01" in _first(text)
    parse_catalog(
        SMALL + _part("OLD", "", until) + _part("NEW", "", until.replace("until", "from"))
    )


def test_rules_keep_impossible_cars_out_of_the_coverage() -> None:
    text = SMALL + _part("STEEL", "!SUN") + _part("GLASS", "SUN")
    assert "roof_module of" not in str(parse_catalog(text))
    only = _rule("available", 'code = "PAN"\nmodels = ["U3"]')
    parse_catalog(
        SMALL
        + only
        + _part("STEEL", "!SUN & !PAN")
        + _part("GLASS", "SUN")
        + _part("WIDE", "U3 & PAN")
    )


def test_an_option_that_no_car_can_have_is_found() -> None:
    needs = _rule("requires", 'when = "SUN"\nthen = "PAN"')
    assert "no car can have option SUN" in _first(WHOLE + needs)


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        (_part("BAD", "S2 & NOPE"), "known_code"),
        (_part("GLASS", "SUN | PAN"), "unique_code"),
        (_part("BAD", "S2 &"), "value_error"),
        (_rule("requires", 'when = "SUN"\nthen = "NOPE"'), "known_code"),
        (_rule("default", 'when = "S2"\noption = "NOPE"'), "known_option"),
        (_rule("available", 'code = "NOPE"'), "known_code"),
        (_rule("available", 'code = "SUN"\nmodels = ["X9"]'), "known_model"),
        (_rule("forbids", 'code = "SUN"'), "union_tag_invalid"),
        (
            '[[options]]\ncode = "TOW"\nfamily = "none"\nname = { en = "T", zh = "T" }\n',
            "known_family",
        ),
        (
            '[[options]]\ncode = "TOW"\nfamily = "roof"\nname = { en = "T", zh = "T" }\n'
            "take_rate_by_model = { X9 = 0.5 }\n",
            "known_model",
        ),
        ("[[models]\n", "toml_syntax"),
    ],
)
def test_a_mistake_is_named_by_its_rule(extra: str, rule: str) -> None:
    assert rule in [found for _, found in _problems(WHOLE + extra)]


def test_a_part_of_an_unknown_family_is_found() -> None:
    text = WHOLE + _part("ODD", "SUN").replace("roof_module", "keel")
    assert "unknown part_family 'keel'" in _first(text)


def test_a_usage_that_depends_on_too_much_is_refused_and_not_tried_for_hours() -> None:
    free = '[[families]]\ncode = "free"\nname = { en = "f", zh = "f" }\nchoice = "any"\n'
    options = "".join(
        f'[[options]]\ncode = "O{n}"\nfamily = "free"\nname = {{ en = "o", zh = "o" }}\n'
        for n in range(30)
    )
    every = " | ".join(f"O{n}" for n in range(30))
    text = SMALL + free + options + _part("ONE", every) + _part("TWO", f"!({every})")
    assert "depends on too many codes" in _first(text)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="cannot be read"):
        load_catalog(tmp_path / "none.toml")
    file = tmp_path / "catalog.toml"
    file.write_text(WHOLE, encoding="utf-8")
    assert load_catalog(file).version == "t1"


def test_a_plant_that_does_not_fit_the_catalogue_is_found() -> None:
    rules = [problem.rule for problem in check_against_plant(parse_catalog(WHOLE), plant())]
    assert {"known_code", "known_part_family", "known_model"} <= set(rules)


def test_colours_and_options_of_the_rules_are_those_of_the_catalogue() -> None:
    base = plant("demo")
    groups = {**base.paint.color_groups, "new": ("NEON",)}
    strange = SpacingRule(id="odd", line="assembly", option="TOW", other="SAIL", places=2)
    changed = base.model_copy(
        update={
            "paint": base.paint.model_copy(update={"color_groups": groups}),
            "spacing_rules": (strange,),
        }
    )
    found = {(p.path, p.rule) for p in check_against_plant(demo_catalog(), changed)}
    assert found == {("colour group new", "known_color"), ("spacing rule odd", "known_code")}


def test_codes_that_are_there_already_stay_as_they_are() -> None:
    name = Text(en="new", zh="新")
    extended = demo_catalog().extended(
        colors=[
            Color(code="WHT", name=name, hex="#000000"),
            Color(code="RF01", name=name, hex="#010101"),
        ],
        options=[Option(code="HPRC1", family="special", name=name)],
    )
    assert extended.color("WHT") == demo_catalog().color("WHT")
    assert extended.color("RF01").name == name
    assert check_catalog(extended) == []


def test_the_route_of_a_car_takes_the_seconds_of_its_options() -> None:
    plain = {step.step: step.work_s for step in route(plant(), {"S2", "WHT"})}
    rich = {step.step: step.work_s for step in route(plant(), {"S2", "WHT", "SUN", "AWD"})}
    assert rich["trim"] == plain["trim"] + 2
    assert rich["marriage"] == plain["marriage"] + 2
    assert rich["final"] == plain["final"]
    lines = [step.line for step in route(plant(), {"S2"})]
    assert lines[-1] == "eol"
    assert fitting_places(plant())["seats"].station == "final"


def test_the_moment_of_lock_decides_which_part_is_used() -> None:
    from mes.catalog.model import Configuration, explode

    change = "2027-01-01T00:00:00Z"
    text = (
        SMALL + _part("OLD", "", f"until_at = {change}") + _part("NEW", "", f"from_at = {change}")
    )
    catalog = parse_catalog(text)
    car = Configuration("S2", "WHT", (), "t1")
    eve, day = datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert [line.part_number for line in explode(catalog, car, eve)] == ["OLD"]
    assert [line.part_number for line in explode(catalog, car, day)] == ["NEW"]
