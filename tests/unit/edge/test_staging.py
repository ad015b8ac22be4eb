"""Which configuration an agent runs while a new one is on trial."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from edge.identity import DataFolder
from edge.staging import Staging, same_for_the_line
from mes.contracts.agent import AgentConfig, CameraModel
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.line_layout import line_interface
from mes.contracts.plant import PlantModel

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
MODEL = CameraModel(camera="cam", package="welding", version="1", sha256="0" * 64)


@pytest.fixture
def first(mini_plant: PlantModel) -> AgentConfig:
    return AgentConfig(
        version=1,
        agent_id=UUID(int=1),
        epoch=1,
        interface=line_interface(mini_plant, mini_plant.line("paint")),
        clock=PlantClock(segments=(ClockSegment(real_at=NOW, plant_at=NOW, factor=1.0),)),
    )


def elsewhere(config: AgentConfig, version: int) -> AgentConfig:
    interface = config.interface.model_copy(update={"endpoint": "opc.tcp://127.0.0.1:1"})
    return config.model_copy(update={"version": version, "interface": interface})


def staging(folder: Path, *, instance: str = "one", trial_s: float = 0.01) -> Staging:
    return Staging(DataFolder(folder), instance, trial_s=trial_s)


async def heard(which: Staging) -> bool:
    return await which.watch(lambda: True, lambda: "")


async def silent(which: Staging) -> bool:
    return await which.watch(lambda: False, lambda: "no route")


async def test_the_first_configuration_is_taken_as_it_is(
    tmp_path: Path, first: AgentConfig
) -> None:
    which = staging(tmp_path)
    assert which.choose(first, heard=False) == first
    assert not await silent(which)
    assert DataFolder(tmp_path).cached_config("one") == first


async def test_a_line_that_is_heard_proves_what_was_staged(
    tmp_path: Path, first: AgentConfig
) -> None:
    which, second = staging(tmp_path), elsewhere(first, 2)
    which.choose(first, heard=False)
    assert which.choose(second, heard=True) == second
    assert DataFolder(tmp_path).cached_config("one") == first, "not before it has proved itself"
    assert not await heard(which)
    assert DataFolder(tmp_path).cached_config("one") == second
    assert which.refused is None


async def test_silence_brings_back_the_line_of_before_with_what_else_is_new(
    tmp_path: Path, first: AgentConfig
) -> None:
    which, second = staging(tmp_path), elsewhere(first, 2)
    which.choose(first, heard=False)
    which.choose(second, heard=True)
    assert await silent(which), "another one is to be chosen"
    runs = which.choose(second, heard=False)
    assert (runs.version, same_for_the_line(runs, first)) == (1, True)
    assert not await heard(which)
    assert which.refused is not None
    assert (which.refused.version, which.refused.reason) == (2, "no route")
    third = elsewhere(first, 3).model_copy(update={"models": (MODEL,)})
    runs = which.choose(third, heard=True)
    assert (runs.version, runs.models, same_for_the_line(runs, first)) == (1, (MODEL,), True)
    assert not await silent(which), "the refusal stands: nothing is on trial"


async def test_a_line_that_is_silent_under_both_was_lost_for_another_reason(
    tmp_path: Path, first: AgentConfig
) -> None:
    which, second = staging(tmp_path), elsewhere(first, 2)
    which.choose(first, heard=False)
    which.choose(second, heard=True)
    assert await silent(which)
    which.choose(second, heard=False)
    assert await silent(which)
    assert which.choose(second, heard=False) == second
    assert which.refused is None
    assert not await silent(which)


async def test_a_trial_goes_on_after_a_crash_and_a_refusal_outlives_one(
    tmp_path: Path, first: AgentConfig
) -> None:
    second = elsewhere(first, 2)
    before = staging(tmp_path)
    before.choose(first, heard=False)
    before.choose(second, heard=True)
    again = staging(tmp_path)
    assert again.choose(second, heard=False) == second
    assert await silent(again)
    later = staging(tmp_path)
    assert later.choose(second, heard=False).version == 1
    assert later.choose(first, heard=False) == first
    assert later.refused is not None, "the MES was away: what was cached says nothing of version 2"
    back = first.model_copy(update={"version": 3})
    assert later.choose(back, heard=True) == back
    assert later.refused is None, "the MES went back to what works"


async def test_a_line_that_was_not_heard_before_has_nothing_to_compare_with(
    tmp_path: Path, first: AgentConfig
) -> None:
    which, second = staging(tmp_path), elsewhere(first, 2)
    which.choose(first, heard=False)
    assert which.choose(second, heard=False) == second
    assert not await silent(which)
    assert DataFolder(tmp_path).cached_config("one") == second


async def test_a_copy_of_the_folder_starts_with_nothing_proved(
    tmp_path: Path, first: AgentConfig
) -> None:
    staging(tmp_path).choose(first, heard=False)
    copy = staging(tmp_path, instance="two")
    assert copy.choose(elsewhere(first, 2), heard=True).version == 2
    assert not await silent(copy)


async def test_a_trial_ends_when_the_mes_goes_back_to_what_works(
    tmp_path: Path, first: AgentConfig
) -> None:
    which = staging(tmp_path, trial_s=60)
    which.choose(first, heard=False)
    which.choose(elsewhere(first, 2), heard=True)
    back = first.model_copy(update={"version": 3})

    def silent_until_the_mes_goes_back() -> bool:
        which.choose(back, heard=False)
        return False

    assert not await which.watch(silent_until_the_mes_goes_back, lambda: "no route")
    assert (DataFolder(tmp_path).cached_config("one"), which.refused) == (back, None)
