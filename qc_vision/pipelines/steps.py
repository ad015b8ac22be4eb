"""What each kind of node does: made once for a document, then called for every picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from qc_vision.gauges.reading import Picture, SettingsError, Zone
from qc_vision.gauges.station import GAUGES, make, read
from qc_vision.pipelines.change import Change
from qc_vision.pipelines.deciding import decide
from qc_vision.pipelines.document import Node
from qc_vision.pipelines.values import (
    Corners,
    Decision,
    Frame,
    Measurement,
    Score,
    Value,
)
from qc_vision.runtime import steps as recipe
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.runtime.inspection import Fitness, Verdict
from qc_vision.runtime.inspector import Inspector, load
from qc_vision.runtime.manifest import PackageError
from qc_vision.runtime.pipeline import Node as RecipeNode
from qc_vision.runtime.pipeline import PipelineError

Given: TypeAlias = Mapping[str, Any]
"""The values of a node's inputs, by inlet; of inlets that take many, a mapping by node."""
Step: TypeAlias = Callable[[Given], Value]


class Resources(Protocol):
    """Where the pictures and packages that a document names are found."""

    def picture(self, name: str) -> bytes:
        """Return a picture's bytes; raises PipelineError."""
        ...

    def package(self, name: str) -> Path:
        """Return a package's folder; raises PipelineError."""
        ...


class CannotJudge(Exception):
    """The node cannot judge this picture; the message says why."""


@dataclass(slots=True)
class Workshop:
    """Makes the steps of a document; a package that two nodes name is loaded once."""

    resources: Resources
    inspectors: dict[str, Inspector]

    def step(self, node: Node) -> Step:
        """Return what a node does.

        Raises:
            PipelineError: a picture, a package or a setting cannot be used; the message names the node.
        """
        try:
            if node.kind in GAUGES:
                return self._gauge(node)
            return _MAKERS[node.kind](self, node)
        except (PipelineError, PackageError, SettingsError, NotAnImage, OSError) as cause:
            raise PipelineError(f"node {node.name!r}: {cause}") from cause

    def picture(self, name: str) -> Picture:
        """Return a picture that a setting names; raises PipelineError."""
        try:
            return decode(self.resources.picture(name))
        except NotAnImage as cause:
            raise PipelineError(f"{name} cannot be used: {cause}") from cause

    def _gauge(self, node: Node) -> Step:
        given = {name: value for name, value in node.settings.items() if value is not None}
        gauge = make(node.kind, {**given, "name": node.name}, self.picture)
        zone = getattr(gauge, "zone", None)
        box = (zone.x, zone.y, zone.w, zone.h) if isinstance(zone, Zone) else (0, 0, 1, 1)

        def measure(given: Given) -> Measurement:
            frame: Frame = given["image"]
            return Measurement(frame, read(gauge, frame.image), box)

        return measure


def _source(_: Workshop, node: Node) -> Step:
    def taken(given: Given) -> Frame:
        image: Picture = given["taken"]
        return Frame(image, (image.shape[0], image.shape[1]))

    return taken


def _fitness(_: Workshop, node: Node) -> Step:
    limits = _recipe_node(node, "fitness")

    def check(given: Given) -> Frame:
        frame: Frame = given["image"]
        try:
            recipe.check_fitness(frame.image, limits)
        except recipe.Unfit as refusal:
            raise CannotJudge(refusal.fitness.reason) from refusal
        return frame

    return check


def _align(workshop: Workshop, node: Node) -> Step:
    golden = workshop.picture(node.setting("golden"))
    limits = _recipe_node(node, "align", leave_out=("golden",))

    def align(given: Given) -> Frame:
        frame: Frame = given["image"]
        try:
            found = recipe.align(frame.image, golden, limits, Fitness(0.0, 0.0))
        except recipe.Unfit as refusal:
            raise CannotJudge(refusal.fitness.reason) from refusal
        return frame.warped(found.image, found.to_picture)

    return align


def _crop(_: Workshop, node: Node) -> Step:
    x, y, w, h = (float(node.setting(name)) for name in ("x", "y", "w", "h"))
    width = node.setting("width")

    def scaled(frame: Frame) -> Frame:
        return frame if width is None else frame.scaled(int(width))

    def crop(given: Given) -> Frame:
        frame: Frame = given["image"]
        zone: Corners | None = given.get("region")
        if zone is not None:
            return scaled(frame.cut(*zone.box(frame.image)))
        tall, across = frame.image.shape[:2]
        left, top = min(round(x * across), across - 1), min(round(y * tall), tall - 1)
        wide = min(max(round(w * across), 1), across - left)
        high = min(max(round(h * tall), 1), tall - top)
        return scaled(frame.cut(left, top, wide, high))

    return crop


def _zone(_: Workshop, node: Node) -> Step:
    corners = Corners(tuple((float(x), float(y)) for x, y in node.setting("corners")))
    return lambda given: corners


def _model(workshop: Workshop, node: Node) -> Step:
    name = str(node.setting("package"))
    if name not in workshop.inspectors:
        workshop.inspectors[name] = load(workshop.resources.package(name))
    inspector = workshop.inspectors[name]

    def judge(given: Given) -> Score:
        frame: Frame = given["image"]
        seen = inspector.inspect(frame.image)
        if seen.verdict is Verdict.UNFIT:
            raise CannotJudge(seen.fitness.reason or "the picture cannot be judged")
        return Score(frame, seen)

    return judge


def _change(workshop: Workshop, node: Node) -> Step:
    change = Change(
        workshop.picture(node.setting("golden")),
        high=float(node.setting("high")),
        min_levels=float(node.setting("min_levels")),
        min_area_px=float(node.setting("min_area_px")),
    )

    def measure(given: Given) -> Measurement:
        frame: Frame = given["image"]
        zone: Corners | None = given.get("region")
        reading, box = change.read(node.name, frame.image, zone)
        return Measurement(frame, reading, box)

    return measure


def _rule(_: Workshop, node: Node) -> Step:
    threshold, nok_from = float(node.setting("threshold")), int(node.setting("nok_from"))
    return lambda given: decide(given["parts"], threshold=threshold, nok_from=nok_from)


def _sink(_: Workshop, node: Node) -> Step:
    def end(given: Given) -> Decision:
        decision: Decision = given["verdict"]
        return replace(decision)

    return end


def _recipe_node(node: Node, kind: str, *, leave_out: tuple[str, ...] = ()) -> RecipeNode:
    """Return a node as the model packages' own recipes have it: their steps do the same work here."""
    given = {name: value for name, value in node.settings.items() if name not in leave_out}
    return RecipeNode(node.name, kind, {}, {n: v for n, v in given.items() if v is not None})


_MAKERS: Final[Mapping[str, Callable[[Workshop, Node], Step]]] = {
    "source": _source,
    "fitness": _fitness,
    "align": _align,
    "crop": _crop,
    "zone": _zone,
    "model": _model,
    "change": _change,
    "rule": _rule,
    "sink": _sink,
}
