"""The moves of the local search over a sequence, counted incrementally.

Counters of the options inside every window make a move cost only the windows it touches, the
dearest rules first, given up as soon as the rest cannot make good what is lost. A block of cars
that moves as a whole, or is turned round, keeps what its inner windows cost: only the windows
across its edges are counted again, however long it is.
"""

from aps.jit import inlined
from aps.sequencing.board import WORD, Board, Facts, count_toggles, count_windows
from aps.sequencing.spacing import count_stretch, count_swap, stretch_cost, swap_price
from aps.worktime import Ints

REFUSED = 1 << 62
"""What a try returns where the move was not made; a move made returns the change of cost."""


@inlined
def random_bits(state: Ints) -> int:
    """Return the next of a xorshift sequence, in [0, 2**63)."""
    x = int(state[0])
    x ^= (x << 13) & 0x7FFFFFFFFFFFFFFF
    x ^= x >> 7
    x ^= (x << 17) & 0x7FFFFFFFFFFFFFFF
    state[0] = x
    return x


@inlined
def random_below(state: Ints, below: int) -> int:
    """Return a random number in [0, below)."""
    return ((random_bits(state) >> 30) * below) >> 33


@inlined
def out_of_place(place: int, earliest: int, latest: int) -> int:
    """Return how far a place is outside of a car's places."""
    return max(0, earliest - place) + max(0, place - latest)


@inlined
def _run_at(sequence: Ints, color: Ints, place: int, limit: int, begin: int) -> int:
    """Return the length of the run of one colour around a place, at most just over the limit."""
    own, run = color[sequence[place]], 1
    k = place - 1
    while k >= begin and color[sequence[k]] == own and run <= limit:
        run += 1
        k -= 1
    k = place + 1
    while k < len(sequence) and color[sequence[k]] == own and run <= limit:
        run += 1
        k += 1
    return run


@inlined
def _purge_at(sequence: Ints, color: Ints, purge: Ints, place: int) -> int:
    """Return what the colour change on the way to this place costs."""
    if place <= 0 or place >= len(sequence):
        return 0
    return int(purge[color[sequence[place - 1]], color[sequence[place]]])


@inlined
def _owe(facts: Facts, board: Board) -> None:
    """Take the changes of a move that was made over into what the rules cost."""
    lost = 0
    for r in range(len(facts.n) - 1, -1, -1):
        lost += facts.weight[r] * board.change[r]
        board.owed[r] += lost


@inlined
def _swap_breaks_line(i: int, j: int, facts: Facts, board: Board) -> bool:
    """Return whether a car would come behind one that it has to be ahead of."""
    behind, ahead = facts.behind[board.sequence[i]], facts.ahead[board.sequence[j]]
    return bool(
        (behind >= 0 and board.where[behind] <= j) or (ahead >= 0 and board.where[ahead] >= i)
    )


@inlined
def _blocks_break_line(
    lo: int, cut: int, hi: int, turned: bool, facts: Facts, board: Board
) -> bool:
    """Return whether a car would come behind one that it has to be ahead of."""
    past = lo if turned else lo + cut
    for k in range(lo, hi if turned else lo + cut):
        behind = facts.behind[board.sequence[k]]
        if behind >= 0 and past <= board.where[behind] <= hi:
            return True
    return False


@inlined
def _windows_of_one(r: int, i: int, j: int, facts: Facts, board: Board) -> int:
    """Return the change of a rule's violations if two cars less than a window apart swap options."""
    n, p, first, last = facts.n[r], facts.p[r], facts.first[r], facts.last[r]
    taken, given = (j, i) if board.flags[r, j] else (i, j)
    lost = 0
    # Windows that hold one of both places only.
    taken_first, given_first = max(first, taken - p + 1), max(first, given - p + 1)
    taken_last, given_last = min(last, taken), min(last, given)
    if taken < given:
        taken_last, given_first = min(taken_last, given - p), max(given_first, taken + 1)
    else:
        given_last, taken_first = min(given_last, taken - p), max(taken_first, given + 1)
    for s in range(given_first, given_last + 1):
        lost += board.counts[r, s] >= n
    for s in range(taken_first, taken_last + 1):
        lost -= board.counts[r, s] > n
    return lost


@inlined
def _turn_option(r: int, place: int, facts: Facts, board: Board) -> None:
    """Give the car at a place an option, or take it, in all counters of its rule."""
    flags, counts, toggle = board.flags, board.counts, board.toggle
    p, first, last = facts.p[r], facts.first[r], facts.last[r]
    sign = 1 - 2 * int(flags[r, place])
    # Of a window that holds this many, a car without the option now costs more, or less.
    full = facts.n[r] - (sign > 0)
    filled = passed = 0
    for s in range(place - p + 1, place):
        if first <= s <= last:
            filled += counts[r, s] == full
            passed += counts[r, s] == full + 1
        if s >= 0:
            toggle[s, r] += -sign * passed if flags[r, s] else sign * filled
    if first <= place <= last:
        filled += counts[r, place] == full
        passed += counts[r, place] == full + 1
    for k in range(place + 1, min(len(board.sequence), place + p)):
        if first <= k - p <= last:
            filled -= counts[r, k - p] == full
            passed -= counts[r, k - p] == full + 1
        toggle[k, r] += -sign * passed if flags[r, k] else sign * filled
    for s in range(max(first, place - p + 1), min(last, place) + 1):
        counts[r, s] += sign
    flags[r, place] += sign
    toggle[place, r] = -toggle[place, r]


@inlined
def try_swap(i: int, j: int, allowed: int, facts: Facts, board: Board) -> int:
    """Swap the cars at i < j if it costs at most what is allowed, which is 0 or more.

    Returns the change of cost or `REFUSED`.
    """
    sequence, color, purge, p = board.sequence, facts.color, facts.purge, facts.p
    a, b = sequence[i], sequence[j]
    if len(facts.ahead) > 0 and _swap_breaks_line(i, j, facts, board):
        return REFUSED
    delta = 0
    if facts.window_weight > 0:
        delta = facts.window_weight * (
            out_of_place(j, facts.earliest[a], facts.latest[a])
            + out_of_place(i, facts.earliest[b], facts.latest[b])
            - out_of_place(i, facts.earliest[a], facts.latest[a])
            - out_of_place(j, facts.earliest[b], facts.latest[b])
        )
    recolored = color[a] != color[b]
    if recolored and facts.color_weight > 0:
        old = _purge_at(sequence, color, purge, i) + _purge_at(sequence, color, purge, j + 1)
        old += _purge_at(sequence, color, purge, i + 1)
        if j != i + 1:
            old += _purge_at(sequence, color, purge, j)
        sequence[i], sequence[j] = b, a
        new = _purge_at(sequence, color, purge, i) + _purge_at(sequence, color, purge, j + 1)
        new += _purge_at(sequence, color, purge, i + 1)
        if j != i + 1:
            new += _purge_at(sequence, color, purge, j)
        sequence[i], sequence[j] = a, b
        delta += facts.color_weight * (new - old)
    if len(facts.gap) > 0:
        delta += swap_price(i, j, a, b, facts.side, facts.gap, facts.apart_weight, board.near)
    for word in range(facts.mask.shape[1]):
        differing = facts.mask[a, word] ^ facts.mask[b, word]
        while differing != 0:
            one = differing & -differing
            differing ^= one
            r = word * WORD + facts.bit[one % 67]
            if delta - allowed > min(facts.swap_gain[r], board.owed[r]):
                return REFUSED
            if j - i >= p[r]:
                board.change[r] = board.toggle[i, r] + board.toggle[j, r]
            else:
                board.change[r] = _windows_of_one(r, i, j, facts, board)
            delta += facts.weight[r] * board.change[r]
    if delta > allowed:
        return REFUSED
    sequence[i], sequence[j] = b, a
    if recolored and (
        _run_at(sequence, color, i, facts.limit, facts.runs_from) > facts.limit
        or _run_at(sequence, color, j, facts.limit, facts.runs_from) > facts.limit
    ):
        sequence[i], sequence[j] = a, b
        return REFUSED
    board.where[a], board.where[b] = j, i
    lost = 0
    for r in range(len(facts.n) - 1, -1, -1):
        if facts.has[a, r] != facts.has[b, r]:
            lost += facts.weight[r] * board.change[r]
            _turn_option(r, i, facts, board)
            _turn_option(r, j, facts, board)
        board.owed[r] += lost
    if len(facts.gap) > 0:
        count_swap(i, j, a, b, facts.side, facts.gap, board.near)
    return int(delta)


@inlined
def _comes_from(k: int, lo: int, cut: int, hi: int, turned: bool) -> int:
    """Return the place from which the car of place k comes."""
    if k < lo or k > hi:
        return k
    if turned:
        return lo + hi - k
    return k + cut if k + cut <= hi else k + cut - (hi - lo + 1)


@inlined
def _purge_of_blocks(lo: int, cut: int, hi: int, turned: bool, facts: Facts, board: Board) -> int:
    """Return the change of what the purges cost."""
    sequence, color, purge = board.sequence, facts.color, facts.purge
    change = 0
    for edge in (lo, lo + cut, hi + 1):
        if turned and edge == lo + cut and edge <= hi:
            continue
        change -= _purge_at(sequence, color, purge, edge)
    for edge in (lo, hi + 1 - cut, hi + 1):
        if edge <= 0 or edge >= len(sequence) or (turned and lo < edge <= hi):
            continue
        before = sequence[_comes_from(edge - 1, lo, cut, hi, turned)]
        behind = sequence[_comes_from(edge, lo, cut, hi, turned)]
        change += purge[color[before], color[behind]]
    if turned and not facts.even:
        for k in range(lo + 1, hi + 1):
            one, other = color[sequence[k - 1]], color[sequence[k]]
            change += purge[other, one] - purge[one, other]
    return int(change)


@inlined
def _windows_of_blocks(
    r: int, lo: int, cut: int, hi: int, turned: bool, facts: Facts, board: Board
) -> int:
    """Return by how much a rule's violations grow: only windows across an edge can differ."""
    flags, counts = board.flags[r], board.counts[r]
    n, p, first, last = facts.n[r], facts.p[r], facts.first[r], facts.last[r]
    size, change = len(flags), 0
    counted = first - 1
    for edge in (lo, lo + cut, hi + 1):
        if turned and lo < edge <= hi:
            continue
        until = min(last, edge - 1)
        for s in range(max(counted + 1, edge - p + 1), until + 1):
            if counts[s] > n:
                change -= counts[s] - n
        counted = max(counted, until)
    counted = first - 1
    for edge in (lo, hi + 1 - cut, hi + 1):
        if turned and lo < edge <= hi:
            continue
        begin, until = max(counted + 1, edge - p + 1), min(last, edge - 1)
        if begin > until:
            continue
        inside = 0
        for k in range(begin, min(begin + p, size)):
            inside += flags[_comes_from(k, lo, cut, hi, turned)]
        for s in range(begin, until + 1):
            if inside > n:
                change += inside - n
            inside -= flags[_comes_from(s, lo, cut, hi, turned)]
            if s + p < size:
                inside += flags[_comes_from(s + p, lo, cut, hi, turned)]
        counted = until
    return int(change)


@inlined
def _run_too_long(lo: int, cut: int, hi: int, turned: bool, facts: Facts, board: Board) -> bool:
    """Return whether a run that crosses an edge would be longer than the limit."""
    sequence, color, limit = board.sequence, facts.color, facts.limit
    for edge in (lo, hi + 1 - cut, hi + 1):
        if edge <= facts.runs_from or edge >= len(sequence) or (turned and lo < edge <= hi):
            continue
        own = color[sequence[_comes_from(edge, lo, cut, hi, turned)]]
        k, run = edge - 1, 1
        while run <= limit and k >= facts.runs_from:
            if color[sequence[_comes_from(k, lo, cut, hi, turned)]] != own:
                break
            run += 1
            k -= 1
        if run == 1:  # the colour changes at this edge
            continue
        k = edge + 1
        while run <= limit and k < len(sequence):
            if color[sequence[_comes_from(k, lo, cut, hi, turned)]] != own:
                break
            run += 1
            k += 1
        if run > limit:
            return True
    return False


@inlined
def _arrange(lo: int, cut: int, hi: int, turned: bool, board: Board) -> None:
    """Put the cars of the blocks on their new places; `spare` keeps the old ones."""
    for k in range(lo, hi + 1):
        board.spare[k] = board.sequence[k]
    for k in range(lo, hi + 1):
        board.sequence[k] = board.spare[_comes_from(k, lo, cut, hi, turned)]


@inlined
def _apart_of_blocks(lo: int, cut: int, hi: int, turned: bool, facts: Facts, board: Board) -> int:
    """Return the change of what cars too close cost."""
    sequence, side, gap, weight = board.sequence, facts.side, facts.gap, facts.apart_weight
    before = stretch_cost(lo, hi, sequence, side, gap, weight)
    _arrange(lo, cut, hi, turned, board)
    behind = stretch_cost(lo, hi, sequence, side, gap, weight)
    for k in range(lo, hi + 1):
        sequence[k] = board.spare[k]
    return int(behind - before)


@inlined
def _flag_again(r: int, lo: int, hi: int, facts: Facts, board: Board) -> None:
    """Keep a rule's counters true after other cars came to the places lo..hi."""
    begin, end = hi + 1, lo - 1  # of the places where the option came or went
    for k in range(lo, hi + 1):
        flag = facts.has[board.sequence[k], r]
        if board.flags[r, k] != flag:
            board.flags[r, k] = flag
            begin, end = min(begin, k), k
    if begin > end:
        return
    n, p, first, last = facts.n[r], facts.p[r], facts.first[r], facts.last[r]
    since, until = max(first, begin - p + 1), min(last, end)
    if since <= until:
        count_windows(board.flags[r], p, since, until, board.counts[r])
    lo, hi = max(0, begin - p + 1), min(len(board.sequence) - 1, end + p - 1)
    count_toggles(board.flags[r], board.counts[r], n, p, first, last, lo, hi, board.toggle[:, r])


@inlined
def try_blocks(
    lo: int, cut: int, hi: int, turned: bool, allowed: int, facts: Facts, board: Board
) -> int:
    """Let the cars on lo..lo+cut-1 and on lo+cut..hi change places, if that is allowed.

    `cut` of 1, or all but 1, puts one car elsewhere. `turned` reverses lo..hi instead; `cut` then
    is not looked at. Returns the change of cost or `REFUSED`.
    """
    if len(facts.ahead) > 0 and _blocks_break_line(lo, cut, hi, turned, facts, board):
        return REFUSED
    delta = 0
    if facts.window_weight > 0:
        for k in range(lo, hi + 1):
            a, b = board.sequence[k], board.sequence[_comes_from(k, lo, cut, hi, turned)]
            delta += out_of_place(k, facts.earliest[b], facts.latest[b])
            delta -= out_of_place(k, facts.earliest[a], facts.latest[a])
        delta *= facts.window_weight
    if facts.color_weight > 0:
        delta += facts.color_weight * _purge_of_blocks(lo, cut, hi, turned, facts, board)
    if len(facts.gap) > 0:
        delta += _apart_of_blocks(lo, cut, hi, turned, facts, board)
    for r in range(len(facts.n)):
        if delta - allowed > min(facts.block_gain[r], board.owed[r]):
            return REFUSED
        board.change[r] = _windows_of_blocks(r, lo, cut, hi, turned, facts, board)
        delta += facts.weight[r] * board.change[r]
    if delta > allowed or _run_too_long(lo, cut, hi, turned, facts, board):
        return REFUSED
    _arrange(lo, cut, hi, turned, board)
    for k in range(lo, hi + 1):
        board.where[board.sequence[k]] = k
    for r in range(len(facts.n)):
        _flag_again(r, lo, hi, facts, board)
    if len(facts.gap) > 0:
        old = board.spare[lo : hi + 1]
        count_stretch(lo, hi, old, board.sequence, facts.side, facts.gap, board.near)
    _owe(facts, board)
    return int(delta)
