"""How far every body is, in the words of a plan: its stage, what runs, and the work that is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from mes.contracts.plant import Line
from mes.planning.facts import CarFact, Place
from mes.planning.network import PlantNetwork


class Reached(IntEnum):
    """The stages of a body's way, in order."""

    NOT_STARTED = 0
    IN_BODY = 1
    WELDED = 2
    IN_PAINT = 3
    PAINTED = 4
    IN_ASSEMBLY = 5
    DONE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The stage of a car; seconds count from the snapshot, so that work begun has a negative start."""

    reached: Reached
    start_s: int = 0
    """Start of the paced line, or of the weld operation that runs."""
    left_s: int | None = None
    """Working seconds left of what runs; None: nothing runs."""
    steps_done: int = 0
    """Weld steps behind it, over all weld lines."""
    station: str | None = None
    """The weld station that works on it."""


def progress_of(network: PlantNetwork, car: CarFact, *, at: datetime) -> Progress:
    """Return how far a car is at the moment `at`."""
    place = car.place
    if place is None:
        return Progress(reached=Reached.NOT_STARTED)
    stage = network.stage_of_line(place.line)
    if stage == 0:
        return _in_body(network, place, car, at)
    if stage == 1:
        if place.store is not None:
            return Progress(reached=Reached.PAINTED)
        left = _left_s(network, network.paint_line, place, at)
        start = min(0, _seconds(place.entered_at, at))
        return Progress(reached=Reached.IN_PAINT, start_s=start, left_s=left)
    return _in_assembly(network, place, at)


def _in_body(network: PlantNetwork, place: Place, car: CarFact, at: datetime) -> Progress:
    steps = network.weld_steps
    lines = [line.id for line in network.weld_lines]
    before = sum(len(line.steps) for line in network.weld_lines[: lines.index(place.line)])
    here = len(network.weld_lines[lines.index(place.line)].steps)
    if place.store is not None or place.bay is not None:
        done = before + here
        return (
            Progress(reached=Reached.WELDED)
            if done >= len(steps)
            else Progress(reached=Reached.IN_BODY, steps_done=done)
        )
    index = next((i for i, step in enumerate(steps) if place.station in {s.id for s in step}), None)
    if index is None:
        return Progress(reached=Reached.IN_BODY, steps_done=before)
    if place.worked:
        if index + 1 >= len(steps):
            return Progress(reached=Reached.WELDED)
        return Progress(reached=Reached.IN_BODY, steps_done=index + 1)
    station = next(s for s in steps[index] if s.id == place.station)
    since = _seconds(place.since, at)
    left = max(0, network.step_s(station, (car.model, *car.options)) + min(0, since))
    return Progress(
        reached=Reached.IN_BODY,
        start_s=min(0, since),
        left_s=left,
        steps_done=index,
        station=station.id,
    )


def _in_assembly(network: PlantNetwork, place: Place, at: datetime) -> Progress:
    chain = (network.drum_line, *network.finish_lines)
    index = [line.id for line in chain].index(place.line)
    if place.store is not None:
        if index + 1 == len(chain):
            return Progress(reached=Reached.DONE)
        left = sum(network.takes_s(line) for line in chain[index + 1 :])
    else:
        left = _left_s(network, chain[index], place, at)
        left += sum(network.takes_s(line) for line in chain[index + 1 :])
    start = _seconds(place.entered_at, at) if index == 0 else left - network.drum_lead_s
    return Progress(reached=Reached.IN_ASSEMBLY, start_s=min(0, start), left_s=left)


def _left_s(network: PlantNetwork, line: Line, place: Place, at: datetime) -> int:
    """Return the working seconds until a body leaves its paced line, from the step that it stands at."""
    if place.bay is not None:
        return 1
    takes = network.takes_s(line)
    step_s = takes / len(line.steps)
    behind = (i for i, step in enumerate(line.steps) if place.station in {s.id for s in step})
    steps_done = next(behind, 0) + place.worked
    done = steps_done * step_s + min(step_s, max(0, -_seconds(place.since, at)))
    return max(1, round(takes - done))


def one_body_a_station(progress: dict[str, Progress], steps: int) -> dict[str, Progress]:
    """Let the body that came last keep a weld station that two bodies are reported at.

    Records of a line may be on their way: the earlier body has left the station, only the news of
    it has not come yet.
    """
    holder: dict[str, str] = {}
    for car_id, one in progress.items():
        if one.station is None:
            continue
        other = holder.get(one.station)
        if other is None or progress[other].start_s <= one.start_s:
            holder[one.station] = car_id
    found = {}
    for car_id, one in progress.items():
        if one.station is None or holder[one.station] == car_id:
            found[car_id] = one
        elif one.steps_done + 1 >= steps:
            found[car_id] = Progress(reached=Reached.WELDED)
        else:
            found[car_id] = Progress(reached=Reached.IN_BODY, steps_done=one.steps_done + 1)
    return found


def one_start_a_second(progress: dict[str, Progress], stage: Reached) -> dict[str, Progress]:
    """Give the bodies on a paced line starts that all differ, in the order in which they entered."""
    on_line = sorted(
        (car_id for car_id, one in progress.items() if one.reached is stage),
        key=lambda car_id: (-progress[car_id].start_s, car_id),
    )
    found, latest = dict(progress), 1
    for car_id in on_line:
        latest = min(progress[car_id].start_s, latest - 1)
        found[car_id] = replace(progress[car_id], start_s=latest)
    return found


def _seconds(moment: datetime, at: datetime) -> int:
    return int((moment - at).total_seconds())
