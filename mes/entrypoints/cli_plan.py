"""`c2m plan`: the plant's plan versions, or a file planned without any plant."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from mes.entrypoints.terminal import console, dsn_that_answers, errors, settings_of

_FIGURES = ("cars_planned", "late_cars", "ratio_violations_high", "color_changes", "purge_s")


def plan(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Plan this instead of the plant: a problem (JSON), a ROADEF 2005 directory, a CSPLib file or a "
            ".fjs job shop.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With FILE: write the schedule here.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="With FILE: how long to plan.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="With an instance: cores.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="With FILE: where the chance begins.", show_default=False)
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="With a CSPLib file of several: which of them.", show_default=False),
    ] = None,
    solve: Annotated[bool, typer.Option("--solve", help="Solve now; a worker has to run.")] = False,
    publish: Annotated[int | None, typer.Option(help="Publish the draft of this number.")] = None,
    note: Annotated[str, typer.Option(help="Why, for those who look at it later.")] = "",
    snapshot: Annotated[
        Path | None,
        typer.Option(
            help="Write the problem of the newest version here, to plan it as FILE.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the newest plan versions; solve one, publish a draft, or plan a file without any plant."""
    given = {"out": out, "seconds": seconds, "workers": workers, "seed": seed, "name": name}
    asked = [f"--{key}={value}" for key, value in given.items() if value is not None]
    of_plant = solve or publish is not None or snapshot is not None
    if file is not None and of_plant:
        raise typer.BadParameter(
            "a file is planned without the plant: no --solve, --publish or --snapshot"
        )
    if file is not None:
        _plan_file(file, asked)
    if asked:
        raise typer.BadParameter(f"{asked[0].partition('=')[0]} goes with a FILE to plan")

    settings = settings_of("plan")
    dsn = dsn_that_answers(settings)
    from mes.entrypoints import commands

    if snapshot is not None:
        version, problem = asyncio.run(commands.newest_problem(dsn))
        snapshot.write_text(problem, encoding="utf-8")
        console.print(f"The problem of plan {version.number} is in {snapshot}.", highlight=False)
        return
    if publish is not None:
        done = asyncio.run(commands.publish(dsn, settings, publish, note=note))
        console.print(f"Plan {done.number} is published.")
        return
    if solve:
        with console.status("Solving …"):
            solved = asyncio.run(commands.solve(dsn, settings))
        if solved.failure:
            errors.print(f"[bold red]✗[/] {escape(solved.failure)}", highlight=False)
            raise typer.Exit(1)
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in (
        "plan",
        "state",
        "cause",
        "cars",
        "late",
        "ratio violations (high)",
        "colour changes",
        "purging, s",
    ):
        table.add_column(column)
    for version in asyncio.run(commands.latest_plans(dsn, limit=10)):
        kpis = version.kpis or {}
        facts = (kpis.get(k, "") for k in _FIGURES)
        table.add_row(str(version.number), version.state, version.cause, *map(str, facts))
    console.print(table)


def _plan_file(file: Path, options: list[str]) -> NoReturn:
    """Let the planning library plan a problem or an instance; its exit status is ours."""
    command = "plan" if file.suffix.lower() == ".json" else "solve"
    os.execv(sys.executable, [sys.executable, "-m", "aps", command, *options, "--", str(file)])  # noqa: S606
