"""Which model judges a part, which looks on, and what happens when one cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from edge.mes_client import MesAway, MesClient
from edge.models import FAILURES_IN_A_ROW, ModelShelf
from edge.packages import PackageFolder
from mes.contracts.agent import CameraModel, ModelRole
from qc_vision.packages import shipped
from qc_vision.runtime import Manifest, pack
from qc_vision.shops import Shop
from tests.support.model_packages import a_package, broken, named


def the_shipped_one() -> CameraModel:
    manifest = Manifest.read(shipped()[Shop.WELDING])
    return CameraModel(camera="cam", package="welding", version="1", sha256=manifest.sha256)


@pytest.fixture
def retrained(tmp_path: Path) -> Path:
    return a_package(tmp_path / "made")


def mes_with(archives: dict[str, bytes], asked: list[str] | None = None) -> MesClient:
    def answer(request: httpx.Request) -> httpx.Response:
        sha256 = request.url.path.rsplit("/", 1)[1]
        if asked is not None:
            asked.append(sha256)
        if sha256 not in archives:
            return httpx.Response(404, json={"code": "model.unknown", "detail": "no"})
        return httpx.Response(200, content=archives[sha256])

    return MesClient("http://mes", instance="i", transport=httpx.MockTransport(answer))


async def shelf_with(
    tmp_path: Path, archives: dict[str, bytes], *models: CameraModel
) -> ModelShelf:
    packages = PackageFolder(tmp_path / "models")
    shelf = ModelShelf((the_shipped_one(),), fetched=packages)
    shelf.warm()
    async with mes_with(archives) as mes:
        await packages.bring(mes, models)
    shelf.change(models)
    return shelf


async def test_a_package_is_fetched_once_verified_and_used(tmp_path: Path, retrained: Path) -> None:
    model = named(retrained)
    shelf = await shelf_with(tmp_path, {str(model.package_sha256): pack(retrained)}, model)
    assert shelf.choose("cam", "red", 1).judge.model == model
    assert shelf.health() == ()
    asked: list[str] = []
    async with mes_with({}, asked) as mes:
        await PackageFolder(tmp_path / "models").bring(mes, [model])
    assert asked == []


async def test_a_damaged_package_is_not_used_and_the_model_before_judges_on(
    tmp_path: Path, retrained: Path
) -> None:
    model = named(retrained)
    shelf = await shelf_with(tmp_path, {str(model.package_sha256): broken(pack(retrained))}, model)
    assert shelf.choose("cam", "red", 1).judge.model == the_shipped_one()
    (health,) = shelf.health()
    assert health.package_sha256 == model.package_sha256
    assert "did not arrive: the archive has sha256" in health.reason
    assert not list((tmp_path / "models").glob("*"))


async def test_a_package_that_was_damaged_on_this_disk_is_refused_and_fetched_again(
    tmp_path: Path, retrained: Path
) -> None:
    model = named(retrained)
    archives = {str(model.package_sha256): pack(retrained)}
    await shelf_with(tmp_path, archives, model)
    packages = PackageFolder(tmp_path / "models")
    graph = tmp_path / "models" / str(model.package_sha256) / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"!")
    shelf = ModelShelf((model,), fetched=packages)
    shelf.preload()
    async with mes_with(archives) as mes:
        await packages.bring(mes, [model])
    shelf.change([model])
    assert shelf.choose("cam", "red", 1).judge.model == model
    assert shelf.health() == ()


async def test_a_model_that_computes_otherwise_here_is_not_used(tmp_path: Path) -> None:
    package = a_package(tmp_path / "made")
    manifest = Manifest.read(package)
    replace(manifest, extra={**manifest.extra, "parity": {"raw": 99.0}}).write(package)
    model = named(package)
    shelf = await shelf_with(tmp_path, {str(model.package_sha256): pack(package)}, model)
    assert shelf.choose("cam", "red", 1).judge.model == the_shipped_one()
    assert "does not compute here what it computed" in shelf.health()[0].reason


async def test_the_mes_being_away_is_told_and_nothing_is_put_aside(
    tmp_path: Path, retrained: Path
) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    packages = PackageFolder(tmp_path / "models")
    async with MesClient("http://mes", instance="i", transport=httpx.MockTransport(away)) as mes:
        with pytest.raises(MesAway):
            await packages.bring(mes, [named(retrained)])


async def test_a_shadow_looks_on_and_never_judges(tmp_path: Path, retrained: Path) -> None:
    shadow = named(retrained, role=ModelRole.SHADOW)
    archives = {str(shadow.package_sha256): pack(retrained)}
    shelf = await shelf_with(tmp_path, archives, the_shipped_one(), shadow)
    for counter in range(1, 11):
        choice = shelf.choose("cam", "red", counter)
        assert choice.judge.model == the_shipped_one()
        assert choice.beside is not None
        assert choice.beside.model == shadow


async def test_a_canary_judges_one_part_of_five_and_the_active_one_looks_on(
    tmp_path: Path, retrained: Path
) -> None:
    canary = named(retrained, role=ModelRole.CANARY)
    archives = {str(canary.package_sha256): pack(retrained)}
    shelf = await shelf_with(tmp_path, archives, the_shipped_one(), canary)
    judged = [shelf.choose("cam", "red", counter) for counter in range(1, 11)]
    assert [choice.judge.model == canary for choice in judged].count(True) == 2
    assert all(choice.beside is not None for choice in judged)
    assert all(choice.beside.model != choice.judge.model for choice in judged if choice.beside)


async def test_a_model_that_fails_three_times_gives_its_place_to_the_one_before(
    tmp_path: Path, retrained: Path
) -> None:
    model = named(retrained)
    shelf = await shelf_with(tmp_path, {str(model.package_sha256): pack(retrained)}, model)
    judge = shelf.choose("cam", "red", 1).judge
    shelf.failed(judge, "out of memory")
    shelf.worked(judge)
    for _ in range(FAILURES_IN_A_ROW - 1):
        shelf.failed(judge, "out of memory")
    assert shelf.choose("cam", "red", 1).judge.model == model
    shelf.failed(judge, "out of memory")
    assert shelf.choose("cam", "red", 1).judge.model == the_shipped_one()
    assert shelf.health()[0].reason == "out of memory"


async def test_packages_nobody_names_any_more_are_thinned_out(
    tmp_path: Path, retrained: Path
) -> None:
    packages = PackageFolder(tmp_path / "models")
    for number in range(8):
        (tmp_path / "models" / f"{number:064}").mkdir(parents=True)
    model = named(retrained)
    async with mes_with({str(model.package_sha256): pack(retrained)}) as mes:
        await packages.bring(mes, [model])
    assert packages.find(str(model.package_sha256)) is not None
    assert len(list((tmp_path / "models").iterdir())) == 5


def test_a_picture_of_noise_is_never_ok_by_accident(retrained: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    shelf = ModelShelf((the_shipped_one(),))
    shelf.warm()
    assert shelf.choose("cam", "red", 1).judge.inspector.inspect(noise).verdict != "OK"
