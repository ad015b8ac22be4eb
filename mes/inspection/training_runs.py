"""The work of a training, in the worker: look the pictures over, learn, measure old and new, register.

Whatever counts on a processor runs in a process of its own (`training_process`); a training whose worker was
killed begins again in another one.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog

from mes.inspection import bridge, registry, training, training_repository
from mes.inspection.images import ImageStore
from mes.inspection.training_figures import figures_of
from mes.inspection.training_model import (
    CONFIDENCE,
    Picture,
    Regions,
    Training,
    TrainingState,
    Truth,
    Use,
)
from mes.inspection.training_process import ProcessFailedError, StoppedError, run_vision
from mes.inspection.training_regions import coco, found_by, learned_from
from mes.platform.clock import Clock
from mes.platform.db import Database
from mes.platform.errors import Problem

log = structlog.get_logger()

LIMIT_S: Final = 3_600.0
"""Real seconds that one step of a training may take."""
LEARN_STEPS: Final = {"features": "features", "head": "choose", "calibrated": "export"}
"""What the library tells → the step that comes next or goes on."""
CURVE: Final = ("epoch", "loss", "map50")
"""What is kept of each pass over the regions."""


@dataclass
class _Run:
    """One training at work: what is told of it, and whether it is to stop."""

    database: Database
    images: ImageStore
    training: Training
    folder: Path
    progress: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    """How learning the regions went, a pass each."""

    async def to(self, step: str, **facts: Any) -> None:
        """Begin a step; raises StoppedError when somebody wants it to stop."""
        self.progress = {"step": step, **facts}
        if await self.stop():
            raise StoppedError

    async def stop(self) -> bool:
        """Write down how far it is and say whether somebody wants it to stop."""
        async with self.database.write() as conn:
            return await training_repository.save_progress(conn, self.training.id, self.progress)

    async def vision(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """Run a command of the vision library and return what it said."""
        return await run_vision(
            [str(one) for one in arguments], told=self.hear, stop=self.stop, limit_s=LIMIT_S
        )

    def hear(self, said: dict[str, Any]) -> None:
        """Take note of how far the library is."""
        if said.get("step") == "boxes":
            self.curve.append({name: said[name] for name in CURVE if name in said})
            done = {"done": said["epoch"], "of": said["of"], "left_s": said["left_s"]}
            self.progress = {"step": "boxes", **done, "curve": self.curve}
            return
        step = LEARN_STEPS.get(str(said.get("step")))
        if step is not None:
            self.progress = {"step": step, "done": said.get("done"), "of": said.get("of")}

    async def gather(self, pictures: Sequence[Picture], place: dict[UUID, Path]) -> list[UUID]:
        """Write pictures into folders; return those whose bytes are gone."""
        gone = []
        for count, picture in enumerate(pictures):
            if count % 100 == 0:
                await self.to("gather", done=count, of=len(pictures))
            data = await self.images.get(picture.image_sha256)
            if data is None:
                gone.append(picture.inspection_id)
            else:
                await asyncio.to_thread(_write, place[picture.inspection_id], picture, data)
        return gone


async def run(database: Database, clock: Clock, images: ImageStore, training_id: UUID) -> None:
    """Do what a training waits for, and write down how it ended, whatever happens."""
    async with database.read() as conn:
        asked = await training.get(conn, training_id)
    if not asked.state.runs:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="c2m-training-") as folder:
            at_work = _Run(database, images, asked, Path(folder))
            work = _examine if asked.state is TrainingState.EXAMINING else _train
            ended = await work(at_work, clock)
    except asyncio.CancelledError:
        raise  # the worker stops: the job goes back into the queue
    except StoppedError:
        ended = asked.stopped(now=clock.now())
    except TimeoutError:
        ended = asked.failed("timed_out", {"minutes": round(LIMIT_S / 60)}, now=clock.now())
    except ProcessFailedError as error:
        ended = asked.failed("process", {"why": str(error)}, now=clock.now())
    except Problem as error:
        log.warning("training.failed", training=str(training_id), why=error.detail)
        ended = asked.failed("process", {"why": error.detail}, now=clock.now())
    except Exception as error:  # a job that fails is tried again, which would not help here
        log.error("training.failed", training=str(training_id), exc_info=error)
        why = f"{type(error).__name__}: {error}"
        ended = asked.failed("process", {"why": why}, now=clock.now())
    async with database.write() as conn:
        await training.save(conn, ended, actor=asked.asked_by, now=clock.now())


async def _examine(at_work: _Run, clock: Clock) -> Training:
    """Have the pictures looked over and note what was found on each."""
    async with at_work.database.read() as conn:
        pictures = await training.pictures(conn, at_work.training.id)
    truths = {truth: at_work.folder / truth.value for truth in Truth}
    place = {p.inspection_id: truths[p.truth] for p in pictures}
    await at_work.gather(pictures, place)
    command: list[str | Path] = ["examine", "--good", truths[Truth.GOOD]]
    if truths[Truth.DEFECT].exists():
        command += ["--defects", truths[Truth.DEFECT]]
    await at_work.to("examine")
    seen = {UUID(Path(one["path"]).stem): one for one in await at_work.vision(*command)}
    noted = [_noted(picture, seen.get(picture.inspection_id)) for picture in pictures]
    async with at_work.database.write() as conn:
        await training_repository.save_pictures(conn, at_work.training.id, noted)
    return at_work.training.examined()


def _noted(picture: Picture, seen: dict[str, Any] | None) -> Picture:
    if seen is None or seen["group"] < 0:
        return replace(picture, findings=("unreadable",))
    return replace(picture, twins=seen["group"], findings=tuple(seen["findings"]))


async def _train(at_work: _Run, clock: Clock) -> Training:
    """Learn, measure the new and the old model on the same pictures, register the new one."""
    asked, folder = at_work.training, at_work.folder
    async with at_work.database.read() as conn:
        pictures = await training.pictures(conn, asked.id)
    used = [p for p in pictures if p.use is not Use.LEFT_OUT]
    measured = folder / "measure"
    place = {
        p.inspection_id: (folder / "learn" if p.use is Use.LEARN else measured) / p.truth.value
        for p in used
    }
    gone = set(await at_work.gather(used, place))
    used = [p for p in used if p.inspection_id not in gone]
    package = folder / "package"
    await _learn(at_work, used, place, package)
    bound = None
    if asked.target_escape is not None:
        package, bound = await _zero_escape(at_work, used, package)
    await at_work.to("judge_new")
    new = await at_work.vision("predict", package, measured, "--json")
    await at_work.to("judge_old")
    async with at_work.database.read() as conn:
        present = await registry.package_judging(conn, at_work.images, asked.camera, folder)
    old = [] if present is None else await at_work.vision("predict", present[0], measured, "--json")
    judged = _judged(used, new, old)
    measures = [p for p in judged if p.use is Use.MEASURE]
    figures = {
        **figures_of(measures),
        "regions": found_by(measures),
        "learned_regions": learned_from(used),
        "curve": at_work.curve,
        "old_model": None if present is None else present[1],
        "learned": sum(p.use is Use.LEARN and p.truth is Truth.GOOD for p in used),
        "escape_bound": bound,
        "threshold": bridge.calibration_of(package),
    }
    await at_work.to("keep")
    bridge.with_measured(package, _metrics(figures, asked))
    archive = await asyncio.to_thread(bridge.packed, package)
    async with at_work.database.write() as conn:
        model = await registry.register(
            conn, at_work.images, archive, actor=asked.asked_by, now=clock.real_now()
        )
        await training_repository.save_pictures(conn, asked.id, judged)
    return asked.trained(figures, model.package_sha256, now=clock.now())


async def _learn(
    at_work: _Run, used: Sequence[Picture], place: dict[UUID, Path], package: Path
) -> None:
    """Have a package learned from the good pictures, and from the regions of defects where that was asked."""
    asked, folder = at_work.training, at_work.folder / "learn"
    good = folder / Truth.GOOD.value
    command: list[str | Path] = ["train", "--good", good]
    if asked.regions is Regions.NONE:
        await at_work.to("features", done=0, of=sum(p.use is Use.LEARN for p in used))
    else:
        await at_work.to("boxes")
        defects = folder / Truth.DEFECT.value
        await asyncio.to_thread(_write_regions, defects, used, place)
        command += ["--boxes", defects]
        command += ["--epochs", str(asked.epochs)] if asked.epochs else []
    await at_work.vision(
        *command, "--out", package, "--name", asked.camera, "--shop", asked.scene,
        "--overkill", str(asked.target_overkill), "--progress-json",
        *(("--variant", asked.variant) if asked.variant else ()),
    )  # fmt: skip


def _write_regions(folder: Path, used: Sequence[Picture], place: dict[UUID, Path]) -> None:
    """Write the regions of the defects that teach beside their pictures."""
    names = {UUID(path.stem): path.name for path in folder.iterdir()}
    taught = [
        (names[p.inspection_id], p.image_w or 0, p.image_h or 0, p.drawn or ())
        for p in used
        if place[p.inspection_id] == folder
    ]
    (folder / "regions.json").write_text(json.dumps(coco(taught)), "utf-8")


async def _zero_escape(at_work: _Run, used: Sequence[Picture], package: Path) -> tuple[Path, float]:
    """Set the threshold so that the defects prove the escape rate; return the package and the bound."""
    escape = at_work.training.target_escape
    assert escape is not None  # noqa: S101 - asked for with one
    defects = sum(p.truth is Truth.DEFECT for p in used)
    allowed = max(bridge.allowed_escapes(defects, escape, CONFIDENCE), 0)
    out, measured = at_work.folder / "calibrated", at_work.folder / "measure"
    await at_work.to("calibrate")
    (said,) = await at_work.vision(
        "calibrate", package, "--good", measured / Truth.GOOD.value,
        "--golden", measured / Truth.DEFECT.value, "--out", out, "--escapes", str(allowed),
    )  # fmt: skip
    return out, float(said["summary"]["escape_bound"])


def _judged(
    used: Sequence[Picture], new: list[dict[str, Any]], old: list[dict[str, Any]]
) -> list[Picture]:
    """Return the pictures with what both models said of them."""
    by_id = [{UUID(Path(one["path"]).stem): _said(one) for one in some} for some in (new, old)]
    return [
        replace(p, new=by_id[0].get(p.inspection_id), old=by_id[1].get(p.inspection_id))
        for p in used
    ]


def _said(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("verdict", "score", "regions", "reason", "ms")}


def _metrics(figures: dict[str, Any], asked: Training) -> dict[str, Any]:
    """Return the measured figures as a manifest has them."""
    new = figures["new"]
    summary: dict[str, Any] = {"overkill_n": new["good"], "escape_n": new["defects"]}
    for name in ("overkill", "escape"):
        if new[name] is not None:
            summary[name] = round(new[name]["rate"], 4)
            summary[f"{name}_interval"] = [round(new[name][end], 4) for end in ("low", "high")]
    if new["auroc"] is not None:
        summary["auroc"] = round(new["auroc"], 4)
    if figures["escape_bound"] is not None:
        summary["escape_bound"] = figures["escape_bound"]
    if figures["regions"] is not None:
        summary["regions_found"] = round(figures["regions"]["new"]["share"]["rate"], 4)
        summary["regions_n"] = figures["regions"]["new"]["drawn"]
    return {
        "measured_on": f"pictures of {asked.camera} that training never saw: {new['good']} good,"
        f" {new['defects']} with defects that people confirmed",
        "summary": summary,
        "kinds": {
            one["kind"] or "defect": {
                "n": one["defects"],
                "escape": one["escapes"] / one["defects"],
            }
            for one in new["kinds"]
        },
    }


def _write(folder: Path, picture: Picture, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = ".png" if data.startswith(b"\x89PNG") else ".jpg"
    (folder / f"{picture.inspection_id}{suffix}").write_bytes(data)
