"""Moving cars by hand: drag, keys, conflicts, undo, lock, the tray, publishing with a note."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mes.planning import service as planning
from tests.e2e.conftest import Plant

FREE = """(line) => {
  const b = document.querySelector("mes-gantt").board;
  const row = b.rows.findIndex((one) => one.order === line);
  const free = [];
  for (let i = b.firstOfRow[row]; i < b.firstOfRow[row + 1]; i++)
    if (!b.held(i)) free.push({ i, id: b.id[i], car: b.car[i], start: b.start[i] });
  return free;
}"""
ORDER = """(line) => {
  const b = document.querySelector("mes-gantt").board;
  const row = b.rows.findIndex((one) => one.order === line);
  return b.car.slice(b.firstOfRow[row], b.firstOfRow[row + 1]);
}"""
SPOT = """(id) => {
  const gantt = document.querySelector("mes-gantt");
  const box = gantt.barRect(id);
  const at = gantt.canvas.getBoundingClientRect();
  return { x: at.x + box.x + box.width / 2, y: at.y + box.y + box.height / 2, width: box.width };
}"""

PUT_LAST = """(car) => {
  const gantt = document.querySelector("mes-gantt");
  gantt.hand.make(car, gantt.board.rows.findIndex((one) => one.order === "assembly"), -1);
}"""


def by_hand(plant: Plant, *, language: str = "en") -> Page:
    page = plant.page("planner", language=language)
    page.goto(f"{plant.url}/plan")
    expect(page.locator("mes-gantt")).to_have_attribute("data-bars", re.compile("[1-9]"))
    page.click("#by-hand")
    expect(page.locator("#hand")).to_be_visible()
    return page


LOCKS = "(n) => document.querySelector('mes-gantt').board.locks.size === n"


def free(page: Page, line: str = "assembly") -> list[dict[str, Any]]:
    bars: list[dict[str, Any]] = page.evaluate(FREE, line)
    return bars


def order(page: Page, line: str = "assembly") -> list[str]:
    cars: list[str] = page.evaluate(ORDER, line)
    return cars


def settled(page: Page, moves: int) -> None:
    """Wait until the trial of so many moves is shown."""
    page.wait_for_function(
        "(n) => { const h = document.querySelector('mes-gantt').hand;"
        " return h.moves.length === n && (n === 0 ? !h.answer : h.answer?.moved !== undefined"
        " && document.querySelector('mes-gantt').trial) }",
        arg=moves,
    )


def look_at(page: Page, bars: list[dict[str, Any]]) -> None:
    page.evaluate(
        "([a, b]) => document.querySelector('mes-gantt').show(a - 60, b + 120)",
        [bars[0]["start"], bars[-1]["start"]],
    )


def choose(page: Page, bar: dict[str, Any]) -> None:
    page.evaluate("(i) => document.querySelector('mes-gantt').focusBar(i)", bar["i"])
    page.focus(".gantt-plane")


@pytest.mark.parametrize("line", ["assembly", "paint"])
def test_a_bar_is_dragged_in_front_of_another_and_undone(plant: Plant, line: str) -> None:
    page = by_hand(plant)
    bars = free(page, line)[2:10]
    before = order(page, line)
    look_at(page, bars)
    start, goal = page.evaluate(SPOT, bars[6]["id"]), page.evaluate(SPOT, bars[2]["id"])
    page.mouse.move(start["x"], start["y"])
    page.mouse.down()
    page.mouse.move(goal["x"], goal["y"], steps=6)
    page.mouse.move(goal["x"] - goal["width"] * 0.4, goal["y"])
    expect(page.locator(".gantt-tip")).to_be_visible()
    page.mouse.up()
    settled(page, 1)
    after = order(page, line)
    assert after != before
    assert after.index(bars[6]["car"]) < after.index(bars[2]["car"])
    assert [c for c in after if c != bars[6]["car"]] == [c for c in before if c != bars[6]["car"]]
    page.click("[data-hand=undo]")
    settled(page, 0)
    assert order(page, line) == before
    page.click("[data-hand=redo]")
    settled(page, 1)
    assert order(page, line) == after


def test_the_body_shop_is_put_in_another_order_by_keys(plant: Plant) -> None:
    page = by_hand(plant, language="zh")
    bars = free(page, "weld")
    choose(page, bars[4])
    page.keyboard.press("Shift+ArrowLeft")
    settled(page, 1)
    assert page.evaluate("document.querySelector('mes-gantt').hand.moves[0].line") == "weld"
    answer = page.evaluate("document.querySelector('mes-gantt').hand.answer")
    assert [one["text"] for one in answer["conflicts"] if one["hard"]] == []
    page.keyboard.press("l")
    expect(page.locator("#hand-said")).to_contain_text("已锁定")
    page.wait_for_function(LOCKS, arg=1)
    page.keyboard.press("z")
    settled(page, 0)
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=0)


def test_bars_are_coloured_by_how_long_their_work_can_wait(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/plan?by=criticality")
    expect(page.locator("mes-gantt")).to_have_attribute("data-bars", re.compile("[1-9]"))
    expect(page.locator("#legend")).to_contain_text("Later than needed")
    groups = page.evaluate(
        "[...new Set(document.querySelector('mes-gantt').board.criticalities())]"
    )
    assert set(groups) - {0}
    page.click("[data-by=lateness]")
    expect(page.locator("#legend")).to_contain_text("Under 2 h in hand")


def test_keys_move_a_car_and_take_it_back(plant: Plant) -> None:
    page = by_hand(plant)
    bar = free(page)[5]
    before = order(page)
    choose(page, bar)
    page.keyboard.press("Shift+ArrowLeft")
    settled(page, 1)
    assert order(page).index(bar["car"]) == before.index(bar["car"]) - 1
    page.keyboard.press("z")
    settled(page, 0)
    assert order(page) == before
    page.keyboard.press("y")
    settled(page, 1)


def test_what_is_frozen_is_not_moved_and_says_so(plant: Plant) -> None:
    page = by_hand(plant)
    frozen = page.evaluate(
        """() => { const b = document.querySelector("mes-gantt").board;
          return b.frozen.findIndex((f, i) => f && b.rows[b.row[i]].order === "assembly"); }"""
    )
    assert frozen >= 0
    choose(page, {"i": frozen})
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#hand-said")).to_contain_text(re.compile("frozen|begun"))
    assert page.evaluate("document.querySelector('mes-gantt').hand.moves.length") == 0


def test_a_lock_is_kept_with_the_plan_for_everybody_and_what_breaks_it_is_not_published(
    plant: Plant,
) -> None:
    page = by_hand(plant, language="zh")
    bars = free(page)
    choose(page, bars[3])
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=1)
    other = by_hand(plant)
    other.wait_for_function(LOCKS, arg=1)
    choose(other, next(bar for bar in free(other) if bar["id"] == bars[3]["id"]))
    expect(other.locator("mes-gantt [aria-live]")).to_contain_text("locked by planner since")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#hand-said")).to_contain_text("已锁定")
    page.evaluate(PUT_LAST, bars[3]["car"])
    expect(page.locator("#conflicts")).to_contain_text("已锁定")
    expect(page.locator("#hand-result [data-hard]")).to_be_visible()
    expect(page.locator("[data-publish]")).to_be_disabled()
    page.keyboard.press("z")
    settled(page, 0)
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=0)
    page.keyboard.press("z")
    page.wait_for_function(LOCKS, arg=1)
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=0)
    assert plant.value("SELECT count(*) FROM plan_lock") == 0


def test_a_car_and_all_that_starts_in_view_are_locked(plant: Plant) -> None:
    page = by_hand(plant)
    bars = free(page)
    choose(page, bars[-1])
    page.keyboard.press("k")
    page.wait_for_function(LOCKS, arg=2)
    page.keyboard.press("k")
    page.wait_for_function(LOCKS, arg=0)
    look_at(page, bars[4:9])
    page.click("[data-hand=lockView]")
    page.wait_for_function("() => document.querySelector('mes-gantt').board.locks.size >= 5")
    assert plant.value("SELECT count(*) FROM plan_lock") >= 5
    page.click("[data-hand=lockView]")
    page.wait_for_function(LOCKS, arg=0)


def test_a_late_car_is_told_before_it_is_published(plant: Plant) -> None:
    page = by_hand(plant, language="zh")
    bars = free(page)
    page.evaluate(PUT_LAST, bars[0]["car"])
    settled(page, 1)
    assert order(page)[-1] == bars[0]["car"]
    late = page.evaluate("document.querySelector('mes-gantt').hand.answer.late")
    if bars[0]["car"] in late:
        expect(page.locator("#conflicts")).to_contain_text("延迟")


def test_moves_are_published_with_a_note_and_show_the_difference(plant: Plant) -> None:
    page = by_hand(plant)
    number = plant.value("SELECT number FROM plan WHERE state = 'published'")
    bar = free(page)[6]
    choose(page, bar)
    page.keyboard.press("Shift+ArrowLeft")
    settled(page, 1)
    page.fill("#hand-note", "the customer waits at the gate")
    page.click("[data-publish]")
    page.wait_for_url("**/plan/versions/*")
    row = "SELECT number || '|' || note || '|' || cause FROM plan WHERE state = 'published'"
    assert plant.value(row) == f"{number + 1}|the customer waits at the gate|by hand"
    expect(page.locator("main")).to_contain_text("moved by hand on the board")
    expect(page.locator("main")).to_contain_text(f"against plan {number}")
    assert plant.value("SELECT violations FROM plan WHERE state = 'published'") == []


def test_the_load_of_a_shift_leads_to_its_cars(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/plan")
    expect(page.locator("mes-gantt")).to_have_attribute("data-bars", re.compile("[1-9]"))
    cell = page.locator("#load [data-option]").first
    option = cell.get_attribute("data-option")
    cell.click()
    expect(page.locator("mes-gantt")).to_have_attribute("by", f"option:{option}")
    expect(page.locator("#legend")).to_contain_text("without")


def test_a_dealer_cannot_try_or_publish_moves(plant: Plant) -> None:
    page = plant.page("dealer")
    page.goto(f"{plant.url}/orders")
    token = page.get_attribute('meta[name="csrf-token"]', "content") or ""
    for path in ("tries", "moves"):
        answer = page.request.post(
            f"{plant.url}/api/plan/board/{path}",
            data={"moves": [], "note": "x"},
            headers={"X-CSRF-Token": token},
        )
        assert answer.status == 403


def row_of(page: Page, bar_id: str) -> str:
    line: str = page.evaluate(
        "(id) => { const b = document.querySelector('mes-gantt').board;"
        " return b.rows[b.row[b.index.get(id)]].id }",
        bar_id,
    )
    return line


async def die_lots_to_make(plant: Plant) -> None:
    """Take the panels away and let planning answer."""
    async with plant.shown.database.write() as conn:
        await conn.execute("UPDATE rack SET remaining = 0")
        await planning.repair(conn, now=plant.shown.clock.now())


def test_a_die_lot_is_dragged_to_the_other_press_and_back_by_keys(plant: Plant) -> None:
    plant.do(die_lots_to_make(plant))
    page = by_hand(plant)
    lots = page.evaluate(
        """() => { const b = document.querySelector("mes-gantt").board;
          return b.id.map((id, i) => ({ i, id, start: b.start[i], row: b.row[i] }))
            .filter(({ i, row }) => b.rows[row].order === "press" && !b.held(i)); }"""
    )
    lot = max(lots, key=lambda one: one["start"])
    other = next(
        line
        for line in page.evaluate(
            "document.querySelector('mes-gantt').board.rows"
            ".filter((row) => row.order === 'press').map((row) => row.id)"
        )
        if line != row_of(page, lot["id"])
    )
    page.evaluate(
        "(at) => document.querySelector('mes-gantt').show(at - 9000, at + 9000)", lot["start"]
    )
    start = page.evaluate(SPOT, lot["id"])
    height = 46 if lot["row"] == 0 else -46
    page.mouse.move(start["x"], start["y"])
    page.mouse.down()
    page.mouse.move(start["x"] + 20, start["y"] + height / 2, steps=3)
    page.mouse.move(start["x"] + 30, start["y"] + height, steps=3)
    expect(page.locator(".gantt-tip")).to_contain_text(re.compile("fits|warnings"))
    page.mouse.up()
    settled(page, 1)
    assert row_of(page, lot["id"]) == other
    page.click("[data-hand=undo]")
    settled(page, 0)
    assert row_of(page, lot["id"]) != other
    choose(page, lot)
    page.keyboard.press("Shift+ArrowDown" if lot["row"] == 0 else "Shift+ArrowUp")
    settled(page, 1)
    assert row_of(page, lot["id"]) == other


FREE_LOTS = """() => {
  const b = document.querySelector("mes-gantt").board;
  return b.id.map((id, i) => ({ i, id, car: b.car[i], start: b.start[i], end: b.end[i], row: b.row[i] }))
    .filter(({ i, row }) => b.rows[row].order === "press" && !b.held(i));
}"""
START = "(id) => { const b = document.querySelector('mes-gantt').board; return b.start[b.index.get(id)]; }"
PLACE = "(id) => document.querySelector('mes-gantt').board.index.get(id)"
PX = "(s) => s / document.querySelector('mes-gantt').view.perPx"


async def repaired(plant: Plant) -> None:
    async with plant.shown.database.write() as conn:
        await planning.repair(conn, now=plant.shown.clock.now())


def test_a_die_lot_is_parked_later_published_and_still_there_after_a_repair(plant: Plant) -> None:
    plant.do(die_lots_to_make(plant))
    page = by_hand(plant)
    lot = max(page.evaluate(FREE_LOTS), key=lambda one: one["start"])
    look_at(page, [{"start": lot["start"] - 3600}, {"start": lot["start"] + 4 * 3600}])
    spot = page.evaluate(SPOT, lot["id"])
    later = page.evaluate(PX, 2 * 3600)
    page.mouse.move(spot["x"], spot["y"])
    page.mouse.down()
    page.mouse.move(spot["x"] + later / 2, spot["y"], steps=3)
    page.mouse.move(spot["x"] + later, spot["y"], steps=3)
    page.mouse.up()
    settled(page, 1)
    put = page.evaluate("document.querySelector('mes-gantt').hand.moves[0].not_before")
    assert put
    assert page.evaluate(START, lot["id"]) >= lot["start"] + 2 * 3600 - 300
    choose(page, {"i": page.evaluate(PLACE, lot["id"])})
    expect(page.locator("mes-gantt [aria-live]")).to_contain_text("not before")
    page.keyboard.press("z")
    settled(page, 0)
    assert page.evaluate(START, lot["id"]) == lot["start"]
    page.keyboard.press("y")
    settled(page, 1)
    dropped = page.evaluate(START, lot["id"])
    page.keyboard.press(".")
    page.wait_for_function(f"([id, time]) => ({START})(id) >= time", arg=[lot["id"], dropped + 840])
    parked = page.evaluate(START, lot["id"])
    page.fill("#hand-note", "the press is cleaned before")
    page.click("[data-publish]")
    page.wait_for_url("**/plan/versions/*")
    plant.do(repaired(plant))
    page = by_hand(plant)
    assert page.evaluate(START, lot["id"]) >= parked - 60
    choose(page, {"i": page.evaluate(PLACE, lot["id"])})
    expect(page.locator("mes-gantt [aria-live]")).to_contain_text("put there by planner")
    page.keyboard.press("Enter")
    expect(page.locator("#pane")).to_contain_text("not before")
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=0)
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=1)
    assert plant.value("SELECT lot_id FROM plan_lock WHERE to_at IS NOT NULL") == lot["car"]
    page.keyboard.press(".")
    expect(page.locator("#hand-said")).to_contain_text("locked")
    page.keyboard.press("l")
    page.wait_for_function(LOCKS, arg=0)


def test_a_lot_dropped_where_another_one_runs_is_shown_with_the_reasons(plant: Plant) -> None:
    plant.do(die_lots_to_make(plant))
    page = by_hand(plant, language="zh")
    rows: dict[int, list[dict[str, Any]]] = {}
    for one in page.evaluate(FREE_LOTS):
        rows.setdefault(one["row"], []).append(one)
    first, second = next(
        sorted(r, key=lambda x: x["start"])[:2] for r in rows.values() if len(r) > 1
    )
    page.evaluate(
        """([car, row, before, time]) => {
          const g = document.querySelector("mes-gantt");
          g.hand.make(car, row, g.board.index.get(before), time);
        }""",
        [second["car"], second["row"], second["id"], (first["start"] + first["end"]) / 2],
    )
    settled(page, 1)
    expect(page.locator("#conflicts")).to_contain_text("无法在放下的时间开始")
    expect(page.locator("#hand-result [data-soft]")).to_be_visible()
    page.keyboard.press("Escape")
