"""The commands that make packages: train, examine, watch, and those that reproduce what ships.

What they do is imported when they run: the command line is there without PyTorch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qc_vision.arguments import share, shop, whole
from qc_vision.evaluate import image_paths
from qc_vision.runtime import Manifest
from qc_vision.shops import Shop

Say = Callable[[str], None]
Report = Callable[[dict[str, Any]], None]


def add_commands(commands: Any, *, say: Say) -> None:
    """Add the commands to a parser's."""
    train = commands.add_parser("train", help="train a package from folders of images")
    train.add_argument("--good", type=Path, help="folder of good images")
    train.add_argument("--defects", type=Path, help="folder/<kind>/ of images with *_mask.png")
    train.add_argument(
        "--boxes", type=Path, help="folder of images with Pascal VOC XML, COCO JSON or *_mask.png"
    )
    train.add_argument(
        "--ignore", action="append", default=[], metavar="KIND", help="boxes that are no defect"
    )
    train.add_argument("--out", type=Path, required=True, help="package folder to write")
    train.add_argument("--name", help="name of the model (the package folder's by default)")
    train.add_argument("--shop", default="any", help="kind of station")
    train.add_argument("--variant", action="append", default=[], help="it is for this one only")
    train.add_argument(
        "--size",
        type=whole(32, 2048, step=16),
        help="side of the model's input, pixels (256; for boxes as they need)",
    )
    train.add_argument(
        "--tiles",
        type=whole(1, 16),
        default=1,
        help="N: look at the picture in N×N tiles (with --good alone)",
    )
    train.add_argument("--epochs", type=whole(1), help="12; for boxes what 15 CPU minutes allow")
    train.add_argument("--overkill", type=share, default=0.01, help="target overkill, 0..1")
    train.add_argument("--seed", type=whole(0), default=1)
    train.add_argument("--float", action="store_true", help="float backbone instead of int8")
    train.add_argument("--progress-json", action="store_true", help="progress as JSON lines")
    train.set_defaults(command=lambda options: _train(options, say))

    examining = commands.add_parser("examine", help="look pictures over before a training")
    examining.add_argument("--good", type=Path, required=True, help="folder of good images")
    examining.add_argument("--defects", type=Path, help="folder of images with defects")
    examining.set_defaults(command=lambda options: _examine(options, say))

    watching = commands.add_parser("watch", help="let a package say how far pictures drift")
    watching.add_argument("package", type=Path)
    watching.add_argument("--good", type=Path, required=True, help="good images of the station")
    watching.add_argument("--out", type=Path, required=True, help="package folder to write")
    watching.set_defaults(command=lambda options: _watch(options, say))

    fold = commands.add_parser("fold-backbone", help="reproduce the backbones that ship")
    fold.set_defaults(command=lambda options: _fold(options, say))

    shipped = commands.add_parser("train-shipped", help="reproduce the packages that ship")
    shipped.add_argument("--shop", type=shop, help="one shop only: " + ", ".join(Shop))
    shipped.add_argument("--out", type=Path, help="folder (the shipped packages' by default)")
    shipped.add_argument("--progress-json", action="store_true")
    shipped.add_argument(
        "--measure-only", action="store_true", help="measure the packages again, train nothing"
    )
    shipped.set_defaults(command=lambda options: _train_shipped(options, say))


def _progress(as_json: bool, say: Say) -> Report:
    def report(step: dict[str, Any]) -> None:
        if as_json:
            say(json.dumps(step))
        else:
            say("  ".join(f"{name} {value}" for name, value in step.items()))

    return report


def _train(options: argparse.Namespace, say: Say) -> int:
    report = _progress(options.progress_json, say)
    if options.tiles != 1 and (options.boxes is not None or options.defects is not None):
        raise ValueError("--tiles goes with --good alone: defects are learned on whole pictures")
    if options.boxes is not None:
        manifest = _train_boxes(options, report)
    elif options.good is None:
        raise ValueError("train needs --good DIR, or --boxes DIR, or both")
    else:
        manifest = _train_pictures(options, report)
    report({"step": "done", "package": str(options.out), "version": manifest.version})
    return 0


def _train_boxes(options: argparse.Namespace, report: Report) -> Manifest:
    if options.defects is not None:
        raise ValueError("--defects and --boxes exclude each other; --boxes reads masks too")
    if find_spec("torch") is None:
        raise ValueError("boxes are learned with torch: install the `train` extra")
    from qc_vision.training.boxes.make import BoxOptions, train_boxes

    wanted = BoxOptions(
        name=options.name or options.out.name,
        shop=options.shop,
        size=options.size,
        epochs=options.epochs,
        target_overkill=options.overkill,
        seed=options.seed,
        ignored=tuple(options.ignore),
        variants=tuple(options.variant),
    )
    return train_boxes(options.boxes, wanted, options.out, report, good=options.good)


def _train_pictures(options: argparse.Namespace, report: Report) -> Manifest:
    from qc_vision.training.package import Options

    wanted = Options(
        name=options.name or options.out.name,
        shop=options.shop,
        size=options.size or 256,
        epochs=options.epochs or 12,
        target_overkill=options.overkill,
        seed=options.seed,
        int8=not options.float,
        tiles=options.tiles,
        variants=tuple(options.variant),
    )
    if options.defects is None:
        from qc_vision.training.good_only import train_good_only

        return train_good_only(options.good, wanted, options.out, report)
    from qc_vision.training.examine import look_at
    from qc_vision.training.folders import train_folders

    for sentence in look_at(options.good, options.defects):
        report({"step": "look at", "finding": sentence})
    return train_folders(options.good, options.defects, wanted, options.out, report)


def _examine(options: argparse.Namespace, say: Say) -> int:
    from qc_vision.training.examine import examine_folders

    for seen in examine_folders(options.good, options.defects):
        say(json.dumps(asdict(seen), ensure_ascii=False))
    return 0


def _fold(options: argparse.Namespace, say: Say) -> int:
    from qc_vision.training.backbone import fold
    from qc_vision.training.samples import backbone_pictures

    worst = fold(backbone_pictures())
    say(json.dumps({"step": "folded", "largest_difference_to_torch": round(worst, 6)}))
    return 0


def _train_shipped(options: argparse.Namespace, say: Say) -> int:
    from qc_vision import packages
    from qc_vision.training.shipped import measure_shipped, train_shipped

    target = options.out or Path(packages.__file__).parent
    make = measure_shipped if options.measure_only else train_shipped
    for one in [options.shop] if options.shop else list(Shop):
        make(one, target / one.value, _progress(options.progress_json, say))
    return 0


def _watch(options: argparse.Namespace, say: Say) -> int:
    from qc_vision.training.watching import watch_package

    pictures = (path.read_bytes() for path in image_paths(options.good))
    manifest = watch_package(options.package, pictures, options.out)
    say(json.dumps({"version": manifest.version, **manifest.extra["watch"]}))
    return 0
