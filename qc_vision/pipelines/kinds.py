"""The kinds of nodes a station's pipeline is made of: typed ports, settings with type and default.

The editor's palette, the check of a document and the runner all read this one table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Literal

from qc_vision.gauges.station import GAUGES

SettingType = Literal[
    "number",
    "integer",
    "switch",
    "text",
    "texts",
    "choice",
    "zone",
    "point",
    "corners",
    "color",
    "picture",
    "package",
]
"""`zone`: x, y, w, h in pixels · `point`: x, y in pixels · `corners`: three points or more, in fractions of the
picture · `picture`: the name of a picture · `package`: the name of a model package · `color`: L*, a*, b* or
`#rrggbb` · `texts`: several texts."""

REQUIRED: Final = object()
"""In place of a default: the setting has to be given."""


class Port(StrEnum):
    """What travels along a connection."""

    IMAGE = "image"
    REGION = "region"
    SCORE = "score"
    MEASURE = "measure"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Inlet:
    """An input of a node.

    Args:
        takes: the types that fit.
        many: takes any number of connections, at least one.
        needed: has to be connected.
    """

    takes: tuple[Port, ...]
    many: bool = False
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind; limits are included, `default` may be `REQUIRED` or None (not set)."""

    type: SettingType
    default: Any = REQUIRED
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""

    @property
    def required(self) -> bool:
        """Whether a node without it is wrong."""
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True)
class NodeKind:
    """Inputs, output and settings of one kind of node; `output` is None for the end of a pipeline."""

    group: Literal["picture", "judge", "measure", "decide"]
    inlets: Mapping[str, Inlet]
    output: Port | None
    settings: Mapping[str, Setting] = field(default_factory=dict)


_IMAGE: Final = {"image": Inlet((Port.IMAGE,))}
_IN_ZONE: Final = {**_IMAGE, "region": Inlet((Port.REGION,), needed=False)}

_OWN: Final[dict[str, NodeKind]] = {
    "source": NodeKind("picture", {}, Port.IMAGE),
    "fitness": NodeKind(
        "picture",
        _IMAGE,
        Port.IMAGE,
        {
            "min_blur": Setting("number", 4.0, 0.0),
            "min_exposure": Setting("number", 8.0, 0.0, 255.0),
            "max_exposure": Setting("number", 248.0, 0.0, 255.0),
            "min_contrast": Setting("number", 12.0, 0.0, 255.0),
        },
    ),
    "align": NodeKind(
        "picture",
        _IMAGE,
        Port.IMAGE,
        {
            "golden": Setting("picture"),
            "min_correlation": Setting("number", 0.6, 0.0, 1.0),
        },
    ),
    "crop": NodeKind(
        "picture",
        _IN_ZONE,
        Port.IMAGE,
        {
            "x": Setting("number", 0.0, 0.0, 1.0),
            "y": Setting("number", 0.0, 0.0, 1.0),
            "w": Setting("number", 1.0, 0.0, 1.0),
            "h": Setting("number", 1.0, 0.0, 1.0),
            "width": Setting("integer", None, 16, 4096, unit="px"),
        },
    ),
    "zone": NodeKind("picture", {}, Port.REGION, {"corners": Setting("corners")}),
    "model": NodeKind("judge", _IMAGE, Port.SCORE, {"package": Setting("package")}),
    "change": NodeKind(
        "measure",
        _IN_ZONE,
        Port.MEASURE,
        {
            "golden": Setting("picture"),
            "high": Setting("number", 2.0, 0.0, 100.0, unit="%"),
            "min_levels": Setting("number", 25.0, 1.0, 255.0),
            "min_area_px": Setting("number", 40.0, 0.0),
        },
    ),
    "rule": NodeKind(
        "decide",
        {"parts": Inlet((Port.SCORE, Port.MEASURE), many=True)},
        Port.VERDICT,
        {
            "threshold": Setting("number", 0.5, 0.01, 0.99),
            "nok_from": Setting("integer", 1, 1, 20),
        },
    ),
    "sink": NodeKind(
        "decide",
        {"verdict": Inlet((Port.VERDICT,))},
        None,
        {"andon": Setting("switch", False)},
    ),
}

_TYPES: Final[dict[str, SettingType]] = {
    "str": "text",
    "bool": "switch",
    "float": "number",
    "Zone": "zone",
    "Point": "point",
    "Lab": "color",
    "Picture": "picture",
    "tuple[str, ...]": "texts",
}
_CHOICES: Final[dict[str, tuple[str, ...]]] = {"across": ("x", "y"), "along": ("x", "y")}


def _of_gauge(gauge: Any) -> NodeKind:
    """Return the node of a gauge: its settings are the gauge's own, but for the name, which is the node's."""
    settings = {one.name: _of_field(one, gauge.unit) for one in fields(gauge) if one.name != "name"}
    return NodeKind("measure", _IMAGE, Port.MEASURE, settings)


def _of_field(one: Field[Any], unit: str) -> Setting:
    default = REQUIRED if one.default is MISSING else one.default
    if isinstance(default, tuple):
        default = list(default)
    elif default == math.inf:
        default = None
    choices = _CHOICES.get(one.name, ())
    kind: SettingType = "choice" if choices else _TYPES[str(one.type).removesuffix(" | None")]
    own = unit if one.name in ("low", "high") else "px" if one.name.endswith("_px") else ""
    return Setting(kind, default, choices=choices, unit=own)


KINDS: Final[Mapping[str, NodeKind]] = {
    **_OWN,
    **{name: _of_gauge(gauge) for name, gauge in GAUGES.items()},
}
"""Every kind of node by its name; the gauges are kinds of their own."""
