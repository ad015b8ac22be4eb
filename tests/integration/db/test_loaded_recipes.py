"""What a line has loaded stands beside what its jobs want: the plant file's, or what was loaded by hand."""

from __future__ import annotations

from datetime import timedelta

from mes.contracts.controls import RecipeReport, recipe_of
from mes.contracts.plant import PlantModel
from mes.equipment.recipes import service as recipes
from mes.ingest.model import read_results
from mes.platform.db import WriteConn
from mes.resources import service as resources
from tests.support.floor import at, install

VARIANT = "C1"


async def test_a_line_with_another_recipe_is_told_until_it_has_the_one_wanted(
    conn: WriteConn, mini_plant: PlantModel
) -> None:
    await install(conn, mini_plant)
    line, station = next(
        (line, station)
        for line in mini_plant.lines
        for station in line.stations
        if station.recipe is not None and VARIANT in station.recipe.values
    )
    planned = recipe_of(station, VARIANT)
    assert planned is not None
    name, first = planned.values[0].name, planned.values[0]
    other = recipe_of(station, VARIANT, {name: (first.value + first.high) / 2})
    assert other is not None and other.version != planned.version

    async def tell(version: str, minute: float) -> None:
        report = RecipeReport(
            line=line.id, station=station.id, variant=VARIANT, version=version, at=at(minute)
        )
        ((_, read),), aside = read_results([report.model_dump_json().encode()])
        assert isinstance(read, RecipeReport) and not aside
        await recipes.take(conn, read)

    async def stands() -> tuple[str | None, bool, bool]:
        found = await recipes.of_line(conn, line.id)
        (one,) = [r for r in found if (r.station, r.variant) == (station.id, VARIANT)]
        assert (one in await recipes.differing(conn)) is one.differs
        return one.version, one.differs, one.by_hand

    assert await stands() == (None, False, False), "what is not told is no difference"
    await tell(planned.version, 1)
    assert await stands() == (planned.version, False, False)
    await tell("", 2)
    assert await stands() == ("", True, False), "a line that lost its recipe"
    await tell(other.version, 3)
    assert await stands() == (other.version, True, False)
    await recipes.expect(conn, line.id, other)
    assert await stands() == (other.version, False, True)
    await tell(planned.version, 2.5)
    assert await stands() == (other.version, False, True), "older news changes nothing"
    await recipes.expect(conn, line.id, planned)
    assert await stands() == (other.version, True, False)
    await tell(planned.version, 4)
    assert await stands() == (planned.version, False, False)


async def test_what_was_loaded_by_hand_counts_no_more_once_the_plant_file_says_otherwise(
    conn: WriteConn, mini_plant: PlantModel
) -> None:
    await install(conn, mini_plant)
    line, station = next(
        (line, station) for line in mini_plant.lines for station in line.stations if station.recipe
    )
    assert station.recipe is not None
    variant = next(iter(station.recipe.values))
    planned = recipe_of(station, variant)
    assert planned is not None
    first = planned.values[0]
    by_hand = recipe_of(station, variant, {first.name: (first.value + first.high) / 2})
    assert by_hand is not None
    await recipes.expect(conn, line.id, by_hand)
    moved = station.recipe.model_copy(
        update={
            "values": {
                **station.recipe.values,
                variant: {
                    **station.recipe.values[variant],
                    first.name: (first.value + first.low) / 2,
                },
            }
        }
    )
    new_station = station.model_copy(update={"recipe": moved})
    new_line = line.model_copy(
        update={"stations": tuple(new_station if s is station else s for s in line.stations)}
    )
    changed = mini_plant.model_copy(
        update={"lines": tuple(new_line if one is line else one for one in mini_plant.lines)}
    )
    await resources.install_plant(conn, changed, now=at(1) + timedelta(hours=1))
    new = recipe_of(new_station, variant)
    assert new is not None
    (one,) = [
        r
        for r in await recipes.of_line(conn, line.id)
        if (r.station, r.variant) == (station.id, variant)
    ]
    assert (one.wanted, one.by_hand) == (new.version, False)
