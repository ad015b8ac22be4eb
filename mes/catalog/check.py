"""Is a catalogue sound: every code known, every buildable car with exactly the parts it needs?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

from mes.catalog.configure import breaks
from mes.catalog.expression import parse
from mes.catalog.model import (
    Available,
    BomItem,
    Catalog,
    Default,
    Excludes,
    HasCode,
    PartFamily,
    Requires,
    Rule,
)
from mes.contracts.plant import PlantModel

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_MOST_CARS = 200_000
"""So many combinations are tried for one part family; a family more tangled than that is refused."""


@dataclass(frozen=True, slots=True)
class CatalogProblem:
    """One thing wrong with a catalogue: where (`parts.3.usage`), which rule, what would be right."""

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} [{self.rule}]"


def check_catalog(catalog: Catalog) -> list[CatalogProblem]:
    """Return everything wrong with a catalogue; an empty list means that it can be installed."""
    references = [*_unique_codes(catalog), *_known_codes(catalog)]
    return references or [*_contradictions(catalog), *_coverage(catalog)]


def check_against_plant(catalog: Catalog, plant: PlantModel) -> list[CatalogProblem]:
    """Return what of a catalogue and a plant model does not fit together."""
    return [*_plant_knows(catalog, plant), *_fitted_somewhere(catalog, plant)]


def _unique_codes(catalog: Catalog) -> Iterator[CatalogProblem]:
    tables: tuple[tuple[str, Sequence[HasCode]], ...] = (
        ("models", catalog.models),
        ("colors", catalog.colors),
        ("options", catalog.options),
    )
    coded = [
        (f"{table}.{index}", one.code) for table, ones in tables for index, one in enumerate(ones)
    ]
    groups = (
        coded,
        [(f"families.{i}", one.code) for i, one in enumerate(catalog.families)],
        [(f"part_families.{i}", one.code) for i, one in enumerate(catalog.part_families)],
        [(f"rules.{i}", one.id) for i, one in enumerate(catalog.rules)],
        [(f"parts.{i}", one.number) for i, one in enumerate(catalog.parts)],
    )
    for group in groups:
        counts = Counter(code for _, code in group)
        seen: set[str] = set()
        for path, code in group:
            if code in seen:
                yield CatalogProblem(
                    path, "unique_code", f"{code!r} stands {counts[code]} times in the catalogue"
                )
            seen.add(code)


def _known_codes(catalog: Catalog) -> Iterator[CatalogProblem]:
    families = {one.code for one in catalog.families}
    part_families = {one.code for one in catalog.part_families}
    models = {one.code for one in catalog.models}
    options = {one.code for one in catalog.options}
    codes = catalog.codes

    def unknown(path: str, kind: str, code: str) -> CatalogProblem:
        return CatalogProblem(path, f"known_{kind}", f"unknown {kind} {code!r}")

    for i, option in enumerate(catalog.options):
        if option.family not in families:
            yield unknown(f"options.{i}.family", "family", option.family)
        for code in option.take_rate_by_model:
            if code not in models:
                yield unknown(f"options.{i}.take_rate_by_model", "model", code)
    for i, rule in enumerate(catalog.rules):
        for field, code in _named_codes(rule):
            if code not in codes:
                yield unknown(f"rules.{i}.{field}", "code", code)
        if isinstance(rule, Default) and rule.option not in options:
            yield unknown(f"rules.{i}.option", "option", rule.option)
        if isinstance(rule, Available):
            for code in rule.models:
                if code not in models:
                    yield unknown(f"rules.{i}.models", "model", code)
    for i, part in enumerate(catalog.parts):
        if part.family not in part_families:
            yield unknown(f"parts.{i}.family", "part_family", part.family)
        for code in sorted(parse(part.usage).codes() - codes):
            yield unknown(f"parts.{i}.usage", "code", code)


def _named_codes(rule: Rule) -> Iterator[tuple[str, str]]:
    match rule:
        case Requires() | Excludes():
            for field, text in (("when", rule.when), ("then", rule.then)):
                yield from ((field, code) for code in sorted(parse(text).codes()))
        case Default():
            yield from (("when", code) for code in sorted(parse(rule.when).codes()))
        case Available():
            yield "code", rule.code


def _contradictions(catalog: Catalog) -> Iterator[CatalogProblem]:
    """An option that no car can have is a mistake in the rules (looked for where few options are tied)."""
    for at in _moments(catalog):
        for index, option in enumerate(catalog.options):
            rules, switches = _neighbourhood(catalog, {option.code})
            if not _available_at_all(catalog, option.code, at):
                continue
            if _combinations(catalog, switches, rules, ()) > _MOST_CARS:
                continue
            if not any(option.code in car for car in _cars(catalog, rules, switches, at)):
                yield CatalogProblem(
                    f"options.{index}",
                    "orderable",
                    f"no car can have option {option.code}: rules contradict one another",
                )
                return


def _available_at_all(catalog: Catalog, code: str, at: datetime) -> bool:
    limits = [r for r in catalog.rules if isinstance(r, Available) and r.code == code]
    return any(all(rule.allows(model.code, at) for rule in limits) for model in catalog.models)


def _coverage(catalog: Catalog) -> Iterator[CatalogProblem]:
    by_family: dict[str, list[BomItem]] = {}
    for part in catalog.parts:
        by_family.setdefault(part.family, []).append(part)
    for index, family in enumerate(catalog.part_families):
        if family.need != "many":
            yield from _covered(catalog, index, family, by_family.get(family.code, []))


def _covered(
    catalog: Catalog, index: int, family: PartFamily, parts: list[BomItem]
) -> Iterator[CatalogProblem]:
    """In every buildable car one part number of the family, or at most one when it is optional."""
    named = frozenset().union(*(parse(part.usage).codes() for part in parts))
    rules, switches = _neighbourhood(catalog, named)
    path = f"part_families.{index}"
    if _combinations(catalog, switches, rules, named) > _MOST_CARS:
        yield CatalogProblem(
            path, "checkable", f"the usage of {family.code} depends on too many codes to be checked"
        )
        return
    for at in _moments(catalog):
        effective = [(part.number, parse(part.usage)) for part in parts if part.effective(at)]
        for car in _cars(catalog, rules, switches, at, named):
            fitting = [number for number, usage in effective if usage.holds(car)]
            if len(fitting) > 1:
                yield CatalogProblem(
                    path,
                    "one_part",
                    f"{family.code} of {_in_words(car)} is both {' and '.join(fitting)}{_since(at)}",
                )
                return
            if family.need == "one" and not fitting:
                yield CatalogProblem(
                    path, "one_part", f"{family.code} of {_in_words(car)} has no part{_since(at)}"
                )
                return


def _in_words(car: Iterable[str]) -> str:
    return " ".join(sorted(car))


def _since(at: datetime) -> str:
    return "" if at == _BEGINNING else f" from {at.isoformat()}"


def _moments(catalog: Catalog) -> list[datetime]:
    """Return the instants at which something in the catalogue changes, and one before them all."""
    dated: list[BomItem | Available] = [*catalog.parts]
    dated += [rule for rule in catalog.rules if isinstance(rule, Available)]
    changes = {at for one in dated for at in (one.from_at, one.until_at) if at is not None}
    return [_BEGINNING, *sorted(changes)]


def _neighbourhood(
    catalog: Catalog, named: Iterable[str]
) -> tuple[list[Rule], list[tuple[str, ...]]]:
    """Return the rules that touch some options, directly or through others, and the choices to try.

    Rules and one-of families tie options together; what is not tied to `named` cannot matter to it.
    """
    family_of = {option.code: option.family for option in catalog.options}
    exclusive = {family.code for family in catalog.families if family.choice == "one"}
    tied = {code for code in named if code in family_of}
    while True:
        more = {
            code
            for code, family in family_of.items()
            if family in exclusive and any(family_of[other] == family for other in tied)
        }
        for rule in catalog.rules:
            options = _options_of(catalog, rule, family_of)
            if options & (tied | more):
                more |= options
        if more <= tied:
            break
        tied |= more
    rules = [
        rule
        for rule in catalog.rules
        if not (options := _options_of(catalog, rule, family_of)) or options & tied
    ]
    return rules, _switches(tied, family_of, exclusive)


def _options_of(catalog: Catalog, rule: Rule, family_of: dict[str, str]) -> set[str]:
    options = {code for _, code in _named_codes(rule) if code in family_of}
    return options | ({rule.option} if isinstance(rule, Default) else set())


def _switches(
    tied: set[str], family_of: dict[str, str], exclusive: set[str]
) -> list[tuple[str, ...]]:
    """Return, for each free choice, its alternatives; the empty string is "none"."""
    single = sorted(code for code in tied if family_of[code] not in exclusive)
    grouped: dict[str, list[str]] = {}
    for code in sorted(tied - set(single)):
        grouped.setdefault(family_of[code], []).append(code)
    return [("", code) for code in single] + [("", *codes) for codes in grouped.values()]


def _colors_that_matter(catalog: Catalog, rules: Iterable[Rule], named: Iterable[str]) -> list[str]:
    colors = [color.code for color in catalog.colors]
    mentioned = {code for rule in rules for _, code in _named_codes(rule)} | set(named)
    other = next((code for code in colors if code not in mentioned), None)
    return [code for code in colors if code in mentioned or code == other]


def _combinations(
    catalog: Catalog,
    switches: list[tuple[str, ...]],
    rules: list[Rule],
    named: Iterable[str],
) -> int:
    count = len(catalog.models) * len(_colors_that_matter(catalog, rules, named))
    for alternatives in switches:
        count *= len(alternatives)
    return count


def _cars(
    catalog: Catalog,
    rules: list[Rule],
    switches: list[tuple[str, ...]],
    at: datetime,
    named: Iterable[str] = (),
) -> Iterator[frozenset[str]]:
    """Yield the codes of every car that keeps the rules, as far as the given choices tell them apart."""
    for model in catalog.models:
        for color in _colors_that_matter(catalog, rules, named):
            for chosen in product(*switches):
                car = frozenset({model.code, color, *chosen} - {""})
                if not any(breaks(catalog, rule, car, model.code, at) for rule in rules):
                    yield car


def _plant_knows(catalog: Catalog, plant: PlantModel) -> Iterator[CatalogProblem]:
    codes = catalog.codes
    families = {family.code for family in catalog.part_families}
    for line in plant.lines:
        for station in line.stations:
            for code in station.option_s:
                if code not in codes:
                    yield CatalogProblem(
                        f"station {station.id}",
                        "known_code",
                        f"extra time for unknown code {code!r}",
                    )
            for family in station.fits:
                if family not in families:
                    yield CatalogProblem(
                        f"station {station.id}",
                        "known_part_family",
                        f"fits {family!r}, which the bill of material does not have",
                    )
    models = {model.code for model in catalog.models}
    for panel in plant.panels:
        if panel.model not in models:
            yield CatalogProblem(
                f"panel {panel.code}", "known_model", f"belongs to unknown model {panel.model!r}"
            )
    for rule in plant.ratio_rules:
        if rule.option not in codes:
            yield CatalogProblem(
                f"ratio rule {rule.id}", "known_code", f"counts unknown code {rule.option!r}"
            )
    for spacing in plant.spacing_rules:
        for code in {spacing.option, spacing.other or spacing.option} - codes:
            yield CatalogProblem(
                f"spacing rule {spacing.id}", "known_code", f"parts cars of unknown code {code!r}"
            )
    colors = {color.code for color in catalog.colors}
    for group, own in plant.paint.color_groups.items():
        for color in own:
            if color not in colors:
                yield CatalogProblem(
                    f"colour group {group}", "known_color", f"names unknown colour {color!r}"
                )


def _fitted_somewhere(catalog: Catalog, plant: PlantModel) -> Iterator[CatalogProblem]:
    fitted = Counter(
        family
        for line in plant.lines
        for step in line.steps
        for family in {family for station in step for family in station.fits}
    )
    for index, family in enumerate(catalog.part_families):
        if fitted[family.code] != 1:
            places = "nowhere" if not fitted[family.code] else f"at {fitted[family.code]} steps"
            yield CatalogProblem(
                f"part_families.{index}",
                "fitted_once",
                f"{family.code} is fitted {places} in the plant; it has to be fitted at one step",
            )
