"""What differs between two versions of a pipeline, change by change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qc_vision.pipelines.check import Remark
from qc_vision.pipelines.document import Document, Node
from qc_vision.pipelines.kinds import KINDS


def difference(old: Document, new: Document) -> tuple[Remark, ...]:
    """Return the changes from one version to another; none when their content is the same."""
    return tuple(_changes(old, new))


def _changes(old: Document, new: Document) -> Iterator[Remark]:
    before, after = old.by_name, new.by_name
    for name in before.keys() - after.keys():
        yield _said(name, "removed", "{node!r} ({kind}) is gone", kind=before[name].kind)
    for name, node in after.items():
        former = before.get(name)
        if former is None:
            yield _said(name, "added", "{node!r} ({kind}) is new", kind=node.kind)
            continue
        if former.kind != node.kind:
            text = "{node!r} was {old} and is {new}"
            yield _said(name, "other_kind", text, old=former.kind, new=node.kind)
            continue
        yield from _of_settings(former, node)
    for name in sorted(before.keys() | after.keys()):
        yield from _of_inputs(name, before.get(name), after.get(name))


def _of_settings(old: Node, new: Node) -> Iterator[Remark]:
    for setting in sorted(old.settings.keys() | new.settings.keys()):
        was, is_ = _shown(old, setting), _shown(new, setting)
        if was != is_:
            text = "{setting} of {node!r}: {old} → {new}"
            yield _said(new.name, "setting", text, setting=setting, old=was, new=is_)


def _of_inputs(name: str, old: Node | None, new: Node | None) -> Iterator[Remark]:
    had = (
        {(inlet, source) for inlet, names in old.inputs.items() for source in names}
        if old
        else set()
    )
    has = (
        {(inlet, source) for inlet, names in new.inputs.items() for source in names}
        if new
        else set()
    )
    if new is None:
        return
    for inlet, source in sorted(had - has):
        text = "{source!r} no longer feeds {inlet!r} of {node!r}"
        yield _said(name, "disconnected", text, inlet=inlet, source=source)
    if old is None:
        return
    for inlet, source in sorted(has - had):
        yield _said(
            name, "connected", "{source!r} feeds {inlet!r} of {node!r}", inlet=inlet, source=source
        )


def _shown(node: Node, setting: str) -> str:
    known = KINDS[node.kind].settings if node.kind in KINDS else {}
    default = known[setting].default if setting in known and not known[setting].required else None
    value = node.settings.get(setting, default)
    return "–" if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value)
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text


def _said(node: str, rule: str, text: str, **facts: str) -> Remark:
    everything = {"node": node, **facts}
    return Remark(node, rule, text.format(**everything), everything, facts.get("setting", ""))
