"""Packages are registered by content, tried, promoted and rolled back; agents get them by their hash."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mes.contracts.agent import CameraModel, ModelHealth, ModelRole
from mes.contracts.plant import PlantModel
from mes.contracts.quality import BesideVerdict, Measure, Verdict
from mes.inspection import registry, service, track_record
from mes.inspection.gauge_pairs import gauge_pairs, readings_beside
from mes.inspection.images import FolderImageStore
from mes.inspection.pipelines import judged as judged_by_pipeline
from mes.inspection.rollout import (
    AlreadyActive,
    Model,
    NothingToRollBack,
    PackageRefused,
    RolloutState,
    TrialRuns,
    UnknownCamera,
    UnknownModel,
    WrongScene,
)
from mes.platform.db import WriteConn
from qc_vision.packages import shipped
from qc_vision.runtime import content_hash, pack
from qc_vision.shops import Shop
from tests.support import floor
from tests.support.floor import a_body, a_result, at
from tests.support.model_packages import a_package, broken

REAL = datetime(2026, 1, 1, tzinfo=UTC)
CAMERA = "weld-camera"
LINE = "body-framing"


@pytest.fixture
def images(tmp_path: Path) -> FolderImageStore:
    return FolderImageStore(tmp_path / "images")


@pytest.fixture
def packages(tmp_path: Path) -> list[bytes]:
    return [pack(a_package(tmp_path, name=name)) for name in ("second", "third")]


async def registered(conn: WriteConn, images: FolderImageStore, archive: bytes) -> Model:
    return await registry.register(conn, images, archive, actor="user:q", now=REAL)


async def at_camera(conn: WriteConn, plant: PlantModel) -> list[CameraModel]:
    found = await registry.camera_models(conn, plant, plant.line(LINE))
    return [model for model in found if model.camera == CAMERA]


async def beside(conn: WriteConn, model: Model, verdict: Verdict, new: Verdict) -> None:
    await service.on_result(
        conn,
        a_result(
            verdict,
            body_id=a_body().id,
            beside=BesideVerdict(
                package_sha256=model.package_sha256,
                judged_by="",
                verdict=new,
                score=0.5,
                threshold=0.5,
                ms=8.0,
            ),
        ),
        now=at(6),
    )


async def test_a_package_is_known_by_its_content_and_comes_back_as_it_was(
    conn: WriteConn, images: FolderImageStore, packages: list[bytes]
) -> None:
    model = await registered(conn, images, packages[0])
    assert model.package_sha256 == content_hash(packages[0])
    assert (model.name, model.shop, model.licence) == ("second", "welding", "Apache-2.0")
    assert model.summary["escape"] <= 0.05
    again = await registered(conn, images, packages[0])
    assert [m.package_sha256 for m in await registry.models(conn)] == [again.package_sha256]
    assert await registry.archive_of(conn, images, model.package_sha256) == packages[0]
    with pytest.raises(UnknownModel):
        await registry.archive_of(conn, images, "0" * 64)


async def test_a_package_that_cannot_judge_is_refused(
    conn: WriteConn, images: FolderImageStore, packages: list[bytes]
) -> None:
    for archive in (b"hello", broken(packages[0]), b""):
        with pytest.raises(PackageRefused):
            await registered(conn, images, archive)
    assert await registry.models(conn) == []


async def test_a_model_comes_to_the_line_step_by_step_and_goes_back_in_one(
    conn: WriteConn, images: FolderImageStore, packages: list[bytes], mini_plant: PlantModel
) -> None:
    await floor.install(conn, mini_plant)
    second, third = [await registered(conn, images, archive) for archive in packages]
    assert [m.package_sha256 for m in await at_camera(conn, mini_plant)] == [None]

    for model in (second, third):
        await registry.begin_shadow(conn, CAMERA, model.package_sha256, actor="user:q", now=at(1))
        with pytest.raises(TrialRuns):
            await registry.begin_shadow(
                conn, CAMERA, model.package_sha256, actor="user:q", now=at(1)
            )
        assert (await at_camera(conn, mini_plant))[1].role is ModelRole.SHADOW
        await registry.promote(conn, CAMERA, actor="user:q", now=at(2))
        assert (await at_camera(conn, mini_plant))[1].role is ModelRole.CANARY
        await registry.promote(conn, CAMERA, actor="user:q", now=at(3))
        (judges,) = await at_camera(conn, mini_plant)
        assert (judges.package_sha256, judges.role) == (model.package_sha256, ModelRole.ACTIVE)
    with pytest.raises(AlreadyActive):
        await registry.begin_shadow(conn, CAMERA, third.package_sha256, actor="user:q", now=at(4))

    for expected in (second.package_sha256, None):
        await registry.roll_back(conn, CAMERA, reason="false calls", actor="user:q", now=at(5))
        assert [m.package_sha256 for m in await at_camera(conn, mini_plant)] == [expected]
    with pytest.raises(NothingToRollBack):
        await registry.roll_back(conn, CAMERA, reason="again", actor="user:q", now=at(6))
    states = {row.state for row in await registry.history(conn, CAMERA)}
    assert states == {RolloutState.RETIRED}
    assert set(await floor.happened(conn)) == {"model.moved"}


async def test_a_model_of_another_shop_or_at_no_camera_is_refused(
    conn: WriteConn, images: FolderImageStore, mini_plant: PlantModel
) -> None:
    await floor.install(conn, mini_plant)
    paint = await registered(conn, images, pack(shipped()[Shop.PAINTING]))
    with pytest.raises(WrongScene):
        await registry.begin_shadow(conn, CAMERA, paint.package_sha256, actor="user:q", now=at(1))
    with pytest.raises(UnknownCamera):
        await registry.begin_shadow(conn, "moon", paint.package_sha256, actor="user:q", now=at(1))
    with pytest.raises(UnknownModel):
        await registry.begin_shadow(conn, CAMERA, "0" * 64, actor="user:q", now=at(1))


async def test_a_model_that_an_agent_cannot_use_is_rolled_back_with_the_agents_reason(
    conn: WriteConn, images: FolderImageStore, packages: list[bytes], mini_plant: PlantModel
) -> None:
    await floor.install(conn, mini_plant)
    second, third = [await registered(conn, images, archive) for archive in packages]
    await registry.begin_shadow(conn, CAMERA, second.package_sha256, actor="user:q", now=at(1))
    await registry.promote(conn, CAMERA, actor="user:q", now=at(2))
    await registry.promote(conn, CAMERA, actor="user:q", now=at(3))
    await registry.begin_shadow(conn, CAMERA, third.package_sha256, actor="user:q", now=at(4))
    broken_one = ModelHealth(
        camera=CAMERA,
        package_sha256=second.package_sha256,
        role=ModelRole.ACTIVE,
        reason="did not arrive",
    )
    assert await registry.take_back_unusable(conn, [broken_one], now=at(5)) == [CAMERA]
    assert await registry.take_back_unusable(conn, [broken_one], now=at(6)) == []
    judges, looks_on = await at_camera(conn, mini_plant)
    assert (judges.package_sha256, looks_on.package_sha256) == (None, third.package_sha256)
    assert "did not arrive" in {row.reason for row in await registry.history(conn, CAMERA)}


async def test_old_and_new_are_compared_on_the_same_pictures(
    conn: WriteConn, images: FolderImageStore, packages: list[bytes]
) -> None:
    model = await registered(conn, images, packages[0])
    for old, new in (
        (Verdict.OK, Verdict.OK),
        (Verdict.NOK, Verdict.NOK),
        (Verdict.OK, Verdict.NOK),
        (Verdict.NOK, Verdict.OK),
        (Verdict.OK, Verdict.OK),
    ):
        await beside(conn, model, old, new)
    found = await track_record.compared(conn, CAMERA, model.package_sha256)
    assert (found.pictures, found.both_nok, found.new_alone, found.old_alone) == (5, 1, 1, 1)
    assert found.agreement == pytest.approx(0.6)
    pairs = await track_record.pairs(conn, CAMERA, model.package_sha256, limit=10)
    differ = [(p["verdict"] == "OK") != (p["beside_verdict"] == "OK") for p in pairs]
    assert differ == [True, True, False, False, False]


async def read_by(
    conn: WriteConn, model: Model, old: float | None, new: float | None, *, canary: bool
) -> None:
    """One picture on which a gauge of each of two pipelines answers; None: it could not measure."""

    def gap(value: float | None) -> Measure:
        verdict = Verdict.UNFIT if value is None else Verdict.NOK if value > 4 else Verdict.OK
        return Measure(node="gap", gauge="gap", verdict=verdict, value=value, unit="mm")

    line, looks_on = (new, old) if canary else (old, new)
    result = a_result(
        Verdict.OK,
        body_id=a_body().id,
        measures=(gap(line), Measure(node="clip", gauge="presence", verdict=Verdict.OK)),
        beside=BesideVerdict(
            package_sha256="" if canary else model.package_sha256,
            judged_by=model.package_sha256 if canary else "",
            verdict=Verdict.OK,
            score=0.5,
            threshold=0.5,
            measures=(gap(looks_on),),
            ms=8.0,
        ),
    )
    await service.on_result(conn, result, now=at(6))
    await judged_by_pipeline.note_steps(conn, result)


async def test_gauges_of_a_pipeline_on_trial_are_compared_with_those_in_force(
    conn: WriteConn, images: FolderImageStore, packages: list[bytes]
) -> None:
    model = await registered(conn, images, packages[0])
    for old, new in ((3.0, 3.1), (3.2, 3.3), (3.9, 4.1), (3.0, None)):
        await read_by(conn, model, old, new, canary=False)
    await read_by(conn, model, 3.5, 3.6, canary=True)
    clip, gap = await gauge_pairs(conn, CAMERA, model.package_sha256)
    assert (clip.node, clip.old_pictures, clip.new_pictures, clip.both) == ("clip", 4, 1, 0)
    assert clip.difference is None
    assert (gap.node, gap.unit, gap.old_pictures, gap.new_pictures) == ("gap", "mm", 5, 5)
    assert (gap.both, gap.differ) == (4, 2), "3.9 passes and 4.1 does not; one could not measure"
    assert gap.difference == pytest.approx(0.125)
    assert gap.spread == pytest.approx(0.05)
    assert gap.largest == pytest.approx(0.2)
    (pair, *_) = await track_record.pairs(conn, CAMERA, model.package_sha256, limit=1)
    readings = readings_beside(pair["measures"], pair["beside_measures"])
    assert [one["node"] for one in readings] == ["gap", "clip"]
    assert readings[1]["new"] is None
