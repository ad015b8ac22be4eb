"""`python -m aps`: plan, check and bench on files."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aps import problem as problems
from aps import schedule as schedules
from aps.__main__ import main
from aps.bench import cases, scale
from aps.bench import run as bench
from aps.bench.peers import peer_of
from aps.bench.scale import Scaled, scaled
from aps.published import Effort, read, solve_published
from tests.support.aps_plants import a_car, a_plant
from tests.unit.aps.test_formats import a_day


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


def test_a_size_is_measured_in_this_process_as_in_its_own() -> None:
    small = scaled(20, 0.2)
    assert (small.cars, small.violations, small.left_out) == (20, 0, 0)
    assert small.first_s <= small.solve_s
    assert small.peak_mb > 10


def test_the_table_of_sizes_has_a_row_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(sizes: list[int], *, seconds: float) -> Iterator[Scaled]:
        yield from (scaled(size, seconds) for size in sizes)

    monkeypatch.setattr(scale, "scale", measured)
    assert main(["scale", "--sizes", "12", "15", "--seconds", "0.1"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["cars", "12", "15"]


CARS = "200 1 2\n1\n2\n0 100 1\n1 100 0\n"
FEW_CARS = "6 1 2\n1\n2\n0 3 1\n1 3 0\n"


@pytest.fixture
def instances(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder like that of the published instances, with one tiny instance of each family."""
    folder = tmp_path / "data" / "aps"
    (folder / "csplib_prob001" / "hard").mkdir(parents=True)
    (folder / "fjsp" / "brandimarte").mkdir(parents=True)
    (folder / "roadef2005" / "set_A" / "day").mkdir(parents=True)
    (folder / "csplib_prob001" / "data.txt").write_text(CARS, encoding="utf-8")
    (folder / "csplib_prob001" / "hard" / "pb.txt").write_text(FEW_CARS, encoding="utf-8")
    bounds = "instance,family,size,status,lb,ub\nmk0,mk,1 x 1,closed,4,4\n"
    (folder / "fjsp" / "best_known.csv").write_text(bounds, encoding="utf-8")
    (folder / "fjsp" / "brandimarte" / "Mk0.fjs").write_text("1 1\n1 1 1 4\n", encoding="utf-8")
    a_day(folder / "roadef2005" / "set_A" / "day")
    references = tmp_path / "references.csv"
    references.write_text("set,instance,score,source\nset_A,day,3000,counted\n", encoding="utf-8")
    monkeypatch.setattr(cases, "REFERENCES", references)
    monkeypatch.setattr(cases, "_DAY_S", 0.2)
    monkeypatch.setenv("C2M_SHARED", str(tmp_path))
    return folder


def test_the_benchmark_prints_each_family_beside_goal_and_peer(
    instances: Path, tmp_path: Path
) -> None:
    measuring = bench.Measuring(only="", workers=1, kept=tmp_path / "kept.jsonl", peers=False)
    rows = list(bench._published(instances, measuring))
    assert [(row.family, row.name) for row in rows] == [
        ("brandimarte", "Mk0"),
        ("brandimarte", "together"),
        ("CSPLib 200 cars", "data"),
        ("CSPLib 200 cars", "together"),
        ("CSPLib hard", "pb"),
        ("CSPLib hard", "together"),
        ("ROADEF 2005", "day"),
        ("ROADEF 2005", "together"),
    ]
    assert rows[0].result.startswith("4 (bound 4) OPTIMAL")
    assert rows[0].goal == "best known 4"
    assert rows[1].result == "1 of 1 proven, mean gap 0.00 %"
    assert rows[3].result.startswith("1 of 1 at 0, 0 violations in all")


def test_a_benchmark_that_was_stopped_goes_on_where_it_was(instances: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    measuring = bench.Measuring(only="brandimarte", workers=1, kept=kept, peers=False)
    first = list(bench._published(instances, measuring))
    kept.write_text(kept.read_text(encoding="utf-8") + '{"cut sho', encoding="utf-8")
    assert list(bench._published(instances, measuring)) == first
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize("which", ["brandimarte/Mk0.fjs", "day", "pb.txt"])
def test_a_peer_reaches_the_same_on_a_tiny_instance(instances: Path, which: str) -> None:
    where = {"day": "roadef2005/set_A/day", "pb.txt": "csplib_prob001/hard/pb.txt"}
    instance = read(instances / where.get(which, f"fjsp/{which}"))
    ours = solve_published(instance, Effort(seconds=0.3, workers=1)).figures
    _, theirs = peer_of(instance, seconds=10.0, workers=1, now=time.monotonic)
    values = [ours[key] for key in ("makespan", "violations", "score") if key in ours]
    assert theirs == values[0]


def test_without_pyjobshop_plain_cp_sat_is_the_peer(
    instances: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyjobshop", None)
    instance = read(instances / "fjsp" / "brandimarte" / "Mk0.fjs")
    peer = peer_of(instance, seconds=10.0, workers=1, now=time.monotonic)
    assert peer == ("plain CP-SAT", 4)


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


def _solved(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["solve", *words, "--seconds", "0.3", "--workers", "2"]) == 0
    last: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return last


def test_a_job_shop_file_is_solved_to_json(
    instances: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    said = _solved(capsys, str(instances / "fjsp/brandimarte/Mk0.fjs"), "--out", str(out))
    assert set(said) == {"instance", "status", "makespan", "bound", "seconds"}
    assert (said["instance"], said["status"], said["makespan"], said["bound"]) == (
        "Mk0",
        "OPTIMAL",
        4,
        4,
    )
    assert json.loads(out.read_text(encoding="utf-8")) == {
        "makespan": 4,
        "bound": 4,
        "operations": [{"job": 0, "operation": 0, "machine": 0, "start": 0, "end": 4}],
    }


def test_a_car_sequence_is_written_as_one_class_a_line(
    instances: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.txt"
    said = _solved(capsys, str(instances / "csplib_prob001/hard/pb.txt"), "--out", str(out))
    assert set(said) == {"instance", "status", "violations", "seconds"}
    assert (said["status"], said["violations"]) == ("OPTIMAL", 0)
    order = out.read_text(encoding="utf-8").split()
    assert sorted(order) == ["0"] * 3 + ["1"] * 3
    assert "0 0" not in " ".join(order)


def test_a_production_day_is_written_as_one_ident_a_line(
    instances: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.txt"
    said = _solved(capsys, str(instances / "roadef2005/set_A/day"), "--out", str(out))
    assert set(said) == {"instance", "status", "hprc", "lprc", "colour", "score", "seconds"}
    assert sorted(out.read_text(encoding="utf-8").split()) == ["a", "b", "c", "d"]
    assert said["hprc"] == 0


def test_what_cannot_be_solved_says_why_in_its_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.fjs"
    empty.write_text("", encoding="utf-8")
    several = tmp_path / "several.txt"
    several.write_text("# Problem 1\n" + CARS + "# Problem 2\n" + CARS, encoding="utf-8")
    limited = tmp_path / "limited"
    limited.mkdir()
    vehicles = "Date;Rank;Ident;Color;H1;L1;\n" + "".join(f"d;{k};v{k};1;0;0;\n" for k in range(4))
    a_day(limited, vehicles=vehicles)
    for path, reason in (
        (empty, "holds nothing"),
        (several, "name one of them: 1, 2"),
        (tmp_path / "none", "none"),
        (limited, "batch limit of 2"),
    ):
        assert main(["solve", str(path), "--seconds", "0.1"]) == 2
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert said["status"] == "ERROR"
        assert reason in said["error"]
    assert main(["solve", str(several), "--name", "2", "--seconds", "1"]) == 0
    with pytest.raises(SystemExit):
        main(["solve", str(several), "--seconds", "0"])


def test_nothing_is_solved_where_it_could_not_be_written(
    instances: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "no such" / "out"
    assert main(["solve", str(instances / "csplib_prob001/hard/pb.txt"), "--out", str(out)]) == 2
    assert "no such directory" in capsys.readouterr().out
