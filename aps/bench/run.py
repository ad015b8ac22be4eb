"""The benchmark table: published instances beside their goals, and whole plants.

Data is looked for in `$C2M_SHARED/data/aps`, else in `../shared/data/aps` beside the repository.
"""

import csv
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aps.bench.plants import plant
from aps.check import check
from aps.disturbance import CarAdded, CarDelayed, LineDown
from aps.formats import csplib, fjs, roadef
from aps.insert import Inserter
from aps.jobshop import solve_job_shop
from aps.problem import Stage
from aps.repair import repair
from aps.sequencing.greedy import greedy
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, cost_of
from aps.solve import Budget, solve
from aps.warm import warm_up
from aps.worktime import Ints

_ENDLESS = 1 << 60
_ROADEF = (
    ("set_A", "022_3_4_EP_RAF_ENP", "31001"),
    ("set_A", "048_39_1_EP_ENP_RAF", "61290"),
    ("set_A", "064_38_2_RAF_EP_ENP_ch1", "63423782"),
    ("set_B", "028_ch2_EP_ENP_RAF_S23_J3", ""),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    family: str
    name: str
    result: str
    goal: str
    seconds: float


def data_folder() -> Path | None:
    """Return the folder of the published instances, `None` where there is none."""
    here = Path(__file__).resolve().parents[2]
    shared = Path(os.environ.get("C2M_SHARED", here.parent / "shared"))
    folder = shared / "data" / "aps"
    return folder if folder.is_dir() else None


def run(*, subset: bool) -> Iterator[Row]:
    """Run the benchmarks, the quick ones only with `subset`, and yield each result as it comes."""
    warm_up()
    yield from _plants(sizes=(65, 1000) if subset else (65, 1000, 2000))
    folder = data_folder()
    if folder is None:
        reason = "skipped: no published instances here, set C2M_SHARED"
        yield Row("published", "all", reason, "", 0.0)
        return
    yield from _csplib(folder / "csplib_prob001", subset=subset)
    yield from _roadef(folder / "roadef2005", seconds=20.0 if subset else 60.0)
    yield from _brandimarte(folder / "fjsp", seconds=10.0 if subset else 30.0)


def timed_search(task: SequenceTask, *, seconds: float, seed: int) -> tuple[Ints, float]:
    """Search a sequence until it costs nothing or the time is over; return it and the seconds."""
    began = time.monotonic()
    found, _ = improve(
        task,
        greedy(task),
        moves=_ENDLESS,
        seed=seed,
        keep_going=lambda _cost, _sequence: time.monotonic() - began < seconds,
    )
    return found, time.monotonic() - began


def _csplib(folder: Path, *, subset: bool) -> Iterator[Row]:
    easy = [one for one in csplib.read(folder / "data.txt") if one.cars == 200]
    solved, slowest, total = 0, 0.0, 0.0
    for instance in easy[::7] if subset else easy:
        task = csplib.sequence_task(instance)
        found, seconds = timed_search(task, seconds=10.0, seed=1)
        solved += sum(cost_of(task, found).violations) == 0
        slowest, total = max(slowest, seconds), total + seconds
    count = len(easy[::7] if subset else easy)
    result = f"{solved} of {count} at 0 violations, slowest {slowest:.2f} s"
    yield Row("CSPLib", f"{count} of 200 cars", result, "all, each <= 2 s", total)
    hard = sorted((folder / "hard").glob("*.txt"))
    for path in hard[::4] if subset else hard:
        task = csplib.sequence_task(csplib.read(path)[0])
        found, seconds = timed_search(task, seconds=10.0 if subset else 60.0, seed=1)
        violations = sum(cost_of(task, found).violations)
        yield Row("CSPLib hard", path.stem, f"{violations} violations", "0 if satisfiable", seconds)


def _roadef(folder: Path, *, seconds: float) -> Iterator[Row]:
    for group, name, goal in _ROADEF:
        instance = roadef.read(folder / group / name)
        task = roadef.sequence_task(instance)
        found, took = timed_search(task, seconds=seconds, seed=1)
        score = roadef.score(instance, roadef.day_order(instance, found))
        counts = f"high {score.high}, low {score.low}, colour {score.color}"
        yield Row("ROADEF 2005", name, f"{score.total} ({counts})", goal, took)


def _brandimarte(folder: Path, *, seconds: float) -> Iterator[Row]:
    with (folder / "best_known.csv").open(encoding="utf-8") as file:
        rows = csv.reader(line for line in file if not line.startswith("#"))
        best = {row[0]: row for row in rows}
    for path in sorted((folder / "brandimarte").glob("*.fjs")):
        began = time.monotonic()
        result = solve_job_shop(fjs.read(path), wall_s=seconds)
        row = best.get(path.stem.lower())
        goal = f"{row[5]} (bound {row[4]})" if row is not None else ""
        text = f"{result.makespan} (bound {result.bound}, {result.status})"
        yield Row("Brandimarte", path.stem, text, goal, time.monotonic() - began)


def _plants(*, sizes: tuple[int, ...]) -> Iterator[Row]:
    for size in sizes:
        problem = plant(size)
        wall_s = 2.0 if size < 100 else 10.0
        began = time.monotonic()
        schedule = solve(problem, budget=Budget(wall_s=wall_s))
        seconds = time.monotonic() - began
        kpis, violations = schedule.kpis, check(problem, schedule)
        result = (
            f"{len(violations)} violations of the checker; late {kpis.late_cars}, "
            f"left out {kpis.cars_unplaced}, ratio {kpis.ratio_violations_high}"
            f"+{kpis.ratio_violations_low}, colour changes {kpis.color_changes}"
        )
        goal = "checks in <= 3 s" if size < 100 else "checks in <= 15 s"
        yield Row("whole plant", f"{size} cars", result, goal, seconds)
    new = [car for car in problem.cars if car.at is Stage.NOT_STARTED]
    extra = replace(new[0], id="one more")
    for name, disturbance in (
        ("car delayed", CarDelayed(car_id=new[len(new) // 2].id, available_s=20_000)),
        ("car added", CarAdded(car=extra)),
        ("line down 2 h", LineDown(resource="TCF", start_s=600, end_s=7800)),
    ):
        began = time.monotonic()
        repaired = repair(problem, schedule, disturbance)
        seconds = time.monotonic() - began
        text = f"{repaired.kpis.moved_cars} cars moved"
        yield Row("repair", f"{name}, {sizes[-1]} cars", text, "<= 0.2 s", seconds)
    inserter = Inserter(problem, schedule)
    began = time.monotonic()
    for _ in range(100):
        inserter.best(extra, earliest_s=15_000)
    each = (time.monotonic() - began) / 100
    places = len(schedule.assembly)
    yield Row("insertion", f"{places} places", f"{each * 1000:.2f} ms", "<= 10 ms at 10,000", each)
