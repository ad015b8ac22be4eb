"""Screens of what-ifs: the list, and one branch beside the live plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from mes.identity.model import Role
from mes.planning import service as planning
from mes.planning.facts import PlantFacts
from mes.planning.whatif import live, repository, service
from mes.planning.whatif.changes import (
    BatchChange,
    Breakdown,
    Change,
    PartLate,
    PurgeChange,
    RuleChange,
    RuleOfPlant,
    RushOrder,
    ShiftChange,
    SpacingChange,
)
from mes.planning.whatif.comparing import FIGURES
from mes.platform.http import ReadDb
from mes.web.names import CatalogNames, catalog_names
from mes.web.reader import page_for
from mes.web.shell import Shell
from mes.web.translations import mark as _

router = APIRouter()

PlanPage = Annotated[Shell, Depends(page_for(Role.PLANNER))]
SPANS_MIN = (30, 60, 120, 240, 480, 960, 1440, 2880)
"""How long a breakdown or a late delivery can be chosen to last, in plant minutes."""
SHIFTS_SHOWN = 40

WORDS: Mapping[str, str] = {
    "cars_planned": _("Cars planned"),
    "cars_unplaced": _("Without a place"),
    "late_cars": _("Late"),
    "total_tardiness_s": _("Lateness in all"),
    "ratio_violations_high": _("Ratio rules broken, high"),
    "ratio_violations_low": _("Ratio rules broken, low"),
    "spacing_high": _("Cars too close, high"),
    "spacing_low": _("Cars too close, low"),
    "color_changes": _("Colour changes"),
    "longest_color_run": _("Longest run of one colour"),
    "purge_s": _("Purging between colours"),
    "purge_cost": _("Solvent for purging"),
    "die_changes": _("Die changes"),
    "stock_out_s": _("Panels below cover"),
    "makespan_s": _("Time to build all"),
}
MORE_IS_BETTER = frozenset({"cars_planned"})
NEITHER_IS_BETTER = frozenset({"longest_color_run"})
PRIORITIES: Mapping[str, str] = {
    "hard": _("must hold"),
    "high": _("high priority"),
    "low": _("low priority"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the live plan and of a branch, as people read it; `tone` says which is better."""

    word: str
    live: str
    branch: str
    difference: str
    tone: str


def figures(before: dict[str, Any], after: dict[str, Any], shell: Shell) -> list[Figure]:
    """Return the figures side by side; nothing of a figure that only one of them has."""
    found = []
    for key in FIGURES:
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            continue
        if key == "purge_cost" and shell.plant.paint.solvent_ml is None:
            continue
        if key.startswith("spacing_") and not shell.plant.spacing_rules:
            continue
        change = other - one
        tone = ""
        if change and key not in NEITHER_IS_BETTER:
            tone = "good" if (change > 0) == (key in MORE_IS_BETTER) else "bad"
        shown = _shown(key, abs(change), shell)
        sign = "+" if change > 0 else "−"
        found.append(
            Figure(
                shell._(WORDS[key]),
                _shown(key, one, shell),
                _shown(key, other, shell),
                f"{sign}{shown}" if change else "–",
                tone,
            )
        )
    return found


def _shown(key: str, value: float, shell: Shell) -> str:
    if key == "purge_cost":
        return str(shell.f.number(value / 1000, shell._("l"), digits=1))
    return shell.f.duration(value) if key.endswith("_s") else str(shell.f.number(value))


def sentence(change: Change, shell: Shell, catalog: CatalogNames) -> str:
    """Return a change in a sentence."""
    f, names = shell.f, shell.names
    match change:
        case ShiftChange(worked=False):
            return shell._("Shift %(shift)s is not worked.") % {"shift": change.shift}
        case ShiftChange():
            return shell._("Shift %(shift)s starts %(start)s min and ends %(end)s min later.") % {
                "shift": change.shift,
                "start": f"{change.start_later_min:+d}" if change.start_later_min else "0",
                "end": f"{change.end_later_min:+d}" if change.end_later_min else "0",
            }
        case Breakdown():
            return shell._("%(place)s does not work until %(until)s.") % {
                "place": names(change.station or change.line),
                "until": f.plain(change.until_at),
            }
        case PartLate():
            return shell._(
                "Parts for %(option)s: %(pieces)s pieces until the delivery of %(until)s."
            ) % {
                "option": catalog.option(change.option),
                "pieces": change.pieces,
                "until": f.plain(change.until_at),
            }
        case RushOrder(due_at=None):
            return shell._("Order %(order)s goes before all others.") % {"order": change.order}
        case RushOrder(due_at=due) if due is not None:
            return shell._("Order %(order)s goes before all others, wanted by %(due)s.") % {
                "order": change.order,
                "due": f.plain(due),
            }
        case RuleChange() | SpacingChange() | PurgeChange() | BatchChange():
            return _rule_sentence(change, shell)
        case _:
            return str(change)


def _rule_sentence(change: RuleOfPlant, shell: Shell) -> str:
    """Return what a rule of the plant becomes; what is not said stays as in the plant file."""
    said: list[str] = []
    match change:
        case RuleChange(rule=rule, n=n, p=p, priority=priority):
            said = [
                shell._("Rule %(rule)s allows %(n)s in %(p)s.") % {"rule": rule, "n": n, "p": p}
            ]
            said += _priority_said(priority, shell)
        case SpacingChange(rule=rule, kept=False):
            said = [shell._("Rule %(rule)s does not hold.") % {"rule": rule}]
        case SpacingChange(rule=rule, places=places, priority=priority):
            kept = shell._("Rule %(rule)s holds.") % {"rule": rule}
            if places is not None:
                kept = shell._("Rule %(rule)s keeps cars %(n)s places apart.") % {
                    "rule": rule,
                    "n": places,
                }
            said = [kept, *_priority_said(priority, shell)]
        case PurgeChange():
            if change.color is None:
                said = [shell._("The usual purge between colours is another one.")]
            else:
                said = [
                    shell._("The purge to %(color)s behind %(after)s is another one.")
                    % {"color": change.color, "after": change.after}
                ]
            if change.purge_s is not None:
                said.append(
                    shell._("It takes %(time)s.") % {"time": shell.f.duration(change.purge_s)}
                )
            if change.solvent_ml is not None:
                litres = shell.f.number(change.solvent_ml / 1000, digits=2)
                said.append(shell._("It takes %(n)s l of solvent.") % {"n": litres})
        case BatchChange(limit=limit):
            said = [shell._("Runs of one colour may be %(n)s bodies long.") % {"n": limit}]
    return (" " if shell.language == "en" else "").join(said)


def _priority_said(priority: str | None, shell: Shell) -> list[str]:
    if priority is None:
        return []
    return [shell._("Its weight: %(priority)s.") % {"priority": shell._(PRIORITIES[priority])}]


def _until(shell: Shell, facts_at: datetime) -> list[tuple[str, str]]:
    """Return instants to choose from, as the API takes them and as people read them."""
    base = max(facts_at, shell.now).replace(second=0, microsecond=0)
    moments = [base + timedelta(minutes=span) for span in SPANS_MIN]
    return [(moment.isoformat(), shell.f.plain(moment)) for moment in moments]


def _shifts(facts: PlantFacts, shell: Shell) -> list[tuple[str, str]]:
    """Return the shifts ahead, each calendar's own."""
    ahead = [one for one in facts.shifts if one.end_at > shell.now]
    ahead.sort(key=lambda one: (one.start_at, one.calendar))
    return [
        (one.id, f"{one.calendar} · {shell.f.plain(one.start_at)} → {shell.f.plain(one.end_at)}")
        for one in ahead[:SHIFTS_SHOWN]
    ]


@router.get("/plan/whatif")
async def list_page(shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """List what-ifs beside each other, and what planners have changed for the live plan."""
    catalog = await catalog_names(conn, shell.language, shell.now)
    changed = await live.in_force(conn, await service.site_of(conn))
    return shell.page(
        "planning/whatif.html",
        {
            "branches": await service.newest(conn),
            "plan": await planning.find_published(conn),
            "live": [(one, sentence(one.meant, shell, catalog)) for one in changed],
            "topics": "plan",
        },
    )


@router.get("/plan/whatif/{branch_id}")
async def branch_page(branch_id: UUID, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show a what-if: what it changes, its figures beside the live plan's, what becomes of promises."""
    branch = await service.get(conn, branch_id)
    plan = await planning.find_published(conn)
    point = await repository.point(conn, branch.snapshot)
    net = await planning.network(conn)
    catalog = await catalog_names(conn, shell.language, shell.now)
    return shell.page(
        "planning/branch.html",
        {
            "branch": branch,
            "plan": plan,
            "changes": [sentence(one, shell, catalog) for one in branch.meant],
            "figures": figures((plan.kpis if plan else None) or {}, branch.kpis or {}, shell),
            "until": _until(shell, point.facts.at),
            "shifts": _shifts(point.facts, shell),
            "places": [(line.id, shell.names(line.id)) for line in net.plant.lines],
            "options": sorted((code, catalog.option(code)) for code in catalog.options),
            "rules": [
                (rule.id, f"{rule.id} ({rule.n}/{rule.p})") for rule in net.plant.ratio_rules
            ],
            "spacing": [
                (rule.id, f"{rule.id} ({rule.places}, {shell._(PRIORITIES[rule.priority])})")
                for rule in net.plant.spacing_rules
            ],
            "paint": net.plant.paint,
            "priorities": [(code, shell._(word)) for code, word in PRIORITIES.items()],
            "at": datetime.fromisoformat,
            "catalog": catalog,
            "topics": "plan",
        },
    )
