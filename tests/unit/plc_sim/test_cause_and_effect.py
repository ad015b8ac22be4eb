"""Process tags behave, and a planted cause of defects can be found from them alone."""

from __future__ import annotations

import random
from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from mes.contracts.plant import DefectCause, DefectSource, PlantModel, Tag
from mes.contracts.text import Text
from plc_sim.core.process import TagState, probability
from tests.support.lines import a_bench, a_body_job, plant_of, stored


def a_tag(name: str, **fields: float) -> Tag:
    return Tag(
        name=name, label=Text(en=name, zh=name), unit="%", nominal=50.0, spread=2.0, **fields
    )


def test_a_tag_wanders_around_its_nominal_with_its_spread() -> None:
    tag, state, chance = a_tag("Humidity"), TagState(), random.Random(1)
    values = [state.next_value(tag, chance, elapsed_s=60) for _ in range(20_000)]
    assert fmean(values) == pytest.approx(50.0, abs=0.3)
    assert pstdev(values) == pytest.approx(2.0, rel=0.1)
    pairs = list(pairwise(values))
    covariance = fmean((a - 50) * (b - 50) for a, b in pairs)
    assert covariance / 4 == pytest.approx(0.85, abs=0.05)


def test_a_drift_is_put_right_before_it_leaves_two_spreads() -> None:
    tag, state, chance = a_tag("Current", drift_per_hour=1.0), TagState(), random.Random(2)
    drifts = []
    for _ in range(600):
        state.next_value(tag, chance, elapsed_s=60)
        drifts.append(state.drift)
    assert max(drifts) == pytest.approx(4.0, abs=0.1)
    assert min(drifts[300:]) < 0.5


def test_log_odds_rise_by_the_weight_for_each_spread_on_the_side_that_matters() -> None:
    source = DefectSource(
        kind="crater",
        base_rate=0.01,
        rework_s=60,
        causes=(DefectCause(tag="Humidity", weight=1.0, side="high"),),
    )
    tags = {"Humidity": a_tag("Humidity")}
    assert probability(source, tags, {"Humidity": 50.0}) == pytest.approx(0.01)
    assert probability(source, tags, {"Humidity": 44.0}) == pytest.approx(0.01)
    odds = 0.01 / 0.99 * 2.718281828**2
    assert probability(source, tags, {"Humidity": 54.0}) == pytest.approx(odds / (1 + odds))


def a_plant_with(cause: str, kind: str) -> PlantModel:
    """The mini plant, whose clear coat has one source of defects with one cause."""
    content = plant_of("mini").model_dump(mode="json")
    paint = next(line for line in content["lines"] if line["id"] == "paint")
    for station in paint["stations"]:
        station["defects"] = []
    clear_coat = next(s for s in paint["stations"] if s["id"] == "clear-coat")
    clear_coat["defects"] = [
        {
            "kind": kind,
            "base_rate": 0.03,
            "rework_s": 60,
            "causes": [{"tag": cause, "weight": 1.5, "side": "high"}],
        }
    ]
    return PlantModel.model_validate(content)


def standing_out(good: list[float], bad: list[float]) -> float:
    """How far the mean of the bad cycles lies from that of the good ones, in standard errors."""
    error = pstdev(good) * (1 / len(good) + 1 / len(bad)) ** 0.5
    return abs(fmean(bad) - fmean(good)) / error


@pytest.mark.parametrize("cause", ["BoothHumidity", "FilmThickness", "BoothTemperature"])
def test_a_planted_cause_is_found_from_the_stored_tags_alone(cause: str) -> None:
    bench = a_bench("paint", plant=a_plant_with(cause, "crater"), seed=11)
    bad_bodies: set[str] = set()
    for number in range(700):
        job = a_body_job("paint", number)
        stored(bench, job)
        bench.give(job)
        bench.run(20)
        bad_bodies |= {
            str(camera.pending.body_id)
            for camera in bench.core.cameras.values()
            if camera.pending is not None and camera.pending.defect is not None
        }
        for body in bench.floor.bodies["pbs"]:
            if body.defects:
                bad_bodies.add(body.id)
        bench.floor.bodies["pbs"].clear()
    good: dict[str, list[float]] = {}
    bad: dict[str, list[float]] = {}
    for record in bench.of_kind("operation_done"):
        if record.station == "clear-coat":
            group = bad if str(record.body_id) in bad_bodies else good
            for name, value in record.values.items():
                group.setdefault(name, []).append(value)
    assert len(bad[cause]) >= 20
    scores = {name: standing_out(good[name], bad[name]) for name in good}
    assert max(scores, key=lambda name: scores[name]) == cause
    assert scores[cause] > 4


def test_a_value_that_is_not_a_number_is_told_and_not_kept_with_the_operation() -> None:
    bench = a_bench("paint")
    job = a_body_job("paint", 1)
    stored(bench, job)
    bench.core.nan_tags["primer.BoothHumidity"] = 1
    bench.give(job)
    bench.run(40)
    first = bench.of_kind("operation_done")[0]
    assert "BoothHumidity" not in first.values and "FilmThickness" in first.values
    told = [value for name, value in bench.values if name == "primer.BoothHumidity"]
    assert len(told) == 1 and told[0] != told[0]
