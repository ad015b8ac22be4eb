"""What people do about an alarm, as method calls on its condition (OPC 10000-9 §5.7 and §5.8.17).

A server need not show conditions in its address space: methods are called with the condition's id and the method's
well-known id, which every server has to take.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from edge.opcua.answer import ALREADY_DONE, OK
from edge.opcua.link import CallRefused, Link
from mes.contracts.dispatch import Command, CommandKind

ALARM_KINDS = frozenset(
    {
        CommandKind.ACKNOWLEDGE_ALARM,
        CommandKind.CONFIRM_ALARM,
        CommandKind.SHELVE_ALARM,
        CommandKind.UNSHELVE_ALARM,
    }
)
_ON_A_STATE = {
    CommandKind.ACKNOWLEDGE_ALARM: ObjectIds.AcknowledgeableConditionType_Acknowledge,
    CommandKind.CONFIRM_ALARM: ObjectIds.AcknowledgeableConditionType_Confirm,
}
"""These name the state that was seen, so that nobody answers for one that he has not."""
_DONE = frozenset(
    {
        "BadConditionBranchAlreadyAcked",
        "BadConditionBranchAlreadyConfirmed",
        "BadConditionAlreadyShelved",
        "BadConditionNotShelved",
    }
)


async def answer_alarm(link: Link, command: Command) -> str:
    """Acknowledge, confirm, shelve or unshelve; return `ok`, `already_done` or what is wrong with the command.

    Raises:
        CallRefused: the server did not, and says why: `BadEventIdUnknown` of a state that is over,
            `BadShelvingTimeOutOfRange`, `BadMethodInvalid` of a server that offers no such method.
        UnknownNode: the condition's id is malformed, or of a namespace that the server does not have.
        OSError, TimeoutError, ua.UaError: the session failed.
    """
    if not command.condition:
        return "missing_condition"
    try:
        if command.kind not in _ON_A_STATE:
            method, arguments = _shelving(command)
        elif not command.event_id:
            return "missing_condition"
        else:
            method, arguments = _ON_A_STATE[command.kind], _state_seen(command)
    except ValueError:
        return "malformed_event_id"
    try:
        await link.call(command.condition, f"i={method}", *arguments)
    except CallRefused as refusal:
        if refusal.status in _DONE:
            return ALREADY_DONE
        raise
    return OK


def _state_seen(command: Command) -> Sequence[ua.Variant]:
    words = f"{command.actor}: {command.reason}" if command.reason else command.actor
    return (
        ua.Variant(bytes.fromhex(command.event_id or ""), ua.VariantType.ByteString),
        ua.Variant(ua.LocalizedText(words), ua.VariantType.LocalizedText),
    )


def _shelving(command: Command) -> tuple[int, Sequence[ua.Variant]]:
    if command.kind is CommandKind.UNSHELVE_ALARM:
        return ObjectIds.ShelvedStateMachineType_Unshelve, ()
    if command.shelve_s is None:
        return ObjectIds.ShelvedStateMachineType_OneShotShelve, ()
    for_ms = ua.Variant(command.shelve_s * 1000.0, ua.VariantType.Double)
    return ObjectIds.ShelvedStateMachineType_TimedShelve, (for_ms,)
