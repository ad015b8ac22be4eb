"""Why the planner's library left a car out, or finishes it late, in the words of the plant.

The library gives a code and facts with seconds from the plan's anchor; here they become sentences with
plant times, in both languages. A code without a sentence keeps the library's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mes.web.formats import Formats
from mes.web.names import PlantNames
from mes.web.translations import mark as _
from mes.web.translations import translations

_SENTENCES: Mapping[str, str] = {
    # Left out of the plan
    "calendar.assembly": _("Assembly has no working time left for it."),
    "calendar.paint": _("The paint shop has no working time left for it."),
    "calendar.weld": _("The body shop has no working time left for it."),
    "press.no_panels": _("Panels it needs are neither in stock nor in a die lot that fits."),
    "slot.capacity": _("Every shift it could start in is full."),
    "assembly.too_close": _("No place keeps it as far from other cars as it has to be."),
    "paint.batch_limit": _("Its colour would have to run longer than the batch limit."),
    "store.no_lane": _(
        "It is frozen to go before bodies that stand in front of it in the store's lanes."
    ),
    "orders.blocked": _("The orders of the lines around it wait for each other."),
    "never_started": _("A stage before assembly has no time for it."),
    # Late
    "promise.unreachable": _(
        "Even alone in the plant it would be finished only on %(earliest_s)s."
    ),
    "assembly.started": _(
        "It is on the assembly line since %(start_s)s; the rest of the line takes its time."
    ),
    "frozen": _("Its place in assembly is frozen at %(start_s)s."),
    "assembly.waits_for_body": _(
        "Assembly takes it as soon as it leaves paint on %(paint_end_s)s."
    ),
    "paint.started": _("It is in paint since %(start_s)s."),
    "paint.waits_for_body": _("Paint takes it as soon as it is welded on %(weld_end_s)s."),
    "paint.batch": _("A batch of %(bodies)s bodies in %(color)s is painted before it."),
    "press.lot": _("Its panels come from a die lot that is ready on %(end_s)s."),
    "weld.capacity": _("It waits %(wait_s)s for the welding of %(ahead)s bodies before it."),
    "held": _("It is held or in rework until %(release_s)s."),
    "calendar": _("The line does not work before %(start_s)s."),
    "assembly.capacity": _(
        "Assembly takes %(ahead)s cars before it; %(as_urgent)s of them are as urgent."
    ),
    "paint.capacity": _(
        "Paint takes %(ahead)s bodies before it; %(as_urgent)s of them are as urgent."
    ),
    "ratio.cap": _(
        "%(count)s cars of its shift have the same option; %(cap)s fit the ratio rule %(rule)s."
    ),
    "spacing.hard": _(
        "At each of the %(places)s places where it would be in time, a car stands closer than the "
        "%(gap)s places that rule %(rule)s keeps."
    ),
    "spacing.soft": _(
        "At each of the %(places)s places where it would be in time, it would break the spacing rule "
        "%(rule)s (%(gap)s places)."
    ),
    # What would help
    "change.closer_cars": _("Cars of rule %(rule)s may be %(places)s places closer."),
    "change.rush": _("It goes before others in the sequence."),
    "change.overtime": _("Overtime from %(start_s)s to %(end_s)s: %(lines)s."),
    "change.hold_ends": _("Its hold or rework is over by %(release_s)s."),
    "change.unfrozen": _("%(cars)s frozen cars before it, or itself, are released for planning."),
    "change.more_panels": _("%(pieces)s more panels %(panel)s are there at the start."),
    "change.extra_machine": _("A second station does the work of %(machine)s."),
    "change.more_store": _("The body stores hold %(places)s bodies more."),
    "change.longer_batch": _("Runs of one colour may be %(bodies)s bodies longer."),
    "change.later_promise": _("It is promised for %(due_s)s."),
}
_BODY_SHOP = _("body shop")
_FULL = _("A body store is full of bodies that are not leaving it.")
_WAS_FULL = _("The painted body store was full with %(capacity)s bodies when it came.")
_DURATIONS = frozenset({"wait_s"})


def plan_reason(
    reason: Mapping[str, Any], f: Formats, names: PlantNames, *, anchor: datetime
) -> str:
    """Return a reason as a sentence; `anchor` is second 0 of its plan, plant time."""
    code, facts = str(reason.get("code", "")), dict(reason.get("facts") or {})
    sentence = _SENTENCES.get(code)
    if code == "store.full":
        sentence = _WAS_FULL if "capacity" in facts else _FULL
    if sentence is None:
        return str(reason.get("reason", code))
    shown = {key: _fact(key, value, f, names, anchor) for key, value in facts.items()}
    try:
        return translations(f.language).gettext(sentence) % shown
    except KeyError:
        return str(reason.get("reason", code))


def _fact(key: str, value: object, f: Formats, names: PlantNames, anchor: datetime) -> str:
    if key in _DURATIONS and isinstance(value, int):
        return f.duration(value)
    if key.endswith("_s") and isinstance(value, int):
        return f.plain(anchor + timedelta(seconds=value))
    if key == "lines":
        named = (f._(_BODY_SHOP) if one == "weld" else names(one) for one in str(value).split(", "))
        return ", ".join(named)
    return names(str(value))
