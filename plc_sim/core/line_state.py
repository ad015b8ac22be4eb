"""The state of a line as JSON documents by key: `line`, one a station, one a job order."""

from __future__ import annotations

import json
from typing import Any

from mes.contracts.dispatch import JobOrder, JobState
from plc_sim.core.cell import Cell
from plc_sim.core.jobs import JobEntry
from plc_sim.core.line import LineCore


def document(core: LineCore, key: str) -> str | None:
    """Return one part of the state as JSON; None when it is not there any more."""
    kind, _, name = key.partition(":")
    match kind:
        case "cell":
            return json.dumps(core.cells[name].to_doc())
        case "job":
            entry = core.jobs.entries.get(name)
            return None if entry is None else json.dumps(_job_document(entry))
        case _:
            return json.dumps(_line_document(core))


def _job_document(entry: JobEntry) -> dict[str, Any]:
    state = {"state": entry.state, "good": entry.good, "scrap": entry.scrap}
    return {**state, "job": entry.job.model_dump_json()}


def _line_document(core: LineCore) -> dict[str, Any]:
    return {
        "at": core.at,
        "seq": core.seq,
        "good": core.good,
        "word": core.word,
        "is_open": core.is_open,
        "cancelled": list(core.jobs.cancelled),
        "cameras": {name: camera.to_doc() for name, camera in core.cameras.items()},
        "forced_defects": core.forced_defects,
        "nan_tags": core.nan_tags,
        "recipes": {station: book.loaded for station, book in core.recipes.items()},
        "more": core.more_state(),
    }


def restore(core: LineCore, documents: dict[str, str], ended: dict[str, JobState]) -> None:
    """Let a line take over the state that a line of the same plant file wrote."""
    for key, text in documents.items():
        kind, _, name = key.partition(":")
        doc = json.loads(text)
        if kind == "cell" and name in core.cells:
            core.cells[name] = Cell.from_doc(core.cells[name].station, doc)
        elif kind == "job":
            job = JobOrder.model_validate_json(doc.pop("job"))
            core.jobs.entries[name] = JobEntry(job, JobState(doc.pop("state")), **doc)
        elif kind == "line":
            _restore_line(core, doc)
    core.jobs.ended.update(ended)


def _restore_line(core: LineCore, doc: dict[str, Any]) -> None:
    core.at, core.seq, core.good = doc["at"], doc["seq"], doc["good"]
    core.word, core.is_open = doc["word"], doc["is_open"]
    core.jobs.cancelled.extend(doc["cancelled"])
    for name, state in doc["cameras"].items():
        if name in core.cameras:
            core.cameras[name].restore(state)
    core.forced_defects, core.nan_tags = doc["forced_defects"], doc["nan_tags"]
    for station, loaded in doc.get("recipes", {}).items():
        if station in core.recipes:
            core.recipes[station].restore(loaded)
    core.restore_more(doc["more"])
