"""What a camera may send, and what is done about it."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from qc_vision.runtime import NotAnImage, decode
from qc_vision.runtime.image import MAX_PIXELS

PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[:, :30] = (200, 60, 30)
PICTURE[:10] = (20, 220, 90)


def encoded(suffix: str, image: np.ndarray = PICTURE) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_the_usual_formats_are_read(suffix: str) -> None:
    image = decode(encoded(suffix))
    assert image.shape == PICTURE.shape
    assert np.abs(image.astype(int) - PICTURE).mean() < 8


def test_sixteen_bit_grey_becomes_eight_bit_colour() -> None:
    deep = (PICTURE[:, :, 0].astype(np.uint16)) * 257
    image = decode(encoded(".png", deep))
    assert image.shape == PICTURE.shape
    assert np.abs(image[:, :, 0].astype(int) - PICTURE[:, :, 0]).max() <= 1


def test_a_sixteen_bit_array_becomes_eight_bit_colour() -> None:
    deep = PICTURE.astype(np.uint16) * 257
    assert np.array_equal(decode(deep), PICTURE)


def test_cmyk_becomes_colour() -> None:
    cmyk = Image.fromarray(PICTURE[:, :, ::-1]).convert("CMYK")
    image = decode(saved(cmyk, format="JPEG", quality=95))
    assert image.shape == PICTURE.shape
    assert np.abs(image.astype(int) - PICTURE).mean() < 25


def test_a_rotated_camera_gives_an_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by a quarter to stand upright
    data = saved(Image.fromarray(PICTURE[:, :, ::-1]), format="JPEG", exif=exif, quality=95)
    image = decode(data)
    assert image.shape == (60, 40, 3)
    assert np.abs(image.astype(int) - np.rot90(PICTURE, -1)).mean() < 8


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.fromarray(PICTURE[:, :, ::-1]), Image.new("RGB", (60, 40), "white")]
    data = saved(frames[0], format="GIF", save_all=True, append_images=frames[1:])
    assert np.abs(decode(data).astype(int) - PICTURE).mean() < 12


def test_grey_and_transparent_arrays_become_colour() -> None:
    assert decode(PICTURE[:, :, 0]).shape == PICTURE.shape
    assert decode(np.dstack([PICTURE, PICTURE[:, :, :1]])).shape == PICTURE.shape


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp"])
def test_a_truncated_file_is_no_image(suffix: str) -> None:
    data = encoded(suffix)
    with pytest.raises(NotAnImage, match="truncated"):
        decode(data[: len(data) * 2 // 3])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no bytes"),
        (b"camera fault: sensor not ready", "sent text"),
        (b"<html><body>502 Bad Gateway</body></html>", "sent text"),
        (bytes(range(128, 256)) * 4, "unknown format"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50 + b"\xff\xd9", "cannot be decoded"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(NotAnImage, match=why):
        decode(data)


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    bomb = bytearray(encoded(".png"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(NotAnImage, match="60000×60000 pixels; the limit is 40 megapixels"):
        decode(bytes(bomb))
    assert MAX_PIXELS == 40_000_000


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((40, 40), np.float32), "float32"),
        (np.zeros((40, 40, 2), np.uint8), "shape"),
        (np.zeros((2, 40, 40, 3), np.uint8), "shape"),
        (np.zeros((4, 400, 3), np.uint8), "each side"),
    ],
)
def test_an_array_that_is_no_image_is_refused(array: np.ndarray, why: str) -> None:
    with pytest.raises(NotAnImage, match=why):
        decode(array)
