"""What may be asked of a line: by whom, with what reason, about which job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from mes.commanding.model import (
    MAY,
    REHEARSAL_LASTS,
    JobElsewhere,
    LineCommand,
    NotCommandable,
    NotRehearsed,
    NotYourCommand,
    OnlyLotsStop,
    ReasonMissing,
    RehearsalTooOld,
    carried_out_id,
    offers,
    require_possible,
    require_reason,
    require_role,
)
from mes.contracts.dispatch import CommandKind, JobOrder, JobState
from mes.dispatching.model import Job
from mes.identity.model import Role, User
from tests.support.lines import a_body_job, a_die_lot

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def a_user(*roles: Role) -> User:
    return User(uuid4(), "ann", frozenset(roles))


def a_job(order: JobOrder, state: JobState = JobState.RUNNING) -> Job:
    return Job(
        id=order.id,
        kind=order.kind,
        line=order.line,
        subject_id=uuid4(),
        attempt=1,
        state=state,
        state_at=NOW,
        sequence=order.sequence,
        order=order,
    )


def a_rehearsal(*, ok: bool | None = True) -> LineCommand:
    return LineCommand(
        id=uuid4(),
        line="paint",
        kind=CommandKind.CANCEL_JOB,
        dry_run=True,
        rehearsal_id=None,
        job_order_id=uuid4(),
        station=None,
        body={"kind": "dry_run", "of": "cancel_job"},
        actor="user:ann",
        reason="",
        asked_at=NOW,
        sent_at=NOW,
        ok=ok,
    )


def test_an_operator_pauses_and_resumes_and_leaves_the_rest_to_the_planner() -> None:
    operator, planner = a_user(Role.OPERATOR), a_user(Role.PLANNER)
    may = {kind for kind in MAY if operator.may(*MAY[kind])}
    assert may == {CommandKind.PAUSE_JOB, CommandKind.RESUME_JOB}
    require_role(CommandKind.PAUSE_JOB, operator)
    with pytest.raises(NotYourCommand, match="planner"):
        require_role(CommandKind.ABORT_JOB, operator)
    require_role(CommandKind.ABORT_JOB, planner)
    require_role(CommandKind.ABORT_JOB, a_user(Role.ADMIN))


@pytest.mark.parametrize(
    "kind", [CommandKind.RELOAD_CONFIG, CommandKind.DRY_RUN, CommandKind.UNKNOWN]
)
def test_what_only_the_software_says_is_nothing_to_ask_for(kind: CommandKind) -> None:
    with pytest.raises(NotCommandable):
        require_role(kind, a_user(Role.ADMIN))


def test_what_cannot_be_undone_needs_a_reason() -> None:
    with pytest.raises(ReasonMissing):
        require_reason(CommandKind.ABORT_JOB, "  ")
    require_reason(CommandKind.ABORT_JOB, "wrong die")
    require_reason(CommandKind.PAUSE_JOB, "")


def test_only_a_lot_ends_early() -> None:
    body, lot = a_job(a_body_job("paint", 1)), a_job(a_die_lot("press-1", "c1-hood", 60))
    with pytest.raises(OnlyLotsStop):
        require_possible(CommandKind.STOP_JOB, body, "paint")
    require_possible(CommandKind.STOP_JOB, lot, "press-1")
    with pytest.raises(JobElsewhere, match="press-1"):
        require_possible(CommandKind.PAUSE_JOB, lot, "paint")
    assert CommandKind.STOP_JOB in offers(lot)
    assert CommandKind.STOP_JOB not in offers(body)


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.CANCELLED])
def test_every_job_that_a_line_has_can_be_acted_on(state: JobState) -> None:
    assert offers(a_job(a_body_job("paint", 1), state))


def test_a_job_that_was_taken_back_is_nobody_s_any_more() -> None:
    assert offers(a_job(a_body_job("paint", 1), JobState.CANCELLED)) == []


def test_only_a_fresh_dry_run_that_went_well_is_carried_out() -> None:
    fresh = a_rehearsal()
    fresh.require_fresh_rehearsal(NOW + REHEARSAL_LASTS)
    with pytest.raises(RehearsalTooOld, match="11 min"):
        fresh.require_fresh_rehearsal(NOW + timedelta(minutes=11))
    for other in (a_rehearsal(ok=False), a_rehearsal(ok=None), replace(fresh, dry_run=False)):
        with pytest.raises(NotRehearsed):
            other.require_fresh_rehearsal(NOW)


def test_a_dry_run_is_carried_out_under_one_id() -> None:
    rehearsal = uuid4()
    assert carried_out_id(rehearsal) == carried_out_id(rehearsal)
    assert carried_out_id(rehearsal) != carried_out_id(uuid4())


def test_the_same_wish_is_the_same_whoever_asks_it_when() -> None:
    one = a_rehearsal()
    body = {**one.body, "actor": "user:bob", "issued_at": "later", "reason": "again"}
    assert one.is_same_wish(replace(one, body=body, reason="again"))
    assert not one.is_same_wish(replace(one, body={**one.body, "of": "abort_job"}))
    assert not one.is_same_wish(replace(one, line="assembly"))
