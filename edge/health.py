"""How the agent is: the heartbeat to the MES, and Prometheus metrics on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from edge.backoff import Trouble
from edge.images import ImageFolder
from edge.journal import Journal
from edge.ledger import LedgerReader
from edge.line import Line
from edge.mes_client import MesAway, MesClient, MesRefused, software
from edge.opcua.security import LinkSecurity
from edge.telemetry import Collector
from mes.contracts.agent import AgentConfig, Heartbeat, LinkState, RefusedConfig
from mes.contracts.dispatch import CommandKind
from mes.contracts.quality import Verdict

HEARTBEAT_S = 5.0
KNOWN_KINDS = tuple(kind.value for kind in CommandKind if kind is not CommandKind.UNKNOWN)
"""What this version answers; the MES sends no other commands."""
_PAGE_HEAD = (
    b"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n"
)


@dataclass(slots=True)
class Health:
    """Gathers what the parts of an agent know of themselves."""

    config: AgentConfig
    line: Line
    collector: Collector
    ledger: LedgerReader
    journal: Journal
    images: ImageFolder
    security: LinkSecurity
    fenced: Callable[[], bool]
    refused: Callable[[], RefusedConfig | None]
    trouble: Trouble = field(default_factory=lambda: Trouble("heartbeat"))
    _before: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    def beat(self) -> Heartbeat:
        """Return the state of the agent now."""
        link = self.line.health
        return Heartbeat(
            epoch=self.config.epoch,
            software=software(),
            config_version=self.config.version,
            sent_at=datetime.now(UTC),
            link=LinkState(
                connected=link.connected,
                since=link.since,
                last_data_at=link.last_data_at,
                detail=self.detail(),
                skew_ms=link.skew_ms,
                polled=link.polled,
            ),
            journal_bytes=self.journal.size.bytes,
            journal_batches=self.journal.size.batches,
            images_waiting=self.images.waiting,
            gaps=self.journal.size.gaps,
            values_per_s=self._rate(),
            inspections=sum(self.line.verdicts.values()),
            late=self.line.verdicts[Verdict.LATE],
            certificates=self.security.trust.states(),
            unusable_models=self.line.shelf.health(),
            commands=KNOWN_KINDS,
            refused_config=self.refused(),
            conditions=len(self.line.alarms),
            alarm_states_merged=self.line.alarms.merged,
        )

    async def send_forever(self, mes: MesClient) -> None:
        """Send a heartbeat every few seconds, and at once when the line is found or lost."""
        changed = self.line.link_changed
        while True:
            changed.clear()
            try:
                await mes.heartbeat(self.beat())
                self.trouble.over()
            except (MesAway, MesRefused) as error:
                self.trouble.failed(str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), HEARTBEAT_S)

    def metrics(self) -> str:
        """Return the metrics in Prometheus' text format."""
        link, size = self.line.health, self.journal.size
        values: dict[str, float] = {
            "c2m_edge_connected": float(link.connected),
            "c2m_edge_reconnects_total": float(max(link.reconnects, 0)),
            "c2m_edge_bad_nodes": float(link.bad_nodes),
            "c2m_edge_polled": float(bool(link.polled)),
            "c2m_edge_conditions": float(len(self.line.alarms)),
            "c2m_edge_alarm_states_merged_total": float(self.line.alarms.merged),
            "c2m_edge_events_dropped_total": float(self.line.alarms.dropped),
            "c2m_edge_publish_round_trip_seconds": link.publish_round_trip_s,
            "c2m_edge_values_total": float(self.collector.values),
            "c2m_edge_skew_seconds": (link.skew_ms or 0.0) / 1000,
            "c2m_edge_ledger_last": float(self.ledger.last),
            "c2m_edge_journal_bytes": float(size.bytes),
            "c2m_edge_journal_batches": float(size.batches),
            "c2m_edge_gaps_total": float(size.gaps),
            "c2m_edge_images_waiting": float(self.images.waiting),
            "c2m_edge_images_given_up_total": float(self.images.given_up),
            "c2m_edge_fenced": float(self.fenced()),
        }
        days_left = self.security.own_days_left(now=datetime.now(UTC))
        if days_left is not None:
            values["c2m_edge_certificate_days_left"] = days_left
        label = f'{{line="{self.config.interface.line}"}}'
        lines = [f"{name}{label} {value:g}" for name, value in values.items()]
        lines += [
            f'c2m_edge_inspections_total{{line="{self.config.interface.line}",verdict="{verdict.value}"}} {count}'
            for verdict, count in self.line.verdicts.items()
        ]
        return "\n".join(lines) + "\n"

    async def serve_metrics(self, port: int, *, on_ready: Callable[[int], None]) -> None:
        """Answer `GET /metrics` on a loopback port until cancelled; port 0 lets the system choose."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", port)
        on_ready(int(server.sockets[0].getsockname()[1]))
        async with server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                found = head.startswith(b"GET /metrics ")
                page = self.metrics().encode() if found else b"not found\n"
                status = b"200 OK" if found else b"404 Not Found"
                writer.write(_PAGE_HEAD % (status, len(page)) + page)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a scraper that hangs up is no news
        finally:
            writer.close()

    def detail(self) -> str:
        notes = [
            self.line.trouble.reason,
            self.ledger.problem,
            f"{self.line.health.bad_nodes} nodes are refused"
            if self.line.health.bad_nodes
            else None,
            _tags(self.collector.not_numbers),
            "fenced: a newer copy of this agent exists" if self.fenced() else None,
        ]
        return "; ".join(note for note in notes if note)

    def _rate(self) -> float:
        now, values = time.monotonic(), self.collector.values
        before_at, before = self._before
        self._before = (now, values)
        return (values - before) / max(now - before_at, 1e-3)


def _tags(names: set[str]) -> str | None:
    return f"not a number: {', '.join(sorted(names))}" if names else None
