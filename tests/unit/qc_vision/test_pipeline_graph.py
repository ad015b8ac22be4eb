"""A pipeline is data: what is wrong with it is said before it runs."""

from __future__ import annotations

import json

import pytest

from qc_vision.runtime import Node, Pipeline, PipelineError
from qc_vision.runtime.pipeline import standard


def nodes(**changed: Node | None) -> tuple[Node, ...]:
    chain: dict[str, Node | None] = {
        "camera": Node("camera", "source"),
        "fitness": Node("fitness", "fitness", {"image": "camera"}),
        "crop": Node("crop", "crop", {"image": "fitness"}),
        "model": Node("model", "model", {"view": "crop"}),
        "rule": Node("rule", "rule", {"scores": "model"}),
    }
    chain.update(changed)
    return tuple(node for node in chain.values() if node is not None)


def test_a_pipeline_survives_being_written_and_read() -> None:
    pipeline = standard(width=256, height=256, min_blur=9.0)
    again = Pipeline.parse(pipeline.text())
    assert again == pipeline
    assert [node.kind for node in again.order] == ["source", "fitness", "crop", "model", "rule"]


def test_the_version_changes_with_any_setting() -> None:
    plain = standard(width=256, height=256)
    assert plain.version != standard(width=256, height=256, min_blur=5.0).version
    assert plain.version == standard(width=256, height=256).version


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (
            (
                *nodes(fitness=Node("fitness", "fitness", {"image": "align"})),
                Node("align", "align", {"image": "fitness"}),
            ),
            r"node '(align|fitness)' is in a cycle",
        ),
        (nodes(fitness=None), "input 'image' of node 'crop' is not connected"),
        (nodes(model=Node("model", "model", {"view": "camera"})), "takes view; 'camera' gives"),
        (nodes(model=Node("model", "wizard")), "node 'model' has unknown kind 'wizard'"),
        (nodes(model=Node("model", "model", {"view": "crop", "x": "camera"})), "no input 'x'"),
        (nodes(rule=Node("rule", "rule", {"scores": "model"}, {"limit": 1})), "no setting 'limit'"),
        (
            nodes(rule=Node("rule", "rule", {"scores": "model"}, {"threshold": "high"})),
            "setting 'threshold' of node 'rule' cannot be 'high'",
        ),
        (nodes(rule=None), "exactly one rule"),
        ((*nodes(), Node("camera", "source")), "two nodes are named 'camera'"),
    ],
)
def test_a_broken_pipeline_is_refused_by_the_name_of_its_node(
    broken: tuple[Node, ...], why: str
) -> None:
    with pytest.raises(PipelineError, match=why):
        Pipeline.of(broken)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 2, "nodes": []}',
        '{"format": 1, "nodes": [{"kind": "source"}]}',
        '{"format": 1, "nodes": [{"name": "a", "kind": "source", "colour": 1}]}',
        '{"format": 1, "nodes": [{"name": "a", "kind": 3}]}',
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(text: str) -> None:
    with pytest.raises(PipelineError):
        Pipeline.parse(text)


def test_the_text_is_plain_json() -> None:
    written = json.loads(standard(width=64, height=64).text())
    assert [node["name"] for node in written["nodes"]] == [
        "camera",
        "fitness",
        "crop",
        "model",
        "rule",
    ]
