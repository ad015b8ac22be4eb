"""Decode whatever a camera sends into an upright 8-bit BGR image, or say why not."""

from __future__ import annotations

import struct
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_PIXELS: Final = 40_000_000
"""Larger images are refused before any pixel is decoded (a decompression bomb, not a camera)."""

MIN_SIDE: Final = 16

IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
)
"""What is taken for an image in a folder."""


class NotAnImage(ValueError):
    """The bytes or the array cannot be judged as an image; the message says why."""


def decode(data: bytes | NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return an upright uint8 H×W×3 BGR image.

    16-bit, grey, CMYK, transparent, EXIF-rotated and animated images (first frame) are
    normalised. Arrays are taken as grey or BGR(A), 8 or 16 bits.

    Raises:
        NotAnImage: for anything else, truncated files included.
    """
    if isinstance(data, np.ndarray):
        return _from_array(data)
    if not data:
        raise NotAnImage("the camera sent no bytes")
    kind = _format_of(data)
    if kind is None:
        raise NotAnImage(f"the camera sent {_looks_like(data)}, not an image")
    size = _declared_size(data, kind)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise NotAnImage(
            f"the {kind} is {size[0]}×{size[1]} pixels; the limit is {MAX_PIXELS // 1_000_000}"
            " megapixels"
        )
    if not _is_complete(data, kind):
        raise NotAnImage(f"the {kind} is truncated")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as cause:
        raise NotAnImage(f"the {kind} cannot be decoded") from cause
    if image is None:
        raise NotAnImage(f"the {kind} cannot be decoded")
    return _checked(np.asarray(image, np.uint8))


def _from_array(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype == np.uint16:
        array = (array.astype(np.uint16) // 256).astype(np.uint8)
    if array.dtype != np.uint8:
        raise NotAnImage(f"an array of {array.dtype} is no image; it must be uint8 or uint16")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise NotAnImage(f"an array of shape {array.shape} is no image; it must be H×W×(1, 3, 4)")
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return _checked(np.ascontiguousarray(array[:, :, :3], np.uint8))


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise NotAnImage(f"the image is {width}×{height} pixels; each side must be ≥ {MIN_SIDE}")
    if height * width > MAX_PIXELS:
        raise NotAnImage(
            f"the image is {width}×{height} pixels; the limit is {MAX_PIXELS // 1_000_000}"
            " megapixels"
        )
    return image


def _format_of(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    return None


def _looks_like(data: bytes) -> str:
    head = data[:64]
    text = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "text" if text > 0.9 * len(head) else "bytes of an unknown format"


def _declared_size(data: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height from the header, None where the decoder has to find out."""
    try:
        match kind:
            case "PNG":
                width, height = struct.unpack(">II", data[16:24])
            case "BMP":
                width, height = struct.unpack("<ii", data[18:26])
            case "GIF":
                width, height = struct.unpack("<HH", data[6:10])
            case "WebP" if data[12:16] == b"VP8X":
                width = int.from_bytes(data[24:27], "little") + 1
                height = int.from_bytes(data[27:30], "little") + 1
            case "TIFF":
                return _tiff_size(data)
            case "JPEG":
                return _jpeg_size(data)
            case _:
                return None
    except (struct.error, IndexError):
        return None
    return abs(int(width)), abs(int(height))


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        if marker == 0xFF:
            at += 1
            continue
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return None


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack(f"{order}I", data[4:8])
    (count,) = struct.unpack(f"{order}H", data[directory : directory + 2])
    sides: dict[int, int] = {}
    for index in range(count):
        at = directory + 2 + 12 * index
        tag, kind = struct.unpack(f"{order}HH", data[at : at + 4])
        if tag in (256, 257):
            form = "H" if kind == 3 else "I"
            (value,) = struct.unpack_from(f"{order}{form}", data, at + 8)
            sides[tag] = int(value)
    return (sides[256], sides[257]) if len(sides) == 2 else None


def _is_complete(data: bytes, kind: str) -> bool:
    """Whether the file's own end is there; decoders fill the missing rest with grey."""
    match kind:
        case "JPEG":
            return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
        case "PNG":
            return b"IEND" in data[-64:]
        case "BMP":
            return len(data) >= int.from_bytes(data[2:6], "little")
        case "WebP":
            return len(data) >= int.from_bytes(data[4:8], "little") + 8
        case "GIF":
            return b"\x3b" in data[-16:]
        case _:
            return True
