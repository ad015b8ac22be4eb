"""Reads a plant file (TOML) into a `PlantModel`, or says line by line what is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails

from mes.contracts.plant import PlantModel
from mes.contracts.plant_rules import broken_rules
from mes.contracts.toml_lines import line_of, lines_by_path


@dataclass(frozen=True)
class PlantProblem:
    """One thing wrong with a plant file: where, which rule, and in words what would be right."""

    line: int | None
    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        subject = f"{self.path}: " if self.path else ""
        return f"{place}{subject}{self.message} [{self.rule}]"


class PlantFileError(ValueError):
    """A plant file cannot be used; `problems` lists everything that is wrong, in order of lines."""

    def __init__(self, source: str, problems: Iterable[PlantProblem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join([f"{source}: {problem}" for problem in self.problems]))


class _Draft(PlantModel):
    """A plant model whose rules across tables are not checked yet."""

    @model_validator(mode="after")
    def _consistent(self) -> _Draft:
        return self


def load_plant(path: Path | str) -> PlantModel:
    """Read and check a plant file.

    Raises:
        PlantFileError: the file is missing, not TOML, or breaks rules of the plant model.
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        problem = PlantProblem(None, "", "readable", f"cannot be read: {reason}")
        raise PlantFileError(str(path), [problem]) from error
    except UnicodeDecodeError as error:
        problem = PlantProblem(
            None, "", "utf8", f"is not UTF-8: {error.reason} at byte {error.start}"
        )
        raise PlantFileError(str(path), [problem]) from error
    return parse_plant(text, source=str(path))


def parse_plant(text: str, *, source: str = "plant file") -> PlantModel:
    """Check the text of a plant file; `source` names it in messages.

    Raises:
        PlantFileError: the text is not TOML, or breaks rules of the plant model.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlantFileError(source, [_syntax_problem(error, text)]) from error
    lines = lines_by_path(text)
    try:
        draft = _Draft.model_validate(content)
    except ValidationError as error:
        problems = [
            PlantProblem(
                line_of(lines, _path(details["loc"])),
                ".".join(str(part) for part in details["loc"]),
                details["type"],
                details["msg"].removeprefix("Value error, "),
            )
            for details in _own_problems(error.errors(include_url=False))
        ]
        raise PlantFileError(source, problems) from error
    broken = broken_rules(draft)
    if broken:
        raise PlantFileError(
            source,
            [
                PlantProblem(
                    line_of(lines, tuple(rule.path.split("."))), rule.path, rule.rule, rule.message
                )
                for rule in broken
            ],
        )
    return PlantModel.model_validate(content)


def with_ports(plant: PlantModel, base: int) -> PlantModel:
    """Return the plant with the lines on `base`, `base` + 2, … and their cameras on the ports between."""
    lines = tuple(
        line.model_copy(
            update={
                "port": base + 2 * index,
                "camera_port": None if line.camera_port is None else base + 2 * index + 1,
            }
        )
        for index, line in enumerate(plant.lines)
    )
    return plant.model_copy(update={"lines": lines})


def _own_problems(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out the tables that only seem empty because everything in them has a problem of its own."""
    return [
        one
        for one in problems
        if one["type"] != "too_short"
        or not any(
            other is not one and other["loc"][: len(one["loc"])] == one["loc"] for other in problems
        )
    ]


def _path(location: Sequence[int | str]) -> tuple[str, ...]:
    return tuple(str(part) for part in location)


_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str) -> PlantProblem:
    message = str(error)
    place = _AT_LINE.search(message)
    line = int(place[1]) if place else len(text.splitlines()) or 1
    words = _AT_LINE.sub("", message).removesuffix(" (at end of document)")
    return PlantProblem(line, "", "toml_syntax", words)
