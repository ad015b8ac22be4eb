"""What each role finds in the navigation; the doors themselves check permissions again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mes.web.translations import mark as _


@dataclass(frozen=True, slots=True)
class Entry:
    """A screen in the navigation."""

    path: str
    word: str
    icon: str
    roles: frozenset[str]
    keys: str
    """Pressing `g` and then this letter goes there."""


def _for(*roles: str) -> frozenset[str]:
    return frozenset({*roles, "admin"})


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        _("Plan"),
        (
            Entry("/", _("Attention"), "gauge", _for("planner", "quality", "maintenance"), "h"),
            Entry(
                "/alarms",
                _("Alarms"),
                "bell",
                _for("planner", "quality", "maintenance"),
                "a",
            ),
            Entry("/orders", _("Orders"), "car", _for("planner", "quality", "dealer"), "o"),
            Entry("/plan", _("Plan board"), "calendar-range", _for("planner"), "p"),
            Entry("/plan/proposals", _("Proposals"), "hourglass", _for("planner"), "d"),
            Entry("/plan/whatif", _("What-if"), "git-branch", _for("planner"), "w"),
            Entry("/plan/versions", _("Plan versions"), "history", _for("planner"), "v"),
            Entry("/plan/promises", _("Promises kept"), "shield-check", _for("planner"), "k"),
        ),
    ),
    (
        _("Shop floor"),
        (
            Entry(
                "/map",
                _("Plant map"),
                "map",
                _for("planner", "quality", "operator", "maintenance"),
                "m",
            ),
            Entry("/buffers", _("Buffers"), "layers", _for("planner", "operator"), "b"),
            Entry(
                "/trends",
                _("Trends"),
                "chart-line",
                _for("quality", "maintenance", "planner"),
                "t",
            ),
            Entry("/stations", _("Stations"), "hand", _for("operator"), "s"),
        ),
    ),
    (
        _("Quality"),
        (
            Entry("/quality/review", _("Review"), "scan-eye", _for("quality"), "r"),
            Entry("/quality/holds", _("Holds"), "octagon-pause", _for("quality", "planner"), "l"),
            Entry("/quality/pipelines", _("Pipelines"), "git-branch", _for("quality"), "n"),
            Entry("/quality/models", _("Models"), "camera", _for("quality", "maintenance"), "d"),
            Entry("/quality/training", _("Training"), "sparkles", _for("quality"), "e"),
            Entry(
                "/quality/studies",
                _("Measurement systems"),
                "shield-check",
                _for("quality", "operator"),
                "j",
            ),
        ),
    ),
    (
        _("Plant IT"),
        (
            Entry("/it", _("Agents and health"), "cpu", _for("maintenance"), "i"),
            Entry("/admin", _("Users and tokens"), "users", _for(), "u"),
        ),
    ),
)

HOME_OF_ROLE = (
    ("admin", "/"),
    ("planner", "/"),
    ("quality", "/quality/review"),
    ("operator", "/stations"),
    ("maintenance", "/it"),
    ("dealer", "/orders"),
)


def sections_for(roles: Collection[str]) -> list[tuple[str, list[Entry]]]:
    """Return the navigation of someone with these roles."""
    mine = frozenset(roles)
    shown = [(title, [e for e in entries if e.roles & mine]) for title, entries in SECTIONS]
    return [(title, entries) for title, entries in shown if entries]


def home_for(roles: Collection[str]) -> str:
    """Return where someone with these roles begins."""
    return next((path for role, path in HOME_OF_ROLE if role in roles), "/")
