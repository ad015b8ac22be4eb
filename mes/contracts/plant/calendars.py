"""When a plant works: shifts, their breaks, and calendars of them."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import Field

from mes.contracts.plant.base import Code, Part
from mes.contracts.text import Text

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Break(Part):
    """A pause inside a shift, local time of the site."""

    start: time
    end: time


class Shift(Part):
    """A shift pattern; one that ends before it starts runs over midnight."""

    code: Code
    name: Text
    start: time
    end: time
    days: tuple[Weekday, ...] = WEEKDAYS[:6]
    breaks: tuple[Break, ...] = ()


class Calendar(Part):
    """The shifts that a line works."""

    id: Code
    shifts: tuple[Shift, ...] = Field(min_length=1)
