"""An independent checker: every rule of a plan restated without any of the solver's code.

Only the plain data (`aps.problem`, `aps.schedule`) is shared with the solver. A plan that has no
violations can be worked; soft rules are counted again and must equal the plan's own figures.
"""

from collections.abc import Callable

from aps.check import body, figures, lanes, lines, presses
from aps.check.facts import Known, View, Violation
from aps.problem import Problem
from aps.schedule import Schedule

__all__ = ["Checker", "Violation", "check", "check_work"]

Rule = Callable[[View], list[Violation]]

_RULES: tuple[Rule, ...] = (
    figures.the_plan_answers_this_problem,
    figures.every_car_is_planned_or_left_out_once,
    lines.cars_on_the_assembly_line_keep_their_times,
    lines.assembly_starts_a_takt_apart_in_working_time,
    lines.assembly_takes_its_lead_time,
    lines.assembly_follows_paint,
    lines.frozen_assembly_keeps_its_place_and_time,
    lines.cars_kept_apart_are_not_too_close,
    lines.each_car_starts_in_the_shift_it_is_slotted_to,
    lines.cars_on_the_paint_line_keep_their_times,
    lines.paint_starts_a_takt_apart_in_working_time,
    lines.paint_takes_its_lead_time,
    lines.paint_follows_weld,
    lines.frozen_paint_keeps_its_place,
    lines.no_color_runs_longer_than_the_batch_limit,
    lines.slots_show_position_and_color,
    lines.the_painted_store_holds_what_comes,
    lanes.bodies_pass_the_lanes_of_the_store,
    body.every_step_is_done_once_in_order,
    body.steps_take_their_time_on_an_allowed_machine,
    body.one_body_per_machine_at_a_time,
    body.running_and_frozen_operations_are_kept,
    body.the_welded_store_holds_what_comes,
    presses.lots_take_their_time_on_an_allowed_press,
    presses.one_lot_per_press_and_die_at_a_time,
    presses.the_die_is_changed_where_it_differs,
    presses.held_lots_are_kept,
    presses.panels_are_there_when_bodies_start,
    presses.racks_hold_what_is_pressed,
    presses.lots_are_pegged_to_the_cars_that_use_them,
    figures.car_times_repeat_the_plan,
    figures.the_kpis_are_true,
)

_COUNTED: frozenset[Rule] = frozenset(
    {
        figures.the_plan_answers_this_problem,
        presses.lots_are_pegged_to_the_cars_that_use_them,
        figures.car_times_repeat_the_plan,
        figures.the_kpis_are_true,
    }
)
"""Rules about what a plan says of itself, not about what the lines do."""
_RULES_OF_WORK = tuple(rule for rule in _RULES if rule not in _COUNTED)


class Checker:
    """The checker of one problem, which reads it once and checks as many plans of it as are asked."""

    def __init__(self, problem: Problem) -> None:
        self._known = Known(problem)

    def check(
        self, schedule: Schedule, *, reference: Schedule | None = None
    ) -> tuple[Violation, ...]:
        """Return every violation of a plan, as `check` does."""
        return self._checked(schedule, reference, _RULES)

    def check_work(self, schedule: Schedule) -> tuple[Violation, ...]:
        """Return every violation in what the lines do, as `check_work` does."""
        return self._checked(schedule, None, _RULES_OF_WORK)

    def _checked(
        self, schedule: Schedule, reference: Schedule | None, rules: tuple[Rule, ...]
    ) -> tuple[Violation, ...]:
        view = View(self._known, schedule, reference)
        broken = figures.names_that_do_not_exist(view)
        if broken:
            return tuple(broken)
        return tuple(violation for rule in rules for violation in rule(view))


def check(
    problem: Problem, schedule: Schedule, *, reference: Schedule | None = None
) -> tuple[Violation, ...]:
    """Return every violation of a plan; none means that it can be worked.

    `reference` is the plan against which `Kpis.moved_cars` was counted, if it was.
    """
    return Checker(problem).check(schedule, reference=reference)


def check_work(problem: Problem, schedule: Schedule) -> tuple[Violation, ...]:
    """Return every violation in what the lines do; pegs, car times and figures are not looked at."""
    return Checker(problem).check_work(schedule)
