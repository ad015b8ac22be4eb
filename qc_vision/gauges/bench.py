"""How far the gauges are from the truth, and how far they scatter, on pictures whose measures are known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.figures import Figure
from qc_vision.gauges import drawn
from qc_vision.gauges.code import CodeGauge
from qc_vision.gauges.color import ColorGauge, lab_of
from qc_vision.gauges.gap import FlushGauge, GapGauge
from qc_vision.gauges.position import HoleGauge
from qc_vision.gauges.reading import CannotMeasure, Picture, Zone
from qc_vision.runtime.image import decode
from qc_vision.synth import Defect, Nuisance, Scene, Shop, render
from qc_vision.synth.scene import FIELD_MM

MM_PER_PX: Final = 0.05
JPEG_QUALITY: Final = 90
_COLOR: Final = "#3a6ea5"


def gauge_figures(*, pictures: int = 200) -> Iterator[Figure]:
    """Yield bias and repeatability of each gauge, pictures it could not measure, and its time.

    The camera varies from picture to picture: blur 0.6 to 1.5 px, noise 2 to 5 levels, gain ±20 %, JPEG at
    quality 90; slits are turned by up to 3°.
    """
    for name, measured in (
        ("gap", _gap),
        ("flush", _flush),
        ("hole position, one axis", _hole),
    ):
        errors, lost, spent = _errors(measured, pictures)
        scale = 1e3 * MM_PER_PX
        unit = f"µm at {MM_PER_PX} mm a pixel"
        yield Figure(f"gauge {name}: bias, {unit}", float(errors.mean()) * scale, "within ± 5")
        yield Figure(f"gauge {name}: deviation, {unit}", float(errors.std(ddof=1)) * scale, "≤ 5")
        yield Figure(f"gauge {name}: not measured, share", lost / pictures, "0")
        yield Figure(f"gauge {name}: CPU ms p50", float(np.median(spent)), "≤ 5")
    errors, lost, _ = _errors(_joint, max(pictures // 5, 20))
    unit = f"mm at {FIELD_MM[Shop.ASSEMBLY] / _JOINT_SIDE:.2f} mm a pixel"
    yield Figure(f"rendered trim joint: bias, {unit}", float(errors.mean()), "within ± 0.3")
    yield Figure(f"rendered trim joint: deviation, {unit}", float(errors.std(ddof=1)), "≤ 0.3")
    yield Figure("rendered trim joint: not measured, share", lost / max(pictures // 5, 20), "0")
    errors, _, _ = _errors(_color, pictures)
    yield Figure(
        "gauge color: ΔE00 of an equal colour, p95", float(np.quantile(errors, 0.95)), "≤ 0.5"
    )
    errors, lost, spent = _errors(_code, max(pictures // 5, 20))
    yield Figure("gauge code: DataMatrix not read, share", lost / max(pictures // 5, 20), "≤ 0.02")
    yield Figure("gauge code: CPU ms p50", float(np.median(spent)), "≤ 20")


Measured = tuple[float, float]
"""Found less true, CPU milliseconds."""


def _errors(
    measure: Callable[[np.random.Generator], Measured], pictures: int
) -> tuple[NDArray[np.float64], int, list[float]]:
    errors, spent, lost = [], [], 0
    for number in range(pictures):
        try:
            error, ms = measure(np.random.default_rng((number, 0x9A)))
        except CannotMeasure:
            lost += 1
        else:
            errors.append(error)
            spent.append(ms)
    if len(errors) < 2:
        raise RuntimeError(f"{measure.__name__}: {lost} of {pictures} pictures gave no value")
    return np.array(errors), lost, spent


def camera(rng: np.random.Generator) -> drawn.Camera:
    """Draw a camera as cameras differ."""
    return drawn.Camera(
        blur_px=float(rng.uniform(0.6, 1.5)),
        noise=float(rng.uniform(2.0, 5.0)),
        gain=float(rng.uniform(0.8, 1.2)),
        seed=int(rng.integers(1 << 31)),
    )


def _gap(rng: np.random.Generator) -> Measured:
    true_px = float(rng.uniform(20, 90))
    angle = float(rng.uniform(-3, 3))
    middle = (100 + float(rng.uniform(-2, 2)), 60.0)
    picture = _sent(drawn.slit(true_px, camera(rng), angle_deg=angle, middle=middle))
    gauge = GapGauge("gap", Zone(10, 30, 180, 60), MM_PER_PX, high=99.0)
    return _timed(lambda: _value(gauge.measure(picture).value) / MM_PER_PX - true_px)


def _flush(rng: np.random.Generator) -> Measured:
    true_px = float(rng.uniform(-15, 15))
    tilt = float(rng.uniform(-2, 2))
    picture = _sent(drawn.laser_line(true_px, camera(rng), tilt_deg=tilt))
    gauge = FlushGauge("flush", Zone(20, 20, 60, 80), Zone(120, 20, 60, 80), MM_PER_PX, high=99.0)
    return _timed(lambda: _value(gauge.measure(picture).value) / MM_PER_PX - true_px)


def _hole(rng: np.random.Generator) -> Measured:
    middle = (60 + float(rng.uniform(-4, 4)), 50 + float(rng.uniform(-4, 4)))
    picture = _sent(drawn.hole(middle, float(rng.uniform(8, 20)), camera(rng)))
    gauge = HoleGauge("hole", Zone(20, 10, 80, 80), (60.0, 50.0), MM_PER_PX, high=99.0)
    return _timed(lambda: gauge.measure(picture).details["x_px"] - middle[0])


_JOINT_SIDE: Final = 512


def _joint(rng: np.random.Generator) -> Measured:
    """Measure the open joint of a rendered door trim where it is widest; the truth is its severity."""
    true_mm = float(rng.uniform(4.0, 7.0))
    defect = Defect("gap", true_mm, (0.5, 0.45))
    scene = Scene(
        Shop.ASSEMBLY, "M1", None, defect, int(rng.integers(9999)), _JOINT_SIDE, Nuisance()
    )
    rendered = render(scene)
    ys, xs = np.nonzero(rendered.mask)
    x, y = round(float(xs.mean())), round(float(ys[np.abs(xs - xs.mean()) < 4].mean()))
    mm_per_px = FIELD_MM[Shop.ASSEMBLY] / _JOINT_SIDE
    gauge = GapGauge("joint", Zone(x - 6, y - 14, 12, 28), mm_per_px, high=99.0, across="y")
    return _timed(lambda: _value(gauge.measure(_sent(rendered.image)).value) - true_mm)


def _color(rng: np.random.Generator) -> Measured:
    bgr = np.frombuffer(bytes.fromhex(_COLOR[1:]), np.uint8)[::-1].astype(np.float64)
    noisy = bgr + rng.normal(0.0, float(rng.uniform(2, 5)), (60, 80, 3))
    picture = _sent(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    gauge = ColorGauge("color", Zone(10, 10, 60, 40), lab_of(_COLOR), high=99.0)
    return _timed(lambda: _value(gauge.measure(picture).value))


def _code(rng: np.random.Generator) -> Measured:
    """Read a DataMatrix of 4 pixels a module, turned by any angle, blurred and noisy."""
    import zxingcpp

    text = f"C2M-{int(rng.integers(1 << 30)):010d}"
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    plain = np.asarray(code.to_image(scale=4)).astype(np.uint8)
    side = 200
    middle = plain.shape[1] / 2, plain.shape[0] / 2
    turn = np.asarray(cv2.getRotationMatrix2D(middle, float(rng.uniform(0, 360)), 1.0), np.float64)
    turn[:, 2] += side / 2 - np.array([plain.shape[1], plain.shape[0]]) / 2
    placed = cv2.warpAffine(plain, turn, (side, side), borderValue=255.0).astype(np.float64)
    made = camera(rng)
    blurred = np.asarray(cv2.GaussianBlur(placed, (0, 0), made.blur_px), np.float64)
    picture = _sent(made.takes(30 + 0.65 * blurred))
    gauge = CodeGauge("code", Zone(0, 0, side, side), formats=("DataMatrix",))

    def error() -> float:
        if gauge.measure(picture).text != text:
            raise CannotMeasure("another text was read")
        return 0.0

    return _timed(error)


def _sent(picture: Picture) -> Picture:
    """Return a picture as it arrives: as JPEG."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("the picture cannot be encoded")
    return decode(data.tobytes())


def _timed(work: Callable[[], float]) -> Measured:
    began = time.process_time()
    error = work()
    return error, (time.process_time() - began) * 1e3


def _value(value: float | None) -> float:
    if value is None:
        raise CannotMeasure("there is no value")
    return value
