"""The models of a line's cameras: which package judges which part, and which looks on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog

from edge.mes_client import MesClient
from edge.packages import PackageFolder
from mes.contracts.agent import CameraModel, ModelHealth, ModelRole
from qc_vision.packages import shipped
from qc_vision.pipelines import Runner, opened
from qc_vision.pipelines.bundle import DOCUMENT_FILE
from qc_vision.runtime import Inspector, PackageError, PipelineError, check_parity, load

log = structlog.get_logger(__name__)

FAILURES_IN_A_ROW = 3
"""A model that fails so often at a camera is not asked again."""


Judging = Inspector | Runner
"""What judges pictures: a model package alone, or a pipeline around packages and gauges."""


class NoModel(Exception):
    """The picture cannot be judged: no usable model belongs to this camera and variant."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A model or pipeline that is loaded and warm."""

    model: CameraModel
    inspector: Judging


@dataclass(frozen=True, slots=True)
class Choice:
    """Who judges a part, and who looks on."""

    judge: Judge
    beside: Judge | None


@dataclass(slots=True)
class ModelShelf:
    """Loads each package once, when it is first needed or when `warm` is called.

    Args:
        models: what the MES's configuration names.
        extra: folder with packages beside the shipped ones, one folder each.
        fetched: packages that came from the MES.
    """

    models: Sequence[CameraModel]
    extra: Path | None = None
    fetched: PackageFolder | None = None
    unusable: dict[tuple[str, str | None, ModelRole], str] = field(default_factory=dict)
    """Why a model of the configuration cannot be used, by camera, package and role."""
    _loaded: dict[str, Judging | str] = field(default_factory=dict)
    _before: dict[str, CameraModel] = field(default_factory=dict)
    _failures: dict[tuple[str, str], int] = field(default_factory=dict)

    def warm(self) -> None:
        """Load every package that the configuration names. Blocks: call it in a thread."""
        self.change(self.models)

    def preload(self) -> None:
        """Load the packages that are here, before those that are missing arrive. Blocks, too."""
        for model in self.models:
            if model.package_sha256 is None or (
                self.fetched is not None and self.fetched.find(model.package_sha256) is not None
            ):
                self._load(model)

    def change(self, models: Sequence[CameraModel]) -> None:
        """Use other models from the next part on; blocks: call it in a thread.

        Packages that failed are tried again. Where a camera's new model cannot be used, the one that judged
        there before goes on, and `unusable` says why.
        """
        self._loaded = {k: kept for k, kept in self._loaded.items() if not isinstance(kept, str)}
        self._failures.clear()
        unusable: dict[tuple[str, str | None, ModelRole], str] = {}
        chosen: list[CameraModel] = []
        for model in models:
            opened = self._load(model)
            if not isinstance(opened, str):
                chosen.append(model)
                continue
            unusable[_name(model)] = opened
            if model.role is ModelRole.ACTIVE:
                before = self._usable(model.camera)
                chosen.append(model if before is None else before)
        for former in self.models:
            if former.role is ModelRole.ACTIVE and former not in chosen and self._works(former):
                self._before[former.camera] = former
        self.unusable = unusable
        self.models = chosen

    async def bring(self, mes: MesClient, models: Sequence[CameraModel]) -> None:
        """Fetch, load and warm models; cameras go over to them between two parts.

        What is here already judges while the rest is on its way.
        """
        await asyncio.to_thread(self.preload)
        if self.fetched is not None:
            await self.fetched.bring_at_last(mes, models)
        await asyncio.to_thread(self.change, models)

    def choose(self, camera: str, variant: str, counter: int) -> Choice:
        """Return who judges a part and who looks on. May load them: call it in a thread.

        Args:
            counter: the camera's count of requests; a canary judges one of `CameraModel.every`.

        Raises:
            NoModel: none is configured, or its package cannot be used.
        """
        active = self._judge(camera, variant)
        trial = self._on_trial(camera, variant)
        if trial is None:
            return Choice(active, None)
        if trial.model.role is ModelRole.CANARY and counter % trial.model.every == 0:
            return Choice(trial, active)
        return Choice(active, trial)

    def failed(self, judge: Judge, reason: str) -> None:
        """Take note that a model raised an error; after three in a row it is put aside."""
        key = judge.model.camera, _key(judge.model)
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] < FAILURES_IN_A_ROW:
            return
        model = judge.model
        log.error("model.put_aside", camera=model.camera, package=model.package, reason=reason)
        self.unusable[_name(model)] = reason
        before = self._before.get(model.camera) if model.role is ModelRole.ACTIVE else None
        others = [other for other in self.models if other != model]
        self.models = others if before is None else [*others, before]

    def worked(self, judge: Judge) -> None:
        """Take note that a model answered."""
        self._failures.pop((judge.model.camera, _key(judge.model)), None)

    def health(self) -> tuple[ModelHealth, ...]:
        """Return the models of the configuration that cannot be used."""
        return tuple(
            ModelHealth(camera=camera, package_sha256=package, role=role, reason=reason[:500])
            for (camera, package, role), reason in self.unusable.items()
        )

    def _judge(self, camera: str, variant: str) -> Judge:
        for model in self.models:
            if model.role is ModelRole.ACTIVE and _is_for(model, camera, variant):
                inspector = self._load(model)
                if isinstance(inspector, str):
                    raise NoModel(inspector)
                known = _variants(inspector)
                if known and variant not in known:
                    raise NoModel(
                        f"wrong recipe: {model.package} does not know variant {variant!r}"
                    )
                return Judge(model, inspector)
        raise NoModel(f"wrong recipe: no model for variant {variant!r} at {camera}")

    def _on_trial(self, camera: str, variant: str) -> Judge | None:
        for model in self.models:
            if model.role is not ModelRole.ACTIVE and _is_for(model, camera, variant):
                inspector = self._load(model)
                if not isinstance(inspector, str):
                    known = _variants(inspector)
                    return Judge(model, inspector) if not known or variant in known else None
        return None

    def _usable(self, camera: str) -> CameraModel | None:
        """Return the active model that judges at a camera now, when it can."""
        for model in self.models:
            if model.camera == camera and model.role is ModelRole.ACTIVE and self._works(model):
                return model
        return None

    def _works(self, model: CameraModel) -> bool:
        return isinstance(self._loaded.get(_key(model)), Inspector | Runner)

    def _load(self, model: CameraModel) -> Judging | str:
        key = _key(model)
        if key not in self._loaded:
            self._loaded[key] = self._open(model)
        return self._loaded[key]

    def _open(self, model: CameraModel) -> Judging | str:
        """Load a package, let it prove that it computes here as where it was made, and warm it."""
        try:
            inspector = _proved(self._folder(model))
        except (PackageError, PipelineError, OSError) as error:
            log.error("model.unusable", package=model.package, reason=str(error))
            return self._put_away(model, str(error))
        except Exception as error:  # whatever the runtime raises, the line must go on
            log.exception("model.unusable", package=model.package)
            return self._put_away(model, f"{type(error).__name__}: {error}")
        found = _content(inspector)
        if found != model.sha256:
            found = found[:12]
            log.error("model.another_version", package=model.package, found=found)
            return f"model {model.package} here is {found}…, the MES wants {model.sha256[:12]}…"
        return inspector

    def _put_away(self, model: CameraModel, reason: str) -> str:
        """Remove a fetched package that cannot be used: what was damaged on this disk is fetched again."""
        if model.package_sha256 is not None and self.fetched is not None:
            self.fetched.drop(model.package_sha256)
        return f"model {model.package} cannot be used: {reason}"

    def _folder(self, model: CameraModel) -> Path:
        if model.package_sha256 is not None:
            folder = None if self.fetched is None else self.fetched.find(model.package_sha256)
            if folder is None:
                why = (
                    self.fetched.why_missing(model.package_sha256) if self.fetched else "no folder"
                )
                raise PackageError(f"package {model.package_sha256[:12]}… did not arrive: {why}")
            return folder
        if self.extra is not None and (self.extra / model.package / "manifest.json").exists():
            return self.extra / model.package
        for shop, folder in shipped().items():
            if shop.value == model.package:
                return folder
        raise PackageError("no package of this name ships with the agent")


def _proved(folder: Path) -> Judging:
    """Return the loaded and warmed package or pipeline of a folder.

    Raises:
        PackageError, PipelineError: it cannot be used; the message names files within the folder.
    """
    try:
        if (folder / DOCUMENT_FILE).is_file():
            return _proved_pipeline(folder)
        inspector = load(folder)
        check_parity(inspector)
    except (PackageError, PipelineError) as error:
        raise type(error)(str(error).replace(f"{folder}/", "")) from error
    inspector.inspect(_any_picture(inspector))
    return inspector


def _proved_pipeline(folder: Path) -> Runner:
    runner = opened(folder)
    for inspector in runner.inspectors.values():
        check_parity(inspector)
    rng = np.random.default_rng(1)
    seen = runner.inspect(rng.integers(0, 256, (384, 384, 3)).astype(np.uint8))
    if seen.error is not None:
        raise PipelineError(f"{seen.failed}: {seen.error}")
    return runner


def _variants(judging: Judging) -> tuple[str, ...]:
    """Return the variants that a model or every model of a pipeline knows; empty: any."""
    return judging.variants if isinstance(judging, Runner) else judging.manifest.variants


def _content(judging: Judging) -> str:
    """Return the hash of the model's graph, or of the pipeline's content."""
    return judging.sha256 if isinstance(judging, Runner) else judging.manifest.sha256


def _is_for(model: CameraModel, camera: str, variant: str) -> bool:
    return model.camera == camera and ("*" in model.variants or variant in model.variants)


def _key(model: CameraModel) -> str:
    return f"{model.package}|{model.package_sha256 or ''}|{model.sha256}"


def _name(model: CameraModel) -> tuple[str, str | None, ModelRole]:
    return model.camera, model.package_sha256, model.role


def _any_picture(inspector: Inspector) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a picture for the first run, which is the slow one; noise, so that it passes the fitness step."""
    size = inspector.manifest.input
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (size.height, size.width, 3)).astype(np.uint8)
