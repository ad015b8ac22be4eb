"""The API of the catalogue for those who order: what there is, and whether a car can be built.

It stands here and not in `catalog`, which is on the floor of `identity` and cannot ask who is calling.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from mes.catalog import service
from mes.catalog.model import explode
from mes.identity.access import require_scope
from mes.identity.model import Caller, Scope
from mes.platform.http import ClockDep, ReadDb

router = APIRouter(prefix="/catalog", tags=["catalog"])

Reader = Annotated[Caller, Depends(require_scope(Scope.ORDERS_READ))]
Code = Annotated[str, Field(min_length=1, max_length=20)]


class Wish(BaseModel):
    """A car that somebody would like to have."""

    model_config = ConfigDict(extra="forbid")

    model: Code
    color: Code
    options: list[Code] = Field(default_factory=list, max_length=100)


@router.get("")
async def get_catalog(caller: Reader, conn: ReadDb, clock: ClockDep) -> dict[str, Any]:
    """Show models, colours, options and rules in force; the bill of material stays inside."""
    catalog = await service.active_catalog(conn, clock.now())
    inside = {"parts", "part_families"}
    return catalog.model_dump(mode="json", exclude=inside, exclude_none=True)


@router.post("/configure")
async def configure(wish: Wish, caller: Reader, conn: ReadDb, clock: ClockDep) -> dict[str, Any]:
    """Say whether a car can be built: its options with what rules add, and its parts; or every broken rule."""
    now = clock.now()
    car = await service.configure(
        conn, model=wish.model, color=wish.color, options=wish.options, at=now
    )
    parts = explode(await service.active_catalog(conn, now), car, now)
    return {
        "model": car.model,
        "color": car.color,
        "options": list(car.options),
        "added": sorted(set(car.options) - set(wish.options)),
        "catalog_version": car.catalog_version,
        "parts": [
            {
                "part_number": part.part_number,
                "family": part.family,
                "name": part.name.model_dump(),
                "quantity": str(part.quantity),
                "unit": part.unit,
            }
            for part in parts
        ],
    }
