"""A camera's request is always answered: in time, once, and with the reason when there is no verdict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import httpx
import numpy as np
import pytest
from asyncua import ua

from edge.images import ImageFolder
from edge.inspection.judging import PictureJudge
from edge.inspection.pictures import SnapshotCamera
from edge.inspection.request import Handshake
from edge.inspection.station import Station
from edge.journal import Journal
from edge.models import Choice, Judge, ModelShelf, NoModel
from edge.opcua.link import CallRefused
from edge.plant_clock import LiveClock
from mes.contracts.agent import CameraModel, ModelRole
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.quality import InspectionResult, Verdict, VerdictCode
from mes.contracts.wire import Stream, decode, from_lines
from qc_vision.pipelines import PipelineInspection
from qc_vision.runtime import Fitness, Inspection
from qc_vision.runtime import Verdict as Seen
from tests.support.camera_tags import BODY, NODES, FakeLine
from tests.support.waiting import eventually

PICTURE = cv2.imencode(".jpg", np.full((40, 60, 3), 128, np.uint8))[1].tobytes()
MODEL = CameraModel(camera="cam", package="painting", version="1", sha256="a" * 64)
TRIAL = MODEL.model_copy(update={"package_sha256": "b" * 64, "role": ModelRole.SHADOW})


@dataclass
class FakeInspector:
    """Judges whatever it is told to."""

    verdict: Seen = Seen.OK
    hold: asyncio.Event | None = None
    score: float | None = None

    def inspect(self, image: Any) -> Inspection:
        score = self.score if self.score is not None else 0.1 if self.verdict is Seen.OK else 0.7
        return Inspection(self.verdict, score, (), Fitness(1, 1), None, "m1", "p1")


class FakeShelf(ModelShelf):
    """One model for the variant red."""

    inspector = FakeInspector()
    looks_on: FakeInspector | None = None

    def choose(self, camera: str, variant: str, counter: int) -> Any:
        if variant != "red":
            raise NoModel(f"wrong recipe: no model for variant {variant!r} at {camera}")
        judge = Judge(MODEL, self.inspector)  # type: ignore[arg-type]
        if self.looks_on is None:
            return Choice(judge, None)
        return Choice(judge, Judge(TRIAL, self.looks_on))  # type: ignore[arg-type]


@dataclass
class Rig:
    line: FakeLine
    station: Station
    journal: Journal
    clock: LiveClock

    async def results(self, count: int) -> list[InspectionResult]:
        """Wait until so many results are in the journal."""

        async def look() -> list[InspectionResult] | None:
            rows = await self.journal.read(
                lambda db: db.execute(
                    "SELECT frame FROM batch WHERE stream = ? ORDER BY seq", (int(Stream.RESULTS),)
                ).fetchall()
            )
            found = [
                InspectionResult.model_validate_json(line)
                for (frame,) in rows
                for line in from_lines(decode(frame))
            ]
            return found if len(found) >= count else None

        return await eventually(look)

    def ask(self, counter: int, *, within_s: float = 3600, variant: str = "red") -> None:
        deadline = self.clock.now() + timedelta(seconds=within_s)
        self.line.ask(counter, deadline=deadline, variant=variant)
        self.station.announce(counter)


Answer = httpx.Response


def a_camera(*answers: httpx.Response | Exception | float) -> httpx.AsyncClient:
    """A camera that answers so, the last way for ever; a number: after so many seconds, with a picture."""
    coming = list(answers)

    async def respond(request: httpx.Request) -> httpx.Response:
        answer = coming.pop(0) if len(coming) > 1 else coming[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return httpx.Response(200, content=PICTURE, headers={"content-type": "image/jpeg"})
        return answer

    return httpx.AsyncClient(transport=httpx.MockTransport(respond))


GOOD = httpx.Response(200, content=PICTURE, headers={"content-type": "image/jpeg"})


@pytest.fixture
async def rig(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    now = datetime.now(UTC)
    clock = LiveClock(PlantClock(segments=(ClockSegment(real_at=now, plant_at=now, factor=60.0),)))
    line = FakeLine({})
    answer = getattr(request, "param", GOOD)
    camera = a_camera(*answer) if isinstance(answer, list) else a_camera(answer)
    images = ImageFolder(journal, tmp_path / "images", max_bytes=1 << 20, keep_ok_every=2)
    station = Station(
        line="paint",
        handshake=Handshake(NODES, line, clock),  # type: ignore[arg-type]  # the fake has the two methods it uses
        judge=PictureJudge(
            NODES.id, SnapshotCamera(NODES.snapshot_url, camera, clock), FakeShelf((MODEL,)), clock
        ),
        journal=journal,
        images=images,
        clock=clock,
        may_act=lambda: True,
        counts=dict.fromkeys(Verdict, 0),
    )
    tasks = [asyncio.create_task(journal.write_forever()), asyncio.create_task(station.run())]
    yield Rig(line, station, journal, clock)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    journal.close()


async def test_the_verdict_reaches_the_plc_and_the_result_the_journal(rig: Rig) -> None:
    FakeShelf.inspector = FakeInspector(Seen.NOK)
    rig.ask(1)
    (result,) = await rig.results(1)
    (written,) = rig.line.writes
    assert written == {
        "verdict_body_id": str(BODY),
        "verdict_counter": 1,
        "verdict": int(VerdictCode.NOK),
        "verdict_valid": True,
    }
    assert (result.verdict, result.accepted, result.body_id) == (Verdict.NOK, True, BODY)
    assert (result.score, result.image_px, result.model_name) == (0.7, (60, 40), "painting")
    assert result.image_sha256 is not None


async def test_of_ok_pictures_only_a_sample_is_kept(rig: Rig) -> None:
    FakeShelf.inspector = FakeInspector(Seen.OK)
    for counter in (1, 2, 3):
        rig.ask(counter)
        await rig.results(counter)
    kept = [result.image_sha256 is not None for result in await rig.results(3)]
    assert kept == [True, False, True]


async def test_the_picture_of_a_part_that_nearly_failed_is_kept(rig: Rig) -> None:
    FakeShelf.inspector = FakeInspector(Seen.OK, score=0.4)
    for counter in (1, 2):
        rig.ask(counter)
        await rig.results(counter)
    assert all(result.image_sha256 is not None for result in await rig.results(2))


@pytest.fixture
def looking_on() -> Iterator[FakeInspector]:
    FakeShelf.looks_on = FakeInspector(Seen.NOK)
    yield FakeShelf.looks_on
    FakeShelf.looks_on = None


async def test_a_shadow_is_heard_by_the_mes_and_not_by_the_line(
    rig: Rig, looking_on: FakeInspector
) -> None:
    FakeShelf.inspector = FakeInspector(Seen.OK)
    for counter in (1, 2):
        rig.ask(counter)
        await rig.results(counter)
    first, second = await rig.results(2)
    assert [write["verdict"] for write in rig.line.writes] == [VerdictCode.OK, VerdictCode.OK]
    assert first.beside is not None
    assert (first.verdict, first.beside.verdict) == (Verdict.OK, Verdict.NOK)
    assert (first.beside.package_sha256, first.beside.judged_by) == ("b" * 64, "")
    assert second.image_sha256 is not None, "a picture the two do not agree on is kept"


async def test_a_shadow_that_fails_disturbs_nothing(rig: Rig, looking_on: FakeInspector) -> None:
    looking_on.inspect = None  # type: ignore[assignment,method-assign]
    FakeShelf.inspector = FakeInspector(Seen.NOK)
    rig.ask(1)
    (result,) = await rig.results(1)
    assert (result.verdict, result.beside) == (Verdict.NOK, None)


async def test_a_part_that_a_failing_canary_was_to_judge_is_judged_by_what_judges_the_others(
    rig: Rig, looking_on: FakeInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = FakeInspector()
    canary.inspect = None  # type: ignore[assignment,method-assign]
    trial = Judge(TRIAL.model_copy(update={"role": ModelRole.CANARY}), canary)  # type: ignore[arg-type]
    active = Judge(MODEL, FakeInspector(Seen.NOK))  # type: ignore[arg-type]
    monkeypatch.setattr(FakeShelf, "choose", lambda *_: Choice(trial, active))
    rig.ask(1)
    (result,) = await rig.results(1)
    assert (result.verdict, result.model_sha256) == (Verdict.NOK, MODEL.sha256)
    assert rig.line.writes[0]["verdict"] == VerdictCode.NOK


async def test_a_model_that_raises_gives_unfit_and_never_ok(rig: Rig) -> None:
    FakeShelf.inspector = FakeInspector(Seen.OK)
    FakeShelf.inspector.inspect = None  # type: ignore[assignment,method-assign]
    rig.ask(1)
    (result,) = await rig.results(1)
    assert result.verdict is Verdict.UNFIT
    assert "the model failed" in (result.reason or "")


async def test_a_variant_without_a_model_is_unfit(rig: Rig) -> None:
    rig.ask(1, variant="blue")
    (result,) = await rig.results(1)
    assert result.verdict is Verdict.UNFIT
    assert "wrong recipe" in (result.reason or "")
    assert rig.line.writes[0]["verdict"] == VerdictCode.UNFIT


@pytest.mark.parametrize(
    ("rig", "reason"),
    [
        (httpx.Response(200, text="camera is warming up"), "text/plain"),
        (
            httpx.Response(200, content=b"not a jpeg", headers={"content-type": "image/jpeg"}),
            "text",
        ),
        (httpx.Response(500), "500"),
        (httpx.ConnectError("refused"), "cannot be reached"),
    ],
    indirect=["rig"],
)
async def test_a_camera_that_gives_no_picture_is_unfit_with_the_reason(
    rig: Rig, reason: str
) -> None:
    rig.ask(1)
    (result,) = await rig.results(1)
    assert result.verdict is Verdict.UNFIT
    assert reason in (result.reason or "")
    assert result.image_sha256 is None
    assert result.accepted


@pytest.mark.parametrize("rig", [[httpx.ReadTimeout("no answer"), GOOD]], indirect=True)
async def test_a_camera_that_does_not_answer_is_asked_once_more(rig: Rig) -> None:
    FakeShelf.inspector = FakeInspector(Seen.OK)
    rig.ask(1)
    (result,) = await rig.results(1)
    assert result.verdict is Verdict.OK


@pytest.mark.parametrize("rig", [0.3], indirect=True)
async def test_a_verdict_after_the_deadline_is_late_and_not_written(rig: Rig) -> None:
    rig.ask(1, within_s=6)
    (result,) = await rig.results(1)
    assert result.verdict is Verdict.LATE
    assert "deadline" in (result.reason or "")
    assert not result.accepted
    assert rig.line.writes == []


async def test_a_request_is_answered_once_even_after_a_restart(rig: Rig) -> None:
    rig.ask(4)
    await rig.results(1)
    rig.station.announce(4)
    assert rig.journal.fact("camera:cam") == "4"
    rig.ask(5)
    results = await rig.results(2)
    assert [result.counter for result in results] == [4, 5]


async def test_a_verdict_the_plc_refuses_is_recorded_as_not_accepted(rig: Rig) -> None:
    FakeShelf.inspector = FakeInspector(Seen.OK)
    original = rig.line.write

    async def too_late(values: Sequence[tuple[str, ua.Variant]]) -> None:
        rig.line.values["request"] = 9
        await original(values)

    rig.line.write = too_late  # type: ignore[method-assign]
    rig.ask(1)
    (result,) = await rig.results(1)
    assert not result.accepted


async def test_a_plc_that_does_not_take_writes_gets_its_picture_judged_all_the_same(
    rig: Rig,
) -> None:
    async def refuses(values: Sequence[tuple[str, ua.Variant]]) -> None:
        raise CallRefused("BadNotWritable")

    rig.line.write = refuses  # type: ignore[method-assign]
    rig.ask(1)
    (result,) = await rig.results(1)
    assert (result.verdict, result.accepted) == (Verdict.OK, False)


async def test_a_pipelines_fault_is_unfit_and_counts_against_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    broken = PipelineInspection(
        Seen.UNFIT,
        0.0,
        (),
        Fitness(0, 0, "gap: ZeroDivisionError: a fault"),
        None,
        "",
        "p1",
        ms={"gap": 1.5},
        failed="gap",
        error="ZeroDivisionError: a fault",
    )
    monkeypatch.setattr(FakeInspector, "inspect", lambda self, image: broken)
    monkeypatch.setattr(FakeShelf, "failed", lambda self, judge, reason: said.append(reason))
    rig.ask(1)
    (result,) = await rig.results(1)
    assert (result.verdict, result.reason) == (Verdict.UNFIT, "gap: ZeroDivisionError: a fault")
    assert result.step_ms == {"gap": 1.5}
    assert said == ["gap: ZeroDivisionError: a fault"]
