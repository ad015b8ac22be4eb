"""What lines report takes effect once, in bulk, and is refused by name when it cannot be true."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mes.contracts.dispatch import JobKind, JobState, ReadingAnswer
from mes.contracts.plant import PlantModel
from mes.contracts.warm_start import StoredBody, WarmBody, WarmRack, WarmStart
from mes.events.handlers import HandlerContext
from mes.execution import calls, history, service, tasks
from mes.execution.model import Body, Condition, PlaceKind, UnknownBody
from mes.materials import service as materials
from mes.orders import service as orders
from mes.orders.model import OrderStage
from mes.platform.db import WriteConn
from mes.platform.settings import Settings
from tests.support import floor
from tests.support.floor import FakeLine, StandingClock, a_body, a_job, at
from tests.support.orders import install_demo, locked


@pytest.fixture(autouse=True)
async def _plant(conn: WriteConn, mini_plant: PlantModel) -> None:
    await floor.install(conn, mini_plant)


async def test_a_body_is_followed_from_its_first_line_to_the_yard(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)
    sub, eol = FakeLine("body-sub"), FakeLine("eol")
    refused = await floor.report(
        conn,
        sub.entered(body, "underbody-1", 1),
        sub.worked(body, "underbody-1", 2, values={"WeldCurrent": 9.5}),
        sub.worked(body, "body-side-1", 3),
    )
    assert refused == []
    now = await service.find_body(conn, body.id)
    assert now is not None
    assert (now.place.line, now.place.station) == ("body-sub", "body-side-1")

    await floor.report(conn, sub.left(body, "subs", 4))
    assert [b.number for b in (await service.buffers(conn))["subs"]] == [body.number]

    await floor.report(
        conn,
        eol.entered(body, "dyno", 50),
        eol.worked(body, "dyno", 51),
        eol.left(body, "yard", 52),
    )
    finished = await service.find_body(conn, body.id)
    assert finished is not None
    assert finished.place.kind is PlaceKind.FINISHED
    built = await history.body_history(conn, finished)
    assert [(o.station, o.state) for o in built.operations] == [
        ("underbody-1", "completed"),
        ("body-side-1", "completed"),
        ("dyno", "completed"),
    ]
    assert built.operations[0].process_values == {"WeldCurrent": 9.5}
    assert [(j.line, j.started_at, j.ended_at) for j in built.jobs] == [
        ("body-sub", at(1), at(4)),
        ("eol", at(50), at(52)),
    ]
    last = [e for e in await floor.recorded(conn) if e.type == "body.left"][-1]
    assert last.payload.model_dump()["last"] is True
    assert last.correlation_id == body.order_id
    assert (last.actor, last.plant_at) == ("agent:eol", at(52))


async def test_records_that_come_again_change_nothing(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("body-sub")
    records = [
        line.entered(body, "underbody-1", 1),
        line.worked(
            body,
            "underbody-1",
            2,
            consumed=[{"material": "c1-side", "lot": "R1", "quantity": 2}],
        ),
        line.says("rack_filled", 2, rack="R1", panel="c1-side", quantity=20, job_order_id=None),
        line.left(body, "subs", 3),
    ]
    await floor.report(conn, *records)
    before = await floor.happened(conn)
    await floor.report(conn, *records, *records)
    for record in reversed(records):
        await floor.report(conn, record)
    assert await floor.happened(conn) == before
    built = await history.body_history(conn, await service.body_by_number(conn, body.number))
    assert len(built.operations) == len(built.parts) == 1
    rack = await materials.find_rack(conn, "R1")
    assert rack is not None
    assert (rack.quantity, rack.remaining) == (20, 18)


async def test_a_record_that_cannot_be_true_is_refused_and_the_others_count(
    conn: WriteConn,
) -> None:
    known, stranger = a_body(), a_body()
    await floor.register(conn, known)
    line = FakeLine("paint")
    records = [
        line.entered(stranger, "primer", 1),
        line.entered(known, "primer", 2),
        line.worked(known, "roof", 3),
        line.worked(known, "primer", 4, started_at=at(9)),
        line.left(known, "moon", 5),
        line.says("job_state", 6, job_order_id=uuid4(), state="Running"),
        line.says("body_parked", 7, bay="eol-bay", body_id=known.id, job_order_id=None),
        line.says("rack_filled", 8, rack="R", panel="roof", quantity=1, job_order_id=None),
    ]
    refused = await floor.report(conn, *records)
    assert [(r.record.seq, r.problem.code) for r in refused] == [
        (1, "body.unknown"),
        (3, "record.unknown_place"),
        (4, "operation.ends_before_start"),
        (5, "record.unknown_place"),
        (6, "job.unknown"),
        (7, "record.unknown_place"),
        (8, "record.unknown_place"),
    ]
    body = await service.find_body(conn, known.id)
    assert body is not None and body.place.line == "paint"

    await floor.register(conn, stranger)
    assert await floor.report(conn, records[0]) == [], "a mended cause lets the record in"


async def test_jobs_are_followed_through_their_states(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("paint")
    job = a_job("paint", body_id=body.id)
    lot = a_job("press-1", JobKind.DIE_LOT, panel="c1-hood", quantity=60)
    await service.register_job(conn, job, now=at(0))
    await service.register_job(conn, job, now=at(9))
    await service.register_job(conn, lot, now=at(0))
    press = FakeLine("press-1")
    await floor.report(
        conn,
        line.says("job_state", 1, job_order_id=job.id, state="Ready"),
        line.says("job_state", 2, job_order_id=job.id, state="Running"),
        line.says("job_state", 2, job_order_id=job.id, state="Running"),
        line.says("job_state", 8, job_order_id=job.id, state="Completed", good=1),
        press.says("job_state", 3, job_order_id=lot.id, state="Running"),
        press.says("job_state", 9, job_order_id=lot.id, state="Completed", good=58, scrap=2),
    )
    found = await service.find_job(conn, job.id)
    assert found is not None
    assert (found.state, found.started_at, found.ended_at) == (JobState.COMPLETED, at(2), at(8))
    pressed = await service.find_job(conn, lot.id)
    assert pressed is not None
    assert (pressed.good, pressed.scrap, pressed.panel) == (58, 2, "c1-hood")
    states = [e for e in await floor.recorded(conn) if e.type == "job.state"]
    assert len(states) == 5, "a state that is reported twice is one event"
    assert [j.id for j in await service.jobs_between(conn, at(0), at(60))] == [job.id, lot.id]


async def test_only_failures_and_reading_points_of_operations_are_events(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("paint")
    await floor.report(
        conn,
        line.entered(body, "primer", 1),
        line.worked(body, "primer", 2),
        line.worked(body, "base-coat", 3),
        line.worked(body, "clear-coat", 4, ok=False),
    )
    done = [e.payload.model_dump() for e in await floor.recorded(conn)]
    assert [(e["station"], e["ok"]) for e in done if "ok" in e] == [
        ("primer", True),
        ("clear-coat", False),
    ]


async def test_a_wrong_body_is_asked_about_once_and_answered_once(conn: WriteConn) -> None:
    expected, read = a_body(), a_body()
    await floor.register(conn, expected, read)
    line = FakeLine("paint")
    wrong = {
        "station": "primer",
        "expected_body_id": expected.id,
        "read_body_id": read.id,
        "matches": False,
    }
    await floor.report(conn, line.says("body_read", 1, **wrong), line.says("body_read", 2, **wrong))
    (asked,) = await calls.open_mismatches(conn)
    assert (asked.expected_body_id, asked.read_body_id) == (expected.id, read.id)

    with pytest.raises(calls.NoOpenReading):
        await calls.answer_mismatch(
            conn, "paint", "base-coat", ReadingAnswer.SWAP, actor="user:op", now=at(3)
        )
    for _ in range(2):
        await calls.answer_mismatch(
            conn, "paint", "primer", ReadingAnswer.REMOVE, actor="user:op", now=at(3)
        )
    with pytest.raises(calls.ReadingAnsweredOtherwise, match="remove by user:op"):
        await calls.answer_mismatch(
            conn, "paint", "primer", ReadingAnswer.SWAP, actor="user:b", now=at(4)
        )
    answers = [e for e in await floor.recorded(conn) if e.type == "body.mismatch_answered"]
    assert len(answers) == 1
    assert answers[0].causation_id == asked.event_id

    await floor.report(
        conn,
        line.says("reading_answered", 5, station="primer", answer="remove", body_id=read.id),
    )
    assert await calls.open_mismatches(conn) == []
    back = await service.find_body(conn, read.id)
    assert back is not None and back.place.store == "wbs"


async def test_a_held_body_goes_through_the_bay_and_on(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("paint")
    await floor.report(
        conn,
        line.entered(body, "primer", 1),
        line.says("hold_changed", 2, body_id=body.id, held=True, by="verdict", reason="NOK"),
        line.says("body_parked", 3, bay="paint-bay", body_id=body.id, job_order_id=None),
    )
    parked = await service.find_body(conn, body.id)
    assert parked is not None
    assert (parked.condition, parked.place.bay) == (Condition.SUSPECT, "paint-bay")
    await floor.report(
        conn,
        line.says("hold_changed", 4, body_id=body.id, held=False, by="command"),
        line.says("body_released", 5, bay="paint-bay", body_id=body.id),
        line.left(body, "pbs", 6),
    )
    on = await service.find_body(conn, body.id)
    assert on is not None
    assert (on.condition, on.line_hold, on.place.store) == (Condition.OK, False, "pbs")
    assert await floor.happened(conn) == [
        "body.entered",
        "body.hold_flag",
        "body.parked",
        "body.hold_flag",
        "body.released",
        "body.left",
    ]


async def test_scrap_is_carried_out_of_the_bay(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("paint")
    await floor.report(conn, line.entered(body, "primer", 1))
    await service.change_condition(conn, body.id, Condition.HELD)
    await service.change_condition(conn, body.id, Condition.SCRAP)
    await floor.report(
        conn, line.says("body_released", 5, bay="paint-bay", body_id=body.id, scrapped=True)
    )
    out = await service.find_body(conn, body.id)
    assert out is not None and out.place.kind is PlaceKind.SCRAPPED
    refused = await floor.report(conn, line.worked(body, "base-coat", 6))
    assert [r.problem.code for r in refused] == ["body.cannot_move"]


async def some_locked_bodies(conn: WriteConn, count: int) -> list[Body]:
    """Orders were locked, and their bodies are known."""
    await install_demo(conn)
    context = HandlerContext(StandingClock(at(0)), Settings(), {})
    bodies = []
    for _ in range(count):
        order = await locked(conn)
        await tasks.register_body(conn, await floor.newest(conn, "order.locked"), context)
        assert order.body_number is not None
        bodies.append(await service.body_by_number(conn, order.body_number))
    return bodies


async def test_the_plant_starts_warm(conn: WriteConn) -> None:
    on_line, older, stored, built = await some_locked_bodies(conn, 4)
    stranger = a_body()
    warm = WarmStart(
        plant_at=at(0),
        on_line=(WarmBody(line="paint", station="primer", job=a_job("paint", body_id=on_line.id)),),
        stored=tuple(
            StoredBody(store=store, body_id=b.id, body_number=b.number, model="S2")
            for store, b in (("wbs", older), ("wbs", stored), ("line-off", built))
        ),
        racks=(
            WarmRack(rack="W1", panel="c1-hood", quantity=20),
            WarmRack(rack="W0", panel="c1-hood", quantity=20),
        ),
    )
    await service.seed_warm(conn, warm)
    assert [b.number for b in (await service.buffers(conn))["wbs"]] == [older.number, stored.number]
    places = {b.number: b.place for b in await service.where_bodies_are(conn)}
    assert places[on_line.number].station == "primer"
    assert [rack.id for rack in await materials.racks_in_stock(conn)] == ["W1", "W0"]
    (job,) = await service.jobs_of_body(conn, on_line.id)
    assert job.state is JobState.RUNNING
    stages = {}
    for body in (on_line, stored, built):
        order = await orders.order_by_id(conn, body.order_id)
        assert order is not None
        stages[body.number] = order.stage
    assert list(stages.values()) == [
        OrderStage.IN_PRODUCTION,
        OrderStage.IN_PRODUCTION,
        OrderStage.LINE_OFF,
    ]

    line = FakeLine("paint")
    assert await floor.report(conn, line.worked(on_line, "primer", 1)) == []
    unknown = WarmStart(
        plant_at=at(0),
        stored=(StoredBody(store="wbs", body_id=stranger.id, body_number="X", model="C1"),),
    )
    with pytest.raises(UnknownBody):
        await service.seed_warm(conn, unknown)


async def test_old_record_numbers_are_forgotten_and_the_newest_ring_is_kept(
    conn: WriteConn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "KEPT_RECORDS", 3)
    line = FakeLine("paint")
    await floor.report(
        conn,
        *[line.says("station_state", m, station="primer", state="running") for m in range(10)],
    )
    assert await service.forget_old_records(conn) == 6


async def test_andon_pressed_twice_is_one_call(conn: WriteConn) -> None:
    for reason in ("torque tool", "impatience"):
        call = await calls.call_andon(
            conn, "trim", reason, line="assembly", actor="user:op", now=at(1)
        )
        assert call.reason == "torque tool"
    assert len(await calls.open_andons(conn)) == 1
    for _ in range(2):
        await calls.clear_andon(conn, "trim", line="assembly", actor="user:lead", now=at(3))
    assert await calls.open_andons(conn) == []
    assert await floor.happened(conn) == ["andon.called", "andon.cleared"]


async def test_good_and_rework_are_reported_in_one_place_and_once(conn: WriteConn) -> None:
    body = a_body()
    await floor.register(conn, body)

    async def say(outcome: str, kind: str | None) -> None:
        await calls.report(
            conn,
            body,
            outcome,  # type: ignore[arg-type]  # what the schema of the API lets through
            line="assembly",
            station="trim",
            defect_kind=kind,
            note="",
            actor="user:op",
            now=at(1),
        )

    with pytest.raises(calls.DefectUnnamed):
        await say("rework", None)
    await say("good", None)
    await say("rework", "missing_clip")
    await say("rework", "missing_clip")
    assert await floor.happened(conn) == ["operation.reported", "operation.reported"]
