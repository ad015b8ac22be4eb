"""The ledger of quotes: whatever dealers ask, confirm, cancel and let expire, nothing is promised twice."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import pytest

from mes.orders.service import OrderDraft
from mes.planning import service as planning
from mes.planning.quotes import NoCapacity, QuoteClosed, QuoteExpired, option_cap
from mes.planning.whatif import service as whatif
from mes.planning.whatif.changes import PartLate
from tests.support.orders import REAL_NOW
from tests.support.planning import PlannedPlant

MODELS, COLORS = ("C1", "S2", "U3"), ("WHT", "BLK", "RED")
STEPS = 24


class Dealer:
    """Somebody who does everything that a quote allows, at random."""

    def __init__(self, plant: PlannedPlant, seed: int) -> None:
        self.plant, self.dice = plant, random.Random(seed)
        self.open: list[UUID] = []
        self.refused = 0

    async def act(self) -> None:
        """Do one thing."""
        now, chance = self.plant.clock.now(), self.dice.random()
        if chance < 0.55 or not self.open:
            await self._hold()
        elif chance < 0.7:
            await self._end("confirm")
        elif chance < 0.85:
            await self._end("cancel")
        elif chance < 0.93:
            self.plant.clock.forward(hours=3)
            async with self.plant.database.write() as conn:
                await planning.expire_quotes(conn, now=now + timedelta(hours=3))
        else:
            await self.plant.react()
            await self.plant.repair()

    async def _hold(self) -> None:
        options = ("SUN",) if self.dice.random() < 0.6 else ()
        wish = planning.Wish(self.dice.choice(MODELS), self.dice.choice(COLORS), options)
        try:
            async with self.plant.database.write() as conn:
                quote = await planning.hold_quote(
                    conn, wish, now=self.plant.clock.now(), actor="user:dee"
                )
        except NoCapacity:
            self.refused += 1
            return
        assert quote.not_sooner
        self.open.append(quote.id)

    async def _end(self, how: str) -> None:
        quote = self.open.pop(self.dice.randrange(len(self.open)))
        now = self.plant.clock.now()
        try:
            async with self.plant.database.write() as conn:
                if how == "cancel":
                    await planning.cancel_quote(conn, quote, now=now)
                    return
                draft = OrderDraft(channel="dealer", model="", color="")
                await planning.confirm_quote(
                    conn, quote, draft, now=now, real_now=REAL_NOW, actor="user:dee"
                )
        except (QuoteExpired, QuoteClosed):
            return


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_promised_twice_whatever_dealers_do(
    planned: PlannedPlant, seed: int
) -> None:
    async with planned.database.write() as conn:
        await conn.execute(
            "UPDATE capacity_shift SET places = planned + reserved + CASE WHEN start_at ="
            " (SELECT max(start_at) FROM capacity_shift) THEN 9 ELSE 1 END"
        )
        now = planned.clock.now()
        short = PartLate(option="SUN", pieces=2, until_at=now + timedelta(days=1))
        await whatif.enter_live(conn, short, now=now, actor="user:pat")
    dealer = Dealer(planned, seed)
    for _ in range(STEPS):
        await dealer.act()
        async with planned.database.read() as conn:
            assert await planning.broken_ledger(conn, now=planned.clock.now()) == []


async def test_a_car_waits_for_the_part_that_is_used_up_and_says_so(planned: PlannedPlant) -> None:
    now = planned.clock.now()
    until = now + timedelta(hours=5)
    async with planned.database.write() as conn:
        await whatif.enter_live(
            conn, PartLate(option="SUN", pieces=0, until_at=until), now=now, actor="user:pat"
        )
        with_part = await planning.inquire(conn, planning.Wish("S2", "WHT", ("SUN",)), now=now)
        without = await planning.inquire(conn, planning.Wish("S2", "WHT"), now=now)
    assert with_part.start_at >= until > without.start_at
    assert "sooner.part" in [reason.code for reason in with_part.not_sooner]


@pytest.mark.parametrize(
    ("places", "n", "p", "cap"), [(480, 1, 3, 160), (10, 2, 3, 7), (11, 2, 3, 8), (2, 3, 5, 2)]
)
def test_a_shift_takes_as_many_cars_with_an_option_as_its_rule_allows(
    places: int, n: int, p: int, cap: int
) -> None:
    assert option_cap(places, n, p) == cap
