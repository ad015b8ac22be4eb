"""What kinds of nodes, ports and settings are called on the screen."""

from __future__ import annotations

from collections.abc import Mapping

from mes.web.translations import mark as _

GROUPS: Mapping[str, str] = {
    "picture": _("Picture"),
    "judge": _("Judge"),
    "measure": _("Measure"),
    "decide": _("Decide"),
}

KINDS: Mapping[str, tuple[str, str]] = {
    "source": (_("Camera picture"), _("The picture as the camera took it.")),
    "fitness": (
        _("Picture fitness"),
        _("Refuses pictures that are blurred, too dark, too bright or without contrast: UNFIT."),
    ),
    "align": (
        _("Align"),
        _("Turns and shifts the picture onto a golden one; what cannot be aligned is UNFIT."),
    ),
    "crop": (
        _("Crop and scale"),
        _(
            "Goes on with a part of the picture; at a fixed width zones mean the same at every camera."
        ),
    ),
    "zone": (_("Drawn zone"), _("Corners that you draw; other nodes look inside it.")),
    "model": (_("Inspection model"), _("A registered model package judges the picture.")),
    "change": (
        _("Change in zone"),
        _(
            "How much of a zone differs from the golden picture of the empty scene. It tells that something is "
            "there, not what it is."
        ),
    ),
    "gap": (_("Gap"), _("Width of a slit between two parts, in mm.")),
    "flush": (_("Flush"), _("Height between two panels, from a laser line, in mm.")),
    "hole": (_("Hole position"), _("Distance of a hole from its nominal place, in mm.")),
    "pattern": (_("Pattern position"), _("Distance of a known feature from its place, in mm.")),
    "color": (_("Colour difference"), _("Colour of a zone against a reference, ΔE00.")),
    "presence": (_("Presence"), _("Likeness of a zone to a picture of the part.")),
    "contrast": (_("Contrast"), _("Brightness of a zone less that of bare ground.")),
    "code": (_("Code"), _("The text of a bar code or matrix code.")),
    "rule": (_("Rule"), _("Joins scores and measures to one verdict.")),
    "sink": (_("Verdict to the line"), _("What the line is told; may call for help, too.")),
}

PORTS: Mapping[str, str] = {
    "image": _("picture"),
    "region": _("zone"),
    "score": _("score"),
    "measure": _("measure"),
    "verdict": _("verdict"),
    "parts": _("scores and measures"),
}

SETTINGS: Mapping[str, str] = {
    "min_blur": _("Least sharpness"),
    "min_exposure": _("Least brightness"),
    "max_exposure": _("Greatest brightness"),
    "min_contrast": _("Least contrast"),
    "golden": _("Golden picture"),
    "min_correlation": _("Least correlation"),
    "x": _("Left (share of width)"),
    "y": _("Top (share of height)"),
    "w": _("Width (share)"),
    "h": _("Height (share)"),
    "width": _("Scaled to this width"),
    "corners": _("Corners"),
    "package": _("Model package"),
    "high": _("Upper limit"),
    "low": _("Lower limit"),
    "min_levels": _("Grey levels that count as change"),
    "min_area_px": _("Smallest spot that counts"),
    "max_area_px": _("Largest area"),
    "threshold": _("Threshold of scores"),
    "nok_from": _("NOK from so many parts"),
    "andon": _("Calls for help (andon) when NOK"),
    "zone": _("Zone"),
    "other_zone": _("Zone on the neighbour"),
    "ground_zone": _("Zone of bare ground"),
    "white_zone": _("Zone of a white patch"),
    "white": _("Reflectance of the white patch"),
    "mm_per_px": _("Millimetres per pixel"),
    "across": _("Measured across"),
    "along": _("Line runs along"),
    "dark": _("Darker than its surroundings"),
    "min_slope": _("Least slope of an edge"),
    "min_share": _("Share of scan lines needed"),
    "max_rms_px": _("Greatest raggedness"),
    "max_taper_deg": _("Greatest angle between the edges"),
    "max_tilt_deg": _("Greatest tilt"),
    "nominal_px": _("Nominal place"),
    "pattern": _("Picture of the part"),
    "reference": _("Reference colour"),
    "expect": _("Expected text (regular expression)"),
    "formats": _("Kinds of code"),
}

SAMPLES: Mapping[str, str] = {
    "assembly": _("Door trim: model and three clips (part M1)"),
    "gap": _("Gap between two panels"),
    "painting": _("Painted panel: model alone"),
    "park-safety": _("Forbidden zone: something is in it"),
    "stamping": _("Stamped panel: model alone"),
    "welding": _("Weld seam: model and hole position (part M1)"),
}
