"""When lines work."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from mes.contracts.plant import Break, Calendar, Shift
from mes.contracts.text import Text
from plc_sim.core.worktime import WorkTime
from tests.support.lines import MONDAY, a_bench, a_body_job, plant_of, stored

ZONE = ZoneInfo("Asia/Shanghai")
NAME = Text(en="shift", zh="班")


def at(day: int, hour: int, minute: int = 0) -> float:
    return datetime(2026, 3, day, hour, minute, tzinfo=ZONE).timestamp()


def a_night() -> WorkTime:
    night = Shift(
        code="night",
        name=NAME,
        start=time(22),
        end=time(6),
        days=("mon",),
        breaks=(Break(start=time(23, 50), end=time(0, 10)), Break(start=time(2), end=time(2, 30))),
    )
    return WorkTime(Calendar(id="nights", shifts=(night,)), "Asia/Shanghai")


def test_a_night_shift_runs_over_midnight_with_its_breaks() -> None:
    night = a_night()
    edges, moment = [], at(2, 12)
    for _ in range(6):
        moment = night.next_change(moment)
        edges.append(moment)
    assert edges == [at(2, 22), at(2, 23, 50), at(3, 0, 10), at(3, 2), at(3, 2, 30), at(3, 6)]
    assert [night.is_open(edge) for edge in edges] == [True, False, True, False, True, False]


def test_one_shift_that_follows_another_is_no_change() -> None:
    calendar = next(c for c in plant_of("mini").calendars)
    work = WorkTime(calendar, "Asia/Shanghai")
    assert work.is_open(at(2, 18)) and work.next_change(at(2, 12)) > at(3, 12)


def test_a_line_stands_idle_in_a_break_and_its_cycles_wait() -> None:
    plant = plant_of("demo")
    bench = a_bench("paint", plant=plant)
    job = a_body_job("paint", 1)
    stored(bench, job)
    bench.give(job)
    bench.run(at(2, 10, 30) - MONDAY - 30)
    done = len(bench.of_kind("operation_done"))
    bench.run(10 * 60)
    assert {cell.word for cell in bench.core.cells.values()} == {"idle"}
    assert bench.core.word == "idle"
    assert len(bench.of_kind("operation_done")) <= done + 1
