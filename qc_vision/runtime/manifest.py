"""What a model package says about itself, and the check that it is what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
MODEL_FILE: Final = "model.onnx"
PIPELINE_FILE: Final = "pipeline.json"
MANIFEST_FILE: Final = "manifest.json"


class PackageError(RuntimeError):
    """A model package cannot be used; the message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """The tensor the graph takes: uint8, height × width × RGB; normalisation is inside."""

    name: str
    height: int
    width: int
    layout: str = "HWC"
    color: str = "RGB"
    dtype: str = "uint8"


@dataclass(frozen=True, slots=True)
class Calibration:
    """From raw model output to a score whose threshold is 0.5.

    ``score = 1 / (1 + exp(-(raw - threshold) / scale))``. ``threshold`` is the split-conformal
    quantile of ``n`` good images not used in training: a new good image exceeds it with
    probability of at most ``target_overkill``.
    """

    threshold: float
    scale: float
    n: int
    target_overkill: float
    method: str = "split conformal"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a package, as in ``manifest.json``.

    Args:
        shop: kind of station the model is for.
        variants: codes the model was trained for; empty means any of the shop.
        labels: defect kinds the model can name, in the order of its ``classes`` output.
        metrics: measured figures, each with what it was measured on.
        sha256: of ``model.onnx``.
        data_sha256: of the training snapshot (file hashes, or the render recipe).
        parents: versions this model was made from.
    """

    name: str
    version: str
    shop: str
    variants: tuple[str, ...]
    input: ModelInput
    labels: tuple[str, ...]
    calibration: Calibration
    metrics: Mapping[str, Any]
    sha256: str
    opset: int
    data_sha256: str
    created_at: str
    licence: str
    provenance: str
    parents: tuple[str, ...] = ()
    format: int = FORMAT
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, package: Path) -> Manifest:
        """Read ``manifest.json`` of a package folder.

        Raises:
            PackageError: when it is missing, no JSON, or of another format.
        """
        path = package / MANIFEST_FILE
        try:
            raw = json.loads(path.read_text("utf-8"))
        except OSError as cause:
            raise PackageError(f"{path} cannot be read: {cause.strerror}") from cause
        except ValueError as cause:
            raise PackageError(f"{path} is not JSON: {cause}") from cause
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            found = raw.get("format") if isinstance(raw, dict) else type(raw).__name__
            raise PackageError(f"{path} has format {found!r}; this runtime reads format {FORMAT}")
        try:
            raw["input"] = ModelInput(**raw["input"])
            raw["calibration"] = Calibration(**raw["calibration"])
            for name in ("variants", "labels", "parents"):
                raw[name] = tuple(raw[name])
            return cls(**raw)
        except (KeyError, TypeError) as cause:
            raise PackageError(f"{path} is incomplete or has unknown fields: {cause}") from cause

    def write(self, package: Path) -> None:
        """Write ``manifest.json`` into the package folder."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, sort_keys=False)
        # a file name of another encoding is written with JSON's own escapes
        (package / MANIFEST_FILE).write_text(text + "\n", "utf-8", errors="backslashreplace")


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_model(package: Path, manifest: Manifest) -> Path:
    """Return the path of ``model.onnx`` once its hash and opset are those of the manifest.

    Raises:
        PackageError: when the file is missing, has another hash, or another opset.
    """
    path = package / MODEL_FILE
    if not path.is_file():
        raise PackageError(f"{path} is missing")
    found = sha256_of(path)
    if found != manifest.sha256:
        raise PackageError(
            f"{path} has sha256 {found[:12]}…; the manifest says {manifest.sha256[:12]}…:"
            " the file was changed or belongs to another version"
        )
    opset = _opset_of(path.read_bytes())
    if opset != manifest.opset:
        raise PackageError(f"{path} has opset {opset}; the manifest says {manifest.opset}")
    return path


def _opset_of(model: bytes) -> int | None:
    """Return the version of the default operator set, read from the protobuf's top level.

    ONNX's ModelProto keeps ``opset_import`` in field 8 (domain = 1, version = 2).
    """
    try:
        for number, value in _fields(model):
            if number == 8 and isinstance(value, bytes):
                entry = dict(_fields(value))
                if not entry.get(1):
                    version = entry.get(2)
                    return version if isinstance(version, int) else None
    except (IndexError, ValueError):
        return None
    return None


def _fields(message: bytes) -> list[tuple[int, int | bytes]]:
    """Split a protobuf message into (field number, varint or bytes)."""
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                value, at = _varint(message, at)
                found.append((key >> 3, value))
            case 2:
                length, at = _varint(message, at)
                found.append((key >> 3, message[at : at + length]))
                at += length
            case 1:
                at += 8
            case 5:
                at += 4
            case wire:
                raise ValueError(f"unknown wire type {wire}")
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
