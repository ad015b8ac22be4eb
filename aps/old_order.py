"""The plan in force as the first plan of a solve: its order as it was, and with late cars put in anew.

For a rush order, say, a search may leave out some other car; the old order leaves the others as they are.
"""

from collections.abc import Iterator

from aps.budget import Clock
from aps.check import check
from aps.errors import Cancelled
from aps.problem import Problem
from aps.repair import rebase
from aps.schedule import Schedule

NEWCOMERS = 40
"""Cars before assembly that a plan may lack and still be worth following: each is put in by itself."""
PUT_IN_AGAIN = 20
"""Late cars for which a better place in the old order is looked for, the latest first."""
_PART = 0.2
"""The most of what is left of a solve's time that the late cars may take; the latest is always tried."""


def in_the_old_order(problem: Problem, reference: Schedule, clock: Clock) -> Iterator[Schedule]:
    """Yield plans of the problem in the order of the reference that pass the checker.

    None where the reference lacks more than `NEWCOMERS` of the cars to come, and no more once the
    solve is cancelled.
    """
    known = {slot.car_id for slot in reference.assembly}
    known |= {left_out.car_id for left_out in reference.unplaced}
    known |= {times.car_id for times in reference.times}
    if sum(car.id not in known for car in problem.cars) > NEWCOMERS:
        return
    before_s = clock.left_s()
    kept = rebase(problem, reference)
    each_s = max(1e-3, before_s - clock.left_s())  # an insertion times the plan again, like this
    if not check(problem, kept, reference=reference):
        yield kept
    at_most = PUT_IN_AGAIN
    if clock.budget.wall_s is not None:
        at_most = min(at_most, max(1, int(_PART * clock.left_s() / each_s)))
    again = _late(problem, kept)[:at_most]
    if not again or clock.cancelled():
        return
    try:
        anew = rebase(problem, reference, reinsert=again, cancelled=clock.cancelled)
    except Cancelled:
        return
    if not check(problem, anew, reference=reference):
        yield anew


def _late(problem: Problem, plan: Schedule) -> list[str]:
    """Return the late cars that may move, the latest first."""
    held = {one.car_id for one in problem.frozen}
    late = {
        one.car_id: one.finish_s - one.due_s
        for one in plan.times
        if one.finish_s is not None
        and one.due_s is not None
        and one.finish_s > one.due_s
        and one.car_id not in held
    }
    return sorted(late, key=lambda car: (-late[car], car))
