"""A station's pipeline as data: a small typed graph, validated before it runs.

``pipeline.json`` holds ``{"format": 1, "nodes": [{"name", "kind", "inputs", "settings"}]}``;
``inputs`` maps a port of the node to the name of the node that feeds it. Each kind of step has
typed input ports, one typed output, and settings with defaults (``STEP_KINDS``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

Setting = float | int | str | bool


class PipelineError(ValueError):
    """A pipeline cannot run; the message names the node and the rule it breaks."""


class Port(StrEnum):
    """What travels along an edge."""

    IMAGE = "image"
    VIEW = "view"
    SCORES = "scores"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class StepKind:
    """Ports and settings of one kind of step."""

    inputs: Mapping[str, Port]
    output: Port
    settings: Mapping[str, Setting] = field(default_factory=dict)


STEP_KINDS: Final[dict[str, StepKind]] = {
    "source": StepKind({}, Port.IMAGE),
    "fitness": StepKind(
        {"image": Port.IMAGE},
        Port.IMAGE,
        {"min_blur": 4.0, "min_exposure": 8.0, "max_exposure": 248.0, "min_contrast": 12.0},
    ),
    "align": StepKind(
        {"image": Port.IMAGE},
        Port.IMAGE,
        {"golden": "golden.png", "min_correlation": 0.6},
    ),
    "locate": StepKind(
        {"image": Port.IMAGE},
        Port.IMAGE,
        {"golden": "golden.png", "reach": 0.5, "min_correlation": 0.2},
    ),
    "crop": StepKind(
        {"image": Port.IMAGE},
        Port.VIEW,
        {"x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0, "width": 256, "height": 256},
    ),
    "tile": StepKind(
        {"image": Port.IMAGE},
        Port.VIEW,
        {"columns": 4, "rows": 4, "overlap": 0.0, "width": 256, "height": 256},
    ),
    "model": StepKind({"view": Port.VIEW}, Port.SCORES),
    "rule": StepKind({"scores": Port.SCORES}, Port.VERDICT, {"threshold": 0.5, "max_regions": 8}),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a pipeline."""

    name: str
    kind: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def setting(self, name: str) -> Setting:
        """Return a setting of the node, or the default of its kind."""
        return self.settings.get(name, STEP_KINDS[self.kind].settings[name])

    def number(self, name: str) -> float:
        """Return a numeric setting."""
        return float(self.setting(name))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A valid pipeline; ``order`` lists its nodes so that each follows what feeds it."""

    nodes: tuple[Node, ...]
    order: tuple[Node, ...]
    version: str

    @classmethod
    def of(cls, nodes: tuple[Node, ...]) -> Pipeline:
        """Validate the nodes and return them as a pipeline.

        Raises:
            PipelineError: naming the node that breaks a rule.
        """
        by_name = _by_name(nodes)
        for node in nodes:
            _check_node(node, by_name)
        order = _ordered(nodes, by_name)
        ends = [n.name for n in nodes if STEP_KINDS[n.kind].output is Port.VERDICT]
        if len(ends) != 1:
            raise PipelineError(f"a pipeline has exactly one rule; this one has {ends or 'none'}")
        canonical = json.dumps(_plain(nodes), sort_keys=True, separators=(",", ":"))
        version = hashlib.sha256(canonical.encode()).hexdigest()[:12]
        return cls(nodes=nodes, order=order, version=version)

    @classmethod
    def parse(cls, text: str) -> Pipeline:
        """Read a pipeline from its JSON text.

        Raises:
            PipelineError: when it is no JSON, of another shape, or breaks a rule.
        """
        try:
            raw = json.loads(text)
        except ValueError as cause:
            raise PipelineError(f"the pipeline is not JSON: {cause}") from cause
        if not isinstance(raw, dict) or raw.get("format") != 1 or "nodes" not in raw:
            raise PipelineError('a pipeline is {"format": 1, "nodes": [...]}')
        return cls.of(tuple(_node(entry) for entry in raw["nodes"]))

    @classmethod
    def read(cls, path: Path) -> Pipeline:
        """Read ``pipeline.json``; errors name the file."""
        try:
            return cls.parse(path.read_text("utf-8"))
        except OSError as cause:
            raise PipelineError(f"{path} cannot be read: {cause.strerror}") from cause
        except PipelineError as cause:
            raise PipelineError(f"{path}: {cause}") from cause

    def text(self) -> str:
        """Return the pipeline as JSON text."""
        return json.dumps({"format": 1, "nodes": _plain(self.nodes)}, indent=2) + "\n"


def standard(
    *,
    width: int,
    height: int,
    locate: Mapping[str, Setting] | None = None,
    tiles: int = 1,
    **fitness: float,
) -> Pipeline:
    """Return source → fitness → (locate) → crop or tile → model → rule for a model of the given input size.

    Args:
        tiles: tiles along each side; 1 shows the model the whole picture.
    """
    found = () if locate is None else (Node("part", "locate", {"image": "fitness"}, locate),)
    seen = found[-1].name if found else "fitness"
    size: dict[str, Setting] = {"width": width, "height": height}
    view = Node("crop", "crop", {"image": seen}, size)
    if tiles > 1:
        view = Node("tiles", "tile", {"image": seen}, {"columns": tiles, "rows": tiles, **size})
    return Pipeline.of(
        (
            Node("camera", "source"),
            Node("fitness", "fitness", {"image": "camera"}, dict(fitness)),
            *found,
            view,
            Node("model", "model", {"view": view.name}),
            Node("rule", "rule", {"scores": "model"}),
        )
    )


def _node(entry: Any) -> Node:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise PipelineError(f"a node has no name: {entry!r}")
    name, kind = entry["name"], entry.get("kind")
    unknown = entry.keys() - {"name", "kind", "inputs", "settings"}
    if unknown:
        raise PipelineError(f"node {name!r} has unknown fields {sorted(unknown)}")
    inputs, settings = entry.get("inputs", {}), entry.get("settings", {})
    if not isinstance(kind, str) or not isinstance(inputs, dict) or not isinstance(settings, dict):
        raise PipelineError(f"node {name!r} needs a kind, and inputs and settings that are objects")
    return Node(name, kind, inputs, settings)


def _by_name(nodes: tuple[Node, ...]) -> dict[str, Node]:
    by_name: dict[str, Node] = {}
    for node in nodes:
        if node.name in by_name:
            raise PipelineError(f"two nodes are named {node.name!r}")
        by_name[node.name] = node
    return by_name


def _check_node(node: Node, by_name: Mapping[str, Node]) -> None:
    kind = STEP_KINDS.get(node.kind)
    if kind is None:
        raise PipelineError(
            f"node {node.name!r} has unknown kind {node.kind!r}; known: {', '.join(STEP_KINDS)}"
        )
    for port in node.inputs.keys() - kind.inputs.keys():
        raise PipelineError(f"node {node.name!r} ({node.kind}) has no input {port!r}")
    for port, wanted in kind.inputs.items():
        source = by_name.get(node.inputs.get(port, ""))
        if source is None:
            raise PipelineError(f"input {port!r} of node {node.name!r} is not connected")
        given = STEP_KINDS[source.kind].output if source.kind in STEP_KINDS else None
        if given is not wanted:
            raise PipelineError(
                f"input {port!r} of node {node.name!r} takes {wanted}; {source.name!r} gives {given}"
            )
    for name, value in node.settings.items():
        if name not in kind.settings:
            raise PipelineError(f"node {node.name!r} ({node.kind}) has no setting {name!r}")
        if isinstance(value, str) is not isinstance(kind.settings[name], str):
            raise PipelineError(f"setting {name!r} of node {node.name!r} cannot be {value!r}")


def _ordered(nodes: tuple[Node, ...], by_name: Mapping[str, Node]) -> tuple[Node, ...]:
    sorter = TopologicalSorter({node.name: node.inputs.values() for node in nodes})
    try:
        return tuple(by_name[name] for name in sorter.static_order())
    except CycleError as cause:
        circle = " → ".join(cause.args[1])
        raise PipelineError(f"node {cause.args[1][0]!r} is in a cycle: {circle}") from cause


def _plain(nodes: tuple[Node, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": node.name,
            "kind": node.kind,
            "inputs": dict(node.inputs),
            "settings": dict(node.settings),
        }
        for node in nodes
    ]
