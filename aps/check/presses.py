"""The rules of the press shop: lots, dies, panel stock, racks, pegging."""

import numpy as np

from aps.check.facts import View, Violation, broken
from aps.problem import HeldLot
from aps.schedule import DieLot


def _running(view: View) -> dict[str, HeldLot]:
    return {lot.id: lot for lot in view.problem.press.held_lots if lot.start_s <= 0}


def _by_press(view: View) -> dict[str, list[DieLot]]:
    lots: dict[str, list[DieLot]] = {}
    for lot in sorted(view.schedule.press, key=lambda one: (one.start_s, one.end_s)):
        lots.setdefault(lot.press, []).append(lot)
    return lots


def _stamping_s(view: View, lot: DieLot) -> int:
    press = next(p for p in view.problem.press.presses if p.id == lot.press)
    return -(-lot.quantity * 60 // press.strokes_per_min)


def lots_take_their_time_on_an_allowed_press(view: View) -> list[Violation]:
    """Changeover and one stroke a panel, in working time, on a press that takes the die."""
    dies = {die.panel_type: die for die in view.problem.press.dies}
    calendars = {p.id: view.calendars[p.calendar] for p in view.problem.press.presses}
    running = _running(view)
    held = {lot.id for lot in view.problem.press.held_lots}
    found = []
    for lot in view.schedule.press:
        if lot.id in running:
            continue
        if lot.press not in dies[lot.panel_type].presses and lot.id not in held:
            sentence = f"Lot {lot.id} is on {lot.press}, which does not take its die."
            found.append(broken("press.not_allowed", lot.id, sentence, press=lot.press))
        clock = calendars[lot.press]
        end = clock.after(lot.start_s, lot.setup_s + _stamping_s(view, lot))
        if lot.quantity <= 0 or not clock.working(lot.start_s) or end != lot.end_s:
            sentence = f"Lot {lot.id} begun at {lot.start_s} ends at {end}, not at {lot.end_s}."
            found.append(broken("press.duration", lot.id, sentence, end_s=lot.end_s))
    return found


def one_lot_per_press_and_die_at_a_time(view: View) -> list[Violation]:
    """No two lots overlap on a press, nor two lots of the one die of a panel type."""
    found = []
    busy: dict[str, DieLot] = {}
    for lot in sorted(view.schedule.press, key=lambda one: (one.start_s, one.end_s)):
        for resource in (f"press {lot.press}", f"die {lot.panel_type}"):
            before = busy.get(resource)
            if before is not None and lot.start_s < before.end_s:
                sentence = f"{resource} makes lot {lot.id} before it is done with {before.id}."
                found.append(broken("press.overlap", lot.id, sentence, start_s=lot.start_s))
            busy[resource] = lot
    return found


def the_die_is_changed_where_it_differs(view: View) -> list[Violation]:
    """A changeover exactly where the lot before had another die, as long as from that die to this one."""
    usual = {die.panel_type: die.changeover_s for die in view.problem.press.dies}
    pairs = {
        (before, die.panel_type): seconds
        for die in view.problem.press.dies
        for before, seconds in die.changeovers
    }
    mounted = {press.id: press.mounted for press in view.problem.press.presses}
    running = _running(view)
    found = []
    for press, lots in _by_press(view).items():
        last = mounted[press]
        for lot in lots:
            need = pairs.get((last or "", lot.panel_type), usual[lot.panel_type])
            if lot.panel_type == last or lot.id in running:
                need = 0
            if lot.setup_s != need:
                sentence = f"Lot {lot.id} has {lot.setup_s} s of changeover and needs {need} s."
                found.append(broken("press.changeover", lot.id, sentence, setup_s=lot.setup_s))
            last = lot.panel_type
    return found


def held_lots_are_kept(view: View) -> list[Violation]:
    """A running lot keeps its times; a frozen one its press, not before its time."""
    calendars = {p.id: view.calendars[p.calendar] for p in view.problem.press.presses}
    planned = {lot.id: lot for lot in view.schedule.press}
    found = []
    for held in view.problem.press.held_lots:
        lot = planned.get(held.id)
        if lot is None:
            # A frozen lot whose racks have no room any more, or no time, is not made.
            if held.start_s <= 0:
                found.append(
                    broken("press.fact", held.id, f"Lot {held.id} runs, the plan has none.")
                )
            continue
        same = (lot.press, lot.panel_type, lot.quantity) == (
            held.press,
            held.panel_type,
            held.quantity,
        )
        if held.start_s <= 0:
            left = held.left_s if held.left_s is not None else _stamping_s(view, lot)
            end = calendars[held.press].after(0, left)
            same = same and (lot.start_s, lot.end_s) == (held.start_s, end)
        if not same or lot.start_s < held.start_s:
            sentence = f"Lot {held.id} is fixed on {held.press} and moved."
            found.append(broken("press.fact", held.id, sentence, start_s=held.start_s))
    return found


def panels_are_there_when_bodies_start(view: View) -> list[Violation]:
    """Stock of a panel type never falls below nothing."""
    stock = dict(view.problem.press.stock)
    found = []
    for panel in sorted({*stock, *(die.panel_type for die in view.problem.press.dies)}):
        changes = view.panel_changes(panel)
        level = stock.get(panel, 0) + np.cumsum(changes.panels)
        for at in np.flatnonzero((level < 0) & (changes.panels < 0)).tolist():
            who = view.named(int(changes.who[at]))
            sentence = f"Body {who} starts at {changes.t[at]} without its {panel}."
            found.append(broken("panel.missing", who, sentence, panel=panel, stock=int(level[at])))
    return found


def racks_hold_what_is_pressed(view: View) -> list[Violation]:
    """A lot comes only when the racks have room for it; bodies that start then make room."""
    stock = dict(view.problem.press.stock)
    running = _running(view)
    found = []
    for die in view.problem.press.dies:
        changes = view.panel_changes(die.panel_type)
        levels = stock.get(die.panel_type, 0) + np.cumsum(changes.panels)
        for lot in view.schedule.press:
            if lot.panel_type != die.panel_type or lot.id in running:
                continue
            # What has come and gone by then: the lot itself is among it.
            level = int(levels[np.searchsorted(changes.t, lot.end_s, side="right") - 1])
            if level > die.rack_capacity:
                sentence = f"Lot {lot.id} fills the racks with {level} {die.panel_type}."
                found.append(
                    broken("rack.full", lot.id, sentence, level=level, capacity=die.rack_capacity)
                )
    return found


def lots_are_pegged_to_the_cars_that_use_them(view: View) -> list[Violation]:
    """A pegged car uses the panel, once, after the lot is there; lots do not promise too much."""
    starts = {car_id: t for t, car_id in view.launches}
    pegged: dict[tuple[str, str], int] = {}
    found = []
    for lot in view.schedule.press:
        least = 0
        for car_id in lot.pegged:
            need = dict(view.cars[car_id].panels).get(lot.panel_type, 0)
            if not need or car_id not in starts or starts[car_id] < lot.end_s:
                sentence = f"Lot {lot.id} is pegged to {car_id}, which cannot use it."
                found.append(broken("peg.wrong", lot.id, sentence, car=car_id))
            pegged[lot.panel_type, car_id] = pegged.get((lot.panel_type, car_id), 0) + 1
            least += 1
        if least > lot.quantity:
            found.append(
                broken("peg.too_many", lot.id, f"Lot {lot.id} is pegged to too many cars.")
            )
    stock = dict(view.problem.press.stock)
    for panel in sorted({die.panel_type for die in view.problem.press.dies}):
        free = stock.get(panel, 0)
        for _, car_id in view.launches:
            need = dict(view.cars[car_id].panels).get(panel, 0)
            if need and (panel, car_id) not in pegged:
                free -= need
        if free < 0:
            sentence = f"{-free} {panel} are used that no lot is pegged for."
            found.append(broken("peg.missing", panel, sentence, missing=-free))
    return found
