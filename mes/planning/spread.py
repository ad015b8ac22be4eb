"""How late cars come: draws from what the lines have shown, the same question drawn once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mes.contracts.plant import Line
from mes.planning import history_repository, news_repository
from mes.planning.facts import CarFact
from mes.planning.network import PlantNetwork
from mes.planning.news import Downtime
from mes.planning.promise import Floats, LineHistory, Record, delays
from mes.platform.db import ReadConn

SAMPLE_SEED = 2026
AHEAD_STEP_S = 600
"""The time until a car is through counts in steps of ten minutes."""


def way_of(net: PlantNetwork, car: CarFact) -> tuple[Line, ...]:
    """Return the lines that a car has still to pass, the one it is on included."""
    if car.place is None:
        return net.way
    ids = [line.id for line in net.way]
    at = ids.index(car.place.line) + (1 if car.place.store is not None else 0)
    return net.way[at:]


class Spread:
    """Draws of how late cars come."""

    def __init__(
        self,
        net: PlantNetwork,
        history: Mapping[str, LineHistory] | None = None,
        down: Iterable[Downtime] = (),
    ) -> None:
        self._net = net
        self._history = history or {}
        self._down = {one.line: _repair_s(net, one) for one in down}
        self._drawn: dict[tuple[int, int], Floats] = {}

    def of(self, car: CarFact, finish_at: datetime, now: datetime) -> Floats:
        """Return the draws for a car planned to finish then."""
        way = way_of(self._net, car)
        ahead = max(0, int((finish_at - now).total_seconds()) // AHEAD_STEP_S)
        key = (len(way), ahead)
        if key not in self._drawn:
            self._drawn[key] = delays(
                way,
                ahead_s=ahead * AHEAD_STEP_S,
                seed=SAMPLE_SEED,
                history=self._history,
                down_s=[self._down[line.id] for line in way if line.id in self._down],
            )
        return self._drawn[key]


def _repair_s(net: PlantNetwork, down: Downtime) -> float:
    """Return the mean repair time of what is down, in plant seconds."""
    stations = net.plant.line(down.line).stations
    hit = [s for s in stations if down.station in (None, s.id)] or list(stations)
    return max(s.mttr_min for s in hit) * 60


@dataclass(frozen=True, slots=True)
class _Kept:
    key: tuple[object, ...]
    spread: Spread


_kept: list[_Kept] = []
KEPT = 4


async def spread_now(conn: ReadConn, net: PlantNetwork) -> tuple[Spread, Record]:
    """Return the draws for the plant as it is, and how promises turned out so far.

    Drawn anew when a line stops, starts, or has shown more.
    """
    shown = await history_repository.plant_shown(conn)
    key = (conn.info.dbname, conn.info.port, id(net), shown.seen, shown.down)
    for one in _kept:
        if one.key == key and one.spread._net is net:
            return one.spread, shown.record
    history = await history_repository.line_histories(conn)
    found = Spread(net, history, await news_repository.downtimes(conn))
    _kept.append(_Kept(key, found))
    del _kept[:-KEPT]
    return found, shown.record
