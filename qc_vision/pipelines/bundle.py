"""A pipeline with everything it names, as one file: what is published, sent and verified.

The archive is a ZIP without compression, with fixed order and times, so that equal content has equal bytes. Its
SHA-256 stands for the document, its pictures and its model packages (each of which is an archive of its own).
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qc_vision.packages import shipped
from qc_vision.pipelines.document import Document
from qc_vision.pipelines.runner import Runner
from qc_vision.pipelines.steps import Resources
from qc_vision.runtime import archive as packages
from qc_vision.runtime.manifest import PackageError
from qc_vision.runtime.pipeline import PipelineError

DOCUMENT_FILE: Final = "station.json"
MAX_BUNDLE_BYTES: Final = packages.MAX_ARCHIVE_BYTES
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_PART: Final = re.compile(r"(pictures|packages)/[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Folder:
    """Pictures and packages beside a document's file; a shop's name means the package that ships for it."""

    root: Path

    def picture(self, name: str) -> bytes:
        """Return the bytes of a file beside the document; raises PipelineError."""
        try:
            return (self.root / name).read_bytes()
        except OSError as cause:
            raise PipelineError(f"{self.root / name} cannot be read: {cause.strerror}") from cause

    def package(self, name: str) -> Path:
        """Return the folder of a package; raises PipelineError."""
        folder = self.root / name
        if folder.is_dir():
            return folder
        for shop, package in shipped().items():
            if shop.value == name:
                return package
        known = ", ".join(shop.value for shop in shipped())
        raise PipelineError(f"there is no package {folder}; packages that ship: {known}")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a bundle holds, in its folder."""

    root: Path

    def picture(self, name: str) -> bytes:
        """Return a picture's bytes; raises PipelineError."""
        try:
            return (self.root / "pictures" / name).read_bytes()
        except OSError as cause:
            raise PipelineError(f"the picture {name[:12]}… is missing in the bundle") from cause

    def package(self, name: str) -> Path:
        """Return a package's folder; raises PipelineError."""
        folder = self.root / "packages" / name
        if not folder.is_dir():
            raise PipelineError(f"the package {name[:12]}… is missing in the bundle")
        return folder


def resolved(document: Document, resources: Resources) -> tuple[Document, dict[str, bytes]]:
    """Return the document with every picture and package named by its content, and the bytes by these names.

    Raises:
        PipelineError, PackageError: something is not there.
    """
    parts: dict[str, bytes] = {}
    for type_, load in (("picture", resources.picture), ("package", _packed(resources))):
        names: dict[str, str] = {}
        for name in document.named(type_):
            data = load(name)
            names[name] = hashlib.sha256(data).hexdigest()
            parts[f"{type_}s/{names[name]}"] = data
        document = document.renamed(type_, names)
    return document, parts


def _packed(resources: Resources) -> Callable[[str], bytes]:
    return lambda name: packages.pack(resources.package(name))


def bundle(document: Document, parts: dict[str, bytes]) -> bytes:
    """Return the archive of a document that `resolved` gave, with the bytes it names.

    Raises:
        PipelineError: it is larger than an archive may be.
    """
    size = sum(map(len, parts.values()))
    if size > MAX_BUNDLE_BYTES:
        raise PipelineError(
            f"pictures and packages have {size >> 20} MiB, {MAX_BUNDLE_BYTES >> 20} may be sent"
        )
    text = Document(document.name, document.nodes).text().encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [(DOCUMENT_FILE, text), *sorted(parts.items())]:
            archive.writestr(zipfile.ZipInfo(name, _TIME), data)
    return buffer.getvalue()


def is_bundle(archive: bytes) -> bool:
    """Return whether an archive is a pipeline's; a model package's is not."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return DOCUMENT_FILE in opened.namelist()
    except (zipfile.BadZipFile, EOFError):
        return False


def unpack(archive: bytes, sha256: str, folder: Path) -> None:
    """Write a pipeline's bundle into `folder`, complete or not at all.

    Raises:
        PackageError: the bytes are not those of `sha256`, are no bundle, or a part is not what its name says.
    """

    def write(draft: Path) -> None:
        for name, data in _parts(archive):
            if name.startswith("packages/"):
                packages.unpack(data, name.removeprefix("packages/"), draft / name)
            else:
                (draft / name).parent.mkdir(exist_ok=True)
                (draft / name).write_bytes(data)

    packages.unpack_whole(archive, sha256, folder, write)


def _parts(archive: bytes) -> list[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if sum(entry.file_size for entry in entries) > MAX_BUNDLE_BYTES + (1 << 20):
                raise PackageError(f"the bundle is larger than {MAX_BUNDLE_BYTES >> 20} MiB")
            parts = [(entry.filename, opened.read(entry)) for entry in entries]
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as cause:
        if isinstance(cause, PackageError):
            raise
        raise PackageError(f"the archive cannot be read: {cause}") from cause
    if DOCUMENT_FILE not in (name for name, _ in parts):
        raise PackageError(f"{DOCUMENT_FILE} is missing in the archive")
    for name, data in parts:
        if name == DOCUMENT_FILE:
            continue
        if not _PART.fullmatch(name):
            raise PackageError(f"{name!r} is no part of a pipeline's bundle")
        if hashlib.sha256(data).hexdigest() != name.rpartition("/")[2]:
            raise PackageError(f"{name[:21]}… is not what its name says")
    return parts


def opened(folder: Path) -> Runner:
    """Return the runner of an unpacked bundle.

    Raises:
        PipelineError, PackageError: it cannot run.
    """
    return Runner(Document.read(folder / DOCUMENT_FILE), Unpacked(folder))
