"""`python -m edge faults --count N --seed S [--uplink nats] [--long]`: run a campaign, add up, judge.

Totals of all campaigns on a data folder are kept in `campaign.json` there after every fault, so one that is
interrupted has counted what it did. The last line printed is a JSON object with the counts; the exit status is 1
when anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from edge.faults.broker import NoBroker
from edge.faults.broker_kinds import BROKER_FAULTS
from edge.faults.judge import Judge, NeverAgain
from edge.faults.kinds import FAULTS, OF_HTTP, Chance, Fault
from edge.faults.processes import ProcessEnded
from edge.faults.rig import Rig
from mes.contracts.plant_file import PlantFileError, load_plant

PLANT = Path(__file__).parents[2] / "mes" / "resources" / "plants" / "mini.toml"
LINE = "body-sub"
STARTED_S = 300.0
RECOVERED_S = 120.0
"""Real seconds within which values flow again after a fault; far more than it takes on an idle machine."""


class CannotRun(Exception):
    """A campaign cannot begin; the message says why."""


@dataclass
class Totals:
    """What campaigns on one folder have reached."""

    faults: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    values: int = 0
    stored: int = 0
    in_gaps: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    made_up: int = 0
    wrong: int = 0
    events_lost: int = 0
    events_doubled: int = 0
    set_aside: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    never_again: int = 0
    violations: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Totals:
        """Read what was reached before."""
        if not path.exists():
            return cls()
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise CannotRun(
                f"{path} holds no totals of campaigns ({error}); move it away"
            ) from error

    def count(self, name: str) -> None:
        """Count one fault."""
        self.faults += 1
        self.by_kind[name] = self.by_kind.get(name, 0) + 1

    def plus(self, judge: Judge) -> Totals:
        """Return these totals with what a judge has found in the campaign under way."""
        tally = asdict(judge.tally)
        gaps = Counter(self.gaps) + Counter(tally.pop("gaps"))
        sums = {name: getattr(self, name) + value for name, value in tally.items()}
        return replace(self, **sums, gaps=dict(gaps))

    @property
    def broken(self) -> int:
        """How many times a promise was broken."""
        counts = (self.lost, self.doubled, self.made_up, self.wrong, self.never_again)
        return sum(counts) + self.events_lost + self.events_doubled + self.set_aside

    def save(self, path: Path) -> None:
        """Keep the totals; a crash leaves the old ones or these."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(path)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    known = faults_over(options.uplink)
    unknown = sorted(set(options.only) - set(known))
    if unknown:
        print(f"no such fault: {', '.join(unknown)}; known: {', '.join(known)}", file=sys.stderr)  # noqa: T201
        return 2
    began = time.monotonic()
    try:
        _refuse_line(options.plant, options.line)
        before = _totals_in(options.data)
        here, total = asyncio.run(_run(options, before))
    except (CannotRun, PlantFileError, NoBroker) as error:
        print(f"edge faults: {error}", file=sys.stderr)  # noqa: T201
        return 2
    answer = {
        "seed": options.seed,
        "asked": options.count,
        "seconds": round(time.monotonic() - began, 1),
        **asdict(here),
        "broken": here.broken,
        "all_campaigns": {"faults": total.faults, "broken": total.broken},
    }
    print(json.dumps(answer), flush=True)  # noqa: T201
    return 1 if here.broken else 0


def _totals_in(folder: Path) -> Totals:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Totals.load(folder / "campaign.json")
    except OSError as error:
        raise CannotRun(f"{folder} cannot be used: {error}") from error


def _refuse_line(plant_file: Path, line_id: str) -> None:
    """Raise CannotRun for a line that the plant does not have or that has cameras."""
    lines = load_plant(plant_file).lines
    fit = [line.id for line in lines if all(station.camera is None for station in line.stations)]
    if line_id not in fit:
        raise CannotRun(
            f"no line {line_id!r} without cameras in {plant_file}; there is {', '.join(fit)}"
        )


def faults_over(uplink: str) -> dict[str, Fault]:
    """Return the faults of a campaign whose batches go over `http` or `nats`."""
    if uplink == "http":
        return FAULTS
    return {name: act for name, act in FAULTS.items() if name not in OF_HTTP} | BROKER_FAULTS


async def _run(options: argparse.Namespace, before: Totals) -> tuple[Totals, Totals]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  # this is one
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    dice = random.Random(options.seed)  # a campaign, not a secret
    here, file = Totals(), options.data / "campaign.json"
    judge: Judge | None = None
    folder = options.data / f"{time.strftime('%Y%m%d-%H%M%S')}-{options.seed}"
    faults = faults_over(options.uplink)
    kinds = options.only or list(faults)
    over_nats = options.uplink == "nats"
    try:
        async with AsyncExitStack() as stack:
            try:
                rig = await stack.enter_async_context(
                    Rig(folder, options.plant, options.line, over_nats=over_nats)
                )
                judge = Judge(rig.interface, rig.ledger, rig.dsn)
                await judge.flows(within_s=STARTED_S)
            except (NeverAgain, TimeoutError, ProcessEnded) as error:
                raise CannotRun(f"it did not start, see the logs in {folder}: {error!r}") from error
            while here.faults < options.count:
                deck = dice.sample(kinds, len(kinds))
                for name in deck[: options.count - here.faults]:
                    chance = Chance(random.Random(dice.random()), options.long)
                    words = await _one(name, faults[name], rig, judge, chance)
                    here.count(name)
                    before.count(name)
                    _note(words, here, before)
                    before.plus(judge).save(file)
                    if here.never_again:
                        return here.plus(judge), before.plus(judge)
            return here.plus(judge), before.plus(judge)
    except asyncio.CancelledError:
        if judge is None:
            return here, before
        return here.plus(judge), before.plus(judge)


def _note(words: list[str], here: Totals, before: Totals) -> None:
    for word in words:
        here.violations.append(word)
        before.violations.append(word)
        if "never again" in word:
            here.never_again += 1
            before.never_again += 1


async def _one(name: str, act: Fault, rig: Rig, judge: Judge, chance: Chance) -> list[str]:
    """Do one fault, wait until values flow again, judge; returns violations in words."""
    began = time.monotonic()
    seen, words = len(judge.told), []
    try:
        await act(rig, chance)
        await judge.flows(within_s=RECOVERED_S)
    except (NeverAgain, TimeoutError, ProcessEnded) as error:
        words.append(f"{name}: never again: {error!r}")
    flowed = time.monotonic() - began
    new = await judge.judge()
    words += [f"{name}: {word}" for word in judge.told[seen:]]
    verdict = f"{new} BROKEN: {'; '.join(words)}" if new or words else "ok"
    print(f"{name:32} {flowed:6.1f} s  {verdict}", file=sys.stderr, flush=True)  # noqa: T201
    return words


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m edge faults", description=__doc__)
    parser.add_argument("--count", type=_at_least_one, required=True, help="how many faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="durations at full length")
    parser.add_argument("--only", action="append", default=[], help="this fault, by its name")
    parser.add_argument("--data", type=Path, default=Path(".c2m/faults"), help="logs and totals")
    parser.add_argument("--uplink", choices=("http", "nats"), default="http", help="way of batches")
    parser.add_argument("--plant", type=Path, default=PLANT)
    parser.add_argument("--line", default=LINE)
    return parser
