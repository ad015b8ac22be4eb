"""A ROADEF/EURO 2005 instance (a real day of a Renault plant) as an order book.

A directory of text files with ';' between the columns. `vehicles.txt`: date, rank, ident, colour, then a
column of 0 and 1 for each ratio option; the vehicles of the day before stand first and are built already.
`ratios.txt`: N/P, priority (1 high, 0 low), option. `paint_batch_limit.txt`: the longest run of one colour.
What the data lacks, models and due dates, is drawn with a seed; its colours and options extend the
catalogue, its ratio constraints become rules of the assembly line.
"""

from __future__ import annotations

import colorsys
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mes.catalog import service as catalog
from mes.catalog.model import Catalog, Color, Option
from mes.contracts.plant import PlantModel, RatioRule, ShopKind
from mes.contracts.text import Text
from mes.orders.demo_book import wished_date
from mes.orders.model import Order
from mes.orders.placing import OrderDraft, place_orders
from mes.platform.db import WriteConn
from mes.platform.errors import Conflict, Invalid
from mes.resources import service as resources

CHANNEL = "roadef"
OPTION_FAMILY = "special"
"""The family of the catalogue that takes options of which only the ratio is known."""

_RATIO = re.compile(r"^(\d+)/(\d+)$")
_FIXED_COLUMNS = 4


class BookUnreadable(Invalid):
    """{file} is not a file of a ROADEF 2005 instance: {why}"""

    code = "roadef.unreadable"


class NoAssemblyLine(Conflict):
    """The plant has no assembly line that could keep the ratio constraints."""

    code = "roadef.no_assembly_line"


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle of the day."""

    ident: str
    color: int
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """At most `n` of any `p` consecutive vehicles have the option."""

    option: str
    n: int
    p: int
    high: bool


@dataclass(frozen=True, slots=True)
class Book:
    """A day to build; the vehicles in the order of the file."""

    name: str
    vehicles: tuple[Vehicle, ...]
    ratios: tuple[Ratio, ...]
    batch_limit: int


def read_book(folder: Path) -> Book:
    """Read an instance directory.

    Raises:
        BookUnreadable: a file is missing or not as described; names the file and the line.
    """
    ratios = tuple(_ratios(folder / "ratios.txt"))
    vehicles = tuple(_vehicles(folder / "vehicles.txt", {ratio.option for ratio in ratios}))
    name = folder.name or folder.resolve().name
    return Book(name, vehicles, ratios, _batch_limit(folder / "paint_batch_limit.txt"))


def with_rules(plant: PlantModel, book: Book) -> PlantModel:
    """Return the plant with the book's ratio constraints on its assembly line and its paint batch limit.

    Raises:
        NoAssemblyLine: there is no line to keep them.
    """
    lines = [line for line in plant.body_lines if plant.kind_of(line) is ShopKind.ASSEMBLY]
    if not lines:
        raise NoAssemblyLine
    rules = tuple(
        RatioRule(
            id=f"{ratio.option.lower()}-{ratio.n}-in-{ratio.p}",
            line=lines[0].id,
            option=ratio.option,
            n=ratio.n,
            p=ratio.p,
            priority="high" if ratio.high else "low",
        )
        for ratio in book.ratios
    )
    paint = plant.paint.model_copy(update={"batch_limit": book.batch_limit})
    return plant.model_copy(update={"ratio_rules": rules, "paint": paint})


def colors_of(book: Book) -> tuple[Color, ...]:
    """Return the book's colours, which have numbers only, with names and shades of their own."""
    numbers = [vehicle.color for vehicle in book.vehicles]
    return tuple(
        Color(
            code=_color_code(number),
            name=Text(en=f"Renault colour {number}", zh=f"雷诺颜色 {number}"),
            hex=_shade(number),
            share=float(numbers.count(number)),
        )
        for number in sorted(set(numbers))
    )


def options_of(book: Book) -> tuple[Option, ...]:
    """Return the book's options, of which only the ratio is known, with their take rates."""
    return tuple(
        Option(
            code=ratio.option,
            family=OPTION_FAMILY,
            name=Text(
                en=f"Ratio option {ratio.option} ({ratio.n}/{ratio.p})",
                zh=f"比例约束选装 {ratio.option}（{ratio.n}/{ratio.p}）",
            ),
            take_rate=sum(ratio.option in one.options for one in book.vehicles)
            / len(book.vehicles),
        )
        for ratio in book.ratios
    )


def drafts_of(book: Book, active: Catalog, *, seed: int, now: datetime) -> list[OrderDraft]:
    """Return an order for each vehicle, with a drawn model and a drawn wish; same seed, same orders."""
    dice = random.Random(seed)
    models = [model.code for model in active.models]
    shares = [model.share for model in active.models]
    return [
        OrderDraft(
            channel=CHANNEL,
            external_id=f"{book.name}:{vehicle.ident}"[:80],
            model=dice.choices(models, shares)[0],
            color=_color_code(vehicle.color),
            options=vehicle.options,
            requested_at=wished_date(dice, now),
        )
        for vehicle in book.vehicles
    ]


async def import_book(
    conn: WriteConn, folder: Path, *, seed: int, now: datetime, actor: str = "system"
) -> list[Order]:
    """Bring an instance into the plant: catalogue, line rules, and an order for each vehicle.

    Importing the same book again adds nothing.

    Raises:
        BookUnreadable, NoAssemblyLine
    """
    book = read_book(folder)
    plant = await resources.active_plant(conn)
    await resources.install_plant(conn, with_rules(plant, book), now=now, actor=actor)
    extended = await catalog.extend_catalog(
        conn,
        colors=colors_of(book),
        options=options_of(book),
        source=f"roadef:{book.name}",
        now=now,
    )
    drafts = drafts_of(book, extended, seed=seed, now=now)
    outcomes = await place_orders(conn, drafts, now=now, real_now=datetime.now(UTC), actor=actor)
    return [order for order in outcomes if isinstance(order, Order)]


def _table(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file with their line numbers, the heading first."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BookUnreadable(file=file.name, why=f"it cannot be read ({error}).") from error
    rows = [
        (number, [cell.strip() for cell in line.strip().rstrip(";").split(";")])
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if len(rows) < 2:
        raise BookUnreadable(file=file.name, why="it has no rows.")
    yield from rows


def _ratios(file: Path) -> Iterator[Ratio]:
    rows = _table(file)
    next(rows)
    seen: set[str] = set()
    for number, cells in rows:
        ratio = _RATIO.match(cells[0])
        if ratio is None or len(cells) < 3 or cells[1] not in ("0", "1"):
            raise BookUnreadable(file=file.name, why=f"line {number} is not N/P;0 or 1;option.")
        n, p, option = int(ratio[1]), int(ratio[2]), cells[2]
        if not 0 < n <= p or not re.fullmatch(r"[A-Z0-9]{2,12}", option) or option in seen:
            raise BookUnreadable(
                file=file.name, why=f"line {number}: {n}/{p} of option {option!r} cannot be kept."
            )
        seen.add(option)
        yield Ratio(option, n, p, cells[1] == "1")


def _vehicles(file: Path, options: set[str]) -> Iterator[Vehicle]:
    rows = list(_table(file))
    heading = rows[0][1]
    columns = heading[_FIXED_COLUMNS:]
    if len(heading) <= _FIXED_COLUMNS or not set(columns) <= options:
        unknown = ", ".join(sorted(set(columns) - options)) or "no options"
        raise BookUnreadable(file=file.name, why=f"its heading names {unknown}; see ratios.txt.")
    day = rows[-1][1][0]
    for number, cells in rows[1:]:
        if (
            len(cells) != len(heading)
            or not cells[3].isdigit()
            or any(cell not in ("0", "1") for cell in cells[_FIXED_COLUMNS:])
        ):
            raise BookUnreadable(file=file.name, why=f"line {number} does not fit the heading.")
        if cells[0] != day:
            continue
        chosen = (
            option
            for option, cell in zip(columns, cells[_FIXED_COLUMNS:], strict=True)
            if cell == "1"
        )
        yield Vehicle(cells[2], int(cells[3]), tuple(chosen))


def _batch_limit(file: Path) -> int:
    number, cells = list(_table(file))[1]
    if not cells[0].isdigit() or int(cells[0]) < 1:
        raise BookUnreadable(file=file.name, why=f"line {number} is not a number of vehicles.")
    return int(cells[0])


def _color_code(number: int) -> str:
    return f"RF{number:02d}"


def _shade(number: int) -> str:
    """Return a shade that differs well from those of neighbouring numbers (golden angle)."""
    hue = number * 0.381966 % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.42 + 0.18 * (number % 3 - 1), 0.45)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
