"""`c2m plan FILE`: a problem or an instance is planned without a plant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mes.entrypoints.cli import app


def c2m(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "mes", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_problem_is_planned_to_a_file_and_its_figures_are_told(tmp_path: Path) -> None:
    from aps import problem as problems  # what the product reaches through its bridge alone
    from tests.support.aps_plants import a_car, a_plant

    file, out = tmp_path / "of the plant.json", tmp_path / "plan.json"
    file.write_text(problems.to_json(a_plant((a_car("one"), a_car("two")))), encoding="utf-8")
    done = c2m("plan", str(file), "--out", str(out), "--seconds", "0")
    assert done.returncode == 0, done.stderr
    assert "cars_planned             2" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 violations"
    assert json.loads(out.read_text(encoding="utf-8"))["kpis"]["cars_planned"] == 2


def test_an_instance_that_is_not_there_ends_as_the_library_says(tmp_path: Path) -> None:
    done = c2m("plan", str(tmp_path / "none.fjs"), "--workers", "1")
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "ERROR"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["some.fjs", "--solve"], "without the plant"),
        (["some.fjs", "--publish", "3"], "without the plant"),
        (["--seconds", "5"], "--seconds goes with a FILE"),
    ],
)
def test_a_file_and_the_plant_are_not_planned_at_once(words: list[str], why: str) -> None:
    done = CliRunner().invoke(app, ["plan", *words])
    assert done.exit_code == 2
    assert why in " ".join(done.output.replace("│", " ").split())
