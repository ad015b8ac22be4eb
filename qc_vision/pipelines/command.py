"""`python -m qc_vision pipeline …`: run, check, compare and pack a pipeline without a plant."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qc_vision.pipelines import samples
from qc_vision.pipelines.bundle import Folder, bundle, resolved
from qc_vision.pipelines.check import remarks
from qc_vision.pipelines.difference import difference
from qc_vision.pipelines.document import Document
from qc_vision.pipelines.drawing import draw, encoded
from qc_vision.pipelines.runner import Runner
from qc_vision.pipelines.values import Outcome, Run
from qc_vision.runtime.archive import content_hash

Say = Callable[[str], None]


def add_commands(commands: Any, *, say: Say, pictures_in: Callable[[Path], Iterable[Path]]) -> None:
    """Add the command and its own commands to a parser's."""
    parser = commands.add_parser("pipeline", help="run, check, compare and pack station pipelines")
    own = parser.add_subparsers(required=True, metavar="COMMAND")

    running = own.add_parser("run", help="judge an image or a folder of images")
    running.add_argument("file", help="the pipeline's file, or the name of a sample")
    running.add_argument("images", type=Path)
    running.add_argument("--json", action="store_true", help="one JSON object an image")
    running.add_argument("--pictures", type=Path, help="folder for the picture of each node")
    running.set_defaults(command=lambda options: _run(options, say, pictures_in))

    checking = own.add_parser("check", help="say what is wrong with a pipeline")
    checking.add_argument("file", help="the pipeline's file, or the name of a sample")
    checking.set_defaults(command=lambda options: _check(options, say))

    comparing = own.add_parser("diff", help="say what differs between two versions")
    comparing.add_argument("old", help="a pipeline's file")
    comparing.add_argument("new", help="a pipeline's file")
    comparing.set_defaults(command=lambda options: _diff(options, say))

    packing = own.add_parser("pack", help="write a pipeline and all it names as one file")
    packing.add_argument("file", help="the pipeline's file, or the name of a sample")
    packing.add_argument("--out", type=Path, default=Path(), help="folder of the file")
    packing.set_defaults(command=lambda options: _pack(options, say))

    listing = own.add_parser("samples", help="list the pipelines that ship as samples")
    listing.set_defaults(command=lambda options: _samples(say))


def _opened(name: str) -> tuple[Document, Folder]:
    path = Path(name)
    if not path.exists() and name in samples.names():
        return samples.sample(name)
    return Document.read(path), Folder(path.parent)


def _run(options: argparse.Namespace, say: Say, pictures_in: Callable[[Path], Any]) -> int:
    document, folder = _opened(options.file)
    runner = Runner(document, folder)
    for path in pictures_in(options.images):
        run = _judged(runner, path)
        if options.pictures is not None:
            _write_pictures(run, document, options.pictures, path)
        if options.json:
            say(json.dumps(answer(path, run), ensure_ascii=False))
            continue
        seen = run.inspection
        why = seen.fitness.reason or ", ".join(
            f"{region.label or 'defect'} at {region.x},{region.y}" for region in seen.regions
        )
        say(f"{seen.verdict:5}  {seen.score:.3f}  {path}  {why}")
    return 0


def _judged(runner: Runner, path: Path) -> Run:
    try:
        return runner.run(path.read_bytes())
    except OSError as cause:
        return runner.unfit(f"{path} cannot be read: {cause.strerror}")


def answer(path: Path, run: Run) -> dict[str, Any]:
    """Return what became of one image, as JSON values."""
    seen = run.inspection
    return {
        "path": str(path),
        "verdict": seen.verdict.value,
        "score": round(seen.score, 6),
        "threshold": seen.threshold,
        "reason": seen.fitness.reason,
        "failed": seen.failed,
        "andon": seen.help_wanted,
        "regions": [asdict(region) for region in seen.regions],
        "measures": [
            {"node": one.node, **asdict(one.reading), "verdict": one.reading.verdict.value}
            for one in seen.readings
        ],
        "nodes": [_node(outcome) for outcome in run.outcomes],
        "ms": round(sum(seen.ms.values()), 2),
        "models": seen.model_version,
        "pipeline": seen.pipeline_version,
    }


def _node(outcome: Outcome) -> dict[str, Any]:
    return {
        "node": outcome.node,
        "kind": outcome.kind,
        "ms": round(outcome.ms, 3),
        "failure": outcome.failure,
    }


def _write_pictures(run: Run, document: Document, folder: Path, image: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, outcome in enumerate(run.outcomes):
        picture = draw(run, outcome.node, document)
        if picture is not None:
            name = f"{image.stem}-{number:02d}-{outcome.node.replace(' ', '_')}.jpg"
            (folder / name).write_bytes(encoded(picture))


def _check(options: argparse.Namespace, say: Say) -> int:
    document, folder = _opened(options.file)
    wrong = remarks(document)
    for remark in wrong:
        say(remark.message)
    if wrong:
        return 1
    Runner(document, folder)
    say(f"{options.file}: version {document.version}, {len(document.nodes)} nodes, can run")
    return 0


def _diff(options: argparse.Namespace, say: Say) -> int:
    changes = difference(_opened(options.old)[0], _opened(options.new)[0])
    for change in changes:
        say(change.message)
    return 0


def _pack(options: argparse.Namespace, say: Say) -> int:
    document, folder = _opened(options.file)
    Runner(document, folder)
    archive = bundle(*resolved(document, folder))
    target = options.out / f"{content_hash(archive)}.zip"
    target.write_bytes(archive)
    say(str(target))
    return 0


def _samples(say: Say) -> int:
    for name in samples.names():
        say(f"{name}: {samples.sample(name)[0].name}")
    return 0
