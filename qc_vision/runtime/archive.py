"""A model package as one file, named by its content: what is registered, sent and verified.

The archive is a ZIP without compression, with fixed names, order and times, so that equal
packages have equal bytes, and its SHA-256 stands for model, pipeline, threshold and golden picture together.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from qc_vision.runtime.manifest import MANIFEST_FILE, MODEL_FILE, PIPELINE_FILE, PackageError

MAX_ARCHIVE_BYTES: Final = 16 << 20
_REQUIRED: Final = (MANIFEST_FILE, MODEL_FILE, PIPELINE_FILE)
_TIME: Final = (1980, 1, 1, 0, 0, 0)


def pack(package: Path) -> bytes:
    """Return a package folder as an archive; equal packages give equal bytes.

    Raises:
        PackageError: when a file of the package is missing.
    """
    names = [*_REQUIRED, *sorted(path.name for path in package.glob("*.png"))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            try:
                data = (package / name).read_bytes()
            except OSError as cause:
                raise PackageError(f"{package / name} cannot be read: {cause.strerror}") from cause
            archive.writestr(zipfile.ZipInfo(name, _TIME), data)
    return buffer.getvalue()


def content_hash(archive: bytes) -> str:
    """Return the hexadecimal SHA-256 that names an archive."""
    return hashlib.sha256(archive).hexdigest()


def unpack(archive: bytes, sha256: str, folder: Path) -> None:
    """Write an archive's package into ``folder``, complete or not at all.

    Raises:
        PackageError: when the bytes are not those of ``sha256``, are no package, or too large.
    """

    def write(draft: Path) -> None:
        for name, data in _files(archive):
            (draft / name).write_bytes(data)

    unpack_whole(archive, sha256, folder, write)


def unpack_whole(archive: bytes, sha256: str, folder: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a new folder that then takes the place of ``folder``, complete or not at all.

    Raises:
        PackageError: when the bytes are not those of ``sha256``; nothing is written then.
    """
    found = content_hash(archive)
    if found != sha256:
        raise PackageError(f"the archive has sha256 {found[:12]}…, announced was {sha256[:12]}…")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        write(draft)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _files(archive: bytes) -> list[tuple[str, bytes]]:
    """Return the files of an archive whose names and sizes are those of a package."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            for entry in entries:
                plain = entry.filename in _REQUIRED or (
                    entry.filename.endswith(".png") and Path(entry.filename).name == entry.filename
                )
                if not plain:
                    raise PackageError(f"{entry.filename!r} is no file of a model package")
            missing = set(_REQUIRED) - {entry.filename for entry in entries}
            if missing:
                raise PackageError(f"{', '.join(sorted(missing))} is missing in the archive")
            if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
                raise PackageError(f"the package is larger than {MAX_ARCHIVE_BYTES >> 20} MiB")
            return [(entry.filename, opened.read(entry)) for entry in entries]
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as cause:
        if isinstance(cause, PackageError):
            raise
        raise PackageError(f"the archive cannot be read: {cause}") from cause
