"""How long a solve may think, and how it is stopped."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ortools.sat.python import cp_model

from aps.errors import ProblemError


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a solve may spend: wall time, or work, which makes the result reproducible.

    With `wall_s` the plan is the best found in that time. Without it the search makes `moves`
    local moves and the solver `deterministic_s` of its own deterministic seconds in all, and the
    same problem, seed and budget give the same plan on every machine.
    """

    wall_s: float | None = None
    moves: int = 2_000_000
    deterministic_s: float = 4.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a budget that cannot be spent."""
        if (self.wall_s is not None and self.wall_s < 0) or self.moves < 0:
            raise ProblemError("budget.negative", "budget", "must not be negative")
        if self.deterministic_s < 0:
            raise ProblemError("budget.negative", "budget", "must not be negative")


def never() -> bool:
    """Return no: the flag of a solve that nobody cancels."""
    return False


@dataclass(frozen=True, slots=True)
class Clock:
    """A budget being spent."""

    budget: Budget
    cancelled: Callable[[], bool] = never
    began: float = field(default_factory=time.monotonic)

    def left_s(self) -> float:
        """Return the wall seconds left; without a wall limit a very long time."""
        if self.budget.wall_s is None:
            return 1e9
        return max(0.0, self.budget.wall_s - (time.monotonic() - self.began))

    def share(self, part: float) -> "Share":
        """Return a part of what is left for one level."""
        by_wall = self.budget.wall_s is not None
        return Share(
            moves=1 << 60 if by_wall else int(self.budget.moves * part),
            deterministic_s=1e6 if by_wall else self.budget.deterministic_s * part,
            until=time.monotonic() + min(1e9, self.left_s() * part),
            wall=by_wall,
            cancelled=self.cancelled,
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What one level may spend."""

    moves: int
    deterministic_s: float
    until: float
    wall: bool
    cancelled: Callable[[], bool] = never

    def left_s(self) -> float:
        """Return the wall seconds left of this share."""
        return max(0.0, self.until - time.monotonic())

    def part(self, fraction: float) -> "Share":
        """Return a part of what is left of this share."""
        return replace(
            self,
            moves=int(self.moves * fraction),
            deterministic_s=self.deterministic_s * fraction,
            until=self.until - (1 - fraction) * self.left_s(),
        )

    def spent(self) -> bool:
        """Return whether to stop now."""
        return self.cancelled() or (self.wall and self.left_s() <= 0)

    def errand(self, most_s: float) -> "Errand":
        """Return the share, at most so many seconds of it, as a process of any machine may spend it."""
        seconds = min(self.left_s(), most_s) if self.wall else self.left_s()
        return Errand(self.moves, self.deterministic_s, seconds, time.time() + seconds, self.wall)


@dataclass(frozen=True, slots=True)
class Errand:
    """A share to be spent elsewhere, where the monotonic clock is another one.

    It ends after `seconds` of its own, and at `by` (Unix time) at the latest, so that one that had
    to wait in a queue does not run on when the others have come back.
    """

    moves: int
    deterministic_s: float
    seconds: float
    by: float
    wall: bool

    def begun(self) -> Share:
        """Return the share, where and when it begins to be spent."""
        left = max(0.0, min(self.seconds, self.by - time.time()))
        return Share(self.moves, self.deterministic_s, time.monotonic() + left, self.wall)


class CancelWatch:
    """Stops a CP-SAT search within a moment once the solve is cancelled, solution or not."""

    def __init__(self, solver: cp_model.CpSolver, cancelled: Callable[[], bool]) -> None:
        self._solver = solver
        self._cancelled = cancelled
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        """Begin to watch, if there is anything to watch for."""
        if self._cancelled is not never:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        """End the watch with the search."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            if self._cancelled():
                self._solver.stop_search()


def new_solver() -> cp_model.CpSolver:
    """Return a solver that leaves the process's SIGINT alone.

    By default CP-SAT takes the signal over for a solve and puts the *default* action back afterwards:
    a Ctrl-C later on would then kill a process that had a handler of its own.
    """
    solver = cp_model.CpSolver()
    solver.parameters.catch_sigint_signal = False
    return solver


def run_solver(
    model: cp_model.CpModel, share: Share, *, seed: int, deterministic_s: float | None = None
) -> tuple[cp_model.CpSolver, str]:
    """Solve with one worker inside a share; return the solver and its status name.

    A cancelled or spent share returns "UNKNOWN" without a search.
    """
    solver = new_solver()
    if share.spent():
        return solver, "UNKNOWN"
    parameters = solver.parameters
    parameters.num_workers = 1
    parameters.random_seed = seed
    parameters.max_deterministic_time = (
        share.deterministic_s if deterministic_s is None else deterministic_s
    )
    if share.wall:
        parameters.max_time_in_seconds = share.left_s()
    with CancelWatch(solver, share.cancelled):
        status = solver.solve(model)
    return solver, str(solver.status_name(status))
