"""A fitted door trim: two panels with a joint, décor strip, switches, clips, screws and plugs."""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np

from qc_vision.shops import Shop
from qc_vision.synth.part import OVERSAMPLE, Float, Part, Sheet, box, circle, halve, path, smooth
from qc_vision.synth.scene import FIELD_MM

LAYOUTS: Final = 3
FINISHES: Final = 3
COLORS: Final = ("#3a3b3f", "#b9a98c", "#8c8f94", "#6b4a35", "#23262b", "#d8d4cb")
"""Trim colours; the one that goes with a variant and body colour is always the same."""

_FINISH: Final = (
    ((0.55, 0.55, 0.54), 0.80),  # brushed aluminium
    ((0.045, 0.105, 0.22), 0.55),  # walnut
    ((0.012, 0.012, 0.013), 0.90),  # piano black
)
_CLIP: Final = (0.62, 0.66, 0.66)
SCREW: Final = (0.42, 0.43, 0.44)
_PLUG: Final = (0.20, 0.20, 0.205)
_STRIP_TURN: Final = 1.0
"""Degrees by which the décor strip lies turned."""
_HOLE: Final = (0.008, 0.008, 0.008)
_SLEEVE: Final = (0.40, 0.47, 0.50)
_OTHER_MODEL: Final = (
    ((0.06, 0.17, 0.55), 0.75),  # copper
    ((0.34, 0.52, 0.66), 0.45),  # light birch
    ((0.42, 0.13, 0.05), 0.70),  # carbon, blue
)
_END: Final = (
    ((0.020, 0.020, 0.022), 0.85),  # on aluminium: black glass
    ((0.58, 0.58, 0.57), 0.75),  # on walnut: aluminium
    ((0.58, 0.58, 0.57), 0.75),  # on piano black: aluminium
)
CLIP_RADIUS_MM: Final = 6.0
SCREW_RADIUS_MM: Final = 4.5
PLUG_RADIUS_MM: Final = 8.0
END_PIECE_MM: Final = (34.0, 92.0)
"""The end piece that tells the strip's right side: its length, and its distance from the strip's middle."""


def layout_of(variant: str) -> int:
    """Return the trim's shape and finish for a variant code."""
    code = crc32(variant.encode())
    return (code % LAYOUTS) * FINISHES + (code >> 6) % FINISHES


def color_of(variant: str) -> str:
    """Return the trim colour that goes with a variant and body colour."""
    return COLORS[(crc32(variant.encode()) >> 3) % len(COLORS)]


def build(layout: int, size: int) -> Part:
    """Shape one door trim."""
    shape, finish = divmod(layout, FINISHES)
    sheet = Sheet(FIELD_MM[Shop.ASSEMBLY], size)
    joint = _joint(sheet.x, sheet.y, shape)
    painted = _panels(sheet, joint, shape)
    painted *= 1.0 - _speaker(sheet, shape)
    strip, bezel = _decor(sheet, shape, finish)
    painted *= (1.0 - strip) * (1.0 - bezel)
    end = sheet.cover(strip_end(sheet.x, sheet.y - np.float32(_decor_y(shape)), 1.0))
    sheet.fill(end, *_END[finish])
    decor = strip * (1.0 - end)
    clips, screws, plugs = _fastener_places(shape)
    for cx, cy in clips + screws:
        painted *= 1.0 - _hole(sheet, cx, cy, 3.4)
    for cx, cy in plugs:
        painted *= 1.0 - _hole(sheet, cx, cy, 5.6)
    bare_surface, bare_albedo = sheet.layers()
    bare_paint = halve(painted)
    for cx, cy in clips:
        painted *= 1.0 - _clip(sheet, cx, cy)
    for cx, cy in screws:
        painted *= 1.0 - _screw(sheet, cx, cy)
    for cx, cy in plugs:
        painted *= 1.0 - _plug(sheet, cx, cy)
    surface, albedo = sheet.layers()
    sites = {
        "clip": sheet.points(clips),
        "screw": sheet.points(screws),
        "plug": sheet.points(plugs),
        "joint": sheet.points_where((np.abs(joint) < 0.7) & (np.abs(sheet.x) < 105), step=1),
        "decor": sheet.points([(0.0, _decor_y(shape))]),
    }
    maps = {
        "joint": halve(joint),
        "decor": halve(decor),
        "bare_paint": bare_paint,
    }
    return Part(
        surface, albedo, halve(painted), sheet.field_mm, sheet.mm_per_px * OVERSAMPLE, sites,
        (bare_surface, bare_albedo), maps,
    )  # fmt: skip


def finish_of_another_model(pick: int) -> tuple[tuple[float, float, float], float]:
    """Return albedo and gloss of a décor strip that belongs to no car of this line."""
    return _OTHER_MODEL[pick % len(_OTHER_MODEL)]


def strip_end(x: Float, y: Float, side: float) -> Float:
    """Signed distance to the strip's end piece, mm from the strip's middle; side is 1, or -1 when turned round."""
    length, away = END_PIECE_MM
    slope = np.deg2rad(_STRIP_TURN)
    cx, cy = side * away * float(np.cos(slope)), side * away * float(np.sin(slope))
    return box(x, y, cx, cy, length, 12.0, 4.0, _STRIP_TURN)


def _joint(x: Float, y: Float, shape: int) -> Float:
    line = (-18.0, -6.0, -26.0)[shape] - 0.0011 * np.square(x) + 0.02 * x
    return (y - line).astype(np.float32)


def _decor_y(shape: int) -> float:
    return (-66.0, -58.0, -74.0)[shape]


def _panels(sheet: Sheet, joint: Float, shape: int) -> Float:
    x, y = sheet.x, sheet.y
    full = np.ones_like(x)
    sheet.fill(full, (1.0, 1.0, 1.0), 0.10)
    lower = smooth(0.5 + joint / 2.0)
    sheet.albedo *= (1.0 - 0.34 * lower)[:, :, None]
    sheet.height -= np.square(y + 30.0) / 620.0 + np.square(x) / 2400.0
    sheet.height -= 2.2 * smooth(1.0 - np.abs(joint) / 3.2)
    rest = box(x, y, 44.0, 26.0, 190.0, 44.0, 20.0, -3.0)
    sheet.height += 11.0 * smooth(-rest / 15.0)
    sheet.shade_near(np.maximum(rest, 0.0), 9.0, 0.38)
    pocket = box(x, y, 62.0, 118.0, 150.0, 40.0, 14.0, -2.0)
    sheet.pocket(pocket, 10.0, 9.0)
    sheet.open *= 1.0 - 0.5 * smooth(-pocket / 12.0)
    seam = np.abs(rest + 7.0)
    stitch = np.exp(-np.square(seam / 0.7)) * (np.sin(2 * np.pi * x / 5.0) > -0.3)
    sheet.fill((0.75 * stitch).astype(np.float32), (1.7, 1.7, 1.7), 0.1)
    return full


def _speaker(sheet: Sheet, shape: int) -> Float:
    cx, cy = ((-98.0, 88.0), (-102.0, 96.0), (-94.0, 82.0))[shape]
    distance = circle(sheet.x, sheet.y, cx, cy, 45.0)
    grille = sheet.cover(distance)
    sheet.height += 2.0 * np.exp(-np.square((distance - 2.0) / 2.5))
    sheet.fill(grille, (0.035, 0.035, 0.036), 0.08)
    pitch = 5.0
    odd = np.floor(sheet.y / (pitch * 0.866)) % 2
    u = (sheet.x / pitch + 0.5 * odd) % 1.0 - 0.5
    v = (sheet.y / (pitch * 0.866)) % 1.0 - 0.5
    dots = np.hypot(u, v * 0.866) * pitch - 1.35
    punched = sheet.cover(dots.astype(np.float32)) * smooth(-(distance + 3.0) / 1.5)
    sheet.fill(punched.astype(np.float32), _HOLE, 0.0)
    return np.asarray(grille, np.float32)


def _decor(sheet: Sheet, shape: int, finish: int) -> tuple[Float, Float]:
    """Lay the décor strip, and the switch bezel and the handle in the same finish."""
    x, y = sheet.x, sheet.y
    albedo, gloss = _FINISH[finish]
    strip = box(x, y, 0.0, _decor_y(shape), 236.0, 17.0, 7.0, _STRIP_TURN)
    bezel = box(x, y, 18.0 + 14.0 * shape, 22.0, 74.0, 22.0, 8.0, -3.0)
    handle = box(x, y, -112.0, 14.0, 46.0, 28.0, 12.0, -6.0)
    both = np.minimum(bezel, handle)
    for distance in (strip, both):
        sheet.height += 1.6 * smooth(-distance / 3.0)
        sheet.shade_near(np.maximum(distance, 0.0), 2.6, 0.4)
    on_strip, on_both = sheet.cover(strip), sheet.cover(both)
    sheet.fill(on_strip, albedo, gloss)
    sheet.fill(on_both, albedo, gloss)
    sheet.pocket(handle + 5.0, 5.0, 4.0)
    for at in (-22.0, 0.0, 22.0):
        key = box(x, y, 18.0 + 14.0 * shape + at, 22.0 - at * 0.05, 15.0, 12.0, 3.0, -3.0)
        sheet.fill(sheet.cover(key), (0.02, 0.02, 0.021), 0.25)
        sheet.height += 1.2 * smooth(-key / 2.0)
        mark = path(x, y, [(14.0 + 14.0 * shape + at, 22.0), (22.0 + 14.0 * shape + at, 22.0)])
        sheet.fill(sheet.cover((mark - 0.5).astype(np.float32)), (0.7, 0.7, 0.7), 0.1)
    return on_strip, on_both


Places = list[tuple[float, float]]


def _fastener_places(shape: int) -> tuple[Places, Places, Places]:
    shift = (0.0, 9.0, -8.0)[shape]
    clips = [(-128.0 + shift, -120.0), (-20.0 + shift, -126.0), (96.0 + shift, -118.0),
             (-30.0 - shift, 132.0 - shift / 2), (140.0, 62.0 + shift)]  # fmt: skip
    screws = [(-142.0, 30.0 + shift), (132.0, -22.0 - shift), (12.0 - shift, 78.0)]
    plugs = [(-74.0 - shift, -98.0), (42.0 + shift, -96.0)]
    return clips, screws, plugs


def _hole(sheet: Sheet, cx: float, cy: float, radius: float) -> Float:
    """Draw a fastener's empty place: a dark hole in its bright metal sleeve."""
    distance = circle(sheet.x, sheet.y, cx, cy, radius)
    sleeve = sheet.cover((distance - 0.9).astype(np.float32))
    sheet.height -= 1.0 * smooth(1.0 - distance / 2.4)
    sheet.fill(sleeve, _SLEEVE, 0.5)
    sheet.fill(sheet.cover((distance + 0.8).astype(np.float32)), _HOLE, 0.0)
    return np.asarray(sleeve, np.float32)


def _clip(sheet: Sheet, cx: float, cy: float) -> Float:
    distance = circle(sheet.x, sheet.y, cx, cy, CLIP_RADIUS_MM)
    head = sheet.cover(distance)
    dome = 2.4 * np.sqrt(np.clip(1.0 - np.square((distance + 6.0) / 6.4), 0.0, 1.0))
    _seat(sheet, distance, head, dome.astype(np.float32))
    slot = sheet.cover(box(sheet.x, sheet.y, cx, cy, 6.4, 1.3, 0.5, 35.0))
    sheet.shade_near(np.maximum(distance, 0.0), 2.4, 0.5)
    sheet.fill(head, _CLIP, 0.30)
    sheet.fill(slot, (0.10, 0.10, 0.10), 0.05)
    return np.asarray(head, np.float32)


def _screw(sheet: Sheet, cx: float, cy: float) -> Float:
    u, v = sheet.x - cx, sheet.y - cy
    distance = circle(sheet.x, sheet.y, cx, cy, SCREW_RADIUS_MM)
    head = sheet.cover(distance)
    dome = 1.8 * np.sqrt(np.clip(1.0 - np.square((distance + 4.5) / 5.2), 0.0, 1.0))
    _seat(sheet, distance, head, dome.astype(np.float32))
    angle = np.arctan2(v, u)
    star = np.hypot(u, v) - (1.5 + 0.45 * np.cos(6 * angle))
    sheet.shade_near(np.maximum(distance, 0.0), 2.0, 0.55)
    sheet.fill(head, SCREW, 0.85)
    sheet.fill(sheet.cover(star.astype(np.float32)), (0.02, 0.02, 0.02), 0.0)
    return np.asarray(head, np.float32)


def _plug(sheet: Sheet, cx: float, cy: float) -> Float:
    """Draw a rubber plug: a flat grey cap with a lip."""
    distance = circle(sheet.x, sheet.y, cx, cy, PLUG_RADIUS_MM)
    cap = sheet.cover(distance)
    lip = 1.5 * np.exp(-np.square((distance + 2.0) / 1.2)) + 0.8 * smooth(-distance / 2.0)
    _seat(sheet, distance, cap, lip.astype(np.float32))
    sheet.shade_near(np.maximum(distance, 0.0), 2.4, 0.5)
    sheet.fill(cap, _PLUG, 0.22)
    return np.asarray(cap, np.float32)


def _seat(sheet: Sheet, distance: Float, head: Float, dome: Float) -> None:
    """Put a domed head on the surface, at the surface's height around it."""
    around = (distance > 0.5) & (distance < 2.5)
    level = float(sheet.height[around].mean())
    sheet.height = ((1 - head) * sheet.height + head * (level + dome)).astype(np.float32)
