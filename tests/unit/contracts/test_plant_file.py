"""A plant file is read whole, or every problem in it is named with its line and rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from mes.contracts.plant import ShopKind
from mes.contracts.plant_file import PlantFileError, load_plant, parse_plant, with_ports
from mes.contracts.toml_lines import line_of, lines_by_path
from qc_vision.synth import DEFECT_KINDS, SEVERITY_RANGE, Shop
from tests.support.lines import PLANTS, plant_of

DEMO = (PLANTS / "demo.toml").read_text(encoding="utf-8")


def problems_after(*changes: tuple[str, str]) -> list[tuple[int | None, str, str]]:
    text = DEMO
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    with pytest.raises(PlantFileError) as caught:
        parse_plant(text)
    return [(one.line, one.rule, one.message) for one in caught.value.problems]


def line_with(words: str) -> int:
    return next(n for n, line in enumerate(DEMO.splitlines(), start=1) if words in line)


def test_the_demo_plant_is_of_realistic_size() -> None:
    plant = plant_of("demo")
    assert len(plant.panels) == 12 and len(plant.lines) == 7
    assert {plant.kind_of(line) for line in plant.lines} == set(ShopKind)
    assert len(plant.line("assembly").stations) >= 20
    assert [line.id for line in plant.body_lines] == [
        "body-sub",
        "body-framing",
        "paint",
        "assembly",
        "eol",
    ]


@pytest.mark.parametrize("name", ["demo", "mini"])
def test_the_body_lines_keep_their_takt(name: str) -> None:
    for line in plant_of(name).body_lines:
        for step in line.steps:
            assert max(station.cycle_s for station in step) / len(step) <= line.takt_s


@pytest.mark.parametrize("name", ["demo", "mini"])
def test_defects_are_kinds_and_sizes_that_the_cameras_of_their_line_can_see(name: str) -> None:
    for line in plant_of(name).lines:
        scenes = {s.camera.scene for s in line.stations if s.camera is not None}
        for station in line.stations:
            for source in station.defects:
                (scene,) = scenes
                assert source.kind in DEFECT_KINDS[Shop(scene)]
                low, high = SEVERITY_RANGE[Shop(scene), source.kind]
                assert low <= source.severity_mm[0] <= source.severity_mm[1] <= high


def test_the_mini_plant_needs_less_than_half_an_hour_for_a_body() -> None:
    plant = plant_of("mini")
    waiting = sum(store.initial for store in plant.stores if store.kind == "body") * 20
    assert sum(line.lead_s for line in plant.body_lines) + waiting < 30 * 60


def test_an_unknown_shop_is_named_with_its_line_and_what_is_known() -> None:
    ((line, rule, message),) = problems_after(('shop = "paint"\n', 'shop = "pant"\n'))
    assert (line, rule) == (line_with('shop = "paint"'), "known_shop")
    assert "'pant'" in message and "paint" in message


def test_material_that_runs_in_a_cycle_is_told() -> None:
    problems = problems_after(('gives_to = "pbs"', 'gives_to = "subs"'))
    assert [rule for _, rule, _ in problems] == ["acyclic_flow"]
    assert "subs → wbs → subs" in problems[0][2]


def test_every_problem_is_told_at_once_in_order_of_lines() -> None:
    problems = problems_after(
        ("port = 4807", "port = 4806"),
        ('takes_from = "wbs"', 'takes_from = "wsb"'),
        ('consumes = ["roof"]', 'consumes = ["rof"]'),
    )
    assert [rule for _, rule, _ in problems] == [
        "known_panel family",
        "known_store",
        "unique_port",
    ]
    assert problems[0][0] == line_with('consumes = ["roof"]')


def test_a_bad_value_is_told_at_the_line_it_stands_on() -> None:
    ((line, rule, _),) = problems_after(("takt_s = 60", "takt_s = -1"))
    assert (line, rule) == (line_with("takt_s = 60"), "greater_than")


def test_a_field_that_does_not_exist_is_told() -> None:
    ((line, rule, _),) = problems_after(("takt_s = 60", "takt_s = 60\nspeed = 3"))
    assert (line, rule) == (line_with("takt_s = 60") + 1, "extra_forbidden")


@pytest.mark.parametrize(
    ("before", "after", "at", "rule", "named"),
    [
        ('after = "dark"', 'after = "dim"', 'after = "dark"', "known_color_group", "'dim'"),
        ('"BLK", "GRY"', '"WHT", "GRY"', 'dark = ["BLK"', "one_color_group", "WHT"),
        ("purge_s = 12\nsolvent_ml = 250", "purge_s = 12", "solvent_ml = 500", "usual_solvent", ""),
        ("purge_s = 18", "purge_s = -18", "purge_s = 18", "greater_than_equal", ""),
    ],
)
def test_a_purge_that_makes_no_sense_is_told_at_its_line(
    before: str, after: str, at: str, rule: str, named: str
) -> None:
    line, said, message = problems_after((before, after))[0]
    removed = before.count("\n") - after.count("\n")
    assert (line, said) == (line_with(at) - removed, rule)
    assert named in message


def test_the_same_purge_twice_is_told() -> None:
    more = '[[paint.purges]]\ncolor = "light"\nafter = "dark"\n\n[[shops]]'
    ((_, rule, message),) = problems_after(("[[shops]]", more))
    assert (rule, message) == ("unique_purge", "light after dark has a purge already")


def test_light_behind_dark_is_purged_longer_than_the_rest() -> None:
    paint = plant_of("demo").paint
    assert paint.purge_between("BLK", "WHT") == (18, 500)
    assert paint.purge_between("WHT", "BLK") == (8, 150)
    assert paint.purge_between("RED", "WHT") == paint.purge_between("BLK", "GRY") == (12, 250)


@pytest.mark.parametrize(
    ("before", "after", "at", "rule"),
    [
        ("places = 4", "places = 1", "places = 4", "greater_than_equal"),
        ('option = "TOW"\nplaces', "places", "places = 4", "missing"),
        ('id = "tow-4-apart"\nline = "assembly"', 'id = "x"\nline = "asm"', "tow-4", "known_line"),
    ],
)
def test_a_spacing_rule_that_makes_no_sense_is_told_near_its_line(
    before: str, after: str, at: str, rule: str
) -> None:
    ((line, said, _),) = problems_after((before, after))
    assert said == rule
    assert line is not None
    assert abs(line - line_with(at)) <= 4


def test_a_value_inside_an_inline_table_is_found() -> None:
    tag = 'name = "CushionPressure"'
    ((line, rule, message),) = problems_after(
        ("nominal = 62, spread = 1.2", "nominal = 99, spread = 1.2")
    )
    assert line == line_with(tag)
    assert rule == "value_error" and "CushionPressure" in message


def test_what_is_not_toml_is_told_with_its_line() -> None:
    ((line, rule, _),) = problems_after(('[[stores]]\nid = "panels"', '[[stores]\nid = "panels"'))
    assert rule == "toml_syntax"
    assert line == DEMO.split('[[stores]]\nid = "panels"')[0].count("\n") + 1


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlantFileError, match="cannot be read"):
        load_plant(tmp_path / "none.toml")
    binary = tmp_path / "plant.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlantFileError, match="UTF-8"):
        load_plant(binary)


def test_ports_are_moved_together() -> None:
    plant = with_ports(plant_of("demo"), 30_000)
    ports = [p for line in plant.lines for p in (line.port, line.camera_port) if p is not None]
    assert len(set(ports)) == len(ports) and min(ports) == 30_000


def test_places_are_followed_through_every_form_of_toml() -> None:
    text = "\n".join(
        [
            "# head",
            'a.b = """x',
            '[no] = table"""',
            "c = [1, # one",
            "  { d = 'x', \"e f\" = [",
            "    2,",
            "  ] },",
            "]",
            "[t.u]",
            "v = 1979-05-27T07:32:00Z",
            "[[t.w]]",
            "x = 1",
            "[[t.w]]",
            "x = [[1], [2]]",
            "[[t.w.y]]",
            'z = "a \\" b"',
        ]
    )
    lines = lines_by_path(text)
    found = {".".join(path): line for path, line in lines.items()}
    assert found["a.b"] == 2 and found["c"] == 4 and found["c.0"] == 4
    assert found["c.1.d"] == 5 and found["c.1.e f.0"] == 6
    assert found["t.u.v"] == 10
    assert found["t.w.0.x"] == 12 and found["t.w.1.x.1"] == 14
    assert found["t.w.1.y.0.z"] == 16
    assert line_of(lines, ("t", "w", "1", "unknown")) == 13
    assert line_of(lines, ("nothing",)) is None
