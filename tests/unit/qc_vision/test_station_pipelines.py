"""A station's pipeline: what is wrong is said at its node, models and gauges join, errors never pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_vision.cli import main
from qc_vision.gauges.drawn import Camera, slit
from qc_vision.gauges.reading import Reading
from qc_vision.pipelines import (
    KINDS,
    Document,
    Folder,
    Runner,
    bundle,
    difference,
    draw,
    opened,
    remarks,
    resolved,
    unpack,
)
from qc_vision.pipelines import samples as shipped
from qc_vision.pipelines.bundle import is_bundle
from qc_vision.pipelines.deciding import decide, score_of
from qc_vision.pipelines.document import Node
from qc_vision.pipelines.values import Frame, Measurement
from qc_vision.runtime import PackageError, PipelineError, Verdict, content_hash
from qc_vision.sample_pictures import with_person, yard

GAP = {"zone": [60, 20, 80, 80], "mm_per_px": 0.25, "low": 2.0, "high": 3.5}


def plain(**changed: Mapping[str, Any] | None) -> dict[str, Any]:
    """A gap gauge's pipeline; nodes are changed, added, or left out by None."""
    nodes: dict[str, Any] = {
        "camera": {"kind": "source"},
        "fitness": {"kind": "fitness", "inputs": {"image": "camera"}},
        "gap": {"kind": "gap", "inputs": {"image": "fitness"}, "settings": GAP},
        "rule": {"kind": "rule", "inputs": {"parts": ["gap"]}},
        "line": {"kind": "sink", "inputs": {"verdict": "rule"}},
    }
    nodes.update(changed)
    listed = [{"name": name, **node} for name, node in nodes.items() if node is not None]
    return {"format": "c2m-pipeline/1", "nodes": listed}


def document(**changed: Mapping[str, Any] | None) -> Document:
    return Document.of(plain(**changed))


def runner(wanted: Document, folder: Path = Path()) -> Runner:
    return Runner(wanted, Folder(folder))


def test_a_document_survives_being_written_and_read_and_its_name_is_its_content() -> None:
    one = document()
    assert Document.parse(one.text()) == one
    moved = replace(one, name="other", layout={"gap": (3.0, 4.0)}, nodes=one.nodes[::-1])
    assert moved.sha256 == one.sha256
    wider = document(
        gap={"kind": "gap", "inputs": {"image": "fitness"}, "settings": GAP | {"high": 3.6}}
    )
    assert wider.sha256 != one.sha256


@pytest.mark.parametrize(
    ("changed", "node", "rule"),
    [
        ({"fitness": {"kind": "fitness", "inputs": {"image": "gap"}}}, "fitness", "wrong_type"),
        (
            {
                "fitness": {"kind": "fitness", "inputs": {"image": "again"}},
                "again": {"kind": "crop", "inputs": {"image": "fitness"}},
            },
            "fitness",
            "cycle",
        ),
        ({"gap": {"kind": "gapp", "inputs": {"image": "fitness"}}}, "gap", "unknown_kind"),
        (
            {"gap": {"kind": "gap", "inputs": {"image": "fitness"}, "settings": {**GAP, "hi": 3}}},
            "gap",
            "unknown_setting",
        ),
        (
            {"gap": {"kind": "gap", "inputs": {"image": "fitness"}, "settings": {"zone": [0, 0, 9, 9]}}},
            "gap",
            "missing_setting",
        ),
        (
            {"gap": {"kind": "gap", "inputs": {"image": "fitness"}, "settings": GAP | {"zone": "all"}}},
            "gap",
            "wrong_setting",
        ),
        (
            {"gap": {"kind": "gap", "inputs": {"image": "fitness"}, "settings": GAP | {"low": 9}}},
            "gap",
            "limits_crossed",
        ),
        ({"gap": {"kind": "gap", "settings": GAP}}, "gap", "missing_input"),
        ({"gap": {"kind": "gap", "inputs": {"image": "nobody"}, "settings": GAP}}, "gap", "no_such_node"),
        (
            {"gap": {"kind": "gap", "inputs": {"image": ["fitness", "camera"]}, "settings": GAP}},
            "gap",
            "too_many",
        ),
        (
            {"gap": {"kind": "gap", "inputs": {"image": "fitness", "mask": "camera"}, "settings": GAP}},
            "gap",
            "unknown_input",
        ),
        (
            {"gap": {"kind": "gap", "inputs": {"image": "camera"}, "settings": GAP}, "fitness": None},
            "gap",
            "unchecked_picture",
        ),
        ({"other": {"kind": "gap", "inputs": {"image": "fitness"}, "settings": GAP}}, "other", "leads_nowhere"),
        ({"second": {"kind": "source"}}, "second", "one_source"),
        (
            {"rule": {"kind": "rule", "inputs": {"parts": ["gap"]}, "settings": {"nok_from": 2}}},
            "rule",
            "never_nok",
        ),
        ({"line": None}, "", "one_sink"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_the_name_of_its_node(
    changed: dict[str, Any], node: str, rule: str
) -> None:
    wrong = remarks(document(**changed))
    assert (node, rule) in [(one.node, one.rule) for one in wrong]
    assert all(one.node in one.message for one in wrong)
    with pytest.raises(PipelineError):
        runner(document(**changed))


def test_a_gauge_without_a_limit_would_pass_everything_and_is_refused() -> None:
    zone = {"zone": [60, 20, 80, 80], "mm_per_px": 0.25}
    gap = {"kind": "gap", "inputs": {"image": "fitness"}, "settings": zone}
    assert [one.rule for one in remarks(document(gap=gap))] == ["no_limit"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"format": "c2m-pipeline/2", "nodes": []}',
        '{"format": "c2m-pipeline/1", "nodes": [{"kind": "source"}]}',
        '{"format": "c2m-pipeline/1", "nodes": [{"name": "../x", "kind": "source"}]}',
        '{"format": "c2m-pipeline/1", "nodes": [{"name": "a", "kind": "source", "colour": 1}]}',
        '{"format": "c2m-pipeline/1", "nodes": [{"name": "a", "kind": "crop", "inputs": {"image": 3}}]}',
        '{"format": "c2m-pipeline/1", "nodes": [{"name": "a", "kind": "x"}, {"name": "a", "kind": "x"}]}',
        json.dumps({"format": "c2m-pipeline/1", "nodes": [], "extra": 1}),
    ],
)
def test_a_text_that_is_no_pipeline_is_refused(text: str) -> None:
    with pytest.raises(PipelineError):
        Document.parse(text)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
)


@settings(max_examples=30)
@given(ANYTHING)
def test_no_setting_whatever_it_holds_breaks_the_check(value: Any) -> None:
    for kind, given_kind in KINDS.items():
        chosen = dict.fromkeys(given_kind.settings, value)
        remarks(Document("", (Node("one", kind, {}, chosen),)))


def test_a_gauge_decides_the_verdict_and_says_why() -> None:
    judge = runner(document())
    good = judge.inspect(slit(11.0, Camera()))
    assert (good.verdict, good.fitness.reason) == (Verdict.OK, None)
    wide = judge.inspect(slit(17.0, Camera()))
    assert wide.verdict is Verdict.NOK
    assert wide.fitness.reason is not None and "gap: 4.2" in wide.fitness.reason
    assert [(one.label, one.x, one.w) for one in wide.regions] == [("gap", 60, 80)]
    assert wide.readings[0].reading.value == pytest.approx(4.25, abs=0.05)
    assert set(wide.ms) == {"decode", "camera", "fitness", "gap", "rule", "line"}


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((120, 200, 3), np.uint8), "fitness: too dark"),
        (np.full((120, 200, 3), 128, np.uint8), "fitness: no contrast"),
        (slit(11.0, Camera())[:, :100], "gap: the zone reaches to"),
        (b"", "camera: the camera sent no bytes"),
        (b"<html>", "camera: the camera sent text"),
    ],
)
def test_what_cannot_be_judged_is_unfit_with_the_name_of_its_node(picture: Any, said: str) -> None:
    seen = runner(document()).inspect(picture)
    assert seen.verdict is Verdict.UNFIT
    assert seen.fitness.reason is not None and said in seen.fitness.reason


def test_a_fault_in_a_node_is_unfit_and_names_it_and_the_rest_is_still_shown() -> None:
    judge = runner(document())

    def breaks(given: Mapping[str, Any]) -> Frame:
        raise ZeroDivisionError("a fault")

    judge._steps = [(n, breaks if n.name == "gap" else step) for n, step in judge._steps]
    run = judge.run(slit(11.0, Camera()))
    assert run.inspection.verdict is Verdict.UNFIT
    assert (run.inspection.failed, run.inspection.error) == ("gap", "ZeroDivisionError: a fault")
    assert run.by_node["fitness"].value is not None and run.by_node["line"].value is None


def test_regions_come_back_to_the_picture_taken_through_crop_and_scale() -> None:
    crop = {
        "kind": "crop",
        "inputs": {"image": "fitness"},
        "settings": {"x": 0.25, "w": 0.5, "width": 200},
    }
    gap = {
        "kind": "gap",
        "inputs": {"image": "crop"},
        "settings": {"zone": [20, 40, 160, 160], "mm_per_px": 0.125, "high": 3.5},
    }
    seen = runner(document(crop=crop, gap=gap)).inspect(slit(17.0, Camera()))
    assert seen.readings[0].reading.value == pytest.approx(4.25, abs=0.1)
    (region,) = seen.regions
    assert abs(region.x - 60) <= 1 and abs(region.y - 20) <= 1
    assert abs(region.w - 80) <= 2 and abs(region.h - 80) <= 2


def reading(
    value: float | None, verdict: Verdict, low: float | None, high: float | None
) -> Reading:
    return Reading("g", "gap", verdict, value, "mm", low, high, reason="so")


def part(value: float, verdict: Verdict) -> Measurement:
    image = np.zeros((8, 8, 3), np.uint8)
    return Measurement(Frame(image, (8, 8)), reading(value, verdict, 0.0, 2.0), (0, 0, 4, 4))


def test_the_score_of_a_gauge_is_half_on_its_limit_and_grows_outward() -> None:
    ok, nok = Verdict.OK, Verdict.NOK
    assert score_of(reading(3.0, ok, 2.0, 4.0)) == 0.0
    assert score_of(reading(4.0, ok, 2.0, 4.0)) == pytest.approx(0.5, abs=1e-5)
    assert score_of(reading(5.0, nok, 2.0, 4.0)) == pytest.approx(2 / 3)
    assert score_of(reading(1.0, ok, None, 2.0)) == pytest.approx(1 / 3)
    assert score_of(reading(0.5, nok, 1.0, None)) == pytest.approx(2 / 3)
    assert score_of(reading(None, nok, None, None)) == 1.0


@given(st.lists(st.sampled_from(["OK", "NOK", "UNFIT"]), min_size=1, max_size=6), st.integers(1, 4))
def test_no_part_is_ok_while_one_of_its_measures_is_not_known(
    verdicts: list[str], nok_from: int
) -> None:
    values = {"OK": 1.0, "NOK": 3.0, "UNFIT": 0.0}
    parts = {f"g{i}": part(values[v], Verdict(v)) for i, v in enumerate(verdicts)}
    said = decide(parts, threshold=0.5, nok_from=nok_from)
    bad = verdicts.count("NOK")
    expected = (
        "NOK" if bad >= min(nok_from, len(parts)) else "UNFIT" if "UNFIT" in verdicts else "OK"
    )
    assert said.verdict.value == expected
    if said.verdict is not Verdict.UNFIT:
        assert (said.score >= said.threshold) == (said.verdict is Verdict.NOK)


def test_every_sample_that_ships_can_run() -> None:
    assert set(shipped.names()) >= {"stamping", "welding", "painting", "assembly", "park-safety"}
    for name in shipped.names():
        wanted, folder = shipped.sample(name)
        assert remarks(wanted) == ()
        Runner(wanted, folder)


def test_the_park_safety_sample_calls_for_help_when_somebody_is_in_the_zone() -> None:
    wanted, folder = shipped.sample("park-safety")
    watch = Runner(wanted, folder)
    for light in (0.8, 1.0, 1.25):
        empty = watch.inspect(yard(seed=7, light=light))
        assert (empty.verdict, empty.help_wanted) == (Verdict.OK, None)
        inside = watch.inspect(with_person(yard(seed=8, light=light), (320, 250)))
        assert inside.verdict is Verdict.NOK
        assert inside.help_wanted is not None and "entered" in inside.help_wanted
        assert abs(inside.regions[0].x + inside.regions[0].w / 2 - 320) < 10
        beside = watch.inspect(with_person(yard(seed=9, light=light), (90, 330)))
        assert (beside.verdict, beside.help_wanted) == (Verdict.OK, None)
    assert watch.inspect(yard()[:100]).verdict is Verdict.UNFIT


def test_every_node_has_its_picture() -> None:
    wanted, folder = shipped.sample("park-safety")
    run = Runner(wanted, folder).run(with_person(yard(seed=8), (320, 250)))
    for node in wanted.nodes:
        picture = draw(run, node.name, wanted, side=120)
        assert picture is not None and max(picture.shape) == 120


def test_what_can_run_runs_while_the_rest_is_unfinished() -> None:
    half = document(rule=None, line=None)
    run = Runner.of_what_runs(half, Folder(Path())).run(slit(11.0, Camera()))
    assert run.by_node["gap"].value is not None
    assert run.inspection.verdict is Verdict.UNFIT


def test_a_bundle_is_the_same_bytes_again_and_judges_as_what_it_was_made_of(
    tmp_path: Path,
) -> None:
    wanted, folder = shipped.sample("park-safety")
    archive = bundle(*resolved(wanted, folder))
    assert archive == bundle(*resolved(wanted, folder)) and is_bundle(archive)
    unpack(archive, content_hash(archive), tmp_path / "here")
    there = opened(tmp_path / "here")
    picture = with_person(yard(seed=8), (320, 250))
    assert there.inspect(picture).score == Runner(wanted, folder).inspect(picture).score


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    archive = bundle(*resolved(*shipped.sample("park-safety")))
    middle = len(archive) // 2
    broken = archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :]
    wrong = [(broken, archive), (broken, broken), (b"PK", b"PK")]
    for data, sha256 in ((data, content_hash(named)) for data, named in wrong):
        with pytest.raises(PackageError):
            unpack(data, sha256, tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_the_difference_of_two_versions_is_told_change_by_change() -> None:
    old = document()
    new = document(
        gap={"kind": "gap", "inputs": {"image": "fitness"}, "settings": GAP | {"high": 4}},
        flush={"kind": "color", "inputs": {"image": "camera"}, "settings": {}},
        rule={"kind": "rule", "inputs": {"parts": ["gap", "flush"]}},
    )
    said = [(one.node, one.rule) for one in difference(old, new)]
    assert said == [("gap", "setting"), ("flush", "added"), ("rule", "connected")]
    assert "high of 'gap': 3.5 → 4" in [one.message for one in difference(old, new)]
    assert difference(old, old) == ()


def test_the_command_runs_a_sample_on_a_folder_and_says_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, width in (("a", 11.0), ("b", 17.0)):
        cv2.imwrite(str(folder / f"{name}.png"), slit(width, Camera()))
    (folder / "c.png").write_bytes(b"no picture")
    nodes = tmp_path / "nodes"
    assert main(["pipeline", "run", "gap", str(folder), "--json", "--pictures", str(nodes)]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["verdict"] for one in said] == ["OK", "NOK", "UNFIT"]
    assert said[1]["measures"][0]["value"] == pytest.approx(4.25, abs=0.05)
    assert len(list(nodes.iterdir())) == 10

    broken = tmp_path / "broken.json"
    broken.write_text(document(rule=None).text())
    assert main(["pipeline", "check", str(broken)]) == 1
    assert "'line'" in capsys.readouterr().out
    assert main(["pipeline", "run", str(broken), str(folder)]) == 2
    assert "'line'" in capsys.readouterr().err
    assert main(["pipeline", "diff", "gap", str(broken)]) == 0
    assert "'rule' (rule) is gone" in capsys.readouterr().out
    assert main(["pipeline", "pack", "gap", "--out", str(tmp_path)]) == 0
    assert is_bundle(Path(capsys.readouterr().out.strip()).read_bytes())
