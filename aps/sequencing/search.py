"""Local search over a sequence: very many small random moves.

The moves are those of the winners of the 2005 ROADEF challenge (Estellon, Gardi, Nouioua, EJOR
191(3)): cheap ones, kept when they do not make the sequence worse. Unlike them a walk may be given
heat: then a move may also cost a little, now and then.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np

from aps.jit import inlined, lean
from aps.sequencing.board import Board, Facts, board_of, facts_of
from aps.sequencing.moves import REFUSED, random_below, random_bits, try_blocks, try_swap
from aps.sequencing.task import SequenceTask, levels_of
from aps.worktime import Ints

CHUNK = 100_000
"""Moves between two looks at the clock and the cancel flag."""
Blocks = tuple[int, int, int, bool]
"""What `try_blocks` is told: first place, length of the first block (0: nothing), last place, turned."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each move is tried, in parts of all; the order is that of the kernel.

    Swaps with any car, with one of the same colour, of the colour beside, of that colour and the
    same options, of a shared option, of the places around, of a place one rule's window away; then
    one car put elsewhere, two blocks
    that change places, a block turned round; then what moves colours: a block turned so that two
    runs of a colour meet, a car or a whole run put beside another run of its colour.
    """

    any_swap: int
    same_color: int
    color_beside: int
    same_options: int
    shared_option: int
    near: int
    window_away: int
    insertion: int
    blocks: int
    reflection: int
    color_turn: int
    color_join: int
    color_run: int

    def limits(self) -> Ints:
        """Return the running totals of the moves, in thousandths."""
        parts = np.array(astuple(self), np.int64)
        totals: Ints = np.round(np.cumsum(parts) * 1000 / parts.sum()).astype(np.int64)
        return totals


WITH_COLORS = Mix(
    any_swap=12, same_color=22, color_beside=22, same_options=15, shared_option=1, near=14,
    window_away=16,
    insertion=3, blocks=1, reflection=4, color_turn=3, color_join=1, color_run=1,
)  # fmt: skip
WITHOUT_COLORS = Mix(
    any_swap=30, same_color=0, color_beside=0, same_options=0, shared_option=4, near=27, window_away=25,
    insertion=6, blocks=1, reflection=7, color_turn=0, color_join=0, color_run=0,
)  # fmt: skip


@inlined
def _changes(k: int, facts: Facts, board: Board) -> bool:
    """Return whether the colour changes on the way to a place."""
    sequence = board.sequence
    if k <= 0 or k >= len(sequence):
        return False
    return bool(facts.color[sequence[k]] != facts.color[sequence[k - 1]])


@inlined
def _beside_a_change(i: int, facts: Facts, board: Board) -> int:
    """Return place i or another beside a colour change, where one is found at once."""
    for _ in range(6):
        if _changes(i, facts, board) or _changes(i + 1, facts, board):
            break
        i = facts.fixed + random_below(board.chance, len(board.sequence) - facts.fixed)
    return i


@inlined
def _color_beside(move: int, i: int, facts: Facts, board: Board) -> int:
    """Return the colour that place i would have to take for a colour change to move or go."""
    behind = _changes(i + 1, facts, board)
    if _changes(i, facts, board) and (move & 1 or not behind):
        return int(facts.color[board.sequence[i - 1]])
    return int(facts.color[board.sequence[i + 1]]) if behind else -1


@inlined
def _one_of(cars: Ints, begin: Ints, group: int, i: int, board: Board) -> int:
    """Return the place of one of a group's cars; i where there is none."""
    count = begin[group + 1] - begin[group]
    if count == 0:
        return i
    return int(board.where[cars[begin[group] + random_below(board.chance, count)]])


@inlined
def _partner(move: int, i: int, mix: Ints, facts: Facts, board: Board) -> int:
    """Return the place with which place i is to be swapped; itself where there is none."""
    sequence, color = board.sequence, facts.color
    size = len(sequence)
    free = size - facts.fixed
    if move < mix[0]:
        return int(facts.fixed + random_below(board.chance, free))
    if move < mix[3]:
        # One of the same colour, or of the colour beside i, so that batches survive and grow.
        own = color[sequence[i]]
        wanted = own if move < mix[1] else _color_beside(move, i, facts, board)
        if wanted < 0:
            return i
        if move < mix[2]:
            return _one_of(facts.by_color, facts.color_begin, wanted, i, board)
        if wanted == own:
            return i
        group = facts.options[sequence[i]] * (len(facts.color_begin) - 1) + wanted
        return _one_of(facts.by_options, facts.options_begin, group, i, board)
    if len(facts.n) == 0:
        return i
    if move < mix[4]:
        r = random_below(board.chance, len(facts.n))
        if facts.has[sequence[i], r] == 0:
            return i
        return _one_of(facts.by_rule, facts.rule_begin, r, i, board)
    apart = 1 + random_below(board.chance, 12)
    if move >= mix[5]:
        apart = facts.p[random_below(board.chance, len(facts.n))]
    j = i + apart if move & 1 else i - apart
    return int(j) if facts.fixed <= j < size else i


@inlined
def _reach(board: Board, free: int) -> int:
    """Return how far a block reaches, most often not far."""
    if random_below(board.chance, 4) == 0:
        return 1 + random_below(board.chance, free)
    return 1 + random_below(board.chance, 40)


@inlined
def _segment(move: int, i: int, mix: Ints, facts: Facts, board: Board) -> Blocks:
    """Return blocks to try from place i on: one car and others, two blocks, or one to turn round."""
    hi = i + _reach(board, len(board.sequence) - facts.fixed)
    if hi >= len(board.sequence):
        return i, 0, i, False
    if move < mix[7]:
        return i, 1 if move & 1 else hi - i, hi, False
    if move < mix[8]:  # cut where the colour changes
        cut = 1 + random_below(board.chance, hi - i)
        while cut < hi - i and not _changes(i + cut, facts, board):
            cut += 1
        return i, cut, hi, False
    return i, 1, hi, True


@inlined
def _runs_that_meet(move: int, i: int, mix: Ints, facts: Facts, board: Board) -> Blocks:
    """Return blocks whose move lets two runs of the colour of place i meet."""
    sequence, color, fixed = board.sequence, facts.color, facts.fixed
    size, own, none = len(sequence), color[sequence[i]], (i, 0, i, False)
    j = _one_of(facts.by_color, facts.color_begin, own, i, board)
    begin, end = i, i
    while begin > fixed and color[sequence[begin - 1]] == own:
        begin -= 1
    while end + 1 < size and color[sequence[end + 1]] == own:
        end += 1
    if begin <= j <= end:
        return none
    if move < mix[10]:  # turn what stands between together with the other run
        if j > end:
            while j + 1 < size and color[sequence[j + 1]] == own:
                j += 1
            return end + 1, 1, j, True
        while j > fixed and color[sequence[j - 1]] == own:
            j -= 1
        return j, 1, begin - 1, True
    if move < mix[11]:
        begin, end = i, i
    if j < begin:  # behind the other run
        while color[sequence[j]] == own:
            j += 1
        return j, begin - j, end, False
    while color[sequence[j]] == own:  # before it
        j -= 1
    return begin, end - begin + 1, j, False


@lean
def _walk(
    facts: Facts, board: Board, moves: int, mix: Ints, floor: int, unit: int, odds: int
) -> int:
    """Make `moves` tries in place, fewer once it costs `floor`; return the cost.

    With `odds` in 2**27 a move may cost a unit, with the odds of that two, and so on.
    """
    free = len(board.sequence) - facts.fixed
    for _ in range(moves):
        if board.cost[0] <= floor:
            break
        # Of one draw 14 bits choose the move, 22 the place, 27 whether it may cost something.
        bits = random_bits(board.chance)
        move = ((bits & 0x3FFF) * 1000) >> 14
        i = facts.fixed + ((((bits >> 14) & 0x3FFFFF) * free) >> 22)
        allowed = 0
        if bits >> 36 < odds:
            allowed = unit
            while random_below(board.chance, 1 << 27) < odds:
                allowed += unit
        if move < mix[6]:
            if mix[1] <= move < mix[3]:
                i = _beside_a_change(i, facts, board)
            j = _partner(move, i, mix, facts, board)
            if facts.kind[board.sequence[i]] == facts.kind[board.sequence[j]]:
                continue
            price = try_swap(min(i, j), max(i, j), allowed, facts, board)
        else:
            if move < mix[9]:
                lo, cut, hi, turned = _segment(move, i, mix, facts, board)
            else:
                i = _beside_a_change(i, facts, board)
                lo, cut, hi, turned = _runs_that_meet(move, i, mix, facts, board)
            if cut == 0:
                continue
            price = try_blocks(lo, cut, hi, turned, allowed, facts, board)
        if price != REFUSED:
            board.cost[0] += price
    return int(board.cost[0])


class Walk:
    """A sequence being searched: the counters live from one stretch of moves to the next.

    Rules that cost nothing are left out of sight.
    """

    def __init__(
        self,
        task: SequenceTask,
        sequence: Ints,
        *,
        seed: int,
        mix: Mix = WITH_COLORS,
    ) -> None:
        self._mix = mix.limits()
        self._facts = facts_of(task)
        self._board = board_of(task, self._facts, sequence, seed=seed)
        self._unit = min(levels_of(task), default=1)
        self._best = sequence.copy(), self.cost_here

    def run(self, moves: int, *, floor: int = 0, heat: float = 0.0) -> int:
        """Make some more moves, fewer once it costs `floor`; return the least cost so far.

        With `heat` a move may cost, too: a unit of the least objective with odds of exp(-1/heat).
        """
        if len(self._board.sequence) - self._facts.fixed >= 2:
            odds = round(math.exp(-1 / heat) * 2**27) if heat > 0 else 0
            _walk(self._facts, self._board, moves, self._mix, floor, self._unit, odds)
        if self.cost_here < self.cost:
            self._best = self.sequence_here(), self.cost_here
        return self.cost

    @property
    def cost(self) -> int:
        """What the best sequence costs at the end of a stretch of moves; it never grows."""
        return self._best[1]

    @property
    def cost_here(self) -> int:
        """What the sequence costs now."""
        return int(self._board.cost[0])

    def sequence(self) -> Ints:
        """Return the best sequence at the end of a stretch of moves, or the last if none is better."""
        return self._best[0] if self.cost < self.cost_here else self.sequence_here()

    def sequence_here(self) -> Ints:
        """Return the sequence as it is now."""
        return self._board.sequence.copy()


def improve(
    task: SequenceTask,
    sequence: Ints,
    *,
    moves: int,
    seed: int,
    keep_going: Callable[[int, Ints], bool] = lambda _cost, _sequence: True,
) -> tuple[Ints, int]:
    """Return the best sequence found within `moves` tries, and its cost.

    `keep_going(cost, sequence)` is asked between chunks of moves; it may stop the search. The
    same task, start, seed and moves give the same sequence.
    """
    walk = Walk(task, sequence, seed=seed)
    done = 0
    while done < moves and walk.cost > 0 and keep_going(walk.cost, walk.sequence()):
        chunk = min(CHUNK, moves - done)
        walk.run(chunk)
        done += chunk
    return walk.sequence(), walk.cost
