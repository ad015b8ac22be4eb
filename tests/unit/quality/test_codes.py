"""A defect code is found by a few letters of its code, its name or its pinyin."""

from __future__ import annotations

import pytest

from mes.contracts.plant import PlantModel
from mes.contracts.quality import defect_name
from mes.quality.codes import codes_of


@pytest.mark.parametrize(
    ("typed", "code"),
    [("spat", "spatter"), ("fj", "spatter"), ("飞", "spatter"), ("feij", "spatter")],
)
def test_letters_of_any_kind_find_a_code(mini_plant: PlantModel, typed: str, code: str) -> None:
    found = [
        one.code
        for one in codes_of(mini_plant)
        if any(word.startswith(typed) for word in one.letters.split())
    ]
    assert code in found


def test_a_code_names_the_lines_where_it_can_arise(mini_plant: PlantModel) -> None:
    by_code = {one.code: one for one in codes_of(mini_plant)}
    assert "body-framing" in by_code["spatter"].lines
    assert by_code["other"].lines == ()


def test_every_code_of_a_plant_is_found_by_its_pinyin(demo_plant: PlantModel) -> None:
    for one in codes_of(demo_plant):
        spoken = one.letters.split(defect_name(one.code).zh)[1].split()[0]
        assert spoken.isascii() and spoken.isalpha(), one.code
