"""Events as sentences: what happened, for people, in their language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.web import said_by
from mes.web.formats import Formats
from mes.web.labels import (
    DISPOSITION,
    HOLD_CAUSE,
    JOB_STATE,
    MODEL_STATE,
    ORDER_STAGE,
    PIPELINE_STATE,
    PROPOSAL_STATE,
    STATION_STATE,
    TRAINING_STATE,
    VERDICT,
    Tone,
    label,
)
from mes.web.names import PlantNames
from mes.web.plan_rules import broken_rule
from mes.web.translations import mark as _
from mes.web.translations import translations


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the table has it."""

    seq: int
    id: UUID
    type: str
    actor: str
    plant_at: datetime
    causation_id: UUID | None
    correlation_id: UUID | None
    payload: dict[str, Any]
    about: str = ""
    """The order it is about, where a list mixes many; empty when its sentence names it."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What a list shows of an event."""

    id: UUID
    type: str
    at: datetime
    actor: str
    text: str
    icon: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class _Told:
    icon: str
    sentence: str
    tone: Tone = "mute"


_SENTENCES: Mapping[str, _Told] = {
    "order.created": _Told("plus", _("Order %(number)s placed through %(channel)s")),
    "order.confirmed": _Told("check", _("Order %(number)s confirmed"), "info"),
    "order.changed": _Told("refresh-cw", _("Order %(number)s changed"), "info"),
    "order.cancelled": _Told("ban", _("Order %(number)s cancelled: %(reason)s"), "warn"),
    "order.held": _Told("octagon-pause", _("Order %(number)s waits: %(reason)s"), "warn"),
    "order.resumed": _Told("play", _("Order %(number)s goes on"), "good"),
    "order.locked": _Told(
        "lock", _("Locked: body %(body_number)s, VIN %(vin)s; BOM and routing are frozen"), "info"
    ),
    "order.stage_reached": _Told("flag", _("Order %(number)s: %(stage)s"), "good"),
    "promise.made": _Told("calendar-range", _("Promised for %(promised_at)s"), "info"),
    "promise.changed": _Told(
        "calendar-range", _("Promise moved from %(old_at)s to %(new_at)s (%(slip)s)"), "warn"
    ),
    "plan.created": _Told("calendar-range", _("Plan %(number)s made: %(cars)s cars"), "info"),
    "plan.published": _Told("circle-check", _("Plan %(number)s published. %(note)s"), "good"),
    "plan.failed": _Told("octagon-x", _("No plan found: %(detail)s"), "bad"),
    "plan.branch_solved": _Told("git-branch", _("What-if “%(name)s” is solved"), "info"),
    "plan.change_entered": _Told("git-branch", _("A change of the plan was entered"), "info"),
    "plan.proposed": _Told(
        "git-branch",
        _(
            "A repair waits for the planner: %(cars_moved)s cars moved, %(promises_later)s promises later"
        ),
        "warn",
    ),
    "plan.proposal_decided": _Told("check", _("Proposal %(state)s. %(note)s"), "info"),
    "plan.slot_missed": _Told("git-branch", _("Slot on %(line)s missed; plan %(number)s"), "warn"),
    "plan.slot_restored": _Told("undo-2", _("Back in its slot; plan %(number)s"), "good"),
    "job.dispatched": _Told("arrow-right", _("Job sent to %(line)s")),
    "job.state": _Told("factory", _("Job on %(line)s: %(state)s")),
    "body.entered": _Told("arrow-right", _("Entered %(line)s"), "good"),
    "operation.completed": _Told("check", _("%(station)s done"), "good"),
    "operation.reported": _Told("hand", _("Reported at %(station)s: %(outcome)s")),
    "body.left": _Told("flag", _("Left %(line)s for %(store)s"), "good"),
    "body.hold_flag": _Told("octagon-pause", _("The line set or cleared its own hold"), "warn"),
    "command.done": _Told("cpu", _("%(line)s answered a command: %(code)s"), "mute"),
    "job.list_reported": _Told("list", _("%(line)s told its job list after a reconnect")),
    "body.mismatch": _Told("hand", _("Not the body expected at %(station)s; the line asks"), "bad"),
    "body.mismatch_answered": _Told("check", _("Answer at %(station)s: %(answer)s"), "info"),
    "body.parked": _Told("wrench", _("Pulled off into %(bay)s"), "warn"),
    "body.released": _Told("check", _("Left %(bay)s"), "good"),
    "body.scrapped": _Told(
        "trash-2", _("Scrapped; body %(successor_number)s takes its place"), "bad"
    ),
    "rack.received": _Told("boxes", _("Rack %(rack)s: %(quantity)s panels")),
    "inspection.recorded": _Told("camera", _("%(camera)s: %(verdict)s, %(defect_kind)s"), "info"),
    "model.moved": _Told("cpu", _("%(camera)s: model %(model)s: %(state)s. %(reason)s"), "info"),
    "model.training": _Told("sparkles", _("%(camera)s: training: %(training)s"), "info"),
    "pipeline.moved": _Told(
        "git-branch", _("%(camera)s: pipeline %(pipeline)s: %(state)s. %(reason)s"), "info"
    ),
    "inspection.help_asked": _Told(
        "bell", _("The camera at %(station)s asks for help: %(reason)s"), "warn"
    ),
    "hold.placed": _Told("octagon-pause", _("Held at %(line)s: %(cause)s"), "warn"),
    "hold.released": _Told("check", _("Hold released: %(disposition)s"), "good"),
    "rework.opened": _Told("wrench", _("Rework of %(work)s assumed for %(defect_kind)s"), "warn"),
    "rework.confirmed": _Told("wrench", _("Rework confirmed"), "warn"),
    "rework.reverted": _Told("undo-2", _("Rework not needed"), "good"),
    "rework.done": _Told("check", _("Rework done"), "good"),
    "disposition.decided": _Told("scan-eye", _("%(reviewer)s decided: %(disposition)s"), "info"),
    "disposition.undone": _Told("undo-2", _("Decision taken back"), "warn"),
    "equipment.state": _Told("factory", _("%(place)s: %(state)s")),
    "line.down": _Told("octagon-x", _("%(line)s is down: %(reason)s"), "bad"),
    "line.up": _Told("check", _("%(line)s runs again after %(down)s"), "good"),
    "agent.enrolled": _Told("link", _("Agent of %(line)s enrolled"), "info"),
    "agent.lost": _Told("circle-help", _("Nothing heard of %(line)s"), "unknown"),
    "agent.back": _Told("link", _("%(line)s is heard again"), "good"),
    "agent.certificate_ends": _Told(
        "triangle-alert",
        _("%(line)s: certificate %(certificate)s ends in %(days_left)s days"),
        "warn",
    ),
    "andon.called": _Told("megaphone", _("Help called at %(station)s: %(reason)s"), "warn"),
    "andon.cleared": _Told("check", _("Help came to %(station)s"), "good"),
    "nonconformance.opened": _Told(
        "triangle-alert", _("Nonconformance %(number)s: %(title)s"), "warn"
    ),
    "nonconformance.closed": _Told("circle-check", _("Nonconformance %(number)s closed"), "good"),
    "clock.changed": _Told("clock", _("The plant clock runs at %(factor)s×")),
}

OUTCOME = {"good": _("good"), "rework": _("rework"), "scrap": _("scrap")}
ANSWER = {"insert": _("insert"), "remove": _("remove"), "swap": _("swap")}


def happening(row: EventRow, f: Formats, names: PlantNames) -> Happening:
    """Return an event in words; a type without a sentence shows its name."""
    told = _SENTENCES.get(row.type, _Told("circle-dot", row.type))
    words = translations(f.language).gettext
    facts: dict[str, object] = _Facts({k: _plain(v) for k, v in row.payload.items()})
    for key, show in _SHOWN.items():
        if row.payload.get(key) is not None:
            facts[key] = show(row.payload[key], f, names, words)
    facts["place"] = names(row.payload.get("station") or row.payload.get("line"))
    if row.type == "promise.changed":
        old, new = _moment(row.payload["old_at"]), _moment(row.payload["new_at"])
        facts["slip"] = f.slip(old, new)
    if "work_s" in row.payload:
        facts["work"] = f.duration(float(row.payload["work_s"]))
    if "down_s" in row.payload:
        facts["down"] = f.duration(float(row.payload["down_s"]))
    if row.payload.get("violation"):
        facts["detail"] = broken_rule(row.payload["violation"], f.language)
    tone = told.tone
    if row.type == "inspection.recorded":
        tone = label("verdict", str(row.payload.get("verdict"))).tone
    text = (words(told.sentence) % facts).strip(" ,:.")
    if row.about and row.about not in text:
        text = f"{row.about}: {text}"
    return Happening(row.id, row.type, row.plant_at, row.actor, text, told.icon, tone)


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return ""


def _plain(value: object) -> object:
    return "" if value is None else value


def _moment(value: object) -> datetime:
    return datetime.fromisoformat(str(value))


_Show = Callable[[Any, Formats, PlantNames, Callable[[str], str]], object]


def _time(value: Any, f: Formats, names: PlantNames, words: Callable[[str], str]) -> object:
    return f.plain(_moment(value))


def _name(value: Any, f: Formats, names: PlantNames, words: Callable[[str], str]) -> object:
    return names(str(value))


def _from(kind: Mapping[str, Any]) -> _Show:
    def show(value: Any, f: Formats, names: PlantNames, words: Callable[[str], str]) -> object:
        found = kind.get(str(value))
        return words(found if isinstance(found, str) else found.word) if found else value

    return show


def _defect(value: Any, f: Formats, names: PlantNames, words: Callable[[str], str]) -> object:
    return names.defect(str(value))


def _reason(value: Any, f: Formats, names: PlantNames, words: Callable[[str], str]) -> object:
    text = str(value)
    own = said_by.reason(text, words)
    return own if own != text else said_by.refusal(text, f.language)


_SHOWN: Mapping[str, _Show] = {
    "promised_at": _time,
    "old_at": _time,
    "new_at": _time,
    "line": _name,
    "station": _name,
    "store": _name,
    "bay": _name,
    "camera": _name,
    "stage": _from(ORDER_STAGE),
    "verdict": _from(VERDICT),
    "disposition": _from(DISPOSITION),
    "state": _from(
        {**STATION_STATE, **JOB_STATE, **PROPOSAL_STATE, **MODEL_STATE, **PIPELINE_STATE}
    ),
    "training": _from(TRAINING_STATE),
    "cause": _from(HOLD_CAUSE),
    "outcome": _from(OUTCOME),
    "answer": _from(ANSWER),
    "defect_kind": _defect,
    "reason": _reason,
}
