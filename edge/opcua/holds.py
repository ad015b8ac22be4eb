"""Holds of bodies at a line: looked at first, set by the line's own method, read back after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from edge.opcua.answer import ALREADY_DONE, DONE_WORDS, OK, Answer
from edge.opcua.link import Link
from edge.opcua.station_writes import NOT_OFFERED
from mes.contracts.controls import HoldNodes
from mes.contracts.dispatch import Command, ValueChange


class HoldWrites:
    """Holds on one session.

    Args:
        nodes: where the line tells what it holds; None: it does not.
        call: asks the line to hold or free a body, and returns its word.
    """

    def __init__(
        self, link: Link, nodes: HoldNodes | None, call: Callable[[Command], Awaitable[str]]
    ) -> None:
        self._link = link
        self._nodes = nodes
        self._call = call

    async def execute(self, command: Command, *, dry_run: bool) -> Answer:
        """Hold or free a body, or only say what would change.

        Raises:
            CallRefused, UnknownNode: the line refuses the call, or lacks a node.
            OSError, TimeoutError, ua.UaError: the session failed; whether the line acted is not known.
        """
        if self._nodes is None:
            return Answer(NOT_OFFERED) if dry_run else Answer(await self._call(command))
        if command.body_id is None or command.held is None:
            return Answer("missing_body")
        body = str(command.body_id)
        held, present = await self._told(self._nodes)
        if held is None or present is None:
            return Answer("holds_unreadable")
        if body not in present:
            return Answer("unknown_body")
        before = body in held
        change = ValueChange(name="hold", node=self._nodes.held, old=before, new=command.held)
        if before is command.held:
            return Answer(ALREADY_DONE)
        if dry_run:
            return Answer(OK, (change,))
        word = await self._call(command)
        if word in DONE_WORDS:
            after, _ = await self._told(self._nodes)
            word = word if after is not None and (body in after) is command.held else "not_verified"
        return Answer(word, (change,))

    async def _told(self, nodes: HoldNodes) -> tuple[frozenset[str] | None, frozenset[str] | None]:
        """Read whom the line holds and whom it has; None: it does not say."""
        held, present = [
            frozenset(map(str, one.Value.Value or ()))
            if one.Value is not None and (one.StatusCode is None or one.StatusCode.is_good())
            else None
            for one in await self._link.read([nodes.held, nodes.present])
        ]
        return held, present
