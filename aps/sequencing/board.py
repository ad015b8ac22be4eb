"""A sequence as the kernels see it: what never changes, and what every accepted move changes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aps.jit import kernel
from aps.sequencing.spacing import add_near
from aps.sequencing.task import Flags, SequenceTask, Spacing, cost_of
from aps.worktime import Ints

Bits = npt.NDArray[np.int8]
Counts = npt.NDArray[np.int32]
WORD = 62
"""Rules whose bits one number holds."""
BIT = np.zeros(67, np.int64)
"""Which bit a power of two is, by its rest after division by 67, of which no two are equal."""
for _bit in range(WORD):
    BIT[2**_bit % 67] = _bit


class Facts(NamedTuple):
    """What a walk cannot change. Rules stand dearest first; those that cost nothing are left out.

    `has[car, rule]`; windows of a rule begin at `first..last`. `swap_gain[r]` and `block_gain[r]`
    are the most that rules r and after can win by one swap or one move of blocks. The cars that may
    move are listed by colour, by option and by `options` then colour. `options` is equal for cars
    that differ at most in colour and places, `kind` for those that no objective tells apart.
    `even`: a colour change costs the same both ways. `mask[car, word]` is `has` as bits, `bit` the
    table that finds one. `ahead` and `behind` are the neighbours of a car that has to keep its turn
    (-1: none); both are empty where no car has to.
    """

    has: Bits
    mask: Ints
    bit: Ints
    n: Ints
    p: Ints
    weight: Ints
    swap_gain: Ints
    block_gain: Ints
    first: Ints
    last: Ints
    color: Ints
    purge: Ints
    even: bool
    side: Ints
    gap: Ints
    apart_weight: Ints
    earliest: Ints
    latest: Ints
    by_color: Ints
    color_begin: Ints
    by_rule: Ints
    rule_begin: Ints
    options: Ints
    by_options: Ints
    options_begin: Ints
    kind: Ints
    ahead: Ints
    behind: Ints
    color_weight: int
    window_weight: int
    limit: int
    runs_from: int
    fixed: int


class Board(NamedTuple):
    """A sequence and its counters.

    `where` is the inverse of `sequence`, `flags[rule, place]` what stands there, `counts[rule, s]`
    the cars with the option in the window that begins at s, `toggle[place, rule]` the violations
    more if the car there had the option, or had it no more; `owed[r]` what rules r and after cost,
    `near` the counters of the spacing rules, `change` and `spare` room for a move being tried,
    `cost` what all costs, `chance` the state of the random numbers.
    """

    sequence: Ints
    where: Ints
    flags: Bits
    counts: Ints
    toggle: Counts
    owed: Ints
    near: Ints
    change: Ints
    spare: Ints
    cost: Ints
    chance: Ints


@kernel
def count_windows(flags: Bits, p: int, first: int, last: int, counts: Ints) -> None:
    """Fill the option counts of the windows of length p that begin at first..last."""
    size = len(flags)
    inside = 0
    for k in range(first, min(first + p, size)):
        inside += flags[k]
    for s in range(first, last + 1):
        counts[s] = inside
        inside -= flags[s]
        if s + p < size:
            inside += flags[s + p]


@kernel
def count_toggles(
    flags: Bits,
    counts: Ints,
    n: int,
    p: int,
    first: int,
    last: int,
    lo: int,
    hi: int,
    toggle: Counts,
) -> None:
    """Fill what an option more or less at the places lo..hi does to one rule's windows."""
    full = over = 0
    for s in range(max(first, lo - p + 1), min(last, lo - 1) + 1):
        full += counts[s] >= n
        over += counts[s] > n
    for k in range(lo, hi + 1):
        if first <= k <= last:
            full += counts[k] >= n
            over += counts[k] > n
        if k > lo and first <= k - p <= last:
            full -= counts[k - p] >= n
            over -= counts[k - p] > n
        toggle[k] = -over if flags[k] else full


def facts_of(task: SequenceTask) -> Facts:
    """Return what a walk over the task cannot change."""
    size = len(task.color)
    rules = task.weights.rules
    seen = np.flatnonzero(rules > 0)
    seen = seen[np.argsort(-rules[seen], kind="stable")]
    n, p, weight = task.n[seen], task.p[seen], rules[seen]
    has = np.ascontiguousarray(task.has[:, seen]).astype(np.int8)
    free = np.arange(task.fixed, size)
    by_color = free[np.argsort(task.color[free], kind="stable")]
    colors = int(task.color.max(initial=0)) + 1
    tally = np.bincount(np.maximum(task.color[free], 0), minlength=colors)
    owners = [free[has[free, rule] == 1] for rule in range(len(seen))]
    spacing = task.spacing or Spacing(
        np.zeros((size, 0), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
    )
    apart = np.flatnonzero(spacing.weights > 0)
    side = np.ascontiguousarray(spacing.side[:, apart]).astype(np.int64)
    options = _groups(has, side)
    group = options * colors + np.maximum(task.color, 0)
    members = np.bincount(group[free], minlength=(int(options.max(initial=0)) + 1) * colors)
    purge = task.prices()
    ahead, behind = _neighbours(task)
    told_apart: list[Ints | Bits] = [has, side]
    if task.weights.color:
        told_apart.append(task.color)
    if task.weights.window:
        told_apart += [task.earliest, task.latest]
    if len(ahead) > 0:
        told_apart += [ahead, behind]
    return Facts(
        has=has,
        mask=_masks(has),
        bit=BIT,
        n=n,
        p=p,
        weight=weight,
        swap_gain=_suffix_sums(weight * p),
        block_gain=_suffix_sums(weight * 3 * p * np.maximum(0, p - n)),
        first=np.maximum(0, task.fixed - p + 1),
        last=np.full(len(seen), size - 1) if task.truncated else size - p,
        color=task.color,
        purge=purge,
        even=bool((purge == purge.T).all()),
        side=side,
        gap=spacing.gap[apart],
        apart_weight=spacing.weights[apart],
        earliest=task.earliest,
        latest=task.latest,
        by_color=by_color,
        color_begin=np.concatenate(([0], np.cumsum(tally))),
        by_rule=np.concatenate([np.zeros(0, np.int64), *owners]),
        rule_begin=np.cumsum([0, *(len(rows) for rows in owners)], dtype=np.int64),
        options=options,
        by_options=free[np.argsort(group[free], kind="stable")],
        options_begin=np.concatenate(([0], np.cumsum(members))),
        kind=_groups(*told_apart),
        ahead=ahead,
        behind=behind,
        color_weight=task.weights.color,
        window_weight=task.weights.window,
        limit=task.batch_limit,
        runs_from=task.runs_from,
        fixed=task.fixed,
    )


def board_of(task: SequenceTask, facts: Facts, sequence: Ints, *, seed: int) -> Board:
    """Return the counters of a sequence."""
    size, rules = len(sequence), len(facts.n)
    where = np.zeros(size, np.int64)
    where[sequence] = np.arange(size)
    flags = np.ascontiguousarray(facts.has[sequence].T)
    counts = np.zeros((rules, size), np.int64)
    toggle = np.zeros((size, rules), np.int32)
    excess = np.zeros(rules, np.int64)
    for rule in range(rules):
        first, last = int(facts.first[rule]), int(facts.last[rule])
        if last >= first:
            count_windows(flags[rule], int(facts.p[rule]), first, last, counts[rule])
        excess[rule] = np.maximum(0, counts[rule, first : last + 1] - facts.n[rule]).sum()
        n, p = int(facts.n[rule]), int(facts.p[rule])
        count_toggles(flags[rule], counts[rule], n, p, first, last, 0, size - 1, toggle[:, rule])
    near = np.zeros((len(facts.gap), 3, size), np.int64)
    for rule, gap in enumerate(facts.gap):
        for place, row in enumerate(sequence):
            add_near(near[rule], place, int(gap), int(facts.side[row, rule]), 1)
    return Board(
        sequence=sequence.copy(),
        where=where,
        flags=flags,
        counts=counts,
        toggle=toggle,
        owed=_suffix_sums(facts.weight * excess),
        near=near,
        change=np.zeros(rules, np.int64),
        spare=np.zeros(size, np.int64),
        cost=np.array([cost_of(task, sequence).total], np.int64),
        chance=np.array([(seed * 2_654_435_761 + 88_172_645_463_325_252) & _MASK], np.int64),
    )


def _neighbours(task: SequenceTask) -> tuple[Ints, Ints]:
    """Return the car ahead of each one and the car behind it, -1 for none; empty if all are."""
    if task.ahead is None or (task.ahead < 0).all():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    behind = np.full(len(task.ahead), -1, np.int64)
    rows = np.flatnonzero(task.ahead >= 0)
    behind[task.ahead[rows]] = rows
    return task.ahead, behind


def _masks(has: Bits) -> Ints:
    """Return the options of each car as bits, as many numbers a car as they take, one at least."""
    cars, rules = has.shape
    masks = np.zeros((cars, max(1, -(-rules // WORD))), np.int64)
    for rule in range(rules):
        masks[:, rule // WORD] |= has[:, rule].astype(np.int64) << (rule % WORD)
    return masks


def _groups(*facts: Ints | Bits | Flags) -> Ints:
    """Return a number a car, equal for cars of equal facts."""
    table = np.column_stack(facts)
    found: Ints = np.unique(table, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return found


def _suffix_sums(values: Ints) -> Ints:
    """Return the sum from each place to the end."""
    return np.cumsum(values[::-1])[::-1].copy()


_MASK = (1 << 62) - 1
