"""Defects as changes of a part's layers: relief, albedo, finish, and the exact mask.

Each function draws one kind at a place on a working copy of the layers. Sizes are millimetres.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from qc_vision.shops import Shop
from qc_vision.synth.defects import assembly, painting, spot_welds, stamping, welding
from qc_vision.synth.defects.assembly import open_joint
from qc_vision.synth.defects.layers import Layers

__all__ = ["DRAWINGS", "Drawing", "Layers", "open_joint"]

Drawing = Callable[[Layers, tuple[float, float], float], None]

DRAWINGS: Final[dict[tuple[Shop, str], tuple[Drawing, str]]] = {
    (Shop.STAMPING, "crack"): (stamping.crack, "edge"),
    (Shop.STAMPING, "split"): (stamping.split, "edge"),
    (Shop.STAMPING, "wrinkle"): (stamping.wrinkle, "flange"),
    (Shop.STAMPING, "scratch"): (stamping.scoring, "surface"),
    (Shop.STAMPING, "dent"): (stamping.dent, "calm"),
    (Shop.STAMPING, "galling"): (stamping.galling, "surface"),
    (Shop.STAMPING, "burr"): (stamping.burr, "edge"),
    (Shop.WELDING, "porosity"): (welding.porosity, "seam"),
    (Shop.WELDING, "spatter"): (welding.spatter, "beside"),
    (Shop.WELDING, "missing_weld"): (welding.missing_weld, "seam"),
    (Shop.WELDING, "burn_through"): (welding.burn_through, "seam"),
    (Shop.WELDING, "short_weld"): (welding.short_weld, "seam_end"),
    (Shop.WELDING, "undercut"): (welding.undercut, "seam"),
    (Shop.WELDING, "off_seam"): (welding.off_seam, "seam"),
    (Shop.WELDING, "missing_spot"): (spot_welds.missing_spot, "spot"),
    (Shop.WELDING, "displaced_spot"): (spot_welds.displaced_spot, "spot"),
    (Shop.WELDING, "expulsion"): (spot_welds.expulsion, "spot"),
    (Shop.PAINTING, "run"): (painting.run, "surface"),
    (Shop.PAINTING, "crater"): (painting.crater, "surface"),
    (Shop.PAINTING, "dust_nib"): (painting.dust_nib, "surface"),
    (Shop.PAINTING, "orange_peel"): (painting.orange_peel, "surface"),
    (Shop.PAINTING, "scratch"): (painting.scratch, "surface"),
    (Shop.PAINTING, "color_mismatch"): (painting.color_mismatch, "second"),
    (Shop.PAINTING, "sag"): (painting.sag, "surface"),
    (Shop.PAINTING, "mottling"): (painting.mottling, "surface"),
    (Shop.ASSEMBLY, "missing_clip"): (assembly.missing_fastener, "clip"),
    (Shop.ASSEMBLY, "missing_screw"): (assembly.missing_fastener, "screw"),
    (Shop.ASSEMBLY, "wrong_variant"): (assembly.wrong_variant, "decor"),
    (Shop.ASSEMBLY, "gap"): (assembly.gap, "joint"),
    (Shop.ASSEMBLY, "missing_plug"): (assembly.missing_fastener, "plug"),
    (Shop.ASSEMBLY, "screw_not_seated"): (assembly.screw_not_seated, "screw"),
    (Shop.ASSEMBLY, "flush"): (assembly.flush, "joint"),
    (Shop.ASSEMBLY, "reversed_part"): (assembly.reversed_part, "decor"),
}
"""How each kind is drawn, and the site of the part it is drawn at."""
