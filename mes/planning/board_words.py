"""What a trial on the board answers: changed bars by id, conflicts in the reader's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mes.planning.bridge import Conflict, Tried
from mes.planning.model import Plan
from mes.web.formats import Formats
from mes.web.names import CatalogNames, PlantNames
from mes.web.plan_reasons import plan_reason
from mes.web.plan_rules import broken_rule
from mes.web.translations import mark as _

SENTENCES = {
    "move.frozen": _("%(car)s is frozen: its work is at the line already."),
    "move.before_frozen": _("Nothing comes before %(before)s: its place is frozen."),
    "move.started": _("%(car)s has begun; what has begun is a fact."),
    "move.unknown": _("%(car)s or %(before)s is no longer in the plan."),
    "move.not_there": _(
        "%(car)s comes out of the line before only when %(before)s is under way; move it there first."
    ),
    "move.no_die": _("%(line)s does not take the die of %(car)s."),
    "move.blocked": _(
        "The lines would wait for each other with %(car)s there: a store or racks stay full of what waits."
    ),
    "lot.left_out": _(
        "Lot %(car)s would not be made: its racks have no room, or its press no time."
    ),
    "move.locked": _("%(car)s is locked, and would start %(moved_s)s."),
    "lot.locked_there": _("%(car)s is locked on %(line)s, and would not be made there."),
    "move.collides": _("%(car)s cannot start where it was put, and starts %(later_s)s later:"),
    "late": _("%(car)s is late by %(late_s)s (%(more_s)s more)."),
    "spacing": _(
        "Cars with %(option)s and with %(other)s stand %(apart)s apart; the rule wants %(gap)s places."
    ),
    "ratio": _("%(count)s cars with %(option)s among %(p)s; the rule allows %(n)s."),
}
SHOWN = 60
"""Conflicts put into words; the rest is counted."""


def answer(
    plan: Plan, tried: Tried, f: Formats, names: PlantNames, catalog: CatalogNames
) -> dict[str, Any]:
    """Return a trial as the board reads it; times are seconds since the epoch, plant time."""
    anchor = int(tried.anchor.timestamp())
    hard = [one for one in tried.conflicts if one.hard]
    soft = [one for one in tried.conflicts if not one.hard]
    return {
        "plan": plan.number,
        "cars": {str(order_id): car_id for order_id, car_id in tried.added.items()},
        "bars": {
            "id": [row.bar for row in tried.rows],
            "start": [anchor + row.start_s for row in tried.rows],
            "end": [anchor + row.end_s for row in tried.rows],
        },
        "lines": {
            row.bar: row.line for row in tried.rows if not row.bar.startswith(f"{row.line}/")
        },
        "parked": {
            bar: None if at is None else int(at.timestamp()) for bar, at in tried.parked.items()
        },
        "hard": sorted({car for one in hard for car in one.car_ids}),
        "soft": sorted({car for one in soft for car in one.car_ids}),
        "conflicts": [
            {
                "hard": one.hard,
                "cars": list(one.car_ids),
                "text": in_words(one, f, names, catalog, plan.anchor_at),
            }
            for one in [*hard, *soft][:SHOWN]
        ],
        "hard_count": len(hard),
        "soft_count": len(soft),
        "late": tried.late_s,
        "moved": len(tried.rows),
        "color_changes": [tried.color_changes_before, tried.color_changes],
        "purge_s": [tried.purge_s_before, tried.purge_s],
        "seconds": round(tried.seconds, 4),
    }


def in_words(
    one: Conflict, f: Formats, names: PlantNames, catalog: CatalogNames, anchor: datetime
) -> str:
    """Return a conflict as a sentence."""
    sentence = SENTENCES.get(one.code)
    if sentence is None:
        told = {"code": one.code, "facts": one.facts, "reason": one.sentence}
        if one.sentence:
            subject = one.facts.get("subject", one.car_ids[0] if one.car_ids else "")
            return broken_rule({**told, "subject": subject}, f.language)
        said = plan_reason(told, f, names, anchor=anchor)
        return f"{one.car_ids[0]}: {said}" if one.car_ids else said
    facts: dict[str, object] = dict(one.facts)
    for key in ("late_s", "more_s", "later_s"):
        if key in one.facts:
            facts[key] = f.duration(int(one.facts[key]))
    if "moved_s" in one.facts:
        seconds = int(one.facts["moved_s"])
        word = f._(_("%(time)s later")) if seconds > 0 else f._(_("%(time)s earlier"))
        facts["moved_s"] = word % {"time": f.duration(abs(seconds))}
    if "line" in one.facts:
        facts["line"] = names(str(one.facts["line"]))
    if "option" in one.facts:
        facts["option"] = catalog.option(str(one.facts["option"]))
    if "other" in one.facts:
        facts["other"] = catalog.option(str(one.facts["other"]))
    return f._(sentence) % facts
