"""What a client may set at a line: recipes to stage and apply, interlocks to set and release; whom it holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from mes.contracts.controls import InterlockNodes, RecipeNodes, StationControls
from plc_sim.core.line import LineCore
from plc_sim.opcua.nodes import NodeBuilder, argument
from plc_sim.opcua.stack import Node, ua
from plc_sim.opcua.values import LiveValue

_S, _B, _D = ua.VariantType.String, ua.VariantType.Boolean, ua.VariantType.Double

Ask = Callable[[Callable[[], str]], Awaitable[str]]
"""Runs a command on the line between two moments, and returns when its effect is on disk."""


class ControlServer:
    """The recipes, interlocks and holds of one line on its server."""

    def __init__(
        self, core: LineCore, builder: NodeBuilder, controls: StationControls, ask: Ask
    ) -> None:
        self._core = core
        self._builder = builder
        self._controls = controls
        self._ask = ask
        self._running: dict[str, LiveValue] = {}
        self._versions: dict[tuple[str, str], LiveValue] = {}
        self._actual: dict[tuple[str, str, str], LiveValue] = {}
        self._interlocks: dict[str, tuple[LiveValue, LiveValue]] = {}
        self._holds: tuple[LiveValue, LiveValue] | None = None

    async def build(self, parent: Node, station: str) -> None:
        """Add what a station offers below its object."""
        recipes = [one for one in self._controls.recipes if one.station == station]
        if recipes:
            await self._build_recipes(parent, recipes)
        interlock = self._controls.interlock(station)
        if interlock is not None:
            await self._build_interlock(parent, interlock)

    async def build_holds(self, line: Node) -> None:
        """Add below the line's object where it tells which bodies it has, and which it holds."""
        nodes = self._controls.holds
        if nodes is None:
            return
        builder = self._builder
        place = nodes.held.rpartition(".")[0]
        node = await builder.object(line, place, ua.QualifiedName("Holds", builder.plant))
        self._holds = (
            await builder.live(node, nodes.held, [], _S, rank=1),
            await builder.live(node, nodes.present, [], _S, rank=1),
        )

    async def publish_holds(self, *, at: datetime) -> None:
        """Tell which bodies the line has and holds, where that is new."""
        if self._holds is None:
            return
        held, present = self._holds
        bodies = self._core.bodies()
        await held.publish_if_new([body.id for body in bodies if body.held], at=at)
        await present.publish_if_new([body.id for body in bodies], at=at)

    async def publish(self, station: str, *, at: datetime) -> None:
        """Tell what is loaded and whether the interlock is set, where it is new."""
        book = self._core.recipes.get(station)
        if book is not None and station in self._running:
            running = self._core.running_variant(station) or ""
            await self._running[station].publish_if_new(running, at=at)
            for variant, values in book.loaded.items():
                for name, value in values.items():
                    await self._actual[station, variant, name].publish_if_new(value, at=at)
                await self._versions[station, variant].publish_if_new(book.version(variant), at=at)
        if station in self._interlocks:
            is_set, guard = self._interlocks[station]
            cell = self._core.cells[station]
            await is_set.publish_if_new(cell.interlocked, at=at)
            await guard.publish_if_new(cell.guard_open, at=at)

    # -- recipes ------------------------------------------------------------------------------

    async def _build_recipes(self, parent: Node, recipes: list[RecipeNodes]) -> None:
        builder, first = self._builder, recipes[0]
        assert first.parent and first.apply and first.running  # noqa: S101 - our own layout
        assert first.wanted_variant and first.wanted_version  # noqa: S101
        name = ua.QualifiedName("Recipe", builder.plant)
        node = await builder.object(parent, first.parent, name)
        self._running[first.station] = await builder.live(node, first.running, "", _S)
        staged = [
            await builder.variable(node, first.wanted_variant, "", _S, writable=True),
            await builder.variable(node, first.wanted_version, "", _S, writable=True),
        ]
        names = [one.name for one in first.parameters]
        staged += [
            await builder.variable(node, one.wanted, float("nan"), _D, writable=True)
            for one in first.parameters
        ]
        book = self._core.recipes[first.station]
        for recipe in recipes:
            loaded = book.loaded[recipe.variant]
            for one in recipe.parameters:
                self._actual[recipe.station, recipe.variant, one.name] = await builder.live(
                    node,
                    one.actual,
                    loaded[one.name],
                    _D,
                    name=ua.QualifiedName(f"{recipe.variant}.{one.name}", builder.plant),
                )
            self._versions[recipe.station, recipe.variant] = await builder.live(
                node,
                recipe.version,
                book.version(recipe.variant),
                _S,
                name=ua.QualifiedName(f"{recipe.variant}.Version", builder.plant),
            )
        space: Any = builder.space
        read = [space[one.nodeid].attributes[ua.AttributeIds.Value] for one in staged]

        async def apply(_parent: Any) -> Any:
            variant, version, *numbers = (one.value.Value.Value for one in read)
            values = dict(zip(names, map(float, numbers), strict=True))
            word = await self._ask(
                lambda: self._core.load_recipe(
                    first.station, str(variant or ""), str(version or ""), values
                )
            )
            return [ua.Variant(word, _S)]

        await builder.method(node, first.apply, apply, [], [argument("Result", _S)])

    # -- interlocks ---------------------------------------------------------------------------

    async def _build_interlock(self, parent: Node, nodes: InterlockNodes) -> None:
        builder, core = self._builder, self._core
        assert nodes.parent and nodes.change  # noqa: S101 - our own layout
        cell = core.cells[nodes.station]
        node = await builder.object(
            parent, nodes.parent, ua.QualifiedName("Interlock", builder.plant)
        )
        self._interlocks[nodes.station] = (
            await builder.live(node, nodes.is_set, cell.interlocked, _B),
            await builder.live(node, nodes.guard_open, cell.guard_open, _B),
        )

        async def change(_parent: Any, is_set: Any, reason: Any) -> Any:
            wanted, why = bool(is_set.Value), str(reason.Value or "")
            word = await self._ask(
                lambda: core.set_interlock(nodes.station, is_set=wanted, reason=why)
            )
            return [ua.Variant(word, _S)]

        inputs = [argument("Set", _B), argument("Reason", _S)]
        await builder.method(node, nodes.change, change, inputs, [argument("Result", _S)])
