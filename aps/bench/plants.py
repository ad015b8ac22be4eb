"""Seeded plants of realistic shape: 60 jobs an hour, 12 colours, 15 options, 12 dies."""

import random
from dataclasses import dataclass

from aps.problem import (
    Alternative,
    AssemblyLine,
    BodyShop,
    Car,
    Die,
    FrozenCar,
    Machine,
    PaintShop,
    Press,
    PressShop,
    PreviousCar,
    Problem,
    RatioPriority,
    RatioRule,
    Routing,
    Shift,
    Stage,
    Step,
    calendar_of,
)

HOUR = 3600
_COLORS = [f"C{i:02d}" for i in range(12)]
_COLOR_WEIGHTS = [30, 22, 14, 9, 6, 5, 4, 3, 3, 2, 1, 1]
_RATES = [0.62, 0.45, 0.4, 0.33, 0.3, 0.25, 0.22, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.05, 0.03]
_RATIOS = [(2, 3), (1, 2), (1, 2), (2, 5), (1, 3), (1, 3), (2, 7), (1, 4), (1, 6), (1, 7)]
_PANELS = ("hood", "roof", "door", "side")
_MODELS = ("M1", "M2", "M3")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantSize:
    """What is in the plant at the start besides the cars to build."""

    on_line: int = 120
    in_painted_store: int = 60
    in_paint: int = 100
    in_welded_store: int = 30
    days: int = 3


EMPTY = PlantSize(on_line=0, in_painted_store=0, in_paint=0, in_welded_store=0)


def plant(cars: int, *, seed: int = 1, size: PlantSize | None = None) -> Problem:
    """Return a plant with `cars` cars not started, and its lines and stores filled."""
    size = size or PlantSize()
    rng = random.Random(seed)
    shifts = tuple(
        Shift(
            id=f"d{day}{name}",
            start_s=day * 24 * HOUR + begin,
            end_s=day * 24 * HOUR + begin + 8 * HOUR,
            breaks=(
                (day * 24 * HOUR + begin + 4 * HOUR, day * 24 * HOUR + begin + 4 * HOUR + 1800),
            ),
        )
        for day in range(size.days)
        for name, begin in (("early", 0), ("late", 8 * HOUR))
    )
    calendars = tuple(calendar_of(name, shifts) for name in ("assembly", "paint", "body", "press"))
    wip = [
        (Stage.IN_ASSEMBLY, size.on_line),
        (Stage.PAINTED, size.in_painted_store),
        (Stage.IN_PAINT, size.in_paint),
        (Stage.WELDED, size.in_welded_store),
        (Stage.NOT_STARTED, cars),
    ]
    made: list[Car] = []
    frozen: list[FrozenCar] = []
    order = 0
    for stage, count in wip:
        for k in range(count):
            car = _car(rng, f"{stage.value}-{k:05d}", stage, order)
            made.append(car)
            back = (count - k) * 60
            if stage is Stage.IN_ASSEMBLY:
                left = max(0, 120 * 60 - back)
                frozen.append(
                    FrozenCar(car_id=car.id, assembly_start_s=-back, assembly_left_s=left)
                )
            if stage is Stage.IN_PAINT:
                left = max(0, 100 * 60 - back)
                frozen.append(FrozenCar(car_id=car.id, paint_start_s=-back, paint_left_s=left))
            order += 1
    rules = tuple(
        RatioRule(
            id=f"R{i}",
            option=f"O{i:02d}",
            n=n,
            p=p,
            priority=RatioPriority.HIGH if i < 5 else RatioPriority.LOW,
        )
        for i, (n, p) in enumerate(_RATIOS)
    )
    return Problem(
        horizon_s=size.days * 24 * HOUR,
        cars=tuple(made),
        assembly=AssemblyLine(
            id="TCF",
            takt_s=60,
            lead_s=120 * 60,
            calendar="assembly",
            ratio_rules=rules,
            previous=tuple(PreviousCar(id=f"before-{k}", options=_options(rng)) for k in range(8)),
        ),
        paint=PaintShop(
            id="PAINT",
            takt_s=58,
            lead_s=100 * 60,
            calendar="paint",
            batch_limit=12,
            store_capacity=120,
            purge_s=8,
            previous_color=_COLORS[0],
            previous_run=1,
        ),
        body=_body_shop(),
        press=_press_shop(cars),
        shifts=shifts,
        calendars=calendars,
        frozen=tuple(frozen),
        seed=seed,
    )


def _options(rng: random.Random) -> frozenset[str]:
    return frozenset(f"O{i:02d}" for i, rate in enumerate(_RATES) if rng.random() < rate * 0.85)


def _car(rng: random.Random, car_id: str, stage: Stage, order: int) -> Car:
    model = rng.choices(_MODELS, (5, 3, 2))[0]
    due = order * 60 + 9 * HOUR + rng.randrange(-4 * HOUR, 16 * HOUR)
    return Car(
        id=car_id,
        model=model,
        color=rng.choices(_COLORS, _COLOR_WEIGHTS)[0],
        body_type=model,
        options=_options(rng),
        panels=tuple((f"{model}-{panel}", 1) for panel in _PANELS),
        due_s=due if rng.random() < 0.9 else None,
        priority=1 if rng.random() < 0.05 else 0,
        at=stage,
    )


def _body_shop() -> BodyShop:
    machines = tuple(Machine(id=f"W{i:02d}", calendar="body") for i in range(12))
    routings = []
    for shift, model in enumerate(_MODELS):
        steps = tuple(
            Step(
                id=f"S{step}",
                alternatives=tuple(
                    Alternative(
                        machine=f"W{2 * step + side:02d}", duration_s=104 + 4 * shift + 3 * side
                    )
                    for side in (0, 1)
                ),
            )
            for step in range(6)
        )
        routings.append(Routing(body_type=model, steps=steps))
    return BodyShop(machines=machines, routings=tuple(routings), store_capacity=60)


def _press_shop(cars: int) -> PressShop:
    dies, stock = [], []
    for k, model in enumerate(_MODELS):
        for j, panel in enumerate(_PANELS):
            name = f"{model}-{panel}"
            dies.append(
                Die(
                    panel_type=name,
                    presses=("P1", "P2") if j < 2 else ("P2", "P1"),
                    changeover_s=900,
                    lot_size=480,
                    min_cover=40,
                    rack_capacity=1200,
                )
            )
            stock.append((name, 130 + 40 * ((k + j) % 3)))
    return PressShop(
        presses=(
            Press(id="P1", calendar="press", strokes_per_min=10, mounted="M1-hood"),
            Press(id="P2", calendar="press", strokes_per_min=10, mounted="M1-door"),
        ),
        dies=tuple(dies),
        stock=tuple(stock),
    )
