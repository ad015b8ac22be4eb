"""The pipelines that ship as samples: one a shop, and one that watches a forbidden zone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qc_vision.pipelines.bundle import Folder
from qc_vision.pipelines.document import Document

SAMPLES: Final = Path(__file__).parent / "samples"
FILE: Final = "pipeline.json"


def names() -> tuple[str, ...]:
    """Return the names of the samples."""
    return tuple(sorted(path.parent.name for path in SAMPLES.glob(f"*/{FILE}")))


def sample(name: str) -> tuple[Document, Folder]:
    """Return a sample and where its pictures lie; raises KeyError."""
    if name not in names():
        raise KeyError(name)
    return Document.read(SAMPLES / name / FILE), Folder(SAMPLES / name)
