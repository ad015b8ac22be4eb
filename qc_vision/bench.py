"""Measure what ships, each figure beside its goal."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from qc_vision.packages import shipped
from qc_vision.runtime import load
from qc_vision.synth import Defect, Scene, Shop, render, typical_nuisance
from qc_vision.synth.scene import DEFECT_KINDS, SEVERITY_RANGE

_COLD_START = """
import sys, time
began = time.perf_counter()
from qc_vision.runtime import load
load(sys.argv[1]).inspect(open(sys.argv[2], "rb").read())
spent = time.perf_counter() - began
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(spent, int(peak) / 1024)
"""


def bench(*, subset: bool) -> Iterator[str]:
    """Yield one line a figure: name, value, goal."""
    count = 60 if subset else 400
    for shop, package in shipped().items():
        inspector = load(package)
        pictures = [_jpeg(shop, seed) for seed in range(count)]
        cpu = [_cpu_ms(partial(inspector.inspect, data)) for data in pictures]
        yield _line(f"{shop} JPEG 384 px to verdict, CPU ms p50", np.median(cpu), "≤ 15")
        yield _line(f"{shop} JPEG 384 px to verdict, CPU ms p99", np.quantile(cpu, 0.99), "≤ 25")
        drawn = [_cpu_ms(partial(_picture, shop, seed)) for seed in range(count)]
        yield _line(f"{shop} render 384 px, CPU ms p50", np.median(drawn), "≤ 25")
        summary = inspector.manifest.metrics["summary"]
        yield _line(f"{shop} escape (manifest)", summary["escape"], "≤ 0.05")
        yield _line(f"{shop} overkill (manifest)", summary["overkill"], "≤ 0.02")
    yield from _cold_start()


def _cold_start() -> Iterator[str]:
    for shop, package in list(shipped().items())[:1]:
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            Path(file.name).write_bytes(_jpeg(shop, 1))
            answer = subprocess.run(  # noqa: S603
                [sys.executable, "-c", _COLD_START, str(package), file.name],
                check=True,
                capture_output=True,
                text=True,
            )
        seconds, memory = (float(value) for value in answer.stdout.split())
        yield _line("import + load + first verdict, s", seconds, "≤ 1")
        yield _line("its memory, MiB", memory, "≤ 200")


def _picture(shop: Shop, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    kinds = DEFECT_KINDS[shop]
    kind = kinds[seed % len(kinds)]
    defect = Defect(kind, SEVERITY_RANGE[shop, kind][0]) if seed % 2 else None
    return render(Scene(shop, "M1-door", None, defect, seed, 384, typical_nuisance(seed))).image


def _jpeg(shop: Shop, seed: int) -> bytes:
    _, data = cv2.imencode(".jpg", _picture(shop, seed), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return data.tobytes()


def _cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e3


def _line(name: str, value: float | np.floating, goal: str) -> str:
    return f"{name:48} {float(value):9.3f}   {goal}"
