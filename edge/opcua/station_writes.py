"""Recipes and interlocks written to a line: looked at first, read back after, never past what the line forbids.

A dry run takes the same looks and leaves the writes out, so what it says is what would be done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from edge.opcua.answer import ALREADY_DONE, DONE_WORDS, OK, Answer
from edge.opcua.link import Link
from mes.contracts.controls import InterlockNodes, Recipe, RecipeNodes, StationControls
from mes.contracts.dispatch import Command, CommandKind, ValueChange

NOT_OFFERED = "not_offered"
STATION_KINDS = frozenset({CommandKind.DOWNLOAD_RECIPE, CommandKind.SET_INTERLOCK})
CURRENT_WRITE = 0b10
"""Bit of `UserAccessLevel` (OPC 10000-3 §8.57)."""
FLOAT_PRECISION = 1e-6
"""Relative; a line may keep its numbers as 32-bit floats."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the line shows of a recipe before it is written."""

    version: str
    running: str
    actual: tuple[Any, ...]


class StationWrites:
    """Recipes and interlocks on one session. Each answers `ok`, `already_done`, or a word why not."""

    def __init__(self, link: Link, controls: StationControls) -> None:
        self._link = link
        self._controls = controls

    async def execute(self, command: Command, *, dry_run: bool) -> Answer:
        """Set what a command says, or only say what would be set.

        Raises:
            CallRefused, UnknownNode: the line refuses a write or a call, or lacks a node.
            OSError, TimeoutError, ua.UaError: the session failed; whether the line acted is not known.
        """
        kind = command.of if dry_run else command.kind
        if kind is CommandKind.DOWNLOAD_RECIPE:
            return await self._download(command, dry_run=dry_run)
        return await self._interlock(command, dry_run=dry_run)

    # -- recipes ------------------------------------------------------------------------------

    async def _download(self, command: Command, *, dry_run: bool) -> Answer:
        recipe = command.recipe
        if recipe is None:
            return Answer("missing_recipe")
        nodes = self._controls.recipe(recipe.station, recipe.variant)
        if nodes is None:
            return Answer(NOT_OFFERED)
        if {one.name for one in nodes.parameters} != {one.name for one in recipe.values}:
            return Answer("incomplete")
        if not all(one.is_within for one in recipe.values):
            return Answer("outside_limits")
        seen = await self._look(nodes)
        changes = _changes(nodes, recipe, seen)
        if not changes:
            return Answer(ALREADY_DONE)
        if seen.running == recipe.variant:
            return Answer("recipe_in_use", changes)
        if not await self._may_write(_staged(nodes)):
            return Answer("not_writable", changes)
        if dry_run:
            return Answer(OK, changes)
        return await self._write(nodes, recipe, changes)

    async def _look(self, nodes: RecipeNodes) -> _Seen:
        actual = [one.actual for one in nodes.parameters]
        running = [nodes.running] if nodes.running is not None else []
        version, *values = await self._values([nodes.version, *actual, *running])
        said = values.pop() if running else None
        return _Seen(str(version or ""), str(said or ""), tuple(values))

    async def _write(
        self, nodes: RecipeNodes, recipe: Recipe, changes: tuple[ValueChange, ...]
    ) -> Answer:
        """Stage, read back, have it taken over, and look whether the line works with it."""
        wanted = {one.name: one.value for one in recipe.values}
        types = await self._link.read([one.wanted for one in nodes.parameters])
        writes = [
            (one.wanted, _number(wanted[one.name], like=there.Value))
            for one, there in zip(nodes.parameters, types, strict=True)
        ]
        for node, text in (
            (nodes.wanted_variant, recipe.variant),
            (nodes.wanted_version, recipe.version),
        ):
            if node is not None:
                writes.append((node, ua.Variant(text, ua.VariantType.String)))
        await self._link.write(writes)
        back = await self._values([node for node, _ in writes])
        if not all(_same(value.Value, read) for (_, value), read in zip(writes, back, strict=True)):
            return Answer("readback_differs", changes)
        word = OK
        if nodes.apply is not None:
            said = await self._link.call(nodes.parent or nodes.station, nodes.apply)
            word = str(said[0]) if said else OK
        if word in DONE_WORDS and _changes(nodes, recipe, await self._look(nodes)):
            word = "not_verified"
        return Answer(word, changes)

    # -- interlocks ---------------------------------------------------------------------------

    async def _interlock(self, command: Command, *, dry_run: bool) -> Answer:
        nodes = self._controls.interlock(command.station or "")
        if nodes is None or (nodes.change is None and nodes.command is None):
            return Answer(NOT_OFFERED)
        if command.engage is None:
            return Answer("missing_engage")
        is_set, guard_open = await self._values([nodes.is_set, nodes.guard_open])
        change = ValueChange(
            name="interlock", node=nodes.is_set, old=_plain(is_set), new=command.engage
        )
        if guard_open is not False:
            return Answer("guard_open" if guard_open else "guard_unknown", (change,))
        if is_set is command.engage:
            return Answer(ALREADY_DONE)
        if nodes.command is not None and not await self._may_write([nodes.command]):
            return Answer("not_writable", (change,))
        if dry_run:
            return Answer(OK, (change,))
        word = await self._change_interlock(nodes, command.engage, command)
        if word in DONE_WORDS:
            (now,) = await self._values([nodes.is_set])
            word = word if now is command.engage else "not_verified"
        return Answer(word, (change,))

    async def _change_interlock(self, nodes: InterlockNodes, engage: bool, command: Command) -> str:
        wanted = ua.Variant(engage, ua.VariantType.Boolean)
        if nodes.change is None:
            await self._link.write([(nodes.command or "", wanted)])
            return OK
        words = f"{command.actor}: {command.reason or ''}"
        reason = ua.Variant(words, ua.VariantType.String)
        said = await self._link.call(nodes.parent or nodes.station, nodes.change, wanted, reason)
        return str(said[0]) if said else OK

    # -- what the line shows ------------------------------------------------------------------

    async def _values(self, references: Sequence[str]) -> list[Any]:
        """Read values; None where the line has no good one."""
        found = await self._link.read(references)
        return [
            one.Value.Value
            if one.Value is not None and (one.StatusCode is None or one.StatusCode.is_good())
            else None
            for one in found
        ]

    async def _may_write(self, references: Sequence[str]) -> bool:
        nodes = [self._link.namespaces.resolve(reference) for reference in references]
        found = await self._link.session.read_attributes(nodes, AttributeIds.UserAccessLevel)
        return all(
            one.Value is not None and bool(int(one.Value.Value or 0) & CURRENT_WRITE)
            for one in found
        )


def _staged(nodes: RecipeNodes) -> list[str]:
    texts = [node for node in (nodes.wanted_variant, nodes.wanted_version) if node is not None]
    return [*(one.wanted for one in nodes.parameters), *texts]


def _changes(nodes: RecipeNodes, recipe: Recipe, seen: _Seen) -> tuple[ValueChange, ...]:
    """Return where the line differs from a recipe."""
    wanted = {one.name: one for one in recipe.values}
    found = [
        ValueChange(
            name=one.name,
            node=one.actual,
            old=_plain(actual),
            new=wanted[one.name].value,
            unit=wanted[one.name].unit,
        )
        for one, actual in zip(nodes.parameters, seen.actual, strict=True)
        if not _same(wanted[one.name].value, actual)
    ]
    if seen.version != recipe.version and (found or nodes.wanted_version is not None):
        found.append(
            ValueChange(
                name="recipe_version", node=nodes.version, old=seen.version, new=recipe.version
            )
        )
    return tuple(found)


def _number(value: float, *, like: Any) -> ua.Variant:
    """Return a number as the node has it: Float where it is one, else Double."""
    kind = getattr(like, "VariantType", None)
    float_32 = kind is ua.VariantType.Float
    return ua.Variant(value, ua.VariantType.Float if float_32 else ua.VariantType.Double)


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=FLOAT_PRECISION, abs_tol=1e-9)
    return bool(wanted == found)


def _plain(value: Any) -> bool | float | str | None:
    if value is None or isinstance(value, bool | str):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
