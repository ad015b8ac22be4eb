"""Orders, a catalogue and a plant for tests: say only what matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources as files
from pathlib import Path
from typing import Any

from mes.catalog import repository as catalog_store
from mes.catalog import service as catalog
from mes.catalog.file import demo_catalog
from mes.contracts.ids import uuid7
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import load_plant
from mes.orders import service as orders
from mes.orders.model import Order, OrderStage
from mes.orders.service import OrderDraft
from mes.platform.db import WriteConn
from mes.resources import service as resources

PLANT_NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday, 09:00 in Shanghai."""
REAL_NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@lru_cache(maxsize=2)
def plant(name: str = "mini") -> PlantModel:
    """Return a shipped plant model."""
    return load_plant(Path(str(files.files("mes.resources"))) / "plants" / f"{name}.toml")


def a_draft(**wishes: Any) -> OrderDraft:
    """Return the draft of an order that can be built."""
    draft = OrderDraft(channel="dealer", model="S2", color="WHT", options=("SUN",))
    return replace(draft, **wishes)


def an_order(**facts: Any) -> Order:
    """Return a confirmed order that is nowhere stored."""
    order = Order(
        id=uuid7(),
        number="C2M-0000001",
        channel="dealer",
        external_id=None,
        customer=None,
        language="en",
        model="S2",
        color="WHT",
        options=("SUN",),
        catalog_version="2026.1",
        requested_at=None,
        priority=5,
        stage=OrderStage.CONFIRMED,
        held_stage=None,
        stage_at=PLANT_NOW,
        stage_reason=None,
        row_version=1,
        created_at=PLANT_NOW,
        created_by="user:planner",
        link_expires_at=REAL_NOW + timedelta(days=400),
    )
    return replace(order, **facts)


async def install_demo(conn: WriteConn, *, plant_name: str = "mini") -> None:
    """Install a shipped plant and the demo catalogue, which was checked when it was read."""
    await resources.install_plant(conn, plant(plant_name), now=PLANT_NOW)
    await catalog_store.add_version(
        conn,
        demo_catalog(),
        catalog_hash=catalog.catalog_hash(demo_catalog()),
        effective_from=PLANT_NOW - timedelta(days=365),
        installed_at=PLANT_NOW,
        actor="system",
    )


async def placed(conn: WriteConn, **wishes: Any) -> Order:
    """Place an order and return it, confirmed."""
    return await orders.place_order(
        conn, a_draft(**wishes), now=PLANT_NOW, real_now=REAL_NOW, actor="user:planner"
    )


async def locked(conn: WriteConn, **wishes: Any) -> Order:
    """Place and lock an order and return it."""
    order = await placed(conn, **wishes)
    return await orders.lock_order(conn, order.id, now=PLANT_NOW, actor="system")
