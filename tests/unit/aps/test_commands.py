"""`python -m aps`: plan, check and bench on files."""

from dataclasses import replace
from pathlib import Path

import pytest

from aps import problem as problems
from aps import schedule as schedules
from aps.__main__ import main
from aps.bench import run as bench
from tests.support.aps_plants import a_car, a_plant


def test_a_problem_file_is_planned_and_its_plan_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem, plan = tmp_path / "problem.json", tmp_path / "plan.json"
    cars = (a_car("one"), a_car("two", color="red"), a_car("late", release_s=35_900))
    problem.write_text(problems.to_json(a_plant(cars)), encoding="utf-8")
    assert main(["plan", str(problem), "--out", str(plan), "--seconds", "0.3"]) == 0
    said = capsys.readouterr().out
    assert "cars_planned             2" in said
    assert "left out: late" in said
    assert main(["check", str(problem), str(plan)]) == 0
    assert "0 violations" in capsys.readouterr().out


def test_a_plan_that_breaks_a_rule_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem, plan = tmp_path / "problem.json", tmp_path / "plan.json"
    problem.write_text(problems.to_json(a_plant((a_car("one"),))), encoding="utf-8")
    main(["plan", str(problem), "--out", str(plan), "--seconds", "0"])
    good = schedules.from_json(plan.read_text(encoding="utf-8"))
    plan.write_text(schedules.to_json(replace(good, weld=())), encoding="utf-8")
    assert main(["check", str(problem), str(plan)]) == 1
    assert "weld.steps" in capsys.readouterr().out


def test_wrong_input_ends_with_2_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "problem.json"
    path.write_text("{}", encoding="utf-8")
    assert main(["plan", str(path)]) == 2
    assert "is missing" in capsys.readouterr().out
    assert main(["plan", str(tmp_path / "none.json")]) == 2


def test_the_benchmark_says_why_it_skips_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("C2M_SHARED", str(tmp_path))
    monkeypatch.setattr(bench, "_plants", lambda *, sizes: iter(()))
    assert main(["bench", "--subset"]) == 0
    assert "skipped" in capsys.readouterr().out


def test_the_benchmark_prints_each_family_beside_its_goal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "aps"
    (folder / "csplib_prob001" / "hard").mkdir(parents=True)
    (folder / "fjsp" / "brandimarte").mkdir(parents=True)
    cars = "200 1 2\n1\n2\n0 100 1\n1 100 0\n"
    (folder / "csplib_prob001" / "data.txt").write_text(cars, encoding="utf-8")
    (folder / "csplib_prob001" / "hard" / "pb.txt").write_text(cars, encoding="utf-8")
    (folder / "fjsp" / "best_known.csv").write_text("mk0,mk,1 x 1,closed,4,4\n", encoding="utf-8")
    (folder / "fjsp" / "brandimarte" / "Mk0.fjs").write_text("1 1\n1 1 1 4\n", encoding="utf-8")
    monkeypatch.setenv("C2M_SHARED", str(tmp_path))
    monkeypatch.setattr(bench, "_plants", lambda *, sizes: iter(()))
    monkeypatch.setattr(bench, "_ROADEF", ())
    rows = list(bench.run(subset=False))
    assert [row.family for row in rows] == ["CSPLib", "CSPLib hard", "Brandimarte"]
    assert rows[0].result.startswith("1 of 1 at 0 violations")
    assert rows[2].result == "4 (bound 4, OPTIMAL)"
    assert rows[2].goal == "4 (bound 4)"


def test_whole_plants_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(bench._plants(sizes=(5,)))
    assert [row.family for row in rows] == [
        "whole plant",
        "repair",
        "repair",
        "repair",
        "insertion",
    ]
    assert rows[0].result.startswith("0 violations")
