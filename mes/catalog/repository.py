"""Catalogue versions, and the codes that imports added to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mes.catalog.model import Catalog, Color, Option
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class CatalogHead:
    """Which catalogue is in force, and the codes that were added to it."""

    id: int
    version: str
    hash: str
    additions: str


@dataclass(frozen=True, slots=True)
class _Addition:
    kind: str
    content: Any


async def head_at(conn: ReadConn, at: datetime) -> CatalogHead | None:
    return await db.fetch_one(conn, queries["head_at"], {"at": at}, CatalogHead)


async def hash_of_version(conn: ReadConn, version: str) -> str | None:
    found: str | None = await db.fetch_value(conn, queries["hash_of_version"], {"version": version})
    return found


async def content(conn: ReadConn, catalog_id: int) -> Catalog:
    found = await db.fetch_value(conn, queries["content"], {"id": catalog_id})
    catalog = Catalog.model_validate(found)
    additions = await db.fetch_all(conn, queries["additions"], None, _Addition)
    return catalog.extended(
        colors=[Color.model_validate(a.content) for a in additions if a.kind == "color"],
        options=[Option.model_validate(a.content) for a in additions if a.kind == "option"],
    )


async def add_version(
    conn: WriteConn,
    catalog: Catalog,
    *,
    catalog_hash: str,
    effective_from: datetime,
    installed_at: datetime,
    actor: str,
) -> None:
    await db.execute(
        conn,
        queries["add_version"],
        {
            "version": catalog.version,
            "hash": catalog_hash,
            "content": catalog.model_dump_json(exclude_none=True),
            "effective_from": effective_from,
            "installed_at": installed_at,
            "installed_by": actor,
        },
    )


async def add_additions(
    conn: WriteConn,
    *,
    colors: Iterable[Color],
    options: Iterable[Option],
    source: str,
    added_at: datetime,
) -> None:
    codes: list[tuple[str, Color | Option]] = [("color", color) for color in colors]
    codes += [("option", option) for option in options]
    await db.execute_many(
        conn,
        queries["add_addition"],
        [
            {
                "kind": kind,
                "code": one.code,
                "content": one.model_dump_json(),
                "source": source,
                "added_at": added_at,
            }
            for kind, one in codes
        ],
    )
