"""CP-SAT on windows of a sequence: places that still violate rules are solved again exactly."""

from collections import defaultdict
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from aps.budget import Share, run_solver
from aps.sequencing.task import SequenceTask, clashes, cost_of
from aps.worktime import Ints

WINDOW = 36
"""Cars of a window: small enough to be solved to the end in a fraction of a second."""
_SHARE_OF_WINDOW = 0.25
"""Deterministic seconds one window may take at most."""


def polish(task: SequenceTask, sequence: Ints, share: Share, *, seed: int) -> Ints:
    """Return a sequence that is never worse, its violated windows solved again one by one."""
    best, cost = sequence, cost_of(task, sequence).total
    spent = 0.0
    for centre in _violated_places(task, sequence):
        if share.spent() or spent + _SHARE_OF_WINDOW > share.deterministic_s:
            break
        first = max(task.fixed, centre - WINDOW // 2)
        last = min(len(sequence), first + WINDOW)
        if last - first < 2:
            continue
        found = _solve_window(task, best, first, last, share, seed)
        spent += _SHARE_OF_WINDOW
        found_cost = cost_of(task, found).total
        legal = cost_of(task, found).longest_run <= task.batch_limit
        if found_cost < cost and legal:
            best, cost = found, found_cost
    return best


def _violated_places(task: SequenceTask, sequence: Ints) -> list[int]:
    """Return the middles of violated ratio windows, half a polishing window apart at least."""
    size = len(sequence)
    marks = np.zeros(size, np.int64)
    for rule in range(len(task.n)):
        p = int(task.p[rule])
        total = np.concatenate(([0], np.cumsum(task.has[sequence, rule].astype(np.int64))))
        last = size - 1 if task.truncated else size - p
        for s in range(max(0, task.fixed - p + 1), last + 1):
            over = total[min(s + p, size)] - total[s] - task.n[rule]
            if over > 0:
                marks[min(size - 1, s + p // 2)] += task.weights.rules[rule] * over
    found: list[int] = []
    if task.spacing is not None:
        for rule, gap in enumerate(task.spacing.gap):
            side = task.spacing.side[sequence, rule].astype(np.int64)
            for apart in range(1, min(int(gap), size)):
                close = np.flatnonzero(clashes(side[:-apart], side[apart:]))
                marks[close[close + apart >= task.fixed]] += task.spacing.weights[rule]
    for place in sorted(np.flatnonzero(marks), key=lambda k: (-marks[k], k)):
        if all(abs(place - other) >= WINDOW // 2 for other in found):
            found.append(int(place))
    return found


def _solve_window(
    task: SequenceTask, sequence: Ints, first: int, last: int, share: Share, seed: int
) -> Ints:
    """Order the cars on the places first..last-1 again, all others fixed."""
    members: dict[tuple[bytes, int, int, int], list[int]] = defaultdict(list)
    for row in sequence[first:last]:
        low = max(first, min(int(task.earliest[row]), last - 1))
        high = min(last - 1, max(int(task.latest[row]), first))
        members[_facts(task, row), int(task.color[row]), low, high].append(int(row))
    kinds = sorted(members)
    model = cp_model.CpModel()
    x = {
        (k, place): model.new_bool_var("")
        for k in range(len(kinds))
        for place in range(first, last)
    }
    for place in range(first, last):
        model.add_exactly_one(x[k, place] for k in range(len(kinds)))
        own = _facts(task, sequence[place]), int(task.color[sequence[place]])
        for k, kind in enumerate(kinds):
            model.add_hint(x[k, place], (kind[0], kind[1]) == own)
    cost: list[Any] = []
    for k, kind in enumerate(kinds):
        model.add(sum(x[k, place] for place in range(first, last)) == len(members[kind]))
        for place in range(first, last):
            off = max(0, kind[2] - place) + max(0, place - kind[3])
            if off and task.weights.window:
                cost.append(x[k, place] * (off * task.weights.window))
    _at_most_n_in_p(task, sequence, first, last, model, x, kinds, cost)
    _apart(task, sequence, first, last, model, x, kinds, cost)
    _few_color_changes(task, sequence, first, last, model, x, kinds, cost)
    _in_line(task, first, last, model, x, [members[kind] for kind in kinds])
    model.minimize(sum(cost))
    solver, status = run_solver(model, share, seed=seed, deterministic_s=_SHARE_OF_WINDOW)
    if status not in ("OPTIMAL", "FEASIBLE"):
        return sequence
    found = sequence.copy()
    left = {kind: list(rows) for kind, rows in members.items()}
    for place in range(first, last):
        kind = next(kinds[k] for k in range(len(kinds)) if solver.value(x[k, place]))
        found[place] = left[kind].pop(0)
    return found


def _facts(task: SequenceTask, row: int) -> bytes:
    """Return what tells a car from others to the rules: its options, then its sides."""
    own: bytes = task.has[row].tobytes()
    if task.spacing is not None:
        own += task.spacing.side[row].tobytes()
    if task.ahead is not None and (task.ahead[row] >= 0 or row in task.ahead):
        own += int(row).to_bytes(8)  # who keeps a turn is a kind of its own
    return own


Kinds = list[tuple[bytes, int, int, int]]
Places = dict[tuple[int, int], cp_model.IntVar]


def _at_most_n_in_p(
    task: SequenceTask,
    sequence: Ints,
    first: int,
    last: int,
    model: cp_model.CpModel,
    x: Places,
    kinds: Kinds,
    cost: list[Any],
) -> None:
    """Each ratio window that touches the places pays for what it holds beyond n."""
    size = len(sequence)
    has = np.array([np.frombuffer(kind[0], np.uint8, len(task.n)) for kind in kinds])
    for rule in range(len(task.n)):
        n, p = int(task.n[rule]), int(task.p[rule])
        owners = [k for k in range(len(kinds)) if has[k, rule]]
        if not owners:
            continue
        latest = size - 1 if task.truncated else size - p
        for s in range(max(0, task.fixed - p + 1, first - p + 1), min(latest, last - 1) + 1):
            window = range(s, min(s + p, size))
            outside = [place for place in window if not first <= place < last]
            fixed = sum(int(task.has[sequence[place], rule]) for place in outside)
            inside = [x[k, place] for place in window if first <= place < last for k in owners]
            if fixed + min(len(window) - len(outside), p) <= n:
                continue
            excess = model.new_int_var(0, p, "")
            model.add(sum(inside) + fixed - n <= excess)
            cost.append(excess * int(task.weights.rules[rule]))


def _apart(
    task: SequenceTask,
    sequence: Ints,
    first: int,
    last: int,
    model: cp_model.CpModel,
    x: Places,
    kinds: Kinds,
    cost: list[Any],
) -> None:
    """Each pair of places that a spacing rule keeps apart pays if the cars on them are too close."""
    if task.spacing is None:
        return
    size, sides = len(sequence), task.spacing.side
    for rule, gap in enumerate(task.spacing.gap):
        side = [kind[0][len(task.n) + rule] for kind in kinds]

        def stands(place: int, bit: int, side: list[int] = side, rule: int = rule) -> Any:
            if first <= place < last:
                return sum(x[k, place] for k, own in enumerate(side) if own & bit)
            return int(bool(sides[sequence[place], rule] & bit))

        weight = int(task.spacing.weights[rule])
        for place in range(max(1, first), min(size, last + int(gap) - 1)):
            for other in range(max(0, place - int(gap) + 1), min(place, last)):
                if other < first and place >= last:
                    continue
                pairs = [(stands(place, 1), stands(other, 2)), (stands(place, 2), stands(other, 1))]
                close = model.new_bool_var("")
                for one, two in pairs:
                    model.add(close >= one + two - 1)
                cost.append(close * weight)


def _in_line(
    task: SequenceTask,
    first: int,
    last: int,
    model: cp_model.CpModel,
    x: Places,
    members: list[list[int]],
) -> None:
    """A car stands behind the one that has to be ahead of it."""
    if task.ahead is None:
        return
    place = {
        rows[0]: sum(at * x[k, at] for at in range(first, last)) for k, rows in enumerate(members)
    }
    for row, own in place.items():
        if (ahead := place.get(int(task.ahead[row]))) is not None:
            model.add(ahead + 1 <= own)


def _few_color_changes(
    task: SequenceTask,
    sequence: Ints,
    first: int,
    last: int,
    model: cp_model.CpModel,
    x: Places,
    kinds: Kinds,
    cost: list[Any],
) -> None:
    """Neighbours of unlike colour cost their purge; limit + 1 neighbours never share one colour."""
    colors = sorted({kind[1] for kind in kinds})
    if len(colors) == 1:
        return
    size, limit = len(sequence), task.batch_limit

    def sprayed(color: int, place: int) -> Any:
        if first <= place < last:
            return sum(x[k, place] for k, kind in enumerate(kinds) if kind[1] == color)
        return int(task.color[sequence[place]] == color)

    for place in range(max(first, 1), min(last + 1, size)):
        if task.weights.color == 0:
            break
        if task.purge is None:
            change = model.new_bool_var("")
            for color in colors:
                model.add(change >= sprayed(color, place) - sprayed(color, place - 1))
                model.add(change >= sprayed(color, place - 1) - sprayed(color, place))
            cost.append(change * task.weights.color)
            continue
        before = colors if place > first else [int(task.color[sequence[place - 1]])]
        behind = colors if place < last else [int(task.color[sequence[place]])]
        price = model.new_int_var(0, int(task.purge.max()), "")
        for one in before:
            for other in behind:
                both = sprayed(one, place - 1) + sprayed(other, place) - 1
                model.add(price >= int(task.purge[one, other]) * both)
        cost.append(price * task.weights.color)
    for color in colors:
        for s in range(max(task.runs_from, first - limit), min(last, size - limit)):
            run = sum(sprayed(color, place) for place in range(s, s + limit + 1))
            if not isinstance(run, int):
                model.add(run <= limit)
