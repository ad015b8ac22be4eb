"""The gauges of a station: a settings file in, readings of a picture out.

```toml
[fitness]                 # optional: limits of the whole picture, as in a pipeline
min_blur = 2.0

[[gauge]]
kind = "gap"              # gap flush hole pattern color presence contrast code
name = "hood to fender"
zone = [120, 80, 60, 40]  # x, y, width, height in pixels
mm_per_px = 0.05
low = 3.0
high = 4.5
```
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.code import CodeGauge
from qc_vision.gauges.color import ColorGauge, lab_of
from qc_vision.gauges.gap import FlushGauge, GapGauge
from qc_vision.gauges.position import HoleGauge, PatternGauge
from qc_vision.gauges.presence import ContrastGauge, PresenceGauge
from qc_vision.gauges.reading import (
    CannotMeasure,
    Measured,
    Picture,
    Reading,
    SettingsError,
    Zone,
    within,
)
from qc_vision.runtime.fitness import FitnessLimits, measure
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.runtime.inspection import Verdict


class Gauge(Protocol):
    """One measurement in a picture."""

    kind: ClassVar[str]
    unit: ClassVar[str]
    needs_light: ClassVar[bool]
    """Whether the whole picture has to be fit; a laser line on black, a colour or a code judge for themselves."""

    @property
    def name(self) -> str:
        """Unique at the station."""

    @property
    def low(self) -> float | None:
        """Least value that is OK; None: any."""

    @property
    def high(self) -> float | None:
        """Greatest value that is OK; None: any."""

    def measure(self, image: Picture) -> Measured:
        """Return the value; raises CannotMeasure."""


GAUGES: Final[Mapping[str, Any]] = {
    gauge.kind: gauge
    for gauge in (
        GapGauge,
        FlushGauge,
        HoleGauge,
        PatternGauge,
        ColorGauge,
        PresenceGauge,
        ContrastGauge,
        CodeGauge,
    )
}
"""Every kind of gauge, by name."""


@dataclass(frozen=True, slots=True)
class Station:
    """Gauges and the limits of a picture that can be measured in."""

    gauges: tuple[Gauge, ...]
    limits: FitnessLimits = field(default_factory=FitnessLimits)


def read_settings(path: Path) -> Station:
    """Read a settings file; pictures it names lie beside it.

    Raises:
        SettingsError: it cannot be read, or a setting is wrong; the message names gauge and setting.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise SettingsError(f"{path} cannot be read: {cause}") from cause
    unknown = set(raw) - {"gauge", "fitness"}
    tables = raw.get("gauge")
    if unknown or not isinstance(tables, list) or not tables:
        what = f"unknown: {', '.join(sorted(unknown))}" if unknown else "no [[gauge]]"
        raise SettingsError(f"{path}: {what}")
    limits = FitnessLimits(**_fitness(raw.get("fitness", {}), path))
    gauges = tuple(_gauge(table, number, path) for number, table in enumerate(tables, start=1))
    names = [gauge.name for gauge in gauges]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SettingsError(f"{path}: several gauges are called {', '.join(sorted(twice))}")
    return Station(gauges, limits)


def make(kind: str, settings: Mapping[str, object], picture_of: Callable[[str], Picture]) -> Gauge:
    """Return one gauge.

    Args:
        settings: as in a settings file, with the gauge's `name`.
        picture_of: returns a picture that a setting names; raises SettingsError.

    Raises:
        SettingsError: a setting is unknown, missing, of another type, or makes no sense.
    """
    known = {one.name: one for one in fields(GAUGES[kind])}
    unknown = set(settings) - set(known)
    missing = {name for name, one in known.items() if one.default is MISSING} - set(settings)
    if unknown or missing:
        said = [f"unknown {', '.join(sorted(unknown))}"] * bool(unknown)
        said += [f"missing {', '.join(sorted(missing))}"] * bool(missing)
        raise SettingsError("; ".join(said))
    given = {
        name: _setting(name, str(known[name].type), value, picture_of)
        for name, value in settings.items()
    }
    gauge: Gauge = GAUGES[kind](**given)
    return gauge


def read_all(image: bytes | NDArray[np.generic], station: Station) -> tuple[Reading, ...]:
    """Measure one picture with every gauge. A picture that is none makes every reading UNFIT."""
    try:
        upright = decode(image)
    except NotAnImage as refusal:
        return tuple(_unfit(gauge, str(refusal)) for gauge in station.gauges)
    dim = measure(upright, station.limits).reason
    return tuple(
        _unfit(gauge, dim) if dim is not None and gauge.needs_light else read(gauge, upright)
        for gauge in station.gauges
    )


def read_file(path: Path, station: Station) -> tuple[Reading, ...]:
    """Measure one file; one that cannot be read makes every reading UNFIT."""
    try:
        data = path.read_bytes()
    except OSError as cause:
        reason = f"{path} cannot be read: {cause.strerror}"
        return tuple(_unfit(gauge, reason) for gauge in station.gauges)
    return read_all(data, station)


def worst(readings: Sequence[Reading]) -> Verdict:
    """Return the verdict of all readings: NOK before UNFIT before OK; without readings UNFIT."""
    found = {reading.verdict for reading in readings}
    for verdict in (Verdict.NOK, Verdict.UNFIT, Verdict.OK):
        if verdict in found:
            return verdict
    return Verdict.UNFIT


def read(gauge: Gauge, image: Picture) -> Reading:
    """Measure an upright picture with one gauge; what cannot be measured is UNFIT."""
    try:
        found = gauge.measure(image)
    except CannotMeasure as refusal:
        return _unfit(gauge, str(refusal))
    if found.value is not None and not math.isfinite(found.value):
        return _unfit(gauge, "the value is no number")
    if isinstance(gauge, CodeGauge):
        objection = gauge.objection(found.text or "")
    elif found.value is not None:
        objection = within(found.value, gauge.low, gauge.high, gauge.unit)
    else:
        return _unfit(gauge, "there is no value")
    return Reading(
        gauge.name,
        gauge.kind,
        Verdict.OK if objection is None else Verdict.NOK,
        found.value,
        gauge.unit,
        gauge.low,
        gauge.high,
        found.text,
        objection,
        found.details,
    )


def _unfit(gauge: Gauge, reason: str) -> Reading:
    return Reading(
        gauge.name,
        gauge.kind,
        Verdict.UNFIT,
        None,
        gauge.unit,
        gauge.low,
        gauge.high,
        reason=reason,
    )


def _fitness(table: object, path: Path) -> dict[str, float]:
    known = {one.name for one in fields(FitnessLimits)}
    if (
        not isinstance(table, dict)
        or set(table) - known
        or not all(map(_is_number, table.values()))
    ):
        raise SettingsError(f"{path}: [fitness] has numbers called {', '.join(sorted(known))}")
    return {name: float(value) for name, value in table.items()}


def _gauge(table: object, number: int, path: Path) -> Gauge:
    where = f"{path}: gauge {number}"
    if not isinstance(table, dict):
        raise SettingsError(f"{where} is no table")
    where += f" ({table['name']})" if isinstance(table.get("name"), str) else ""
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in GAUGES:
        raise SettingsError(f"{where}: kind is one of {', '.join(GAUGES)}, not {kind!r}")
    given = {name: value for name, value in table.items() if name != "kind"}
    try:
        return make(kind, given, lambda name: _picture(path.parent / name))
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error


def _setting(
    name: str, annotation: str, value: object, picture_of: Callable[[str], Picture]
) -> object:
    """Return a setting as its gauge takes it; raises SettingsError for one of another type."""
    kind = annotation.removesuffix(" | None")
    match kind:
        case "str" | "bool" if type(value).__name__ == kind:
            return value
        case "float" if _is_number(value):
            return float(value)  # type: ignore[arg-type]  # checked a line before
        case "Zone" if isinstance(value, list) and len(value) == 4:
            return Zone(*value)
        case "Lab" if isinstance(value, str):
            return lab_of(value)
        case "Lab" | "Point" if isinstance(value, list) and all(map(_is_number, value)):
            if len(value) == (3 if kind == "Lab" else 2):
                return tuple(float(part) for part in value)
        case "tuple[str, ...]" if isinstance(value, list) and all(
            isinstance(p, str) for p in value
        ):
            return tuple(value)
        case "Picture" if isinstance(value, str):
            return picture_of(value)
    shapes = {"Zone": "[x, y, w, h]", "Lab": "[L, a, b] or #rrggbb", "Point": "[x, y]"}
    wanted = shapes.get(
        kind, {"Picture": "a file name", "tuple[str, ...]": "a list"}.get(kind, kind)
    )
    raise SettingsError(f"{name} is {wanted}, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _picture(path: Path) -> Picture:
    try:
        return decode(path.read_bytes())
    except (OSError, NotAnImage) as cause:
        raise SettingsError(f"{path} cannot be used: {cause}") from cause
