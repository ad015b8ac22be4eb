"""CIEDE2000 against the published test data, and the colour of a zone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qc_vision.gauges import CannotMeasure, ColorGauge, SettingsError, Zone, ciede2000, lab_of

# Sharma, Wu, Dalal: The CIEDE2000 color-difference formula: implementation notes, supplementary test data,
# and mathematical observations. Color Research and Application 30 (2005), table 1.
PUBLISHED = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""

ROWS = [tuple(map(float, line.split())) for line in PUBLISHED.strip().splitlines()]
lab = st.tuples(st.floats(0, 100), st.floats(-100, 100), st.floats(-100, 100))


def test_all_published_pairs_are_there() -> None:
    assert len(ROWS) == 34


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[6]}")
def test_the_formula_gives_the_published_difference_both_ways(row: tuple[float, ...]) -> None:
    one, other = row[0:3], row[3:6]
    assert ciede2000(one, other) == pytest.approx(row[6], abs=5e-5)  # type: ignore[arg-type]
    assert ciede2000(other, one) == pytest.approx(row[6], abs=5e-5)  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None)
@given(lab, lab)
@example((0.0, 0.0, 27.0), (0.0, 0.0, -1.0))  # opposite hues
def test_a_difference_is_symmetric_and_never_negative(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    assert ciede2000(one, one) == 0
    assert ciede2000(one, other) == pytest.approx(ciede2000(other, one), abs=1e-6)
    assert ciede2000(one, other) >= 0


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("#ffffff", (100.0, 0.0, 0.0)),
        ("#000000", (0.0, 0.0, 0.0)),
        ("#ff0000", (53.24, 80.09, 67.20)),
        ("#00ff00", (87.73, -86.18, 83.18)),
        ("#0000ff", (32.30, 79.19, -107.86)),
    ],
)
def test_srgb_becomes_cielab(color: str, expected: tuple[float, float, float]) -> None:
    assert lab_of(color) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#gggggg", "", "123456"])
def test_what_is_no_colour_is_refused(color: str) -> None:
    with pytest.raises(SettingsError, match="#rrggbb"):
        lab_of(color)


def plate(color: str, *, gain: float = 1.0) -> np.ndarray:
    """A plate of one colour with a grey patch on its left, under more or less light."""
    picture = np.zeros((60, 100, 3))
    picture[:] = np.frombuffer(bytes.fromhex(color[1:]), np.uint8)[::-1]
    picture[:, :30] = 200
    light = (picture / 255) ** 2.2 * gain
    return np.round(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)


PLATE = Zone(40, 10, 50, 40)


def test_an_equal_colour_is_equal_and_the_next_one_is_not() -> None:
    gauge = ColorGauge("paint", PLATE, lab_of("#3a6ea5"), high=1.0)
    same, next_to_it = gauge.measure(plate("#3a6ea5")), gauge.measure(plate("#3a6eb5"))
    assert same.value == pytest.approx(0.0, abs=0.1)
    assert next_to_it.value is not None
    assert next_to_it.value == pytest.approx(
        ciede2000(lab_of("#3a6ea5"), lab_of("#3a6eb5")), abs=0.1
    )


def test_a_grey_patch_makes_up_for_an_ageing_lamp() -> None:
    bare = ColorGauge("paint", PLATE, lab_of("#3a6ea5"), high=1.0)
    patch = float(((200 / 255 + 0.055) / 1.055) ** 2.4)
    corrected = ColorGauge(
        "paint", PLATE, lab_of("#3a6ea5"), high=1.0, white_zone=Zone(2, 2, 20, 50), white=patch
    )
    for gain in (0.7, 0.85, 1.15):
        dim = plate("#3a6ea5", gain=gain)
        uncorrected, value = bare.measure(dim).value, corrected.measure(dim).value
        assert uncorrected is not None
        assert value is not None
        assert value < 1.0 < uncorrected


@pytest.mark.parametrize(("level", "why"), [(255, "driven to white"), (0, "too dark")])
def test_white_and_black_pictures_have_no_colour(level: int, why: str) -> None:
    gauge = ColorGauge("paint", PLATE, lab_of("#3a6ea5"), high=1.0)
    with pytest.raises(CannotMeasure, match=why):
        gauge.measure(np.full((60, 100, 3), level, np.uint8))
