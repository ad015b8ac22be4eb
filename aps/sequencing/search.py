"""Local search over a sequence: very many small random moves.

The method is that of the winners of the 2005 ROADEF challenge (Estellon, Gardi, Nouioua, EJOR
191(3)): no metaheuristic, but cheap moves that are kept when they do not make the sequence worse.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np

from aps.jit import inlined, kernel
from aps.sequencing.board import Board, Facts, board_of, facts_of
from aps.sequencing.moves import REFUSED, random_below, try_blocks, try_swap
from aps.sequencing.task import SequenceTask
from aps.worktime import Ints

CHUNK = 100_000
"""Moves between two looks at the clock and the cancel flag."""
Blocks = tuple[int, int, int, bool]
"""What `try_blocks` is told: first place, length of the first block (0: nothing), last place, turned."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each move is tried, in parts of all; the order is that of the kernel.

    Swaps with any car, with one of the same colour, of the colour beside, of a shared option, of
    the places around, of a place one rule's window away; then one car put elsewhere, two blocks
    that change places, a block turned round; then what moves colours: a block turned so that two
    runs of a colour meet, a car or a whole run put beside another run of its colour.
    """

    any_swap: int
    same_color: int
    color_beside: int
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
    any_swap=12, same_color=22, color_beside=22, shared_option=1, near=14, window_away=16,
    insertion=3, blocks=1, reflection=4, color_turn=3, color_join=1, color_run=1,
)  # fmt: skip
WITHOUT_COLORS = Mix(
    any_swap=30, same_color=0, color_beside=0, shared_option=4, near=27, window_away=25,
    insertion=6, blocks=1, reflection=7, color_turn=0, color_join=0, color_run=0,
)  # fmt: skip


@inlined
def _partner(move: int, i: int, mix: Ints, facts: Facts, board: Board) -> int:
    """Return the place with which place i is to be swapped; itself where there is none."""
    sequence, color = board.sequence, facts.color
    size = len(sequence)
    free = size - facts.fixed
    if move < mix[0]:
        return int(facts.fixed + random_below(board.chance, free))
    if move < mix[2]:
        # One of the same colour, or of the colour beside i, so that batches survive and grow.
        wanted = color[sequence[i]]
        if move >= mix[1]:
            beside = i - 1 if (move & 1 and i > 0) or i == size - 1 else i + 1
            wanted = color[sequence[beside]]
        if wanted < 0:
            return i
        count = facts.color_begin[wanted + 1] - facts.color_begin[wanted]
        if count == 0:
            return i
        at = facts.color_begin[wanted] + random_below(board.chance, count)
        return int(board.where[facts.by_color[at]])
    if len(facts.n) == 0:
        return i
    if move < mix[3]:
        r = random_below(board.chance, len(facts.n))
        if facts.has[sequence[i], r] == 0:
            return i
        count = facts.rule_begin[r + 1] - facts.rule_begin[r]
        at = facts.rule_begin[r] + random_below(board.chance, count)
        return int(board.where[facts.by_rule[at]])
    apart = 1 + random_below(board.chance, 12)
    if move >= mix[4]:
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
def _change_at(k: int, facts: Facts, board: Board) -> bool:
    """Return whether the colour changes on the way to a place inside the sequence."""
    return bool(facts.color[board.sequence[k]] != facts.color[board.sequence[k - 1]])


@inlined
def _segment(move: int, i: int, mix: Ints, facts: Facts, board: Board) -> Blocks:
    """Return blocks to try from place i on: one car and others, two blocks, or one to turn round."""
    hi = i + _reach(board, len(board.sequence) - facts.fixed)
    if hi >= len(board.sequence):
        return i, 0, i, False
    if move < mix[6]:
        return i, 1 if move & 1 else hi - i, hi, False
    if move < mix[7]:  # cut where the colour changes
        cut = 1 + random_below(board.chance, hi - i)
        while cut < hi - i and not _change_at(i + cut, facts, board):
            cut += 1
        return i, cut, hi, False
    return i, 1, hi, True


@inlined
def _runs_that_meet(move: int, i: int, mix: Ints, facts: Facts, board: Board) -> Blocks:
    """Return blocks whose move lets two runs of the colour of place i meet."""
    sequence, color, fixed = board.sequence, facts.color, facts.fixed
    size, own, none = len(sequence), color[sequence[i]], (i, 0, i, False)
    count = facts.color_begin[own + 1] - facts.color_begin[own]
    at = facts.color_begin[own] + random_below(board.chance, count)
    j = board.where[facts.by_color[at]]
    begin, end = i, i
    while begin > fixed and color[sequence[begin - 1]] == own:
        begin -= 1
    while end + 1 < size and color[sequence[end + 1]] == own:
        end += 1
    if begin <= j <= end:
        return none
    if move < mix[9]:  # turn what stands between together with the other run
        if j > end:
            while j + 1 < size and color[sequence[j + 1]] == own:
                j += 1
            return end + 1, 1, j, True
        while j > fixed and color[sequence[j - 1]] == own:
            j -= 1
        return j, 1, begin - 1, True
    if move < mix[10]:
        begin, end = i, i
    if j < begin:  # behind the other run
        while color[sequence[j]] == own:
            j += 1
        return j, begin - j, end, False
    while color[sequence[j]] == own:  # before it
        j -= 1
    return begin, end - begin + 1, j, False


@kernel
def _walk(facts: Facts, board: Board, moves: int, mix: Ints, floor: int) -> int:
    """Make `moves` tries in place, fewer once it costs `floor`; return the cost."""
    free = len(board.sequence) - facts.fixed
    for _ in range(moves):
        if board.cost[0] <= floor:
            break
        move = random_below(board.chance, 1000)
        i = facts.fixed + random_below(board.chance, free)
        if move < mix[5]:
            j = _partner(move, i, mix, facts, board)
            if facts.kind[board.sequence[i]] == facts.kind[board.sequence[j]]:
                continue
            price = try_swap(min(i, j), max(i, j), facts, board)
        else:
            if move < mix[8]:
                lo, cut, hi, turned = _segment(move, i, mix, facts, board)
            else:
                lo, cut, hi, turned = _runs_that_meet(move, i, mix, facts, board)
            if cut == 0:
                continue
            price = try_blocks(lo, cut, hi, turned, facts, board)
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

    def run(self, moves: int, *, floor: int = 0) -> int:
        """Make some more moves, fewer once it costs `floor`; return the cost."""
        if len(self._board.sequence) - self._facts.fixed >= 2:
            _walk(self._facts, self._board, moves, self._mix, floor)
        return self.cost

    @property
    def cost(self) -> int:
        """What the sequence costs now; it never grows."""
        return int(self._board.cost[0])

    def sequence(self) -> Ints:
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
