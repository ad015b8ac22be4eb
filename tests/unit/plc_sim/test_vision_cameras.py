"""A camera that is a vision system tells what it sees, and the line waits for its verdict all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from mes.contracts.line_layout import line_interface
from mes.contracts.plant_file import load_plant
from mes.contracts.plc import CameraNodes
from mes.contracts.quality import Verdict
from plc_sim.core.changes import Conclusion
from plc_sim.core.inspection import Request
from tests.support.lines import Bench, a_bench, plant_of, some_bodies, stored
from tests.support.vision_systems import CAMERA, plant_with_vision_system

LINE = "body-framing"


def asked(folder: Path, *, judge_s: float, defect: str | None = None) -> Bench:
    """The framing line at the moment when its camera is asked."""
    bench = a_bench(LINE, plant=load_plant(plant_with_vision_system(folder, judge_s=judge_s)))
    jobs = some_bodies(LINE, 1)
    stored(bench, *jobs)
    bench.give(*jobs)
    if defect is not None:
        bench.core.force_defect(CAMERA, defect)
    while bench.core.cameras[CAMERA].pending is None:
        bench.core.advance(bench.core.at + 1)
    bench.core.take_changes()
    return bench


def told(bench: Bench, seconds: float) -> list[Conclusion]:
    bench.core.advance(bench.core.at + seconds)
    return bench.core.take_changes().conclusions


@pytest.mark.parametrize(("defect", "verdict"), [("porosity", Verdict.NOK), (None, Verdict.OK)])
def test_it_tells_the_truth_once_and_the_line_takes_the_verdict_that_is_written(
    tmp_path: Path, defect: str | None, verdict: Verdict
) -> None:
    bench = asked(tmp_path, judge_s=10, defect=defect)
    camera = bench.core.cameras[CAMERA]
    request = camera.pending
    assert request is not None and camera.is_judging
    (conclusion,) = told(bench, 12)
    assert (conclusion.verdict, conclusion.request.body_id) == (verdict, request.body_id)
    assert camera.pending is not None and not camera.is_judging, "the line has no verdict yet"
    bench.core.take_verdict(CAMERA, counter=request.counter, body_id=request.body_id, code=1)
    assert camera.pending is None
    assert bench.core.take_changes().conclusions == []


def test_one_that_is_slower_than_its_deadline_has_aborted(tmp_path: Path) -> None:
    bench = asked(tmp_path, judge_s=90)
    assert [one.verdict for one in told(bench, 70)] == [Verdict.LATE]
    assert told(bench, 60) == []


def test_a_look_under_way_survives_a_stop_of_the_line(tmp_path: Path) -> None:
    bench = asked(tmp_path, judge_s=10)
    request = bench.core.cameras[CAMERA].pending
    assert request is not None and request.judged_at is not None
    kept = Request.from_doc(request.to_doc())
    assert kept == request
    later = kept.shifted(100)
    assert (later.judged_at, later.deadline) == (request.judged_at + 100, request.deadline + 100)


def test_the_agent_is_told_of_it_and_of_cameras_without_one_hears_nothing_new(
    tmp_path: Path,
) -> None:
    plant = load_plant(plant_with_vision_system(tmp_path))
    (nodes,) = line_interface(plant, plant.line(LINE)).cameras
    assert nodes.vision is not None
    assert nodes.vision.system.endswith(f"{LINE}.{nodes.station}.{CAMERA}.VisionSystem")
    assert CameraNodes.model_validate_json(nodes.model_dump_json()) == nodes
    mini = plant_of("mini")
    (plain,) = line_interface(mini, mini.line(LINE)).cameras
    assert "vision" not in plain.model_dump_json()
    assert "vision_system" not in mini.model_dump_json()
