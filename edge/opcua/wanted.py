"""What the agent wants to hear from a line, grouped into subscriptions by rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mes.contracts.controls import RecipeNodes
from mes.contracts.plc import SERVER_TIME_NODE, LineInterface

FAST_MS = 50
"""Camera requests and the ledger's counter: a verdict's deadline may be a third of a real second."""
CANARY_MS = 1000
RECIPE_MS = 1000
TAG_QUEUE = 500
"""Values the server keeps for one tag between two publications."""


class Sink(Enum):
    """Where a value goes."""

    TELEMETRY = "telemetry"
    LEDGER = "ledger"
    CAMERA = "camera"
    STATION_STATE = "station_state"
    RECIPE = "recipe"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One monitored item: its node, its rate, and whose value it is."""

    node: str
    interval_ms: int
    sink: Sink
    key: str
    """Camera or station id; the tag's name for telemetry; station and variant of a recipe, with `|` between."""
    tag_id: int = 0
    """Telemetry only."""
    queue: int = 10
    deadband: float = 0.0
    """A change of a number no larger than this since the last value told is not wanted."""


def wanted_items(
    interface: LineInterface, *, publish_interval_ms: int, recipes: Iterable[RecipeNodes] = ()
) -> list[Wanted]:
    """List what to subscribe to on a line.

    Station states are subscribed to only where the line has no ledger to read them from.
    """
    items = [
        Wanted(
            tag.node,
            publish_interval_ms,
            Sink.TELEMETRY,
            f"{tag.station}.{tag.name}",
            tag.tag_id,
            TAG_QUEUE,
            tag.deadband,
        )
        for tag in interface.tags
    ]
    items += [
        Wanted(camera.request, FAST_MS, Sink.CAMERA, camera.id) for camera in interface.cameras
    ]
    if interface.ledger is not None:
        items.append(
            Wanted(
                interface.ledger.last_seq, publish_interval_ms, Sink.LEDGER, interface.line, queue=1
            )
        )
    else:
        items += [
            Wanted(station.state, publish_interval_ms, Sink.STATION_STATE, station.id)
            for station in interface.stations
        ]
    items += [
        Wanted(one.version, RECIPE_MS, Sink.RECIPE, f"{one.station}|{one.variant}", queue=1)
        for one in recipes
    ]
    items.append(Wanted(SERVER_TIME_NODE, CANARY_MS, Sink.CANARY, "server", queue=1))
    return items


def by_rate(items: Iterable[Wanted]) -> dict[int, list[Wanted]]:
    """Group wanted items by publishing interval (ms), and within it by kind, so that runs stay alike."""
    groups: dict[int, list[Wanted]] = defaultdict(list)
    for item in items:
        groups[item.interval_ms].append(item)
    return {rate: sorted(group, key=lambda item: item.sink.value) for rate, group in groups.items()}
