"""Recipes and interlocks of a simulated station: what it takes over, what it refuses, what it works by."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mes.contracts.controls import recipe_version
from mes.contracts.plant import Station, StationRecipe
from plc_sim.core.body import Body
from plc_sim.core.cell import Phase
from plc_sim.core.line import LineCore
from plc_sim.core.line_state import document, restore
from plc_sim.core.recipes import RecipeBook
from tests.support.lines import a_bench, a_body_job

STATION, WELD, FORCE = "framing", "WeldCurrent", "ElectrodeForce"


@pytest.fixture
def core() -> LineCore:
    return a_bench("body-framing").core


def station_of(core: LineCore) -> Station:
    return core.cells[STATION].station


def load(core: LineCore, variant: str, weld: float, *, version: str | None = None) -> str:
    values = {**station_of(core).set_to(variant), WELD: weld}
    return core.load_recipe(STATION, variant, version or recipe_version(variant, values), values)


def test_a_recipe_is_taken_over_once_and_its_checksum_follows_its_values(core: LineCore) -> None:
    book = core.recipes[STATION]
    before = book.version("C1")
    assert load(core, "C1", 9.9) == "ok"
    assert load(core, "C1", 9.9) == "already_done"
    assert book.version("C1") != before
    assert load(core, "C1", station_of(core).set_to("C1")[WELD]) == "ok"
    assert book.version("C1") == before


@pytest.mark.parametrize("weld", [8.0, 11.0, float("nan"), float("inf")])
def test_a_value_outside_the_limits_of_its_tag_is_never_loaded(core: LineCore, weld: float) -> None:
    assert load(core, "C1", weld) == "outside_limits"
    assert core.recipes[STATION].loaded["C1"][WELD] == station_of(core).set_to("C1")[WELD]


def test_what_does_not_fit_together_is_refused(core: LineCore) -> None:
    assert load(core, "X9", 9.9) == "unknown_variant"
    assert load(core, "C1", 9.9, version="0" * 16) == "wrong_version"
    assert core.load_recipe(STATION, "C1", "", {WELD: 9.9}) == "incomplete"


def test_a_recipe_is_not_changed_under_the_body_that_is_worked_by_it(core: LineCore) -> None:
    cell = core.cells[STATION]
    cell.body, cell.phase = Body(str(uuid4()), "B1", model="C1", color="RED"), Phase.WORKING
    assert load(core, "C1", 9.9) == "recipe_in_use"
    assert load(core, "S2", 9.9) == "ok"
    cell.phase = Phase.DONE
    assert load(core, "C1", 9.9) == "ok"


def test_a_station_works_by_the_recipe_of_its_body_and_the_plant_file_says_what_is_right(
    core: LineCore,
) -> None:
    load(core, "C1", 10.2)
    cell = core.cells[STATION]
    cell.body = Body(str(uuid4()), "B1", model="C1", color="RED")
    assert {tag.name: tag.nominal for tag in core._tags_now(cell)}[WELD] == 10.2
    meant = {tag.name: tag.nominal for tag in core._tags_meant(cell)}
    assert meant[WELD] == station_of(core).set_to("C1")[WELD]
    cell.body = Body(str(uuid4()), "B1", model="S2", color="RED")
    assert {tag.name: tag.nominal for tag in core._tags_now(cell)}[WELD] != 10.2


def test_what_was_loaded_survives_a_restart(core: LineCore) -> None:
    load(core, "C1", 9.9)
    core.open_guard(STATION, is_open=True)
    again = a_bench("body-framing").core
    keys = ("line", f"cell:{STATION}")
    restore(again, {key: document(core, key) or "" for key in keys}, {})
    assert again.recipes[STATION].loaded["C1"][WELD] == 9.9
    assert again.cells[STATION].interlocked
    assert again.cells[STATION].guard_open


def test_a_plant_file_cannot_mean_what_its_own_limits_forbid(core: LineCore) -> None:
    doc = station_of(core).model_dump()
    for values in ({WELD: 99.0}, {"Mood": 1.0}):
        with pytest.raises(ValueError, match="recipe C1"):
            Station.model_validate(doc | {"recipe": {"values": {"C1": values}}})


def test_a_tag_that_only_one_variant_sets_has_its_nominal_for_the_others(core: LineCore) -> None:
    recipe = StationRecipe(values={"C1": {WELD: 9.9}, "S2": {FORCE: 3500}})
    station = station_of(core).model_copy(update={"recipe": recipe})
    assert RecipeBook(station).loaded == {
        "C1": {WELD: 9.9, FORCE: 3400.0},
        "S2": {WELD: 9.6, FORCE: 3500.0},
    }


def test_an_open_guard_stops_the_station_until_somebody_releases_it(core: LineCore) -> None:
    core.open_guard(STATION, is_open=True)
    core.advance(core.at + 1)
    assert (core.cells[STATION].word, core.cells[STATION].reason) == ("stopped", "guard_open")
    assert core.set_interlock(STATION, is_set=False, reason="checked") == "guard_open"
    core.open_guard(STATION, is_open=False)
    core.advance(core.at + 1)
    assert (core.cells[STATION].word, core.cells[STATION].reason) == ("stopped", "interlock")
    assert core.set_interlock(STATION, is_set=False, reason=" ") == "reason_missing"
    assert core.set_interlock(STATION, is_set=False, reason="checked") == "ok"
    assert core.set_interlock(STATION, is_set=False, reason="checked") == "already_done"
    core.advance(core.at + core.line.takt_s)
    assert core.cells[STATION].word == "starved"


def test_no_work_is_done_while_the_interlock_is_set_and_it_goes_on_after(core: LineCore) -> None:
    body = uuid4()
    core.floor.put(core.line.takes_from or "", Body(str(body), "B1", model="C1", color="RED"))
    core.store_job(a_body_job("body-framing", 1, body=body), start=True)
    core.advance(core.at + 1)
    cell = core.cells[STATION]
    if cell.phase is not Phase.WORKING:
        pytest.fail(f"the body did not come: {cell.phase}, {cell.word} {cell.reason}")
    assert core.running_variant(STATION) == "C1"
    assert core.set_interlock(STATION, is_set=True, reason="maintenance") == "ok"
    core.advance(core.at + 3600)
    assert cell.phase is Phase.WORKING
    assert core.set_interlock(STATION, is_set=False, reason="ready") == "ok"
    core.advance(core.at + 600)
    assert cell.body is None or cell.phase is Phase.DONE
