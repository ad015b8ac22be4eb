"""The models of a line's cameras: which package judges which variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from mes.contracts.agent import CameraModel
from qc_vision.packages import shipped
from qc_vision.runtime import Inspector, PackageError, PipelineError, load

log = structlog.get_logger(__name__)


class NoModel(Exception):
    """The picture cannot be judged: no usable model belongs to this camera and variant."""


@dataclass(slots=True)
class ModelShelf:
    """Loads each package once, when it is first needed or when `warm` is called.

    Args:
        models: what the MES's configuration names.
        extra: folder with packages beside the shipped ones, one folder each.
    """

    models: Sequence[CameraModel]
    extra: Path | None = None
    _loaded: dict[str, Inspector | str] = field(default_factory=dict)

    def warm(self) -> None:
        """Load every package that the configuration names. Blocks: call it in a thread."""
        for model in self.models:
            self._load(model)

    def change(self, models: Sequence[CameraModel]) -> None:
        """Use other models from now on; packages that failed are tried again. Blocks: call it in a thread."""
        self._loaded = {k: kept for k, kept in self._loaded.items() if not isinstance(kept, str)}
        for model in models:
            self._load(model)
        self.models = models

    def choose(self, camera: str, variant: str) -> tuple[CameraModel, Inspector]:
        """Return the model for a camera and variant. May load it: call it in a thread.

        Raises:
            NoModel: none is configured, or its package cannot be used.
        """
        for model in self.models:
            if model.camera == camera and ("*" in model.variants or variant in model.variants):
                inspector = self._load(model)
                if isinstance(inspector, str):
                    raise NoModel(inspector)
                known = inspector.manifest.variants
                if known and variant not in known:
                    raise NoModel(
                        f"wrong recipe: {model.package} does not know variant {variant!r}"
                    )
                return model, inspector
        raise NoModel(f"wrong recipe: no model for variant {variant!r} at {camera}")

    def _load(self, model: CameraModel) -> Inspector | str:
        key = f"{model.package}|{model.sha256}"
        if key not in self._loaded:
            self._loaded[key] = self._open(model)
        return self._loaded[key]

    def _open(self, model: CameraModel) -> Inspector | str:
        try:
            inspector = load(self._folder(model))
        except (PackageError, PipelineError, KeyError, OSError) as error:
            log.error("model.unusable", package=model.package, reason=str(error))
            return f"model {model.package} cannot be used: {error}"
        if inspector.manifest.sha256 != model.sha256:
            found = inspector.manifest.sha256[:12]
            log.error("model.another_version", package=model.package, found=found)
            return f"model {model.package} here is {found}…, the MES wants {model.sha256[:12]}…"
        return inspector

    def _folder(self, model: CameraModel) -> Path:
        if self.extra is not None and (self.extra / model.package / "manifest.json").exists():
            return self.extra / model.package
        return {shop.value: folder for shop, folder in shipped().items()}[model.package]
