"""A station's gauges, from settings file to readings; bad input is UNFIT or an error that names it, never OK."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image

from qc_vision.cli import main
from qc_vision.gauges import (
    ContrastGauge,
    PresenceGauge,
    Reading,
    SettingsError,
    Zone,
    read_all,
    read_settings,
    worst,
)
from qc_vision.gauges.drawn import Camera, hole, slit
from qc_vision.gauges.station import Station
from qc_vision.runtime import Verdict

GAP = """
[[gauge]]
kind = "gap"
name = "hood to fender"
zone = [10, 30, 180, 60]
mm_per_px = 0.1
low = 3.0
high = 4.0
"""

ALL = (
    GAP
    + """
[[gauge]]
kind = "color"
name = "panel"
zone = [20, 5, 40, 20]
reference = "#aaaaaa"
high = 3.0

[[gauge]]
kind = "presence"
name = "clip"
zone = [110, 20, 80, 80]
pattern = "clip.png"

[[gauge]]
kind = "contrast"
name = "slot"
zone = [95, 40, 10, 40]
ground_zone = [20, 40, 20, 40]
high = -50.0

[[gauge]]
kind = "code"
name = "label"
zone = [0, 0, 200, 120]
expect = "C2M-.*"
"""
)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    clip = hole((20, 20), 12, Camera(noise=0.0), size=(41, 41))
    cv2.imwrite(str(tmp_path / "clip.png"), clip)
    (tmp_path / "gauges.toml").write_text(ALL)
    return read_settings(tmp_path / "gauges.toml")


def encoded(image: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def verdicts(readings: tuple[Reading, ...]) -> dict[str, Verdict]:
    return {reading.gauge: reading.verdict for reading in readings}


def test_every_kind_of_gauge_reads_one_picture(station: Station) -> None:
    readings = read_all(encoded(slit(35.0, Camera())), station)
    assert verdicts(readings) == {
        "hood to fender": Verdict.OK,
        "panel": Verdict.OK,
        "clip": Verdict.NOK,
        "slot": Verdict.OK,
        "label": Verdict.UNFIT,
    }
    gap = readings[0]
    assert gap.value == pytest.approx(3.5, abs=0.01)
    assert (gap.unit, gap.low, gap.high, gap.reason) == ("mm", 3.0, 4.0, None)
    assert worst(readings) is Verdict.NOK
    assert worst(readings[4:]) is Verdict.UNFIT
    assert worst(()) is Verdict.UNFIT


@pytest.mark.parametrize(
    ("width", "verdict", "reason"),
    [(29.0, "NOK", "is below 3 mm"), (35.0, "OK", None), (42.0, "NOK", "is above 4 mm")],
)
def test_a_gap_is_judged_by_its_tolerance(
    tmp_path: Path, width: float, verdict: str, reason: str | None
) -> None:
    (tmp_path / "gauges.toml").write_text(GAP)
    (reading,) = read_all(slit(width, Camera()), read_settings(tmp_path / "gauges.toml"))
    assert reading.verdict == verdict
    assert (reason or "") in (reading.reason or "")
    assert (reading.reason is None) == (reason is None)


def cmyk() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(slit(35.0, Camera())).convert("CMYK").save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


def test_sixteen_bits_cmyk_and_grey_are_measured_like_any_other(station: Station) -> None:
    picture = slit(35.0, Camera())
    deep = encoded(picture[:, :, 0].astype(np.uint16) * 257)
    for data in (deep, cmyk(), encoded(picture[:, :, 0]), encoded(picture, ".webp")):
        reading = read_all(data, station)[0]
        assert reading.verdict is Verdict.OK
        assert reading.value == pytest.approx(3.5, abs=0.03)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no bytes"),
        (b"<html>", "not an image"),
        (encoded(slit(35.0, Camera()))[:900], "truncated"),
        (
            b"\x89PNG\r\n\x1a\n" + bytes(8) + (60_000).to_bytes(4, "big") * 2 + bytes(20),
            "megapixels",
        ),
        (np.zeros((120, 200, 3), np.float32), "float32"),
        (np.zeros((8, 8, 3), np.uint8), "each side must be"),
    ],
    ids=["empty", "text", "truncated", "huge", "floats", "tiny"],
)
def test_what_is_no_picture_is_unfit_at_every_gauge(
    station: Station, data: bytes | np.ndarray, why: str
) -> None:
    readings = read_all(data, station)
    assert {reading.verdict for reading in readings} == {Verdict.UNFIT}
    assert all(why in (reading.reason or "") for reading in readings)


@pytest.mark.parametrize("level", [0, 120, 255])
def test_a_dead_frame_is_never_ok(station: Station, level: int) -> None:
    readings = read_all(np.full((120, 200, 3), level, np.uint8), station)
    assert Verdict.OK not in verdicts(readings).values()


def test_a_part_is_present_by_its_likeness_wherever_it_lies_and_however_bright() -> None:
    clip = hole((20, 20), 12, Camera(noise=0.0), size=(41, 41))
    gauge = PresenceGauge("clip", Zone(5, 5, 110, 90), clip)
    for middle, gain in (((40, 40), 1.0), ((70, 55), 0.8), ((70, 55), 1.2)):
        found = gauge.measure(hole(middle, 12, Camera(gain=gain))).value
        assert found is not None
        assert found > 0.9
    missing = gauge.measure(hole((60, 50), 3, Camera(noise=3.0))).value
    assert missing is not None
    assert missing < 0.7
    assert gauge.measure(np.full((100, 120, 3), 90, np.uint8)).value == 0


def test_contrast_is_grey_of_the_zone_less_that_of_its_ground() -> None:
    gauge = ContrastGauge("plug", Zone(55, 45, 10, 10), Zone(5, 5, 10, 10), low=-20.0)
    found = gauge.measure(hole((60, 50), 15, Camera())).value
    assert found == pytest.approx(30 - 170, abs=1.5)


def label(text: str, kind: str, angle: float) -> np.ndarray:
    """A printed code, turned, on white."""
    code = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(kind))
    plain = np.asarray(code.to_image(scale=3)).astype(np.uint8)
    side = max(plain.shape) + 80
    turn = cv2.getRotationMatrix2D((plain.shape[1] / 2, plain.shape[0] / 2), angle, 1.0)
    turn[:, 2] += side / 2 - np.array([plain.shape[1], plain.shape[0]]) / 2
    return np.asarray(cv2.warpAffine(plain, turn, (side, side), borderValue=255))


@pytest.mark.parametrize(
    ("kind", "angle"),
    [("DataMatrix", 0), ("DataMatrix", 37), ("QRCode", 200), ("Code128", 0), ("Code128", 90)],
)
def test_a_code_is_read_compared_and_never_guessed(tmp_path: Path, kind: str, angle: int) -> None:
    picture = label("C2M-00017", kind, angle)
    side = picture.shape[0]
    table = f'[[gauge]]\nkind = "code"\nname = "label"\nzone = [0, 0, {side}, {side}]\n'
    for expect, verdict in (("C2M-\\\\d{5}", "OK"), ("VIN.*", "NOK")):
        (tmp_path / "code.toml").write_text(f'{table}expect = "{expect}"\nformats = ["{kind}"]\n')
        (reading,) = read_all(picture, read_settings(tmp_path / "code.toml"))
        assert (reading.verdict, reading.text) == (verdict, "C2M-00017")
    (reading,) = read_all(np.full_like(picture, 255), read_settings(tmp_path / "code.toml"))
    assert (reading.verdict, reading.text) == ("UNFIT", None)


def test_two_codes_in_a_zone_are_not_chosen_from(tmp_path: Path) -> None:
    both = np.hstack([label("C2M-1", "QRCode", 0), label("C2M-2", "QRCode", 0)])
    height, width = both.shape
    (tmp_path / "code.toml").write_text(
        f'[[gauge]]\nkind = "code"\nname = "label"\nzone = [0, 0, {width}, {height}]\n'
    )
    (reading,) = read_all(both, read_settings(tmp_path / "code.toml"))
    assert reading.verdict is Verdict.UNFIT
    assert reading.reason == "2 different codes lie in the zone"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no [[gauge]]"),
        ("gauge = 3", "no [[gauge]]"),
        ("[[gauge]]\nkind = 'gap", "cannot be read"),
        (GAP.replace('"gap"', '"gup"'), "kind is one of gap, flush"),
        (GAP.replace("mm_per_px = 0.1\n", ""), "missing mm_per_px"),
        (GAP + "colour = 3\n", "unknown colour"),
        (GAP.replace("0.1", '"wide"'), "mm_per_px is float, not 'wide'"),
        (GAP.replace("0.1", "true"), "mm_per_px is float"),
        (GAP.replace("0.1", "nan"), "mm_per_px is float"),
        (GAP.replace("low = 3.0", "low = 5.0"), "low 5 lies above high 4"),
        (GAP.replace("[10, 30, 180, 60]", "[10, 30, 180]"), "zone is [x, y, w, h]"),
        (GAP.replace("[10, 30, 180, 60]", "[-1, 30, 180, 60]"), "x, y ≥ 0"),
        (GAP + GAP, "several gauges are called hood to fender"),
        ("[fitness]\nblur = 3\n" + GAP, "[fitness] has numbers called"),
        ("speed = 1\n" + GAP, "unknown: speed"),
        (ALL, "clip.png cannot be used"),
        (ALL.replace('"#aaaaaa"', '"grey"'), "#rrggbb"),
        (GAP + "[[gauge]]\nkind='code'\nname='c'\nzone=[0,0,9,9]\nformats=['X1']\n", "formats X1"),
        (
            GAP + "[[gauge]]\nkind='code'\nname='c'\nzone=[0,0,9,9]\nexpect='('\n",
            "no regular expression",
        ),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "gauges.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    assert why in str(caught.value)


def test_the_command_prints_readings(
    station: Station, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "pictures" / "a.png"
    picture.parent.mkdir()
    picture.write_bytes(encoded(slit(42.0, Camera())))
    (picture.parent / "b.png").write_bytes(b"broken")
    settings = str(tmp_path / "gauges.toml")
    assert main(["gauge", str(picture.parent), settings, "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 10
    assert answers[0]["verdict"] == "NOK"
    assert answers[0]["value"] == pytest.approx(4.2, abs=0.01)
    assert {answer["verdict"] for answer in answers[5:]} == {"UNFIT"}
    assert main(["gauge", str(picture), settings]) == 0
    assert "NOK    hood to fender  4.2" in capsys.readouterr().out
    assert main(["gauge", str(picture), str(tmp_path / "nowhere.toml")]) == 2
    assert "nowhere.toml cannot be read" in capsys.readouterr().err
