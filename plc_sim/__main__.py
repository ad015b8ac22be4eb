"""`python -m plc_sim`: run the lines of a plant, or plant a fault in them; `load`: a server for benchmarks."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mes.contracts.plant import Line, PlantModel
from mes.contracts.plant_file import PlantFileError, load_plant, with_ports
from mes.contracts.warm_start import WarmStart
from plc_sim.faults import NoSuchLine, fault_adapter, plant_fault
from plc_sim.load.server import main as load
from plc_sim.opcua.security import LineSecurity
from plc_sim.plant_clock import follow, mes_clock, own_clock
from plc_sim.shop import Shop


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["load"]:
        return load(given[1:])
    options = _parser().parse_args(given)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("asyncua.server.server").setLevel(logging.ERROR)  # it warns of loopback links
    if options.command == "fault":
        return _fault(options)
    try:
        plant = load_plant(options.plant)
    except PlantFileError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the answer of a command line
        return 2
    if options.base_port is not None:
        plant = with_ports(plant, options.base_port)
    lines = [line for line in plant.lines if line.shop in options.shop or line.id in options.line]
    if not lines:
        known = ", ".join(f"{line.shop}/{line.id}" for line in plant.lines)
        print(f"no such shop or line; known: {known}", file=sys.stderr)  # noqa: T201
        return 2
    options.data.mkdir(parents=True, exist_ok=True)
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(plant, lines, options))
    return 0


async def _run(plant: PlantModel, lines: list[Line], options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: task and task.cancel())
    followers: list[asyncio.Task[None]] = []
    try:
        if options.clock_url:
            clock = await mes_clock(options.data, options.clock_url)
            followers.append(asyncio.create_task(follow(clock, options.data, options.clock_url)))
        else:
            start = WarmStart.load(options.data) if options.warm else None
            clock = own_clock(
                options.data, factor=options.factor, plant_at=start.plant_at if start else None
            )
        shop = Shop(
            plant,
            lines,
            options.data,
            clock,
            seed=options.seed,
            cache=options.cache or options.data,
            security=partial(_security, options),
        )
        await shop.run(warm=options.warm, ready=lambda: print("ready", flush=True))  # noqa: T201
    except asyncio.CancelledError:
        pass
    finally:
        for follower in followers:
            follower.cancel()


def _security(options: argparse.Namespace, line: Line) -> LineSecurity | None:
    if options.security == "none":
        return None
    also = [Path(str(folder).format(line=line.id)) for folder in options.trust]
    return LineSecurity(options.data / "pki" / line.id, line.id, also)


def _fault(options: argparse.Namespace) -> int:
    given: dict[str, Any] = {"kind": options.kind}
    for setting in options.settings:
        name, _, value = setting.partition("=")
        given[name] = value
    try:
        fault = fault_adapter.validate_python(given)
        for line in options.line:
            plant_fault(options.data, line, fault)
    except ValidationError as error:
        for found in error.errors():
            setting = ".".join(str(part) for part in found["loc"][1:]) or options.kind
            print(f"{setting}: {found['msg']}", file=sys.stderr)  # noqa: T201
        return 2
    except NoSuchLine as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plc_sim", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the lines of a shop")
    run.add_argument("--plant", type=Path, required=True, help="the plant file")
    run.add_argument("--shop", action="append", default=[], help="every line of this shop")
    run.add_argument("--line", action="append", default=[], help="this line")
    run.add_argument("--data", type=Path, required=True, help="folder that all lines share")
    run.add_argument("--cache", type=Path, help="where imported nodesets are kept; default: --data")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--base-port", type=int, help="ports from here on instead of the plant file's")
    run.add_argument("--warm", action="store_true", help="begin with the bodies of warm.json")
    run.add_argument(
        "--security",
        choices=("sign_and_encrypt", "none"),
        default="sign_and_encrypt",
        help="encrypted endpoints alone, or (none) the open channel alone",
    )
    run.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        help="folder with certificates of clients that are believed; {line} stands for the line",
    )
    time = run.add_mutually_exclusive_group(required=True)
    time.add_argument("--clock-url", help="the MES's plant clock: …/agent/v1/clock")
    time.add_argument("--factor", type=float, help="plant seconds in a real second, without a MES")
    fault = commands.add_parser("fault", help="plant a fault in running lines")
    fault.add_argument("kind", help="drop_tcp, hang, down, misread, force_defect, camera_text, …")
    fault.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    fault.add_argument("--data", type=Path, required=True)
    fault.add_argument("--line", action="append", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
