"""What a bar code or matrix code says, and whether it is what it should be. Read by zxing-cpp (Apache-2.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import numpy as np

from qc_vision.gauges.reading import CannotMeasure, Measured, Picture, SettingsError, Zone


@dataclass(frozen=True, slots=True)
class CodeGauge:
    """The text of the one code in a zone.

    Args:
        expect: regular expression that the whole text has to match; `.+` takes any.
        formats: names as zxing-cpp has them (`DataMatrix`, `QRCode`, `Code128`, …); none: any.
    """

    kind: ClassVar[str] = "code"
    unit: ClassVar[str] = ""
    needs_light: ClassVar[bool] = False

    name: str
    zone: Zone
    expect: str = ".+"
    formats: tuple[str, ...] = ()
    low: ClassVar[None] = None
    high: ClassVar[None] = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.expect)
        except re.error as cause:
            raise SettingsError(
                f"expect {self.expect!r} is no regular expression: {cause}"
            ) from cause
        if find_spec("zxingcpp") is None:
            raise SettingsError("codes are read by zxing-cpp, which is not installed")
        import zxingcpp

        try:
            zxingcpp.barcode_formats_from_str(",".join(self.formats))
        except ValueError as cause:
            raise SettingsError(f"formats {', '.join(self.formats)}: {cause}") from cause

    def measure(self, image: Picture) -> Measured:
        """Return the text.

        Raises:
            CannotMeasure: no code can be read in the zone, or several say different things.
        """
        import zxingcpp  # a native library: loaded where a code is read

        formats = zxingcpp.barcode_formats_from_str(",".join(self.formats))
        found = zxingcpp.read_barcodes(np.ascontiguousarray(self.zone.of(image)), formats=formats)
        texts = sorted({code.text for code in found if code.valid})
        if not texts:
            raise CannotMeasure("no code can be read in the zone")
        if len(texts) > 1:
            raise CannotMeasure(f"{len(texts)} different codes lie in the zone")
        return Measured(None, text=texts[0])

    def objection(self, text: str) -> str | None:
        """Return why a text is not what it should be."""
        if re.fullmatch(self.expect, text):
            return None
        return f"{text!r} is not what is expected ({self.expect})"
