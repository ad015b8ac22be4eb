"""Cars and what is in them, as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from pydantic import BaseModel

from mes.genealogy.views import Holding


class BuiltInOut(BaseModel):
    """One part, lot or panel; `built_at` is plant time."""

    material: str
    lot: str | None
    serial: str | None
    quantity: int
    line: str
    station: str
    built_at: datetime


class CarOut(BaseModel):
    """A body, where it is now, and what of the question is in it."""

    number: str
    vin: str
    model: str
    color: str
    condition: str
    place: str
    at: str | None
    parts: list[BuiltInOut]


def cars_of(holdings: Iterable[Holding]) -> list[CarOut]:
    """Gather holdings (ordered by body) into cars."""
    cars: list[CarOut] = []
    for _, group in groupby(holdings, key=lambda holding: holding.number):
        held = list(group)
        first = held[0]
        cars.append(
            CarOut(
                number=first.number,
                vin=first.vin,
                model=first.model,
                color=first.color,
                condition=first.condition,
                place=first.place,
                at=first.at,
                parts=[
                    BuiltInOut(
                        material=part.material,
                        lot=part.lot,
                        serial=part.serial,
                        quantity=part.quantity,
                        line=part.line,
                        station=part.station,
                        built_at=part.built_at,
                    )
                    for part in held
                ],
            )
        )
    return cars
