"""Gap, flush and position: near the truth, unmoved by light and place, and no value where there is none."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_vision.gauges import (
    CannotMeasure,
    FlushGauge,
    GapGauge,
    HoleGauge,
    PatternGauge,
    SettingsError,
    Zone,
)
from qc_vision.gauges.bench import gauge_figures
from qc_vision.gauges.drawn import Camera, hole, laser_line, slit

few = settings(max_examples=15, deadline=None, derandomize=True)
CAMERA = Camera()
ZONE = Zone(10, 30, 180, 60)


def gap_of(picture: np.ndarray, **changes: object) -> float:
    given_ = {"name": "gap", "zone": ZONE, "mm_per_px": 0.05, "high": 9.0} | changes
    value = GapGauge(**given_).measure(picture).value  # type: ignore[arg-type]
    assert value is not None
    return value


@few
@given(st.floats(10, 90), st.floats(-3, 3), st.floats(0.6, 1.5), st.floats(0.8, 1.2))
def test_a_gap_is_measured_to_a_tenth_of_a_pixel_whatever_blur_angle_and_light(
    width: float, angle: float, blur: float, gain: float
) -> None:
    picture = slit(width, Camera(blur_px=blur, gain=gain), angle_deg=angle)
    assert gap_of(picture) == pytest.approx(0.05 * width, abs=0.005)


@few
@given(st.floats(10, 80), st.floats(0.5, 5))
def test_a_wider_gap_reads_wider(width: float, more: float) -> None:
    assert gap_of(slit(width + more, CAMERA)) > gap_of(slit(width, CAMERA))


@few
@given(st.floats(-25, 25))
def test_a_gap_that_lies_elsewhere_in_the_zone_reads_the_same(shift: float) -> None:
    moved = slit(30.0, CAMERA, middle=(100 + shift, 60.0))
    assert gap_of(moved) == pytest.approx(gap_of(slit(30.0, CAMERA)), abs=0.004)


def test_a_gap_is_the_same_turned_by_a_quarter_mirrored_and_bright() -> None:
    picture = slit(33.3, CAMERA)
    turned = np.ascontiguousarray(np.rot90(picture))
    assert gap_of(turned, zone=Zone(30, 10, 60, 180), across="y") == pytest.approx(
        gap_of(picture), abs=0.003
    )
    assert gap_of(picture[:, ::-1].copy()) == pytest.approx(gap_of(picture), abs=0.003)
    assert gap_of(255 - picture, dark=False) == pytest.approx(gap_of(picture), abs=0.003)


def test_a_scratch_over_the_gap_does_not_move_it() -> None:
    picture = slit(30.0, CAMERA)
    cv2.line(picture, (60, 40), (140, 52), (90, 90, 90), 3)
    assert gap_of(picture) == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (slit(0.001, CAMERA), "scan lines"),
        (slit(40.0, CAMERA, taper_deg=8.0), "not parallel"),
        (slit(3.0, CAMERA), "cannot be measured"),
        (slit(40.0, CAMERA, levels=(100.0, 98.0)), "edge"),
        (slit(40.0, CAMERA, size=(120, 80)), "the zone reaches to"),
        (slit(300.0, CAMERA), "scan lines"),
    ],
    ids=["closed", "tapered", "narrow", "faint", "small picture", "wider than the zone"],
)
def test_what_is_no_gap_gives_no_value(picture: np.ndarray, why: str) -> None:
    with pytest.raises(CannotMeasure, match=why):
        gap_of(picture)


def test_noise_alone_is_no_gap() -> None:
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(0, 256, (120, 200, 3)).astype(np.uint8)
        with pytest.raises(CannotMeasure):
            gap_of(noise)


def flush_of(picture: np.ndarray, **changes: object) -> float:
    left, right = Zone(20, 20, 60, 80), Zone(120, 20, 60, 80)
    given_ = {"zone": left, "other_zone": right, "mm_per_px": 0.05, "high": 9.0} | changes
    value = FlushGauge("flush", **given_).measure(picture).value  # type: ignore[arg-type]
    assert value is not None
    return value


@few
@given(st.floats(-15, 15), st.floats(-2, 2), st.floats(150, 240))
def test_flush_is_the_step_of_the_laser_line_even_where_the_line_is_driven_to_white(
    step: float, tilt: float, level: float
) -> None:
    picture = laser_line(step, CAMERA, tilt_deg=tilt, level=level)
    assert flush_of(picture) == pytest.approx(0.05 * step, abs=0.006)
    white = laser_line(step, CAMERA, tilt_deg=tilt, level=500.0)
    assert flush_of(white) == pytest.approx(0.05 * step, abs=0.006)


def test_flush_of_swapped_zones_changes_its_sign() -> None:
    picture = laser_line(7.0, CAMERA)
    swapped = flush_of(picture, zone=Zone(120, 20, 60, 80), other_zone=Zone(20, 20, 60, 80))
    assert swapped == pytest.approx(-flush_of(picture), abs=1e-9)


def test_a_line_that_runs_downwards_is_followed_too() -> None:
    turned = np.ascontiguousarray(laser_line(7.0, CAMERA).transpose(1, 0, 2))
    zones = {"zone": Zone(20, 20, 80, 60), "other_zone": Zone(20, 120, 80, 60)}
    assert flush_of(turned, along="y", **zones) == pytest.approx(0.35, abs=0.006)


def test_without_a_laser_there_is_no_flush() -> None:
    for picture in (slit(30.0, CAMERA)[:, ::-1], laser_line(0.0, CAMERA, level=20.0)):
        with pytest.raises(CannotMeasure, match="the laser line"):
            flush_of(np.ascontiguousarray(picture))


@few
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(6, 20), st.floats(0.8, 1.2))
def test_a_hole_is_found_between_pixels(dx: float, dy: float, radius: float, gain: float) -> None:
    picture = hole((60 + dx, 50 + dy), radius, Camera(gain=gain))
    found = HoleGauge("hole", Zone(20, 10, 80, 80), (60.0, 50.0), 0.1, high=1.0).measure(picture)
    assert found.details["dx_mm"] == pytest.approx(0.1 * dx, abs=0.012)
    assert found.details["dy_mm"] == pytest.approx(0.1 * dy, abs=0.012)
    assert found.value == pytest.approx(0.1 * math.hypot(dx, dy), abs=0.02)


def test_a_hole_that_is_not_there_or_is_cut_gives_no_value() -> None:
    gauge = HoleGauge("hole", Zone(20, 10, 80, 80), (60.0, 50.0), 0.1, high=1.0)
    for picture, why in (
        (hole((60, 50), 10, CAMERA, levels=(120.0, 118.0)), "stands out"),
        (hole((22, 50), 10, CAMERA), "cuts it"),
        (np.full((100, 120, 3), 80, np.uint8), "stands out"),
    ):
        with pytest.raises(CannotMeasure, match=why):
            gauge.measure(picture)


@few
@given(st.integers(-8, 8), st.integers(-8, 8), st.floats(0.6, 1.3))
def test_a_pattern_is_found_where_it_was_put(dx: int, dy: int, gain: float) -> None:
    rng = np.random.default_rng(5)
    ground = cv2.GaussianBlur(rng.uniform(60, 160, (140, 160, 3)), (0, 0), 3)
    pattern = ground[50:80, 60:100]
    seen = np.clip(np.roll(ground, (dy, dx), (0, 1)) * gain, 0, 255).astype(np.uint8)
    gauge = PatternGauge(
        "fiducial", Zone(30, 30, 100, 80), pattern.astype(np.uint8), (79.5, 64.5), 0.2, high=5.0
    )
    found = gauge.measure(seen).details
    assert found["dx_mm"] == pytest.approx(0.2 * dx, abs=0.03)
    assert found["dy_mm"] == pytest.approx(0.2 * dy, abs=0.03)
    with pytest.raises(CannotMeasure, match="not found"):
        gauge.measure(np.full((140, 160, 3), 90, np.uint8))


@pytest.mark.parametrize(
    "changes",
    [
        {"mm_per_px": 0.0},
        {"mm_per_px": math.nan},
        {"high": None},
        {"low": 5.0, "high": 4.0},
        {"across": "z"},
        {"min_share": -1.0},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        gap_of(slit(30.0, CAMERA), **changes)


def test_the_bench_finds_the_gauges_near_the_truth() -> None:
    figures = {figure.name.split(",")[0]: figure.value for figure in gauge_figures(pictures=25)}
    assert abs(figures["gauge gap: bias"]) < 5
    assert figures["gauge gap: deviation"] < 5
    assert abs(figures["gauge flush: bias"]) < 5
    assert abs(figures["rendered trim joint: bias"]) < 0.6
    assert figures["gauge gap: not measured"] == figures["gauge flush: not measured"] == 0
