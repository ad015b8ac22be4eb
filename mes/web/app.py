"""Mount the web interface: static files, every feature's pages, problems as pages."""

from __future__ import annotations

import importlib

from fastapi import FastAPI

from mes.web import problems, static_files

PAGES = (
    "mes.web.pages",
    "mes.identity.pages",
    "mes.orders.pages",
    "mes.planning.pages",
    "mes.planning.whatif.pages",
    "mes.planning.proposals.pages",
    "mes.equipment.pages",
    "mes.equipment.alarms.pages",
    "mes.execution.pages",
    "mes.quality.pages",
    "mes.inspection.pages",
    "mes.inspection.training_pages",
    "mes.inspection.agreement_pages",
    "mes.inspection.pipelines.pages",
    "mes.agents.pages",
    "mes.commanding.pages",
)


def mount(app: FastAPI) -> None:
    """Give an application its screens."""
    static_files.install(app)
    for name in PAGES:
        app.include_router(importlib.import_module(name).router, include_in_schema=False)
    problems.install(app)
