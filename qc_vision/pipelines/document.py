"""A station's pipeline as data: read, checked, named by its content, compared with another.

``{"format": "c2m-pipeline/1", "name": "…", "nodes": [{"name", "kind", "inputs", "settings"}], "layout": {…}}``.
``inputs`` maps an inlet to the name of the node that feeds it, or to a list of names where the inlet takes many.
``layout`` (places on the editor's canvas) and ``name`` are no part of the content.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from qc_vision.pipelines.kinds import KINDS
from qc_vision.runtime.pipeline import PipelineError

FORMAT: Final = "c2m-pipeline/1"
MAX_NODES: Final = 60
MAX_BYTES: Final = 200_000
_NAME: Final = re.compile(r"[\w][\w .-]{0,39}")
_FIELDS: Final = {"name", "kind", "inputs", "settings"}


@dataclass(frozen=True, slots=True)
class Node:
    """One node; `inputs` holds, by inlet, the names of the nodes that feed it."""

    name: str
    kind: str
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """Every node that feeds this one."""
        return tuple(name for names in self.inputs.values() for name in names)

    def setting(self, name: str) -> Any:
        """Return a setting, or the default of its kind where it is not set."""
        value = self.settings.get(name)
        return KINDS[self.kind].settings[name].default if value is None else value


@dataclass(frozen=True, slots=True)
class Document:
    """A well-formed pipeline; whether it can run is what `qc_vision.pipelines.check` says."""

    name: str
    nodes: tuple[Node, ...]
    layout: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | bytes) -> Document:
        """Read a document from its JSON text.

        Raises:
            PipelineError: it is no JSON or of another shape; the message names the node.
        """
        if len(text) > MAX_BYTES:
            raise PipelineError(f"the pipeline has {len(text)} bytes; the limit is {MAX_BYTES}")
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as cause:
            raise PipelineError(f"the pipeline is not JSON: {cause}") from cause
        return cls.of(raw)

    @classmethod
    def of(cls, raw: Any) -> Document:
        """Return the document that parsed JSON holds; raises PipelineError as `parse` does."""
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise PipelineError(f'a pipeline is {{"format": "{FORMAT}", "nodes": [...]}}')
        unknown = raw.keys() - {"format", "name", "nodes", "layout"}
        if unknown:
            raise PipelineError(f"the pipeline has unknown fields {sorted(unknown)}")
        entries = raw.get("nodes")
        if not isinstance(entries, list) or len(entries) > MAX_NODES:
            raise PipelineError(f"nodes is a list of at most {MAX_NODES}")
        nodes = tuple(_node(entry) for entry in entries)
        names = [node.name for node in nodes]
        for name in names:
            if names.count(name) > 1:
                raise PipelineError(f"two nodes are named {name!r}")
        return cls(str(raw.get("name", ""))[:80], nodes, _layout(raw.get("layout", {}), names))

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a document's file; errors name the file."""
        try:
            return cls.parse(path.read_bytes())
        except OSError as cause:
            raise PipelineError(f"{path} cannot be read: {cause.strerror}") from cause
        except PipelineError as cause:
            raise PipelineError(f"{path}: {cause}") from cause

    @property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their names."""
        return {node.name: node for node in self.nodes}

    @property
    def sha256(self) -> str:
        """Name of the content: equal nodes, settings and connections have equal names, in whatever order."""
        content = sorted((_plain_node(node) for node in self.nodes), key=lambda node: node["name"])
        text = json.dumps([FORMAT, content], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def version(self) -> str:
        """The first twelve digits of the content's name."""
        return self.sha256[:12]

    def plain(self) -> dict[str, Any]:
        """Return the document as JSON values."""
        return {
            "format": FORMAT,
            "name": self.name,
            "nodes": [_plain_node(node) for node in self.nodes],
            "layout": {name: list(place) for name, place in self.layout.items()},
        }

    def text(self) -> str:
        """Return the document as JSON text."""
        return json.dumps(self.plain(), indent=2, ensure_ascii=False) + "\n"

    def named(self, type_: str) -> tuple[str, ...]:
        """Return what the settings of a type (`picture`, `package`) name, each once."""
        found = {
            str(node.settings[name]): None
            for node in self.nodes
            if node.kind in KINDS
            for name, setting in KINDS[node.kind].settings.items()
            if setting.type == type_ and name in node.settings
        }
        return tuple(found)

    def renamed(self, type_: str, names: Mapping[str, str]) -> Document:
        """Return the document with other names of its pictures or packages."""
        nodes = tuple(
            Node(
                node.name,
                node.kind,
                node.inputs,
                {
                    name: names.get(value, value)
                    if node.kind in KINDS
                    and name in KINDS[node.kind].settings
                    and KINDS[node.kind].settings[name].type == type_
                    else value
                    for name, value in node.settings.items()
                },
            )
            for node in self.nodes
        )
        return Document(self.name, nodes, self.layout)


def _node(entry: Any) -> Node:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise PipelineError(f"a node has no name: {str(entry)[:200]}")
    name, kind = entry["name"], entry.get("kind")
    if not _NAME.fullmatch(name):
        raise PipelineError(
            f"{name[:60]!r} is no name of a node: 1 to 40 letters, digits, spaces, dots, hyphens"
        )
    unknown = entry.keys() - _FIELDS
    if unknown:
        raise PipelineError(f"node {name!r} has unknown fields {sorted(unknown)}")
    inputs, settings = entry.get("inputs", {}), entry.get("settings", {})
    if not isinstance(kind, str) or not isinstance(inputs, dict) or not isinstance(settings, dict):
        raise PipelineError(f"node {name!r} needs a kind, and inputs and settings that are objects")
    return Node(name, kind, {k: _names(v, name, k) for k, v in inputs.items()}, settings)


def _names(value: Any, node: str, inlet: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise PipelineError(f"input {inlet!r} of node {node!r} names a node, or a list of nodes")
    return tuple(dict.fromkeys(names))


def _layout(raw: Any, names: list[str]) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for name, place in raw.items() if isinstance(raw, dict) else ():
        numbers = isinstance(place, list) and len(place) == 2 and all(map(_is_finite, place))
        if name in names and numbers:
            places[name] = (float(place[0]), float(place[1]))
    return places


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6


def _plain_node(node: Node) -> dict[str, Any]:
    many = KINDS[node.kind].inlets if node.kind in KINDS else {}
    inputs = {
        inlet: sorted(names)
        if len(names) != 1 or (inlet in many and many[inlet].many)
        else names[0]
        for inlet, names in sorted(node.inputs.items())
        if names
    }
    return {
        "name": node.name,
        "kind": node.kind,
        "inputs": inputs,
        "settings": {name: _plain(value) for name, value in sorted(node.settings.items())},
    }


def _plain(value: Any) -> Any:
    """Return a setting so that 3 and 3.0 are the same content."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
