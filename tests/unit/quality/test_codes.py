"""A defect code is found by a few letters of its code, its name or its pinyin."""

from __future__ import annotations

import pytest

from mes.contracts.plant import PlantModel
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
