"""Model packages and pipelines that the MES names: fetched once, verified by hash, kept on disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import structlog

from edge.backoff import Trouble
from edge.mes_client import MesAway, MesClient, MesRefused
from mes.contracts.agent import CameraModel
from qc_vision.pipelines import is_bundle
from qc_vision.pipelines import unpack as unpack_pipeline
from qc_vision.runtime import PackageError, unpack

log = structlog.get_logger(__name__)

KEPT_UNUSED = 4
"""So many packages that no camera uses any more stay, so that a roll back needs no download."""


class PackageFolder:
    """A folder of packages, each in a folder named by the hash of its archive."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._refused: dict[str, str] = {}

    def why_missing(self, sha256: str) -> str:
        """Return why a package is not here."""
        return self._refused.get(sha256, "it was not fetched")

    def find(self, sha256: str) -> Path | None:
        """Return the folder of a package that is here."""
        folder = self._root / sha256
        return folder if folder.is_dir() else None

    async def bring(self, mes: MesClient, models: Sequence[CameraModel]) -> None:
        """Fetch every package that is named and not here; one that the MES refuses or that is damaged is logged.

        Raises:
            MesAway: the MES cannot be reached; what has arrived is kept.
        """
        wanted = {model.package_sha256 for model in models if model.package_sha256 is not None}
        for sha256 in sorted(wanted):
            if self.find(sha256) is None:
                await self._fetch(mes, sha256)
        await asyncio.to_thread(self._prune, wanted)

    async def bring_at_last(self, mes: MesClient, models: Sequence[CameraModel]) -> None:
        """Fetch what is named and not here, as often as it takes."""
        trouble = Trouble("models")
        while True:
            try:
                await self.bring(mes, models)
            except MesAway as error:
                trouble.failed(str(error))
                await trouble.wait()
            else:
                trouble.over()
                return

    async def _fetch(self, mes: MesClient, sha256: str) -> None:
        try:
            archive = await mes.model(sha256)
            open_up = unpack_pipeline if is_bundle(archive) else unpack
            await asyncio.to_thread(open_up, archive, sha256, self._root / sha256)
        except (MesRefused, PackageError, OSError) as error:
            log.error("model.not_fetched", package=sha256, reason=str(error))
            self._refused[sha256] = str(error)
        else:
            self._refused.pop(sha256, None)
            log.info("model.fetched", package=sha256, bytes=len(archive))

    def drop(self, sha256: str) -> None:
        """Forget a package that cannot be used as it lies here; named again, it is fetched again."""
        shutil.rmtree(self._root / sha256, ignore_errors=True)

    def _prune(self, wanted: set[str]) -> None:
        if not self._root.is_dir():
            return
        unused = [folder for folder in self._root.iterdir() if folder.name not in wanted]
        unused.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in unused[KEPT_UNUSED:]:
            shutil.rmtree(folder, ignore_errors=True)
