"""The frame around every screen: who reads it, in which language, what time it is at the plant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, cast

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)

from mes.contracts.plant import PlantModel
from mes.web import said_by
from mes.web.formats import Formats
from mes.web.labels import label
from mes.web.names import PlantNames
from mes.web.navigation import Entry, home_for, sections_for
from mes.web.plan_reasons import plan_reason
from mes.web.plan_rules import broken_rule
from mes.web.translations import NAMES, Language, island_messages, translations

WEB = Path(__file__).parent
STATIC = WEB / "static"
THEMES = ("light", "dark")


class Viewer(Protocol):
    """Who looks at a page."""

    @property
    def name(self) -> str:
        """The name they signed in with."""
        ...

    @property
    def roles(self) -> frozenset[str]:
        """What they may do."""
        ...


@cache
def environment(language: Language) -> Environment:
    """Return the templates of one language: `shell.html`, and `orders/list.html` of feature orders."""
    features = {
        folder.parent.name: FileSystemLoader(folder)
        for folder in WEB.parent.glob("*/templates")
        if folder.parent != WEB
    }
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(WEB / "templates"), PrefixLoader(features)]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    words = translations(language)
    cast(Any, made).install_gettext_callables(words.gettext, words.ngettext, newstyle=True)
    made.filters["zip_names"] = _zip_names
    made.globals.update(
        label=label,
        plan_reason=plan_reason,
        broken_rule=broken_rule,
        languages=list(NAMES.items()),
    )
    return made


def _zip_names(codes: Iterable[str], name: Callable[[str], str] = str) -> list[tuple[str, str]]:
    """Pair codes with their names, for a `<select>`."""
    return [(code, name(code)) for code in codes]


@cache
def _address(path: str) -> str:
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:10]
    return f"/static/{path}?v={digest}"


@dataclass(frozen=True)
class Shell:
    """What a page knows of its reader; `page` renders a template inside the frame."""

    request: Request
    language: Language
    user: Viewer | None
    csrf: str
    plant: PlantModel
    now: datetime
    factor: float
    f: Formats

    @property
    def theme(self) -> str:
        """The appearance that was chosen; empty: as the system."""
        chosen = self.request.cookies.get("c2m_theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def version(self) -> str:
        """The version of the software."""
        return version("c2m")

    @property
    def roles(self) -> frozenset[str]:
        """What the reader may do; nothing when nobody is signed in."""
        return self.user.roles if self.user else frozenset()

    def may(self, *roles: str) -> bool:
        """Say whether the reader has one of these roles (an administrator has all)."""
        return bool(self.roles & {*roles, "admin"})

    @property
    def home(self) -> str:
        """Where this reader begins."""
        return home_for(self.roles)

    @property
    def site_name(self) -> str:
        """The plant's name."""
        return self.f.text(self.plant.site.name)

    @cached_property
    def names(self) -> PlantNames:
        """What the plant's codes are called."""
        return PlantNames.of(self.plant, self.language)

    @cached_property
    def sections(self) -> list[tuple[str, list[Entry]]]:
        """The navigation of this reader."""
        return sections_for(self.roles)

    @property
    def here(self) -> str:
        """This page with its filters."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "")

    def is_here(self, path: str) -> bool:
        """Say whether the navigation's entry for `path` is the page shown, or the nearest above it."""
        current = self.request.url.path

        def covers(entry: str) -> bool:
            return current == entry or (entry != "/" and current.startswith(entry + "/"))

        paths = [entry.path for _, entries in self.sections for entry in entries]
        return max((p for p in paths if covers(p)), key=len, default=None) == path

    def static(self, path: str) -> str:
        """Return the address of a static file; it changes with the file."""
        return _address(path)

    @property
    def island_messages(self) -> dict[str, str]:
        """The translations that islands need."""
        return translations(self.language).subset(island_messages())

    def _(self, message: str) -> str:
        """Translate a message."""
        return translations(self.language).gettext(message)

    def cause(self, text: str) -> str:
        """Return why a plan was made."""
        return said_by.cause(text, self._)

    def actor(self, name: str | None) -> str:
        """Return who acted."""
        return said_by.actor(name, self._)

    def reason(self, text: str) -> str:
        """Return a reason that a person or the software gave."""
        return said_by.reason(text, self._)

    def refusal(self, text: str) -> str:
        """Return why a model or a pipeline was refused or taken back."""
        return said_by.refusal(text, self.language)

    def channel(self, code: str) -> str:
        """Return what a channel of orders is called."""
        return said_by.channel(code, self._)

    def action(self, code: str) -> str:
        """Return what an audit row is about."""
        return said_by.action(code, self._)

    def page(
        self, template: str, context: Mapping[str, object] | None = None, *, status: int = 200
    ) -> HTMLResponse:
        """Render a template; it sees `shell`, `f` (formats) and its context."""
        text = environment(self.language).get_template(template)
        shown = text.render(shell=self, f=self.f, names=self.names, **(context or {}))
        return HTMLResponse(shown, status, {"Cache-Control": "no-store", "Vary": "Cookie"})
