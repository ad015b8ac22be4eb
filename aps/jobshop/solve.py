"""Least makespan: tabu searches that share an elite, CP-SAT for the bound and the proof."""

import os
import threading
import time
from collections.abc import Callable

import numpy as np

from aps.budget import never
from aps.formats.fjs import Instance
from aps.jobshop.model import LeanModel
from aps.jobshop.result import JobShopResult
from aps.jobshop.shop import Shop, Solution
from aps.jobshop.tabu import Tabu
from aps.worktime import Ints

_STALL = 60
"""Moves for each operation without a better makespan, after which a search begins again from a child of two."""
_ELITE = 10
_CHUNK_S = 0.05
"""Seconds of moves between two looks at the clock."""
_SOLVER_WORKERS = 8
"""CP-SAT's strategies are worth more than cores: by measurement eight beat two on two cores."""


class _Clock:
    def __init__(self, wall_s: float, cancel: Callable[[], bool], now: Callable[[], float]) -> None:
        self._until = now() + wall_s
        self._cancel, self._now = cancel, now

    def left_s(self) -> float:
        return 0.0 if self._cancel() else max(0.0, self._until - self._now())

    def before(self, rest_s: float) -> Callable[[], float]:
        """Return what says how many seconds are left until only `rest_s` are."""
        return lambda: self.left_s() - rest_s


class Elite:
    """The best solutions of all searches, each of them different, with a lock around them."""

    def __init__(self, shop: Shop, on_better: Callable[[int], None]) -> None:
        self._shop = shop
        self._on_better = on_better
        self._lock = threading.Lock()
        self._solutions: list[Solution] = []

    def add(self, found: Solution) -> None:
        """Keep a solution if it is new and among the best."""
        with self._lock:
            if not self._solutions or found.makespan < self._solutions[0].makespan:
                self._on_better(found.makespan)
            for k, known in enumerate(self._solutions):
                if known.makespan == found.makespan and (known.pick == found.pick).all():
                    self._solutions[k] = found
                    return
            self._solutions.append(found)
            self._solutions.sort(key=lambda one: one.makespan)
            del self._solutions[_ELITE:]

    def best(self) -> Solution:
        """Return the best solution."""
        with self._lock:
            return self._solutions[0]

    def child(self, rng: np.random.Generator) -> Solution:
        """Return a solution between two of the elite: ranks in between, machines job by job."""
        with self._lock:
            count = len(self._solutions)
            if count < 2:
                return self._shop.dispatch(rng)
            one, other = (self._solutions[k] for k in rng.permutation(count)[:2])
        part = rng.uniform(0.3, 0.7)
        rank = part * _ranks(one) + (1 - part) * _ranks(other)
        from_one = rng.random(int(self._shop.job.max()) + 1) < part
        pick = np.where(from_one[self._shop.job], one.pick, other.pick)
        return self._shop.solution(rank, pick)


def _ranks(solution: Solution) -> Ints:
    ranks = np.empty(len(solution.order), np.int64)
    ranks[solution.order] = np.arange(len(solution.order))
    return ranks


def _search(shop: Shop, elite: Elite, *, seed: int, bound: int, until: Callable[[], float]) -> None:
    """Search from one start after the other until the time is over or the bound is reached."""
    rng = np.random.default_rng(seed)
    rate, starts = 2000.0, 0
    while until() > 0 and elite.best().makespan > bound:
        start = shop.dispatch(rng) if starts < _ELITE // 4 else elite.child(rng)
        starts += 1
        tabu = Tabu(shop, start, seed=int(rng.integers(1 << 30)))
        known = start.makespan
        while until() > 0 and tabu.stalled < _STALL * shop.size and elite.best().makespan > bound:
            moves = max(20, int(rate * min(_CHUNK_S, until())))
            began = time.perf_counter()
            makespan = tabu.run(moves, target=bound)
            rate = moves / max(1e-6, time.perf_counter() - began)
            if makespan < known and makespan < elite.best().makespan:
                elite.add(tabu.best())
            known = makespan
        elite.add(tabu.best())


def _search_in_threads(
    shop: Shop, elite: Elite, *, seed: int, bound: int, until: Callable[[], float], threads: int
) -> None:
    if elite.best().makespan <= bound or until() <= 0:
        return
    others = [
        threading.Thread(
            target=_search,
            args=(shop, elite),
            kwargs={"seed": seed + 1000 * k, "bound": bound, "until": until},
            daemon=True,
        )
        for k in range(1, threads)
    ]
    for thread in others:
        thread.start()
    _search(shop, elite, seed=seed, bound=bound, until=until)
    for thread in others:
        thread.join()


def solve_job_shop(
    instance: Instance,
    *,
    wall_s: float,
    workers: int = 2,
    seed: int = 0,
    cancel: Callable[[], bool] = never,
    now: Callable[[], float] = time.monotonic,
    on_incumbent: Callable[[int, int], None] = lambda _makespan, _bound: None,
) -> JobShopResult:
    """Minimise the makespan for at most `wall_s` seconds on `workers` cores.

    There is always a schedule, the one by dispatching at least. `on_incumbent(makespan, bound)`
    hears of every better one; it may be called from a thread. `now` gives seconds; a benchmark
    on a busy machine counts those of the processor.
    """
    clock = _Clock(wall_s, cancel, now)
    shop = Shop(instance)
    bound = shop.bound()
    elite = Elite(shop, lambda makespan: on_incumbent(makespan, bound))
    elite.add(shop.dispatch(np.random.default_rng(seed)))
    threads = max(1, min(workers, os.cpu_count() or 1))
    # A short search, a look whether CP-SAT can prove it, a long search, and CP-SAT for the rest.
    for part, of_solver, round_no in ((0.04, 0.25, 0), (0.7, 1.0, 1)):
        _search_in_threads(
            shop,
            elite,
            seed=seed + 7919 * round_no,
            bound=bound,
            until=clock.before(clock.left_s() * (1 - part)),
            threads=threads,
        )
        best = elite.best()
        if best.makespan <= bound or clock.left_s() <= 0.05:
            break
        found, bound = LeanModel(shop, best).solve(
            best,
            bound=bound,
            workers=1 if workers == 1 else max(workers, _SOLVER_WORKERS),
            seed=seed,
            left_s=clock.before(clock.left_s() * (1 - of_solver)),
            on_better=on_incumbent,
        )
        elite.add(found)
    best = elite.best()
    return JobShopResult(
        status="OPTIMAL" if best.makespan <= bound else "FEASIBLE",
        makespan=best.makespan,
        bound=min(bound, best.makespan),
        operations=shop.operations(best),
    )
