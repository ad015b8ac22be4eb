"""What a stranger may give `python -m aps`: odd, broken and huge input, words for numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aps.__main__ import main
from aps.bench import run as bench
from aps.errors import FileError
from aps.formats import roadef
from aps.published import read
from tests.unit.aps.test_formats import VEHICLES, a_day


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no jobs.fjs", "0 3\n", "announces no operation"),
        ("no work.fjs", "1 3\n0\n", "announces no operation"),
        ("long.fjs", f"1 1\n1 1 1 {10**30}\n", "is too large a number"),
        ("words.fjs", "one two\n", "'one' is not a whole number"),
        ("none.txt", "0 1 1\n1\n2\n0 0 1\n", "0 cars: must be 1 to"),
        ("many.txt", f"{10**9} 1 1\n1\n2\n0 {10**9} 1\n", "must be 1 to"),
        ("wide.txt", f"2 1 1\n1\n{10**20}\n0 2 1\n", "is too large a number"),
    ],
)
def test_an_impossible_instance_is_refused_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, why: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert main(["solve", str(path), "--seconds", "0.1"]) == 2
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["instance"], said["status"]) == (path.stem, "ERROR")
    assert why in said["error"]
    assert str(path) in said["error"]


def test_a_text_of_another_encoding_is_named(tmp_path: Path) -> None:
    day = a_day(tmp_path)
    (day / "vehicles.txt").write_bytes(VEHICLES.replace(";a;", ";ä;").encode("latin-1"))
    with pytest.raises(FileError, match=r"vehicles.txt: is not UTF-8 text"):
        read(day)
    (day / "vehicles.txt").unlink()
    with pytest.raises(FileError, match=r"vehicles.txt: No such file or directory$"):
        read(day)


def test_a_file_of_a_day_points_at_its_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="name its folder"):
        read(a_day(tmp_path) / "vehicles.txt")


def test_a_day_is_called_as_its_folder_from_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = tmp_path / "022 一天"
    (day / "notes").mkdir(parents=True)
    a_day(day)
    monkeypatch.chdir(day / "notes")
    assert read(Path("..")).name == "022 一天"
    monkeypatch.chdir(day)
    assert read(Path()).name == "022 一天"
    (tmp_path / "linked").symlink_to(day)
    assert roadef.read(tmp_path / "linked").name == "linked"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seconds", "soon"),
        ("--seconds", "nan"),
        ("--seconds", "0"),
        ("--workers", "two"),
        ("--workers", "0"),
        ("--seed", "-1"),
        ("--seed", str(10**12)),
    ],
)
def test_a_wrong_option_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["solve", "some.fjs", f"{option}={value}"])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert option in said
    assert " is not a " in said or "must be more than 0 seconds" in said
    assert "_" not in said


def test_a_problem_that_is_no_text_or_nested_without_end_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "problem.json"
    path.write_bytes(b"\xff\xfe{}")
    assert main(["plan", str(path)]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().out
    path.write_text("[" * 100_000, encoding="utf-8")
    assert main(["plan", str(path)]) == 2
    assert f"{path}: the text: is nested too deep" in capsys.readouterr().out
    path.write_text("1 1\n1 1 1 4\n", encoding="utf-8")
    assert main(["plan", str(path)]) == 2
    assert f"{path}: line 1: Extra data" in capsys.readouterr().out


def test_a_result_that_could_not_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = a_day(tmp_path)
    assert main(["solve", str(day), "--out", str(tmp_path)]) == 2
    assert "is a directory" in capsys.readouterr().out
    job = tmp_path / "job.fjs"
    job.write_text("1 1\n1 1 1 4\n", encoding="utf-8")
    assert main(["solve", str(job), "--seconds", "0.1", "--out", "/dev/full"]) == 2
    assert "/dev/full cannot be written: No space left" in capsys.readouterr().out


def test_a_family_that_is_not_there_is_no_benchmark_passed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "run", lambda _measuring: iter(()))
    assert main(["bench", "--only", "no family", "--results", str(tmp_path / "kept")]) == 2
    assert "no family's name holds 'no family'" in capsys.readouterr().out


def test_an_instance_that_is_not_in_the_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = tmp_path / "several.txt"
    several.write_text("# Problem a\n2 1 1\n1\n2\n0 2 1\n# Problem b\n2 1 1\n1\n2\n0 2 1\n")
    assert main(["solve", str(several), "--name", "c"]) == 2
    assert "none is called c, name one of them: a, b" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_ends_the_command_without_a_word(tmp_path: Path) -> None:
    """`python -m aps solve … | head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "aps", "solve", str(tmp_path / "none.fjs")]
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (-13, "")
