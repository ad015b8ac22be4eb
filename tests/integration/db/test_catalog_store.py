"""Catalogue versions and the plant in force, on a real database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mes.catalog import service as catalog
from mes.catalog.configure import NotBuildable
from mes.catalog.file import demo_catalog
from mes.catalog.model import Color, Option
from mes.contracts.text import Text
from mes.orders import demo_book, roadef, service
from mes.orders.csv_file import OrderFileUnreadable
from mes.orders.imports import import_path
from mes.platform.db import WriteConn
from mes.resources import service as resources
from mes.resources.service import NoPlantInstalled
from tests.support.orders import PLANT_NOW, install_demo, plant
from tests.unit.orders.test_books import A_DAY, SMALLEST

EARLIER = PLANT_NOW - timedelta(days=30)
NAME = Text(en="new", zh="新")


async def _install(conn: WriteConn, version: str = "2026.1", *, after_days: int = -30) -> None:
    await catalog.install_catalog(
        conn,
        demo_catalog().model_copy(update={"version": version}),
        effective_from=PLANT_NOW + timedelta(days=after_days),
        now=PLANT_NOW,
    )


async def test_the_catalogue_in_force_is_the_one_of_the_moment(conn: WriteConn) -> None:
    with pytest.raises(catalog.NoCatalogInForce):
        await catalog.active_catalog(conn, PLANT_NOW)
    await _install(conn)
    await _install(conn, "2027.1", after_days=10)
    assert (await catalog.active_catalog(conn, PLANT_NOW)).version == "2026.1"
    later = await catalog.active_catalog(conn, PLANT_NOW + timedelta(days=10))
    assert later.version == "2027.1"
    with pytest.raises(catalog.NoCatalogInForce):
        await catalog.active_catalog(conn, PLANT_NOW - timedelta(days=31))


async def test_a_version_is_one_content(conn: WriteConn) -> None:
    await _install(conn)
    await _install(conn)
    changed = demo_catalog().model_copy(update={"colors": demo_catalog().colors[:8]})
    with pytest.raises(catalog.CatalogNotSound, match="YEL"):
        await catalog.install_catalog(conn, changed, effective_from=EARLIER, now=PLANT_NOW)
    renamed = tuple(
        color.model_copy(update={"name": NAME}) if color.code == "WHT" else color
        for color in demo_catalog().colors
    )
    changed = demo_catalog().model_copy(update={"colors": renamed})
    with pytest.raises(catalog.CatalogVersionTaken):
        await catalog.install_catalog(conn, changed, effective_from=EARLIER, now=PLANT_NOW)


async def test_an_import_extends_the_catalogue_in_force_for_good(conn: WriteConn) -> None:
    await _install(conn)
    with pytest.raises(NotBuildable):
        await catalog.configure(conn, model="S2", color="RF01", options=(), at=PLANT_NOW)
    color = Color(code="RF01", name=NAME, hex="#123456")
    for _ in range(2):
        await catalog.extend_catalog(conn, colors=[color], source="test", now=PLANT_NOW)
    car = await catalog.configure(conn, model="S2", color="RF01", options=(), at=PLANT_NOW)
    assert car.color == "RF01"
    await _install(conn, "2027.1", after_days=-1)
    newer = await catalog.active_catalog(conn, PLANT_NOW)
    assert (newer.version, newer.color("RF01")) == ("2027.1", color)
    lost = Option(code="ODD", family="nowhere", name=NAME)
    with pytest.raises(catalog.CatalogNotSound, match="nowhere"):
        await catalog.extend_catalog(conn, options=[lost], source="test", now=PLANT_NOW)


async def test_the_plant_in_force_is_given_back_as_it_was_installed(conn: WriteConn) -> None:
    with pytest.raises(NoPlantInstalled):
        await resources.active_plant(conn)
    assert not await resources.has_plant(conn)
    assert await resources.install_plant(conn, plant(), now=PLANT_NOW) == 1
    assert await resources.active_plant(conn) == plant()
    assert await resources.install_plant(conn, plant(), now=PLANT_NOW) == 1, "nothing is new"
    assert await resources.install_plant(conn, plant("demo"), now=PLANT_NOW) == 2
    assert await resources.active_plant(conn) == plant("demo")


async def test_equipment_is_flat_for_joins_and_what_is_gone_stays_inactive(conn: WriteConn) -> None:
    await resources.install_plant(conn, plant(), now=PLANT_NOW)
    await resources.install_plant(conn, plant("demo"), now=PLANT_NOW)

    async def ids(query: str) -> list[str]:
        cursor = await conn.execute(query)  # type: ignore[arg-type]
        return [row[0] for row in await cursor.fetchall()]

    active = await ids("SELECT id FROM plant_station WHERE active ORDER BY line, position")
    assert set(active) == {s.id for line in plant("demo").lines for s in line.stations}
    everything = set(await ids("SELECT id FROM plant_station"))
    assert {s.id for line in plant().lines for s in line.stations} <= everything
    way = await ids(
        "SELECT id FROM plant_line WHERE active AND body_position IS NOT NULL ORDER BY body_position"
    )
    assert way == [line.id for line in plant("demo").body_lines]
    stores = await ids("SELECT id FROM plant_store WHERE active ORDER BY position")
    assert stores == [store.id for store in plant("demo").stores]


async def test_shift_rows_say_what_the_calendar_says(conn: WriteConn) -> None:
    await resources.install_plant(conn, plant("demo"), now=PLANT_NOW)
    until = PLANT_NOW + timedelta(days=3)
    for _ in range(2):
        await resources.ensure_shifts(conn, PLANT_NOW, until)
    from mes.resources.model import calendars_in_use, shifts_between, working_intervals

    for calendar in calendars_in_use(plant("demo")):
        zone = plant("demo").site.time_zone
        rows = await resources.shifts(conn, calendar.id, PLANT_NOW, until)
        assert rows == shifts_between(calendar, zone, PLANT_NOW, until)
        worked = await resources.working_time(conn, calendar.id, PLANT_NOW, until)
        assert worked == working_intervals(calendar, zone, PLANT_NOW, until)
        assert worked


async def test_new_calendars_replace_shifts_that_have_not_begun(conn: WriteConn) -> None:
    model = plant("demo")
    await resources.install_plant(conn, model, now=PLANT_NOW)
    until = PLANT_NOW + timedelta(days=3)
    calendar = next(c for c in model.calendars if c.id == model.lines[0].calendar)
    await resources.ensure_shifts(conn, PLANT_NOW - timedelta(days=1), until)

    async def starts() -> list[object]:
        rows = await resources.shifts(conn, calendar.id, PLANT_NOW - timedelta(days=1), until)
        return [row.start_at for row in rows]

    before = await starts()
    other_rules = model.model_copy(update={"ratio_rules": ()})
    await resources.install_plant(conn, other_rules, now=PLANT_NOW)
    assert await starts() == before, "rules are not working time"
    sunday = calendar.shifts[0].model_copy(update={"days": ("sun",)})
    changed = calendar.model_copy(update={"shifts": (sunday,)})
    calendars = tuple(changed if c.id == calendar.id else c for c in model.calendars)
    await resources.install_plant(
        conn, model.model_copy(update={"calendars": calendars}), now=PLANT_NOW
    )
    assert await starts() == [start for start in before if start <= PLANT_NOW]  # type: ignore[operator]


async def test_a_drawn_book_fills_the_plant_once(conn: WriteConn) -> None:
    await install_demo(conn)
    placed = await demo_book.place(conn, count=40, seed=1, now=PLANT_NOW)
    assert len(placed) == 40
    assert await demo_book.place(conn, count=40, seed=1, now=PLANT_NOW) == []
    assert len(await service.open_orders(conn)) == 40


async def _import(conn: WriteConn, folder: Path) -> list[str]:
    orders = await roadef.import_book(conn, folder, seed=1, now=PLANT_NOW)
    return [order.number for order in orders]


async def test_a_renault_day_becomes_orders_line_rules_and_colours(
    conn: WriteConn, tmp_path: Path
) -> None:
    for name, text in A_DAY.items():
        (tmp_path / name).write_text(text)
    await install_demo(conn)
    assert len(await _import(conn, tmp_path)) == 2
    assert await _import(conn, tmp_path) == [], "the same day again adds nothing"
    orders = await service.open_orders(conn)
    assert {order.color for order in orders} == {"RF02", "RF04"}
    assert [set(order.options) - {"19IN"} for order in orders] == [{"HPRC1"}, {"LPRC1"}]
    changed = await resources.active_plant(conn)
    assert changed.paint.batch_limit == 20
    assert [rule.option for rule in changed.ratio_rules] == ["HPRC1", "LPRC1"]
    (first, *_) = await service.lock_orders(
        conn, [order.id for order in orders], now=PLANT_NOW, actor="system"
    )
    assert len(await service.frozen_bom(conn, first.id)) > 25, "a Renault colour is a whole car too"


async def test_a_path_is_a_file_of_orders_or_a_renault_day(conn: WriteConn, tmp_path: Path) -> None:
    await install_demo(conn)
    day = tmp_path / "day"
    day.mkdir()
    for name, text in A_DAY.items():
        (day / name).write_text(text)
    (tmp_path / "orders.csv").write_text("model,color\nS2,WHT\nS2,PINK\n")

    async def taken(path: Path) -> tuple[int, int]:
        report = await import_path(
            conn, path, now=PLANT_NOW, real_now=PLANT_NOW, actor="user:planner"
        )
        return len(report.accepted), len(report.rejected)

    assert await taken(day) == (2, 0)
    assert await taken(tmp_path / "orders.csv") == (1, 1)
    with pytest.raises(OrderFileUnreadable, match="No such file"):
        await taken(tmp_path / "none.csv")


@pytest.mark.skipif(not SMALLEST.exists(), reason="the ROADEF 2005 instances are not here")
async def test_the_smallest_renault_day_goes_in(conn: WriteConn) -> None:
    await install_demo(conn, plant_name="demo")
    assert len(await _import(conn, SMALLEST)) == 65
