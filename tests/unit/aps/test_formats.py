"""Published instance formats: read, scored by their rules, refused with file and line."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from aps.bench.run import data_folder
from aps.errors import FileError
from aps.formats import csplib, fjs, roadef
from aps.jobshop import solve_job_shop
from aps.published import warm_up
from aps.sequencing.greedy import greedy
from aps.sequencing.search import improve
from aps.sequencing.task import cost_of

VEHICLES = """Date;SeqRank;Ident;Paint Color;H1;L1;
2003 1 1;1;p1;1;1;0;
2003 1 1;2;p2;1;1;0;
2003 1 2;1;a;1;1;1;
2003 1 2;2;b;2;0;1;
2003 1 2;3;c;1;1;0;
2003 1 2;4;d;2;0;0;
"""
RATIOS = "Ratio;Prio;Ident;\n1/2;1;H1;\n1/3;0;L1;\n"
LIMIT = "limitation;\n2;\n"
OBJECTIVES = """rank;objective name;
1;high_priority_level_and_easy_to_satisfy_ratio_constraints;
2;paint_color_batches;
3;low_priority_level_ratio_constraints;
"""


def a_day(folder: Path, **files: str) -> Path:
    """Write an instance directory, some of its files replaced."""
    texts = {
        "vehicles": VEHICLES,
        "ratios": RATIOS,
        "paint_batch_limit": LIMIT,
        "optimization_objectives": OBJECTIVES,
    } | files
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_renault_day_is_read(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path))
    assert [v.ident for v in day.previous] == ["p1", "p2"]
    assert [v.ident for v in day.day] == ["a", "b", "c", "d"]
    assert day.day[0].options == {"H1", "L1"}
    assert day.ratios[0] == roadef.Ratio(option="H1", n=1, p=2, high=True)
    assert day.batch_limit == 2
    assert [o.value for o in day.objectives] == ["high", "color", "low"]


def test_a_renault_day_is_scored_by_hand(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path))
    # H1 1/2 over p1 p2 | a b c d: p2a holds 2; L1 1/3: p2ab, abc hold 2, the truncated none.
    score = roadef.score(day, ("a", "b", "c", "d"))
    assert (score.high, score.color, score.low) == (1, 3, 2)
    assert score.total == 1_003_002
    # The last window of one car and the cars of the day before alone break nothing.
    better = roadef.score(day, ("d", "a", "b", "c"))
    assert (better.high, better.color) == (0, 4)


def test_an_ident_may_be_there_twice_as_in_renaults_files(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path, vehicles=VEHICLES + "2003 1 2;5;a;2;0;0;\n"))
    assert roadef.score(day, ("a", "b", "c", "d", "a")).color == 3
    with pytest.raises(FileError, match="once"):
        roadef.score(day, ("a", "b", "c", "d", "d"))


def test_truncated_windows_at_the_end_of_the_day_count(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path))
    # b a at the end: windows dba and the truncated ba hold two L1 each, cdb only one.
    assert roadef.score(day, ("c", "d", "b", "a")).low == 2


def test_an_order_must_hold_the_day_once_and_keep_the_batch_limit(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path, paint_batch_limit="limitation;\n1;\n"))
    with pytest.raises(FileError, match="once"):
        roadef.score(day, ("a", "b", "c", "c"))
    with pytest.raises(FileError, match="run of 2"):
        roadef.score(day, ("a", "c", "b", "d"))


def test_a_search_scores_what_it_says(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path))
    task = roadef.sequence_task(day)
    found, cost = improve(task, greedy(task), moves=2000, seed=1)
    assert roadef.score(day, roadef.day_order(day, found)).total == cost


@pytest.mark.parametrize(
    ("file", "text", "where", "code"),
    [
        ("ratios", "Ratio;Prio;Ident;\n3/2;1;H1;\n", "ratios.txt:2", "roadef.ratio"),
        ("ratios", "Ratio;Prio;Ident;\n1-2;1;H1;\n", "ratios.txt:2", "roadef.ratio"),
        ("ratios", "Ratio;Prio;Ident;\n1/x;1;H1;\n", "ratios.txt:2", "file.number"),
        ("ratios", "Ratio;Prio;Ident;\n1/2;1;H9;\n", "vehicles.txt:1", "roadef.option"),
        (
            "ratios",
            "Ratio;Prio;Ident;\n1/2;1;H1;\n1/3;0;H1;\n",
            "ratios.txt:3",
            "roadef.duplicate",
        ),
        ("ratios", "", "ratios.txt", "file.empty"),
        ("vehicles", VEHICLES + "2003 1 2;4;e;1;1;1;\n", "vehicles.txt:8", "roadef.duplicate"),
        ("vehicles", VEHICLES + "2003 1 2;5;e;1;1;\n", "vehicles.txt:8", "roadef.fields"),
        ("vehicles", VEHICLES + "2003 1 2;5;e;1;1;-1;\n", "vehicles.txt:8", "file.negative"),
        ("paint_batch_limit", "limitation;\n0;\n", "limit.txt:2", "roadef.batch_limit"),
        ("optimization_objectives", "rank;name;\n1;beauty;\n", "s.txt:2", "roadef.objective"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, file: str, text: str, where: str, code: str
) -> None:
    with pytest.raises(FileError) as error:
        roadef.read(a_day(tmp_path, **{file: text}))
    assert error.value.subject.endswith(where)
    assert error.value.code == code


def test_a_missing_directory_or_a_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not a directory"):
        roadef.read(tmp_path / "none")
    a_day(tmp_path)
    (tmp_path / "ratios.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match=r"ratios\.txt"):
        roadef.read(tmp_path)


CARS = """# Problem 1 (two options)
4 2 2
1 1
2 3
0 2 1 0
1 2 0 1
"""


def test_car_sequencing_instances_are_read(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("Some words.\n\n" + CARS + CARS, encoding="utf-8")
    first, second = csplib.read(path)
    assert first == second
    assert first.cars == 4
    assert first.options == ((1, 0), (0, 1))
    task = csplib.sequence_task(first)
    assert cost_of(task, np.array([0, 2, 1, 3])).violations == (0, 1)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("4 2\n", ":1"),
        ("4 2 3\n1 1\n2 3\n0 2 1 0\n", ":1"),
        ("4 2 1\n1\n2 3\n0 4 1 0\n", ":2"),
        ("4 2 1\n1 1\n2 3\n0 4 1\n", ":4"),
        ("4 2 1\n1 1\n2 3\n0 3 1 0\n", ":1"),
        ("words only\n", "data.txt"),
    ],
)
def test_a_wrong_car_sequencing_file_is_refused(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "data.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as error:
        csplib.read(path)
    assert error.value.subject.endswith(where)


JOBS = "2 2 1.5\n2 2 1 3 2 5 1 2 2\n1 1 1 4\n"


def test_a_job_shop_is_read_and_solved_to_the_optimum(tmp_path: Path) -> None:
    path = tmp_path / "tiny.fjs"
    path.write_text(JOBS, encoding="utf-8")
    instance = fjs.read(path)
    assert instance.jobs == ((((0, 3), (1, 5)), ((1, 2),)), (((0, 4),),))
    warm_up()  # the time of a compiler is not the solve's
    result = solve_job_shop(instance, wall_s=10, workers=1)
    assert (result.status, result.makespan, result.bound) == ("OPTIMAL", 7, 7)
    assert len(result.operations) == 3
    busy = sorted((o.machine, o.start, o.end) for o in result.operations)
    for one, other in pairwise(busy):
        assert one[0] != other[0] or one[2] <= other[1]


def test_a_job_shop_without_time_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tiny.fjs"
    path.write_text(JOBS, encoding="utf-8")
    result = solve_job_shop(fjs.read(path), wall_s=0.0, workers=1)
    assert result.operations == () or result.status in ("OPTIMAL", "FEASIBLE")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "x.fjs"),
        ("2\n", ":1"),
        ("2 2\n1 1 1 4\n", ":1"),
        ("1 2\n1 1 3 4\n", ":2"),
        ("1 2\n1 0 1\n", ":2"),
        ("1 2\n2 1 1 4\n", ":2"),
        ("1 2\n1 1 1 4 9\n", ":2"),
        ("1 2\n1 1 1 x\n", ":2"),
    ],
)
def test_a_wrong_job_shop_file_is_refused(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "x.fjs"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as error:
        fjs.read(path)
    assert error.value.subject.endswith(where)


def test_the_published_instances_are_read() -> None:
    folder = data_folder()
    if folder is None:
        pytest.skip("no published instances here; set C2M_SHARED")
    days = sorted(p for p in (folder / "roadef2005").glob("set_*/*") if p.is_dir())
    assert min(len(roadef.read(day).day) for day in days) == 65
    cars = [one.cars for one in csplib.read(folder / "csplib_prob001" / "data.txt")]
    assert cars.count(200) == 70
    for path in (folder / "fjsp").glob("*/*.fjs"):
        assert fjs.read(path).jobs
