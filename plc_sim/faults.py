"""Faults that can be planted in a running plant, by `python -m plc_sim fault …`.

A new kind is one class here and one case in `plc_sim.shop`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from plc_sim.store import FLOOR_FILE, FloorFile


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DropTcp(_Fault):
    """Every TCP connection to the line is cut."""

    kind: Literal["drop_tcp"] = "drop_tcp"


class Hang(_Fault):
    """The line's process answers nothing for so many real seconds, connections stay open."""

    kind: Literal["hang"] = "hang"
    seconds: float = Field(gt=0, le=3600)


class Down(_Fault):
    """A station stands still for so many plant minutes."""

    kind: Literal["down"] = "down"
    station: str
    minutes: float = Field(gt=0)


class Misread(_Fault):
    """The next body that comes from the store is not the one expected."""

    kind: Literal["misread"] = "misread"


class ForceDefect(_Fault):
    """The next part before a camera has this defect."""

    kind: Literal["force_defect"] = "force_defect"
    camera: str
    defect: str


class CameraText(_Fault):
    """The next pictures of a camera are text."""

    kind: Literal["camera_text"] = "camera_text"
    camera: str
    times: int = Field(default=1, ge=1)


class NanTag(_Fault):
    """The next values of a tag are not a number."""

    kind: Literal["nan_tag"] = "nan_tag"
    station: str
    tag: str
    times: int = Field(default=1, ge=1)


class OffsetTag(_Fault):
    """A tag runs off by so much, in its own unit; 0 puts it right."""

    kind: Literal["offset_tag"] = "offset_tag"
    station: str
    tag: str
    offset: float


class Guard(_Fault):
    """The guard of a station opens or closes; opening it sets the station's interlock."""

    kind: Literal["guard"] = "guard"
    station: str
    open: bool = True


Fault = Annotated[
    DropTcp | Hang | Down | Misread | ForceDefect | CameraText | NanTag | OffsetTag | Guard,
    Field(discriminator="kind"),
]
fault_adapter: TypeAdapter[Fault] = TypeAdapter(Fault)


class NoSuchLine(Exception):
    """No line of this id has ever run in the folder; the message says which have."""


def plant_fault(folder: Path, line: str, fault: Fault) -> None:
    """Leave a fault for the process that runs `line`; it acts within half a real second.

    Raises:
        NoSuchLine: nothing would ever take it.
    """
    if not (folder / FLOOR_FILE).is_file():
        raise NoSuchLine(f"no plant has run in {folder}: there is no {FLOOR_FILE}")
    file = FloorFile(folder)
    try:
        known = file.lines()
        if line not in known:
            raise NoSuchLine(f"no line {line!r} has run in {folder}; known: {', '.join(known)}")
        file.plant_fault(line, fault.model_dump())
    finally:
        file.close()
