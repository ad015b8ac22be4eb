"""The schema file tells the truth, and every named query is one the schema can answer."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

import mes
from mes.db.dump import dump
from mes.db.revision import SCHEMA_FILE
from mes.platform.embedded import EmbeddedPostgres
from mes.platform.sql import Queries, Query

_ROOT = Path(mes.__file__).parent
_TIMESCALE = _ROOT / "equipment" / "timescale.sql"
"""Calls functions that plain PostgreSQL lacks; its own tests run it in a database that has them."""
_PARAMETER = re.compile(r"%\((\w+)\)s")


def every_query() -> list[tuple[str, Query]]:
    return [
        (f"{file.relative_to(_ROOT)}:{query.name}", query)
        for file in sorted(_ROOT.rglob("*.sql"))
        if "db" not in file.relative_to(_ROOT).parts and file != _TIMESCALE
        for query in Queries(str(file), file.read_text(encoding="utf-8")).values()
    ]


def test_the_migrations_add_up_to_the_schema_file(
    postgres: EmbeddedPostgres, template: str
) -> None:
    assert dump(postgres, template) == SCHEMA_FILE.read_text(encoding="utf-8"), (
        "run: python -m mes.db.dump"
    )


@pytest.mark.parametrize(
    ("name", "query"), every_query(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_named_query_is_understood_by_the_schema(
    postgres: EmbeddedPostgres, template: str, name: str, query: Query
) -> None:
    """PREPARE parses a statement and resolves its tables, columns and types without running it."""
    numbers: dict[str, int] = {}
    text = _PARAMETER.sub(
        lambda match: f"${numbers.setdefault(match[1], len(numbers) + 1)}", query.text
    ).replace("%%", "%")
    keyword = re.sub(r"/\*.*?\*/|--[^\n]*", "", text).split()[0].upper()
    if keyword not in {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES"}:
        pytest.skip(f"{keyword} is a command that cannot be prepared")
    with psycopg.connect(postgres.dsn_of(template), autocommit=True) as connection:
        connection.execute(f"PREPARE understood AS {text}")
