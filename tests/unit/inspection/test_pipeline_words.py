"""Nodes, ports and settings of a pipeline have names on the screen; rules and changes have Chinese sentences."""

from __future__ import annotations

import pytest

from mes.inspection.pipelines import bridge
from mes.inspection.pipelines.words import GROUPS, KINDS, PORTS, SAMPLES, SETTINGS
from mes.platform.errors import FieldError
from mes.web.pipeline_sentences import PIPELINE_RULES_ZH
from mes.web.problem_words import message
from tests.support.pipelines import sample_document


def test_everything_on_the_palette_has_a_name() -> None:
    for kind in bridge.palette():
        assert kind["kind"] in KINDS
        assert kind["group"] in GROUPS
        assert kind["output"] is None or kind["output"] in PORTS
        assert {inlet["name"] for inlet in kind["inputs"]} <= set(PORTS)
        assert {port for inlet in kind["inputs"] for port in inlet["takes"]} <= set(PORTS)
        assert {setting["name"] for setting in kind["settings"]} <= set(SETTINGS)
    assert bridge.sample_names() == SAMPLES


def broken() -> list[FieldError]:
    """Return a remark for what can be wrong, and a change for what can differ."""
    found: dict[str, FieldError] = {}
    whole = sample_document("gap")
    for name, change in {
        "fitness": {"kind": "crop", "inputs": {"image": "gap"}},
        "gap": {"settings": {"zone": "x", "hi": 3}},
        "rule": {"settings": {"nok_from": 5}, "inputs": {"parts": ["gap"], "x": "gap"}},
        "line": {"inputs": {"verdict": ["rule", "nobody"]}},
        "camera": {"kind": "camera"},
    }.items():
        document = sample_document("gap")
        next(node for node in document["nodes"] if node["name"] == name).update(change)
        read = bridge.read(document)
        wrong = bridge.faults(read) + bridge.changes(bridge.read(whole), read)
        found.update({one.rule: one for one in wrong})
    return list(found.values())


@pytest.mark.parametrize("said", broken(), ids=lambda one: one.rule)
def test_what_is_wrong_and_what_differs_is_said_in_chinese(said: FieldError) -> None:
    assert said.rule in PIPELINE_RULES_ZH
    assert message(said, "zh") != said.message
    assert said.field in message(said, "zh")
