"""Reads a catalogue file (TOML) into a `Catalog`, or says line by line what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from mes.catalog.check import check_catalog
from mes.catalog.model import Catalog
from mes.contracts.plant_file import PlantProblem
from mes.contracts.toml_lines import line_of, lines_by_path


class CatalogFileError(ValueError):
    """A catalogue file cannot be used; `problems` lists everything that is wrong, in order of lines."""

    def __init__(self, source: str, problems: Iterable[PlantProblem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


def load_catalog(path: Path | str) -> Catalog:
    """Read and check a catalogue file.

    Raises:
        CatalogFileError: the file is missing, not TOML, or not a sound catalogue.
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = PlantProblem(None, "", "readable", f"cannot be read: {error}")
        raise CatalogFileError(str(path), [problem]) from error
    return parse_catalog(text, source=str(path))


@lru_cache(maxsize=1)
def demo_catalog() -> Catalog:
    """Return the catalogue of the demo plant."""
    file = resources.files(__package__).joinpath("data/demo.toml")
    return parse_catalog(file.read_text(encoding="utf-8"), source="demo.toml")


def parse_catalog(text: str, *, source: str = "catalogue") -> Catalog:
    """Check the text of a catalogue file; `source` names it in messages.

    Raises:
        CatalogFileError: the text is not TOML, or not a sound catalogue.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = PlantProblem(None, "", "toml_syntax", str(error))
        raise CatalogFileError(source, [problem]) from error
    lines = lines_by_path(text)
    try:
        catalog = Catalog.model_validate(content)
    except ValidationError as error:
        problems = [
            _problem(
                lines,
                tuple(str(part) for part in details["loc"]),
                details["type"],
                details["msg"].removeprefix("Value error, "),
            )
            for details in error.errors(include_url=False)
        ]
        raise CatalogFileError(source, problems) from error
    broken = check_catalog(catalog)
    if broken:
        raise CatalogFileError(
            source,
            [_problem(lines, tuple(one.path.split(".")), one.rule, one.message) for one in broken],
        )
    return catalog


def _problem(
    lines: dict[tuple[str, ...], int], path: tuple[str, ...], rule: str, message: str
) -> PlantProblem:
    return PlantProblem(line_of(lines, path), ".".join(path), rule, message)
