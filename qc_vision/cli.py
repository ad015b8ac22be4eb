"""The command line. Each command answers on stdout and ends with 0, or says on stderr why not."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qc_vision.annotations import read_annotated
from qc_vision.arguments import shop, whole
from qc_vision.evaluate import evaluate, image_paths, judge, report
from qc_vision.evaluate_boxes import evaluate_boxes
from qc_vision.golden_set import draw, scenes
from qc_vision.pipelines.command import add_commands as add_pipeline_commands
from qc_vision.runtime import (
    Inspection,
    PackageError,
    PipelineError,
    content_hash,
    load,
    pack,
)
from qc_vision.synth import SceneError, Shop
from qc_vision.training.command import add_commands as add_training_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (PackageError, PipelineError, SceneError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it can", file=sys.stderr)  # noqa: T201
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m qc_vision", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_training_commands(commands, say=_say)

    predict = commands.add_parser("predict", help="judge an image or a folder of images")
    predict.add_argument("package", type=Path)
    predict.add_argument("images", type=Path)
    predict.add_argument("--json", action="store_true", help="one JSON object an image")
    predict.set_defaults(command=_predict)

    gauging = commands.add_parser("gauge", help="measure images with the gauges of a settings file")
    gauging.add_argument("images", type=Path, help="an image, or a folder of images")
    gauging.add_argument("settings", type=Path, help="TOML, see qc_vision.gauges.station")
    gauging.add_argument("--json", action="store_true", help="one JSON object a reading")
    gauging.add_argument(
        "--study", metavar="GAUGE", help="CSV for a gage R&R: DIR/<part>[/<appraiser>]/ of images"
    )
    gauging.set_defaults(command=_gauge)

    measuring = commands.add_parser("evaluate", help="escape and overkill on labelled folders")
    measuring.add_argument("package", type=Path)
    measuring.add_argument("--good", type=Path)
    measuring.add_argument("--bad", type=Path, help="one sub-folder a kind, or flat")
    measuring.add_argument("--boxes", type=Path, help="annotated images: mAP50 and AP50-95 by kind")
    measuring.add_argument("--report", type=Path, help="HTML page with the worst mistakes")
    measuring.set_defaults(command=_evaluate)

    setting = commands.add_parser("calibrate", help="zero-escape threshold from golden defects")
    setting.add_argument("package", type=Path)
    setting.add_argument("--good", type=Path, required=True, help="good images, none trained on")
    setting.add_argument("--golden", type=Path, required=True, help="defects that must be found")
    setting.add_argument("--out", type=Path, required=True, help="package folder to write")
    setting.add_argument("--escapes", type=int, default=0, help="golden defects that may pass")
    setting.add_argument("--confidence", type=float, default=0.95, help="of the escape bound")
    setting.add_argument("--report", type=Path, help="HTML page with the worst mistakes")
    setting.set_defaults(command=_calibrate)

    drawing = commands.add_parser("render", help="render parts with and without defects")
    drawing.add_argument("--shop", type=shop, required=True, help=", ".join(Shop))
    drawing.add_argument("--out", type=Path, required=True)
    drawing.add_argument("--count", type=whole(1), default=16)
    drawing.add_argument("--seed", type=whole(0), default=0)
    drawing.add_argument("--size", type=whole(96, 2048), default=384)
    drawing.add_argument("--variant", default="M1-door")
    drawing.add_argument("--color", help="body colour, #rrggbb")
    drawing.set_defaults(command=_render)

    bench = commands.add_parser("bench", help="measure the shipped packages and the renderer")
    bench.add_argument(
        "--subset", action="store_true", help="a quick look: 60 images a shop, one split"
    )
    bench.add_argument("--work", type=Path, help="folder for figures and packages (a cache folder)")
    bench.set_defaults(command=_bench)

    packing = commands.add_parser("pack", help="write a package as one file, named by its content")
    packing.add_argument("package", type=Path)
    packing.add_argument("--out", type=Path, help="folder of the file (the working directory)")
    packing.set_defaults(command=_pack)

    add_pipeline_commands(commands, say=_say, pictures_in=image_paths)
    return parser


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _predict(options: argparse.Namespace) -> int:
    inspector = load(options.package)
    for path in image_paths(options.images):
        began = time.perf_counter()
        result = judge(inspector, path)
        spent = (time.perf_counter() - began) * 1e3
        if options.json:
            _say(json.dumps(_answer(path, result, spent), ensure_ascii=False))
        else:
            why = result.fitness.reason or ", ".join(
                f"{region.label or 'defect'} at {region.x},{region.y}" for region in result.regions
            )
            _say(f"{result.verdict:5}  {result.score:.3f}  {path}  {why}")
    return 0


def _answer(path: Path, result: Inspection, spent_ms: float) -> dict[str, Any]:
    return {
        "path": str(path),
        "score": round(result.score, 6),
        "verdict": result.verdict.value,
        "regions": [
            {
                "x": region.x,
                "y": region.y,
                "w": region.w,
                "h": region.h,
                "score": round(region.score, 4),
                "label": region.label,
                "outline": region.outline,
            }
            for region in result.regions
        ],
        "reason": result.fitness.reason,
        "ms": round(spent_ms, 2),
        "model": result.model_version,
        "pipeline": result.pipeline_version,
    }


def _gauge(options: argparse.Namespace) -> int:
    from qc_vision.gauges import read_file, read_settings
    from qc_vision.gauges.repeated import study_lines

    station = read_settings(options.settings)
    if options.study is not None:
        for line in study_lines(options.images, station, options.study):
            _say(line)
        return 0
    for path in image_paths(options.images):
        for reading in read_file(path, station):
            if options.json:
                _say(json.dumps({"path": str(path), **asdict(reading)}, ensure_ascii=False))
                continue
            found = reading.text or ""
            if reading.value is not None:
                found = f"{reading.value:.3f} {reading.unit}"
            limits = " … ".join(
                "" if one is None else f"{one:g}" for one in (reading.low, reading.high)
            )
            why = reading.reason or (f"[{limits}]" if limits.strip(" …") else "")
            _say(f"{reading.verdict:5}  {reading.gauge}  {found}  {why}  {path}")
    return 0


def _pack(options: argparse.Namespace) -> int:
    load(options.package)
    archive = pack(options.package)
    target = (options.out or Path()) / f"{content_hash(archive)}.zip"
    target.write_bytes(archive)
    _say(str(target))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    if options.boxes is not None:
        return _evaluate_boxes(options)
    if options.good is None or options.bad is None:
        raise ValueError("evaluate needs --good DIR and --bad DIR, or --boxes DIR")
    figures, judged = evaluate(load(options.package), options.good, options.bad)
    _say(json.dumps(figures, indent=2, ensure_ascii=False))
    if options.report is not None:
        page = report(figures, judged, f"{options.package.name} on {options.bad}")
        _write_page(options.report, page)
    return 0


def _write_page(path: Path, page: str) -> None:
    path.write_text(page, "utf-8", errors="backslashreplace")


def _evaluate_boxes(options: argparse.Namespace) -> int:
    inspector = load(options.package)
    ignored = inspector.manifest.extra.get("boxes", {}).get("ignored", ())
    figures = evaluate_boxes(inspector, read_annotated(options.boxes, ignored=ignored))
    _say(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from qc_vision.zero_escape import recalibrate

    figures, judged = recalibrate(
        options.package,
        good=options.good,
        golden=options.golden,
        out=options.out,
        allowed=options.escapes,
        confidence=options.confidence,
    )
    _say(json.dumps(figures, indent=2, ensure_ascii=False))
    if options.report is not None:
        title = f"{options.out.name}: zero-escape calibration on {options.golden}"
        _write_page(options.report, report(figures, judged, title))
    return 0


def _render(options: argparse.Namespace) -> int:
    drawn = scenes(
        options.shop,
        options.count,
        seed=options.seed,
        size=options.size,
        variant=options.variant,
        color=options.color,
    )
    for refused in draw(drawn, options.out):
        _say(refused)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from qc_vision.bench import bench, default_work

    for line in bench(subset=options.subset, work=options.work or default_work()):
        _say(line)
    return 0
