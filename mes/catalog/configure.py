"""From a wish to a car that can be built, or to every rule that it breaks, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.catalog.expression import parse
from mes.catalog.model import (
    Available,
    Catalog,
    Configuration,
    Default,
    Excludes,
    Option,
    Requires,
    Rule,
)
from mes.contracts.text import Text
from mes.platform.errors import FieldError, Invalid


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a wish breaks: which input it is about, the rule, and the rule in words."""

    field: str
    rule: str
    text: Text


class NotBuildable(Invalid):
    """This car cannot be built: {why}"""

    code = "catalog.not_buildable"

    def __init__(self, broken: Sequence[BrokenRule]) -> None:
        self.broken = tuple(broken)
        super().__init__(
            why=" ".join(_sentence(rule.text.en) for rule in broken),
            broken_rules=[
                {
                    "field": rule.field,
                    "rule": rule.rule,
                    "en": rule.text.en,
                    "zh": rule.text.zh,
                }
                for rule in broken
            ],
            errors=[FieldError(rule.field, rule.rule, rule.text.en) for rule in broken],
        )

    def in_words(self, language: str) -> str:
        """Return the broken rules as sentences in a language."""
        return " ".join(rule.text.in_language(language) for rule in self.broken)


def configure(
    catalog: Catalog, model: str, color: str, options: Iterable[str], at: datetime
) -> Configuration:
    """Add what rules add, and return the car.

    Args:
        at: plant time of the order; availability is judged by it.

    Raises:
        NotBuildable: with every rule that the wish breaks.
    """
    wished = tuple(options)
    unknown = [*_unknown_codes(catalog, model, color, wished)]
    if unknown:
        raise NotBuildable(unknown)
    chosen = with_defaults(catalog, model, color, frozenset(wished))
    broken = [*_repeated(wished), *broken_rules(catalog, model, color, chosen, at)]
    if broken:
        raise NotBuildable(broken)
    return Configuration(model, color, tuple(sorted(chosen)), catalog.version)


def with_defaults(
    catalog: Catalog, model: str, color: str, options: frozenset[str]
) -> frozenset[str]:
    """Return the options with those that default rules add, also through one another."""
    chosen = options
    defaults = [rule for rule in catalog.rules if isinstance(rule, Default)]
    for _ in defaults:
        for rule in defaults:
            if not _default_kept(catalog, rule, chosen | {model, color}):
                chosen = chosen | {rule.option}
    return chosen


def broken_rules(
    catalog: Catalog, model: str, color: str, options: frozenset[str], at: datetime
) -> Iterator[BrokenRule]:
    """Yield every rule that a car of known codes breaks."""
    codes = options | {model, color}
    yield from _one_of_each_family(catalog, options)
    for rule in catalog.rules:
        if breaks(catalog, rule, codes, model, at):
            yield BrokenRule(_field_of(catalog, rule), rule.id, rule.text)


def breaks(catalog: Catalog, rule: Rule, codes: frozenset[str], model: str, at: datetime) -> bool:
    """Say whether a car with these codes (model and colour among them) breaks a rule."""
    match rule:
        case Requires():
            return parse(rule.when).holds(codes) and not parse(rule.then).holds(codes)
        case Excludes():
            return parse(rule.when).holds(codes) and parse(rule.then).holds(codes)
        case Default():
            return not _default_kept(catalog, rule, codes)
        case Available():
            return rule.code in codes and not rule.allows(model, at)


def _default_kept(catalog: Catalog, rule: Default, codes: frozenset[str]) -> bool:
    if not parse(rule.when).holds(codes):
        return True
    family = catalog.family(catalog.option(rule.option).family)
    siblings = {one.code for one in catalog.options if one.family == family.code}
    return rule.option in codes or (family.choice == "one" and bool(siblings & codes))


def _unknown_codes(
    catalog: Catalog, model: str, color: str, options: Iterable[str]
) -> Iterator[BrokenRule]:
    models = [one.code for one in catalog.models]
    if model not in models:
        yield _unknown("model", "known_model", "model", "车型", model, models)
    colors = [one.code for one in catalog.colors]
    if color not in colors:
        yield _unknown("color", "known_color", "colour", "颜色", color, colors)
    known = [one.code for one in catalog.options]
    for code in options:
        if code not in known:
            yield _unknown("options", "known_option", "option", "选装", code, known)


def _unknown(
    field: str, rule: str, en: str, zh: str, code: str, known: Sequence[str]
) -> BrokenRule:
    shown = code if len(code) <= 20 else code[:20] + "…"
    listing = _shortened(known)
    return BrokenRule(
        field,
        rule,
        Text(
            en=f"There is no {en} {shown!r}; there are {listing}.",
            zh=f"没有代码为“{shown}”的{zh}；可选：{listing}。",
        ),
    )


def _shortened(codes: Sequence[str]) -> str:
    """Return codes in a line short enough for a sentence."""
    line = ""
    for count, code in enumerate(codes):
        longer = f"{line}, {code}" if line else code
        if len(longer) > 110:
            return f"{line} … (+{len(codes) - count})"
        line = longer
    return line


def _repeated(options: Sequence[str]) -> Iterator[BrokenRule]:
    for code in sorted({code for code in options if options.count(code) > 1}):
        yield BrokenRule(
            "options",
            "option_once",
            Text(en=f"Option {code} is given more than once.", zh=f"选装 {code} 重复出现。"),
        )


def _one_of_each_family(catalog: Catalog, options: frozenset[str]) -> Iterator[BrokenRule]:
    for family in catalog.families:
        chosen = [
            one for one in catalog.options if one.family == family.code and one.code in options
        ]
        if family.choice == "one" and len(chosen) > 1:
            yield BrokenRule("options", f"one_{family.code}", _only_one(family.name, chosen))


def _only_one(family: Text, chosen: Sequence[Option]) -> Text:
    codes = _shortened([option.code for option in chosen])
    return Text(
        en=f"{family.en}: only one can be chosen, not {codes} together.",
        zh=f"{family.zh}只能选一种，不能同时选 {codes}。",
    )


def _field_of(catalog: Catalog, rule: Rule) -> str:
    """Return the input that a broken rule is about: what was asked for, not what follows."""
    match rule:
        case Available():
            named = frozenset({rule.code})
        case _:
            named = parse(rule.when).codes()
    if named & {one.code for one in catalog.options}:
        return "options"
    return "color" if named & {one.code for one in catalog.colors} else "model"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
