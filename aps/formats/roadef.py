"""ROADEF/EURO challenge 2005 (Renault): a production day as a directory of four text files.

`vehicles.txt` (date;rank;ident;colour;options...), `ratios.txt` (N/P;priority;ident),
`paint_batch_limit.txt`, `optimization_objectives.txt`. The vehicles of the day before come
first and are fixed.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from aps.errors import FileError
from aps.formats.text import integers, lines
from aps.sequencing.task import Cost, SequenceTask, Weights, cost_of
from aps.worktime import Ints


class Objective(StrEnum):
    """The three objectives of the challenge."""

    HIGH = "high"
    LOW = "low"
    COLOR = "color"


_OBJECTIVES = {
    "high_priority_level": Objective.HIGH,
    "low_priority_level": Objective.LOW,
    "paint_color_batches": Objective.COLOR,
}
FILES = ("vehicles.txt", "ratios.txt", "paint_batch_limit.txt", "optimization_objectives.txt")
_SCALE = (1_000_000, 1_000, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle; `previous_day` ones are built already.

    `(date, rank)` names it: Renault's own files hold a few idents twice.
    """

    ident: str
    date: str
    rank: int
    color: str
    options: frozenset[str]
    previous_day: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """At most n of any p consecutive vehicles have the option."""

    option: str
    n: int
    p: int
    high: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One production day."""

    name: str
    vehicles: tuple[Vehicle, ...]
    ratios: tuple[Ratio, ...]
    batch_limit: int
    objectives: tuple[Objective, ...]

    @property
    def previous(self) -> tuple[Vehicle, ...]:
        """The vehicles of the day before, in order."""
        return tuple(v for v in self.vehicles if v.previous_day)

    @property
    def day(self) -> tuple[Vehicle, ...]:
        """The vehicles to sequence, in the order of the file (Renault's own)."""
        return tuple(v for v in self.vehicles if not v.previous_day)


@dataclass(frozen=True, slots=True)
class Score:
    """The three counts and the challenge's score: 10^6, 10^3, 1 in the instance's order."""

    high: int
    low: int
    color: int
    total: int


def read(directory: Path) -> Instance:
    """Read an instance directory. Raises `FileError` that names file and line."""
    if not directory.is_dir():
        raise FileError("file.missing", str(directory), "is not a directory")
    ratios = _ratios(directory / "ratios.txt")
    return Instance(
        name=name_of(directory),
        vehicles=_vehicles(directory / "vehicles.txt", ratios),
        ratios=ratios,
        batch_limit=_batch_limit(directory / "paint_batch_limit.txt"),
        objectives=_objectives(directory / "optimization_objectives.txt"),
    )


def name_of(directory: Path) -> str:
    """Return what a directory is called, also where it is given as `.` or `..`."""
    return directory.name if directory.name.strip(".") else directory.resolve().name


def _rows(path: Path) -> list[tuple[str, list[str]]]:
    rows = [(where, line.rstrip(";").split(";")) for where, line in lines(path)]
    if len(rows) < 2:
        raise FileError("file.empty", str(path), "needs a heading and at least one line")
    return rows


def _ratios(path: Path) -> tuple[Ratio, ...]:
    found: list[Ratio] = []
    for where, row in _rows(path)[1:]:
        if len(row) != 3 or "/" not in row[0] or row[1] not in ("0", "1"):
            raise FileError("roadef.ratio", where, "must be N/P;priority 0 or 1;ident")
        n, p = integers(where, row[0].split("/", 1))
        if p == 0 or n > p:
            raise FileError("roadef.ratio", where, f"{n}/{p} is no ratio")
        if any(ratio.option == row[2] for ratio in found):
            raise FileError("roadef.duplicate", where, f"{row[2]} has a ratio already")
        found.append(Ratio(option=row[2], n=n, p=p, high=row[1] == "1"))
    return tuple(found)


def _vehicles(path: Path, ratios: tuple[Ratio, ...]) -> tuple[Vehicle, ...]:
    rows = _rows(path)
    where, heading = rows[0]
    names = heading[4:]
    for ratio in ratios:
        if ratio.option not in names:
            raise FileError("roadef.option", where, f"has no column {ratio.option}")
    found: list[Vehicle] = []
    seen: set[tuple[str, int]] = set()
    last_date = rows[-1][1][0]
    for where, row in rows[1:]:
        if len(row) != len(heading):
            sentence = f"has {len(row)} fields, the heading {len(heading)}"
            raise FileError("roadef.fields", where, sentence)
        rank = integers(where, [row[1]])[0]
        if (row[0], rank) in seen:
            raise FileError("roadef.duplicate", where, f"rank {rank} of {row[0]} is there twice")
        seen.add((row[0], rank))
        flags = integers(where, row[4:])
        options = frozenset(name for name, flag in zip(names, flags, strict=True) if flag)
        found.append(
            Vehicle(
                ident=row[2],
                date=row[0],
                rank=rank,
                color=row[3],
                options=options,
                previous_day=row[0] != last_date,
            )
        )
    return tuple(found)


def _batch_limit(path: Path) -> int:
    where, row = _rows(path)[1]
    limit = integers(where, row[:1])[0]
    if limit == 0:
        raise FileError("roadef.batch_limit", where, "must be at least 1")
    return limit


def _objectives(path: Path) -> tuple[Objective, ...]:
    found = []
    for where, row in _rows(path)[1:]:
        name = row[1] if len(row) > 1 else ""
        match = [o for prefix, o in _OBJECTIVES.items() if name.startswith(prefix)]
        if not match or match[0] in found:
            raise FileError("roadef.objective", where, f"{name!r} is unknown or there twice")
        found.append(match[0])
    return tuple(found)


def sequence_task(instance: Instance) -> SequenceTask:
    """Return the instance as a sequencing task; rows are the previous day, then the day."""
    vehicles = [*instance.previous, *instance.day]
    colors = {name: i for i, name in enumerate(sorted({v.color for v in vehicles}))}
    weight = dict(zip(instance.objectives, _SCALE, strict=False))
    rules = [weight.get(Objective.HIGH if r.high else Objective.LOW, 0) for r in instance.ratios]
    size = len(vehicles)
    has = [[r.option in v.options for r in instance.ratios] for v in vehicles]
    return SequenceTask(
        has=np.array(has, np.uint8).reshape(size, len(instance.ratios)),
        n=np.array([r.n for r in instance.ratios], np.int64),
        p=np.array([r.p for r in instance.ratios], np.int64),
        color=np.array([colors[v.color] for v in vehicles], np.int64),
        earliest=np.zeros(size, np.int64),
        latest=np.full(size, size, np.int64),
        weights=Weights(np.array(rules, np.int64), weight.get(Objective.COLOR, 0), 0),
        fixed=len(instance.previous),
        batch_limit=instance.batch_limit,
        runs_from=len(instance.previous),
        truncated=True,
    )


def score(instance: Instance, order: tuple[str, ...]) -> Score:
    """Score an order of the day's idents. Raises `FileError` if it is not a legal one."""
    fixed = len(instance.previous)
    vehicles = [*instance.previous, *instance.day]
    rows: dict[str, list[int]] = {}  # an ident that is there twice names either vehicle
    for row in range(len(instance.vehicles) - 1, fixed - 1, -1):
        rows.setdefault(vehicles[row].ident, []).append(row)
    expected = sorted(v.ident for v in instance.day)
    if sorted(order) != expected:
        raise FileError("roadef.order", instance.name, "does not hold each vehicle of the day once")
    sequence = np.array([*range(fixed), *(rows[ident].pop() for ident in order)], np.int64)
    counted = cost_of(sequence_task(instance), sequence)
    if counted.longest_run > instance.batch_limit:
        sentence = f"has a run of {counted.longest_run} of one colour, the limit is "
        raise FileError("roadef.batch", instance.name, sentence + str(instance.batch_limit))
    return score_of(instance, counted)


def score_of(instance: Instance, counted: Cost) -> Score:
    """Return the challenge's score of a counted sequence."""
    pairs = list(zip(instance.ratios, counted.violations, strict=True))
    high = sum(v for ratio, v in pairs if ratio.high)
    low = sum(v for ratio, v in pairs if not ratio.high)
    value = {Objective.HIGH: high, Objective.LOW: low, Objective.COLOR: counted.color_changes}
    total = sum(
        weight * value[objective]
        for objective, weight in zip(instance.objectives, _SCALE, strict=False)
    )
    return Score(high, low, counted.color_changes, total)


def day_order(instance: Instance, sequence: Ints) -> tuple[str, ...]:
    """Return the idents of the day in the order of a sequence of rows."""
    vehicles = [*instance.previous, *instance.day]
    return tuple(vehicles[row].ident for row in sequence[len(instance.previous) :])
