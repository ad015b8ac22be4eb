"""English msgids and their Chinese: gettext catalogues read straight from the `.po` files.

`python -m mes.web.translations` collects every msgid of templates, pages and islands, keeps what is
translated and lists what is not; a test holds that nothing is missing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
NAMES: Mapping[Language, str] = {"en": "English", "zh": "中文"}

PACKAGE = Path(__file__).parent.parent
LOCALE = Path(__file__).parent / "locale"
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "mark": None,
    "t": None,
}


class Translations:
    """The messages of one language, as Jinja's i18n extension wants them."""

    def __init__(self, language: Language, singular: Mapping[str, str], plural: Mapping[str, str]):
        self.language = language
        self._singular = singular
        self._plural = plural

    def gettext(self, message: str) -> str:
        """Return the message in this language; the English msgid when it has none."""
        return self._singular.get(message) or message

    def ngettext(self, one: str, many: str, n: int) -> str:
        """Return the form for `n` things. Chinese has one form, English two."""
        if self.language == "zh":
            return self._plural.get(one) or many
        return one if n == 1 else many

    def subset(self, messages: list[str]) -> dict[str, str]:
        """Return the translations of these messages that differ from the msgid."""
        return {m: self._singular[m] for m in messages if self._singular.get(m)}


def mark(message: str) -> str:
    """Mark a msgid for translation where it is defined; it is translated where it is shown."""
    return message


@cache
def translations(language: Language) -> Translations:
    """Return the messages of a language; English needs no catalogue."""
    if language == "en":
        return Translations("en", {}, {})
    singular: dict[str, str] = {}
    plural: dict[str, str] = {}
    for message in _stored(language):
        if not message.id:
            continue
        if isinstance(message.id, tuple):
            plural[message.id[0]] = (message.string or ("",))[0]
        else:
            singular[str(message.id)] = str(message.string or "")
    return Translations(language, singular, plural)


@cache
def island_messages() -> list[str]:
    """Return the msgids that islands translate in the browser."""
    found: set[str] = set()
    for path in sorted((PACKAGE / "web" / "static" / "js").rglob("*.js")):
        found.update(_in_script(path.read_text(encoding="utf-8")))
    return sorted(found)


def _in_script(source: str) -> Iterator[str]:
    """Find `t("…")` calls: islands name every message as a plain double-quoted string."""
    for match in re.finditer(r'(?<![\w.$])t\(\s*("(?:[^"\\\n]|\\.)*")', source):
        yield json.loads(match[1])


def collect() -> Catalog:
    """Return every msgid of the product with where it stands."""
    catalog = Catalog(project="C2M", charset="utf-8")
    for path in sorted(PACKAGE.rglob("*")):
        where = path.relative_to(PACKAGE.parent).as_posix()
        if path.suffix == ".html" and "templates" in path.parts:
            method, options = (
                "jinja2.ext:babel_extract",
                {
                    "newstyle_gettext": "true",
                    "extensions": "jinja2.ext.do",
                    "silent": "false",
                },
            )
        elif path.suffix == ".py" and (
            path.name.endswith(("pages.py", "views.py", "words.py")) or path.parent.name == "web"
        ):
            method, options = "python", {}
        else:
            continue
        for line, message, _, _ in extract_from_file(
            method, path, keywords=_KEYWORDS, options=options
        ):
            catalog.add(message, locations=[(where, line)])
    for path in sorted((PACKAGE / "web" / "static" / "js").rglob("*.js")):
        for message in _in_script(path.read_text(encoding="utf-8")):
            catalog.add(message, locations=[(path.relative_to(PACKAGE.parent).as_posix(), 1)])
    return catalog


def _path(language: Language) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


def _stored(language: Language) -> Catalog:
    with _path(language).open("rb") as stream:
        return read_po(stream, locale=language)


def missing(language: Language) -> list[str]:
    """Return the msgids of the product that have no translation in a language."""
    stored = _stored(language)
    absent = []
    for message in collect():
        if not message.id:
            continue
        key = str(message.id[0] if isinstance(message.id, tuple) else message.id)
        known = stored.get(key)
        if (
            known is None
            or not known.string
            or (isinstance(known.string, tuple) and not all(known.string))
        ):
            absent.append(key)
    return absent


def update(language: Language) -> None:
    """Bring a language's catalogue up to date with the product; drop what is used no more."""
    path = _path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = _stored(language) if path.exists() else Catalog(locale=language)
    stored.update(collect(), no_fuzzy_matching=True, update_header_comment=False)
    stored.obsolete.clear()
    with path.open("wb") as stream:
        write_po(stream, stored, width=110, sort_output=True, no_location=True, omit_header=False)


def main() -> int:
    """Update the catalogues; list what lacks a translation."""
    update("zh")
    absent = missing("zh")
    sys.stdout.writelines(f"{message}\n" for message in absent)
    return 1 if absent else 0


if __name__ == "__main__":
    raise SystemExit(main())
