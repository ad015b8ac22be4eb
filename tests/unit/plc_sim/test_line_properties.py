"""What holds on a body line whatever happens to it."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mes.contracts.line_records import BodyEntered, BodyLeft, BodyReleased
from mes.contracts.quality import VerdictCode
from plc_sim.core.body_line import BodyLine
from plc_sim.core.line import LineCore
from tests.support.lines import Bench, a_bench, a_rework, some_bodies, stored

LINE = "paint"
STATIONS = ("primer", "base-coat", "clear-coat", "paint-camera")

acts = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(5, 90)),
        st.tuples(st.just("down"), st.integers(0, 3)),
        st.tuples(st.just("hold"), st.integers(0, 9)),
        st.tuples(st.just("free"), st.integers(0, 9)),
        st.tuples(st.just("scrap"), st.integers(0, 9)),
        st.tuples(st.just("rework"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("make_room"), st.integers(1, 3)),
    ),
    min_size=5,
    max_size=40,
)
verdicts = st.lists(
    st.sampled_from([VerdictCode.OK, VerdictCode.OK, VerdictCode.NOK, VerdictCode.UNFIT, None]),
    min_size=1,
    max_size=10,
)


def where_bodies_are(bench: Bench, gone: Counter[str]) -> Counter[str]:
    core = bench.core
    assert isinstance(core, BodyLine)
    places: Counter[str] = Counter(gone)
    places.update(cell.body.id for cell in core.cells.values() if cell.body is not None)
    places.update(place.body.id for place in core.bay)
    for bodies in bench.floor.bodies.values():
        places.update(body.id for body in bodies)
    places.update(core.scrapped)
    return places


@settings(max_examples=60, deadline=None)
@given(acts=acts, verdicts=verdicts, seed=st.integers(0, 5))
def test_no_body_is_lost_or_doubled_and_no_record_is_missing(
    acts: list[tuple[str, int]], verdicts: list[VerdictCode | None], seed: int
) -> None:
    bench = a_bench(LINE, seed=seed)
    jobs = some_bodies(LINE, 10, seed=seed)
    stored(bench, *jobs)
    bench.give(*jobs)
    bodies = [job.body_id for job in jobs if job.body_id is not None]
    gone: Counter[str] = Counter()
    told = iter(verdicts * 100)

    def judge(_core: LineCore, _camera: str) -> VerdictCode | None:
        return next(told, VerdictCode.OK)

    for act, number in acts:
        core = bench.core
        match act:
            case "run":
                bench.run(number, judge=judge)
            case "down":
                core.break_down(STATIONS[number], seconds=120, reason="test")
            case "hold" | "free":
                core.set_hold(str(bodies[number]), held=act == "hold", reason="test")
            case "scrap":
                core.scrap_body(str(bodies[number]), "test")
            case "rework":
                core.store_job(a_rework(LINE, bodies[number]), start=True)
            case "cancel":
                core.cancel_job(str(jobs[number].id))
            case "make_room":
                leaving = bench.floor.bodies["pbs"][:number]
                del bench.floor.bodies["pbs"][:number]
                gone.update(body.id for body in leaving)
        bench.collect()
        assert where_bodies_are(bench, gone) == Counter(str(body) for body in bodies)
        assert len(bench.floor.waiting("pbs")) <= 12

    assert [record.seq for record in bench.records] == list(range(1, len(bench.records) + 1))
    _each_body_enters_once_and_leaves_once(bench)


def _each_body_enters_once_and_leaves_once(bench: Bench) -> None:
    entered: Counter[UUID] = Counter()
    left: Counter[UUID] = Counter()
    for record in bench.records:
        match record:
            case BodyEntered():
                entered[record.body_id] += 1
            case BodyLeft():
                left[record.body_id] += 1
            case BodyReleased(scrapped=True):
                left[record.body_id] += 1
            case _:
                continue
        assert entered[record.body_id] == 1 and left[record.body_id] <= 1


def test_the_same_seed_is_the_same_shift() -> None:
    def a_shift(seed: int) -> list[str]:
        bench = a_bench(LINE, seed=seed)
        jobs = some_bodies(LINE, 60)
        stored(bench, *jobs)
        fixed = [job.model_copy(update={"id": UUID(int=n + 1)}) for n, job in enumerate(jobs)]
        bench.give(*fixed)
        for _ in range(20):
            bench.run(60)
            bench.floor.bodies["pbs"].clear()
        return bench.texts

    first = a_shift(3)
    assert len(first) > 200
    assert first == a_shift(3)
    assert first != a_shift(4)
