"""The PLC interface of a line: which OPC UA nodes the agent reads, writes and calls.

Nodes are named with their namespace URI (`nsu=URI;s=…` or `nsu=URI;i=…`, OPC 10000-6 §5.1.12), never by
index, so a server may re-order its namespaces. `LineInterface.of` gives the layout of our own lines (and
of `plc_sim`); a line of another maker is described by the same fields with that server's own node ids.

Commands are the methods of OPC 10031-4 `ISA95JobOrderReceiverObjectType`. The camera handshake is plain
tags, as a PLC has them: the PLC raises `request` (a counter) with the body and the deadline; the agent
writes the verdict's body, counter, verdict code and then the valid bit; the PLC answers in `ack`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PLANT_NAMESPACE = "urn:c2m:plant"
JOB_CONTROL_NAMESPACE = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
MACHINERY_NAMESPACE = "http://opcfoundation.org/UA/Machinery/"
PACKML_NAMESPACE = "http://opcfoundation.org/UA/PackML/"
MACHINE_VISION_NAMESPACE = "http://opcfoundation.org/UA/MachineVision"
AUTOID_NAMESPACE = "http://opcfoundation.org/UA/AutoID/"
OPC_UA_NAMESPACE = "http://opcfoundation.org/UA/"
SERVER_TIME_NODE = f"nsu={OPC_UA_NAMESPACE};i=2258"
"""`Server_ServerStatus_CurrentTime`: the canary item of the data watchdog."""
SERVER_NODE = f"nsu={OPC_UA_NAMESPACE};i=2253"
"""The Server object: every event of a server is told there (OPC 10000-5 §8.3.2)."""


class VerdictAck(IntEnum):
    """What the PLC says of a written verdict."""

    NONE = 0
    ACCEPTED = 1
    REFUSED_STALE = 2
    REFUSED_BODY = 3


class PackMLState(IntEnum):
    """State numbers of PackML (OPC 30050 / ISA-TR88.00.02) as published in `LineState`."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class StationStateCode(IntEnum):
    """`State` of a station node; the words are those of `line_records.StationState`."""

    IDLE = 0
    RUNNING = 1
    STARVED = 2
    BLOCKED = 3
    DOWN = 4
    STOPPED = 5


class _Nodes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobControlNodes(_Nodes):
    """An `ISA95JobOrderReceiver` object, its methods and its job list."""

    receiver: str
    store: str
    store_and_start: str
    start: str
    pause: str
    resume: str
    update: str
    stop: str
    abort: str
    cancel: str
    clear: str
    job_order_list: str


class LedgerNodes(_Nodes):
    """The line's ring of records: `last_seq` (UInt64) to subscribe, `read(from_seq, max)` → String[] of JSON."""

    parent: str
    last_seq: str
    read: str


class LineMethodNodes(_Nodes):
    """Methods of the line beside Job Control; each takes what its name says and returns a status word.

    `set_hold(body_id: String, held: Boolean, reason: String)`,
    `answer_reading(station: String, answer: String, body_id: String)`,
    `scrap_body(body_id: String, reason: String)` → String: `ok`, `already_done` or why not.
    """

    parent: str
    set_hold: str
    answer_reading: str
    scrap_body: str


class StationNodes(_Nodes):
    """What a station publishes beside its process tags."""

    id: str
    state: str
    body_id: str
    job_order_id: str
    cycle_count: str


class TagNode(_Nodes):
    """A process value: its number in telemetry, its node, its unit."""

    tag_id: int = Field(ge=1)
    station: str
    name: str
    node: str
    unit: str
    deadband: float = Field(default=0.0, ge=0, exclude_if=lambda deadband: deadband == 0)
    """In `unit`: a change no larger than this since the last value told is not wanted."""


class VisionNodes(_Nodes):
    """A vision system (OPC 40100-1) that judges by itself: its results are the verdicts of its camera."""

    system: str
    """Object of `VisionSystemType`; tells `ResultReadyEventType`."""
    endpoint: str = ""
    """Of its own server; empty: it is on the line's."""
    name: str = "Machine Vision"
    """What the record says judged."""
    measurement: Literal["counter", "own"] = "counter"
    """What its MeasId is: the request's counter, or a number of its own, which is not compared."""
    ok: tuple[str, ...] = ("OK",)
    nok: tuple[str, ...] = ("NOK",)
    """What its ResultContent says of a good and of a bad part."""


class CameraNodes(_Nodes):
    """The handshake tags of one camera, and where it serves its picture."""

    id: str
    station: str
    scene: Literal["stamping", "welding", "painting", "assembly"]
    snapshot_url: str
    """`GET` with `?counter=N` answers one JPEG of the part of that request; empty: it shows none."""
    request: str
    """UInt32 counter; a rise is a request."""
    body_id: str
    """String; empty for sampled panels."""
    lot: str
    """String; rack or die lot of a sampled panel."""
    job_order_id: str
    variant: str
    deadline: str
    """DateTime, plant time."""
    verdict_body_id: str
    verdict_counter: str
    verdict: str
    """Int32, `VerdictCode`."""
    verdict_valid: str
    """Boolean; written last, with all the others before it in one write call."""
    ack: str
    """Int32, `VerdictAck`; the PLC also echoes the counter in `ack_counter`."""
    ack_counter: str
    vision: VisionNodes | None = Field(default=None, exclude_if=lambda vision: vision is None)
    """Who judges here instead of the agent. An agent that does not know it must not judge in its place."""


class LineInterface(_Nodes):
    """Everything an agent needs to know of one line's server."""

    line: str
    endpoint: str
    line_state: str
    """Int32, `PackMLState`."""
    good_count: str
    stations: tuple[StationNodes, ...]
    tags: tuple[TagNode, ...]
    cameras: tuple[CameraNodes, ...]
    job_control: JobControlNodes | None
    ledger: LedgerNodes | None
    methods: LineMethodNodes | None
    notifiers: tuple[str, ...] = Field(
        default=(SERVER_NODE,), exclude_if=lambda notifiers: notifiers == (SERVER_NODE,)
    )
    """Objects whose events, alarms and conditions are wanted; none: nothing of them."""
    collect: Literal["subscribe", "poll"] = Field(
        default="subscribe", exclude_if=lambda collect: collect == "subscribe"
    )
    """`poll`: read at the tags' rates, for a server with poor subscriptions. An agent one version behind
    never hears of a setting that is as it always was."""


class Name(StrEnum):
    """Browse names (and last parts of node ids) of the nodes our lines add to the companion types."""

    LINE_STATE = "LineState"
    GOOD_COUNT = "GoodCount"
    STATE = "State"
    BODY_ID = "BodyId"
    JOB_ORDER_ID = "JobOrderId"
    CYCLE_COUNT = "CycleCount"
    LEDGER = "Ledger"
    LAST_SEQ = "LastSeq"
    READ = "Read"
    SET_HOLD = "SetHold"
    ANSWER_READING = "AnswerReading"
    SCRAP_BODY = "ScrapBody"


def plant_node(*path: str) -> str:
    """Return the node id of a path in the plant namespace: `nsu=urn:c2m:plant;s=paint.booth.State`."""
    return f"nsu={PLANT_NAMESPACE};s={'.'.join(path)}"
