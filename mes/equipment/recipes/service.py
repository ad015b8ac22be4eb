"""Follow which recipes the lines have loaded, and say where they are not the ones that their jobs want."""

from __future__ import annotations

from mes.contracts.controls import Recipe, RecipeReport, recipe_of
from mes.equipment.recipes import model, repository
from mes.equipment.recipes.model import WatchedRecipe
from mes.platform.db import ReadConn, WriteConn
from mes.resources import service as resources


async def take(conn: WriteConn, report: RecipeReport) -> None:
    """Keep what a line tells; told again, it changes nothing."""
    await repository.take(conn, report)


async def expect(conn: WriteConn, line: str, recipe: Recipe) -> None:
    """Want what a person has loaded, until the plant file's recipe changes or another is loaded."""
    plant_line = (await resources.active_plant(conn)).line(line)
    station = next((one for one in plant_line.stations if one.id == recipe.station), None)
    over = None if station is None else recipe_of(station, recipe.variant)
    if over is not None:
        await repository.expect(conn, line, recipe, over=over)


async def of_line(conn: ReadConn, line: str) -> list[WatchedRecipe]:
    """Return the recipes of a line beside what it tells of them."""
    plant_line = (await resources.active_plant(conn)).line(line)
    return model.watched([plant_line], await repository.known(conn, line))


async def differing(conn: ReadConn) -> list[WatchedRecipe]:
    """Return the recipes of all lines that are not the ones wanted; none before there is a plant."""
    if not await resources.has_plant(conn):
        return []
    lines = (await resources.active_plant(conn)).lines
    return [one for one in model.watched(lines, await repository.known(conn, None)) if one.differs]
