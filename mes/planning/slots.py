"""A place for one more car: what its shift still takes, the parts it needs, and the best insertion there.

Never a solver: the ledger (`capacity_shift`, `capacity_option`, `part_shortage`) says which shift has room,
the plan in force, compiled, where in it the car costs least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mes.contracts.events import Reason
from mes.contracts.plant import Line
from mes.planning import books, capacity_repository
from mes.planning.bridge import Book
from mes.planning.facts import CarFact
from mes.planning.network import PlantNetwork
from mes.planning.quotes import NoCapacity, ShiftCapacity, Shortage
from mes.planning.words import Words
from mes.platform.db import ReadConn, WriteConn

LONG_AGO = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that a car can have: its shift, its start on the drum and its finish."""

    shift: ShiftCapacity
    start_at: datetime
    finish_at: datetime
    earliest: datetime
    """When the work before the drum, and the part it waits for, would have let it start."""
    part: Shortage | None


def need_of(car: CarFact) -> tuple[str, ...]:
    """Return the codes by which a car takes more than a place: its options and its model."""
    return (car.model, *car.options)


def lead_to_drum_s(net: PlantNetwork) -> float:
    """Return the seconds from the first weld step to the drum, each shop at its nominal pace."""
    weld = sum(line.lead_s for line in net.weld_lines)
    return weld + net.takes_s(net.paint_line) + 2 * net.drum_line.takt_s


def earliest_start(
    net: PlantNetwork, short: Sequence[Shortage], *, now: datetime
) -> tuple[datetime, Shortage | None]:
    """Return when a car could be on the drum at the earliest, and the part that it waits for, if any.

    Args:
        short: the parts it needs of which nothing is left before the next delivery.
    """
    reached = now + timedelta(seconds=lead_to_drum_s(net))
    waits_for = max(short, key=lambda one: one.until_at, default=None)
    if waits_for is None or waits_for.until_at <= reached:
        return reached, None
    return waits_for.until_at, waits_for


async def look_for_slot(conn: ReadConn, net: PlantNetwork, car: CarFact, *, now: datetime) -> Slot:
    """Return the best free place at this moment; nothing is locked or held.

    Raises:
        NoCapacity: every shift that is planned so far is full.
    """
    line, need = net.drum_line, need_of(car)
    short = await capacity_repository.used_up(conn, need)
    search = await _search(conn, net, car, short, now=now)
    while True:
        shift = await capacity_repository.free_shift(
            conn, line.id, need, earliest=search.ends_after, after=search.after
        )
        if shift is None:
            raise await _nothing_free(conn, line, now=now)
        slot = search.slot_in(shift)
        if slot is not None:
            return slot


async def best_slot(conn: WriteConn, net: PlantNetwork, car: CarFact, *, now: datetime) -> Slot:
    """Return the best free place of the drum line; its shift stays locked until the caller commits.

    Two processes that ask at once get two places: the second waits for the first one's debit, and looks
    again.

    Raises:
        NoCapacity: every shift that is planned so far is full.
    """
    line, need = net.drum_line, need_of(car)
    short = await capacity_repository.lock_parts(conn, need)
    search = await _search(conn, net, car, short, now=now)
    while True:
        asked = {"earliest": search.ends_after, "after": search.after}
        shift = await capacity_repository.open_shift(conn, line.id, need, **asked)
        if shift is None:
            if await capacity_repository.free_shift(conn, line.id, need, **asked) is not None:
                continue  # taken by another while this one waited for it, and others are free
            raise await _nothing_free(conn, line, now=now)
        if not await capacity_repository.takes_options(conn, line.id, shift.shift_id, need):
            continue  # the last car with this option came in while this one waited
        slot = search.slot_in(shift)
        if slot is not None:
            return slot


async def _search(
    conn: ReadConn, net: PlantNetwork, car: CarFact, short: Sequence[Shortage], *, now: datetime
) -> _Search:
    earliest, part = earliest_start(net, short, now=now)
    sequence = await books.book(conn, net.plant.site.id)
    return _Search(net, car, sequence, earliest, part, ends_after=earliest, after=now - LONG_AGO)


@dataclass(slots=True)
class _Search:
    """The way through the shifts with a free place, in order of time.

    The plan is asked once for its best place; shifts that end before that place are passed over, and
    only a shift that begins behind it needs another question.
    """

    net: PlantNetwork
    car: CarFact
    sequence: Book | None
    earliest: datetime
    part: Shortage | None
    ends_after: datetime
    """The next shift to look at ends after this,"""
    after: datetime
    """and begins after this."""
    place: tuple[datetime, datetime] | None = None

    def slot_in(self, shift: ShiftCapacity) -> Slot | None:
        """Return the best place in a shift: where the plan takes one more car, or behind all that it holds."""
        begin = max(self.earliest, shift.start_at)
        takt_s = self.net.drum_line.takt_s
        if self.sequence is not None and (self.place is None or self.place[0] < begin):
            self.place = self.sequence.place(self.car, self.net, earliest=begin)
        if self.place is not None:
            start, finish = self.place
            if start <= shift.end_at:
                ahead_of_it = timedelta(seconds=shift.reserved * takt_s)
                return Slot(shift, start, finish + ahead_of_it, self.earliest, self.part)
            self.ends_after = start
        else:
            used = timedelta(seconds=(shift.planned + shift.reserved) * takt_s)
            start = max(begin, shift.start_at + used)
            if start < shift.end_at:
                finish = start + timedelta(seconds=self.net.drum_lead_s)
                return Slot(shift, start, finish, self.earliest, self.part)
        self.after = shift.start_at
        return None


async def _nothing_free(conn: ReadConn, line: Line, *, now: datetime) -> NoCapacity:
    ahead = await capacity_repository.shifts_ahead(conn, line.id, now)
    until = ahead[-1].end_at.isoformat() if ahead else "no shift is planned"
    return NoCapacity(until_at=until)


async def why_not_sooner(
    conn: ReadConn, net: PlantNetwork, car: CarFact, slot: Slot, words: Words, *, now: datetime
) -> tuple[Reason, ...]:
    """Return what keeps a car from an earlier place: the work before it, a part, full shifts, options."""
    line, reached = net.drum_line, now + timedelta(seconds=lead_to_drum_s(net))
    found = [words.work_before(lead_to_drum_s(net), reached)]
    if slot.part is not None:
        found.append(words.part_short(slot.part.option, slot.part.until_at))
    opens = slot.shift.start_at
    passed = await capacity_repository.passed_shifts(
        conn, line.id, need_of(car), earliest=slot.earliest, before=opens
    )
    if passed.full_until is not None:
        found.append(words.shifts_full(line.name, passed.full_shifts, passed.full_until))
    for rule, option, count in passed.options:
        ratio = next(one for one in net.plant.ratio_rules if one.id == rule)
        found.append(words.option_full(option, ratio.n, ratio.p, count))
    if opens > slot.earliest and not passed.shifts:
        found.append(words.shift_opens(line.name, opens))
    elif slot.start_at > max(slot.earliest, opens) + timedelta(seconds=2 * line.takt_s):
        found.append(words.places_taken(line.name, slot.start_at))
    return tuple(found)
