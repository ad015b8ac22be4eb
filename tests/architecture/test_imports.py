"""Edge devices and simulators stay light, and no page needs the internet."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mes

_ROOT = Path(mes.__file__).parents[1]

_SERVER_ONLY = ("fastapi", "psycopg", "ortools", "procrastinate", "alembic", "numba", "jinja2")
_NEVER_AT_THE_LINE = (*_SERVER_ONLY, "torch")


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("mes.contracts.wire", _NEVER_AT_THE_LINE),
        ("mes.contracts.plant_file", _NEVER_AT_THE_LINE),
        ("mes.contracts.events", _NEVER_AT_THE_LINE),
        ("edge.agent", _NEVER_AT_THE_LINE),
        ("plc_sim.__main__", _NEVER_AT_THE_LINE),
        ("qc_vision.runtime", ("torch", "torchvision", "onnx", "pydantic")),
        ("aps", ("fastapi", "psycopg", "pydantic")),
    ],
)
def test_importing_a_light_package_loads_nothing_heavy(
    module: str, forbidden: tuple[str, ...]
) -> None:
    program = f"import sys, {module}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(forbidden), loaded & set(forbidden)


def test_no_page_needs_the_internet() -> None:
    web = [*_ROOT.glob("mes/**/templates/**/*.html"), *_ROOT.glob("mes/web/static/**/*.css")]
    web += [file for file in _ROOT.glob("mes/web/static/**/*.js") if "vendor" not in file.parts]
    outside = re.compile(r"""(?:src|href|url|import|from)\s*[=(]?\s*["']?https?://""")
    assert [str(file) for file in web if outside.search(file.read_text(encoding="utf-8"))] == []


def business_sql() -> list[Path]:
    """Every file of named queries; `mes/db` holds the schema and its migrations."""
    return sorted(set(_ROOT.glob("mes/**/*.sql")) - set(_ROOT.glob("mes/db/**/*.sql")))


def test_business_sql_never_asks_the_database_for_the_time() -> None:
    clock = re.compile(r"\b(now\(\)|current_timestamp|current_date|localtimestamp)", re.IGNORECASE)
    files = business_sql()
    assert files
    assert [str(file) for file in files if clock.search(file.read_text(encoding="utf-8"))] == []


def test_every_named_query_is_asked_for() -> None:
    asked: set[str] = set()
    families: list[re.Pattern[str]] = []
    for file in _ROOT.glob("mes/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                asked.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                fixed = [part.value for part in node.values if isinstance(part, ast.Constant)]
                if any(len(str(part)) > 4 for part in fixed):  # f"retire_{table}s"
                    parts = [
                        re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                        for part in node.values
                    ]
                    families.append(re.compile("".join(parts)))
    named = [
        (file.parent.name, name)
        for file in business_sql()
        for name in re.findall(r"(?m)^-- (\w+) --$", file.read_text(encoding="utf-8"))
    ]
    assert len(named) > 300
    assert [
        f"{feature}: {name}"
        for feature, name in named
        if name not in asked and not any(family.fullmatch(name) for family in families)
    ] == []
