"""Where pipelines meet `qc_vision`: documents checked, run on stored pictures, bundled for the line."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mes.inspection.pipelines.model import (
    PipelineCannotRun,
    PipelineUnreadable,
    UnknownSample,
)
from mes.platform.errors import FieldError
from qc_vision.pipelines import (
    KINDS,
    Document,
    Remark,
    Run,
    Runner,
    bundle,
    difference,
    draw,
    encoded,
    opened,
    remarks,
    unpack,
)
from qc_vision.pipelines import samples as shipped_samples
from qc_vision.pipelines.bundle import resolved
from qc_vision.pipelines.values import Decision, Measurement, Score
from qc_vision.runtime import PackageError, PipelineError, check_parity, content_hash
from qc_vision.runtime import unpack as unpack_package

Graph = Document
"""A pipeline's document as services hand it on: only this module looks inside."""
THUMB_PX = 320
"""Greatest side of a node's picture on its node."""
LARGE_PX = 1024


@dataclass(frozen=True, slots=True)
class Parts:
    """The bytes of what a document names: pictures and archives of packages, by their SHA-256."""

    pictures: Mapping[str, bytes]
    packages: Mapping[str, bytes]
    folder: Path | None = None

    def picture(self, name: str) -> bytes:
        """Return a picture's bytes; raises PipelineError."""
        if name not in self.pictures:
            raise PipelineError(f"there is no picture {name[:12]}… here; choose one of the station")
        return self.pictures[name]

    def package(self, name: str) -> Path:
        """Return the folder of an unpacked package; raises PipelineError."""
        if name not in self.packages:
            raise PipelineError(f"no model package {name[:12]}… is registered")
        if self.folder is None:
            raise PipelineError("there is no folder to unpack packages in")
        target = self.folder / name
        if not target.is_dir():
            unpack_package(self.packages[name], name, target)
        return target


def palette() -> list[dict[str, Any]]:
    """Return every kind of node with its ports and settings, for the editor."""
    return [
        {
            "kind": name,
            "group": kind.group,
            "inputs": [
                {
                    "name": inlet,
                    "takes": [port.value for port in wanted.takes],
                    "many": wanted.many,
                    "needed": wanted.needed,
                }
                for inlet, wanted in kind.inlets.items()
            ],
            "output": kind.output.value if kind.output else None,
            "settings": [
                {
                    "name": setting,
                    "type": given.type,
                    "required": given.required,
                    "default": None if given.required else given.default,
                    "low": given.low,
                    "high": given.high,
                    "choices": list(given.choices),
                    "unit": given.unit,
                }
                for setting, given in kind.settings.items()
            ],
        }
        for name, kind in KINDS.items()
    ]


def read(document: Any) -> Document:
    """Return a document from JSON values; raises PipelineUnreadable."""
    try:
        return Document.of(document)
    except PipelineError as error:
        raise PipelineUnreadable(why=str(error)) from error


def faults(document: Document) -> list[FieldError]:
    """Return what keeps a document from running, each at its node."""
    return [_field_error(remark, "pipeline") for remark in remarks(document)]


def changes(old: Document, new: Document) -> list[FieldError]:
    """Return what differs between two versions, each at its node."""
    return [_field_error(remark, "pipeline_change") for remark in difference(old, new)]


def _field_error(remark: Remark, family: str) -> FieldError:
    context = dict(remark.facts)
    return FieldError(remark.node, f"{family}.{remark.rule}", remark.message, context)


def named(document: Document) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the pictures and the packages that a document names."""
    return document.named("picture"), document.named("package")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample ready to be stored: pictures and packages are named by their content."""

    document: Document
    pictures: tuple[bytes, ...]
    packages: tuple[bytes, ...]


def sample_names() -> dict[str, str]:
    """Return the samples that ship: what each is called, by its name."""
    return {name: shipped_samples.sample(name)[0].name for name in shipped_samples.names()}


def sample(name: str) -> Sample:
    """Return a sample; raises UnknownSample."""
    try:
        document, folder = shipped_samples.sample(name)
    except KeyError as error:
        raise UnknownSample(sample=name, known=", ".join(sample_names())) from error
    document, parts = resolved(document, folder)
    pictures = tuple(data for path, data in parts.items() if path.startswith("pictures/"))
    packages = tuple(data for path, data in parts.items() if path.startswith("packages/"))
    return Sample(document, pictures, packages)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A pipeline as it travels, once it has proved that it loads and judges here."""

    archive: bytes
    sha256: str


def bundled(document: Document, parts: Parts) -> Bundle:
    """Pack a pipeline, unpack it as an agent does, load it, let it judge once.

    Raises:
        PipelineCannotRun: it does not; the message names the node.
    """
    try:
        archive = bundle(document, _contents(document, parts))
        sha256 = content_hash(archive)
        with tempfile.TemporaryDirectory() as folder:
            unpack(archive, sha256, Path(folder) / sha256)
            runner = opened(Path(folder) / sha256)
            for inspector in runner.inspectors.values():
                check_parity(inspector)
            seen = runner.inspect(_any_picture(document, parts))
    except (PipelineError, PackageError, OSError) as error:
        raise PipelineCannotRun(why=str(error), errors=faults(document)) from error
    if seen.error is not None:
        raise PipelineCannotRun(why=f"{seen.failed}: {seen.error}")
    return Bundle(archive, sha256)


def _contents(document: Document, parts: Parts) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in document.named("picture"):
        found[f"pictures/{name}"] = parts.picture(name)
    for name in document.named("package"):
        if name not in parts.packages:
            raise PipelineError(f"no model package {name[:12]}… is registered")
        found[f"packages/{name}"] = parts.packages[name]
    return found


def _any_picture(document: Document, parts: Parts) -> bytes | np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture for a first run: one the document names, or noise."""
    for name in document.named("picture"):
        return parts.picture(name)
    return np.random.default_rng(1).integers(0, 256, (384, 384, 3)).astype(np.uint8)


def run(document: Document, parts: Parts, image: bytes, *, large: str | None) -> dict[str, Any]:
    """Judge a stored picture and return what each node made of it, with its picture as JPEG in base 64.

    Args:
        large: the node whose picture is wanted at full size.

    Raises:
        PipelineCannotRun: a package or picture cannot be used; what is unfinished is left out of the run.
    """
    try:
        runner = _runner(document, parts)
    except (PipelineError, PackageError, OSError) as error:
        raise PipelineCannotRun(why=str(error)) from error
    done = runner.run(image)
    seen = done.inspection
    return {
        "verdict": seen.verdict.value,
        "score": round(seen.score, 4),
        "threshold": seen.threshold,
        "reason": seen.fitness.reason,
        "failed": seen.failed,
        "andon": seen.help_wanted,
        "ms": round(sum(seen.ms.values()), 1),
        "nodes": {
            outcome.node: {
                "ms": round(outcome.ms, 1),
                "failure": outcome.failure,
                "reached": outcome.value is not None or outcome.failure is not None,
                "found": _found(outcome.value),
                **_picture(
                    done, outcome.node, document, LARGE_PX if outcome.node == large else THUMB_PX
                ),
            }
            for outcome in done.outcomes
        },
    }


def _picture(done: Run, node: str, document: Document, side: int) -> dict[str, Any]:
    picture = draw(done, node, document)
    if picture is None:
        return {"picture": None}
    height, width = picture.shape[:2]
    shown = draw(done, node, document, side=side)
    jpeg = encoded(picture if shown is None else shown)
    return {
        "picture": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
        "px": [width, height],
    }


def _found(value: object) -> dict[str, Any] | None:
    """Return the figures of a node's value."""
    match value:
        case Score():
            return {"score": round(value.inspection.score, 4)}
        case Measurement():
            reading = value.reading
            return {
                "verdict": reading.verdict.value,
                "value": None if reading.value is None else round(reading.value, 3),
                "unit": reading.unit,
                "text": reading.text,
                "reason": reading.reason,
            }
        case Decision():
            return {"verdict": value.verdict.value, "score": round(value.score, 4)}
        case _:
            return None


_KEPT = 4
_runners: OrderedDict[str, Runner] = OrderedDict()
_lock = threading.Lock()


def _runner(document: Document, parts: Parts) -> Runner:
    """Return a runner of what can run of a document; a content that was run lately is loaded already."""
    with _lock:
        runner = _runners.get(document.sha256)
        if runner is not None:
            _runners.move_to_end(document.sha256)
            return runner
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner.of_what_runs(document, replace(parts, folder=Path(folder)))
    with _lock:
        _runners[document.sha256] = runner
        while len(_runners) > _KEPT:
            _runners.popitem(last=False)
    return runner


def sha256_of(data: bytes) -> str:
    """Return the name of bytes by their content."""
    return hashlib.sha256(data).hexdigest()
