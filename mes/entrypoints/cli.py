"""`c2m`: the command line of the plant's IT.

Each command imports what it needs when it runs: `c2m --help` answers at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mes.entrypoints.cli_plan import plan
from mes.entrypoints.terminal import (
    SERVICE_WAITS_S,
    console,
    dsn_of,
    dsn_that_answers,
    errors,
    refuse,
    settings_of,
)

app = typer.Typer(
    help="C2M: manufacturing execution for car plants that build to order.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
check_app = typer.Typer(help="Is this installation able to work?", invoke_without_command=True)
orders_app = typer.Typer(help="Orders.", no_args_is_help=True)
models_app = typer.Typer(help="Models of the cameras.", no_args_is_help=True)
agents_app = typer.Typer(help="How agents prove who they are.", no_args_is_help=True)
app.add_typer(check_app, name="check")
app.add_typer(orders_app, name="orders")
app.add_typer(models_app, name="models")
app.add_typer(agents_app, name="agents")


def main() -> None:
    """Run a command; a problem is one sentence on stderr and exit status 1, never a traceback."""
    try:
        app()
    except Exception as error:
        _refuse_for(error)
        raise


def _refuse_for(error: Exception) -> None:
    """End with what an error means to who typed the command; return when it is an error of ours."""
    import psycopg
    from pydantic import ValidationError

    from mes.contracts.plant_file import PlantFileError
    from mes.platform.embedded import EmbeddedPostgresError
    from mes.platform.errors import Problem

    match error:
        case Problem() | PlantFileError() | EmbeddedPostgresError():
            refuse(str(error))
        case psycopg.OperationalError():
            refuse(
                f"The database does not answer: {(str(error).splitlines() or [''])[0]}. Start the plant (c2m"
                " demo), or set C2M_DB__DSN to a running server."
            )
        case ValidationError():
            for found in error.errors():
                name = "C2M_" + "__".join(str(part) for part in found["loc"]).upper()
                errors.print(f"[bold red]✗[/] {name}: {escape(found['msg'])}", highlight=False)
            sys.exit(1)


@app.command()
def demo(
    orders: Annotated[
        Path | None,
        typer.Option(help="A ROADEF 2005 instance directory to take the order book from."),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget the plant's data and start over.")
    ] = False,
    speed: Annotated[
        float, typer.Option(min=0.1, max=600, help="Plant seconds in a real second.")
    ] = 60.0,
    plant: Annotated[Path | None, typer.Option(help="Another plant file than the demo's.")] = None,
    cars: Annotated[
        int, typer.Option(min=10, max=20_000, help="Orders of the generated book.")
    ] = 1_600,
    seed: Annotated[int, typer.Option(help="Same seed, same plant.")] = 1,
) -> None:
    """Run the whole plant: database, server, worker, four shops, one edge agent a line. Ctrl-C stops it."""
    from mes.entrypoints.demo import run_demo
    from mes.entrypoints.demo.options import DemoOptions

    settings = settings_of("demo")
    options = DemoOptions(
        orders=orders, reset=reset, speed=speed, plant=plant, cars=cars, seed=seed
    )
    run_demo(settings, options)


@app.command()
def serve() -> None:
    """Run the API and the web UI."""
    settings = settings_of("api")
    dsn = dsn_that_answers(settings, within_s=SERVICE_WAITS_S)
    from mes.entrypoints.api import run

    run(settings, dsn)


@app.command()
def worker() -> None:
    """Run event handlers and background jobs."""
    settings = settings_of("worker")
    dsn = dsn_that_answers(settings, within_s=SERVICE_WAITS_S)
    from mes.entrypoints import worker as work

    work.main(settings, dsn)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def edge(context: typer.Context) -> None:
    """Run an edge agent (`python -m edge`); `c2m edge browse URL` looks at a server and proposes a tag map."""
    os.execv(sys.executable, [sys.executable, "-m", "edge", *context.args])  # noqa: S606


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sim(context: typer.Context) -> None:
    """Run a simulated shop (`python -m plc_sim`)."""
    os.execv(sys.executable, [sys.executable, "-m", "plc_sim", *context.args])  # noqa: S606


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this software."""
    from mes.db.revision import bring_up

    settings = settings_of("migrate")
    revision = bring_up(dsn_of(settings))
    console.print(f"The database has schema {revision}.")


@check_app.callback()
def check(context: typer.Context) -> None:
    """Look at settings, database, schema, plant and models."""
    if context.invoked_subcommand is not None:
        return
    from mes.entrypoints.check import check as findings

    settings = settings_of("check")
    failed = False
    for finding in findings(settings, dsn_of(settings)):
        mark = "[green]✓[/]" if finding.ok else "[bold red]✗[/]"
        console.print(f"{mark} {finding.subject:<9} {finding.sentence}", highlight=False)
        failed = failed or not finding.ok
    raise typer.Exit(1 if failed else 0)


@check_app.command("plant")
def check_plant(file: Annotated[Path, typer.Argument(help="A plant file (TOML).")]) -> None:
    """Explain what is wrong with a plant file: each problem with its line and its rule."""
    from mes.contracts.plant_file import load_plant

    plant = load_plant(file)
    stations = sum(len(line.stations) for line in plant.lines)
    console.print(
        f"[green]✓[/] {file.name}: {len(plant.shops)} shops, {len(plant.lines)} lines, "
        f"{stations} stations, {len(plant.panels)} panels, {len(plant.ratio_rules)} ratio rules",
        highlight=False,
    )


@orders_app.command("import")
def import_orders(
    path: Annotated[
        Path, typer.Argument(help="A CSV file, or a ROADEF 2005 instance directory.", exists=True)
    ],
    channel: Annotated[str, typer.Option(help="Channel of the rows that name none.")] = "file",
    seed: Annotated[int, typer.Option(help="Draws what a ROADEF day lacks.")] = 1,
) -> None:
    """Place orders: the good rows go in, each bad one is told with its row, field and reason."""
    dsn = dsn_that_answers(settings_of("orders"))
    from mes.entrypoints import commands

    report = asyncio.run(commands.import_orders(dsn, path, channel=channel, seed=seed))
    for problem in report.rejected:
        errors.print(
            f"[bold red]✗[/] row {problem.row}, {problem.field} {escape(repr(problem.value))}: "
            f"{escape(problem.reason.en)}",
            highlight=False,
        )
    console.print(f"{len(report.accepted)} orders placed, {len(report.rejected)} rows refused.")
    raise typer.Exit(1 if report.rejected else 0)


@models_app.command("register")
def register_model(
    package: Annotated[
        Path, typer.Argument(help="A package folder, as `qc_vision train` writes it.", exists=True)
    ],
) -> None:
    """Register a model package, so that it can look on at cameras and judge there later."""
    settings = settings_of("models")
    dsn = dsn_that_answers(settings)
    from mes.entrypoints import commands

    model = asyncio.run(commands.register_model(dsn, settings, package))
    console.print(f"{model.title} is registered as {model.package_sha256}", highlight=False)


@agents_app.command("code")
def issue_code(line: Annotated[str, typer.Argument(help="The line whose agent enrols.")]) -> None:
    """Issue a one-time enrolment code; it is printed once and works for seven days."""
    from mes.entrypoints import agents

    settings = settings_of("agents")
    console.print(asyncio.run(agents.issue_code(dsn_that_answers(settings), line)), highlight=False)


@agents_app.command("certify")
def certify_agent(
    line: Annotated[str, typer.Argument(help="The line whose agent gets the certificate.")],
    out: Annotated[Path, typer.Option(help="File (PEM) for the certificate and its key.")],
    request: Annotated[
        Path | None,
        typer.Option(
            help="A request (PKCS 10, PEM) for a key that stays where it is.", exists=True
        ),
    ] = None,
) -> None:
    """Issue a client certificate for a line's agent (TLS); without a request the key is in the file, too."""
    from mes.entrypoints import agents

    settings = settings_of("agents")
    issued = asyncio.run(agents.certify(dsn_that_answers(settings), settings, line, request))
    agents.write_bundle(out, issued)
    console.print(
        f"{out}: {issued.fingerprint.hex()}, valid until {issued.certificate.not_valid_after_utc:%Y-%m-%d}",
        highlight=False,
    )


@agents_app.command("register")
def register_certificate(
    line: Annotated[str, typer.Argument(help="The line whose agent it belongs to.")],
    certificate: Annotated[Path, typer.Argument(help="A certificate (PEM).", exists=True)],
) -> None:
    """Let a certificate of another authority (C2M_HTTP__TLS__CLIENT_CA) speak for a line's agent."""
    from mes.entrypoints import agents

    settings = settings_of("agents")
    fingerprint = asyncio.run(agents.register(dsn_that_answers(settings), line, certificate))
    console.print(f"{fingerprint} speaks for the agent of {line}.", highlight=False)


@agents_app.command("revoke")
def revoke_agent(
    line: Annotated[str, typer.Argument(help="The line of the agent.")],
    certificate: Annotated[
        str | None, typer.Option(help="Only the certificate of this fingerprint.")
    ] = None,
) -> None:
    """Believe the tokens and certificates of a line's agent no more, from its next request on."""
    from mes.entrypoints import agents

    settings = settings_of("agents")
    count = asyncio.run(agents.revoke(dsn_that_answers(settings), line, certificate))
    console.print(f"{count} withdrawn.")


app.command()(plan)


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write database and images into one file, while the plant runs."""
    from mes.entrypoints.backup import backup as make

    settings = settings_of("backup")
    size = make(settings, dsn_of(settings), target)
    console.print(f"Wrote {target} ({size / 1e6:.1f} MB).")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `c2m backup` wrote.", exists=True)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite the plant that is in the database.")
    ] = False,
) -> None:
    """Bring a backup back; stop the plant's processes first (the database has to run)."""
    from mes.entrypoints.backup import restore as bring_back

    settings = settings_of("restore")
    bring_back(settings, dsn_of(settings), source, replace=replace)
    console.print(f"Restored {source}.")
