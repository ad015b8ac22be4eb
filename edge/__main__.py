"""`python -m edge --mes URL --data DIR [--code-file PATH]`: one agent beside one line.

`python -m edge faults --count N --seed S`: the fault campaign (`edge.faults`).
`python -m edge browse URL`: what a server offers, and a tag map proposed for it (`edge.browse`).
`python -m edge bench [--subset]`: how fast all of it is, beside its goals (`edge.bench`).
"""

# What an agent needs is imported once its options are read: `--help` and a mistyped option answer at once.

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from edge.settings import EdgeSettings

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an agent, or one of the commands beside it; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["faults"]:
        from edge.faults.campaign import main as campaign

        return campaign(given[1:])
    if given[:1] == ["browse"]:
        from edge.browse import main as browse

        return browse(given[1:])
    if given[:1] == ["bench"]:
        from edge.bench.__main__ import main as bench

        return bench(given[1:])
    options = {k: v for k, v in vars(_parser().parse_args(given)).items() if v is not None}
    if "nats" in options:
        options["nats"] = {"url": options["nats"]}
    return _run(options)


def _run(options: dict[str, Any]) -> int:
    """Run an agent with these options until it is told to end; return the exit status."""
    import asyncio

    from pydantic import ValidationError

    from edge.enrolment import NotEnrolled
    from edge.identity import FolderInUse, FolderUnusable
    from edge.mes_tls import TlsUnusable
    from edge.settings import CodeUnreadable, EdgeSettings

    _log_lines()
    try:
        settings = EdgeSettings(**options)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        print(f"edge: {problems}", file=sys.stderr)  # noqa: T201
        return USAGE_ERROR
    try:
        asyncio.run(_until_signalled(settings))
    except (NotEnrolled, FolderInUse, FolderUnusable, CodeUnreadable, TlsUnusable) as error:
        print(f"edge: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _until_signalled(settings: EdgeSettings) -> None:
    import asyncio
    import os
    import signal

    from edge.agent import run_agent
    from edge.service_manager import ServiceManager

    agent = asyncio.ensure_future(run_agent(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, agent.cancel)
    async with ServiceManager(os.environ).kept_informed():
        await agent


def _log_lines() -> None:
    """One JSON object a line on standard error; httpx's line per request is left out."""
    import logging

    import structlog

    from edge.opcua.link import quiet_asyncua

    quiet_asyncua()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing(sys.stderr))),
    )


class _Unfailing:
    """A text stream that drops what it cannot write: a full disk must not end the agent through its log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m edge", description=__doc__)
    add: Any = parser.add_argument
    add("--mes", help="address of the MES (C2M_EDGE__MES)")
    add("--data", help="folder of journal, token and pictures (C2M_EDGE__DATA)")
    add("--mes-ca", help="authorities (PEM) from which the MES's certificate is believed")
    add("--client-certificate", help="certificate (PEM, with its key) that proves who the agent is")
    add("--client-key", help="its key, where it is in a file of its own")
    add("--code-file", help="file with the one-time enrolment code (C2M_EDGE__CODE_FILE)")
    add("--code", help="the code itself, where no process list is a danger (C2M_EDGE__CODE)")
    add("--nats", help="NATS server that batches go through (C2M_EDGE__NATS__URL)")
    add("--metrics-port", type=int, help="serve Prometheus metrics on this loopback port")
    add("--security", help="OPC UA security policy of the link, or None (C2M_EDGE__SECURITY)")
    add("--trust", action="append", help="folder with certificates of lines that are trusted")
    add("--user", help="user of the session with the line; its password in --password-file")
    add("--password-file", help="file with the password of the line's user")
    add("--packages", help="folder of model packages beside the shipped ones")
    return parser


if __name__ == "__main__":
    sys.exit(main())
