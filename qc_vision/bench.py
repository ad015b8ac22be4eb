"""Measure what ships and what training gives, each figure beside its goal.

Figures are kept in a folder outside the repository as they come; a run that was stopped goes on
with the section it had not finished. A change of the library's source starts over.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from qc_vision.bench_boxes import neu_boxes, weld_boxes
from qc_vision.bench_rates import overkill_and_int8, throughput
from qc_vision.bench_real import magnetic_tile, neu_classes, real_sets
from qc_vision.bench_shops import golden_figures
from qc_vision.figures import Figure
from qc_vision.gauges.bench import gauge_figures
from qc_vision.packages import shipped
from qc_vision.runtime import load
from qc_vision.synth import Defect, Scene, Shop, render, typical_nuisance
from qc_vision.synth.scene import DEFECT_KINDS, SEVERITY_RANGE

_COLD_START: Final = """
import sys, time
began = time.perf_counter()
from qc_vision.runtime import load
load(sys.argv[1]).inspect(open(sys.argv[2], "rb").read())
spent = time.perf_counter() - began
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(spent, int(peak) / 1024)
"""

_LARGE: Final = 1024
"""Side of a picture of a megapixel."""

Section = Callable[[], Iterator[Figure]]


def default_work() -> Path:
    """Return the folder that keeps figures and trained packages."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "qc_vision-bench"


def bench(*, subset: bool, work: Path) -> Iterator[str]:
    """Yield one line a figure: name, value, goal."""
    work.mkdir(parents=True, exist_ok=True)
    kept_in = work / f"figures-{_source_hash()}{'-subset' if subset else ''}.json"
    kept = json.loads(kept_in.read_text("utf-8")) if kept_in.exists() else {}
    for name, section in _sections(subset=subset, work=work):
        if name not in kept:
            kept[name] = [asdict(figure) for figure in section()]
            partial_file = kept_in.with_suffix(".part")
            partial_file.write_text(json.dumps(kept), "utf-8")
            partial_file.replace(kept_in)
        for figure in kept[name]:
            yield f"{figure['name']:60} {figure['value']:9.3f}   {figure['goal']}"
    if real_sets() is None:
        yield "real sets: not found; set C2M_SHARED to the folder that holds data/vision"


def _sections(*, subset: bool, work: Path) -> Iterator[tuple[str, Section]]:
    count = 60 if subset else 400
    for shop in shipped():
        yield f"shipped {shop}", partial(_shipped, shop, count)
    yield "four shops", partial(golden_figures, 60 if subset else 300)
    yield "cold start", _cold_start
    yield "gauges", partial(gauge_figures, pictures=60 if subset else 400)
    yield "good-only", partial(_good_only, work)
    yield "tiles", partial(_tiles, work, 40 if subset else 300)
    yield "throughput", partial(throughput, work / "good-only", _good_jpeg, 400 if subset else 4000)
    folder = real_sets()
    if folder is not None:
        seeds = range(1) if subset else range(5)
        yield "magnetic tile", partial(magnetic_tile, folder / "magnetic_tile", seeds)
        yield "neu classes", partial(neu_classes, folder / "neu_det")
        yield "neu boxes", partial(neu_boxes, folder / "neu_det", work, subset=subset)
        yield (
            "weld boxes",
            partial(weld_boxes, folder / "weld_surface_voc", work, subset=subset),
        )
        yield "overkill and int8", partial(overkill_and_int8, folder / "magnetic_tile")


def _source_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".onnx"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _shipped(shop: Shop, count: int) -> Iterator[Figure]:
    inspector = load(shipped()[shop])
    pictures = [_jpeg(shop, seed) for seed in range(count)]
    cpu = [_cpu_ms(partial(inspector.inspect, data)) for data in pictures]
    yield Figure(f"{shop} JPEG 384 px to verdict, CPU ms p50", float(np.median(cpu)), "≤ 15")
    yield Figure(
        f"{shop} JPEG 384 px to verdict, CPU ms p99", float(np.quantile(cpu, 0.99)), "≤ 25"
    )
    drawn = [_cpu_ms(partial(_picture, shop, seed)) for seed in range(count)]
    yield Figure(f"{shop} render 384 px, CPU ms p50", float(np.median(drawn)), "≤ 25")
    summary = inspector.manifest.metrics["summary"]
    yield Figure(f"{shop} escape (manifest)", summary["escape"], "≤ 0.05")
    yield Figure(f"{shop} overkill (manifest)", summary["overkill"], "≤ 0.02")


def _cold_start() -> Iterator[Figure]:
    shop, package = next(iter(shipped().items()))
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        Path(file.name).write_bytes(_jpeg(shop, 1))
        answer = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _COLD_START, str(package), file.name],
            check=True,
            capture_output=True,
            text=True,
        )
    seconds, memory = (float(value) for value in answer.stdout.split())
    yield Figure("import + load + first verdict, s", seconds, "≤ 1")
    yield Figure("its memory, MiB", memory, "≤ 200")


def _good_only(work: Path) -> Iterator[Figure]:
    """Training on 200 rendered seams, and a decision of what it gives."""
    from qc_vision.training.good_only import train_good_only
    from qc_vision.training.package import Options

    package = work / "good-only"
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(200):
            (Path(folder) / f"{seed}.jpg").write_bytes(_good_jpeg(seed))
        began, cpu = time.perf_counter(), time.process_time()
        train_good_only(Path(folder), Options("bench", "welding"), package, lambda _: None)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    yield Figure("good-only training, 200 images, s", wall, "≤ 15")
    yield Figure("good-only training, 200 images, CPU s", cpu, "")
    size = sum(path.stat().st_size for path in package.iterdir()) / 1e6
    yield Figure("good-only package, MB", size, "≤ 4")
    inspector = load(package)
    jpegs = [_good_jpeg(seed) for seed in range(300, 400)]  # drawn before: the line only judges
    for data in jpegs[:10]:
        inspector.inspect(data)
    spent = [_cpu_ms(partial(inspector.inspect, data)) for data in jpegs]
    yield Figure("good-only decision, JPEG 256 px, CPU ms p50", float(np.median(spent)), "≤ 7")
    yield Figure("good-only decision, CPU ms p99", float(np.quantile(spent, 0.99)), "≤ 12")


def _tiles(work: Path, count: int) -> Iterator[Figure]:
    """One package for 16 tiles of a picture of a megapixel: training, and decisions by the clock on the wall."""
    from qc_vision.training.good_only import train_good_only
    from qc_vision.training.package import Options

    package = work / "tiles"
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(24):
            (Path(folder) / f"{seed}.jpg").write_bytes(_good_jpeg(seed, _LARGE))
        cpu = time.process_time()
        options = Options("bench tiles", "welding", tiles=4)
        train_good_only(Path(folder), options, package, lambda _: None)
        yield Figure("16 tiles: training on 24 pictures, CPU s", time.process_time() - cpu, "")
    inspector = load(package)
    jpegs = [_good_jpeg(seed, _LARGE) for seed in range(300, 320)]
    walls, cpus = [], []
    for number in range(count):
        began, cpu = time.perf_counter(), time.process_time()
        inspector.inspect(jpegs[number % len(jpegs)])
        walls.append((time.perf_counter() - began) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
    yield Figure("1 megapixel in 16 tiles, JPEG to verdict, ms p50", float(np.median(walls)), "")
    yield Figure("1 megapixel in 16 tiles, ms p99", float(np.quantile(walls, 0.99)), "≤ 90")
    yield Figure("1 megapixel in 16 tiles, CPU ms p50", float(np.median(cpus)), "")


def _good_jpeg(seed: int, side: int = 256) -> bytes:
    scene = Scene(Shop.WELDING, "M1", None, None, seed, side, typical_nuisance(seed))
    return cv2.imencode(".jpg", render(scene).image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def _picture(shop: Shop, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    kinds = DEFECT_KINDS[shop]
    kind = kinds[seed // 2 % len(kinds)]
    defect = Defect(kind, SEVERITY_RANGE[shop, kind][0]) if seed % 2 else None
    return render(Scene(shop, "M1-door", None, defect, seed, 384, typical_nuisance(seed))).image


def _jpeg(shop: Shop, seed: int) -> bytes:
    _, data = cv2.imencode(".jpg", _picture(shop, seed), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return data.tobytes()


def _cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e3
