"""The flexible job shop of the literature: least makespan, by tabu search and lean CP-SAT."""

from aps.jobshop.result import JobOperation, JobShopResult
from aps.jobshop.solve import solve_job_shop

__all__ = ["JobOperation", "JobShopResult", "solve_job_shop"]
