"""What happens to a plant between two plans, as plain data."""

from dataclasses import dataclass

from aps.problem import Car


@dataclass(frozen=True, slots=True, kw_only=True)
class CarDelayed:
    """A hold or rework: the car's next stage may not start before `available_s`."""

    car_id: str
    available_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CarScrapped:
    """The body is scrapped; `successor` (a new id, not started) takes the order from the start."""

    car_id: str
    successor: Car


@dataclass(frozen=True, slots=True, kw_only=True)
class CarAdded:
    """A car joins the plan."""

    car: Car


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDown:
    """A line, weld machine or press (by its id) does not work from `start_s` to `end_s`."""

    resource: str
    start_s: int
    end_s: int


Disturbance = CarDelayed | CarScrapped | CarAdded | LineDown
