"""A vision system's results become verdicts: about the right part, in time, and never OK for want of a word."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua

from edge.inspection import vision_system
from edge.inspection.request import Request
from edge.inspection.vision_system import VisionSystemJudge, verdict_of
from edge.opcua.link import CallRefused
from edge.opcua.vision import ResultState, VisionResult, read_result
from edge.plant_clock import LiveClock
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.plc import VisionNodes
from mes.contracts.quality import Verdict
from tests.support.camera_tags import BODY

NODES = VisionNodes(system="nsu=urn:c2m:plant;s=vision")


def a_result(
    *content: object, part: str = str(BODY), meas: str = "7", **given: Any
) -> VisionResult:
    known: dict[str, Any] = {"state": ResultState.COMPLETED, "is_partial": False, **given}
    return VisionResult("r1", part, meas, "C1", content=content, **known)


def structure(text: str, *, mask: bool) -> ua.ExtensionObject:
    """A structure as it comes from a server whose types nobody has loaded: mask, then its text."""
    body = (bytes(4) if mask else b"") + struct.pack("<i", len(text)) + text.encode()
    return ua.ExtensionObject(TypeId=ua.NodeId(5013, 4), Body=body)


def test_an_event_is_read_without_the_types_of_the_server() -> None:
    values = [
        structure("res-1", mask=False),
        structure("body-1", mask=True),
        structure("42", mask=True),
        structure("C1", mask=True),
        1,
        False,
        [ua.Variant("NOK", ua.VariantType.String), ua.Variant(3.5)],
    ]
    result = read_result(values)
    assert result == VisionResult(
        "res-1", "body-1", "42", "C1", ResultState.COMPLETED, False, ("NOK", 3.5)
    )


def test_an_event_of_another_type_is_no_result_and_a_short_id_is_none() -> None:
    assert read_result([None] * 7) is None
    damaged = ua.ExtensionObject(TypeId=ua.NodeId(5013, 4), Body=b"\x00\x00")
    result = read_result([damaged, damaged, None, None, 99, None, None])
    assert result is not None
    assert (result.result_id, result.part_id, result.content) == ("", "", ())
    assert result.state is ResultState.UNDEFINED


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (("OK",), Verdict.OK),
        (("ok ", 0.93), Verdict.OK),
        ((True,), Verdict.OK),
        ((False,), Verdict.NOK),
        (("OK", "NOK"), Verdict.NOK),
        (("maybe",), Verdict.UNFIT),
        ((), Verdict.UNFIT),
        ((1, None), Verdict.UNFIT),
    ],
)
def test_only_a_clear_word_is_a_verdict(content: tuple[object, ...], verdict: Verdict) -> None:
    said, reason = verdict_of(a_result(*content), NODES)
    assert said is verdict
    assert (reason is None) == (verdict is not Verdict.UNFIT)


def test_the_words_of_another_maker_are_told_in_the_plant_file() -> None:
    nodes = NODES.model_copy(update={"ok": ("Pass",), "nok": ("Fail", "Rework")})
    assert verdict_of(a_result("PASS"), nodes)[0] is Verdict.OK
    assert verdict_of(a_result("rework"), nodes)[0] is Verdict.NOK
    assert verdict_of(a_result("OK"), nodes)[0] is Verdict.UNFIT


@pytest.mark.parametrize("state", [ResultState.FAILED, ResultState.ABORTED, ResultState.UNDEFINED])
def test_what_the_system_did_not_complete_is_unfit_whatever_it_says(state: ResultState) -> None:
    verdict, reason = verdict_of(a_result("OK", state=state), NODES)
    assert (verdict, reason) == (
        Verdict.UNFIT,
        f"the vision system's result is {state.name.lower()}",
    )


class System:
    """A vision system that says what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deliver: Callable[[VisionResult], None] | None = None
        self.heard = asyncio.Event()
        self.refuses = False
        self.asked_for_last = False
        monkeypatch.setattr(vision_system, "open_link", self.open_link)
        monkeypatch.setattr(vision_system, "watch_results", self.watch)

    @asynccontextmanager
    async def open_link(self, *_: object) -> AsyncIterator[None]:
        if self.refuses:
            raise ConnectionRefusedError("nobody is there")
        yield

    async def watch(
        self,
        _link: object,
        _system: str,
        deliver: Callable[[VisionResult], None],
        *,
        is_open: Callable[[], None],
        with_last: bool,
    ) -> None:
        self.asked_for_last = with_last
        self.deliver = deliver
        is_open()
        self.heard.set()
        await asyncio.Event().wait()

    def say(self, *results: VisionResult) -> None:
        assert self.deliver is not None
        for result in results:
            self.deliver(result)


@pytest.fixture
async def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


def clock() -> LiveClock:
    now = datetime.now(UTC)
    return LiveClock(PlantClock(segments=(ClockSegment(real_at=now, plant_at=now, factor=1.0),)))


@asynccontextmanager
async def judging(nodes: VisionNodes = NODES) -> AsyncIterator[VisionSystemJudge]:
    judge = VisionSystemJudge("cam", nodes, "opc.tcp://vision", None, None, clock())
    task = asyncio.create_task(judge.run())
    yield judge
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def a_request(judge: VisionSystemJudge, *, within_s: float = 3600, counter: int = 7) -> Request:
    now = judge.clock.now()
    deadline = now + timedelta(seconds=within_s)
    return Request(counter, BODY, None, None, "C1", deadline, now, seen=0.0)


async def test_the_word_on_this_part_is_waited_for_and_others_are_not_heard(
    system: System,
) -> None:
    async with judging() as judge:
        await system.heard.wait()
        system.say(a_result("OK", part="another"), a_result("OK", meas="6"))
        waiting = asyncio.create_task(judge.judge(a_request(judge)))
        system.say(a_result("OK", is_partial=True), a_result("OK", state=ResultState.PROCESSING))
        system.say(a_result("NOK"))
        judgement = await waiting
    assert (judgement.verdict, judgement.judged_by, judgement.judged_version) == (
        Verdict.NOK,
        "Machine Vision",
        "C1",
    )
    assert [(one.gauge, one.text) for one in judgement.measures] == [("machine_vision", "r1")]


async def test_a_system_that_counts_for_itself_is_heard_by_the_part_alone_and_never_twice(
    system: System,
) -> None:
    own = NODES.model_copy(update={"measurement": "own"})
    async with judging(own) as judge:
        await system.heard.wait()
        assert not system.asked_for_last, "it could be about an earlier look at this part"
        system.say(a_result("OK", meas="a-1"))
        assert (await judge.judge(a_request(judge))).verdict is Verdict.OK
        again = await judge.judge(a_request(judge, within_s=0, counter=8))
    assert again.verdict is Verdict.UNFIT, "the same word says nothing of a second look"
    assert again.reason == "the vision system gave no result for this part"


async def test_the_verdict_does_not_wait_for_the_picture_and_goes_without_one(
    system: System,
) -> None:
    async with judging() as judge:
        judge.camera = SlowCamera()  # type: ignore[assignment]  # it has the one method that is used
        await system.heard.wait()
        system.say(a_result("NOK"))
        request = a_request(judge, within_s=0.2)
        judgement = await judge.judge(request)
        assert judgement.verdict is Verdict.NOK
        complete = await judge.complete(request, judgement)
    assert complete == judgement
    assert complete.picture is None


class SlowCamera:
    """A camera whose picture never comes."""

    async def fetch(self, request: Request) -> bytes:
        await asyncio.Event().wait()
        return b""


async def test_a_system_that_cannot_be_reached_leaves_the_part_unfit_before_the_deadline(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.refuses = True
    async with judging() as judge:
        judgement = await judge.judge(a_request(judge, within_s=0.2))
    assert judgement.verdict is Verdict.UNFIT
    assert (judgement.reason or "").startswith("the vision system cannot be reached: Connection")


async def test_a_server_that_refuses_its_events_is_asked_again_and_ends_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def refuse_once(*arguments: Any, **named: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise CallRefused("BadTooManyMonitoredItems")
        await system.watch(*arguments, **named)

    monkeypatch.setattr(vision_system, "watch_results", refuse_once)
    async with judging():
        await asyncio.wait_for(system.heard.wait(), 30)
    assert tries == 2
