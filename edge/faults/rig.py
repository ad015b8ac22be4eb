"""The processes of a campaign and the cables between them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from edge.faults.broker import Broker
from edge.faults.ledger import LedgerReader
from edge.faults.line_server import USER
from edge.faults.processes import START_S, Child
from edge.faults.proxy import BatchProxy, Proxy
from edge.opcua.certificates import (
    OwnCertificates,
    application_uri,
    make_certificate,
    thumbprint,
    write_private,
)
from edge.opcua.trust import TrustList
from mes.contracts.line_layout import line_interface
from mes.contracts.plant_file import load_plant, with_ports

PORTS = 30
HISTORY = 200
"""Values of each tag that the line keeps for HistoryRead, ten seconds; at every second start of it none."""
LINE_URI = "urn:c2m:faults:line"


class Rig:
    """One line, one agent, one MES, one database, all below one folder; use as a context.

    Args:
        plant: the plant file; `line` is one of its lines without cameras.
        over_nats: batches go through a broker beside it.
    """

    def __init__(self, folder: Path, plant: Path, line: str, *, over_nats: bool = False) -> None:
        self.folder, self._plant_file, self._line = folder, plant, line
        folder.mkdir(parents=True, exist_ok=True)
        self._base = _free_ports(PORTS)
        model = with_ports(load_plant(plant), self._base)
        self.interface = line_interface(model, model.line(line))
        self._line_port, self._mes_port, self._mes_behind, broker_port, broker_behind = (
            self._base + PORTS - number for number in (1, 2, 3, 4, 5)
        )
        proxied = int(self.interface.endpoint.rpartition(":")[2])
        self.to_line = Proxy(proxied, self._line_port)
        self.to_mes = BatchProxy(self._mes_port, self._mes_behind)
        self.broker = Broker(folder, broker_behind) if over_nats else None
        self.to_broker = Proxy(broker_port, broker_behind) if over_nats else None
        self._broker_url = f"nats://127.0.0.1:{broker_port}"
        self.ledger = LedgerReader(folder / "ledger.jsonl")
        self.home = folder / "edge-1"
        self._copies = 1
        self._line_starts = 0
        self._trial = folder / "trial.json"
        self._env = {"C2M_DATA_DIR": str(folder / "mes"), "OMP_NUM_THREADS": "1"}
        self.dsn = ""

    async def __aenter__(self) -> Rig:
        self._stack = AsyncExitStack()
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every process, the agent first."""
        for name in ("agent", "line", "mes", "database"):
            child: Child | None = getattr(self, name, None)
            if child is not None:
                await asyncio.to_thread(child.stop)
        if self.broker is not None:
            await asyncio.to_thread(self.broker.stop)
        await self._stack.aclose()
        arguments = ["mes.entrypoints.trial", "remove", "--data", str(self.folder / "mes")]
        forget = Child("remove", arguments, self.folder, self._env)
        await asyncio.to_thread(forget.wait)

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.to_line)
        await self._stack.enter_async_context(self.to_mes)
        if self.broker is not None and self.to_broker is not None:
            await self._stack.enter_async_context(self.to_broker)
            await self.broker.start()
        self.trial()
        self.new_line_certificate()
        await self.start_database()
        prepare = Child(
            "prepare",
            [
                *("mes.entrypoints.trial", "prepare", "--data", str(self.folder / "mes")),
                *("--plant", str(self._plant_file), "--base-port", str(self._base)),
                *("--line", self._line),
            ],
            self.folder,
            self._env,
        )
        code = json.loads(await prepare.says('{"code"'))["code"]
        await asyncio.to_thread(prepare.stop)
        await self.start_mes()
        await self.start_line()
        write_private(self.folder / "code", code.encode())
        write_private(self.folder / "password", b"right")
        self.start_agent()

    # -- processes ----------------------------------------------------------------------------

    async def start_database(self) -> None:
        """Start PostgreSQL and wait until it answers."""
        arguments = ["mes.entrypoints.trial", "database", "--data", str(self.folder / "mes")]
        self.database = Child("database", arguments, self.folder, self._env)
        told = json.loads(await self.database.says('{"dsn"'))
        self.dsn, self.database_pid = told["dsn"], int(told["pid"])

    async def start_mes(self) -> None:
        """Start the MES's doors of agents and wait until its port is open."""
        arguments = ["mes.entrypoints.trial", "doors", "--data", str(self.folder / "mes")]
        arguments += ["--port", str(self._mes_behind)]
        if self.broker is not None:
            arguments += ["--nats", self.broker.url]
        self.mes = Child("mes", arguments, self.folder, self._env)
        await self._open(self._mes_behind, self.mes)

    async def start_line(self, *, before: int = 0, lifetime_ms: int | None = None) -> None:
        """Start the line's server (see `edge.faults.line_server`) and wait until it answers."""
        arguments = [
            *("edge.faults.line_server", "--plant", str(self._plant_file)),
            *("--line", self._line, "--base-port", str(self._base)),
            *("--port", str(self._line_port), "--ledger", str(self.folder / "ledger.jsonl")),
            *("--pki", str(self.line_pki), "--before", str(before)),
            *("--history", str(0 if self._line_starts % 2 else HISTORY)),
        ]
        self._line_starts += 1
        if lifetime_ms is not None:
            arguments += ["--lifetime-ms", str(lifetime_ms)]
        self.line = Child("line", arguments, self.folder)
        await self.line.says("ready")

    def start_agent(self) -> None:
        """Start the agent on its folder."""
        arguments = [
            *("edge.faults.agent_on_trial", str(self._trial)),
            *("--mes", f"http://127.0.0.1:{self._mes_port}", "--data", str(self.home)),
            *("--code-file", str(self.folder / "code")),
            *("--user", USER, "--password-file", str(self.folder / "password")),
            *("--trust", str(self.line_pki / "own")),
        ]
        if self.broker is not None:
            arguments += ["--nats", self._broker_url]
        self.agent = Child(f"agent-{self._copies}", arguments, self.folder)
        self.believe_agent()

    def kill_database(self, number: signal.Signals) -> None:
        """Send a signal to PostgreSQL itself."""
        with suppress(ProcessLookupError):
            os.kill(self.database_pid, number)

    def trial(self, **facts: float) -> None:
        """Set what disk and clock of the agent do (see `edge.faults.agent_on_trial`)."""
        draft = self._trial.with_suffix(".new")
        draft.write_text(json.dumps(facts))
        draft.replace(self._trial)

    def copy_agent(self) -> Child:
        """Start a second agent on a copy of the first one's folder; returns the first."""
        first = self.agent
        first.freeze()
        self._copies += 1
        copy = self.folder / f"edge-{self._copies}"
        shutil.copytree(self.home, copy, ignore=shutil.ignore_patterns("lock"))
        first.thaw()
        self.home = copy
        self.start_agent()
        return first

    async def _open(self, port: int, child: Child) -> None:
        async with asyncio.timeout(START_S):
            while True:
                child.must_run()
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(0.1)

    # -- certificates -------------------------------------------------------------------------

    @property
    def line_pki(self) -> Path:
        """Where the line keeps its certificates."""
        return self.folder / "line-pki"

    @property
    def agent_trust(self) -> TrustList:
        """Whom the agent believes, as plant IT sees it."""
        return TrustList(self.home / "pki")

    def new_line_certificate(self, *, days: float = 365.0) -> str:
        """Give the line a new certificate in place of its old one; returns its thumbprint."""
        own = self.line_pki / "own"
        shutil.rmtree(own, ignore_errors=True)
        key, certificate = make_certificate(
            name="line on trial",
            uri=LINE_URI,
            now=datetime.now(UTC) - timedelta(days=2),
            lifetime=timedelta(days=days + 2),
        )
        print_ = thumbprint(certificate)
        write_private(own / f"{print_}.pem", key)
        write_private(own / f"{print_}.der", certificate.public_bytes(Encoding.DER))
        write_private(own / "current", print_.encode())
        return print_

    def believe_agent(self) -> None:
        """Let the line believe whatever certificates the agent has or will have made."""
        target = self.line_pki / "trusted"
        if target.is_symlink():
            target.unlink()
        else:
            shutil.rmtree(target, ignore_errors=True)
        (self.home / "pki" / "own").mkdir(parents=True, exist_ok=True)
        target.symlink_to(self.home / "pki" / "own")

    def renew_agent_certificate(self) -> None:
        """Let the agent have a successor of its certificate, as 30 days before its end."""
        own = OwnCertificates(self.home / "pki" / "own")
        current = own.current()
        assert current is not None  # noqa: S101  # it is connected with it
        own.make(name="agent on trial", uri=application_uri(current.read()), now=datetime.now(UTC))


def _free_ports(count: int) -> int:
    for base in range(21_000 + os.getpid() % 500 * 16, 32_000, count):
        if all(_is_free(base + number) for number in range(count)):
            return base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
