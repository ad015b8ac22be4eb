"""What is wrong with a pipeline, said before it runs: each remark names its node and its rule."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from qc_vision.gauges.station import GAUGES
from qc_vision.pipelines.document import Document, Node
from qc_vision.pipelines.kinds import KINDS, NodeKind, Setting
from qc_vision.runtime.pipeline import PipelineError

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is wrong.

    Args:
        node: where; empty for the pipeline as a whole.
        rule: which rule is broken.
        message: in English.
        facts: what a translation of the message needs, by name.
        setting: which setting of the node, when it is one.
    """

    node: str
    rule: str
    message: str
    facts: Mapping[str, str] = field(default_factory=dict)
    setting: str = ""


def remarks(document: Document) -> tuple[Remark, ...]:
    """Return everything that keeps a document from running; nothing when it can."""
    found = [remark for node in document.nodes for remark in _of_node(node, document)]
    circle = _circle(document)
    if circle:
        way = " → ".join(circle)
        found.append(_said(circle[0], "cycle", "node {node!r} is in a cycle: {way}", way=way))
    found += _of_whole(document)
    if not found:
        found += _of_paths(document)
    return tuple(found)


def checked(document: Document) -> tuple[Node, ...]:
    """Return the nodes so that each follows what feeds it.

    Raises:
        PipelineError: the document cannot run; the message names the first node that is wrong.
    """
    wrong = remarks(document)
    if wrong:
        raise PipelineError("; ".join(remark.message for remark in wrong[:3]))
    sorter = TopologicalSorter({node.name: node.sources for node in document.nodes})
    return tuple(document.by_name[name] for name in sorter.static_order())


def runnable(document: Document) -> tuple[Node, ...]:
    """Return the nodes that have nothing wrong with them nor with what feeds them, in the order to run."""
    wrong = {remark.node for node in document.nodes for remark in _of_node(node, document)}
    wrong.update(_circle(document))
    good: dict[str, Node] = {}
    waiting = [node for node in document.nodes if node.name not in wrong]
    while ready := [node for node in waiting if all(name in good for name in node.sources)]:
        good.update({node.name: node for node in ready})
        waiting = [node for node in waiting if node.name not in good]
    return tuple(good.values())


def _said(node: str, rule: str, text: str, *, setting: str = "", **facts: str) -> Remark:
    everything = {"node": node, "setting": setting, **facts}
    return Remark(node, rule, text.format(**everything), everything, setting)


def _of_node(node: Node, document: Document) -> Iterator[Remark]:
    kind = KINDS.get(node.kind)
    if kind is None:
        known = ", ".join(KINDS)
        text = "node {node!r} has unknown kind {kind!r}; known: {known}"
        yield _said(node.name, "unknown_kind", text, kind=node.kind, known=known)
        return
    yield from _of_inputs(node, kind, document)
    for name in node.settings.keys() - kind.settings.keys():
        text = "node {node!r} ({kind}) has no setting {setting!r}"
        yield _said(node.name, "unknown_setting", text, setting=name, kind=node.kind)
    complete = True
    for name, setting in kind.settings.items():
        value = node.settings.get(name)
        if value is None and setting.required:
            complete = False
            text = "setting {setting!r} of node {node!r} is missing"
            yield _said(node.name, "missing_setting", text, setting=name)
        elif value is not None and (wish := _objection(setting, value)) is not None:
            complete = False
            text = "setting {setting!r} of node {node!r} is {wish}, not {value}"
            shown = repr(value)[:60]
            yield _said(node.name, "wrong_setting", text, setting=name, wish=wish, value=shown)
    if complete and node.kind in GAUGES:
        yield from _of_limits(node)
    if complete and node.kind == "rule" and node.setting("nok_from") > max(len(node.sources), 1):
        text = "node {node!r} wants {wanted} parts that are NOK; only {count} are connected"
        facts = {"wanted": f"{node.setting('nok_from'):g}", "count": str(len(node.sources))}
        yield _said(node.name, "never_nok", text, setting="nok_from", **facts)


def _of_inputs(node: Node, kind: NodeKind, document: Document) -> Iterator[Remark]:
    for inlet in node.inputs.keys() - kind.inlets.keys():
        text = "node {node!r} ({kind}) has no input {inlet!r}"
        yield _said(node.name, "unknown_input", text, inlet=inlet, kind=node.kind)
    for inlet, wanted in kind.inlets.items():
        names = node.inputs.get(inlet, ())
        if not names and wanted.needed:
            text = "input {inlet!r} of node {node!r} is not connected"
            yield _said(node.name, "missing_input", text, inlet=inlet)
        if len(names) > 1 and not wanted.many:
            text = "input {inlet!r} of node {node!r} takes one connection, not {count}"
            yield _said(node.name, "too_many", text, inlet=inlet, count=str(len(names)))
        for name in names:
            source = document.by_name.get(name)
            if source is None:
                text = "input {inlet!r} of node {node!r} is fed by {source!r}, which is not there"
                yield _said(node.name, "no_such_node", text, inlet=inlet, source=name)
                continue
            given = KINDS[source.kind].output if source.kind in KINDS else None
            if source.kind in KINDS and given not in wanted.takes:
                text = "input {inlet!r} of node {node!r} takes {takes}; {source!r} gives {gives}"
                takes = " or ".join(wanted.takes)
                gives = given.value if given is not None else "nothing"
                facts = {"inlet": inlet, "takes": takes, "source": name, "gives": gives}
                yield _said(node.name, "wrong_type", text, **facts)


def _of_limits(node: Node) -> Iterator[Remark]:
    """A gauge without any limit would pass everything."""
    settings = KINDS[node.kind].settings
    if "low" in settings and node.setting("low") is None and node.setting("high") is None:
        yield _said(node.name, "no_limit", "node {node!r} needs low, high, or both", setting="low")
    elif "low" in settings and None not in (node.setting("low"), node.setting("high")):
        low, high = node.setting("low"), node.setting("high")
        if low > high:
            text = "low {low} of node {node!r} lies above high {high}"
            facts = {"low": f"{low:g}", "high": f"{high:g}"}
            yield _said(node.name, "limits_crossed", text, setting="low", **facts)


def _of_whole(document: Document) -> Iterator[Remark]:
    for kind, rule in (("source", "one_source"), ("sink", "one_sink")):
        at = [node.name for node in document.nodes if node.kind == kind]
        if len(at) != 1:
            text = "a pipeline has exactly one {kind}; this one has {found}"
            found = ", ".join(at) or "none"
            yield _said(at[1] if len(at) > 1 else "", rule, text, kind=kind, found=found)


def _of_paths(document: Document) -> Iterator[Remark]:
    """Say which nodes count for nothing, and which measure a picture that nobody has checked."""
    nodes = document.by_name
    end = next(node for node in document.nodes if node.kind == "sink")
    counts = _upstream(end, nodes) | {end.name}
    for node in document.nodes:
        if node.name not in counts:
            text = "node {node!r} leads nowhere: what it finds would not count"
            yield _said(node.name, "leads_nowhere", text)
        needs_light = node.kind == "change" or (
            node.kind in GAUGES and GAUGES[node.kind].needs_light
        )
        fit = {nodes[name].kind for name in _upstream(node, nodes)}
        if needs_light and "fitness" not in fit:
            text = "node {node!r} measures a picture whose fitness nobody checks; put a fitness node before it"
            yield _said(node.name, "unchecked_picture", text)


def _upstream(node: Node, nodes: Mapping[str, Node]) -> set[str]:
    found: set[str] = set()
    waiting = list(node.sources)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += nodes[name].sources
    return found


def _circle(document: Document) -> list[str]:
    names = {node.name for node in document.nodes}
    graph = {n.name: [name for name in n.sources if name in names] for n in document.nodes}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cause:
        return list(cause.args[1])
    return []


def _objection(setting: Setting, value: Any) -> str | None:
    """Return what a setting should be, when it is not."""
    match setting.type:
        case "number" | "integer":
            good = _is_number(value) and (setting.type == "number" or float(value).is_integer())
            low, high = setting.low, setting.high
            within = good and (low is None or value >= low) and (high is None or value <= high)
            what = "a number" if setting.type == "number" else "a whole number"
            if low is not None and high is not None:
                what += f" from {low:g} to {high:g}"
            elif low is not None:
                what += f" of at least {low:g}"
            return None if within else what
        case "switch":
            return None if isinstance(value, bool) else "true or false"
        case "choice":
            return None if value in setting.choices else " or ".join(setting.choices)
        case "text" | "picture" | "package":
            good = isinstance(value, str) and 0 < len(value) <= 300
            return None if good else f"a {setting.type}"
        case "texts":
            good = isinstance(value, list) and all(isinstance(one, str) for one in value)
            return None if good else "a list of texts"
        case "zone":
            whole = isinstance(value, list) and len(value) == 4 and all(map(_is_whole, value))
            good = whole and min(value[:2]) >= 0 and min(value[2:]) >= 4
            return (
                None if good else "x, y, width, height in whole pixels (at least 4 wide and high)"
            )
        case "point":
            good = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
            return None if good else "x, y in pixels"
        case "color":
            triple = isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))
            good = triple or (isinstance(value, str) and bool(_HEX.fullmatch(value)))
            return None if good else "L*, a*, b* or #rrggbb"
        case "corners":
            return None if _are_corners(value) else "three corners or more, each x, y from 0 to 1"


def _are_corners(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 3 <= len(value) <= 50
        and all(
            isinstance(at, list)
            and len(at) == 2
            and all(_is_number(part) and 0 <= part <= 1 for part in at)
            for at in value
        )
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()
