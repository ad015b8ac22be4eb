"""`python -m aps`: plan a problem file, check a plan, solve published instances, run the benchmarks."""

import argparse
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from aps import problem as problems
from aps import schedule as schedules
from aps.errors import FileError, ProblemError
from aps.schedule import Schedule

T = TypeVar("T")
_MOST = 1_000_000_000
"""The largest seed and number: with room for what is added to a seed, below 2³¹."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 when done, 1 when a plan breaks rules, 2 when the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m aps", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="plan a problem file and print its figures")
    plan.add_argument("problem", type=Path)
    plan.add_argument("--out", type=Path, help="write the schedule here")
    plan.add_argument("--seconds", type=_seconds, default=10.0, help="0: the first plan found")
    plan.add_argument("--seed", type=_seed, default=0)
    checked = commands.add_parser("check", help="check a schedule against its problem")
    checked.add_argument("problem", type=Path)
    checked.add_argument("schedule", type=Path)
    solved = commands.add_parser(
        "solve", help="solve a ROADEF 2005 directory, a CSPLib file or a .fjs job shop"
    )
    solved.add_argument("instance", type=Path, metavar="DIR_OR_FILE")
    solved.add_argument("--seconds", type=_positive, default=60.0, help="in all; never more")
    solved.add_argument("--workers", type=_at_least_one, default=os.cpu_count() or 1, help="cores")
    solved.add_argument("--seed", type=_seed, default=0)
    solved.add_argument("--out", type=Path, help="write the solution here")
    solved.add_argument("--name", help="which instance of a CSPLib file that holds several")
    bench = commands.add_parser("bench", help="run the benchmarks beside their goals")
    bench.add_argument("--subset", action="store_true", help="fewer and shorter, within 15 minutes")
    bench.add_argument("--only", default="", help="the families whose name holds this")
    bench.add_argument("--workers", type=_at_least_one, default=2, help="cores of each solve")
    bench.add_argument("--seed", type=_seed, default=1)
    bench.add_argument("--no-peer", action="store_true", help="do not run the peers beside")
    bench.add_argument(
        "--cpu-clock", action="store_true", help="count the processor's seconds, on a busy machine"
    )
    bench.add_argument("--results", type=Path, help="keep the results here and resume from it")
    scale = commands.add_parser("scale", help="time and memory of whole plans against their size")
    scale.add_argument(
        "--sizes", type=_at_least_one, nargs="+", metavar="CARS", help="cars to build"
    )
    scale.add_argument("--seconds", type=_positive, default=30.0, help="of each solve")
    options = parser.parse_args(arguments)
    try:
        if options.command == "plan":
            return _plan(options.problem, options.out, options.seconds, options.seed)
        if options.command == "check":
            return _check(options.problem, options.schedule)
        if options.command == "solve":
            return _solve(options)
        if options.command == "scale":
            return _scale(options)
    except (ProblemError, OSError) as error:
        _say(f"error: {error}")
        return 2
    return _bench(options)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value


def _positive(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return value


def _at_least_one(text: str) -> int:
    return _whole(text, least=1)


def _seed(text: str) -> int:
    return _whole(text, least=0)


def _whole(text: str, *, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not least <= value <= _MOST:
        sentence = f"{text!r} is not a whole number from {least} to {_MOST}"
        raise argparse.ArgumentTypeError(sentence)
    return value


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], bool]]:
    """Return whether a Ctrl-C or a TERM has come; both have their old meaning again afterwards."""
    stopped = threading.Event()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, lambda *_: stopped.set())
    try:
        yield stopped.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _solve(options: argparse.Namespace) -> int:
    """Solve an instance; the last line printed is one JSON object, also where the input is wrong.

    Ctrl-C or a TERM ends the search at once; what was found so far is written.
    """
    from aps.formats.roadef import name_of
    from aps.published import Effort, read, solve_published, warm_up  # brings the compiler in

    place: Path = options.instance
    name = place.stem if place.is_file() else name_of(place)
    try:
        instance = read(options.instance, name=options.name)
        _refuse_what_cannot_be_written(options.out)
        warm_up()  # the very first start compiles the kernels; that is not the solve's time
        began = time.monotonic()
        with _told_to_stop() as cancelled:
            effort = Effort(
                seconds=options.seconds,
                workers=options.workers,
                seed=options.seed,
                cancel=cancelled,
                on_better=lambda figures: _say(
                    f"{time.monotonic() - began:8.2f} s  "
                    + "  ".join(f"{key} {value}" for key, value in figures.items())
                ),
            )
            solved = solve_published(instance, effort)
        if options.out is not None:
            _write(options.out, solved.text)
    except (ProblemError, OSError) as error:
        _say(f"error: {error}")
        _say(json.dumps({"instance": name, "status": "ERROR", "error": str(error)}))
        return 2
    _say(json.dumps(solved.figures))
    return 0


def _refuse_what_cannot_be_written(out: Path | None) -> None:
    """Say before a solve, not after it, that its result has no place."""
    if out is None:
        return
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"{out}: there is no such directory to write to")
    if out.is_dir():
        raise IsADirectoryError(f"{out}: is a directory, not a file to write to")


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OSError(f"{out} cannot be written: {error.strerror}") from error


def _read(file: Path, reader: Callable[[str], T]) -> T:
    """Read a problem or a schedule. Raises `FileError` that names the file and the field at fault."""
    try:
        return reader(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FileError("file.unreadable", str(file), f"is not UTF-8 text: {error}") from error
    except ProblemError as error:
        raise FileError(error.code, f"{file}: {error.subject}", error.sentence) from error


def _figures(schedule: Schedule) -> None:
    kpis = schedule.kpis
    for name in type(kpis).__slots__:
        _say(f"{name:24} {getattr(kpis, name)}")
    for left_out in schedule.unplaced:
        _say(f"left out: {left_out.car_id}: {left_out.sentence}")


def _plan(problem_file: Path, out: Path | None, seconds: float, seed: int) -> int:
    from aps.solve import Budget, solve  # brings solvers and compiler in

    problem = _read(problem_file, problems.from_json)
    _refuse_what_cannot_be_written(out)
    schedule = solve(problem, budget=Budget(wall_s=seconds, seed=seed))
    _figures(schedule)
    if out is not None:
        _write(out, schedules.to_json(schedule))
    return _report(problem, schedule)


def _check(problem_file: Path, schedule_file: Path) -> int:
    problem = _read(problem_file, problems.from_json)
    schedule = _read(schedule_file, schedules.from_json)
    return _report(problem, schedule)


def _report(problem: problems.Problem, schedule: Schedule) -> int:
    from aps.check import check

    violations = check(problem, schedule)
    for violation in violations:
        _say(f"{violation.code}: {violation.sentence}")
    _say(f"{len(violations)} violations")
    return 1 if violations else 0


def _scale(options: argparse.Namespace) -> int:
    """Print a row for each size; 1 if a plan breaks rules."""
    from aps.bench.scale import SIZES, scale

    _say("   cars  first s  solve s   CPU s  check s    MB  broken  out   late  ratio  colours")
    broken = 0
    for one in scale(options.sizes or SIZES, seconds=options.seconds):
        broken += one.violations
        _say(
            f"{one.cars:7} {one.first_s:8.1f} {one.solve_s:8.1f} {one.cpu_s:7.1f} "
            f"{one.check_s:8.1f} {one.peak_mb:5} {one.violations:7} {one.left_out:4} "
            f"{one.late:6} {one.ratio:6} {one.color_changes:8}"
        )
    return 1 if broken else 0


def _bench(options: argparse.Namespace) -> int:
    from aps.bench.run import KEPT, Measuring, run  # the benchmarks are not needed to plan

    measuring = Measuring(
        subset=options.subset,
        workers=options.workers,
        seed=options.seed,
        cpu_clock=options.cpu_clock,
        peers=not options.no_peer,
        only=options.only,
        kept=options.results or KEPT,
    )
    _say(f"{'family':16} {'instance':30} {'seconds':>8}  {'result':78} goal")
    measured = False
    for row in run(measuring):
        measured = True
        _say(f"{row.family:16} {row.name:30} {row.seconds:8.2f}  {row.result:78} {row.goal}")
    if not measured:
        _say(f"error: no family's name holds {options.only!r}")
    return 0 if measured else 2


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `… | head` ends it without a word
    sys.exit(main())
