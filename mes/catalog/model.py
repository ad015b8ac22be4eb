"""The catalogue as data: models, colours, options and their rules, and the 150 % bill of material."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from mes.catalog.expression import parse
from mes.contracts.text import Text

OptionCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")]
"""A code of the catalogue: a model, an option or a colour; capital letters and digits."""

FamilyCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CarModel(_Part):
    """A model of car. `vds` are the characters 4 to 8 of its VINs."""

    code: OptionCode
    name: Text
    vds: str = Field(pattern=r"^[A-HJ-NPR-Z0-9]{5}$")
    share: float = Field(default=1.0, gt=0)
    """How often it is ordered, relative to the other models."""


class Color(_Part):
    """A body colour."""

    code: OptionCode
    name: Text
    hex: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    share: float = Field(default=1.0, gt=0)
    """How often it is ordered, relative to the other colours."""


class OptionFamily(_Part):
    """Options that belong together; `choice` says whether one of them or any of them may be chosen."""

    code: FamilyCode
    name: Text
    choice: Literal["one", "any"]


class Option(_Part):
    """Something a customer may add. `take_rate` is the share of cars that have it."""

    code: OptionCode
    family: FamilyCode
    name: Text
    take_rate: float = Field(default=0.0, ge=0, le=1)
    take_rate_by_model: dict[OptionCode, float] = Field(default_factory=dict)

    def rate_for(self, model: str) -> float:
        """Return the share of cars of a model that have this option."""
        return self.take_rate_by_model.get(model, self.take_rate)


class HasCode(Protocol):
    """Something of the catalogue that is known by its code."""

    @property
    def code(self) -> str: ...


Coded = TypeVar("Coded", bound=HasCode)


def _readable_expression(text: str) -> str:
    parse(text)
    return text


class _Rule(_Part):
    id: FamilyCode
    text: Text
    """The rule in words, as it is told to who breaks it."""


class Requires(_Rule):
    """Cars for which `when` holds must satisfy `then`."""

    kind: Literal["requires"]
    when: str = Field(min_length=1)
    then: str = Field(min_length=1)

    _readable = field_validator("when", "then")(_readable_expression)


class Excludes(_Rule):
    """No car satisfies both expressions."""

    kind: Literal["excludes"]
    when: str = Field(min_length=1)
    then: str = Field(min_length=1)

    _readable = field_validator("when", "then")(_readable_expression)


class Default(_Rule):
    """Cars for which `when` holds get `option`, unless another one of its family is chosen."""

    kind: Literal["default"]
    when: str = Field(min_length=1)
    option: OptionCode

    _readable = field_validator("when")(_readable_expression)


class Available(_Rule):
    """`code` can be ordered from `from_at` up to, not including, `until_at`, and only on `models`."""

    kind: Literal["available"]
    code: OptionCode
    from_at: AwareDatetime | None = None
    until_at: AwareDatetime | None = None
    models: tuple[OptionCode, ...] = ()

    def allows(self, model: str, at: datetime) -> bool:
        """Say whether the code may be ordered on a model at an instant."""
        return (
            (not self.models or model in self.models)
            and (self.from_at is None or at >= self.from_at)
            and (self.until_at is None or at < self.until_at)
        )


Rule = Annotated[Requires | Excludes | Default | Available, Field(discriminator="kind")]


class PartFamily(_Part):
    """A place in the car: exactly one part number (`one`), at most one (`optional`), or several (`many`)."""

    code: FamilyCode
    name: Text
    need: Literal["one", "optional", "many"]


class BomItem(_Part):
    """A line of the 150 % bill of material: this part goes into every car for which `usage` holds."""

    number: str = Field(pattern=r"^[A-Z0-9][A-Z0-9.-]{2,39}$")
    family: FamilyCode
    name: Text
    quantity: Decimal = Field(default=Decimal(1), gt=0, max_digits=12, decimal_places=3)
    unit: str = Field(default="pcs", min_length=1, max_length=8)
    usage: str = ""
    from_at: AwareDatetime | None = None
    """Break point: used in cars that are locked from here on."""
    until_at: AwareDatetime | None = None

    _readable = field_validator("usage")(_readable_expression)

    def effective(self, at: datetime) -> bool:
        """Say whether the part is in use at an instant."""
        return (self.from_at is None or at >= self.from_at) and (
            self.until_at is None or at < self.until_at
        )


class Catalog(_Part):
    """A version of the catalogue. `mes.catalog.check` says whether it is sound as a whole."""

    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")
    models: tuple[CarModel, ...] = Field(min_length=1)
    colors: tuple[Color, ...] = Field(min_length=1)
    families: tuple[OptionFamily, ...] = ()
    options: tuple[Option, ...] = ()
    rules: tuple[Rule, ...] = ()
    part_families: tuple[PartFamily, ...] = ()
    parts: tuple[BomItem, ...] = ()

    def model(self, code: str) -> CarModel:
        """Return the model with this code; KeyError when there is none."""
        return _find(self.models, code)

    def color(self, code: str) -> Color:
        """Return the colour with this code; KeyError when there is none."""
        return _find(self.colors, code)

    def option(self, code: str) -> Option:
        """Return the option with this code; KeyError when there is none."""
        return _find(self.options, code)

    def family(self, code: str) -> OptionFamily:
        """Return the option family with this code; KeyError when there is none."""
        return _find(self.families, code)

    def part_family(self, code: str) -> PartFamily:
        """Return the part family with this code; KeyError when there is none."""
        return _find(self.part_families, code)

    @property
    def codes(self) -> frozenset[str]:
        """Every code that an expression may name."""
        coded: tuple[HasCode, ...] = (*self.models, *self.colors, *self.options)
        return frozenset(one.code for one in coded)

    def extended(self, *, colors: Iterable[Color] = (), options: Iterable[Option] = ()) -> Catalog:
        """Return the catalogue with further colours and options; those it has already stay as they are."""
        known = self.codes
        return self.model_copy(
            update={
                "colors": (*self.colors, *(one for one in colors if one.code not in known)),
                "options": (*self.options, *(one for one in options if one.code not in known)),
            }
        )


@dataclass(frozen=True, slots=True)
class Configuration:
    """A car that can be built. `options` are in alphabetical order and include what rules added."""

    model: str
    color: str
    options: tuple[str, ...]
    catalog_version: str

    @property
    def codes(self) -> frozenset[str]:
        """Model, colour and options: what usage expressions look at."""
        return frozenset({self.model, self.color, *self.options})


@dataclass(frozen=True, slots=True)
class BomLine:
    """A line of the 100 % bill of material of one car."""

    part_number: str
    family: str
    name: Text
    quantity: Decimal
    unit: str


def explode(catalog: Catalog, car: Configuration, at: datetime) -> tuple[BomLine, ...]:
    """Return the 100 % bill of material of a car that is locked at `at`, in the order of the catalogue."""
    codes = car.codes
    return tuple(
        BomLine(item.number, item.family, item.name, item.quantity, item.unit)
        for item in catalog.parts
        if item.effective(at) and parse(item.usage).holds(codes)
    )


def _find(things: Iterable[Coded], code: str) -> Coded:
    for thing in things:
        if thing.code == code:
            return thing
    raise KeyError(code)
