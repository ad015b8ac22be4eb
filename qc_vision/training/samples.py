"""Training images: from a folder, or rendered; and what the model has to answer for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.picture_files import masks_of, pictures_below
from qc_vision.runtime.fitness import FitnessLimits, measure
from qc_vision.runtime.image import IMAGE_SUFFIXES, NotAnImage, decode
from qc_vision.synth import (
    DEFECT_KINDS,
    SEVERITY_RANGE,
    Defect,
    Scene,
    Shop,
    render,
    typical_nuisance,
)
from qc_vision.synth.render import part_key
from qc_vision.training.hygiene import unfit

_COVERED: Final = 0.10
_RIM_PX: Final = 16

Image = NDArray[np.uint8]


class DataError(ValueError):
    """The training data cannot be used; the message names the folder or file and the rule."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An RGB image at the model's size, its defect mask there (or None), and the kind."""

    image: Image
    mask: Image | None
    kind: str | None = None


def fitted(image: Image, size: int) -> Image:
    """Scale a BGR image to the model's square RGB input, as the runtime's crop step does."""
    shrinks = size < image.shape[0] or size < image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (size, size), interpolation=method)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2RGB), np.uint8)


def image_files(folder: Path, *, without: Path | None = None) -> list[Path]:
    """Return the image files under a folder, sorted, without masks and those of the other label.

    Raises:
        DataError: when the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    files = pictures_below(folder, without=without)
    if not files:
        raise DataError(f"{folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return files


def good_from(
    folder: Path, size: int, *, without: Path | None = None
) -> tuple[list[Sample], str, list[str]]:
    """Read the good images of a folder; return samples, snapshot hash, and what was left out."""
    read: list[tuple[Path, Sample, bytes]] = []
    refused, fits = [], []
    for path in image_files(folder, without=without):
        try:
            data = path.read_bytes()
            picture = decode(data)
        except (NotAnImage, OSError) as cause:
            refused.append(f"{path}: {reason_of(cause)}")
            continue
        fits.append(measure(picture, FitnessLimits()))
        read.append((path, Sample(fitted(picture, size), None), hashlib.sha256(data).digest()))
    poor = unfit(fits)
    refused += [f"{read[index][0]}: {why}" for index, why in poor.items()]
    kept = [one for index, one in enumerate(read) if index not in poor]
    if len(kept) < 4:
        raise DataError(
            f"{folder} holds {len(kept)} usable images; at least 4 are needed"
            + (f" (the first left out: {refused[0]})" if refused else "")
        )
    digest = hashlib.sha256(b"".join(digest for _, _, digest in kept)).hexdigest()
    return [sample for _, sample, _ in kept], digest, refused


def reason_of(cause: Exception) -> str:
    """Return why a file cannot be used, without its name."""
    return (cause.strerror or str(cause)) if isinstance(cause, OSError) else str(cause)


def defects_from(folder: Path, size: int, *, good: Path) -> tuple[list[Sample], list[str]]:
    """Read ``folder/<kind>/<image>`` with its masks (`qc_vision.picture_files`).

    An image without a mask is left out: only where the defect lies can be learned.
    """
    samples, refused = [], []
    for path in image_files(folder, without=good):
        try:
            image = decode(path.read_bytes())
            mask = _mask_of(path, (image.shape[0], image.shape[1]))
        except (NotAnImage, OSError, DataError) as cause:
            refused.append(f"{path}: {reason_of(cause)}")
            continue
        kind = path.parent.name if path.parent != folder else "defect"
        small = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
        samples.append(Sample(fitted(image, size), np.asarray(small, np.uint8), kind))
    return samples, refused


def _mask_of(picture: Path, shape: tuple[int, int]) -> Image:
    """Return the mask of a picture of this height and width, all its defects together."""
    files = masks_of(picture)
    if not files:
        raise DataError(f"no mask {picture.stem}_mask.png beside it")
    whole = np.zeros(shape, np.uint8)
    for file in files:
        mask = decode(file.read_bytes())[:, :, 0]
        if mask.shape != shape:
            sides = f"{mask.shape[1]}×{mask.shape[0]}"
            raise DataError(f"its mask {file.name} has {sides} pixels, it {shape[1]}×{shape[0]}")
        whole = np.maximum(whole, mask)
    return whole


def rendered(
    shop: Shop, kinds: Sequence[str | None], seeds: range, size: int, *, severity: str = "train"
) -> Iterator[Sample]:
    """Render one sample a seed, kinds in turn, as the line's camera sends them (JPEG, 256-512 px).

    ``severity``: "train" draws from even hundredths of the range, "test" from the odd ones, so
    that no severity is met twice. Samples come grouped by part, which is faster to render.
    """
    drawn = [(seed, kinds[seed % len(kinds)]) for seed in seeds]
    drawn.sort(key=lambda one: part_key(scene_of(shop, one[1], one[0], severity=severity)))
    for seed, kind in drawn:
        yield render_sample(shop, kind, seed, size, severity=severity)


def render_sample(shop: Shop, kind: str | None, seed: int, size: int, *, severity: str) -> Sample:
    """Render one sample; everything about it follows from its seed."""
    scene = scene_of(shop, kind, seed, severity=severity)
    picture = render(scene)
    quality = int(np.random.default_rng((seed, 7)).integers(80, 96))
    _, data = cv2.imencode(".jpg", picture.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    mask = None
    if kind is not None:
        mask = np.asarray(
            cv2.resize(picture.mask, (size, size), interpolation=cv2.INTER_AREA), np.uint8
        )
    return Sample(fitted(decode(data.tobytes()), size), mask, kind)


def scene_of(shop: Shop, kind: str | None, seed: int, *, severity: str) -> Scene:
    """Draw variant, colour, size, nuisance and defect of a seed."""
    rng = np.random.default_rng((seed, 0xDA7A))
    panel = ("door", "hood", "side", "roof", "fender")[int(rng.integers(5))]
    variant = f"{panel}-{int(rng.integers(64))}"
    defect = None
    if kind is not None:
        low, high = SEVERITY_RANGE[shop, kind]
        step = 2 * int(rng.integers(50)) + (severity == "test")
        defect = Defect(kind, low + (high - low) * step / 100)
    return Scene(
        shop=shop,
        variant=variant,
        color="#{:02x}{:02x}{:02x}".format(*_body_color(rng)),
        defect=defect,
        seed=seed,
        size=int(rng.choice((256, 256, 384, 384, 512))),
        nuisance=typical_nuisance(seed),
    )


def _body_color(rng: np.random.Generator) -> tuple[int, int, int]:
    """Draw a car's colour: mostly greys, sometimes a hue."""
    if rng.random() < 0.45:
        grey = int(rng.integers(14, 246))
        tint = rng.integers(-8, 9, 3)
        return tuple(int(np.clip(grey + t, 0, 255)) for t in tint)  # type: ignore[return-value]
    hsv = np.array([[[rng.integers(180), rng.integers(90, 235), rng.integers(60, 235)]]], np.uint8)
    r, g, b = (int(c) for c in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])
    return r, g, b


def recipe_hash(shop: Shop, kinds: Sequence[str], counts: Sequence[int], seed: int) -> str:
    """Return the hash that stands for a rendered snapshot: the recipe and the renderer's source."""
    digest = hashlib.sha256(repr((shop.value, tuple(kinds), tuple(counts), seed)).encode())
    synth = Path(__file__).parents[1] / "synth"
    for path in [*sorted(synth.rglob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def targets_of(sample: Sample, rows: int, columns: int) -> NDArray[np.int8]:
    """Return patch targets: 1 defect, 0 good, -1 where the patch is not asked.

    Not asked are patches that the mask only grazes, and of a large region all but its rim: its
    inside may look like any good part, and what lies just beyond the rim differs as much as the rim
    does. A panel of the wrong colour shows at the gap to its neighbour, on both sides alike.
    """
    if sample.mask is None:
        return np.zeros((rows, columns), np.int8)
    share = cv2.resize(
        sample.mask.astype(np.float32) / 255.0, (columns, rows), interpolation=cv2.INTER_AREA
    )
    rim = np.ones((2 * _RIM_PX + 1, 2 * _RIM_PX + 1), np.uint8)
    deep = cv2.resize(cv2.erode(sample.mask, rim), (columns, rows), interpolation=cv2.INTER_AREA)
    targets = np.where(share > _COVERED, 1, np.where(share > 0.004, -1, 0)).astype(np.int8)
    if (deep > 127).any():
        beyond = cv2.dilate(sample.mask, rim)
        beyond = cv2.resize(beyond, (columns, rows), interpolation=cv2.INTER_AREA)
        targets[(deep > 127) | ((targets == 0) & (beyond > 0))] = -1
    if not (targets == 1).any() and share.max() > 0:  # a defect smaller than a patch
        targets[share >= share.max() * 0.999] = 1
    return targets


def backbone_pictures(each: int = 12, size: int = 256) -> list[Image]:
    """Return the pictures that set the ranges of the int8 backbone: parts of all shops, and noise."""
    rng = np.random.default_rng(8)
    parts = [s.image for shop in Shop for s in rendered(shop, [None], range(77, 77 + each), size)]
    for _ in range(each):
        coarse = int(rng.integers(8, size))
        noise = rng.integers(0, 256, (coarse, coarse, 3)).astype(np.uint8)
        parts.append(np.asarray(cv2.resize(noise, (size, size)), np.uint8))
    return parts


def known_kinds(shop: Shop, held_out: str | None) -> tuple[str, ...]:
    """Return the shop's kinds without the one that training must not see."""
    return tuple(kind for kind in DEFECT_KINDS[shop] if kind != held_out)
