"""A lap joint with an arc-weld seam and spot welds on its flange, in three joint shapes."""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np

from qc_vision.shops import Shop
from qc_vision.synth.part import OVERSAMPLE, Float, Part, Sheet, circle, halve, noise_field, smooth
from qc_vision.synth.scene import FIELD_MM

LAYOUTS: Final = 3
TAKES: Final = 4
"""Different beads a joint shape comes with: no two welds ripple alike."""

_ZINC: Final = (0.43, 0.425, 0.40)
_BEAD: Final = (0.30, 0.275, 0.25)
_STRAW: Final = (0.17, 0.30, 0.40)
_BLUE: Final = (0.34, 0.22, 0.17)
_HALF_WIDTH_MM: Final = 5.0


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
    _heat_tint(sheet, off)
    _bead(sheet, off, along, take)
    surface, albedo = sheet.layers()
    middle = np.abs(along) < 62
    sites = {
        "seam": sheet.points_where((np.abs(off) < 0.5) & middle, step=1),
        "beside": sheet.points_where((np.abs(off) > 12) & (np.abs(off) < 40)),
    }
    maps = {"along": halve(along), "off": halve(off)}
    return Part(
        surface, albedo, None, sheet.field_mm, sheet.mm_per_px * OVERSAMPLE, sites, bare, maps
    )


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
    for at in (-52.0, 0.0, 52.0):
        spot = np.hypot(along - at, off + 27.0).astype(np.float32)
        sheet.height -= 0.35 * smooth((4.6 - spot) / 1.6)
        sheet.height += 0.22 * np.exp(-np.square((spot - 5.2) / 0.9))
        ring = 0.75 * np.exp(-np.square((spot - 5.4) / 1.7))
        sheet.fill(ring.astype(np.float32), _BLUE, 0.35)
        sheet.fill(0.5 * np.exp(-np.square((spot - 8.2) / 1.8)).astype(np.float32), _STRAW, 0.38)
    hole = circle(along, off, 34.0, 33.0, 4.2)
    sheet.height -= 0.8 * smooth(1.0 - hole / 2.5)
    sheet.fill(sheet.cover(hole), (0.012, 0.012, 0.012), 0.0)


def _heat_tint(sheet: Sheet, off: Float) -> None:
    away = np.abs(off)
    sheet.fill((0.55 * np.exp(-np.square((away - 10.5) / 2.6))).astype(np.float32), _STRAW, 0.40)
    sheet.fill((0.62 * np.exp(-np.square((away - 7.2) / 2.0))).astype(np.float32), _BLUE, 0.40)


def _bead(sheet: Sheet, off: Float, along: Float, take: int) -> None:
    phase = 1.7 * take
    wobble = 0.35 * np.sin(along / 5.1 + phase) + 0.25 * np.sin(along / 2.3 + 2.1 * phase)
    across = off / (_HALF_WIDTH_MM + wobble)
    crown = np.sqrt(np.maximum(1.0 - np.square(across), 0.0))
    chevron = along - 2.6 * np.square(across)
    ripple = 0.13 * np.sin(2 * np.pi * (chevron + 0.6 * np.sin(along / 7.0 + phase)) / 2.6) * crown
    lies = sheet.cover((np.abs(off) - _HALF_WIDTH_MM - wobble).astype(np.float32))
    sheet.height = np.where(
        lies > 0, sheet.height + lies * (1.9 * crown + ripple), sheet.height
    ).astype(np.float32)
    sheet.fill(lies, _BEAD, 0.60)
    sheet.shade_near((np.abs(off) - _HALF_WIDTH_MM - 0.4).astype(np.float32), 1.2, 0.45)
