"""A schedule of a flexible job shop."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOperation:
    """One operation of a job on its machine, all counted from 0."""

    job: int
    operation: int
    machine: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShopResult:
    """A schedule with the bound proven for its makespan; `status` is OPTIMAL or FEASIBLE."""

    status: str
    makespan: int
    bound: int
    operations: tuple[JobOperation, ...]
