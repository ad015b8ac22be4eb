"""Stamped panels: door, hood, fender, roof, each in three body styles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np

from qc_vision.shops import Shop
from qc_vision.synth.part import (
    OVERSAMPLE,
    Float,
    Part,
    Sheet,
    box,
    circle,
    halve,
    path,
    polygon,
    smooth,
)
from qc_vision.synth.scene import FIELD_MM

PANELS: Final = ("door", "hood", "fender", "roof")
STYLES: Final = 3
_WORDS: Final = {
    "door": 0, "hood": 1, "bonnet": 1, "lid": 1, "fender": 2, "wing": 2, "roof": 3, "side": 0,
}  # fmt: skip
_STEEL: Final = (0.40, 0.40, 0.385)
_CONVEYOR: Final = (0.012, 0.012, 0.013)

Outline = list[tuple[float, float]]


def layout_of(variant: str) -> int:
    """Return the panel and style a variant code stands for."""
    code = crc32(variant.encode())
    words = (panel for word, panel in _WORDS.items() if word in variant.lower())
    return next(words, code % len(PANELS)) * STYLES + (code >> 8) % STYLES


def build(layout: int, size: int) -> Part:
    """Shape one panel."""
    panel, style = divmod(layout, STYLES)
    sheet = Sheet(FIELD_MM[Shop.STAMPING], size)
    wide, high = ((1.0, 1.0), (0.93, 1.03), (1.04, 0.94))[style]
    x, y = sheet.x / wide, sheet.y / high
    shape = (_door, _hood, _fender, _roof)[panel]
    outline, openings, holes, beads = shape(x, y, style)

    edge = outline
    for opening in openings:
        edge = np.maximum(edge, -opening)
    sheet.height -= (np.square(x) / 2600 + np.square(y + 60) / 2000) * 0.5
    for distance, width, depth in beads:
        sheet.height += depth * smooth(1.0 - np.abs(distance) / width)
    for opening in openings:
        sheet.height -= 5.0 * smooth(1.0 - opening / 16.0)
    sheet.height -= 7.0 * smooth(1.0 + edge / 13.0) * (outline > -13)
    hole = np.full(x.shape, np.inf, np.float32)
    for cx, cy, radius in holes:
        distance = circle(x, y, cx, cy, radius)
        sheet.height -= 1.6 * smooth(1.0 - distance / 7.0)
        hole = np.minimum(hole, distance)
    metal = sheet.cover(np.maximum(edge, -hole))
    sheet.fill(np.ones_like(metal), _CONVEYOR, 0.04)
    sheet.albedo *= (1.0 + 0.5 * np.sin(2 * np.pi * sheet.y / 24.0))[:, :, None]
    sheet.fill(metal, _STEEL, 0.62)
    _silence(sheet, metal)
    sheet.shade_near(np.minimum(np.abs(edge), np.abs(hole)), 4.0, 0.35)
    return _finished(sheet, edge, hole, beads)


def _silence(sheet: Sheet, metal: Float) -> None:
    """Keep the conveyor flat: only the panel has a relief."""
    sheet.height *= metal


def _finished(
    sheet: Sheet, edge: Float, hole: Float, beads: list[tuple[Float, float, float]]
) -> Part:
    surface, albedo = sheet.layers()
    deep = (edge < -26) & (hole > 16)
    calm = deep.copy()
    for distance, width, _ in beads:
        calm &= np.abs(distance) > width + 4
    sites = {
        "surface": sheet.points_where(deep),
        "calm": sheet.points_where(calm),
        "edge": sheet.points_where((edge < -6) & (edge > -16) & (hole > 12), step=2),
        "flange": sheet.points_where((edge < -22) & (edge > -42) & (hole > 12), step=2),
    }
    return Part(
        surface, albedo, None, sheet.field_mm, sheet.mm_per_px * OVERSAMPLE, sites,
        maps={"edge": halve(edge)},
    )  # fmt: skip


Shape = tuple[
    Float, list[Float], Sequence[tuple[float, float, float]], list[tuple[Float, float, float]]
]


def _door(x: Float, y: Float, style: int) -> Shape:
    slant = 12.0 * (style - 1)
    outline = polygon(
        x, y,
        [(-262, -30), (-250, 225), (-225, 250), (232, 252), (258, 215), (266, -40),
         (226 + slant, -255), (40 + slant, -264), (-60, -205)],
        34,
    )  # fmt: skip
    window = polygon(
        x, y, [(-188, -50), (212, -48), (190 + slant, -208), (52 + slant, -216), (-40, -170)], 26
    )
    speaker = circle(x, y, -150, 165, 44)
    access = box(x, y, 42, 160, 176, 74, 26, -4)
    holes = [(-232, 8, 9), (-230, 66, 9), (-226, 190, 9), (-60, 222, 6), (150, 226, 6),
             (232, 14, 8), (230, 150, 7), (-110, 12, 6), (60, 20, 6)]  # fmt: skip
    waist = path(x, y, [(-300, -8 + slant), (300, 2)])
    swage = path(x, y, [(-300, 96), (-80, 88), (300, 64 + slant)])
    grip = box(x, y, 168, 44, 88, 30, 14, 3)
    return outline, [window, speaker, access], holes, [
        (waist, 13.0, 5.0), (swage, 9.0, 3.6), (grip, 9.0, 3.0),
    ]  # fmt: skip


def _hood(x: Float, y: Float, style: int) -> Shape:
    nose = 16.0 * style
    outline = polygon(
        x, y,
        [(-255, -205), (255, -205), (272, 40), (236, 190), (110, 238 + nose / 2),
         (-110, 238 + nose / 2), (-236, 190), (-272, 40)],
        40,
    )  # fmt: skip
    side = np.abs(x)
    upper = polygon(side, y, [(40, -160), (205, -160), (214, -20), (120, -34)], 22)
    lower = polygon(side, y, [(96, 34), (212, 52), (180, 150), (78, 176 + nose / 3)], 22)
    centre = polygon(side, y, [(-1, -92), (44, -58), (58, 60), (30, 128), (-1, 128)], 20)
    holes = [(s * cx, cy, r) for s in (-1, 1) for cx, cy, r in
             ((236, -176, 8), (236, -140, 8), (120, 208, 6), (238, 96, 6), (70, -4, 6))]  # fmt: skip
    rib = path(side, y, [(20, -182), (78, -10), (60, 215)])
    brow = path(x, y, [(-240, -184), (240, -184)])
    return outline, [upper, lower, centre], holes, [(rib, 11.0, 3.4), (brow, 9.0, 3.0)]


def _fender(x: Float, y: Float, style: int) -> Shape:
    outline = polygon(
        x, y,
        [(-270, -60), (-200, -150), (-20, -205 - 10 * style), (266, -222), (272, -150),
         (240, -120), (236, 240), (150, 246), (130, 190), (-236, 130), (-268, 60)],
        30,
    )  # fmt: skip
    arch = circle(x, y, -52, 196 + 8 * style, 172)
    lamp = polygon(x, y, [(-300, -80), (-205, -70), (-196, 10), (-300, 20)], 20)
    outline = np.maximum(np.maximum(outline, -arch), -lamp)
    slot = box(x, y, 196, 80, 22, 120, 11)
    holes = [(-150, -108, 7), (-10, -168, 7), (120, -182, 7), (232, -190, 7), (214, 190, 7),
             (186, -92, 6), (-228, 92, 6)]  # fmt: skip
    crease = path(x, y, [(-250, -44), (-30, -92), (290, -118 + 10 * style)])
    lip = np.abs(arch - 22.0)
    return outline, [slot], holes, [(crease, 12.0, 4.2), (lip, 9.0, 3.2)]


def _roof(x: Float, y: Float, style: int) -> Shape:
    outline = polygon(
        x, y,
        [(-236, -258), (236, -258), (256, 0), (240, 256), (-240, 256), (-256, 0)],
        36,
    )  # fmt: skip
    glass = box(x, y, 0, -86, 300 - 20 * style, 190, 36)
    holes = [(s * cx, cy, r) for s in (-1, 1) for cx, cy, r in
             ((216, -226, 7), (226, -20, 7), (216, 226, 7), (70, 232, 6))]  # fmt: skip
    beads: list[tuple[Float, float, float]] = [
        (path(x, y, [(-170, cy), (170, cy)]), 10.0, 3.0) for cy in (76, 126, 176)
    ]
    ditch = np.abs(np.abs(x) - 204)
    return outline, [glass], holes, [*beads, (ditch.astype(np.float32), 8.0, -3.0)]
