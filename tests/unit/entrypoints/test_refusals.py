"""What `c2m` cannot do is one sentence and status 1, before anything is lost or waited for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mes.contracts.plant_file import PlantFileError
from mes.entrypoints import cli
from mes.entrypoints.demo.options import DemoOptions
from mes.entrypoints.demo.run import DEMO_PLANT, PlantStands, run_demo
from mes.orders.roadef import BookUnreadable
from mes.platform.settings import Settings

NO_SERVER = "host=127.0.0.1 port=1 dbname=x"


@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["plan", "--solve"],
        ["plan", "--snapshot", "problem.json"],
        ["backup", "plant.backup"],
        ["migrate"],
        ["orders", "import", "."],
        ["models", "register", "."],
    ],
    ids=" ".join,
)
def test_a_database_that_does_not_answer_is_one_sentence(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("C2M_DB__DSN", NO_SERVER)
    monkeypatch.setenv("C2M_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["c2m", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "The database does not answer: " in sentence
    assert "C2M_DB__DSN" in sentence


def test_a_wrong_choice_forgets_no_plant(tmp_path: Path) -> None:
    """`c2m demo --reset --plant no-such-file` once removed the old plant first."""
    (tmp_path / "plant.toml").write_text("the plant of yesterday")
    (tmp_path / "images").mkdir()
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(PlantFileError):
        run_demo(settings, DemoOptions(reset=True, plant=tmp_path / "none.toml"))
    with pytest.raises(BookUnreadable):
        run_demo(settings, DemoOptions(reset=True, orders=tmp_path))
    with pytest.raises(PlantStands, match="--reset starts over"):
        run_demo(settings, DemoOptions(plant=DEMO_PLANT))
    assert (tmp_path / "plant.toml").read_text() == "the plant of yesterday"
    assert (tmp_path / "images").is_dir()
