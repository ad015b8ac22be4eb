"""The benchmark table: published instances beside goal and peer, and whole plants.

Every measurement is kept in a file as soon as it is made, under the digest of the library's code:
a run that was stopped goes on where it was.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aps.bench.cases import Case, data_folder, published_cases
from aps.bench.lanes import gains
from aps.bench.peers import peer_of
from aps.bench.plants import plant
from aps.bench.record import Result, commit_of_sources, keep, kept_results, sources_digest
from aps.check import check
from aps.disturbance import CarAdded, CarDelayed, LineDown
from aps.insert import Inserter
from aps.problem import Stage
from aps.published import Effort, read, solve_published
from aps.published import warm_up as warm_up_published
from aps.repair import repair
from aps.solve import Budget, solve
from aps.warm import warm_up

KEPT = Path.home() / ".cache" / "c2m" / "aps-bench.jsonl"
"""Where results are kept unless another file is named."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    family: str
    name: str
    result: str
    goal: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How to measure: `cpu_clock` counts the processor's seconds instead of the wall's.

    On a machine that others use too the wall says how busy they are. One second of the clock is
    then one of each core that a solve may use.
    """

    subset: bool = False
    workers: int = 2
    seed: int = 1
    cpu_clock: bool = False
    peers: bool = True
    only: str = ""
    kept: Path = KEPT

    def now(self) -> Callable[[], float]:
        """Return the clock."""
        if self.cpu_clock:
            return lambda: time.process_time() / self.workers
        return time.monotonic


def run(measuring: Measuring) -> Iterator[Row]:
    """Run the benchmarks and yield each result as it comes, after each family its sum."""
    if measuring.only in "whole plant":
        warm_up()
        yield from _plants(sizes=(65, 1000) if measuring.subset else (65, 1000, 2000))
    folder = data_folder()
    if folder is None:
        reason = "skipped: no published instances here, set C2M_SHARED"
        yield Row("published", "all", reason, "", 0.0)
        return
    if measuring.only in "store of lanes":
        yield from _lanes(folder, subset=measuring.subset)
    warm_up_published()
    yield from _published(folder, measuring)


def _lanes(folder: Path, *, subset: bool) -> Iterator[Row]:
    for one in gains(folder, subset=subset):
        ways = (
            f"{high}+{low} ratio, {changes} colour changes"
            for high, low, changes in (one.lanes, one.fifo)
        )
        text = "; first in first out ".join(ways) + f"; slowest {one.slowest_ms:.1f} ms"
        name = f"{one.instance}, {one.aim} first"
        seconds = one.cars * one.mean_ms / 1000
        yield Row("store of lanes", name, text, "an answer in 5 ms", seconds)


def _published(folder: Path, measuring: Measuring) -> Iterator[Row]:
    sources, commit, known = sources_digest(), commit_of_sources(), kept_results(measuring.kept)
    done: list[Result] = []
    for case in published_cases(folder, subset=measuring.subset):
        if measuring.only not in case.family:
            continue
        if done and done[-1].family != case.family:
            yield from _sums(done)
            done = []
        blank = Result(
            commit=commit, sources=sources, family=case.family, instance=case.instance,
            limit_s=case.seconds, workers=measuring.workers, seed=measuring.seed,
            clock="cpu" if measuring.cpu_clock else "wall", status="", value=0, bound=None,
            seconds=0.0, cpu_s=0.0, goal=case.goal, best=case.best,
            peer="asked" if measuring.peers else "", peer_value=None,
        )  # fmt: skip
        result = known.get(blank.key)
        if result is None:
            result = _measured(case, measuring, blank)
            keep(measuring.kept, result)
        done.append(result)
        yield _row(result)
    yield from _sums(done)


def _measured(case: Case, measuring: Measuring, blank: Result) -> Result:
    instance = read(case.path, name=case.name)
    now = measuring.now()
    cpu = time.process_time()
    effort = Effort(seconds=case.seconds, workers=measuring.workers, seed=measuring.seed, now=now)
    figures = solve_published(instance, effort).figures
    cpu = time.process_time() - cpu
    peer, peer_value = "", None
    if measuring.peers:
        peer, peer_value = peer_of(
            instance, seconds=case.seconds, workers=measuring.workers, now=now
        )
    value = next(figures[key] for key in ("makespan", "violations", "score") if key in figures)
    bound = figures.get("bound")
    return replace(
        blank,
        status=str(figures["status"]),
        value=int(value),
        bound=None if bound is None else int(bound),
        seconds=float(figures["seconds"]),
        cpu_s=round(cpu, 1),
        peer=peer,
        peer_value=peer_value,
    )


def _row(result: Result) -> Row:
    text = f"{result.value}" + (f" (bound {result.bound})" if result.bound is not None else "")
    text += f" {result.status}, {result.cpu_s:.1f} CPU s"
    if result.peer:
        reached = "nothing" if result.peer_value is None else result.peer_value
        text += f"; {result.peer} {reached}"
    return Row(result.family, result.instance, text, result.goal, result.seconds)


def _sums(results: list[Result]) -> Iterator[Row]:
    """Yield what the goals are about: proofs, gaps, how many are solved, how long it took."""
    if not results:
        return
    family, count = results[0].family, len(results)
    seconds = sum(result.seconds for result in results)
    if family.startswith("CSPLib"):
        solved = sum(result.value == 0 for result in results)
        slowest = max(result.seconds for result in results)
        violations = sum(result.value for result in results)
        text = f"{solved} of {count} at 0, {violations} violations in all, slowest {slowest:.2f} s"
        goal = "all at 0, each <= 2 s" if "200" in family else "0 where satisfiable, else best + 1"
        yield Row(family, "together", text, goal, seconds)
        return
    gaps = [result.gap for result in results if result.gap is not None]
    proven = sum(result.status == "OPTIMAL" for result in results)
    text = f"{proven} of {count} proven"
    if gaps:
        text += f", mean gap {100 * sum(gaps) / len(gaps):.2f} %"
    others = [
        result.peer_value / result.best - 1
        for result in results
        if result.peer_value is not None and result.best
    ]
    if others:
        text += f"; {results[0].peer} {100 * sum(others) / len(others):.2f} % on {len(others)}"
    goals = {
        "brandimarte": "mean gap <= 0.6 %, 8 of 10 proven",
        "behnke": "mean gap <= 3 %",
        "ROADEF 2005": "total within 1 % on eight of ten",
    }
    yield Row(family, "together", text, goals.get(family, ""), seconds)


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
