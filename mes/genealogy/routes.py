"""The API of a recall: from a lot or a serial number to every car, from a VIN to everything in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from mes.genealogy import views
from mes.genealogy.schemas import CarOut, cars_of
from mes.identity.access import require_scope
from mes.identity.model import Caller, Scope
from mes.platform.errors import Invalid
from mes.platform.http import ReadDb

router = APIRouter(prefix="/api", tags=["genealogy"])


class AskForOne(Invalid):
    """Ask for exactly one of lot, serial and vin; {count} were given."""

    code = "genealogy.ask_for_one"


Key = Annotated[str | None, Query(min_length=1, max_length=100)]


@router.get("/genealogy")
async def get_genealogy(
    caller: Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))],
    conn: ReadDb,
    lot: Key = None,
    serial: Key = None,
    vin: Key = None,
) -> list[CarOut]:
    """List every car that holds a lot or serial number, or everything in the car of a VIN."""
    given = [key for key in (lot, serial, vin) if key is not None]
    if len(given) != 1:
        raise AskForOne(count=len(given))
    if lot is not None:
        found = await views.bodies_with_lot(conn, lot)
    elif serial is not None:
        found = await views.bodies_with_serial(conn, serial)
    else:
        found = await views.parts_of_vin(conn, given[0])
    return cars_of(found)
