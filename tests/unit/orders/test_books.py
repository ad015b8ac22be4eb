"""Order books: one that is drawn, one that Renault had."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

import mes
from mes.catalog.check import check_catalog
from mes.catalog.configure import NotBuildable, configure
from mes.catalog.file import demo_catalog
from mes.catalog.model import Requires
from mes.contracts.text import Text
from mes.orders.demo_book import FIRST_DUE, LAST_DUE, a_car, order_book
from mes.orders.roadef import (
    BookUnreadable,
    NoAssemblyLine,
    colors_of,
    drafts_of,
    options_of,
    read_book,
    with_rules,
)
from tests.support.orders import PLANT_NOW, plant

SHARED = Path(os.environ.get("C2M_SHARED") or Path(mes.__file__).parents[2] / "shared")
SMALLEST = SHARED / "data" / "aps" / "roadef2005" / "set_B" / "028_ch2_EP_ENP_RAF_S23_J3"

A_DAY = {
    "vehicles.txt": "Date;SeqRank;Ident;Paint Color;HPRC1;LPRC1;\n"
    "2004 23 1;9;000;1;1;0;\n"
    "2004 23 2;1;001;4;1;0;\n"
    "2004 23 2;2;002;2;0;1;\n",
    "ratios.txt": "Ratio;Prio;Ident;\n1/6;1;HPRC1;\n2/5;0;LPRC1;\n",
    "paint_batch_limit.txt": "limitation;\n20;\n",
}


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A tiny instance of the challenge."""
    for name, text in A_DAY.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_drawn_book_has_the_shape_of_a_plants() -> None:
    book = order_book(demo_catalog(), count=1500, seed=7, now=PLANT_NOW)
    models = Counter(draft.model for draft in book)
    colors = Counter(draft.color for draft in book)
    options = Counter(code for draft in book for code in draft.options)
    assert len(models) == 3
    assert len(colors) == 12
    assert len(options) == 16
    assert max(colors.values()) > 10 * min(colors.values()), "colours are unequal"
    assert max(options.values()) > 10 * min(options.values()), "take rates are unequal"
    assert len({draft.channel for draft in book}) == 4
    assert len({(draft.channel, draft.external_id) for draft in book}) == 1500
    for draft in book:
        configure(demo_catalog(), draft.model, draft.color, draft.options, PLANT_NOW)
        if draft.requested_at is not None:
            assert FIRST_DUE - timedelta(hours=1) <= draft.requested_at - PLANT_NOW <= LAST_DUE


def test_the_same_seed_draws_the_same_book() -> None:
    def draw(seed: int) -> object:
        return order_book(demo_catalog(), count=20, seed=seed, now=PLANT_NOW)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_a_catalogue_that_leaves_nothing_to_order_is_said_to() -> None:
    import random

    impossible = Requires(
        id="never",
        kind="requires",
        text=Text(en="no", zh="不"),
        when="!SUN | SUN",
        then="SUN & !SUN",
    )
    never = demo_catalog().model_copy(update={"rules": (impossible,)})
    with pytest.raises(NotBuildable):
        a_car(never, random.Random(1), PLANT_NOW)


def test_a_day_of_the_challenge_is_read_without_the_cars_of_the_day_before(day: Path) -> None:
    book = read_book(day)
    assert [(one.ident, one.color, one.options) for one in book.vehicles] == [
        ("001", 4, ("HPRC1",)),
        ("002", 2, ("LPRC1",)),
    ]
    assert [(r.option, r.n, r.p, r.high) for r in book.ratios] == [
        ("HPRC1", 1, 6, True),
        ("LPRC1", 2, 5, False),
    ]
    assert book.batch_limit == 20


def test_its_constraints_become_rules_of_the_assembly_line_and_the_paint_shop(day: Path) -> None:
    changed = with_rules(plant(), read_book(day))
    assert changed.paint.batch_limit == 20
    assert [(r.id, r.line, r.option, r.n, r.p, r.priority) for r in changed.ratio_rules] == [
        ("hprc1-1-in-6", "assembly", "HPRC1", 1, 6, "high"),
        ("lprc1-2-in-5", "assembly", "LPRC1", 2, 5, "low"),
    ]
    presses = tuple(line for line in plant().lines if plant().kind_of(line) == "stamping")
    with pytest.raises(NoAssemblyLine):
        with_rules(plant().model_copy(update={"lines": presses}), read_book(day))


def test_its_colours_and_options_extend_the_catalogue(day: Path) -> None:
    book = read_book(day)
    extended = demo_catalog().extended(colors=colors_of(book), options=options_of(book))
    assert check_catalog(extended) == []
    drafts = drafts_of(book, extended, seed=3, now=PLANT_NOW)
    assert [draft.color for draft in drafts] == ["RF04", "RF02"]
    for draft in drafts:
        car = configure(extended, draft.model, draft.color, draft.options, PLANT_NOW)
        assert set(draft.options) <= set(car.options)
    assert drafts == drafts_of(book, extended, seed=3, now=PLANT_NOW)
    assert len({color.hex for color in colors_of(book)}) == 2


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("ratios.txt", None, "cannot be read"),
        ("ratios.txt", "Ratio;Prio;Ident;\n", "has no rows"),
        ("ratios.txt", "Ratio;Prio;Ident;\n1-6;1;HPRC1;\n", "line 2 is not N/P"),
        ("ratios.txt", "Ratio;Prio;Ident;\n6/1;1;HPRC1;\n", "line 2: 6/1"),
        ("ratios.txt", "Ratio;Prio;Ident;\n1/6;1;HPRC1;\n1/6;1;HPRC1;\n", "line 3: 1/6"),
        ("vehicles.txt", A_DAY["vehicles.txt"].replace("LPRC1", "LPRC9"), "names LPRC9"),
        ("vehicles.txt", A_DAY["vehicles.txt"].replace("2;0;1;", "2;0;2;"), "line 4 does not fit"),
        ("vehicles.txt", A_DAY["vehicles.txt"].replace("4;1;0;", "blue;1;0;"), "line 3"),
        ("paint_batch_limit.txt", "limitation;\nmany;\n", "line 2 is not a number"),
    ],
)
def test_a_damaged_day_names_file_and_line(
    day: Path, file: str, text: str | None, why: str
) -> None:
    if text is None:
        (day / file).unlink()
    else:
        (day / file).write_text(text)
    with pytest.raises(BookUnreadable, match=why) as error:
        read_book(day)
    assert error.value.facts["file"] == file


@pytest.mark.skipif(not SMALLEST.exists(), reason="the ROADEF 2005 instances are not here")
def test_the_smallest_real_day_is_read_whole() -> None:
    book = read_book(SMALLEST)
    assert len(book.vehicles) == 65
    assert len(colors_of(book)) <= 4
    assert (len(book.ratios), book.batch_limit) == (9, 20)
