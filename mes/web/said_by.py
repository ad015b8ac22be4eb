"""Who did something, through which channel and why, as people read it: no code of the software is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mes.web.model_sentences import refusal_zh
from mes.web.translations import Language
from mes.web.translations import mark as _

Words = Callable[[str], str]

_CAUSES: Mapping[str, str] = {
    "the first plan of the plant": _("the first plan of the plant"),
    "asked for": _("asked for"),
    "a new shift": _("a new shift"),
    "by hand": _("moved by hand on the board"),
    "repair": _("a repair"),
    "times": _("times moved on"),
    "order": _("a new order"),
    "changed": _("an order was changed"),
    "gone": _("an order was cancelled"),
    "delay": _("bodies held or in rework"),
    "reverted": _("a hold was taken back"),
    "done": _("a rework was done"),
    "scrapped": _("a body was scrapped"),
    "down": _("a line is down"),
    "up": _("a line runs again"),
    "change": _("the planner changed something"),
    "part": _("a part comes late"),
    "rush": _("an order is urgent"),
    "asked": _("asked for"),
}
_POLICIES: Mapping[str, str] = {
    "policy:repair": _("automatically, after an event"),
    "policy:shift": _("automatically, with a new shift"),
    "policy:first-plan": _("automatically, as the first plan"),
    "policy:promise": _("automatically, by the promise"),
    "policy:locking": _("automatically, near its first work"),
    "policy:dispatch": _("automatically, by dispatching"),
    "policy:review-timeout": _("automatically, not reviewed in time"),
    "policy": _("automatically"),
    "system": _("the software"),
}
_REASONS: Mapping[str, str] = {
    "not reviewed in time": _("not reviewed in time"),
    "the frozen zone has passed": _("the frozen zone has passed"),
    "the solver died; the plan in force stays": _("the solver died; the plan in force stays"),
    "breakdown": _("a breakdown"),
    "interlock": _("the interlock is set"),
    "guard_open": _("the guard is open"),
}
_CHANNELS: Mapping[str, str] = {
    "web": _("web shop"),
    "dealer": _("dealer"),
    "fleet": _("fleet customers"),
    "export": _("export"),
    "file": _("file"),
    "form": _("form"),
    "roadef": _("order book"),
}
_ACTIONS: Mapping[str, str] = {
    "line.commanded": _("line commanded"),
    "user.added": _("user added"),
    "user.changed": _("user changed"),
    "token.issued": _("token made"),
    "token.revoked": _("token revoked"),
    "user.password_set": _("password set"),
    "user.active_set": _("access changed"),
    "plan.permit_set": _("what happens without the planner changed"),
    "model.moved": _("model moved at a camera"),
    "pipeline.moved": _("pipeline moved at a camera"),
    "pipeline.created": _("pipeline created"),
    "pipeline.saved": _("pipeline saved"),
    "pipeline.dropped": _("pipeline removed"),
    "model.training": _("training of a model"),
    "agreement.study": _("study of agreement"),
    "gauge.study": _("study of a gauge"),
}


def cause(text: str, words: Words) -> str:
    """Return why a plan was made; several causes are joined."""
    return " · ".join(words(_CAUSES.get(part, part)) for part in text.split(", "))


def actor(name: str | None, words: Words) -> str:
    """Return who acted: a person by name, a rule of the plant in words."""
    if not name:
        return ""
    if name in _POLICIES:
        return words(_POLICIES[name])
    kind, _sep, rest = name.partition(":")
    if kind == "agent" and rest:
        return words(_("agent of %(line)s")) % {"line": rest}
    return rest if kind in ("user", "token") and rest else name


def reason(text: str, words: Words) -> str:
    """Return a reason; those that the software gives itself are translated."""
    return words(_REASONS.get(text, text))


def refusal(text: str, language: Language) -> str:
    """Return why a model or a pipeline was refused or taken back; words nobody has translated stay as they are."""
    return (refusal_zh(text) or text) if language == "zh" else text


def is_own_reason(text: str) -> bool:
    """Say whether the software gives this reason in the reader's language."""
    return text in _REASONS


def channel(code: str, words: Words) -> str:
    """Return what a channel of orders is called; an own channel keeps its name."""
    return words(_CHANNELS.get(code, code))


def action(code: str, words: Words) -> str:
    """Return what an audit row is about."""
    return words(_ACTIONS.get(code, code))
