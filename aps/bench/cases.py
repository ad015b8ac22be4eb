"""The published instances of the benchmark, each with its goal."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aps.formats import csplib

REFERENCES = Path(__file__).with_name("roadef2005.csv")
"""The ten named days of ROADEF with what is known of them and where it comes from."""

_JOB_SHOP_S, _BEHNKE_S, _HARD_S, _DAY_S = 30.0, 60.0, 60.0, 60.0
_EASY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One instance to solve within some seconds; `best` is the best known value, if any is.

    `name` picks one instance of a file that holds several.
    """

    family: str
    instance: str
    path: Path
    seconds: float
    best: int | None
    goal: str
    name: str | None = None


def data_folder() -> Path | None:
    """Return the folder of the published instances, `None` where there is none.

    It is `$C2M_SHARED/data/aps`, else `../shared/data/aps` beside the repository.
    """
    here = Path(__file__).resolve().parents[2]
    shared = Path(os.environ.get("C2M_SHARED", here.parent / "shared"))
    folder = shared / "data" / "aps"
    return folder if folder.is_dir() else None


def published_cases(folder: Path, *, subset: bool) -> Iterator[Case]:
    """Yield the cases; with `subset` fewer of them with a third of the time."""
    yield from _job_shops(folder / "fjsp", subset=subset)
    yield from _car_sequences(folder / "csplib_prob001", subset=subset)
    yield from _production_days(folder / "roadef2005", subset=subset)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def _job_shops(folder: Path, *, subset: bool) -> Iterator[Case]:
    best = {row["instance"]: int(row["ub"]) for row in _rows(folder / "best_known.csv")}
    for family, every, seconds in (("brandimarte", 1, _JOB_SHOP_S), ("behnke", 10, _BEHNKE_S)):
        paths = sorted((folder / family).glob("*.fjs"), key=lambda p: (len(p.stem), p.stem))
        for path in paths[every // 2 :: every] if subset else paths:
            known = best.get(path.stem.lower())
            yield Case(
                family=family,
                instance=path.stem,
                path=path,
                seconds=seconds / 3 if subset else seconds,
                best=known,
                goal=f"best known {known}",
            )


def _car_sequences(folder: Path, *, subset: bool) -> Iterator[Case]:
    data = folder / "data.txt"
    easy = [one for one in csplib.read(data) if one.cars == 200] if data.is_file() else []
    for one in easy[::7] if subset else easy:
        yield Case(
            family="CSPLib 200 cars",
            instance=one.name,
            path=data,
            seconds=_EASY_S,
            best=0,
            goal="0",
            name=one.name,
        )
    paths = sorted((folder / "hard").glob("*.txt"))
    for path in paths[::4] if subset else paths:
        yield Case(
            family="CSPLib hard",
            instance=path.stem,
            path=path,
            seconds=_HARD_S / 3 if subset else _HARD_S,
            best=None,
            goal="0 where satisfiable",
        )


def _production_days(folder: Path, *, subset: bool) -> Iterator[Case]:
    rows = _rows(REFERENCES)
    for row in rows[::4] if subset else rows:
        path = folder / row["set"] / row["instance"]
        if path.is_dir():
            yield Case(
                family="ROADEF 2005",
                instance=row["instance"],
                path=path,
                seconds=_DAY_S / 3 if subset else _DAY_S,
                best=int(row["score"]) if row["score"] else None,
                goal=f"reference {row['score']} ({row['source']})"
                if row["score"]
                else "reference none",
            )
