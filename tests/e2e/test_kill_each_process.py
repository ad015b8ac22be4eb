"""Nothing is lost and nothing is doubled when any one process dies for twenty seconds, under load.

The lines' own ledger (their ring of records, written before anything is told) is compared with the
database: every record once, every accepted verdict once, every process value once or inside a gap row
that gives its cause.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mes.entrypoints.demo.state import set_clock
from tests.support.running_plant import RunningPlant, running_plant, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.slow]

DOWN_S = 20.0
SPEED = "20"
CARS = "600"
ONE_OF_EACH = ("postgres", "api", "worker", "sim-paint", "edge-paint", "edge-body-framing")
EVERY_PROCESS = os.environ.get("C2M_KILL") == "all"
"""`make faults` kills all fifteen (10 min); `make test` one of each kind."""


@pytest.fixture(scope="module")
def plant() -> Iterator[RunningPlant]:
    with running_plant("--speed", SPEED, "--cars", CARS) as running:
        yield running


def test_no_process_that_dies_for_twenty_seconds_loses_or_doubles_anything(
    plant: RunningPlant,
) -> None:
    names = [file.stem for file in sorted((plant.folder / "run").glob("*.json"))]
    assert set(ONE_OF_EACH) <= set(names)
    for name in names if EVERY_PROCESS else ONE_OF_EACH:
        _kill(plant, name)
    _kill_supervisor(plant)
    _let_everything_arrive(plant)

    ledger = _ledger(plant.folder)
    assert plant.fetch("SELECT * FROM ingest_quarantine") == []
    for line, records in ledger.items():
        seqs = [record["seq"] for record in records]
        assert seqs == list(range(seqs[0], seqs[-1] + 1)), f"{line}'s own ring has holes"
        stored = plant.fetch(
            "SELECT seq, kind FROM line_record WHERE line = %s AND seq BETWEEN %s AND %s ORDER BY seq",
            line,
            seqs[0],
            seqs[-1],
        )
        assert stored == [(record["seq"], record["kind"]) for record in records], line
    _assert_effects_once(plant, ledger)
    _assert_verdicts_once(plant, ledger)
    _assert_values_once_or_in_a_gap(plant, ledger)
    assert plant.value("SELECT count(*) FROM event_failure") == 0


def _kill(plant: RunningPlant, name: str) -> None:
    plant.hold(name)
    pid = plant.pid(name)
    os.kill(pid, signal.SIGKILL)
    time.sleep(DOWN_S)  # how long it is down is what is tested
    plant.release(name)
    wait_for(lambda: plant.pid(name) != pid, timeout_s=30, plant=plant)
    wait_for(lambda: _all_connected(plant), timeout_s=90, plant=plant)


def _kill_supervisor(plant: RunningPlant) -> None:
    os.kill(plant.process.pid, signal.SIGKILL)
    plant.process.wait()
    time.sleep(DOWN_S)
    plant.start()


def _all_connected(plant: RunningPlant) -> bool:
    return bool(plant.value("SELECT bool_and(link_connected AND NOT lost) FROM agent"))


def _let_everything_arrive(plant: RunningPlant) -> None:
    """Stop plant time, then wait until what the lines wrote down is in the database and has acted."""
    set_clock(plant.dsn, 0)

    def arrived() -> bool:
        before = {line: records[-1]["seq"] for line, records in _ledger(plant.folder).items()}
        stored = dict(plant.fetch("SELECT line, max(seq) FROM line_record GROUP BY line"))
        behind = plant.value(
            "SELECT count(*) FROM event e WHERE EXISTS (SELECT 1 FROM event_cursor c"
            " WHERE c.handler LIKE 'quality%%' AND (e.xid, e.seq) > (c.xid, c.seq))"
            " AND e.type = 'inspection.recorded'"
        )
        return stored == before and behind == 0

    def answered() -> bool:
        """No picture is on its way: every request of a line has its answer in the line's ring."""
        ledger = _ledger(plant.folder)
        asked = _pictures(ledger, "inspection_requested")
        return asked <= _pictures(ledger, "inspection_answered") and arrived()

    wait_for(answered, timeout_s=180, plant=plant)


def _ledger(folder: Path) -> dict[str, list[dict[str, Any]]]:
    with sqlite3.connect(f"file:{folder / 'sim' / 'floor.db'}?mode=ro", uri=True) as floor:
        rows = floor.execute("SELECT line, doc FROM record ORDER BY line, seq").fetchall()
    ledger: dict[str, list[dict[str, Any]]] = {}
    for line, document in rows:
        ledger.setdefault(line, []).append(json.loads(document))
    return ledger


def _of_kind(ledger: dict[str, list[dict[str, Any]]], kind: str) -> list[dict[str, Any]]:
    return [record for records in ledger.values() for record in records if record["kind"] == kind]


def _pictures(ledger: dict[str, list[dict[str, Any]]], kind: str) -> set[tuple[str, int]]:
    return {(record["camera"], record["counter"]) for record in _of_kind(ledger, kind)}


def _assert_effects_once(plant: RunningPlant, ledger: dict[str, list[dict[str, Any]]]) -> None:
    """What a record set going happened once: operations by place in the ring, movements by event."""
    done = _of_kind(ledger, "operation_done")
    assert plant.value("SELECT count(*) FROM operation") == len(done)
    for kind, event in (("body_entered", "body.entered"), ("body_left", "body.left")):
        expected = Counter((record["line"], record["body_id"]) for record in _of_kind(ledger, kind))
        found = Counter(
            plant.fetch(
                "SELECT payload ->> 'line', payload ->> 'body_id' FROM event WHERE type = %s", event
            )
        )
        assert found == expected, kind


def _assert_verdicts_once(plant: RunningPlant, ledger: dict[str, list[dict[str, Any]]]) -> None:
    """A verdict the line took is one row; a request that died with the agent is LATE at the line."""
    stored = Counter(
        (camera, counter, verdict)
        for camera, counter, verdict in plant.fetch(
            "SELECT camera, counter, verdict FROM inspection WHERE accepted"
        )
    )
    assert max(stored.values(), default=0) <= 1
    for answer in _of_kind(ledger, "inspection_answered"):
        key = (answer["camera"], answer["counter"], answer["verdict"])
        if answer["verdict"] != "LATE":
            assert stored[key] == 1, key


def _assert_values_once_or_in_a_gap(
    plant: RunningPlant, ledger: dict[str, list[dict[str, Any]]]
) -> None:
    """A gap is told after what the line's own history still had was fetched: some seconds later."""
    with suppress(AssertionError):
        wait_for(lambda: not _lost_values(plant, ledger), timeout_s=60, plant=plant)
    lost = _lost_values(plant, ledger)
    assert lost == [], f"gaps: {_gaps(plant)}\n{plant.logs()}"
    doubled = plant.fetch("SELECT tag_id, time FROM telemetry GROUP BY 1, 2 HAVING count(*) > 1")
    assert doubled == []


def _lost_values(
    plant: RunningPlant, ledger: dict[str, list[dict[str, Any]]]
) -> list[tuple[str, str, str, str]]:
    """Return the values the lines told that are neither stored nor in a gap with its cause."""
    numbers = {
        (station, name): tag_id
        for tag_id, station, name in plant.fetch("SELECT id, station, name FROM telemetry_tag")
    }
    stored = set(plant.fetch("SELECT tag_id, time FROM telemetry"))
    gaps = _gaps(plant)
    lost = []
    before: dict[int, float] = {}
    for record in _of_kind(ledger, "operation_done"):
        at = datetime.fromisoformat(record["at"])
        for name, value in record["values"].items():
            tag_id = numbers[record["station"], name]
            # A value that is the one before it is no change of data: a server tells none (OPC 10000-4).
            told = before.get(tag_id) != value
            before[tag_id] = value
            if told and (tag_id, at) not in stored and not _in_a_gap(record["line"], at, gaps):
                lost.append((record["line"], record["station"], name, record["at"]))
    return lost


def _gaps(plant: RunningPlant) -> list[tuple[Any, ...]]:
    return plant.fetch("SELECT line, from_at, to_at FROM telemetry_gap WHERE cause <> ''")


def _in_a_gap(line: str, at: datetime, gaps: list[tuple[Any, ...]]) -> bool:
    slack = timedelta(microseconds=1)
    return any(
        line == gap_line and from_at - slack <= at <= to_at + slack
        for gap_line, from_at, to_at in gaps
    )
