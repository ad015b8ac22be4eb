"""A condition of a simulated line lives as OPC 10000-9 says (table B.1, §5.8.17)."""

from __future__ import annotations

from datetime import UTC, datetime

from asyncua import ua

from plc_sim.opcua.conditions import MAX_SHELVED_MS, Answer, Condition, Shelving

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def a_condition() -> Condition:
    kind = ua.ObjectIds.OffNormalAlarmType
    return Condition(ua.NodeId("c", 1), kind, ua.NodeId("s", 1), "s", "Down", 800, event_id=b"1")


def stands(condition: Condition) -> tuple[bool, bool, bool, bool]:
    return (condition.active, condition.acked, condition.confirmed, condition.retain)


def test_a_condition_goes_through_the_states_of_table_b_1() -> None:
    condition = a_condition()
    assert stands(condition) == (False, True, True, False)
    condition.turn(AT, "down", active=True)
    assert stands(condition) == (True, False, True, True)
    assert condition.acknowledge(b"1", "mei: on it") == Answer.DONE
    assert stands(condition) == (True, True, False, True)
    condition.turn(AT, "works", active=False)
    assert stands(condition) == (False, True, False, True)
    assert condition.confirm(b"1", "mei: mended") == Answer.DONE
    assert stands(condition) == (False, True, True, False)
    assert (condition.by, condition.comment) == ("mei", "mei: mended")


def test_nobody_answers_for_a_state_that_he_has_not_seen() -> None:
    condition = a_condition()
    condition.turn(AT, "down", active=True)
    assert condition.acknowledge(b"0", "") == Answer.EVENT_ID_UNKNOWN
    assert condition.confirm(b"0", "") == Answer.EVENT_ID_UNKNOWN
    assert condition.confirm(b"1", "") == Answer.ALREADY_CONFIRMED
    assert condition.acknowledge(b"1", "") == Answer.DONE
    assert condition.acknowledge(b"1", "") == Answer.ALREADY_ACKED


def test_what_is_shelved_until_it_is_over_comes_back_with_its_end() -> None:
    condition = a_condition()
    condition.turn(AT, "down", active=True)
    assert condition.shelve_once() == Answer.DONE
    assert condition.shelve_once() == Answer.ALREADY_SHELVED
    assert condition.told(AT).SuppressedOrShelved is True
    condition.turn(AT, "works", active=False)
    assert condition.shelving is Shelving.UNSHELVED
    assert condition.unshelve() == Answer.NOT_SHELVED


def test_what_is_shelved_for_a_while_stays_so_when_the_alarm_ends() -> None:
    condition = a_condition()
    condition.turn(AT, "down", active=True)
    for ms in (0.0, -1.0, MAX_SHELVED_MS + 1, float("nan")):
        assert condition.shelve_for(ms) == Answer.TIME_OUT_OF_RANGE
    assert condition.shelve_for(1000.0) == Answer.DONE
    assert condition.shelve_for(1000.0) == Answer.ALREADY_SHELVED
    condition.turn(AT, "works", active=False)
    assert condition.shelving is Shelving.TIMED
    assert condition.shelve_once() == Answer.DONE
    assert condition.shelve_for(1000.0) == Answer.DONE
    assert condition.unshelve() == Answer.DONE
