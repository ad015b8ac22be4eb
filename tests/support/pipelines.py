"""Pipelines for tests: the gap gauge's, and pictures it judges."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2

from qc_vision.gauges.drawn import Camera, slit
from qc_vision.pipelines import Document, Folder, bundle, resolved
from qc_vision.pipelines import samples as shipped


def sample_document(name: str) -> dict[str, Any]:
    """Return the document of a sample, as the API takes it."""
    return shipped.sample(name)[0].plain()


def sample_bundle(name: str = "gap") -> bytes:
    """Return a sample as it travels."""
    return bundle(*resolved(*shipped.sample(name)))


def bundle_of(document: dict[str, Any]) -> bytes:
    """Return a document that names no pictures or packages as it travels."""
    return bundle(*resolved(Document.of(document), Folder(shipped.SAMPLES)))


def gap_picture(width_px: float, *, seed: int = 1) -> tuple[str, bytes]:
    """Return a picture of a gap that is 0.25 mm × `width_px` wide (2.0 to 3.5 mm are good), and its name."""
    data = bytes(cv2.imencode(".png", slit(width_px, Camera(seed=seed)))[1])
    return hashlib.sha256(data).hexdigest(), data
