"""Small random plants for the planner's tests: every stage, hold, lock and shortage occurs."""

import random
from dataclasses import replace

from aps.problem import (
    Alternative,
    AssemblyLine,
    BodyShop,
    Calendar,
    Car,
    ColorPurge,
    Die,
    FrozenCar,
    FrozenOperation,
    HeldLot,
    Lane,
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
    SpacingPriority,
    SpacingRule,
    Stage,
    Step,
    calendar_of,
)

COLORS = ("white", "black", "red", "blue")
OPTIONS = ("sunroof", "tow bar", "camera", "leather")
MODELS = ("city", "van")
PANELS = ("hood", "side")
TAKT, LEAD = 60, 300


def a_car(car_id: str = "car", **changes: object) -> Car:
    """Return a plain white city car, not started."""
    values: dict[str, object] = {
        "id": car_id,
        "model": "city",
        "color": "white",
        "body_type": "city",
        "panels": (("city-hood", 1), ("city-side", 2)),
    }
    return Car(**(values | changes))  # type: ignore[arg-type]


def a_plant(cars: tuple[Car, ...], **changes: object) -> Problem:
    """Return a plant with two shifts of 4 h, roomy stores and plenty of panels."""
    shifts = (
        Shift(id="early", start_s=0, end_s=14_400, breaks=((7200, 7800),)),
        Shift(id="late", start_s=18_000, end_s=32_400, breaks=((25_200, 25_800),)),
    )
    values: dict[str, object] = {
        "horizon_s": 36_000,
        "cars": cars,
        "assembly": AssemblyLine(
            id="assembly", takt_s=TAKT, lead_s=LEAD, calendar="day", ratio_rules=ratio_rules()
        ),
        "paint": PaintShop(
            id="paint",
            takt_s=TAKT,
            lead_s=LEAD,
            calendar="day",
            batch_limit=4,
            store_capacity=12,
        ),
        "body": body_shop(),
        "press": press_shop(stock=200),
        "shifts": shifts,
        "calendars": (calendar_of("day", shifts), around_the_clock()),
    }
    return Problem(**(values | changes))  # type: ignore[arg-type]


def around_the_clock(until_s: int = 36_000) -> Calendar:
    """Return a calendar without breaks."""
    return Calendar(id="always", working=((0, until_s),), shift_ids=("early",))


def ratio_rules() -> tuple[RatioRule, ...]:
    """Return one high and one low rule."""
    return (
        RatioRule(id="1 sunroof in 2", option="sunroof", n=1, p=2),
        RatioRule(id="1 tow bar in 3", option="tow bar", n=1, p=3, priority=RatioPriority.LOW),
    )


def body_shop(store_capacity: int = 10, calendar: str = "always") -> BodyShop:
    """Return two steps on two machines each; vans take longer."""
    machines = tuple(Machine(id=f"W{k}", calendar=calendar) for k in range(4))
    routings = tuple(
        Routing(
            body_type=model,
            steps=tuple(
                Step(
                    id=f"S{step}",
                    alternatives=(
                        Alternative(machine=f"W{2 * step}", duration_s=70 + 20 * slow),
                        Alternative(machine=f"W{2 * step + 1}", duration_s=80 + 20 * slow),
                    ),
                )
                for step in range(2)
            ),
        )
        for slow, model in enumerate(MODELS)
    )
    return BodyShop(machines=machines, routings=routings, store_capacity=store_capacity)


def press_shop(stock: int, **changes: object) -> PressShop:
    """Return one die for each panel of each model on two presses."""
    dies = tuple(
        Die(
            panel_type=f"{model}-{panel}",
            presses=("P1", "P2"),
            changeover_s=300,
            lot_size=40,
            min_cover=4,
            rack_capacity=max(stock, 120),
        )
        for model in MODELS
        for panel in PANELS
    )
    values: dict[str, object] = {
        "presses": (
            Press(id="P1", calendar="always", strokes_per_min=10, mounted="city-hood"),
            Press(id="P2", calendar="always", strokes_per_min=10),
        ),
        "dies": dies,
        "stock": tuple((die.panel_type, stock) for die in dies),
    }
    return PressShop(**(values | changes))  # type: ignore[arg-type]


def with_changeovers(shop: PressShop, seed: int) -> PressShop:
    """Return the shop with a changeover of its own for most pairs of dies."""
    rng = random.Random(seed)
    dies = tuple(
        replace(
            die,
            changeovers=tuple(
                (other.panel_type, rng.choice((0, 60, 200, 900)))
                for other in shop.dies
                if other != die and rng.random() < 0.7
            ),
        )
        for die in shop.dies
    )
    return replace(shop, dies=dies)


def with_purges(problem: Problem, seed: int) -> Problem:
    """Return the plant with a purge of its own between most pairs of colours."""
    rng = random.Random(seed)
    purges = tuple(
        ColorPurge(before=a, after=b, purge_s=rng.choice((0, 7, 20)), cost=rng.choice((0, 3, 8)))
        for a in COLORS
        for b in COLORS
        if a != b and rng.random() < 0.7
    )
    return replace(problem, paint=replace(problem.paint, purges=purges, purge_cost=4))


def with_lanes(problem: Problem, seed: int) -> Problem:
    """Return the plant with its painted store in lanes, and what stands there dealt among them."""
    rng = random.Random(seed)
    places, sizes = problem.paint.store_capacity, []
    while places:
        sizes.append(rng.randint(1, min(places, 6)))
        places -= sizes[-1]
    lanes: list[list[str]] = [[] for _ in sizes]
    for car in problem.cars:
        if car.at is Stage.PAINTED:
            free = [k for k, lane in enumerate(lanes) if len(lane) < sizes[k]]
            lanes[rng.choice(free)].append(car.id)
    made = tuple(
        Lane(capacity=size, bodies=tuple(bodies)) for size, bodies in zip(sizes, lanes, strict=True)
    )
    return replace(problem, paint=replace(problem.paint, lanes=made))


def with_spacing(problem: Problem, *rules: SpacingRule) -> Problem:
    """Return the plant with rules that keep cars apart."""
    return replace(problem, assembly=replace(problem.assembly, spacing_rules=rules))


def apart(
    option: str,
    other: str | None = None,
    gap: int = 2,
    priority: SpacingPriority = SpacingPriority.HIGH,
) -> SpacingRule:
    """Return a rule that keeps cars with an option away from others, or from each other."""
    name = f"{option} {gap} from {other or option}"
    return SpacingRule(id=name, option=option, other=other or option, gap=gap, priority=priority)


def random_plant(seed: int, most_cars: int = 24) -> Problem:
    """Return a small plant in which anything may be scarce."""
    rng = random.Random(seed)
    stages = list(Stage)
    weights = [10, 2, 2, 2, 2, 2, 1]
    count = rng.randint(1, most_cars)
    cars, frozen = [], []
    painting = assembling = 0
    busy: set[str] = set()
    body = body_shop(rng.choice((1, 2, 5, 20)), rng.choice(("always", "day")))
    paint_capacity = rng.choice((1, 2, 4, 8, 30))
    drawn = rng.choices(stages, weights, k=count)
    room = {Stage.WELDED: body.store_capacity, Stage.PAINTED: paint_capacity}
    for k, at in enumerate(drawn):
        stage = at
        if stage in room:
            room[stage] -= 1
            if room[stage] < 0:
                stage = Stage.NOT_STARTED
        car = _random_car(rng, f"car-{k:02d}", stage)
        if stage is Stage.IN_ASSEMBLY:
            assembling += 1
            back = assembling * TAKT
            left = max(0, LEAD - back) if rng.random() < 0.9 else 400
            frozen.append(FrozenCar(car_id=car.id, assembly_start_s=-back, assembly_left_s=left))
        elif stage is Stage.IN_PAINT:
            painting += 1
            left = max(0, LEAD - painting * TAKT)
            frozen.append(
                FrozenCar(car_id=car.id, paint_start_s=-painting * TAKT, paint_left_s=left)
            )
        elif stage is Stage.IN_BODY:
            frozen.append(_in_body(rng, car, busy))
        elif stage is Stage.PAINTED and rng.random() < 0.4:
            frozen.append(FrozenCar(car_id=car.id, assembly_start_s=60 + 60 * k))
        elif stage is Stage.WELDED and rng.random() < 0.3:
            frozen.append(FrozenCar(car_id=car.id, paint_start_s=60 + 60 * k))
        cars.append(car)
    stock = rng.choice((0, 5, 30, 200))
    held = ()
    if rng.random() < 0.3:
        held = (
            HeldLot(
                id="running",
                panel_type="van-hood",
                press="P2",
                quantity=40,
                start_s=-60,
                left_s=180,
            ),
        )
    previous_color = rng.choice((None, "white"))
    base = a_plant(tuple(cars))
    horizon = rng.choice((6000, 36_000))
    shifts = (
        base.shifts
        if horizon > 6000
        else (Shift(id="early", start_s=0, end_s=6000, breaks=((2000, 2300),)),)
    )
    return a_plant(
        tuple(cars),
        horizon_s=horizon,
        shifts=shifts,
        calendars=(calendar_of("day", shifts), around_the_clock(horizon)),
        assembly=AssemblyLine(
            id="assembly",
            takt_s=TAKT,
            lead_s=LEAD,
            calendar="day",
            ratio_rules=ratio_rules(),
            previous=(PreviousCar(id="before", options=frozenset({"sunroof"})),),
        ),
        paint=PaintShop(
            id="paint",
            takt_s=rng.choice((50, TAKT, 90)),
            lead_s=LEAD,
            calendar=rng.choice(("day", "always")),
            batch_limit=rng.choice((1, 2, 4, 50)),
            store_capacity=paint_capacity,
            purge_s=rng.choice((0, 15)),
            previous_color=previous_color,
            previous_run=1 if previous_color else 0,
        ),
        body=body,
        press=with_changeovers(press_shop(stock, held_lots=held), seed)
        if seed % 2
        else press_shop(stock, held_lots=held),
        frozen=tuple(frozen),
        seed=seed,
    )


def _random_car(rng: random.Random, car_id: str, stage: Stage) -> Car:
    model = rng.choice(MODELS)
    return Car(
        id=car_id,
        model=model,
        color=rng.choices(COLORS, (6, 3, 2, 1))[0],
        body_type=model,
        options=frozenset(option for option in OPTIONS if rng.random() < 0.4),
        panels=((f"{model}-hood", 1), (f"{model}-side", 2)),
        due_s=rng.choice((None, rng.randrange(-500, 9000), rng.randrange(2000, 30_000))),
        priority=rng.choice((0, 0, 0, 2)),
        release_s=rng.choice((0, 0, 0, 0, 1500)),
        at=stage,
    )


def _in_body(rng: random.Random, car: Car, busy: set[str]) -> FrozenCar:
    """Return a body between its two steps, or on a machine that is still free."""
    done = rng.choice((0, 1))
    machine = f"W{2 * done + rng.choice((0, 1))}"
    if machine in busy:
        return FrozenCar(car_id=car.id, steps_done=1)
    busy.add(machine)
    running = FrozenOperation(step=f"S{done}", machine=machine, start_s=-30, left_s=40)
    return FrozenCar(car_id=car.id, steps_done=done, weld=(running,))


def a_plant_of_two_presses(n: int = 24, *, stock: int) -> Problem:
    """Return cars of two models with so few panels in stock that both presses have lots to make."""
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            model=model,
            body_type=model,
            panels=((f"{model}-hood", 1), (f"{model}-side", 2)),
            due_s=30_000,
        )
        for k, model in ((k, ("city", "van")[k % 2]) for k in range(n))
    )
    shop = press_shop(stock=stock)
    dies = tuple(replace(die, lot_size=10) for die in shop.dies)
    return a_plant(cars, press=replace(shop, dies=dies))
