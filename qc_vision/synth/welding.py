"""A lap joint with an arc-weld seam and spot welds on its flange, in three joint shapes."""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from qc_vision.shops import Shop
from qc_vision.synth.part import OVERSAMPLE, Float, Part, Sheet, circle, halve, noise_field, smooth
from qc_vision.synth.scene import FIELD_MM

LAYOUTS: Final = 3
TAKES: Final = 4
"""Different beads a joint shape comes with: no two welds ripple alike."""

HALF_WIDTH_MM: Final = 5.0
BEAD: Final = (0.30, 0.275, 0.25)
BEAD_GLOSS: Final = 0.60
SPOTS_MM: Final = (-52.0, 0.0, 52.0)
SPOT_OFF_MM: Final = -27.0
"""Where the spot welds sit: along the seam, and off it on the upper sheet."""

Tint = tuple[Float, tuple[float, float, float], float]
"""Where a colour lies (0..1), its linear BGR and its gloss."""

_ZINC: Final = (0.43, 0.425, 0.40)
_STRAW: Final = (0.17, 0.30, 0.40)
_BLUE: Final = (0.34, 0.22, 0.17)


def layout_of(variant: str) -> int:
    """Return the joint shape a variant code stands for."""
    return crc32(variant.encode()) % LAYOUTS


def build(layout: int, size: int) -> Part:
    """Shape one joint (layout × take): lower sheet, upper sheet, spots, heat tint, bead."""
    layout, take = divmod(layout, TAKES)
    sheet = Sheet(FIELD_MM[Shop.WELDING], size)
    off, along = _joint(sheet.x, sheet.y, layout)
    _sheets(sheet, off, along)
    bare = sheet.layers()
    for at in SPOTS_MM:
        _spot(sheet, np.hypot(along - at, off - SPOT_OFF_MM).astype(np.float32))
    for where, color, gloss in heat_tints(off):
        sheet.fill(where, color, gloss)
    _bead(sheet, off, along, take)
    surface, albedo = sheet.layers()
    middle = np.abs(along) < 62
    sites = {
        "seam": sheet.points_where((np.abs(off) < 0.5) & middle, step=1),
        "beside": sheet.points_where((np.abs(off) > 12) & (np.abs(off) < 40)),
        "seam_end": _places(sheet, off, along, [(at, 0.0) for at in (-68.0, 68.0)]),
        "spot": _places(sheet, off, along, [(at, SPOT_OFF_MM) for at in SPOTS_MM]),
    }
    maps = {"along": halve(along), "off": halve(off)}
    return Part(
        surface, albedo, None, sheet.field_mm, sheet.mm_per_px * OVERSAMPLE, sites, bare, maps
    )


def _places(
    sheet: Sheet, off: Float, along: Float, wanted: list[tuple[float, float]]
) -> NDArray[np.float32]:
    """Return the points at the given distances along and off the seam."""
    points = []
    for at, beside in wanted:
        nearest = int((np.square(along - at) + np.square(off - beside)).argmin())
        points.append((float(sheet.x.flat[nearest]), float(sheet.y.flat[nearest])))
    return sheet.points(points)


def _joint(x: Float, y: Float, layout: int) -> tuple[Float, Float]:
    """Return the distance off the seam (negative: upper sheet) and along it, mm."""
    if layout == 1:
        centre, radius = (18.0, 236.0), 232.0
        off = radius - np.hypot(x - centre[0], y - centre[1])
        along = np.arctan2(x - centre[0], centre[1] - y) * radius
        return (-off).astype(np.float32), along.astype(np.float32)
    turn = np.deg2rad(-9.0 if layout == 2 else 3.0)
    along = x * np.cos(turn) + y * np.sin(turn)
    off = -x * np.sin(turn) + y * np.cos(turn) - (10.0 if layout == 2 else -4.0)
    return off.astype(np.float32), along.astype(np.float32)


def _sheets(sheet: Sheet, off: Float, along: Float) -> None:
    full = np.ones_like(off)
    sheet.fill(full, _ZINC, 0.40)
    spangle = noise_field(512, 5.0, 31)
    rows = np.arange(off.shape[0]) % 512
    sheet.albedo *= 1.0 + 0.05 * spangle[rows[:, None], rows[None, :]][:, :, None]
    sheet.height += 1.6 * smooth(0.5 - off / 1.6)  # the upper sheet ends at the seam
    sheet.height -= np.square(along) / 2600.0
    sheet.height -= 9.0 * smooth((off - 44.0) / 16.0)  # the lower flange bends away
    sheet.height += 7.0 * smooth((-off - 48.0) / 14.0)
    sheet.shade_near(off - 50.0, 9.0, 0.25)
    hole = circle(along, off, 34.0, 33.0, 4.2)
    sheet.height -= 0.8 * smooth(1.0 - hole / 2.5)
    sheet.fill(sheet.cover(hole), (0.012, 0.012, 0.012), 0.0)


def spot_relief(away: Float) -> Float:
    """Return the indentation of a spot weld with its rim, mm, by the distance from its centre."""
    rim = 0.22 * np.exp(-np.square((away - 5.2) / 0.9))
    return np.asarray(rim - 0.35 * smooth((4.6 - away) / 1.6), np.float32)


def spot_tints(away: Float) -> list[Tint]:
    """Return the annealing colours around a spot weld, from the inside out."""
    ring = 0.75 * np.exp(-np.square((away - 5.4) / 1.7))
    halo = 0.5 * np.exp(-np.square((away - 8.2) / 1.8))
    return [(ring.astype(np.float32), _BLUE, 0.35), (halo.astype(np.float32), _STRAW, 0.38)]


def heat_tints(off: Float) -> list[Tint]:
    """Return the annealing colours beside the bead, from the outside in."""
    away = np.abs(off)
    straw = 0.55 * np.exp(-np.square((away - 10.5) / 2.6))
    blue = 0.62 * np.exp(-np.square((away - 7.2) / 2.0))
    return [(straw.astype(np.float32), _STRAW, 0.40), (blue.astype(np.float32), _BLUE, 0.40)]


def bead_shape(off: Float, along: Float, phase: float) -> tuple[Float, Float]:
    """Return the relief of a bead in mm and the signed distance from its toes (inside is negative)."""
    wobble = 0.35 * np.sin(along / 5.1 + phase) + 0.25 * np.sin(along / 2.3 + 2.1 * phase)
    across = off / (HALF_WIDTH_MM + wobble)
    crown = np.sqrt(np.maximum(1.0 - np.square(across), 0.0))
    chevron = along - 2.6 * np.square(across)
    ripple = 0.13 * np.sin(2 * np.pi * (chevron + 0.6 * np.sin(along / 7.0 + phase)) / 2.6) * crown
    toes = np.abs(off) - HALF_WIDTH_MM - wobble
    return (1.9 * crown + ripple).astype(np.float32), toes.astype(np.float32)


def _spot(sheet: Sheet, away: Float) -> None:
    sheet.height += spot_relief(away)
    for where, color, gloss in spot_tints(away):
        sheet.fill(where, color, gloss)


def _bead(sheet: Sheet, off: Float, along: Float, take: int) -> None:
    relief, toes = bead_shape(off, along, phase=1.7 * take)
    lies = sheet.cover(toes)
    sheet.height += lies * relief
    sheet.fill(lies, BEAD, BEAD_GLOSS)
    sheet.shade_near((np.abs(off) - HALF_WIDTH_MM - 0.4).astype(np.float32), 1.2, 0.45)
