"""The rules a plant model must keep as a whole, each named, each told in words with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mes.contracts.plant import PlantModel


@dataclass(frozen=True)
class BrokenRule:
    """One broken rule: where (`lines.3.shop`), which, and what would be right."""

    path: str
    rule: str
    message: str


def broken_rules(plant: PlantModel) -> list[BrokenRule]:
    """Return every rule the model breaks; an empty list means that it is consistent."""
    return [
        *_unique_ids(plant),
        *_known_references(plant),
        *_known_tags(plant),
        *_flow_is_acyclic(plant),
        *_stores_fit(plant),
        *_lanes_fill_the_painted_store(plant),
        *_ports_differ(plant),
        *_purges_are_of_groups(plant),
    ]


def _unique_ids(plant: PlantModel) -> Iterator[BrokenRule]:
    groups = {
        "shops": [shop.id for shop in plant.shops],
        "calendars": [calendar.id for calendar in plant.calendars],
        "lines": [line.id for line in plant.lines],
        "stores": [store.id for store in plant.stores],
        "panels": [panel.code for panel in plant.panels],
        "ratio_rules": [rule.id for rule in plant.ratio_rules],
        "spacing_rules": [rule.id for rule in plant.spacing_rules],
    }
    for group, ids in groups.items():
        for code, count in Counter(ids).items():
            if count > 1:
                last = len(ids) - 1 - ids[::-1].index(code)
                yield BrokenRule(
                    f"{group}.{last}", "unique_id", f"{code!r} stands {count} times in {group}"
                )
    stations = [
        (f"lines.{i}.stations.{j}", station.id)
        for i, line in enumerate(plant.lines)
        for j, station in enumerate(line.stations)
    ]
    seen: set[str] = set()
    for path, code in stations:
        if code in seen:
            yield BrokenRule(path, "unique_id", f"station {code!r} stands twice in the plant")
        seen.add(code)


def _known_references(plant: PlantModel) -> Iterator[BrokenRule]:
    shops = {shop.id for shop in plant.shops}
    calendars = {calendar.id for calendar in plant.calendars}
    stores = {store.id for store in plant.stores}
    lines = {line.id for line in plant.lines}
    families = {panel.family for panel in plant.panels}

    def unknown(path: str, kind: str, code: str, known: set[str]) -> BrokenRule:
        return BrokenRule(
            path, f"known_{kind}", f"unknown {kind} {code!r}; known: {', '.join(sorted(known))}"
        )

    for i, line in enumerate(plant.lines):
        if line.shop not in shops:
            yield unknown(f"lines.{i}.shop", "shop", line.shop, shops)
        if line.calendar not in calendars:
            yield unknown(f"lines.{i}.calendar", "calendar", line.calendar, calendars)
        for field, store in (("takes_from", line.takes_from), ("gives_to", line.gives_to)):
            if store is not None and store not in stores:
                yield unknown(f"lines.{i}.{field}", "store", store, stores)
        for j, station in enumerate(line.stations):
            for family in station.consumes:
                if family not in families:
                    path = f"lines.{i}.stations.{j}.consumes"
                    yield unknown(path, "panel family", family, families)
    for i, panel in enumerate(plant.panels):
        for press in panel.presses:
            if press not in lines:
                yield unknown(f"panels.{i}.presses", "line", press, lines)
    for i, rule in enumerate(plant.ratio_rules):
        if rule.line not in lines:
            yield unknown(f"ratio_rules.{i}.line", "line", rule.line, lines)
    for i, spacing in enumerate(plant.spacing_rules):
        if spacing.line not in lines:
            yield unknown(f"spacing_rules.{i}.line", "line", spacing.line, lines)


def _known_tags(plant: PlantModel) -> Iterator[BrokenRule]:
    for i, line in enumerate(plant.lines):
        for j, station in enumerate(line.stations):
            tags = {tag.name for tag in station.tags}
            for k, source in enumerate(station.defects):
                for cause in source.causes:
                    if cause.tag not in tags:
                        yield BrokenRule(
                            f"lines.{i}.stations.{j}.defects.{k}",
                            "known_tag",
                            f"station {station.id} has no tag {cause.tag!r} to cause {source.kind}",
                        )


def _flow_is_acyclic(plant: PlantModel) -> Iterator[BrokenRule]:
    following: dict[str, list[tuple[int, str]]] = {}
    for i, line in enumerate(plant.lines):
        if line.takes_from is not None:
            following.setdefault(line.takes_from, []).append((i, line.gives_to))
    done: set[str] = set()
    for start in following:
        trail: list[str] = []
        place = start
        while place not in done and place in following:
            if place in trail:
                loop = " → ".join([*trail[trail.index(place) :], place])
                index = following[place][0][0]
                yield BrokenRule(
                    f"lines.{index}", "acyclic_flow", f"material runs in a cycle: {loop}"
                )
                break
            trail.append(place)
            place = following[place][0][1]
        done.update(trail)


def _stores_fit(plant: PlantModel) -> Iterator[BrokenRule]:
    for i, store in enumerate(plant.stores):
        if store.initial > store.capacity:
            yield BrokenRule(
                f"stores.{i}.initial",
                "store_capacity",
                f"store {store.id} starts with {store.initial} but holds {store.capacity}",
            )


def _lanes_fill_the_painted_store(plant: PlantModel) -> Iterator[BrokenRule]:
    """Lanes are the places of the store that paint gives to and another line takes from."""
    painting = {shop.id for shop in plant.shops if shop.kind.value == "painting"}
    painted = {line.gives_to for line in plant.lines if line.shop in painting}
    painted &= {line.takes_from for line in plant.lines if line.takes_from is not None}
    for i, store in enumerate(plant.stores):
        lanes = store.lanes
        if lanes is None:
            continue
        path = f"stores.{i}.lanes"
        if store.id not in painted:
            message = f"store {store.id} has lanes; planning knows lanes of the painted body store"
            yield BrokenRule(path, "painted_store", message)
        if lanes.count * lanes.length != store.capacity:
            message = (
                f"{lanes.count} lanes of {lanes.length} hold {lanes.count * lanes.length} bodies; "
                f"store {store.id} says {store.capacity}"
            )
            yield BrokenRule(path, "lane_capacity", message)


def _ports_differ(plant: PlantModel) -> Iterator[BrokenRule]:
    seen: dict[int, str] = {}
    for i, line in enumerate(plant.lines):
        for field, port in (("port", line.port), ("camera_port", line.camera_port)):
            if port is None:
                continue
            if port in seen:
                yield BrokenRule(
                    f"lines.{i}.{field}",
                    "unique_port",
                    f"port {port} is taken by line {seen[port]}",
                )
            seen[port] = line.id


def _purges_are_of_groups(plant: PlantModel) -> Iterator[BrokenRule]:
    """A purge names two groups of colours, each pair once; a colour stands in one group."""
    paint = plant.paint
    group_of: dict[str, str] = {}
    for group, colors in paint.color_groups.items():
        for color in colors:
            if color in group_of:
                yield BrokenRule(
                    f"paint.color_groups.{group}",
                    "one_color_group",
                    f"colour {color} stands in {group_of[color]} already",
                )
            group_of[color] = group
    seen: set[tuple[str, str]] = set()
    for i, purge in enumerate(paint.purges):
        path = f"paint.purges.{i}"
        for field, group in (("color", purge.color), ("after", purge.after)):
            if group not in paint.color_groups:
                known = ", ".join(sorted(paint.color_groups)) or "none"
                message = f"unknown colour group {group!r}; known: {known}"
                yield BrokenRule(f"{path}.{field}", "known_color_group", message)
        if (purge.color, purge.after) in seen:
            message = f"{purge.color} after {purge.after} has a purge already"
            yield BrokenRule(path, "unique_purge", message)
        seen.add((purge.color, purge.after))
        if purge.solvent_ml is not None and paint.solvent_ml is None:
            yield BrokenRule(
                f"{path}.solvent_ml",
                "usual_solvent",
                "says its solvent; paint.solvent_ml has to say that of every other colour change",
            )
