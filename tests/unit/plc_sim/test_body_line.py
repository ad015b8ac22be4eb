"""A line that bodies pass."""

from __future__ import annotations

from uuid import UUID

import pytest

from mes.contracts.dispatch import JobState, ReadingAnswer
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_records import OperationDone
from mes.contracts.plant import ColorPurge, PlantModel
from mes.contracts.plc import VerdictAck
from mes.contracts.quality import VerdictCode
from plc_sim.core.body_line import BodyLine
from plc_sim.core.build import build_line
from plc_sim.core.cell import Phase
from plc_sim.core.line import LineCore
from plc_sim.core.line_state import document, restore
from tests.support.lines import (
    Bench,
    a_bench,
    a_body_job,
    a_rework,
    ok,
    plant_of,
    some_bodies,
    stored,
)


def nok(_core: LineCore, _camera: str) -> VerdictCode | None:
    return VerdictCode.NOK


def silent(_core: LineCore, _camera: str) -> VerdictCode | None:
    return None


def a_paint_bench(count: int) -> tuple[Bench, list[UUID]]:
    bench = a_bench("paint")
    jobs = some_bodies("paint", count)
    stored(bench, *jobs)
    bench.give(*jobs)
    return bench, [job.body_id for job in jobs if job.body_id]


def test_a_body_passes_every_step_and_leaves_into_the_next_store() -> None:
    bench = a_bench("body-sub")
    job = a_body_job("body-sub", 1, parts=("underbody:UB-1",))
    bench.give(job)
    bench.run(200)
    steps = [record.step for record in bench.of_kind("operation_done")]
    assert steps == ["underbody", "body-side-1"]
    assert [body.id for body in bench.floor.waiting("subs")] == [str(job.body_id)]
    states = [r.state for r in bench.of_kind("job_state")]
    assert states == [JobState.READY, JobState.RUNNING, JobState.COMPLETED]


def test_genealogy_names_the_racks_and_parts_that_went_in() -> None:
    bench = a_bench("body-sub")
    bench.give(a_body_job("body-sub", 1, model="S2", parts=("underbody:UB-7", "seats:S-1")))
    bench.run(200)
    underbody, side = bench.of_kind("operation_done")
    assert [c.material for c in underbody.consumed] == ["UB-7"]
    assert [(c.material, c.lot) for c in side.consumed] == [("s2-side", "s2-side-0")]


def test_jobs_run_in_sequence_and_not_in_the_order_they_came() -> None:
    bench = a_bench("body-sub")
    jobs = [a_body_job("body-sub", number) for number in (3, 1, 2)]
    for job in jobs:
        bench.core.store_job(job, start=False)
    for job in jobs:
        bench.core.start_job(str(job.id))
    bench.run(400)
    assert bench.core.jobs.ended.keys() == {str(job.id) for job in jobs}
    entered = [record.job_order_id for record in bench.of_kind("body_entered")]
    assert entered[1:] == [jobs[1].id, jobs[2].id]  # the first to be allowed found a free station


def test_a_line_waits_for_the_body_of_its_next_job_when_it_comes_within_a_takt() -> None:
    bench = a_bench("paint")
    first, second = some_bodies("paint", 2)
    stored(bench, second)
    bench.give(first, second)
    bench.run(bench.core.line.takt_s - 1, step_s=1)
    assert not bench.of_kind("body_entered")
    stored(bench, first)
    bench.run(60)
    assert [r.body_id for r in bench.of_kind("body_entered")] == [first.body_id, second.body_id]


def test_the_next_bodies_close_up_when_one_does_not_come_and_it_goes_once_it_is_there() -> None:
    bench = a_bench("paint")
    held, *others = some_bodies("paint", 4)
    stored(bench, *others[:2])
    bench.give(held, *others)
    bench.run(bench.core.line.takt_s + 60)
    entered = [r.body_id for r in bench.of_kind("body_entered")]
    assert entered == [job.body_id for job in others[:2]]
    stored(bench, others[2], held)
    bench.run(120)
    entered = [r.body_id for r in bench.of_kind("body_entered")]
    assert entered[2:] == [held.body_id, others[2].body_id]


def test_a_line_starves_while_no_body_of_its_jobs_is_in_the_store() -> None:
    bench = a_bench("paint")
    bench.give(*some_bodies("paint", 2))
    bench.run(300)
    assert not bench.of_kind("body_entered")
    assert {cell.word for cell in bench.core.cells.values()} == {"starved"}


def test_a_full_store_blocks_the_line_back_to_its_entry() -> None:
    bench = a_bench("body-sub")
    bench.give(*some_bodies("body-sub", 14))
    bench.run(1500)
    assert len(bench.floor.waiting("subs")) == 8
    assert {cell.word for cell in bench.core.cells.values()} == {"blocked"}
    assert bench.core.cells["body-side-1"].reason == "store_full"


def test_without_panels_a_station_starves_and_says_so() -> None:
    bench = a_bench("body-sub", panels=0)
    bench.give(a_body_job("body-sub", 1))
    bench.run(120)
    assert bench.core.cells["body-side-1"].phase is Phase.WAITING
    assert bench.core.cells["body-side-1"].reason == "no_panel"


def test_a_defective_body_is_pulled_off_repaired_and_goes_on() -> None:
    bench, bodies = a_paint_bench(1)
    bench.core.force_defect("paint-camera-1", "crater")
    bench.run(120, judge=nok)
    assert isinstance(bench.core, BodyLine)
    (place,) = bench.core.bay
    assert place.body.defects[0].kind == "crater"
    assert [r.reason for r in bench.of_kind("hold_changed")] == ["NOK"]
    bench.give(a_rework("paint", bodies[0], defect_kind="crater"))
    bench.run(90)
    assert not bench.core.bay
    (body,) = bench.floor.waiting("pbs")
    assert not body.defects and not body.held
    told = [record.kind for record in bench.records if record.kind.startswith("body_")]
    assert told[-3:] == ["body_parked", "body_released", "body_left"]


@pytest.mark.parametrize(
    ("camera", "kind"), [("paint-camera-1", "porosity"), ("weld-camera", "porosity")]
)
def test_a_defect_that_no_picture_could_show_is_not_planted(camera: str, kind: str) -> None:
    bench, _ = a_paint_bench(1)
    with pytest.raises(KeyError):
        bench.core.force_defect(camera, kind)
    with pytest.raises(KeyError):
        bench.core.spoil_tag("primer", "NoSuchTag", 3)
    assert (bench.core.forced_defects, bench.core.nan_tags) == ({}, {})


def test_no_verdict_by_the_deadline_is_late_and_holds_the_body() -> None:
    bench, _ = a_paint_bench(1)
    bench.run(180, judge=silent)
    assert [r.verdict for r in bench.of_kind("inspection_answered")] == ["LATE"]
    assert [r.reason for r in bench.of_kind("hold_changed")] == ["LATE"]
    assert bench.of_kind("body_parked")


def test_a_stale_verdict_and_one_for_another_body_are_refused() -> None:
    bench, _ = a_paint_bench(1)
    while not bench.core.cameras["paint-camera-1"].pending:
        bench.run(5, judge=silent)
    take = bench.core.take_verdict
    request = bench.core.cameras["paint-camera-1"].pending
    assert request is not None
    other = str(UUID(int=1))
    now = request.counter
    assert take("paint-camera-1", counter=now - 1, body_id=request.body_id, code=1) is (
        VerdictAck.REFUSED_STALE
    )
    assert take("paint-camera-1", counter=now, body_id=other, code=1) is VerdictAck.REFUSED_BODY
    assert take("paint-camera-1", counter=now, body_id=request.body_id, code=9) is (
        VerdictAck.REFUSED_STALE
    )
    assert take("paint-camera-1", counter=now, body_id=request.body_id, code=1) is (
        VerdictAck.ACCEPTED
    )
    assert take("paint-camera-1", counter=now, body_id=request.body_id, code=2) is (
        VerdictAck.REFUSED_STALE
    )


def test_a_full_repair_bay_blocks_the_gate_until_a_place_is_free() -> None:
    bench, bodies = a_paint_bench(5)
    bench.run(400, judge=nok)
    assert isinstance(bench.core, BodyLine)
    assert len(bench.core.bay) == 4
    gate = bench.core.cells["paint-camera"]
    assert (gate.word, gate.reason) == ("blocked", "repair_bay_full")
    assert bench.core.set_hold(str(bodies[0]), held=False, reason="false call") == "ok"
    bench.collect()
    assert [body.id for body in bench.floor.waiting("pbs")] == [str(bodies[0])]
    assert len(bench.core.bay) == 4


def test_a_hold_is_set_and_lifted_once() -> None:
    bench, bodies = a_paint_bench(1)
    body = str(bodies[0])
    assert bench.core.set_hold(body, held=True, reason="quality") == "ok"
    assert bench.core.set_hold(body, held=True, reason="quality") == "already_done"
    bench.run(120)
    assert bench.of_kind("body_parked")
    assert bench.core.set_hold(body, held=False, reason="released") == "ok"
    bench.run(5)
    assert bench.of_kind("body_left")
    assert bench.core.set_hold(body, held=True, reason="late") == "unknown_body"


def test_a_scrapped_body_leaves_the_plant_from_the_repair_bay() -> None:
    bench, bodies = a_paint_bench(1)
    bench.run(120, judge=nok)
    assert bench.core.scrap_body(str(bodies[0]), "beyond repair") == "ok"
    assert bench.core.scrap_body(str(bodies[0]), "beyond repair") == "already_done"
    bench.run(5)
    (released,) = bench.of_kind("body_released")
    assert released.scrapped
    assert bench.of_kind("job_state")[-1].state is JobState.ABORTED
    assert not bench.floor.waiting("pbs")


def misread(answer: ReadingAnswer) -> tuple[Bench, list[UUID]]:
    bench = a_bench("paint")
    jobs = some_bodies("paint", 3)
    stored(bench, *jobs)
    assert isinstance(bench.core, BodyLine)
    bench.core.misread_next = 1
    bench.give(*jobs)
    bench.run(60)
    (reading,) = [r for r in bench.of_kind("body_read") if not r.matches]
    assert reading.expected_body_id == jobs[0].body_id
    assert bench.core.cells["primer"].word == "stopped"
    assert not bench.of_kind("body_entered")
    said = bench.core.answer_reading("primer", answer, str(reading.read_body_id))
    assert said == "ok"
    bench.run(400)
    assert bench.core.answer_reading("primer", answer, str(reading.read_body_id)) == "not_asking"
    return bench, [job.body_id for job in jobs if job.body_id]


def entered(bench: Bench) -> list[UUID]:
    return [record.body_id for record in bench.of_kind("body_entered")]


def test_a_wrong_body_is_inserted_before_the_one_expected() -> None:
    bench, (first, second, third) = misread(ReadingAnswer.INSERT)
    assert entered(bench) == [second, first, third]


def test_a_wrong_body_is_sent_back_and_the_expected_one_comes() -> None:
    bench, order = misread(ReadingAnswer.REMOVE)
    assert entered(bench) == order


def test_two_bodies_change_places() -> None:
    bench, (first, second, third) = misread(ReadingAnswer.SWAP)
    assert entered(bench) == [second, first, third]


def test_a_broken_station_stands_still_and_its_cycle_goes_on_after() -> None:
    bench, _ = a_paint_bench(1)
    bench.run(6)
    bench.core.break_down("primer", seconds=600, reason="planted")
    bench.run(300)
    assert bench.core.cells["primer"].word == "down"
    assert not bench.of_kind("operation_done")
    bench.run(400)
    assert len(bench.of_kind("operation_done")) >= 3


def test_a_suspended_body_does_not_leave_its_station() -> None:
    bench, _ = a_paint_bench(1)
    job = next(iter(bench.core.jobs.entries))
    bench.run(5)
    assert bench.core.pause_job(job) is ReturnStatus.NO_ERROR
    bench.run(120)
    assert len(bench.of_kind("operation_done")) == 1
    assert bench.core.resume_job(job) is ReturnStatus.NO_ERROR
    bench.run(120)
    assert bench.of_kind("body_left")


def test_an_aborted_body_is_held_for_a_decision() -> None:
    bench, _ = a_paint_bench(1)
    job = next(iter(bench.core.jobs.entries))
    bench.run(5)
    assert bench.core.abort_job(job) is ReturnStatus.NO_ERROR
    assert bench.core.abort_job(job).word == "already_done"
    bench.run(120)
    assert bench.of_kind("body_parked")


def test_a_line_resumes_from_its_state_as_if_nothing_had_been() -> None:
    jobs = some_bodies("paint", 6)
    benches = []
    for interrupted in (False, True):
        bench = a_bench("paint")
        stored(bench, *jobs)
        bench.give(*jobs)
        bench.run(100)
        if interrupted:
            keys = ["line", *(f"cell:{c}" for c in bench.core.cells)]
            keys += [f"job:{j}" for j in bench.core.jobs.entries]
            documents = {key: text for key in keys if (text := document(bench.core, key))}
            fresh = build_line(bench.core.plant, bench.core.line, bench.floor, seed=1)
            restore(fresh, documents, dict(bench.core.jobs.ended))
            fresh.power_up(bench.core.at)
            bench.core = fresh
        bench.run(300)
        benches.append(bench)
    assert benches[0].texts == benches[1].texts


def test_time_that_the_line_was_off_is_down_time_and_no_work_is_done_in_it() -> None:
    bench, _ = a_paint_bench(3)
    bench.run(30)
    off = bench.core.at
    bench.core.power_up(off + 600)
    bench.run(1)
    down = [r for r in bench.of_kind("station_state") if r.reason == "power_off"]
    assert {r.at.timestamp() for r in down} == {off}
    assert all(
        not off < record.at.timestamp() < off + 600 for record in bench.of_kind("operation_done")
    )
    bench.run(200, judge=ok)
    assert len(bench.of_kind("body_left")) == 3


def test_a_light_color_behind_a_dark_one_is_purged_longer() -> None:
    base = plant_of("mini")
    rules = base.paint.model_copy(
        update={
            "color_groups": {"light": ("WHT",), "dark": ("RED",)},
            "purges": (ColorPurge(color="light", after="dark", purge_s=40),),
        }
    )
    usual = _base_coats_of(base)
    longer = _base_coats_of(base.model_copy(update={"paint": rules}))
    assert [round(b - a) for a, b in zip(usual, longer, strict=True)] == [0, 35, 0]


def _base_coats_of(plant: PlantModel) -> list[float]:
    """Return the seconds of a red, a white and a red body in the base coat."""
    bench = a_bench("paint", plant=plant)
    jobs = [a_body_job("paint", k, color=("RED", "WHT", "RED")[k]) for k in range(3)]
    stored(bench, *jobs)
    bench.give(*jobs)
    bench.run(900)
    done = [r for r in bench.records if isinstance(r, OperationDone) and r.station == "base-coat"]
    return [(record.at - record.started_at).total_seconds() for record in done]
