"""When lines work: a calendar for each of the plant's, and one of its own for a line that is down."""

from __future__ import annotations

from datetime import datetime

import aps.problem as p
from mes.contracts.plant import Line
from mes.planning.facts import PlantFacts
from mes.planning.network import PlantNetwork


class Calendars:
    """The calendars of one snapshot."""

    def __init__(self, facts: PlantFacts, network: PlantNetwork, horizon_s: int) -> None:
        self.facts, self.network, self.horizon_s = facts, network, horizon_s

    def _seconds(self, moment: datetime) -> int:
        return int((moment - self.facts.at).total_seconds())

    def of_station(self, line: Line, station: str) -> str:
        """Return the calendar of a weld station: it stops alone, or with its line."""
        for down in self.facts.down:
            if down.line == line.id and down.station in (None, station):
                return f"{line.calendar}@{station}"
        return line.calendar

    def of_line(self, line: Line) -> str:
        """Return the calendar of a paced line: one station down stops all of it."""
        down = any(one.line == line.id for one in self.facts.down)
        return f"{line.calendar}@{line.id}" if down else line.calendar

    def all(self) -> tuple[tuple[p.Shift, ...], tuple[p.Calendar, ...]]:
        """Return the shifts and calendars of a problem."""
        by_calendar: dict[str, list[p.Shift]] = {}
        for fact in self.facts.shifts:
            start, end = max(0, self._seconds(fact.start_at)), self._seconds(fact.end_at)
            end = min(end, self.horizon_s)
            if end <= start:
                continue
            breaks = (
                (max(start, self._seconds(begin)), min(end, self._seconds(until)))
                for begin, until in sorted(fact.breaks)
            )
            by_calendar.setdefault(fact.calendar, []).append(
                p.Shift(
                    id=fact.id,
                    start_s=start,
                    end_s=end,
                    breaks=tuple((begin, until) for begin, until in breaks if until > begin),
                )
            )
        calendars = [p.calendar_of(name, tuple(shifts)) for name, shifts in by_calendar.items()]
        known = {calendar.id: calendar for calendar in calendars}
        own = [
            _without(known[base], name, self._down_until(target))
            for name, base, target in self._own()
        ]
        shifts = tuple(shift for group in by_calendar.values() for shift in group)
        return shifts, (*calendars, *own)

    def _own(self) -> list[tuple[str, str, str]]:
        """Return (calendar id, base calendar, line or station) of everything that is down."""
        network = self.network
        found = [
            (self.of_line(line), line.calendar, line.id)
            for line in (network.paint_line, network.drum_line, *network.press_lines)
            if self.of_line(line) != line.calendar
        ]
        for line in network.weld_lines:
            for station in line.stations:
                name = self.of_station(line, station.id)
                if name != line.calendar:
                    found.append((name, line.calendar, station.id))
        return found

    def _down_until(self, target: str) -> int:
        """Return the second until which a line or station does not work."""
        stations = {st.id: line.id for line in self.network.plant.lines for st in line.stations}
        line = stations.get(target, target)
        ends = [
            self._seconds(down.until_at)
            for down in self.facts.down
            if down.line == line and (target == line or down.station in (None, target))
        ]
        return max(ends, default=0)


def _without(calendar: p.Calendar, name: str, until_s: int) -> p.Calendar:
    """Return a calendar under a new name that does not work before `until_s`."""
    kept = [
        ((max(begin, until_s), end), shift)
        for (begin, end), shift in zip(calendar.working, calendar.shift_ids, strict=True)
        if end > until_s
    ]
    return p.Calendar(
        id=name,
        working=tuple(interval for interval, _ in kept),
        shift_ids=tuple(shift for _, shift in kept),
    )
