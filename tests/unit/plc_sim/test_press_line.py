"""Die lots, racks and the panels that are judged."""

from __future__ import annotations

from mes.contracts.dispatch import JobState
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.quality import VerdictCode
from plc_sim.core.line import LineCore
from plc_sim.core.press_line import PressLine
from tests.support.lines import Bench, a_bench, a_body_job, a_die_lot

CHANGEOVER_S = 60
STROKE_S = 2


def a_press(panels: int = 20) -> Bench:
    return a_bench("press-1", panels=panels)


def test_a_lot_becomes_racks_after_the_changeover() -> None:
    bench = a_press()
    bench.give(a_die_lot("press-1", "c1-hood", 60))
    bench.run(CHANGEOVER_S - 1)
    assert {(cell.word, cell.reason) for cell in bench.core.cells.values()} == {
        ("idle", "die_change")
    }
    bench.run(60 * STROKE_S + 60)
    racks = bench.of_kind("rack_filled")
    assert [(r.panel, r.quantity, r.held) for r in racks] == [("c1-hood", 20, False)] * 3
    assert bench.floor.panels("c1-hood") == 20 + 60
    last = bench.of_kind("job_state")[-1]
    assert (last.state, last.good) == (JobState.COMPLETED, 60)


def test_a_second_lot_of_the_same_die_needs_no_changeover() -> None:
    bench = a_press()
    bench.give(a_die_lot("press-1", "c1-hood", 20), a_die_lot("press-1", "c1-hood", 20, sequence=1))
    bench.run(CHANGEOVER_S + 40 * STROKE_S + 20)
    assert len(bench.of_kind("rack_filled")) == 2


def test_a_bad_panel_holds_its_racks_back_to_the_last_good_check() -> None:
    bench = a_press()
    checks = iter([VerdictCode.OK, VerdictCode.OK, VerdictCode.NOK, VerdictCode.OK, VerdictCode.OK])

    def judge(_core: LineCore, _camera: str) -> VerdictCode | None:
        return next(checks, VerdictCode.OK)

    bench.give(a_die_lot("press-1", "c1-hood", 80))
    bench.run(CHANGEOVER_S + 80 * STROKE_S + 60, judge=judge)
    held = [record for record in bench.of_kind("rack_filled") if record.held]
    assert len(held) == 1
    rack = held[0].rack
    assert bench.core.set_hold(rack, held=True, reason="x") == "already_done"
    assert bench.core.set_hold(rack, held=False, reason="false call") == "ok"
    assert bench.core.set_hold("no-such-rack", held=False, reason="") == "unknown_rack"


def test_held_racks_are_not_built_in() -> None:
    bench = a_bench("body-sub", panels=5)
    bench.floor.racks[:] = [rack for rack in bench.floor.racks if rack.panel != "c1-side"]
    bench.give(a_body_job("body-sub", 1, model="C1"))
    bench.run(120)
    assert bench.core.cells["body-side-1"].reason == "no_panel"


def test_after_a_die_change_the_first_panel_is_judged_before_the_line_goes_on() -> None:
    bench = a_press()

    def silent(_core: LineCore, _camera: str) -> VerdictCode | None:
        return None

    bench.give(a_die_lot("press-1", "c1-hood", 60))
    bench.run(CHANGEOVER_S + 30, judge=silent)
    assert bench.core.good == 1
    bench.run(20)
    assert bench.core.good > 5


def test_racks_wait_for_a_judgement_and_the_last_panel_is_shown_again() -> None:
    bench = a_press()

    def silent(_core: LineCore, _camera: str) -> VerdictCode | None:
        return None

    bench.give(a_die_lot("press-1", "c1-hood", 20))
    bench.run(CHANGEOVER_S + 300, judge=silent)
    assert not bench.of_kind("rack_filled")
    bench.run(400)
    assert len(bench.of_kind("rack_filled")) == 1


def test_a_full_panel_store_blocks_the_press() -> None:
    bench = a_press(panels=235)
    bench.give(a_die_lot("press-1", "c1-hood", 60))
    bench.run(300)
    assert bench.core.cells["press-1-draw"].reason == "panel_store_full"


def test_a_stopped_lot_keeps_its_panels_and_an_aborted_one_ends() -> None:
    bench = a_press()
    lot = a_die_lot("press-1", "c1-hood", 60)
    bench.give(lot)
    bench.run(CHANGEOVER_S + 30)
    assert isinstance(bench.core, PressLine)
    made = bench.core.good
    assert bench.core.stop_job(str(lot.id)) is ReturnStatus.NO_ERROR
    assert bench.core.stop_job(str(lot.id)).word == "already_done"
    bench.run(60)
    assert bench.floor.panels("c1-hood") == 20 + made
    other = a_die_lot("press-1", "s2-hood", 60, sequence=1)
    bench.give(other)
    assert bench.core.abort_job(str(other.id)) is ReturnStatus.NO_ERROR
    bench.collect()
    assert bench.of_kind("job_state")[-1].state is JobState.ABORTED
