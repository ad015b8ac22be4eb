"""The rules of the plant that the checker finds broken, in the reader's language.

The checker gives a code, whom it hits and figures; here they become a sentence. A code without a sentence
keeps the checker's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mes.web.translations import Language, translations
from mes.web.translations import mark as _

RULES: Mapping[str, str] = {
    # The plan as a whole
    "car.unknown": _("The plan names car %(subject)s, which nobody knows."),
    "machine.unknown": _("The plan names station %(subject)s, which nobody knows."),
    "press.unknown": _("The plan names press %(subject)s, which nobody knows."),
    "die.unknown": _("The plan names die %(subject)s, which nobody knows."),
    "shift.unknown": _("The plan names shift %(subject)s, which nobody knows."),
    "plan.other_problem": _("The plan was made for another state of the plant."),
    "plan.twice": _("%(subject)s is in the plan twice."),
    "plan.coverage": _(
        "Car %(subject)s is %(times)s times in the plan, which does not fit where it is."
    ),
    "plan.no_reason": _("Car %(subject)s is left out without a reason."),
    "plan.half": _("Car %(subject)s is painted and never assembled."),
    "times.wrong": _("The times of car %(subject)s are not those of its work."),
    "kpi.wrong": _("The plan says %(said)s for the figure %(subject)s; it is %(real)s."),
    # Assembly and paint
    "in_assembly.fact": _("Car %(subject)s is in assembly already; the plan moves it."),
    "in_paint.fact": _("Body %(subject)s is in paint already; the plan moves it."),
    "line.not_working": _("%(subject)s starts when its line does not work."),
    "line.takt": _(
        "%(subject)s starts %(apart_s)s s of work behind the one before it; %(least_s)s s are needed."
    ),
    "line.lead": _("%(subject)s does not leave its line when its work is done."),
    "assembly.unpainted": _("Car %(subject)s is assembled and never painted."),
    "assembly.too_early": _("Car %(subject)s starts assembly before its body is there."),
    "paint.twice": _("Car %(subject)s is painted already and would be painted again."),
    "paint.too_early": _("Body %(subject)s starts paint before it is there."),
    "frozen.order": _("Car %(subject)s lost its frozen place."),
    "frozen.time": _("Car %(subject)s is frozen and its start was moved."),
    "assembly.too_close": _(
        "Car %(subject)s starts %(apart)s places behind %(other)s; they have to be %(least)s apart."
    ),
    "slot.shift": _("Car %(subject)s starts in another shift (%(shift)s) than it is slotted to."),
    "paint.batch_limit": _(
        "Body %(subject)s is number %(run)s of one colour in a row, over the batch limit."
    ),
    "slot.position": _("The place of %(subject)s does not fit its start (place %(place)s)."),
    "slot.color": _("The plan paints %(subject)s in another colour than was ordered."),
    "store.painted": _(
        "Body %(subject)s leaves paint as number %(level)s in a store of %(capacity)s places."
    ),
    # Body shop
    "weld.steps": _("Body %(subject)s does not get the welding it needs."),
    "weld.order": _("Body %(subject)s starts a weld step before the one before it is done."),
    "weld.idle": _("Body %(subject)s is welded without being planned or needing it."),
    "weld.machine": _("%(machine)s cannot weld body %(subject)s."),
    "weld.duration": _("Welding body %(subject)s does not take the time it needs."),
    "weld.too_early": _("Body %(subject)s is welded before it is released."),
    "weld.overlap": _("%(subject)s welds a body before it is done with the one before."),
    "weld.fact": _("The welding of body %(subject)s has begun or is fixed; the plan moves it."),
    "store.welded": _(
        "Body %(subject)s leaves weld as number %(level)s in a store of %(capacity)s places."
    ),
    # Stores of lanes
    "lane.unknown": _("%(subject)s uses a lane that its store does not have."),
    "lane.full": _("%(subject)s is more than its lane holds."),
    "lane.twice": _("Body %(subject)s goes into its store twice."),
    "lane.not_there": _("Body %(subject)s leaves lane %(lane)s, where it does not stand."),
    "lane.blocked": _("Body %(subject)s leaves lane %(lane)s from behind another body."),
    # Press shop
    "press.not_allowed": _("Die lot %(subject)s is on %(press)s, which does not take its die."),
    "press.duration": _("Die lot %(subject)s does not take the time it needs."),
    "press.overlap": _("Die lot %(subject)s starts before its press and its die are free."),
    "press.changeover": _(
        "Die lot %(subject)s has %(setup_s)s s of changeover, which is not what it needs."
    ),
    "press.fact": _("Die lot %(subject)s runs or is fixed; the plan moves it or leaves it out."),
    "panel.missing": _("Body %(subject)s starts without its panel %(panel)s."),
    "rack.full": _("Die lot %(subject)s fills the racks with %(level)s panels; %(capacity)s fit."),
    "peg.wrong": _("Die lot %(subject)s is meant for car %(car)s, which cannot use it."),
    "peg.too_many": _("Die lot %(subject)s is meant for more cars than it has panels."),
    "peg.missing": _("%(missing)s panels %(subject)s are used that no die lot is meant for."),
    # The plan was not looked at
    "unchecked": _("The checker did not run."),
}


def broken_rule(violation: Mapping[str, Any], language: Language) -> str:
    """Return a broken rule as a sentence: `code`, `subject`, `facts`, and the checker's own `reason`."""
    sentence = RULES.get(str(violation.get("code")))
    own = str(violation.get("reason", violation.get("code", "")))
    if sentence is None:
        return own
    facts = {**(violation.get("facts") or {}), "subject": violation.get("subject", "")}
    try:
        return translations(language).gettext(sentence) % facts
    except KeyError:
        return own
