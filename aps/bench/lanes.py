"""What lanes and their release policy gain against first in first out, on ROADEF's days.

The day comes in Renault's own order, in which colours and ratios have been planned, after a shop
behind it has scrambled it: each body is late by up to `SCRAMBLED` places. The store is filled to
four fifths, then a body comes and a body leaves, as between two paced lines.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aps.bench.cases import published_cases
from aps.check.lanes import check_passages, color_changes, ratio_violations
from aps.formats import roadef
from aps.lanes.bank import Aims, Bank, Body, Passage
from aps.lanes.policy import Controller, release
from aps.problem import RatioPriority, RatioRule

LANES, ROOM, SCRAMBLED = 10, 10, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One day: (high violations, low violations, colour changes) of each way through the store.

    `mean_ms` and `slowest_ms` are the processor's time of the answers to "which body next?" once
    the kernel is compiled. `broken` counts passages that the checker refused.
    """

    instance: str
    aim: str
    cars: int
    fifo: tuple[int, int, int]
    lanes: tuple[int, int, int]
    mean_ms: float
    slowest_ms: float
    broken: int


def gains(folder: Path, *, subset: bool) -> Iterator[Gain]:
    """Yield each of the named days with the ratio rules first, and with the colours first."""
    for case in published_cases(folder, subset=subset):
        if case.family == "ROADEF 2005":
            instance = roadef.read(case.path)
            for colors_first in (False, True):
                yield gain(instance, colors_first=colors_first)


def gain(instance: roadef.Instance, *, colors_first: bool, seed: int = 1) -> Gain:
    """Send a scrambled day through the lanes, and count it beside the day as it came."""
    rules = tuple(
        RatioRule(
            id=one.option,
            option=one.option,
            n=one.n,
            p=one.p,
            priority=RatioPriority.HIGH if one.high else RatioPriority.LOW,
        )
        for one in instance.ratios
    )
    aims = Aims(ratio_rules=rules, batch_limit=instance.batch_limit, colors_first=colors_first)
    arriving = scrambled(instance, seed)
    through(arriving[:2], aims, (1, 1))  # compiles the kernel
    order, passages, answers = through(arriving, aims, (ROOM,) * LANES)
    broken = check_passages((ROOM,) * LANES, ((),) * LANES, passages)
    return Gain(
        instance=instance.name,
        aim="colours" if colors_first else "ratios",
        cars=len(order),
        fifo=_counted(arriving, rules),
        lanes=_counted(order, rules),
        mean_ms=1000 * sum(answers) / len(answers),
        slowest_ms=1000 * max(answers),
        broken=len(broken),
    )


def scrambled(instance: roadef.Instance, seed: int) -> list[Body]:
    """Return the day's bodies, each up to `SCRAMBLED` places later than in Renault's order."""
    rng = random.Random(seed)
    bodies = [
        Body(id=f"{k}", color=one.color, options=one.options) for k, one in enumerate(instance.day)
    ]
    comes = [k + rng.uniform(0, SCRAMBLED) for k in range(len(bodies))]
    return [bodies[k] for k in sorted(range(len(bodies)), key=lambda k: comes[k])]


def through(
    arriving: Sequence[Body], aims: Aims, capacities: tuple[int, ...]
) -> tuple[list[Body], list[Passage], list[float]]:
    """Return the order behind the store, every passage, and the seconds of each release."""
    bank, controller = Bank.empty(capacities), Controller(aims)
    filled = max(1, 4 * sum(capacities) // 5)
    order: list[Body] = []
    passages: list[Passage] = []
    answers: list[float] = []

    def one_out() -> Bank:
        began = time.thread_time()
        body, lane, after = release(bank, controller)
        answers.append(time.thread_time() - began)
        order.append(body)
        passages.append(Passage(body_id=body.id, lane=lane, out=True))
        return after

    for body in arriving:
        if bank.stored >= filled:
            bank = one_out()
        lane = controller.lane_for(bank, body)
        bank = bank.with_body(body, lane)
        passages.append(Passage(body_id=body.id, lane=lane, out=False))
    while bank.stored:
        bank = one_out()
    return order, passages, answers


def _counted(order: Sequence[Body], rules: tuple[RatioRule, ...]) -> tuple[int, int, int]:
    counts = ratio_violations(order, rules)
    high = {rule.id for rule in rules if rule.priority is RatioPriority.HIGH}
    return (
        sum(count for rule, count in counts.items() if rule in high),
        sum(count for rule, count in counts.items() if rule not in high),
        color_changes(order),
    )
