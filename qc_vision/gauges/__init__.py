"""Measure without learning: gap, flush, position, colour, presence, codes. Never torch, no model package."""

from qc_vision.gauges.code import CodeGauge
from qc_vision.gauges.color import ColorGauge, ciede2000, lab_of
from qc_vision.gauges.gap import FlushGauge, GapGauge
from qc_vision.gauges.position import HoleGauge, PatternGauge
from qc_vision.gauges.presence import ContrastGauge, PresenceGauge
from qc_vision.gauges.reading import CannotMeasure, Measured, Reading, SettingsError, Zone
from qc_vision.gauges.station import Gauge, Station, read_all, read_file, read_settings, worst

__all__ = [
    "CannotMeasure",
    "CodeGauge",
    "ColorGauge",
    "ContrastGauge",
    "FlushGauge",
    "GapGauge",
    "Gauge",
    "HoleGauge",
    "Measured",
    "PatternGauge",
    "PresenceGauge",
    "Reading",
    "SettingsError",
    "Station",
    "Zone",
    "ciede2000",
    "lab_of",
    "read_all",
    "read_file",
    "read_settings",
    "worst",
]
