"""A published pipeline judges at the line: fetched by its hash, swapped in, put aside when it breaks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.inspection.judging import PictureJudge
from edge.inspection.request import Request
from edge.inspection.results import of_pipeline
from edge.models import FAILURES_IN_A_ROW, Choice, ModelShelf
from mes.contracts.agent import CameraModel, ModelRole
from mes.contracts.quality import Verdict
from qc_vision.pipelines import Document, Runner
from qc_vision.runtime import Inspection, content_hash
from tests.support.model_packages import broken
from tests.support.pipelines import bundle_of, gap_picture, sample_bundle, sample_document
from tests.unit.edge.test_models_at_the_line import shelf_with, the_shipped_one


def published(archive: bytes, *, content: str | None = None) -> CameraModel:
    sha256 = content or Document.of(sample_document("gap")).sha256
    return CameraModel(
        camera="cam",
        package="Gap at the hood",
        version="v1",
        sha256=sha256,
        package_sha256=content_hash(archive),
    )


async def with_pipeline(folder: Path, archive: bytes) -> tuple[ModelShelf, CameraModel]:
    model = published(archive)
    return await shelf_with(folder, {str(model.package_sha256): archive}, model), model


async def test_a_pipeline_judges_with_its_gauges_and_says_what_they_read(tmp_path: Path) -> None:
    shelf, model = await with_pipeline(tmp_path, sample_bundle())
    choice = shelf.choose("cam", "any", 1)
    assert choice.judge.model == model
    assert isinstance(choice.judge.inspector, Runner)
    seen = choice.judge.inspector.inspect(gap_picture(17.0)[1])
    said = of_pipeline(seen)
    (measure,) = said["measures"]
    assert (measure.node, measure.verdict) == ("gap", Verdict.NOK)
    assert measure.value == pytest.approx(4.25, abs=0.05)
    assert set(said["step_ms"]) >= {"fitness", "gap", "rule"}
    assert said["help_wanted"] is None
    assert shelf.health() == ()


class OnePicture:
    """A camera that always shows the same."""

    def __init__(self, picture: bytes) -> None:
        self._picture = picture

    async def fetch(self, request: Request) -> bytes:
        return self._picture


class Untroubled:
    """A clock on which every deadline is a minute away."""

    def deadline(self, at: datetime) -> float:
        return time.monotonic() + 60.0


def a_request() -> Request:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    return Request(1, None, "L1", None, "any", noon, noon, time.monotonic())


async def test_what_a_pipeline_reads_that_only_looks_on_is_told_beside_the_verdict(
    tmp_path: Path,
) -> None:
    archive = sample_bundle()
    shadow = published(archive).model_copy(update={"role": ModelRole.SHADOW})
    served = {str(shadow.package_sha256): archive}
    shelf = await shelf_with(tmp_path, served, the_shipped_one(), shadow)
    request = a_request()
    picture = gap_picture(17.0)[1]
    judge = PictureJudge("cam", OnePicture(picture), shelf, Untroubled())  # type: ignore[arg-type]
    judgement = await judge.judge(request)
    assert isinstance(judgement.inspection, Inspection)
    beside = await judge.look_on(request, judgement, is_idle=lambda: True)
    assert beside is not None
    (measure,) = beside.measures
    assert (measure.node, measure.unit, measure.verdict) == ("gap", "mm", Verdict.NOK)
    assert measure.value == pytest.approx(4.25, abs=0.05)


@pytest.mark.parametrize("harm", ["damaged", "cannot run", "other content"])
async def test_a_pipeline_that_cannot_be_used_leaves_the_judging_to_what_judged_before(
    tmp_path: Path, harm: str
) -> None:
    archive = sample_bundle()
    model = published(archive)
    served = archive
    if harm == "damaged":
        served = broken(archive)
    elif harm == "cannot run":
        half = sample_document("gap")
        half["nodes"] = [node for node in half["nodes"] if node["kind"] != "rule"]
        served = bundle_of(half)
        model = published(served)
    else:
        model = published(archive, content="0" * 64)
    shelf = await shelf_with(tmp_path, {str(model.package_sha256): served}, model)
    assert shelf.choose("cam", "any", 1).judge.model == the_shipped_one()
    (health,) = shelf.health()
    assert health.package_sha256 == model.package_sha256
    said = {
        "damaged": "the archive has sha256",
        "cannot run": "'line'",
        "other content": "the MES wants",
    }
    assert said[harm] in health.reason


async def test_a_pipeline_that_breaks_three_times_gives_the_place_back(tmp_path: Path) -> None:
    shelf, _ = await with_pipeline(tmp_path, sample_bundle())
    choice = shelf.choose("cam", "any", 1)
    for _ in range(FAILURES_IN_A_ROW):
        shelf.failed(choice.judge, "gap: ZeroDivisionError")
    assert shelf.choose("cam", "any", 2).judge.model == the_shipped_one()
    assert "ZeroDivisionError" in shelf.health()[0].reason


async def test_a_pipeline_on_trial_looks_on_and_as_a_canary_judges_its_share(
    tmp_path: Path,
) -> None:
    archive = sample_bundle()
    shadow = published(archive).model_copy(update={"role": ModelRole.SHADOW})
    served = {str(shadow.package_sha256): archive}
    shelf = await shelf_with(tmp_path, served, the_shipped_one(), shadow)
    choice = shelf.choose("cam", "any", 4)
    assert (choice.judge.model, choice.beside and choice.beside.model) == (
        the_shipped_one(),
        shadow,
    )
    canary = shadow.model_copy(update={"role": ModelRole.CANARY, "every": 4})
    shelf.change((the_shipped_one(), canary))
    judges = [shelf.choose("cam", "any", counter).judge.model for counter in range(1, 9)]
    assert [counter for counter, one in enumerate(judges, start=1) if one == canary] == [4, 8]
    assert set(map(repr, judges)) == {repr(canary), repr(the_shipped_one())}
    for _ in range(FAILURES_IN_A_ROW):
        shelf.failed(shelf.choose("cam", "any", 4).judge, "gap: ZeroDivisionError")
    assert shelf.choose("cam", "any", 4) == Choice(shelf.choose("cam", "any", 1).judge, None)
    assert [one.role for one in shelf.health()] == [ModelRole.CANARY]
