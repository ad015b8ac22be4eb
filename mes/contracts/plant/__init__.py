"""The plant model: what one plant file describes (ISA-95 equipment hierarchy and what planning needs).

Site › shop (ISA-95 Area) › line (WorkCenter) › station (WorkUnit); stores between the lines; the dies,
cameras, tags, rules and calendars. Planning, the simulator, the screens and the configuration of every
edge agent are derived from this one model. `mes.contracts.plant_file` reads it from a file.
"""

from __future__ import annotations

from mes.contracts.plant.base import Code
from mes.contracts.plant.calendars import WEEKDAYS, Break, Calendar, Shift, Weekday
from mes.contracts.plant.lines import Lanes, Line, Panel, RepairBay, Store
from mes.contracts.plant.model import PlantModel, Shop, ShopKind, Site
from mes.contracts.plant.rules import (
    MOST_SOLVENT_ML,
    ColorPurge,
    PaintRules,
    RatioRule,
    SpacingRule,
)
from mes.contracts.plant.stations import (
    Camera,
    DefectCause,
    DefectSource,
    Station,
    StationRecipe,
    Tag,
    VisionSystem,
)

__all__ = [
    "MOST_SOLVENT_ML",
    "WEEKDAYS",
    "Break",
    "Calendar",
    "Camera",
    "Code",
    "ColorPurge",
    "DefectCause",
    "DefectSource",
    "Lanes",
    "Line",
    "PaintRules",
    "Panel",
    "PlantModel",
    "RatioRule",
    "RepairBay",
    "Shift",
    "Shop",
    "ShopKind",
    "Site",
    "SpacingRule",
    "Station",
    "StationRecipe",
    "Store",
    "Tag",
    "VisionSystem",
    "Weekday",
]
