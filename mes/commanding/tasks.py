"""What the worker does for commands: keep what lines answer."""

from __future__ import annotations

from mes.commanding import service
from mes.contracts.events import CommandDone
from mes.events.handlers import HandlerContext, handles
from mes.events.model import Event
from mes.platform.db import WriteConn


@handles("commanding-answers", on=(CommandDone,))
async def on_answer(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A line has answered a command: keep it if a person asked."""
    await service.answered(conn, event.of(CommandDone), at=event.plant_at)
