"""Loaded recipes as the database has them."""

from __future__ import annotations

from mes.contracts.controls import Recipe, RecipeReport
from mes.equipment.recipes.model import Key, LoadedRecipe
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def take(conn: WriteConn, report: RecipeReport) -> None:
    """Keep what a line tells."""
    facts = report.model_dump(include={"line", "station", "variant", "version"})
    await db.execute(conn, queries["take"], {**facts, "told_at": report.at})


async def expect(conn: WriteConn, line: str, recipe: Recipe, *, over: Recipe) -> None:
    """Keep what was loaded by hand."""
    facts = {
        "line": line,
        "station": recipe.station,
        "variant": recipe.variant,
        "asked": recipe.version,
        "asked_over": over.version,
    }
    await db.execute(conn, queries["expect"], facts)


async def known(conn: ReadConn, line: str | None) -> dict[Key, LoadedRecipe]:
    """Return what is known of a line's recipes, or of every line's."""
    rows = await db.fetch_all(conn, queries["known"], {"line": line}, LoadedRecipe)
    return {row.key: row for row in rows}
